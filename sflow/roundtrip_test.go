package sflow

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
)

// randomValue makes a value of f's type.
func randomValue(r *rand.Rand, f *Field) Value {
	v := Value{Field: f, Num: uint64(r.Uint32())}
	bytesOf := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	words := func(n int) []byte { v.Num = uint64(n); return bytesOf(4 * n) }
	counted := func(n, size int, head []byte) []byte {
		return append(binary.BigEndian.AppendUint32(head, uint32(n)), bytesOf(n*size)...)
	}
	switch f.Type {
	case U8:
		v.Num &= 0xff
	case U32, F32, Percent:
	case U64, Hex64:
		v.Num = r.Uint64()
	case Text, Opaque:
		v.Num, v.Bytes = 0, bytesOf(r.IntN(40))
	case Addr:
		v.Num, v.Bytes = 0, bytesOf([]int{0, 4, 16}[r.IntN(3)])
	case IP4:
		v.Num, v.Bytes = 0, bytesOf(4)
	case IP6, UUID:
		v.Num, v.Bytes = 0, bytesOf(16)
	case MAC:
		v.Num, v.Bytes = 0, bytesOf(6)
	case Words, Labels, Tags:
		v.Bytes = words(r.IntN(5))
	default:
		v.Num = uint64(r.IntN(4))
		for range v.Num {
			switch f.Type {
			case ASPath:
				v.Bytes = append(v.Bytes, counted(r.IntN(4), 4, bytesOf(4))...)
			case Adaptors:
				v.Bytes = append(v.Bytes, counted(r.IntN(3), 8, bytesOf(4))...)
			case Lanes:
				v.Bytes = append(v.Bytes, bytesOf(40)...)
			case PDUs:
				v.Bytes = append(v.Bytes, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 7, 7, 0, 0)
			}
		}
	}
	return v
}

// Every structure is written and read again as it was, in one datagram with all of its neighbours.
func TestValuesRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var e Encoder
		e.Start(&Datagram{Agent: netip.MustParseAddr("2001:db8::1"), SubAgent: 3, Sequence: 4, Uptime: 5})
		var want [][]Value
		for _, counters := range []bool{false, true} {
			e.Begin(&Sample{Tag: map[bool]Tag{false: TagFlow, true: TagCounters}[counters], Sequence: 9, Source: Source{2, 1}})
			for _, l := range Layouts() {
				if l.Counters != counters {
					continue
				}
				fields := l.Fields
				if r.IntN(2) == 0 {
					fields = fields[:len(fields)-l.Optional]
				}
				var values []Value
				for i := range fields {
					values = append(values, randomValue(r, &fields[i]))
				}
				e.AddValues(l, values...)
				want = append(want, values)
			}
			e.End()
		}
		compareValues(t, e.Bytes(), want)
	}
}

func compareValues(t *testing.T, b []byte, want [][]Value) {
	t.Helper()
	d, err := Parse(b)
	if err != nil || d.Count != 2 || d.Agent.String() != "2001:db8::1" || d.SubAgent != 3 || d.Sequence != 4 || d.Uptime != 5 {
		t.Fatalf("%+v, %v", d, err)
	}
	samples := d.Samples()
	var s Sample
	for samples.Next(&s) {
		records := s.Records()
		var rec Record
		for records.Next(&rec) {
			f := rec.Fields()
			var v Value
			for i := 0; f.Next(&v); i++ {
				w := want[0][i]
				if v.Field != w.Field || v.Num != w.Num || !bytes.Equal(v.Bytes, w.Bytes) {
					t.Fatalf("%s %s: %d %x, want %d %x", rec.Tag, v.Field.Name, v.Num, v.Bytes, w.Num, w.Bytes)
				}
			}
			if f.Err() != nil {
				t.Fatalf("%s: %v", rec.Tag, f.Err())
			}
			want = want[1:]
		}
		if records.Err() != nil {
			t.Fatal(records.Err())
		}
	}
	if samples.Err() != nil || len(want) > 0 {
		t.Fatalf("%v; %d records missing", samples.Err(), len(want))
	}
}

// structs are one of each type of Data.
func structs() []Data {
	ip4, ip6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::2")
	return []Data{
		&Header{HeaderEthernet, 1518, 4, []byte("header")}, &Ethernet{60, [6]byte{1}, [6]byte{2}, 0x800},
		&IP{Length: 1, Protocol: 6, Src: ip4, Dst: ip4, SrcPort: 2, DstPort: 3, TCPFlags: 4, TOS: 5},
		&IP{Length: 1, Protocol: 6, Src: ip6, Dst: ip6, SrcPort: 2, DstPort: 3, TCPFlags: 4, TOS: 5, V6: true},
		&Switch{1, 2, 3, 4}, &Router{ip6, 24, 25},
		&Gateway{ip4, 1, 2, 3, []PathSegment{{false, []uint32{4, 5}}, {true, []uint32{6}}}, []uint32{7, 8}, 9},
		&Socket{Protocol: 6, Local: ip4, Remote: ip4, LocalPort: 80, RemotePort: 1024},
		&Socket{Protocol: 6, Local: ip6, Remote: ip6, LocalPort: 80, RemotePort: 1024, Proxy: true, V6: true},
		&HTTP{1, 1001, []byte("/u"), []byte("h"), []byte("r"), []byte("a"), []byte("x"), []byte("w"), []byte("m"), 1 << 40, 2, 3, 200, false},
		&HTTP{1, 2000, []byte("/u"), []byte("h"), []byte("r"), []byte("a"), nil, []byte("w"), []byte("m"), 0, 2, 3, 200, true},
		&Application{[]byte("a"), []byte("o"), []byte("t"), []byte("s"), 1, 2, 3, 4}, &TCPInfo{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		&HTTPCounters{1, 2, 3, 4, 5, 6, 7, 8, 9, [6]uint32{10, 11, 12, 13, 14, 15}}, &AppWorkers{1, 2, 3, 4, 5}, &HostParent{Source{2, 1}},
		&Interface{1, 6, 1e10, 1, 3, 1 << 33, 2, 3, 4, 5, 6, 7, 1 << 34, 8, 9, 10, 11, 12, 13}, &PortName{[]byte("eth0")},
		&HostID{[]byte("host"), [16]byte{1, 2}, 3, 2, []byte("6.1")},
		&HostCPU{0.5, 1.5, 2.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17},
		&HostMemory{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, &HostDisk{1, 2, 3, 4, 5, 6, 7, 8, 9}, &HostNetwork{1, 2, 3, 4, 5, 6, 7, 8},
		&HostAdaptors{[]HostAdaptor{{1, [][6]byte{{2}, {3}}}, {4, [][6]byte{}}}},
	}
}

// empty is a new struct of d's type in d's mode, which the tag says and not the bytes.
func empty(d Data) Data {
	out := reflect.New(reflect.TypeOf(d).Elem())
	for _, mode := range []string{"V6", "Proxy", "Old"} {
		if m := out.Elem().FieldByName(mode); m.IsValid() {
			m.Set(reflect.ValueOf(d).Elem().FieldByName(mode))
		}
	}
	return out.Interface().(Data)
}

// A struct is written as its layout has it, and read again as it was.
func TestStructsRoundTrip(t *testing.T) {
	for i, d := range structs() {
		b := AppendData([]byte("front"), d)[5:]
		l := FlowLayout(d.Tag())
		if reflect.TypeOf(d) == reflect.TypeFor[*HTTPCounters]() || i > 13 {
			l = CounterLayout(d.Tag())
		}
		f, v := FieldsOf(l, b), Value{}
		for f.Next(&v) {
		}
		if f.Err() != nil {
			t.Errorf("%T: %v", d, f.Err())
		}
		got := empty(d)
		r := Record{Tag: d.Tag(), Body: b}
		err := r.Decode(got)
		if h, ok := d.(*HTTP); ok && h.Old {
			h.XFF = nil
		}
		if err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%+v, %v; want %+v", got, err, d)
		}
		for n := 0; n < len(b); n += 4 { // padding may be absent
			r.Body = b[:n]
			if err := r.Decode(empty(d)); err == nil && r.Tag != TagHostCPU {
				t.Errorf("%T of %d bytes decodes from %d", d, len(b), n)
			}
		}
	}
}

// Samples come back as they were, compact where they fit and expanded where not.
func TestSamplesRoundTrip(t *testing.T) {
	for _, c := range []struct {
		in   Sample
		want Tag
	}{
		{Sample{Tag: TagFlow, Kind: KindFlow, Sequence: 1, Source: Source{3, 8080}, Rate: 400, Pool: 5, Drops: 6, Input: Port{0, 7}, Output: PortInternal}, TagFlow},
		{Sample{Tag: TagFlow, Kind: KindFlow, Sequence: 1, Source: Source{0, 1 << 24}, Rate: 400, Input: Port{2, 7}}, TagFlowExpanded},
		{Sample{Tag: TagFlow, Kind: KindFlow, Output: Port{1, 1 << 30}}, TagFlowExpanded},
		{Sample{Tag: TagFlowExpanded, Kind: KindFlow, Source: Source{1, 2}}, TagFlowExpanded},
		{Sample{Tag: TagCounters, Kind: KindCounters, Sequence: 1, Source: Source{2, 1}}, TagCounters},
		{Sample{Tag: TagCounters, Kind: KindCounters, Source: Source{256, 1}}, TagCountersExpanded},
		{Sample{Tag: TagDiscard, Kind: KindDiscard, Sequence: 1, Source: Source{0, 1}, Drops: 2, Input: Port{0, 3}, Output: Port{0, 4}, Reason: 258}, TagDiscard},
	} {
		var e Encoder
		e.Start(&Datagram{Agent: netip.MustParseAddr("192.0.2.1")})
		e.Begin(&c.in)
		e.AddRaw(TagEntities, []byte{1, 2, 3})
		e.End()
		e.Begin(&c.in)
		e.End()
		e.Undo()
		d, err := Parse(e.Bytes())
		if err != nil || d.Count != 1 {
			t.Fatalf("%+v %v", d, err)
		}
		it, got := d.Samples(), Sample{}
		if !it.Next(&got) || got.Err != nil {
			t.Fatalf("%v %v", it.Err(), got.Err)
		}
		rs, r := got.Records(), Record{}
		if !rs.Next(&r) || r.Tag != TagEntities || !bytes.Equal(r.Body, []byte{1, 2, 3}) || rs.Next(&r) || rs.Err() != nil {
			t.Errorf("%+v %v", r, rs.Err())
		}
		c.in.Tag, c.in.Count, c.in.version = c.want, 1, Version5
		got.Body, got.records = nil, nil
		if !reflect.DeepEqual(got, c.in) {
			t.Errorf("%+v, want %+v", got, c.in)
		}
	}
}

func TestMetricsRoundTrip(t *testing.T) {
	for tag, first := range map[Tag]MetricType{TagMetric: MetricString, TagFlowMetric: KeyString} {
		last := lastMetric
		if tag == TagFlowMetric {
			last = lastKey
		}
		var e Encoder
		e.Start(&Datagram{Agent: netip.MustParseAddr("192.0.2.1")})
		e.Begin(&Sample{Tag: tag, Name: []byte("name"), Rate: 0})
		var want []Metric
		for m := first; m <= last; m++ {
			x := Metric{Name: []byte{byte('a' + m)}, Type: m}
			switch m {
			case MetricString, KeyString:
				x.Bytes = []byte("text")
			case KeyMAC:
				x.Bytes = []byte{1, 2, 3, 4, 5, 6}
			case KeyIP4:
				x.Bytes = []byte{1, 2, 3, 4}
			case KeyIP6:
				x.Bytes = make([]byte, 16)
			case MetricFloat, MetricDouble, KeyFloat, KeyDouble:
				x.Float = 0.5
			case MetricCounter64, MetricGauge64, KeyInt64:
				x.Num = 1 << 40
			default:
				x.Num = 42
			}
			want = append(want, x)
			e.AddMetric(&x)
		}
		e.End()
		d, _ := Parse(e.Bytes())
		it, s := d.Samples(), Sample{}
		if !it.Next(&s) || string(s.Name) != "name" {
			t.Fatalf("%+v %v", s, it.Err())
		}
		var got []Metric
		ms, m := s.Metrics(), Metric{}
		for ms.Next(&m) {
			got = append(got, m)
		}
		if ms.Err() != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, ms.Err(), want)
		}
	}
}
