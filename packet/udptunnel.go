package packet

// UDP ports of tunnels (IANA service names).
const (
	portL2TP       = 1701
	portGTPU       = 2152
	portVXLAN      = 4789
	portVXLANGPE   = 4790
	portGENEVE     = 6081
	portVXLANLinux = 8472 // what Linux used before there was an assignment
)

// mayTunnel says whether a datagram's ports are a tunnel's. The source port of most is a hash of the packet within; L2TP
// answers from wherever it likes (RFC 2661 §8.1).
func mayTunnel(sport, dport uint16) bool {
	switch dport {
	case portVXLAN, portGTPU, portVXLANGPE, portGENEVE, portVXLANLinux, portL2TP:
		return true
	}
	return sport == portL2TP
}

// tunnel enters the tunnel in a UDP datagram and says whether there is one. A port may also belong to a client by chance,
// so whatever does not hold together as a tunnel's header stays UDP.
func (d *Decoded) tunnel(sport, dport uint16, b []byte, n int) bool {
	if !d.nest() {
		return false
	}
	switch dport {
	case portVXLAN, portVXLANLinux:
		return d.vxlan(b, n)
	case portVXLANGPE:
		return d.vxlanGPE(b, n)
	case portGENEVE:
		return d.geneve(b, n)
	case portGTPU:
		return d.gtp(b, n)
	}
	return d.l2tp(b, n)
}

// inside is what a tunnel header in a UDP datagram says of the packet within.
type inside struct {
	off  int    // where it begins
	end  int    // where it ends by the header's own length, else the datagram's end
	t    uint16 // ethertype, EtherTEB for an Ethernet frame, EtherPPP for PPP
	vni  uint32
	word uint32 // of GTP: tunnel endpoint id; of L2TP: tunnel and session
}

// plausible says whether in b, of n bytes on the wire, a packet of in's kind can begin where in says.
func (in *inside) plausible(b []byte, n int) bool {
	if in.off > len(b) || in.end > n || in.end < in.off {
		return false
	}
	p := b[in.off:min(len(b), in.end)]
	switch in.t {
	case EtherTEB:
		return len(p) >= ethernetHeader
	case EtherIPv4:
		return len(p) >= ipv4Header && p[0]>>4 == 4
	case EtherIPv6:
		return len(p) >= ipv6Header && p[0]>>4 == 6
	case EtherMPLS, EtherPPP:
		return len(p) >= 4
	case EtherNSH:
		_, _, ok := parseNSH(p)
		return ok
	}
	return false
}

// enter decodes the packet within a tunnel, if there can be one.
func (d *Decoded) enter(layer Layers, in inside, b []byte, n int) bool {
	if !in.plausible(b, n) {
		return false
	}
	d.Layers |= layer
	d.network(in.t, b[in.off:min(len(b), in.end)], in.end-in.off)
	return true
}

func (d *Decoded) setVNI(vni uint32) { d.HasVNI, d.VNI = true, vni }

// parseVXLAN reads RFC 7348 §5: flags, network id. Reserved bits must be 0, except those of the group policy extension
// (draft-smith-vxlan-group-policy), which are free when its flag is set.
func parseVXLAN(b []byte, n int) (in inside, ok bool) {
	if len(b) < 8 || b[0]&^0x80 != 0x08 || b[7] != 0 {
		return in, false
	}
	if b[0]&0x80 == 0 && be32(b)&0xffffff != 0 {
		return in, false
	}
	return inside{off: 8, end: n, t: EtherTEB, vni: be32(b[4:]) >> 8}, true
}

func (d *Decoded) vxlan(b []byte, n int) bool {
	in, ok := parseVXLAN(b, n)
	if !ok || !in.plausible(b, n) {
		return false
	}
	d.setVNI(in.vni)
	return d.enter(LayerVXLAN, in, b, n)
}

// parseVXLANGPE reads draft-ietf-nvo3-vxlan-gpe §3.1: version 0, a valid network id, and with bit P the next protocol.
func parseVXLANGPE(b []byte, n int) (in inside, ok bool) {
	const version, idValid, next = 0x30, 0x08, 0x04
	if len(b) < 8 || b[0]&(version|0xc0) != 0 || b[0]&idValid == 0 || b[1] != 0 || b[2] != 0 {
		return in, false
	}
	in = inside{off: 8, end: n, t: EtherTEB, vni: be32(b[4:]) >> 8}
	if b[0]&next == 0 {
		return in, b[3] == 0
	}
	in.t, ok = nextProtocol(b[3])
	return in, ok
}

func (d *Decoded) vxlanGPE(b []byte, n int) bool {
	in, ok := parseVXLANGPE(b, n)
	if !ok || !in.plausible(b, n) {
		return false
	}
	d.setVNI(in.vni)
	return d.enter(LayerVXLANGPE, in, b, n)
}

// parseGENEVE reads RFC 8926 §3.4: version 0, length of the options in words, protocol, network id.
func parseGENEVE(b []byte, n int) (in inside, ok bool) {
	if len(b) < 8 || b[0]>>6 != 0 || b[1]&0x3f != 0 || b[7] != 0 {
		return in, false
	}
	return inside{off: 8 + int(b[0]&0x3f)*4, end: n, t: be16(b[2:]), vni: be32(b[4:]) >> 8}, true
}

func (d *Decoded) geneve(b []byte, n int) bool {
	in, ok := parseGENEVE(b, n)
	if !ok || !in.plausible(b, n) {
		return false
	}
	d.setVNI(in.vni)
	return d.enter(LayerGENEVE, in, b, n)
}

// gtpData is the message type of a tunnelled packet; all others belong to the tunnel itself (3GPP TS 29.281 §6.1).
const gtpData = 255

// parseGTP reads a GTP-U header (TS 29.281 §5.1): flags, type, length, tunnel endpoint; with any of three flags also
// sequence number, N-PDU number and the type of the first extension header. What is within is not named: an IP packet
// is told by its version.
func parseGTP(b []byte, n int) (in inside, ok bool) {
	const versionType, version1, extra, hasExtension = 0xf0, 0x30, 0x07, 0x04
	if len(b) < 8 || b[0]&versionType != version1 || b[1] != gtpData {
		return in, false
	}
	in = inside{off: 8, end: 8 + int(be16(b[2:])), word: be32(b[4:])}
	if b[0]&extra != 0 {
		if in.off += 4; len(b) < in.off {
			return in, false
		}
		if b[0]&hasExtension != 0 {
			in.off = gtpExtensions(b, in.off)
		}
	}
	if in.off >= len(b) || in.end > n {
		return in, false
	}
	switch b[in.off] >> 4 {
	case 4:
		in.t = EtherIPv4
	case 6:
		in.t = EtherIPv6
	}
	return in, in.t != 0
}

// gtpExtensions steps over extension headers (§5.2.1): length in words, contents, next type, 0 for none. The type of the
// first is before off. It returns len(b) when they have no end.
func gtpExtensions(b []byte, off int) int {
	for i := 0; i < MaxDepth && off < len(b) && b[off-1] != 0; i++ {
		n := int(b[off]) * 4
		if n == 0 {
			return len(b)
		}
		off += n
	}
	if off > len(b) || b[off-1] != 0 {
		return len(b)
	}
	return off
}

func (d *Decoded) gtp(b []byte, n int) bool {
	in, ok := parseGTP(b, n)
	return ok && d.enter(LayerGTP, in, b, n)
}

// Bits of L2TP's first word (RFC 2661 §3.1, RFC 3931 §4.1.2.1).
const (
	l2tpControl  = 0x8000
	l2tpLength   = 0x4000
	l2tpSequence = 0x0800
	l2tpOffset   = 0x0200
	l2tpReserved = 0x34f0
	l2tpVersion  = 0x000f
)

// parseL2TP reads the header of an L2TP data message in UDP, of version 2 (PPP within) or 3 (a frame within, behind a
// cookie of unknown length). Control messages are not tunnelled packets.
func parseL2TP(b []byte, n int) (in inside, ok bool) {
	if len(b) < 6 {
		return in, false
	}
	flags := be16(b)
	if flags&(l2tpControl|l2tpReserved) != 0 {
		return in, false
	}
	switch flags & l2tpVersion {
	case 2:
		return parseL2TP2(flags, b, n)
	case 3:
		return parseL2TP3(b, n)
	}
	return in, false
}

func parseL2TP2(flags uint16, b []byte, n int) (in inside, ok bool) {
	in = inside{off: 2, end: n, t: EtherPPP}
	if flags&l2tpLength != 0 {
		in.end = int(be16(b[2:]))
		in.off += 2
	}
	if len(b) < in.off+4 {
		return in, false
	}
	in.word = be32(b[in.off:]) // tunnel and session
	in.off += 4
	if flags&l2tpSequence != 0 {
		in.off += 4
	}
	if flags&l2tpOffset != 0 {
		if len(b) < in.off+2 {
			return in, false
		}
		in.off += 2 + int(be16(b[in.off:]))
	}
	return in, in.word>>16 != 0 && in.off <= in.end // the tunnel id 0 is for control messages
}

func parseL2TP3(b []byte, n int) (in inside, ok bool) {
	if len(b) < 8 || be16(b[2:]) != 0 {
		return in, false
	}
	off := l2tp3Frame(b[8:])
	return inside{off: 8 + off, end: n, t: EtherTEB, word: be32(b[4:])}, off >= 0 && be32(b[4:]) != 0
}

func (d *Decoded) l2tp(b []byte, n int) bool {
	in, ok := parseL2TP(b, n)
	return ok && d.enter(LayerL2TP, in, b, n)
}
