package dhcp

import (
	"encoding/hex"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func addr(s string) record.Addr { return record.AddrFrom(netip.MustParseAddr(s)) }

// bench drives one flow and keeps its transactions as JSON.
type bench struct {
	f   *proto.Flow
	set record.Values
	out []string
}

func newBench(port uint16) *bench {
	b := &bench{}
	var enc record.Encoder
	env := &proto.Env{Protocols: proto.NewSet([]*proto.Protocol{Protocol, Protocol6})}
	env.Emit = func(_ *proto.Flow, t *proto.Transaction) {
		r := record.Record{Kind: record.KindTransaction, Values: t.Values}
		b.out = append(b.out, string(enc.Append(nil, &r)))
	}
	b.f = &proto.Flow{Client: addr("192.0.2.1"), Server: addr("192.0.2.2"), ClientPort: port + 1, ServerPort: port, Transport: proto.UDP, Set: &b.set, Env: env}
	return b
}

// message4 is a version 4 request with the given options, in hex.
func message4(t testing.TB, options string) []byte {
	b := make([]byte, optionsAt)
	copy(b, []byte{opRequest, ethernet, 6, 0, 0, 0, 0x12, 0x34})
	copy(b[hardwareAt:], []byte{2, 0, 0, 0, 0, 1})
	copy(b[cookieAt:], []byte{0x63, 0x82, 0x53, 0x63})
	return append(b, unhex(t, options)...)
}

func TestOptions4(t *testing.T) {
	for _, c := range []struct{ name, options, want string }{
		{"routes", "79 0d 18 c00002 0a4f00fe 00 0a4f0001", `"static_routes":["192.0.2.0/24 via 10.79.0.254","0.0.0.0/0 via 10.79.0.1"]`},
		{"routes cut short", "79 06 18 c00002 0a4f", `"transaction_id"`},
		{"split", "77 04 01610474 ff", `"op_code":"bootrequest"`},
		{"split in two", "77 03 016101 77 02 6200 ff", `"domain_search":["a.b"]`},
		{"search that points forward", "77 02 c004", `"op_code":"bootrequest"`},
		{"time offset", "02 04 ffffc7c0", `"utc_time_offset_sec":-14400`},
		{"hostname of no text", "0c 02 0001", `"hostname":"0001"`},
		{"hostname with NUL", "0c 04 61626300", `"hostname":"abc"`},
		{"unknown type", "35 01 c8", `"op_code":"bootrequest"`},
		{"nak", "35 01 06", `"message_type":"nak"`},
		{"cut", "0c 20 61", `"message":["Malformed message: an option is longer than what is left"]`},
		{"two addresses", "06 08 0a000001 0a000002", `"dns_servers":["10.0.0.1","10.0.0.2"]`},
		{"fqdn as text", "51 06 000000 612e62", `"fqdn":"a.b"`},
		{"agent", "52 06 0c 04 00010203", `"relay_agent":["relay-id:00010203"]`},
	} {
		b := newBench(67)
		b.f.Data(proto.ToServer, message4(t, c.options), 1)
		if got := strings.Join(b.out, "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: no %s in %s", c.name, c.want, got)
		}
	}
}

func TestMatch(t *testing.T) {
	v4, v6 := message4(t, "35 01 01 ff"), unhex(t, "01 abcdef 0008 0002 0000")
	for _, c := range []struct {
		name string
		port uint16
		b    []byte
		want string
	}{
		{"version 4", 67, v4, "dhcp"},
		{"version 4 elsewhere", 4011, v4, "dhcp"},
		{"no cookie", 67, v4[:cookieAt], ""},
		{"version 6", 547, v6, "dhcpv6"},
		{"version 6 elsewhere", 1000, v6, ""},
		{"version 6 of no type", 547, unhex(t, "00 abcdef"), ""},
		{"short relay", 547, unhex(t, "0c 00 0000"), ""},
	} {
		b := newBench(c.port)
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

func TestStatus6(t *testing.T) {
	for _, c := range []struct{ name, hex, want string }{
		{"success then failure", "07 000001 000d 0002 0000 0003 0012 00000001 00000000 00000000 000d 0002 0002", `"status_code":"NoAddrsAvail"`},
		{"nested deeper than there is", "01 000001 0004 0018 00000001 0004 0010 00000001 0004 0008 00000001 0004 0000", `"message_type":"solicit"`},
		{"cut", "01 000001 0001 00ff 00", `"message":["Malformed message: an option is longer than what is left"]`},
		{"relay of nothing", "0c 00" + strings.Repeat("00", 32), `"message_type":"relay_forw"`},
	} {
		b := newBench(547)
		b.f.Data(proto.ToServer, unhex(t, c.hex), 1)
		if got := strings.Join(b.out, "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: no %s in %s", c.name, c.want, got)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools at random")
	}
	for _, c := range []struct {
		name string
		port uint16
		b    []byte
	}{
		{"version 4", 67, message4(t, "35 01 03 3204 c0000202 0c 05 6f6b617069 37 04 01030679 79 05 00 0a4f0001 3d 07 01020000000001 ff")},
		{"version 6", 547, unhex(t, "01 abcdef 0001 000a 00030001020000000001 0003 000c 000000010000000000000000 0008 0002 0000")},
	} {
		b := newBench(c.port)
		b.f.Env.Emit = func(*proto.Flow, *proto.Transaction) {}
		if n := testing.AllocsPerRun(100, func() { b.f.Data(proto.ToServer, c.b, 1) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", c.name, n)
		}
	}
}

// seeds are the UDP payloads of the captures.
func seeds(f *testing.F) {
	for _, file := range []string{"testdata/v4.pcap", "testdata/v6.pcap"} {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		const udp4, udp6 = 14 + 20 + 8, 14 + 40 + 8
		for b = b[24:]; len(b) > 16; {
			n := int(b[8]) | int(b[9])<<8
			frame := b[16 : 16+n]
			b = b[16+n:]
			if frame[12] == 0x08 {
				f.Add(frame[udp4:])
			} else {
				f.Add(frame[udp6:])
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, msg []byte) {
		for _, port := range []uint16{67, 547} {
			b := newBench(port)
			b.f.Data(proto.ToServer, msg, 1)
			b.f.Data(proto.ToClient, msg, 2)
			if b.f.Env.Panics != 0 {
				t.Fatal(b.f.Env.LastPanic)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	x := newBench(67)
	x.f.Env.Emit = func(*proto.Flow, *proto.Transaction) {}
	msg := message4(b, "35 01 03 3204 c0000202 0c 05 6f6b617069 37 04 01030679 3d 07 01020000000001 ff")
	b.ReportAllocs()
	for b.Loop() {
		x.f.Data(proto.ToServer, msg, 1)
	}
}
