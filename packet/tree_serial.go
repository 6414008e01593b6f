package packet

import (
	"encoding/binary"
	"strconv"
)

func (t *tree) hdlc(v view) {
	if b := t.bytes(v); len(b) >= 4 && b[0]&0x7f == 0x0f && b[1] == 0 {
		h := t.open("Cisco HDLC", v, 4)
		h.hex("Address", 0, 1)
		h.hex("Control", 1, 1)
		h.etherType("Protocol", 2)
		t.add(h)
		t.etherType(be16(b[2:]), v.skip(4))
		return
	}
	t.ppp(v)
}

// pppNames are the names of PPP protocols (IANA ppp-numbers).
var pppNames = map[uint16]string{
	pppIPv4: "IPv4", pppOSI: "OSI", 0x2d: "Van Jacobson compressed TCP/IP", 0x2f: "Van Jacobson uncompressed TCP/IP", 0x3d: "Multilink",
	pppIPv6: "IPv6", 0xfd: "Compressed datagram", pppMPLS: "MPLS", pppMPLSMC: "MPLS multicast", 0x8021: "IP Control Protocol",
	0x8057: "IPv6 Control Protocol", 0x80fd: "Compression Control Protocol", 0xc021: "Link Control Protocol",
	0xc023: "Password Authentication Protocol", 0xc025: "Link Quality Report", 0xc223: "Challenge Handshake Authentication Protocol",
	0xc227: "Extensible Authentication Protocol",
}

func (t *tree) ppp(v view) {
	proto, off := pppProtocol(t.bytes(v))
	if off == 0 {
		t.open("Point-to-Point Protocol", v, 2)
		return
	}
	h := t.open("Point-to-Point Protocol", v, off)
	if h == nil {
		return
	}
	start := 0
	if h.b[0] == 0xff && off > 2 {
		h.hex("Address", 0, 1)
		h.hex("Control", 1, 1)
		start = 2
	}
	h.field("Protocol", start, off-start, named("0x%04x", uint64(proto), pppNames[proto]))
	t.add(h)
	switch v = v.skip(off); proto {
	case pppIPv4, pppIPv6:
		t.ip(v)
	case pppMPLS, pppMPLSMC:
		t.mpls(v)
	case pppOSI:
		t.nlpid(v)
	default:
		t.above(pppNames[proto], v)
	}
}

// pppoeCodes name the codes of a PPPoE header (RFC 2516 §5).
var pppoeCodes = map[byte]string{0: "Session data", 9: "Active Discovery Initiation (PADI)", 7: "Active Discovery Offer (PADO)",
	0x19: "Active Discovery Request (PADR)", 0x65: "Active Discovery Session-confirmation (PADS)", 0xa7: "Active Discovery Terminate (PADT)"}

func (t *tree) pppoe(v view) {
	h := t.open("PPP-over-Ethernet", v, 6)
	if h == nil {
		return
	}
	code := h.b[1]
	h.title("%s", pppoeCodes[code])
	h.field("Version", 0, 1, strconv.Itoa(int(h.b[0]>>4)))
	h.field("Type", 0, 1, strconv.Itoa(int(h.b[0]&15)))
	h.field("Code", 1, 1, named("0x%02x", uint64(code), pppoeCodes[code]))
	h.hex("Session ID", 2, 2)
	h.dec("Payload Length", 4, 2)
	t.add(h)
	body := v.skip(6)
	size := int(h.uint(4, 2))
	if code == 0 {
		t.ppp(body.trim(size))
	} else {
		t.pppoeTags(body.trim(size))
	}
	t.padding(body.skip(size))
}

// pppoeTags adds the tags of a discovery packet (RFC 2516 appendix A).
func (t *tree) pppoeTags(v view) {
	h := t.open("PPPoE Tags", v, v.size())
	if h == nil || v.size() == 0 {
		return
	}
	names := map[uint64]string{0: "End-Of-List", 0x101: "Service-Name", 0x102: "AC-Name", 0x103: "Host-Uniq", 0x104: "AC-Cookie",
		0x105: "Vendor-Specific", 0x110: "Relay-Session-Id", 0x201: "Service-Name-Error", 0x202: "AC-System-Error", 0x203: "Generic-Error"}
	for off := 0; off+4 <= len(h.b); {
		kind, n := h.uint(off, 2), int(h.uint(off+2, 2))
		n = min(n, len(h.b)-off-4)
		h.field(named("0x%04x", kind, names[kind]), off, 4+n, strconv.QuoteToASCII(string(h.b[off+4:off+4+n])))
		off += 4 + n
	}
	t.add(h)
}

func (t *tree) frameRelay(v view) {
	size := q922Size(t.bytes(v))
	if size == 0 || v.size() < size+2 {
		t.open("Frame Relay", v, 4)
		return
	}
	b := t.bytes(v)
	h := t.open("Frame Relay", v, size)
	dlci := int(b[0]>>2)<<4 | int(b[1]>>4)
	h.title("DLCI %d", dlci)
	h.field("DLCI", 0, size, strconv.Itoa(dlci))
	h.field("FECN", 1, 1, strconv.Itoa(int(b[1]>>3&1)))
	h.field("BECN", 1, 1, strconv.Itoa(int(b[1]>>2&1)))
	h.field("DE", 1, 1, strconv.Itoa(int(b[1]>>1&1)))
	t.add(h)
	v = v.skip(size)
	if b[size] != 0x03 {
		t.etherType(be16(b[size:]), v.skip(2))
		return
	}
	v = v.skip(1)
	if b[size+1] == 0 {
		v = v.skip(1)
	}
	t.nlpid(v)
}

func (t *tree) radiotap(v view) {
	size, flag, ok := radiotapHeader(t.bytes(v))
	if !ok {
		t.open("Radiotap Header", v, max(8, v.size()+1))
		return
	}
	h := t.open("Radiotap Header", v, size)
	if h == nil {
		return
	}
	h.dec("Revision", 0, 1)
	h.field("Length", 2, 2, strconv.Itoa(size))
	h.field("Present flags", 4, 4, "0x"+strconv.FormatUint(uint64(binary.LittleEndian.Uint32(h.b[4:])), 16))
	h.node.Children = append(h.node.Children,
		Node{Name: "FCS at end", Value: setOrNot(flag&radiotapFCS != 0), Off: v.at, Len: size},
		Node{Name: "Header padding", Value: setOrNot(flag&radiotapPad != 0), Off: v.at, Len: size})
	t.add(h)
	body := v.skip(size)
	if flag&radiotapFCS == 0 || body.n < 4 {
		t.dot11(body, flag&radiotapPad != 0)
		return
	}
	t.dot11(body.trim(body.n-4), flag&radiotapPad != 0)
	if fcs := body.skip(body.n - 4); fcs.size() == 4 {
		t.payload("Frame check sequence", fcs)
	}
}

// dot11Flags are the flags of an 802.11 frame control field.
var dot11Flags = []bit{{dot11ToDS, "To DS"}, {dot11FromDS, "From DS"}, {dot11MoreFrags, "More Fragments"}, {0x08, "Retry"},
	{0x10, "Power Management"}, {0x20, "More Data"}, {dot11Protected, "Protected"}, {dot11Order, "+HTC/Order"}}

func (t *tree) dot11(v view, padded bool) {
	b := t.bytes(v)
	if len(b) < 10 || b[0]&3 != 0 || dot11Size(b) > len(b) {
		t.open("IEEE 802.11", v, max(10, v.size()+1))
		return
	}
	size := dot11Size(b)
	h := t.open("IEEE 802.11", v, size)
	if h == nil {
		return
	}
	kind := [...]string{"Management", "Control", "Data", "Extension"}[b[0]>>2&3]
	h.title("%s, subtype %d", kind, b[0]>>4)
	h.field("Type", 0, 1, kind)
	h.field("Subtype", 0, 1, strconv.Itoa(int(b[0]>>4)))
	h.field("Flags", 1, 1, "0x"+strconv.FormatUint(uint64(b[1]), 16), flags(uint64(b[1]), dot11Flags)...)
	h.field("Duration", 2, 2, strconv.Itoa(int(binary.LittleEndian.Uint16(b[2:]))))
	for i, off := range []int{4, 10, 16, 24} {
		if off+6 <= size && (off != 24 || dot11QoSOffset(b) == 30) {
			h.mac("Address "+strconv.Itoa(i+1), off)
		}
	}
	if size >= 24 {
		seq := binary.LittleEndian.Uint16(b[22:])
		h.field("Sequence number", 22, 2, strconv.Itoa(int(seq>>4)))
		h.field("Fragment number", 22, 2, strconv.Itoa(int(seq&15)))
	}
	t.add(h)
	t.dot11Body(b, size, padded, v)
}

// dot11Body adds what a data frame carries, if it can be read.
func (t *tree) dot11Body(b []byte, size int, padded bool, v view) {
	fragment := b[1]&dot11MoreFrags != 0 || size >= 24 && b[22]&0x0f != 0
	if b[0]&dot11TypeMask != dot11TypeData || b[0]&dot11NoData != 0 || b[1]&dot11Protected != 0 || fragment {
		t.payload("Data", v.skip(size))
		return
	}
	amsdu := b[0]&dot11QoS != 0 && b[dot11QoSOffset(b)]&qosAMSDU != 0
	if padded {
		size = min(v.size(), (size+3)&^3)
	}
	v = v.skip(size)
	if !amsdu {
		t.llc(v)
		return
	}
	h := t.open("IEEE 802.11 A-MSDU subframe", v, ethernetHeader)
	if h == nil {
		return
	}
	h.mac("Destination", 0)
	h.mac("Source", 6)
	h.dec("Length", 12, 2)
	t.add(h)
	t.llc(v.skip(ethernetHeader).trim(int(h.uint(12, 2))))
	t.padding(v.skip(ethernetHeader + int(h.uint(12, 2))))
}
