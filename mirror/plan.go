package mirror

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/mirror/rtnl"
)

// Flags of bpf/mirror.bpf.c and bpf/shape.h.
const (
	copyFirst   = 1
	copyBalance = 2
	copyInward  = 4

	shapeStrip = 1
	shapePush  = 2
	shapeVXLAN = 4
	shapeGRE   = 8
	shapeIPv6  = 16
)

const ethernetHeader = 14

// target is where an output's copies go at present.
type target struct {
	index int // of the interface; 0: away
	mtu   int
	name  string // of the interface
	head  []byte // of the tunnel
}

// plan is what one source does, and whether XDP can do it.
type plan struct {
	bpf.MirrorPlan
	plain   bool            // every output gets every packet as it is
	outputs []string        // interfaces of a plain plan
	filters map[uint32]bool // ids in use
	counts  []uint32        // of the rules and copies, for packets that XDP sends
}

// limit is the longest frame that an interface takes.
func limit(mtu int) uint32 { return uint32(mtu + ethernetHeader) }

// plans makes the plan of each source, and the shapes they use.
func (m *Manager) plans(rules []Rule, targets map[string]target) (map[string]*plan, error) {
	out := map[string]*plan{}
	for i := range rules {
		r := &rules[i]
		ruleCount, err := m.counter("rule " + r.key())
		if err != nil {
			return nil, err
		}
		filterID, err := m.filterID(r.Filter)
		if err != nil {
			return nil, inRule(rules, i, err)
		}
		for _, from := range r.From {
			p := out[from]
			if p == nil {
				id, err := m.counter("source " + from)
				if err != nil {
					return nil, err
				}
				p = &plan{plain: !m.cfg.Pass, filters: map[uint32]bool{}}
				p.Count = id
				if m.cfg.Pass {
					p.Pass = 1
				}
				out[from] = p
			}
			p.counts = append(p.counts, ruleCount)
			for n, o := range r.To {
				c, err := m.copyTo(r, o, targets[o.key()])
				if err != nil {
					return nil, inRule(rules, i, err)
				}
				if n == 0 {
					c.Flags |= copyFirst
				}
				c.Rule, c.Filter, c.Sample, c.Siblings = ruleCount, filterID, r.Sample, uint32(len(r.To))
				p.add(c, r, o)
			}
		}
	}
	for from, p := range out {
		if p.plain && p.Copies == 1 {
			id, err := m.fastCounter(fmt.Sprintf("single %s %v", from, p.counts), p, nil)
			if err != nil {
				return nil, err
			}
			p.Single = id
		}
	}
	return out, nil
}

// fastCounter gives the counter for packets of a source that are not counted one by one for rules and copies. Counter 0
// is never one of these: a rule has it. pairs are as in fastCount.
func (m *Manager) fastCounter(key string, p *plan, pairs map[uint32]uint32) (uint32, error) {
	id, err := m.counter(key)
	if err == nil && !slices.ContainsFunc(m.state.Fast, func(f fastCount) bool { return f.ID == id }) {
		m.state.Fast = append(m.state.Fast, fastCount{ID: id, Counts: append([]uint32{p.Count}, p.counts...), Pairs: pairs})
	}
	return id, err
}

// add appends a copy.
func (p *plan) add(c bpf.MirrorCopy, r *Rule, o Output) {
	if r.Balance {
		c.Flags |= copyBalance
	}
	p.Copy[p.Copies] = c
	p.Copies++
	p.counts = append(p.counts, c.Count)
	if c.Filter != 0 {
		p.filters[c.Filter] = true
	}
	if c.Filter != 0 || c.Sample > 1 || c.Shape != 0 || c.Flags&^copyFirst != 0 || c.Ifindex == 0 || slices.Contains(p.outputs, o.Name) {
		p.plain = false
	}
	p.outputs = append(p.outputs, o.Name)
}

// copyTo makes one copy of a rule, with its shape if it has one.
func (m *Manager) copyTo(r *Rule, o Output, t target) (bpf.MirrorCopy, error) {
	key := r.key() + " to " + o.key()
	id, err := m.counter(key)
	if err != nil {
		return bpf.MirrorCopy{}, err
	}
	c := bpf.MirrorCopy{Ifindex: uint32(t.index), Count: id, Limit: limit(t.mtu)}
	if o.Name == Tapir && o.Remote == nil {
		c.Flags |= copyInward
		c.Limit = 1 << 31
	}
	if !r.shaped(o) {
		return c, nil
	}
	s := bpf.MirrorShape{Count: id, Truncate: r.Truncate, Limit: limit(t.mtu), Ifindex: uint32(t.index)}
	if r.Strip {
		s.Flags |= shapeStrip
	}
	if r.Tag != nil {
		s.Flags |= shapePush
		s.TagTci, s.TagProto = r.Tag.ID, networkOrder(0x8100)
		if r.Tag.Outer {
			s.TagProto = networkOrder(0x88a8)
		}
	}
	if o.Remote != nil {
		s.Flags |= o.Remote.flags()
		s.HeaderLen = uint32(copy(s.Header[:], t.head))
		if o.Remote.Rate > 0 {
			s.ByteNs = max(1, 8e9*1024/o.Remote.Rate)
			s.BurstNs = burst.nanoseconds(o.Remote.Rate)
		}
	}
	c.Shape, err = m.shape(key, &s)
	return c, err
}

// networkOrder is v as the kernel has it in memory.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// burstBytes is how much a capped output may send at once: the time that so many bytes take.
type burstBytes uint64

const burst burstBytes = 64 << 10

func (b burstBytes) nanoseconds(rate uint64) uint64 { return uint64(b) * 8e9 / rate }

// flags tells the program how to wrap a frame.
func (r *Remote) flags() (f uint32) {
	f = shapeVXLAN
	if r.Kind == "gre" {
		f = shapeGRE
	}
	if r.Addr.Is6() {
		f |= shapeIPv6
	}
	return f
}

// targets finds where each output of the rules goes at present, by the key of the output.
func (m *Manager) targets(rules []Rule, links map[string]rtnl.Link) map[string]target {
	byIndex := map[int]rtnl.Link{}
	for _, l := range links {
		byIndex[l.Index] = l
	}
	out := map[string]target{}
	for i := range rules {
		for _, o := range rules[i].To {
			if o.Remote != nil {
				out[o.key()] = m.remote(o.Remote, byIndex)
				continue
			}
			l, ok := links[o.Name]
			if !ok || !l.Running() {
				l = rtnl.Link{} // away
			}
			out[o.Name] = target{index: l.Index, mtu: l.MTU, name: o.Name}
		}
	}
	return out
}

// counter gives the id of a counter, a new one that is zero at first.
func (m *Manager) counter(key string) (uint32, error) {
	if id, ok := m.state.Counters[key]; ok {
		return id, nil
	}
	id := uint32(len(m.state.Counters))
	if id >= m.kernel.maps[bpf.MirrorMapCounts].MaxEntries() {
		return 0, fmt.Errorf("more than %d counters: the rules were changed very often; start the mirror again", id)
	}
	if err := m.kernel.clearCount(id); err != nil {
		return 0, fmt.Errorf("counter %d: %w", id, err)
	}
	m.state.Counters[key] = id
	return id, nil
}

// shape writes a shape and gives its id.
func (m *Manager) shape(key string, s *bpf.MirrorShape) (uint32, error) {
	id, ok := m.state.Shapes[key]
	if !ok {
		id = uint32(len(m.state.Shapes)) + 1
		m.state.Shapes[key] = id
	}
	if err := m.kernel.maps[bpf.MirrorMapShapes].Put(id, s); err != nil {
		return 0, fmt.Errorf("shape %d: %w (more than 1023 shaped outputs, or the rules were changed very often; start the mirror again)", id, err)
	}
	return id, nil
}

// filterID gives the id of a filter, 0 for none, and compiles it the first time.
func (m *Manager) filterID(expr string) (uint32, error) {
	if expr == "" {
		return 0, nil
	}
	id, ok := m.state.Filters[expr]
	if !ok {
		id = uint32(len(m.state.Filters)) + 1
	}
	if m.programs[id] == nil {
		raw, err := m.cfg.compile(expr)
		if err != nil {
			return 0, err
		}
		m.programs[id] = raw
	}
	m.state.Filters[expr] = id
	return id, nil
}
