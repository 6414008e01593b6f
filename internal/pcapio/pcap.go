package pcapio

import (
	"encoding/binary"
	"math/bits"

	"github.com/tapir-project/tapir/record"
)

// The magic numbers of pcap files, in the byte order of their writer.
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34 // Alexey Kuznetzov's: packet headers have eight bytes more
)

// Lengths in bytes.
const (
	PcapHeaderLen   = 24 // at the beginning of the file
	PacketHeaderLen = 16 // before each packet
	modifiedLen     = 24 // before each packet of a Kuznetzov file
)

func isPcap(magic uint32) bool {
	return magic == magicMicro || magic == magicNano || magic == magicModified
}

// Pcap is the header of a pcap file. It is all that decoding needs: any whole packet may be where Decode starts.
type Pcap struct {
	Link    record.LinkType
	Snaplen uint32 // 0: the writer set no limit
	FCSLen  int    // bytes of frame check sequence that each packet ends with, if the header says so
	Nano    bool   // times have nanoseconds, not microseconds
	Iface   uint32 // what packets get as Packet.Iface

	swap    bool  // big-endian
	header  int   // bytes before each packet
	minor   int   // version 2.minor
	perTick int64 // ns
}

// ParsePcap reads the header at the beginning of b, which must hold PcapHeaderLen bytes.
func ParsePcap(b []byte) (*Pcap, error) {
	h := &Pcap{header: PacketHeaderLen, perTick: 1000}
	magic := binary.LittleEndian.Uint32(b)
	if !isPcap(magic) {
		magic, h.swap = bits.ReverseBytes32(magic), true
	}
	switch magic {
	case magicNano:
		h.Nano, h.perTick = true, 1
	case magicModified:
		h.header = modifiedLen
	case magicMicro:
	default:
		return nil, corrupt("file begins with % x", b[:4])
	}
	var major int
	major, h.minor = h.version(b)
	if major != 2 {
		return nil, corrupt("pcap version %d.%d, want 2.x", major, h.minor)
	}
	h.Snaplen = h.u32(b[16:])
	h.link(h.u32(b[20:]))
	return h, nil
}

func (h *Pcap) version(b []byte) (major, minor int) {
	if h.swap {
		return int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
	}
	return int(binary.LittleEndian.Uint16(b[4:])), int(binary.LittleEndian.Uint16(b[6:]))
}

// link takes the last header field apart: the link type in the lower 16 bits; bit 26 says that the upper four tell
// the length of the frame check sequence in units of 16 bits.
func (h *Pcap) link(v uint32) {
	h.Link = record.LinkType(v)
	if v&(1<<26) != 0 {
		h.FCSLen = int(v>>28) * 2
	}
}

func (h *Pcap) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if h.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// Decode reads packets; see Decoder.
func (h *Pcap) Decode(b []byte, dst []record.Packet) (out []record.Packet, n, need int, err error) {
	for len(dst) < cap(dst) {
		rest := b[n:]
		if len(rest) < h.header {
			return dst, n, h.header, nil
		}
		length, wire := h.lengths(rest)
		if length > MaxPacket {
			return dst, n, 0, corrupt("packet of %d bytes, want at most %d", length, MaxPacket)
		}
		end := h.header + int(length)
		if len(rest) < end {
			return dst, n, end, nil
		}
		dst = dst[:len(dst)+1]
		p := &dst[len(dst)-1]
		p.Time = int64(h.u32(rest))*1_000_000_000 + int64(h.u32(rest[4:]))*h.perTick
		p.Data = rest[h.header:end:end]
		p.WireLen = max(wire, length)
		p.Iface = h.Iface
		p.Link = h.Link
		n += end
	}
	return dst, n, 0, nil
}

// lengths reads the captured length and the length on the wire. Files before version 2.3 have them the other way round
// (and some of version 2.3, libpcap's sf-pcap.c).
func (h *Pcap) lengths(b []byte) (length, wire uint32) {
	length, wire = h.u32(b[8:]), h.u32(b[12:])
	if h.minor < 3 || h.minor == 3 && length > wire {
		return wire, length
	}
	return length, wire
}
