package sflowhttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent/agenttest"
	"github.com/tapir-project/tapir/sflowhttp"
)

// run runs a reporter until the test, or what it returns, ends it.
func run(t *testing.T, r *sflowhttp.Reporter) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = func() {
		if cancel(); done != nil {
			if err := <-done; err != nil {
				t.Error(err)
			}
			done = nil
		}
	}
	t.Cleanup(stop)
	return stop
}

func mux() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("/text", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "twelve bytes")
	})
	m.HandleFunc("/nothing", func(w http.ResponseWriter, r *http.Request) {})
	m.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
	})
	m.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	m.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "doc.go") })
	m.HandleFunc("/flush", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Second))
		io.WriteString(w, "x")
	})
	m.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			c.Close()
		}
	})
	return m
}

// raw sends a request and reads to the end of the connection.
func raw(t *testing.T, addr, request string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, request)
	io.Copy(io.Discard, c)
}

func TestRequests(t *testing.T) {
	c := agenttest.New(t)
	r := sflowhttp.New(sflowhttp.Options{Port: 8080, Server: "www.example.org", Config: c.Config(1, time.Hour)})
	stop := run(t, r)
	s := httptest.NewServer(r.Handler(mux()))
	s.Config.ErrorLog = nil
	defer s.Close()
	addr := strings.TrimPrefix(s.URL, "http://")
	doc, err := os.Stat("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	const head = " HTTP/1.1\r\nHost: www.example.org:8080\r\nConnection: close\r\n"
	requests := []struct{ request, want string }{
		{"GET /text?a=b" + head + "User-Agent: test\r\nReferer: r\r\nX-Forwarded-For: 10.0.0.1\r\nAuthorization: Basic am06eA==\r\n\r\n",
			"2 /text?a=b 200 12 test r 10.0.0.1 jm text/plain; charset=utf-8"},
		{"HEAD /text" + head + "\r\n", "3 /text 200 0     text/plain; charset=utf-8"},
		{"POST /text" + head + "Content-Length: 5\r\n\r\nhello", "4 /text 200 12     text/plain; charset=utf-8"},
		{"PATCH /nothing" + head + "\r\n", "0 /nothing 200 0     "},
		{"GET /early" + head + "\r\n", "2 /early 418 0     "},
		{"GET /panic" + head + "\r\n", "2 /panic 500 0     "},
		{"GET /missing" + head + "\r\n", "2 /missing 404 19     text/plain; charset=utf-8"},
		{"GET /file" + head + "\r\n", fmt.Sprintf("2 /file 200 %d     text/x-go; charset=utf-8", doc.Size())},
		{"GET /flush" + head + "\r\n", "2 /flush 200 1     "},
		{"GET /hijack" + head + "\r\n", "2 /hijack 101 0     "},
	}
	for _, q := range requests {
		raw(t, addr, q.request)
	}
	c.Until(5*time.Second, func() bool { return len(c.Flows) == len(requests) })
	for i, q := range requests {
		f := c.Flows[i]
		h := f.HTTP
		got := fmt.Sprintf("%d %s %d %d %s %s %s %s %s", h.Method, h.URI, h.Status, h.RespBytes, h.UserAgent, h.Referrer, h.XFF, h.AuthUser, h.MIMEType)
		if mime := strings.HasPrefix(q.want, "2 /file"); got != q.want && !(mime && strings.HasPrefix(got, q.want[:strings.LastIndex(q.want, "text/")])) {
			t.Errorf("got  %s\nwant %s", got, q.want)
		}
		if h.ReqBytes != uint64(len(q.request)) || string(h.Host) != "www.example.org" || h.Protocol != 1001 || f.Target != "" || f.Source.Index != 8080 ||
			!strings.HasSuffix(addr, fmt.Sprint(":", f.Socket.LocalPort)) || !f.Socket.Remote.IsLoopback() || h.Micros > 5e6 {
			t.Errorf("%q (%d bytes): %+v", q.request, len(q.request), f)
		}
	}
	stop()
	c.Until(5*time.Second, func() bool { return len(c.Counters) == 1 })
	if got, want := c.Counters[0].HTTP, (sflow.HTTPCounters{Get: 7, Head: 1, Post: 1, Other: 1, Status: [6]uint32{1, 6, 0, 2, 1, 0}}); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
}

// Under HTTP/2 handlers find what that has.
func TestHTTP2(t *testing.T) {
	c := agenttest.New(t)
	r := sflowhttp.New(sflowhttp.Options{Port: 443, Config: c.Config(1, time.Hour)})
	run(t, r)
	s := httptest.NewUnstartedServer(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, push := w.(http.Pusher)
		_, hijack := w.(http.Hijacker)
		if w.(http.Flusher).Flush(); !push || hijack {
			t.Errorf("%T: push %v, hijack %v", w, push, hijack)
		}
		io.Copy(w, q.Body)
	})))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	client := s.Client()
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	resp, err := client.Post(s.URL+"/", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	c.Until(5*time.Second, func() bool { return len(c.Flows) == 1 })
	if h := c.Flows[0].HTTP; h.Protocol != 2000 || h.RespBytes != 5 || h.Method != sflow.HTTPPost {
		t.Errorf("%+v", h)
	}
}

// hsflowd's file is taken up when it comes.
func TestFile(t *testing.T) {
	c := agenttest.New(t)
	file := filepath.Join(t.TempDir(), "hsflowd.auto")
	r := sflowhttp.New(sflowhttp.Options{Port: 80, File: file})
	text := fmt.Sprintf("rev_start=1\nsampling.http=1\nagentIP=192.0.2.1\ncollector=127.0.0.1 %d\nrev_end=1\n", c.Addr().Port())
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, r)
	h := r.Handler(mux())
	for range 500 {
		if h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/nothing", nil)); r.Stats().Samples > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.Until(5*time.Second, func() bool { return len(c.Flows) > 0 })
	page := httptest.NewRecorder()
	r.StatusPage().ServeHTTP(page, httptest.NewRequest("GET", "/sflow/", nil))
	if !strings.HasSuffix(page.Body.String(), "string hostname example.com\ngauge sampling_n 1\n") {
		t.Error(page.Body)
	}
}

// A request that is not drawn costs one allocation, what the handler writes to.
func TestHandlerAllocates(t *testing.T) {
	r := sflowhttp.New(sflowhttp.Options{Config: &sflowhttp.Config{Agent: netip.MustParseAddr("192.0.2.1"), Sampling: 1 << 30}})
	h := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(204) }))
	w, q := discard{}, httptest.NewRequest("GET", "/", nil)
	if n := testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, q) }); n > 1 {
		t.Errorf("a request allocates %v times, want 1", n)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return nil }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}
func (discard) Flush()                      {}
func (discard) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("nothing to hijack")
}
func (discard) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }

func BenchmarkHandler(b *testing.B) {
	for _, rate := range []uint32{1 << 30, 400} {
		b.Run(fmt.Sprintf("1:%d", rate), func(b *testing.B) {
			r := sflowhttp.New(sflowhttp.Options{Config: &sflowhttp.Config{Agent: netip.MustParseAddr("192.0.2.1"), Sampling: rate}})
			h := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(204) }))
			w, q := discard{}, httptest.NewRequest("GET", "/", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, q)
			}
		})
	}
}

// A server that is reported, with its status page beside what it serves.
func Example() {
	r := sflowhttp.New(sflowhttp.Options{Port: 8080})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello\n") })
	mux.Handle("/sflow/", r.StatusPage())

	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	server := httptest.NewServer(r.Handler(mux)) // http.ListenAndServe(":8080", r.Handler(mux))
	resp, err := http.Get(server.URL)
	if err == nil {
		io.Copy(os.Stdout, resp.Body)
		resp.Body.Close()
	}
	server.Close()
	stop()
	<-done
	// Output: hello
}
