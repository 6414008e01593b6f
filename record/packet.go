package record

// LinkType is a libpcap LINKTYPE_ value: what the first byte of a packet is.
// See https://www.tcpdump.org/linktypes.html.
type LinkType uint16

// The link types Tapir decodes.
const (
	LinkNull      LinkType = 0   // BSD loopback, host byte order
	LinkEthernet  LinkType = 1   // IEEE 802.3
	LinkRawOld    LinkType = 12  // raw IP as OpenBSD and old libpcap number it
	LinkRaw       LinkType = 101 // raw IP, version from the first nibble
	LinkIEEE80211 LinkType = 105 // 802.11 without a prefix
	LinkLoop      LinkType = 108 // OpenBSD loopback, network byte order
	LinkSLL       LinkType = 113 // Linux cooked v1
	LinkRadiotap  LinkType = 127 // 802.11 behind a radiotap header
	LinkIPv4      LinkType = 228 // raw IPv4
	LinkIPv6      LinkType = 229 // raw IPv6
	LinkNFLOG     LinkType = 239 // Linux netfilter log
	LinkSLL2      LinkType = 276 // Linux cooked v2
	LinkPPP       LinkType = 9   // PPP, with or without HDLC framing
	LinkPPPoE     LinkType = 51  // PPP over Ethernet, session packets
	LinkFrameRly  LinkType = 107 // Frame Relay
)

// Packet is one captured frame.
type Packet struct {
	Time    int64    // ns since the epoch, UTC
	Data    []byte   // the captured bytes, borrowed until the call it is passed to returns
	WireLen uint32   // length on the wire; Data may be shorter (snaplen)
	Iface   uint32   // index into the source's interface list
	Link    LinkType // how Data begins
}

// Time limits of a record or packet: the range in which every format Tapir writes can hold a time.
const (
	MinTime int64 = -1 << 63
	MaxTime int64 = 1<<63 - 1
)
