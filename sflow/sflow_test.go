package sflow

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
)

// switchDatagram is what a switch sends: a sampled header with switch and router data, and the counters of a port.
func switchDatagram() []byte {
	var e Encoder
	e.Start(&Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: 1, Uptime: 1000})
	e.Begin(&Sample{Tag: TagFlow, Sequence: 1, Source: Source{0, 3}, Rate: 1000, Pool: 1000, Input: Port{0, 3}, Output: Port{0, 4}})
	e.Add(&Header{HeaderEthernet, 1518, 4, make([]byte, 128)})
	e.Add(&Switch{10, 0, 20, 0})
	e.Add(&Router{netip.MustParseAddr("192.0.2.254"), 24, 24})
	e.End()
	e.Begin(&Sample{Tag: TagCounters, Sequence: 1, Source: Source{0, 3}})
	e.Add(&Interface{Index: 3, Speed: 1e9})
	e.End()
	return e.Bytes()
}

// httpDatagram is what a web server's agent sends: three requests.
func httpDatagram() []byte {
	var e Encoder
	e.Start(&Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: 1, Uptime: 1000})
	local := netip.MustParseAddr("192.0.2.1")
	for i := range uint32(3) {
		e.Begin(&Sample{Tag: TagFlow, Sequence: i, Source: Source{3, 80}, Rate: 400, Pool: 400 * i, Output: PortInternal})
		e.Add(&Socket{Protocol: 6, Local: local, Remote: netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), LocalPort: 80, RemotePort: 40000})
		e.Add(&HTTP{Method: HTTPGet, Protocol: 1001, URI: []byte("/index.html?q=1"), Host: []byte("www.example.org"), UserAgent: []byte("curl/7.88.1"), MIMEType: []byte("text/html"), RespBytes: 13836, Micros: 123, Status: 200})
		e.End()
	}
	return e.Bytes()
}

// walk reads everything there is and gives the number of fields, and of things that are damaged.
func walk(b []byte) (n, damaged int) {
	d, err := Parse(b)
	if err != nil {
		return 0, 1
	}
	samples, s, r, v, m := d.Samples(), Sample{}, Record{}, Value{}, Metric{}
	for samples.Next(&s) {
		if s.Err != nil {
			damaged++
		}
		metrics := s.Metrics()
		for metrics.Next(&m) {
			n++
		}
		records := s.Records()
		for records.Next(&r) {
			f := r.Fields()
			for f.Next(&v) {
				n++
			}
			if r.Err != nil || f.Err() != nil {
				damaged++
			}
		}
		if records.Err() != nil {
			damaged++
		}
	}
	if samples.Err() != nil {
		damaged++
	}
	return n, damaged
}

func TestReadingAllocatesNothing(t *testing.T) {
	var h HTTP
	var sock Socket
	for name, b := range map[string][]byte{"switch": switchDatagram(), "http": httpDatagram()} {
		if n := testing.AllocsPerRun(100, func() { walk(b) }); n != 0 {
			t.Errorf("%s: walk allocates %v times, want 0", name, n)
		}
		if n := testing.AllocsPerRun(100, func() { decodeHTTP(b, &sock, &h) }); n != 0 {
			t.Errorf("%s: Decode allocates %v times, want 0", name, n)
		}
	}
	if string(h.URI) != "/index.html?q=1" || sock.RemotePort != 40000 {
		t.Errorf("%+v %+v", h, sock)
	}
}

func decodeHTTP(b []byte, sock *Socket, h *HTTP) {
	d, _ := Parse(b)
	samples, s, r := d.Samples(), Sample{}, Record{}
	for samples.Next(&s) {
		if s.Counters() {
			continue
		}
		for records := s.Records(); records.Next(&r); {
			switch r.Tag {
			case TagSocket4:
				_ = r.Decode(sock)
			case TagHTTP:
				_ = r.Decode(h)
			}
		}
	}
}

// Damage costs what is damaged: an unknown sample, an unknown record and one with a wrong length stand before good ones.
func TestDamageCostsOnlyItself(t *testing.T) {
	var e Encoder
	e.Start(&Datagram{Agent: netip.MustParseAddr("192.0.2.1")})
	e.Begin(&Sample{Tag: MakeTag(0, 9)})
	e.End()
	e.Begin(&Sample{Tag: TagFlow, Sequence: 7})
	e.AddRaw(MakeTag(9, 99), []byte{1, 2, 3, 4, 5})
	e.AddRaw(TagSwitch, make([]byte, 12))
	e.AddRaw(TagSwitch, make([]byte, 20))
	e.Add(&Switch{1, 2, 3, 4})
	e.End()
	e.Begin(&Sample{Tag: TagCounters})
	e.Add(&AppWorkers{1, 2, 3, 4, 5})
	e.End()
	if n, damaged := walk(e.Bytes()); n != 3+4+4+5 || damaged != 2 {
		t.Errorf("%d fields, %d damaged", n, damaged)
	}
	b := e.Bytes()
	b = b[:len(b)-4] // the last sample is cut, its first four fields are there
	if n, damaged := walk(b); n != 3+4+4+4 || damaged < 4 {
		t.Errorf("cut: %d fields, %d damaged", n, damaged)
	}
	d, _ := Parse(b)
	it, s := d.Samples(), Sample{}
	for it.Next(&s) {
	}
	if !errors.Is(it.Err(), ErrTruncated) || !errors.Is(s.Err, ErrTruncated) {
		t.Errorf("%v; %v", it.Err(), s.Err)
	}
}

func TestParseErrors(t *testing.T) {
	good := switchDatagram()
	for n := range 28 {
		if _, err := Parse(good[:n]); !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, b := range [][]byte{{0, 0, 0, 6}, {0, 0, 0, 5, 0, 0, 0, 3, 1, 2, 3, 4}} {
		if _, err := Parse(b); !errors.Is(err, ErrValue) {
			t.Errorf("%x: %v", b, err)
		}
	}
}

// old writes a datagram of version 2 or 4 by hand: a flow sample with every kind of extended data, and counters.
func old(version uint32) []byte {
	w := func(b []byte, vs ...uint32) []byte {
		for _, v := range vs {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		return b
	}
	b := w(nil, version, 1, 0xc0000201, 5, 1000, 3)
	b = w(b, 1, 11, 3, 400, 4000, 0, 3, 0x80000007) // flow sample
	b = w(b, oldHeader, HeaderEthernet, 64, 3)
	b = append(b, "abc\x00"...)
	b = w(b, 5, oldSwitch, 1, 2, 3, 4, oldRouter, 1, 0xc0000202, 24, 25, oldGateway, 65000, 65001, 65002)
	if version == Version2 {
		b = w(b, 2, 65003, 65004)
	} else {
		b = w(b, 1, 2, 2, 65003, 65004, 1, 77, 100)
	}
	b = append(w(b, oldUser, 2), "ab\x00\x00"...)
	b = append(w(b, 1), "c\x00\x00\x00"...)
	b = append(w(b, oldURL, 1, 3), "url\x00"...)
	b = w(b, 2, 12, 3, 30, oldEthernet)   // counters sample
	b = append(b, make([]byte, 88+52)...) // interface and Ethernet counters
	b = w(b, 1, 13, 3, 400, 4000, 0, 3, 4, oldIPv4)
	b = AppendData(b, &IP{Length: 100, Protocol: 17, Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2")})
	return w(b, 0)
}

func TestOldVersions(t *testing.T) {
	for _, version := range []uint32{Version2, Version4} {
		d, err := Parse(old(version))
		if err != nil {
			t.Fatal(err)
		}
		var tags []Tag
		it, s, r, v := d.Samples(), Sample{}, Record{}, Value{}
		var samples []Sample
		for it.Next(&s) {
			if s.Err != nil {
				t.Error(s.Err)
			}
			samples = append(samples, s)
			for rs := s.Records(); rs.Next(&r); {
				tags = append(tags, r.Tag)
				f := r.Fields()
				for f.Next(&v) {
					if v.Field.Name == "dst_as_path" && v.Num == 0 {
						t.Error("no path")
					}
				}
				if f.Err() != nil {
					t.Errorf("%s: %v", r.Tag, f.Err())
				}
			}
		}
		gateway := gatewayOld
		if version == Version2 {
			gateway = gatewayOldest
		}
		want := []Tag{headerOld, TagSwitch, TagRouter, gateway, userOld, urlOld, TagInterface, TagEthernetCounters, TagIPv4}
		if it.Err() != nil || len(tags) != len(want) {
			t.Fatalf("version %d: %v, %v", version, tags, it.Err())
		}
		for i := range want {
			if tags[i] != want[i] {
				t.Errorf("version %d: record %d is %s, want %s", version, i, tags[i], want[i])
			}
		}
		if len(samples) != 3 || samples[0].Output != (Port{PortMultiple, 7}) || samples[0].Rate != 400 || samples[1].Interval != 30 || samples[2].Sequence != 13 {
			t.Errorf("version %d: %+v", version, samples)
		}
	}
}

func TestNames(t *testing.T) {
	for n, want := range map[uint32]string{0: "net_unreachable", 15: "precedence_cutoff", 16: "", 256: "unknown", 258: "acl", 262: "pkt_too_big", 319: "sctp_parsing", 371: "socket_filter", 372: ""} {
		if got := ReasonName(n); got != want {
			t.Errorf("reason %d is %q, want %q", n, got, want)
		}
	}
	if HTTPMethod("HEAD") != HTTPHead || HTTPMethod("PATCH") != HTTPOther || HTTPMethodName(HTTPConnect) != "CONNECT" || HTTPMethodName(9) != "" {
		t.Error("HTTP methods")
	}
	if AppStatus(10) != "UNAUTHORIZED" || AppStatus(11) != "" || TagNVML.String() != "5703:1" {
		t.Error("names")
	}
	h := HTTP{URI: make([]byte, 300), UserAgent: make([]byte, 200), Host: make([]byte, 10)}
	if h.Cut(); len(h.URI) != 255 || len(h.UserAgent) != 128 || len(h.Host) != 10 {
		t.Errorf("%d %d %d", len(h.URI), len(h.UserAgent), len(h.Host))
	}
}

func FuzzParse(f *testing.F) {
	f.Add(switchDatagram())
	f.Add(httpDatagram())
	f.Add(old(Version2))
	f.Add(old(Version4))
	var e Encoder
	e.Start(&Datagram{Agent: netip.MustParseAddr("2001:db8::1")})
	e.Begin(&Sample{Tag: TagMetric, Name: []byte("n")})
	e.AddMetric(&Metric{Name: []byte("m"), Type: MetricDouble})
	e.End()
	f.Add(e.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, _ := walk(b); n > len(b) {
			t.Errorf("%d fields from %d bytes", n, len(b))
		}
		var h HTTP
		var sock Socket
		decodeHTTP(b, &sock, &h)
	})
}

func BenchmarkDecode(b *testing.B) {
	for name, d := range map[string][]byte{"switch": switchDatagram(), "http": httpDatagram()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(d)))
			for b.Loop() {
				walk(d)
			}
		})
	}
}
