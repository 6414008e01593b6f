package parquet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/tapir-project/tapir/record"
)

// When and what to merge. Files of one hour and about one size are merged, so that a row is rewritten a few times in
// all: sealed files of a few thousand rows into ones of some 100k, these into ones of about maxMergedRows.
const (
	mergeFiles    = 8       // so many small files are worth merging
	smallRows     = 1 << 16 // tiers: below this, below eight times this, and those that are left alone
	maxMergedRows = 1 << 19
	quietAfter    = 10 * time.Minute // an hour folder without new files for so long is merged for good
	// partsEvery is how often parts files are merged at least while sessions in them end.
	partsEvery = time.Minute
	// settleAfter is how long after its last part a session without an end counts as over (the recorder died).
	settleAfter = int64(24 * time.Hour)
)

// RunCompaction merges files in the background until ctx ends. Its errors are reported; files that could not be merged
// stay as they are.
func (w *Writer) RunCompaction(ctx context.Context, report func(error)) {
	t := time.NewTicker(5 * time.Second)
	defer t.Stop()
	for {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = w.Compact(ctx); err != nil && ctx.Err() == nil {
				report(err)
				more = false
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Compact makes one step: it merges one set of files, or removes files that were merged before and that nobody reads any
// more. It says whether it found something to do. Readers see either the old files or the new ones.
func (w *Writer) Compact(ctx context.Context) (did bool, err error) {
	w.maintain.Lock()
	defer w.maintain.Unlock()
	if err := w.endMerges(w.opt.MergeGrace); err != nil {
		return false, err
	}
	c := newCatalog(w.records())
	for k := range record.Kinds {
		files, err := c.list(record.Kind(k), k == 0)
		if err != nil {
			return false, err
		}
		whole, parts := split(files)
		if did, err := w.compactParts(ctx, parts); did || err != nil {
			return did, err
		}
		if set := w.pick(whole); set != nil {
			return true, w.mergeWhole(ctx, set)
		}
	}
	return false, nil
}

// pick chooses whole files to merge, nil for none: of one hour and size, the oldest hour and the smallest first.
func (w *Writer) pick(files []*recordFile) []*recordFile {
	type tier struct {
		hour int64
		n    int
	}
	sets := map[tier][]*recordFile{}
	for _, f := range files {
		switch {
		case f.rows < smallRows:
			sets[tier{f.hour, 0}] = append(sets[tier{f.hour, 0}], f)
		case f.rows < maxMergedRows:
			sets[tier{f.hour, 1}] = append(sets[tier{f.hour, 1}], f)
		}
	}
	for t, set := range sets {
		if t.n == 0 && w.quiet(set) { // in an hour that is over, the small ones join the others
			sets[t] = append(set, sets[tier{t.hour, 1}]...)
		}
	}
	tiers := slices.SortedFunc(maps.Keys(sets), func(a, b tier) int { return cmp.Or(cmpInt(a.hour, b.hour), a.n-b.n) })
	for _, t := range tiers {
		if set := limitRows(sets[t]); worthMerging(set, w.quiet(sets[t])) {
			return set
		}
	}
	return nil
}

// limitRows keeps of a set what makes one file, by time.
func limitRows(set []*recordFile) []*recordFile {
	slices.SortFunc(set, func(a, b *recordFile) int { return cmp.Or(cmpInt(a.start, b.start), cmp.Compare(a.path, b.path)) })
	rows := int64(0)
	for i, f := range set {
		if rows += f.rows; rows > maxMergedRows {
			return set[:i]
		}
	}
	return set
}

func worthMerging(set []*recordFile, quiet bool) bool {
	rows := int64(0)
	for _, f := range set {
		rows += f.rows
	}
	return len(set) >= mergeFiles || len(set) > 1 && (quiet || 4*rows >= 3*maxMergedRows)
}

// quiet says whether no file of the set is new.
func (w *Writer) quiet(set []*recordFile) bool {
	now := w.opt.Now()
	for _, f := range set {
		if now.Sub(f.changed) < quietAfter {
			return false
		}
	}
	return true
}

// mergeWhole writes the rows of whole files of one hour into one file.
func (w *Writer) mergeWhole(ctx context.Context, files []*recordFile) error {
	rows, err := startsOf(ctx, files)
	if err != nil {
		return err
	}
	m, err := w.beginMerge(files[0].kind, files)
	if err != nil {
		return err
	}
	if err := m.write(ctx, files[0].hour, false, rows); err != nil {
		return m.abort(err)
	}
	return m.commit()
}

// row is a row to be written anew, or several that become one.
type row struct {
	start int64
	ref   rowRef
	more  []rowRef
}

// startsOf lists the rows of files by start.
func startsOf(ctx context.Context, files []*recordFile) (out []row, err error) {
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if out, err = f.starts(out); err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
	}
	sortRows(out)
	return out, nil
}

// starts appends the file's rows.
func (f *recordFile) starts(out []row) ([]row, error) {
	foot, err := f.meta()
	if err != nil {
		return nil, err
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for i := range foot.groups {
		g := &foot.groups[i]
		c := &chunk{phys: physTime, r: r}
		if k := slices.IndexFunc(g.chunks, func(m chunkMeta) bool { return m.slot == slotStart }); k >= 0 {
			c.meta, c.off = g.chunks[k], g.chunks[k].off
		}
		for n := 0; n < g.rows; {
			p, err := c.find(n)
			if err != nil {
				return nil, err
			}
			for ; n < p.first+p.rows; n++ {
				k, _ := p.span(n)
				out = append(out, row{start: p.num(k), ref: rowRef{f, foot.first[i] + int64(n)}})
			}
		}
	}
	return out, nil
}

func sortRows(rows []row) {
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmpInt(a.start, b.start), cmpString(a.ref.file.path, b.ref.file.path), cmpInt(a.ref.row, b.ref.row))
	})
}

// head is what merging must know of a row.
type head struct {
	ref        rowRef
	start, end int64
	id         record.ID
	part       uint32
	final      bool
}

// headsOf reads the heads of all rows.
func headsOf(ctx context.Context, files []*recordFile) (out []head, err error) {
	rows := newRowReader([]record.FieldID{})
	defer rows.Close()
	for _, f := range files {
		n := int64(0)
		err := f.each(ctx, rows, func(r *record.Record) bool {
			out = append(out, head{rowRef{f, n}, r.Start, r.End, r.ID, r.Part, r.Final})
			n++
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
