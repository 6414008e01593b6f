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
	probeGaps  = 10_000                 // packets close behind each other that a turn takes
	probeTurns = 3                      // of each way
	probeEvery = 100 * time.Millisecond // how often it is looked whether they have come
	probeWin   = 0.95                   // of the cost of wayTC: what XDP has to stay below to be taken
)

// probe times the ways in which a source could carry out its plan, with the packets that come: the ways take turns, each
// until enough packets have come close behind each other, and the one whose best turn was the fastest stays. While packets
// are few it is not decided, and does not matter.
type probe struct {
	key   string          // of the broadcast; another one is probed anew
	ways  []way           // wayTC is the first
	costs []time.Duration // of a packet, for each way: the least so far; 0: not timed yet
	turn  int
}

// impossible is the cost of a way that could not be attached.
const impossible = time.Duration(math.MaxInt64)

func newProbe(key string, ways ...way) *probe {
	return &probe{key: key, ways: ways, costs: make([]time.Duration, len(ways))}
}

func (p *probe) decided() bool { return p.turn >= probeTurns*len(p.ways) }

// now is the way that is being timed, or the one that was chosen.
func (p *probe) now() way {
	if !p.decided() {
		return p.ways[p.turn%len(p.ways)]
	}
	best, limit := 0, time.Duration(probeWin*float64(p.costs[0]))
	for i, c := range p.costs[1:] {
		if c < limit {
			best, limit = i+1, c
		}
	}
	return p.ways[best]
}

// took ends the turn of a way.
func (p *probe) took(cost time.Duration) {
	i := p.turn % len(p.ways)
	if cost == impossible || p.costs[i] == 0 || cost < p.costs[i] {
		p.costs[i] = cost
	}
	for p.turn++; !p.decided() && p.costs[p.turn%len(p.ways)] == impossible; p.turn++ {
	}
}

// String tells what was found, "" before it is decided.
func (p *probe) String() string {
	if p == nil || !p.decided() {
		return ""
	}
	found := make([]string, len(p.ways))
	for i, c := range p.costs {
		name := string(p.ways[i])
		if p.ways[i] == wayTC {
			name = "tc"
		}
		found[i] = fmt.Sprintf("%s %d ns", name, c.Nanoseconds())
		if c == impossible {
			found[i] = name + " not possible"
		}
	}
	return strings.Join(found, ", ") + " a packet"
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

// advance takes what probes have found so far, and goes on to the next way where it is enough.
func (m *Manager) advance() {
	changed := false
	for name, a := range m.sources {
		if a.probe == nil || a.probe.decided() {
			continue
		}
		gaps, total, err := m.kernel.pace(a.slot)
		if err == nil && gaps < probeGaps {
			continue
		}
		if err == nil {
			a.probe.took(total / time.Duration(gaps))
			err = m.kernel.clearPace(a.slot)
		}
		if err != nil {
			m.cfg.Log.Warn("mirror: probe", "source", name, "error", err)
		}
		changed = true
		if a.probe.decided() {
			m.cfg.Log.Info("mirror: probed", "source", name, "found", a.probe.String())
		}
	}
	if changed {
		m.refresh()
	}
}

// pace sums what was noted of a source.
func (k *kernel) pace(slot uint32) (gaps uint64, total time.Duration, err error) {
	var each []bpf.MirrorPace
	if err := k.maps[bpf.MirrorMapPaces].Lookup(slot, &each); err != nil {
		return 0, 0, fmt.Errorf("read pace %d: %w", slot, err)
	}
	for _, p := range each {
		gaps += p.Gaps
		total += time.Duration(p.Time)
	}
	return gaps, total, nil
}
