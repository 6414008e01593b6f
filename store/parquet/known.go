package parquet

import (
	"context"
	"errors"
	"io/fs"

	"github.com/tapir-project/tapir/record"
)

// Known is what of the records of some time is stored already. A replay of packets after a crash asks it.
type Known struct {
	parts map[part]bool      // of sessions: is it the last?
	whole map[record.ID]bool // sessions whose last part is stored
	other map[record.ID]bool // transactions
}

type part struct {
	id record.ID
	n  uint32
}

// Whole says whether a session is stored to its end.
func (k *Known) Whole(id record.ID) bool { return k.whole[id] }

// Part says whether a part of a session is stored that is not its last.
func (k *Known) Part(id record.ID, n uint32) bool {
	last, ok := k.parts[part{id, n}]
	return ok && !last
}

// Has says whether a record is stored.
func (k *Known) Has(r *record.Record) bool {
	if r.Kind != record.KindSession {
		return k.other[r.ID]
	}
	_, ok := k.parts[part{r.ID, r.Part}]
	return ok || k.whole[r.ID]
}

// Known reads the ids of all sessions and transactions that end at from (ns) or later.
func (w *Writer) Known(ctx context.Context, from int64) (*Known, error) {
	k := &Known{parts: map[part]bool{}, whole: map[record.ID]bool{}, other: map[record.ID]bool{}}
	c := newCatalog(w.records())
	rows := newRowReader([]record.FieldID{})
	defer rows.Close()
	for _, kind := range []record.Kind{record.KindSession, record.KindTransaction} {
		files, err := c.list(kind, true)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.end < from {
				continue
			}
			if err := k.read(ctx, rows, f); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	return k, nil
}

func (k *Known) read(ctx context.Context, rows *rowReader, f *recordFile) error {
	return f.each(ctx, rows, func(r *record.Record) bool {
		if f.kind != record.KindSession {
			k.other[r.ID] = true
			return true
		}
		k.parts[part{r.ID, r.Part}] = r.Final
		if r.Final {
			k.whole[r.ID] = true
		}
		return true
	})
}

// each calls yield for every row of f, in order, until it returns false. The record is borrowed until yield returns.
func (f *recordFile) each(ctx context.Context, rows *rowReader, yield func(*record.Record) bool) error {
	refs, recs := make([]rowRef, 0, maxBlock), make([]*record.Record, maxBlock)
	for i := range recs {
		recs[i] = new(record.Record)
	}
	for from := int64(0); from < f.rows; from += maxBlock {
		refs = refs[:0]
		for i := from; i < min(f.rows, from+maxBlock); i++ {
			refs = append(refs, rowRef{f, i})
		}
		if err := rows.read(ctx, refs, recs[:len(refs)]); err != nil {
			return err
		}
		for _, r := range recs[:len(refs)] {
			if !yield(r) {
				return nil
			}
		}
	}
	return nil
}
