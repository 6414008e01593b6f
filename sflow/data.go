package sflow

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Data is a record as a Go struct: one of the types of this package that have a Tag. Slices of a struct that was
// decoded borrow the datagram.
type Data interface {
	Tag() Tag
	fields(xdr) xdr // reads into the struct, or writes it; by value, so that the cursor stays on the stack
}

// Decode reads the record into d, which must be of its tag. An error wraps ErrTruncated, ErrTrailing or ErrValue; what
// was read up to there is in d. It allocates nothing if d is used again.
func (r *Record) Decode(d Data) error {
	x := xdr{b: r.Body}
	x = d.fields(x)
	if x.err == nil && len(x.b) > 0 {
		return ErrTrailing
	}
	return x.err
}

// AppendData appends the record's bytes, without tag and length, to dst and returns it.
func AppendData(dst []byte, d Data) []byte {
	return d.fields(xdr{b: dst, write: true}).b
}

// Protocols of sampled headers.
const (
	HeaderEthernet  = 1
	HeaderTokenBus  = 2
	HeaderTokenRing = 3
	HeaderFDDI      = 4
	HeaderFrameRely = 5
	HeaderX25       = 6
	HeaderPPP       = 7
	HeaderSMDS      = 8
	HeaderAAL5      = 9
	HeaderAAL5IP    = 10
	HeaderIPv4      = 11
	HeaderIPv6      = 12
	HeaderMPLS      = 13
	HeaderPOS       = 14
	HeaderWifi      = 15 // 802.11 MAC
	HeaderAMPDU     = 16
	HeaderAMSDU     = 17
)

// Header is the beginning of a sampled packet (0:1).
type Header struct {
	Protocol    uint32 // what Bytes begin with: HeaderEthernet, ...
	FrameLength uint32 // of the packet before it was cut, in bytes, layer 2 header and FCS included
	Stripped    uint32 // bytes taken off before the packet was cut, FCS (4) included
	Bytes       []byte
}

// Tag is 0:1.
func (*Header) Tag() Tag { return TagHeader }
func (h *Header) fields(x xdr) xdr {
	x.u32(&h.Protocol, &h.FrameLength, &h.Stripped)
	x.text(&h.Bytes)
	return x
}

// Ethernet is the Ethernet header of a sampled packet (0:2), for agents that have not the packet's bytes.
type Ethernet struct {
	Length   uint32 // of the frame without FCS
	Src, Dst [6]byte
	Type     uint32
}

// Tag is 0:2.
func (*Ethernet) Tag() Tag { return TagEthernet }
func (e *Ethernet) fields(x xdr) xdr {
	x.u32(&e.Length)
	x.mac(&e.Src)
	x.mac(&e.Dst)
	x.u32(&e.Type)
	return x
}

// IP is the IP header of a sampled packet (0:3, and 0:4 if Src is an IPv6 address).
type IP struct {
	Length           uint32 // of the IP packet
	Protocol         uint32
	Src, Dst         netip.Addr
	SrcPort, DstPort uint32 // of ICMP type and code at times
	TCPFlags         uint32
	TOS              uint32 // or traffic class
	V6               bool   // decode as 0:4
}

// Tag is 0:3 or 0:4.
func (p *IP) Tag() Tag {
	if p.V6 || p.Src.Is6() && !p.Src.Is4In6() {
		return TagIPv6
	}
	return TagIPv4
}

func (p *IP) fields(x xdr) xdr {
	x.u32(&p.Length, &p.Protocol)
	if p.Tag() == TagIPv6 {
		x.addr16(&p.Src)
		x.addr16(&p.Dst)
	} else {
		x.addr4(&p.Src)
		x.addr4(&p.Dst)
	}
	x.u32(&p.SrcPort, &p.DstPort, &p.TCPFlags, &p.TOS)
	return x
}

// Switch is what a switch did with a sampled packet (0:1001).
type Switch struct{ SrcVLAN, SrcPriority, DstVLAN, DstPriority uint32 }

// Tag is 0:1001.
func (*Switch) Tag() Tag { return TagSwitch }
func (s *Switch) fields(x xdr) xdr {
	x.u32(&s.SrcVLAN, &s.SrcPriority, &s.DstVLAN, &s.DstPriority)
	return x
}

// Router is how a router forwarded a sampled packet (0:1002).
type Router struct {
	NextHop          netip.Addr
	SrcMask, DstMask uint32 // bits
}

// Tag is 0:1002.
func (*Router) Tag() Tag { return TagRouter }
func (r *Router) fields(x xdr) xdr {
	x.addr(&r.NextHop)
	x.u32(&r.SrcMask, &r.DstMask)
	return x
}

// PathSegment is a piece of an AS path.
type PathSegment struct {
	Set bool // an unordered set
	AS  []uint32
}

// Gateway is what BGP says of a sampled packet (0:1003).
type Gateway struct {
	NextHop          netip.Addr
	AS               uint32 // of the router
	SrcAS, SrcPeerAS uint32
	Path             []PathSegment // to the destination; its memory is used again when decoding
	Communities      []uint32
	LocalPreference  uint32
}

// Tag is 0:1003.
func (*Gateway) Tag() Tag { return TagGateway }
func (g *Gateway) fields(x xdr) xdr {
	x.addr(&g.NextHop)
	x.u32(&g.AS, &g.SrcAS, &g.SrcPeerAS)
	if x.write {
		n := uint32(len(g.Path))
		x.u32(&n)
		for i := range g.Path {
			g.Path[i].write(&x)
		}
	} else {
		g.readPath(&x)
	}
	x.list32(&g.Communities)
	x.u32(&g.LocalPreference)
	return x
}

func (g *Gateway) readPath(x *xdr) {
	n := x.count(8)
	g.Path = slices.Grow(g.Path[:0], n)
	for range n {
		g.Path = g.Path[:len(g.Path)+1]
		s := &g.Path[len(g.Path)-1]
		s.Set = x.next() == 1
		x.list32(&s.AS)
	}
}

func (s *PathSegment) write(x *xdr) {
	kind := uint32(2)
	if s.Set {
		kind = 1
	}
	x.u32(&kind)
	x.list32(&s.AS)
}

// list32 is a count and as many words, in memory of their own.
func (x *xdr) list32(p *[]uint32) {
	if x.write {
		n := uint32(len(*p))
		x.u32(&n)
		for i := range *p {
			x.u32(&(*p)[i])
		}
		return
	}
	b := x.words()
	*p = (*p)[:0]
	for ; len(b) > 0; b = b[4:] {
		*p = append(*p, binary.BigEndian.Uint32(b))
	}
}

// DstAS is the last AS of the path, 0 if there is none.
func (g *Gateway) DstAS() uint32 {
	if n := len(g.Path); n > 0 && len(g.Path[n-1].AS) > 0 {
		return g.Path[n-1].AS[len(g.Path[n-1].AS)-1]
	}
	return 0
}
