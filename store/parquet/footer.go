package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
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
	var m format.FileMetaData
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), buf, &m); err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	return newFooter(&m, info.Size())
}

// newFooter keeps of a footer what is used, and checks it against the file's size.
func newFooter(m *format.FileMetaData, size int64) (*footer, error) {
	f := &footer{first: []int64{0}}
	for i := range m.RowGroups {
		rg := &m.RowGroups[i]
		g := groupMeta{rows: int(rg.NumRows)}
		if rg.NumRows < 0 || rg.NumRows > 1<<24 {
			return nil, fmt.Errorf("row group %d: %d rows", i, rg.NumRows)
		}
		for k := range rg.Columns {
			c, ok, err := chunkOf(&rg.Columns[k].MetaData, size)
			if err != nil {
				return nil, err
			}
			if ok && c.nulls < rg.NumRows {
				g.chunks = append(g.chunks, c)
			}
		}
		slices.SortFunc(g.chunks, func(a, b chunkMeta) int { return int(specs[a.slot].rank) - int(specs[b.slot].rank) })
		f.groups = append(f.groups, g)
		f.first = append(f.first, f.first[i]+rg.NumRows)
	}
	return f, nil
}

// chunkOf takes a column chunk; ok is false for a column this program does not know.
func chunkOf(m *format.ColumnMetaData, size int64) (c chunkMeta, ok bool, err error) {
	if len(m.PathInSchema) == 0 {
		return c, false, nil
	}
	s, ok := slotByName[m.PathInSchema[0]]
	if !ok || parquetType(specs[s].phys) != m.Type || s.isMore() != (len(m.PathInSchema) == 3) || m.Codec != format.Zstd {
		return c, false, nil
	}
	c = chunkMeta{slot: s, off: m.DataPageOffset, size: m.TotalCompressedSize, nulls: m.Statistics.NullCount}
	if m.DictionaryPageOffset > 0 {
		c.off = m.DictionaryPageOffset
	}
	if c.off < 4 || c.size < 0 || c.off > size || c.size > size-c.off {
		return c, false, fmt.Errorf("column %v: lies outside of the file", s)
	}
	return c, true, nil
}

// groupOf finds the row group of a row.
func (f *footer) groupOf(row int64) (group, within int, err error) {
	if row < 0 || row >= f.first[len(f.groups)] {
		return 0, 0, fmt.Errorf("row %d of %d", row, f.first[len(f.groups)])
	}
	i, ok := slices.BinarySearch(f.first, row)
	if !ok {
		i--
	}
	for f.groups[i].rows == 0 {
		i++
	}
	return i, int(row - f.first[i]), nil
}
