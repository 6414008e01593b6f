package dns

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/tapir-project/tapir/record"
)

// svcParamNames are the parameters of SVCB and HTTPS records (RFC 9460 §14.3, RFC 9461, RFC 9540).
var svcParamNames = [...]string{"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp", "tls-supported-groups", "docpath"}

func appendParamName(dst []byte, key uint16) []byte {
	if int(key) < len(svcParamNames) {
		return append(dst, svcParamNames[key]...)
	}
	return strconv.AppendUint(append(dst, "key"...), uint64(key), 10)
}

// appendParams appends the parameters of an SVCB record (RFC 9460 §2.1).
func appendParams(dst, b []byte, off int) ([]byte, int) {
	end := off + len(b)
	for first := true; len(b) > 0; first = false {
		if len(b) < 4 || 4+int(binary.BigEndian.Uint16(b[2:])) > len(b) {
			return dst, notAName
		}
		key, value := binary.BigEndian.Uint16(b), b[4:4+int(binary.BigEndian.Uint16(b[2:]))]
		b = b[4+len(value):]
		if !first {
			dst = append(dst, ' ')
		}
		dst = appendParamName(dst, key)
		if len(value) > 0 {
			dst = appendParamValue(append(dst, '='), key, value)
		}
	}
	return dst, end
}

// appendParamValue appends one parameter's value as RFC 9460 §7 writes it; one that is not as it says, in hex.
func appendParamValue(dst []byte, key uint16, v []byte) []byte {
	at := len(dst)
	ok := true
	switch key {
	case 0, 9: // mandatory, tls-supported-groups
		dst, ok = appendList(dst, v, 2, func(dst, e []byte) []byte {
			if n := binary.BigEndian.Uint16(e); key == 0 {
				return appendParamName(dst, n)
			} else {
				return strconv.AppendUint(dst, uint64(n), 10)
			}
		})
	case 1: // alpn
		dst, ok = appendALPN(dst, v)
	case 3: // port
		dst, ok = appendList(dst, v, 2, func(dst, e []byte) []byte {
			return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(e)), 10)
		})
	case 4: // ipv4hint
		dst, ok = appendList(dst, v, 4, func(dst, e []byte) []byte { return record.AddrFrom4(e).AppendText(dst) })
	case 5: // ech
		dst = base64.StdEncoding.AppendEncode(dst, v)
	case 6: // ipv6hint
		dst, ok = appendList(dst, v, 16, func(dst, e []byte) []byte { return record.AddrFrom16(e).AppendText(dst) })
	case 7: // dohpath
		dst = append(dst, v...)
	default:
		ok = false
	}
	if !ok {
		dst = hex.AppendEncode(dst[:at], v)
	}
	return dst
}

// appendList appends elements of a fixed size with commas between them.
func appendList(dst, v []byte, size int, one func(dst, e []byte) []byte) ([]byte, bool) {
	if len(v)%size != 0 {
		return dst, false
	}
	for i := 0; i < len(v); i += size {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, v[i:i+size])
	}
	return dst, true
}

func appendALPN(dst, v []byte) ([]byte, bool) {
	for first := true; len(v) > 0; first = false {
		n := int(v[0])
		if 1+n > len(v) {
			return dst, false
		}
		if !first {
			dst = append(dst, ',')
		}
		dst, v = append(dst, v[1:1+n]...), v[1+n:]
	}
	return dst, true
}

// appendPrefixes appends the address prefixes of an APL record (RFC 3123).
func appendPrefixes(dst, b []byte, off int) ([]byte, int) {
	end := off + len(b)
	for first := true; len(b) > 0; first = false {
		if len(b) < 4 {
			return dst, notAName
		}
		family, bits, n := binary.BigEndian.Uint16(b), b[2], int(b[3]&0x7f)
		if 4+n > len(b) {
			return dst, notAName
		}
		if !first {
			dst = append(dst, ' ')
		}
		if b[3]&0x80 != 0 {
			dst = append(dst, '!')
		}
		dst = append(strconv.AppendUint(dst, uint64(family), 10), ':')
		dst = appendPartial(dst, family, b[4:4+n])
		dst = strconv.AppendUint(append(dst, '/'), uint64(bits), 10)
		b = b[4+n:]
	}
	return dst, end
}

// appendPartial appends an address of which only the first bytes are there: family 1 is IPv4, 2 IPv6.
func appendPartial(dst []byte, family uint16, b []byte) []byte {
	var full [16]byte
	switch {
	case family == 1 && len(b) <= 4:
		copy(full[:], b)
		return record.AddrFrom4(full[:]).AppendText(dst)
	case family == 2 && len(b) <= 16:
		copy(full[:], b)
		return record.AddrFrom16(full[:]).AppendText(dst)
	}
	return hex.AppendEncode(dst, b)
}

// appendLocation appends a LOC record (RFC 1876).
func appendLocation(dst, b []byte, off int) ([]byte, int) {
	if len(b) != 16 || b[0] != 0 {
		return dst, notAName
	}
	dst = appendDegrees(dst, binary.BigEndian.Uint32(b[4:]), 'N', 'S')
	dst = appendDegrees(append(dst, ' '), binary.BigEndian.Uint32(b[8:]), 'E', 'W')
	dst = appendMetres(append(dst, ' '), int64(binary.BigEndian.Uint32(b[12:]))-100_000_00)
	for _, size := range b[1:4] { // size, horizontal and vertical precision: decimal digit and exponent, in cm
		cm := int64(size >> 4)
		for range min(size&15, 9) {
			cm *= 10
		}
		dst = appendMetres(append(dst, ' '), cm)
	}
	return dst, off + len(b)
}

// appendDegrees appends an angle in thousandths of a second of arc, counted from 1<<31.
func appendDegrees(dst []byte, v uint32, plus, minus byte) []byte {
	n, side := int64(v)-1<<31, plus
	if n < 0 {
		n, side = -n, minus
	}
	dst = append(strconv.AppendInt(dst, n/3_600_000, 10), ' ')
	dst = append(strconv.AppendInt(dst, n/60_000%60, 10), ' ')
	dst = append(strconv.AppendFloat(dst, float64(n%60_000)/1000, 'f', 3, 64), ' ')
	return append(dst, side)
}

func appendMetres(dst []byte, cm int64) []byte {
	return append(strconv.AppendFloat(dst, float64(cm)/100, 'f', 2, 64), 'm')
}

// appendGateway appends the data of IPSECKEY (RFC 4025, letter I) or AMTRELAY (RFC 8777, letter R).
func (r *reader) appendGateway(dst []byte, letter byte, off, end int) ([]byte, int) {
	b := r.msg[off:end]
	numbers, kind := 3, byte(0) // precedence, gateway type, algorithm
	if letter == 'R' {
		numbers = 2 // precedence, discovery bit and relay type
	}
	if len(b) < numbers {
		return dst, notAName
	}
	kind = b[1]
	if letter == 'R' {
		dst = append(strconv.AppendUint(dst, uint64(b[0]), 10), ' ')
		dst = append(strconv.AppendUint(dst, uint64(kind>>7), 10), ' ')
		kind &= 0x7f
		dst = strconv.AppendUint(dst, uint64(kind), 10)
	} else {
		for i, n := range b[:numbers] {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = strconv.AppendUint(dst, uint64(n), 10)
		}
	}
	dst = append(dst, ' ')
	off += numbers
	switch kind {
	case 0:
		dst = append(dst, '.')
	case 1:
		dst, off = appendFixed(dst, '4', r.msg[off:end], off)
	case 2:
		dst, off = appendFixed(dst, '6', r.msg[off:end], off)
	case 3:
		dst, off = r.appendNameField(dst, off, end)
	default:
		return dst, notAName
	}
	if off == notAName || off == end {
		return dst, off
	}
	return base64.StdEncoding.AppendEncode(append(dst, ' '), r.msg[off:end]), end
}

// appendHIP appends a HIP record (RFC 8005): algorithm, host identity tag, public key, rendezvous servers.
func (r *reader) appendHIP(dst []byte, off, end int) ([]byte, int) {
	b := r.msg[off:end]
	if len(b) < 4 {
		return dst, notAName
	}
	tag, key := int(b[0]), int(binary.BigEndian.Uint16(b[2:]))
	if 4+tag+key > len(b) {
		return dst, notAName
	}
	dst = append(strconv.AppendUint(dst, uint64(b[1]), 10), ' ')
	dst = append(hex.AppendEncode(dst, b[4:4+tag]), ' ')
	dst = base64.StdEncoding.AppendEncode(dst, b[4+tag:4+tag+key])
	for off += 4 + tag + key; off < end && off != notAName; {
		dst, off = r.appendNameField(append(dst, ' '), off, end)
	}
	return dst, off
}
