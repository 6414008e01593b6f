package dissect

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/proto/http"
)

// readHTTP adds the messages of a payload, behind the end of one that began before if it begins so.
func readHTTP(l *layer) {
	if n := bytes.IndexByte(l.rest(), '\n'); startShape(lineOf(l.rest(), n)) == notAStart {
		if off, found := http.FindStart(l.rest()); found && off > 0 {
			whole := l.end
			l.end = l.at + off
			wire := l.body.Wire
			l.body.Wire = off
			l.continuation()
			l.end, l.body.Wire = whole, wire
		}
	}
	for l.at < l.end && l.room > 0 {
		m := httpMessage{span: l.open(l.kind.title)}
		if !m.read(len(l.nodes) == 0) {
			break
		}
		l.close(m.span)
		l.say(m.said)
	}
}

// httpMessage is a message being read.
type httpMessage struct {
	*span
	said    string
	length  int // Content-Length, -1 without one
	chunked bool
	media   string
}

// lineOf is b up to the line feed at n, without the line's end; all of b if n is below 0.
func lineOf(b []byte, n int) []byte {
	if n < 0 {
		return b
	}
	return bytes.TrimSuffix(b[:n], []byte{'\r'})
}

type startKind uint8

const (
	notAStart startKind = iota
	aRequest
	aResponse
)

// startShape says what a first line is of.
func startShape(line []byte) startKind {
	if bytes.HasPrefix(line, []byte("HTTP/")) {
		return aResponse
	}
	sp := bytes.IndexByte(line, ' ')
	if sp <= 0 || sp > 32 || bytes.IndexFunc(line[:sp], func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return notAStart
	}
	if i := bytes.LastIndex(line, []byte(" HTTP/")); i < sp && !bytes.Equal(line[:sp], []byte("GET")) {
		return notAStart
	}
	return aRequest
}

// read adds a message: start line, header, and what there is of the body. It says whether there is one; the first of a payload was
// detected, its line may be cut off.
func (m *httpMessage) read(first bool) bool {
	n := bytes.IndexByte(m.rest(), '\n')
	line := lineOf(m.rest(), n)
	kind := startShape(line)
	if kind == notAStart && !first {
		return false
	}
	size := n + 1
	if n < 0 {
		size = m.left()
	}
	m.said, m.length = clip(line), -1
	s := m.within(clip(line), size)
	s.startLine(line, kind)
	m.close(s)
	for m.more() {
		n := bytes.IndexByte(m.rest(), '\n')
		if n < 0 {
			m.text("Header line", m.left())
			return true
		}
		line := lineOf(m.rest(), n)
		if len(line) == 0 {
			m.field("End of header", n+1, "")
			break
		}
		m.header(line, n+1)
	}
	m.body(kind == aRequest)
	if kind == aResponse && m.media != "" {
		m.said += " (" + m.media + ")"
	}
	return true
}

// startLine adds the three parts of a start line, which is all of s.
func (s *span) startLine(line []byte, kind startKind) {
	names := [3]string{"Request Method", "Request URI", "Request Version"}
	if kind == aResponse {
		names = [3]string{"Response Version", "Status Code", "Response Phrase"}
	}
	for i, end := 0, s.off+len(line); i < len(names); i++ {
		for s.at < end && s.l.data[s.at] == ' ' {
			s.at++
		}
		left := s.l.data[s.at:end]
		n := len(left)
		if i == 0 || i == 1 && kind == aResponse {
			n = bytes.IndexByte(left, ' ')
		} else if i == 1 { // a target with spaces in it is none, but there are such
			n = bytes.LastIndex(left, []byte(" HTTP/"))
		}
		if n < 0 {
			n = len(left)
		}
		if n > 0 {
			s.text(names[i], n)
		}
	}
}

// header adds a header line of n bytes with its end.
func (m *httpMessage) header(line []byte, n int) {
	name, value, ok := strings.Cut(string(line), ":")
	if !ok {
		m.field("Header line", n, clip(line))
		return
	}
	value = strings.Trim(value, " \t")
	m.field(clip([]byte(name)), n, clip([]byte(value)))
	switch strings.ToLower(name) {
	case "content-length":
		if v, err := strconv.Atoi(value); err == nil && v >= 0 {
			m.length = v
		}
	case "transfer-encoding":
		m.chunked = strings.HasSuffix(strings.ToLower(value), "chunked")
	case "content-type":
		m.media, _, _ = strings.Cut(value, ";")
	}
}

// body adds what is there of the body. Without a length a request has none, and a response's ends with the connection, which one
// packet does not show.
func (m *httpMessage) body(request bool) {
	if !m.more() {
		return
	}
	switch {
	case m.chunked:
		c := m.open("Chunked body")
		for c.more() && c.chunk() {
		}
		c.value = count(c.at - c.off)
		m.close(c)
	case m.length >= 0:
		n := min(m.length, m.left())
		value := count(m.length)
		if n < m.length {
			value = strconv.Itoa(n) + " of " + value
		}
		if n > 0 {
			m.textLines("Body", n, value)
		}
	case !request:
		m.textLines("Body", m.left(), count(m.left()))
	}
}

// chunk adds a chunk (RFC 9112 §7.1) and says whether another may follow.
func (c *span) chunk() bool {
	i := bytes.IndexByte(c.rest(), '\n')
	if i < 0 {
		c.text("Chunk size", c.left())
		return false
	}
	line := lineOf(c.rest(), i)
	digits, _, _ := strings.Cut(string(line), ";")
	size, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 31)
	if err != nil {
		return false
	}
	k := c.open("Chunk")
	k.value = count(int(size))
	k.field("Chunk size", i+1, clip(line))
	if size == 0 {
		k.name = "Last chunk"
		c.close(k)
		return c.trailer()
	}
	n := min(int(size), k.left())
	if n > 0 {
		k.field("Chunk data", n, count(n))
	}
	if n == int(size) {
		end := 0
		for end < min(2, k.left()) && k.rest()[end] == "\r\n"[end] {
			end++
		}
		if end > 0 {
			k.field("Chunk end", end, "")
		}
	}
	c.close(k)
	return true
}

// trailer adds the lines behind the last chunk. No chunk follows.
func (c *span) trailer() bool {
	for c.more() {
		n := bytes.IndexByte(c.rest(), '\n') + 1
		switch {
		case n == 0:
			c.text("Trailer line", c.left())
		case len(lineOf(c.rest(), n-1)) == 0:
			c.field("End of trailer", n, "")
			return false
		default:
			c.field("Trailer line", n, clip(lineOf(c.rest(), n-1)))
		}
	}
	return false
}
