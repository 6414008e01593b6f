package dissect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto/dhcp"
)

// Options of DHCP that are more than a value.
const (
	dhcpOverload   = 52
	dhcpType       = 53
	dhcpParameters = 55
	dhcpClientID   = 61
	dhcpFQDN       = 81
	dhcpAgent      = 82
)

// readDHCP adds a message of DHCP version 4 (RFC 2131 §2).
func readDHCP(l *layer) {
	s := l.open(l.kind.title)
	s.enum("Message type", 1, map[uint64]string{1: "Boot Request", 2: "Boot Reply"}[s.peek(0, 1)])
	s.enum("Hardware type", 1, dhcp.HardwareName(uint8(s.peek(0, 1))))
	size := min(int(s.dec("Hardware address length", 1)), 16)
	s.dec("Hops", 1)
	id := s.hex("Transaction ID", 4)
	s.dec("Seconds elapsed", 2)
	flags := s.peek(0, 2)
	s.field("Bootp flags", 2, hexNumber(flags, 2), bits(flags, []bit{{0x8000, "Broadcast flag"}, {0x7fff, "Reserved flags"}})...)
	for _, name := range []string{"Client IP address", "Your (client) IP address", "Next server IP address", "Relay agent IP address"} {
		s.addr(name, 4)
	}
	if size == 6 {
		s.field("Client MAC address", size, mac(s.rest()))
	} else if size > 0 {
		s.raw("Client hardware address", size)
	}
	if size < 16 {
		s.raw("Client hardware address padding", 16-size)
	}
	overload := dhcpOverloaded(s.rest())
	s.name64("Server host name", 64, overload&2 != 0)
	s.name64("Boot file name", 128, overload&1 != 0)
	s.field("Magic cookie", 4, "DHCP")
	what := s.dhcpOptions()
	s.data("Padding")
	if what == "" {
		what = "BOOTP"
	} else {
		s.name += " (" + what + ")"
		what = "DHCP " + what
	}
	l.close(s)
	l.say(fmt.Sprintf("%-13s - Transaction ID 0x%x", what, id))
}

// title writes DISCOVER as Discover; ACK and NAK stay.
func title(s string) string {
	if len(s) <= 3 {
		return s
	}
	return s[:1] + strings.ToLower(s[1:])
}

func mac(b []byte) string {
	if len(b) < 6 {
		return ""
	}
	return packet.MAC(b[:6]).String()
}

// dhcpOverloaded is the value of the option that says where else options stand (RFC 2132 §9.3), b being all from the server's name
// on; 0 if there is none.
func dhcpOverloaded(b []byte) byte {
	const before = 64 + 128 + 4
	if len(b) < before {
		return 0
	}
	for b = b[before:]; len(b) >= 3 && b[0] != 255; {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		if b[0] == dhcpOverload && b[1] == 1 {
			return b[2]
		}
		b = b[min(len(b), 2+int(b[1])):]
	}
	return 0
}

// name64 adds a field of n bytes that holds a name that ends with a NUL, or options.
func (s *span) name64(name string, n int, options bool) {
	if !s.fits(name, n) {
		return
	}
	if options {
		c := s.within(name+" option overload", n)
		c.dhcpOptions()
		s.close(c)
		return
	}
	text, _, _ := bytes.Cut(s.rest()[:n], []byte{0})
	if len(text) == 0 {
		s.field(name+" not given", n, "")
		return
	}
	s.field(name, n, clip(text))
}

// dhcpOptions adds options up to the end and returns the name of the message type, "" if there is none.
func (s *span) dhcpOptions() (what string) {
	for s.more() {
		code := uint8(s.peek(0, 1))
		switch code {
		case 0:
			n := 0
			for n < s.left() && s.rest()[n] == 0 {
				n++
			}
			s.field("Option: (0) Padding", n, count(n))
			continue
		case 255:
			s.field("Option: (255) End", 1, "")
			return what
		}
		o := s.open(fmt.Sprintf("Option: (%d) %s", code, dhcp.OptionName(code)))
		o.dec("Code", 1)
		n := int(o.dec("Length", 1))
		if o.fits("Value", n) {
			o.end = o.at + n
			what = o.dhcpOption(code, what)
		}
		s.close(o)
	}
	return what
}

// dhcpOption adds the value of an option, which is the rest of o.
func (o *span) dhcpOption(code uint8, what string) string {
	value := o.rest()
	switch {
	case code == dhcpType && len(value) == 1:
		what = title(dhcp.MessageName(value[0]))
		o.value = what
		o.enum("DHCP", 1, what)
	case code == dhcpParameters:
		o.value = strconv.Itoa(len(value)) + " options"
		for _, name := range dhcp.OptionTexts(code, value) {
			o.field("Parameter Request List Item", 1, name)
		}
	case code == dhcpClientID && len(value) == 7 && value[0] == 1:
		o.value = mac(value[1:])
		o.enum("Hardware type", 1, dhcp.HardwareName(value[0]))
		o.field("Client MAC address", 6, o.value)
	case code == dhcpFQDN && len(value) >= 3:
		o.value = dhcp.OptionTexts(code, value)[0]
		o.field("Flags", 1, hexNumber(uint64(value[0]), 1), bits(uint64(value[0]),
			[]bit{{8, "Server DDNS"}, {4, "Encoding: wire format"}, {2, "Server overrides"}, {1, "Server"}})...)
		o.dec("A-RR result", 1)
		o.dec("PTR-RR result", 1)
		if len(value) > 3 {
			o.field("Client name", len(value)-3, o.value)
		}
	case code == dhcpAgent:
		for o.more() {
			a := o.open("Agent")
			sub := uint8(a.peek(0, 1))
			a.name = "Sub-option: (" + strconv.Itoa(int(sub)) + ") " + dhcp.AgentName(sub)
			a.dec("Code", 1)
			if n := int(a.dec("Length", 1)); a.fits("Value", n) {
				a.value = clip([]byte(dhcp.AgentText(sub, a.rest()[:n])))
				a.field("Value", n, a.value)
			}
			o.close(a)
		}
	case len(value) > 0:
		o.dhcpValue(code, value)
	}
	return what
}

// dhcpValue adds a value that is text, a number, or a list of addresses, each of which is a node.
func (o *span) dhcpValue(code uint8, value []byte) {
	texts := dhcp.OptionTexts(code, value)
	o.value = clip([]byte(strings.Join(texts, ", ")))
	if len(texts)*4 == len(value) && len(texts) > 1 {
		for _, a := range texts {
			o.field("Address", 4, a)
		}
		return
	}
	if seconds(code) && len(value) == 4 {
		o.value += " (" + duration(uint64(binary.BigEndian.Uint32(value))) + ")"
	}
	o.field("Value", len(value), o.value)
}

// seconds says whether an option is a time.
func seconds(code uint8) bool { return code == 51 || code == 58 || code == 59 }
