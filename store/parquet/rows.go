package parquet

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/record"
)

// rowRef names a row: where its record is read from.
type rowRef struct {
	file *recordFile
	row  int64
}

// rowReader makes records of rows. It keeps the row groups it used last, with the pages it decoded, so that rows that
// stand near each other cost little. Row groups are read side by side. It is not safe for concurrent use; close it.
type rowReader struct {
	want   []bool // by slot: columns to read; nil: all
	fields []bool // by field: what records are to hold; nil: all
	extra  bool   // columns are read that records are not to hold

	mu     sync.Mutex // guards what follows
	groups []*openGroup
	tick   int
}

// openGroup is a row group being read.
type openGroup struct {
	file   *recordFile
	group  int
	f      *os.File
	chunks []*chunk
	used   int // tick of the last use
	busy   bool
	spare  record.Values
}

const maxOpenGroups = 6

// newRowReader reads the given fields, or all if there are none.
func newRowReader(fields []record.FieldID) *rowReader {
	r := &rowReader{}
	if fields == nil {
		return r
	}
	r.want, r.fields = make([]bool, numSlots), make([]bool, record.NumFields())
	for _, s := range []slot{slotStart, slotEnd, slotID, slotSession, slotPart, slotFinal} {
		r.want[s] = true
	}
	for _, f := range fields {
		r.fields[f] = true
		for _, s := range sourcesOf(f) {
			r.want[s] = true
		}
	}
	for s := slot(0); s < slotDerived; s++ {
		r.extra = r.extra || r.want[s] && !r.fields[s/2]
	}
	return r
}

// Close gives the files back.
func (r *rowReader) Close() {
	for _, g := range r.groups {
		g.f.Close()
	}
	r.groups = nil
}

// span is a run of rows in one row group.
type span struct {
	file  *recordFile
	group int
	first int64 // number of the group's first row
	order []int // places of the rows in refs, by row
}

// read fills recs with the records of refs, in that order.
func (r *rowReader) read(ctx context.Context, refs []rowRef, recs []*record.Record) error {
	spans, err := spansOf(refs)
	if err != nil {
		return err
	}
	work := make(chan *span)
	failed := make(chan error, runtime.NumCPU())
	n := min(runtime.NumCPU(), len(spans))
	for range n {
		go func() {
			var err error
			for s := range work {
				if err == nil {
					err = r.readSpan(ctx, s, refs, recs)
				}
			}
			failed <- err
		}()
	}
	for i := range spans {
		if ctx.Err() != nil {
			break
		}
		work <- &spans[i]
	}
	close(work)
	err = ctx.Err()
	for range n {
		if e := <-failed; err == nil {
			err = e
		}
	}
	return err
}

// spansOf orders rows by where they stand.
func spansOf(refs []rowRef) (out []span, err error) {
	order := make([]int, len(refs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if refs[a].file != refs[b].file {
			return cmpString(refs[a].file.path, refs[b].file.path)
		}
		return cmpInt(refs[a].row, refs[b].row)
	})
	for i := 0; i < len(order); {
		file := refs[order[i]].file
		foot, err := file.meta()
		if err != nil {
			return nil, err
		}
		group, err := foot.groupOf(refs[order[i]].row)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.path, err)
		}
		j := i + 1
		for j < len(order) && refs[order[j]].file == file && refs[order[j]].row < foot.first[group+1] {
			j++
		}
		out = append(out, span{file, group, foot.first[group], order[i:j]})
		i = j
	}
	return out, nil
}

func cmpString(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// readSpan reads the rows of one row group. When ctx ends it stops at the next column: hundreds of them take a while, and
// who asks anew waits for the core.
func (r *rowReader) readSpan(ctx context.Context, s *span, refs []rowRef, recs []*record.Record) error {
	g, err := r.open(s)
	if err != nil {
		return err
	}
	defer r.release(g)
	for _, i := range s.order {
		recs[i].Reset()
		recs[i].Kind, recs[i].Final = s.file.kind, true
	}
	for _, c := range g.chunks {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.column(c, refs, recs, s); err != nil {
			return fmt.Errorf("%s: %w", s.file.path, err)
		}
	}
	for _, i := range s.order {
		if recs[i].Kind == record.KindSession {
			recs[i].Session = recs[i].ID
		}
		if r.extra {
			r.narrow(&recs[i].Values, &g.spare)
		}
	}
	return nil
}

// narrow leaves out of v what was read for the sake of other fields only.
func (r *rowReader) narrow(v, spare *record.Values) {
	spare.Reset()
	for i := range v.Len() {
		if x := v.At(i); r.fields[x.Field()] {
			putValue(spare, x)
		}
	}
	*v, *spare = *spare, *v
}

// putValue appends a copy of x to v.
func putValue(v *record.Values, x record.Value) {
	switch f := x.Field(); record.FieldByID(f).Type {
	case record.TypeTerm, record.TypeText:
		v.PutText(f, x.Text())
	case record.TypeIP:
		v.PutAddr(f, x.Addr())
	default:
		v.PutInt(f, x.Int())
	}
}

// open finds or opens a span's row group. It is the caller's until released.
func (r *rowReader) open(s *span) (*openGroup, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tick++
	oldest := -1
	for i, g := range r.groups {
		if g.file == s.file && g.group == s.group {
			g.used, g.busy = r.tick, true
			return g, nil
		}
		if !g.busy && (oldest < 0 || g.used < r.groups[oldest].used) {
			oldest = i
		}
	}
	g, err := r.openNew(s)
	if err != nil {
		return nil, err
	}
	if len(r.groups) < maxOpenGroups || oldest < 0 {
		r.groups = append(r.groups, g)
	} else {
		r.groups[oldest].f.Close()
		r.groups[oldest] = g
	}
	return g, nil
}

func (r *rowReader) openNew(s *span) (*openGroup, error) {
	foot, err := s.file.meta()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(s.file.path)
	if err != nil {
		return nil, err
	}
	g := &openGroup{file: s.file, group: s.group, f: f, used: r.tick, busy: true}
	for _, m := range foot.groups[s.group].chunks {
		if r.want == nil || r.want[m.slot] {
			g.chunks = append(g.chunks, &chunk{meta: m, phys: specs[m.slot].phys, r: f, off: m.off})
		}
	}
	return g, nil
}

func (r *rowReader) release(g *openGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.busy = false
}

// column adds one column's values to the records.
func (r *rowReader) column(c *chunk, refs []rowRef, recs []*record.Record, s *span) error {
	var p *page
	for _, i := range s.order {
		row := int(refs[i].row - s.first)
		if p == nil || row >= p.first+p.rows {
			var err error
			if p, err = c.find(row); err != nil {
				return err
			}
		}
		from, to := p.span(row)
		for k := from; k < to; k++ {
			r.set(recs[i], c, p, k)
		}
	}
	return nil
}

// set adds the k-th value of a page to a record.
func (r *rowReader) set(rec *record.Record, c *chunk, p *page, k int) {
	s := c.meta.slot
	switch s {
	case slotStart:
		rec.Start = p.num(k)
	case slotEnd:
		rec.End = p.num(k)
	case slotID:
		rec.ID = record.ID(p.bytes(k))
	case slotSession:
		rec.Session = record.ID(p.bytes(k))
	case slotPart:
		rec.Part = uint32(p.num(k))
	case slotFinal:
		rec.Final = p.num(k) != 0
	case slotCommunity:
	case slotDerived:
		r.underive(rec, p.num(k))
	default:
		f := record.FieldID(s / 2)
		switch c.phys {
		case physText:
			rec.Values.PutText(f, p.bytes(k))
		case physAddr:
			rec.Values.PutAddr(f, record.Addr(p.bytes(k)))
		default:
			rec.Values.PutInt(f, p.num(k))
		}
	}
}

// underive adds the fields that follow from others. The column ~derived stands behind all that they follow from.
func (r *rowReader) underive(rec *record.Record, bits int64) {
	v := &rec.Values
	for i := range derivedRules {
		d := &derivedRules[i]
		if bits&d.bit == 0 || r.fields != nil && !r.fields[d.field] {
			continue
		}
		if d.span != 0 {
			v.PutInt(d.field, (rec.End-rec.Start)/d.span)
			continue
		}
		x, ok1 := v.First(d.a)
		y, ok2 := v.First(d.b)
		if ok1 && ok2 {
			v.PutInt(d.field, x.Int()+y.Int())
		}
	}
	if bits&communityBit != 0 && (r.fields == nil || r.fields[fCommunity]) {
		var buf [32]byte
		if text, ok := appendCommunity(buf[:0], v); ok {
			v.PutText(fCommunity, text)
		}
	}
}

// appendCommunity computes the Community ID of a record from its ends; ok is false if it has none.
func appendCommunity(dst []byte, v *record.Values) (out []byte, ok bool) {
	num := func(f record.FieldID) int64 {
		if x, ok := v.First(f); ok {
			return x.Int()
		}
		return 0
	}
	a, ok1 := v.First(fSrcIP)
	b, ok2 := v.First(fDstIP)
	if !ok1 || !ok2 {
		return dst, false
	}
	proto := num(fProto)
	sport, dport := num(fSrcPort), num(fDstPort)
	if proto == protoICMP || proto == protoICMPv6 {
		sport, dport = num(fICMPType), num(fICMPCode)
	}
	return communityid.Append(dst, a.Addr(), b.Addr(), uint16(sport), uint16(dport), uint8(proto)), true
}
