package flow

import (
	"cmp"
	"slices"

	"github.com/tapir-project/tapir/record"
)

// index finds flows by key: open addressing with linear probing over hashes, so that a look-up that misses touches one
// cache line and one that hits two.
type index struct {
	slots []slot
	n     int
	hand  int // where sampling goes on
}

type slot struct {
	hash uint64
	flow *Flow
}

// find looks for the flow of a key. Where there is none, but one between the same ends over another VLAN or VNI that
// has only seen the opposite direction, the packet is that flow's return path: routing is often asymmetric.
func (x *index) find(key *record.FlowKey, hash uint64, swapped bool) *Flow {
	if x.n == 0 {
		return nil
	}
	var back *Flow
	mask := uint64(len(x.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &x.slots[i]
		if s.flow == nil {
			if back != nil {
				back.back, back.hasBack = key.Path(), true
			}
			return back
		}
		if s.hash != hash {
			continue
		}
		if f := s.flow; f.Key == *key || f.hasBack && f.back == key.Path() && f.Key.SameEnds(key) {
			return f
		} else if back == nil && f.mayReturn(key, swapped) {
			back = f
		}
	}
}

func (x *index) add(f *Flow) {
	if (x.n+1)*3 > len(x.slots)*2 {
		x.grow()
	}
	x.place(f)
	x.n++
}

func (x *index) place(f *Flow) {
	mask := uint64(len(x.slots) - 1)
	i := f.hash & mask
	for x.slots[i].flow != nil {
		i = (i + 1) & mask
	}
	x.slots[i] = slot{f.hash, f}
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, max(1024, 2*len(old)))
	for _, s := range old {
		if s.flow != nil {
			x.place(s.flow)
		}
	}
}

// remove takes f out and closes the gap, so that probing never meets a tombstone.
func (x *index) remove(f *Flow) {
	mask := uint64(len(x.slots) - 1)
	i := f.hash & mask
	for x.slots[i].flow != f {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; x.slots[j].flow != nil; j = (j + 1) & mask {
		home := x.slots[j].hash & mask
		if (j-home)&mask >= (j-i)&mask {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = slot{}
	x.n--
}

func (x *index) each(do func(*Flow)) {
	for i := range x.slots {
		if f := x.slots[i].flow; f != nil {
			do(f)
		}
	}
}

// sample calls do for up to n flows, others each time.
func (x *index) sample(n int, do func(*Flow)) {
	for range x.slots {
		if n == 0 {
			return
		}
		x.hand = (x.hand + 1) % len(x.slots)
		if f := x.slots[x.hand].flow; f != nil {
			do(f)
			n--
		}
	}
}

// ordered lists all flows by their first packets.
func (x *index) ordered() []*Flow {
	all := make([]*Flow, 0, x.n)
	x.each(func(f *Flow) { all = append(all, f) })
	slices.SortFunc(all, func(a, b *Flow) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), slices.Compare(a.ID[:], b.ID[:]))
	})
	return all
}
