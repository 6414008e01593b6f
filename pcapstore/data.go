package pcapstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/klauspost/compress/zstd"

	"github.com/tapir-project/tapir/record"
)

// dataReader reads packets at offsets of the uncompressed segment, plain or compressed. It reads no more than it is
// told is worth it, and keeps the bytes it read last.
type dataReader struct {
	kind
	seq  uint64
	f    *os.File
	end  uint64 // uncompressed bytes there are
	zstd bool

	buf    []byte // bytes from at on
	at     uint64
	frames []zframe
	dec    *zstd.Decoder
	packed []byte
}

// openData opens the data file of a segment. frames are read from the seek table, or found in the file if there is
// none. end bounds what is read; 0: all there is.
func openData(f *files, end uint64) (d *dataReader, err error) {
	d = &dataReader{seq: f.seq, zstd: f.zstd, end: end}
	if d.f, err = os.Open(f.dataPath()); err != nil {
		return nil, err
	}
	if err = d.prepare(); err != nil {
		d.close()
		return nil, fmt.Errorf("%s: %w", f.dataPath(), err)
	}
	return d, nil
}

func (d *dataReader) prepare() error {
	st, err := d.f.Stat()
	if err != nil {
		return err
	}
	have := uint64(st.Size())
	if d.zstd {
		if d.dec, err = newDecoder(); err != nil {
			return err
		}
		if d.frames, err = readSeekTable(d.f, st.Size()); errors.Is(err, errDamaged) {
			d.frames, err = scanFrames(d.f, st.Size(), zframe{})
		}
		if err != nil {
			return err
		}
		have = framesEnd(d.frames)
	}
	if d.end == 0 {
		d.end = have
	}
	if have < d.end {
		return fmt.Errorf("%d of %d bytes are there: %w", have, d.end, errDamaged)
	}
	b, err := d.view(0, fileHeader, fixed(fileHeader))
	if err == nil {
		d.kind, err = parseFileHeader(b)
	}
	return err
}

func framesEnd(frames []zframe) uint64 {
	if len(frames) == 0 {
		return 0
	}
	last := frames[len(frames)-1]
	return last.off + uint64(last.size)
}

func (d *dataReader) close() {
	d.f.Close()
	if d.dec != nil {
		d.dec.Close()
	}
}

// has says whether n bytes at off can be viewed without reading.
func (d *dataReader) has(off uint64, n int) bool {
	return off >= d.at && off+uint64(n) <= d.at+uint64(len(d.buf))
}

// foresight says how many bytes are worth reading at once from the packet wanted now.
type foresight interface{ ahead() int }

// fixed is always the same foresight.
type fixed int

func (n fixed) ahead() int { return int(n) }

// view gives n bytes at off, valid until the next call. What lies ahead is read with them.
func (d *dataReader) view(off uint64, n int, a foresight) ([]byte, error) {
	if !d.has(off, n) {
		if off+uint64(n) > d.end {
			return nil, fmt.Errorf("packet at %d: %w: the segment ends at %d", off, errDamaged, d.end)
		}
		var err error
		if d.zstd {
			err = d.inflate(off, n)
		} else {
			err = d.fill(off, int(min(uint64(max(n, a.ahead())), d.end-off)))
		}
		if err != nil {
			return nil, err
		}
	}
	i := off - d.at
	return d.buf[i : i+uint64(n)], nil
}

// fill reads n bytes at off of a plain segment.
func (d *dataReader) fill(off uint64, n int) error {
	if cap(d.buf) < n {
		d.buf = make([]byte, n)
	}
	d.buf, d.at = d.buf[:n], off
	if _, err := d.f.ReadAt(d.buf, int64(off)); err != nil {
		d.buf = d.buf[:0]
		if err == io.EOF {
			return fmt.Errorf("%d bytes at %d: %w: the file is shorter", n, off, errDamaged)
		}
		return err
	}
	return nil
}

// inflate decompresses the frame that holds off.
func (d *dataReader) inflate(off uint64, n int) error {
	i := sort.Search(len(d.frames), func(i int) bool { return d.frames[i].off > off }) - 1
	if i < 0 || off+uint64(n) > d.frames[i].off+uint64(d.frames[i].size) {
		return fmt.Errorf("%d bytes at %d: %w: not within a frame", n, off, errDamaged)
	}
	return d.loadFrame(d.frames[i])
}

func (d *dataReader) loadFrame(f zframe) (err error) {
	if cap(d.packed) < int(f.fileSize) {
		d.packed = make([]byte, f.fileSize)
	}
	b := d.packed[:f.fileSize]
	if _, err = d.f.ReadAt(b, int64(f.fileOff)); err != nil {
		return fmt.Errorf("zstd frame at %d: %w", f.fileOff, err)
	}
	d.at = f.off
	if d.buf, err = d.dec.DecodeAll(b, d.buf[:0]); err == nil && len(d.buf) != int(f.size) {
		err = fmt.Errorf("%d of %d bytes", len(d.buf), f.size)
	}
	if err != nil {
		d.buf = d.buf[:0]
		return fmt.Errorf("zstd frame at %d: %w: %w", f.fileOff, errDamaged, err)
	}
	return nil
}

// Reading ahead: packets of a flow that stand close together are read at once.
const (
	guessPacket = 2048      // most packets are no longer, with their header
	maxAhead    = 256 << 10 // of one read
	maxGap      = 16 << 10  // bytes between two wanted packets that are read rather than skipped
)

// header reads the header of the packet at off.
func (d *dataReader) header(off uint64, a foresight) (header, error) {
	b, err := d.view(off, packHeader, a)
	if err != nil {
		return header{}, err
	}
	h, ok := parsePackHeader(b)
	if !ok {
		return h, fmt.Errorf("packet at %d: %w header", off, errDamaged)
	}
	return h, nil
}

// packet reads the packet at off into p, whose data is valid until the next call.
func (d *dataReader) packet(p *record.Packet, off uint64, a foresight) error {
	h, err := d.header(off, a)
	if err != nil {
		return err
	}
	b, err := d.view(off, int(h.size()), a)
	if err != nil {
		return err
	}
	*p = record.Packet{Time: joinTime(d.era, h.sec, h.nsec), Data: b[packHeader:], WireLen: h.wire, Link: d.link}
	return nil
}
