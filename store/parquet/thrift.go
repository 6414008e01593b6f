package parquet

import (
	"encoding/binary"
	"errors"
)

// Page headers are read and written by hand, in Thrift's compact protocol: there are thousands in a file, and the
// reader walks over them. Footers are read by hand too, a question may need those of thousands of files; they are
// written through parquet-go's thrift.

// Page types and encodings (parquet.thrift).
const (
	pageDict = 2
	pageV2   = 3

	encPlain       = 0
	encRLE         = 3
	encDelta       = 5
	encDeltaLength = 6
	encDict        = 8
)

// pageHeader is what Tapir uses of a page header.
type pageHeader struct {
	kind         int
	raw, stored  int // bytes of the page after the header: uncompressed, and as stored
	values       int // of the page, nulls included
	nulls        int
	rows         int
	encoding     int
	defs, reps   int // bytes of the levels, which are not compressed
	uncompressed bool
}

const (
	tStop   = 0
	tTrue   = 1
	tFalse  = 2
	tByte   = 3
	tI16    = 4
	tI32    = 5
	tI64    = 6
	tDouble = 7
	tBinary = 8
	tList   = 9
	tStruct = 12
)

// append writes h to dst.
func (h *pageHeader) append(dst []byte) []byte {
	dst = i32(i32(i32(dst, h.kind), h.raw), h.stored)
	if h.kind == pageDict { // field 7
		dst = append(dst, 4<<4|tStruct)
		return append(i32(i32(dst, h.values), h.encoding), tStop, tStop)
	}
	dst = append(dst, 5<<4|tStruct) // field 8
	dst = i32(i32(i32(dst, h.values), h.nulls), h.rows)
	dst = i32(i32(i32(dst, h.encoding), h.defs), h.reps)
	if h.uncompressed {
		dst = append(dst, 1<<4|tFalse)
	}
	return append(dst, tStop, tStop)
}

// i32 appends the next field, a number.
func i32(dst []byte, n int) []byte {
	dst = append(dst, 1<<4|tI32)
	return binary.AppendVarint(dst, int64(n))
}

var errPage = errors.New("damaged page header")

// parsePage reads a page header and says how long it is.
func parsePage(b []byte) (h pageHeader, n int, err error) {
	r := thriftReader{b: b}
	r.fields(func(id, typ int) {
		switch id {
		case 1:
			h.kind = r.num()
		case 2:
			h.raw = r.num()
		case 3:
			h.stored = r.num()
		case 7:
			r.fields(func(id, typ int) {
				switch id {
				case 1:
					h.values = r.num()
				case 2:
					h.encoding = r.num()
				default:
					r.skip(typ)
				}
			})
		case 8:
			r.v2(&h)
		default:
			r.skip(typ)
		}
	})
	if r.bad || h.raw < 0 || h.stored < 0 || h.values < 0 || h.nulls < 0 || h.rows < 0 || h.defs < 0 || h.reps < 0 {
		return h, 0, errPage
	}
	return h, r.i, nil
}

func (r *thriftReader) v2(h *pageHeader) {
	into := [...]*int{1: &h.values, 2: &h.nulls, 3: &h.rows, 4: &h.encoding, 5: &h.defs, 6: &h.reps}
	r.fields(func(id, typ int) {
		switch {
		case id == 7:
			h.uncompressed = typ == tFalse
		case id >= 1 && id < len(into):
			*into[id] = r.num()
		default:
			r.skip(typ)
		}
	})
}

// thriftReader reads the compact protocol; bad is set once the bytes do not make sense, and nothing is read then.
type thriftReader struct {
	b     []byte
	i     int
	depth int
	bad   bool
}

func (r *thriftReader) byte() byte {
	if r.i >= len(r.b) {
		r.bad = true
		return 0
	}
	r.i++
	return r.b[r.i-1]
}

// num is a number of 32 bits.
func (r *thriftReader) num() int {
	v := r.num64()
	if v != int64(int32(v)) {
		r.bad = true
		return 0
	}
	return int(v)
}

func (r *thriftReader) num64() int64 {
	if r.bad {
		return 0
	}
	v, n := binary.Varint(r.b[r.i:])
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.i += n
	return v
}

// bytes is a text, borrowed.
func (r *thriftReader) bytes() []byte {
	v, n := binary.Uvarint(r.b[min(r.i, len(r.b)):])
	if r.bad || n <= 0 || v > uint64(len(r.b)-r.i-n) {
		r.bad = true
		return nil
	}
	r.i += n + int(v)
	return r.b[r.i-int(v) : r.i]
}

// list begins a list: the number and the type of what follows.
func (r *thriftReader) list() (n, typ int) {
	h := r.byte()
	n, typ = int(h>>4), int(h&15)
	if n == 15 {
		v, k := binary.Uvarint(r.b[min(r.i, len(r.b)):])
		if k <= 0 || v > uint64(len(r.b)) {
			r.bad = true
			return 0, typ
		}
		r.i += k
		n = int(v)
	}
	return n, typ
}

// fields calls f for each field of a struct; f must read the field.
func (r *thriftReader) fields(f func(id, typ int)) {
	if r.depth++; r.depth > 8 {
		r.bad = true
	}
	id := 0
	for !r.bad {
		h := r.byte()
		if h == tStop {
			break
		}
		if d := int(h >> 4); d != 0 {
			id += d
		} else {
			id = r.num()
		}
		f(id, int(h&15))
	}
	r.depth--
}

// skip passes over a field.
func (r *thriftReader) skip(typ int) {
	switch typ {
	case tTrue, tFalse:
	case tByte:
		r.byte()
	case tI16, tI32, tI64:
		r.num64()
	case tDouble:
		if r.i += 8; r.i > len(r.b) {
			r.bad = true
		}
	case tBinary:
		r.bytes()
	case tStruct:
		r.fields(func(_, typ int) { r.skip(typ) })
	case tList:
		n, of := r.list()
		for ; n > 0 && !r.bad; n-- {
			if of == tTrue || of == tFalse {
				r.byte()
			} else {
				r.skip(of)
			}
		}
	default:
		r.bad = true
	}
}
