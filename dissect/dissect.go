package dissect

import (
	"slices"
	"strings"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/proto/dhcp"
	"github.com/tapir-project/tapir/proto/dns"
	"github.com/tapir-project/tapir/proto/http"
	"github.com/tapir-project/tapir/proto/tls"
	"github.com/tapir-project/tapir/record"
)

// Line is what a list shows of a packet's application layer.
type Line struct {
	Protocol string // in short: DNS, TLSv1.3
	Info     string
}

// Session is what is known of the session that a packet is of; the zero Session, if nothing is.
type Session struct {
	Protocols []string // as network.protocol has them
	TLS       string   // version that was negotiated: TLSv1.3
}

// kind is a protocol that payloads are taken apart of.
type kind struct {
	*proto.Protocol        // Name, Transport, Ports, Match
	title           string // of its nodes
	short           string // in lists
	read            func(*layer)
	// begins says whether a payload of a stream that Match wants more of is to be taken for a beginning all the same; home, whether
	// the port or the session speak for it.
	begins func(b []byte, home bool) bool
}

// kinds are asked in this order.
var kinds = []*kind{
	{http.Protocol, "Hypertext Transfer Protocol", "HTTP", readHTTP, func(b []byte, home bool) bool { return home && http.Begins(b) }},
	{tls.Protocol, "Transport Layer Security", "TLS", readTLS, func(b []byte, home bool) bool { return home || len(b) >= tlsHeader }},
	{dns.Protocol, "Domain Name System", "DNS", readDNS, func(_ []byte, home bool) bool { return home }},
	{dns.Multicast, "Multicast Domain Name System", "MDNS", readDNS, never},
	{dns.LinkLocal, "Link-local Multicast Name Resolution", "LLMNR", readDNS, func(_ []byte, home bool) bool { return home }},
	{dhcp.Protocol, "Dynamic Host Configuration Protocol", "DHCP", readDHCP, never},
	{ssh, "SSH Protocol", "SSH", readSSH, never},
	{quic, "QUIC IETF", "QUIC", readQUIC, never},
	{ntp, "Network Time Protocol", "NTP", readNTP, never},
	{smtp, "Simple Mail Transfer Protocol", "SMTP", readLines, never},
	{ftp, "File Transfer Protocol (FTP)", "FTP", readLines, never},
	{pop3, "Post Office Protocol", "POP", readLines, never},
	{imap, "Internet Message Access Protocol", "IMAP", readLines, never},
}

// never is for those whose Match wants no more.
func never([]byte, bool) bool { return false }

// Tree is packet.Tree gone on above the transport layer: where the payload is of a protocol that is known here, its nodes stand in
// the payload's place, and line says what it is; ok is false otherwise.
func Tree(p *record.Packet, session Session) (nodes []packet.Node, line Line, ok bool) {
	nodes, body := packet.TreeBody(p)
	if body.Len == 0 {
		return nodes, line, false
	}
	l := layer{data: p.Data, body: body, room: maxNodes, at: body.Off, end: body.Off + body.Len, session: session}
	if !l.detect() {
		return nodes, line, false
	}
	l.short = l.kind.short
	if l.goesOn {
		l.continuation()
	} else {
		l.kind.read(&l)
	}
	if len(l.nodes) == 0 {
		return nodes, line, false
	}
	if l.at < l.end {
		l.nodes = append(l.nodes, packet.Node{Name: "Data", Value: count(l.end - l.at), Off: l.at, Len: l.end - l.at})
	}
	return slices.Replace(nodes, body.Node, body.Node+1, l.nodes...), Line{l.short, clip([]byte(strings.Join(l.says, ", ")))}, true
}

// layer is the dissection of one payload in the making.
type layer struct {
	data    []byte
	body    packet.Body
	session Session
	kind    *kind
	goesOn  bool // the payload goes on with what began in an earlier packet
	nodes   []packet.Node
	room    int // nodes that may still be made
	at, end int // what is not read yet
	short   string
	says    []string // what info is put together of
}

// say adds to the line of the list.
func (l *layer) say(s string) { l.says = append(l.says, s) }

// rest is what is not read yet.
func (l *layer) rest() []byte { return l.data[l.at:l.end] }

// stream says whether the payload is a piece of a stream.
func (l *layer) stream() bool { return l.body.Proto == packet.ProtoTCP }

// toServer says whether the packet goes to a port of its protocol's servers.
func (l *layer) toServer() bool { return slices.Contains(l.kind.Ports, l.body.DstPort) }

// open begins a node of the layer itself at the next byte.
func (l *layer) open(name string) *span {
	return &span{l: l, name: name, off: l.at, at: l.at, end: l.end}
}

// close adds a node of the layer itself.
func (l *layer) close(s *span) {
	n := s.at - s.off
	if s.fixed {
		n = s.end - s.off
	}
	l.nodes = append(l.nodes, packet.Node{Name: s.name, Value: s.value, Off: s.off, Len: n, Children: s.children})
	l.at, l.room = s.off+n, max(l.room-1, 0)
}

// continuation makes one node of the whole payload.
func (l *layer) continuation() {
	all := l.open("")
	all.textLines(l.kind.title, all.left(), "Continuation, "+count(l.body.Wire))
	l.nodes = append(l.nodes, all.children...)
	l.at = l.end
	l.say("Continuation, " + count(l.body.Wire))
}

// detect finds what the payload is, and says whether it is something.
func (l *layer) detect() bool {
	probe := proto.Probe{Transport: proto.UDP, Port: [2]uint16{l.body.SrcPort, l.body.DstPort}}
	probe.Data[proto.ToServer] = l.rest()
	if l.stream() {
		probe.Transport = proto.TCP
		probe.Data[proto.ToServer] = l.data[l.at:min(l.end, l.at+proto.ProbeBytes)]
	}
	home := func(k *kind) bool {
		return slices.Contains(k.Ports, l.body.DstPort) || slices.Contains(k.Ports, l.body.SrcPort)
	}
	var maybe *kind
	for _, atHome := range []bool{true, false} {
		for _, k := range kinds {
			if k.Transport&probe.Transport == 0 || home(k) != atHome {
				continue
			}
			switch v := k.Match(&probe); {
			case v == proto.Yes:
				l.kind = k
				return true
			case v == proto.More && maybe == nil && k.begins(l.rest(), atHome || slices.Contains(l.session.Protocols, k.Name)):
				maybe = k
			}
		}
	}
	if l.kind = maybe; maybe != nil {
		return true
	}
	l.kind, l.goesOn = l.goingOn(home), true
	return l.kind != nil
}

// goingOn is the protocol of a stream that the payload is no beginning of a message of: the one that the session speaks, if it
// is one only; else the one whose port it is, if the session could not know.
func (l *layer) goingOn(home func(*kind) bool) *kind {
	var spoken, atHome []*kind
	for _, k := range kinds {
		switch {
		case !l.stream() || k.Transport&proto.TCP == 0:
		case slices.Contains(l.session.Protocols, k.Name):
			spoken = append(spoken, k)
		case home(k) && (len(l.session.Protocols) == 0 || k.New == nil): // without a parser no session has it
			atHome = append(atHome, k)
		}
	}
	if len(spoken) == 0 {
		spoken = atHome
	}
	if len(spoken) != 1 {
		return nil
	}
	return spoken[0]
}
