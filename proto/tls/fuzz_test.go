package tls

import (
	"testing"

	"github.com/tapir-project/tapir/proto"
)

// FuzzParse plays any bytes, in pieces and with gaps, as both directions of a connection. The lengths of the pieces
// come from the input too.
func FuzzParse(f *testing.F) {
	for _, c := range []struct {
		file string
		port uint16
	}{{"tls12", 4401}, {"tls12", 4403}, {"tls13", 4411}, {"tls13", 4412}, {"resume", 4421}, {"resume", 4423}, {"failures", 4431}, {"failures", 4433}} {
		var both [2][]byte
		for _, s := range segments(f, c.file, c.port, 0) {
			both[s.dir] = append(both[s.dir], s.data...)
		}
		f.Add(both[0], both[1], uint32(0x01020304))
	}
	for _, c := range beatCases {
		var both [2][]byte
		for _, t := range c.turns {
			both[t.dir] = append(both[t.dir], t.data...)
		}
		f.Add(both[0], both[1], uint32(7))
	}
	f.Add(v2hello, rec(typeHandshake, msg(msgServerHello, smallServer)), uint32(0))
	f.Fuzz(func(t *testing.T, client, server []byte, how uint32) {
		x := newTape(proto.TCP, Protocol)
		rest := [2][]byte{client, server}
		for now := int64(1); len(rest[0])+len(rest[1]) > 0; now++ {
			how = how*1664525 + 1013904223
			dir := proto.Dir(how >> 31)
			n := min(int(how>>16&0x7ff)+1, len(rest[dir]))
			if how&0xf00 == 0 {
				x.Gap(dir, n, now)
			} else {
				x.Data(dir, rest[dir][:n], now)
			}
			rest[dir] = rest[dir][n:]
		}
		x.close()
		if x.Env.Panics > 0 {
			t.Fatal(x.Env.LastPanic)
		}
	})
}

func FuzzDTLS(f *testing.F) {
	for _, port := range []uint16{4441, 4442} {
		var all []byte
		for _, s := range segments(f, "dtls", port, 0) {
			all = append(append(all, byte(s.dir), byte(len(s.data)>>8), byte(len(s.data))), s.data...)
		}
		f.Add(all)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := newTape(proto.UDP, DTLS)
		for now := int64(1); len(b) > 3; now++ {
			n := min(int(b[1])<<8|int(b[2]), len(b)-3)
			x.Data(proto.Dir(b[0]&1), b[3:3+n], now)
			b = b[3+n:]
		}
		x.close()
		if x.Env.Panics > 0 {
			t.Fatal(x.Env.LastPanic)
		}
	})
}
