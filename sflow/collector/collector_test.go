package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapir-project/tapir/bench/sflow/datagrams"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
)

var (
	agent  = netip.MustParseAddr("192.0.2.1")
	client = netip.MustParseAddr("198.51.100.7")
	noon   = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

// Every field of every record has a place in the registry, of a type that holds it.
func TestRegistryHasEveryField(t *testing.T) {
	types := map[sflow.Type]record.Type{sflow.F32: record.TypeFloat, sflow.Percent: record.TypeFloat, sflow.U8: record.TypeInt, sflow.U32: record.TypeInt, sflow.U64: record.TypeInt,
		sflow.Addr: record.TypeIP, sflow.IP4: record.TypeIP, sflow.IP6: record.TypeIP}
	for _, l := range sflow.Layouts() {
		if own(l) {
			continue
		}
		for i := range l.Fields {
			x := &l.Fields[i]
			switch x.Type {
			case sflow.Opaque, sflow.PDUs: // bytes of packets
				continue
			}
			if l.Tag == sflow.TagWifiPayload && i > 0 { // a header within
				continue
			}
			f, ok := record.Lookup("sflow." + l.Prefix + x.Name)
			want := types[x.Type]
			if !ok || f.Type != want || !f.Kinds.Has(record.KindSample) {
				t.Errorf("%s %s: registry has %v, want %s", l.Tag, l.Prefix+x.Name, f, want)
			}
		}
	}
}

// encode builds a datagram of one sample.
func encode(s *sflow.Sample, records ...sflow.Data) []byte {
	var e sflow.Encoder
	e.Start(&sflow.Datagram{Agent: agent, SubAgent: 2, Sequence: 7, Uptime: 60_000})
	e.Begin(s)
	for _, r := range records {
		e.Add(r)
	}
	e.End()
	return bytes.Clone(e.Bytes())
}

// convert gives the records of a datagram as JSON.
func convert(t *testing.T, c *Converter, b []byte, m *Meta) []map[string]any {
	t.Helper()
	var batch record.Batch
	c.Add(b, m, &batch)
	return decode(t, batch.Records())
}

func decode(t *testing.T, recs []*record.Record) (out []map[string]any) {
	t.Helper()
	var enc record.Encoder
	for _, r := range recs {
		var x map[string]any
		dec := json.NewDecoder(bytes.NewReader(enc.Append(nil, r)))
		dec.UseNumber()
		if err := dec.Decode(&x); err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// at finds a value by its dotted name.
func at(x map[string]any, name string) any {
	first, rest, more := strings.Cut(name, ".")
	if !more {
		return x[first]
	}
	inner, _ := x[first].(map[string]any)
	return at(inner, rest)
}

func check(t *testing.T, x map[string]any, want map[string]any) {
	t.Helper()
	for name, w := range want {
		if got := fmt.Sprint(at(x, name)); got != fmt.Sprint(w) {
			t.Errorf("%s is %s, want %v", name, got, w)
		}
	}
}

var flowHead = sflow.Sample{Tag: sflow.TagFlow, Sequence: 5, Source: sflow.Source{Index: 3}, Rate: 400, Pool: 2000, Input: sflow.Port{Value: 3}, Output: sflow.Port{Value: 4}}

func TestConvert(t *testing.T) {
	names, err := NewNames([]string{"192.0.2.1:3=uplink"}, SNMP{})
	if err != nil {
		t.Fatal(err)
	}
	c := NewConverter(NewLedger(), names, nil)
	m := &Meta{At: noon, Sender: netip.MustParseAddr("10.9.9.9")}
	maker, _ := datagrams.New(datagrams.Flow, 1)
	_, packet := maker.Next()
	for name, x := range map[string]struct {
		in   []byte
		want map[string]any
	}{
		"packet": {packet, map[string]any{"sflow.type": "flow", "observer.ip": agent, "sflow.sender_ip": m.Sender, "network.transport": "tcp", "destination.port": 443, "network.packets": 400,
			"sflow.sampling_rate": 400, "observer.ingress.interface.name": "uplink", "sflow.in_vlan": 10, "sflow.nextHop": "192.0.2.254", "source.mac": "02:00:00:00:00:01", "source.ttl": 64, "event.kind": "sample"}},
		"request": {encode(&flowHead, &sflow.Socket{Protocol: 6, Local: agent, Remote: client, LocalPort: 80, RemotePort: 40000},
			&sflow.HTTP{Method: sflow.HTTPPost, Protocol: 2000, URI: []byte("/a?b=c"), Host: []byte("WWW.example.org"), XFF: []byte("203.0.113.9, 10.0.0.1"), ReqBytes: 10, RespBytes: 20, Micros: 1500, Status: 503}),
			map[string]any{"source.ip": client, "destination.ip": agent, "source.port": 40000, "http.request.method": "POST", "url.path": "/a", "sflow.weight": 400, "network.packets": "<nil>", "http.uri": "/a?b=c", "url.domain": "www.example.org",
				"http.xff_ip": "203.0.113.9", "http.response.status_code": 503, "event.duration": 1500000, "http.version": "2.0", "event.start": "2026-11-21T11:59:59.998500000Z", "network.community_id": "1:6HvcEjD9HnKi4yXRPrLnQNgJEtw="}},
		"ip fields": {encode(&flowHead, &sflow.IP{Length: 100, Protocol: 17, Src: client, Dst: agent, SrcPort: 53, DstPort: 5353}),
			map[string]any{"network.transport": "udp", "network.bytes": 40000, "source.port": 53}},
		"gateway": {encode(&flowHead, &sflow.Gateway{NextHop: agent, AS: 1, SrcAS: 2, Path: []sflow.PathSegment{{AS: []uint32{3, 4}}, {Set: true, AS: []uint32{5, 6}}}, Communities: []uint32{7, 8}}),
			map[string]any{"sflow.dst_as_path": "3 4 {5 6}", "sflow.BGP_communities": "7 8", "sflow.src_as": 2}},
		"counters": {encode(&sflow.Sample{Tag: sflow.TagCounters, Source: sflow.Source{Index: 3}}, &sflow.Interface{Index: 3, InOctets: 1 << 40}, &sflow.HostCPU{Load1: 0.5},
			&sflow.HostAdaptors{Adaptors: []sflow.HostAdaptor{{Index: 1, MACs: [][6]byte{{2, 0, 0, 0, 0, 9}}}}}),
			map[string]any{"sflow.type": "counters", "sflow.ifInOctets": 1 << 40, "observer.interface.name": "uplink", "sflow.cpu_load_one": 0.5, "sflow.adaptor_list": "[1 02:00:00:00:00:09]"}},
		"discard": {encode(&sflow.Sample{Tag: sflow.TagDiscard, Reason: 258}), map[string]any{"sflow.type": "discard", "sflow.discard_reason": "acl", "sflow.weight": 1}},
		"unknown": {encode(&sflow.Sample{Tag: sflow.MakeTag(9, 1)}), map[string]any{"sflow.type": "unknown", "sflow.other": "[9:1 00000000]"}},
	} {
		got := convert(t, c, x.in, m)
		if len(got) != 1 {
			t.Errorf("%s: %d records", name, len(got))
			continue
		}
		t.Run(name, func(t *testing.T) { check(t, got[0], x.want) })
	}
}

// A sample with a record that is damaged and one that is unknown keeps both, and the rest.
func TestConvertDamage(t *testing.T) {
	var e sflow.Encoder
	e.Start(&sflow.Datagram{Agent: agent})
	e.Begin(&flowHead)
	e.AddRaw(sflow.TagSwitch, make([]byte, 12))
	e.AddRaw(sflow.MakeTag(9, 99), []byte{0xab, 0xcd})
	e.Add(&sflow.IP{Length: 100, Protocol: 17, Src: client, Dst: agent})
	e.End()
	c := NewConverter(NewLedger(), nil, nil)
	got := convert(t, c, e.Bytes(), &Meta{At: noon})
	check(t, got[0], map[string]any{"sflow.other": "[0:1001 000000000000000000000000 9:99 abcd]", "source.ip": client, "sflow.damage": "[0:1001: out_priority: 0 of 4 bytes: truncated]", "sflow.out_vlan": 0})
	if c.Add([]byte("GET / HTTP/1.1"), &Meta{At: noon, Sender: client}, &record.Batch{}) {
		t.Error("text is taken for sFlow")
	}
	if s := c.ledger.Status(nil); len(s) != 2 || s[0].Damaged != 1 || s[0].Agent.IsValid() {
		t.Errorf("%+v", s)
	}
}

func TestConvertMetrics(t *testing.T) {
	var e sflow.Encoder
	e.Start(&sflow.Datagram{Agent: agent})
	e.Begin(&sflow.Sample{Tag: sflow.TagMetric, Name: []byte("app")})
	e.AddMetric(&sflow.Metric{Name: []byte("load"), Type: sflow.MetricDouble, Float: 0.25})
	e.AddMetric(&sflow.Metric{Name: []byte("hits"), Type: sflow.MetricCounter64, Num: 9})
	e.End()
	got := convert(t, NewConverter(NewLedger(), nil, nil), e.Bytes(), &Meta{At: noon})
	check(t, got[0], map[string]any{"sflow.type": "metric", "sflow.source_name": "app", "sflow.metrics": "[load=0.25 hits=9]"})
}

// Counters of an interface become rates from the second sample on; where they went back there are none.
func TestInterfaceRates(t *testing.T) {
	c := NewConverter(NewLedger(), nil, nil)
	var e sflow.Encoder
	for i, x := range []struct {
		uptime  uint32
		in, out uint64
		inRate  any
		used    any
	}{{10_000, 1000, 500, "<nil>", "<nil>"}, {20_000, 1_251_000, 500, "1e+06", "0.001"}, {30_000, 5, 600, "<nil>", "<nil>"}, {40_000, 5, 125_600, "0", "0.0001"}} {
		e.Start(&sflow.Datagram{Agent: agent, Sequence: uint32(i + 1), Uptime: x.uptime})
		e.Begin(&sflow.Sample{Tag: sflow.TagCounters, Sequence: uint32(i + 1), Source: sflow.Source{Index: 3}})
		e.Add(&sflow.Interface{Index: 3, Speed: 1e9, InOctets: x.in, OutOctets: x.out})
		e.End()
		got := convert(t, c, e.Bytes(), &Meta{At: noon})
		check(t, got[0], map[string]any{"sflow.utilization": x.used})
		if n, ok := at(got[0], "sflow.in_bit_rate").(json.Number); ok {
			f, _ := n.Float64()
			if fmt.Sprint(f) != x.inRate {
				t.Errorf("%d: %v, want %v", i, f, x.inRate)
			}
		} else if x.inRate != "<nil>" {
			t.Errorf("%d: no rate, want %v", i, x.inRate)
		}
	}
}

// The same datagrams give the same records.
func TestConvertIsDeterministic(t *testing.T) {
	run := func() (out []byte) {
		m, _ := datagrams.New(datagrams.Switch, 3)
		c := NewConverter(NewLedger(), nil, nil)
		var batch record.Batch
		var enc record.Encoder
		for i := range 50 {
			_, b := m.Next()
			c.Add(b, &Meta{At: noon.Add(time.Duration(i) * time.Second)}, &batch)
		}
		for _, r := range batch.Records() {
			out = enc.Append(out, r)
		}
		return out
	}
	if a, b := run(), run(); !bytes.Equal(a, b) || len(a) == 0 {
		t.Error("two runs differ")
	}
}

// sink keeps records.
type sink struct {
	mu   sync.Mutex
	recs []*record.Record
	more chan struct{}
}

func (s *sink) Add(b *record.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range b.Records() {
		c := new(record.Record)
		c.CopyFrom(r)
		s.recs = append(s.recs, c)
	}
	select {
	case s.more <- struct{}{}:
	default:
	}
	return nil
}

func (s *sink) count(kind string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.recs {
		if v, _ := r.Values.First(fType); string(v.Text()) == kind {
			n++
		}
	}
	return n
}

// Datagrams of two exporters come over UDP, one of IPv4 and one of IPv6, some of them lost: records, events and ledger.
func TestCollect(t *testing.T) {
	s := &sink{more: make(chan struct{}, 1)}
	c, err := Open(Config{Listen: []string{"[::]:0"}, Sockets: 2, Sink: s})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	port := c.Addr().Port()
	const n, lostEvery = 200, 10
	for i, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("udp", netip.AddrPortFrom(netip.MustParseAddr(host), port).String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var e sflow.Encoder
		for seq := range uint32(n) {
			if seq%lostEvery == 5 {
				continue
			}
			e.Start(&sflow.Datagram{Agent: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), Sequence: seq + 1, Uptime: seq * 10})
			head := flowHead
			head.Sequence, head.Pool = seq+1, 400*(seq+1)
			e.Begin(&head)
			e.Add(&sflow.IP{Length: 100, Protocol: 17, Src: client, Dst: agent})
			e.End()
			if _, err := conn.Write(e.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := 2 * (n - n/lostEvery)
	timeout := time.After(10 * time.Second)
	for s.count("flow") < want {
		select {
		case <-s.more:
		case <-timeout:
			t.Fatalf("%d of %d records came; %+v", s.count("flow"), want, c.Stats())
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s.count("event") != 2 {
		t.Errorf("%d events, want exporter-up of two", s.count("event"))
	}
	packets := int64(0)
	for _, r := range s.recs {
		if v, ok := r.Values.First(fPackets); ok {
			packets += v.Int()
		}
	}
	if packets != 2*400*n {
		t.Errorf("%d packets estimated, want %d: lost samples count through the pool", packets, 2*400*n)
	}
	for _, e := range c.ledger.Status(nil) {
		if e.Lost != n/lostEvery || e.GapSamples != n/lostEvery || e.Restarts != 0 || !e.Up || len(e.Sources) != 1 || math.Abs(e.Sources[0].Margin-1.96/math.Sqrt(180)) > 1e-9 {
			t.Errorf("%+v", e)
		}
	}
}

// A hundred thousand hostile datagrams cost their own count and nothing else.
func TestHostile(t *testing.T) {
	m, _ := datagrams.New(datagrams.Switch, 1)
	c := NewConverter(NewLedger(), nil, nil)
	var batch record.Batch
	const n = hostileDatagrams
	for i := range n {
		_, good := m.Next()
		b := bytes.Clone(good)
		switch i % 4 {
		case 0:
			b = b[:i%len(b)]
		case 1:
			b[i%len(b)] ^= byte(1 << (i % 8))
		case 2:
			b[4*(i%(len(b)/4))] = 0xff
		case 3:
			copy(b[i%len(b):], b)
		}
		c.Add(b, &Meta{At: noon, Sender: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}, &batch)
		batch.Reset()
	}
	datagrams := uint64(0)
	pages := c.ledger.Status(nil)
	for _, e := range pages {
		datagrams += e.Datagrams
	}
	if datagrams != uint64(n) || len(pages) > MaxExporters+1 {
		t.Errorf("%d of %d datagrams counted on %d pages", datagrams, n, len(pages))
	}
}

func BenchmarkConvert(b *testing.B) {
	m, _ := datagrams.New(datagrams.Flow, 4)
	c := NewConverter(NewLedger(), nil, nil)
	var batch record.Batch
	_, d := m.Next()
	d = bytes.Clone(d)
	meta := &Meta{At: noon}
	b.ReportAllocs()
	for b.Loop() {
		c.Add(d, meta, &batch)
		if batch.Len() == batchRecords {
			batch.Reset()
		}
	}
}
