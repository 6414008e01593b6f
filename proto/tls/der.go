package tls

import "strconv"

// DER tags (X.690 §8) as they stand in certificates.
const (
	tagBoolean         = 0x01
	tagInteger         = 0x02
	tagBitString       = 0x03
	tagOctetString     = 0x04
	tagOID             = 0x06
	tagEnumerated      = 0x0a
	tagUTF8String      = 0x0c
	tagNumericString   = 0x12
	tagPrintableString = 0x13
	tagT61String       = 0x14
	tagIA5String       = 0x16
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagVisibleString   = 0x1a
	tagUniversalString = 0x1c
	tagBMPString       = 0x1e
	tagSequence        = 0x30
	tagSet             = 0x31
	tagContext         = 0x80 // + number: [n] IMPLICIT of a primitive
	tagConstructed     = 0xa0 // + number: [n] of a constructed
)

// element is one DER element. It borrows from the certificate.
type element struct {
	tag  byte
	body []byte
	raw  []byte // tag and length included
}

// der reads DER elements one after the other. It takes any length encoding that is definite and fits, for traffic
// has certificates that no strict reader would take. The first element that does not fit empties it and sets bad.
type der struct {
	b   []byte
	bad bool
}

// next takes the next element; its tag is 0 at the end and if there is none.
func (d *der) next() (e element) {
	if len(d.b) == 0 {
		return element{}
	}
	head, n, ok := derHeader(d.b)
	if !ok || n > len(d.b)-head {
		*d = der{bad: true}
		return element{}
	}
	e = element{tag: d.b[0], body: d.b[head : head+n : head+n], raw: d.b[: head+n : head+n]}
	d.b = d.b[head+n:]
	return e
}

// want takes the next element if it has that tag; what else comes is an error.
func (d *der) want(tag byte) element {
	e := d.next()
	if e.tag != tag {
		*d = der{bad: true}
		return element{}
	}
	return e
}

// optional takes the next element if it has that tag and leaves it if not.
func (d *der) optional(tag byte) element {
	if len(d.b) == 0 || d.b[0] != tag {
		return element{}
	}
	return d.next()
}

// in reads what is within e.
func (e element) in() *der { return &der{b: e.body} }

// derHeader reads tag and length of an element: the length of both, and that of the content.
func derHeader(b []byte) (head, n int, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f { // tag numbers above 30 occur in nothing that is read here
		return 0, 0, false
	}
	if b[1] < 0x80 {
		return 2, int(b[1]), true
	}
	k := int(b[1] & 0x7f) // 0 is the indefinite form of BER
	if k == 0 || k > 4 || len(b) < 2+k {
		return 0, 0, false
	}
	for _, c := range b[2 : 2+k] {
		n = n<<8 | int(c)
	}
	return 2 + k, n, n >= 0
}

// appendOID appends an object identifier in dotted form.
func appendOID(dst, oid []byte) []byte {
	start := len(dst)
	v := uint64(0)
	for _, c := range oid {
		v = v<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			continue
		}
		if len(dst) == start { // the first number holds two (X.690 §8.19.4)
			first := min(v/40, 2)
			dst = append(dst, '0'+byte(first), '.')
			v -= 40 * first
		} else {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, v, 10)
		v = 0
	}
	return dst
}

// byOID turns a table with dotted object identifiers as keys into one with their DER content as keys.
func byOID[T any](dotted map[string]T) map[string]T {
	out := make(map[string]T, len(dotted))
	for k, v := range dotted {
		out[string(encodeOID(k))] = v
	}
	return out
}

func encodeOID(dotted string) (out []byte) {
	var nums []uint64
	for v, i := uint64(0), 0; i <= len(dotted); i++ {
		if i == len(dotted) || dotted[i] == '.' {
			nums, v = append(nums, v), 0
		} else {
			v = v*10 + uint64(dotted[i]-'0')
		}
	}
	nums[1] += 40 * nums[0]
	for _, v := range nums[1:] {
		var tmp [10]byte
		i := len(tmp) - 1
		tmp[i] = byte(v & 0x7f)
		for v >>= 7; v > 0; v >>= 7 {
			i--
			tmp[i] = byte(v) | 0x80
		}
		out = append(out, tmp[i:]...)
	}
	return out
}

// derTime reads UTCTime and GeneralizedTime (RFC 5280 §4.1.2.5), seconds and zone optional as older certificates
// have them: seconds since the epoch.
func derTime(e element) (sec int64, ok bool) {
	b, year := e.body, 0
	switch e.tag {
	case tagUTCTime:
		if year, b, ok = digits(b, 2); year < 50 {
			year += 100
		}
		year += 1900
	case tagGeneralizedTime:
		year, b, ok = digits(b, 4)
	}
	if !ok {
		return 0, false
	}
	var part [5]int // month, day, hour, minute, second
	for i := range part {
		n, rest, good := digits(b, 2)
		if !good {
			if i < 3 {
				return 0, false
			}
			break
		}
		part[i], b = n, rest
	}
	if part[0] < 1 || part[0] > 12 || part[1] < 1 || part[1] > 31 || part[2] > 24 || part[3] > 59 || part[4] > 60 {
		return 0, false
	}
	sec = daysFromCivil(year, part[0], part[1])*86400 + int64(part[2]*3600+part[3]*60+part[4])
	return sec - zone(b), true
}

// digits takes an n-digit number off b.
func digits(b []byte, n int) (v int, rest []byte, ok bool) {
	if len(b) < n {
		return 0, b, false
	}
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			return 0, b, false
		}
		v = v*10 + int(c-'0')
	}
	return v, b[n:], true
}

// zone is the offset of what stands behind a time, a fraction before it skipped: Z, +hhmm or -hhmm.
func zone(b []byte) int64 {
	for len(b) > 0 && b[0] != '+' && b[0] != '-' {
		b = b[1:]
	}
	if len(b) < 5 {
		return 0
	}
	h, rest, _ := digits(b[1:], 2)
	m, _, _ := digits(rest, 2)
	off := int64(h*3600 + m*60)
	if b[0] == '-' {
		return -off
	}
	return off
}

// daysFromCivil is the number of days from 1970-01-01 to a date of the Gregorian calendar.
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400 // years are never negative here
	yoe := y - era*400
	doy := (153*((m+9)%12)+2)/5 + d - 1
	return int64(era)*146097 + int64(yoe*365+yoe/4-yoe/100+doy) - 719468
}
