package parquet

import (
	"io"
	"testing"

	"github.com/tapir-project/tapir/bench/sessions/traffic"
	"github.com/tapir-project/tapir/record"
)

func BenchmarkAdd(b *testing.B) {
	for _, what := range []string{"make", "add", "add+seal"} {
		b.Run(what, func(b *testing.B) {
			src := traffic.New(traffic.Config{})
			bu, e := newBuilder(), newEncoder()
			var r record.Record
			for b.Loop() {
				src.Session(&r)
				if what == "make" {
					continue
				}
				bu.add(&r, 1, nil)
				if bu.rows == maxRows {
					if what == "add+seal" {
						e.begin(io.Discard, schemaOf(bu))
						e.write(bu)
						e.finish(nil)
					}
					bu.reset()
				}
			}
		})
	}
}
