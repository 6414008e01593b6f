package api

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"

	"github.com/tapir-project/tapir/proto"
	webhttp "github.com/tapir-project/tapir/proto/http"
	"github.com/tapir-project/tapir/record"
)

const (
	// maxBody bounds what a body may be decoded to: few bytes can stand for very many.
	maxBody = 1 << 30
	// sniffed is how many of its first bytes its type is told from.
	sniffed = 1024
)

var errNoBodyThere = &problem{status: http.StatusNotFound, err: errors.New("that message has no body, or is not there: see stream?format=http for those that are")}

// body answers with the body of an HTTP message, its codings undone. Whatever it is, browsers are kept from running it:
// only pictures and plain text have their own type.
func (s *Server) body(w *reply, r *http.Request, _ *params) error {
	number, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || number < 1 {
		return &problem{status: http.StatusBadRequest, param: "n", err: errors.New("n must be the id of a message, from 1")}
	}
	rec, err := s.fetch(r, record.KindSession)
	if err != nil {
		return err
	}
	err = s.sendBody(w, r, rec, number, webhttp.Undo)
	if errors.Is(err, errCoding) {
		err = s.sendBody(w, r, rec, number, func(in io.Reader, _ string) (io.Reader, error) { return in, nil })
	}
	return err
}

// errCoding says that a body is not in the content coding that its header names.
var errCoding = errors.New("the content coding cannot be undone")

// sendBody sends a body; undo takes its content coding off. errCoding says that nothing was sent.
func (s *Server) sendBody(w *reply, r *http.Request, rec *record.Record, number int, undo func(io.Reader, string) (io.Reader, error)) error {
	in := bodyReader{one: oneBody{want: number}}
	next, stop := iter.Pull(s.bodyOf(r, rec, &in))
	defer stop()
	in.next = next
	if !in.fill() {
		return cmp.Or[error](in.err, errNoBodyThere)
	}
	m := in.one.m
	plain, err := undo(&in, m.coding())
	if err != nil {
		return errCoding
	}
	b := bufio.NewReaderSize(plain, sniffed)
	head, err := b.Peek(sniffed)
	if len(head) == 0 && err != io.EOF {
		return cmp.Or(in.err, errCoding)
	}
	bodyHeader(w.Header(), rec.ID.String()+"-"+strconv.Itoa(number), m, head)
	n, err := io.Copy(sender{w}, io.LimitReader(b, maxBody))
	switch {
	case in.err != nil:
		return in.err
	case errors.Is(err, errGone):
		return nil
	case n == maxBody:
		w.note(incomplete, fmt.Sprintf("more than %d bytes", int64(maxBody)))
	case m.lost > 0:
		w.note(incomplete, fmt.Sprintf("%d bytes were lost", m.lost))
	case err != nil:
		w.note(incomplete, "its content coding is damaged")
	case !m.whole:
		w.note(incomplete, "its end was not seen")
	}
	return nil
}

// incomplete is the header that says why a body is not all of it. A trailer, if the body was sent while it was read.
const incomplete = "Tapir-Incomplete"

// errGone says that the client wants no more.
var errGone = errors.New("the client is gone")

// sender tells errors of the client from those of the body.
type sender struct{ w *reply }

func (s sender) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	if err != nil {
		err = errGone
	}
	return n, err
}

// bodyTypes are what browsers may show: nothing that can hold a script.
var bodyTypes = map[string]string{"image/png": "image/png", "image/jpeg": "image/jpeg", "image/gif": "image/gif", "image/webp": "image/webp"}

// bodyHeader says what a body is: what its first bytes show counts, the sender's word only for plain text.
func bodyHeader(h http.Header, name string, m *message, head []byte) {
	kind := mediaType(m.header("Content-Type"), head)
	own := bodyTypes[kind]
	if webhttp.MediaType(head) != kind {
		own = "" // the sender says so, its content does not
	}
	if _, text := asText(head); own == "" && kind == "text/plain" && text {
		own = "text/plain; charset=utf-8"
	}
	switch {
	case own != "":
		h.Set("Content-Type", own)
		h.Set("Content-Disposition", "inline")
	case kind == "image/svg+xml" || kind == "image/svg":
		h.Set("Content-Type", "image/svg+xml")
		h.Set("Content-Disposition", `attachment; filename="`+name+`.svg"`)
	default:
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", `attachment; filename="`+name+`.bin"`)
	}
}

// bodyOf gives the pieces of one body of a session, as they are read.
func (s *Server) bodyOf(r *http.Request, rec *record.Record, in *bodyReader) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		in.one.yield = yield
		in.err = s.listen(r, rec, &in.one, func() bool { return !in.one.done })
	}
}

// bodyReader reads pieces of a body as one.
type bodyReader struct {
	one  oneBody
	next func() ([]byte, bool)
	rest []byte
	err  error
}

// fill makes sure that rest is not empty; false at the end.
func (b *bodyReader) fill() bool {
	for len(b.rest) == 0 {
		var ok bool
		if b.rest, ok = b.next(); !ok {
			return false
		}
	}
	return true
}

// Read is io.Reader.
func (b *bodyReader) Read(dst []byte) (int, error) {
	if !b.fill() {
		return 0, io.EOF
	}
	n := copy(dst, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// oneBody is a webhttp.Watcher that gives the body of one message away.
type oneBody struct {
	want, begun int
	m           *message // the one that is wanted, once it has begun
	dir         proto.Dir
	yield       func([]byte) bool
	done        bool
}

// Begin is webhttp.Watcher.
func (o *oneBody) Begin(dir proto.Dir, line []byte, start int64) {
	if o.begun++; o.begun == o.want {
		o.m, o.dir = &message{id: o.begun}, dir
	}
}

func (o *oneBody) here(dir proto.Dir) bool { return o.m != nil && o.dir == dir && !o.done }

// Field is webhttp.Watcher.
func (o *oneBody) Field(dir proto.Dir, name, value []byte) {
	if o.here(dir) {
		o.m.headers = append(o.m.headers, [2]string{string(name), string(value)})
	}
}

// Body is webhttp.Watcher.
func (o *oneBody) Body(dir proto.Dir, b []byte) {
	if o.here(dir) && !o.yield(b) {
		o.done = true
	}
}

// Lost is webhttp.Watcher.
func (o *oneBody) Lost(dir proto.Dir, n int64) {
	if o.here(dir) {
		o.m.lost += n
	}
}

// End is webhttp.Watcher.
func (o *oneBody) End(dir proto.Dir, whole bool, now int64) {
	if o.here(dir) {
		o.m.whole, o.m.end, o.done = whole, now, true
	}
}
