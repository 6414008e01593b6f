package dns

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/record"
)

// layouts describe the data of each record type as a sequence of fields, one letter each, which appendField reads.
// The text is that of a zone file, but for the dots at the end of names.
//
//	n name    t type    b w l Z numbers of 8, 16, 32 and 48 bits    T time    4 6 addresses    e EUI address    g locator
//	s quoted string    Q the rest, quoted    S strings to the end, as they are    B type bitmap
//	x X the rest in hex, in lower and upper case    k the rest in base64    h H hex and base32hex behind an 8-bit length    m base64 behind a 16-bit one
//	c tag and value of CAA    V parameters of SVCB    P prefixes of APL    L location    I IPSECKEY    R AMTRELAY    M HIP
var layouts = [...]string{
	1: "4", 2: "n", 3: "n", 4: "n", 5: "n", 6: "nnlllll", 7: "n", 8: "n", 9: "n", 12: "n", 13: "ss", 14: "nn", 15: "wn",
	16: "S", 17: "nn", 18: "wn", 19: "s", 20: "S", 21: "wn", 22: "x", 23: "n", 24: "tbblTTwnk", 25: "wbbk", 26: "wnn",
	27: "sss", 28: "6", 29: "L", 31: "x", 32: "x", 33: "wwwn", 35: "wwsssn", 36: "wn", 37: "wwbk", 39: "n", 42: "P",
	43: "wbbX", 44: "bbx", 45: "I", 46: "tbblTTwnk", 47: "nB", 48: "wbbk", 49: "k", 50: "bbwhHB", 51: "bbwh", 52: "bbbx",
	53: "bbbx", 55: "M", 56: "S", 57: "wbbk", 58: "nn", 59: "wbbX", 60: "wbbk", 61: "k", 62: "lwB", 63: "lbbx",
	64: "wnV", 65: "wnV", 66: "tbwn", 67: "k", 68: "k", 99: "S", 104: "wg", 105: "w4", 106: "wg", 107: "wn", 108: "e",
	109: "e", 249: "nTTwwmm", 250: "nZwmwwm", 256: "wwQ", 257: "bc", 258: "S", 259: "llbsk", 260: "R", 261: "S", 262: "S",
}

// appendRData appends the text of x's data. What does not have its type's layout, or has none, is written as
// RFC 3597 §5 has it: \# length hex. So the text is never empty.
func (r *reader) appendRData(dst []byte, x *rr) []byte {
	start := len(dst)
	layout, off := layoutOf(x.typ), x.off
	for i := 0; i < len(layout) && off != notAName; i++ {
		mark := len(dst)
		if i > 0 {
			dst = append(dst, ' ')
		}
		at := len(dst)
		dst, off = r.appendField(dst, layout[i], off, x.end)
		if len(dst) == at {
			dst = dst[:mark] // an empty rest leaves no space behind
		}
	}
	switch {
	case layout == "" || off != x.end:
		return appendGeneric(dst[:start], r.msg[x.off:x.end])
	case len(dst) == start:
		return append(dst, '"', '"')
	}
	return dst
}

// layoutOf is the layout of a type's data, "" if it has none.
func layoutOf(typ uint16) string {
	switch {
	case int(typ) < len(layouts):
		return layouts[typ]
	case typ|1 == 32769: // TA and DLV are as DS
		return layouts[typeDS]
	}
	return ""
}

// appendGeneric is the form of RFC 3597 §5.
func appendGeneric(dst, data []byte) []byte {
	dst = strconv.AppendInt(append(dst, `\# `...), int64(len(data)), 10)
	if len(data) == 0 {
		return dst
	}
	return hex.AppendEncode(append(dst, ' '), data)
}

// appendField appends the field of the given letter at off and returns the offset behind it, or notAName if it does
// not end by end.
func (r *reader) appendField(dst []byte, letter byte, off, end int) ([]byte, int) {
	rest := r.msg[off:end]
	switch letter {
	case 'n':
		return r.appendNameField(dst, off, end)
	case 'b', 'w', 'l', 'Z', 't', 'T':
		return appendNumber(dst, letter, rest, off)
	case '4', '6', 'e', 'g':
		return appendFixed(dst, letter, rest, off)
	case 's', 'h', 'H', 'm':
		return appendCounted(dst, letter, rest, off)
	case 'Q':
		return appendQuoted(dst, rest), end
	case 'S':
		return appendStrings(dst, rest, off)
	case 'x':
		return hex.AppendEncode(dst, rest), end
	case 'X':
		return appendUpperHex(dst, rest), end
	case 'k':
		return base64.StdEncoding.AppendEncode(dst, rest), end
	case 'B':
		return appendBitmap(dst, rest, off)
	case 'c':
		return appendCAA(dst, rest, off)
	case 'V':
		return appendParams(dst, rest, off)
	case 'P':
		return appendPrefixes(dst, rest, off)
	case 'L':
		return appendLocation(dst, rest, off)
	case 'M':
		return r.appendHIP(dst, off, end)
	default: // I and R
		return r.appendGateway(dst, letter, off, end)
	}
}

func (r *reader) appendNameField(dst []byte, off, end int) ([]byte, int) {
	at := len(dst)
	dst, next := appendName(dst, r.msg, off)
	if next > end {
		return dst[:at], notAName
	}
	if next != notAName && len(dst) == at {
		dst = append(dst, '.')
	}
	return dst, next
}

// appendNumber appends a number, or what it stands for.
func appendNumber(dst []byte, letter byte, b []byte, off int) ([]byte, int) {
	size := 4
	switch letter {
	case 'b':
		size = 1
	case 'w', 't':
		size = 2
	case 'Z':
		size = 6
	}
	if len(b) < size {
		return dst, notAName
	}
	var n uint64
	for _, c := range b[:size] {
		n = n<<8 | uint64(c)
	}
	switch letter {
	case 't':
		dst = appendType(dst, uint16(n))
	case 'T': // RFC 4034 §3.2
		dst = time.Unix(int64(n), 0).UTC().AppendFormat(dst, "20060102150405")
	default:
		dst = strconv.AppendUint(dst, n, 10)
	}
	return dst, off + size
}

func appendUpperHex(dst, b []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range b {
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}

// appendFixed appends an address of one of the kinds that have a fixed size.
func appendFixed(dst []byte, letter byte, b []byte, off int) ([]byte, int) {
	switch {
	case letter == '4' && len(b) >= 4:
		return record.AddrFrom4(b).AppendText(dst), off + 4
	case letter == '6' && len(b) >= 16:
		return record.AddrFrom16(b).AppendText(dst), off + 16
	case letter == 'e' && (len(b) == 6 || len(b) == 8): // RFC 7043
		for i := range b {
			if i > 0 {
				dst = append(dst, '-')
			}
			dst = hex.AppendEncode(dst, b[i:i+1])
		}
		return dst, off + len(b)
	case letter == 'g' && len(b) >= 8: // RFC 6742
		for i := 0; i < 8; i += 2 {
			if i > 0 {
				dst = append(dst, ':')
			}
			dst = hex.AppendEncode(dst, b[i:i+2])
		}
		return dst, off + 8
	}
	return dst, notAName
}

// appendCounted appends bytes that have their number before them.
func appendCounted(dst []byte, letter byte, b []byte, off int) ([]byte, int) {
	lead := 1
	if letter == 'm' {
		lead = 2
	}
	if len(b) < lead {
		return dst, notAName
	}
	n := int(b[0])
	if letter == 'm' {
		n = int(binary.BigEndian.Uint16(b))
	}
	if lead+n > len(b) {
		return dst, notAName
	}
	in := b[lead : lead+n]
	switch {
	case letter == 's':
		dst = appendQuoted(dst, in)
	case n == 0:
		dst = append(dst, '-')
	case letter == 'h':
		dst = hex.AppendEncode(dst, in)
	case letter == 'H':
		dst = base32.HexEncoding.WithPadding(base32.NoPadding).AppendEncode(dst, in)
	default:
		dst = base64.StdEncoding.AppendEncode(dst, in)
	}
	return dst, off + lead + n
}

// appendQuoted appends text in quotes (RFC 1035 §5.1).
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// appendStrings appends the texts of strings with spaces between them.
func appendStrings(dst, b []byte, off int) ([]byte, int) {
	end := off + len(b)
	for first := true; len(b) > 0; first = false {
		n := int(b[0])
		if 1+n > len(b) {
			return dst, notAName
		}
		if !first {
			dst = append(dst, ' ')
		}
		dst = append(dst, b[1:1+n]...)
		b = b[1+n:]
	}
	return dst, end
}

// appendBitmap appends the types of a type bitmap (RFC 4034 §4.1.2).
func appendBitmap(dst, b []byte, off int) ([]byte, int) {
	end := off + len(b)
	for first := true; len(b) > 0; {
		if len(b) < 2 || b[1] > 32 || 2+int(b[1]) > len(b) {
			return dst, notAName
		}
		for i, bits := range b[2 : 2+b[1]] {
			for bit := 0; bits != 0; bit, bits = bit+1, bits<<1 {
				if bits&0x80 == 0 {
					continue
				}
				if !first {
					dst = append(dst, ' ')
				}
				dst, first = appendType(dst, uint16(b[0])<<8|uint16(i*8+bit)), false
			}
		}
		b = b[2+int(b[1]):]
	}
	return dst, end
}

// appendCAA appends tag and value of a CAA record (RFC 8659 §4.1).
func appendCAA(dst, b []byte, off int) ([]byte, int) {
	if len(b) < 1 || 1+int(b[0]) > len(b) {
		return dst, notAName
	}
	dst = append(append(dst, b[1:1+b[0]]...), ' ')
	return append(dst, b[1+int(b[0]):]...), off + len(b)
}
