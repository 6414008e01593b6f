package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
)

func TestGzip(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && packets > 5")
	for _, x := range []struct {
		path string
		want bool
	}{
		{"/api/fields", true}, {"/api/openapi.yaml", true}, {"/api/search", true}, {"/api/search?format=ndjson", true}, {"/api/search?format=csv", true},
		{"/api/sessions/" + r.ID.String() + "/packets", true}, {"/api/sessions/" + r.ID.String() + "/stream", true},
		{"/api/search?limit=0&q=tags+%3D%3D+x", false}, // too little to be worth it
		{"/api/export", false}, {"/api/sessions/" + r.ID.String() + "/stream?format=raw", false},
	} {
		plain := c.ok(x.path, header("Accept-Encoding", "identity"))
		zipped := c.ok(x.path, header("Accept-Encoding", "br, gzip"))
		body := zipped.body
		if got := zipped.Header.Get("Content-Encoding"); (got == "gzip") != x.want || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: Content-Encoding %q and %q", x.path, got, plain.Header.Get("Content-Encoding"))
			continue
		}
		if x.want {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Errorf("%s: %v", x.path, err)
			}
			if len(zipped.body) > len(plain.body)/2 {
				t.Errorf("%s: %d bytes of %d are left", x.path, len(zipped.body), len(plain.body))
			}
		}
		if !bytes.Equal(body, plain.body) {
			t.Errorf("%s: what is compressed differs", x.path)
		}
		text := compressible(plain.Header.Get("Content-Type"))
		if vary := plain.Header.Get("Vary"); (vary == "Accept-Encoding") != text {
			t.Errorf("%s: Vary %q", x.path, vary)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for value, want := range map[string]bool{"": false, "gzip": true, "GZIP": true, "x-gzip": true, "br, gzip": true, "gzip;q=0": false, "gzip; q=0.5": true, "gzip;q=0.000, *": false,
		"*": true, "*;q=0": false, "identity": false, "br": false, "gzip;q=x": false, "gzipped": false, ",,": false} {
		if got := acceptsGzip(http.Header{"Accept-Encoding": {value}}); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

// TestReplyTimer holds that what waits is sent in time, beside a handler that writes on, and nothing after its end.
func TestReplyTimer(t *testing.T) {
	var client pulse
	a := newReply(&client, httptest.NewRequest("GET", "/", nil))
	a.Header().Set("Content-Type", "application/json")
	wrote := 0
	for client.flushes() < 3 {
		n, err := a.Write([]byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		wrote += n
	}
	a.finish()
	if got := client.bytes(); got != wrote {
		t.Errorf("%d bytes came, %d were written", got, wrote)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, errOver) {
		t.Errorf("writing after the end: %v", err)
	}
	a.Flush()
	a.tick()
	if got := client.bytes(); got != wrote {
		t.Errorf("%d bytes after the end", got-wrote)
	}
}

// pulse is a client that counts.
type pulse struct {
	mu   sync.Mutex
	h    http.Header
	n, f int
}

func (p *pulse) Header() http.Header {
	if p.h == nil {
		p.h = http.Header{}
	}
	return p.h
}
func (p *pulse) WriteHeader(int) {}
func (p *pulse) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += len(b)
	return len(b), nil
}
func (p *pulse) Flush()       { p.mu.Lock(); p.f++; p.mu.Unlock() }
func (p *pulse) bytes() int   { p.mu.Lock(); defer p.mu.Unlock(); return p.n }
func (p *pulse) flushes() int { p.mu.Lock(); defer p.mu.Unlock(); return p.f }

// TestReplyDiscard holds that what was taken back is not sent, not even by a timer that was late.
func TestReplyDiscard(t *testing.T) {
	w := httptest.NewRecorder()
	a := newReply(w, httptest.NewRequest("GET", "/", nil))
	io.WriteString(a, "half an answer")
	if !a.discard() {
		t.Fatal("nothing was sent and yet it cannot be taken back")
	}
	a.tick()
	a.WriteHeader(500)
	io.WriteString(a, "an error")
	a.tick()
	if w.Body.Len() > 0 {
		t.Errorf("%q is sent too early", w.Body)
	}
	a.finish()
	if w.Code != 500 || w.Body.String() != "an error" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	b := newReply(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	io.WriteString(b, strings.Repeat("x", replyBuffer))
	if b.discard() {
		t.Error("what is sent cannot be taken back")
	}
}

// TestConcurrentRequests runs many requests of all kinds at once, for the race detector.
func TestConcurrentRequests(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && packets > 5")
	paths := []string{"/api/status", "/api/search", "/api/search?format=ndjson", "/api/search?format=csv", "/api/aggregate?by=source.ip", "/api/export", "/api/fields",
		"/api/sessions/" + r.ID.String() + "/packets", "/api/sessions/" + r.ID.String() + "/stream", "/api/search?q=x+%3D%3D+1"}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := range paths {
				path := paths[(i+k)%len(paths)]
				if a, err := c.try("GET", path); err != nil || a.StatusCode >= 500 {
					t.Errorf("%s: %v", path, err)
				}
			}
		}()
	}
	wg.Wait()
}
