package mirror

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/mirror/rtnl"
)

// way is how the packets of a source are copied.
type way string

const (
	wayTC     way = ""           // by the program at the ingress of the stack alone
	waySKB    way = "xdp skb"    // by a broadcast of XDP on the kernel's packets
	wayDriver way = "xdp driver" // by one in the driver
)

const (
	probeGaps   = 10_000                 // packets close behind each other that a turn takes
	probeTurns  = 9                      // of each way
	driverTurns = 3                      // if one is in the driver: many drivers stop for a moment when XDP comes or goes
	probeWin    = 0.97                   // of the cost of the way in use: what another one has to stay below to be taken
	probeIdle   = 100 * time.Millisecond // how often it is looked whether packets come
	probeBusy   = 10 * time.Millisecond  // and if they do, whether they were enough

	reviewEvery = time.Minute // how often it is looked whether a decision still stands
	reviewLast  = 60          // how many such times it stands, if traffic stays as it is
	reviewShift = 2.0         // by what factor the rate or the size of packets changes if it does not stay as it is
	reviewRate  = 10_000      // packets/s; below, it does not matter
)

// probe times the ways in which a source could carry out its plan, with the packets that come. What is timed is from packet to
// packet, where they come so close behind each other that the core does nothing else: all that a way makes the kernel do is in it,
// before and after the program too. The ways take turns, and that with the lowest median stays. While packets are few it is not decided,
// and does not matter.
type probe struct {
	key    string            // of the broadcast; another one is probed anew
	ways   []way             // wayTC is the first
	rounds int               // turns of each way
	turn   int               // of all
	since  *bpf.MirrorPace   // what had been noted when the turn began; nil: it is about to
	costs  [][]time.Duration // of a packet, by way and turn
	used   int               // the way to go by: the first, then the one that was chosen
	found  []time.Duration   // medians of the last decision, by way; nil before it
	load   load              // at the first review after it
	age    int               // reviews since
}

// load is what a source receives.
type load struct{ rate, size float64 } // packets/s, bytes

// impossible is the cost of a way that could not be attached.
const impossible = time.Duration(math.MaxInt64)

func newProbe(key string, ways ...way) *probe {
	p := &probe{key: key, ways: ways, rounds: probeTurns}
	if slices.Contains(ways, wayDriver) {
		p.rounds = driverTurns
	}
	p.begin()
	return p
}

// begin starts anew. Until packets come in plenty, the way that was chosen before goes on.
func (p *probe) begin() {
	p.turn, p.since, p.costs, p.age = 0, nil, make([][]time.Duration, len(p.ways)), 0
}

// review is told regularly what the source receives, and says whether that asks for another decision. XDP in drivers is decided once:
// many stop for a moment when it comes or goes.
func (p *probe) review(now load) bool {
	if !p.decided() || p.rounds == driverTurns || now.rate < reviewRate {
		return false
	}
	if p.age++; p.age == 1 {
		p.load = now
	}
	shifted := func(a, b float64) bool { return max(a, b) > reviewShift*min(a, b) }
	return p.age > reviewLast || shifted(now.rate, p.load.rate) || shifted(now.size, p.load.size)
}

func (p *probe) decided() bool { return p.turn >= p.rounds*len(p.ways) }

// timed is the number of the way whose turn it is.
func (p *probe) timed() int { return (p.used + p.turn) % len(p.ways) }

// now is the way that is being timed, or the one that was chosen.
func (p *probe) now() way {
	if p.decided() {
		return p.ways[p.used]
	}
	return p.ways[p.timed()]
}

// took ends the turn of a way. After the last one it decides.
func (p *probe) took(cost time.Duration) {
	p.since = nil
	at := p.timed()
	p.costs[at] = append(p.costs[at], cost)
	for p.turn++; !p.decided() && slices.Contains(p.costs[p.timed()], impossible); p.turn++ {
	}
	if !p.decided() {
		return
	}
	p.found = make([]time.Duration, len(p.ways))
	for i, c := range p.costs {
		slices.Sort(c)
		p.found[i] = c[len(c)/2]
	}
	limit := time.Duration(probeWin * float64(p.found[p.used]))
	for i, c := range p.found {
		if c < limit {
			p.used, limit = i, c
		}
	}
}

// String tells what was found, "" before it is decided.
func (p *probe) String() string {
	if p == nil || p.found == nil {
		return ""
	}
	text := make([]string, len(p.ways))
	for i, c := range p.found {
		name := string(p.ways[i])
		if p.ways[i] == wayTC {
			name = "tc"
		}
		text[i] = fmt.Sprintf("%s %d ns", name, c.Nanoseconds())
		if c == impossible {
			text[i] = name + " not possible"
		}
	}
	return strings.Join(text, ", ") + " a packet"
}

// longestGap is up to when a packet counts as close behind another, ns: well above what copying costs.
func longestGap(copies uint32) uint32 { return 10_000 + 2_000*copies }

// ways are those that can carry out a plan besides wayTC.
func (m *Manager) ways(p *plan, source rtnl.Link, links map[string]rtnl.Link) (out []way) {
	switch {
	case !p.plain || m.cfg.Mode == ModeTC:
		return nil
	case m.cfg.Mode == ModeXDP && isVirtual(source):
		return []way{waySKB}
	case m.cfg.Mode == ModeXDP:
		return []way{wayDriver, waySKB}
	case isVirtual(source):
		// On the kernel's packets XDP sends without what stands between the stack and a driver: software checksums and
		// segments, tags, queues. A veth with its offloads on takes packets as they are, so nothing is lost there.
		for _, o := range p.outputs {
			if !isVirtual(links[o]) || !takesOffloads(m.promisc.fd, o) {
				return nil
			}
		}
		return []way{waySKB}
	case source.Kind == "" && m.native(p, source, links):
		return []way{wayDriver}
	}
	return nil
}

func isVirtual(l rtnl.Link) bool { return l.Kind == "veth" }

// native says whether every port announces XDP in its driver. It is asked of network cards only: packets that this host
// made would leave with unfinished checksums.
func (m *Manager) native(p *plan, source rtnl.Link, links map[string]rtnl.Link) bool {
	has := func(l rtnl.Link, want rtnl.Features) bool {
		f, err := rtnl.XDPFeatures(l.Index)
		if err != nil {
			m.cfg.Log.Warn("mirror: XDP of a driver", "interface", l.Name, "error", err)
		}
		return f&want == want
	}
	return has(source, rtnl.XDPRedirect) && !slices.ContainsFunc(p.outputs, func(o string) bool { return !has(links[o], rtnl.XDPTransmit) })
}

// probing says whether any source is being probed.
func (m *Manager) probing() bool {
	for _, a := range m.sources {
		if a.probe != nil && !a.probe.decided() {
			return true
		}
	}
	return false
}

// advance takes what probes have found so far, and goes on to the next way where it is enough. It says when to look again.
func (m *Manager) advance() time.Duration {
	changed, next := false, probeIdle
	for name, a := range m.sources {
		p := a.probe
		if p == nil || p.decided() {
			continue
		}
		now, err := m.kernel.pace(a.slot)
		if err != nil {
			m.cfg.Log.Warn("mirror: probe", "source", name, "error", err)
			continue
		}
		if p.since == nil { // not before: packets that came while the ways were changed belong to neither
			p.since = &now
		}
		gaps := now.Gaps - p.since.Gaps
		if gaps > 0 || p.turn > 0 && p.since == &now {
			next = probeBusy
		}
		if gaps < probeGaps {
			continue
		}
		p.took(time.Duration((now.Time - p.since.Time) / gaps))
		changed = true
		if p.decided() {
			m.cfg.Log.Info("mirror: probed", "source", name, "found", p.String())
		}
	}
	if changed {
		m.refresh()
	}
	return next
}

// review begins probes anew where traffic is no longer what it was when they decided. passed is the time since the last review.
func (m *Manager) review(passed time.Duration) {
	counts, err := m.state.counts(m.kernel)
	if err != nil {
		m.cfg.Log.Warn("mirror: review", "error", err)
		return
	}
	changed := false
	for name, a := range m.sources {
		c := counts["source "+name]
		before := a.reviewed
		a.reviewed = c
		if a.probe == nil || before.Packets == 0 {
			continue
		}
		packets, bytes := float64(c.Packets-before.Packets), float64(c.Bytes-before.Bytes)
		if a.probe.review(load{packets / passed.Seconds(), bytes / max(1, packets)}) {
			a.probe.begin()
			changed = true
		}
	}
	if changed {
		m.refresh()
	}
}

// pace sums what was noted of a source.
func (k *kernel) pace(slot uint32) (sum bpf.MirrorPace, err error) {
	var each []bpf.MirrorPace
	if err := k.maps[bpf.MirrorMapPaces].Lookup(slot, &each); err != nil {
		return sum, fmt.Errorf("read pace %d: %w", slot, err)
	}
	for _, p := range each {
		sum.Gaps += p.Gaps
		sum.Time += p.Time
	}
	return sum, nil
}
