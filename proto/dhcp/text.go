package dhcp

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/tapir-project/tapir/record"
)

// What follows says single options and numbers in words, by the tables and rules that the parser reads them with.

// OptionName is an option's name in version 4, or its number.
func OptionName(code uint8) string { return string(appendOptionName(nil, code)) }

// MessageName is a message type's name in version 4, "" if it has none.
func MessageName(t uint8) string { return typeName(types4[:], t) }

// HardwareName is the name of a kind of hardware address, "" if it has none.
func HardwareName(t uint8) string { return hardware[t] }

// AgentName is the name of a sub-option of the relay agent, or its number.
func AgentName(code uint8) string {
	if name := agentNames[code]; name != "" {
		return name
	}
	return strconv.Itoa(int(code))
}

// AgentText is a sub-option's value.
func AgentText(code uint8, value []byte) string {
	line := appendAgent(nil, code, value)
	return string(line[len(AgentName(code))+1:])
}

// forms are those of the options that transactions have no field for.
var forms = map[uint8]form{7: asAddrs, 8: asAddrs, 9: asAddrs, 10: asAddrs, 11: asAddrs, 13: asUint, 14: asText, 16: asAddr, 17: asText,
	18: asText, 19: asUint, 20: asUint, 22: asUint, 23: asUint, 24: asUint, 27: asUint, 29: asUint, 30: asUint, 31: asUint, 32: asAddr,
	34: asUint, 35: asUint, 36: asUint, 37: asUint, 38: asUint, 39: asUint, 40: asText, 41: asAddrs, 44: asAddrs, 45: asAddrs, 46: asUint,
	47: asText, 48: asAddrs, 49: asAddrs, optOverload: asUint, 62: asText, 64: asText, 65: asAddrs, 68: asAddrs, 69: asAddrs, 70: asAddrs,
	71: asAddrs, 72: asAddrs, 73: asAddrs, 74: asAddrs, 75: asAddrs, 76: asAddrs, 85: asAddrs, 86: asText, 87: asText, 91: asUint,
	92: asAddrs, 95: asText, 100: asText, 101: asText, 108: asUint, 112: asAddrs, 113: asText, 114: asText, 116: asUint, 118: asAddr,
	138: asAddrs, 147: asText, 150: asAddrs, 152: asUint, 153: asUint, 154: asUint, 155: asUint, 160: asText, 161: asText, 208: asHex,
	209: asText, 210: asText, 211: asUint, 252: asText, 5: asAddrs}

// formOf is how an option is written.
func formOf(code uint8) form {
	for _, s := range shown {
		if s.code == code {
			return s.form
		}
	}
	if f, ok := forms[code]; ok {
		return f
	}
	return asHex
}

// OptionTexts is the value of an option of version 4, an element for each entry of a list. The sub-options of the relay agent are
// for AgentText.
func OptionTexts(code uint8, value []byte) (texts []string) {
	add := func(line []byte) { texts = append(texts, string(line)) }
	switch f := formOf(code); {
	case f == asAddr && len(value) == 4, f == asAddrs && len(value) > 0 && len(value)%4 == 0:
		for ; len(value) >= 4; value = value[4:] {
			add(record.AddrFrom4(value).AppendText(nil))
		}
	case f == asText:
		add(appendText(nil, value))
	case f == asInt && len(value) == 4:
		add(strconv.AppendInt(nil, int64(int32(binary.BigEndian.Uint32(value))), 10))
	case f == asUint && (len(value) == 1 || len(value) == 2 || len(value) == 4):
		var n uint64
		for _, c := range value {
			n = n<<8 | uint64(c)
		}
		add(strconv.AppendUint(nil, n, 10))
	case f == asSpecial:
		texts = specialTexts(code, value)
	default:
		add(hex.AppendEncode(nil, value))
	}
	return texts
}

// specialTexts is OptionTexts of those with a form of their own.
func specialTexts(code uint8, value []byte) (texts []string) {
	var line []byte
	switch code {
	case optParameters:
		for _, c := range value {
			texts = append(texts, OptionName(c)+" ("+strconv.Itoa(int(c))+")")
		}
	case optFQDN:
		texts = append(texts, string(appendFQDN(nil, value)))
	case optSearch:
		for off := 0; off >= 0 && off < len(value); {
			if line, off = appendDomain(line[:0], value, off); off >= 0 {
				texts = append(texts, string(line))
			}
		}
	case optRoutes:
		for line, value = appendRoute(nil, value); len(line) > 0; line, value = appendRoute(line[:0], value) {
			texts = append(texts, string(line))
		}
	default:
		texts = append(texts, hex.EncodeToString(value))
	}
	return texts
}
