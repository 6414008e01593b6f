package packet

import "encoding/binary"

// Bits of an 802.11 frame control field (IEEE 802.11-2020 §9.2.4.1): type and subtype in the first byte, flags in the
// second.
const (
	dot11TypeMask  = 0x0c
	dot11TypeData  = 0x08
	dot11TypeCtl   = 0x04
	dot11NoData    = 0x40 // data subtypes: null function and its kin
	dot11QoS       = 0x80 // data subtypes
	dot11ToDS      = 0x01
	dot11FromDS    = 0x02
	dot11MoreFrags = 0x04
	dot11Protected = 0x40
	dot11Order     = 0x80 // in a QoS frame: an HT control field follows
	qosAMSDU       = 0x80 // in the first byte of QoS control: several frames in one
)

// Bits of radiotap's flags field (radiotap.org).
const (
	radiotapFCS = 0x10 // the frame ends with its checksum
	radiotapPad = 0x20 // the frame's header is padded to four bytes
)

// radiotap steps over a radiotap header: version 0, pad, length, one or more words of present bits, fields. Fields are
// little-endian and aligned to their size. Only flags matters here.
func (d *Decoded) radiotap(b []byte, n int) {
	size, flags, ok := radiotapHeader(b)
	if !ok || !d.nest() {
		d.stop(CorruptEther, b)
		return
	}
	b, n = b[size:], n-size
	if flags&radiotapFCS != 0 && n >= 4 {
		n -= 4
		b = b[:min(len(b), n)]
	}
	d.dot11(b, n, flags&radiotapPad != 0)
}

func radiotapHeader(b []byte) (size int, flags byte, ok bool) {
	if len(b) < 8 || b[0] != 0 {
		return 0, 0, false
	}
	size = int(binary.LittleEndian.Uint16(b[2:]))
	if size < 8 || size > len(b) {
		return 0, 0, false
	}
	present, off := binary.LittleEndian.Uint32(b[4:]), 8
	for word := present; word&(1<<31) != 0 && off+4 <= size; off += 4 {
		word = binary.LittleEndian.Uint32(b[off:])
	}
	if present&1 != 0 { // TSFT
		off = (off+7)&^7 + 8
	}
	if present&2 != 0 && off < size {
		flags = b[off]
	}
	return size, flags, true
}

// dot11 decodes an 802.11 frame. What data frames carry is decoded; management and control frames, encrypted frames and
// fragments are named by their addresses alone.
func (d *Decoded) dot11(b []byte, n int, padded bool) {
	if len(b) < 10 || b[0]&3 != 0 {
		d.stop(CorruptEther, b)
		return
	}
	d.Layers |= LayerDot11
	size := dot11Size(b)
	if size > len(b) {
		d.stop(CorruptEther, b)
		return
	}
	d.dot11Addresses(b)
	fc, flags := b[0], b[1]
	fragment := flags&dot11MoreFrags != 0 || size >= 24 && b[22]&0x0f != 0
	if fc&dot11TypeMask != dot11TypeData || fc&dot11NoData != 0 || flags&dot11Protected != 0 || fragment {
		d.stop(UnknownEther, b[size:])
		return
	}
	amsdu := fc&dot11QoS != 0 && b[dot11QoSOffset(b)]&qosAMSDU != 0
	if padded {
		size = min(len(b), (size+3)&^3)
	}
	if b, n = b[size:], n-size; amsdu {
		d.amsdu(b, n)
		return
	}
	d.llc(b, n)
}

// dot11Size is the length of a frame's header.
func dot11Size(b []byte) int {
	switch b[0] & dot11TypeMask {
	case dot11TypeCtl:
		if sub := b[0] >> 4; sub == 12 || sub == 13 { // CTS and ACK have a receiver only
			return 10
		}
		return 16
	case dot11TypeData:
		size := dot11QoSOffset(b)
		if b[0]&dot11QoS != 0 {
			size += 2
			if b[1]&dot11Order != 0 {
				size += 4
			}
		}
		return size
	}
	return 24
}

// dot11QoSOffset is where the QoS control field of a data frame is, behind three addresses or four.
func dot11QoSOffset(b []byte) int {
	if b[1]&(dot11ToDS|dot11FromDS) == dot11ToDS|dot11FromDS {
		return 30
	}
	return 24
}

// dot11Addresses finds sender and final receiver, which stand where the distribution bits say (table 9-30). b holds the
// whole header.
func (d *Decoded) dot11Addresses(b []byte) {
	d.DstMAC, d.SrcMAC = MAC(b[4:10]), MAC{}
	d.HasMAC = dot11Size(b) >= 16
	if !d.HasMAC {
		return
	}
	d.SrcMAC = MAC(b[10:16])
	if b[0]&dot11TypeMask != dot11TypeData {
		return
	}
	switch b[1] & (dot11ToDS | dot11FromDS) {
	case dot11ToDS:
		d.DstMAC = MAC(b[16:22])
	case dot11FromDS:
		d.SrcMAC = MAC(b[16:22])
	case dot11ToDS | dot11FromDS:
		d.DstMAC, d.SrcMAC = MAC(b[16:22]), MAC(b[24:30])
	}
}

// amsdu decodes the first of the frames in an A-MSDU (§9.3.2.2): addresses, length, LLC. The others are not seen: one
// captured frame is one packet here.
func (d *Decoded) amsdu(b []byte, n int) {
	if len(b) < ethernetHeader {
		d.stop(CorruptEther, b)
		return
	}
	d.DstMAC, d.SrcMAC = MAC(b[0:6]), MAC(b[6:12])
	size := int(be16(b[12:]))
	b, n = b[ethernetHeader:], n-ethernetHeader
	d.llc(b[:min(len(b), size)], min(n, size))
}
