package api

import (
	"context"
	"net/http"
	"testing"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// replay is a store whose search gives the same records over and over.
type replay struct {
	memStore
	recs []*record.Record
	n    int
}

func (s *replay) Search(_ context.Context, _ store.Search, yield func(*record.Record) bool) (store.Coverage, error) {
	for i := range s.n {
		if !yield(s.recs[i%len(s.recs)]) {
			break
		}
	}
	return store.Coverage{}, nil
}

// BenchmarkSearch is a search of many sessions of real captures, from the store's record to the client's bytes; ns/op and
// allocs/op are for one record.
func BenchmarkSearch(b *testing.B) {
	x := play(b, capture(b, "nginx", "apache", "dns", "tls", "icmp", "mariadb", "redis")...)
	c := serve(b, x)
	st := &replay{recs: x.records.whole(record.KindSession)}
	c.srv.Store = st
	for _, m := range []struct{ name, query, encoding string }{
		{"json", "limit=0", ""}, {"json-gzip", "limit=0", "gzip"}, {"ndjson", "format=ndjson&limit=0", ""}, {"csv", "format=csv", ""},
	} {
		b.Run(m.name, func(b *testing.B) {
			req, _ := http.NewRequest("GET", "/api/search?"+m.query, nil)
			req.Header.Set("Authorization", "Bearer "+testToken)
			req.Header.Set("Accept-Encoding", m.encoding)
			st.n = b.N
			out := &sink{h: http.Header{}}
			b.ReportAllocs()
			b.ResetTimer()
			c.srv.ServeHTTP(out, req)
			b.ReportMetric(float64(out.n)/float64(b.N), "B/record")
		})
	}
}

// BenchmarkPackets is a page of decoded packets with tree and bytes; ns/op is for one packet.
func BenchmarkPackets(b *testing.B) {
	x := play(b, capture(b, "nginx")...)
	c := serve(b, x)
	id := x.first(b, c, "protocols == http && packets > 5").ID
	c.srv.Packets = &flood{x.packets.of(id)[3], maxPackets}
	req, _ := http.NewRequest("GET", "/api/sessions/"+id.String()+"/packets?limit=2000", nil)
	req.Header.Set("Authorization", "Bearer "+testToken)
	b.ReportAllocs()
	for i := 0; i < b.N; i += maxPackets {
		c.srv.ServeHTTP(&sink{h: http.Header{}}, req)
	}
}

// BenchmarkExport is a capture file of packets of 1428 bytes; ns/op is for one packet.
func BenchmarkExport(b *testing.B) {
	c := serve(b, play(b, udpFrame(1e18, 1, 10)))
	c.srv.Packets = &flood{udpFrame(1e18, 1, 1400), b.N}
	req, _ := http.NewRequest("GET", "/api/export", nil)
	req.Header.Set("Authorization", "Bearer "+testToken)
	b.SetBytes(1444)
	b.ReportAllocs()
	b.ResetTimer()
	c.srv.ServeHTTP(&sink{h: http.Header{}}, req)
}
