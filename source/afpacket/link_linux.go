package afpacket

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/record"
)

// form says how packets of a device are delivered.
type form uint8

const (
	asIs    form = iota // with the link header they have
	tagging             // the same, and VLAN tags are put back
	bareIP              // without a link header if they are IP, else cooked
	cooked              // with a header of SLL2
)

// hardware is what a device's type (ARPHRD_) means for its packets.
type hardware struct {
	link record.LinkType
	form form
}

// linkPrism is 802.11 behind a Prism header: stored as it is, nothing decodes it.
const linkPrism record.LinkType = 119

// linkOf says what packets of a device of this type begin with.
//
// PPP and tunnels count as bare IP: the kernel shows some of them with a header of its own making and some without, but
// always knows where the network header is. libpcap falls back to cooked sockets for the same reason.
func linkOf(hatype uint16) hardware {
	switch hatype {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return hardware{record.LinkEthernet, tagging}
	case unix.ARPHRD_IEEE80211:
		return hardware{record.LinkIEEE80211, asIs}
	case unix.ARPHRD_IEEE80211_PRISM:
		return hardware{linkPrism, asIs}
	case unix.ARPHRD_IEEE80211_RADIOTAP:
		return hardware{record.LinkRadiotap, asIs}
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT,
		unix.ARPHRD_IPGRE, unix.ARPHRD_IP6GRE:
		return hardware{record.LinkRaw, bareIP}
	}
	return hardware{record.LinkSLL2, cooked}
}

// device is an interface that packets came from, as one worker knows it.
type device struct {
	hardware
	index int32  // the kernel's number
	iface uint32 // the source's
}

// Places in struct tpacket3_hdr, which begins each packet in a ring, and in the sockaddr_ll behind it (linux/if_packet.h).
const (
	atNext     = 0
	atSec      = 4
	atNsec     = 8
	atSnaplen  = 12
	atLen      = 16
	atStatus   = 20
	atMac      = 24
	atNet      = 26
	atTCI      = 32
	atTPID     = 36
	atProtocol = 50
	atIfindex  = 52
	atHaType   = 56
	atPktType  = 58
	atHaLen    = 59
	atAddr     = 60
	headerLen  = 68
)

// frame is one packet in a ring: what follows its header is m[mac:mac+caplen].
type frame struct {
	m                        []byte // the block from this packet's header on
	mac, net, caplen, length int
	status                   uint32
}

// frameAt reads the header at the beginning of m. It is false if it points outside of the block, which the kernel never
// does.
func frameAt(m []byte) (f frame, ok bool) {
	if len(m) < headerLen {
		return f, false
	}
	ne := binary.NativeEndian
	f = frame{
		m: m, mac: int(ne.Uint16(m[atMac:])), net: int(ne.Uint16(m[atNet:])),
		caplen: int(ne.Uint32(m[atSnaplen:])), length: int(ne.Uint32(m[atLen:])), status: ne.Uint32(m[atStatus:]),
	}
	return f, f.mac >= headerLen && f.mac <= f.net && f.mac+f.caplen <= len(m) && f.length >= f.caplen
}

func (f *frame) time() int64 {
	ne := binary.NativeEndian
	return int64(ne.Uint32(f.m[atSec:]))*1e9 + int64(ne.Uint32(f.m[atNsec:]))
}

// protocol is the ethertype, as the kernel sees it: of what follows a tag it took off.
func (f *frame) protocol() uint16 { return binary.BigEndian.Uint16(f.m[atProtocol:]) }

func (f *frame) isIP() bool {
	p := f.protocol()
	return p == unix.ETH_P_IP || p == unix.ETH_P_IPV6
}

// packet makes p of the frame, except for its time and interface. It writes into the room before the packet, which
// belongs to the reader as the whole block does.
func (f *frame) packet(d *device, p *record.Packet) {
	p.Link = d.link
	at, form := f.mac, d.form
	if form == bareIP && !f.isIP() {
		p.Link, form = record.LinkSLL2, cooked
	}
	switch form {
	case tagging:
		if f.status&unix.TP_STATUS_VLAN_VALID != 0 && f.caplen >= 12 {
			at = f.retag()
		}
	case bareIP:
		at = f.net
	case cooked:
		at = f.cook()
	}
	end := f.mac + f.caplen
	p.WireLen = uint32(max(f.length+f.mac-at, 0))
	p.Data = f.m[min(at, end):end:end]
}

// Bytes needed before a packet: a tag goes before the Ethernet header (the addresses move), and SLL2 with a tag goes
// before the network header, where the ring always has 16 bytes for a link header.
const (
	tagLen   = 4
	sll2Len  = 20
	headroom = sll2Len + tagLen - 16
)

// tpid is the ethertype of the tag that the kernel took off.
func (f *frame) tpid() uint16 {
	if f.status&unix.TP_STATUS_VLAN_TPID_VALID == 0 {
		return unix.ETH_P_8021Q
	}
	return binary.NativeEndian.Uint16(f.m[atTPID:])
}

// tci is the tag's priority and number.
func (f *frame) tci() uint16 { return uint16(binary.NativeEndian.Uint32(f.m[atTCI:])) }

// retag puts a VLAN tag back behind the addresses, and returns where the packet begins now.
func (f *frame) retag() int {
	at := f.mac - tagLen
	copy(f.m[at:], f.m[f.mac:f.mac+12])
	binary.BigEndian.PutUint16(f.m[at+12:], f.tpid())
	binary.BigEndian.PutUint16(f.m[at+14:], f.tci())
	return at
}

// cook writes an SLL2 header (LINKTYPE_LINUX_SLL2) before the network header and returns where it begins.
func (f *frame) cook() int {
	be, ne := binary.BigEndian, binary.NativeEndian
	protocol, at := f.protocol(), f.net-sll2Len
	if f.status&unix.TP_STATUS_VLAN_VALID != 0 {
		at -= tagLen
		be.PutUint16(f.m[f.net-tagLen:], f.tci())
		be.PutUint16(f.m[f.net-2:], protocol)
		protocol = f.tpid()
	}
	h := f.m[at:]
	be.PutUint16(h, protocol)
	be.PutUint16(h[2:], 0)
	be.PutUint32(h[4:], ne.Uint32(f.m[atIfindex:]))
	be.PutUint16(h[8:], ne.Uint16(f.m[atHaType:]))
	h[10] = f.m[atPktType]
	h[11] = f.m[atHaLen]
	copy(h[12:20], f.m[atAddr:atAddr+8])
	return at
}
