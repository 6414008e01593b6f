package record

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Addr is an IP address in 16 bytes; IPv4 is mapped (::ffff:a.b.c.d). The zero Addr is the unspecified address "::".
type Addr [16]byte

// v4Prefix is the first 12 bytes of an IPv4-mapped address.
var v4Prefix = [12]byte{10: 0xff, 11: 0xff}

// AddrFrom4 maps four bytes of an IPv4 address; b must hold at least 4.
func AddrFrom4(b []byte) (a Addr) {
	a[10], a[11] = 0xff, 0xff
	copy(a[12:], b[:4])
	return a
}

// AddrFrom16 copies 16 bytes of an IPv6 address; b must hold at least 16.
func AddrFrom16(b []byte) (a Addr) {
	copy(a[:], b[:16])
	return a
}

// AddrFrom converts a netip.Addr; an invalid one gives the zero Addr.
func AddrFrom(ip netip.Addr) Addr {
	if !ip.IsValid() {
		return Addr{}
	}
	return ip.As16()
}

// Is4 says whether a is an IPv4-mapped address.
func (a Addr) Is4() bool { return [12]byte(a[:12]) == v4Prefix }

// IsZero says whether a is "::".
func (a Addr) IsZero() bool { return a == Addr{} }

// Netip converts a; IPv4-mapped addresses come back as 4-byte ones.
func (a Addr) Netip() netip.Addr {
	return netip.AddrFrom16(a).Unmap()
}

// AppendText appends the textual form (RFC 5952) to dst and returns it.
func (a Addr) AppendText(dst []byte) []byte {
	if a.Is4() {
		return netip.AddrFrom4([4]byte(a[12:])).AppendTo(dst)
	}
	return netip.AddrFrom16(a).AppendTo(dst)
}

// String is the textual form; the zero Addr prints as "::".
func (a Addr) String() string { return string(a.AppendText(nil)) }

// FlowKey names one flow whichever way its packets go: the end with the lower address (then port) is A.
// It is comparable and holds no pointers. L2 flows leave the addresses zero and put the MACs in A and B.
type FlowKey struct {
	A, B         Addr
	PortA, PortB uint16
	VLAN         uint16 // outermost 802.1Q id, 0 if none
	Proto        uint8  // IP protocol number; 0 for flows below IP
	Class        uint8  // what kind of flow the table keeps it as (package flow)
	VNI          uint32 // VXLAN/GENEVE network, GRE key or GTP has none: 0
	Netns        uint32 // network namespace, 0 where it is not known
}

// NewFlowKey orders the two ends; swapped says that src became B.
func NewFlowKey(src, dst Addr, sport, dport uint16, proto uint8) (k FlowKey, swapped bool) {
	k.Proto = proto
	if less(&dst, &src, dport, sport) {
		k.A, k.B, k.PortA, k.PortB = dst, src, dport, sport
		return k, true
	}
	k.A, k.B, k.PortA, k.PortB = src, dst, sport, dport
	return k, false
}

func less(a, b *Addr, ap, bp uint16) bool {
	ah, bh := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])
	if ah != bh {
		return ah < bh
	}
	al, bl := binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:])
	if al != bl {
		return al < bl
	}
	return ap < bp
}

// Hash mixes the key without VLAN and VNI, so that the two directions of a flow that take different VLANs meet in one
// shard and one chain of the flow table. It is the same in every process and version that writes a data directory:
// shards and session ids depend on it.
func (k *FlowKey) Hash() uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	h = mix(h ^ binary.LittleEndian.Uint64(k.A[:8]))
	h = mix(h ^ binary.LittleEndian.Uint64(k.A[8:]))
	h = mix(h ^ binary.LittleEndian.Uint64(k.B[:8]))
	h = mix(h ^ binary.LittleEndian.Uint64(k.B[8:]))
	h = mix(h ^ (uint64(k.PortA) | uint64(k.PortB)<<16 | uint64(k.Proto)<<48 | uint64(k.Class)<<56))
	return mix(h ^ uint64(k.Netns))
}

// Path is what Hash leaves out of a key: the network a flow crosses.
type Path struct {
	VLAN uint16
	VNI  uint32
}

// Path is the network part of k.
func (k *FlowKey) Path() Path { return Path{k.VLAN, k.VNI} }

// SameEnds says whether k and o differ in nothing but their Path.
func (k *FlowKey) SameEnds(o *FlowKey) bool {
	c := *o
	c.VLAN, c.VNI = k.VLAN, k.VNI
	return *k == c
}

// mix is the 128-bit multiply fold of wyhash's mixer.
func mix(x uint64) uint64 {
	hi, lo := bits.Mul64(x, 0xa0761d6478bd642f)
	return hi ^ lo ^ 0xe7037ed1a0b428db
}
