package pcapstore

import (
	"container/heap"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/tapir-project/tapir/record"
)

// merge brings the packets of many segments into time order. A segment is opened when its first time has come.
type merge struct {
	waiting    []stored
	open       cursorHeap
	moved      bool // the packet on top has been used
	ids        []record.ID
	all        bool
	from, last int64
	errs       []error
	failed     int
}

// next brings the next packet to the top; false at the end.
func (m *merge) next() bool {
	if m.moved {
		if m.step(m.open[0]) {
			heap.Fix(&m.open, 0)
		} else {
			heap.Pop(&m.open).(*cursor).d.close()
		}
	}
	for len(m.waiting) > 0 && (len(m.open) == 0 || m.waiting[0].min <= m.open[0].pkt.Time) {
		g := m.waiting[0]
		m.waiting = m.waiting[1:]
		if c := m.begin(&g); c != nil {
			heap.Push(&m.open, c)
		}
	}
	m.moved = len(m.open) > 0
	return m.moved
}

// step advances a cursor and notes its error.
func (m *merge) step(c *cursor) bool {
	ok, err := c.advance()
	m.note(err)
	return ok
}

// note keeps an error for the end. A segment that has been deleted is none.
func (m *merge) note(err error) {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	if m.failed++; len(m.errs) < 8 {
		m.errs = append(m.errs, err)
	}
}

func (m *merge) err() error {
	if m.failed == 0 {
		return nil
	}
	return fmt.Errorf("packet store: %d segments could not be read whole (what a crash has left is mended when "+
		"recording starts again): %w", m.failed, errors.Join(m.errs...))
}

// begin opens a segment and finds its first packet wanted; nil if there is none.
func (m *merge) begin(g *stored) *cursor {
	c := &cursor{worker: g.meta.worker, next: fileHeader, list: !m.all, from: m.from, last: m.last}
	var err error
	if c.list {
		if c.offs, err = selectFlows(g, m.ids); err != nil || len(c.offs) == 0 {
			m.note(err)
			return nil
		}
	}
	if c.d, err = openData(&g.files, g.bytes); err != nil {
		m.note(err)
		return nil
	}
	if g.unsorted {
		err = c.sortByTime()
	}
	if m.note(err); err != nil || !m.step(c) {
		c.d.close()
		return nil
	}
	return c
}

func (m *merge) close() {
	for _, c := range m.open {
		c.d.close()
	}
}

// selectFlows finds the packets of the flows in ids, in the order they stand in the segment, by its index or its
// journal.
func selectFlows(g *stored, ids []record.ID) (offs []uint32, err error) {
	x, f, err := openIndex(g.stem + extIndex)
	if err == nil {
		defer f.Close()
		if offs, err = x.find(nil, ids); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		slices.Sort(offs)
		return offs, nil
	}
	offs, jerr := selectJournal(g, ids)
	if errors.Is(jerr, fs.ErrNotExist) && errors.Is(err, fs.ErrNotExist) {
		if x, f, err = openIndex(g.stem + extIndex); err != nil { // completed between the two looks
			return nil, err
		}
		defer f.Close()
		offs, jerr = x.find(nil, ids)
		slices.Sort(offs)
	}
	return offs, jerr
}

// selectJournal is selectFlows for a segment that has no index yet. It stops at the bytes the segment was found
// with, so that a live segment ends somewhere.
func selectJournal(g *stored, ids []record.ID) (offs []uint32, err error) {
	j, f, err := openJournal(g.stem + extJournal)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var wanted []bool
	for j.off < g.bytes && j.next() {
		ok := j.entries(func(e *entry) {
			if e.fresh {
				_, found := slices.BinarySearchFunc(ids, e.id, compareID)
				wanted = append(wanted, found)
			}
			if wanted[e.flow] {
				offs = append(offs, uint32(e.off))
			}
		})
		if !ok {
			return offs, fmt.Errorf("%s: %w", f.Name(), errTorn)
		}
	}
	return offs, nil
}
