package apache

import (
	"encoding/binary"
	"strings"
	"testing"
)

// datagram is one as the module sends it.
func datagram(family byte, texts ...string) []byte {
	b := make([]byte, sampleBytes)
	le := binary.LittleEndian
	le.PutUint32(b, magic)
	for i, n := range []uint32{400, 2, 1001, 200, 1500} {
		le.PutUint32(b[4+4*i:], n)
	}
	le.PutUint64(b[24:], 88)
	le.PutUint64(b[32:], 22)
	le.PutUint16(b[40:], 8080)
	le.PutUint16(b[42:], 40000)
	b[44] = family
	b[48], b[64] = 192, 198
	for i, t := range texts {
		le.PutUint16(b[80+2*i:], uint16(len(t)))
		b = append(b, t...)
	}
	return b
}

func TestSample(t *testing.T) {
	var s sample
	b := datagram(4, "/a?b", "www.example.org:80", "", "curl", "", "jm", "text/html", "www.example.org")
	if err := s.parse(b, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	h := s.http
	if s.rate != 400 || h.Method != 2 || h.Protocol != 1001 || h.Status != 200 || h.Micros != 1500 || h.ReqBytes != 88 || h.RespBytes != 22 || s.socket.LocalPort != 8080 ||
		s.socket.RemotePort != 40000 || s.socket.Local.String() != "192.0.0.0" || s.socket.Remote.String() != "198.0.0.0" || string(h.URI) != "/a?b" ||
		string(h.Host) != "www.example.org:80" || len(h.Referrer)+len(h.XFF) > 0 || string(h.UserAgent) != "curl" || string(h.AuthUser) != "jm" ||
		string(h.MIMEType) != "text/html" || string(s.server) != "www.example.org" {
		t.Errorf("%+v", s)
	}
	for n := range len(b) {
		if s.parse(b[:n], binary.LittleEndian) == nil {
			t.Errorf("%d of %d bytes are taken for a request", n, len(b))
		}
	}
	if err := s.parse(datagram(0), binary.LittleEndian); err != nil || s.socket.Local.IsValid() {
		t.Errorf("without addresses: %v, %v", err, s.socket)
	}
}

func FuzzSample(f *testing.F) {
	f.Add(datagram(4, "/a", "h", "r", "u", "x", "a", "m", "s"))
	f.Add(datagram(6, strings.Repeat("x", 255)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s sample
		if s.parse(b, binary.LittleEndian) == nil && len(s.http.URI) > len(b) {
			t.Error("more text than bytes")
		}
	})
}
