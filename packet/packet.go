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

// Outer is the outside of one tunnel.
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
type Decoded struct {
	Layers  Layers
	Verdict Verdict

	HasMAC    bool
	SrcMAC    MAC    // innermost Ethernet header
	DstMAC    MAC    //
	EtherType uint16 // of what follows the innermost link header and its tags; 0 where there is none

	NTags   uint8
	NLabels uint8
	NOuter  uint8
	Tags    [MaxTags]Tag      // outermost first, those outside of tunnels first
	Labels  [MaxLabels]uint32 // MPLS labels, top first
	Outer   [MaxOuter]Outer   // outermost first
	HasVNI  bool
	VNI     uint32 // of the innermost VXLAN or GENEVE header

	HasIP    bool
	Src, Dst record.Addr
	Proto    uint8 // IP protocol above all extension headers; with AH or ESP in the chain, theirs
	TTL      uint8 // or hop limit
	TOS      uint8 // or traffic class: DSCP in the upper six bits

	SrcPort, DstPort uint16 // TCP, UDP, SCTP
	Seq, Ack         uint32 // TCP
	Flags            uint16 // TCP
	Window           uint16 // TCP, unscaled
	WScale           int8   // TCP window scale option, -1 if none (SYN packets)
	MSS              uint16 // TCP option, 0 if none
	HasTS            bool   // TCP timestamp option
	TSVal, TSEcr     uint32
	ICMPType         uint8
	ICMPCode         uint8

	// Payload is what the transport header carries, trimmed to the lengths in the IP and UDP headers (Ethernet
	// padding is not payload). For protocols directly above IP it is everything above the IP header, ICMP's own
	// header included; below IP it is everything above the Ethernet header. It may be shorter than PayloadLen when
	// the capture cut the packet.
	Payload    []byte
	PayloadLen uint32 // bytes on the wire

	// For Verdict Fragment: IP is the innermost IP packet from its header on, FragID, FragOff and MoreFrags its
	// place in the datagram, and Payload the fragment's bytes. Proto is that of the datagram.
	IP        []byte
	FragID    uint32
	FragOff   uint16 // bytes
	MoreFrags bool
}
