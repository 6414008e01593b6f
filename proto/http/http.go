package http

import (
	"bytes"
	"slices"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Options say what is kept of messages beside their metadata. They are fixed when the protocol is made.
type Options struct {
	MD5, SHA256 bool // which digests of bodies to compute, after transfer decoding, before content decoding
	// HashMax bounds the bodies that are digested, in bytes. Most bytes of a network are media and other data that
	// nobody looks up by digest, and MD5 reads less than 1 GB/s; so bodies longer than this are digested only if their
	// first bytes say that they can carry code (programs, scripts, pages, archives, documents, compressed content), up
	// to HashCodeMax.
	HashMax, HashCodeMax int64
	// RequestBody and ResponseBody are how many bytes of a body that is UTF-8 text are kept, after content decoding
	// (gzip, deflate, br, zstd); 0 keeps none. At most lookMax.
	RequestBody, ResponseBody int
	// HeaderValues keeps the values of all headers, and not only the names.
	HeaderValues bool
}

// Defaults are the options of Protocol.
var Defaults = Options{MD5: true, SHA256: true, HashMax: 64 << 10, HashCodeMax: 32 << 20, RequestBody: 2000}

// Protocol is HTTP/1.x with Defaults.
var Protocol = New(Defaults)

// New makes the protocol with options o.
func New(o Options) *proto.Protocol {
	o.RequestBody = min(max(o.RequestBody, 0), lookMax)
	o.ResponseBody = min(max(o.ResponseBody, 0), lookMax)
	return &proto.Protocol{
		Name:      "http",
		Transport: proto.TCP | proto.Sub,
		Ports:     ports,
		Match:     match,
		New:       func() proto.Parser { return &parser{opt: &o} },
	}
}

// ports are where servers of the web, proxies and the usual services that speak HTTP listen.
var ports = []uint16{80, 8080, 8000, 8888, 3128, 9200, 5000, 8002, 8008, 8081, 8088, 3000, 9090, 5985, 2375, 5601, 7001,
	8086, 8089, 591, 631, 2082, 2086}

// match looks for a start line at the beginning of either direction, or, where a flow was picked up in the middle
// of a message, for a whole one with a header below it at the beginning of any line. On its own ports a known method
// is enough, so that requests that were cut short or malformed are seen for what they are.
func match(p *proto.Probe) proto.Verdict {
	verdict := proto.No
	for _, b := range p.Data {
		if len(b) == 0 {
			continue
		}
		sh, v := classify(b)
		switch {
		case v == proto.Yes && sh == simple && !atHome(p):
			v = proto.No // anything may begin with GET /
		case v != proto.Yes && beginsRequest(b) && atHome(p):
			v = proto.Yes
		}
		if v == proto.No {
			if _, found, _ := findStart(b, 0, true); found {
				v = proto.Yes
			}
		}
		verdict = max(verdict, v)
	}
	return verdict
}

func atHome(p *proto.Probe) bool {
	return slices.Contains(ports, p.Port[proto.ToClient]) || slices.Contains(ports, p.Port[proto.ToServer])
}

// beginsRequest says whether b begins with a known method and then a path or nothing.
func beginsRequest(b []byte) bool {
	i := bytes.IndexAny(b[:min(len(b), maxMethod)], " \r\n")
	if i < 0 || !knownMethod(b[:i]) {
		return false
	}
	return b[i] != ' ' || i+1 < len(b) && b[i+1] == '/'
}

// phase is where in a message a stream is.
type phase uint8

const (
	atStart     phase = iota // before or within a header block
	inBody                   // left bytes of a body follow
	inRest                   // a body until the stream ends
	inChunkSize              // RFC 9112 section 7.1
	inChunk                  // left bytes of a chunk follow
	inChunkEnd               // the line end behind a chunk
	inTrailer                // trailer fields
	lost                     // somewhere after packet loss or nonsense: look for a start line
	held                     // requests after one that may end HTTP: wait what its response says
)

// stream is one direction.
type stream struct {
	tx       *proto.Transaction // of the message being read, nil between messages
	left     int64              // bytes of the body or chunk still to come
	wire     int64              // bytes of the message so far
	size     int64              // bytes of its body so far, without transfer coding
	declared int64              // its Content-Length, -1 if it has none
	last     int64              // time of the latest packet with bytes of the message
	scan     int                // unconsumed bytes searched already for the end of a block or line
	top      int                // length of the start line, once it is known to be one
	look     *look              // the body's head or digests while they are collected
	watch    watch
	phase    phase
	request  bool // the message is a request
	answered bool // its response has been read
	orphan   bool // it is a response whose request was not seen, and its body has not begun
	gap      bool // bytes of it were lost
	code     bool // its body carries code
	coding   coding
}

// parser is the state of one connection. wait holds the requests without a response yet, for each direction that
// requests went; direction and order pair them.
type parser struct {
	dirs      [2]stream
	wait      [2]proto.Pending
	names     [2]nameSet // header names the session has already: of requests, of responses
	version11 [2]bool    // the same for version 1.1
	evicted   [2]uint32  // requests given up because too many waited: their responses are still to come
	bodies    uint16     // request bodies kept
	upgrading bool       // a request that may end HTTP is waiting
	simple    bool       // HTTP/0.9 is spoken
	over      bool       // HTTP has ended here
	next      string     // the protocol that follows, "" if it has to be found out
	opt       *Options
	watch     Watcher // nil: nobody watches
}

// maxWait bounds the requests of one connection that wait for a response. Clients that pipeline send a few dozen.
const maxWait = 256

// Parse reads what b completes of header blocks and framing, and passes over bodies.
func (p *parser) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	s := &p.dirs[dir]
	if s.scan > len(b) {
		s.scan, s.top = 0, 0 // a full buffer keeps less than was offered before
	}
	n := 0
	for n < len(b) {
		used, more := p.step(f, dir, s, b, n)
		n += used
		if !more {
			break
		}
	}
	return n
}

// step reads the next piece of b[at:]. It returns how many bytes that took and whether to go on; otherwise more
// bytes are needed, or HTTP is over.
func (p *parser) step(f *proto.Flow, dir proto.Dir, s *stream, b []byte, at int) (int, bool) {
	rest := b[at:]
	if s.orphan {
		return p.orphanBody(f, dir, s, rest)
	}
	switch s.phase {
	case inBody:
		return p.body(f, dir, s, rest), true
	case inRest:
		s.take(p, f, dir, rest)
		return len(rest), true
	case inChunkSize:
		return p.chunkSize(f, dir, s, rest)
	case inChunk:
		return s.chunk(p, f, dir, rest), true
	case inChunkEnd:
		return p.chunkEnd(f, dir, s, rest)
	case inTrailer:
		return p.trailer(f, dir, s, rest)
	case lost:
		return s.search(rest)
	case held:
		return 0, false
	}
	return p.head(f, dir, s, b, at)
}

// Gap passes over lost bytes within a body. Anything else that was lost leaves the stream searching.
func (p *parser) Gap(f *proto.Flow, dir proto.Dir, n int) {
	s := &p.dirs[dir]
	s.scan, s.top = 0, 0
	switch s.phase {
	case held, lost:
		return
	case inBody, inRest, inChunk:
		p.watchLost(dir, s, int64(n))
		s.lose(int64(n))
		if s.skip(int64(n)) {
			return
		}
		over := int64(n) > s.left
		s.wire += s.left
		s.size += s.left
		switch {
		case s.phase == inBody:
			p.finish(f, dir, s, "")
		case !over:
			s.phase = inChunkEnd
		}
		if !over {
			return
		}
	}
	p.abandon(f, dir, s)
}

// skip passes over n lost bytes if they are all within the body or chunk, and not its last ones.
func (s *stream) skip(n int64) bool {
	if s.phase != inRest {
		if n >= s.left {
			return false
		}
		s.left -= n
	}
	s.wire += n
	s.size += n
	return true
}

// lose marks that bytes of the message's body are missing: its digests would be wrong.
func (s *stream) lose(n int64) {
	if n == 0 || s.gap {
		return
	}
	s.gap = true
	s.dropLook()
	if s.tx != nil {
		s.tx.Note(gapNote(s.request))
	}
}

func gapNote(request bool) string {
	if request {
		return proto.NoteRequestGap
	}
	return proto.NoteResponseGap
}

// abandon gives up the message at hand, if any, and searches for the next. Between messages, what was lost began
// the response of the oldest waiting request.
func (p *parser) abandon(f *proto.Flow, dir proto.Dir, s *stream) {
	if s.tx != nil {
		s.lose(1)
		p.finish(f, dir, s, "")
	} else if t := p.wait[dir.Other()].Next(); t != nil {
		t.Note(proto.NoteResponseGap)
		p.settle(f, dir, t)
	}
	s.phase, s.scan = lost, 0
}

// Close ends bodies that end with the stream, and, when both directions are over, whatever still waits.
func (p *parser) Close(f *proto.Flow, dir proto.Dir) {
	s := &p.dirs[dir]
	switch {
	case s.tx == nil:
	case s.phase == inRest:
		p.finish(f, dir, s, "")
	default:
		p.finish(f, dir, s, cutNote(s.request))
	}
	s.phase, s.scan = lost, 0
	if f.Closed(dir.Other()) {
		p.flush(f)
	}
}

func cutNote(request bool) string {
	if request {
		return "Request is incomplete"
	}
	return "Response is incomplete"
}

// flush emits all that is being read or waits: HTTP is over.
func (p *parser) flush(f *proto.Flow) {
	for d := range p.dirs {
		if s := &p.dirs[d]; s.tx != nil {
			p.finish(f, proto.Dir(d), s, cutNote(s.request))
		}
	}
	for d := range p.wait {
		for t := p.wait[d].Next(); t != nil; t = p.wait[d].Next() {
			p.unanswered(f, t)
		}
	}
}

// unanswered emits a request that has no response.
func (p *parser) unanswered(f *proto.Flow, t *proto.Transaction) {
	if x, ok := t.Values.First(fReqVersion); ok {
		t.Values.PutText(fVersion, x.Text())
	}
	t.Failed = true
	t.Note(proto.NoteNoResponse)
	f.Emit(t)
}

// finish ends the message at hand and gives its transaction on.
func (p *parser) finish(f *proto.Flow, dir proto.Dir, s *stream, note string) {
	t := s.tx
	s.endBody(p, f, note == "")
	p.watchEnd(f, dir, note == "" && !s.gap)
	if note != "" {
		t.Note(note)
	}
	if s.request {
		t.BytesIn = s.wire
		putSizes(t, fReqBytes, fReqBody, fReqLength, s)
	} else {
		t.BytesOut, t.End = s.wire, s.last
		putSizes(t, fRespBytes, fRespBody, fRespLength, s)
	}
	isRequest, answered := s.request, s.answered
	*s = stream{}
	if isRequest && !answered {
		return // it waits, or its response is being read
	}
	p.settle(f, dir, t)
}

// noteVersion adds the version of a request (k 0) or response (k 1) to the session.
func (p *parser) noteVersion(f *proto.Flow, k int, version []byte) {
	if string(version) == "1.1" {
		if p.version11[k] {
			return
		}
		p.version11[k] = true
	}
	f.Set.AddText([...]record.FieldID{fReqVersion, fRespVersion}[k], version)
	f.Set.AddText(fVersion, version)
}

// settle emits t, which is complete as seen from dir, unless the other direction still reads a part of it (I1).
func (p *parser) settle(f *proto.Flow, dir proto.Dir, t *proto.Transaction) {
	if o := &p.dirs[dir.Other()]; o.tx == t {
		o.answered = true
		return
	}
	f.Emit(t)
}
