package packet

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/tapir-project/tapir/record"
)

// link adds the header that a link type begins with.
func (t *tree) link(lt record.LinkType, v view) {
	switch lt {
	case record.LinkEthernet:
		t.ethernet(v)
	case record.LinkNull, record.LinkLoop:
		t.loopback(v)
	case record.LinkRawOld, record.LinkRaw, record.LinkIPv4, record.LinkIPv6:
		t.ip(v)
	case record.LinkSLL:
		t.sll(v)
	case record.LinkSLL2:
		t.sll2(v)
	case record.LinkIEEE80211:
		t.dot11(v, false)
	case record.LinkRadiotap:
		t.radiotap(v)
	case record.LinkNFLOG:
		t.nflog(v)
	case record.LinkPPP, linkPPPSerial, linkCiscoHDLC:
		t.hdlc(v)
	case record.LinkPPPoE:
		t.pppoe(v)
	case record.LinkFrameRly:
		t.frameRelay(v)
	case linkPPI:
		t.ppi(v)
	default:
		t.payload("Data", v)
	}
}

// etherNames are the names of ethertypes and of Decoded.EtherType's own numbers.
var etherNames = map[uint16]string{
	EtherIPv4: "IPv4", EtherARP: "ARP", EtherRARP: "RARP", EtherTEB: "Transparent Ethernet bridging", EtherDot1Q: "802.1Q VLAN",
	EtherIPv6: "IPv6", EtherPPP: "PPP", EtherMPLS: "MPLS", EtherMPLSUp: "MPLS, upstream label", EtherPPPoEDisc: "PPPoE discovery",
	EtherPPPoE: "PPPoE session", EtherERSPAN: "ERSPAN", EtherERSPAN3: "ERSPAN type III", EtherDot1AD: "802.1ad service VLAN",
	EtherLLDP: "LLDP", EtherPBB: "802.1ah", EtherPTP: "PTP", EtherCiscoMeta: "Cisco metadata", EtherVNTag: "VN-Tag", EtherNSH: "NSH",
	0x2000: "CDP", 0x2003: "VTP", 0x2004: "DTP", 0x0111: "UDLD", 0x010b: "PVST+", 0x0842: "Wake-on-LAN", 0x22f3: "TRILL", 0x6003: "DECnet",
	0x809b: "AppleTalk", 0x80f3: "AppleTalk ARP", 0x8137: "IPX", 0x8808: "Ethernet flow control", 0x8809: "Slow protocols",
	0x888e: "802.1X", 0x8892: "PROFINET", 0x88a2: "ATA over Ethernet", 0x88a4: "EtherCAT", 0x88b8: "GOOSE", 0x88ba: "Sampled values",
	0x88e5: "MACsec", 0x8902: "Connectivity fault management", 0x8906: "FCoE", 0x8914: "FCoE initialization", 0x9000: "Loopback",
	EtherSTP: "Spanning tree", EtherISIS: "IS-IS", EtherESIS: "ES-IS", EtherLLC + 0xff: "IPX", EtherLLC + 0xe0: "IPX", EtherLLC + 0xf0: "NetBIOS",
	EtherLLC + sapSNAP: "SNAP", EtherOSI + 0x81: "CLNP",
}

// EtherName is the name of an ethertype, or of one of Decoded.EtherType's own numbers, "" if it has none here.
func EtherName(t uint16) string { return etherNames[t] }

func (h *header) etherType(name string, off int) uint16 {
	t := uint16(h.uint(off, 2))
	h.field(name, off, 2, named("0x%04x", uint64(t), EtherName(t)))
	return t
}

func (t *tree) ethernet(v view) {
	h := t.open("Ethernet II", v, ethernetHeader)
	if h == nil {
		return
	}
	dst, src := h.mac("Destination", 0), h.mac("Source", 6)
	h.title("Src: %s, Dst: %s", src, dst)
	et := be16(h.b[12:])
	if et >= minEtherType {
		h.etherType("Type", 12)
	} else {
		h.node.Name = "IEEE 802.3 Ethernet"
		h.dec("Length", 12, 2)
	}
	t.add(h)
	t.etherType(et, v.skip(ethernetHeader))
}

// etherType adds what follows a type or length field; what is behind a length is padding.
func (t *tree) etherType(et uint16, v view) {
	switch {
	case et >= minEtherType:
		t.network(et, v)
	case et <= maxLLCLength && (int(et) <= v.n || t.loose):
		t.llc(v.trim(int(et)))
		t.padding(v.skip(int(et)))
	default:
		t.payload("Data", v)
	}
}

func (t *tree) padding(v view) {
	if v.size() > 0 {
		t.payload("Padding", v)
	}
}

// network adds what an ethertype stands for.
func (t *tree) network(et uint16, v view) {
	switch et {
	case EtherIPv4, EtherIPv6:
		t.ip(v)
	case EtherARP, EtherRARP:
		t.arp(v)
	case EtherDot1Q, EtherDot1AD, etherQinQ9100, etherQinQ9200, etherQinQ9300:
		t.vlan(et, v)
	case EtherMPLS, EtherMPLSUp:
		t.mpls(v)
	case EtherPPPoE, EtherPPPoEDisc:
		t.pppoe(v)
	case EtherPPP:
		t.ppp(v)
	case EtherNSH:
		t.nsh(v)
	case EtherTEB:
		t.ethernet(v)
	case EtherPBB:
		t.pbb(v)
	case EtherVNTag:
		t.skipTag("VN-Tag", 4, v)
	case EtherCiscoMeta:
		t.skipTag("Cisco MetaData", 6, v)
	default:
		t.above(EtherName(et), v)
	}
}

// above adds what is not taken apart here, under its name if it has one.
func (t *tree) above(name string, v view) {
	if name == "" {
		name = "Data"
	}
	t.payload(name, v)
}

func (t *tree) vlan(tpid uint16, v view) {
	name := "802.1Q Virtual LAN"
	if tpid != EtherDot1Q {
		name = "IEEE 802.1ad"
	}
	h := t.open(name, v, 4)
	if h == nil {
		return
	}
	tci := h.uint(0, 2)
	h.title("PRI: %d, DEI: %d, ID: %d", tci>>13, tci>>12&1, tci&0xfff)
	h.field("Priority", 0, 2, strconv.FormatUint(tci>>13, 10))
	h.field("DEI", 0, 2, strconv.FormatUint(tci>>12&1, 10))
	h.field("ID", 0, 2, strconv.FormatUint(tci&0xfff, 10))
	et := be16(h.b[2:])
	if et >= minEtherType {
		h.etherType("Type", 2)
	} else {
		h.dec("Length", 2, 2)
	}
	t.add(h)
	t.etherType(et, v.skip(4))
}

func (t *tree) pbb(v view) {
	if h := t.open("IEEE 802.1ah", v, 4); h != nil {
		h.field("I-SID", 1, 3, strconv.FormatUint(h.uint(1, 3), 10))
		t.add(h)
		t.ethernet(v.skip(4))
	}
}

func (t *tree) skipTag(name string, size int, v view) {
	if h := t.open(name, v, size+2); h != nil {
		h.hex("Tag", 0, size)
		et := h.etherType("Type", size)
		t.add(h)
		t.etherType(et, v.skip(size+2))
	}
}

func (t *tree) llc(v view) {
	if v.size() < 3 {
		t.open("Logical-Link Control", v, 3)
		return
	}
	b := t.bytes(v)
	size := min(llcSize(b), v.size())
	if size == 0 {
		t.payload("IPX", v)
		return
	}
	h := t.open("Logical-Link Control", v, size)
	if h == nil {
		return
	}
	h.hex("DSAP", 0, 1)
	h.hex("SSAP", 1, 1)
	h.hex("Control", 2, size-2)
	t.add(h)
	ui := b[2] == 3 && b[0] == b[1]&^1
	switch v = v.skip(size); {
	case ui && b[0] == sapSNAP:
		t.snap(v)
	case ui && b[0] == sapOSI:
		t.nlpid(v)
	case ui && b[0] == sapIP:
		t.ip(v)
	default:
		t.above(EtherName(EtherLLC+uint16(b[0])), v)
	}
}

func (t *tree) snap(v view) {
	h := t.open("SubNetwork Access Protocol", v, 5)
	if h == nil {
		return
	}
	oui, pid := h.uint(0, 3), uint16(h.uint(3, 2))
	h.hex("Organization Code", 0, 3)
	ethertype := oui == ouiEthernet || oui == oui8021H
	if ethertype {
		h.etherType("Type", 3)
	} else {
		h.hex("Protocol ID", 3, 2)
	}
	t.add(h)
	switch v = v.skip(5); {
	case ethertype && pid >= minEtherType:
		t.network(pid, v)
	case oui == ouiBridge && (pid == bridgeEthernet || pid == bridgeEthernetFCS):
		t.ethernet(v)
	case oui == ouiCisco:
		t.above(EtherName(pid), v)
	default:
		t.payload("Data", v)
	}
}

func (t *tree) nlpid(v view) {
	h := t.open("Network Layer Protocol ID", v, 1)
	if h == nil {
		return
	}
	id := h.b[0]
	h.hex("NLPID", 0, 1)
	switch id {
	case nlpidIPv4, nlpidIPv6:
		t.add(h)
		t.ip(v.skip(1))
	case nlpidSNAP:
		t.add(h)
		t.snap(v.skip(1))
	default:
		t.above(EtherName(EtherOSI+uint16(id)), v)
	}
}

func (t *tree) loopback(v view) {
	h := t.open("Null/Loopback", v, 4)
	if h == nil {
		return
	}
	family := binary.LittleEndian.Uint32(h.b)
	if family > 0xffff {
		family = be32(h.b)
	}
	h.field("Family", 0, 4, strconv.FormatUint(uint64(family), 10))
	t.add(h)
	switch family {
	case 2, 10, 23, 24, 26, 28, 30:
		t.ip(v.skip(4))
	default:
		t.payload("Data", v.skip(4))
	}
}

func (t *tree) sll(v view) {
	h := t.open("Linux cooked capture v1", v, 16)
	if h == nil {
		return
	}
	h.field("Packet Type", 0, 2, named("%d", h.uint(0, 2), sllType(h.uint(0, 2))))
	h.dec("Device Type", 2, 2)
	h.dec("Address Length", 4, 2)
	h.sllAddress(6, int(h.uint(4, 2)))
	h.etherType("Protocol", 14)
	t.add(h)
	t.cooked(be16(h.b[2:]), be16(h.b[14:]), v.skip(16))
}

func (t *tree) sll2(v view) {
	h := t.open("Linux cooked capture v2", v, 20)
	if h == nil {
		return
	}
	h.etherType("Protocol", 0)
	h.dec("Interface", 4, 4)
	h.dec("Device Type", 8, 2)
	h.field("Packet Type", 10, 1, named("%d", h.uint(10, 1), sllType(h.uint(10, 1))))
	h.dec("Address Length", 11, 1)
	h.sllAddress(12, int(h.b[11]))
	t.add(h)
	t.cooked(be16(h.b[8:]), be16(h.b), v.skip(20))
}

func (h *header) sllAddress(off, size int) {
	if size == 6 {
		h.mac("Source", off)
		return
	}
	h.field("Source", off, min(size, 8), fmt.Sprintf("%x", h.b[off:off+min(size, 8)]))
}

// sllType names the packet types of a cooked header (linux/if_packet.h).
func sllType(n uint64) string {
	names := [...]string{"To us", "Broadcast", "Multicast", "To another", "Sent by us"}
	if n < uint64(len(names)) {
		return names[n]
	}
	return ""
}

func (t *tree) cooked(device, proto uint16, v view) {
	switch {
	case device == devRadiotap:
		t.radiotap(v)
	case device == devNetlink:
		t.payload("Netlink", v)
	case proto == cookedLLC:
		t.llc(v)
	case proto < minEtherType:
		t.payload("Data", v)
	default:
		t.network(proto, v)
	}
}

func (t *tree) nflog(v view) {
	h := t.open("Linux Netfilter NFLOG", v, 4)
	if h == nil {
		return
	}
	t.loose = true
	h.dec("Family", 0, 1)
	h.dec("Version", 1, 1)
	h.dec("Resource id", 2, 2)
	body, found := v.skip(4), view{}
	for body.size() >= 4 && found.n == 0 {
		size, kind := nflogAttribute(t.bytes(body))
		if size < 4 || size > body.size() {
			break
		}
		if kind == nflogPayload {
			found = body.trim(size).skip(4)
		} else {
			h.node.Children = append(h.node.Children, Node{"TLV", fmt.Sprintf("Type: %d, Length: %d", kind, size), body.at, size, nil})
		}
		body = body.skip((size + 3) &^ 3)
	}
	h.node.Len = body.at - v.at
	if found.n > 0 {
		h.node.Len = found.at - v.at
	}
	t.add(h)
	if family := h.b[0]; family == 2 || family == 10 {
		t.ip(found)
	} else {
		t.payload("Data", found)
	}
}

func (t *tree) ppi(v view) {
	h := t.open("PPI", v, 8)
	if h == nil {
		return
	}
	size, lt := int(binary.LittleEndian.Uint16(h.b[2:])), binary.LittleEndian.Uint32(h.b[4:])
	h.field("Length", 2, 2, strconv.Itoa(size))
	h.field("Link Type", 4, 4, strconv.FormatUint(uint64(lt), 10))
	if size < 8 || size > v.size() || lt > 0xffff || lt == uint32(linkPPI) {
		t.add(h)
		t.payload("Data", v.skip(8))
		return
	}
	h.node.Len = size
	t.add(h)
	t.link(record.LinkType(lt), v.skip(size))
}

func (t *tree) arp(v view) {
	h := t.open("Address Resolution Protocol", v, 8)
	if h == nil {
		return
	}
	hw, pa := int(h.b[4]), int(h.b[5])
	if v.size() >= 8+2*(hw+pa) {
		h = t.open(h.node.Name, v, 8+2*(hw+pa))
		if h == nil {
			return
		}
	}
	op := h.uint(6, 2)
	name := map[uint64]string{1: "request", 2: "reply", 3: "reverse request", 4: "reverse reply"}[op]
	h.title("%s", name)
	h.dec("Hardware type", 0, 2)
	h.etherType("Protocol type", 2)
	h.dec("Hardware size", 4, 1)
	h.dec("Protocol size", 5, 1)
	h.field("Opcode", 6, 2, named("%d", op, name))
	if hw == 6 && pa == 4 && len(h.b) >= 28 {
		mac, sender := h.mac("Sender MAC address", 8), h.ip("Sender IP address", 14, 4)
		h.mac("Target MAC address", 18)
		target := h.ip("Target IP address", 24, 4)
		switch op {
		case 1:
			h.title("Who has %s? Tell %s", target, sender)
		case 2:
			h.title("%s is at %s", sender, mac)
		}
	}
	t.add(h)
	t.padding(v.skip(len(h.b)))
}
