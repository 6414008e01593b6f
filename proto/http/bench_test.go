package http

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/proto"
)

// Messages as browsers and servers send them.
var (
	browser = []byte("GET /static/images/banner.jpg?v=12&lang=en HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate\r\n" +
		"Accept-Language: en-US,en;q=0.9\r\nReferer: http://www.example.com/index.html\r\nCookie: sid=31d4d96e407aad42; theme=dark\r\n\r\n")
	server = []byte("HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\nDate: Sat, 21 Nov 2026 09:00:00 GMT\r\nContent-Type: image/jpeg\r\n" +
		"Content-Length: 1000\r\nLast-Modified: Fri, 20 Nov 2026 08:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"65f1c2-3e8\"\r\n" +
		"Cache-Control: max-age=3600\r\nAccept-Ranges: bytes\r\n\r\n" + string(jpeg(1000)))
)

func jpeg(n int) []byte {
	b := bytes.Repeat([]byte{0x55, 0xaa, 7}, n/3+2)[:n]
	copy(b, "\xff\xd8\xff\xe0")
	return b
}

func benchConn(o Options) *conn {
	n := newConn(New(o))
	n.env.Emit = func(*proto.Flow, *proto.Transaction) {}
	return n
}

// pair sends one request and one response.
func (n *conn) pair(req, resp []byte) {
	n.f.Data(proto.ToServer, req, 1)
	n.f.Data(proto.ToClient, resp, 2)
}

// BenchmarkPair is one request with its response on a connection that goes on; new is one on a connection of its
// own, with the memory of the worker in use.
func BenchmarkPair(b *testing.B) {
	none := Defaults
	none.MD5, none.SHA256 = false, false
	for _, bc := range []struct {
		name string
		o    Options
	}{{"keepalive", Defaults}, {"keepalive-nodigest", none}} {
		b.Run(bc.name, func(b *testing.B) {
			n := benchConn(bc.o)
			b.ReportAllocs()
			b.SetBytes(int64(len(browser) + len(server)))
			for b.Loop() {
				n.pair(browser, server)
			}
		})
	}
	b.Run("new", func(b *testing.B) {
		n := benchConn(none)
		f := n.f
		b.ReportAllocs()
		b.SetBytes(int64(len(browser) + len(server)))
		for b.Loop() {
			n.set.Reset()
			n.f = f
			n.pair(browser, server)
			n.f.Close(proto.ToServer, 3)
			n.f.Close(proto.ToClient, 3)
		}
	})
}

// BenchmarkBody passes over a download in segments of 1460 bytes.
func BenchmarkBody(b *testing.B) {
	md5, sha, both := Options{MD5: true, HashMax: 1 << 30}, Options{SHA256: true, HashMax: 1 << 30}, Defaults
	both.HashMax = 1 << 30
	const size = 200_000
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", size)
	msg := append([]byte(head), jpeg(size)...)
	for _, bc := range []struct {
		name string
		o    Options
	}{{"default", Defaults}, {"md5", md5}, {"sha256", sha}, {"both", both}} {
		b.Run(bc.name, func(b *testing.B) {
			n := benchConn(bc.o)
			b.ReportAllocs()
			b.SetBytes(size)
			for b.Loop() {
				n.f.Data(proto.ToServer, browser, 1)
				for m := msg; len(m) > 0; {
					k := min(1460, len(m))
					n.f.Data(proto.ToClient, m[:k], 2)
					m = m[k:]
				}
			}
		})
	}
}

// BenchmarkChunked reads a chunked body of 200 kB in chunks of 8 kB.
func BenchmarkChunked(b *testing.B) {
	var msg bytes.Buffer
	msg.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk := strings.Repeat("x", 8192)
	for range 25 {
		fmt.Fprintf(&msg, "2000\r\n%s\r\n", chunk)
	}
	msg.WriteString("0\r\n\r\n")
	n := benchConn(Options{})
	b.SetBytes(int64(msg.Len()))
	b.ReportAllocs()
	for b.Loop() {
		n.f.Data(proto.ToServer, browser, 1)
		for m := msg.Bytes(); len(m) > 0; {
			k := min(1460, len(m))
			n.f.Data(proto.ToClient, m[:k], 2)
			m = m[k:]
		}
	}
}

// BenchmarkSearch looks for a start line in what follows a loss.
func BenchmarkSearch(b *testing.B) {
	n := benchConn(Defaults)
	n.pair(browser, server)
	n.f.Gap(proto.ToClient, 1, 3)
	seg := jpeg(1460)
	b.SetBytes(int64(len(seg)))
	b.ReportAllocs()
	for b.Loop() {
		n.f.Data(proto.ToClient, seg, 4)
	}
}

// TestAllocs: a request and its response on a connection that goes on take no new memory, whatever their size.
func TestAllocs(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools at random")
	}
	n := benchConn(Defaults)
	msg := append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n"), jpeg(20000)...)
	post := []byte("POST /form HTTP/1.1\r\nHost: h\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nContent-Length: 7\r\n\r\na=1&b=2")
	exchange := func() {
		n.pair(browser, server)
		n.f.Data(proto.ToServer, post, 1)
		for m := msg; len(m) > 0; {
			k := min(1460, len(m))
			n.f.Data(proto.ToClient, m[:k], 2)
			m = m[k:]
		}
	}
	exchange()
	if a := testing.AllocsPerRun(200, exchange); a >= 1 {
		t.Errorf("two exchanges allocate %v times, want 0", a)
	}
}
