package pcapstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/record"
)

// Sizes of the pcap format (draft-ietf-opsawg-pcap), as this package writes it: little endian, nanosecond times.
const (
	fileHeader = pcapio.PcapHeaderLen // bytes before the first packet
	packHeader = 16                   // bytes before each packet's data

	// MaxPacket is the most bytes of one packet that are stored. A larger one is refused (TooLarge).
	MaxPacket = pcapio.MaxPacket
	// maxCommon is the most that libpcap and its users take: larger packets (BIG TCP) have segments of their own, so
	// that all others can be read by every program.
	maxCommon = pcapio.DefaultSnaplen
)

// kind is what all packets of one segment share: a pcap file has one link type and 32 bits for seconds.
type kind struct {
	link record.LinkType
	era  int32 // the times' seconds are those in the packet headers plus era<<32; 0 is 1970 to 2106
	big  bool  // packets of more than maxCommon bytes
}

// kindOf is the kind of segment that p belongs to, and its time as its header has it.
func kindOf(p *record.Packet) (k kind, sec, nsec uint32) {
	k.link, k.big = p.Link, len(p.Data) > maxCommon
	k.era, sec, nsec = splitTime(p.Time)
	return k, sec, nsec
}

// appendFileHeader appends the pcap file header of a segment. The era stands where the format has a field that
// readers must ignore (Reserved2, once "sigfigs"), so that a segment tells its packets' times by itself; other
// programs show those of another era than 0 shifted by a multiple of 136 years.
func appendFileHeader(dst []byte, k kind) []byte {
	start, snaplen := len(dst), uint32(maxCommon)
	if k.big {
		snaplen = MaxPacket
	}
	dst = pcapio.AppendPcapHeader(dst, k.link, snaplen)
	binary.LittleEndian.PutUint32(dst[start+12:], uint32(k.era))
	return dst
}

// parseFileHeader reads what appendFileHeader wrote.
func parseFileHeader(b []byte) (k kind, err error) {
	le := binary.LittleEndian
	if len(b) >= fileHeader {
		k = kind{record.LinkType(le.Uint32(b[20:])), int32(le.Uint32(b[12:])), le.Uint32(b[16:]) == MaxPacket}
	}
	if !bytes.Equal(b, appendFileHeader(nil, k)) {
		return k, fmt.Errorf("%w: no pcap header as this store writes it", errDamaged)
	}
	if k.era < minEra || k.era > maxEra {
		return k, fmt.Errorf("%w: era %d out of range", errDamaged, k.era)
	}
	return k, nil
}

// The eras that an int64 of nanoseconds reaches: 1677 to 2262.
const (
	minEra = -3
	maxEra = 2
	second = int64(1e9)
	hour   = 3600 * second
)

// splitTime gives the era of t (ns since the epoch) and the seconds and nanoseconds of its packet header.
func splitTime(t int64) (era int32, sec, nsec uint32) {
	s, n := t/second, t%second
	if n < 0 {
		s, n = s-1, n+second
	}
	return int32(s >> 32), uint32(s), uint32(n)
}

// joinTime is the inverse of splitTime. The product may wrap for the lowest times; adding nsec wraps it back.
func joinTime(era int32, sec, nsec uint32) int64 {
	return (int64(era)<<32|int64(sec))*second + int64(nsec)
}

// eraRange gives the times lo <= t <= hi that an era holds.
func eraRange(era int32) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	if era > minEra {
		lo = int64(era) << 32 * second
	}
	if era < maxEra {
		hi = (int64(era)+1)<<32*second - 1
	}
	return lo, hi
}

// putPackHeader writes the header of a packet to b, at least packHeader bytes long.
func putPackHeader(b []byte, sec, nsec, caplen, wire uint32) {
	binary.LittleEndian.PutUint64(b[8:16], uint64(caplen)|uint64(wire)<<32)
	binary.LittleEndian.PutUint64(b[0:8], uint64(sec)|uint64(nsec)<<32)
}

// header is a packet header.
type header struct{ sec, nsec, caplen, wire uint32 }

// parsePackHeader reads a packet header; ok says whether it can be one. Sixteen zero bytes are taken for the
// zero-filled end some file systems leave after a power cut.
func parsePackHeader(b []byte) (h header, ok bool) {
	lo, hi := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	h = header{uint32(lo), uint32(lo >> 32), uint32(hi), uint32(hi >> 32)}
	return h, h.nsec < uint32(second) && h.caplen <= MaxPacket && lo|hi != 0
}

// size is the length of header and data.
func (h header) size() uint64 { return packHeader + uint64(h.caplen) }
