package parquet

import (
	"context"
	"testing"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// What an answer is made of says by which rates it was sampled: of the files in the time range, before and after they are merged.
func TestSampling(t *testing.T) {
	dir := t.TempDir()
	w, err := OpenWriter(dir, Options{SealEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	addSessions(t, w, 10)
	// a rate of 0 stands for a sample without one: counters, or flows of which all packets count
	for hour, rates := range map[int64][]int64{10: {400, 0, 1000}, 11: {0}, 12: {1, 50}, 13: {1}} {
		var b record.Batch
		for i, rate := range rates {
			r := b.Next()
			r.Kind = record.KindSample
			r.Start = hour*hourNS + int64(i)
			r.End = r.Start
			r.ID = record.NewID(r.Start, uint64(i), 0)
			r.Values.PutString(record.MustID("sflow.type"), "flow")
			if rate > 0 {
				r.Values.PutInt(record.MustID("sflow.sampling_rate"), rate)
			}
		}
		if err := w.Add(&b); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	check := func(kind record.Kind, from, to int64, want store.Sampling) {
		t.Helper()
		if _, err := s.catalog.list(kind, true); err != nil {
			t.Fatal(err)
		}
		cov, err := s.Search(context.Background(), store.Search{Kind: kind, Range: store.Range{From: from * hourNS, To: to * hourNS}}, func(*record.Record) bool { return true })
		if err != nil || cov.Sampled != want {
			t.Errorf("%v from hour %d to %d: sampled %+v, want %+v (%v)", kind, from, to, cov.Sampled, want, err)
		}
	}
	all := func() {
		t.Helper()
		check(record.KindSample, 10, 11, store.Sampling{Least: 400, Most: 1000})
		check(record.KindSample, 11, 12, store.Sampling{})
		check(record.KindSample, 12, 13, store.Sampling{Least: 1, Most: 50})
		check(record.KindSample, 13, 14, store.Sampling{Least: 1, Most: 1})
		check(record.KindSample, 10, 14, store.Sampling{Least: 1, Most: 1000})
		check(record.KindSession, 10, 14, store.Sampling{})
	}
	all()
	for {
		if did, err := w.Compact(context.Background()); err != nil {
			t.Fatal(err)
		} else if !did {
			break
		}
	}
	all()
}
