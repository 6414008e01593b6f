package pcapio

import (
	"encoding/binary"
	"math"

	"github.com/tapir-project/tapir/record"
)

// AppendPcapHeader appends the header of a little-endian pcap file with nanosecond times. Snaplen 0 stands for
// DefaultSnaplen: readers take a header of 0 in different ways.
func AppendPcapHeader(dst []byte, link record.LinkType, snaplen uint32) []byte {
	if snaplen == 0 {
		snaplen = DefaultSnaplen
	}
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, magicNano)
	dst = le.AppendUint16(dst, 2)
	dst = le.AppendUint16(dst, 4)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0) // time zone and accuracy: never used
	dst = le.AppendUint32(dst, snaplen)
	return le.AppendUint32(dst, uint32(link))
}

// AppendPacketHeader appends the PacketHeaderLen bytes that go before p's Data. The format has 32 bits of seconds
// since 1970: times outside (after 2106) become the nearest inside.
func AppendPacketHeader(dst []byte, p *record.Packet) []byte {
	s, ns := split(p.Time)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, s)
	dst = le.AppendUint32(dst, ns)
	dst = le.AppendUint32(dst, uint32(len(p.Data)))
	return le.AppendUint32(dst, p.WireLen)
}

// AppendPacket appends p: its header and its bytes.
func AppendPacket(dst []byte, p *record.Packet) []byte {
	return append(AppendPacketHeader(dst, p), p.Data...)
}

// split makes unsigned seconds and nanoseconds of t.
func split(t int64) (s, ns uint32) {
	switch {
	case t < 0:
		return 0, 0
	case t/1e9 > math.MaxUint32:
		return math.MaxUint32, 999_999_999
	}
	return uint32(t / 1e9), uint32(t % 1e9)
}

// AppendSection appends a section header block that begins a little-endian pcapng file or a further section of one.
// Application, if not empty, names the program that writes it.
func AppendSection(dst []byte, application string) []byte {
	dst, at := beginBlock(dst, blockSection)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, byteOrderMagic)
	dst = le.AppendUint16(dst, 1)
	dst = le.AppendUint16(dst, 0)
	dst = le.AppendUint64(dst, math.MaxUint64) // section length: not known
	if application != "" {
		dst = appendOption(dst, optShbUserAppl, application)
		dst = le.AppendUint32(dst, optEnd)
	}
	return endBlock(dst, at)
}

// AppendInterface appends an interface description block with times in nanoseconds. The interfaces of a section are
// numbered from 0 in the order of their blocks. Snaplen 0 means no limit.
func AppendInterface(dst []byte, name string, link record.LinkType, snaplen uint32) []byte {
	dst, at := beginBlock(dst, blockInterface)
	le := binary.LittleEndian
	dst = le.AppendUint16(dst, uint16(link))
	dst = le.AppendUint16(dst, 0)
	dst = le.AppendUint32(dst, snaplen)
	if name != "" {
		dst = appendOption(dst, optIfName, name)
	}
	dst = appendOption(dst, optIfTsresol, "\x09")
	dst = le.AppendUint32(dst, optEnd)
	return endBlock(dst, at)
}

// AppendEnhanced appends p as an enhanced packet block of the given interface of the section. Times before 1970 become
// 1970: the format has none.
func AppendEnhanced(dst []byte, iface uint32, p *record.Packet) []byte {
	dst, at := beginBlock(dst, blockEnhanced)
	t := uint64(max(p.Time, 0))
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, iface)
	dst = le.AppendUint32(dst, uint32(t>>32))
	dst = le.AppendUint32(dst, uint32(t))
	dst = le.AppendUint32(dst, uint32(len(p.Data)))
	dst = le.AppendUint32(dst, p.WireLen)
	dst = append(dst, p.Data...)
	return endBlock(pad(dst, len(p.Data)), at)
}

// beginBlock appends a block's type and room for its length; at is where the block begins.
func beginBlock(dst []byte, kind uint32) (out []byte, at int) {
	at = len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, kind)
	return append(dst, 0, 0, 0, 0), at
}

// endBlock fills the length in, at both ends.
func endBlock(dst []byte, at int) []byte {
	total := uint32(len(dst) - at + 4)
	binary.LittleEndian.PutUint32(dst[at+4:], total)
	return binary.LittleEndian.AppendUint32(dst, total)
}

func appendOption(dst []byte, code uint16, v string) []byte {
	v = v[:min(len(v), math.MaxUint16)]
	dst = binary.LittleEndian.AppendUint16(dst, code)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(v)))
	return pad(append(dst, v...), len(v))
}

// pad appends zeros to make a field of n bytes end at a multiple of four.
func pad(dst []byte, n int) []byte {
	return append(dst, "\x00\x00\x00"[:-n&3]...)
}
