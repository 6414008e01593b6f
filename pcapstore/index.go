package pcapstore

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"

	"github.com/tapir-project/tapir/record"
)

// The index of a complete segment: for each flow, in the order of their ids, where its packets begin. Blocks of
// entries, a table that names the first flow of each block, and a footer; docs/pcapstore-format.md describes it byte
// by byte.
const (
	indexMagic  = "TAPIRIX1"
	indexFooter = 128
	tableEntry  = 32
	indexBlock  = 4096 // bytes after which a block ends
	idLen       = len(record.ID{})
)

// indexBuilder collects the flows and offsets of a segment: 4 bytes a packet and 24 a flow.
type indexBuilder struct {
	ids    []record.ID
	counts []uint32 // packets of each flow; later, where its offsets end in offs
	offs   []uint32
}

// writeIndex builds the index of a segment from its journal at path and writes it to out. m is the segment's, with
// what only the caller knows: file and until.
func writeIndex(journal string, m meta, out io.Writer) error {
	b := &indexBuilder{}
	if err := b.count(journal); err != nil {
		return err
	}
	if err := b.place(journal); err != nil {
		return err
	}
	return b.write(m, out)
}

// count reads the journal for the first time: which flows there are, and how many packets each has.
func (b *indexBuilder) count(journal string) error {
	j, f, err := openJournal(journal)
	if err != nil {
		return err
	}
	defer f.Close()
	return j.each(func(e *entry) {
		if e.fresh {
			b.ids = append(b.ids, e.id)
			b.counts = append(b.counts, 0)
		}
		b.counts[e.flow]++
	})
}

// place reads it again and puts each packet's offset with those of its flow.
func (b *indexBuilder) place(journal string) error {
	var sum uint32
	for i, n := range b.counts {
		b.counts[i] = sum
		sum += n
	}
	b.offs = make([]uint32, sum)
	j, f, err := openJournal(journal)
	if err != nil {
		return err
	}
	defer f.Close()
	return j.each(func(e *entry) {
		if at := b.counts[e.flow]; at < sum {
			b.offs[at] = uint32(e.off)
			b.counts[e.flow]++
		}
	})
}

// of are the offsets of the flow with number i, ascending.
func (b *indexBuilder) of(i uint32) []uint32 {
	start := uint32(0)
	if i > 0 {
		start = b.counts[i-1]
	}
	return b.offs[start:b.counts[i]]
}

// order is the numbers of the flows in the order of their ids.
func (b *indexBuilder) order() []uint32 {
	order := make([]uint32, len(b.ids))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		if c := bytes.Compare(b.ids[x][:], b.ids[y][:]); c != 0 {
			return c
		}
		return compare(int64(x), int64(y))
	})
	return order
}

// write writes the whole index.
func (b *indexBuilder) write(m meta, out io.Writer) error {
	w := &indexWriter{out: bufio.NewWriterSize(out, 64<<10)}
	w.raw([]byte(indexMagic))
	order := b.order()
	var merged []uint32
	for len(order) > 0 {
		id, same := b.ids[order[0]], 1
		for same < len(order) && b.ids[order[same]] == id {
			same++
		}
		offs := b.of(order[0])
		if same > 1 { // one flow under several numbers: the caller had several Flows for it, or recovery gave it one
			merged = merged[:0]
			for _, i := range order[:same] {
				merged = append(merged, b.of(i)...)
			}
			slices.Sort(merged)
			offs = merged
		}
		w.flow(&id, offs)
		m.flows++
		order = order[same:]
	}
	w.endBlock()
	w.footer(m)
	return errors.Join(w.err, w.out.Flush())
}

// indexWriter writes the parts of an index one after the other.
type indexWriter struct {
	out   *bufio.Writer
	off   uint64
	block []byte // the block being made
	flows uint32 // in it
	first record.ID
	table []byte
	post  []byte
	err   error
}

func (w *indexWriter) raw(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
	}
	w.off += uint64(len(b))
}

// flow adds an entry: id, number of packets, length of what follows, first offset and differences, as uvarints.
func (w *indexWriter) flow(id *record.ID, offs []uint32) {
	if len(w.block) >= indexBlock {
		w.endBlock()
	}
	if w.flows == 0 {
		w.first = *id
	}
	w.flows++
	w.post = w.post[:0]
	last := uint32(0)
	for _, o := range offs {
		w.post = binary.AppendUvarint(w.post, uint64(o-last))
		last = o
	}
	w.block = append(w.block, id[:]...)
	w.block = binary.AppendUvarint(w.block, uint64(len(offs)))
	w.block = binary.AppendUvarint(w.block, uint64(len(w.post)))
	w.block = append(w.block, w.post...)
}

// endBlock writes the block and enters it in the table.
func (w *indexWriter) endBlock() {
	if w.flows == 0 {
		return
	}
	le := binary.LittleEndian
	w.table = append(w.table, w.first[:]...)
	w.table = le.AppendUint64(w.table, w.off)
	w.table = le.AppendUint32(w.table, crc32.Checksum(w.block, castagnoli))
	w.table = le.AppendUint32(w.table, w.flows)
	w.raw(w.block)
	w.block, w.flows = w.block[:0], 0
}

// footer writes the table and the footer.
func (w *indexWriter) footer(m meta) {
	start := w.off
	w.raw(w.table)
	w.raw(appendIndexFooter(nil, m, start, uint32(len(w.table)/tableEntry), crc32.Checksum(w.table, castagnoli)))
}

func appendIndexFooter(dst []byte, m meta, table uint64, blocks, sum uint32) []byte {
	le, start := binary.LittleEndian, len(dst)
	dst = le.AppendUint64(dst, table)
	dst = le.AppendUint32(dst, blocks)
	dst = le.AppendUint32(dst, sum)
	dst = le.AppendUint64(dst, m.seq)
	dst = le.AppendUint32(dst, uint32(m.worker))
	dst = le.AppendUint16(dst, uint16(m.link))
	dst = le.AppendUint16(dst, uint16(flag(m.zstd)|flag(m.big)<<1|flag(m.unsorted)<<2))
	dst = le.AppendUint32(dst, uint32(m.era))
	dst = le.AppendUint32(dst, 0)
	dst = le.AppendUint64(dst, m.packets)
	dst = le.AppendUint64(dst, m.flows)
	dst = le.AppendUint64(dst, m.bytes)
	dst = le.AppendUint64(dst, m.file)
	dst = le.AppendUint64(dst, uint64(m.min))
	dst = le.AppendUint64(dst, uint64(m.max))
	dst = le.AppendUint64(dst, m.until)
	dst = append(dst, make([]byte, indexFooter-12-(len(dst)-start))...)
	dst = le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, indexMagic...)
}
