package parquet

import "hash/maphash"

// intern numbers the distinct values of one column in the order they first come. Its memory is pointer-free and kept
// over reset.
type intern struct {
	last  uint32   // the number given last: the next value is often the same
	table []uint64 // open addressing: upper half of the hash, then entry+1; 0 is free
	ends  []uint32 // entry i is text[ends[i-1]:ends[i]]
	text  []byte
}

// seed makes the cost of a look-up unpredictable to whoever writes the packets. No output depends on it.
var seed = maphash.MakeSeed()

const minTable = 64

// find gives the number of b; if b is not there yet, the hash to insert it with.
func (d *intern) find(b []byte) (code uint32, h uint64, ok bool) {
	if len(d.ends) > 0 && string(d.at(d.last)) == string(b) {
		return d.last, 0, true
	}
	h = maphash.Bytes(seed, b)
	if len(d.table) == 0 {
		return 0, h, false
	}
	mask := uint64(len(d.table) - 1)
	for i := h & mask; d.table[i] != 0; i = (i + 1) & mask {
		if e := d.table[i]; (e^h)>>32 == 0 {
			if c := uint32(e) - 1; string(d.at(c)) == string(b) {
				d.last = c
				return c, h, true
			}
		}
	}
	return 0, h, false
}

// insert numbers b, which has hash h and is not there yet.
func (d *intern) insert(b []byte, h uint64) uint32 {
	if 2*len(d.ends) >= len(d.table) {
		d.grow()
	}
	d.text = append(d.text, b...)
	d.ends = append(d.ends, uint32(len(d.text)))
	d.last = uint32(len(d.ends) - 1)
	d.place(h, int(d.last))
	return d.last
}

// place enters number c, which is not in the table, under its hash.
func (d *intern) place(h uint64, c int) {
	mask := uint64(len(d.table) - 1)
	i := h & mask
	for d.table[i] != 0 {
		i = (i + 1) & mask
	}
	d.table[i] = h>>32<<32 | uint64(c+1)
}

func (d *intern) grow() {
	d.table = make([]uint64, max(minTable, 2*len(d.table)))
	for c := range d.ends {
		d.place(maphash.Bytes(seed, d.at(uint32(c))), c)
	}
}

// at is the value with that number, borrowed until the next add.
func (d *intern) at(code uint32) []byte {
	from := uint32(0)
	if code > 0 {
		from = d.ends[code-1]
	}
	return d.text[from:d.ends[code]]
}

// len is the number of distinct values.
func (d *intern) len() int { return len(d.ends) }

func (d *intern) reset() {
	clear(d.table)
	d.last, d.ends, d.text = 0, d.ends[:0], d.text[:0]
}

// memory is what the values held take, in bytes.
func (d *intern) memory() int { return len(d.text) + 4*len(d.ends) + 8*len(d.table) }
