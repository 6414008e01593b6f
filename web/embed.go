package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed all:dist
var dist embed.FS

const (
	// index is the page that is given for every path of the viewer.
	index = "index.html"
	// hashed is where the build puts the files that have a hash of their content in their name.
	hashed = "assets/"
	// gzipFrom is the least size that is worth compressing: less fits into one packet anyhow.
	gzipFrom = 1400
)

// policy lets a page load scripts, styles, fonts and images from this server and nothing else: what strangers sent over
// the network is shown by it, and must not run (CSP Level 3).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// Handler serves the viewer of this program. It is safe for concurrent use.
func Handler() http.Handler {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // dist is no folder: a defect of ours
	}
	return newHandler(built)
}

// handler serves the files of a build, which it holds in memory.
type handler struct {
	files map[string]*file // by path
}

// newHandler reads a build. A file NAME.br is NAME compressed with brotli.
func newHandler(build fs.FS) *handler {
	h := &handler{files: map[string]*file{}}
	fs.WalkDir(build, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		b, err := fs.ReadFile(build, name)
		if err == nil {
			h.files[name] = newFile(name, b)
		}
		return err
	})
	for name, f := range h.files {
		if br := h.files[name+".br"]; br != nil {
			f.brotli = br.plain
			delete(h.files, name+".br")
		}
	}
	return h
}

// file is one file of the build.
type file struct {
	plain  []byte
	brotli []byte        // nil: not made
	gzip   func() []byte // made when first asked for; nil if it would not pay
	kind   string        // its Content-Type
	tag    string        // of its content
}

func newFile(name string, b []byte) *file {
	sum := sha256.Sum256(b)
	f := &file{plain: b, kind: kindOf(name), tag: hex.EncodeToString(sum[:12]), gzip: func() []byte { return nil }}
	if isText(f.kind) && len(b) >= gzipFrom {
		f.gzip = sync.OnceValue(func() []byte { return zip(b) })
	}
	return f
}

// kinds are the Content-Types of what a build has; those that the system knows may differ from machine to machine.
var kinds = map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2",
	".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json"}

func kindOf(name string) string {
	if kind := kinds[path.Ext(name)]; kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func isText(kind string) bool {
	base, _, _ := mime.ParseMediaType(kind)
	return strings.HasPrefix(base, "text/") || strings.HasSuffix(base, "json") || base == "image/svg+xml"
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is a good one
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// ServeHTTP answers with a file, with the page, or says that there is none.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are taken here", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	f := h.files[name]
	if f == nil && isPage(name) {
		name, f = index, h.files[index]
		if f == nil {
			notBuilt(w)
			return
		}
	}
	if f == nil {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "no-cache") // kept, but asked for again by its tag
	if strings.HasPrefix(name, hashed) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	f.serve(w, r)
}

// harden says what browsers must not do with what comes from here.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// isPage says whether a path that is no file is one of the viewer's pages: names of files have a dot in their first
// element, or lie where the build puts its files.
func isPage(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".") && first+"/" != hashed
}

// serve answers with the file in the best coding that the client takes (RFC 9110 §12.5.3). Each coding has a tag of its own.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	body, tag := f.plain, f.tag
	h := w.Header()
	if isText(f.kind) {
		h.Set("Vary", "Accept-Encoding")
		if coding, coded := f.coded(r.Header); coded != nil {
			body, tag = coded, tag+"-"+coding
			h.Set("Content-Encoding", coding)
		}
	}
	h.Set("Content-Type", f.kind)
	h.Set("ETag", strconv.Quote(tag))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// coded is the file in a coding that the client takes, nil if it takes none that there is.
func (f *file) coded(h http.Header) (coding string, b []byte) {
	if f.brotli != nil && accepts(h, "br") {
		return "br", f.brotli
	}
	if accepts(h, "gzip") {
		return "gzip", f.gzip()
	}
	return "", nil
}

// accepts says whether the client names a coding and does not refuse it.
func accepts(h http.Header, coding string) bool {
	for _, part := range strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, q, weighed := strings.Cut(strings.ToLower(strings.ReplaceAll(part, " ", "")), ";q=")
		if name == coding {
			w, err := strconv.ParseFloat(q, 64)
			return !weighed || err == nil && w > 0
		}
	}
	return false
}

// notBuilt is the page of a program that was built without its viewer.
func notBuilt(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotImplemented)
	w.Write([]byte(`<!doctype html>
<html lang="en">
<title>Tapir</title>
<h1>The viewer is not part of this program</h1>
<p>It was built without it. To build both:</p>
<pre>make ui build</pre>
<p>The API is there: <a href="/api/openapi.yaml">/api/openapi.yaml</a> describes it, docs/api.md shows it at work.</p>
</html>
`))
}
