package parquet

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/tapir-project/tapir/record"
)

// builder holds the rows of one row group until they are written. A row becomes a run of int64 cells, laid out by
// its shape, the set of columns it has; text and addresses are numbered per column (intern). So adding a row copies
// each value once, rows of one shape need no null marks, and all memory is free of pointers.
//
// Rows of one shape are written next to each other, by start: a column is then a few runs of values and nulls, which
// costs a few bytes instead of a bit per row, and like stands next to like for the compressor.
type builder struct {
	cols   []column // by slot
	used   []slot   // columns that have values, in the order of first use
	shapes []shape
	bySig  map[uint64]uint32 // signature -> shapes
	cells  [][]int64         // pages of up to pageCells; a row lies in one
	page   int               // the one being filled
	rows   int
	stamp  uint32 // of the row being built; a column whose stamp equals it has a value
	nset   int    // number of such columns
	sig    uint64 // exclusive or of their keys

	community []byte // Community ID of the row being built, borrowed
	checked   *communityCheck

	minStart, maxStart, maxEnd int64
}

// column is the state of one column of a builder.
type column struct {
	key   uint64 // the column's part in a signature
	cell  int64  // value in the row being built; for lists offset<<16 | count
	stamp uint32
	phys  physical
	inUse bool
	dict  *intern // text and addresses: their numbers
	list  []int64 // lists: the cells of all rows; ids: their halves
}

// shape is a set of columns and the rows that have just these.
type shape struct {
	cols []slot   // in the order of files
	rows []uint32 // where they stand: page of cells << pageBits | place in it
}

const (
	maxRows   = 1 << 16 // rows of a row group
	pageBits  = 16
	pageCells = 1 << pageBits
	listBits  = 16 // of a list's cell hold its length; records hold fewer values (record.MaxValues)
	listMask  = 1<<listBits - 1
)

func newBuilder() *builder {
	b := &builder{cols: make([]column, numSlots), bySig: map[uint64]uint32{}, checked: new(communityCheck)}
	for i := range b.cols {
		b.cols[i].key, b.cols[i].phys = mixKey(uint64(i+1)), specs[i].phys
	}
	for _, f := range []record.FieldID{fStart, fEnd, fPart, fFinal, fKind} {
		b.cols[slotOf(f)].phys = physID
		b.cols[slotOf(f).more()].phys = physID
	}
	b.reset()
	return b
}

// mixKey spreads a column's number over 64 bits (splitmix64's finalizer). Signatures decide nothing but where a
// shape is looked up: equal ones of different shapes are told apart.
func mixKey(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (b *builder) reset() {
	for _, s := range b.used {
		c := &b.cols[s]
		c.inUse = false
		if c.dict != nil {
			c.dict.reset()
		}
		c.list = c.list[:0]
	}
	clear(b.bySig)
	for i := range b.cells {
		b.cells[i] = b.cells[i][:0]
	}
	b.used, b.shapes, b.page, b.rows = b.used[:0], b.shapes[:0], 0, 0
	b.minStart, b.maxStart, b.maxEnd = math.MaxInt64, math.MinInt64, math.MinInt64
}

// add copies r. ingested is the time of storing for records that do not say themselves, ns.
func (b *builder) add(r *record.Record, ingested int64, node []byte) {
	b.begin()
	start, end := clampTime(r.Start), clampTime(r.End)
	b.minStart, b.maxStart, b.maxEnd = min(b.minStart, start), max(b.maxStart, start), max(b.maxEnd, end)
	for i, n := 0, r.Values.Len(); i < n; i++ {
		b.value(r.Values.At(i))
	}
	b.header(r, start, end, ingested, node)
	b.derive(start, end)
	b.commit()
}

func (b *builder) begin() {
	if b.stamp++; b.stamp == 0 { // wrapped: forget stamps of 4 billion rows ago
		for i := range b.cols {
			b.cols[i].stamp = 0
		}
		b.stamp = 1
	}
	b.nset, b.sig, b.community = 0, 0, nil
}

// header sets the columns of what a record carries outside of its values.
func (b *builder) header(r *record.Record, start, end, ingested int64, node []byte) {
	b.set(slotStart, start)
	b.set(slotEnd, end)
	b.setID(slotID, r.ID)
	if r.Kind != record.KindSession && !r.Session.IsZero() {
		b.setID(slotSession, r.Session)
	}
	if r.Kind == record.KindSession && r.Part > 0 {
		b.set(slotPart, int64(r.Part))
	}
	if r.Kind == record.KindSession && !r.Final {
		b.set(slotFinal, 0)
	}
	if !b.has(slotIngested) && ingested != 0 {
		b.set(slotIngested, ingested)
	}
	if len(node) > 0 && !b.has(slotNode) {
		b.set(slotNode, b.cols[slotNode].text(node))
	}
}

// value adds one of a record's values to the row.
func (b *builder) value(v record.Value) {
	f := v.Field()
	s := slotOf(f)
	if b.cols[s].stamp == b.stamp {
		s = s.more()
	}
	if f == fCommunity {
		if b.community == nil {
			b.community = v.Text()
			return
		}
		s = s.more()
	}
	c := &b.cols[s]
	switch c.phys {
	case physText, physAddr:
		b.put(s, c.text(v.Text()))
	case physBool:
		b.put(s, int64(b2i(v.Int() != 0)))
	case physTime:
		b.put(s, clampTime(v.Int()))
	case physID: // header fields are taken from the header
	default:
		b.put(s, v.Int())
	}
}

func b2i(x bool) int {
	if x {
		return 1
	}
	return 0
}

// put gives the row a cell in s: the value of a field, or one more of them.
func (b *builder) put(s slot, cell int64) {
	if !s.isMore() {
		b.set(s, cell)
		return
	}
	c := &b.cols[s]
	if c.stamp != b.stamp {
		b.set(s, int64(len(c.list))<<listBits)
	}
	c.list = append(c.list, cell)
	c.cell++
}

// clampTime keeps times off the two values that stand for infinity in a DuckDB timestamp.
func clampTime(t int64) int64 { return min(max(t, -math.MaxInt64+1), math.MaxInt64-1) }

func (b *builder) has(s slot) bool { return b.cols[s].stamp == b.stamp }

// set gives the row a cell in column s.
func (b *builder) set(s slot, cell int64) {
	c := &b.cols[s]
	c.cell = cell
	if c.stamp != b.stamp {
		c.stamp = b.stamp
		b.nset++
		b.sig ^= c.key
		if !c.inUse {
			c.inUse = true
			b.used = append(b.used, s)
		}
	}
}

// unset takes column s out of the row.
func (b *builder) unset(s slot) {
	c := &b.cols[s]
	c.stamp--
	b.nset--
	b.sig ^= c.key
}

// text numbers a text of column c. Columns hold UTF-8, as Parquet demands: bytes that are none become U+FFFD, as they
// do in JSON.
func (c *column) text(t []byte) int64 {
	if c.dict == nil {
		c.dict = new(intern)
	}
	code, h, ok := c.dict.find(t)
	if !ok && c.phys == physText && !utf8.Valid(t) {
		t = []byte(validText(string(t)))
		code, h, ok = c.dict.find(t)
	}
	if !ok {
		code = c.dict.insert(t, h)
	}
	return int64(code)
}

// validText replaces each byte that is not UTF-8 by U+FFFD.
func validText(s string) string { return string([]rune(s)) }

// setID gives the row a 16-byte id: the number of its two cells.
func (b *builder) setID(s slot, id record.ID) {
	c := &b.cols[s]
	b.set(s, int64(len(c.list)))
	c.list = append(c.list, int64(binary.BigEndian.Uint64(id[:8])), int64(binary.BigEndian.Uint64(id[8:])))
}

// addr is the address the row has in column s.
func (b *builder) addr(s slot) (a record.Addr) {
	c := &b.cols[s]
	copy(a[:], c.dict.at(uint32(c.cell)))
	return a
}

// commit ends the row: its cells are copied in the order of its shape.
func (b *builder) commit() {
	for sig := b.sig; ; sig = mixKey(sig) {
		i, ok := b.bySig[sig]
		if !ok {
			i = uint32(len(b.shapes))
			b.bySig[sig] = i
			b.newShape()
		}
		if b.copyRow(&b.shapes[i]) {
			b.rows++
			return
		}
	}
}

// copyRow adds the row to s if it has just the columns of s.
func (b *builder) copyRow(s *shape) bool {
	if len(s.cols) != b.nset {
		return false
	}
	cells := b.room()
	at := len(cells)
	for _, slot := range s.cols {
		c := &b.cols[slot]
		if c.stamp != b.stamp {
			return false
		}
		cells = append(cells, c.cell)
	}
	b.cells[b.page] = cells
	s.rows = append(s.rows, uint32(b.page<<pageBits|at))
	return true
}

// room gives a page with room for the row being built.
func (b *builder) room() []int64 {
	if b.page < len(b.cells) {
		if p := b.cells[b.page]; len(p)+b.nset <= pageCells {
			return p
		}
		b.page++
	}
	if b.page == len(b.cells) {
		b.cells = append(b.cells, make([]int64, 0, pageCells))
	}
	return b.cells[b.page]
}

// cell is the i-th cell of a row.
func (b *builder) cell(row uint32, i int) int64 {
	return b.cells[row>>pageBits][int(row&(pageCells-1))+i]
}

func (b *builder) newShape() {
	if len(b.shapes) < cap(b.shapes) {
		b.shapes = b.shapes[:len(b.shapes)+1] // take over the memory of an earlier row group's shape
	} else {
		b.shapes = append(b.shapes, shape{})
	}
	s := &b.shapes[len(b.shapes)-1]
	s.cols, s.rows = s.cols[:0], s.rows[:0]
	for _, c := range b.used {
		if b.cols[c].stamp == b.stamp {
			s.cols = append(s.cols, c)
		}
	}
	sortSlots(s.cols)
}

// memory is what the rows held take, in bytes.
func (b *builder) memory() int {
	n := 8 * pageCells * b.page
	if b.page < len(b.cells) {
		n += 8 * len(b.cells[b.page])
	}
	for _, s := range b.used {
		c := &b.cols[s]
		n += 8 * len(c.list)
		if c.dict != nil {
			n += c.dict.memory()
		}
	}
	return n
}
