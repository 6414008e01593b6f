package record

import (
	"bytes"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

// Bounds on what one record may hold; what does not fit is counted in Dropped. They keep a hostile flow from
// taking a worker's memory.
const (
	MaxValues     = 8192    // values of all fields of one record
	MaxArena      = 1 << 20 // bytes of text and addresses of one record
	MaxValueBytes = 32 << 10
)

// Room beyond the bounds for what is put (Put...) rather than added: the ends and counters that the program itself writes
// once a record, so that a flow with more values than fit still has them.
const (
	spareValues = 256
	spareArena  = 64 << 10
)

// Values holds the field values of one record in the order they were added: an arena of bytes and a list of
// small pointer-free entries, so that millions of live flows cost the garbage collector nothing. The zero
// Values is empty and ready. It is not safe for concurrent use.
type Values struct {
	vals    []value
	arena   []byte
	index   []uint16 // open addressing over vals (entry+1), built once a record has more than indexFrom values
	Dropped uint32   // values that a bound kept out
}

// value is one field value: the number itself (floats as their bits), or for text and addresses its place in the arena.
// It is small because a session has dozens, and a table a million sessions.
type value struct {
	num int64 // text: offset<<32 | length
	id  FieldID
}

// place is a value's num for text at off of n bytes.
func place(off, n int) int64 { return int64(off)<<32 | int64(n) }

// text is the bytes of e, which must be text or an address.
func (v *Values) text(e *value) []byte {
	off, n := e.num>>32, e.num&0xffffffff
	return v.arena[off : off+n : off+n]
}

const indexFrom = 48

// Room of a Values that has its first value: most that have one have some more, and growing from one is an allocation at
// every power of two.
const (
	firstValues = 8
	firstArena  = 64
)

// Reset empties v and keeps its memory.
func (v *Values) Reset() {
	v.vals, v.arena, v.index, v.Dropped = v.vals[:0], v.arena[:0], v.index[:0], 0
}

// Len is the number of values held.
func (v *Values) Len() int { return len(v.vals) }

// At gives the i-th value in the order of adding.
func (v *Values) At(i int) Value { return Value{v: v, i: i} }

// Has says whether field id has a value.
func (v *Values) Has(id FieldID) bool { return v.first(id) >= 0 }

// First gives the first value of field id.
func (v *Values) First(id FieldID) (Value, bool) {
	i := v.first(id)
	return Value{v: v, i: i}, i >= 0
}

func (v *Values) first(id FieldID) int {
	for i := range v.vals {
		if v.vals[i].id == id {
			return i
		}
	}
	return -1
}

// AddText adds text to the set of field id and says whether it was new. Empty text is not a value. The text is
// copied; what exceeds MaxValueBytes is cut. The field's case folding (Field.Fold) is applied.
func (v *Values) AddText(id FieldID, text []byte) bool {
	if len(text) == 0 {
		return false
	}
	if len(text) > MaxValueBytes {
		text = text[:MaxValueBytes]
	}
	if len(v.arena)+len(text) > MaxArena || len(v.vals) >= MaxValues {
		v.Dropped++
		return false
	}
	off := v.hold(text)
	fold(v.arena[off:], fields[id].Fold)
	if v.seen(id, 0, v.arena[off:]) {
		v.arena = v.arena[:off]
		return false
	}
	return v.push(value{num: place(off, len(text)), id: id}, MaxValues)
}

// AddString is AddText for a string.
func (v *Values) AddString(id FieldID, text string) bool { return v.AddText(id, bytesOf(text)) }

// bytesOf is the bytes of s, which must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// AddInt adds a number to the set of field id and says whether it was new. Times are ns since the epoch,
// durations ns, booleans 0 or 1.
func (v *Values) AddInt(id FieldID, n int64) bool {
	if v.seen(id, n, nil) {
		return false
	}
	return v.push(value{num: n, id: id}, MaxValues)
}

// AddBool adds a truth value.
func (v *Values) AddBool(id FieldID, b bool) bool {
	if b {
		return v.AddInt(id, 1)
	}
	return v.AddInt(id, 0)
}

// AddFloat adds a floating point number.
func (v *Values) AddFloat(id FieldID, f float64) bool {
	return v.AddInt(id, int64(math.Float64bits(f)))
}

// AddAddr adds an address; the zero Addr is the address "::".
func (v *Values) AddAddr(id FieldID, a Addr) bool {
	if v.seen(id, 0, a[:]) {
		return false
	}
	return v.pushBytes(id, a[:], 0)
}

// PutInt appends a number without looking whether the set has it: for fields that are written once.
func (v *Values) PutInt(id FieldID, n int64) { v.push(value{num: n, id: id}, MaxValues+spareValues) }

// PutAddr appends an address without looking whether the set has it.
func (v *Values) PutAddr(id FieldID, a Addr) { v.pushBytes(id, a[:], 1) }

// PutText appends text without looking whether the set has it, and without folding.
func (v *Values) PutText(id FieldID, text []byte) {
	if len(text) > 0 {
		v.pushBytes(id, text[:min(len(text), MaxValueBytes)], 1)
	}
}

// PutString is PutText for a string.
func (v *Values) PutString(id FieldID, text string) { v.PutText(id, bytesOf(text)) }

// Merge adds every value of o to v, as sets.
func (v *Values) Merge(o *Values) {
	for i := range o.vals {
		e := &o.vals[i]
		switch {
		case !fields[e.id].Type.inArena():
			v.AddInt(e.id, e.num)
		default:
			v.AddText(e.id, o.text(e))
		}
	}
	v.Dropped += o.Dropped
}

// CopyFrom makes v an exact copy of o, reusing v's memory.
func (v *Values) CopyFrom(o *Values) {
	v.vals = append(v.vals[:0], o.vals...)
	v.arena = append(v.arena[:0], o.arena...)
	v.index, v.Dropped = v.index[:0], o.Dropped
}

// Append adds every value of o behind those of v, without looking for duplicates.
func (v *Values) Append(o *Values) {
	base := int64(len(v.arena)) << 32
	v.arena = append(v.arena, o.arena...)
	v.vals = slices.Grow(v.vals, len(o.vals))
	for _, e := range o.vals {
		if fields[e.id].Type.inArena() {
			e.num += base
		}
		v.vals = append(v.vals, e)
	}
	v.index = v.index[:0]
	v.Dropped += o.Dropped
}

// Bytes is the memory held, for the caps of the flow table.
func (v *Values) Bytes() int { return cap(v.vals)*16 + cap(v.arena) + cap(v.index)*2 }

// pushBytes appends text or an address; spare is 1 if it may take the room beyond the bounds.
func (v *Values) pushBytes(id FieldID, b []byte, spare int) bool {
	if len(v.arena)+len(b) > MaxArena+spare*spareArena {
		v.Dropped++
		return false
	}
	off := v.hold(b)
	return v.push(value{num: place(off, len(b)), id: id}, MaxValues+spare*spareValues)
}

// hold appends b to the arena and says where it is.
func (v *Values) hold(b []byte) (off int) {
	if v.arena == nil {
		v.arena = make([]byte, 0, max(firstArena, len(b)))
	}
	off = len(v.arena)
	v.arena = append(v.arena, b...)
	return off
}

// push appends a value unless there are limit of them.
func (v *Values) push(e value, limit int) bool {
	if len(v.vals) >= limit {
		v.Dropped++
		return false
	}
	if v.vals == nil {
		v.vals = make([]value, 0, firstValues)
	}
	v.vals = append(v.vals, e)
	if len(v.index) > 0 {
		v.indexAdd(len(v.vals) - 1)
	} else if len(v.vals) == indexFrom {
		v.indexGrow()
	}
	return true
}

// seen says whether field id already has this value; text is nil for numbers.
func (v *Values) seen(id FieldID, num int64, text []byte) bool {
	if len(v.index) > 0 {
		mask := uint32(len(v.index) - 1)
		for h := valueHash(id, num, text) & mask; v.index[h] != 0; h = (h + 1) & mask {
			if v.equal(&v.vals[v.index[h]-1], id, num, text) {
				return true
			}
		}
		return false
	}
	for i := range v.vals {
		if v.equal(&v.vals[i], id, num, text) {
			return true
		}
	}
	return false
}

func (v *Values) equal(e *value, id FieldID, num int64, text []byte) bool {
	if e.id != id {
		return false
	}
	if text == nil {
		return e.num == num
	}
	return int(e.num&0xffffffff) == len(text) && bytes.Equal(v.text(e), text)
}

func (v *Values) indexAdd(i int) {
	if len(v.vals)*2 > len(v.index) {
		v.indexGrow()
		return
	}
	e := &v.vals[i]
	mask := uint32(len(v.index) - 1)
	var text []byte
	if fields[e.id].Type.inArena() {
		text = v.text(e)
	}
	h := valueHash(e.id, e.num, text) & mask
	for v.index[h] != 0 {
		h = (h + 1) & mask
	}
	v.index[h] = uint16(i + 1)
}

func (v *Values) indexGrow() {
	n := 1 << bits.Len(uint(max(4*len(v.vals), 4*indexFrom)-1))
	if cap(v.index) >= n {
		v.index = v.index[:n]
		clear(v.index)
	} else {
		v.index = make([]uint16, n)
	}
	for i := range v.vals {
		v.indexAdd(i)
	}
}

// seed makes set membership cost unpredictable to whoever writes the packets; the order of values never
// depends on it.
var seed = maphash.MakeSeed()

func valueHash(id FieldID, num int64, text []byte) uint32 {
	if text == nil {
		return uint32(mix(uint64(num) ^ uint64(id)<<48 ^ 0x5851f42d4c957f2d))
	}
	return uint32(maphash.Bytes(seed, text)) ^ uint32(id)*0x9e3779b1
}

func fold(b []byte, f Fold) {
	switch f {
	case FoldLower:
		for i, c := range b {
			if c >= 'A' && c <= 'Z' {
				b[i] = c + 'a' - 'A'
			}
		}
	case FoldUpper:
		for i, c := range b {
			if c >= 'a' && c <= 'z' {
				b[i] = c - ('a' - 'A')
			}
		}
	}
}

// Value is one value of a Values; it is valid until the Values changes.
type Value struct {
	v *Values
	i int
}

// Field is the value's field.
func (x Value) Field() FieldID { return x.v.vals[x.i].id }

// Int is the number of a numeric, time, duration or boolean value.
func (x Value) Int() int64 { return x.v.vals[x.i].num }

// Float is the number of a float value.
func (x Value) Float() float64 { return math.Float64frombits(uint64(x.v.vals[x.i].num)) }

// Text is the bytes of a text value, borrowed.
func (x Value) Text() []byte {
	return x.v.text(&x.v.vals[x.i])
}

// Addr is the address of an address value.
func (x Value) Addr() (a Addr) {
	copy(a[:], x.Text())
	return a
}
