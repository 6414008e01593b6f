package parquet

import (
	"slices"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// output reads the records of hits, in blocks, and hands them to the caller of a search.
type output struct {
	a     *asking
	q     *store.Search
	yield func(*record.Record) bool
	rows  *rowReader
	skip  int // hits still to pass over
	left  int // records still to hand out; <0: all
	block int
	recs  []*record.Record
	refs  []rowRef
	whole record.Record
}

// Records read at once: few at first, so that the caller has something to show, then more.
const (
	firstBlock = 64
	maxBlock   = 1024
)

func newOutput(a *asking, q *store.Search, yield func(*record.Record) bool) *output {
	o := &output{a: a, q: q, yield: yield, rows: newRowReader(q.Fields), skip: q.Offset, left: -1, block: firstBlock}
	if q.Limit > 0 {
		o.left = q.Limit
	}
	return o
}

// wanted is how many hits more are of use, 0 for all.
func (o *output) wanted() int {
	if o.left < 0 {
		return 0
	}
	return o.skip + o.left
}

// put hands out the records of hits, in order. It returns errEnough once no more are wanted.
func (o *output) put(hits []hit) error {
	n := min(o.skip, len(hits))
	o.skip -= n
	hits = hits[n:]
	for len(hits) > 0 {
		if o.left == 0 {
			return errEnough
		}
		n := min(o.block, len(hits))
		if o.left > 0 {
			n = min(n, o.left)
		}
		if err := o.putBlock(hits[:n]); err != nil {
			return err
		}
		hits = hits[n:]
		o.block = min(4*o.block, maxBlock)
		if o.left > 0 {
			o.left -= n
		}
	}
	if o.left == 0 {
		return errEnough
	}
	return nil
}

// putBlock reads and hands out a block of records.
func (o *output) putBlock(hits []hit) error {
	hits, err := o.readBlock(hits)
	if err != nil {
		return err
	}
	recs := o.recs
	for i := range hits {
		n := len(hits[i].rows)
		r := recs[0]
		if hits[i].rows[0].file.parts {
			r = &o.whole
			store.Merge(r, recs[:n])
		}
		recs = recs[n:]
		if !o.yield(r) {
			return errEnough
		}
	}
	return nil
}

// readBlock reads the records of hits, but for those in files that have become unreadable; these are left out.
func (o *output) readBlock(hits []hit) ([]hit, error) {
	for {
		o.refs = o.refs[:0]
		for i := range hits {
			o.refs = append(o.refs, hits[i].rows...)
		}
		for len(o.recs) < len(o.refs) {
			o.recs = append(o.recs, new(record.Record))
		}
		err := o.rows.read(o.a.ctx, o.refs, o.recs[:len(o.refs)])
		if err == nil || o.a.ctx.Err() != nil {
			return hits, err
		}
		var good []hit
		if good = o.readable(hits); len(good) == len(hits) {
			return nil, err
		}
		hits = good
	}
}

// readable keeps the hits all of whose rows are in files that can be read.
func (o *output) readable(hits []hit) (good []hit) {
	var files []*recordFile
	for _, r := range o.refs {
		if !slices.Contains(files, r.file) {
			files = append(files, r.file)
		}
	}
	o.a.leaveOut(&files)
	for _, h := range hits {
		if !slices.ContainsFunc(h.rows, func(r rowRef) bool { return !slices.Contains(files, r.file) }) {
			good = append(good, h)
		}
	}
	return good
}
