package parquet

import "encoding/binary"

// run is a number of rows that are alike.
type run struct {
	n    int
	some bool // they have the column
}

// hybrid writes Parquet's RLE / bit-packing hybrid of values below 1<<width (width 0 to 16), fed as runs. Runs of eight
// and more become RLE, the rest is packed. Widths above 1 are used with 8 and 16 bits only, so that packed values are
// plain bytes, which zstd makes smaller than odd widths are.
type hybrid struct {
	dst   []byte
	width int
	lit   []uint16 // values waiting to be packed; a multiple of eight is packed when a long run comes
}

// reset begins a new sequence, appended to dst.
func (h *hybrid) reset(dst []byte, width int) { h.dst, h.width, h.lit = dst, width, h.lit[:0] }

// add appends n times v.
func (h *hybrid) add(v uint16, n int) {
	if part := len(h.lit) & 7; part != 0 {
		k := min(n, 8-part)
		h.pend(v, k)
		n -= k
	}
	if n < 8 {
		h.pend(v, n)
		return
	}
	h.pack()
	h.dst = binary.AppendUvarint(h.dst, uint64(n)<<1)
	for w := h.width; w > 0; w -= 8 {
		h.dst = append(h.dst, byte(v))
		v >>= 8
	}
}

func (h *hybrid) pend(v uint16, n int) {
	for range n {
		h.lit = append(h.lit, v)
	}
}

// pack writes the waiting values, filled up to a multiple of eight.
func (h *hybrid) pack() {
	if len(h.lit) == 0 {
		return
	}
	for len(h.lit)&7 != 0 {
		h.lit = append(h.lit, 0)
	}
	h.dst = binary.AppendUvarint(h.dst, uint64(len(h.lit)/8)<<1|1)
	switch h.width {
	case 1:
		for i := 0; i < len(h.lit); i += 8 {
			b := byte(0)
			for j, v := range h.lit[i : i+8] {
				b |= byte(v) << j
			}
			h.dst = append(h.dst, b)
		}
	case 2:
		for i := 0; i < len(h.lit); i += 4 {
			v := h.lit[i : i+4]
			h.dst = append(h.dst, byte(v[0]|v[1]<<2|v[2]<<4|v[3]<<6))
		}
	case 8:
		for _, v := range h.lit {
			h.dst = append(h.dst, byte(v))
		}
	case 16:
		for _, v := range h.lit {
			h.dst = append(h.dst, byte(v), byte(v>>8))
		}
	}
	h.lit = h.lit[:0]
}

// finish writes what waits and returns the destination.
func (h *hybrid) finish() []byte {
	h.pack()
	return h.dst
}

// readHybrid decodes n values of a hybrid.
func readHybrid(b []byte, width, n int) ([]uint16, error) {
	out := make([]uint16, 0, n)
	if width == 0 {
		return out[:n], nil
	}
	err := eachPiece(b, width, n, func(packed []byte, v uint16, k int) {
		if packed != nil {
			out = unpack(out, packed, width, k)
			return
		}
		for range k {
			out = append(out, v)
		}
	})
	return out, err
}

// eachRun goes over n values of a hybrid as runs of equal ones.
func eachRun(b []byte, width, n int, f func(v uint16, k int)) error {
	var few []uint16
	return eachPiece(b, width, n, func(packed []byte, v uint16, k int) {
		if packed == nil {
			f(v, k)
			return
		}
		few = unpack(few[:0], packed, width, k)
		for i := 0; i < len(few); {
			j := i + 1
			for j < len(few) && few[j] == few[i] {
				j++
			}
			f(few[i], j-i)
			i = j
		}
	})
}

// eachPiece goes over the pieces of a hybrid of n values: k packed values, or k times v.
func eachPiece(b []byte, width, n int, f func(packed []byte, v uint16, k int)) error {
	for n > 0 {
		h, used := binary.Uvarint(b)
		if used <= 0 || h>>1 == 0 || h>>1 > uint64(n)+8 {
			return errCorrupt
		}
		b = b[used:]
		k := int(h >> 1)
		if h&1 == 1 {
			bytes := width * k
			if bytes > len(b) {
				return errCorrupt
			}
			k = min(8*k, n)
			f(b[:bytes], 0, k)
			b = b[bytes:]
		} else {
			size := (width + 7) / 8
			if len(b) < size || k > n {
				return errCorrupt
			}
			v := uint16(0)
			for i := range size {
				v |= uint16(b[i]) << (8 * i)
			}
			f(nil, v, k)
			b = b[size:]
		}
		n -= k
	}
	return nil
}

// unpack appends k packed values.
func unpack(out []uint16, b []byte, width, k int) []uint16 {
	switch width {
	case 8:
		for _, x := range b[:k] {
			out = append(out, uint16(x))
		}
		return out
	case 16:
		for i := range k {
			out = append(out, binary.LittleEndian.Uint16(b[2*i:]))
		}
		return out
	}
	acc, have := uint64(0), 0
	mask := uint64(1)<<width - 1
	for _, x := range b {
		acc |= uint64(x) << have
		for have += 8; have >= width; have -= width {
			if k == 0 {
				return out
			}
			out = append(out, uint16(acc&mask))
			acc >>= width
			k--
		}
	}
	return out
}
