package packet

import "github.com/tapir-project/tapir/record"

// Layers is a set of protocol layers, one bit each.
type Layers uint64

// The layers the decoder knows.
const (
	LayerEthernet Layers = 1 << iota
	LayerDot1Q
	LayerDot1AD
	LayerMPLS
	LayerPPPoE
	LayerPPP
	LayerLLC
	LayerSNAP
	LayerSLL
	LayerDot11
	LayerARP
	LayerIPv4
	LayerIPv6
	LayerIPIP // IPv4 in IPv4, or IPv6 in IPv6
	Layer6in4 // IPv6 in IPv4
	Layer4in6 // IPv4 in IPv6
	LayerGRE
	LayerERSPAN
	LayerVXLAN
	LayerVXLANGPE
	LayerGENEVE
	LayerGTP
	LayerL2TP
	LayerAH
	LayerESP
	LayerTCP
	LayerUDP
	LayerSCTP
	LayerICMP
	LayerICMPv6
	LayerIGMP
	LayerNSH
	LayerEtherIP
)

// Has says whether any of x is in l.
func (l Layers) Has(x Layers) bool { return l&x != 0 }

// Verdict says how far decoding came.
type Verdict uint8

// The verdicts. Everything but OK still describes the packet as far as it was understood: its flow is kept as a
// session of that name.
const (
	OK           Verdict = iota // transport header read, or a protocol directly above IP or Ethernet recognised
	Fragment                    // an IP fragment: give it to the defragmenter
	UnknownLink                 // link type without a decoder
	UnknownEther                // ethertype (or LLC SAP) without a decoder
	UnknownIP                   // IP protocol without a decoder
	CorruptEther                // too short or inconsistent at the link layer
	CorruptIP                   // too short or inconsistent from the IP header on
)

var verdictNames = [...]string{"ok", "fragment", "unknown-link", "unknown-ether", "unknown-ip", "corrupt-ether", "corrupt-ip"}

// String is the verdict's name, as network.protocol shows it for what could not be decoded.
func (v Verdict) String() string { return verdictNames[v] }

// MAC is an IEEE 802 address.
type MAC [6]byte

// TCP flag bits as Decoded.Flags holds them (RFC 9293 §3.1, RFC 3168, RFC 9768).
const (
	FIN uint16 = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE
)

// Tag is one VLAN tag.
type Tag struct {
	ID uint16 // 12 bits
	AD bool   // 802.1ad service tag
}

// Outer is the outside of one tunnel: the addresses of its IP header (zero where it has none, as in a pseudowire over
// MPLS, or where the inside is not IP) and, where the tunnel carries Ethernet frames, the MACs around it.
type Outer struct {
	Src, Dst       record.Addr
	SrcMAC, DstMAC MAC
	HasMAC         bool
}

// Bounds of the lists in Decoded; what is nested deeper is decoded but not listed.
const (
	MaxTags   = 4
	MaxLabels = 4
	MaxOuter  = 3
	// MaxDepth bounds nested headers of any kind, so that a crafted packet ends.
	MaxDepth = 32
)

// Decoded is what one packet says of itself, innermost headers first in importance: addresses, ports and payload
// are those inside all tunnels. The caller owns it and reuses it; slices point into the packet's bytes.
//
// A tunnel whose inside is not an IP packet leaves the addresses and Proto of the packet that carries it, and ports
// 0: the source port of such a tunnel is a hash (RFC 7348 §5), not an end. SrcMAC, EtherType and Payload are then of
// the innermost Ethernet header (ARP in VXLAN), and Verdict says what became of the inside.
type Decoded struct {
	Layers  Layers
	Verdict Verdict

	HasMAC bool // both MACs are known; LayerSLL has only the sender's, some 802.11 control frames only the receiver's
	SrcMAC MAC  // innermost Ethernet or 802.11 header
	DstMAC MAC
	// EtherType of what follows the innermost link header and its tags, 0 where there is none. Below 0x0600 it is
	// Tapir's own number for a frame that has none: see EtherLLC and EtherOSI.
	EtherType uint16

	HasIP    bool
	Src, Dst record.Addr
	// Proto is the IP protocol above all extension headers; of ESP theirs, and of ESP within AH that of AH.
	Proto uint8
	TTL   uint8 // or hop limit
	TOS   uint8 // or traffic class: DSCP in the upper six bits

	ICMPType         uint8
	ICMPCode         uint8
	SrcPort, DstPort uint16 // TCP, UDP, SCTP
	Seq, Ack         uint32 // TCP
	Flags            uint16 // TCP
	Window           uint16 // TCP, unscaled
	MSS              uint16 // TCP option, 0 if none
	WScale           int8   // TCP window scale option, -1 if none (SYN packets)
	HasTS            bool   // TCP timestamp option
	TSVal, TSEcr     uint32

	// Payload is what the transport header carries, trimmed to the lengths in the IP and UDP headers (Ethernet
	// padding is not payload). For ICMP and other protocols directly above IP it is everything above the IP header,
	// their own header included; for ESP what follows SPI and sequence number; below IP it is everything above the
	// link header. It may be shorter than PayloadLen when the capture cut the packet.
	Payload []byte
	// PayloadLen is the length on the wire of what TCP, UDP, SCTP, ICMP or ESP carries, or of a fragment. It is 0
	// for everything else, whatever Payload holds: ARP, OSPF, or a header that was not understood carry no data.
	PayloadLen uint32

	// For Verdict Fragment: IP is the innermost IP packet from its header on, FragID, FragOff and MoreFrags its
	// place in the datagram, and Payload the fragment's bytes. Proto is that of the datagram.
	IP        []byte
	FragID    uint32
	FragOff   uint16 // bytes
	MoreFrags bool

	HasVNI  bool
	VNI     uint32 // of the innermost VXLAN or GENEVE header
	NTags   uint8
	NLabels uint8
	NOuter  uint8

	depth     uint8 // headers nested so far, see nest
	loose     bool  // lengths in headers may exceed what is there: a mirror or a log cut the packet
	outerOpen bool  // the last Outer has MACs but no addresses yet

	// What lies beyond the counts is left over from earlier packets.
	Tags   [MaxTags]Tag      // outermost first, those outside of tunnels first
	Labels [MaxLabels]uint32 // MPLS labels, top first
	Outer  [MaxOuter]Outer   // outermost first
}

// reset forgets the last packet. The lists keep their bytes: clearing them would double the time a plain packet takes.
func (d *Decoded) reset() {
	d.Layers, d.Verdict, d.HasMAC, d.SrcMAC, d.DstMAC, d.EtherType = 0, 0, false, MAC{}, MAC{}, 0
	d.HasVNI, d.VNI, d.NTags, d.NLabels, d.NOuter = false, 0, 0, 0, 0
	d.depth, d.loose, d.outerOpen = 0, false, false
	d.resetIP()
}

// resetIP forgets the innermost IP header and what is above it.
func (d *Decoded) resetIP() {
	d.Verdict = OK
	d.HasIP, d.Src, d.Dst, d.Proto, d.TTL, d.TOS = false, record.Addr{}, record.Addr{}, 0, 0, 0
	d.ICMPType, d.ICMPCode, d.SrcPort, d.DstPort, d.Seq, d.Ack, d.Flags, d.Window = 0, 0, 0, 0, 0, 0, 0, 0
	d.MSS, d.WScale, d.HasTS, d.TSVal, d.TSEcr = 0, -1, false, 0, 0
	d.Payload, d.PayloadLen = nil, 0
	d.IP, d.FragID, d.FragOff, d.MoreFrags = nil, 0, 0, false
}

// nest counts one more nested header and says whether it may be decoded.
func (d *Decoded) nest() bool {
	d.depth++
	return d.depth <= MaxDepth
}

// stop ends decoding with verdict v; b is what lies above the last header understood.
func (d *Decoded) stop(v Verdict, b []byte) {
	d.Verdict, d.Payload, d.PayloadLen = v, b, 0
}
