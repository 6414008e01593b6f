package packet

import (
	"fmt"
	"strconv"
)

func (t *tree) ip(v view) {
	if b := t.bytes(v); len(b) > 0 && b[0]>>4 == 6 {
		t.ipv6(v)
		return
	}
	t.ipv4(v)
}

var ipv4Flags = []bit{{0x8000, "Reserved bit"}, {0x4000, "Don't fragment"}, {0x2000, "More fragments"}}

func (t *tree) ipv4(v view) {
	const name = "Internet Protocol Version 4"
	h := t.open(name, v, ipv4Header)
	if h == nil {
		return
	}
	size, total := int(h.b[0]&15)*4, int(h.uint(2, 2))
	if size >= ipv4Header && size <= v.size() {
		h = t.open(name, v, size)
		if h == nil {
			return
		}
	}
	h.field("Version", 0, 1, strconv.Itoa(int(h.b[0]>>4)))
	h.field("Header Length", 0, 1, count(size))
	h.dscp(1, 1, h.uint(1, 1))
	h.dec("Total Length", 2, 2)
	h.hex("Identification", 4, 2)
	frag := h.uint(6, 2)
	h.field("Flags", 6, 2, setNames(frag, ipv4Flags), flags(frag, ipv4Flags)...)
	h.field("Fragment Offset", 6, 2, strconv.FormatUint(frag&0x1fff<<3, 10))
	h.dec("Time to Live", 8, 1)
	h.proto("Protocol", 9)
	h.field("Header Checksum", 10, 2, fmt.Sprintf("0x%04x [%s]", h.uint(10, 2), correct(ipv4Checksum(h.b))))
	src, dst := h.ip("Source Address", 12, 4), h.ip("Destination Address", 16, 4)
	h.title("Src: %s, Dst: %s", src, dst)
	h.ipv4Options()
	t.add(h)
	t.src, t.dst = h.b[12:16], h.b[16:20]
	t.aboveIPv4(h.b, size, total, v)
}

// aboveIPv4 adds what is above the header b, which says that it has size bytes and the packet total.
func (t *tree) aboveIPv4(b []byte, size, total int, v view) {
	if total == 0 {
		total = v.n
	}
	if b[0]>>4 != 4 || size < ipv4Header || total < size || total > v.n && !t.loose {
		t.payload("Data", v.skip(len(b)))
		return
	}
	body := v.trim(total).skip(size)
	if t.loose {
		body.n = total - size
	}
	if be16(b[6:])&0x3fff != 0 {
		t.payload("Fragment of "+protoLabel(b[9]), body)
	} else {
		t.transport(b[9], body)
	}
	t.padding(v.skip(total))
}

func correct(ok bool) string {
	if ok {
		return "correct"
	}
	return "incorrect"
}

// dscpNames are the per-hop behaviours with a name (RFC 2474, 2597, 3246, 5865, 8622).
var dscpNames = map[uint64]string{0: "CS0", 1: "LE", 8: "CS1", 10: "AF11", 12: "AF12", 14: "AF13", 16: "CS2", 18: "AF21", 20: "AF22",
	22: "AF23", 24: "CS3", 26: "AF31", 28: "AF32", 30: "AF33", 32: "CS4", 34: "AF41", 36: "AF42", 38: "AF43", 40: "CS5",
	44: "Voice-Admit", 46: "EF", 48: "CS6", 56: "CS7"}

// dscp adds the differentiated services field tos, which is in the n bytes at off.
func (h *header) dscp(off, n int, tos uint64) {
	ecn := [...]string{"Not-ECT", "ECT(1)", "ECT(0)", "CE"}[tos&3]
	h.field("Differentiated Services", off, n, fmt.Sprintf("0x%02x", tos),
		Node{Name: "DSCP", Value: named("%d", tos>>2, dscpNames[tos>>2])}, Node{Name: "ECN", Value: named("%d", tos&3, ecn)})
}

func (h *header) proto(name string, off int) {
	h.field(name, off, 1, named("%d", h.uint(off, 1), protoLabel(h.b[off])))
}

func protoLabel(p uint8) string {
	if s := ProtoName(p); s != "" {
		return s
	}
	return "unknown"
}

// ipv4OptionNames are the options of IANA's ip-parameters still met with.
var ipv4OptionNames = map[byte]string{7: "Record Route", 68: "Time Stamp", 130: "Security", 131: "Loose Source Route", 136: "Stream ID",
	137: "Strict Source Route", 148: "Router Alert"}

// ipv4Options adds the options behind the fixed header (RFC 791 §3.1).
func (h *header) ipv4Options() {
	h.options("Options", ipv4Header, func(kind byte) string { return ipv4OptionNames[kind] }, func(byte, []byte) string { return "" })
}

// options adds the options of an IPv4 or TCP header from off on: kind 0 ends them, 1 is one byte of padding, all others
// have a length. What value returns for one, "" for its bytes in hexadecimal, is shown.
func (h *header) options(title string, off int, name func(byte) string, value func(kind byte, v []byte) string) {
	start := off
	var ns []Node
	add := func(name, value string, n int) {
		ns = append(ns, Node{name, value, h.node.Off + off, n, nil})
		off += n
	}
	for off < len(h.b) {
		kind := h.b[off]
		if kind == 0 {
			add("End of Option List", "", 1)
			break
		}
		if kind == 1 {
			add("No-Operation", "", 1)
			continue
		}
		if off+2 > len(h.b) || h.b[off+1] < 2 || off+int(h.b[off+1]) > len(h.b) {
			add("Malformed option", fmt.Sprintf("%x", h.b[off:]), len(h.b)-off)
			break
		}
		size := int(h.b[off+1])
		v := h.b[off+2 : off+size]
		label := name(kind)
		if label == "" {
			label = "Option " + strconv.Itoa(int(kind))
		}
		s := value(kind, v)
		if s == "" {
			s = fmt.Sprintf("%x", v)
		}
		add(label, s, size)
	}
	if ns != nil {
		h.field(title, start, len(h.b)-start, count(len(h.b)-start), ns...)
	}
}

func (t *tree) ipv6(v view) {
	h := t.open("Internet Protocol Version 6", v, ipv6Header)
	if h == nil {
		return
	}
	word := h.uint(0, 4)
	h.field("Version", 0, 1, strconv.FormatUint(word>>28, 10))
	h.dscp(0, 2, word>>20&0xff)
	h.field("Flow Label", 1, 3, fmt.Sprintf("0x%05x", word&0xfffff))
	h.dec("Payload Length", 4, 2)
	h.proto("Next Header", 6)
	h.dec("Hop Limit", 7, 1)
	src, dst := h.ip("Source Address", 8, 16), h.ip("Destination Address", 24, 16)
	h.title("Src: %s, Dst: %s", src, dst)
	t.add(h)
	t.src, t.dst = h.b[8:24], h.b[24:40]
	total := ipv6Header + int(h.uint(4, 2))
	if total == ipv6Header {
		total = v.n
	}
	if total > v.n && !t.loose {
		t.payload("Data", v.skip(ipv6Header))
		return
	}
	body := v.trim(total).skip(ipv6Header)
	if t.loose {
		body.n = total - ipv6Header
	}
	t.extensions(h.b[6], body)
	t.padding(v.skip(total))
}

// extensionNames are the titles of IPv6 extension headers.
var extensionNames = map[uint8]string{ProtoHopByHop: "IPv6 Hop-by-Hop Options", ProtoRouting: "Routing Header for IPv6",
	ProtoFragment: "Fragment Header for IPv6", ProtoAH: "Authentication Header", ProtoDestOpts: "Destination Options for IPv6",
	ProtoMobility: "Mobile IPv6", ProtoHIP: "Host Identity Protocol", ProtoShim6: "Shim6 Protocol"}

// extensions adds extension headers from one of type next on, and what is above them.
func (t *tree) extensions(next uint8, v view) {
	for isExtension(next) {
		b := t.bytes(v)
		size, ok := extensionSize(next, b)
		if !ok {
			t.open(extensionNames[next], v, max(8, v.size()+1))
			return
		}
		h := t.open(extensionNames[next], v, size)
		if h == nil {
			return
		}
		h.proto("Next Header", 0)
		h.extension(next)
		t.add(h)
		this := next
		next, v = b[0], v.skip(size)
		switch {
		case this == ProtoFragment && be16(b[2:])&0xfff9 != 0:
			t.payload("Fragment of "+protoLabel(next), v)
			return
		case this >= ProtoMobility && next == ProtoNoNext:
			t.payload("Data", v)
			return
		}
	}
	t.transport(next, v)
}

// extension adds the fields of an extension header of type kind.
func (h *header) extension(kind uint8) {
	if kind != ProtoFragment {
		h.field("Length", 1, 1, named("%d", h.uint(1, 1), count(len(h.b))))
	}
	switch kind {
	case ProtoHopByHop, ProtoDestOpts:
		h.tlvs(2)
	case ProtoRouting:
		h.dec("Type", 2, 1)
		h.dec("Segments Left", 3, 1)
		h.routes()
	case ProtoFragment:
		word := h.uint(2, 2)
		h.field("Offset", 2, 2, strconv.FormatUint(word&0xfff8, 10))
		h.field("More Fragments", 2, 2, setOrNot(word&1 != 0))
		h.hex("Identification", 4, 4)
	case ProtoAH:
		h.hex("SPI", 4, 4)
		h.dec("Sequence", 8, 4)
		if len(h.b) > 12 {
			h.field("ICV", 12, len(h.b)-12, fmt.Sprintf("%x", h.b[12:]))
		}
	}
}

// tlvs adds the options of IPv6 (RFC 8200 §4.2) from off on.
func (h *header) tlvs(off int) {
	names := map[byte]string{1: "PadN", 5: "Router Alert", 0xc2: "Jumbo Payload", 0xc9: "Home Address", 0x30: "Minimum Path MTU", 4: "Tunnel Encapsulation Limit"}
	for off < len(h.b) {
		if h.b[off] == 0 {
			h.field("Pad1", off, 1, "")
			off++
			continue
		}
		if off+2 > len(h.b) || off+2+int(h.b[off+1]) > len(h.b) {
			h.field("Malformed option", off, len(h.b)-off, fmt.Sprintf("%x", h.b[off:]))
			return
		}
		name, size := names[h.b[off]], 2+int(h.b[off+1])
		if name == "" {
			name = "Option " + strconv.Itoa(int(h.b[off]))
		}
		h.field(name, off, size, fmt.Sprintf("%x", h.b[off+2:off+size]))
		off += size
	}
}

// routes adds the addresses of a source route (RFC 8200 §4.4) or a segment list (RFC 8754 §2).
func (h *header) routes() {
	const source, mobile, segments = 0, 2, 4
	if kind := h.b[2]; kind != source && kind != mobile && kind != segments {
		return
	}
	for i := 0; 24+16*i <= len(h.b); i++ {
		h.ip("Address["+strconv.Itoa(i)+"]", 8+16*i, 16)
	}
}
