package http

import (
	"bytes"
	"sync"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// maxNames bounds the header names of one message that the session notes; what is beyond counts as dropped values.
const maxNames = 256

// message is a header block taken apart. Its slices are borrowed from the input.
type message struct {
	startLine
	host, userAgent, referer, location, upgrade []byte
	forwarded                                   []byte // first address of X-Forwarded-For, else X-Real-IP
	contentType, contentEncoding                []byte
	user, authType                              []byte
	length                                      int64 // Content-Length, -1 if there is none
	chunked, otherCoding                        bool  // last transfer coding
	hasHost, badLength                          bool
	names                                       int       // header names that are not among the known ones
	dir                                         proto.Dir // the message goes this way
	first                                       bool      // it begins at the first byte of the input
	buf, userBuf                                []byte    // memory to put texts together in
}

// messages keeps the memory of messages; one is in use for the time of one header block.
var messages = sync.Pool{New: func() any {
	return &message{buf: make([]byte, 0, 1024), userBuf: make([]byte, 256)}
}}

func newMessage(dir proto.Dir, first bool, l startLine) *message {
	m := messages.Get().(*message)
	m.startLine, m.dir, m.first, m.length = l, dir, first, -1
	return m
}

// free gives m back, without what it borrowed.
func (m *message) free() {
	*m = message{buf: m.buf[:0], userBuf: m.userBuf}
	messages.Put(m)
}

// head reads a header block: start line, fields, empty line. Nothing is consumed before all of it is there.
func (p *parser) head(f *proto.Flow, dir proto.Dir, s *stream, b []byte, at int) (int, bool) {
	rest := b[at:]
	if p.simple && p.wait[dir.Other()].Len() > 0 {
		p.simpleResponse(f, s, dir)
		return 0, true
	}
	if n := blankLines(rest); n > 0 {
		s.scan = 0
		return n, true
	}
	if s.top == 0 {
		return p.start(f, dir, s, rest, at)
	}
	return p.block(f, s, dir, parseStart(trimCR(rest[:s.top-1])), rest, at)
}

// block reads the header block that begins with l, if it is all there.
func (p *parser) block(f *proto.Flow, s *stream, dir proto.Dir, l startLine, rest []byte, at int) (int, bool) {
	end, scan := blockEnd(rest, s.scan)
	if end < 0 {
		s.scan = scan
		return 0, false
	}
	line, fields := rest[:s.top-1], rest[s.top:end]
	s.scan, s.top = 0, 0
	s.last = f.Time
	m := newMessage(dir, at == 0, l)
	p.watchBegin(f, m, line)
	if m.shape == request {
		p.request(f, s, m, fields)
	} else {
		p.response(f, s, m, fields)
	}
	m.free()
	return p.begun(f, dir, s, end)
}

// begun counts the header block, ends messages that have no body, and HTTP if the message said so.
func (p *parser) begun(f *proto.Flow, dir proto.Dir, s *stream, n int) (int, bool) {
	if s.tx != nil {
		s.wire += int64(n)
		if s.phase == atStart {
			p.finish(f, dir, s, "")
		}
	} else {
		p.watchEnd(f, dir, true) // an interim response
	}
	if p.over {
		p.handOver(f, p.next)
	}
	return n, !p.over
}

// noStart decides what to do with bytes that begin no message. It says whether to go on at once.
func (p *parser) noStart(s *stream, dir proto.Dir) bool {
	s.scan = 0
	if p.upgrading && p.wait[dir].Len() > 0 {
		s.phase = held // the next protocol's first bytes, ahead of the response that allows it
		return false
	}
	s.phase = lost
	return true
}

// start looks at the start line, once it is there, or whether what there is may become one.
func (p *parser) start(f *proto.Flow, dir proto.Dir, s *stream, rest []byte, at int) (int, bool) {
	i := bytes.IndexByte(rest[s.scan:], '\n')
	if i < 0 {
		if s.scan < lineCheck {
			if _, v := classify(rest); v == proto.No {
				return 0, p.noStart(s, dir)
			}
		}
		s.scan = len(rest)
		return 0, false
	}
	i += s.scan
	l := parseStart(trimCR(rest[:i]))
	switch l.shape {
	case notHTTP:
		return 0, p.noStart(s, dir)
	case simple, preface:
		return p.odd(f, dir, s, l, rest[:i+1], at)
	}
	s.scan, s.top = i, i+1
	return p.block(f, s, dir, l, rest, at)
}

// odd handles the two start lines without a header block; line has its end.
func (p *parser) odd(f *proto.Flow, dir proto.Dir, s *stream, l startLine, line []byte, at int) (int, bool) {
	s.scan = 0
	if l.shape == preface {
		f.Set.AddString(fMethod, "PRI")
		f.Set.AddString(fURI, "*")
		f.Set.AddString(fReqVersion, "2.0")
		f.Set.AddString(fVersion, "2.0")
		p.handOver(f, "http2")
		return 0, false
	}
	m := newMessage(dir, at == 0, l)
	s.last, p.simple = f.Time, true
	p.watchBegin(f, m, line[:len(line)-1])
	p.request(f, s, m, nil)
	m.free()
	return p.begun(f, dir, s, len(line))
}

// blockEnd finds where the header block in b ends: behind the first empty line. From is where to search; if the end
// is not there yet, end is -1 and scan where to go on.
func blockEnd(b []byte, from int) (end, scan int) {
	for i := from; ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return -1, len(b)
		}
		i += j + 1
		switch {
		case i < len(b) && b[i] == '\n':
			return i + 1, 0
		case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
			return i + 2, 0
		case i == len(b) || i+1 == len(b) && b[i] == '\r':
			return -1, i - 1
		}
	}
}

// fields reads header fields (RFC 9112 section 5), and trailer fields.
func (p *parser) fields(f *proto.Flow, s *stream, m *message, b []byte) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return
		}
		line, folded := b[:i], false
		b = b[i+1:]
		for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') { // obs-fold
			if i = bytes.IndexByte(b, '\n'); i < 0 {
				return
			}
			line, folded = line[:len(line)+1+i], true // the line end and what is behind it, in the same memory
			b = b[i+1:]
		}
		line = trimCR(line)
		if c := bytes.IndexByte(line, ':'); c > 0 {
			value := line[c+1:]
			if folded {
				value = unfold(value)
			}
			p.field(f, s, m, trimRight(line[:c]), trim(value))
		}
	}
}

// unfold copies a value that spans lines; each line end and the white space around it become one space.
func unfold(v []byte) []byte {
	out := make([]byte, 0, len(v))
	for i, line := range bytes.Split(v, []byte("\n")) {
		if i > 0 {
			out = append(out, ' ')
		}
		out = append(out, bytes.Trim(line, " \t\r")...)
	}
	return out
}

// field notes one header field and keeps what later steps need of it.
func (p *parser) field(f *proto.Flow, s *stream, m *message, name, value []byte) {
	id := knownName(name)
	p.noteName(f, m, id, name)
	if p.watch != nil {
		p.watch.Field(m.dir, name, value)
	}
	if p.opt.HeaderValues {
		noteValue(f, m, name, value)
	}
	switch {
	case id == hOther || id >= hPlain:
	case id == hContentLength:
		m.contentLength(value)
	case id == hTransferEncoding:
		m.transferCoding(value)
	case id == hContentType:
		m.contentType = value
	case id == hContentEncoding:
		m.contentEncoding = value
	case id == hUpgrade:
		m.upgrade = value
	case m.shape == request:
		m.requestField(f, id, value)
	default:
		m.responseField(f, id, value)
	}
}

// noteName adds a header's name to the session, once.
func (p *parser) noteName(f *proto.Flow, m *message, id headerID, name []byte) {
	k, field := 0, fReqNames
	if m.shape == response {
		k, field = 1, fRespNames
	}
	if id != hOther {
		if p.names[k].add(id) {
			f.Set.AddString(field, headerNames[id])
		}
		return
	}
	if m.names++; m.names > maxNames {
		f.Set.Dropped++
	} else if isToken(name) {
		f.Set.AddText(field, name)
	}
}

func noteValue(f *proto.Flow, m *message, name, value []byte) {
	if m.shape == request {
		f.Set.AddText(fReqFields, name)
		f.Set.AddText(fReqValues, value)
		return
	}
	f.Set.AddText(fRespFields, name)
	f.Set.AddText(fRespValues, value)
}

// contentLength reads the header, which may be a list of equal numbers (RFC 9110 section 8.6). The first one counts;
// others that differ are noted: two readers may take the message for different ones.
func (m *message) contentLength(value []byte) {
	for part := range bytes.SplitSeq(value, []byte(",")) {
		n, ok := parseLength(trim(part))
		switch {
		case !ok || m.length >= 0 && n != m.length:
			m.badLength = true
		case m.length < 0:
			m.length = n
		}
	}
}

// parseLength reads a decimal number below 2^62.
func parseLength(b []byte) (n int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' || n >= 1<<58 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(b) > 0
}

// transferCoding looks at the last coding: only chunked delimits the body (RFC 9112 section 6.3).
func (m *message) transferCoding(value []byte) {
	last := trim(value[bytes.LastIndexByte(value, ',')+1:])
	m.chunked = equalFold(last, "chunked")
	m.otherCoding = !m.chunked && !equalFold(last, "identity") && len(last) > 0
}

// putSizes says how large a message was.
func putSizes(t *proto.Transaction, bytes, body, length record.FieldID, s *stream) {
	t.Values.PutInt(bytes, s.wire)
	if s.size > 0 {
		t.Values.PutInt(body, s.size)
	}
	if s.declared >= 0 {
		t.Values.PutInt(length, s.declared)
	} else {
		t.Values.PutInt(length, s.size)
	}
}
