package packet

// hdlc decodes a frame of a serial line: PPP with or without HDLC's address and control (RFC 1662 §3.1), or Cisco's
// HDLC, whose address is 0x0f (one receiver) or 0x8f (all) and which has an ethertype.
func (d *Decoded) hdlc(b []byte, n int) {
	if len(b) >= 4 && b[0]&0x7f == 0x0f && b[1] == 0 {
		d.etherType(be16(b[2:]), b[4:], n-4)
		return
	}
	d.ppp(b, n)
}

// PPP protocol numbers (RFC 1661 §2 and IANA).
const (
	pppIPv4   = 0x0021
	pppOSI    = 0x0023
	pppIPv6   = 0x0057
	pppMPLS   = 0x0281
	pppMPLSMC = 0x0283
)

// ppp decodes a PPP frame.
func (d *Decoded) ppp(b []byte, n int) {
	proto, off := pppProtocol(b)
	if off == 0 {
		d.stop(CorruptEther, b)
		return
	}
	d.Layers |= LayerPPP
	b, n = b[off:], n-off
	switch proto {
	case pppIPv4:
		d.ipv4(b, n, 0)
	case pppIPv6:
		d.ipv6(b, n, 0)
	case pppMPLS, pppMPLSMC:
		d.mpls(b, n)
	case pppOSI:
		d.nlpid(b, n)
	default: // link control and the like, and compressed or encrypted data
		if d.EtherType == 0 {
			d.EtherType = EtherPPP
		}
		d.stop(UnknownEther, b)
	}
}

// pppProtocol reads the protocol field and returns where the packet begins, 0 if there is no protocol field. Address and
// control may be left out (RFC 1661 §6.6), and so may the first byte of a protocol below 0x100 (§6.5): of the second
// byte the lowest bit is always set, of the first never.
func pppProtocol(b []byte) (proto uint16, off int) {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		off = 2
	}
	switch {
	case len(b) > off && b[off]&1 == 1:
		return uint16(b[off]), off + 1
	case len(b) > off+1:
		return be16(b[off:]), off + 2
	}
	return 0, 0
}

// pppoe decodes a PPPoE header (RFC 2516 §4): version and type, code (0 in a session), session, length.
func (d *Decoded) pppoe(b []byte, n int) {
	if len(b) < 6 || b[0] != 0x11 {
		d.stop(CorruptEther, b)
		return
	}
	d.Layers |= LayerPPPoE
	size := 6 + int(be16(b[4:]))
	if size > n && !d.loose {
		d.stop(CorruptEther, b)
		return
	}
	b, n = b[:min(len(b), size)], min(n, size)
	if b[1] != 0 {
		d.stop(OK, b)
		return
	}
	d.ppp(b[6:], n-6)
}

// frameRelay decodes a Frame Relay header: an address of two to four bytes, whose last has its lowest bit set (Q.922
// §3.3), then control and NLPID (RFC 2427) or, as Cisco has it, an ethertype.
func (d *Decoded) frameRelay(b []byte, n int) {
	off := q922Size(b)
	if off == 0 || len(b) < off+2 {
		d.stop(CorruptEther, b)
		return
	}
	b, n = b[off:], n-off
	if b[0] != 0x03 { // not unnumbered information
		d.etherType(be16(b), b[2:], n-2)
		return
	}
	b, n = b[1:], n-1
	if b[0] == 0 { // a pad byte aligns what follows
		b, n = b[1:], n-1
	}
	d.nlpid(b, n)
}

// q922Size is the length of a Q.922 address, 0 if it has no end.
func q922Size(b []byte) int {
	for i := 0; i < len(b) && i < 4; i++ {
		if b[i]&1 == 1 {
			if i == 0 {
				return 0 // an address has at least two bytes
			}
			return i + 1
		}
	}
	return 0
}
