// Package communityid computes Community ID v1 (github.com/corelight/community-id-spec) with seed 0: one text for a
// flow whichever tool saw it. It is a function of the ends and the protocol.
package communityid

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"

	"github.com/tapir-project/tapir/record"
)

// Append appends the id of a flow to dst. For ICMP and ICMPv6, sport is the type and dport the code of the first
// message; protocols without ports take 0 for both.
func Append(dst []byte, src, sdst record.Addr, sport, dport uint16, proto uint8) []byte {
	oneWay := false
	ports := hasPorts(proto)
	switch proto {
	case 1:
		sport, dport, oneWay = icmpPorts(icmp4Pairs[:], sport, dport)
		ports = true
	case 58:
		sport, dport, oneWay = icmpPorts(icmp6Pairs[:], sport, dport)
		ports = true
	}
	a, b := ipBytes(&src), ipBytes(&sdst)
	if c := bytes.Compare(a, b); !oneWay && (c > 0 || c == 0 && ports && sport > dport) {
		a, b, sport, dport = b, a, dport, sport
	}
	var buf [2 + 32 + 2 + 4]byte
	in := append(buf[:2], a...) // two bytes of seed, zero
	in = append(in, b...)
	in = append(in, proto, 0)
	if ports {
		in = binary.BigEndian.AppendUint16(in, sport)
		in = binary.BigEndian.AppendUint16(in, dport)
	}
	sum := sha1.Sum(in)
	return base64.StdEncoding.AppendEncode(append(dst, "1:"...), sum[:])
}

// hasPorts says whether ports are part of the id. ESP and AH take zeros, as Arkime has it; the specification leaves
// them open.
func hasPorts(proto uint8) bool {
	switch proto {
	case 6, 17, 132, 50, 51:
		return true
	}
	return false
}

func ipBytes(a *record.Addr) []byte {
	if a.Is4() {
		return a[12:]
	}
	return a[:]
}

type pair struct{ a, b uint16 }

// Message types that answer one another, as the specification pairs them.
var (
	icmp4Pairs = [...]pair{{8, 0}, {13, 14}, {15, 16}, {17, 18}, {10, 9}}
	icmp6Pairs = [...]pair{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {144, 145}}
)

// icmpPorts gives what stands for the ports of an ICMP flow; a type without a counterpart makes it one-way: its ends
// are not ordered and the code is the second port.
func icmpPorts(pairs []pair, typ, code uint16) (uint16, uint16, bool) {
	for _, p := range pairs {
		switch typ {
		case p.a:
			return p.a, p.b, false
		case p.b:
			return p.b, p.a, false
		}
	}
	return typ, code, true
}
