package tlshello

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Carriers of a hello as JA4 writes them.
const (
	OverTCP  byte = 't'
	OverQUIC byte = 'q'
	OverDTLS byte = 'd'
)

// AppendJA4R appends JA4_r, the fingerprint before hashing, to dst:
//
//	t13d1516h2_002f,0035,...,cca9_0005,000a,...,ff01_0403,0804,...
//
// carrier, highest version, whether there is a server name, the numbers of suites and extensions, first and last
// character of the first ALPN protocol; suites, sorted; extensions but server name and ALPN, sorted; signature
// schemes as they stand. GREASE counts nowhere.
func (h *ClientHello) AppendJA4R(dst []byte, over byte) []byte {
	var room [128]uint16
	list := slices.AppendSeq(room[:0], h.Suites.Real())
	nExt := 0
	for range h.Extensions.realTypes() {
		nExt++
	}
	dst = append(dst, over)
	dst = append(dst, ja4Version(h.MaxVersion())...)
	if h.HasName {
		dst = append(dst, 'd')
	} else {
		dst = append(dst, 'i')
	}
	dst = appendTwoDigits(dst, len(list))
	dst = appendTwoDigits(dst, nExt)
	dst = appendALPN(dst, h.ALPN.First())
	dst = appendSorted(append(dst, '_'), list)
	list = list[:0]
	for typ := range h.Extensions.realTypes() {
		if typ != ExtServerName && typ != ExtALPN {
			list = append(list, typ)
		}
	}
	dst = appendSorted(append(dst, '_'), list)
	if list = slices.AppendSeq(list[:0], h.Schemes.Real()); len(list) > 0 {
		dst = appendHex(append(dst, '_'), list)
	}
	return dst
}

// AppendJA4 appends the fingerprint to dst; raw is its JA4_r.
func AppendJA4(dst, raw []byte) []byte {
	a, rest, _ := bytes.Cut(raw, []byte{'_'})
	b, c, _ := bytes.Cut(rest, []byte{'_'})
	dst = append(dst, a...)
	dst = appendHash(append(dst, '_'), b)
	return appendHash(append(dst, '_'), c)
}

// appendHash appends the first twelve hex digits of the SHA-256 of s, or as many zeros if s is empty.
func appendHash(dst, s []byte) []byte {
	if len(s) == 0 {
		return append(dst, "000000000000"...)
	}
	sum := sha256.Sum256(s)
	return hex.AppendEncode(dst, sum[:6])
}

func ja4Version(v uint16) string {
	switch v {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	case 0xfeff:
		return "d1"
	case 0xfefd:
		return "d2"
	case 0xfefc:
		return "d3"
	}
	return "00"
}

// appendALPN appends first and last character of the first protocol, or, where one of the two is not a letter or
// digit, first and last of its hex digits; 00 if there is none.
func appendALPN(dst, name []byte) []byte {
	if len(name) == 0 {
		return append(dst, '0', '0')
	}
	first, last := name[0], name[len(name)-1]
	if alphanumeric(first) && alphanumeric(last) {
		return append(dst, first, last)
	}
	return append(dst, hexDigits[first>>4], hexDigits[last&15])
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func appendTwoDigits(dst []byte, n int) []byte {
	n = min(n, 99)
	return append(dst, '0'+byte(n/10), '0'+byte(n%10))
}

func appendSorted(dst []byte, list []uint16) []byte {
	slices.Sort(list)
	return appendHex(dst, list)
}

const hexDigits = "0123456789abcdef"

// appendHex appends the numbers as four hex digits each, separated by commas.
func appendHex(dst []byte, list []uint16) []byte {
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, hexDigits[v>>12], hexDigits[v>>8&15], hexDigits[v>>4&15], hexDigits[v&15])
	}
	return dst
}
