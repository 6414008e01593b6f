package parquet

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapir-project/tapir/record"
)

// compactParts turns the sessions in parts files that are over, and of which all parts are there, into rows of whole
// files, and gathers the rows of the others in fewer files.
func (w *Writer) compactParts(ctx context.Context, files []*recordFile) (did bool, err error) {
	if len(files) == 0 || len(files) < mergeFiles && w.opt.Now().Sub(w.partsMerged) < partsEvery {
		return false, nil
	}
	heads, err := headsOf(ctx, files)
	if err != nil {
		return false, err
	}
	w.partsMerged = w.opt.Now()
	files, whole, rest := w.sortParts(files, heads)
	if len(whole) == 0 && len(files) < mergeFiles {
		return false, nil
	}
	m, err := w.beginMerge(record.KindSession, files)
	if err != nil {
		return false, err
	}
	for _, set := range []struct {
		rows  []row
		parts bool
	}{{whole, false}, {rest, true}} {
		for _, hour := range byHour(set.rows) {
			if err := m.write(ctx, hourOf(hour[0].start), set.parts, hour); err != nil {
				return false, m.abort(err)
			}
		}
	}
	return true, m.commit()
}

// sortParts separates the sessions that are over from the rest. Large files of which little is over are left alone, and
// with them the sessions that have rows there.
func (w *Writer) sortParts(files []*recordFile, heads []head) (use []*recordFile, whole, rest []row) {
	slices.SortStableFunc(heads, func(a, b head) int {
		return cmp.Or(cmpString(string(a.id[:]), string(b.id[:])), int(a.part)-int(b.part))
	})
	newest := int64(-1 << 63)
	over := map[*recordFile]int64{} // rows of sessions that are over
	for i := range heads {
		newest = max(newest, heads[i].end)
	}
	sessions := slices.Collect(sessionsOf(heads))
	for _, s := range sessions {
		if complete(s, newest) {
			for i := range s {
				over[s[i].ref.file]++
			}
		}
	}
	used := map[*recordFile]bool{}
	for _, f := range files {
		if f.rows < smallRows/4 || 4*over[f] > f.rows {
			used[f] = true
			use = append(use, f)
		}
	}
	for _, s := range sessions {
		in := slices.DeleteFunc(slices.Clone(s), func(h head) bool { return !used[h.ref.file] })
		if len(in) == len(s) && complete(s, newest) {
			r := row{start: s[0].start, ref: s[0].ref}
			for i := range s[1:] {
				r.start = min(r.start, s[i+1].start)
				r.more = append(r.more, s[i+1].ref)
			}
			whole = append(whole, r)
			continue
		}
		for i := range in {
			rest = append(rest, row{start: in[i].start, ref: in[i].ref})
		}
	}
	return use, whole, rest
}

// sessionsOf goes over runs of heads with one id.
func sessionsOf(heads []head) func(yield func([]head) bool) {
	return func(yield func([]head) bool) {
		for i := 0; i < len(heads); {
			j := i + 1
			for j < len(heads) && heads[j].id == heads[i].id {
				j++
			}
			if !yield(heads[i:j]) {
				return
			}
			i = j
		}
	}
}

// complete says whether the parts of a session are all of it: numbered from 0 without a gap, the last one final. A
// session that has ended no part for settleAfter gets no more.
func complete(parts []head, newest int64) bool {
	end, final := int64(-1<<63), false
	for i := range parts {
		if parts[i].part != uint32(i) {
			return false
		}
		end, final = max(end, parts[i].end), final || parts[i].final
	}
	return final || newest-end > settleAfter
}

// byHour cuts rows into those of each hour, by start.
func byHour(rows []row) (out [][]row) {
	sortRows(rows)
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && hourOf(rows[j].start) == hourOf(rows[i].start) {
			j++
		}
		out = append(out, rows[i:j])
		i = j
	}
	return out
}
