package sflowtool

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

var (
	ip1 = netip.MustParseAddr("192.0.2.1")
	ip2 = netip.MustParseAddr("198.51.100.2")
)

// tcp4 is an Ethernet frame with TCP over IPv4; vlan 0 is untagged.
func tcp4(vlan uint16) []byte {
	b := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	if vlan > 0 {
		b = binary.BigEndian.AppendUint16(append(b, 0x81, 0), 3<<13|vlan)
	}
	b = append(b, 8, 0, 0x45, 0xb8, 0, 60, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0)
	b = append(append(b, ip1.AsSlice()...), ip2.AsSlice()...)
	return append(b, 0xc0, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0, 0, 0, 0, 0, 0, 'd', 'a', 't', 'a')
}

// udp6 is a raw IPv6 packet with a hop-by-hop header and UDP.
func udp6() []byte {
	b := []byte{0x6a, 0xb1, 0x23, 0x45, 0, 24, 0, 55}
	b = append(b, netip.MustParseAddr("2001:db8::1").AsSlice()...)
	b = append(b, netip.MustParseAddr("2001:db8::2").AsSlice()...)
	return append(b, 17, 0, 1, 4, 0, 0, 0, 0, 0x13, 0x88, 0, 53, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
}

// datagram builds one with a flow sample of the records.
func datagram(records ...sflow.Data) []byte {
	var e sflow.Encoder
	e.Start(&sflow.Datagram{Agent: ip1, SubAgent: 7, Sequence: 99, Uptime: 1000})
	e.Begin(&sflow.Sample{Tag: sflow.TagFlow, Sequence: 5, Source: sflow.Source{Index: 3}, Rate: 1000, Pool: 5000, Input: sflow.Port{Value: 3}, Output: sflow.PortInternal})
	for _, r := range records {
		e.Add(r)
	}
	e.End()
	return bytes.Clone(e.Bytes())
}

var captured = Meta{Captured: time.Date(2023, 11, 14, 22, 13, 20, 123456789, time.UTC)}

func write(t *testing.T, o Options, datagrams ...[]byte) string {
	t.Helper()
	var out bytes.Buffer
	o.Location = time.UTC
	w := New(&out, o)
	for _, d := range datagrams {
		if err := w.Write(d, captured); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var request = &sflow.HTTP{Method: sflow.HTTPGet, Protocol: 1001, URI: []byte("/10k.txt?x=1"), Host: []byte("h"), Referrer: []byte("http://ref/"),
	UserAgent: []byte("test/1.0"), AuthUser: []byte("joe"), RespBytes: 13836, Status: 200}

func TestLines(t *testing.T) {
	header := &sflow.Header{Protocol: 1, FrameLength: 466, Stripped: 4, Bytes: tcp4(0)}
	for _, c := range []struct {
		name string
		o    Options
		in   []byte
		want string
	}{
		{"tcp", Options{Format: Line}, datagram(header), "FLOW,192.0.2.1,3,1073741823,020000000001,020000000002,0x0800,0,0,192.0.2.1,198.51.100.2,6,0xb8,64,49152,443,0x12,466,448,1000\n"},
		{"vlan and switch", Options{Format: Line}, datagram(&sflow.Header{Protocol: 1, FrameLength: 470, Stripped: 4, Bytes: tcp4(100)}, &sflow.Switch{SrcVLAN: 100, DstVLAN: 200}),
			"FLOW,192.0.2.1,3,1073741823,020000000001,020000000002,0x0800,100,200,192.0.2.1,198.51.100.2,6,0xb8,64,49152,443,0x12,470,448,1000\n"},
		{"ipv6", Options{Format: Line}, datagram(&sflow.Header{Protocol: 12, FrameLength: 64, Bytes: udp6()}),
			"FLOW,192.0.2.1,3,1073741823,000000000000,000000000000,0x0000,0,0,2001:0db8:0000:0000:0000:0000:0000:0001,2001:0db8:0000:0000:0000:0000:0000:0002,17,0xab,55,5000,53,0x00,64,64,1000\n"},
		{"http", Options{Format: Line}, datagram(&sflow.Socket{Protocol: 6, Local: ip1, Remote: ip2, LocalPort: 80, RemotePort: 1024}, request),
			"FLOW,192.0.2.1,3,1073741823,000000000000,000000000000,0x0000,0,0,192.0.2.1,198.51.100.2,0,0x00,0,0,0,0x00,0,0,1000\n"},
		{"log", Options{Format: CommonLog}, datagram(&sflow.Socket{Protocol: 6, Local: ip1, Remote: ip2, LocalPort: 80, RemotePort: 1024}, request),
			`198.51.100.2 - joe [14/Nov/2023:22:13:20 +0000] "GET /10k.txt?x=1 HTTP/1.1" 200 13836 "http://ref/" "test/1.0"` + "\n"},
		{"log of a packet", Options{Format: CommonLog}, datagram(header), ""},
		{"fields", Options{Format: Fields, Fields: []string{"pcapTimestamp", "agent", "srcIP", "http_uri", "TCPDstPort"}}, datagram(header), "2023-11-14T22:13:20+0000,192.0.2.1,192.0.2.1,,443\n"},
		{"fields that no sample has", Options{Format: Fields, Fields: []string{"agent", "http_uri"}}, datagram(header), ""},
	} {
		if got := write(t, c.o, c.in); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// A field of a sample does not go into the line of the next one; one of a datagram does not into the next datagram's.
func TestFieldsAreForgotten(t *testing.T) {
	o := Options{Format: Fields, Fields: []string{"http_uri", "srcIP"}}
	got := write(t, o, datagram(request), datagram(&sflow.Header{Protocol: 1, FrameLength: 60, Bytes: tcp4(0)}))
	if want := "/10k.txt?x=1,\n,192.0.2.1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCounterLine(t *testing.T) {
	var e sflow.Encoder
	e.Start(&sflow.Datagram{Agent: ip1})
	e.Begin(&sflow.Sample{Tag: sflow.TagCounters})
	e.Add(&sflow.Interface{Index: 3, Type: 6, Speed: 1e10, Status: 3, InOctets: 1 << 40, OutErrors: 7})
	e.End()
	if got, want := write(t, Options{Format: Line}, e.Bytes()), "CNTR,192.0.2.1,3,6,10000000000,0,3,1099511627776,0,0,0,0,0,0,0,0,0,0,0,7,0\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestGrep(t *testing.T) {
	got := strings.Split(write(t, Options{Format: Grep}, datagram(request)), "\n")
	for line, want := range map[int]string{
		2:  "2023-11-14T22:13:20+0000 - 0 0 0:0 0:0 0:0 datagramSize 176",
		14: "2023-11-14T22:13:20+0000 192.0.2.1 7 99 0:0 0:1 0:0 startSample ----------------------",
		26: "2023-11-14T22:13:20+0000 192.0.2.1 7 99 0:3 0:1 0:2206 http_method 2",
	} {
		if got[line] != want {
			t.Errorf("line %d is %q, want %q", line, got[line], want)
		}
	}
}

// Whatever is in a datagram, JSON is JSON, and text has no control characters.
func TestHostileText(t *testing.T) {
	r := *request
	r.URI, r.UserAgent = []byte("/\"\\\x1b[31m\n"), []byte("\xff\xfe\x00hidden")
	d := datagram(&r)
	for _, cut := range []int{0, 4, 40, 100} {
		for _, f := range []Format{JSON, PrettyJSON} {
			if got := write(t, Options{Format: f}, d[:len(d)-cut]); !json.Valid([]byte(got)) {
				t.Errorf("%d bytes cut: no JSON: %s", cut, got)
			}
		}
	}
	if got := write(t, Options{}, d); strings.ContainsAny(got, "\x1b\x00") || strings.Contains(got, "hidden") || !strings.Contains(got, "http_uri /\"\\.[31m.\n") {
		t.Errorf("%q", got)
	}
}

func TestVLANs(t *testing.T) {
	d := datagram(&sflow.Header{Protocol: 1, FrameLength: 470, Stripped: 4, Bytes: tcp4(100)}, &sflow.Switch{SrcVLAN: 100, DstVLAN: 200})
	for _, c := range []struct {
		include, exclude string
		lines            int
	}{{"", "", 1}, {"100", "", 1}, {"150-250", "", 1}, {"1-99", "", 0}, {"", "100", 1}, {"", "100,200", 0}, {"100,200", "100 200", 0}} {
		v, err := ParseVLANs(c.include, c.exclude)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(write(t, Options{Format: Line, VLANs: v}, d), "\n"); got != c.lines {
			t.Errorf("-V %q -v %q: %d lines, want %d", c.include, c.exclude, got, c.lines)
		}
	}
	for _, bad := range []string{"4097", "x", "1-", "-5"} {
		if _, err := ParseVLANs(bad, ""); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestPCAP(t *testing.T) {
	d := datagram(&sflow.Header{Protocol: 1, FrameLength: 466, Stripped: 4, Bytes: tcp4(0)})
	whole, stripped := write(t, Options{Format: PCAP}, d), write(t, Options{Format: PCAP, Strip: true}, d)
	if len(whole) != 24+16+58 || len(stripped) != len(whole)-4 || !strings.HasSuffix(whole, string(tcp4(0))) {
		t.Errorf("%d and %d bytes", len(whole), len(stripped))
	}
	if le := binary.LittleEndian; le.Uint32([]byte(whole[24:])) != 1700000000 || le.Uint32([]byte(whole[36:])) != 466 {
		t.Errorf("%x", whole[24:40])
	}
	var e sflow.Encoder
	e.Start(&sflow.Datagram{Agent: ip1})
	e.Begin(&sflow.Sample{Tag: sflow.TagDiscard, Reason: 258})
	e.Add(&sflow.Header{Protocol: 1, FrameLength: 466, Bytes: tcp4(0)})
	e.End()
	if got := write(t, Options{Format: DiscardsPCAP}, d, e.Bytes()); len(got) != 24+16+58 {
		t.Errorf("discards: %d bytes", len(got))
	}
}

func BenchmarkWrite(b *testing.B) {
	d := datagram(&sflow.Header{Protocol: 1, FrameLength: 466, Stripped: 4, Bytes: tcp4(0)}, &sflow.Switch{SrcVLAN: 1}, &sflow.Router{NextHop: ip1, SrcMask: 24})
	for name, f := range map[string]Format{"text": Text, "json": JSON, "line": Line} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w := New(discard{}, Options{Format: f, Location: time.UTC})
			for b.Loop() {
				if err := w.Write(d, captured); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func FuzzWrite(f *testing.F) {
	f.Add(datagram(&sflow.Header{Protocol: 1, FrameLength: 466, Stripped: 4, Bytes: tcp4(100)}, &sflow.Switch{}), uint8(JSON))
	f.Add(datagram(&sflow.Header{Protocol: 12, FrameLength: 64, Bytes: udp6()}), uint8(Text))
	f.Add(datagram(request, &sflow.Gateway{NextHop: ip1, Path: []sflow.PathSegment{{AS: []uint32{1, 2}}}}), uint8(Grep))
	f.Fuzz(func(t *testing.T, b []byte, format uint8) {
		o := Options{Format: Format(format) % (NetFlow + 1), Fields: []string{"agent"}, Location: time.UTC, Send: func(netip.Addr, []byte) error { return nil }, NetFlow: NetFlowOptions{Version: 9}}
		out := write(t, o, b)
		if (o.Format == JSON || o.Format == PrettyJSON) && !json.Valid([]byte(out)) {
			t.Errorf("no JSON: %s", out)
		}
	})
}
