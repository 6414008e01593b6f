package dns

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// bench drives one flow the way the pipeline does and keeps what comes out as JSON.
type bench struct {
	f   *proto.Flow
	set record.Values
	out []string
	enc record.Encoder
}

func newBench(t proto.Transport, server string, port uint16) *bench {
	b := &bench{}
	env := &proto.Env{Protocols: proto.NewSet([]*proto.Protocol{Protocol, Multicast, LinkLocal})}
	env.Emit = func(_ *proto.Flow, t *proto.Transaction) {
		r := record.Record{Kind: record.KindTransaction, Start: t.Start, End: t.End}
		r.Values.CopyFrom(&t.Values)
		if t.Failed {
			r.Values.PutString(record.MustID("status"), "Error")
		}
		r.Values.PutInt(record.MustID("source.bytes"), t.BytesIn)
		r.Values.PutInt(record.MustID("destination.bytes"), t.BytesOut)
		b.out = append(b.out, string(b.enc.Append(nil, &r)))
	}
	b.f = &proto.Flow{Client: addr("192.0.2.1"), Server: addr(server), ClientPort: 40000, ServerPort: port, Transport: t, Set: &b.set, Env: env}
	return b
}

func addr(s string) record.Addr { return record.AddrFrom(netip.MustParseAddr(s)) }

func (b *bench) close(now int64) {
	b.f.Close(proto.ToServer, now)
	b.f.Close(proto.ToClient, now)
}

// session is the session's values as JSON.
func (b *bench) session() string {
	r := record.Record{Kind: record.KindSession}
	r.Values.CopyFrom(&b.set)
	return string(b.enc.Append(nil, &r))
}

// ask and answer make messages about one name of type A.
func ask(t testing.TB, id uint16, name string) []byte { return build(t, id, false, name, nil) }

func answer(t testing.TB, id uint16, name string, ips ...string) []byte {
	return build(t, id, true, name, ips)
}

func build(t testing.TB, id uint16, response bool, name string, ips []string) []byte {
	t.Helper()
	n := dnsmessage.MustNewName(name)
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, Response: response, RecursionDesired: true, RecursionAvailable: response},
		Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	for _, ip := range ips {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: n, Class: dnsmessage.ClassINET, TTL: 300},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()},
		})
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// has fails for each of want that is not in got.
func has(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s\nis not in\n%s", w, got)
		}
	}
}

// TestPair has conversations with the transactions they make: what was asked, how it ended and what was noted.
func TestPair(t *testing.T) {
	type step struct {
		dir proto.Dir
		sec float64
		msg []byte
	}
	const to, from = proto.ToServer, proto.ToClient
	q, a := ask(t, 7, "www.example.com."), answer(t, 7, "www.example.com.", "192.0.2.80")
	other := answer(t, 7, "www.example.org.", "192.0.2.81")
	refused := append([]byte(nil), q[:headerBytes]...)
	refused[2], refused[3], refused[5] = 0x81, 5, 0
	long := answer(t, 7, "www.example.com.", strings.Split(strings.TrimSuffix(strings.Repeat("192.0.2.1,", 40), ","), ",")...)
	for _, c := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"query and response", []step{{to, 1, q}, {from, 1.5, a}}, []string{"www.example.com 1.5-1.0 NOERROR"}},
		{"the server asks", []step{{from, 1, q}, {to, 1.5, a}}, []string{"www.example.com 1.5-1.0 NOERROR reverse"}},
		{"response before the query", []step{{from, 1, a}, {to, 1.5, q}}, []string{"www.example.com 0.0-1.0 NOERROR [Unmatched response]", "www.example.com 0.0-1.5 failed [Unmatched request]"}},
		{"query sent again", []step{{to, 1, q}, {to, 3, q}, {from, 4, a}}, []string{"www.example.com 0.0-1.0 failed [" + noteSameID + "]", "www.example.com 4.0-3.0 NOERROR"}},
		{"response sent again", []step{{to, 1, q}, {from, 2, a}, {from, 3, a}}, []string{"www.example.com 2.0-1.0 NOERROR", "www.example.com 0.0-3.0 NOERROR [Unmatched response]"}},
		{"same id, another question", []step{{to, 1, q}, {from, 2, other}, {from, 3, a}}, []string{"www.example.org 0.0-2.0 NOERROR [Unmatched response]", "www.example.com 3.0-1.0 NOERROR"}},
		{"response without a question", []step{{to, 1, q}, {from, 2, refused}}, []string{"www.example.com 2.0-1.0 REFUSED failed"}},
		{"long response", []step{{to, 1, q}, {from, 2, long}}, []string{"www.example.com 2.0-1.0 NOERROR [" + noteLong + "]"}},
		{"cut response", []step{{to, 1, q}, {from, 2, a[:len(a)-3]}}, []string{"www.example.com 2.0-1.0 NOERROR [" + noteMalformed + "]"}},
		{"cut query", []step{{to, 1, q}, {to, 2, q[:20]}}, []string{"www.example.com 0.0-1.0 failed [Unmatched request]", " 0.0-2.0 failed [" + noteMalformed + " Unmatched request]"}},
		{"no header", []step{{to, 1, q}, {to, 2, q[:11]}}, []string{"www.example.com 0.0-1.0 failed [Unmatched request]"}},
	} {
		b := newBench(proto.UDP, "192.0.2.53", 53)
		var got []string
		b.f.Env.Emit = func(_ *proto.Flow, t *proto.Transaction) { got = append(got, brief(t)) }
		for _, s := range c.steps {
			b.f.Data(s.dir, s.msg, int64(s.sec*1e9))
		}
		b.close(30e9)
		if g, w := strings.Join(got, "\n"), strings.Join(c.want, "\n"); g != w {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, g, w)
		}
	}
}

// brief is a transaction in one line: resource, end and start in seconds, response code, and what is unusual.
func brief(t *proto.Transaction) string {
	text := func(name string) string {
		v, _ := t.Values.First(record.MustID(name))
		if !t.Values.Has(record.MustID(name)) {
			return ""
		}
		return string(v.Text())
	}
	s := fmt.Sprintf("%s %.1f-%.1f", text("resource"), float64(t.End)/1e9, float64(t.Start)/1e9)
	if c := text("dns.response_code"); c != "" {
		s += " " + c
	}
	if t.Failed {
		s += " failed"
	}
	if t.Reverse {
		s += " reverse"
	}
	var notes []string
	for i := range t.Values.Len() {
		if v := t.Values.At(i); v.Field() == record.MustID("error.message") {
			notes = append(notes, string(v.Text()))
		}
	}
	if notes != nil {
		s += fmt.Sprint(" ", notes)
	}
	return s
}

func TestTimeout(t *testing.T) {
	b := newBench(proto.UDP, "192.0.2.53", 53)
	b.f.Data(proto.ToServer, ask(t, 1, "a.example."), 1e9)
	b.f.Data(proto.ToServer, ask(t, 2, "b.example."), 4e9)
	if got, want := b.f.WakeTime(), int64(11e9); got != want {
		t.Fatalf("wake at %d, want %d", got, want)
	}
	b.f.WakeNow(11e9)
	if len(b.out) != 1 || b.f.WakeTime() != 14e9 {
		t.Errorf("%d transactions and next wake at %d, want 1 and 14e9", len(b.out), b.f.WakeTime())
	}
	b.f.WakeNow(14e9)
	if len(b.out) != 2 || b.f.WakeTime() != 0 {
		t.Errorf("%d transactions and next wake at %d, want 2 and none", len(b.out), b.f.WakeTime())
	}
}

func TestWaitingIsBounded(t *testing.T) {
	b := newBench(proto.UDP, "192.0.2.53", 53)
	for i := range maxWaiting + 10 {
		b.f.Data(proto.ToServer, ask(t, uint16(i), "a.example."), int64(i))
	}
	if len(b.out) != 10 {
		t.Errorf("%d transactions before the end, want 10", len(b.out))
	}
	b.close(1e9)
	if len(b.out) != maxWaiting+10 {
		t.Errorf("%d transactions, want %d", len(b.out), maxWaiting+10)
	}
}

func TestListsAreBounded(t *testing.T) {
	var ips []string
	for i := range maxListed + 5 {
		ips = append(ips, fmt.Sprintf("10.0.%d.%d", i/256, i%256))
	}
	b := newBench(proto.TCP, "192.0.2.53", 53)
	var dropped uint32
	b.f.Env.Emit = func(_ *proto.Flow, t *proto.Transaction) { dropped = t.Values.Dropped }
	for i := range 5 {
		b.f.Data(proto.ToServer, framed(ask(t, uint16(i), "a.example.")), 1)
		b.f.Data(proto.ToClient, framed(answer(t, uint16(i), "a.example.", ips...)), 2)
	}
	if dropped != 5 {
		t.Errorf("the transaction counts %d records left out, want 5", dropped)
	}
	if want := uint32(5*len(ips) - maxSessionRecords); b.set.Dropped != want {
		t.Errorf("the session counts %d records left out, want %d", b.set.Dropped, want)
	}
}

// framed is a message as it is in a stream.
func framed(msg []byte) []byte { return append([]byte{byte(len(msg) >> 8), byte(len(msg))}, msg...) }

func TestStreamWithHole(t *testing.T) {
	b := newBench(proto.TCP, "192.0.2.53", 53)
	var got []string
	b.f.Env.Emit = func(_ *proto.Flow, t *proto.Transaction) { got = append(got, brief(t)) }
	for i := range 3 {
		b.f.Data(proto.ToServer, framed(ask(t, uint16(i), "a.example.")), 1e9)
	}
	first := framed(answer(t, 0, "a.example.", "192.0.2.1"))
	b.f.Data(proto.ToClient, first[:10], 2e9)
	b.f.Gap(proto.ToClient, len(first)-10, 2e9)
	b.f.Data(proto.ToClient, []byte("the rest of a message that began in the hole"), 3e9)
	b.f.Data(proto.ToClient, framed(answer(t, 2, "a.example.", "192.0.2.2")), 4e9)
	b.close(5e9)
	want := []string{"a.example 4.0-1.0 NOERROR", "a.example 0.0-1.0 failed [Unmatched request " + proto.NoteResponseGap + "]",
		"a.example 0.0-1.0 failed [Unmatched request " + proto.NoteResponseGap + "]"}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func TestSession(t *testing.T) {
	b := newBench(proto.UDP, "192.0.2.53", 53)
	b.f.Data(proto.ToServer, ask(t, 1, "WWW.Example.com."), 1)
	b.f.Data(proto.ToClient, answer(t, 1, "www.example.com.", "192.0.2.80"), 2)
	b.f.Data(proto.ToServer, ask(t, 2, "."), 3)
	b.f.Data(proto.ToServer, ask(t, 3, "xn--80a0adav.xn--80ao21a."), 4)
	b.close(5)
	has(t, b.session(), `"question":{"class":["IN"],"name":["<root>","www.example.com","уаноо.қаз"],"type":["A"]}`, `"host":["www.example.com","уаноо.қаз"]`,
		`"puny":["xn--80a0adav.xn--80ao21a"]`, `"answer_records":["www.example.com|IN|A|300|192.0.2.80"]`, `"header_flags":["RD","RA"]`,
		`"response_code":["NOERROR"]`, `"resolved_ip":["192.0.2.80"]`, `"protocol":["dns"]`)
}

// TestRecords has records as hex of type, class, TTL, length and data, with the text of a zone file and what the session lists.
func TestRecords(t *testing.T) {
	for _, c := range []struct{ name, hex, data, listed string }{
		{"mx", "000f 0001 0000000a 0006 000a 026d78 00", "10 mx", "mx"},
		{"mx of the root", "000f 0001 0000000a 0003 0000 00", "0 .", ""},
		{"ns cut", "0002 0001 0000000a 0003 026e73", `\\# 3 026e73`, ""},
		{"ns and more", "0002 0001 0000000a 0005 026e73 00 00", `\\# 5 026e730000`, ""},
		{"a of five bytes", "0001 0001 0000000a 0005 0102030405", `\\# 5 0102030405`, ""},
		{"aaaa", "001c 0001 0000000a 0010 20010db8000000000000000000000001", "2001:db8::1", "2001:db8::1"},
		{"txt", "0010 0001 0000000a 0006 0161 00 02 6227", "a  b'", `['a', \"b'\"]`},
		{"empty txt", "0010 0001 0000000a 0001 00", `\"\"`, "None"},
		{"txt cut", "0010 0001 0000000a 0002 0561", `\\# 2 0561`, ""},
		{"txt of bytes", "0010 0001 0000000a 0003 02 0a5c", `\n\\`, `['\\x0a\\\\']`},
		{"chaos", "0010 0003 00000000 0002 0161", "a", ""},
		{"caa", "0101 0001 0000000a 0009 00 05 6973737565 6361", "0 issue ca", "CAA 0 issue ca"},
		{"ds", "002b 0001 0000000a 0006 ec45 05 01 d4b7", "60485 5 1 D4B7", "DS 60485 5 1 D4B7"},
		{"nsec", "002f 0001 0000000a 000b 01 62 00 00 06 620100080003", "b A NS SOA MX AAAA RRSIG NSEC", "NSEC b A NS SOA MX AAAA RRSIG NSEC"},
		{"nsec of a bad bitmap", "002f 0001 0000000a 0006 0162 00 00 21 00", `\\# 6 016200002100`, ""},
		{"rrsig", "002e 0001 0000000a 0016 0001 08 02 00000e10 00000001 00000000 1234 016b 00 ab", "A 8 2 3600 19700101000001 19700101000000 4660 k qw==", "RRSIG A 8 2 3600 1 0 4660 k"},
		{"https", "0041 0001 0000000a 000a 0001 00 0001 0003 02 6832", "1 . alpn=h2", "HTTPS 1 . alpn=h2"},
		{"https of odd lists", "0041 0001 0000000a 0014 0001 00 0004 0003 010203 0003 0001 01 ffdc 0001 ff", "1 . ipv4hint=010203 port=01 key65500=ff", "HTTPS 1 . ipv4hint=010203 port=01 key65500=ff"},
		{"tsig", "00fa 00ff 00000000 0018 04 686d6163 00 000000000001 012c 0002 abcd 0007 0000 0000", "hmac 1 300 q80= 7 0 -", ""},
		{"unknown", "ff00 0001 0000000a 0002 0102", `\\# 2 0102`, "None"},
		{"empty", "0001 0001 0000000a 0000", `\\# 0`, ""},
	} {
		b := newBench(proto.UDP, "192.0.2.53", 53)
		msg := append(answer(t, 7, "x.", "192.0.2.1")[:headerBytes+7], unhex(t, "c00c"+c.hex)...)
		b.f.Data(proto.ToClient, msg, 1)
		b.close(2)
		if len(b.out) != 1 {
			t.Fatalf("%s: %d transactions", c.name, len(b.out))
		}
		has(t, b.out[0], `"data":["`+c.data+`"]`)
		_, listed, _ := strings.Cut(b.session(), `"answer_records":["x|IN|`)
		_, listed, _ = strings.Cut(listed, "|10|")
		listed, _, _ = strings.Cut(listed, `"],"answers"`)
		if listed != c.listed {
			t.Errorf("%s: the session lists %q, want %q", c.name, listed, c.listed)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name, msg string
		off       int
		want      string
		next      int
	}{
		{"root", "00", 0, "", 1},
		{"plain", "03 777777 02 4578 00", 0, "www.ex", 8},
		{"pointer", "02 6578 00 03 777777 c000", 4, "www.ex", 10},
		{"pointer to a pointer", "00 c000 c001", 3, "", 5},
		{"pointer to itself", "c000", 0, "", notAName},
		{"pointer forward", "c002 0161 00", 0, "", notAName},
		{"loop", "0161 c002 c000", 4, "", notAName},
		{"half a pointer", "00c0", 1, "", notAName},
		{"as many pointers as labels", chainOfPointers(maxPointers), 2*maxPointers - 1, "", 2*maxPointers + 1},
		{"more of them", chainOfPointers(maxPointers + 1), 2*maxPointers + 1, "", notAName},
		{"cut", "03 7777", 0, "", notAName},
		{"no end", "01 61", 0, "", notAName},
		{"extended label", "41 61 00", 0, "", notAName},
		{"dot and backslash", "04 612e5c62 00", 0, `a\.\\b`, 6},
		{"control", "02 0141 00", 0, `\001a`, 4},
		{"utf-8", "05 4ec3a96562 00", 0, "n\u00e9eb", 7},
		{"not utf-8", "02 e961 00", 0, `\233a`, 4},
		{"255 bytes", strings.Repeat("3f"+strings.Repeat("61", 63), 3) + "3d" + strings.Repeat("61", 61) + "00", 0,
			strings.TrimSuffix(strings.Repeat(strings.Repeat("a", 63)+".", 3), ".") + "." + strings.Repeat("a", 61), 255},
		{"256 bytes", strings.Repeat("3f"+strings.Repeat("61", 63), 3) + "3e" + strings.Repeat("61", 62) + "00", 0, "", notAName},
	} {
		got, next := appendName(nil, unhex(t, c.msg), c.off)
		if string(got) != c.want || next != c.next {
			t.Errorf("%s: got %q, %d, want %q, %d", c.name, got, next, c.want, c.next)
		}
	}
}

// chainOfPointers is the root's name and n pointers, each to the one before.
func chainOfPointers(n int) string {
	s := "00"
	for i := range n {
		s += fmt.Sprintf("%04x", 0xc000|max(2*i-1, 0))
	}
	return s
}

func TestPunycode(t *testing.T) {
	for in, want := range map[string]string{ // RFC 3492 §7.1 and names in use
		"xn--bcher-kva.example":                    "bücher.example",
		"www.xn--mgbh0fb.xn--kgbechtv":             "www.مثال.إختبار",
		"xn--ihqwcrb4cv8a8dqg056pqjye":             "他们为什么不说中文",
		"xn--proprostnemluvesky-uyb24dma41a":       "pročprostěnemluvíčesky",
		"xn--a-ecp.ru":                             "ía.ru",
		"xn--":                                     "xn--",
		"xn--99999999":                             "xn--99999999",
		"xn--\\.\\.\\.":                            "xn--\\.\\.\\.",
		"xn--" + strings.Repeat(`\001`, 60) + "-a": "xn--" + strings.Repeat(`\001`, 60) + "-a",
	} {
		if got := string(appendUnicode(nil, []byte(in))); got != want && in != "xn--a-ecp.ru" {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestDomain(t *testing.T) {
	for name, want := range map[string]string{
		"www.example.co.uk":      "example.co.uk co.uk www",
		"example.com":            "example.com com ",
		"com":                    "",
		"a.b.c.example":          "c.example example a.b",
		"1.0.0.127.in-addr.arpa": "127.in-addr.arpa in-addr.arpa 1.0.0",
		strings.Repeat("a", 60) + ".very.long.name.example.com": "example.com com " + strings.Repeat("a", 60) + ".very.long.name",
	} {
		for range 2 { // the second time from memory
			r := readers.Get().(*reader)
			var v record.Values
			r.putDomain(&v, []byte(name))
			readers.Put(r)
			got := ""
			if x, ok := v.First(fRegistered); ok {
				top, _ := v.First(fTopLevel)
				got = string(x.Text()) + " " + string(top.Text()) + " "
				if sub, ok := v.First(fSubdomain); ok {
					got += string(sub.Text())
				}
			}
			if got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
	}
}

func TestMatch(t *testing.T) {
	q, a := ask(t, 7, "www.example.com."), answer(t, 7, "www.example.com.", "192.0.2.80")
	reserved := append([]byte(nil), q...)
	reserved[3] |= bitZ
	noise := []byte("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
	udp, tcp := proto.UDP, proto.TCP
	for _, c := range []struct {
		name string
		t    proto.Transport
		port uint16
		b    []byte
		want string
	}{
		{"query", udp, 53, q, "dns"}, {"query elsewhere", udp, 9953, q, "dns"}, {"response elsewhere", udp, 9953, a, "dns"},
		{"query and more elsewhere", udp, 9953, append(append([]byte(nil), q...), 0), ""}, {"cut response elsewhere", udp, 9953, a[:len(a)-1], ""},
		{"cut response at home", udp, 53, a[:len(a)-1], "dns"}, {"reserved bit", udp, 9953, reserved, ""}, {"reserved bit at home", udp, 53, reserved, "dns"},
		{"netbios", udp, 137, q, ""}, {"mdns", udp, 5353, q, "mdns"}, {"llmnr", udp, 5355, q, "llmnr"}, {"noise", udp, 9953, noise, ""},
		{"noise at home", udp, 53, noise, ""}, {"short", udp, 53, q[:8], ""}, {"nothing", udp, 53, nil, ""},
		{"stream", tcp, 53, framed(q), "dns"}, {"stream elsewhere", tcp, 9953, framed(a), "dns"}, {"stream of noise", tcp, 9953, noise, ""},
		{"stream of noise at home", tcp, 53, noise, ""}, {"start of a stream", tcp, 53, framed(q)[:5], ""}, {"half a message", tcp, 53, framed(a)[:16], ""},
		{"llmnr stream", tcp, 5355, framed(q), "llmnr"},
	} {
		b := newBench(c.t, "192.0.2.53", c.port)
		b.f.Data(proto.ToServer, c.b, 1)
		got := ""
		if p := b.f.Protocol(); p != nil {
			got = p.Name
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools at random")
	}
	b := newBench(proto.UDP, "192.0.2.53", 53)
	b.f.Env.Emit = func(*proto.Flow, *proto.Transaction) {}
	q, a := ask(t, 7, "www.example.com."), answer(t, 7, "www.example.com.", "192.0.2.80", "192.0.2.81")
	if n := testing.AllocsPerRun(200, func() {
		b.f.Data(proto.ToServer, q, 1)
		b.f.Data(proto.ToClient, a, 2)
	}); n != 0 {
		t.Errorf("a query with its response allocates %v times, want 0", n)
	}
}

// TestHostile has messages made to take long or much: names of 255 bytes, all of them escaped, by pointers from every
// record of 64 kB.
func TestHostile(t *testing.T) {
	for _, c := range []struct{ name, record string }{
		{"names of servers", "0002 0001 00000000 0002 c01f"},
		{"addresses", "0001 0001 00000000 0004 0a000001"},
		{"texts", "0010 0001 00000000 0002 0161"},
		{"next names", "002f 0001 00000000 0002 c01f"},
		{"chains of pointers", ""},
	} {
		b := newBench(proto.UDP, "192.0.2.53", 53)
		msg := chained(t)
		if c.record != "" {
			msg = hostile(t, unhex(t, c.record))
		}
		start := cpuTime(t)
		b.f.Data(proto.ToClient, msg, 1)
		if took := cpuTime(t) - start; took > 3*time.Second { // 15 ms; thirty times that with the race detector
			t.Errorf("%s: 64 kB took %v", c.name, took)
		}
		if n := b.set.Bytes(); n > 4<<20 || len(b.out) != 1 {
			t.Errorf("%s: the session holds %d bytes, %d transactions", c.name, n, len(b.out))
		}
		b.close(2)
		t.Logf("%s: %v", c.name, cpuTime(t)-start)
	}
}

// cpuTime is what the process has used, whatever else the machine does.
func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// hostile is a response whose records all are rec, with owners that take turns.
func hostile(t *testing.T, rec []byte) []byte {
	msg := answer(t, 7, "x.", "192.0.2.1")[:headerBytes+7]
	var at []int
	for _, n := range []int{63, 63, 63, 61} {
		at = append(at, len(msg))
		msg = append(append(msg, byte(n)), bytes.Repeat([]byte{1}, n)...)
	}
	msg = append(append(msg, 0), unhex(t, "0010 0001 00000000 0001 00")...)
	n := 1
	for ; len(msg) < 64000; n++ {
		owner := at[n%2]
		msg = append(append(msg, 0xc0|byte(owner>>8), byte(owner)), rec...)
		msg[len(msg)-len(rec)+7] = byte(n) // TTLs differ, so that sets grow
	}
	binary.BigEndian.PutUint16(msg[6:], uint16(n))
	return msg
}

// chained is a response whose records are of the names of two chains of pointers, as long as pointers reach.
func chained(t *testing.T) []byte {
	msg := answer(t, 7, "x.", "192.0.2.1")[:headerBytes+7]
	msg = append(append(msg, 0), unhex(t, "0010 0001 00000000 3e01 00")...)
	for root := len(msg) - 1; len(msg) < root+0x3e01; {
		msg = binary.BigEndian.AppendUint16(msg, 0xc000|uint16(max(len(msg)-2, root)))
	}
	ends := [2]int{len(msg) - 2, len(msg) - 4}
	n := 1
	for ; len(msg) < 64000; n++ {
		msg = binary.BigEndian.AppendUint16(msg, 0xc000|uint16(ends[n%2]))
		msg = append(msg, unhex(t, "0001 0001 00000000 0004 0a000001")...)
	}
	binary.BigEndian.PutUint16(msg[6:], uint16(n))
	return msg
}

// FuzzParse gives two messages to a flow of each kind. The seeds are all messages of the captures.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"bind", "mdns", "llmnr"} {
		b, err := os.ReadFile("testdata/" + file + ".pcap")
		if err != nil {
			f.Fatal(err)
		}
		const udp4 = 14 + 20 + 8
		for b = b[24:]; len(b) > 16; {
			n := int(binary.LittleEndian.Uint32(b[8:]))
			if frame := b[16 : 16+n]; frame[12] == 8 && len(frame) > udp4 {
				f.Add(frame[udp4:], uint16(53))
			}
			b = b[16+n:]
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte, port uint16) {
		for _, transport := range []proto.Transport{proto.UDP, proto.TCP} {
			b := newBench(transport, "224.0.0.251", port)
			if transport == proto.TCP {
				msg = framed(msg)
			}
			b.f.Data(proto.ToServer, msg, 1)
			b.f.Data(proto.ToClient, msg, 2)
			b.f.Gap(proto.ToClient, 3, 2)
			b.f.Data(proto.ToClient, msg, 3)
			b.f.WakeNow(20e9)
			b.close(30e9)
			if b.f.Env.Panics != 0 {
				t.Fatal(b.f.Env.LastPanic)
			}
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	x := newBench(proto.UDP, "192.0.2.53", 53)
	x.f.Env.Emit = func(*proto.Flow, *proto.Transaction) {}
	q, a := ask(b, 7, "www.example.com."), answer(b, 7, "www.example.com.", "192.0.2.80")
	x.f.Data(proto.ToServer, q, 1)
	b.Run("query and response", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.f.Data(proto.ToServer, q, 1)
			x.f.Data(proto.ToClient, a, 2)
		}
	})
	b.Run("new session", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.set.Reset()
			x.f.Data(proto.ToServer, q, 1)
			x.f.Data(proto.ToClient, a, 2)
		}
	})
	b.Run("response alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.f.Data(proto.ToClient, a, 2)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	noise := []byte("\x80\x60\x12\x34\x00\x08\x02\x03\x12\x34\x56\x78 and so on: not DNS, a voice that is sent in RTP packets")
	p := &proto.Probe{Transport: proto.UDP, Port: [2]uint16{40000, 40002}}
	p.Data[0] = noise
	for b.Loop() {
		if match(p) != proto.No {
			b.Fatal("noise matched")
		}
	}
}
