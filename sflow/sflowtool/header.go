package sflowtool

import (
	"encoding/binary"
	"strconv"

	"github.com/tapir-project/tapir/sflow"
)

// maxHex is how many bytes of a header are printed.
const maxHex = 682

// header writes a sampled header and what it says.
func (w *Writer) header(f *sflow.Fields) error {
	p := &w.flow
	var v sflow.Value
	for f.Next(&v) {
		if v.Field.Type != sflow.Opaque {
			switch v.Field.Name {
			case "headerProtocol":
				p.protocol = uint32(v.Num)
			case "sampledPacketSize":
				p.size = uint32(v.Num)
			case "strippedBytes":
				p.stripped = uint32(v.Num)
			}
			w.num(v.Field.Name, v.Num)
			continue
		}
		p.header = v.Bytes
		w.num("headerLen", uint64(len(p.header)))
		w.hexDump(v.Field.Name, p.header)
		w.decode()
	}
	return f.Err()
}

// hexDump writes bytes in upper case, with dashes.
func (w *Writer) hexDump(name string, b []byte) {
	if w.quiet {
		return
	}
	w.begin(name)
	for i, c := range b[:min(len(b), maxHex)] {
		if i > 0 {
			w.buf = append(w.buf, '-')
		}
		w.buf = append(w.buf, hexUpper[c>>4], hexUpper[c&15])
	}
	w.end()
}

// decode reads the sampled header from the layer it begins with.
func (w *Writer) decode() {
	p := &w.flow
	switch p.protocol {
	case sflow.HeaderEthernet:
		w.decodeEthernet()
	case sflow.HeaderIPv4:
		p.gotIP4 = true
	case sflow.HeaderIPv6:
		p.gotIP6 = true
	case sflow.HeaderWifi:
		w.decodeWifi()
	case 0:
		w.log("UNKNOWN headerProtocol=0\n")
	default:
		if p.protocol <= sflow.HeaderAMSDU {
			w.log("NO_DECODE headerProtocol=" + strconv.Itoa(int(p.protocol)) + "\n")
		} else {
			w.log("UNKNOWN headerProtocol=" + strconv.Itoa(int(int32(p.protocol))) + "\n")
		}
	}
	if p.gotIP4 || p.gotIP6 {
		size := int32(p.size - p.stripped - uint32(p.ipOffset))
		w.with("IPSize", func(dst []byte) []byte { return strconv.AppendInt(dst, int64(size), 10) })
	}
	if p.gotIP4 {
		w.decodeIP4()
	} else if p.gotIP6 {
		w.decodeIP6()
	}
}

func (w *Writer) mac(name string, b []byte) {
	w.with(name, func(dst []byte) []byte { return appendHex(dst, b[:6]) })
}

// decodeEthernet finds IP behind the Ethernet header, its tags, and 802.2.
func (w *Writer) decodeEthernet() {
	p := &w.flow
	b := p.header
	if len(b) < 14 {
		return
	}
	w.mac("dstMAC", b)
	w.mac("srcMAC", b[6:])
	copy(p.ethDst[:], b)
	copy(p.ethSrc[:], b[6:])
	kind := binary.BigEndian.Uint16(b[12:])
	b = b[14:]
	for depth := 0; kind == 0x8100 || kind == 0x88a8 || kind == 0x9100 || kind == 0x9200 || kind == 0x9300; depth++ {
		if len(b) < 4 {
			return
		}
		tci := binary.BigEndian.Uint16(b)
		suffix := ""
		if depth > 0 {
			suffix = "." + strconv.Itoa(depth)
		}
		p.inVLAN = uint32(tci & 0xfff)
		w.num("decodedVLAN"+suffix, uint64(p.inVLAN))
		w.num("decodedPriority"+suffix, uint64(tci>>13))
		kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	if len(p.header) < 20 {
		return
	}
	kind, b, ok := w.decodeLLC(kind, b)
	if !ok {
		return
	}
	p.ethType = uint32(kind)
	w.num("ethernet_type", uint64(kind))
	p.ipOffset = len(p.header) - len(b)
	switch kind {
	case 0x0800:
		p.gotIP4 = len(b) >= 20 && b[0]>>4 == 4 && b[0]&15 >= 5
	case 0x86dd:
		p.gotIP6 = len(b) > 0 && b[0]>>4 == 6
	}
	if !p.gotIP4 && !p.gotIP6 {
		p.ipOffset = 0
	}
}

// decodeLLC goes over IEEE 802.2 where the type is a length; ok is false where nothing is to be read behind it.
func (w *Writer) decodeLLC(kind uint16, b []byte) (inner uint16, rest []byte, ok bool) {
	at := func(i int) byte { // what lies beyond the header is not there
		if i < len(b) {
			return b[i]
		}
		return 0
	}
	if kind == 0x0200 || kind == 0x0201 || kind == 0x0600 { // IPX?
		length := int(at(2))<<8 | int(at(3))
		if at(0) == 0xff && at(1) == 0xff && length >= 30 && length <= 576 {
			return 0, nil, false
		}
	}
	if kind > 1500 {
		return kind, b, true
	}
	switch {
	case at(0) == 0xaa && at(1) == 0xaa && at(2) == 3 && len(b) >= 8: // SNAP
		if b[3]|b[4]|b[5] != 0 {
			w.with("VSNAP_OUI", func(dst []byte) []byte {
				for i, c := range b[3:6] {
					if i > 0 {
						dst = append(dst, '-')
					}
					dst = append(dst, hexUpper[c>>4], hexUpper[c&15])
				}
				return dst
			})
			return 0, nil, false
		}
		return binary.BigEndian.Uint16(b[6:]), b[8:], true
	case at(0) == 6 && at(1) == 6 && at(2)&1 != 0: // IP over 802.2
		return 0x0800, b[3:], true
	}
	return 0, nil, false
}

// decodeWifi writes the addresses of a data frame (IEEE 802.11 §9.3.2.1).
func (w *Writer) decodeWifi() {
	p := &w.flow
	b := p.header
	if len(b) < 24 || b[0]>>2&3 != 2 {
		return
	}
	toDS, fromDS := b[1]&1 != 0, b[1]&2 != 0
	a1, a2, a3 := b[4:10], b[10:16], b[16:22]
	src, dst := a2, a1
	switch {
	case toDS && fromDS:
		if len(b) < 30 {
			return
		}
		src, dst = b[24:30], a3
	case toDS:
		dst = a3
	case fromDS:
		src = a3
	}
	w.mac("srcMAC", src)
	w.mac("dstMAC", dst)
	w.mac("txMAC", a2)
	w.mac("rxMAC", a1)
	copy(p.ethSrc[:], src)
	copy(p.ethDst[:], src) // as sflowtool has it
}

func (w *Writer) decodeIP4() {
	p := &w.flow
	b := p.header[p.ipOffset:]
	if len(b) < 20 {
		return
	}
	p.setAddrs(b[12:16], b[16:20])
	p.proto, p.tos, p.ttl = uint32(b[9]), uint32(b[1]), uint32(b[8])
	w.num("ip.tot_len", uint64(binary.BigEndian.Uint16(b[2:])))
	w.with("srcIP", func(dst []byte) []byte { return appendAddrBytes(dst, b[12:16]) })
	w.with("dstIP", func(dst []byte) []byte { return appendAddrBytes(dst, b[16:20]) })
	w.num("IPProtocol", uint64(p.proto))
	w.num("IPTOS", uint64(p.tos))
	w.num("IPTTL", uint64(p.ttl))
	w.num("IPID", uint64(binary.LittleEndian.Uint16(b[4:]))) // in the byte order of the machine
	if p.fragment = uint32(binary.BigEndian.Uint16(b[6:]) & 0x1fff); p.fragment > 0 {
		w.num("IPFragmentOffset", uint64(p.fragment))
		return
	}
	if n := int(b[0]&15) * 4; n <= len(b) {
		w.decodeTransport(b[n:])
	}
}

func (w *Writer) decodeIP6() {
	p := &w.flow
	b := p.header[p.ipOffset:]
	if len(b) < 40 {
		return
	}
	if b[0]>>4 != 6 {
		w.log("header decode error: unexpected IP version: " + strconv.Itoa(int(b[0]>>4)) + "\n")
		return
	}
	p.tos = uint32(b[0]&15)<<4 | uint32(b[1]>>4)
	p.label = uint32(b[1]&15)<<16 | uint32(b[2])<<8 | uint32(b[3])
	p.ttl = uint32(b[7])
	p.setAddrs(b[8:24], b[24:40])
	w.num("IPTOS", uint64(p.tos))
	w.with("IP6_label", func(dst []byte) []byte { return strconv.AppendUint(append(dst, "0x"...), uint64(p.label), 16) })
	if n := binary.BigEndian.Uint16(b[4:]); n == 0 {
		w.str("IPV6_payloadLen", "<jumbo>")
	} else {
		w.num("IPV6_payloadLen", uint64(n))
	}
	w.num("IPTTL", uint64(p.ttl))
	w.with("srcIP6", func(dst []byte) []byte { return appendAddrBytes(dst, b[8:24]) })
	w.with("dstIP6", func(dst []byte) []byte { return appendAddrBytes(dst, b[24:40]) })
	next := b[6]
	for b = b[40:]; next == 0 || next == 43 || next == 44 || next == 51 || next == 60; {
		w.num("IP6HeaderExtension", uint64(next))
		if len(b) < 2 || len(b) < 8*(int(b[1])+1) {
			return
		}
		next, b = b[0], b[8*(int(b[1])+1):]
	}
	p.proto = uint32(next)
	w.num("IPProtocol", uint64(next))
	w.decodeTransport(b)
}

func (w *Writer) decodeTransport(b []byte) {
	p := &w.flow
	if len(b) < 8 {
		return
	}
	at := len(p.header) - len(b)
	switch p.proto {
	case 1:
		p.sport, p.dport, p.payload = uint32(b[0]), uint32(b[1]), at+2
		w.num("ICMPType", uint64(b[0]))
		w.num("ICMPCode", uint64(b[1]))
	case 6:
		p.setPorts(b)
		w.num("TCPSrcPort", uint64(p.sport))
		w.num("TCPDstPort", uint64(p.dport))
		if len(b) >= 14 {
			p.tcpFlags, p.payload = uint32(b[13]), at+int(b[12]>>4)*4
			w.num("TCPFlags", uint64(p.tcpFlags))
		}
	case 17:
		p.setPorts(b)
		p.udpLen, p.payload = uint32(binary.BigEndian.Uint16(b[4:])), at+8
		w.num("UDPSrcPort", uint64(p.sport))
		w.num("UDPDstPort", uint64(p.dport))
		w.num("UDPBytes", uint64(p.udpLen))
	default:
		p.payload = at
	}
}
