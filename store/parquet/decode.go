package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/delta"
)

// values is a run of decoded values: numbers (ints, times, floats as their bits, booleans), or bytes.
type values struct {
	nums []int64
	text []byte
	ends []uint32 // bytes: where value i ends in text; nil for numbers and for values of 16 bytes each
	gap  uint32   // bytes between the end of a value and the next: the length before it
	n    int
}

// bytes is the i-th value of a run of bytes, borrowed.
func (v *values) bytes(i int) []byte {
	if v.ends == nil {
		return v.text[16*i : 16*i+16]
	}
	from := v.gap
	if i > 0 {
		from += v.ends[i-1]
	}
	return v.text[from:v.ends[i]:v.ends[i]]
}

// page is one decoded data page.
type page struct {
	first, rows int      // rows of the row group
	runs        []rowRun // rows that have a value, in order; lists: nil
	at          []uint32 // lists: for each row, where its values begin; one more at the end
	vals        values
	codes       []uint16 // values are those of the dictionary with these numbers
	dict        *values
}

// rowRun is n rows from row that have one value each, the first of them val.
type rowRun struct{ row, n, val int }

// span says which values the row of the row group with that number has: i to j.
func (p *page) span(row int) (i, j int) {
	row -= p.first
	if p.at != nil {
		return int(p.at[row]), int(p.at[row+1])
	}
	lo, hi := 0, len(p.runs)
	for lo < hi { // the first run that ends behind row
		if m := (lo + hi) / 2; p.runs[m].row+p.runs[m].n <= row {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == len(p.runs) || row < p.runs[lo].row {
		return 0, 0
	}
	i = p.runs[lo].val + row - p.runs[lo].row
	return i, i + 1
}

// num is a page's i-th value as a number, bytes as bytes.
func (p *page) num(i int) int64 {
	if p.dict != nil {
		return p.dict.nums[p.codes[i]]
	}
	return p.vals.nums[i]
}

func (p *page) bytes(i int) []byte {
	if p.dict != nil {
		return p.dict.bytes(int(p.codes[i]))
	}
	return p.vals.bytes(i)
}

// chunk reads the pages of one column of a row group. Pages stay decoded until the chunk is dropped.
type chunk struct {
	meta  chunkMeta
	phys  physical
	r     io.ReaderAt
	off   int64 // of the next page header
	row   int   // first row of the next page
	dict  *values
	pages []*page // those passed so far; nil: not decoded
	heads []pageAt
}

// pageAt is where a page stands.
type pageAt struct {
	pageHeader
	off   int64 // of what follows the header
	first int   // row
}

var errCorrupt = errors.New("damaged column")

// unzstd is shared: DecodeAll is safe for concurrent use.
var unzstd = func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(1<<28))
	if err != nil {
		panic(err) // the options are constant
	}
	return d
}()

// find gives the decoded page of a row.
func (c *chunk) find(row int) (*page, error) {
	for row >= c.row {
		if err := c.next(); err != nil {
			return nil, c.fail(err)
		}
	}
	i, j := 0, len(c.heads)
	for i+1 < j {
		if m := (i + j) / 2; c.heads[m].first <= row {
			i = m
		} else {
			j = m
		}
	}
	if c.pages[i] == nil {
		p, err := c.decode(&c.heads[i])
		if err != nil {
			return nil, c.fail(err)
		}
		c.pages[i] = p
	}
	return c.pages[i], nil
}

func (c *chunk) fail(err error) error { return fmt.Errorf("column %v: %w", c.meta.slot, err) }

// next reads the header of one more page.
func (c *chunk) next() error {
	var buf [128]byte
	end := c.meta.off + c.meta.size
	n, err := c.r.ReadAt(buf[:min(int64(len(buf)), end-c.off)], c.off)
	if n == 0 {
		return fmt.Errorf("%w: it ends at row %d (%v)", errCorrupt, c.row, err)
	}
	h, n, err := parsePage(buf[:n])
	if err != nil {
		return err
	}
	at := pageAt{pageHeader: h, off: c.off + int64(n), first: c.row}
	if c.off = at.off + int64(h.stored); c.off > end || h.raw > 1<<27 || h.defs+h.reps > h.stored || h.values > 1<<24 {
		return fmt.Errorf("%w: a page of %d bytes", errCorrupt, h.stored)
	}
	if h.kind == pageDict {
		return c.readDict(&at)
	}
	if h.kind != pageV2 || h.rows == 0 || h.rows > h.values {
		return fmt.Errorf("%w: page type %d with %d rows", errCorrupt, h.kind, h.rows)
	}
	c.row += h.rows
	c.heads = append(c.heads, at)
	c.pages = append(c.pages, nil)
	return nil
}

func (c *chunk) readDict(at *pageAt) error {
	body := make([]byte, at.stored)
	if _, err := c.r.ReadAt(body, at.off); err != nil {
		return err
	}
	raw, err := inflate(body, at.raw)
	if err != nil {
		return err
	}
	c.dict = new(values)
	return c.dict.plain(c.phys, raw, at.values)
}

func inflate(b []byte, size int) ([]byte, error) {
	out, err := unzstd.DecodeAll(b, make([]byte, 0, size))
	if err == nil && len(out) != size {
		err = fmt.Errorf("%w: %d bytes in place of %d", errCorrupt, len(out), size)
	}
	return out, err
}

// decode reads and decodes a data page.
func (c *chunk) decode(at *pageAt) (*page, error) {
	body := make([]byte, at.stored)
	if _, err := c.r.ReadAt(body, at.off); err != nil {
		return nil, err
	}
	p := &page{first: at.first, rows: at.rows}
	levels := at.reps + at.defs
	n, err := 0, error(nil)
	if c.meta.slot.isMore() {
		n, err = p.listLevels(body[:at.reps], body[at.reps:levels], at)
	} else {
		n, err = p.levels(body[at.reps:levels], at)
	}
	if err != nil {
		return nil, err
	}
	data := body[levels:]
	if !at.uncompressed && at.raw > levels {
		if data, err = inflate(data, at.raw-levels); err != nil {
			return nil, err
		}
	}
	return p, c.values(p, at.encoding, data, n)
}

// levels finds out which rows have a value; it returns the number of values.
func (p *page) levels(defs []byte, at *pageAt) (n int, err error) {
	row := 0
	err = eachRun(defs, 1, at.values, func(v uint16, k int) {
		if v == 1 {
			if i := len(p.runs) - 1; i >= 0 && p.runs[i].row+p.runs[i].n == row {
				p.runs[i].n += k
			} else {
				p.runs = append(p.runs, rowRun{row, k, n})
			}
			n += k
		}
		row += k
	})
	return n, err
}

// listLevels finds out which values belong to which row.
func (p *page) listLevels(reps, defs []byte, at *pageAt) (n int, err error) {
	rep, err := readHybrid(reps, 1, at.values)
	if err != nil {
		return 0, err
	}
	def, err := readHybrid(defs, 2, at.values)
	if err != nil {
		return 0, err
	}
	p.at = make([]uint32, 0, at.rows+1)
	for i, d := range def {
		if rep[i] == 0 {
			p.at = append(p.at, uint32(n))
		}
		if d == 2 {
			n++
		}
	}
	if len(p.at) != at.rows {
		return 0, fmt.Errorf("%w: %d rows in place of %d", errCorrupt, len(p.at), at.rows)
	}
	p.at = append(p.at, uint32(n))
	return n, nil
}

// values decodes the n values of a page.
func (c *chunk) values(p *page, enc int, b []byte, n int) (err error) {
	switch {
	case n == 0:
		return nil
	case enc == encDict:
		return c.indexes(p, b, n)
	case enc == encPlain:
		return p.vals.plain(c.phys, b, n)
	case enc == encDelta && c.phys != physText && c.phys != physAddr && c.phys != physID:
		p.vals.nums, err = new(delta.BinaryPackedEncoding).DecodeInt64(nil, b)
		p.vals.n = len(p.vals.nums)
	case enc == encDeltaLength && c.phys == physText:
		p.vals.text, p.vals.ends, err = new(delta.LengthByteArrayEncoding).DecodeByteArray(nil, b, nil)
		if err == nil && len(p.vals.ends) > 0 {
			p.vals.ends = p.vals.ends[1:] // the first is 0
		}
		p.vals.n = len(p.vals.ends)
	default:
		err = fmt.Errorf("%w: encoding %d", errCorrupt, enc)
	}
	if err == nil && p.vals.n != n {
		err = fmt.Errorf("%w: %d values in place of %d", errCorrupt, p.vals.n, n)
	}
	return err
}

func (c *chunk) indexes(p *page, b []byte, n int) error {
	if c.dict == nil || len(b) == 0 || b[0] > 16 {
		return fmt.Errorf("%w: indexes without a dictionary", errCorrupt)
	}
	codes, err := readHybrid(b[1:], int(b[0]), n)
	if err != nil {
		return err
	}
	for _, v := range codes {
		if int(v) >= c.dict.n {
			return fmt.Errorf("%w: index %d in a dictionary of %d", errCorrupt, v, c.dict.n)
		}
	}
	p.dict, p.codes = c.dict, codes
	return nil
}

// plain decodes n values in PLAIN encoding; b is kept.
func (v *values) plain(phys physical, b []byte, n int) error {
	v.n = n
	switch phys {
	case physAddr, physID:
		v.text = b
		if len(b) != 16*n {
			return errCorrupt
		}
	case physText:
		return v.plainTexts(b, n)
	case physBool:
		if len(b) < (n+7)/8 {
			return errCorrupt
		}
		v.nums = make([]int64, n)
		for i := range v.nums {
			v.nums[i] = int64(b[i/8] >> (i % 8) & 1)
		}
	default:
		if len(b) != 8*n {
			return errCorrupt
		}
		v.nums = make([]int64, n)
		for i := range v.nums {
			v.nums[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	return nil
}

func (v *values) plainTexts(b []byte, n int) error {
	if 4*n > len(b) {
		return errCorrupt
	}
	v.text, v.gap, v.ends = b, 4, make([]uint32, n)
	at := 0
	for i := range v.ends {
		if len(b)-at < 4 {
			return errCorrupt
		}
		k := binary.LittleEndian.Uint32(b[at:])
		if at += 4; uint64(k) > uint64(len(b)-at) {
			return errCorrupt
		}
		at += int(k)
		v.ends[i] = uint32(at)
	}
	return nil
}
