package dhcp

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/tapir-project/tapir/record"
)

// Options that the code asks for (IANA registry "BOOTP Vendor Extensions and DHCP Options").
const (
	optPad         = 0
	optHostName    = 12
	optRequestedIP = 50
	optOverload    = 52
	optType        = 53
	optParameters  = 55
	optClassID     = 60
	optClientID    = 61
	optUserClass   = 77
	optFQDN        = 81
	optRelayAgent  = 82
	optSearch      = 119
	optRoutes      = 121
	optVendorClass = 124
	optEnd         = 255
)

// form is how an option's value is written.
type form uint8

const (
	asAddr    form = iota // one address
	asAddrs               // a list of addresses
	asText                // text
	asUint                // a number of up to 32 bits
	asInt                 // a signed number of 32 bits
	asHex                 // bytes in hex
	asSpecial             // by a function of its own
)

// option is how a transaction shows an option.
type option struct {
	code  uint8
	form  form
	field record.FieldID
}

func opt(code uint8, f form, name string) option {
	return option{code, f, record.MustID("dhcpv4.option." + name)}
}

// shown are the options that transactions have fields for.
var shown = []option{
	opt(1, asAddr, "subnet_mask"), opt(2, asInt, "utc_time_offset_sec"), opt(3, asAddrs, "router"), opt(4, asAddrs, "time_servers"),
	opt(6, asAddrs, "dns_servers"), opt(optHostName, asText, "hostname"), opt(15, asText, "domain_name"),
	opt(26, asUint, "interface_mtu"), opt(28, asAddr, "broadcast_address"), opt(42, asAddrs, "ntp_servers"),
	opt(optRequestedIP, asAddr, "requested_ip_address"), opt(51, asUint, "ip_address_lease_time_sec"),
	opt(54, asAddr, "server_identifier"), opt(optParameters, asSpecial, "parameter_request_list"), opt(56, asText, "message"),
	opt(57, asUint, "max_dhcp_message_size"), opt(58, asUint, "renewal_time_sec"), opt(59, asUint, "rebinding_time_sec"),
	opt(optClassID, asText, "class_identifier"), opt(optClientID, asHex, "client_identifier"), opt(66, asText, "tftp_server_name"),
	opt(67, asText, "boot_file_name"), opt(optUserClass, asText, "user_class"), opt(optFQDN, asSpecial, "fqdn"),
	opt(optRelayAgent, asSpecial, "relay_agent"), opt(optSearch, asSpecial, "domain_search"), opt(optRoutes, asSpecial, "static_routes"),
	opt(optVendorClass, asSpecial, "vendor_identifying_options"),
}

// place is where an option stands in the message.
type place struct {
	off uint16 // of its value, 0 if it is not there
	n   uint8
	// more says that the option comes again: RFC 3396 §7 has the values put together.
	more bool
}

// options are the options of a message.
type options struct {
	msg    []byte
	areas  [3][2]int // begin and end of where options stand, in the order of RFC 3396 §5
	places [256]place
	joined []byte
	broken bool // an option is longer than what is left
}

// index finds the options of msg, those in the overloaded file and server name fields included (RFC 2132 §9.3).
func (o *options) index(msg []byte) {
	o.msg, o.places, o.broken = msg, [256]place{}, false
	o.areas = [3][2]int{{optionsAt, len(msg)}}
	o.each(0, o.note)
	overload := o.get(optOverload)
	if len(overload) != 1 {
		return
	}
	if overload[0]&1 != 0 {
		o.areas[1] = [2]int{fileAt, fileAt + fileBytes}
		o.each(1, o.note)
	}
	if overload[0]&2 != 0 {
		o.areas[2] = [2]int{serverNameAt, serverNameAt + serverNameBytes}
		o.each(2, o.note)
	}
}

// note remembers where an option stands. Offsets fit, as a datagram does.
func (o *options) note(code uint8, off, n int) {
	if p := &o.places[code]; p.off == 0 {
		*p = place{off: uint16(off), n: uint8(n)}
	} else {
		p.more = true
	}
}

// each calls do for every option of an area.
func (o *options) each(area int, do func(code uint8, off, n int)) {
	for at, end := o.areas[area][0], o.areas[area][1]; at < end; {
		code := o.msg[at]
		if at++; code == optPad {
			continue
		}
		if code == optEnd {
			return
		}
		if at == end || at+1+int(o.msg[at]) > end {
			o.broken = true
			return
		}
		n := int(o.msg[at])
		at++
		do(code, at, n)
		at += n
	}
}

// has says whether the message has the option.
func (o *options) has(code uint8) bool { return o.places[code].off != 0 }

// get is an option's value, its parts put together; it is borrowed until the next get.
func (o *options) get(code uint8) []byte {
	p := o.places[code]
	if !p.more {
		return o.msg[p.off : int(p.off)+int(p.n)]
	}
	o.joined = o.joined[:0]
	for area := range o.areas {
		o.each(area, func(c uint8, off, n int) {
			if c == code {
				o.joined = append(o.joined, o.msg[off:off+n]...)
			}
		})
	}
	return o.joined
}

// put puts the options that have fields into v.
func (o *options) put(v *record.Values, line []byte) []byte {
	for _, s := range shown {
		if !o.has(s.code) {
			continue
		}
		value := o.get(s.code)
		switch s.form {
		case asAddr, asAddrs:
			putAddrs(v, s, value)
		case asText:
			line = appendText(line[:0], value)
			v.AddText(s.field, line)
		case asUint, asInt:
			putNumber(v, s, value)
		case asHex:
			line = hex.AppendEncode(line[:0], value)
			v.PutText(s.field, line)
		case asSpecial:
			line = putSpecial(v, s, value, line)
		}
	}
	return line
}

func putAddrs(v *record.Values, s option, value []byte) {
	for ; len(value) >= 4; value = value[4:] {
		v.AddAddr(s.field, record.AddrFrom4(value))
		if s.form == asAddr {
			return
		}
	}
}

func putNumber(v *record.Values, s option, value []byte) {
	var n int64
	switch len(value) {
	case 2:
		n = int64(binary.BigEndian.Uint16(value))
	case 4:
		n = int64(binary.BigEndian.Uint32(value))
		if s.form == asInt {
			n = int64(int32(n))
		}
	default:
		return
	}
	v.PutInt(s.field, n)
}

func putSpecial(v *record.Values, s option, value, line []byte) []byte {
	switch s.code {
	case optParameters:
		for _, code := range value {
			line = appendOptionName(line[:0], code)
			v.PutText(s.field, line)
		}
	case optFQDN:
		line = appendFQDN(line[:0], value)
		v.AddText(s.field, line)
	case optSearch:
		for off := 0; off >= 0 && off < len(value); {
			if line, off = appendDomain(line[:0], value, off); off >= 0 {
				v.AddText(s.field, line)
			}
		}
	case optRelayAgent:
		for ; len(value) >= 2 && 2+int(value[1]) <= len(value); value = value[2+int(value[1]):] {
			line = appendAgent(line[:0], value[0], value[2:2+int(value[1])])
			v.PutText(s.field, line)
		}
	case optRoutes:
		for line, value = appendRoute(line[:0], value); len(line) > 0; line, value = appendRoute(line[:0], value) {
			v.PutText(s.field, line)
		}
	case optVendorClass: // RFC 3925 §3: enterprise number, length, data
		for ; len(value) >= 5 && 5+int(value[4]) <= len(value); value = value[5+int(value[4]):] {
			line = strconv.AppendUint(line[:0], uint64(binary.BigEndian.Uint32(value)), 10)
			line = hex.AppendEncode(append(line, ':'), value[5:5+int(value[4])])
			v.PutText(s.field, line)
		}
	}
	return line
}

// appendText appends text without NULs at its end, or bytes that are no text in hex.
func appendText(dst, b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	for i := 0; i < len(b); {
		c, n := utf8.DecodeRune(b[i:])
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == utf8.RuneError && n == 1 {
			return hex.AppendEncode(dst, b)
		}
		i += n
	}
	return append(dst, b...)
}

// appendFQDN appends the name of option 81 (RFC 4702 §2): flags, two obsolete bytes, and the name as text or, with
// flag E, as DNS writes it.
func appendFQDN(dst, b []byte) []byte {
	const flagE, fixed = 4, 3
	if len(b) < fixed {
		return dst
	}
	if b[0]&flagE == 0 {
		return appendText(dst, b[fixed:])
	}
	dst, _ = appendDomain(dst, b[fixed:], 0)
	return dst
}

// appendDomain appends the name at b[off:] in the form of RFC 1035 §4.1.4, with pointers that go back only, and
// returns the offset behind it, below 0 if there is none. RFC 4702 §2.3.1 allows it to end without the root.
func appendDomain(dst, b []byte, off int) ([]byte, int) {
	next, limit, start := -1, off, len(dst)
	for off < len(b) {
		n := int(b[off])
		off++
		switch {
		case n == 0:
			if next < 0 {
				next = off
			}
			return dst, next
		case n >= 0xc0 && off < len(b):
			to := (n&0x3f)<<8 | int(b[off])
			if next < 0 {
				next = off + 1
			}
			if to >= limit {
				return dst[:start], -1
			}
			off, limit = to, to
			continue
		case n >= 64 || off+n > len(b) || len(dst)-start > 255:
			return dst[:start], -1
		}
		if len(dst) > start {
			dst = append(dst, '.')
		}
		dst = appendText(dst, b[off:off+n])
		off += n
	}
	return dst, off
}

// agentNames are the sub-options of option 82 (RFC 3046, RFC 3527, RFC 3993, RFC 5107, RFC 6925).
var agentNames = map[uint8]string{1: "circuit-id", 2: "remote-id", 5: "link-selection", 6: "subscriber-id", 11: "server-id-override", 12: "relay-id", 151: "vss", 152: "vss-control"}

// appendAgent appends a sub-option of the relay agent as name:value.
func appendAgent(dst []byte, code uint8, value []byte) []byte {
	if name := agentNames[code]; name != "" {
		dst = append(dst, name...)
	} else {
		dst = strconv.AppendUint(dst, uint64(code), 10)
	}
	dst = append(dst, ':')
	if (code == 5 || code == 11) && len(value) == 4 {
		return record.AddrFrom4(value).AppendText(dst)
	}
	return appendText(dst, value)
}

// appendRoute appends the first route of b (RFC 3442) as prefix via router, and returns what is behind it; nothing
// if there is none.
func appendRoute(dst, b []byte) (line, rest []byte) {
	if len(b) == 0 || b[0] > 32 {
		return dst, nil
	}
	n := int(b[0]+7) / 8
	if 1+n+4 > len(b) {
		return dst, nil
	}
	var prefix [4]byte
	copy(prefix[:], b[1:1+n])
	dst = record.AddrFrom4(prefix[:]).AppendText(dst)
	dst = strconv.AppendUint(append(dst, '/'), uint64(b[0]), 10)
	dst = record.AddrFrom4(b[1+n:]).AppendText(append(dst, " via "...))
	return dst, b[1+n+4:]
}
