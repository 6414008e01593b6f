package tls

import (
	"encoding/binary"
	"math"

	"github.com/tapir-project/tapir/internal/tlshello"
	"github.com/tapir-project/tapir/proto"
)

// conn is the TLS record layer of one connection.
//
// Invariants:
//
//	R1: what Parse leaves unconsumed begins with a record header, and only while the record has to be read whole.
//	R2: skip > 0 means that nothing is unconsumed; so a gap no longer than skip loses no record border.
type conn struct {
	handshake
	half        [2]half
	established bool // a handshake was finished; only renegotiation is looked for from here on
	over        bool // nothing is looked for any more
	beats       heartbeats
	v2          bool // the client's hello was of SSL 2.0's form
	v2records   [2]uint8
}

// half is one direction.
type half struct {
	skip     int  // bytes still to come that nobody looks at: the rest of an encrypted record
	begun    bool // a record was read
	ccs      bool // ChangeCipherSpec was sent: up to TLS 1.2 what follows is encrypted
	lost     bool // behind a gap, record border not found again yet
	unsure   bool // record border found, but a message may have begun before it
	again    bool // handshake record after the handshake: renegotiation
	messages int
	msg      []byte // a handshake message that began in an earlier record
	msgTime  int64  // when its first byte came
	drop     int    // bytes of a message beyond maxMessage still to come
}

// Parse consumes records. Encrypted ones are consumed as they come; the others once they are whole.
func (c *conn) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	h := &c.half[dir]
	if h.skip >= len(b) {
		h.skip -= len(b)
		return len(b)
	}
	off := h.skip
	h.skip = 0
	for off < len(b) && !c.over {
		n := c.record(f, dir, b[off:])
		if n == 0 {
			return off
		}
		if n > len(b)-off {
			h.skip = n - (len(b) - off)
			return len(b)
		}
		off += n
	}
	return off
}

// stop ends parsing.
func (c *conn) stop(f *proto.Flow) {
	c.over = true
	c.uncounted(f)
	f.Stop()
}

// record reads the record at the beginning of b and returns its length, which may be more than there is of it; 0 if
// it has to wait for more.
func (c *conn) record(f *proto.Flow, dir proto.Dir, b []byte) int {
	h := &c.half[dir]
	switch {
	case c.v2records[dir] > 0:
		c.v2record(f, dir, b)
		return len(b)
	case h.lost && !h.resync(b):
		return len(b)
	case len(b) < headerLen:
		return c.wait(f, dir, b, headerLen)
	case !plausible(b):
		return c.foreign(f, dir, b)
	}
	if b[0] == typeHeartbeat {
		return c.heartbeat(f, dir, b)
	}
	typ, n := b[0], headerLen+int(binary.BigEndian.Uint16(b[3:]))
	if c.encrypted(h, b) {
		h.begun = true
		c.sent(dir, n)
		c.opaque(f, dir, typ, n-headerLen)
		return n
	}
	if len(b) < n && !f.Closed(dir) {
		return c.wait(f, dir, b, n)
	}
	h.begun = true
	c.sent(dir, n)
	body := b[headerLen:min(n, len(b))]
	switch typ {
	case typeChangeCipherSpec:
		h.ccs = true
	case typeAlert:
		c.alertRecord(f, dir, body)
	case typeHandshake:
		if c.established { // a hello in the clear: the ends began anew
			c.established = false
			c.half[0].ccs, c.half[1].ccs = false, false
		}
		c.stream(f, dir, body)
	}
	h.unsure = false
	return n
}

// wait asks for n bytes; when no more will come, what is there is given up.
func (c *conn) wait(f *proto.Flow, dir proto.Dir, b []byte, n int) int {
	if f.Closed(dir) {
		return len(b)
	}
	f.Need(dir, n)
	return 0
}

// encrypted says whether nothing but the header of the record at the beginning of b can be read.
func (c *conn) encrypted(h *half, b []byte) bool {
	switch {
	case b[0] == typeApplicationData:
		return true
	case !h.ccs || tlshello.IsTLS13(c.version):
		// In TLS 1.3 everything encrypted is called application data, and ChangeCipherSpec means nothing.
		return c.established
	case b[0] == typeHandshake:
		// A client may send ChangeCipherSpec with early data and be asked for another ClientHello.
		m := b[headerLen:]
		return len(m) < 5 || m[0] != msgClientHello || uint24(m[1:])+msgHeaderLen != int(binary.BigEndian.Uint16(b[3:])) || m[4] != 3
	}
	return true
}

// opaque notes an encrypted record with n bytes of content.
func (c *conn) opaque(f *proto.Flow, dir proto.Dir, typ byte, n int) {
	if c.established {
		if typ == typeHandshake && !c.half[dir].again {
			c.half[dir].again = true
			if c.half[dir.Other()].again {
				f.Set.AddBool(fRenegotiated, true)
			}
		}
		return
	}
	if c.sealed(f, dir, typ, n) {
		c.finished(f)
	}
}

// finished ends the handshake as established.
func (c *conn) finished(f *proto.Flow) {
	c.established = true
	for d := range c.half {
		c.half[d].msg = nil
	}
	if tlshello.IsTLS13(c.version) {
		c.stop(f) // all that follows is application data
	}
}

// stream takes the plain bytes of a handshake record: messages, or parts of one.
func (c *conn) stream(f *proto.Flow, dir proto.Dir, b []byte) {
	h := &c.half[dir]
	if h.unsure && !soundMessage(b) {
		return
	}
	for len(b) > 0 && h.messages < maxMessages {
		if n := min(h.drop, len(b)); n > 0 {
			h.drop -= n
			b = b[n:]
			continue
		}
		if len(h.msg) == 0 && len(b) >= msgHeaderLen && len(b) >= msgHeaderLen+uint24(b[1:]) && uint24(b[1:]) <= maxMessage {
			n := msgHeaderLen + uint24(b[1:])
			h.messages++
			c.message(f, dir, b[0], b[msgHeaderLen:n], f.First(dir))
			b = b[n:]
			continue
		}
		b = c.gather(f, dir, b)
	}
	c.cut(len(b))
}

// gather adds to a message that spans records and reads it once it is complete, or as long as it may get. It returns
// what it does not need.
func (c *conn) gather(f *proto.Flow, dir proto.Dir, b []byte) []byte {
	h := &c.half[dir]
	if len(h.msg) == 0 {
		h.msgTime = f.First(dir)
	}
	want := msgHeaderLen
	if len(h.msg) >= msgHeaderLen {
		want += min(uint24(h.msg[1:]), maxMessage)
	}
	n := min(want-len(h.msg), len(b))
	h.msg = append(h.msg, b[:n]...)
	b = b[n:]
	if len(h.msg) < msgHeaderLen {
		return b
	}
	size := uint24(h.msg[1:])
	if len(h.msg) < msgHeaderLen+min(size, maxMessage) {
		return b
	}
	if size > maxMessage {
		h.drop = size - maxMessage
		c.cut(h.drop)
	}
	h.messages++
	c.message(f, dir, h.msg[0], h.msg[msgHeaderLen:], h.msgTime)
	h.msg = h.msg[:0]
	return b
}

// incomplete reads what there is of a message whose rest will not come: the first certificates of a chain are worth
// having.
func (c *conn) incomplete(f *proto.Flow, dir proto.Dir) {
	h := &c.half[dir]
	if len(h.msg) > msgHeaderLen && h.msg[0] == msgCertificate {
		c.message(f, dir, h.msg[0], h.msg[msgHeaderLen:], h.msgTime)
	}
	h.msg, h.drop = nil, 0
}

// soundMessage says whether b begins with a handshake message, which behind a gap is not certain.
func soundMessage(b []byte) bool {
	return len(b) >= msgHeaderLen && b[0] <= msgLast && uint24(b[1:]) <= maxMessage
}

// resync looks for a record border behind a gap. It only looks at the beginning of what comes: endpoints begin a
// packet with a record more often than not, above all in the handshake.
func (h *half) resync(b []byte) bool {
	if len(b) < headerLen || !plausible(b) {
		return false
	}
	if _, whole := chain(b); !whole {
		return false
	}
	h.lost, h.unsure = false, true
	return true
}

// foreign takes what is no record: a hello of SSL 2.0, or the end of TLS on this connection.
func (c *conn) foreign(f *proto.Flow, dir proto.Dir, b []byte) int {
	n, ok := tlshello.V2Length(b)
	h := &c.half[dir]
	switch maybe, _ := tlshello.LooksLikeV2(b); {
	case ok && !h.begun && !c.v2 && maybe:
	case ok && !h.begun && c.v2 && dir != c.client:
	default:
		c.give(f)
		return len(b)
	}
	if n += tlshello.V2HeaderLen; len(b) < n {
		return c.wait(f, dir, b, n)
	}
	h.begun = true
	c.sent(dir, n)
	c.v2record(f, dir, b[tlshello.V2HeaderLen:n])
	return n
}

// v2record reads a record of SSL 2.0. Behind the ServerHello come the client's key and then the server's verification:
// the session is established. These are not told apart by their headers, which may be of either form.
func (c *conn) v2record(f *proto.Flow, dir proto.Dir, b []byte) {
	switch {
	case !c.v2:
		c.v2 = c.clientHelloV2(f, dir, b)
	case dir != c.client && c.v2records[dir] == 0:
		if c.serverHelloV2(f, dir, b) {
			c.v2records = [2]uint8{1, 1}
		}
	case c.v2records[dir] == 1 && (dir == c.client || c.v2records[c.client] == 2):
		c.v2records[dir] = 2
		if c.v2records[dir.Other()] == 2 {
			c.emit(f, true)
			c.stop(f)
		}
	}
}

// give ends parsing because what came is not TLS.
func (c *conn) give(f *proto.Flow) {
	if c.tx != nil {
		c.tx.Note("What follows is not TLS")
		c.emit(f, false)
	}
	c.stop(f)
}

// Gap notes lost bytes. Those within an encrypted record do not matter (R2).
func (c *conn) Gap(f *proto.Flow, dir proto.Dir, n int) {
	h := &c.half[dir]
	if n > 0 && n <= h.skip {
		h.skip -= n
		return
	}
	c.incomplete(f, dir)
	if c.established {
		h.skip = math.MaxInt // there is nothing left to find out in this direction
		return
	}
	h.skip, h.lost = 0, true
	c.gap(dir)
}

// Close ends a direction; when both have ended, so has the handshake.
func (c *conn) Close(f *proto.Flow, dir proto.Dir) {
	c.incomplete(f, dir)
	if f.Closed(dir.Other()) {
		c.beats.end(f)
		c.abandon(f)
	}
}
