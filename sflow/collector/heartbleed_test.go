package collector

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/tapir-project/tapir/sflow"
)

// sampledTCP is the beginning of a TCP packet over Ethernet and IPv4 with a payload of n bytes, of which some are given.
func sampledTCP(n int, payload string) *sflow.Header {
	be := binary.BigEndian
	b := append(make([]byte, 12), 0x08, 0x00, 0x45, 0)
	b = be.AppendUint16(b, uint16(40+n))
	b = append(b, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7)
	b = be.AppendUint16(be.AppendUint16(b, 443), 40000)
	b = append(b, make([]byte, 8)...)
	b = append(b, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, payload...)
	return &sflow.Header{Protocol: sflow.HeaderEthernet, FrameLength: uint32(54 + n + 4), Stripped: 4, Bytes: b[:min(len(b), 128)]}
}

// A heartbeat at the beginning of a sampled packet is a hint, with its probability; nothing else is.
func TestHeartbleedHint(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		n             int
		rate          uint32
		want          string
	}{
		{"leak", "\x18\x03\x02\x40\x00\x02\xff\xff", 1460, 1000, "hint 16384 0.001 0.011934"},
		{"request", "\x18\x03\x01\x00\x03\x01\x40\x00", 8, 400, "hint 3 0.0025 0.002500"},
		{"every packet", "\x18\x03\x03\x10\x00", 1448, 1, "hint 4096 1 1.000000"},
		{"small segments", "\x18\x03\x03\x10\x00", 536, 10, "hint 4096 0.1 0.569533"},
		{"application data", "\x17\x03\x03\x40\x00", 1460, 1000, "<nil> <nil> <nil> NaN"},
		{"no version", "\x18\x04\x03\x40\x00", 1460, 1000, "<nil> <nil> <nil> NaN"},
		{"too long", "\x18\x03\x03\xff\xff", 1460, 1000, "<nil> <nil> <nil> NaN"},
		{"cut", "\x18\x03\x03\x40", 4, 1000, "<nil> <nil> <nil> NaN"},
	} {
		b := encode(&sflow.Sample{Tag: sflow.TagFlow, Sequence: 1, Source: sflow.Source{Index: 3}, Rate: c.rate, Pool: c.rate}, sampledTCP(c.n, c.payload))
		got := convert(t, NewConverter(NewLedger(), nil, nil), b, &Meta{At: noon})
		at := func(path ...string) any {
			var x any = got[len(got)-1]
			for _, p := range path {
				m, _ := x.(map[string]any)
				x = m[p]
			}
			return x
		}
		chance := "NaN"
		if p := at("sflow", "heartbeat", "packet_probability"); p != nil {
			var f float64
			fmt.Sscan(fmt.Sprint(p), &f)
			chance = fmt.Sprintf("%.6f", f)
		}
		text := fmt.Sprint(at("tls", "heartbleed"), " ", at("sflow", "heartbeat", "bytes"), " ", at("sflow", "heartbeat", "header_probability"), " ", chance)
		if text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}
