package pcapstore

import (
	"errors"
	"math"
	"os"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

// segment is the I/O loop's side of an open segment.
type segment struct {
	identity
	stem string // path of its files without extension

	data    file
	direct  file // data past the page cache; nil: not used, or not possible here
	journal file
	tail    uint64 // bytes of data written, in the file
	jtail   int64  // bytes of the journal
	frames  []zframe
	meta    meta
	broken  bool // bytes were given up: nothing more can be written behind them
}

// meta is what is known of a segment as a whole.
type meta struct {
	identity
	packets  uint64
	flows    uint64
	bytes    uint64 // uncompressed
	file     uint64 // bytes of the data file
	min, max int64  // packet times, ns
	unsorted bool   // packets do not stand in time order
	until    uint64 // see ending
}

// add counts the packets of a journal frame.
func (m *meta) add(f *frame) {
	if m.packets == 0 {
		m.min, m.max = f.min, f.max
	}
	m.packets += uint64(f.packets)
	m.min, m.max = min(m.min, f.min), max(m.max, f.max)
	m.unsorted = m.unsorted || f.unsorted
	m.bytes = f.end
}

// segmentWriter writes chunks to segments. Every step can be repeated after it has failed: writes go to fixed
// places, and what is done is noted only after it is done.
type segmentWriter struct {
	opts *Options
	enc  *zstd.Encoder
	zbuf []byte // the compressed chunk
	zfor *chunk // the chunk zbuf holds; nil: none
}

func (sw *segmentWriter) path(s *segment) string {
	if s.zstd {
		return s.stem + extZstd
	}
	return s.stem + extPlain
}

// create makes the files of s.
func (sw *segmentWriter) create(s *segment) (err error) {
	const fresh = os.O_CREATE | os.O_EXCL
	if s.data == nil {
		if s.data, err = sw.opts.disk.open(sw.path(s), fresh); err != nil {
			return err
		}
		s.meta = meta{identity: s.identity, bytes: fileHeader, until: math.MaxUint64}
		if !s.zstd && !sw.opts.NoDirect {
			s.direct, _ = sw.opts.disk.open(sw.path(s), openDirect)
		}
	}
	if s.journal == nil {
		if s.journal, err = sw.opts.disk.open(s.stem+extJournal, fresh); err != nil {
			return err
		}
	}
	if s.jtail == 0 {
		head := appendJournalHeader(nil, s.identity)
		if _, err = s.journal.WriteAt(head, 0); err != nil {
			return err
		}
		s.jtail = int64(len(head))
	}
	return nil
}

// write writes a chunk: the packets, then the journal frame that names those that end in it. behind says that
// chunks pile up.
func (sw *segmentWriter) write(s *segment, c *chunk, behind bool) error {
	if s.jtail == 0 {
		if err := sw.create(s); err != nil {
			return err
		}
	}
	if err := sw.writeData(s, c, behind); err != nil {
		return err
	}
	if c.packets > 0 {
		c.frame.seal(c.journal)
		if _, err := s.journal.WriteAt(c.journal, s.jtail); err != nil {
			return err
		}
	}
	if sw.opts.Sync == SyncFlushes {
		if err := errors.Join(s.data.Sync(), s.journal.Sync()); err != nil {
			return err
		}
	}
	sw.wrote(s, c)
	return nil
}

// wrote notes that c is on the disk.
func (sw *segmentWriter) wrote(s *segment, c *chunk) {
	if s.zstd {
		s.frames = append(s.frames, zframe{c.base, s.tail, uint32(c.n), uint32(len(sw.zbuf))})
		s.tail += uint64(len(sw.zbuf))
		sw.zfor = nil
	} else {
		s.tail = c.base + uint64(c.n)
	}
	if c.packets > 0 {
		s.jtail += int64(len(c.journal))
		s.meta.add(&c.frame)
	}
	s.meta.file = s.tail
}

func (sw *segmentWriter) writeData(s *segment, c *chunk, behind bool) error {
	if s.zstd {
		return sw.writeFrame(s, c)
	}
	if s.direct != nil && !behind && c.n == len(c.buf) {
		_, err := s.direct.WriteAt(c.buf, int64(c.base))
		if !errors.Is(err, syscall.EINVAL) {
			return err
		}
		s.direct.Close() // a file system that opens a file so but cannot write it
		s.direct = nil
	}
	_, err := s.data.WriteAt(c.buf[c.lead:c.n], int64(c.base)+int64(c.lead))
	return err
}

// writeFrame compresses c and writes the frame.
func (sw *segmentWriter) writeFrame(s *segment, c *chunk) (err error) {
	if sw.enc == nil {
		if sw.enc, err = newEncoder(sw.opts.Compress); err != nil {
			return err
		}
	}
	if sw.zfor != c {
		sw.zbuf = sw.enc.EncodeAll(c.buf[:c.n], sw.zbuf[:0])
		sw.zfor = c
	}
	_, err = s.data.WriteAt(sw.zbuf, int64(s.tail))
	return err
}

// complete ends the data file.
func (sw *segmentWriter) complete(s *segment, e *ending) error {
	if s.zstd {
		b := appendSeekTable(nil, s.frames)
		if _, err := s.data.WriteAt(b, int64(s.tail)); err != nil {
			return err
		}
		s.meta.file = s.tail + uint64(len(b))
	}
	s.meta.until = e.until
	return nil
}

// close closes the files of s; sync forces them to the disk first.
func (s *segment) close(sync bool) error {
	var errs []error
	for _, f := range []file{s.direct, s.data, s.journal} {
		if f == nil {
			continue
		}
		if sync && f != s.direct {
			errs = append(errs, f.Sync())
		}
		errs = append(errs, f.Close())
	}
	s.data, s.direct, s.journal = nil, nil, nil
	return errors.Join(errs...)
}
