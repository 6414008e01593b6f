package parquet

import (
	"context"
	"slices"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// Get fetches the record with that id, its parts merged. An id tells when its record started, so the files of that
// moment are asked first.
func (s *Store) Get(ctx context.Context, kind record.Kind, id record.ID) (*record.Record, error) {
	a, err := s.ask(ctx, kind, store.Range{}, store.Last, nil)
	if err != nil {
		return nil, err
	}
	refs, err := a.find(id)
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, store.ErrNotFound
	}
	recs := make([]*record.Record, len(refs))
	for i := range recs {
		recs[i] = new(record.Record)
	}
	rows := newRowReader(nil)
	defer rows.Close()
	if err := rows.read(ctx, refs, recs); err != nil {
		return nil, err
	}
	if !refs[0].file.parts {
		return recs[0], nil
	}
	out := new(record.Record)
	store.Merge(out, recs)
	return out, nil
}

// find tells where the rows of an id stand.
func (a *asking) find(id record.ID) ([]rowRef, error) {
	near, far := byMillis(a.whole, id.Millis())
	for _, files := range [][]*recordFile{near, a.parts, far} {
		if refs, err := a.rowsOf(files, id); err != nil || len(refs) > 0 {
			return refs, err
		}
	}
	return nil, nil
}

// byMillis separates the files that may hold a record that starts in that millisecond.
func byMillis(files []*recordFile, ms int64) (near, far []*recordFile) {
	for _, f := range files {
		if f.start/1e6 <= ms+1 && ms-1 <= f.last/1e6 {
			near = append(near, f)
		} else {
			far = append(far, f)
		}
	}
	return near, far
}

func (a *asking) rowsOf(files []*recordFile, id record.ID) (out []rowRef, err error) {
	files = slices.Clone(files)
	err = a.run(&files, func(files []*recordFile) string {
		return "SELECT file_index::BIGINT, file_row_number FROM " + scan(files, []slot{slotID}) + ` WHERE "event.id" = ` + quoteUUID(id)
	}, func() { out = out[:0] }, func(r scanner) error {
		var file, row int64
		if err := r.Scan(&file, &row); err != nil {
			return err
		}
		out = append(out, rowRef{files[file], row})
		return nil
	})
	return out, err
}
