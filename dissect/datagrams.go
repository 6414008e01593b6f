package dissect

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tapir-project/tapir/proto"
)

// ntp is the Network Time Protocol: 48 bytes of a version and mode that exist, on its port.
var ntp = &proto.Protocol{Name: "ntp", Transport: proto.UDP, Ports: []uint16{123}, Match: func(p *proto.Probe) proto.Verdict {
	b := p.Data[p.Dir]
	if !p.HasPort(123) || len(b) == 0 || b[0]>>3&7 == 0 || b[0]>>3&7 > 4 {
		return proto.No
	}
	return proto.Yes
}}

var ntpModes = [8]string{"reserved", "symmetric active", "symmetric passive", "client", "server", "broadcast", "control message", "private"}

var ntpLeaps = [4]string{"no warning", "last minute of the day has 61 seconds", "last minute of the day has 59 seconds", "unknown (clock unsynchronized)"}

// readNTP adds a message of RFC 5905 §7.3; of control messages only the first byte.
func readNTP(l *layer) {
	s := l.open(l.kind.title)
	word := s.peek(0, 1)
	version, mode := strconv.FormatUint(word>>3&7, 10), word&7
	flags := bits(word, []bit{{0xc0, "Leap Indicator"}, {0x38, "Version number"}, {0x07, "Mode"}})
	flags[0].Value = meant(ntpLeaps[word>>6], decimal(word>>6))
	flags[2].Value = meant(ntpModes[mode], decimal(mode))
	s.value = "NTP Version " + version + ", " + ntpModes[mode]
	s.field("Flags", 1, hexNumber(word, 1), flags...)
	if mode < 6 {
		s.ntpClock()
	}
	s.data("Extensions and message authentication")
	l.close(s)
	l.say(s.value)
	l.short = "NTP"
}

func (s *span) ntpClock() {
	stratum := s.peek(0, 1)
	s.enum("Peer Clock Stratum", 1, map[bool]string{stratum == 0: "unspecified or invalid", stratum == 1: "primary reference", stratum > 1 && stratum < 16: "secondary reference",
		stratum == 16: "unsynchronized"}[true])
	for _, name := range []string{"Peer Polling Interval", "Peer Clock Precision"} {
		power := int8(s.peek(0, 1))
		s.field(name, 1, fmt.Sprintf("%d (%.9g seconds)", power, exp2(power)))
	}
	for _, name := range []string{"Root Delay", "Root Dispersion"} {
		s.field(name, 4, fmt.Sprintf("%.6f seconds", float64(s.peek(0, 4))/65536))
	}
	if id := s.rest(); stratum < 2 && len(id) >= 4 {
		s.field("Reference ID", 4, strings.TrimRight(string(id[:4]), "\x00"))
	} else {
		s.addr("Reference ID", 4)
	}
	for _, name := range []string{"Reference Timestamp", "Origin Timestamp", "Receive Timestamp", "Transmit Timestamp"} {
		s.field(name, 8, ntpTime(s.peek(0, 8)))
	}
}

// exp2 is 2 to the power of n.
func exp2(n int8) float64 {
	v := 1.0
	for range max(n, -n) {
		v *= 2
	}
	if n < 0 {
		return 1 / v
	}
	return v
}

// ntpTime writes a timestamp: seconds since 1900 and 2^-32 of one (RFC 5905 §6). The era that began in 2036 is told by the upper bit.
func ntpTime(v uint64) string {
	if v == 0 {
		return "NULL"
	}
	sec := int64(v>>32) - 2_208_988_800
	if v>>63 == 0 {
		sec += 1 << 32
	}
	return time.Unix(sec, int64((v&0xffffffff)*1e9>>32)).UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// quic finds QUIC by its long header (RFC 8999): the two upper bits, a version that exists, and connection ids that fit.
var quic = &proto.Protocol{Name: "quic", Transport: proto.UDP, Ports: []uint16{443, 784, 853, 8443}, Match: func(p *proto.Probe) proto.Verdict {
	b := p.Data[p.Dir]
	if len(b) < 7 || b[0]&0x80 == 0 || quicVersion(binary.BigEndian.Uint32(b[1:])) == "" {
		return proto.No
	}
	if binary.BigEndian.Uint32(b[1:]) == 0 && !p.HasPort(443) || binary.BigEndian.Uint32(b[1:]) != 0 && b[0]&0x40 == 0 {
		return proto.No
	}
	dcid := int(b[5])
	if dcid > 20 || 6+dcid >= len(b) || b[6+dcid] > 20 || 7+dcid+int(b[6+dcid]) > len(b) {
		return proto.No
	}
	return proto.Yes
}}

// quicVersion is a version's name, "" for none.
func quicVersion(v uint32) string {
	switch {
	case v == 0:
		return "Version Negotiation"
	case v == 1, v == 0x6b3343cf:
		return map[uint32]string{1: "1", 0x6b3343cf: "2"}[v]
	case v>>8 == 0xff0000:
		return "draft-" + strconv.Itoa(int(v&0xff))
	case v&0x0f0f0f0f == 0x0a0a0a0a:
		return "reserved, to force negotiation"
	case v>>24 == 'Q' || v>>24 == 'T':
		return "Google " + string(binary.BigEndian.AppendUint32(nil, v))
	}
	return ""
}

// readQUIC adds the packets of a datagram whose headers are long; what is behind the header is encrypted.
func readQUIC(l *layer) {
	for l.at < l.end && l.room > 0 && l.data[l.at]&0x80 != 0 {
		s := l.open(l.kind.title)
		said := s.longHeader()
		l.close(s)
		l.say(said)
	}
	if l.at < l.end {
		s := l.open(l.kind.title)
		if s.peek(0, 1)&0x40 != 0 {
			s.value = "Protected Payload"
			l.say(s.value)
		} else {
			s.value = "Padding"
		}
		s.data("Data")
		l.close(s)
	}
}

// longHeader adds a packet (RFC 9000 §17.2) and returns what it is.
func (s *span) longHeader() string {
	first, v := s.peek(0, 1), uint32(s.peek(1, 4))
	kinds := [4]string{"Initial", "0-RTT", "Handshake", "Retry"}
	if v == 0x6b3343cf { // RFC 9369 §3.2
		kinds = [4]string{"Retry", "Initial", "0-RTT", "Handshake"}
	}
	kind := kinds[first>>4&3]
	if v == 0 {
		kind = "Version Negotiation"
	} else if quicVersion(v) == "" {
		kind = "Packet of an unknown version"
	}
	flags := bits(first, []bit{{0x80, "Long Header"}, {0x40, "Fixed Bit"}, {0x30, "Packet Type"}})
	flags[2].Value = meant(kind, decimal(first>>4&3))
	s.field("Header Flags", 1, hexNumber(first, 1), flags...)
	s.code("Version", 4, quicVersion(v))
	said := kind
	for _, end := range []string{"Destination", "Source"} {
		n := int(s.dec(end+" Connection ID Length", 1))
		if n > 0 && s.fits(end+" Connection ID", n) {
			said += ", " + end[:1] + "CID=" + hexText(s.rest()[:n])
			s.raw(end+" Connection ID", n)
		}
	}
	s.value = said
	switch {
	case v == 0:
		for s.more() {
			s.code("Supported Version", 4, quicVersion(uint32(s.peek(0, 4))))
		}
	case kind == "Retry":
		s.data("Retry Token and Integrity Tag")
	case quicVersion(v) == "" || strings.HasPrefix(quicVersion(v), "Google"): // their fields are others
		s.data("Payload")
	default:
		if kind == "Initial" {
			if n := s.varint("Token Length"); n > 0 {
				s.raw("Token", n)
			}
		}
		n := s.varint("Length")
		if !s.done && n > 0 && s.more() {
			n = min(n, s.left())
			s.field("Protected Payload", n, count(n))
		}
	}
	return said
}

// varint adds a number of RFC 9000 §16 and returns it, bounded by what an int of 32 bits holds.
func (s *span) varint(name string) int {
	n := 1 << (s.peek(0, 1) >> 6)
	v := s.peek(0, n) &^ (3 << (8*n - 2))
	s.field(name, n, strconv.FormatUint(v, 10))
	return int(min(v, 1<<31-1))
}
