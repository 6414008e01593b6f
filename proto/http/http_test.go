package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/tapir-project/tapir/proto"
)

func TestExchange(t *testing.T) {
	n := newConn(Protocol).play([]event{
		c("GET /a%20b/c.tar.gz?x=1&y=a%2Fb&flag HTTP/1.1\r\nHost: Example.COM:8080\r\nUser-Agent: curl/8\r\n" +
			"Cookie: a=b; c=d=e\r\nReferer: http://r/\r\nX-Forwarded-For: 192.0.2.7, 2001:db8::1\r\nX-Odd: 1\r\n\r\n"),
		s("HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\nContent-Type: text/html\r\n\r\n<html></html>"),
	}, nil)
	n.count(t, 1)
	n.has(t, 0, "1-2 in=184 out=84 failed", "method=GET", "path=/a b/c.tar.gz", "query=GET /a b/c.tar.gz",
		"url.full=http://example.com:8080/a%20b/c.tar.gz?x=1&y=a%2Fb&flag", "url.domain=example.com", "url.port=8080",
		"url.scheme=http", "url.path=/a b/c.tar.gz", "url.query=x=1&y=a%2Fb&flag", "url.extension=gz",
		"http.version=1.1", "http.request.method=GET", "http.request.bytes=184", "http.request.referrer=http://r/",
		"http.request.headers.content-length=0", "http.response.status_code=404",
		"http.response.status_phrase=not found", "http.response.bytes=84", "http.response.body.bytes=13",
		"http.response.headers.content-length=13", "http.response.headers.content-type=text/html",
		"http.response.mime_type=text/html", "user_agent.original=curl/8", "network.forwarded_ip=192.0.2.7")
	for name, want := range map[string]string{
		"http.method": "GET", "http.host": "example.com|example.com:8080", "http.path": "/a%20b/c.tar.gz",
		"http.uri": "example.com:8080/a%20b/c.tar.gz?x=1&y=a%2Fb&flag", "http.key": "flag|x|y", "http.value": "1|a/b",
		"http.cookieKey": "a|c", "http.cookieValue": "b|d=e", "http.useragent": "curl/8", "httpversion": "1.1",
		"http.clientVersion": "1.1", "http.serverVersion": "1.1", "http.statuscode": "404",
		"http.request-referer": "http://r/", "http.xffIp": "192.0.2.7|2001:db8::1", "http.bodyMagic": "text/html",
		"http.requestHeader":  "cookie|host|referer|user-agent|x-forwarded-for|x-odd",
		"http.responseHeader": "content-length|content-type", "protocols": "http",
		"http.md5":    fmt.Sprintf("%x", md5.Sum([]byte("<html></html>"))),
		"http.sha256": fmt.Sprintf("%x", sha256.Sum256([]byte("<html></html>"))),
	} {
		if got := n.field(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// scenario is a connection, with the transactions it must give: beginnings of their descriptions.
type scenario struct {
	name   string
	events []event
	want   []string
}

const (
	ok5   = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	get   = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	get2  = "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
	multi = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nTrailer: X-Sum\r\n\r\n" +
		"5;ext=\"a\"\r\nhello\r\n6 \r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"
)

var scenarios = []scenario{
	{"pipelined", []event{c(get + get2 + "HEAD /3 HTTP/1.1\r\n\r\n"), s(ok5 + "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")},
		[]string{"1-2 in=27 out=43", "1-2 in=28 out=27", "1-2 in=20 out=39"}},
	{"chunked with extensions and trailer", []event{c(get), s(multi), c(get2), s(ok5)},
		[]string{"1-2 in=27 out=114", "3-4 in=28 out=43"}},
	{"100-continue", []event{c("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"), s("HTTP/1.1 100 Continue\r\n\r\n"), c("a=1"), s(ok5)},
		[]string{"1-4 in=63 out=43"}},
	{"answer before the end of the request", []event{c("POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc"), s("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"), c("def")},
		[]string{"1-2 in=44 out=38 failed"}},
	{"until close", []event{c("GET / HTTP/1.0\r\n\r\n"), s("HTTP/1.0 200 OK\r\n\r\nab"), s("cd"), end(proto.ToClient)},
		[]string{"1-3 in=18 out=23"}},
	{"bare line feeds, folded header, empty lines first", []event{c("\r\n\n\r\nGET /x HTTP/1.1\nHost: h\nX-A: 1\n  2\n\n"), s("HTTP/1.1 304\nContent-Length: 7\n\nHTTP/1.1 200 OK\n\n")},
		[]string{"1-2 in=36 out=32", "2-2 in=-1 out=17 failed"}},
	{"HTTP/0.9", []event{c("GET /old\r\n"), s("<html>"), s("</html>")},
		[]string{"1-3 in=10 out=13"}},
	{"response first, then request", []event{s("HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nmissing"), c(get), s(ok5)},
		[]string{"1-1 in=-1 out=52 failed reverse error.message=Unmatched response", "2-3 in=27 out=43"}},
	{"no response", []event{c(get), c(get2)},
		[]string{"1-0 in=27 out=-1 failed error.message=Unmatched request", "2-0 in=28 out=-1 failed error.message=Unmatched request"}},
	{"response cut short", []event{c(get), s("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")},
		[]string{"1-2 in=27 out=44 error.message=Response is incomplete"}},
	{"requests of the other end", []event{s("NOTIFY /e HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"), c(ok5)},
		[]string{"1-2 in=43 out=43 reverse"}},
	{"loss within a body", []event{c(get), s("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), lose(proto.ToClient, 40), s("world" + ok5), c(get2), s(ok5)},
		[]string{"1-4 in=27 out=89 error.message=Packet loss while capturing the response", "4-4 in=-1 out=43 failed", "5-6 in=28 out=43"}},
	{"loss up to the end of a body", []event{c(get), s("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), lose(proto.ToClient, 45), c(get2), s(ok5)},
		[]string{"1-2 in=27 out=89 error.message=Packet loss while capturing the response", "4-5 in=28 out=43"}},
	{"loss of a response's head", []event{c(get), lose(proto.ToClient, 500), s("some body text"), c(get2), s("that ends" + ok5)},
		[]string{"1-0 in=27 out=-1 error.message=Packet loss while capturing the response", "4-5 in=28 out=43"}},
	{"loss within chunks", []event{c(get), s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhello"), lose(proto.ToClient, 95), s("\r\n0\r\n\r\n")},
		[]string{"1-4 in=27 out=158 error.message=Packet loss while capturing the response"}},
	{"loss across chunks", []event{c(get), s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhello"), lose(proto.ToClient, 200), s("xyz\r\n0\r\n\r\n"), c(get2), s(ok5)},
		[]string{"1-2 in=27 out=151 error.message=Packet loss while capturing the response", "5-6 in=28 out=43"}},
	{"loss within a request", []event{c("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"), lose(proto.ToServer, 4), c("def" + get2), s(ok5 + ok5)},
		[]string{"1-4 in=49 out=43 error.message=Packet loss while capturing the request", "3-4 in=28 out=43"}},
	{"picked up within a body", []event{s("ail of some body\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), c(get), s(ok5)},
		[]string{"1-1 in=-1 out=40 failed", "2-3 in=27 out=43"}},
	{"only responses, one of them to HEAD", []event{s("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + ok5), s("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nH" + ok5)},
		[]string{"1-1 in=-1 out=40 failed", "1-1 in=-1 out=43 failed", "2-2 in=-1 out=39 failed", "2-2 in=-1 out=43 failed"}},
	{"nonsense in between", []event{c(get), s(ok5), c("\x00\x01 nonsense\r\n" + get2), s(ok5)},
		[]string{"1-2 in=27 out=43", "3-4 in=28 out=43"}},
	{"malformed chunk", []event{c(get), s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello"), c(get2), s(ok5)},
		[]string{"1-2 in=27 out=47 error.message=Chunked body is malformed", "3-4 in=28 out=43"}},
	{"differing lengths", []event{c("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab"), s(ok5)},
		[]string{"1-2 in=59 out=43 error.message=Content-Length is not one number"}},
}

func TestScenarios(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			n := newConn(Protocol).play(sc.events, nil)
			n.count(t, len(sc.want))
			for i, w := range sc.want {
				if i < len(n.out) && !strings.HasPrefix(n.out[i]+" ", w+" ") {
					t.Errorf("transaction %d is\n%s\nwant\n%s", i, n.out[i], w)
				}
			}
		})
	}
}

// TestCuts feeds every scenario byte by byte and cut at random: what comes out must not change (I2).
func TestCuts(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	random := func(b string) (out []string) {
		for len(b) > 0 {
			k := 1 + rnd.Intn(len(b))
			out, b = append(out, b[:k]), b[k:]
		}
		return out
	}
	for _, sc := range scenarios {
		want := newConn(Protocol).play(sc.events, nil).all()
		if got := newConn(Protocol).play(sc.events, singles).all(); got != want {
			t.Errorf("%s, byte by byte:\n%s\nwant:\n%s", sc.name, got, want)
		}
		for range 50 {
			if got := newConn(Protocol).play(sc.events, random).all(); got != want {
				t.Fatalf("%s, cut at random:\n%s\nwant:\n%s", sc.name, got, want)
			}
		}
	}
}

// TestGaps loses some bytes at every place of every scenario. Nothing must panic, and nothing be read twice.
func TestGaps(t *testing.T) {
	for _, sc := range scenarios {
		for i, e := range sc.events {
			for at := range len(e.data) {
				for _, n := range []int{1, 7, 100} {
					cut := min(n, len(e.data)-at)
					events := append([]event{}, sc.events[:i]...)
					events = append(events, event{dir: e.dir, data: e.data[:at]}, lose(e.dir, n),
						event{dir: e.dir, data: e.data[at+cut:]})
					events = append(events, sc.events[i+1:]...)
					c := newConn(Protocol).play(events, nil)
					if c.env.Panics > 0 {
						t.Fatalf("%s, %d bytes lost at %d of event %d: %s", sc.name, n, at, i, c.env.LastPanic)
					}
				}
			}
		}
	}
}

func TestUpgrade(t *testing.T) {
	var got [2]string
	other := &proto.Protocol{Name: "websocket", Transport: proto.TCP, New: func() proto.Parser { return &recorder{got: &got} }}
	const ask = "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	const yes = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
	n := newConn(Protocol, other).play([]event{c(ask), c("\x81\x82early"), s(yes + "\x81\x01x"), c("\x81\x83more"), s("late")}, nil)
	n.count(t, 1)
	n.has(t, 0, "1-3 in=72 out=77", "http.response.status_code=101")
	if got[0] != "\x81\x82early\x81\x83more" || got[1] != "\x81\x01xlate" {
		t.Errorf("behind the upgrade: %q", got)
	}
	if p := n.field("protocols"); p != "http|websocket" {
		t.Errorf("protocols %s", p)
	}
	n = newConn(Protocol).play([]event{c(ask), s(yes + "\x81\x01x"), c("GET / HTTP/1.1\r\n\r\n")}, nil)
	n.count(t, 1)
	if p := n.field("protocols"); p != "http|websocket" {
		t.Errorf("without a parser for it: protocols %s", p)
	}
	n = newConn(Protocol, other).play([]event{c(ask), s(ok5), c(get), s(ok5)}, nil)
	n.count(t, 2)
}

func TestConnect(t *testing.T) {
	n := newConn(Protocol).play([]event{c("CONNECT example.com:443 HTTP/1.0\r\n\r\n"), s("HTTP/1.0 200 Established\r\n\r\n"),
		c(get), s(ok5)}, nil)
	n.count(t, 2)
	n.has(t, 0, "method=CONNECT", "path=example.com:443", "query=CONNECT example.com:443", "url.domain=example.com", "url.port=443", "in=36 out=28")
	n.has(t, 1, "in=27 out=43")
	if u := n.field("http.uri"); u != "example.com:443|h/" {
		t.Errorf("uri %s", u)
	}
}

func TestPreface(t *testing.T) {
	var got [2]string
	h2 := &proto.Protocol{Name: "http2", Transport: proto.TCP, New: func() proto.Parser { return &recorder{got: &got} }}
	const top = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	n := newConn(Protocol, h2).play([]event{c(top + "frames")}, singles)
	n.count(t, 0)
	if got[0] != top+"frames" || n.field("protocols") != "http|http2" || n.field("http.method") != "PRI" {
		t.Errorf("got %q, %s", got, n.all())
	}
}

// recorder is a protocol that notes what it is given.
type recorder struct{ got *[2]string }

func (r *recorder) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	r.got[dir] += string(b)
	return len(b)
}
func (r *recorder) Gap(f *proto.Flow, dir proto.Dir, n int) {}
func (r *recorder) Close(f *proto.Flow, dir proto.Dir)      {}

func TestAuth(t *testing.T) {
	for _, tc := range []struct{ header, user, kind string }{
		{"Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "basic"},
		{"Authorization: basic dXNlcg", "user", "basic"},
		{"Authorization: Basic !!", "", "basic"},
		{`Authorization: Digest realm="a", username="Mufasa", uri="/"`, "Mufasa", "digest"},
		{"Proxy-Authorization: Digest username=x,uri=y", "x", "digest"},
		{"Authorization: Bearer abc", "", "bearer"},
		{"Authorization: nothing", "", ""},
	} {
		n := newConn(Protocol).play([]event{c("GET / HTTP/1.1\r\n" + tc.header + "\r\n\r\n")}, nil)
		if u, k := n.field("http.user"), n.field("http.authtype"); u != tc.user || k != tc.kind {
			t.Errorf("%s: user %q type %q", tc.header, u, k)
		}
		if u := n.field("user"); u != strings.ToLower(tc.user) {
			t.Errorf("%s: user.name %q", tc.header, u)
		}
	}
}

func TestNTLM(t *testing.T) {
	var got [2]string
	sub := &proto.Protocol{Name: "ntlm", Transport: proto.Sub, New: func() proto.Parser { return &recorder{got: &got} }}
	newConn(Protocol, sub).play([]event{
		c("GET / HTTP/1.1\r\nAuthorization: NTLM TlRMTVNTUAABAAAA\r\n\r\n"),
		s("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate YBBOVExNU1NQAAIAAAA=\r\nContent-Length: 0\r\n\r\n"),
	}, nil)
	if got[0] != "NTLMSSP\x00\x01\x00\x00\x00" || got[1] != "NTLMSSP\x00\x02\x00\x00\x00" {
		t.Errorf("got %q", got)
	}
}

func TestURI(t *testing.T) {
	for _, tc := range []struct{ target, host, uri, path, full string }{
		{"/x?a", "H", "h/x?a", "/x", "http://h/x?a"},
		{"/x", "", "/x", "/x", "http://10.0.0.2/x"},
		{"http://h:81/x?a=b", "h:81", "h:81/x?a=b", "/x", "http://h:81/x?a=b"},
		{"http://h", "h", "h", "/", "http://h/"},
		{"http://u:p@h/x", "other", "other;http://u:p@h/x", "/x", "http://h/x"},
		{"https://h/", "", "h/", "/", "https://h/"},
		{"*", "h", "h;*", "*", "http://h"},
		{"/", "[2001:db8::1]:8080", "[2001:db8::1]:8080/", "/", "http://[2001:db8::1]:8080/"},
		{"/%zz", "h", "h/%zz", "/%zz", "http://h/%zz"},
	} {
		n := newConn(Protocol).play([]event{c("OPTIONS " + tc.target + " HTTP/1.1\r\nHost: " + tc.host + "\r\n\r\n")}, nil)
		if u, p := n.field("http.uri"), n.field("http.path"); u != tc.uri || p != tc.path {
			t.Errorf("%s at %s: uri %q path %q", tc.target, tc.host, u, p)
		}
		n.has(t, 0, "url.full="+tc.full)
	}
}

func TestBodies(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(`{"name": "value"}` + strings.Repeat(" ", 1<<20))) // a bomb in small
	z.Close()
	post := func(header, body string) []event {
		return []event{c(fmt.Sprintf("POST / HTTP/1.1\r\nContent-Length: %d\r\n%s\r\n%s", len(body), header, body))}
	}
	n := newConn(Protocol).play(post("Content-Encoding: gzip\r\n", zipped.String()), nil)
	if got := n.field("http.reqbody"); !strings.HasPrefix(got, `{"name": "value"} `) || len(got) != 2000 {
		t.Errorf("gzip: %d bytes, %.40q", len(got), got)
	}
	if got := n.field("http.bodymagic"); got != "application/x-gzip" {
		t.Errorf("gzip: magic %s", got)
	}
	n.has(t, 0, "http.request.mime_type=application/json")
	for name, body := range encodings(t, `{"name": "value"}`) {
		n = newConn(Protocol).play(post("Content-Encoding: "+name+"\r\n", body), nil)
		if got := n.field("http.reqbody"); got != `{"name": "value"}` {
			t.Errorf("%s: %q", name, got)
		}
	}
	n = newConn(Protocol).play(post("", "\xff\xfe binary"), nil)
	if got := n.field("http.reqbody"); got != "" {
		t.Errorf("binary: %q", got)
	}
	n = newConn(Protocol).play(post("", strings.Repeat("x", 1999)+"é and so on"), nil)
	if got := n.field("http.reqbody"); len(got) != 1999 {
		t.Errorf("long: %d bytes", len(got))
	}
	big := "MZ" + strings.Repeat("code", 20000)
	n = newConn(Protocol).play(post("", big), func(b string) []string { return []string{b[:50], b[50:900], b[900:]} })
	if got, want := n.field("http.md5"), fmt.Sprintf("%x", md5.Sum([]byte(big))); got != want {
		t.Errorf("program: md5 %s, want %s", got, want)
	}
	n = newConn(Protocol).play(post("", "GIF89a"+big), nil)
	if got := n.field("http.md5") + n.field("http.sha256"); got != "" {
		t.Errorf("picture of %d bytes: digest %s", len(big), got)
	}
}

// encodings gives text in every content coding; bare deflate is told from zlib by its first bytes.
func encodings(t *testing.T, text string) map[string]string {
	out := map[string]string{}
	for name, w := range map[string]func(io.Writer) io.WriteCloser{
		"x-gzip":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"Deflate": func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 9); return z },
		"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
	} {
		var b bytes.Buffer
		z := w(&b)
		io.WriteString(z, text)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		out[name] = b.String()
	}
	return out
}

func TestMagic(t *testing.T) {
	for body, want := range map[string]string{
		"<!DOCTYPE html PUBLIC>": "text/html", "\r\n <HTML><head>": "text/html", "<?xml version=\"1.0\"?><a/>": "text/xml",
		"<?xml version=\"1.0\"?><svg>": "image/svg+xml", "<?php echo 1;": "text/x-php", "{\"a\": 1}": "application/json",
		"{ \"a\": 1}": "", "#!/usr/bin/env python3\n": "text/x-python", "#!/bin/sh\nperl": "text/x-shellscript",
		"%PDF-1.7\n": "application/pdf", "PK\x03\x04....": "application/zip", "MZ\x90\x00\x03": "application/x-dosexec",
		"GIF89a..": "image/gif", "RIFF....WEBPVP8": "image/webp", "RIFF....WAVEfmt": "audio/x-wav",
		"\x00\x00\x00\x18ftypmp42": "video/mp4", "\x1a\x45\xdf\xa3...webm": "video/webm", "plain text": "",
		"var x; document.write('a')": "text/javascript", "G" + strings.Repeat("x", 187) + "Gxxx": "video/mp2t",
		"abc": "", "": "", strings.Repeat("\x00", 257) + "ustar\x00": "application/x-tar", "\xff\xd8\xff\xe0JFIF": "image/jpeg",
	} {
		if got, _ := magic([]byte(body)); got != want {
			t.Errorf("%.30q is %q, want %q", body, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	var events []event
	for i := range maxWait + 10 {
		events = append(events, c(fmt.Sprintf("GET /%d HTTP/1.1\r\n\r\n", i)))
	}
	for i := range maxWait + 10 {
		events = append(events, s(fmt.Sprintf("HTTP/1.1 200 OK\r\nX: %d\r\nContent-Length: 0\r\n\r\n", i)))
	}
	n := newConn(Protocol).play(events, nil)
	n.count(t, maxWait+20) // ten given up, ten responses of those, and the rest in pairs
	n.has(t, len(n.out)-1, fmt.Sprintf("path=/%d", maxWait+9))
	n = newConn(Protocol).play([]event{c("GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 300) + manyNames(1000) + "\r\n")}, nil)
	if n.set.Dropped == 0 {
		t.Error("header names beyond the bound are not counted")
	}
	n = newConn(Protocol).play([]event{c(get), c("GET /" + strings.Repeat("a", 3*proto.MaxBuffer)), c(" HTTP/1.1\r\n\r\n" + get2), s(ok5)}, nil)
	if n.env.Overflow == 0 || n.env.Panics > 0 {
		t.Errorf("overflow %d, panic %q", n.env.Overflow, n.env.LastPanic)
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: y\r\n", i)
	}
	return b.String()
}

func TestNotHTTP(t *testing.T) {
	for _, b := range []string{"\x16\x03\x01\x02\x00\x01\x00", "SSH-2.0-OpenSSH_9.6\r\n", "EHLO example.com\r\n", "GET key\r\n",
		"OPTIONS rtsp://h/ RTSP/1.0\r\n\r\n", "HTTP/1.1\r\n", "USER x\r\nPASS y\r\n", "\x00\x00\x00\x00", "* OK IMAP ready\r\n"} {
		n := newConn(Protocol)
		n.f.ServerPort = 12345
		n.play([]event{c(b)}, nil)
		if got := n.field("protocols"); got != "" {
			t.Errorf("%q is taken for %s", b, got)
		}
	}
}

func TestNames(t *testing.T) {
	if len(headerNames) > 128 {
		t.Fatalf("%d known names, nameSet holds 128", len(headerNames))
	}
	for i, name := range headerNames[1:] {
		for _, v := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			if id := knownName([]byte(v)); int(id) != i+1 {
				t.Errorf("%s is name %d, want %d", v, id, i+1)
			}
		}
	}
	if id := knownName([]byte("x-unknown")); id != hOther {
		t.Errorf("x-unknown is %s", headerNames[id])
	}
}
