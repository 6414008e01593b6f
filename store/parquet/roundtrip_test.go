package parquet

import (
	"context"
	"testing"

	"github.com/tapir-project/tapir/bench/sessions/traffic"
	"github.com/tapir-project/tapir/record"
)

// readAll gives all records of a kind as JSON lines by id, straight from the files.
func readAll(t *testing.T, dir string, kind record.Kind) map[record.ID]string {
	t.Helper()
	files, err := newCatalog(dir+"/records").list(kind, true)
	if err != nil {
		t.Fatal(err)
	}
	out := map[record.ID]string{}
	var enc record.Encoder
	for _, f := range files {
		r := newRowReader(nil)
		var refs []rowRef
		var recs []*record.Record
		for i := range f.rows {
			refs = append(refs, rowRef{f, i})
			recs = append(recs, new(record.Record))
		}
		if err := r.read(context.Background(), refs, recs); err != nil {
			t.Fatal(err)
		}
		r.Close()
		for _, rec := range recs {
			if rec.Start < f.start || rec.Start > f.last || rec.End > f.end {
				t.Fatalf("%s: a record from %d to %d", f.path, rec.Start, rec.End)
			}
			out[rec.ID] = string(enc.Append(nil, rec))
		}
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	w, err := OpenWriter(dir, Options{SealEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	src := traffic.New(traffic.Config{Every: 1e9})
	var enc record.Encoder
	want := [2]map[record.ID]string{{}, {}}
	ingested := record.MustID("event.ingested")
	var b record.Batch
	var tx record.Record
	for range 20_000 {
		r := b.Next()
		src.Session(r)
		r.Values.PutInt(ingested, 1_800_000_000e9)
		want[0][r.ID] = string(enc.Append(nil, r))
		if src.Transaction(r, &tx) {
			tx.Values.PutInt(ingested, 1_800_000_000e9)
			want[1][tx.ID] = string(enc.Append(nil, &tx))
			b.Next().CopyFrom(&tx)
		}
		if b.Len() > 1000 {
			if err := w.Add(&b); err != nil {
				t.Fatal(err)
			}
			b.Reset()
		}
	}
	w.Add(&b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for k := range want {
		got := readAll(t, dir, record.Kind(k))
		if len(got) != len(want[k]) {
			t.Errorf("%d records in place of %d", len(got), len(want[k]))
		}
		for id, w := range want[k] {
			if g := got[id]; g != w {
				t.Fatalf("got  %s\nwant %s", g, w)
			}
		}
	}
}
