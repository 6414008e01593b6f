package mirror

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sort"
	"time"

	"github.com/cilium/ebpf"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/mirror/rtnl"
)

// Status is what a mirror has done since it started.
type Status struct {
	PID     int            `json:"pid,omitempty"` // of the process; 0: it persists without one
	Started time.Time      `json:"started"`
	Time    time.Time      `json:"time"` // of the counters
	Persist bool           `json:"persist"`
	Pass    bool           `json:"pass"`
	Mode    string         `json:"mode"`
	Spec    string         `json:"spec,omitempty"` // the rules as a specification, if they can be written so
	Sources []SourceStatus `json:"sources"`
	Rules   []RuleStatus   `json:"rules"`
	// Why it is not counted what drivers and the kernel lose of broadcasts by XDP; "" if it is, or if there are none.
	Uncounted string `json:"uncounted,omitempty"`
}

// States of interfaces and remote hosts.
const (
	StateUp          = "up"
	StateDown        = "down"        // switched off, or without a carrier
	StateVanished    = "vanished"    // there is no interface of that name
	StateUnreachable = "unreachable" // no road to the host, or the next host has not told its address
)

// SourceStatus is what a source received.
type SourceStatus struct {
	Name    string `json:"name"`
	Present bool   `json:"present"`
	State   string `json:"state"`
	How     string `json:"how,omitempty"`    // "tcx", "clsact", "tcx + xdp skb", ...
	Probed  string `json:"probed,omitempty"` // what the ways cost, if they were timed: "tc 412 ns, xdp skb 311 ns a packet"
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Broken  uint64 `json:"broken"` // of Packets: broadcasts on the kernel's packets that it broke off, so that some outputs went without
}

// RuleStatus is what a rule did, over all of its sources.
type RuleStatus struct {
	From      []string       `json:"from"`
	Options   string         `json:"options,omitempty"`
	Packets   uint64         `json:"packets"` // that the rule applied to
	Bytes     uint64         `json:"bytes"`
	Filtered  uint64         `json:"filtered"`  // left out by the filter
	Unsampled uint64         `json:"unsampled"` // left out by sampling
	Outputs   []OutputStatus `json:"outputs"`
}

// OutputStatus is what happened to the copies for one output of a rule.
type OutputStatus struct {
	Name      string `json:"name"`
	Port      uint16 `json:"port,omitempty"` // of VXLAN
	Rate      uint64 `json:"rate,omitempty"` // cap of a remote output, bit/s; 0: none
	Present   bool   `json:"present"`        // copies are handed to it
	State     string `json:"state"`
	Packets   uint64 `json:"packets"` // handed to the interface
	Bytes     uint64 `json:"bytes"`
	Truncated uint64 `json:"truncated"` // of Packets
	Errors    uint64 `json:"errors"`    // refused by the interface or its queue
	Away      uint64 `json:"away"`      // the interface was gone or down, or the remote host had no known address
	TooBig    uint64 `json:"too_big"`   // longer than the interface's MTU allows
	Capped    uint64 `json:"capped"`    // above the rate
	Dropped   uint64 `json:"dropped"`   // by the output's driver, which had no room for a frame of XDP
	// What the interface says of itself since the mirror started, whoever sent: a packet handed over that it dropped is
	// in one of these.
	DeviceDropped uint64 `json:"device_dropped"`
	DeviceErrors  uint64 `json:"device_errors"`
}

// NotSent is how many copies the output was not given.
func (o *OutputStatus) NotSent() uint64 { return o.Errors + o.Away + o.TooBig + o.Capped + o.Dropped }

// device is what an interface counted at some time.
type device struct {
	Index   int    `json:"index"`
	Dropped uint64 `json:"dropped"`
	Errors  uint64 `json:"errors"`
}

// remember notes the counters of outputs that are new, so that only what comes is told.
func (m *Manager) remember(targets map[string]target, links map[string]rtnl.Link) {
	for _, t := range targets {
		if l, ok := links[t.name]; ok && m.state.Base[t.name].Index != l.Index {
			m.state.Base[t.name] = device{Index: l.Index, Dropped: l.Traffic.TxDropped, Errors: l.Traffic.TxErrors}
		}
	}
}

// Status tells what was counted.
func (m *Manager) Status() (*Status, error) {
	links, err := m.links()
	if err != nil {
		return nil, err
	}
	how := map[string]string{}
	for name, a := range m.sources {
		how[name] = a.how
		if a.xdp != nil {
			how[name] += " + " + string(a.fast)
		}
	}
	s, err := m.state.status(m.kernel, m.now, links, how)
	if err != nil {
		return nil, err
	}
	s.PID = os.Getpid()
	for i := range s.Sources {
		if a := m.sources[s.Sources[i].Name]; a != nil {
			s.Sources[i].Probed = a.probe.String()
		}
	}
	return s, nil
}

// status reads the counters of rules.
func (st *state) status(k *kernel, targets map[string]target, links map[string]rtnl.Link, how map[string]string) (*Status, error) {
	rules := st.Config.Rules
	s := &Status{Started: st.Started, Time: time.Now(), Persist: st.Config.Persist, Pass: st.Config.Pass, Mode: st.Config.Mode, Uncounted: st.Uncounted}
	s.Spec, _ = Format(rules)
	counts, err := st.counts(k)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		c := counts["rule "+r.key()]
		rs := RuleStatus{From: r.From, Options: r.Options(), Packets: c.Packets, Bytes: c.Bytes, Filtered: c.Filtered, Unsampled: c.Unsampled}
		for _, o := range r.To {
			rs.Outputs = append(rs.Outputs, st.output(o, counts[r.key()+" to "+o.key()], targets[o.key()], links))
		}
		s.Rules = append(s.Rules, rs)
		for _, from := range r.From {
			if !seen[from] {
				seen[from] = true
				l, present := links[from]
				c := counts["source "+from]
				s.Sources = append(s.Sources, SourceStatus{Name: from, Present: present, State: stateOf(l), How: how[from], Packets: c.Packets, Bytes: c.Bytes, Broken: counts[brokenKey(from)].Errors})
			}
		}
	}
	sort.Slice(s.Sources, func(i, j int) bool { return s.Sources[i].Name < s.Sources[j].Name })
	return s, nil
}

// stateOf is the state of an interface, of the zero one that it vanished.
func stateOf(l rtnl.Link) string {
	switch {
	case l.Index == 0:
		return StateVanished
	case !l.Running():
		return StateDown
	}
	return StateUp
}

func (st *state) output(o Output, c bpf.MirrorCount, t target, links map[string]rtnl.Link) OutputStatus {
	out := OutputStatus{Name: o.String(), Present: t.index != 0, State: StateUp, Packets: c.Packets, Bytes: c.Bytes, Truncated: c.Truncated,
		Errors: c.Errors, Away: c.Away, TooBig: c.TooBig, Capped: c.Capped, Dropped: c.Dropped}
	if o.Remote != nil {
		out.Port, out.Rate = o.Remote.port(), o.Remote.Rate
	}
	switch {
	case out.Present:
	case o.Remote != nil:
		out.State = StateUnreachable
	case links[o.Name].Index == 0:
		out.State = StateVanished
	default:
		out.State = StateDown
	}
	if l, ok := links[t.name]; ok && st.Base[t.name].Index == l.Index {
		out.DeviceDropped = l.Traffic.TxDropped - st.Base[t.name].Dropped
		out.DeviceErrors = l.Traffic.TxErrors - st.Base[t.name].Errors
	}
	return out
}

// persisted reads the status of a mirror without a process.
func persisted() (*Status, error) {
	p, err := openPins()
	if err != nil {
		return nil, err
	}
	defer p.close()
	if !p.exist() {
		return nil, ErrNone
	}
	st, all, err := p.load()
	defer func() {
		for _, m := range all {
			m.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	nl, err := rtnl.Dial()
	if err != nil {
		return nil, err
	}
	defer nl.Close()
	m := &Manager{nl: nl, state: st, cfg: Config{Log: slog.Default()}}
	links, err := m.links()
	if err != nil {
		return nil, err
	}
	how := map[string]string{}
	for name := range st.Slots {
		how[name] = "pinned"
	}
	return st.status(&kernel{maps: all}, m.targets(st.Config.Rules, links), links, how)
}

// stopPersisted ends a mirror without a process. It says whether there was one.
func stopPersisted() (bool, error) {
	p, err := openPins()
	if err != nil {
		return false, err
	}
	defer p.close()
	nl, err := rtnl.Dial()
	if err != nil {
		return false, err
	}
	defer nl.Close()
	if !p.exist() {
		p.remove() // what a process left that was killed while it made them
		return sweep(nl)
	}
	st, all, err := p.load()
	for _, m := range all {
		m.Close()
	}
	if err != nil && errors.Is(err, ebpf.ErrKeyNotExist) {
		return true, err
	}
	if err := p.remove(); err != nil {
		return true, privilege(fmt.Errorf("mirror stop: %w", err))
	}
	return true, restore(nl, &st)
}

// takeAll makes sources promiscuous: for as long as the process lives, or with the flag of the interface, which is noted
// and cleared in the end.
func (m *Manager) takeAll(want map[int]bool, links map[string]rtnl.Link) error {
	if !m.cfg.Persist {
		return m.promisc.set(want)
	}
	var errs []error
	var on []int
	for name, l := range links {
		switch set := m.state.Promisc[name]; {
		case want[l.Index] && !set && !l.Promiscuous():
			m.state.Promisc[name] = true
			on = append(on, l.Index)
		case !want[l.Index] && set:
			delete(m.state.Promisc, name)
			errs = append(errs, m.nl.SetPromiscuous(l.Index, false))
		}
	}
	m.state.Tap = m.tap != nil
	if err := m.save(); err != nil { // before it is done: then Stop can undo it, whenever this process is killed
		return errors.Join(append(errs, err)...)
	}
	for _, index := range on {
		errs = append(errs, m.nl.SetPromiscuous(index, true))
	}
	if m.tap != nil {
		errs = append(errs, m.tap.persist(1))
	}
	return errors.Join(errs...)
}
