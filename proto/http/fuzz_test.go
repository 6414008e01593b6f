package http

import (
	"testing"

	"github.com/tapir-project/tapir/proto"
)

// FuzzParse feeds arbitrary streams, as a whole and cut into pieces, with and without a loss. It must not panic, and
// what comes out may not depend on the cuts (I2).
func FuzzParse(f *testing.F) {
	for _, sc := range scenarios {
		var b [2]string
		for _, e := range sc.events {
			b[e.dir] += e.data
		}
		f.Add([]byte(b[0]), []byte(b[1]), uint8(3), uint16(20))
	}
	f.Add([]byte("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0\r\n"), []byte("HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n"), uint8(1), uint16(0))
	f.Add([]byte("CONNECT h:1 HTTP/1.1\r\n\r\n\x16\x03\x01"), []byte("HTTP/1.1 200\r\n\r\n\x16\x03\x03"), uint8(2), uint16(5))
	opt := Options{MD5: true, SHA256: true, HashMax: 100, HashCodeMax: 200, RequestBody: 50, ResponseBody: 50, HeaderValues: true}
	protocol := New(opt)
	f.Fuzz(func(t *testing.T, a, b []byte, size uint8, gap uint16) {
		if len(a)+len(b) > 64<<10 {
			return
		}
		step := int(size)%64 + 1
		cut := func(b string) (out []string) {
			for len(b) > 0 {
				k := min(step, len(b))
				out, b = append(out, b[:k]), b[k:]
			}
			return out
		}
		half := len(a) / 2
		events := []event{c(string(a[:half])), s(string(b)), c(string(a[half:]))}
		whole, pieces := newConn(protocol), newConn(protocol)
		whole.f.Switch("http") // detection may give up sooner where less has come
		pieces.f.Switch("http")
		whole.play(events, nil)
		pieces.play(events, cut)
		if whole.env.Panics+pieces.env.Panics > 0 {
			t.Fatal(whole.env.LastPanic, pieces.env.LastPanic)
		}
		if x, y := whole.all(), pieces.all(); x != y {
			t.Errorf("whole:\n%s\n\nin pieces of %d:\n%s", x, step, y)
		}
		if at := int(gap) % (len(b) + 1); len(b) > 0 {
			events = []event{c(string(a)), s(string(b[:at])), lose(proto.ToClient, 1+int(gap)), s(string(b[at:])), c(string(a))}
			if n := newConn(protocol).play(events, cut); n.env.Panics > 0 {
				t.Fatal(n.env.LastPanic)
			}
		}
	})
}

// FuzzDecode: content codings of hostile bytes end, and within the room they are given.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xcbH\xcd\xc9\xc9\x07\x00\x86\xa6\x106\x05\x00\x00\x00"), uint8(codingGzip))
	f.Add([]byte("\x78\x9c\xcbH\xcd\xc9\xc9\x07\x00"), uint8(codingDeflate))
	f.Add([]byte("\x0b\x02\x80hello\x03"), uint8(codingBrotli))
	f.Add([]byte("\x28\xb5\x2f\xfd\x04\x00\x29\x00\x00hello\x00\x00\x00\x00"), uint8(codingZstd))
	f.Fuzz(func(t *testing.T, b []byte, c uint8) {
		var dst [1000]byte
		if got := decode(dst[:], b, coding(c%uint8(codingOther+1))); len(got) > len(dst) {
			t.Errorf("%d bytes in a room of %d", len(got), len(dst))
		}
	})
}
