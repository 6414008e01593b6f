package tls

import (
	"encoding/hex"
	"iter"
	"net/netip"
	"unicode/utf16"
	"unicode/utf8"
)

// attribute is one part of a distinguished name.
type attribute struct {
	oid   []byte
	value element
	more  bool // another part of the same RDN follows
}

// nameParts gives the parts of a Name (RFC 5280 §4.1.2.4), given its content, in their order.
func nameParts(name []byte) iter.Seq[attribute] {
	return func(yield func(attribute) bool) {
		rdns := der{b: name}
		for len(rdns.b) > 0 {
			set := rdns.want(tagSet).in()
			for len(set.b) > 0 {
				seq := set.want(tagSequence).in()
				oid, value := seq.want(tagOID), seq.next()
				if seq.bad || set.bad || value.tag == 0 {
					return
				}
				if !yield(attribute{oid: oid.body, value: value, more: len(set.b) > 0}) {
					return
				}
			}
		}
	}
}

// maxParts bounds how many parts of a name its string shows; real names have below ten.
const maxParts = 64

// appendName appends a Name, given its content, as RFC 4514 writes it: the last RDN first.
func appendName(dst, name []byte) []byte {
	var room [16]attribute
	parts := room[:0]
	for a := range nameParts(name) {
		if len(parts) == maxParts {
			break
		}
		parts = append(parts, a)
	}
	for end := len(parts); end > 0; {
		begin := end - 1
		for begin > 0 && parts[begin-1].more {
			begin--
		}
		if end < len(parts) {
			dst = append(dst, ',')
		}
		for i := begin; i < end; i++ {
			if i > begin {
				dst = append(dst, '+')
			}
			dst = appendAttribute(dst, parts[i])
		}
		end = begin
	}
	return dst
}

func appendAttribute(dst []byte, a attribute) []byte {
	short, known := attributes[string(a.oid)]
	if !known || !isText(a.value.tag) {
		// RFC 4514 §2.4: the value of an unknown type is the hex of its encoding.
		dst = appendOID(dst, a.oid)
		return hex.AppendEncode(append(dst, '=', '#'), a.value.raw)
	}
	var room [128]byte
	return appendEscaped(append(append(dst, short...), '='), appendText(room[:0], a.value))
}

// appendEscaped appends a value with what RFC 4514 §2.4 wants escaped.
func appendEscaped(dst, s []byte) []byte {
	for i, c := range s {
		switch {
		case c == 0:
			dst = append(dst, '\\', '0', '0')
			continue
		case c == ',' || c == '+' || c == '"' || c == '\\' || c == '<' || c == '>' || c == ';',
			c == ' ' && (i == 0 || i == len(s)-1), c == '#' && i == 0:
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}

func isText(tag byte) bool {
	switch tag {
	case tagUTF8String, tagNumericString, tagPrintableString, tagT61String, tagIA5String, tagVisibleString, tagUniversalString, tagBMPString:
		return true
	}
	return false
}

// appendText appends the value of a string element as UTF-8. Text that claims to be of one byte a character and is
// not UTF-8 either is read as Latin-1, which is what T61String means in practice.
func appendText(dst []byte, e element) []byte {
	switch b := e.body; e.tag {
	case tagBMPString:
		for ; len(b) >= 2; b = b[2:] {
			r := rune(b[0])<<8 | rune(b[1])
			if utf16.IsSurrogate(r) && len(b) >= 4 {
				if full := utf16.DecodeRune(r, rune(b[2])<<8|rune(b[3])); full != utf8.RuneError {
					r, b = full, b[2:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		}
	case tagUniversalString:
		for ; len(b) >= 4; b = b[4:] {
			dst = utf8.AppendRune(dst, rune(b[0])<<24|rune(b[1])<<16|rune(b[2])<<8|rune(b[3]))
		}
	case tagUTF8String:
		dst = append(dst, b...)
	default:
		if utf8.Valid(b) {
			return append(dst, b...)
		}
		for _, c := range b {
			dst = utf8.AppendRune(dst, rune(c))
		}
	}
	return dst
}

// altNames gives the alternative names that are text: DNS names, e-mail addresses, URIs, and IP addresses as they are
// written (RFC 5280 §4.2.1.6). The name is valid until the next.
func (c *certificate) altNameTexts() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		names := der{b: c.altNames}
		for len(names.b) > 0 {
			var room [64]byte
			text := []byte(nil)
			switch e := names.next(); e.tag {
			case tagContext + 1, tagContext + 2, tagContext + 6:
				text = e.body
			case tagContext + 7:
				if a, ok := netip.AddrFromSlice(e.body); ok {
					text = a.AppendTo(room[:0])
				}
			}
			if len(text) > 0 && !yield(text) {
				return
			}
		}
	}
}
