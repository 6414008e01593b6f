package packet

import "github.com/tapir-project/tapir/record"

// IP protocol numbers the decoder knows (IANA protocol numbers, RFC 5237).
const (
	ProtoHopByHop = 0
	ProtoICMP     = 1
	ProtoIGMP     = 2
	ProtoIPv4     = 4
	ProtoTCP      = 6
	ProtoUDP      = 17
	ProtoIPv6     = 41
	ProtoRouting  = 43
	ProtoFragment = 44
	ProtoGRE      = 47
	ProtoESP      = 50
	ProtoAH       = 51
	ProtoICMPv6   = 58
	ProtoNoNext   = 59
	ProtoDestOpts = 60
	ProtoOSPF     = 89
	ProtoEtherIP  = 97
	ProtoPIM      = 103
	ProtoL2TP     = 115
	ProtoSCTP     = 132
	ProtoMobility = 135
	ProtoUDPLite  = 136
	ProtoMPLS     = 137
	ProtoHIP      = 139
	ProtoShim6    = 140
	ProtoEthernet = 143
	ProtoNSH      = 145
)

// ip decodes an IP packet by its version. via is the layer that being nested in another IP packet makes, if any.
func (d *Decoded) ip(b []byte, n int, via Layers) {
	if len(b) > 0 && b[0]>>4 == 6 {
		d.ipv6(b, n, via)
		return
	}
	d.ipv4(b, n, via)
}

// enterIP makes the header just found good the innermost one.
func (d *Decoded) enterIP(layer Layers) {
	if d.HasIP || d.outerOpen {
		d.pushOuter()
	}
	d.HasIP = true
	d.Layers |= layer
}

// pushOuter makes the addresses so far those of a tunnel.
func (d *Decoded) pushOuter() {
	if !d.outerOpen {
		if d.NOuter == MaxOuter {
			return
		}
		d.Outer[d.NOuter] = Outer{}
		d.NOuter++
	}
	o := &d.Outer[d.NOuter-1]
	o.Src, o.Dst = d.Src, d.Dst // zero where no IP header is outside
	d.outerOpen = false
}

const ipv4Header = 20

// ipv4 decodes an IPv4 header (RFC 791 §3.1) and what is above it.
func (d *Decoded) ipv4(b []byte, n int, via Layers) {
	if len(b) < ipv4Header || b[0]>>4 != 4 {
		d.stop(CorruptIP, b)
		return
	}
	size, total := int(b[0]&15)*4, int(be16(b[2:]))
	if total == 0 { // left to the network card, which cuts the segment up
		total = n
	}
	if size < ipv4Header || total < size || total > n && !d.loose {
		d.corruptIP(record.AddrFrom4(b[12:]), record.AddrFrom4(b[16:]), b[9], LayerIPv4, b)
		return
	}
	if total < len(b) {
		b = b[:total]
	}
	d.enterIP(LayerIPv4 | via)
	d.Src, d.Dst = record.AddrFrom4(b[12:]), record.AddrFrom4(b[16:])
	d.TOS, d.TTL, d.Proto = b[1], b[8], b[9]
	if len(b) < size {
		d.stop(CorruptIP, nil)
		return
	}
	if frag := be16(b[6:]); frag&0x3fff != 0 { // more fragments, or an offset
		d.FragID = uint32(be16(b[4:]))
		d.fragment(b, size, total, frag<<3, frag&0x2000 != 0)
		return
	}
	d.transport(b[9], b[size:], total-size)
}

// corruptIP notes the ends of a packet whose IP header contradicts itself or the frame. Within a tunnel the outside
// stays what the packet is.
func (d *Decoded) corruptIP(src, dst record.Addr, proto uint8, layer Layers, b []byte) {
	if !d.HasIP && !d.outerOpen {
		d.enterIP(layer)
		d.Src, d.Dst, d.Proto = src, dst, proto
	}
	d.stop(CorruptIP, b)
}

// fragment describes a fragment: b is its IP packet, total the packet's length, size that of the headers up to the
// fragment's bytes, off its place in the datagram.
func (d *Decoded) fragment(b []byte, size, total int, off uint16, more bool) {
	d.Verdict = Fragment
	d.IP, d.FragOff, d.MoreFrags = b, off, more
	d.Payload, d.PayloadLen = b[size:], uint32(total-size)
}

const ipv6Header = 40

// ipv6 decodes an IPv6 header (RFC 8200 §3) and what is above it.
func (d *Decoded) ipv6(b []byte, n int, via Layers) {
	if len(b) < ipv6Header || b[0]>>4 != 6 {
		d.stop(CorruptIP, b)
		return
	}
	total := ipv6Header + int(be16(b[4:]))
	if total == ipv6Header { // a jumbogram (RFC 2675), or left to the network card
		total = n
	}
	if total > n && !d.loose {
		d.corruptIP(record.AddrFrom16(b[8:]), record.AddrFrom16(b[24:]), b[6], LayerIPv6, b)
		return
	}
	if total < len(b) {
		b = b[:total]
	}
	d.enterIP(LayerIPv6 | via)
	d.Src, d.Dst = record.AddrFrom16(b[8:]), record.AddrFrom16(b[24:])
	d.TOS, d.TTL, d.Proto = uint8(be16(b)>>4), b[7], b[6]
	if next := b[6]; !isExtension(next) {
		d.transport(next, b[ipv6Header:], total-ipv6Header)
		return
	}
	d.extensions(b, total)
}

// isExtension says whether an IPv6 next header is an extension header (IANA registry of RFC 7045). ESP is not here:
// nothing can be read behind it.
func isExtension(next uint8) bool {
	switch next {
	case ProtoHopByHop, ProtoRouting, ProtoFragment, ProtoAH, ProtoDestOpts, ProtoMobility, ProtoHIP, ProtoShim6:
		return true
	}
	return false
}

// extensions walks the extension headers of the IPv6 packet b, total bytes long, up to what they are in front of.
func (d *Decoded) extensions(b []byte, total int) {
	next, off := b[6], ipv6Header
	for isExtension(next) {
		d.Proto = next
		size, ok := extensionSize(next, b[off:])
		if !ok || !d.nest() {
			d.stop(CorruptIP, b[off:])
			return
		}
		switch this := next; {
		case this == ProtoFragment && be16(b[off+2:])&0xfff9 != 0: // RFC 6946: offset 0 and no more is whole
			d.fragment6(b, off, total)
			return
		case this >= ProtoMobility && b[off] == ProtoNoNext: // such a header is then the message itself
			d.stop(UnknownIP, b[off:])
			return
		case this == ProtoAH:
			d.Layers |= LayerAH
		}
		next, off = b[off], off+size
	}
	d.above(next, b[off:], total-off)
}

// above decodes what extension headers or AH are in front of. ESP within AH leaves Proto with AH.
func (d *Decoded) above(next uint8, b []byte, n int) {
	if d.Proto == ProtoAH && next == ProtoESP {
		d.esp(b, n)
		return
	}
	d.Proto = next
	d.transport(next, b, n)
}

// extensionSize is the length of the extension header of type t at the start of b; ok says that b holds all of it.
func extensionSize(t uint8, b []byte) (size int, ok bool) {
	if len(b) < 8 {
		return 0, false
	}
	switch t {
	case ProtoFragment:
		size = 8
	case ProtoAH: // RFC 4302 §2.2: in words of four bytes, less two
		size = (int(b[1]) + 2) * 4
	default:
		size = (int(b[1]) + 1) * 8
	}
	return size, size >= 8 && size <= len(b)
}

// fragment6 describes an IPv6 fragment whose fragment header (RFC 8200 §4.5) is at off.
func (d *Decoded) fragment6(b []byte, off, total int) {
	d.Proto = b[off]
	d.FragID = be32(b[off+4:])
	place := be16(b[off+2:])
	d.fragment(b, off+8, total, place&0xfff8, place&1 != 0)
}
