package packet

// LLC service access points (IEEE 802.2 §3.3.1.1) and SNAP organisations with a meaning here.
const (
	sapIP   = 0x06
	sapSNAP = 0xaa
	sapOSI  = 0xfe

	ouiEthernet = 0x000000 // RFC 1042: the protocol id is an ethertype
	oui8021H    = 0x0000f8 // IEEE 802.1H: the same, for what must stay encapsulated
	ouiCisco    = 0x00000c
	ouiBridge   = 0x0080c2 // RFC 2427 §4.1: the protocol id names the kind of a whole frame

	bridgeEthernetFCS = 0x0001
	bridgeEthernet    = 0x0007
)

// Network layer protocol ids (ISO/IEC TR 9577, RFC 2427).
const (
	nlpidSNAP = 0x80
	nlpidIPv6 = 0x8e
	nlpidIPv4 = 0xcc
)

// llc decodes an 802.2 header and what its destination SAP stands for.
func (d *Decoded) llc(b []byte, n int) {
	if len(b) < 3 {
		d.stop(CorruptEther, b)
		return
	}
	d.Layers |= LayerLLC
	ui := b[2] == 3 && b[0] == b[1]&^1 // unnumbered information between two ends of the same protocol
	switch {
	case ui && b[0] == sapSNAP:
		d.snap(b[3:], n-3)
	case ui && b[0] == sapOSI:
		d.nlpid(b[3:], n-3)
	case ui && b[0] == sapIP: // RFC 948
		d.etherType(EtherIPv4, b[3:], n-3)
	default:
		d.EtherType = EtherLLC + uint16(b[0])
		d.stop(UnknownEther, b[min(len(b), llcSize(b)):])
	}
}

// llcSize is the length of an LLC header: unnumbered frames have one control byte, the others two. Novell's raw 802.3
// has an IPX header of checksum ffff where LLC should be.
func llcSize(b []byte) int {
	switch {
	case b[0] == 0xff && b[1] == 0xff:
		return 0
	case b[2]&3 == 3:
		return 3
	}
	return 4
}

// snap decodes organisation and protocol id (RFC 1042).
func (d *Decoded) snap(b []byte, n int) {
	if len(b) < 5 || !d.nest() {
		d.stop(CorruptEther, b)
		return
	}
	d.Layers |= LayerSNAP
	oui, pid := be32(b)>>8, be16(b[3:])
	b, n = b[5:], n-5
	switch {
	case (oui == ouiEthernet || oui == oui8021H) && pid >= minEtherType:
		d.etherType(pid, b, n)
	case oui == ouiBridge && (pid == bridgeEthernet || pid == bridgeEthernetFCS):
		d.ethernet(b, n)
	case oui == ouiCisco:
		d.EtherType = pid // CDP, VTP, DTP, UDLD, per-VLAN spanning tree
		d.stop(UnknownEther, b)
	default:
		d.EtherType = EtherLLC + sapSNAP
		d.stop(UnknownEther, b)
	}
}

// nlpid decodes what begins with a network layer protocol id, as OSI frames over LLC and Frame Relay do.
func (d *Decoded) nlpid(b []byte, n int) {
	if len(b) < 1 {
		d.stop(CorruptEther, b)
		return
	}
	switch b[0] {
	case nlpidIPv4:
		d.etherType(EtherIPv4, b[1:], n-1)
		return
	case nlpidIPv6:
		d.etherType(EtherIPv6, b[1:], n-1)
		return
	case nlpidSNAP:
		d.snap(b[1:], n-1)
		return
	}
	d.EtherType = EtherOSI + uint16(b[0])
	v := UnknownEther
	if d.EtherType == EtherISIS || d.EtherType == EtherESIS {
		v = OK
	}
	d.stop(v, b) // the id is the first byte of the protocol's own header
}
