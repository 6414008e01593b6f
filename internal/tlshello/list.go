package tlshello

import (
	"encoding/binary"
	"iter"
)

// U16s is a list of big-endian 16-bit numbers as it stands in a hello: suites, groups, versions, signature schemes.
type U16s []byte

// Len is the number of entries.
func (l U16s) Len() int { return len(l) / 2 }

// At is the i-th entry.
func (l U16s) At(i int) uint16 { return binary.BigEndian.Uint16(l[2*i:]) }

// Real gives the entries in their order, GREASE values (RFC 8701) left out.
func (l U16s) Real() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for i := range l.Len() {
			if v := l.At(i); !IsGREASE(v) && !yield(v) {
				return
			}
		}
	}
}

// Names is a list of names with a length byte before each: ALPN's protocols.
type Names []byte

// All gives the names in their order, up to the first that is cut.
func (l Names) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(l) > 0 && len(l) > int(l[0]) {
			name := l[1 : 1+int(l[0])]
			l = l[1+int(l[0]):]
			if !yield(name) {
				return
			}
		}
	}
}

// First is the first name, nil if there is none.
func (l Names) First() []byte {
	for name := range l.All() {
		return name
	}
	return nil
}

// Extensions is the extension block of a hello, without its length.
type Extensions []byte

// All gives type and content of each extension in their order, up to the first that is cut.
func (e Extensions) All() iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(e) >= 4 {
			n := int(binary.BigEndian.Uint16(e[2:]))
			if n > len(e)-4 {
				return
			}
			typ, body := binary.BigEndian.Uint16(e), e[4:4+n]
			e = e[4+n:]
			if !yield(typ, body) {
				return
			}
		}
	}
}

// IsGREASE says whether v is one of the sixteen values that clients send only to see that servers ignore what they
// do not know (RFC 8701): 0x0a0a, 0x1a1a, ... 0xfafa.
func IsGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// vec8 and vec16 take a vector with a length of one or two bytes off b; ok is false if it is cut.
func vec8(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 1 || len(b)-1 < int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n:n], b[n:], true
}

func vec16(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:n:n], b[n:], true
}

// list8 and list16 are the content of an extension that is one vector of 16-bit numbers; nil if it is anything else.
func list8(b []byte) U16s {
	if v, rest, ok := vec8(b); ok && len(rest) == 0 && len(v)%2 == 0 {
		return v
	}
	return nil
}

func list16(b []byte) U16s {
	if v, rest, ok := vec16(b); ok && len(rest) == 0 && len(v)%2 == 0 {
		return v
	}
	return nil
}
