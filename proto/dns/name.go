package dns

import (
	"bytes"
	"unicode/utf8"
)

const (
	maxWireName = 255             // RFC 1035 §2.3.4: bytes of a name on the wire
	maxTextName = 4 * maxWireName // each byte may become \ddd
	maxPointers = 127             // in a name: more than it can have labels, so that no chain of them costs time
	notAName    = -1              // offset of what follows something that is no name
	pointerMask = 0xc0            // the upper bits of a length that is a pointer (RFC 1035 §4.1.4)
)

// plain maps the bytes that stand for themselves in a name to their lower case; the others map to 0.
var plain = func() (t [256]byte) {
	for c := '!'; c <= '~'; c++ {
		t[c] = byte(c)
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = byte(c) + 'a' - 'A'
	}
	t[' '] = ' '
	t['.'], t['\\'] = 0, 0
	return t
}()

// appendName appends the text of the name at msg[off:] to dst and returns it with the offset of what follows the
// name, or notAName. The root is the empty text. Pointers must point before the name they are in, as
// RFC 1035 §4.1.4 has it ("a prior occurrence"); so a name ends.
func appendName(dst, msg []byte, off int) ([]byte, int) {
	start := len(dst)
	next, limit, wire, pointers := notAName, off, 0, 0
	for off < len(msg) {
		n := int(msg[off])
		switch {
		case n == 0:
			if next == notAName {
				next = off + 1
			}
			return dst, next
		case n&pointerMask == pointerMask:
			if off+1 >= len(msg) {
				return dst[:start], notAName
			}
			if next == notAName {
				next = off + 2
			}
			to := (n&^pointerMask)<<8 | int(msg[off+1])
			if pointers++; to >= limit || pointers > maxPointers {
				return dst[:start], notAName
			}
			off, limit = to, to
			continue
		case n&pointerMask != 0: // RFC 6891 §5: extended label types are obsolete
			return dst[:start], notAName
		}
		off++
		if wire += 1 + n; wire >= maxWireName || off+n > len(msg) {
			return dst[:start], notAName
		}
		if len(dst) > start {
			dst = append(dst, '.')
		}
		dst = appendLabel(dst, msg[off:off+n])
		off += n
	}
	return dst[:start], notAName
}

// appendLabel appends a label in lower case, escaped where needed.
func appendLabel(dst, label []byte) []byte {
	at := len(dst)
	dst = append(dst, label...)
	for i, c := range label {
		p := plain[c]
		if p == 0 {
			return appendEscaped(dst[:at], label)
		}
		dst[at+i] = p
	}
	return dst
}

// appendEscaped is appendLabel for labels with bytes that do not stand for themselves.
func appendEscaped(dst, label []byte) []byte {
	text := utf8.Valid(label) // RFC 6762 §16: names in multicast DNS are UTF-8
	for _, c := range label {
		switch {
		case plain[c] != 0:
			dst = append(dst, plain[c])
		case c == '.' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= utf8.RuneSelf && text:
			dst = append(dst, c)
		default:
			dst = append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		}
	}
	return dst
}

// skipName returns the offset of what follows the name at msg[off:], or notAName. It does not follow pointers.
func skipName(msg []byte, off int) int {
	for start := off; off < len(msg) && off-start < maxWireName; {
		switch n := int(msg[off]); {
		case n == 0:
			return off + 1
		case n&pointerMask == pointerMask && off+1 < len(msg):
			return off + 2
		case n&pointerMask != 0:
			return notAName
		default:
			off += 1 + n
		}
	}
	return notAName
}

// isPuny says whether a label of name is internationalised (RFC 5890 §2.3.2.1).
func isPuny(name []byte) bool {
	for from := 0; ; {
		i := bytes.Index(name[from:], punyPrefix)
		if i < 0 {
			return false
		}
		if from += i; from == 0 || name[from-1] == '.' {
			return from+len(punyPrefix) < len(name)
		}
		from += len(punyPrefix)
	}
}

var punyPrefix = []byte("xn--")

// appendUnicode appends name with its internationalised labels decoded; a label that cannot be stays as it is.
func appendUnicode(dst, name []byte) []byte {
	for len(name) > 0 {
		n := 0
		for n < len(name) && name[n] != '.' {
			n++
		}
		label := name[:n]
		if isPuny(label) {
			var ok bool
			if dst, ok = appendPunycode(dst, label[4:]); !ok {
				dst = append(dst, label...)
			}
		} else {
			dst = append(dst, label...)
		}
		if n < len(name) {
			dst = append(dst, '.')
			n++
		}
		name = name[n:]
	}
	return dst
}

// appendPunycode appends what the Punycode in stands for (RFC 3492 §6.2). in is at most a label long, so the
// insertions are few.
func appendPunycode(dst, in []byte) ([]byte, bool) {
	const base, tMin, tMax, initialBias, initialN = 36, 1, 26, 72, 128
	const maxLabel = 63
	if len(in) > maxLabel { // with escapes it can be longer
		return dst, false
	}
	var out [maxLabel]rune
	var count int
	for i := len(in) - 1; i >= 0; i-- {
		if in[i] == '-' {
			for _, c := range in[:i] {
				out[count] = rune(c)
				count++
			}
			in = in[i+1:]
			break
		}
	}
	n, at, bias := rune(initialN), 0, initialBias
	for first := true; len(in) > 0; first = false {
		old := at
		for w, k := 1, base; ; k += base {
			if len(in) == 0 {
				return dst, false
			}
			digit, ok := punycodeDigit(in[0])
			in = in[1:]
			if !ok || w > 1<<24 {
				return dst, false
			}
			at += digit * w
			t := min(max(k-bias, tMin), tMax)
			if digit < t {
				break
			}
			w *= base - t
		}
		if count == len(out) {
			return dst, false
		}
		count++
		bias = punycodeBias(at-old, count, first)
		n += rune(at / count)
		at %= count
		if n > utf8.MaxRune || n < 0 {
			return dst, false
		}
		copy(out[at+1:count], out[at:count-1])
		out[at] = n
		at++
	}
	for _, r := range out[:count] {
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

func punycodeDigit(c byte) (int, bool) {
	switch {
	case c >= 'a' && c <= 'z':
		return int(c - 'a'), true
	case c >= '0' && c <= '9':
		return int(c-'0') + 26, true
	}
	return 0, false
}

// punycodeBias is RFC 3492 §6.1.
func punycodeBias(delta, count int, first bool) int {
	const base, tMin, tMax, skew, damp = 36, 1, 26, 38, 700
	if first {
		delta /= damp
	} else {
		delta /= 2
	}
	delta += delta / count
	k := 0
	for ; delta > (base-tMin)*tMax/2; k += base {
		delta /= base - tMin
	}
	return k + (base-tMin+1)*delta/(delta+skew)
}
