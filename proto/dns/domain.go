package dns

import (
	"bytes"
	"hash/maphash"
	"unsafe"

	"golang.org/x/net/publicsuffix"

	"github.com/tapir-project/tapir/record"
)

// domains remembers where names divide, as finding it out costs more than reading the message, and names come in
// runs: for A, AAAA and HTTPS, by many clients. It is a pure function's cache, so what is in it changes no output.
type domains [64]division

// division is where a name divides by the public suffix list.
type division struct {
	registered int16 // offset of the registered domain, notAName if the name has none
	suffix     int16 // offset of the public suffix
	n          uint8 // bytes of the name
	name       [maxCached]byte
}

// maxCached bounds the length of names that are remembered.
const maxCached = 72

// of says where name divides.
func (d *domains) of(name []byte) (registered, suffix int) {
	if len(name) > maxCached {
		return divide(name)
	}
	e := &d[maphash.Bytes(questionSeed, name)%uint64(len(d))]
	if !bytes.Equal(e.name[:e.n], name) {
		registered, suffix = divide(name)
		e.registered, e.suffix = int16(registered), int16(suffix)
		e.n = uint8(copy(e.name[:], name))
	}
	return int(e.registered), int(e.suffix)
}

func divide(name []byte) (registered, suffix int) {
	// The string is read only while name stands.
	s, _ := publicsuffix.PublicSuffix(unsafe.String(unsafe.SliceData(name), len(name)))
	suffix = len(name) - len(s)
	if suffix < 2 || name[suffix-1] != '.' {
		return notAName, 0
	}
	return bytes.LastIndexByte(name[:suffix-1], '.') + 1, suffix
}

// putDomain puts the parts of name that the public suffix list tells apart.
func (r *reader) putDomain(v *record.Values, name []byte) {
	if len(name) == 0 {
		return
	}
	registered, suffix := r.domains.of(name)
	if registered == notAName {
		return
	}
	v.PutText(fRegistered, name[registered:])
	v.PutText(fETLDPlusOne, name[registered:])
	v.PutText(fTopLevel, name[suffix:])
	if registered > 1 {
		v.PutText(fSubdomain, name[:registered-1])
	}
}
