package mirror

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	xbpf "golang.org/x/net/bpf"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/mirror/rtnl"
)

// attach makes a source carry out its plan.
func (m *Manager) attach(name string, l rtnl.Link, p *plan, links map[string]rtnl.Link) error {
	a := m.sources[name]
	if a != nil && a.index != l.Index { // it vanished and came back
		m.detach(name)
		a = nil
	}
	fresh := a == nil
	if fresh {
		slot, err := m.slot(name)
		if err != nil {
			return err
		}
		a = &attached{index: l.Index, slot: slot}
	}
	// The filters come before the plan that uses them, and the plan before the program that reads it: no packet meets
	// something that is not there yet.
	if !fresh && !covers(a.filters, p.filters) {
		if err := m.loadFilters(a, p.filters); err != nil {
			return err
		}
	}
	if fresh || a.plan != p.MirrorPlan {
		if err := m.slowDown(a, p); err != nil { // a broadcast to outputs that are no longer wanted must end first
			return err
		}
		if err := m.kernel.setPlan(a.slot, &p.MirrorPlan); err != nil {
			return err
		}
		a.plan = p.MirrorPlan
	}
	if fresh {
		if err := m.loadFilters(a, p.filters); err != nil {
			m.kernel.dropPlan(a.slot)
			return err
		}
		m.sources[name] = a
	}
	return m.speedUp(a, name, l, p, links)
}

// loadFilters attaches the ingress program, or replaces it with one that knows more filters. The filters of the plan in
// use stay in it.
func (m *Manager) loadFilters(a *attached, want map[uint32]bool) error {
	all := map[uint32][]xbpf.RawInstruction{}
	for id := range want {
		all[id] = m.programs[id]
	}
	for _, c := range a.plan.Copy[:a.plan.Copies] {
		if c.Filter != 0 {
			all[c.Filter] = m.programs[c.Filter]
		}
	}
	p, err := m.kernel.loadMirror(a.slot, a.probing, all)
	if err != nil {
		return err
	}
	defer p.Close()
	if a.tc != nil {
		err = a.tc.Update(p)
	} else {
		a.tc, a.how, err = attachTC(p, a.index, ingress, m.nl, m.guard)
	}
	if err != nil {
		return err
	}
	a.filters = map[uint32]bool{}
	for id := range all {
		a.filters[id] = true
	}
	return nil
}

func covers(have, want map[uint32]bool) bool {
	for id := range want {
		if !have[id] {
			return false
		}
	}
	return true
}

// slot gives a source its place in the plans.
func (m *Manager) slot(name string) (uint32, error) {
	if s, ok := m.state.Slots[name]; ok {
		return s, nil
	}
	used := slices.Collect(maps.Values(m.state.Slots))
	for s := range uint32(MaxSources) {
		if !slices.Contains(used, s) {
			m.state.Slots[name] = s
			return s, nil
		}
	}
	return 0, fmt.Errorf("more than %d sources", MaxSources)
}

// slowDown ends the broadcast of a source whose plan changes to one that XDP cannot carry out.
func (m *Manager) slowDown(a *attached, p *plan) error {
	if p.plain {
		return nil
	}
	return m.endBroadcast(a)
}

// endBroadcast takes the broadcast off a source.
func (m *Manager) endBroadcast(a *attached) error {
	if a.xdp == nil {
		return nil
	}
	err := a.xdp.Close()
	if a.fast == wayDriver {
		settle() // the last frames are still on their way to drivers, and are counted there
	}
	a.xdp, a.fast = nil, wayTC
	return errors.Join(err, m.kernel.dropPairs(func(p bpf.MirrorPair) bool { return slices.Contains(a.froms, p.From) }))
}

// broadcast is what XDP does for a plan.
type broadcast struct {
	key     string   // two of one key are the same
	limit   uint32   // bytes of the longest frame that all outputs take
	outputs []uint32 // indexes of interfaces, in the order of the plan's copies
	froms   []uint32 // those that frames come from: the source, and its members where it is made of others
}

func newBroadcast(p *plan, source rtnl.Link, links map[string]rtnl.Link) *broadcast {
	least := math.MaxInt32
	b := &broadcast{froms: []uint32{uint32(source.Index)}}
	for _, l := range links {
		if l.Master == source.Index {
			b.froms = append(b.froms, uint32(l.Index))
		}
	}
	slices.Sort(b.froms)
	for _, o := range p.outputs {
		b.outputs = append(b.outputs, uint32(links[o].Index))
		least = min(least, links[o].MTU)
	}
	b.limit = limit(least)
	b.key = fmt.Sprint(least, b.froms, b.outputs, p.counts)
	return b
}

// speedUp puts a broadcast in front of the ingress program: the first that can be attached with ModeXDP, with ModeAuto the one
// that a probe finds faster. It is never needed: where it cannot be, the ingress program does all.
func (m *Manager) speedUp(a *attached, name string, l rtnl.Link, p *plan, links map[string]rtnl.Link) error {
	ways := m.ways(p, l, links)
	if len(ways) == 0 {
		a.probe = nil
		return errors.Join(m.setProbing(a, 0), m.endBroadcast(a))
	}
	b := newBroadcast(p, l, links)
	if m.cfg.Mode == ModeXDP {
		err := m.use(a, name, p, b, ways[0])
		if err != nil && len(ways) > 1 {
			err = m.use(a, name, p, b, ways[1])
		}
		return err
	}
	if a.probe == nil || a.probe.key != b.key {
		a.probe = newProbe(b.key, append([]way{wayTC}, ways...)...)
	}
	for {
		probing := uint32(0)
		if !a.probe.decided() {
			probing = longestGap(p.Copies)
		}
		if err := m.setProbing(a, probing); err != nil {
			return err
		}
		err := m.use(a, name, p, b, a.probe.now())
		if err == nil {
			return nil
		}
		if a.probe.decided() { // it was possible before
			a.probe = nil
			return err
		}
		m.cfg.Log.Info("mirror: no broadcast by XDP", "source", name, "reason", err)
		a.probe.took(impossible)
	}
}

// setProbing makes the ingress program note gaps up to the longest, or none if that is 0.
func (m *Manager) setProbing(a *attached, longest uint32) error {
	if a.probing == longest {
		return nil
	}
	a.probing = longest
	return m.loadFilters(a, nil)
}

// use makes a way that in which the packets of a source are copied.
func (m *Manager) use(a *attached, name string, p *plan, b *broadcast, w way) error {
	key := fmt.Sprint(b.key, w, a.probing)
	if w == wayTC || a.fast != w {
		if err := m.endBroadcast(a); err != nil {
			return err
		}
	}
	if w == wayTC || a.xdp != nil && key == a.fastKey {
		return nil
	}
	pairs, err := m.addPairs(a, name, p, b, w)
	if err != nil {
		return err
	}
	id, err := m.fastCounter(fmt.Sprintf("fast %s %s %v %s", name, w, pairs != nil, b.key), p, pairs)
	if err != nil {
		return err
	}
	if key != a.fastKey {
		prog, err := m.kernel.loadFast(a.slot, a.probing, id, b)
		if err != nil {
			return err
		}
		a.prog.Close()
		a.prog, a.fastKey = prog, key
	}
	if a.xdp != nil {
		err := a.xdp.Update(a.prog)
		if err != nil {
			a.fastKey = "" // to be tried again
		}
		return err
	}
	at, err := attachXDP(a.prog, a.index, w == wayDriver)
	if err != nil {
		return err
	}
	a.xdp, a.fast = at, w
	return nil
}

// detach takes everything off a source.
func (m *Manager) detach(name string) error {
	a := m.sources[name]
	if a == nil {
		return nil
	}
	delete(m.sources, name)
	delete(m.state.Slots, name)
	var errs []error
	errs = append(errs, m.endBroadcast(a))
	if a.tc != nil {
		errs = append(errs, a.tc.Close())
	}
	a.prog.Close()
	m.unpin(name)
	return errors.Join(append(errs, m.kernel.dropPlan(a.slot))...)
}

// release lets go of a source without taking anything off: pins hold it.
func (a *attached) release() {
	for _, x := range []attachment{a.tc, a.xdp} {
		if x != nil {
			x.release()
		}
	}
	a.prog.Close()
}

// attachShapers puts the egress program on the interfaces that shaped copies leave through.
func (m *Manager) attachShapers(rules []Rule, targets map[string]target) error {
	for name, t := range shapedTargets(rules, targets) {
		s := m.shapers[name]
		if s != nil && s.index == t.index {
			continue
		}
		if s != nil {
			s.at.Close()
			delete(m.shapers, name)
		}
		p, err := m.kernel.loadShape()
		if err != nil {
			return err
		}
		at, _, err := attachTC(p, t.index, egress, m.nl, m.guard)
		p.Close()
		if err != nil {
			return fmt.Errorf("mirror %s: %w", name, err)
		}
		m.shapers[name] = &shaper{index: t.index, at: at}
	}
	return nil
}

// dropShapers takes it off those that no longer need it.
func (m *Manager) dropShapers(rules []Rule, targets map[string]target) {
	want := shapedTargets(rules, targets)
	for name, s := range m.shapers {
		if _, ok := want[name]; !ok {
			s.at.Close()
			m.unpinShaper(name)
			delete(m.shapers, name)
		}
	}
}

// shapedTargets are the interfaces that shaped copies leave through, by name.
func shapedTargets(rules []Rule, targets map[string]target) map[string]target {
	out := map[string]target{}
	for i := range rules {
		for _, o := range rules[i].To {
			if t := targets[o.key()]; t.index != 0 && rules[i].shaped(o) {
				out[t.name] = t
			}
		}
	}
	return out
}
