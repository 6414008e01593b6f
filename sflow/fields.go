package sflow

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
)

// Value is one field of a record, as Fields gives it.
type Value struct {
	Field *Field
	Num   uint64 // of types that are numbers: their value; of lists: how many items they have
	Bytes []byte // of all others: text, an address, the items of a list; borrowed from the datagram
}

// Float is the value of F32 and Percent (of 100) fields.
func (v *Value) Float() float64 {
	switch v.Field.Type {
	case F32:
		return float64(math.Float32frombits(uint32(v.Num)))
	case Percent:
		return float64(v.Num) / 100
	}
	return float64(v.Num)
}

// Unknown says whether a Percent has the value that stands for "unknown".
func (v *Value) Unknown() bool { return v.Field.Type == Percent && v.Num == math.MaxUint32 }

// Addr is the address of Addr, IP4 and IP6 fields; it is invalid if there is none.
func (v *Value) Addr() netip.Addr {
	a, _ := netip.AddrFromSlice(v.Bytes)
	return a
}

// Word is the i-th word of a list of words.
func (v *Value) Word(i int) uint32 { return binary.BigEndian.Uint32(v.Bytes[4*i:]) }

// Segment takes the next segment of an ASPath from its bytes; it gives what is left. AS numbers are four bytes each.
func Segment(b []byte) (set bool, as, rest []byte) {
	n := 4 * int(binary.BigEndian.Uint32(b[4:]))
	return binary.BigEndian.Uint32(b) == 1, b[8 : 8+n], b[8+n:]
}

// Adaptor takes the next interface of an Adaptors list; its MAC addresses are eight bytes each, the last two padding.
func Adaptor(b []byte) (index uint32, macs, rest []byte) {
	n := 8 * int(binary.BigEndian.Uint32(b[4:]))
	return binary.BigEndian.Uint32(b), b[8 : 8+n], b[8+n:]
}

// Fields is a cursor over the fields of a record.
type Fields struct {
	layout *Layout
	fields []Field // of the layout
	body   []byte
	pos, i int // in body, in fields
	err    error
}

// FieldsOf is a cursor over the bytes of a record with that layout, which is nil for a record without fields.
func FieldsOf(l *Layout, body []byte) Fields {
	f := Fields{layout: l, body: body}
	if l != nil {
		f.fields = l.Fields
	}
	return f
}

// Next reads the next field into v and says whether there is one. v is valid as long as the datagram.
func (f *Fields) Next(v *Value) bool {
	if f.i >= len(f.fields) || f.err != nil {
		return false
	}
	field := &f.fields[f.i]
	// Nearly all fields are words, double words and texts: they are read here, where a call for each would cost more than it does.
	if rest := f.body[f.pos:]; len(rest) >= 8 {
		switch first := binary.BigEndian.Uint32(rest); field.Type {
		case U32, F32, Percent:
			v.Field, v.Num, v.Bytes = field, uint64(first), nil
			f.pos, f.i = f.pos+4, f.i+1
			return true
		case U64, Hex64:
			v.Field, v.Num, v.Bytes = field, binary.BigEndian.Uint64(rest), nil
			f.pos, f.i = f.pos+8, f.i+1
			return true
		case Text, Opaque:
			if end := (uint64(first) + 7) &^ 3; end <= uint64(len(rest)) {
				v.Field, v.Num, v.Bytes = field, 0, rest[4:4+first:4+first]
				f.pos, f.i = f.pos+int(end), f.i+1
				return true
			}
		}
	}
	return f.any(v)
}

// any reads a field of any type, at the end of the record as well.
func (f *Fields) any(v *Value) bool {
	x := xdr{b: f.body[f.pos:]}
	if len(x.b) == 0 && len(f.fields)-f.i == f.layout.Optional {
		f.i = len(f.fields)
		return false
	}
	v.Field = &f.fields[f.i]
	f.i++
	x.value(v)
	f.pos, f.err = len(f.body)-len(x.b), x.err
	return f.err == nil
}

// Rest are the bytes not read yet, from the field that ended reading on if that was damaged.
func (f *Fields) Rest() []byte { return f.body[f.pos:] }

// Err says what ended reading before the end of the layout, or that bytes are left over.
func (f *Fields) Err() error {
	if f.err != nil {
		return fmt.Errorf("%s: %w", f.fields[f.i-1].Name, f.err)
	}
	if f.layout != nil && f.i == len(f.fields) && f.pos < len(f.body) {
		return fmt.Errorf("%d bytes: %w", len(f.body)-f.pos, ErrTrailing)
	}
	return nil
}

// value reads a field of v.Field's type.
func (x *xdr) value(v *Value) {
	v.Num, v.Bytes = 0, nil
	switch v.Field.Type {
	case U8:
		if b := x.take(1); b != nil {
			v.Num = uint64(b[0])
		}
	case U32, F32, Percent:
		v.Num = uint64(x.next())
	case U64, Hex64:
		hi := x.next()
		v.Num = uint64(hi)<<32 | uint64(x.next())
	case Text, Opaque:
		v.Bytes = x.padded(x.next())
	case Addr:
		v.Bytes = x.addrBytes()
	case IP4:
		v.Bytes = x.take(4)
	case IP6, UUID:
		v.Bytes = x.take(16)
	case MAC:
		if b := x.take(8); b != nil {
			v.Bytes = b[:6]
		}
	case Words, Labels, Tags:
		v.Bytes = x.words()
		v.Num = uint64(len(v.Bytes) / 4)
	default:
		x.list(v)
	}
}

func (x *xdr) addrBytes() []byte {
	switch kind := x.next(); kind {
	case addrNone:
	case addrIP4:
		return x.take(4)
	case addrIP6:
		return x.take(16)
	default:
		if x.err == nil {
			x.err = fmt.Errorf("address type %d: %w", kind, ErrValue)
		}
	}
	return nil
}

// list measures a list of items that are lists themselves.
func (x *xdr) list(v *Value) {
	least := 8 // of an item: a word and a count
	switch v.Field.Type {
	case Lanes:
		least = 4 * len(LaneFields)
	case PDUs:
		least = 4
	}
	n := x.count(least)
	all := x.b
	for range n {
		switch v.Field.Type {
		case ASPath:
			x.take(4)
			x.words()
		case Adaptors:
			x.take(4)
			x.take(8 * x.count(8))
		case Lanes:
			x.take(least)
		case PDUs:
			for range x.count(8) {
				x.take(4)
				x.padded(x.next())
			}
		}
		if x.err != nil {
			return
		}
	}
	v.Num, v.Bytes = uint64(n), all[:len(all)-len(x.b)]
}

// AppendValues appends the fields of a record to dst, as Fields reads them, and returns dst. Optional fields may be
// left out at the end.
func AppendValues(dst []byte, values ...Value) []byte {
	for i := range values {
		v := &values[i]
		switch v.Field.Type {
		case U8:
			dst = append(dst, byte(v.Num))
		case U32, F32, Percent:
			dst = binary.BigEndian.AppendUint32(dst, uint32(v.Num))
		case U64, Hex64:
			dst = binary.BigEndian.AppendUint64(dst, v.Num)
		case Text, Opaque:
			dst = appendOpaque(dst, v.Bytes)
		case Addr:
			dst = AppendAddr(dst, v.Addr())
		case MAC:
			dst = append(append(dst, v.Bytes...), 0, 0)
		case IP4, IP6, UUID:
			dst = append(dst, v.Bytes...)
		default:
			dst = append(binary.BigEndian.AppendUint32(dst, uint32(v.Num)), v.Bytes...)
		}
	}
	return dst
}
