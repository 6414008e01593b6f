package parquet

import (
	"bytes"
	"encoding/binary"

	"github.com/parquet-go/parquet-go/encoding/delta"
)

// Limits of dictionaries and pages. A reader that wants one row reads the dictionary and one page of each column, so
// both are kept small; both must be large enough to be worth compressing.
const (
	maxDictBytes  = 512 << 10
	pageValues    = 8192
	pageTextBytes = 128 << 10
)

// plan is how the values of a column chunk are encoded.
type plan struct {
	enc   int
	width int      // encDict: bits of an index, 0, 8 or 16
	dict  []byte   // encDict: the dictionary page
	count int      // encDict: entries of it
	codes []uint16 // encDict of numbers: index of each value
}

// planText chooses for text and addresses, numbered by d, of n values in all.
func (e *encoder) planText(phys physical, d *intern, n int) (p plan) {
	size := len(d.text)
	if phys == physText {
		size += 4 * d.len()
	}
	if d.len() > maxRows || size > maxDictBytes || d.len() > 1 && 2*d.len() > n {
		if phys == physText {
			return plan{enc: encDeltaLength}
		}
		return plan{enc: encPlain}
	}
	p = plan{enc: encDict, width: indexWidth(d.len()), count: d.len(), dict: e.dict[:0]}
	if phys != physText {
		p.dict = d.text
		return p
	}
	for i := range d.len() {
		t := d.at(uint32(i))
		p.dict = binary.LittleEndian.AppendUint32(p.dict, uint32(len(t)))
		p.dict = append(p.dict, t...)
	}
	e.dict = p.dict
	return p
}

func indexWidth(n int) int {
	switch {
	case n == 1:
		return 0
	case n <= 1<<8:
		return 8
	}
	return 16
}

// planInts chooses for numbers: a dictionary if there are few different ones, else deltas.
func (e *encoder) planInts(phys physical, vals []int64) (p plan) {
	p.enc = encDelta
	if phys == physFloat {
		p.enc = encPlain
	}
	if !e.fewDistinct(vals) || !e.nums.build(vals, min(len(vals)/4, maxNumDict)) {
		return p
	}
	p = plan{enc: encDict, width: indexWidth(len(e.nums.vals)), count: len(e.nums.vals), dict: e.dict[:0], codes: e.nums.codes}
	for _, v := range e.nums.vals {
		p.dict = binary.LittleEndian.AppendUint64(p.dict, uint64(v))
	}
	e.dict = p.dict
	return p
}

const maxNumDict = 4096

// fewDistinct looks at a sample: is a dictionary worth trying?
func (e *encoder) fewDistinct(vals []int64) bool {
	const sample = 64
	if len(vals) < 4*sample {
		return true
	}
	step := len(vals) / sample
	e.nums.reset()
	for i := 0; i < sample; i++ {
		e.nums.code(vals[i*step])
	}
	return len(e.nums.vals) <= sample*3/4
}

// numbers numbers distinct integers in the order they first come.
type numbers struct {
	table [2 * maxNumDict * 2]uint16 // index+1 into vals
	vals  []int64
	codes []uint16
}

func (d *numbers) reset() {
	clear(d.table[:])
	d.vals, d.codes = d.vals[:0], d.codes[:0]
}

func (d *numbers) find(v int64) int {
	const mask = len(d.table) - 1
	for i := int(mixKey(uint64(v))) & mask; ; i = (i + 1) & mask {
		if c := d.table[i]; c == 0 || d.vals[c-1] == v {
			return i
		}
	}
}

// code gives the number of v.
func (d *numbers) code(v int64) uint16 {
	i := d.find(v)
	if d.table[i] == 0 {
		d.vals = append(d.vals, v)
		d.table[i] = uint16(len(d.vals))
	}
	return d.table[i] - 1
}

// build numbers all of vals; it gives up, false, at more than limit different ones.
func (d *numbers) build(vals []int64, limit int) bool {
	d.reset()
	if limit < 1 {
		limit = 1
	}
	last, code := int64(0), uint16(0)
	for i, v := range vals {
		if i == 0 || v != last {
			code = d.code(v)
			last = v
			if len(d.vals) > limit {
				return false
			}
		}
		d.codes = append(d.codes, code)
	}
	return true
}

// values appends the encoded values vals[i:j] of a column chunk.
func (e *encoder) values(dst []byte, p *plan, phys physical, c *column, vals []int64, i, j int) []byte {
	part := vals[i:j]
	switch {
	case p.enc == encDict:
		return e.indexes(dst, p, part, i, j)
	case phys == physText:
		return e.texts(dst, c.dict, part)
	case phys == physAddr:
		for _, v := range part {
			dst = append(dst, c.dict.at(uint32(v))...)
		}
		return dst
	case phys == physID:
		for _, v := range part {
			dst = appendID(dst, c.list[v:])
		}
		return dst
	case phys == physBool:
		return packBools(dst, part)
	case p.enc == encDelta:
		var d delta.BinaryPackedEncoding
		e.scratch, _ = d.EncodeInt64(e.scratch[:0], part)
		return append(dst, e.scratch...)
	}
	for _, v := range part {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}

// indexes appends dictionary indexes: a byte with their width, then the hybrid.
func (e *encoder) indexes(dst []byte, p *plan, part []int64, i, j int) []byte {
	dst = append(dst, byte(p.width))
	h := &e.hybrid
	h.reset(dst, p.width)
	if p.codes != nil {
		addRuns(h, p.codes[i:j])
	} else {
		addRuns(h, part)
	}
	return h.finish()
}

func addRuns[T uint16 | int64](h *hybrid, vals []T) {
	for i := 0; i < len(vals); {
		k := i + 1
		for k < len(vals) && vals[k] == vals[i] {
			k++
		}
		if k-i >= 16 {
			h.add(uint16(vals[i]), k-i)
		} else {
			for range k - i {
				h.lit = append(h.lit, uint16(vals[i]))
			}
		}
		i = k
	}
}

// texts appends DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes.
func (e *encoder) texts(dst []byte, d *intern, part []int64) []byte {
	e.lens = e.lens[:0]
	for _, v := range part {
		e.lens = append(e.lens, int32(len(d.at(uint32(v)))))
	}
	var enc delta.BinaryPackedEncoding
	e.scratch, _ = enc.EncodeInt32(e.scratch[:0], e.lens)
	dst = append(dst, e.scratch...)
	for _, v := range part {
		dst = append(dst, d.at(uint32(v))...)
	}
	return dst
}

func packBools(dst []byte, vals []int64) []byte {
	for i := 0; i < len(vals); i += 8 {
		b := byte(0)
		for j, v := range vals[i:min(i+8, len(vals))] {
			b |= byte(v&1) << j
		}
		dst = append(dst, b)
	}
	return dst
}

// bounds finds the least and the greatest value of a chunk as its statistics hold them; ok says they are worth holding.
func (e *encoder) bounds(phys physical, c *column, p *plan, vals []int64) (lo, hi []byte, ok bool) {
	switch phys {
	case physText, physAddr:
		return textBounds(c.dict)
	case physID:
		lo, hi = idBounds(c.list)
		return lo, hi, true
	case physBool, physFloat:
		return nil, nil, false
	}
	if p.codes != nil {
		vals = e.nums.vals
	}
	l, h := vals[0], vals[0]
	for _, v := range vals {
		l, h = min(l, v), max(h, v)
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(l)), binary.LittleEndian.AppendUint64(nil, uint64(h)), true
}

func idBounds(list []int64) (lo, hi []byte) {
	l, h := 0, 0
	for i := 2; i < len(list); i += 2 {
		if lessID(list[i:], list[l:]) {
			l = i
		} else if lessID(list[h:], list[i:]) {
			h = i
		}
	}
	return appendID(nil, list[l:]), appendID(nil, list[h:])
}

func lessID(x, y []int64) bool {
	return uint64(x[0]) < uint64(y[0]) || x[0] == y[0] && uint64(x[1]) < uint64(y[1])
}

func appendID(dst []byte, x []int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, uint64(x[0])), uint64(x[1]))
}

const maxBound = 24 // bytes of a text in statistics; with longer ones a column goes without

func textBounds(d *intern) (lo, hi []byte, ok bool) {
	lo, hi = d.at(0), d.at(0)
	for i := range d.len() {
		if t := d.at(uint32(i)); bytes.Compare(t, lo) < 0 {
			lo = t
		} else if bytes.Compare(t, hi) > 0 {
			hi = t
		}
	}
	return lo, hi, len(lo) <= maxBound && len(hi) <= maxBound
}
