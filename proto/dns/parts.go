package dns

import "strconv"

// What follows takes messages apart for the eye, by the tables and rules that the parser reads them with.

// AppendName appends the text of the name at msg[off:] to dst and returns it with the offset of what follows the name, or -1 if
// there is no name. The root is the empty text.
func AppendName(dst, msg []byte, off int) ([]byte, int) { return appendName(dst, msg, off) }

// TypeName is a record type's name; TYPE and its number if it has none (RFC 3597 §5).
func TypeName(t uint16) string { return string(appendType(nil, t)) }

// ClassName is a class's name; CLASS and its number if it has none.
func ClassName(c uint16) string { return string(appendClass(nil, c)) }

// RcodeName is a response code's name, or its number.
func RcodeName(code int) string { return rcodeName(code) }

// OpcodeName is an operation's name, or its number.
func OpcodeName(op int) string { return opNames[op&15] }

// Part is a field in a record's data.
type Part struct {
	Kind     byte   // its letter, as layouts has it
	Off, End int    // it is msg[Off:End]
	Text     string // as a zone file has it
}

// Layout is the letters of a type's fields, "" for a type without a layout.
func Layout(typ uint16) string { return layoutOf(typ) }

// Parts takes data of type typ, which are msg[off:end], apart by the type's layout; ok is false if they do not have it, and
// parts are those that were read before that was seen. A type without a layout has no parts, and is ok if it has no data.
func Parts(msg []byte, typ uint16, off, end int) (parts []Part, ok bool) {
	r := reader{msg: msg}
	layout := layoutOf(typ)
	parts = make([]Part, 0, len(layout))
	for i := range len(layout) {
		text, next := r.appendField(nil, layout[i], off, end)
		if next == notAName {
			return parts, false
		}
		parts = append(parts, Part{Kind: layout[i], Off: off, End: next, Text: string(text)})
		off = next
	}
	return parts, off == end
}

// optionNames are the EDNS options (IANA registry "DNS EDNS0 Option Codes").
var optionNames = [...]string{1: "LLQ", 2: "Update Lease", optNSID: "NSID", 5: "DAU", 6: "DHU", 7: "N3U", optSubnet: "Client Subnet",
	9: "Expire", optCookie: "Cookie", 11: "TCP Keepalive", 12: "Padding", 13: "Chain", 14: "Key Tag", optEDE: "Extended DNS Error",
	16: "Client Tag", 17: "Server Tag", 18: "Report Channel", 19: "Zone Version"}

// OptionName is an EDNS option's name, or its number.
func OptionName(code uint16) string {
	if int(code) < len(optionNames) && optionNames[code] != "" {
		return optionNames[code]
	}
	return strconv.Itoa(int(code))
}

// OptionText is an EDNS option's value for the eye.
func OptionText(code uint16, value []byte) string {
	switch code {
	case optSubnet:
		return string(appendSubnet(nil, value))
	case optEDE:
		return string(appendEDE(nil, value))
	}
	return string(appendReadable(nil, value))
}

// ParamName is the name of a parameter of SVCB and HTTPS records.
func ParamName(key uint16) string { return string(appendParamName(nil, key)) }

// ParamText is a parameter's value as RFC 9460 §7 writes it.
func ParamText(key uint16, value []byte) string { return string(appendParamValue(nil, key, value)) }
