package packet

import (
	"fmt"
	"strconv"
)

var greFlags = []bit{{greChecksum, "Checksum"}, {greRouting, "Routing"}, {greKey, "Key"}, {greSeq, "Sequence Number"}, {greAck, "Acknowledgment"}}

func (t *tree) gre(v view) {
	g, ok := parseGRE(t.bytes(v))
	if !ok {
		t.open("Generic Routing Encapsulation", v, max(4, v.size()+1))
		return
	}
	h := t.open("Generic Routing Encapsulation", v, g.size)
	if h == nil {
		return
	}
	name := EtherName(g.proto)
	h.title("%s", name)
	h.field("Flags and Version", 0, 2, fmt.Sprintf("0x%04x", h.uint(0, 2)), flags(h.uint(0, 2), greFlags)...)
	h.field("Protocol Type", 2, 2, named("0x%04x", uint64(g.proto), name))
	h.greFields(g)
	t.add(h)
	t.greBody(g, v.skip(g.size))
}

// greFields adds the optional fields, whose places depend on those before them.
func (h *header) greFields(g greHeader) {
	off := 4
	if g.version == 0 && h.uint(0, 2)&(greChecksum|greRouting) != 0 {
		h.hex("Checksum", off, 2)
		h.dec("Offset", off+2, 2)
		off += 4
	}
	if g.hasKey && g.version == 1 {
		h.dec("Payload Length", off, 2)
		h.dec("Call ID", off+2, 2)
		off += 4
	} else if g.hasKey {
		h.hex("Key", off, 4)
		off += 4
	}
	if g.hasSeq {
		h.dec("Sequence Number", off, 4)
		off += 4
	}
	if g.version == 1 && h.uint(0, 2)&greAck != 0 {
		h.dec("Acknowledgment Number", off, 4)
	}
}

// greBody adds what is within, as Decoded.gre goes on.
func (t *tree) greBody(g greHeader, v view) {
	switch {
	case g.version == 1 && g.proto == EtherPPP && g.hasSeq && g.length > 0 && g.length <= v.n:
		t.ppp(v.trim(g.length))
	case g.version == 1:
		t.payload("Data", v)
	case g.proto == EtherERSPAN:
		t.erspan(g.hasSeq, v)
	case g.proto == EtherERSPAN3:
		t.erspan3(v)
	case g.proto == greOSI:
		t.nlpid(v)
	case g.proto == greWCCP:
		if b := t.bytes(v); len(b) > 4 && b[0]>>4 != 4 {
			t.note("WCCP Redirect", fmt.Sprintf("%x", b[:4]), v.trim(4))
			v = v.skip(4)
		}
		t.ip(v)
	default:
		t.network(g.proto, v)
	}
}

const erspanName = "Encapsulated Remote Switch Packet ANalysis"

func (t *tree) erspan(hasSeq bool, v view) {
	t.loose = true
	size := erspanSize(hasSeq, t.bytes(v))
	if size > 0 {
		h := t.open(erspanName+" Type II", v, size)
		if h == nil {
			return
		}
		h.erspanFields()
		h.field("Index", 4, 4, strconv.FormatUint(h.uint(4, 4)&0xfffff, 10))
		t.add(h)
	}
	t.ethernet(v.skip(size))
}

func (t *tree) erspan3(v view) {
	size := erspan3Size(t.bytes(v))
	if size == 0 {
		t.open(erspanName+" Type III", v, max(12, v.size()+1))
		return
	}
	t.loose = true
	h := t.open(erspanName+" Type III", v, size)
	if h == nil {
		return
	}
	h.erspanFields()
	h.dec("Timestamp", 4, 4)
	h.dec("Security Group Tag", 8, 2)
	h.field("Frame Type", 10, 1, strconv.Itoa(int(h.b[10]>>2&0x1f)))
	h.field("Hardware ID", 10, 2, strconv.FormatUint(h.uint(10, 2)>>4&0x3f, 10))
	if size > 12 {
		h.field("Platform Specific", 12, 8, fmt.Sprintf("%x", h.b[12:20]))
	}
	t.add(h)
	if h.b[10]>>2&0x1f == 2 && v.size() > size {
		t.ip(v.skip(size))
		return
	}
	t.ethernet(v.skip(size))
}

// erspanFields adds what types II and III have in common.
func (h *header) erspanFields() {
	word := h.uint(2, 2)
	h.field("Version", 0, 1, strconv.Itoa(int(h.b[0]>>4)))
	h.field("VLAN", 0, 2, strconv.FormatUint(h.uint(0, 2)&0xfff, 10))
	h.field("COS", 2, 1, strconv.FormatUint(word>>13, 10))
	h.field("Truncated", 2, 1, setOrNot(word&0x400 != 0))
	h.field("Session", 2, 2, strconv.FormatUint(word&0x3ff, 10))
}

func (t *tree) etherIP(v view) {
	h := t.open("EtherIP", v, 2)
	if h == nil {
		return
	}
	h.field("Version", 0, 1, strconv.Itoa(int(h.b[0]>>4)))
	t.add(h)
	if h.b[0]>>4 == 3 {
		t.ethernet(v.skip(2))
	} else {
		t.payload("Data", v.skip(2))
	}
}

func (t *tree) mpls(v view) {
	for bottom := false; !bottom; v = v.skip(4) {
		h := t.open("MultiProtocol Label Switching Header", v, 4)
		if h == nil {
			return
		}
		entry := h.uint(0, 4)
		bottom = entry&0x100 != 0
		h.title("Label: %d, Exp: %d, S: %d, TTL: %d", entry>>12, entry>>9&7, entry>>8&1, entry&0xff)
		h.field("Label", 0, 3, strconv.FormatUint(entry>>12, 10))
		h.field("Traffic Class", 2, 1, strconv.FormatUint(entry>>9&7, 10))
		h.field("Bottom of Stack", 2, 1, setOrNot(bottom))
		h.dec("TTL", 3, 1)
		t.add(h)
	}
	switch kind, off := mplsPayload(t.bytes(v), v.n); kind {
	case mplsIPv4, mplsIPv6:
		t.ip(v)
	case mplsEthernet:
		if off > 0 {
			t.note("PW Ethernet Control Word", fmt.Sprintf("%x", t.data[v.at:v.at+off]), v.trim(off))
		}
		t.ethernet(v.skip(off))
	default:
		t.payload("Data", v)
	}
}

func (t *tree) nsh(v view) {
	size, et, ok := parseNSH(t.bytes(v))
	if !ok {
		t.payload("Data", v)
		return
	}
	h := t.open("Network Service Header", v, size)
	if h == nil {
		return
	}
	h.field("TTL", 0, 2, strconv.FormatUint(h.uint(0, 2)>>6&0x3f, 10))
	h.field("Length", 0, 2, count(size))
	h.field("MD Type", 2, 1, strconv.Itoa(int(h.b[2]&15)))
	h.field("Next Protocol", 3, 1, named("%d", h.uint(3, 1), EtherName(et)))
	h.dec("Service Path ID", 4, 3)
	h.dec("Service Index", 7, 1)
	if size > 8 {
		h.field("Context", 8, size-8, fmt.Sprintf("%x", h.b[8:size]))
	}
	t.add(h)
	t.network(et, v.skip(size))
}

// l2tp3 adds L2TPv3 over IP.
func (t *tree) l2tp3(v view) {
	h := t.open("Layer 2 Tunneling Protocol version 3", v, 4)
	if h == nil {
		return
	}
	h.hex("Session ID", 0, 4)
	t.add(h)
	t.l2tp3Data(h.uint(0, 4) != 0, v.skip(4))
}

// l2tp3Data adds what is behind a session id.
func (t *tree) l2tp3Data(data bool, v view) {
	off := l2tp3Frame(t.bytes(v))
	if !data || off < 0 {
		t.payload("Data", v)
		return
	}
	if off > 0 {
		t.note("Cookie and sublayer", fmt.Sprintf("%x", t.data[v.at:v.at+off]), v.trim(off))
	}
	t.ethernet(v.skip(off))
}

// udpTunnel adds the tunnel in a UDP datagram and says whether there is one.
func (t *tree) udpTunnel(sport, dport uint16, v view) bool {
	b := t.bytes(v)
	switch dport {
	case portVXLAN, portVXLANLinux:
		in, ok := parseVXLAN(b, v.n)
		return ok && t.enter("Virtual eXtensible Local Area Network", in, v, (*header).vxlanFields)
	case portVXLANGPE:
		in, ok := parseVXLANGPE(b, v.n)
		return ok && t.enter("Virtual eXtensible Local Area Network, Generic Protocol Extension", in, v, (*header).vxlanFields)
	case portGENEVE:
		in, ok := parseGENEVE(b, v.n)
		return ok && t.enter("Generic Network Virtualization Encapsulation", in, v, (*header).geneveFields)
	case portGTPU:
		in, ok := parseGTP(b, v.n)
		return ok && t.enter("GPRS Tunneling Protocol", in, v, (*header).gtpFields)
	}
	in, ok := parseL2TP(b, v.n)
	return ok && t.enter("Layer 2 Tunneling Protocol", in, v, (*header).l2tpFields)
}

// enter adds a tunnel's header, whose fields are added by fields, and what is within.
func (t *tree) enter(name string, in inside, v view, fields func(*header)) bool {
	if !in.plausible(t.bytes(v), v.n) {
		return false
	}
	h := t.open(name, v, in.off)
	if h == nil {
		return false
	}
	fields(h)
	t.add(h)
	t.network(in.t, v.trim(in.end).skip(in.off))
	return true
}

func (h *header) vxlanFields() {
	h.hex("Flags", 0, 2)
	h.hex("Group Policy ID or Next Protocol", 2, 2)
	h.dec("VXLAN Network Identifier (VNI)", 4, 3)
	h.title("VNI: %d", h.uint(4, 3))
}

func (h *header) geneveFields() {
	h.field("Version", 0, 1, strconv.Itoa(int(h.b[0]>>6)))
	h.field("Options Length", 0, 1, count(int(h.b[0]&0x3f)*4))
	h.field("Flags", 1, 1, fmt.Sprintf("0x%02x", h.b[1]), flags(h.uint(1, 1), []bit{{0x80, "Control packet"}, {0x40, "Critical options"}})...)
	h.etherType("Protocol Type", 2)
	h.dec("Virtual Network Identifier (VNI)", 4, 3)
	h.title("VNI: %d", h.uint(4, 3))
	for off := 8; off+4 <= len(h.b); {
		size := 4 + int(h.b[off+3]&0x1f)*4
		h.field("Option", off, min(size, len(h.b)-off), fmt.Sprintf("Class: 0x%04x, Type: 0x%02x, Data: %x", h.uint(off, 2), h.b[off+2],
			h.b[off+4:min(off+size, len(h.b))]))
		off += size
	}
}

func (h *header) gtpFields() {
	h.field("Flags", 0, 1, fmt.Sprintf("0x%02x", h.b[0]), flags(h.uint(0, 1), []bit{{4, "Extension header"}, {2, "Sequence number"}, {1, "N-PDU number"}})...)
	h.dec("Message Type", 1, 1)
	h.dec("Length", 2, 2)
	h.hex("TEID", 4, 4)
	h.title("TEID: 0x%08x", h.uint(4, 4))
	if len(h.b) >= 12 {
		h.dec("Sequence number", 8, 2)
		h.dec("N-PDU number", 10, 1)
		h.hex("Next extension header", 11, 1)
	}
	if len(h.b) > 12 {
		h.field("Extension headers", 12, len(h.b)-12, fmt.Sprintf("%x", h.b[12:]))
	}
}

func (h *header) l2tpFields() {
	word := h.uint(0, 2)
	h.field("Flags", 0, 2, fmt.Sprintf("0x%04x", word), flags(word, []bit{{l2tpControl, "Type"}, {l2tpLength, "Length"}, {l2tpSequence, "Sequence"}, {l2tpOffset, "Offset"}})...)
	h.field("Version", 0, 2, strconv.FormatUint(word&l2tpVersion, 10))
	if word&l2tpVersion == 3 {
		h.hex("Session ID", 4, 4)
		return
	}
	off := 2
	if word&l2tpLength != 0 {
		h.dec("Length", off, 2)
		off += 2
	}
	h.dec("Tunnel ID", off, 2)
	h.dec("Session ID", off+2, 2)
	h.title("Tunnel ID: %d, Session ID: %d", h.uint(off, 2), h.uint(off+2, 2))
	off += 4
	if word&l2tpSequence != 0 {
		h.dec("Ns", off, 2)
		h.dec("Nr", off+2, 2)
		off += 4
	}
	if word&l2tpOffset != 0 {
		h.dec("Offset", off, 2)
	}
}
