package dns

import (
	"encoding/binary"
	"hash/maphash"
)

const (
	headerBytes = 12
	// minRecord is the least a record takes: the root's name, type, class, TTL and the length of its data.
	minRecord = 11
	// minQuestion is the least a question takes: the root's name, type and class.
	minQuestion = 5
)

// header is the fixed part of a message (RFC 1035 §4.1.1).
type header struct {
	id     uint16
	bits   uint16
	counts [4]uint16 // questions, answers, authorities, additionals
}

func parseHeader(b []byte) (h header) {
	h.id, h.bits = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	for i := range h.counts {
		h.counts[i] = binary.BigEndian.Uint16(b[4+2*i:])
	}
	return h
}

func (h *header) response() bool { return h.bits&bitQR != 0 }
func (h *header) opcode() int    { return int(h.bits >> 11 & 15) }
func (h *header) rcode() int     { return int(h.bits & 15) }

// records is the number of records in all sections behind the questions.
func (h *header) records() int { return int(h.counts[1]) + int(h.counts[2]) + int(h.counts[3]) }

// The sections of records, as indexes into header.counts.
const (
	answers = 1 + iota
	authorities
	additionals
)

// rr is one resource record. Its slices are borrowed: name until the next record, the data from the message.
type rr struct {
	section int
	typ     uint16
	class   uint16
	ttl     uint32
	name    []byte // owner in text, empty for the root
	off     int    // where its data begins in the message
	end     int    // where they end
}

// question is one entry of the question section.
type question struct {
	name  []byte // in text, empty for the root
	typ   uint16
	class uint16
}

var questionSeed = maphash.MakeSeed()

// hash tells questions apart when responses are paired with queries.
func (q *question) hash() uint64 {
	return maphash.Bytes(questionSeed, q.name) ^ uint64(q.typ)<<32 ^ uint64(q.class)<<48
}

// reader walks a message. It is taken from a pool for each message, with the buffers everything about the message
// is put together in, so that reading allocates nothing.
type reader struct {
	msg       []byte
	off       int
	h         header
	multicast bool // RFC 6762 §10.2, §18.12: the upper bit of a class is a flag of its own
	q         question
	opt       opt
	rcode     int // with the upper bits of OPT

	qname  []byte // text of the question's name
	owner  []byte // text of the current owner's name
	data   []byte // text of the current record's data
	target []byte // text of a name in the current record's data
	uni    []byte // the same with internationalised labels decoded
	line   []byte // what is put together of the others
	from   int    // place of the name that owner holds the text of, 0 if none
	names  [3]nameSet

	domains domains // kept from message to message
}

// The sets of names that addresses are told apart by, as indexes into reader.names.
const (
	hostNames = iota
	serverNames
	mailNames
)

// nameSet remembers names of one message by their hashes. What is more than fits is forgotten and counted.
type nameSet struct {
	n    int
	hash [128]uint64
	lost uint32
}

func (s *nameSet) add(name []byte) {
	if s.has(name) {
		return
	}
	if s.n == len(s.hash) {
		s.lost++
		return
	}
	s.hash[s.n] = maphash.Bytes(questionSeed, name)
	s.n++
}

func (s *nameSet) has(name []byte) bool {
	if s.n == 0 {
		return false
	}
	h := maphash.Bytes(questionSeed, name)
	for _, x := range s.hash[:s.n] {
		if x == h {
			return true
		}
	}
	return false
}

// start makes r read msg, which must have a whole header, from its first question on.
func (r *reader) start(msg []byte, multicast bool) {
	r.msg, r.off, r.multicast, r.from = msg, headerBytes, multicast, 0
	r.h = parseHeader(msg)
	r.q, r.opt, r.rcode = question{}, opt{}, r.h.rcode()
	for i := range r.names {
		r.names[i].n, r.names[i].lost = 0, 0
	}
}

// question reads the next question into q, its name's text behind dst, and says whether there was a whole one.
func (r *reader) question(dst []byte, q *question) bool {
	name, next := appendName(dst, r.msg, r.off)
	if next == notAName || next+4 > len(r.msg) {
		return false
	}
	q.name = name
	q.typ, q.class = binary.BigEndian.Uint16(r.msg[next:]), r.class(binary.BigEndian.Uint16(r.msg[next+2:]))
	r.off = next + 4
	return true
}

func (r *reader) class(c uint16) uint16 {
	if r.multicast {
		c &= 0x7fff
	}
	return c
}

// record reads the next record into x, all but its section, and says whether there was a whole one.
func (r *reader) record(x *rr) bool {
	next := r.ownerName()
	if next == notAName || next+minRecord-1 > len(r.msg) {
		return false
	}
	fixed := r.msg[next:]
	x.name = r.owner
	x.typ, x.class = binary.BigEndian.Uint16(fixed), binary.BigEndian.Uint16(fixed[2:])
	x.ttl = binary.BigEndian.Uint32(fixed[4:])
	x.off = next + minRecord - 1
	x.end = x.off + int(binary.BigEndian.Uint16(fixed[8:]))
	if x.typ != typeOPT {
		x.class = r.class(x.class)
	}
	r.off = x.end
	return x.end <= len(r.msg)
}

// ownerName makes r.owner the text of the name at r.off and returns the offset behind it. Nearly all owners are
// pointers to the name of the record before.
func (r *reader) ownerName() int {
	at, next := r.off, notAName
	if at+1 < len(r.msg) && r.msg[at]&pointerMask == pointerMask {
		at, next = int(r.msg[at]&^pointerMask)<<8|int(r.msg[at+1]), at+2
		if at == r.from {
			return next
		}
		if at >= r.off {
			return notAName
		}
	}
	var end int
	r.from = 0
	r.owner, end = appendName(r.owner[:0], r.msg, at)
	if end == notAName {
		return notAName
	}
	r.from = at
	if next == notAName {
		next = end
	}
	return next
}
