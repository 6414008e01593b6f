package tls

import (
	"encoding/binary"
	"slices"

	"github.com/tapir-project/tapir/internal/tlshello"
	"github.com/tapir-project/tapir/proto"
)

// datagrams is the DTLS record layer of one association (RFC 6347, 9147). Datagrams come as they were captured: lost,
// doubled and out of order; a message is read as soon as all of its fragments are there, whatever its turn.
type datagrams struct {
	handshake
	half        [2]messages
	established bool
	beats       heartbeats
}

// messages is one direction.
type messages struct {
	read  uint64 // bit n: the message with message_seq n was read
	n     int    // messages read
	parts []partial
}

// partial is a handshake message of which fragments are missing.
type partial struct {
	seq   uint16
	typ   byte
	size  int // as announced
	first int64
	buf   []byte // up to maxMessage
	have  []span // what of buf was seen, in order, with gaps between
}

// span is a range of bytes: from <= i < to.
type span struct{ from, to int }

// Bounds of reassembly for each direction, beside maxMessage for all its bytes.
const (
	maxPartials = 4
	maxSpans    = 64
	maxSequence = 64 // message_seq: handshakes have about ten messages
)

// Parse reads the records of one datagram. Datagrams that share the port but are no DTLS (STUN, RTP; RFC 7983) are
// passed over.
func (c *datagrams) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	for rest := b; len(rest) >= dtlsHeaderLen && !c.established; {
		if rest[0]&0xe0 == 0x20 || rest[0] == typeConnectionID {
			// The unified header of DTLS 1.3 and the header with a connection id have no length that could be
			// relied on: what follows is encrypted anyway.
			c.opaque(f, dir, typeApplicationData)
			break
		}
		if !plausibleDTLS(rest) {
			break
		}
		n := dtlsHeaderLen + int(binary.BigEndian.Uint16(rest[11:]))
		c.sent(dir, n)
		c.record(f, dir, rest[:min(n, len(rest))])
		rest = rest[min(n, len(rest)):]
	}
	if c.established {
		c.after(f, dir, b)
	}
	return len(b)
}

func (c *datagrams) record(f *proto.Flow, dir proto.Dir, b []byte) {
	typ, epoch, body := b[0], binary.BigEndian.Uint16(b[3:]), b[dtlsHeaderLen:]
	switch {
	case typ == typeHeartbeat:
		c.heartbeat(f, dir, b)
	case epoch > 0:
		c.opaque(f, dir, typ)
	case typ == typeAlert:
		c.alertRecord(f, dir, body)
	case typ == typeHandshake:
		for len(body) >= dtlsMsgHeader {
			body = c.fragment(f, dir, body)
		}
	}
}

func (c *datagrams) opaque(f *proto.Flow, dir proto.Dir, typ byte) {
	if c.sealed(f, dir, typ, 0) {
		c.established = true
		c.half[0].parts, c.half[1].parts = nil, nil
	}
}

// after looks for heartbeats, and for a new handshake on the same ports, once one was finished. Heartbeats have a
// datagram of their own.
func (c *datagrams) after(f *proto.Flow, dir proto.Dir, b []byte) {
	if len(b) >= dtlsHeaderLen && b[0] == typeHeartbeat && plausibleDTLS(b) {
		c.heartbeat(f, dir, b)
		return
	}
	if len(b) < dtlsHeaderLen+dtlsMsgHeader+34 || b[0] != typeHandshake || b[13] != msgClientHello ||
		binary.BigEndian.Uint16(b[3:]) != 0 || uint24(b[19:]) != 0 || string(b[27:27+32]) == string(c.random[:]) {
		return
	}
	c.established = false
	c.half = [2]messages{}
	c.Parse(f, dir, b)
}

// fragment reads the fragment of a handshake message at the beginning of b and returns what follows it.
func (c *datagrams) fragment(f *proto.Flow, dir proto.Dir, b []byte) []byte {
	h := &c.half[dir]
	typ, size, seq := b[0], uint24(b[1:]), binary.BigEndian.Uint16(b[4:])
	off, n := uint24(b[6:]), uint24(b[9:])
	b = b[dtlsMsgHeader:]
	if n > len(b) || off+n > size || typ > msgLast && typ != msgOldHelloRetry {
		return nil // the capture cut it, or it never was one
	}
	body, rest := b[:n], b[n:]
	switch {
	case typ == msgClientHello && off == 0 && n == size:
		c.restart(body)
	case h.wasRead(seq):
		return rest // sent again
	}
	if h.n >= maxMessages {
		c.cut(n)
		return rest
	}
	if n == size && n <= maxMessage {
		h.done(seq)
		c.message(f, dir, typ, body, f.Time)
		return rest
	}
	p, cut := h.partial(f.Time, seq, typ, size)
	c.cut(cut)
	whole, fits := p.add(off, body)
	if !fits {
		c.cut(n)
	}
	if whole {
		h.done(seq)
		done := *p
		h.forget(seq)
		c.message(f, dir, typ, done.buf, done.first)
	}
	return rest
}

// restart forgets what was read if a ClientHello is not of the handshake under way: message numbers begin anew.
func (c *datagrams) restart(body []byte) {
	var hello tlshello.ClientHello
	if c.hello[0] && hello.Parse(body, true) && string(hello.Random) != string(c.random[:]) {
		c.half = [2]messages{{n: c.half[0].n}, {n: c.half[1].n}}
	}
}

func (h *messages) wasRead(seq uint16) bool { return seq < maxSequence && h.read&(1<<seq) != 0 }

func (h *messages) done(seq uint16) {
	h.n++
	if seq < maxSequence {
		h.read |= 1 << seq
	}
}

// partial finds the message that a fragment belongs to, or makes one; the oldest goes if there are too many. cut is
// how many bytes will not be read for that.
func (h *messages) partial(now int64, seq uint16, typ byte, size int) (p *partial, cut int) {
	for i := range h.parts {
		if p := &h.parts[i]; p.seq == seq && p.typ == typ && p.size == size {
			return p, 0
		}
	}
	if len(h.parts) == maxPartials {
		cut = len(h.parts[0].buf)
		h.parts = slices.Delete(h.parts, 0, 1)
	}
	h.parts = append(h.parts, partial{seq: seq, typ: typ, size: size, first: now})
	return &h.parts[len(h.parts)-1], cut + max(size-maxMessage, 0)
}

func (h *messages) forget(seq uint16) {
	h.parts = slices.DeleteFunc(h.parts, func(p partial) bool { return p.seq == seq })
}

// add puts a fragment in its place and says whether the message is complete, or as long as it may get; fits is false
// if the fragment was left out because there are too many holes.
func (p *partial) add(off int, b []byte) (whole, fits bool) {
	want := min(p.size, maxMessage)
	to := min(off+len(b), want)
	if off < to && !p.insert(span{off, to}) {
		return false, false
	}
	if to > len(p.buf) {
		p.buf = append(p.buf, make([]byte, to-len(p.buf))...)
	}
	if off < to {
		copy(p.buf[off:to], b)
	}
	return want == 0 || len(p.have) == 1 && p.have[0] == span{0, want}, true
}

// insert adds a range to what was seen; it says no if there are too many with gaps between.
func (p *partial) insert(s span) bool {
	i := 0
	for i < len(p.have) && p.have[i].to < s.from {
		i++
	}
	j := i
	for j < len(p.have) && p.have[j].from <= s.to {
		s = span{min(s.from, p.have[j].from), max(s.to, p.have[j].to)}
		j++
	}
	if i == j && len(p.have) >= maxSpans {
		return false
	}
	p.have = slices.Replace(p.have, i, j, s)
	return true
}

// Gap does not happen to datagrams.
func (c *datagrams) Gap(*proto.Flow, proto.Dir, int) {}

// Close ends a direction; when both have ended, so has the handshake.
func (c *datagrams) Close(f *proto.Flow, dir proto.Dir) {
	if f.Closed(dir.Other()) {
		c.beats.end(f)
		c.abandon(f)
	}
}
