package packet

// ipInIP is the layer that an IP packet directly within the present one makes.
func (d *Decoded) ipInIP(six bool) Layers {
	switch outer6 := !d.Src.Is4(); {
	case outer6 == six:
		return LayerIPIP
	case six:
		return Layer6in4
	}
	return Layer4in6
}

// greHeader is what a GRE header says.
type greHeader struct {
	size    int    // where the payload begins
	proto   uint16 // ethertype, or one of GRE's own numbers
	hasKey  bool
	key     uint32
	hasSeq  bool
	seq     uint32
	version byte
	length  int // of the payload in version 1, else -1
}

// Bits of a GRE header's first word (RFC 2890 §2, RFC 1701, RFC 2637 §4.1).
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSeq      = 0x1000
	greAck      = 0x0080 // version 1
)

// GRE protocol types that mean something else as ethertypes, or nothing.
const (
	greOSI  = 0x00fe // RFC 1701: OSI network layer
	greWCCP = 0x883e
)

// parseGRE reads a GRE header of either version.
func parseGRE(b []byte) (h greHeader, ok bool) {
	if len(b) < 4 {
		return h, false
	}
	flags := be16(b)
	h = greHeader{size: 4, proto: be16(b[2:]), version: byte(flags & 7), length: -1}
	if h.version > 1 {
		return h, false
	}
	if h.version == 0 && flags&(greChecksum|greRouting) != 0 {
		h.size += 4
	}
	if flags&greKey != 0 && len(b) >= h.size+4 {
		h.hasKey, h.key = true, be32(b[h.size:])
		h.size += 4
	}
	if flags&greSeq != 0 && len(b) >= h.size+4 {
		h.hasSeq, h.seq = true, be32(b[h.size:])
		h.size += 4
	}
	if h.version == 1 {
		if flags&greAck != 0 {
			h.size += 4
		}
		h.length = int(h.key >> 16)
	} else if flags&greRouting != 0 {
		h.size = greRoutes(b, h.size)
	}
	short := flags&greKey != 0 && !h.hasKey || flags&greSeq != 0 && !h.hasSeq
	return h, h.size <= len(b) && !short
}

// greRoutes steps over source route entries (RFC 1701): family, offset, length, then so many bytes; one of length 0
// ends the list. It returns len(b)+1 when they have no end.
func greRoutes(b []byte, off int) int {
	for len(b) >= off+4 {
		n := int(b[off+3])
		if off += 4 + n; n == 0 {
			return off
		}
	}
	return len(b) + 1
}

// gre decodes a GRE header and what it carries.
func (d *Decoded) gre(b []byte, n int) {
	h, ok := parseGRE(b)
	if !ok {
		d.stop(CorruptIP, b)
		return
	}
	d.Layers |= LayerGRE
	b, n = b[h.size:], n-h.size
	if h.version == 1 {
		d.pptp(h, b, n)
		return
	}
	switch {
	case h.proto == EtherERSPAN:
		d.erspan(h.hasSeq, b, n)
	case h.proto == EtherERSPAN3:
		d.erspan3(b, n)
	case h.proto == greOSI:
		d.nlpid(b, n)
	case h.proto == greWCCP:
		if len(b) > 4 && b[0]>>4 != 4 { // version 2 puts a redirect header in front
			b, n = b[4:], n-4
		}
		d.ipv4(b, n, 0)
	default:
		d.network(h.proto, b, n)
	}
}

// pptp decodes the payload of GRE version 1 (RFC 2637 §4.1): PPP, or nothing in a mere acknowledgement.
func (d *Decoded) pptp(h greHeader, b []byte, n int) {
	if h.proto != EtherPPP || h.length > n {
		d.stop(CorruptIP, b)
		return
	}
	if !h.hasSeq || h.length == 0 {
		d.stop(OK, nil)
		return
	}
	d.ppp(b[:min(len(b), h.length)], h.length)
}

// erspan decodes what GRE protocol 0x88be carries. Type I has neither a sequence number nor a header of its own; type II
// (draft-foschiano-erspan §4.2) has eight bytes: version, VLAN, class, tag kind, truncated, session, index.
func (d *Decoded) erspan(hasSeq bool, b []byte, n int) {
	d.Layers |= LayerERSPAN
	d.loose = true // the mirror may cut frames, type I without saying so
	if size := erspanSize(hasSeq, b); size > 0 {
		const tagKept = 3
		if be16(b[2:])>>11&3 != tagKept {
			d.erspanVLAN(b, size)
		}
		b, n = b[size:], n-size
	}
	d.ethernet(b, n)
}

// erspanSize is the length of the header behind GRE protocol 0x88be: none in type I.
func erspanSize(hasSeq bool, b []byte) int {
	const version2 = 1
	if hasSeq && len(b) >= 8 && b[0]>>4 == version2 {
		return 8
	}
	return 0
}

// erspan3 decodes type III (§4.3): twelve bytes, and eight more if the last bit says so.
func (d *Decoded) erspan3(b []byte, n int) {
	size := erspan3Size(b)
	if size == 0 {
		d.stop(CorruptIP, b)
		return
	}
	d.Layers |= LayerERSPAN
	d.loose = true
	frame := b[size:]
	if b[10]>>2&0x1f == 2 && len(frame) > 0 { // frame type: an IP packet
		d.ip(frame, n-size, 0)
		return
	}
	d.erspanVLAN(b, size)
	d.ethernet(frame, n-size)
}

// erspan3Size is the length of a type III header, 0 if b is too short for it.
func erspan3Size(b []byte) int {
	if len(b) < 12 {
		return 0
	}
	size := 12
	if b[11]&1 != 0 {
		size = 20
	}
	if size > len(b) {
		return 0
	}
	return size
}

// erspanVLAN takes the VLAN in an ERSPAN header of the given size for a tag, unless the mirrored frame has its own.
func (d *Decoded) erspanVLAN(b []byte, size int) {
	id := be16(b) & 0xfff
	tagged := false
	if len(b) >= size+ethernetHeader {
		t := be16(b[size+12:])
		tagged = t == EtherDot1Q || t == EtherDot1AD
	}
	if id != 0 && !tagged {
		d.pushTag(Tag{ID: id})
	}
}

// etherIP decodes RFC 3378: version 3 in four bits, twelve bits zero, then an Ethernet frame.
func (d *Decoded) etherIP(b []byte, n int) {
	if len(b) < 2 || b[0]>>4 != 3 {
		d.stop(CorruptIP, b)
		return
	}
	d.Layers |= LayerEtherIP
	d.ethernet(b[2:], n-2)
}

// mpls decodes a label stack (RFC 3032 §2.1) and what is below it, which no field names.
func (d *Decoded) mpls(b []byte, n int) {
	d.Layers |= LayerMPLS
	for bottom := false; !bottom; {
		if len(b) < 4 || !d.nest() {
			d.stop(CorruptEther, b)
			return
		}
		entry := be32(b)
		bottom = entry&0x100 != 0
		if d.NLabels < MaxLabels {
			d.Labels[d.NLabels] = entry >> 12
			d.NLabels++
		}
		b, n = b[4:], n-4
	}
	switch kind, off := mplsPayload(b, n); kind {
	case mplsIPv4:
		d.ipv4(b, n, 0)
	case mplsIPv6:
		d.ipv6(b, n, 0)
	case mplsEthernet:
		d.ethernet(b[off:], n-off)
	default:
		d.stop(UnknownEther, b)
	}
}

// What a label stack may carry.
const (
	mplsUnknown = iota
	mplsIPv4
	mplsIPv6
	mplsEthernet
)

// mplsPayload guesses what is below a label stack: a pseudowire's control word begins with 0, its associated channel with
// 1, and IP with its version (RFC 4385 §3, RFC 4928). A pseudowire without control word begins with a MAC address, which
// may look like any of these; so where an ethertype is where one belongs, an IP header must prove itself. off is where an
// Ethernet frame begins.
func mplsPayload(b []byte, n int) (kind, off int) {
	if len(b) == 0 {
		return mplsUnknown, 0
	}
	frame := likelyEthernet(b)
	switch nibble := b[0] >> 4; {
	case nibble == 4 && (!frame || ipv4Checksum(b)):
		return mplsIPv4, 0
	case nibble == 6 && (!frame || ipv6Header+int(be16(b[4:])) == n):
		return mplsIPv6, 0
	case frame:
		return mplsEthernet, 0
	case nibble == 0 && len(b) >= 4+ethernetHeader:
		return mplsEthernet, 4
	}
	return mplsUnknown, 0
}

// ipv4Checksum says whether b begins with an IPv4 header whose checksum is right (RFC 1071).
func ipv4Checksum(b []byte) bool {
	size := int(b[0]&15) * 4
	if size < ipv4Header || size > len(b) {
		return false
	}
	sum := uint32(0)
	for i := 0; i < size; i += 2 {
		sum += uint32(be16(b[i:]))
	}
	return (sum>>16+sum)&0xffff == 0xffff
}

// likelyEthernet says whether b looks like an Ethernet frame that carries something known: for where nothing says what a
// packet is.
func likelyEthernet(b []byte) bool {
	if len(b) < ethernetHeader+4 {
		return false
	}
	above := b[ethernetHeader:]
	switch t := be16(b[12:]); t {
	case EtherIPv4:
		return above[0]>>4 == 4 && above[0]&15 >= 5
	case EtherIPv6:
		return above[0]>>4 == 6
	case EtherARP:
		return be16(above) == 1 && be16(above[2:]) == EtherIPv4
	case EtherDot1Q, EtherDot1AD:
		inner := be16(above[2:])
		return inner == EtherIPv4 || inner == EtherIPv6 || inner == EtherARP || inner == EtherDot1Q
	case EtherMPLS, EtherPPPoE, EtherPPPoEDisc, EtherLLDP:
		return true
	default:
		return t <= maxLLCLength && t >= 3 && llcKnown(above)
	}
}

// llcKnown says whether b begins with an LLC header of SNAP, OSI or spanning tree.
func llcKnown(b []byte) bool {
	return b[0] == b[1] && b[2] == 3 && (b[0] == sapSNAP || b[0] == sapOSI || b[0] == 0x42)
}

// parseNSH reads a network service header (RFC 8300 §2) and returns where and what the packet within is: an ethertype,
// EtherTEB for a frame.
func parseNSH(b []byte) (size int, t uint16, ok bool) {
	if len(b) < 8 || b[0]>>6 != 0 {
		return 0, 0, false
	}
	size = int(be16(b)&0x3f) * 4
	if size < 8 || size > len(b) {
		return 0, 0, false
	}
	t, ok = nextProtocol(b[3])
	return size, t, ok
}

// nextProtocol is the ethertype for a next protocol number of NSH and VXLAN-GPE, which agree on these.
func nextProtocol(p byte) (t uint16, ok bool) {
	switch p {
	case 1:
		return EtherIPv4, true
	case 2:
		return EtherIPv6, true
	case 3:
		return EtherTEB, true
	case 4:
		return EtherNSH, true
	case 5:
		return EtherMPLS, true
	}
	return 0, false
}

func (d *Decoded) nsh(b []byte, n int) {
	size, t, ok := parseNSH(b)
	if !ok {
		d.stop(UnknownEther, b)
		return
	}
	d.Layers |= LayerNSH
	d.network(t, b[size:], n-size)
}

// l2tp3 decodes L2TPv3 directly over IP (RFC 3931 §4.1.1): a session id, 0 for control messages, then data.
func (d *Decoded) l2tp3(b []byte, n int) {
	off := -1
	if len(b) >= 4 && be32(b) != 0 {
		off = l2tp3Frame(b[4:])
	}
	if off < 0 {
		d.stop(UnknownIP, b)
		return
	}
	d.Layers |= LayerL2TP
	d.ethernet(b[4+off:], n-4-off)
}

// l2tp3Frame finds the Ethernet frame behind a session id, -1 if there is none. Cookie (none, four or eight bytes) and
// sublayer (none or four) were agreed on in the control connection, so the frame is where one makes sense.
func l2tp3Frame(b []byte) int {
	for off := 0; off <= 12 && off <= len(b); off += 4 {
		if likelyEthernet(b[off:]) {
			return off
		}
	}
	return -1
}
