package pcapstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Compressed segments are a row of zstd frames (RFC 8878), each of whole packets and decodable by itself, and, once
// complete, a seek table as the zstd seekable format has it: a skippable frame at the end. `zstd -d` gives the pcap.
const (
	zstdMagic     = 0xfd2fb528
	skipMagic     = 0x184d2a5e // of the seek table's frame
	seekMagic     = 0x8f92eab1
	seekFooter    = 9
	skipHeader    = 8
	maxZstdHeader = 18
)

// zframe is a zstd frame's place.
type zframe struct {
	off, fileOff   uint64 // of its first byte, uncompressed and in the file
	size, fileSize uint32
}

// newEncoder makes a compressor for one I/O loop. Frames carry a checksum, so that recovery can tell a torn one.
func newEncoder(level int) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevel(level)), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(true), zstd.WithSingleSegment(true), zstd.WithLowerEncoderMem(true))
}

// newDecoder makes a decompressor whose output is bounded by what a chunk can hold.
func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
}

// appendSeekTable appends the seek table for frames.
func appendSeekTable(dst []byte, frames []zframe) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, skipMagic)
	dst = le.AppendUint32(dst, uint32(8*len(frames)+seekFooter))
	for _, f := range frames {
		dst = le.AppendUint32(dst, f.fileSize)
		dst = le.AppendUint32(dst, f.size)
	}
	dst = le.AppendUint32(dst, uint32(len(frames)))
	dst = append(dst, 0) // descriptor: no checksums
	return le.AppendUint32(dst, seekMagic)
}

// readSeekTable reads the seek table at the end of a file of size bytes.
func readSeekTable(r io.ReaderAt, size int64) ([]zframe, error) {
	var foot [seekFooter]byte
	if size < seekFooter+skipHeader {
		return nil, fmt.Errorf("seek table: %w", errDamaged)
	}
	if _, err := r.ReadAt(foot[:], size-seekFooter); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	n, table := int64(le.Uint32(foot[:])), size-seekFooter
	if le.Uint32(foot[5:]) != seekMagic || foot[4] != 0 || n > (table-skipHeader)/8 {
		return nil, fmt.Errorf("seek table: %w", errDamaged)
	}
	table -= 8 * n
	b := make([]byte, 8*n)
	if _, err := r.ReadAt(b, table); err != nil {
		return nil, err
	}
	return placeFrames(b, uint64(table-skipHeader))
}

// placeFrames sums up the entries of a seek table; the frames must fill the file up to the table.
func placeFrames(b []byte, end uint64) ([]zframe, error) {
	frames := make([]zframe, 0, len(b)/8)
	var at zframe
	for ; len(b) > 0; b = b[8:] {
		at.fileSize, at.size = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		frames = append(frames, at)
		at.off += uint64(at.size)
		at.fileOff += uint64(at.fileSize)
	}
	if at.fileOff != end {
		return nil, fmt.Errorf("seek table: %w", errDamaged)
	}
	return frames, nil
}

// scanFrames finds the whole frames of a file without a seek table by their headers and those of their blocks
// (RFC 8878 3.1.1), from the place at on. A torn frame, or a skippable one, is the end.
func scanFrames(r io.ReaderAt, size int64, at zframe) ([]zframe, error) {
	var frames []zframe
	for {
		f, ok, err := frameAt(r, size, at.fileOff)
		if err != nil || !ok {
			return frames, err
		}
		f.off, f.fileOff = at.off, at.fileOff
		frames = append(frames, f)
		at.off += uint64(f.size)
		at.fileOff += uint64(f.fileSize)
	}
}

// frameAt measures the frame at off; ok is false if there is none, or not all of it.
func frameAt(r io.ReaderAt, size int64, off uint64) (f zframe, ok bool, err error) {
	var b [maxZstdHeader]byte
	n, err := r.ReadAt(b[:], int64(off))
	if err != nil && !errors.Is(err, io.EOF) {
		return f, false, err
	}
	var h zstd.Header
	if h.Decode(b[:n]) != nil || h.Skippable || !h.HasFCS || h.FrameContentSize > 64<<20 || h.HeaderSize == 0 {
		return f, false, nil
	}
	at := int64(off) + int64(h.HeaderSize)
	for last := false; !last; {
		if at+3 > size {
			return f, false, nil
		}
		if _, err := r.ReadAt(b[:3], at); err != nil {
			return f, false, err
		}
		v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		last = v&1 != 0
		at += 3 + blockBytes(v)
	}
	if h.HasCheckSum {
		at += 4
	}
	f.size, f.fileSize = uint32(h.FrameContentSize), uint32(at-int64(off))
	return f, at <= size, nil
}

// blockBytes is how long the block is that follows a block header: one byte for a run, else as many as it says.
func blockBytes(header uint32) int64 {
	if header>>1&3 == 1 {
		return 1
	}
	return int64(header >> 3)
}
