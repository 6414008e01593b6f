package pcapfile

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"slices"

	"github.com/tapir-project/tapir/source"
)

// What open files may cost together, in units of 128 KiB of memory for unpacking, about.
const (
	maxCost   = 256
	costPlain = 2
	costZstd  = 16
)

// merger delivers the packets of several files in the order of their times.
//
// Invariants:
//
//	M1: active is a heap by time of the next packet, then by order; every stream in it has one.
//	M2: pending is sorted by time of the first packet, then by order. A file is opened before a packet is delivered
//	    that is younger than its first one, unless maxCost forbids it.
//	M3: while a stream waits for memory, out is empty: what a merger keeps back never keeps it from going on.
type merger struct {
	src  *Source
	mem  *memory
	emit func(*source.Block) error

	pending []*file
	piped   map[*file]*stream // opened already: they can be opened only once
	active  []*stream
	cost    int
	out     *block  // packets gathered from several streams, not yet delivered
	errs    []error // about single files
}

// start sorts the files. Pipes among several files are read up to their first packet, which tells their place.
func (m *merger) start(ctx context.Context, files []*file) {
	m.pending = slices.Clone(files)
	if len(files) == 1 {
		return
	}
	m.piped = map[*file]*stream{}
	for _, f := range files {
		if f.pipe && ctx.Err() == nil {
			m.pipe(ctx, f)
		}
	}
	slices.SortFunc(m.pending, func(a, b *file) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.index, b.index))
	})
}

// pipe opens a file that can be opened only once.
func (m *merger) pipe(ctx context.Context, f *file) {
	st := m.open(ctx, f)
	if st == nil {
		m.pending = slices.DeleteFunc(m.pending, func(g *file) bool { return g == f })
		return
	}
	m.piped[f], f.first, f.cost = st, st.time(), st.in.cost
}

// open opens a file and reads its first packets. It returns nil if there are none, or none that can be read.
func (m *merger) open(ctx context.Context, f *file) *stream {
	if st := m.piped[f]; st != nil {
		delete(m.piped, f)
		return st
	}
	st, err := m.src.openStream(ctx, f)
	if err != nil {
		m.failed(err)
		return nil
	}
	if err := st.advance(ctx, m.mem); err != nil {
		m.finish(st, err)
		return nil
	}
	return st
}

// finish closes a stream that ended with err.
func (m *merger) finish(st *stream, err error) {
	st.close()
	m.src.count.done.Add(1)
	if err != io.EOF {
		m.failed(err)
	}
}

// maxErrors bounds what is said of single files.
const maxErrors = 100

// failed keeps an error about one file. That Run was told to end is none.
func (m *merger) failed(err error) {
	if len(m.errs) < maxErrors && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		m.errs = append(m.errs, err)
	}
}

// run delivers everything.
func (m *merger) run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		if err := m.admit(ctx); err != nil {
			return err
		}
		if len(m.active) == 0 {
			return m.flush()
		}
		st := m.active[0]
		if err := m.take(ctx, st, m.length(st)); err != nil {
			return err
		}
		if st.pos < len(st.blk.Packets) {
			m.down(0)
			continue
		}
		if err := m.next(ctx, st); err != nil {
			return err
		}
	}
}

// admit opens the files whose turn it is (M2).
func (m *merger) admit(ctx context.Context) error {
	for len(m.pending) > 0 {
		f := m.pending[0]
		if len(m.active) > 0 && before(m.active[0].time(), m.active[0].file.index, f.first, f.index) {
			return nil
		}
		if len(m.active) > 0 && m.cost+f.cost > maxCost {
			m.late(f)
			return nil
		}
		m.pending = m.pending[1:]
		if err := m.flush(); err != nil { // M3
			return err
		}
		if st := m.open(ctx, f); st != nil {
			m.cost += f.cost
			m.push(st)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// late counts a file that has to wait, once.
func (m *merger) late(f *file) {
	if !f.late {
		f.late = true
		m.src.count.late.Add(1)
	}
}

// length is how many packets of st, the first of the heap, come before those of all other files; at least one.
func (m *merger) length(st *stream) int {
	packets := st.blk.Packets[st.pos:]
	limit, index := int64(math.MaxInt64), math.MaxInt
	for i := 1; i < min(3, len(m.active)); i++ { // the second of a heap is a child of the first
		if o := m.active[i]; before(o.time(), o.file.index, limit, index) {
			limit, index = o.time(), o.file.index
		}
	}
	if len(m.pending) > 0 && !m.pending[0].late && before(m.pending[0].first, m.pending[0].index, limit, index) {
		limit, index = m.pending[0].first, m.pending[0].index
	}
	n := 1
	for n < len(packets) && before(packets[n].Time, st.file.index, limit, index) {
		n++
	}
	return n
}

// take delivers n packets of st: its whole block as it is, or a part by way of out.
func (m *merger) take(ctx context.Context, st *stream, n int) error {
	if st.pos == 0 && n == len(st.blk.Packets) {
		st.pos = n
		if err := m.flush(); err != nil {
			return err
		}
		return m.send(st.blk)
	}
	for n > 0 {
		if err := m.space(ctx); err != nil {
			return err
		}
		k := min(n, cap(m.out.Packets)-len(m.out.Packets))
		m.out.Packets = append(m.out.Packets, st.blk.Packets[st.pos:st.pos+k]...)
		if st.held != m.out {
			st.held = m.out
			st.blk.Retain()
			m.out.parents = append(m.out.parents, st.blk)
		}
		st.pos += k
		n -= k
	}
	return nil
}

// space makes sure that out has room.
func (m *merger) space(ctx context.Context) (err error) {
	if m.out != nil && len(m.out.Packets) < cap(m.out.Packets) {
		return nil
	}
	if err = m.flush(); err == nil {
		m.out, err = m.mem.block(ctx)
	}
	return err
}

// next moves st to its next packets, or closes it.
func (m *merger) next(ctx context.Context, st *stream) error {
	if err := m.flush(); err != nil { // M3
		return err
	}
	err := st.advance(ctx, m.mem)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		m.down(0)
		return nil
	}
	m.cost -= st.file.cost
	m.pop()
	m.finish(st, err)
	return nil
}

// flush delivers what was gathered.
func (m *merger) flush() error {
	out := m.out
	if out == nil {
		return nil
	}
	m.out = nil
	for _, st := range m.active {
		st.held = nil
	}
	defer out.Release()
	return m.send(out)
}

// send gives a block to the consumer and counts it.
func (m *merger) send(b *block) error {
	n := len(b.Packets)
	b.Now = b.Packets[n-1].Time
	c := &m.src.count
	c.packets.Add(uint64(n))
	c.bytes.Add(b.Bytes())
	return m.emit(b.Block)
}

// close gives back what an early end left open.
func (m *merger) close() {
	if m.out != nil {
		m.out.Release()
		m.out = nil
	}
	for _, st := range m.active {
		st.close()
	}
	for _, st := range m.piped {
		st.close()
	}
}

// push and pop keep M1.
func (m *merger) push(st *stream) {
	m.active = append(m.active, st)
	for i := len(m.active) - 1; i > 0; {
		up := (i - 1) / 2
		if !m.less(i, up) {
			return
		}
		m.active[i], m.active[up] = m.active[up], m.active[i]
		i = up
	}
}

// pop removes the first stream.
func (m *merger) pop() {
	last := len(m.active) - 1
	m.active[0] = m.active[last]
	m.active[last] = nil
	m.active = m.active[:last]
	m.down(0)
}

// down moves the stream at i to where it belongs, after its time has grown.
func (m *merger) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(m.active); c++ {
			if m.less(c, least) {
				least = c
			}
		}
		if least == i {
			return
		}
		m.active[i], m.active[least] = m.active[least], m.active[i]
		i = least
	}
}

func (m *merger) less(i, j int) bool {
	a, b := m.active[i], m.active[j]
	return before(a.time(), a.file.index, b.time(), b.file.index)
}

func before(t1 int64, i1 int, t2 int64, i2 int) bool {
	return t1 < t2 || t1 == t2 && i1 < i2
}
