// Package arp reads address resolution messages (RFC 826; RARP, RFC 903; InARP, RFC 2390; use of ARP to find
// conflicts, RFC 5227). One message comes in at a time, the session gets who asked for which address and who said to
// have it. It makes no transactions and keeps nothing between messages.
package arp

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Protocol is ARP over Ethernet.
var Protocol = &proto.Protocol{
	Name:      "arp",
	Transport: proto.Link,
	Numbers:   []uint16{0x0806},
	New:       func() proto.Parser { return new(parser) },
}

var (
	fIP         = record.MustID("arp.ip")
	fMAC        = record.MustID("arp.mac")
	fOpcode     = record.MustID("arp.opcode")
	fOperation  = record.MustID("arp.operation")
	fRequestIP  = record.MustID("arp.request.ip")
	fRequestMAC = record.MustID("arp.request.mac")
	fTargetIP   = record.MustID("arp.target.ip")
)

// Operations (IANA registry "Operation Codes (op)").
const (
	opRequest = 1
	opReply   = 2
)

var opNames = [...]string{opRequest: "REQUEST", opReply: "REPLY", 3: "RARP-REQUEST", 4: "RARP-REPLY", 8: "INARP-REQUEST", 9: "INARP-REPLY", 10: "NAK"}

// fixed is the size of what stands before the addresses.
const fixed = 8

// message is one ARP message; the slices are borrowed.
type message struct {
	op                   uint16
	senderMAC            []byte
	ipv4                 bool // the addresses asked for are
	senderIP, targetIP   record.Addr
	senderZero, sameAddr bool // the sender has no address yet; it speaks of its own
}

// parse reads a message. A short one is refused: its addresses cannot be told.
func parse(b []byte) (m message, ok bool) {
	if len(b) < fixed {
		return m, false
	}
	hard, soft := int(b[4]), int(b[5])
	if len(b) < fixed+2*(hard+soft) {
		return m, false
	}
	m.op = binary.BigEndian.Uint16(b[6:])
	m.senderMAC = b[fixed : fixed+hard]
	const ipv4 = 0x0800
	if m.ipv4 = binary.BigEndian.Uint16(b[2:]) == ipv4 && soft == 4; !m.ipv4 {
		return m, true
	}
	m.senderIP = record.AddrFrom4(b[fixed+hard:])
	m.targetIP = record.AddrFrom4(b[fixed+hard+soft+hard:])
	m.senderZero = binary.BigEndian.Uint32(b[fixed+hard:]) == 0
	m.sameAddr = m.senderIP == m.targetIP
	return m, true
}

// operation is what the message is for; RFC 5227 §1.1 tells three uses of a request apart.
func (m *message) operation() string {
	switch {
	case m.op == opRequest && m.senderZero:
		return "PROBE"
	case m.op == opRequest && m.sameAddr:
		return "ANNOUNCEMENT"
	case m.op == opReply && m.sameAddr:
		return "GRATUITOUS"
	case int(m.op) < len(opNames):
		return opNames[m.op]
	}
	return ""
}

// parser keeps a buffer only.
type parser struct{ line []byte }

// Parse adds one message to the session.
func (p *parser) Parse(f *proto.Flow, _ proto.Dir, b []byte) int {
	m, ok := parse(b)
	if !ok {
		return len(b)
	}
	f.Set.AddInt(fOpcode, int64(m.op))
	f.Set.AddString(fOperation, m.operation())
	p.line = appendMAC(p.line[:0], m.senderMAC)
	if m.op == opReply {
		f.Set.AddText(fMAC, p.line)
	} else {
		f.Set.AddText(fRequestMAC, p.line)
	}
	if m.ipv4 {
		addresses(f.Set, &m)
	}
	return len(b)
}

// addresses adds the protocol addresses.
func addresses(set *record.Values, m *message) {
	if m.op == opReply {
		set.AddAddr(fIP, m.senderIP)
		return
	}
	if !m.senderZero {
		set.AddAddr(fRequestIP, m.senderIP)
	}
	set.AddAddr(fTargetIP, m.targetIP)
}

// Gap is not called: messages are whole.
func (*parser) Gap(*proto.Flow, proto.Dir, int) {}

// Close has nothing to do.
func (*parser) Close(*proto.Flow, proto.Dir) {}

// appendMAC appends a hardware address in hex with colons.
func appendMAC(dst, mac []byte) []byte {
	const digits = "0123456789abcdef"
	for i, c := range mac {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}
