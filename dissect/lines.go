package dissect

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tapir-project/tapir/proto"
)

// Protocols of lines: those at home on a port whose first line is text.
var (
	smtp = lines("smtp", 25, 587)
	ftp  = lines("ftp", 21)
	pop3 = lines("pop3", 110)
	imap = lines("imap", 143)
	ssh  = &proto.Protocol{Name: "ssh", Transport: proto.TCP, Ports: []uint16{22}, Match: matchSSH}
)

// lines is a protocol of lines on these ports.
func lines(name string, ports ...uint16) *proto.Protocol {
	return &proto.Protocol{Name: name, Transport: proto.TCP, Ports: ports, Match: func(p *proto.Probe) proto.Verdict {
		if !p.HasPort(ports[0]) && !p.HasPort(ports[len(ports)-1]) {
			return proto.No
		}
		first, _, _ := bytes.Cut(p.Data[p.Dir], []byte{'\n'})
		if len(first) == 0 || bytes.IndexFunc(bytes.TrimRight(first, "\r"), func(r rune) bool { return r < ' ' && r != '\t' || r == 0xfffd }) >= 0 {
			return proto.No
		}
		return proto.Yes
	}}
}

// readLines adds a node a line.
func readLines(l *layer) {
	s := l.open(l.kind.title)
	first, _, _ := strings.Cut(string(s.rest()), "\n")
	first = strings.TrimRight(first, "\r")
	server := !l.toServer()
	for s.more() {
		n := bytes.IndexByte(s.rest(), '\n') + 1
		if n == 0 {
			n = s.left()
		}
		line := strings.TrimRight(clip(s.rest()[:n]), "\r\n")
		switch code, ok := replyCode(line); {
		case server && ok && l.kind.Protocol != pop3 && l.kind.Protocol != imap:
			c := s.within("Response", n)
			c.value = line
			c.field("Response code", 3, code)
			if len(line) > 4 {
				c.at++
				c.field("Response parameter", min(len(line)-4, c.left()), line[4:])
			}
			s.close(c)
		case server:
			s.field("Response", n, line)
		default:
			s.field("Request", n, line)
		}
	}
	l.close(s)
	who := map[bool]string{false: "C: ", true: "S: "}
	if l.kind.Protocol == ftp || l.kind.Protocol == imap {
		who = map[bool]string{false: "Request: ", true: "Response: "}
	}
	l.say(who[server] + clip([]byte(first)))
}

// maxLines bounds the lines of a text that are nodes.
const maxLines = 200

// textLines adds a field of n bytes whose lines are nodes, each called what it says, if it is text.
func (s *span) textLines(name string, n int, value string) {
	t := s.within(name, n)
	t.value = value
	text := readable(t.rest())
	for i := 0; text && i < maxLines && t.more(); i++ {
		size := bytes.IndexByte(t.rest(), '\n') + 1
		if size == 0 {
			size = t.left()
		}
		line := bytes.TrimRight(t.rest()[:size], "\r\n")
		if len(line) == 0 {
			line = []byte("\u2424") // as the eye sees a line feed
		}
		t.field(clip(line), size, "")
	}
	s.close(t)
}

// readable says whether b, whose first and last rune may be cut off, is text.
func readable(b []byte) bool {
	for len(b) > 0 && !utf8.RuneStart(b[0]) {
		b = b[1:]
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f || r == utf8.RuneError && n == 1 && utf8.FullRune(b[i:]) {
			return false
		}
		i += n
	}
	return true
}

// replyCode is the number that a reply of SMTP or FTP begins with.
func replyCode(line string) (string, bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return "", false
	}
	_, err := strconv.ParseUint(line[:3], 10, 16)
	return line[:3], err == nil
}

// matchSSH finds the line that each side begins with (RFC 4253 §4.2), and on SSH's port a packet in the clear.
func matchSSH(p *proto.Probe) proto.Verdict {
	b := p.Data[p.Dir]
	if bytes.HasPrefix(b, []byte("SSH-")) || p.HasPort(22) && sshPacket(b) {
		return proto.Yes
	}
	return proto.No
}

// sshPacket says whether b begins with a packet in the clear: length, padding length, the number of a message of key exchange.
func sshPacket(b []byte) bool {
	const least, most = 12, 35000 // RFC 4253 §6, §6.1
	if len(b) < 6 {
		return false
	}
	n := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	return n >= least && n <= most && int(b[4]) < n && b[4] >= 4 && sshMessages[b[5]] != ""
}

// sshMessages are those of key exchange, which come in the clear (RFC 4253 §12, RFC 5656).
var sshMessages = map[byte]string{1: "Disconnect", 2: "Ignore", 3: "Unimplemented", 4: "Debug", 20: "Key Exchange Init", 21: "New Keys",
	30: "Key Exchange (30)", 31: "Key Exchange (31)", 32: "Key Exchange (32)", 33: "Key Exchange (33)", 34: "Key Exchange (34)"}

// readSSH adds the banner or the packets of a payload.
func readSSH(l *layer) {
	s := l.open(l.kind.title)
	who := "Server"
	if l.toServer() {
		who = "Client"
	}
	for s.more() {
		switch b := s.rest(); {
		case bytes.HasPrefix(b, []byte("SSH-")):
			n := bytes.IndexByte(b, '\n') + 1
			if n == 0 {
				n = len(b)
			}
			line := strings.TrimRight(clip(b[:n]), "\r\n")
			s.field("Protocol", n, line)
			l.say(who + ": Protocol (" + line + ")")
		case sshPacket(b):
			l.say(who + ": " + s.sshPacket())
		default:
			s.field("Encrypted packet", len(b), count(len(b)))
			if len(l.says) == 0 {
				l.say(who + ": Encrypted packet (len=" + strconv.Itoa(len(b)) + ")")
			}
		}
	}
	l.close(s)
}

// sshPacket adds a packet in the clear and returns its name.
func (s *span) sshPacket() string {
	c := s.open("SSH Packet")
	n := int(c.dec("Packet Length", 4))
	if n <= c.left() {
		c.end, c.fixed = c.at+n, true
	}
	padding := int(c.dec("Padding Length", 1))
	code := byte(c.peek(0, 1))
	c.value = sshMessages[code]
	c.enum("Message Code", 1, c.value)
	if code == 20 {
		c.sshAlgorithms()
	}
	if c.fixed && c.left() > padding {
		c.raw("Message", c.left()-padding)
	}
	c.data("Padding")
	s.close(c)
	return sshMessages[code]
}

// sshAlgorithms adds the lists of names of a key exchange (RFC 4253 §7.1).
func (c *span) sshAlgorithms() {
	c.raw("Cookie", 16)
	for _, name := range []string{"kex_algorithms", "server_host_key_algorithms", "encryption_algorithms_client_to_server",
		"encryption_algorithms_server_to_client", "mac_algorithms_client_to_server", "mac_algorithms_server_to_client",
		"compression_algorithms_client_to_server", "compression_algorithms_server_to_client", "languages_client_to_server",
		"languages_server_to_client"} {
		n := int(c.dec(name+" length", 4))
		if n > 0 {
			c.text(name, n)
		}
	}
	c.dec("First KEX Packet Follows", 1)
	c.hex("Reserved", 4)
}
