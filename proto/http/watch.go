package http

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/tapir-project/tapir/proto"
)

// Watcher is told of a connection's messages while they are read. Calls for the two directions mix, as the messages do;
// within one, each message is Begin, its fields, its body in pieces, End. Slices are borrowed until the call returns.
type Watcher interface {
	// Begin has the start line; start is the time of the first byte, ns. A response to an HTTP/0.9 request has none.
	Begin(dir proto.Dir, line []byte, start int64)
	// Field is a header or trailer field, in order, as often as it was sent.
	Field(dir proto.Dir, name, value []byte)
	// Body is bytes of the body, transfer coding undone, content coding not.
	Body(dir proto.Dir, b []byte)
	// Lost says that so many bytes of the body were lost here.
	Lost(dir proto.Dir, n int64)
	// End ends the message; whole says that its end was seen and nothing was lost. now is the time of its last byte, ns.
	End(dir proto.Dir, whole bool, now int64)
}

// Watch is HTTP/1.x read for w, on one connection: nothing of bodies is kept or digested.
func Watch(w Watcher) *proto.Protocol {
	p := New(Options{})
	p.New = func() proto.Parser { return &parser{opt: &Options{}, watch: w} }
	return p
}

// watchBegin tells the watcher of a message whose header block is complete.
func (p *parser) watchBegin(f *proto.Flow, m *message, line []byte) {
	if p.watch == nil {
		return
	}
	start := f.Time
	if m.first {
		start = f.First(m.dir)
	}
	p.watch.Begin(m.dir, trimCR(line), start)
}

// watchEnd tells the watcher that a message is over.
func (p *parser) watchEnd(f *proto.Flow, dir proto.Dir, whole bool) {
	if p.watch != nil {
		p.watch.End(dir, whole, f.Time)
	}
}

// watchLost tells the watcher what of a body was lost: n bytes, of which left at most are the body's.
func (p *parser) watchLost(dir proto.Dir, s *stream, n int64) {
	if p.watch == nil {
		return
	}
	if s.phase != inRest {
		n = min(n, s.left)
	}
	p.watch.Lost(dir, n)
}

// maxCodings bounds the content codings on top of each other that are undone.
const maxCodings = 4

// ErrCoding tells of a content coding that is not known.
var ErrCoding = errors.New("http: unknown content coding")

// Undo reads r with its content codings undone: the value of Content-Encoding (RFC 9110 §8.4), the last one first. What
// is read may be far longer than what it is read from: bounding it is for the caller. The decoders themselves take
// bounded memory (zstd windows: 8 MiB).
func Undo(r io.Reader, codings string) (io.Reader, error) {
	list := strings.Split(codings, ",")
	if len(list) > maxCodings {
		return nil, ErrCoding
	}
	for i := len(list) - 1; i >= 0; i-- {
		c := codingOf([]byte(strings.TrimSpace(list[i])))
		if c == codingNone {
			continue
		}
		var err error
		if r, err = undo(bufio.NewReader(r), c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func undo(r *bufio.Reader, c coding) (io.Reader, error) {
	switch c {
	case codingGzip:
		return gzip.NewReader(r)
	case codingDeflate: // zlib, which the name stands for, or bare deflate, which some servers send
		if b, err := r.Peek(2); err == nil && isZlib(b) {
			r.Discard(2) // the checksum at the end is not looked at
		}
		return flate.NewReader(r), nil
	case codingBrotli:
		return brotli.NewReader(r), nil
	case codingZstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z, nil
	}
	return nil, ErrCoding
}

// isZlib says whether b begins with a header of RFC 1950.
func isZlib(b []byte) bool { return b[0]&15 == 8 && (int(b[0])<<8|int(b[1]))%31 == 0 }

// MediaType tells the media type of content from its first bytes, "" if they do not say.
func MediaType(b []byte) string {
	mime, _ := magic(b[:min(len(b), magicSize)])
	return mime
}
