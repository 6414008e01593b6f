package tlshello

import (
	"crypto/md5"
	"encoding/hex"
	"iter"
	"strconv"
)

// AppendJA3 appends the client's JA3 string to dst: version, suites, extensions, groups and point formats in decimal
// and in the order of the hello, GREASE left out. JA3 itself is its MD5 (AppendMD5).
func (h *ClientHello) AppendJA3(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(h.Version), 10)
	dst = appendJoined(append(dst, ','), h.Suites.Real())
	dst = appendJoined(append(dst, ','), h.Extensions.realTypes())
	dst = appendJoined(append(dst, ','), h.Groups.Real())
	dst = append(dst, ',')
	for i, p := range h.Points {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = strconv.AppendUint(dst, uint64(p), 10)
	}
	return dst
}

// AppendJA3S appends the server's JA3S string to dst: version, suite and extensions in decimal.
func (h *ServerHello) AppendJA3S(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(h.Legacy), 10)
	dst = strconv.AppendUint(append(dst, ','), uint64(h.Suite), 10)
	return appendJoined(append(dst, ','), h.Extensions.realTypes())
}

// AppendMD5 appends the MD5 of a JA3 or JA3S string in hex.
func AppendMD5(dst, s []byte) []byte {
	sum := md5.Sum(s)
	return hex.AppendEncode(dst, sum[:])
}

// realTypes gives the types of the extensions in their order, GREASE left out.
func (e Extensions) realTypes() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for typ := range e.All() {
			if !IsGREASE(typ) && !yield(typ) {
				return
			}
		}
	}
}

func appendJoined(dst []byte, list iter.Seq[uint16]) []byte {
	start := len(dst)
	for v := range list {
		if len(dst) > start {
			dst = append(dst, '-')
		}
		dst = strconv.AppendUint(dst, uint64(v), 10)
	}
	return dst
}
