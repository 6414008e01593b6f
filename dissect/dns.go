package dissect

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto/dns"
)

// Numbers of the format that decide how it is read on.
const (
	dnsUpdate = 5
	dnsMX     = 15
	dnsSRV    = 33
	dnsOPT    = 41
	maxSaid   = 400 // bytes of records in the line of a list
)

// dnsMessage is a message being read.
type dnsMessage struct {
	*span
	msg       []byte // names count in it
	base      int    // where it begins in the packet
	multicast bool   // RFC 6762: the upper bit of a class is a flag
	said      strings.Builder
}

// readDNS adds the messages of a datagram, or of a stream, which have their lengths before them.
func readDNS(l *layer) {
	for l.at < l.end && l.room > 0 {
		s, size := l.open(l.kind.title), l.end-l.at
		if l.stream() {
			size = int(s.dec("Length", 2))
		}
		if s.done || s.left() == 0 {
			s.value = "continued in a later packet"
			l.say(s.value)
			l.close(s)
			return
		}
		s.end = min(s.end, s.at+size)
		m := dnsMessage{span: s, msg: l.data[s.at:s.end], base: s.at, multicast: l.kind.short == "MDNS"}
		m.read()
		s.fixed = true
		l.close(s)
		l.say(m.said.String())
		if !l.stream() {
			return
		}
	}
}

// dnsFlags are the bits of the header's second word; of those with a name in said only responses have them.
var dnsFlags = []bit{{0x8000, "Response"}, {0x7800, "Opcode"}, {0x0400, "Authoritative"}, {0x0200, "Truncated"}, {0x0100, "Recursion desired"},
	{0x0080, "Recursion available"}, {0x0040, "Z: reserved"}, {0x0020, "Answer authenticated"}, {0x0010, "Non-authenticated data acceptable"}, {0x000f, "Reply code"}}

var dnsOperations = [16]string{0: "Standard query", 1: "Inverse query", 2: "Server status request", 4: "Zone change notification", dnsUpdate: "Dynamic update",
	6: "DNS stateful operations"}

// dnsErrors are the response codes in words.
var dnsErrors = map[int]string{0: "No error", 1: "Format error", 2: "Server failure", 3: "No such name", 4: "Not implemented", 5: "Refused", 6: "Name exists",
	7: "RRset exists", 8: "RRset does not exist", 9: "Not authoritative", 10: "Name out of zone"}

func dnsError(code int) string {
	if s := dnsErrors[code]; s != "" {
		return s
	}
	return dns.RcodeName(code)
}

// read adds header, questions and records of the message.
func (m *dnsMessage) read() {
	id := m.peek(0, 2)
	m.hex("Transaction ID", 2)
	word := m.peek(0, 2)
	op, rcode, response := int(word>>11&15), int(word&15), word&0x8000 != 0
	what := dnsOperations[op]
	if what == "" {
		what = "Unknown operation " + strconv.Itoa(op)
	}
	if response {
		m.name += " (response)"
		fmt.Fprintf(&m.said, "%s response 0x%04x", what, id)
		what += " response, " + dnsError(rcode)
		if rcode != 0 {
			m.say(dnsError(rcode))
		}
	} else {
		m.name += " (query)"
		fmt.Fprintf(&m.said, "%s 0x%04x", what, id)
	}
	flags := bits(word, dnsFlags)
	flags[0].Value = "Message is a query"
	if response {
		flags[0].Value = "Message is a response"
	} else {
		flags = flags[:9]
	}
	flags[1].Value = meant(dns.OpcodeName(op), decimal(uint64(op)))
	if response {
		flags[9].Value = meant(dnsError(rcode), decimal(uint64(rcode)))
	}
	m.field("Flags", 2, hexNumber(word, 2)+" "+what, flags...)
	counts, lists := [4]string{"Questions", "Answer RRs", "Authority RRs", "Additional RRs"}, [4]string{"Queries", "Answers", "Authoritative nameservers", "Additional records"}
	if op == dnsUpdate {
		counts, lists = [4]string{"Zones", "Prerequisites", "Updates", "Additional RRs"}, [4]string{"Zone", "Prerequisites", "Updates", "Additional records"}
	}
	var n [4]int
	for i, name := range counts {
		n[i] = int(m.dec(name, 2))
	}
	for i, name := range lists {
		m.section(name, n[i], i == 0)
	}
	m.data("Data behind the message")
}

// section adds n questions or records.
func (m *dnsMessage) section(name string, n int, questions bool) {
	if n == 0 || !m.more() {
		return
	}
	whole := m.span
	m.span = whole.open(name)
	for i := 0; i < n && m.more(); i++ {
		if questions {
			m.question()
		} else {
			m.record()
		}
	}
	m.value = strconv.Itoa(len(m.children))
	whole.close(m.span)
	m.span = whole
}

// say adds to the line of the list.
func (m *dnsMessage) say(words ...string) {
	for _, w := range words {
		if w != "" && m.said.Len() < maxSaid {
			m.said.WriteByte(' ')
			m.said.WriteString(w)
		}
	}
}

// dnsName adds a name and returns its text.
func (m *dnsMessage) dnsName(s *span, name string) string {
	if s.done {
		return ""
	}
	text, next := dns.AppendName(nil, m.msg, s.at-m.base)
	if next < 0 {
		s.put(packet.Node{Name: name, Value: "malformed", Off: s.at, Len: s.left()})
		s.at, s.done = s.end, true
		return ""
	}
	shown := string(text)
	if shown == "" {
		shown = "<Root>"
	}
	s.field(name, next+m.base-s.at, shown)
	return shown
}

// class adds a class, and the flag that multicast DNS has in it, and returns both in words.
func (m *dnsMessage) class(s *span, flag, set, unset string) (class, word string) {
	c := uint16(s.peek(0, 2))
	if !m.multicast {
		class = dns.ClassName(c)
		s.field("Class", 2, class+" ("+hexNumber(uint64(c), 2)+")")
		return class, ""
	}
	class, word = dns.ClassName(c&0x7fff), unset
	if c&0x8000 != 0 {
		word = set
	}
	s.field("Class", 2, class+" ("+hexNumber(uint64(c&0x7fff), 2)+")", bits(uint64(c), []bit{{0x8000, flag}})...)
	return class, word
}

func (m *dnsMessage) question() {
	q := m.open("")
	q.name = m.dnsName(q, "Name")
	typ := dns.TypeName(uint16(q.peek(0, 2)))
	q.enum("Type", 2, typ)
	class, word := m.class(q, "\"QU\" question", "\"QU\" question", "\"QM\" question")
	q.value = "type " + typ + ", class " + class
	said := q.name
	if word != "" {
		q.value += ", " + word
		said += ", " + word
	}
	if class != "IN" {
		typ += ", class " + class
	}
	m.say(typ, said)
	m.close(q)
}

// record adds a resource record.
func (m *dnsMessage) record() {
	r := m.open("")
	r.name = m.dnsName(r, "Name")
	number := uint16(r.peek(0, 2))
	typ := dns.TypeName(number)
	r.value = "type " + typ
	r.enum("Type", 2, typ)
	if number == dnsOPT {
		m.say(typ)
		m.opt(r)
		m.close(r)
		return
	}
	class, word := m.class(r, "Cache flush", "cache flush", "")
	r.value += ", class " + class
	if word != "" {
		r.value += ", " + word
		typ += ", " + word
	}
	ttl := r.peek(0, 4)
	r.field("Time to live", 4, strconv.FormatUint(ttl, 10)+" ("+duration(ttl)+")")
	size := int(r.dec("Data length", 2))
	short := ""
	if !r.done && size > 0 {
		short = m.rdata(r, number, size)
	}
	if short != "" {
		r.value += ", " + short
		if word, after, found := strings.Cut(short, " "); found && dnsWords[number] == word {
			short = after
		}
	}
	m.say(typ, short)
	m.close(r)
}

// opt adds what an OPT record has behind its type (RFC 6891 §6.1).
func (m *dnsMessage) opt(r *span) {
	r.dec("UDP payload size", 2)
	r.hex("Higher bits in extended RCODE", 1)
	r.dec("EDNS version", 1)
	r.field("Z", 2, hexNumber(r.peek(0, 2), 2), bits(r.peek(0, 2), []bit{{0x8000, "DO: DNSSEC answers are wanted"}, {0x7fff, "Reserved"}})...)
	size := int(r.dec("Data length", 2))
	if !r.fits("Options", size) {
		return
	}
	end := r.at + size
	for r.at < end && !r.done {
		o := r.open("Option")
		o.end = end
		code := uint16(o.peek(0, 2))
		o.value = dns.OptionName(code)
		o.enum("Code", 2, o.value)
		n := int(o.dec("Length", 2))
		if o.fits("Value", n) && n > 0 {
			text := dns.OptionText(code, o.rest()[:n])
			o.field("Value", n, clip([]byte(text)))
			o.value += ": " + clip([]byte(text))
		}
		r.close(o)
	}
}

// duration writes seconds in the units that people think in.
func duration(sec uint64) string {
	if sec == 0 {
		return "0 seconds"
	}
	var out []string
	for _, u := range []struct {
		n    uint64
		name string
	}{{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}} {
		if n := sec / u.n; n > 0 {
			name := u.name
			if n > 1 {
				name += "s"
			}
			out, sec = append(out, strconv.FormatUint(n, 10)+" "+name), sec%u.n
		}
	}
	return strings.Join(out, ", ")
}
