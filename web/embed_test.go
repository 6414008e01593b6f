package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var script = strings.Repeat("let x = 1; ", 1000)

// built is a build with what matters in it.
func built() *handler {
	return newHandler(fstest.MapFS{
		".keep":                 {Data: []byte("x")},
		"index.html":            {Data: []byte("<!doctype html><title>Tapir</title>")},
		"icon.svg":              {Data: []byte("<svg/>")},
		"assets/app-1a2b.js":    {Data: []byte(script)},
		"assets/app-1a2b.js.br": {Data: []byte("brotli of it")},
		"assets/app-3c4d.css":   {Data: []byte(strings.Repeat("a{} ", 1000))},
		"assets/logo-5e6f.png":  {Data: bytes.Repeat([]byte{0x89}, 5000)},
	})
}

// ask is a request, with header names and values.
func ask(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	h := built()
	for path, want := range map[string]string{
		"/": "index.html", "/s": "index.html", "/s?q=port+%3D%3D+80": "index.html", "/session/sensor.example-01M7YQHZ4D4CNCE3M1YWKRXK45": "index.html",
		"/status": "index.html", "/services/x": "index.html", "/session/..%2f..%2fx": "index.html",
		"/icon.svg": "icon.svg", "/assets/app-1a2b.js": "assets/app-1a2b.js", "/assets/../icon.svg": "icon.svg",
		"/favicon.ico": "", "/assets/app-0000.js": "", "/assets": "", "/assets/": "", "/.keep": "", "/robots.txt": "", "/assets/app-1a2b.js.br": "",
	} {
		w := ask(h, "GET", path)
		if want == "" {
			if w.Code != 404 {
				t.Errorf("%s: %d, want 404", path, w.Code)
			}
			continue
		}
		if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), h.files[want].plain) {
			t.Errorf("%s: %d %.40q, want %s", path, w.Code, w.Body, want)
		}
	}
	if w := ask(h, "POST", "/"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	if w := ask(h, "HEAD", "/"); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d %q", w.Code, w.Body)
	}
}

// TestHeaders holds that nothing is served without the policy, and that only names with a hash are kept.
func TestHeaders(t *testing.T) {
	h := built()
	for path, cache := range map[string]string{"/": "no-cache", "/s": "no-cache", "/icon.svg": "no-cache", "/assets/app-1a2b.js": "public, max-age=31536000, immutable", "/nothing.js": "no-store"} {
		got := ask(h, "GET", path).Header()
		for name, want := range map[string]string{"Cache-Control": cache, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"} {
			if got.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got.Get(name), want)
			}
		}
	}
}

func TestCodings(t *testing.T) {
	h := built()
	for _, x := range []struct{ path, accept, want string }{
		{"/assets/app-1a2b.js", "gzip, deflate, br, zstd", "br"}, {"/assets/app-1a2b.js", "gzip", "gzip"}, {"/assets/app-1a2b.js", "br;q=0, gzip;q=0.5", "gzip"},
		{"/assets/app-1a2b.js", "", ""}, {"/assets/app-1a2b.js", "identity, gzip;q=0", ""}, {"/assets/app-3c4d.css", "br, gzip", "gzip"},
		{"/", "gzip", ""}, {"/assets/logo-5e6f.png", "gzip, br", ""},
	} {
		w := ask(h, "GET", x.path, "Accept-Encoding", x.accept)
		body := w.Body.Bytes()
		if got := w.Header().Get("Content-Encoding"); w.Code != 200 || got != x.want {
			t.Errorf("%s (%s): %d %q, want %q", x.path, x.accept, w.Code, got, x.want)
		}
		if x.want == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			body, _ = io.ReadAll(z)
		}
		if want := h.files[x.path[1:]]; x.want != "br" && want != nil && !bytes.Equal(body, want.plain) {
			t.Errorf("%s (%s): another content", x.path, x.accept)
		}
		tag := w.Header().Get("ETag")
		if again := ask(h, "GET", x.path, "Accept-Encoding", x.accept, "If-None-Match", tag); again.Code != 304 || again.Body.Len() != 0 {
			t.Errorf("%s (%s): %d for its own tag %s", x.path, x.accept, again.Code, tag)
		}
		if again := ask(h, "GET", x.path, "Accept-Encoding", x.accept, "If-None-Match", `"x"`); again.Code != 200 {
			t.Errorf("%s: %d for another tag", x.path, again.Code)
		}
	}
	if a, b := ask(h, "GET", "/assets/app-1a2b.js").Header().Get("ETag"), ask(h, "GET", "/assets/app-1a2b.js", "Accept-Encoding", "br").Header().Get("ETag"); a == b {
		t.Errorf("two codings with the tag %s", a)
	}
}

func TestNotBuilt(t *testing.T) {
	h := newHandler(fstest.MapFS{".keep": {Data: []byte("x")}})
	w := ask(h, "GET", "/s?q=x")
	if w.Code != 501 || !strings.Contains(w.Body.String(), "make ui build") || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Header().Get("Content-Security-Policy") != policy {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// TestHandler holds that what is embedded can be served, built or not.
func TestHandler(t *testing.T) {
	if w := ask(Handler(), "GET", "/"); w.Code != 200 && w.Code != 501 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
