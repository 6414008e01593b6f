package pcapfile

import (
	"fmt"

	"github.com/tapir-project/tapir/source"
)

// Truncated says that a file ends in the middle: of its header, of a packet or of its compressed data. Everything before
// the cut was delivered, so that callers may warn and go on; source.Partial tells so.
type Truncated struct {
	File    string
	Offset  int64  // where what is not whole begins, in bytes of the (unpacked) file
	Packets uint64 // packets before that
	Packed  bool   // the file is compressed
}

// Error says where the file ends.
func (e *Truncated) Error() string {
	return fmt.Sprintf("%s: ends in the middle, after %d packets, at byte %d%s; the packets before that were read",
		e.File, e.Packets, e.Offset, unpacked(e.Packed))
}

// Partial is true: see source.Partial.
func (e *Truncated) Partial() bool { return true }

// Corrupt says that a file contains what cannot be. What was before it was delivered; the rest of the file is lost.
type Corrupt struct {
	File    string
	Offset  int64  // of the bytes that are wrong, in the (unpacked) file
	Packets uint64 // packets before that
	Packed  bool   // the file is compressed
	Err     error  // what is wrong
}

// Error says what is wrong and where.
func (e *Corrupt) Error() string {
	return fmt.Sprintf("%s: after %d packets, at byte %d%s: %v", e.File, e.Packets, e.Offset, unpacked(e.Packed), e.Err)
}

// Unwrap is what is wrong.
func (e *Corrupt) Unwrap() error { return e.Err }

func unpacked(packed bool) string {
	if packed {
		return " of the unpacked data"
	}
	return ""
}

// NotCapture says that a file is no capture of a known format. It is a source.ErrNotCapture.
type NotCapture struct {
	File   string
	Begin  []byte // its first bytes, at most four
	Packed bool   // these are the first bytes of what is compressed in it
}

// Error tells what the file begins with.
func (e *NotCapture) Error() string {
	what := fmt.Sprintf("begins with % x", e.Begin)
	switch {
	case e.Packed:
		what = fmt.Sprintf("unpacked, it begins with % x", e.Begin)
	case len(e.Begin) == 0:
		what = "it is empty"
	}
	return fmt.Sprintf("%s is not a capture: %s; want pcap or pcapng, plain, gzip or zstd", e.File, what)
}

// Is makes e a source.ErrNotCapture.
func (e *NotCapture) Is(err error) bool { return err == source.ErrNotCapture }
