package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/tapir-project/tapir/proto"
)

// notes is a Watcher that writes down what it is told, bodies in one piece.
type notes struct {
	out  [2][]string
	body [2]string
}

func (n *notes) add(dir proto.Dir, format string, args ...any) {
	if b := n.body[dir]; b != "" {
		n.out[dir], n.body[dir] = append(n.out[dir], "body "+b), ""
	}
	n.out[dir] = append(n.out[dir], fmt.Sprintf(format, args...))
}
func (n *notes) Begin(dir proto.Dir, line []byte, _ int64) { n.add(dir, "begin %s", line) }
func (n *notes) Field(dir proto.Dir, name, value []byte)   { n.add(dir, "%s: %s", name, value) }
func (n *notes) Body(dir proto.Dir, b []byte)              { n.body[dir] += string(b) }
func (n *notes) Lost(dir proto.Dir, k int64)               { n.add(dir, "lost %d", k) }
func (n *notes) End(dir proto.Dir, whole bool, _ int64)    { n.add(dir, "end %v", whole) }

func TestWatch(t *testing.T) {
	for _, x := range []struct {
		name           string
		events         []event
		client, server string
	}{
		{"plain", []event{c("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"), s("HTTP/1.1 200 OK\r\nX: 1\r\nx: 2\r\nContent-Length: 2\r\n\r\nhi")},
			"begin POST /a HTTP/1.1|Host: x|Content-Length: 3|body abc|end true", "begin HTTP/1.1 200 OK|X: 1|x: 2|Content-Length: 2|body hi|end true"},
		{"chunked with a trailer", []event{c("GET / HTTP/1.1\r\n\r\n"), s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n0\r\nSum: 5\r\n\r\n")},
			"begin GET / HTTP/1.1|end true", "begin HTTP/1.1 200 OK|Transfer-Encoding: chunked|body hello|Sum: 5|end true"},
		{"interim", []event{c("PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"), s("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")},
			"begin PUT / HTTP/1.1|Content-Length: 1|body x|end true", "begin HTTP/1.1 100 Continue|end true|begin HTTP/1.1 204 No Content|end true"},
		{"head", []event{c("HEAD / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"), s("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")},
			"begin HEAD / HTTP/1.1|end true|begin GET /2 HTTP/1.1|end true", "begin HTTP/1.1 200 OK|Content-Length: 5|end true|begin HTTP/1.1 404 No|Content-Length: 0|end true"},
		{"until the end", []event{c("GET / HTTP/1.0\r\n\r\n"), s("HTTP/1.0 200 OK\r\n\r\nall "), s("of it"), end(proto.ToClient)},
			"begin GET / HTTP/1.0|end true", "begin HTTP/1.0 200 OK|body all of it|end true"},
		{"0.9", []event{c("GET /\r\n"), s("<html>"), end(proto.ToClient)}, "begin GET /|end true", "begin |body <html>|end true"},
		{"lost in a body", []event{c("GET / HTTP/1.1\r\n\r\n"), s("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), lose(proto.ToClient, 3), s("ghi")},
			"begin GET / HTTP/1.1|end true", "begin HTTP/1.1 200 OK|Content-Length: 9|body abc|lost 3|body ghi|end false"},
		{"lost beyond a body", []event{c("GET / HTTP/1.1\r\n\r\n"), s("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), lose(proto.ToClient, 100), s("\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
			"begin GET / HTTP/1.1|end true", "begin HTTP/1.1 200 OK|Content-Length: 9|body abc|lost 6|end false|begin HTTP/1.1 200 OK|Content-Length: 0|end true"},
		{"cut off", []event{c("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"), end(proto.ToServer), end(proto.ToClient)},
			"begin POST / HTTP/1.1|Content-Length: 9|body abc|end false", ""},
		{"folded", []event{c("GET / HTTP/1.1\r\nA: b\r\n  c\r\n\r\n")}, "begin GET / HTTP/1.1|A: b c|end true", ""},
	} {
		for _, cut := range []func(string) []string{nil, func(s string) []string { return strings.Split(s, "") }} {
			var n notes
			newConn(Watch(&n)).play(x.events, cut)
			if got := strings.Join(n.out[0], "|"); got != x.client {
				t.Errorf("%s: the client said\n%s, want\n%s", x.name, got, x.client)
			}
			if got := strings.Join(n.out[1], "|"); got != x.server {
				t.Errorf("%s: the server said\n%s, want\n%s", x.name, got, x.server)
			}
		}
	}
}

// coded is text in a content coding.
func coded(t *testing.T, coding, text string) string {
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "bare":
		w, _ = flate.NewWriter(&b, 6)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	}
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestUndo(t *testing.T) {
	text := strings.Repeat("tapir ", 10_000)
	for name, in := range map[string]string{"": text, "identity": text, "gzip": coded(t, "gzip", text), "X-GZIP": coded(t, "gzip", text), "br": coded(t, "br", text), "zstd": coded(t, "zstd", text),
		"deflate": coded(t, "deflate", text), "Deflate": coded(t, "bare", text), "gzip, br": coded(t, "br", coded(t, "gzip", text)), "identity,gzip": coded(t, "gzip", text)} {
		r, err := Undo(strings.NewReader(in), name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != text {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for name, in := range map[string]string{"compress": "x", "gzip": "no", "gzip,gzip,gzip,gzip,gzip": "x"} {
		if _, err := Undo(strings.NewReader(in), name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if r, err := Undo(strings.NewReader(coded(t, "gzip", text)[:50]), "gzip"); err == nil {
		if _, err = io.ReadAll(r); err == nil {
			t.Error("cut off: no error")
		}
	}
}

// FuzzWatch holds that bodies that are watched are those that are counted, and that undoing codings ends within bounds.
func FuzzWatch(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n\r\n", "gzip", 5)
	f.Add("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nxxxxx", "br", 30)
	f.Add("\x28\xb5\x2f\xfd\x00\x00", "zstd", 2)
	f.Fuzz(func(t *testing.T, in, codings string, at int) {
		at = min(max(at, 0), len(in))
		var n notes
		newConn(Watch(&n)).play([]event{c("GET / HTTP/1.1\r\n\r\n"), s(in[:at]), s(in[at:]), end(proto.ToServer), end(proto.ToClient)}, nil)
		begun := 0
		for _, x := range n.out[1] {
			if strings.HasPrefix(x, "begin ") {
				begun++
			} else if x == "end true" || x == "end false" {
				begun--
			}
			if begun < 0 || begun > 1 {
				t.Fatalf("messages overlap: %q", n.out[1])
			}
		}
		if begun != 0 {
			t.Fatalf("a message does not end: %q", n.out[1])
		}
		if r, err := Undo(strings.NewReader(in), codings); err == nil {
			io.Copy(io.Discard, io.LimitReader(r, 1<<20))
		}
	})
}
