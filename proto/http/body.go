package http

import (
	"bytes"

	"github.com/tapir-project/tapir/proto"
)

// begin sets up the body of the message whose header block has just been read.
func (s *stream) begin(c coding, ph phase, length int64) {
	s.phase, s.left, s.coding, s.watch = ph, length, c, watchHead
}

// take passes over bytes of the body, looking at them as far as somebody wants to know.
func (s *stream) take(p *parser, f *proto.Flow, dir proto.Dir, b []byte) {
	if p.watch != nil {
		p.watch.Body(dir, b)
	}
	s.wire += int64(len(b))
	s.size += int64(len(b))
	s.last = f.Time
	if s.watch != watchNothing && !s.gap {
		s.observe(p, f, b)
	}
}

// body reads a body of known length.
func (p *parser) body(f *proto.Flow, dir proto.Dir, s *stream, b []byte) int {
	n := int(min(s.left, int64(len(b))))
	s.take(p, f, dir, b[:n])
	if s.left -= int64(n); s.left == 0 {
		p.finish(f, dir, s, "")
	}
	return n
}

// orphanBody looks at the beginning of a body that may not be there: if the request was not seen, it may have been HEAD,
// and the next response follows.
func (p *parser) orphanBody(f *proto.Flow, dir proto.Dir, s *stream, b []byte) (int, bool) {
	n := min(len(b), len(versionMark))
	switch {
	case s.phase == inChunkSize || !bytes.Equal(b[:n], versionMark[:n]):
		s.orphan = false
	case n == len(versionMark):
		p.finish(f, dir, s, "")
	case s.phase == inBody && s.left <= int64(n):
		s.orphan = false // a body that is shorter than what it would be taken for
	default:
		return 0, false
	}
	return 0, true
}

// maxChunkLine bounds a chunk's size line with its extensions, and a trailer field.
const maxChunkLine = 16 << 10

// line gives the next line of b, without its end; n is its length with it, 0 if it is not complete. bad says that it
// is too long.
func (s *stream) line(b []byte) (line []byte, n int, bad bool) {
	i := bytes.IndexByte(b[s.scan:], '\n')
	if i < 0 {
		s.scan = len(b)
		return nil, 0, len(b) > maxChunkLine
	}
	i += s.scan
	s.scan = 0
	return trimCR(b[:i]), i + 1, false
}

// chunkSize reads the line before a chunk (RFC 9112 section 7.1): hexadecimal digits, then extensions.
func (p *parser) chunkSize(f *proto.Flow, dir proto.Dir, s *stream, b []byte) (int, bool) {
	line, n, bad := s.line(b)
	if n == 0 && !bad {
		return 0, false
	}
	size, ok := parseChunkSize(line)
	if bad || !ok {
		p.broken(f, dir, s)
		return 0, true
	}
	s.wire += int64(n)
	s.last = f.Time
	s.left = size
	s.phase = inChunk
	if size == 0 {
		s.phase = inTrailer
	}
	return n, true
}

// parseChunkSize reads up to 15 hexadecimal digits; behind them stand white space or an extension.
func parseChunkSize(b []byte) (n int64, ok bool) {
	i := 0
	for ; i < len(b); i++ {
		v := hexValue(b[i])
		if v > 15 {
			break
		}
		if n >= 1<<56 {
			return 0, false
		}
		n = n<<4 | int64(v)
	}
	return n, i > 0 && (i == len(b) || b[i] == ';' || b[i] == ' ' || b[i] == '\t')
}

// chunk reads bytes of a chunk.
func (s *stream) chunk(p *parser, f *proto.Flow, dir proto.Dir, b []byte) int {
	n := int(min(s.left, int64(len(b))))
	s.take(p, f, dir, b[:n])
	if s.left -= int64(n); s.left == 0 {
		s.phase = inChunkEnd
	}
	return n
}

// chunkEnd reads the line end behind a chunk.
func (p *parser) chunkEnd(f *proto.Flow, dir proto.Dir, s *stream, b []byte) (int, bool) {
	n := 1
	if b[0] == '\r' {
		if n = 2; len(b) < n {
			return 0, false
		}
	}
	if b[n-1] != '\n' {
		p.broken(f, dir, s)
		return 0, true
	}
	s.wire += int64(n)
	s.last = f.Time
	s.phase = inChunkSize
	return n, true
}

// trailer reads one trailer field, or the empty line that ends the message. Trailer fields count as header fields;
// those that frame or route a message have no effect there (RFC 9110 section 6.5.1).
func (p *parser) trailer(f *proto.Flow, dir proto.Dir, s *stream, b []byte) (int, bool) {
	line, n, bad := s.line(b)
	switch {
	case bad:
		p.broken(f, dir, s)
		return 0, true
	case n == 0:
		return 0, false
	}
	s.wire += int64(n)
	s.last = f.Time
	if len(line) == 0 {
		p.finish(f, dir, s, "")
		return n, true
	}
	if c := bytes.IndexByte(line, ':'); c > 0 {
		m := message{startLine: startLine{shape: response}}
		if s.request {
			m.shape = request
		}
		name := trimRight(line[:c])
		if p.watch != nil {
			p.watch.Field(dir, name, trim(line[c+1:]))
		}
		p.noteName(f, &m, knownName(name), name)
	}
	return n, true
}

// broken gives up a message whose framing makes no sense.
func (p *parser) broken(f *proto.Flow, dir proto.Dir, s *stream) {
	p.finish(f, dir, s, "Chunked body is malformed")
	s.phase, s.scan = lost, 0
}
