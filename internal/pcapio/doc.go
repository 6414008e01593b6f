// Package pcapio reads and writes the bytes of capture files: pcap (draft-ietf-opsawg-pcap) and pcapng
// (draft-ietf-opsawg-pcapng). It does no input or output of its own.
//
// Reading: byte slices flow in, record.Packet values that point into them flow out; the caller keeps the unused tail
// and comes back with more. Writing: everything appends to a slice of the caller's. The source pcapfile, the packet
// store and the export of the API are its callers.
//
// Files are hostile: a decoder keeps nothing of what it reads but a bounded list of interfaces, never asks for more than
// MaxNeed bytes at once, and consumes at least 12 bytes with every step.
package pcapio

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tapir-project/tapir/record"
)

// Bounds on what a capture file may say.
const (
	// MaxPacket is the most captured bytes of one packet. Linux builds no larger ones (gso_max_size, 512 KiB, with the
	// link header); captures stop at 256 KiB by default.
	MaxPacket = 512<<10 + 256
	// MaxNeed is the most bytes a decoder has to see at once.
	MaxNeed = MaxPacket + 64<<10
	// MaxInterfaces is the most interfaces of one pcapng section.
	MaxInterfaces = 1 << 16
	// DefaultSnaplen is what a file header gets that is written without a limit, as tcpdump does.
	DefaultSnaplen = 262144
)

// ErrCorrupt is wrapped by every error that says that bytes cannot be what the format wants there.
var ErrCorrupt = errors.New("corrupt")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

// Kind is what a file is, judged by its first four bytes.
type Kind uint8

// The kinds.
const (
	Unknown Kind = iota
	KindPcap
	KindPcapng
	KindGzip
	KindZstd
)

// Sniff judges a file by its first four bytes.
func Sniff(b []byte) Kind {
	if len(b) < 4 {
		return Unknown
	}
	le, be := binary.LittleEndian.Uint32(b), binary.BigEndian.Uint32(b)
	switch {
	case isPcap(le) || isPcap(be):
		return KindPcap
	case le == blockSection:
		return KindPcapng
	case le&0xffffff == 0x088b1f: // RFC 1952 §2.3: two magic bytes, method deflate
		return KindGzip
	case le == 0xfd2fb528 || le&^0xf == 0x184d2a50: // RFC 8878 §3.1: a frame, or one to skip
		return KindZstd
	}
	return Unknown
}

// Decoder reads packets out of a stream of bytes; *Pcap and *Pcapng are the two there are.
type Decoder interface {
	// Decode reads as many packets from the beginning of b as are whole and as dst has room for (it never grows), and
	// appends them to dst. Their Data point into b.
	//
	// It returns how many bytes it consumed. That may be more than there are in b: the rest is to be skipped unread.
	// Need tells why it stopped: 0 because dst is full; else it wants to see at least that many bytes from b[n:] on.
	// An error is about the bytes at b[n:]; the packets before it are good.
	Decode(b []byte, dst []record.Packet) (out []record.Packet, n, need int, err error)
}
