package packet

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/record"
)

// Link types that package record does not name because no source of Tapir's makes them; files have them.
const (
	linkPPPSerial record.LinkType = 50  // PPP in HDLC-like framing
	linkCiscoHDLC record.LinkType = 104 // Cisco's HDLC: ethertype behind address and control
	linkPPI       record.LinkType = 192 // per-packet information, then the link type it names
)

// link decodes every link type but plain Ethernet.
func (d *Decoded) link(t record.LinkType, b []byte, n int) {
	switch t {
	case record.LinkEthernet:
		d.ethernet(b, n)
	case record.LinkNull, record.LinkLoop:
		d.loopback(b, n)
	case record.LinkRawOld, record.LinkRaw:
		d.ip(b, n, 0)
	case record.LinkIPv4:
		d.ipv4(b, n, 0)
	case record.LinkIPv6:
		d.ipv6(b, n, 0)
	case record.LinkSLL:
		d.sll(b, n)
	case record.LinkSLL2:
		d.sll2(b, n)
	case record.LinkIEEE80211:
		d.dot11(b, n, false)
	case record.LinkRadiotap:
		d.radiotap(b, n)
	case record.LinkNFLOG:
		d.nflog(b, n)
	default:
		d.serial(t, b, n)
	}
}

// serial decodes the link types of serial lines.
func (d *Decoded) serial(t record.LinkType, b []byte, n int) {
	switch t {
	case record.LinkPPP, linkPPPSerial, linkCiscoHDLC:
		d.hdlc(b, n)
	case record.LinkPPPoE:
		d.pppoe(b, n)
	case record.LinkFrameRly:
		d.frameRelay(b, n)
	case linkPPI:
		d.ppi(b, n)
	default:
		d.stop(UnknownLink, b)
	}
}

// loopback decodes the four bytes of address family that BSD's loopback has for a link header, in the byte order of the
// machine that captured (LinkNull) or of the network (LinkLoop). A family is a small number, which tells the order.
func (d *Decoded) loopback(b []byte, n int) {
	if len(b) < 4 {
		d.stop(CorruptEther, b)
		return
	}
	family := binary.LittleEndian.Uint32(b)
	if family > 0xffff {
		family = be32(b)
	}
	switch family {
	case 2:
		d.ipv4(b[4:], n-4, 0)
	case 10, 23, 24, 26, 28, 30: // Linux, Windows, NetBSD and OpenBSD, illumos, FreeBSD, macOS
		d.ipv6(b[4:], n-4, 0)
	default:
		d.stop(UnknownEther, b[4:])
	}
}

// sll decodes Linux's "cooked" header (LINKTYPE_LINUX_SLL): packet type, device type, address length, address, protocol.
func (d *Decoded) sll(b []byte, n int) {
	if len(b) < 16 {
		d.stop(CorruptEther, b)
		return
	}
	d.cooked(be16(b[2:]), be16(b[4:]), b[6:14])
	d.cookedProtocol(be16(b[2:]), be16(b[14:]), b[16:], n-16)
}

// sll2 decodes LINKTYPE_LINUX_SLL2: protocol, reserved, interface, device type, packet type, address length, address.
func (d *Decoded) sll2(b []byte, n int) {
	if len(b) < 20 {
		d.stop(CorruptEther, b)
		return
	}
	d.cooked(be16(b[8:]), uint16(b[11]), b[12:20])
	d.cookedProtocol(be16(b[8:]), be16(b), b[20:], n-20)
}

// Device types of Linux (ARPHRD_) whose frames the cooked header precedes rather than replaces.
const (
	devGRE      = 778 // the protocol is a GRE protocol type
	devRadiotap = 803
	devNetlink  = 824 // the protocol is a netlink family
)

// cooked keeps the sender's address; the header has no receiver's.
func (d *Decoded) cooked(device, size uint16, addr []byte) {
	d.Layers |= LayerSLL
	if size == 6 && device != devNetlink {
		d.SrcMAC = MAC(addr[:6])
	}
}

// Protocols in a cooked header that are not ethertypes (linux/if_ether.h).
const (
	cookedNovell = 0x0001 // raw 802.3
	cookedLLC    = 0x0004
)

func (d *Decoded) cookedProtocol(device, t uint16, b []byte, n int) {
	switch {
	case device == devNetlink:
		d.stop(UnknownEther, b)
	case device == devRadiotap:
		d.radiotap(b, n)
	case t == cookedLLC:
		d.llc(b, n)
	case t < minEtherType:
		d.EtherType = EtherLLC + 0xff
		d.stop(UnknownEther, b)
	default:
		d.etherType(t, b, n)
	}
}

// nflogPayload is the attribute that holds the packet (linux/netfilter/nfnetlink_log.h).
const nflogPayload = 9

// nflog decodes LINKTYPE_NFLOG: family, version, resource, then attributes of length (its own four bytes included),
// type and value, padded to four bytes, in the byte order of the machine that logged.
func (d *Decoded) nflog(b []byte, n int) {
	if len(b) < 4 || b[1] != 0 {
		d.stop(CorruptEther, b)
		return
	}
	d.loose = true // the copy range of a rule cuts packets without saying so
	a, value := b[4:], []byte(nil)
	for len(a) >= 4 && value == nil {
		size, kind := nflogAttribute(a)
		if size < 4 || size > len(a) {
			break
		}
		if kind == nflogPayload {
			value = a[4:size]
		}
		a = a[min(len(a), (size+3)&^3):]
	}
	switch {
	case value == nil:
		d.stop(CorruptEther, b)
	case b[0] == 2:
		d.ipv4(value, len(value), 0)
	case b[0] == 10:
		d.ipv6(value, len(value), 0)
	default:
		d.stop(UnknownEther, value)
	}
}

// nflogAttribute reads length and type of an attribute; the byte order is the one in which the type is small.
func nflogAttribute(a []byte) (size int, kind uint16) {
	kind = binary.LittleEndian.Uint16(a[2:])
	if kind < 0x100 {
		return int(binary.LittleEndian.Uint16(a)), kind
	}
	return int(be16(a)), be16(a[2:])
}

// ppi decodes a per-packet information header: version, flags, length, link type, all little-endian.
func (d *Decoded) ppi(b []byte, n int) {
	if len(b) < 8 || !d.nest() {
		d.stop(CorruptEther, b)
		return
	}
	size, t := int(binary.LittleEndian.Uint16(b[2:])), binary.LittleEndian.Uint32(b[4:])
	if size < 8 || size > len(b) || t > 0xffff {
		d.stop(CorruptEther, b)
		return
	}
	d.link(record.LinkType(t), b[size:], n-size)
}
