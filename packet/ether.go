package packet

import "encoding/binary"

// Ethertypes the decoder knows (IEEE 802 numbers registry).
const (
	EtherIPv4      uint16 = 0x0800
	EtherARP       uint16 = 0x0806
	EtherTEB       uint16 = 0x6558 // transparent Ethernet bridging: what GRE and GENEVE call an Ethernet frame
	EtherRARP      uint16 = 0x8035
	EtherDot1Q     uint16 = 0x8100
	EtherIPv6      uint16 = 0x86dd
	EtherPPP       uint16 = 0x880b
	EtherMPLS      uint16 = 0x8847
	EtherMPLSUp    uint16 = 0x8848 // MPLS with an upstream-assigned label (RFC 5332)
	EtherPPPoEDisc uint16 = 0x8863
	EtherPPPoE     uint16 = 0x8864
	EtherERSPAN    uint16 = 0x88be // types I and II
	EtherERSPAN3   uint16 = 0x22eb
	EtherDot1AD    uint16 = 0x88a8
	EtherLLDP      uint16 = 0x88cc
	EtherPBB       uint16 = 0x88e7 // 802.1ah: a frame within a frame
	EtherPTP       uint16 = 0x88f7
	EtherCiscoMeta uint16 = 0x8909
	EtherVNTag     uint16 = 0x8926
	EtherNSH       uint16 = 0x894f
	etherQinQ9100  uint16 = 0x9100 // service tags from before 802.1ad
	etherQinQ9200  uint16 = 0x9200
	etherQinQ9300  uint16 = 0x9300
	maxLLCLength   uint16 = 1500   // up to here the ethertype is the length of an LLC frame (802.3 §3.2.6)
	minEtherType   uint16 = 0x0600 // in between it is neither
	ethernetHeader        = 14
)

// Numbers for frames without an ethertype, in Decoded.EtherType: below minEtherType, where no ethertype can be.
const (
	EtherLLC uint16 = 0x0000 // + LLC destination SAP: EtherLLC+0x42 is spanning tree
	EtherOSI uint16 = 0x0100 // + NLPID of an OSI frame (SAP 0xfe, ISO/IEC TR 9577)

	EtherSTP  = EtherLLC + 0x42
	EtherESIS = EtherOSI + 0x82
	EtherISIS = EtherOSI + 0x83
)

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// ethernet decodes an Ethernet frame. Here and below b is what was captured from this header on, n its length on the
// wire (n >= len(b)).
func (d *Decoded) ethernet(b []byte, n int) {
	if len(b) < ethernetHeader {
		d.stop(CorruptEther, b)
		return
	}
	if d.HasMAC {
		if !d.nest() {
			d.stop(CorruptEther, b)
			return
		}
		d.pushMAC()
	}
	d.HasMAC = true
	d.DstMAC, d.SrcMAC = MAC(b[0:6]), MAC(b[6:12])
	d.Layers |= LayerEthernet
	t := be16(b[12:])
	if t == EtherIPv4 { // the common case first
		d.EtherType = t
		d.ipv4(b[ethernetHeader:], n-ethernetHeader, 0)
		return
	}
	d.etherType(t, b[ethernetHeader:], n-ethernetHeader)
}

// pushMAC keeps the MACs around a tunnel when an Ethernet header comes up within it.
func (d *Decoded) pushMAC() {
	d.outerOpen = d.NOuter < MaxOuter
	if d.outerOpen {
		d.Outer[d.NOuter] = Outer{SrcMAC: d.SrcMAC, DstMAC: d.DstMAC, HasMAC: true}
		d.NOuter++
	}
}

// etherType decodes what follows the type or length field of a link header.
func (d *Decoded) etherType(t uint16, b []byte, n int) {
	d.EtherType = t
	switch {
	case t >= minEtherType:
		d.network(t, b, n)
	case t <= maxLLCLength && (int(t) <= n || d.loose):
		d.llc(b[:min(len(b), int(t))], min(n, int(t))) // what is behind the length is padding
	default:
		d.stop(CorruptEther, b)
	}
}

// network decodes what an ethertype stands for, in a link header or in a tunnel's.
func (d *Decoded) network(t uint16, b []byte, n int) {
	switch t {
	case EtherIPv4:
		d.ipv4(b, n, 0)
	case EtherIPv6:
		d.ipv6(b, n, 0)
	case EtherARP, EtherRARP:
		d.Layers |= LayerARP
		d.stop(OK, b)
	case EtherLLDP, EtherPTP:
		d.stop(OK, b)
	case EtherPPPoEDisc:
		d.Layers |= LayerPPPoE
		d.stop(OK, b)
	default:
		d.encapsulation(t, b, n)
	}
}

// encapsulation decodes the ethertypes of headers with a further ethertype or packet behind them.
func (d *Decoded) encapsulation(t uint16, b []byte, n int) {
	if !d.nest() {
		d.stop(CorruptEther, b)
		return
	}
	switch t {
	case EtherDot1Q, EtherDot1AD, etherQinQ9100, etherQinQ9200, etherQinQ9300:
		d.vlan(t != EtherDot1Q, b, n)
	case EtherMPLS, EtherMPLSUp:
		d.mpls(b, n)
	case EtherPPPoE:
		d.pppoe(b, n)
	case EtherPPP:
		d.ppp(b, n)
	case EtherNSH:
		d.nsh(b, n)
	case EtherTEB:
		d.ethernet(b, n)
	case EtherPBB: // 802.1ah §9.7: I-TAG control information, then the customer's whole frame
		d.ethernet(b[min(4, len(b)):], n-4)
	case EtherVNTag: // 802.1Qbh: direction and interface ids
		d.skipTag(4, b, n)
	case EtherCiscoMeta: // version, length, option, group tag
		d.skipTag(6, b, n)
	default:
		d.stop(UnknownEther, b)
	}
}

// vlan decodes an 802.1Q or 802.1ad tag (IEEE 802.1Q §9.6).
func (d *Decoded) vlan(service bool, b []byte, n int) {
	if len(b) < 4 {
		d.stop(CorruptEther, b)
		return
	}
	d.pushTag(Tag{ID: be16(b) & 0xfff, AD: service})
	d.etherType(be16(b[2:]), b[4:], n-4)
}

func (d *Decoded) pushTag(t Tag) {
	if t.AD {
		d.Layers |= LayerDot1AD
	} else {
		d.Layers |= LayerDot1Q
	}
	if d.NTags < MaxTags {
		d.Tags[d.NTags] = t
		d.NTags++
	}
}

// skipTag steps over a tag of which nothing is kept; its last two bytes are the next ethertype.
func (d *Decoded) skipTag(size int, b []byte, n int) {
	if len(b) < size+2 {
		d.stop(CorruptEther, b)
		return
	}
	d.etherType(be16(b[size:]), b[size+2:], n-size-2)
}
