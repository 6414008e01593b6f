package dissect

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto/dns"
	"github.com/tapir-project/tapir/record"
)

var update = flag.Bool("update", false, "write the golden files")

// packets reads a capture file.
func packets(t testing.TB, name string) []record.Packet {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h, err := pcapio.ParsePcap(b)
	if err != nil {
		t.Fatal(name, err)
	}
	var ps []record.Packet
	for b = b[pcapio.PcapHeaderLen:]; len(b) > 0; {
		out, n, _, err := h.Decode(b, make([]record.Packet, 0, 1000))
		if err != nil || n == 0 {
			break
		}
		ps, b = append(ps, out...), b[n:]
	}
	return ps
}

// captures are the bundled captures of real servers and clients.
func captures(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"../testdata/*.pcap", "../proto/*/testdata/*.pcap"} {
		some, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, some...)
	}
	if len(names) < 20 {
		t.Fatalf("%d captures", len(names))
	}
	return names
}

// text writes nodes one a line, indented, with their place in the packet.
func text(out *strings.Builder, ns []packet.Node, indent string) {
	for _, n := range ns {
		fmt.Fprintf(out, "%s%s: %q [%d+%d]\n", indent, n.Name, n.Value, n.Off, n.Len)
		text(out, n.Children, indent+"  ")
	}
}

// check fails if nodes are not within their parents or nested too deep, and counts them.
func check(t testing.TB, ns []packet.Node, from, to, depth int) int {
	t.Helper()
	if depth > maxDepth && len(ns) > 0 {
		t.Fatalf("%s: %d levels deep", ns[0].Name, depth)
	}
	count := 0
	for _, n := range ns {
		if n.Off < from || n.Len < 0 || n.Off+n.Len > to {
			t.Fatalf("%s (%s) is at %d+%d, want within %d to %d", n.Name, n.Value, n.Off, n.Len, from, to)
		}
		count += 1 + check(t, n.Children, n.Off, n.Off+n.Len, depth+1)
	}
	return count
}

// application cuts the nodes off that package packet makes.
func application(p *record.Packet, ns []packet.Node) []packet.Node {
	_, body := packet.TreeBody(p)
	return ns[min(body.Node, len(ns)):]
}

// whole are the packets, by their captures, whose trees are in the golden file.
var whole = map[string][]int{
	"apache.pcap": {4, 9, 31}, "bind.pcap": {2, 6, 26, 58}, "stream.pcap": {4, 50}, "mdns.pcap": {11, 37}, "llmnr.pcap": {2}, "v4.pcap": {1, 2, 10},
	"messages.pcap": {49}, "streams.pcap": {39, 53}, "upgrade.pcap": {10}, "tls.pcap": {6, 8}, "tls13.pcap": {4, 25, 27}, "failures.pcap": {6},
	"heartbeat-benign.pcap": {6}, "resume.pcap": {4},
}

// TestGolden compares the line of every packet of the captures, and the trees of some, with testdata/captures.golden.
func TestGolden(t *testing.T) {
	var out strings.Builder
	for _, name := range captures(t) {
		fmt.Fprintf(&out, "## %s\n", filepath.Base(name))
		for i, p := range packets(t, name) {
			ns, line, ok := Tree(&p, Session{})
			if !ok {
				continue
			}
			fmt.Fprintf(&out, "%d %s %s\n", i+1, line.Protocol, line.Info)
			if slices.Contains(whole[filepath.Base(name)], i+1) {
				text(&out, application(&p, ns), "    ")
			}
		}
	}
	same(t, "testdata/captures.golden", out.String())
}

// datagram is a packet of raw IPv4 that carries a payload; that of TCP is a stream's.
func datagram(tcp bool, sport, dport uint16, payload []byte) record.Packet {
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, packet.ProtoUDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	head := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, sport), dport)
	if tcp {
		ip[9] = packet.ProtoTCP
		head = append(head, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 4, 0, 0, 0, 0, 0)
	} else {
		head = append(binary.BigEndian.AppendUint16(head, uint16(8+len(payload))), 0, 0)
	}
	data := slices.Concat(ip, head, payload)
	binary.BigEndian.PutUint16(data[2:], uint16(min(len(data), 65535)))
	return record.Packet{Link: record.LinkRaw, Data: data, WireLen: uint32(len(data))}
}

// payloads are of the protocols that no bundled capture has.
var payloads = []struct {
	tcp          bool
	sport, dport uint16
	hex, text    string
}{
	// RFC 5905: a server's answer, stratum 2
	{false, 123, 40000, "240206e900000a3d00000b1ac0a80001e8a1b2c380000000e8a1b2c400000001e8a1b2c4c0000000e8a1b2c4c1000000", ""},
	// RFC 9001 §A.2: the header of a client's Initial
	{false, 40000, 443, "c300000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c0bab7df5976d27cd449f63300099f399", ""},
	{false, 443, 40000, "cf000000000008f067a5502a4262b5746f6b656e", ""},  // RFC 9001 §A.4 as version negotiation
	{false, 40000, 443, "c0000000010000000100" + "c012345678000000", ""}, // behind an Initial, a packet of no version
	{true, 40000, 22, "", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"},
	{true, 22, 40000, "0000002c0614" + "000102030405060708090a0b0c0d0e0f" + "0000000a63757276653235353139" + "00000000" + "ffffffff", ""},
	{true, 25, 40000, "", "250-mail.tapir.test\r\n250 SMTPUTF8\r\n"},
	{true, 40000, 25, "", "EHLO okapi.tapir.test\r\n"},
	{true, 21, 40000, "", "220 ready\r\n"},
	{true, 40000, 143, "", "a1 LOGIN tapir \"secret\"\r\na2 SELECT INBOX\r\n"},
	{true, 110, 40000, "", "+OK ready\r\n"},
	{true, 40000, 80, "", "PUT /up HTTP/1.1\r\nContent-Length: 5\r\nbroken line\r\n\r\nhe"},
	{true, 80, 40000, "", "rest of a body\nHTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"},
	{true, 40000, 9999, "1703030100ffffffff", ""},
	{true, 40000, 443, "802b0100020012000000100100800700c0030080060040020080040080000001000203040506070809101112131415", ""}, // SSL 2.0
}

func payload(i int) []byte {
	if payloads[i].hex == "" {
		return []byte(payloads[i].text)
	}
	b, err := hex.DecodeString(payloads[i].hex)
	if err != nil {
		panic(err)
	}
	return b
}

// TestPayloads compares the trees of payloads that no bundled capture has with testdata/payloads.golden.
func TestPayloads(t *testing.T) {
	var out strings.Builder
	for i, x := range payloads {
		p := datagram(x.tcp, x.sport, x.dport, payload(i))
		ns, line, ok := Tree(&p, Session{})
		if !ok {
			t.Errorf("payload %d is nothing", i)
		}
		fmt.Fprintf(&out, "## %s: %s\n", line.Protocol, line.Info)
		text(&out, application(&p, ns), "")
	}
	same(t, "testdata/payloads.golden", out.String())
}

// same compares with a golden file.
func same(t *testing.T, golden, out string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(out, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(got), len(wanted)) {
		if got[i] != wanted[i] {
			t.Fatalf("line %d is\n%s\nwant\n%s\n(-update writes it)", i+1, got[i], wanted[i])
		}
	}
	if len(got) != len(wanted) {
		t.Errorf("%d lines, want %d", len(got), len(wanted))
	}
}

// TestSession holds that what is known of the session decides what one packet cannot.
func TestSession(t *testing.T) {
	body := []byte("the rest of a body")
	for _, c := range []struct {
		port    uint16
		session Session
		payload string
		want    Line
	}{
		{80, Session{}, "x", Line{"HTTP", "Continuation, 18 bytes"}},
		{9999, Session{}, "x", Line{}},
		{9999, Session{Protocols: []string{"http", "tcp"}}, "x", Line{"HTTP", "Continuation, 18 bytes"}},
		{80, Session{Protocols: []string{"websocket", "tcp"}}, "x", Line{}},
		{80, Session{Protocols: []string{"http", "tls", "tcp"}}, "x", Line{}}, // it changed: whose this is, is not known
		{443, Session{TLS: "TLSv1.3"}, "\x17\x03\x03\x00\x12", Line{"TLSv1.3", "Application Data"}},
	} {
		b := body
		if len(c.payload) > 1 {
			b = append([]byte(c.payload), body...)
		}
		p := datagram(true, 40000, c.port, b)
		if _, line, ok := Tree(&p, c.session); line != c.want || ok != (c.want != Line{}) {
			t.Errorf("port %d, %+v: %q, want %q", c.port, c.session, line, c.want)
		}
	}
}

// TestRecordFields holds that every field of every record type has a name.
func TestRecordFields(t *testing.T) {
	types := 0
	for typ := range 1 << 16 {
		layout := dns.Layout(uint16(typ))
		if names := rdataNames[uint16(typ)]; len(names) < len(layout) {
			t.Errorf("%s has %d fields, %d names", dns.TypeName(uint16(typ)), len(layout), len(names))
		}
		if layout != "" {
			types++
		}
	}
	if types < 60 {
		t.Errorf("%d types have fields", types)
	}
}

// TestCut holds that nodes are within their parents for every packet of the captures cut off at every length, or for longer ones at
// some.
func TestCut(t *testing.T) {
	for _, name := range captures(t) {
		for i, p := range packets(t, name) {
			step := 1
			if i > 40 || len(p.Data) > 400 {
				step = 37
			}
			for n := 0; n <= len(p.Data); n += step {
				cut := p
				cut.Data = p.Data[:n:n]
				ns, _, _ := Tree(&cut, Session{})
				check(t, ns, 0, n, 0)
			}
		}
	}
}

// hostile are payloads made to cost much.
func hostile() map[string]record.Packet {
	question := func(n int) []byte {
		b := make([]byte, 12)
		binary.BigEndian.PutUint16(b[4:], uint16(n))
		return b
	}
	chain := question(5000) // every name is a chain of pointers that goes back to the first
	chain = append(chain, 0)
	for len(chain) < 16000 {
		chain = binary.BigEndian.AppendUint16(chain, 0xc000|uint16(len(chain)-2))
	}
	chain = append(slices.Concat(chain[:13], []byte{0, 1, 0, 1}), chain[17:]...)
	for len(chain) < 60000 {
		chain = append(chain, 0xfe, 0x7e, 0, 1, 0, 1)
	}
	records := question(0)
	binary.BigEndian.PutUint16(records[6:], 5000)
	for len(records) < 60000 {
		records = append(records, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)
	}
	return map[string]record.Packet{
		"pointers":       datagram(false, 53, 53, chain),
		"records":        datagram(false, 53, 53, records),
		"headers":        datagram(true, 80, 80, []byte("GET / HTTP/1.1\r\n"+strings.Repeat("a:b\n", 15000))),
		"messages":       datagram(true, 80, 80, []byte(strings.Repeat("GET / HTTP/1.1\n\n", 3700))),
		"chunks":         datagram(true, 80, 80, []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1\na\r\n", 9000))),
		"records of TLS": datagram(true, 443, 443, bytes.Repeat([]byte{23, 3, 3, 0, 0}, 13000)),
		"suites":         datagram(true, 443, 443, append([]byte{22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3}, append(make([]byte, 33), append([]byte{0xff, 0xfe}, make([]byte, 50000)...)...)...)),
		"options":        datagram(false, 67, 68, slices.Concat([]byte{1, 1, 6}, make([]byte, 233), []byte{0x63, 0x82, 0x53, 0x63}, bytes.Repeat([]byte{12, 0}, 30000))),
		"lines":          datagram(true, 25, 25, append([]byte("a\n"), bytes.Repeat([]byte("\n"), 60000)...)),
		"quic":           datagram(false, 443, 443, bytes.Repeat([]byte{0xc0, 0, 0, 0, 1, 0, 0, 0, 0}, 7000)),
	}
}

// TestHostile holds the bounds on what one packet costs.
func TestHostile(t *testing.T) {
	for name, p := range hostile() {
		ns, _, ok := Tree(&p, Session{})
		if !ok {
			t.Errorf("%s is nothing", name)
		}
		n := check(t, ns, 0, len(p.Data), 0)
		if n < 100 || n > mostNodes {
			t.Errorf("%s: %d nodes, want at most %d, and many", name, n, mostNodes)
		}
		best := time.Hour
		for range 3 {
			begin := time.Now()
			Tree(&p, Session{})
			best = min(best, time.Since(begin))
		}
		if best > 50*time.Millisecond {
			t.Errorf("%s takes %v", name, best)
		}
	}
}

// mostNodes is what check may count: the bound, the headers below, and nodes that were begun when it was reached.
const mostNodes = maxNodes + 100

// FuzzTree looks at any payload on any ports.
func FuzzTree(f *testing.F) {
	for i, x := range payloads {
		f.Add(x.tcp, x.sport, x.dport, payload(i))
	}
	for _, name := range captures(f) {
		for i, p := range packets(f, name) {
			if _, body := packet.TreeBody(&p); body.Len > 0 && i < 12 {
				f.Add(body.Proto == packet.ProtoTCP, body.SrcPort, body.DstPort, p.Data[body.Off:body.Off+body.Len])
			}
		}
	}
	f.Fuzz(func(t *testing.T, tcp bool, sport, dport uint16, payload []byte) {
		if len(payload) > 65000 {
			return
		}
		p := datagram(tcp, sport, dport, payload)
		for _, session := range []Session{{}, {Protocols: []string{"tls"}, TLS: "TLSv1.3"}} {
			ns, line, _ := Tree(&p, session)
			if n := check(t, ns, 0, len(p.Data), 0); n > mostNodes {
				t.Fatalf("%d nodes", n)
			}
			if len(line.Info) > maxText+len("…") {
				t.Fatalf("a line of %d bytes", len(line.Info))
			}
		}
	})
}

// BenchmarkTree is the tree of one packet, package packet's included, which BenchmarkTree/transport is alone.
func BenchmarkTree(b *testing.B) {
	for _, c := range []struct {
		name, file string
		number     int
	}{{"dns", "../testdata/dns.pcap", 18}, {"http", "../testdata/apache.pcap", 4}, {"tls", "../proto/tls/testdata/tls13.pcap", 4}, {"dhcp", "../proto/dhcp/testdata/v4.pcap", 2}} {
		p := packets(b, c.file)[c.number-1]
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Tree(&p, Session{})
			}
		})
		b.Run(c.name+"/transport", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				packet.Tree(&p)
			}
		})
	}
}
