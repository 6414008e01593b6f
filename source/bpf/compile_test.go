package bpf

import (
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// frame is an Ethernet frame with IPv4 and a TCP or UDP header from 10.0.0.1 to 10.0.0.2.
func frame(tags []uint16, proto byte, sport, dport uint16) []byte {
	b := make([]byte, 12)
	for _, t := range tags {
		b = append(b, 0x81, 0x00, byte(t>>8), byte(t))
	}
	b = append(b, 0x08, 0x00)
	b = append(b, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
	b = append(b, byte(sport>>8), byte(sport), byte(dport>>8), byte(dport))
	return append(b, make([]byte, 16)...)
}

func TestMatch(t *testing.T) {
	tcp80, udp53 := frame(nil, 6, 40000, 80), frame(nil, 17, 53, 40000)
	tagged := frame([]uint16{5}, 6, 40000, 80)
	for _, c := range []struct {
		expr string
		data []byte
		want bool
	}{
		{"tcp", tcp80, true},
		{"tcp", udp53, false},
		{"tcp port 80", tcp80, true},
		{"tcp port 81", tcp80, false},
		{"udp src port 53", udp53, true},
		{"not port 53", udp53, false},
		{"host 10.0.0.2 and not net 10.1.0.0/16", tcp80, true},
		{"tcp port 80", tagged, false}, // as tcpdump -r has it: name the tag to look behind it
		{"vlan 5 and tcp port 80", tagged, true},
		{"vlan 6", tagged, false},
		{"ip6", tcp80, false},
		{"ip[8] = 64", tcp80, true},
		{"len > 1000", tcp80, false},
		{"ether[0] & 1 = 0", tcp80, true},
	} {
		prog := mustProgram(t, c.expr, record.LinkEthernet)
		if got := prog.Match(c.data, uint32(len(c.data))); got != c.want {
			t.Errorf("%q: %v, want %v", c.expr, got, c.want)
		}
	}
}

func mustProgram(t *testing.T, expr string, link record.LinkType) *source.Program {
	t.Helper()
	prog, err := source.Filter{Expr: expr, Compile: Compile}.Program(link)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func TestLinkTypes(t *testing.T) {
	ip := frame(nil, 6, 40000, 80)[14:]
	sll2 := append([]byte{0x08, 0x00, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0}, ip...)
	for link, data := range map[record.LinkType][]byte{
		record.LinkRaw:  ip,
		record.LinkIPv4: ip,
		record.LinkSLL2: sll2,
		record.LinkSLL:  append([]byte{0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0}, ip...),
		record.LinkNull: append([]byte{2, 0, 0, 0}, ip...),
		record.LinkPPP:  append([]byte{0xff, 0x03, 0, 0x21}, ip...),
	} {
		if !mustProgram(t, "tcp port 80", link).Match(data, uint32(len(data))) {
			t.Errorf("link type %d: does not match", link)
		}
		if mustProgram(t, "udp", link).Match(data, uint32(len(data))) {
			t.Errorf("link type %d: udp matches", link)
		}
	}
}

func TestErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"tcp prot 80":      `filter "tcp prot 80": syntax error; see man pcap-filter`,
		"host 1.2.3.400":   `invalid IPv4 address '1.2.3.400' (at character 6)`,
		"ip proto foo":     `unknown ip proto 'foo' (at character 10)`,
		"port 99999":       "illegal port number 99999",
		"ip\x00or tcp":     "no NUL",
		"net 10.0.0.0/33 ": "mask length must be <= 32",
	} {
		_, err := New(expr)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", expr, err, want)
		}
	}
	if f, err := New("  "); err != nil || f.Compile != nil {
		t.Errorf("empty filter: %v, %v", f, err)
	}
	_, err := Compile("ether host 00:11:22:33:44:55", record.LinkRaw, 96)
	if err == nil || !strings.Contains(err.Error(), "link type 101") {
		t.Errorf("ether host on raw IP: %v", err)
	}
	if _, err = (source.Filter{Expr: "inbound", Compile: Compile}).Program(record.LinkEthernet); err == nil {
		t.Error("inbound compiles for files, where nothing knows the direction")
	}
}

// TestSnaplen: the kernel cuts packets to what the program returns.
func TestSnaplen(t *testing.T) {
	raw, err := Compile("", record.LinkEthernet, 96)
	if err != nil || len(raw) != 1 || raw[0].K != 96 {
		t.Errorf("empty expression: %v, %v, want ret 96", raw, err)
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, expr := range []string{"ip", "tcp port 80", "host 10.0.0.9 and (port 80 or port 443)"} {
		raw, err := Compile(expr, record.LinkEthernet, 262144)
		if err != nil {
			b.Fatal(err)
		}
		prog, err := source.NewProgram(raw)
		if err != nil {
			b.Fatal(err)
		}
		data := frame(nil, 6, 40000, 80)
		b.Run(expr, func(b *testing.B) {
			for b.Loop() {
				prog.Match(data, uint32(len(data)))
			}
		})
	}
}
