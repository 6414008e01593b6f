package cli

import (
	"io"
	"testing"
	"time"

	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/bench/sflow/datagrams"
)

// One operation is one datagram: 2.1 samples of a switch, 2.6 of a web server.
func BenchmarkTypedRecords(b *testing.B) {
	for _, kind := range []string{datagrams.Switch, datagrams.HTTP} {
		b.Run(kind, func(b *testing.B) {
			emit, _ := typedRecords(Stdio{Out: io.Discard, Err: io.Discard})
			m, _ := datagrams.New(kind, 4)
			var all [][]byte
			for range 1000 {
				_, d := m.Next()
				all = append(all, append([]byte(nil), d...))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := emit(&app.Datagram{Payload: all[i%1000], Captured: time.Unix(1e9, 0)}, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
