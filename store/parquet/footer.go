package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go/format"
)

// footer is what a reader of rows must know of a file: where the columns of each row group stand.
type footer struct {
	groups []groupMeta
	first  []int64 // number of each group's first row, then the number of rows
}

// groupMeta is one row group.
type groupMeta struct {
	rows   int
	chunks []chunkMeta // of columns with values that this program knows, in the order of files
}

// chunkMeta is one column of a row group.
type chunkMeta struct {
	slot  slot
	off   int64 // of its first page
	size  int64 // of all its pages
	nulls int64

	least, most         int64 // of a column of integers, where the file says them
	bloomOff, bloomSize int64 // its Bloom filter; size 0: none
}

const maxFooter = 64 << 20

var errNotParquet = errors.New("not a whole Parquet file")

// meta reads the file's footer, once.
func (f *recordFile) meta() (*footer, error) {
	f.once.Do(func() {
		if f.foot, f.err = readFooter(f.path); f.err != nil {
			f.err = fmt.Errorf("%s: %w", f.path, f.err)
		}
	})
	return f.foot, f.err
}

func readFooter(path string) (*footer, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	var tail [8]byte
	if _, err := r.ReadAt(tail[:], info.Size()-8); err != nil || string(tail[4:]) != magic {
		return nil, errNotParquet
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > maxFooter || n+12 > info.Size() {
		return nil, errNotParquet
	}
	buf := make([]byte, n)
	if _, err := r.ReadAt(buf, info.Size()-8-n); err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	return parseFooter(buf, info.Size())
}

// parseFooter keeps of a footer (FileMetaData in parquet.thrift) what is used, and checks it against the file's size.
func parseFooter(b []byte, size int64) (*footer, error) {
	p := footerParser{thriftReader: thriftReader{b: b}, foot: &footer{first: []int64{0}}, size: size}
	p.fields(func(id, typ int) {
		if id != 4 || typ != tList {
			p.skip(typ)
			return
		}
		for n, _ := p.list(); n > 0 && !p.bad; n-- {
			p.group()
		}
	})
	if p.bad {
		return nil, errFooter
	}
	return p.foot, nil
}

var errFooter = errors.New("damaged footer")

type footerParser struct {
	thriftReader
	foot *footer
	size int64
}

// group reads a RowGroup.
func (p *footerParser) group() {
	var g groupMeta
	p.fields(func(id, typ int) {
		switch {
		case id == 1 && typ == tList:
			n, _ := p.list()
			for ; n > 0 && !p.bad; n-- {
				if c, ok := p.chunk(); ok {
					g.chunks = append(g.chunks, c)
				}
			}
		case id == 3:
			g.rows = int(p.num64())
		default:
			p.skip(typ)
		}
	})
	if g.rows < 0 || g.rows > 1<<24 {
		p.bad = true
		return
	}
	g.chunks = slices.DeleteFunc(g.chunks, func(c chunkMeta) bool { return c.nulls >= int64(g.rows) })
	slices.SortFunc(g.chunks, func(a, b chunkMeta) int { return int(specs[a.slot].rank) - int(specs[b.slot].rank) })
	p.foot.groups = append(p.foot.groups, g)
	p.foot.first = append(p.foot.first, p.foot.first[len(p.foot.first)-1]+int64(g.rows))
}

// chunk reads a ColumnChunk; ok is false for a column this program does not know.
func (p *footerParser) chunk() (c chunkMeta, ok bool) {
	p.fields(func(id, typ int) {
		if id == 3 && typ == tStruct {
			c, ok = p.columnMeta()
		} else {
			p.skip(typ)
		}
	})
	return c, ok
}

// columnMeta reads a ColumnMetaData.
func (p *footerParser) columnMeta() (c chunkMeta, ok bool) {
	typ, codec, depth, dict := -1, -1, 0, int64(0)
	p.fields(func(id, t int) {
		switch id {
		case 1:
			typ = p.num()
		case 3:
			c.slot, depth, ok = p.path()
		case 4:
			codec = p.num()
		case 7:
			c.size = p.num64()
		case 9:
			c.off = p.num64()
		case 11:
			dict = p.num64()
		case 12:
			c.nulls, c.least, c.most = p.statistics()
		case 14:
			c.bloomOff = p.num64()
		case 15:
			c.bloomSize = p.num64()
		default:
			p.skip(t)
		}
	})
	if dict > 0 {
		c.off = dict
	}
	if c.bloomSize < 0 || c.bloomOff < 0 || c.bloomOff > p.size || c.bloomSize > p.size-c.bloomOff {
		p.bad = true
	}
	if c.off < 4 || c.size < 0 || c.off > p.size || c.size > p.size-c.off {
		p.bad = true
	}
	ok = ok && int(parquetType(specs[c.slot].phys)) == typ && codec == int(format.Zstd) && c.slot.isMore() == (depth == 3)
	return c, ok
}

// path reads a column's path: its slot and how deep it lies.
func (p *footerParser) path() (s slot, depth int, ok bool) {
	depth, _ = p.list()
	for i := range depth {
		name := p.bytes()
		if i == 0 {
			s, ok = slotByName[string(name)]
		}
	}
	return s, depth, ok
}

// statistics reads Statistics: how many nulls, and the bounds as far as they are integers.
func (p *footerParser) statistics() (nulls, least, most int64) {
	p.fields(func(id, typ int) {
		switch {
		case id == 3:
			nulls = p.num64()
		case id == 5 && typ == tBinary:
			most = integer(p.bytes())
		case id == 6 && typ == tBinary:
			least = integer(p.bytes())
		default:
			p.skip(typ)
		}
	})
	return nulls, least, most
}

// integer is a bound of an INT64 column; 0 for those of others.
func integer(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// groupOf finds the row group of a row.
func (f *footer) groupOf(row int64) (int, error) {
	if row < 0 || row >= f.first[len(f.groups)] {
		return 0, fmt.Errorf("row %d of %d", row, f.first[len(f.groups)])
	}
	i, ok := slices.BinarySearch(f.first, row)
	if !ok {
		i--
	}
	for f.groups[i].rows == 0 {
		i++
	}
	return i, nil
}
