package dissect

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/internal/tlshello"
	"github.com/tapir-project/tapir/packet"
)

// Content types of records (RFC 8446 §5.1, RFC 6520).
const (
	tlsChangeCipherSpec = 20
	tlsAlert            = 21
	tlsHandshake        = 22
	tlsApplicationData  = 23
	tlsHeartbeat        = 24
)

var tlsContents = map[uint64]string{tlsChangeCipherSpec: "Change Cipher Spec", tlsAlert: "Alert", tlsHandshake: "Handshake", tlsApplicationData: "Application Data",
	tlsHeartbeat: "Heartbeat"}

// Types of handshake messages that are read.
const (
	msgHelloRequest      = 0
	msgClientHello       = 1
	msgServerHello       = 2
	msgTicket            = 4
	msgCertificate       = 11
	msgServerKeyExchange = 12
	msgLast              = 25 // of those that come in the clear
)

var tlsMessages = map[uint64]string{msgHelloRequest: "Hello Request", msgClientHello: "Client Hello", msgServerHello: "Server Hello", msgTicket: "New Session Ticket",
	5: "End of Early Data", 6: "Hello Retry Request", 8: "Encrypted Extensions", msgCertificate: "Certificate", msgServerKeyExchange: "Server Key Exchange",
	13: "Certificate Request", 14: "Server Hello Done", 15: "Certificate Verify", 16: "Client Key Exchange", 20: "Finished", 21: "Certificate URL",
	22: "Certificate Status", 23: "Supplemental Data", 24: "Key Update", 25: "Compressed Certificate"}

const (
	tlsHeader = 5
	tlsMost   = 1<<14 + 2048 // bytes of a record (RFC 5246 §6.2.3)
)

// tlsLayer is a payload of TLS being read.
type tlsLayer struct {
	*layer
	version uint16 // negotiated, as far as this packet says
	hidden  bool   // ChangeCipherSpec came before: what follows is encrypted
}

// readTLS adds the records of a payload.
func readTLS(l *layer) {
	if maybe, _ := tlshello.LooksLikeV2(l.rest()); maybe && l.rest()[0]&0x80 != 0 {
		l.sslv2()
		return
	}
	t := tlsLayer{layer: l}
	all := l.open(l.kind.title)
	for all.more() && l.room > 0 {
		if b := all.rest(); len(b) >= 3 && (b[0] < tlsChangeCipherSpec || b[0] > tlsHeartbeat || b[1] != 3) {
			break // no record: it is encrypted by other means, or lost
		}
		t.record(all)
	}
	l.close(all)
	switch {
	case l.session.TLS != "":
		l.short = l.session.TLS
	case t.version != 0:
		l.short = tlshello.VersionName(t.version)
	}
}

// sslv2 adds a ClientHello of SSL 2.0's form by its name alone.
func (l *layer) sslv2() {
	s := l.open(l.kind.title)
	n := int(s.peek(0, 2) & 0x7fff)
	s.field("Length", 2, strconv.Itoa(n))
	s.enum("Handshake Message Type", 1, "Client Hello")
	s.field("Version", 2, versionText(uint16(s.peek(0, 2))))
	s.raw("Message", min(max(n-3, 0), s.left()))
	l.close(s)
	l.short = "SSLv2"
	l.say("Client Hello")
}

func versionText(v uint16) string {
	return tlshello.VersionText(v) + " (" + hexNumber(uint64(v), 2) + ")"
}

// record adds a record.
func (t *tlsLayer) record(all *span) {
	r := all.open("")
	typ, v, size := r.peek(0, 1), uint16(r.peek(1, 2)), int(r.peek(3, 2))
	if r.left() >= tlsHeader && t.version < v && v <= 0x0304 {
		t.version = v
	}
	r.enum("Content Type", 1, tlsContents[typ])
	r.field("Version", 2, versionText(v))
	r.dec("Length", 2)
	r.name = tlshello.VersionName(v) + " Record Layer"
	what := tlsContents[typ]
	if what == "" {
		what = "Unknown content " + strconv.FormatUint(typ, 10)
	}
	if !r.done {
		r.end, r.fixed = min(r.end, r.at+size), true
		short := r.left() < size
		if said := t.content(r, typ, size); said != "" {
			what = said
		}
		if short {
			r.value = fmt.Sprintf("%s, %d of %d bytes", what, r.end-r.off-tlsHeader, size)
		}
	}
	if r.value == "" {
		r.value = what
	}
	t.say(what)
	all.close(r)
}

// content adds what a record of size bytes holds and says it in a word, "" if that is the type of the record.
func (t *tlsLayer) content(r *span, typ uint64, size int) string {
	switch typ {
	case tlsHandshake:
		if !messageLike(r.rest(), size) || t.hidden && !isHello(r.rest(), size) {
			r.data("Encrypted Handshake Message")
			return "Encrypted Handshake Message"
		}
		var names []string
		for r.more() {
			names = append(names, t.message(r))
		}
		return strings.Join(names, ", ")
	case tlsChangeCipherSpec:
		t.hidden = true
		if size == 1 {
			r.dec("Change Cipher Spec Message", 1)
		}
	case tlsAlert:
		if size != 2 || t.hidden {
			r.data("Encrypted Alert")
			return "Encrypted Alert"
		}
		level := map[uint64]string{1: "Warning", 2: "Fatal"}[r.peek(0, 1)]
		description, _ := tlshello.AlertName(uint8(r.peek(1, 1)))
		description = words(description)
		r.enum("Level", 1, level)
		r.enum("Description", 1, description)
		return "Alert (Level: " + level + ", Description: " + description + ")"
	case tlsHeartbeat:
		if kind := r.peek(0, 1); kind == 1 || kind == 2 {
			name := [...]string{1: "Request", 2: "Response"}[kind]
			r.enum("Type", 1, name)
			n := int(r.dec("Payload Length", 2))
			r.raw("Payload", min(n, r.left()))
			r.data("Padding and what is behind")
			return "Heartbeat " + name
		}
	}
	if r.more() {
		r.field("Encrypted Application Data", r.left(), count(r.left()))
	}
	return ""
}

// words writes a name of IANA's as words: Close Notify.
func words(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts {
		if p == "ca" || p == "mac" || p == "psk" {
			parts[i] = strings.ToUpper(p)
		} else if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, " ")
}

// messageLike says whether a handshake record of size bytes, b as far as it is there, begins with a message in the clear. Encrypted
// ones look like anything: what tells is a type that exists and a length that stays within the record, or goes beyond it as only
// messages with certificates do.
func messageLike(b []byte, size int) bool {
	if len(b) < 4 || size < 4 || b[0] > msgLast || tlsMessages[uint64(b[0])] == "" {
		return false
	}
	n := int(binary.BigEndian.Uint32(b) & 0xffffff)
	if b[0] == msgHelloRequest {
		return n == 0 && size == 4
	}
	return n <= size-4 || n < 1<<17 && (size >= 1024 || b[0] == msgCertificate || b[0] == msgClientHello)
}

// isHello says whether a handshake record is a hello and nothing else: in TLS 1.3 one may follow a ChangeCipherSpec, which is for
// show there (RFC 8446 §D.4).
func isHello(b []byte, size int) bool {
	return (b[0] == msgClientHello || b[0] == msgServerHello) && int(binary.BigEndian.Uint32(b)&0xffffff) == size-4
}

// message adds a handshake message and returns its name.
func (t *tlsLayer) message(r *span) string {
	m := r.open("Handshake Protocol")
	typ := m.peek(0, 1)
	name := tlsMessages[typ]
	if name == "" {
		m.name, name = "Data", "Encrypted Handshake Message"
		m.data("Data")
		r.close(m)
		return name
	}
	m.enum("Handshake Type", 1, name)
	size := int(m.dec("Length", 3))
	short := m.left() < size
	m.end, m.fixed = min(m.end, m.at+size), true
	said := name
	if !m.done {
		switch typ {
		case msgClientHello:
			if host := t.clientHello(m); host != "" {
				said += " (SNI=" + host + ")"
			}
		case msgServerHello:
			if t.serverHello(m) {
				name, said = "Hello Retry Request", "Hello Retry Request"
			}
		case msgCertificate:
			t.certificates(m)
		case msgTicket:
			m.dec("Session Ticket Lifetime Hint", 4)
		case msgServerKeyExchange:
			m.serverKey(t.version)
		}
		m.data("Message")
	}
	m.value = name
	if short {
		m.value += ", continued in a later record"
	}
	r.close(m)
	return said
}

// certificates adds the lengths of a chain: in TLS 1.3 it would be encrypted, so this is that of TLS 1.2 (RFC 5246 §7.4.2).
func (t *tlsLayer) certificates(m *span) {
	m.dec("Certificates Length", 3)
	for i := 0; m.more(); i++ {
		c := m.open("Certificate")
		size := int(c.dec("Certificate Length", 3))
		c.value = count(size)
		if c.more() {
			c.raw("Certificate", min(size, c.left()))
		}
		m.close(c)
	}
}

// serverKey adds the parameters of a key exchange over a named curve (RFC 8422 §5.4), signed as version has it. Others begin with
// other bytes.
func (m *span) serverKey(version uint16) {
	const namedCurve = 3
	group, ok := tlshello.GroupName(uint16(m.peek(1, 2)))
	if m.peek(0, 1) != namedCurve || !ok {
		return
	}
	m.enum("Curve Type", 1, "named_curve")
	m.code("Named Curve", 2, group)
	m.raw("Public Key", int(m.dec("Public Key Length", 1)))
	if version == 0x0303 && m.more() {
		m.code("Signature Algorithm", 2, known(schemeName)(m.peek(0, 2)))
	}
	if m.more() {
		m.raw("Signature", int(m.dec("Signature Length", 2)))
	}
}

// list adds a field of n bytes whose numbers of size bytes are nodes, behind one of lead bytes that holds n.
func (s *span) list(lead, size int, name, entry string, meaning func(uint64) string) {
	n := int(s.dec(name+" Length", lead))
	if s.done || n == 0 {
		return
	}
	c := s.within(name, n)
	c.value = strconv.Itoa(n / size)
	c.children = make([]packet.Node, 0, min(c.left()/size, c.l.room))
	for c.left() >= size && c.more() {
		if what := meaning(c.peek(0, size)); size == 1 {
			c.enum(entry, size, what)
		} else {
			c.code(entry, size, what)
		}
	}
	c.data("Rest")
	s.close(c)
}

// known makes the function of names that list wants; GREASE values have none of their own.
func known(name func(uint16) (string, bool)) func(uint64) string {
	return func(v uint64) string {
		if s, ok := name(uint16(v)); ok {
			return s
		}
		if tlshello.IsGREASE(uint16(v)) {
			return "Reserved (GREASE)"
		}
		return "Unknown"
	}
}

func known8(name func(uint8) (string, bool)) func(uint64) string {
	return known(func(v uint16) (string, bool) { return name(uint8(v)) })
}

// schemeName is a signature scheme's name as IANA has it.
func schemeName(v uint16) (string, bool) {
	s, ok := tlshello.SchemeName(v)
	if rest, pss := strings.CutPrefix(s, "rsa_pss_sha"); pss {
		return "rsa_pss_rsae_sha" + rest, ok
	}
	return s, ok
}

// clientHello adds the body of a ClientHello and returns the name of the server it is for.
func (t *tlsLayer) clientHello(m *span) string {
	var h tlshello.ClientHello
	whole := h.Parse(m.rest(), false)
	m.hello()
	m.list(2, 2, "Cipher Suites", "Cipher Suite", known(tlshello.SuiteName))
	m.list(1, 1, "Compression Methods", "Compression Method", known8(tlshello.CompressionName))
	m.extensions(true)
	if !whole {
		return ""
	}
	return clip(h.ServerName)
}

// serverHello adds the body of a ServerHello and says whether it is a HelloRetryRequest.
func (t *tlsLayer) serverHello(m *span) (retry bool) {
	var h tlshello.ServerHello
	if h.Parse(m.rest()) {
		t.version, retry = h.Version, h.Retry
	}
	m.hello()
	suite, _ := tlshello.SuiteName(uint16(m.peek(0, 2)))
	m.code("Cipher Suite", 2, suite)
	m.enum("Compression Method", 1, known8(tlshello.CompressionName)(m.peek(0, 1)))
	m.extensions(false)
	return retry
}

// hello adds what both hellos begin with.
func (m *span) hello() {
	m.field("Version", 2, versionText(uint16(m.peek(0, 2))))
	m.raw("Random", 32)
	if n := int(m.dec("Session ID Length", 1)); n > 0 {
		m.raw("Session ID", n)
	}
}

// extensions adds the extensions of a hello.
func (m *span) extensions(client bool) {
	if !m.more() {
		return
	}
	n := int(m.dec("Extensions Length", 2))
	end := min(m.end, m.at+n)
	for m.at < end && !m.done {
		x := m.open("")
		x.end = end
		typ := uint16(x.peek(0, 2))
		name := known(tlshello.ExtensionName)(uint64(typ))
		x.name = "Extension: " + name
		x.enum("Type", 2, name)
		size := int(x.dec("Length", 2))
		if !x.done {
			x.end, x.fixed = min(x.end, x.at+size), true
			x.extension(typ, client)
			x.data("Data")
		}
		m.close(x)
	}
}

// extension adds the value of an extension, which is the rest of x.
func (x *span) extension(typ uint16, client bool) {
	switch typ {
	case tlshello.ExtServerName:
		x.serverName()
	case tlshello.ExtALPN:
		x.alpn()
	case tlshello.ExtSupportedGroups:
		x.list(2, 2, "Supported Groups List", "Supported Group", known(tlshello.GroupName))
	case tlshello.ExtSignatureSchemes, 50:
		x.list(2, 2, "Signature Hash Algorithms", "Signature Algorithm", known(schemeName))
	case tlshello.ExtPointFormats:
		x.list(1, 1, "EC Point Formats", "EC Point Format", known8(tlshello.PointFormatName))
	case tlshello.ExtSupportedVersions:
		if client {
			x.list(1, 2, "Supported Versions", "Supported Version", func(v uint64) string {
				if tlshello.IsGREASE(uint16(v)) {
					return "Reserved (GREASE)"
				}
				return tlshello.VersionText(uint16(v))
			})
		} else {
			x.value = versionText(uint16(x.peek(0, 2)))
			x.field("Supported Version", 2, x.value)
		}
	case tlshello.ExtKeyShare:
		x.keyShare(client)
	case tlshello.ExtCompressCert:
		x.list(1, 2, "Algorithms", "Algorithm", func(v uint64) string { return map[uint64]string{1: "zlib", 2: "brotli", 3: "zstd"}[v] })
	case 28: // RFC 8449
		x.dec("Record Size Limit", 2)
	case 45: // RFC 8446 §4.2.9
		x.list(1, 1, "PSK Key Exchange Modes", "PSK Key Exchange Mode", func(v uint64) string { return map[uint64]string{0: "psk_ke", 1: "psk_dhe_ke"}[v] })
	case tlshello.ExtRenegotiation:
		if n := int(x.dec("Renegotiation Info Length", 1)); n > 0 {
			x.raw("Renegotiation Info", n)
		}
	case tlshello.ExtStatusRequest:
		if client && x.more() {
			x.enum("Certificate Status Type", 1, map[uint64]string{1: "OCSP"}[x.peek(0, 1)])
			if n := int(x.dec("Responder ID List Length", 2)); n > 0 {
				x.raw("Responder ID List", n)
			}
			if n := int(x.dec("Request Extensions Length", 2)); n > 0 {
				x.raw("Request Extensions", n)
			}
		}
	}
}

// serverName adds the names of RFC 6066 §3.
func (x *span) serverName() {
	if !x.more() {
		return
	}
	x.dec("Server Name List Length", 2)
	for x.more() {
		x.enum("Server Name Type", 1, map[uint64]string{0: "host_name"}[x.peek(0, 1)])
		n := int(x.dec("Server Name Length", 2))
		if x.fits("Server Name", n) {
			x.value = clip(x.rest()[:n])
			x.text("Server Name", n)
		}
	}
}

// alpn adds the protocols of RFC 7301.
func (x *span) alpn() {
	x.dec("ALPN Extension Length", 2)
	var names []string
	for x.more() {
		n := int(x.dec("ALPN String Length", 1))
		if x.fits("ALPN Next Protocol", n) {
			names = append(names, clip(x.rest()[:n]))
			x.text("ALPN Next Protocol", n)
		}
	}
	x.value = strings.Join(names, ", ")
}

// keyShare adds the keys of RFC 8446 §4.2.8; a HelloRetryRequest has a group only.
func (x *span) keyShare(client bool) {
	if client {
		x.dec("Client Key Share Length", 2)
	}
	var groups []string
	for x.more() {
		k := x.open("Key Share Entry")
		group := known(tlshello.GroupName)(k.peek(0, 2))
		k.value = "Group: " + group
		k.code("Group", 2, group)
		if k.more() {
			if n := int(k.dec("Key Exchange Length", 2)); n > 0 {
				k.raw("Key Exchange", n)
			}
		}
		groups = append(groups, group)
		x.close(k)
	}
	x.value = strings.Join(slices.Compact(groups), ", ")
}
