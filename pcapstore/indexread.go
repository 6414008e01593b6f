package pcapstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"sort"

	"github.com/tapir-project/tapir/record"
)

// indexReader finds flows in the index of a complete segment.
type indexReader struct {
	meta
	r      io.ReaderAt
	table  uint64 // file offset
	blocks uint32
	sum    uint32
	size   int64
	rows   []byte // the table, once loaded
	buf    []byte
}

// newIndexReader reads the footer of an index of size bytes.
func newIndexReader(r io.ReaderAt, size int64) (*indexReader, error) {
	le := binary.LittleEndian
	var b [indexFooter]byte
	if size < indexFooter+int64(len(indexMagic)) {
		return nil, fmt.Errorf("index of %d bytes: %w", size, errDamaged)
	}
	if _, err := r.ReadAt(b[:], size-indexFooter); err != nil {
		return nil, err
	}
	if string(b[indexFooter-8:]) != indexMagic || le.Uint32(b[indexFooter-12:]) != crc32.Checksum(b[:indexFooter-12], castagnoli) {
		return nil, fmt.Errorf("index footer: %w", errDamaged)
	}
	x := &indexReader{r: r, size: size, table: le.Uint64(b[:]), blocks: le.Uint32(b[8:]), sum: le.Uint32(b[12:])}
	x.meta = meta{
		identity: identity{seq: le.Uint64(b[16:]), worker: int(le.Uint32(b[24:])), zstd: b[30]&1 != 0,
			kind: kind{record.LinkType(le.Uint16(b[28:])), int32(le.Uint32(b[32:])), b[30]&2 != 0}},
		unsorted: b[30]&4 != 0, packets: le.Uint64(b[40:]), flows: le.Uint64(b[48:]), bytes: le.Uint64(b[56:]),
		file: le.Uint64(b[64:]), min: int64(le.Uint64(b[72:])), max: int64(le.Uint64(b[80:])), until: le.Uint64(b[88:]),
	}
	if x.table > uint64(size) || x.table+uint64(x.blocks)*tableEntry != uint64(size-indexFooter) ||
		x.era < minEra || x.era > maxEra || x.bytes > math.MaxUint32 {
		return nil, fmt.Errorf("index footer: %w", errDamaged)
	}
	return x, nil
}

// openIndex opens the index at path; the caller closes f.
func openIndex(path string) (x *indexReader, f *os.File, err error) {
	if f, err = os.Open(path); err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil {
		x, err = newIndexReader(f, st.Size())
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, f, nil
}

// load reads the table, a hundredth of the index.
func (x *indexReader) load() error {
	if x.rows != nil || x.blocks == 0 {
		return nil
	}
	rows := make([]byte, int(x.blocks)*tableEntry)
	if _, err := x.r.ReadAt(rows, int64(x.table)); err != nil {
		return fmt.Errorf("index table: %w", err)
	}
	if crc32.Checksum(rows, castagnoli) != x.sum {
		return fmt.Errorf("index table: %w", errDamaged)
	}
	x.rows = rows
	return nil
}

func (x *indexReader) first(i int) []byte { return x.rows[i*tableEntry:][:idLen] }

// block reads and checks the i-th block.
func (x *indexReader) block(i int) ([]byte, error) {
	le := binary.LittleEndian
	row := x.rows[i*tableEntry:][:tableEntry]
	start, end := le.Uint64(row[16:]), x.table
	if i+1 < int(x.blocks) {
		end = le.Uint64(x.rows[(i+1)*tableEntry+16:])
	}
	if start > end || end > x.table {
		return nil, fmt.Errorf("index table: %w", errDamaged)
	}
	n := int(end - start)
	if cap(x.buf) < n {
		x.buf = make([]byte, n)
	}
	b := x.buf[:n]
	if _, err := x.r.ReadAt(b, int64(start)); err != nil {
		return nil, fmt.Errorf("index block: %w", err)
	}
	if crc32.Checksum(b, castagnoli) != le.Uint32(row[24:]) {
		return nil, fmt.Errorf("index block: %w", errDamaged)
	}
	return b, nil
}

// posting is one flow's entry in a block.
type posting struct {
	id      []byte
	packets uint64
	deltas  []byte
}

// nextPosting splits the first entry off a block.
func nextPosting(b []byte) (p posting, rest []byte, ok bool) {
	if len(b) < idLen {
		return p, nil, false
	}
	p.id, b = b[:idLen], b[idLen:]
	packets, n := binary.Uvarint(b)
	if n <= 0 {
		return p, nil, false
	}
	b = b[n:]
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) || packets > size {
		return p, nil, false
	}
	p.packets, p.deltas = packets, b[n:n+int(size)]
	return p, b[n+int(size):], true
}

// appendOffsets appends the offsets of p's packets to dst. All lie below end.
func (p *posting) appendOffsets(dst []uint32, end uint64) ([]uint32, bool) {
	b, off := p.deltas, uint64(0)
	for i := range p.packets {
		d, n := binary.Uvarint(b)
		off += d
		if n <= 0 || d >= end || off >= end || i > 0 && d < packHeader || off < fileHeader {
			return dst, false
		}
		dst, b = append(dst, uint32(off)), b[n:]
	}
	return dst, len(b) == 0
}

// find appends the offsets of the packets of the flows in ids, which ascend, flow by flow.
func (x *indexReader) find(dst []uint32, ids []record.ID) ([]uint32, error) {
	if err := x.load(); err != nil {
		return dst, err
	}
	for from := 0; len(ids) > 0 && from < int(x.blocks); {
		// The last block that begins at or before the first id wanted may hold it.
		i := from + sort.Search(int(x.blocks)-from, func(i int) bool {
			return bytes.Compare(x.first(from+i), ids[0][:]) > 0
		}) - 1
		var err error
		if i >= from {
			if dst, err = x.findIn(dst, i, ids); err != nil {
				return dst, err
			}
		}
		from = i + 1
		if from < int(x.blocks) {
			ids = ids[lowerBound(ids, x.first(from)):]
		}
	}
	return dst, nil
}

// lowerBound is the number of ids before id.
func lowerBound(ids []record.ID, id []byte) int {
	return sort.Search(len(ids), func(i int) bool { return bytes.Compare(ids[i][:], id) >= 0 })
}

// findIn merges block i with ids.
func (x *indexReader) findIn(dst []uint32, i int, ids []record.ID) ([]uint32, error) {
	b, err := x.block(i)
	for err == nil && len(b) > 0 && len(ids) > 0 {
		p, rest, ok := nextPosting(b)
		if !ok {
			return dst, fmt.Errorf("index block: %w", errDamaged)
		}
		b = rest
		for len(ids) > 0 && bytes.Compare(ids[0][:], p.id) < 0 {
			ids = ids[1:]
		}
		if len(ids) > 0 && bytes.Equal(ids[0][:], p.id) {
			if dst, ok = p.appendOffsets(dst, x.bytes); !ok {
				return dst, fmt.Errorf("index block: %w", errDamaged)
			}
		}
	}
	return dst, err
}

// each calls yield for every flow with its packets' offsets, which are valid until the next call.
func (x *indexReader) each(yield func(id record.ID, offs []uint32)) error {
	if err := x.load(); err != nil {
		return err
	}
	var offs []uint32
	for i := range int(x.blocks) {
		b, err := x.block(i)
		if err != nil {
			return err
		}
		for len(b) > 0 {
			p, rest, ok := nextPosting(b)
			if ok {
				offs, ok = p.appendOffsets(offs[:0], x.bytes)
			}
			if !ok {
				return fmt.Errorf("index block: %w", errDamaged)
			}
			yield(record.ID(p.id), offs)
			b = rest
		}
	}
	return nil
}
