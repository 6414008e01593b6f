package tls

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/internal/tlshello"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Fields of heartbeats. The lengths stay on the session so that what was not known to be an attack when it was recorded
// can be asked for when it is.
var (
	fHeartbeatRequest  = record.MustID("tls.heartbeat.request.bytes")
	fHeartbeatResponse = record.MustID("tls.heartbeat.response.bytes")
	fHeartbeatClaimed  = record.MustID("tls.heartbeat.claimed_bytes")
	fHeartbeatExcess   = record.MustID("tls.heartbeat.excess_bytes")
	fHeartbleed        = record.MustID("tls.heartbleed")
)

// What tls.heartbleed says (CVE-2014-0160).
const (
	bleedClaim    = "claim"    // a request in the clear claims more payload than its record holds: an attempt
	bleedResponse = "response" // a response is larger than its request, encrypted or not: what it has beyond is memory
)

// Types of heartbeat messages, and what stands around the payload: type and length before it, padding behind (RFC 6520 §4).
const (
	heartbeatRequest    = 1
	heartbeatResponse   = 2
	heartbeatHeader     = 3
	heartbeatMinPadding = 16
	fullRecord          = 1 << 14 // a response of more is sent as full records and a rest
)

// heartbeats pairs the heartbeat requests of a connection with their responses (RFC 6520), which in encrypted records
// are told apart by their order only: there is one request in flight at a time.
type heartbeats struct {
	asker   proto.Dir // who sent the request
	waiting bool      // the request has no response yet
	more    bool      // the response's last record was full: what the answerer sends next may be more of it
	asked   int       // bytes of content of the request's record; 0: not seen
	got     int       // bytes of content of the response's records so far
}

// see notes a heartbeat record with n bytes of content; body is the beginning of it, empty if it is encrypted.
func (h *heartbeats) see(f *proto.Flow, dir proto.Dir, n int, body []byte) {
	switch {
	case h.more && dir != h.asker:
		h.response(f, n)
	case len(body) > 0 && body[0] == heartbeatResponse:
		h.end(f)
		if !h.waiting || h.asker == dir {
			h.asked = 0
		}
		h.asker, h.got = dir.Other(), 0
		h.response(f, n)
	case len(body) == 0 && h.waiting && dir != h.asker:
		h.got = 0
		h.response(f, n)
	default:
		h.request(f, dir, n, body)
	}
}

// request notes a request. Where a second one is sent before the first is answered, the larger is what the response
// is compared with.
func (h *heartbeats) request(f *proto.Flow, dir proto.Dir, n int, body []byte) {
	h.end(f)
	if h.waiting && h.asker == dir {
		n = max(n, h.asked)
	}
	h.asker, h.waiting, h.asked = dir, true, n
	f.Set.AddInt(fHeartbeatRequest, int64(n))
	if len(body) < heartbeatHeader || body[0] != heartbeatRequest {
		return
	}
	claimed := int(binary.BigEndian.Uint16(body[1:]))
	f.Set.AddInt(fHeartbeatClaimed, int64(claimed))
	if heartbeatHeader+claimed+heartbeatMinPadding > n {
		f.Set.AddString(fHeartbleed, bleedClaim)
	}
}

// response notes a record of a response.
func (h *heartbeats) response(f *proto.Flow, n int) {
	h.waiting, h.more = false, n >= fullRecord
	h.got += n
	f.Set.AddInt(fHeartbeatResponse, int64(n))
	if h.asked > 0 && h.got > h.asked {
		f.Set.AddString(fHeartbleed, bleedResponse)
	}
	if !h.more {
		h.total(f)
	}
}

// end ends a response whose last record was full: no more of it comes.
func (h *heartbeats) end(f *proto.Flow) {
	if h.more {
		h.more = false
		h.total(f)
	}
}

// total notes how much larger than its request a response was, once it is complete.
func (h *heartbeats) total(f *proto.Flow) {
	if h.asked > 0 && h.got > h.asked {
		f.Set.AddInt(fHeartbeatExcess, int64(h.got-h.asked))
	}
}

// heartbeat reads the heartbeat record at the beginning of b and returns its length; 0 if it has to wait for more. Of
// one in the clear it needs the message's header only.
func (c *conn) heartbeat(f *proto.Flow, dir proto.Dir, b []byte) int {
	h := &c.half[dir]
	size := int(binary.BigEndian.Uint16(b[3:]))
	var body []byte
	// Where no hello was seen, the capture began late, and what looks like a message is more likely encrypted.
	if c.tx != nil && !c.established && (!h.ccs || tlshello.IsTLS13(c.version)) {
		want := headerLen + min(size, heartbeatHeader)
		if len(b) < want && !f.Closed(dir) {
			return c.wait(f, dir, b, want)
		}
		body = b[headerLen:min(want, len(b))]
	}
	h.begun, h.unsure = true, false
	c.beats.see(f, dir, size, body)
	c.sent(dir, headerLen+size)
	return headerLen + size
}

// heartbeat reads a heartbeat record of DTLS, which datagrams hold whole.
func (c *datagrams) heartbeat(f *proto.Flow, dir proto.Dir, b []byte) {
	var body []byte
	if c.tx != nil && binary.BigEndian.Uint16(b[3:]) == 0 { // epoch 0 is in the clear
		body = b[dtlsHeaderLen:]
	}
	c.beats.see(f, dir, int(binary.BigEndian.Uint16(b[11:])), body)
}
