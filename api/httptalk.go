package api

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tapir-project/tapir/proto"
	webhttp "github.com/tapir-project/tapir/proto/http"
	"github.com/tapir-project/tapir/record"
)

// Bounds of a conversation shown as HTTP messages.
const (
	maxBodyKept = 4 << 20  // bytes of one body, as sent, that are held until it is over
	maxUndone   = 64 << 20 // bytes that all bodies of an answer are decoded to, to tell how long they are
	maxBodyText = 64 << 10 // bytes of its text that are in the list; all of it is at /bodies/{n}
	maxMessages = 10_000   // in one answer
	perHeader   = 32       // what a header takes in JSON beside its text, to bound answers
)

// message is an HTTP message as it is read.
type message struct {
	id         int // its place in the session, from 1
	client     bool
	start, end int64 // ns
	line       string
	headers    [][2]string
	body       []byte // as sent, at most maxBodyKept
	size       int64  // bytes of the body that came
	lost       int64
	whole      bool
	shown      shown
}

// header is the first value of a header, "" if there is none.
func (m *message) header(name string) string {
	for _, h := range m.headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

// coding is all values of Content-Encoding (RFC 9110 §5.3: as if they were one list).
func (m *message) coding() string {
	var all []string
	for _, h := range m.headers {
		if strings.EqualFold(h[0], "Content-Encoding") {
			all = append(all, h[1])
		}
	}
	return strings.Join(all, ", ")
}

// hears reads a session as HTTP by the parser that recorded it.
type hears struct {
	flow proto.Flow
	env  proto.Env
	set  record.Values
}

func newHears(rec *record.Record, w webhttp.Watcher) *hears {
	h := &hears{}
	h.env.Protocols = proto.NewSet([]*proto.Protocol{webhttp.Watch(w)})
	h.env.Emit = func(*proto.Flow, *proto.Transaction) {}
	h.flow = proto.Flow{Transport: proto.TCP, Set: &h.set, Env: &h.env}
	e := newEnds(rec)
	h.flow.ClientPort = e.port
	if x, ok := rec.Values.First(fDestinationPort); ok {
		h.flow.ServerPort = uint16(x.Int())
	}
	return h
}

// hear takes a piece of the conversation.
func (h *hears) hear(p piece) {
	h.set.Reset() // what the session's record holds already
	dir := side(p.client)
	if len(p.data) > 0 {
		h.flow.Data(dir, p.data, p.time)
	}
	if p.gap > 0 {
		h.flow.Gap(dir, p.gap, p.time)
	}
}

// close ends both directions: what is open is as whole as it will be.
func (h *hears) close(now int64) {
	h.flow.Close(proto.ToServer, now)
	h.flow.Close(proto.ToClient, now)
}

// messages is a webhttp.Watcher that gathers messages until they have grown to a limit.
type messages struct {
	all   []*message
	open  [2]*message
	begun int
	left  int   // bytes that they may still take
	undo  int64 // bytes of bodies that may still be decoded
	more  bool
}

// Begin is webhttp.Watcher.
func (l *messages) Begin(dir proto.Dir, line []byte, start int64) {
	l.begun++
	l.open[dir] = &message{id: l.begun, client: dir == proto.ToServer, start: start, line: string(line)}
}

// Field is webhttp.Watcher.
func (l *messages) Field(dir proto.Dir, name, value []byte) {
	if m := l.open[dir]; m != nil {
		m.headers = append(m.headers, [2]string{string(name), string(value)})
	}
}

// Body is webhttp.Watcher.
func (l *messages) Body(dir proto.Dir, b []byte) {
	if m := l.open[dir]; m != nil {
		m.size += int64(len(b))
		m.body = append(m.body, b[:min(len(b), maxBodyKept-len(m.body))]...)
	}
}

// Lost is webhttp.Watcher.
func (l *messages) Lost(dir proto.Dir, n int64) {
	if m := l.open[dir]; m != nil {
		m.lost += n
	}
}

// End is webhttp.Watcher.
func (l *messages) End(dir proto.Dir, whole bool, now int64) {
	m := l.open[dir]
	if m == nil {
		return
	}
	l.open[dir] = nil
	m.whole, m.end = whole, now
	if l.left <= 0 || len(l.all) == maxMessages {
		l.more = true
		return
	}
	m.shorten(l)
	l.all = append(l.all, m)
}

// shorten keeps of m's body what is shown, and counts what m takes.
func (m *message) shorten(l *messages) {
	l.left -= len(m.line)
	for _, h := range m.headers {
		l.left -= len(h[0]) + len(h[1]) + perHeader
	}
	m.shown = m.show(&l.undo)
	m.body = nil
	l.left -= len(m.shown.text)
}

// streamHTTP answers with the HTTP messages of a session.
func (s *Server) streamHTTP(w *reply, r *http.Request, rec *record.Record, limit int) error {
	list := messages{left: limit, undo: maxUndone}
	if err := s.listen(r, rec, &list, func() bool { return !list.more }); err != nil {
		return err
	}
	slices.SortFunc(list.all, func(a, b *message) int { return cmp.Compare(a.id, b.id) })
	w.Header().Set("Content-Type", "application/json")
	dst := []byte(`{"messages":[`)
	for i, m := range list.all {
		dst = m.append(comma(dst, i))
		if _, err := w.Write(dst); err != nil {
			return err
		}
		dst = dst[:0]
	}
	dst = append(dst, `],"more":`...)
	_, err := w.Write(append(strconv.AppendBool(dst, list.more), "}\n"...))
	return err
}

// listen reads a session as HTTP for w, as long as it wants more.
func (s *Server) listen(r *http.Request, rec *record.Record, w webhttp.Watcher, more func() bool) error {
	h := newHears(rec, w)
	last := rec.Start
	err := s.converse(r, rec, func(p piece) bool {
		h.hear(p)
		last = p.time
		return more()
	})
	if err == nil && more() {
		h.close(last)
	}
	return err
}

// shown is what the list of messages has of a body.
type shown struct {
	bytes   int64 // as sent
	decoded int64 // without content coding; -1: not known
	kind    string
	coding  string
	text    string
	isText  bool
	cut     bool // text or decoded is not all of it
}

// show undoes the content coding of what is there of m's body, spending budget on what it decodes.
func (m *message) show(budget *int64) (x shown) {
	x = shown{bytes: m.size, decoded: m.size, coding: m.coding(), cut: m.lost > 0 || !m.whole}
	plain := m.body
	if x.coding != "" {
		plain, x.decoded = undone(m.body, x.coding, budget)
		if m.size > int64(len(m.body)) || m.lost > 0 || !m.whole {
			x.decoded = -1
		}
	}
	head := plain[:min(len(plain), maxBodyText)]
	x.kind = mediaType(m.header("Content-Type"), head)
	text, ok := asText(head)
	if ok && len(text) > 0 {
		x.text, x.isText = string(text), true
	}
	x.cut = x.cut || x.decoded < 0 || int64(len(head)) < x.decoded
	return x
}

// undone is the beginning of a body without its content coding, and how long the whole is: -1 if that is not to be found
// out.
func undone(body []byte, coding string, budget *int64) (head []byte, n int64) {
	r, err := webhttp.Undo(bytes.NewReader(body), coding)
	if err != nil || *budget <= 0 {
		return nil, -1
	}
	head = make([]byte, maxBodyText)
	k, err := io.ReadFull(r, head)
	head = head[:k]
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return head, int64(k)
	}
	if err != nil {
		return head, -1
	}
	rest, err := io.Copy(io.Discard, io.LimitReader(r, *budget))
	if *budget -= rest; err != nil || *budget <= 0 {
		return head, -1
	}
	return head, int64(k) + rest
}

// mediaType is what the first bytes show, else what the header says, without parameters.
func mediaType(header string, head []byte) string {
	if kind := webhttp.MediaType(head); kind != "" {
		return kind
	}
	kind, _, _ := strings.Cut(header, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// asText is b without a last character that was cut, if it is UTF-8 text.
func asText(b []byte) ([]byte, bool) {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-n:]) {
				b = b[:len(b)-n]
			}
			break
		}
	}
	return b, utf8.Valid(b) && bytes.IndexByte(b, 0) < 0
}

// append appends m as JSON.
func (m *message) append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), int64(m.id), 10)
	dst = append(append(dst, `,"from":"`...), sideName(m.client)...)
	dst = record.AppendTime(append(dst, `","time":"`...), m.start)
	dst = record.AppendTime(append(dst, `","end":"`...), m.end)
	dst = record.AppendJSONString(append(dst, `","start_line":`...), m.line)
	dst = append(dst, `,"headers":[`...)
	for i, h := range m.headers {
		dst = appendNames(comma(dst, i), h[:])
	}
	dst = strconv.AppendBool(append(dst, `],"whole":`...), m.whole)
	if x := &m.shown; x.bytes > 0 || m.lost > 0 {
		dst = x.append(append(dst, `,"body":`...), m)
	}
	return append(dst, '}')
}

func (x *shown) append(dst []byte, m *message) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), int64(m.id), 10)
	dst = strconv.AppendInt(append(dst, `,"bytes":`...), x.bytes, 10)
	dst = strconv.AppendInt(append(dst, `,"lost":`...), m.lost, 10)
	if x.decoded >= 0 {
		dst = strconv.AppendInt(append(dst, `,"decoded_bytes":`...), x.decoded, 10)
	}
	dst = record.AppendJSONString(append(dst, `,"type":`...), x.kind)
	dst = record.AppendJSONString(append(dst, `,"encoding":`...), x.coding)
	if x.isText {
		dst = record.AppendJSONString(append(dst, `,"text":`...), x.text)
	}
	dst = strconv.AppendBool(append(dst, `,"truncated":`...), x.cut)
	return append(dst, '}')
}
