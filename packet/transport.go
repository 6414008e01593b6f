package packet

import "encoding/binary"

// transport decodes what is above the IP header and its extensions.
func (d *Decoded) transport(proto uint8, b []byte, n int) {
	switch proto {
	case ProtoTCP:
		d.tcp(b, n)
	case ProtoUDP, ProtoUDPLite:
		d.udp(b, n, proto)
	case ProtoICMP:
		d.icmp(LayerICMP, b, n)
	case ProtoICMPv6:
		d.icmp(LayerICMPv6, b, n)
	case ProtoIGMP:
		d.Layers |= LayerIGMP
		d.stop(OK, b)
	case ProtoSCTP:
		d.sctp(b, n)
	case ProtoESP:
		d.esp(b, n)
	case ProtoOSPF, ProtoPIM:
		d.stop(OK, b)
	default:
		d.nested(proto, b, n)
	}
}

// nested decodes the IP protocols that have a further packet within.
func (d *Decoded) nested(proto uint8, b []byte, n int) {
	if !d.nest() {
		d.stop(CorruptIP, b)
		return
	}
	switch proto {
	case ProtoIPv4:
		d.ipv4(b, n, d.ipInIP(false))
	case ProtoIPv6:
		d.ipv6(b, n, d.ipInIP(true))
	case ProtoGRE:
		d.gre(b, n)
	case ProtoAH:
		d.ah(b, n)
	case ProtoEtherIP:
		d.etherIP(b, n)
	case ProtoL2TP:
		d.l2tp3(b, n)
	case ProtoMPLS:
		d.mpls(b, n)
	case ProtoEthernet: // RFC 8986 §4.9
		d.ethernet(b, n)
	case ProtoNSH:
		d.nsh(b, n)
	default:
		d.stop(UnknownIP, b)
	}
}

const tcpHeader = 20

// tcp decodes a TCP header (RFC 9293 §3.1).
func (d *Decoded) tcp(b []byte, n int) {
	if len(b) < tcpHeader {
		d.stop(CorruptIP, b)
		return
	}
	size := int(b[12]>>4) * 4
	if size < tcpHeader || size > n {
		d.stop(CorruptIP, b)
		return
	}
	d.Layers |= LayerTCP
	d.SrcPort, d.DstPort = be16(b), be16(b[2:])
	d.Seq, d.Ack = be32(b[4:]), be32(b[8:])
	d.Flags, d.Window = be16(b[12:])&0x1ff, be16(b[14:])
	d.PayloadLen = uint32(n - size)
	if size > len(b) { // the capture ends within the options
		size = len(b)
	}
	d.Payload = b[size:]
	if size > tcpHeader {
		d.tcpOptions(b[tcpHeader:size])
	}
}

// TCP option kinds (IANA tcp-parameters).
const (
	tcpOptEnd       = 0
	tcpOptNop       = 1
	tcpOptMSS       = 2
	tcpOptWScale    = 3
	tcpOptSACKPerm  = 4
	tcpOptSACK      = 5
	tcpOptTimestamp = 8
)

// tcpOptions reads the options that flows are measured by.
func (d *Decoded) tcpOptions(o []byte) {
	// RFC 7323 appendix A: nearly every segment has just this layout.
	if len(o) == 12 && binary.BigEndian.Uint32(o) == 0x0101080a {
		d.HasTS, d.TSVal, d.TSEcr = true, be32(o[4:]), be32(o[8:])
		return
	}
	for len(o) > 1 && o[0] != tcpOptEnd {
		if o[0] == tcpOptNop {
			o = o[1:]
			continue
		}
		size := int(o[1])
		if size < 2 || size > len(o) { // RFC 9293 §3.2: a length below 2 would loop for ever; it ends the list
			return
		}
		d.tcpOption(o[0], o[2:size])
		o = o[size:]
	}
}

func (d *Decoded) tcpOption(kind byte, v []byte) {
	switch {
	case kind == tcpOptMSS && len(v) == 2:
		d.MSS = be16(v)
	case kind == tcpOptWScale && len(v) == 1:
		d.WScale = int8(min(v[0], 14)) // RFC 7323 §2.3
	case kind == tcpOptTimestamp && len(v) == 8:
		d.HasTS, d.TSVal, d.TSEcr = true, be32(v), be32(v[4:])
	}
}

const udpHeader = 8

// udp decodes a UDP or UDP-Lite header (RFC 768, RFC 3828), or the tunnel that is behind it.
func (d *Decoded) udp(b []byte, n int, proto uint8) {
	if len(b) < udpHeader {
		d.stop(CorruptIP, b)
		return
	}
	sport, dport := be16(b), be16(b[2:])
	// A length of 0 is a jumbogram's (RFC 2675 §4) or is left to the network card; UDP-Lite has its checksum coverage
	// there. A length beyond the packet is taken for the packet's.
	if size := int(be16(b[4:])); size != 0 && size < n && proto == ProtoUDP {
		if size < udpHeader {
			d.stop(CorruptIP, b)
			return
		}
		b, n = b[:min(len(b), size)], size
	}
	b, n = b[udpHeader:], n-udpHeader
	if mayTunnel(sport, dport) && d.tunnel(sport, dport, b, n) {
		return
	}
	d.Layers |= LayerUDP
	d.SrcPort, d.DstPort = sport, dport
	d.Payload, d.PayloadLen = b, uint32(n)
}

const sctpHeader = 12

// sctp decodes an SCTP common header (RFC 9260 §3.1); the chunks are its payload.
func (d *Decoded) sctp(b []byte, n int) {
	if len(b) < sctpHeader {
		d.stop(CorruptIP, b)
		return
	}
	d.Layers |= LayerSCTP
	d.SrcPort, d.DstPort = be16(b), be16(b[2:])
	d.Payload, d.PayloadLen = b[sctpHeader:], uint32(n-sctpHeader)
}

// icmp decodes type and code (RFC 792, RFC 4443).
func (d *Decoded) icmp(layer Layers, b []byte, n int) {
	if len(b) < 4 {
		d.stop(CorruptIP, b)
		return
	}
	d.Layers |= layer
	d.ICMPType, d.ICMPCode = b[0], b[1]
	d.Payload, d.PayloadLen = b, uint32(n)
}

const espHeader = 8

// esp steps over security parameters index and sequence number (RFC 4303 §2); the rest is encrypted.
func (d *Decoded) esp(b []byte, n int) {
	if len(b) < espHeader {
		d.stop(CorruptIP, b)
		return
	}
	d.Layers |= LayerESP
	d.Payload, d.PayloadLen = b[espHeader:], uint32(n-espHeader)
}

// ah steps over an authentication header (RFC 4302 §2) above IPv4; what it protects is readable.
func (d *Decoded) ah(b []byte, n int) {
	size, ok := extensionSize(ProtoAH, b)
	if !ok {
		d.stop(CorruptIP, b)
		return
	}
	d.Layers |= LayerAH
	d.above(b[0], b[size:], n-size)
}
