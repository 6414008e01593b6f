package parquet

import (
	"io"
	"testing"

	"github.com/tapir-project/tapir/bench/sessions/traffic"
	"github.com/tapir-project/tapir/record"
)

// BenchmarkWrite shows what a record costs: made only, added, and added and sealed. The differences count.
func BenchmarkWrite(b *testing.B) {
	for _, kind := range []string{"session", "transaction"} {
		for _, what := range []string{"made", "added", "sealed"} {
			b.Run(kind+"/"+what, func(b *testing.B) { benchWrite(b, kind == "transaction", what) })
		}
	}
}

func benchWrite(b *testing.B, transactions bool, what string) {
	src := traffic.New(traffic.Config{})
	bu, e := newBuilder(), newEncoder()
	var s, tx record.Record
	bytes, rows := int64(0), 0
	for b.Loop() {
		r := &s
		src.Session(r)
		if transactions {
			for r = &tx; !src.Transaction(&s, r); {
				src.Session(&s)
			}
		}
		if what == "made" {
			continue
		}
		if bu.add(r, 1, nil); bu.rows < maxRows {
			continue
		}
		if what == "sealed" {
			e.begin(io.Discard, schemaOf(bu))
			if err := e.write(bu); err != nil {
				b.Fatal(err)
			}
			n, err := e.finish(nil)
			if err != nil {
				b.Fatal(err)
			}
			bytes, rows = bytes+n, rows+bu.rows
		}
		bu.reset()
	}
	if rows > 0 {
		b.ReportMetric(float64(bytes)/float64(rows), "B/record")
	}
}

// Once a builder has seen a kind of traffic, adding a record allocates nothing.
func TestAddDoesNotAllocate(t *testing.T) {
	src := traffic.New(traffic.Config{})
	b := newBuilder()
	recs := make([]record.Record, 2000)
	for i := range recs {
		src.Session(&recs[i])
	}
	fill := func() {
		b.reset()
		for i := range recs {
			b.add(&recs[i], 1, nil)
		}
	}
	fill()
	if n := testing.AllocsPerRun(5, fill); n > 0 {
		t.Errorf("adding %d records allocates %v times", len(recs), n)
	}
}
