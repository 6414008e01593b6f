package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	// replyBuffer is how many bytes of an answer are gathered before they are sent.
	replyBuffer = 32 << 10
	// flushEvery is how long what is gathered may wait.
	flushEvery = 100 * time.Millisecond
	// gzipFrom is the least size of a whole answer that is worth compressing: less fits into one packet anyhow.
	gzipFrom = 1400
)

// errNoBody ends a handler that writes for a HEAD request once its header is out.
var errNoBody = errors.New("a HEAD request takes no body")

// errOver is what writing after the end of the handler gives.
var errOver = errors.New("the answer is over")

// reply is the http.ResponseWriter of one request. It gathers what the handler writes and sends it when there is much of
// it, after flushEvery, or at the end; compressed if the client takes that and the content is text. Until the first byte
// is sent, the handler's error can still become the answer.
type reply struct {
	w    http.ResponseWriter
	head bool // nobody reads the body
	zips bool // the client takes gzip

	mu      sync.Mutex // guards what follows: a timer sends what waits
	buf     []byte
	status  int
	sent    bool
	zip     *gzip.Writer // nil: not compressed
	timer   *time.Timer
	waiting bool // the timer runs
	quiet   bool // nothing is sent before finish
	err     error
}

func newReply(w http.ResponseWriter, r *http.Request) *reply {
	return &reply{w: w, head: r.Method == http.MethodHead, zips: acceptsGzip(r.Header), status: http.StatusOK}
}

// acceptsGzip says whether the client takes gzip (RFC 9110 §12.5.3).
func acceptsGzip(h http.Header) bool {
	any := false
	for _, part := range strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, q, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(part, " ", "")), ";q=")
		w, err := strconv.ParseFloat(q, 64)
		takes := q == "" || err == nil && w > 0
		switch name {
		case "gzip", "x-gzip":
			return takes
		case "*":
			any = takes
		}
	}
	return any
}

// Header is that of the answer; it counts until the first byte is sent.
func (a *reply) Header() http.Header { return a.w.Header() }

// WriteHeader sets the status; it is sent with the first byte.
func (a *reply) WriteHeader(status int) { a.status = status }

// Write adds to the answer. An error is final: the client is gone, or wants no more.
func (a *reply) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return 0, a.err
	}
	if len(a.buf)+len(b) < replyBuffer {
		a.buf = append(a.buf, b...)
		a.wake()
		return len(b), nil
	}
	a.send(a.buf)
	a.buf = a.buf[:0]
	a.send(b)
	return len(b), a.err
}

// wake starts the timer.
func (a *reply) wake() {
	switch {
	case a.waiting || a.quiet:
		return
	case a.timer == nil:
		a.timer = time.AfterFunc(flushEvery, a.tick)
	default:
		a.timer.Reset(flushEvery)
	}
	a.waiting = true
}

// tick sends what has waited long enough.
func (a *reply) tick() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting {
		a.flush()
	}
}

// Flush sends what has been gathered.
func (a *reply) Flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flush()
}

func (a *reply) flush() {
	a.waiting = false
	if a.err != nil {
		return
	}
	a.send(a.buf)
	a.buf = a.buf[:0]
	if a.zip != nil && a.err == nil {
		a.err = a.zip.Flush()
	}
	http.NewResponseController(a.w).Flush() // of the writers in use, those of tests cannot flush
}

// send writes to the client, the header first.
func (a *reply) send(b []byte) {
	if a.err != nil {
		return
	}
	if !a.sent {
		a.sent = true
		a.compress()
		a.w.WriteHeader(a.status)
	}
	switch {
	case a.head:
		a.err = errNoBody
	case len(b) == 0:
	case a.zip != nil:
		_, a.err = a.zip.Write(b)
	default:
		_, a.err = a.w.Write(b)
	}
}

// compress decides whether the answer is compressed.
func (a *reply) compress() {
	h := a.Header()
	if !compressible(h.Get("Content-Type")) {
		return
	}
	h.Add("Vary", "Accept-Encoding")
	if a.zips && h.Get("Content-Length") == "" {
		h.Set("Content-Encoding", "gzip")
		a.zip = zips.Get().(*gzip.Writer)
		a.zip.Reset(a.w)
	}
}

// zips are gzip writers at rest: each has a megabyte of state.
var zips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return z
}}

// compressible says whether answers of a type are compressed: text is. Packets are left as they are, they are large and
// compress badly, and so are events: each must leave at once.
func compressible(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind {
	case "application/json", "application/x-ndjson", "application/yaml", "text/csv":
		return true
	}
	return false
}

// begun says whether part of the answer is out.
func (a *reply) begun() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sent
}

// discard drops what has been gathered. It cannot, and says so, when part of the answer is out; if not, nothing will be
// sent until finish.
func (a *reply) discard() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.buf, a.waiting, a.quiet = a.buf[:0], false, true
	return !a.sent
}

// finish sends the rest.
func (a *reply) finish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if whole := !a.sent && a.err == nil; whole && a.status != http.StatusNoContent && (!a.zips || len(a.buf) < gzipFrom) {
		a.Header().Set("Content-Length", strconv.Itoa(len(a.buf)))
	}
	a.send(a.buf)
	if a.zip != nil && a.err == nil {
		a.zip.Close()
	}
	a.over()
}

// stop ends the reply, also that of a handler that panicked: nothing is written after it.
func (a *reply) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over()
}

func (a *reply) over() {
	a.waiting = false
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.err == nil {
		a.err = errOver
	}
	if a.zip != nil {
		a.zip.Reset(nil)
		zips.Put(a.zip)
		a.zip = nil
	}
}

// note adds a header, as a trailer if the header is out already.
func (a *reply) note(name, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sent {
		name = http.TrailerPrefix + name
	}
	a.Header().Set(name, value)
}

// json answers with v.
func (a *reply) json(v any) error {
	a.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(a)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
