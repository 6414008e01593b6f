package sflowhttp

import (
	"cmp"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

// Handler is next with its requests reported.
func (r *Reporter) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		// Not from a pool: a handler that wrongly goes on writing after its end must not meet another request's.
		x := &exchange{ResponseWriter: w, r: r, q: q, method: sflow.HTTPMethod(q.Method), drawn: r.http.Take()}
		x.begin()
		defer x.end()
		next.ServeHTTP(x.wrapped(), q)
	})
}

// exchange is a request and what becomes of it.
type exchange struct {
	http.ResponseWriter
	r      *Reporter
	q      *http.Request
	method uint32
	status int
	sent   int64 // bytes of the response's body

	flushed bool // the header was sent before any of the body

	// Of requests that were drawn:
	drawn bool
	start time.Time
	body  countedBody
	mime  string // as the server finds it out where the handler does not say it
}

// begin: a request is drawn before the handler runs, so that only one that was is timed and its body counted; what is
// drawn does not depend on what becomes of it.
func (x *exchange) begin() {
	if !x.drawn {
		return
	}
	x.start = time.Now()
	if q := x.q; q.Body != nil && q.Body != http.NoBody {
		x.body = countedBody{ReadCloser: q.Body}
		q.Body = &x.body
	}
}

// end counts the request, also where the handler panics, which the server takes for an end without a response.
func (x *exchange) end() {
	panicked := recover()
	if x.status == 0 {
		x.status = http.StatusOK
		if panicked != nil {
			x.status = http.StatusInternalServerError
		}
	}
	x.r.http.Count(x.method, x.status)
	if x.drawn {
		x.report()
	}
	if panicked != nil {
		panic(panicked)
	}
}

func (x *exchange) report() {
	q := x.q
	socket := sflow.Socket{Protocol: 6}
	if local, ok := q.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		socket.Local, socket.LocalPort = split(local.String())
	}
	socket.Remote, socket.RemotePort = split(q.RemoteAddr)
	user, _, _ := q.BasicAuth()
	mime := cmp.Or(x.Header().Get("Content-Type"), x.mime)
	text := func(name string) []byte { return []byte(q.Header.Get(name)) }
	x.r.http.Request(&socket, &sflow.HTTP{Method: x.method, Protocol: uint32(q.ProtoMajor*1000 + q.ProtoMinor), URI: []byte(q.RequestURI), Host: []byte(q.Host),
		Referrer: text("Referer"), UserAgent: text("User-Agent"), XFF: text("X-Forwarded-For"), AuthUser: []byte(user), MIMEType: []byte(mime),
		ReqBytes: uint64(headerBytes(q) + x.body.n), RespBytes: uint64(x.sent), Micros: uint32(min(time.Since(x.start).Microseconds(), 1<<32-1)),
		Status: uint32(x.status)}, []byte(x.r.o.Server))
}

func split(addr string) (netip.Addr, uint32) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return netip.Addr{}, 0
	}
	return a.Addr(), uint32(a.Port())
}

// headerBytes is the length of a request's line and header fields as HTTP/1.1 writes them.
func headerBytes(q *http.Request) int64 {
	n := len(q.Method) + 1 + len(q.RequestURI) + 1 + len(q.Proto) + 2 + 2
	field := func(name, value string) { n += len(name) + 2 + len(value) + 2 }
	if q.Host != "" {
		field("Host", q.Host)
	}
	for name, values := range q.Header {
		for _, v := range values {
			field(name, v)
		}
	}
	for _, coding := range q.TransferEncoding { // which net/http takes out of the header
		field("Transfer-Encoding", coding)
	}
	if q.ContentLength > 0 && q.Header.Get("Content-Length") == "" {
		field("Content-Length", strconv.FormatInt(q.ContentLength, 10))
	}
	return int64(n)
}

// countedBody counts what a handler reads.
type countedBody struct {
	io.ReadCloser
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// WriteHeader notes the status; those of 1XX come before it, but 101 is the last.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	if x.drawn && x.sent == 0 && !x.flushed && x.Header().Get("Content-Type") == "" && x.Header().Get("Content-Encoding") == "" {
		x.mime = http.DetectContentType(b)
	}
	n, err := x.ResponseWriter.Write(b)
	x.sent += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }
