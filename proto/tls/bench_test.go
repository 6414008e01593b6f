package tls

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// A bulk transfer in segments of 1448 bytes.
func BenchmarkApplicationData(b *testing.B) {
	x := newTape(proto.TCP, Protocol).play(segments(b, "resume", 4424, 0)[:4])
	stream := bytes.Repeat(rec(typeApplicationData, strings.Repeat("x", 16384)), 64)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		bulk(x.Flow, stream)
	}
}

// A whole TLS 1.2 handshake: two hellos with fingerprints, a certificate, the values of session and transaction.
func BenchmarkHandshake(b *testing.B) {
	for _, c := range []struct {
		name string
		file string
		port uint16
	}{{"1.2", "tls12", 4402}, {"1.2 chain and client certificate", "tls12", 4401}, {"1.3", "tls13", 4411}} {
		b.Run(c.name, func(b *testing.B) {
			segs := segments(b, c.file, c.port, 0)
			set := proto.NewSet([]*proto.Protocol{Protocol})
			n := 0
			env := &proto.Env{Protocols: set, Emit: func(*proto.Flow, *proto.Transaction) { n++ }}
			var values record.Values
			x := &tape{Flow: &proto.Flow{Env: env}}
			b.ReportAllocs()
			for b.Loop() {
				x.Reset()
				values.Reset()
				x.Transport, x.Set = proto.TCP, &values
				x.play(segs).close()
			}
			if n != b.N {
				b.Errorf("%d transactions, want %d", n, b.N)
			}
		})
	}
}
