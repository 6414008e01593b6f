package sflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Errors that a datagram, sample or record may have; what was read up to the damage is good.
var (
	// ErrTruncated says that the bytes end before the structure does.
	ErrTruncated = errors.New("truncated")
	// ErrTrailing says that bytes are left over behind the last field of the structure.
	ErrTrailing = errors.New("longer than its structure")
	// ErrValue says that a value is outside of what the structure knows, so that what follows cannot be found.
	ErrValue = errors.New("unknown kind of value")
)

// xdr reads or writes the XDR encoding (RFC 4506): big-endian words, variable data padded to four bytes. Reading, b is
// what is left; after the first error every read gives zero. Writing, b is what was written.
type xdr struct {
	b     []byte
	write bool
	err   error
}

func (x *xdr) take(n int) []byte {
	if x.err != nil {
		return nil
	}
	if n < 0 || n > len(x.b) {
		x.err = fmt.Errorf("%d of %d bytes: %w", len(x.b), n, ErrTruncated)
		return nil
	}
	out := x.b[:n:n]
	x.b = x.b[n:]
	return out
}

// next reads a word.
func (x *xdr) next() uint32 {
	if x.err == nil && len(x.b) >= 4 {
		v := binary.BigEndian.Uint32(x.b)
		x.b = x.b[4:]
		return v
	}
	x.take(4)
	return 0
}

// count reads the number of things of which each takes at least size bytes; more than can be there is an error.
func (x *xdr) count(size int) int {
	n := x.next()
	if x.err == nil && uint64(n)*uint64(size) > uint64(len(x.b)) {
		x.err = fmt.Errorf("%d items in %d bytes: %w", n, len(x.b), ErrTruncated)
		return 0
	}
	return int(n)
}

// padded reads n bytes and what pads them to words. Senders leave the padding of the last field out at times.
func (x *xdr) padded(n uint32) []byte {
	if x.err == nil && uint64(n) > uint64(len(x.b)) {
		x.err = fmt.Errorf("%d of %d bytes: %w", len(x.b), n, ErrTruncated)
	}
	if x.err != nil {
		return nil
	}
	out := x.b[:n:n]
	x.b = x.b[min(int(n)+pad(int(n)), len(x.b)):]
	return out
}

// pad is how many bytes fill n up to a word.
func pad(n int) int { return -n & 3 }

// The methods below read into what they are given, or write it.

func (x *xdr) u8(p *uint8) {
	if x.write {
		x.b = append(x.b, *p)
	} else if b := x.take(1); b != nil {
		*p = b[0]
	}
}

func (x *xdr) u32(ps ...*uint32) {
	if b := x.b; !x.write && x.err == nil && len(b) >= 4*len(ps) { // one test for all of them
		for _, p := range ps {
			*p = binary.BigEndian.Uint32(b)
			b = b[4:]
		}
		x.b = b
		return
	}
	for _, p := range ps {
		if x.write {
			x.b = binary.BigEndian.AppendUint32(x.b, *p)
		} else {
			*p = x.next()
		}
	}
}

func (x *xdr) u64(ps ...*uint64) {
	for _, p := range ps {
		if x.write {
			x.b = binary.BigEndian.AppendUint64(x.b, *p)
		} else {
			hi := x.next()
			*p = uint64(hi)<<32 | uint64(x.next())
		}
	}
}

// text is variable opaque data: a length, the bytes, padding. Read, p borrows the datagram.
func (x *xdr) text(ps ...*[]byte) {
	for _, p := range ps {
		if x.write {
			x.b = appendOpaque(x.b, *p)
		} else {
			*p = x.padded(x.next())
		}
	}
}

// addr4 and addr16 are addresses without a type.
func (x *xdr) addr4(p *netip.Addr) {
	if x.write {
		a := p.Unmap()
		b := [4]byte{}
		if a.Is4() {
			b = a.As4()
		}
		x.b = append(x.b, b[:]...)
	} else if b := x.take(4); b != nil {
		*p = netip.AddrFrom4([4]byte(b))
	}
}

func (x *xdr) addr16(p *netip.Addr) {
	if x.write {
		b := [16]byte{}
		if p.IsValid() {
			b = p.As16()
		}
		x.b = append(x.b, b[:]...)
	} else if b := x.take(16); b != nil {
		*p = netip.AddrFrom16([16]byte(b))
	}
}

// Address types.
const (
	addrNone = 0
	addrIP4  = 1
	addrIP6  = 2
)

// addr is an address behind its type. The zero Addr is of unknown type, without bytes.
func (x *xdr) addr(p *netip.Addr) {
	if x.write {
		x.b = AppendAddr(x.b, *p)
		return
	}
	switch kind := x.next(); kind {
	case addrNone:
		*p = netip.Addr{}
	case addrIP4:
		x.addr4(p)
	case addrIP6:
		x.addr16(p)
	default:
		if x.err == nil {
			x.err = fmt.Errorf("address type %d: %w", kind, ErrValue)
		}
	}
}

// mac is six bytes and two of padding.
func (x *xdr) mac(p *[6]byte) {
	if x.write {
		x.b = append(append(x.b, p[:]...), 0, 0)
	} else if b := x.take(8); b != nil {
		copy(p[:], b)
	}
}

// words is a count and as many words, borrowed from the datagram as they are on the wire.
func (x *xdr) words() []byte { return x.take(4 * x.count(4)) }

// AppendAddr appends an address as sFlow has it, the type in front, and returns dst.
func AppendAddr(dst []byte, a netip.Addr) []byte {
	switch {
	case !a.IsValid():
		return binary.BigEndian.AppendUint32(dst, addrNone)
	case a.Is4():
		b := a.As4()
		return append(binary.BigEndian.AppendUint32(dst, addrIP4), b[:]...)
	default:
		b := a.As16()
		return append(binary.BigEndian.AppendUint32(dst, addrIP6), b[:]...)
	}
}

func appendOpaque(dst, b []byte) []byte {
	dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
	return append(dst, make([]byte, pad(len(b)))...)
}
