// Package storetest is what every store must pass: Run puts questions to a store, and compares its answers with those
// that query.Matches and plain loops give on the same records. So two stores that pass it give the same answers.
//
// Records are made up at random, from a fixed seed: all kinds and types of fields, sets, sessions in parts, hostile
// text, times in several hours. They reach the store in batches of several workers, in pieces, so that they lie in
// many files. Text is compared as UTF-8 with U+FFFD for each byte that is none: that is how stores keep it.
package storetest

import (
	"context"
	"testing"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// Target is an empty store and the way into it.
type Target struct {
	Sink  record.Sink
	Flush func() error // makes what Sink was given visible to Store
	Store store.Store
}

// Run runs the suite. open makes an empty store, which is torn down with its test.
func Run(t *testing.T, open func(t *testing.T) Target) {
	t.Run("Empty", func(t *testing.T) { testEmpty(t, open(t)) })
	t.Run("Random", func(t *testing.T) { testRandom(t, open(t)) })
	t.Run("Matchers", func(t *testing.T) { testMatchers(t, open(t)) })
	t.Run("Hostile", func(t *testing.T) { testHostile(t, open(t)) })
	t.Run("Parts", func(t *testing.T) { testParts(t, open(t)) })
	t.Run("Aggregates", func(t *testing.T) { testAggregates(t, open(t)) })
	t.Run("Cancel", func(t *testing.T) { testCancel(t, open(t)) })
	t.Run("Concurrent", func(t *testing.T) { testConcurrent(t, open(t)) })
}

// feed gives records to the sink, in batches of several workers, and makes them visible every now and then.
func (x Target) feed(t *testing.T, recs []*record.Record) {
	t.Helper()
	const perBatch, perFlush = 50, 700
	var b record.Batch
	for i, r := range recs {
		b.Next().CopyFrom(r)
		if b.Len() == perBatch || i == len(recs)-1 {
			b.Worker = i / perBatch % 2
			if err := x.Sink.Add(&b); err != nil {
				t.Fatal(err)
			}
			b.Reset()
		}
		if i%perFlush == perFlush-1 || i == len(recs)-1 {
			if err := x.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// search gives what a search finds, as copies.
func (x Target) search(t *testing.T, q store.Search) []*record.Record {
	t.Helper()
	var out []*record.Record
	cov, err := x.Store.Search(context.Background(), q, func(r *record.Record) bool {
		c := new(record.Record)
		c.CopyFrom(r)
		out = append(out, c)
		return true
	})
	if err != nil {
		t.Fatalf("%s: %v", describe(&q), err)
	}
	if cov.Partial {
		t.Fatalf("%s: an answer with gaps: %v", describe(&q), cov.Problems)
	}
	return out
}

func testEmpty(t *testing.T, x Target) {
	if got := x.search(t, store.Search{}); len(got) != 0 {
		t.Errorf("%d records in an empty store", len(got))
	}
	if _, err := x.Store.Get(context.Background(), record.KindSession, record.ID{1}); err != store.ErrNotFound {
		t.Errorf("Get in an empty store: %v", err)
	}
	st, err := x.Store.Status(context.Background())
	if err != nil || len(st.Kinds) != 0 {
		t.Errorf("status of an empty store: %v %v", st, err)
	}
	checkTable(t, x, nil, store.Aggregate{Metrics: everyMetric()})
	checkTable(t, x, nil, store.Aggregate{Metrics: everyMetric(), By: []*record.Field{field("source.ip")}})
}
