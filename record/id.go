package record

import (
	"encoding/binary"
	"errors"
)

// ID is a ULID (128 bits): 48 bits of milliseconds since the epoch, then 80 bits that are a function of the
// flow, so that reading the same packets again gives the same id. IDs sort by time. Its text form is
// <node>-<26 characters of Crockford base 32>; the node is stored beside the record, not in the ID.
type ID [16]byte

// NewID makes the id of a flow whose first packet came at t (ns since the epoch) from the hash of its key and
// a number that tells apart flows of equal key and time.
func NewID(t int64, hash uint64, n uint32) (id ID) {
	ms := t / 1e6
	if t < 0 {
		ms = 0 // a capture with times before 1970 sorts first; the record's own start keeps the exact time
	}
	lo := mix(hash ^ mix(uint64(t)) ^ uint64(n)<<1)
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16|mix(lo^0x94d049bb133111eb)&0xffff)
	binary.BigEndian.PutUint64(id[8:], lo)
	return id
}

// Sub is the id of the n-th record that belongs to id, at time t: transactions of a session.
func (id ID) Sub(t int64, n uint32) ID {
	return NewID(t, binary.BigEndian.Uint64(id[8:])^uint64(binary.BigEndian.Uint16(id[6:8])), n+1)
}

// Millis is the time in the id: ms since the epoch.
func (id ID) Millis() int64 { return int64(binary.BigEndian.Uint64(id[:8]) >> 16) }

// IsZero says whether id is unset.
func (id ID) IsZero() bool { return id == ID{} }

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// AppendText appends the 26 characters to dst.
func (id ID) AppendText(dst []byte) []byte {
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var out [26]byte
	for i := 25; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return append(dst, out[:]...)
}

// String is the 26 characters of the ULID.
func (id ID) String() string { return string(id.AppendText(nil)) }

// ErrID is returned for text that is not an id.
var ErrID = errors.New("not an id: want 26 characters of Crockford base 32, or NODE-ID")

// ParseID reads an id with or without its node; node is "" when the text has none.
func ParseID(s string) (node string, id ID, err error) {
	if len(s) > 27 && s[len(s)-27] == '-' {
		node, s = s[:len(s)-27], s[len(s)-26:]
	}
	if len(s) != 26 || s[0] > '7' {
		return "", id, ErrID
	}
	var hi, lo uint64
	for i := 0; i < 26; i++ {
		v := crockfordValue(s[i])
		if v > 31 {
			return "", ID{}, ErrID
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(v)
	}
	binary.BigEndian.PutUint64(id[:8], hi)
	binary.BigEndian.PutUint64(id[8:], lo)
	return node, id, nil
}

func crockfordValue(c byte) byte {
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	for i := 0; i < len(crockford); i++ {
		if crockford[i] == c {
			return byte(i)
		}
	}
	return 255
}
