package collector

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/sflowtool"
)

// words appends numbers of two bytes.
func words(dst []byte, vs ...uint16) []byte {
	for _, v := range vs {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	return dst
}

// made is the NetFlow that sflowtool's converter makes of a sample: what we write we can collect.
func made(t *testing.T, version int) []byte {
	t.Helper()
	var out []byte
	send := func(_ netip.Addr, b []byte) error { out = append(out, b...); return nil }
	w := sflowtool.New(nil, sflowtool.Options{Format: sflowtool.NetFlow, NetFlow: sflowtool.NetFlowOptions{Version: version}, Send: send})
	b := encode(&flowHead, &sflow.IP{Length: 100, Protocol: 17, Src: client, Dst: agent, SrcPort: 53, DstPort: 5353, TOS: 0x28})
	if err := w.Write(b, sflowtool.Meta{Captured: noon}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNetFlow(t *testing.T) {
	for _, version := range []int{5, 9} {
		c := NewConverter(NewLedger(), nil, nil)
		got := convert(t, c, made(t, version), &Meta{At: noon, Sender: netip.MustParseAddr("192.0.2.99")})
		if len(got) != 1 {
			t.Fatalf("version %d: %d records", version, len(got))
		}
		check(t, got[0], map[string]any{"sflow.type": "netflow", "sflow.version": version, "observer.ip": "192.0.2.99", "source.ip": client, "destination.ip": agent, "source.port": 53,
			"network.packets": 400, "network.bytes": 40000, "network.transport": "udp", "sflow.input": 3, "sflow.output": 4, "source.dscp": 10, "event.start": "2026-11-21T12:00:00.000000000Z"})
	}
}

// ipfix is a message of sets.
func ipfix(sequence uint32, sets ...[]byte) []byte {
	b := words(nil, 10, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(noon.Unix()))
	b = binary.BigEndian.AppendUint32(b, sequence)
	b = binary.BigEndian.AppendUint32(b, 77)
	for _, s := range sets {
		b = append(b, s...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func set(id uint16, body []byte) []byte { return append(words(nil, id, uint16(4+len(body))), body...) }

// An exporter tells its sampling rate in options and flows in data sets, each by a template that came before.
func TestIPFIX(t *testing.T) {
	c := NewConverter(NewLedger(), nil, nil)
	m := &Meta{At: noon, Sender: client}
	data := append(append(client.AsSlice(), agent.AsSlice()...), 6)
	data = words(data, 1024, 443)
	data = binary.BigEndian.AppendUint64(data, 3)
	data = binary.BigEndian.AppendUint64(data, 180)
	data = binary.BigEndian.AppendUint64(data, uint64(noon.UnixMilli()-1000))
	data = binary.BigEndian.AppendUint64(data, uint64(noon.UnixMilli()))
	if got := convert(t, c, ipfix(0, set(256, data)), m); len(got) != 0 {
		t.Errorf("%d records without a template", len(got))
	}
	template := set(2, words(nil, 256, 9, 8, 4, 12, 4, 4, 1, 7, 2, 11, 2, 2, 8, 1, 8, 152, 8, 153, 8))
	options := set(3, words(nil, 257, 2, 1, 149, 4, 305, 4))
	rate := set(257, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 77), 100))
	got := convert(t, c, ipfix(0, template, options, rate, set(256, data)), m)
	if len(got) != 1 {
		t.Fatalf("%d records", len(got))
	}
	check(t, got[0], map[string]any{"sflow.version": 10, "sflow.sub_agent": 77, "source.ip": client, "destination.port": 443, "network.packets": 300, "network.bytes": 18000,
		"sflow.sampling_rate": 100, "event.duration": 1000000000, "event.start": noon.Add(-time.Second).Format("2006-01-02T15:04:05.000000000Z"), "network.protocol": "tcp"})
	convert(t, c, ipfix(5, set(256, data)), m) // two records came before, so three are missing
	if s := c.ledger.Status(nil); len(s) != 1 || s[0].Lost != 3 || !s[0].NetFlow || s[0].Samples != 2 {
		t.Errorf("%+v", s)
	}
}

// Templates whose records have no length, and endless templates, are refused; what is cut or lies about its length ends.
func TestNetFlowHostile(t *testing.T) {
	c := NewConverter(NewLedger(), nil, nil)
	m := &Meta{At: noon, Sender: client}
	for name, b := range map[string][]byte{
		"no fields":       ipfix(0, set(2, words(nil, 300, 0)), set(300, []byte{1, 2, 3, 4})),
		"fields of none":  ipfix(0, set(2, words(nil, 301, 2, 8, 0, 12, 0)), set(301, []byte{1, 2, 3, 4})),
		"many fields":     ipfix(0, set(2, append(words(nil, 302, 300), make([]byte, 1200)...))),
		"cut template":    ipfix(0, set(2, words(nil, 303, 65535, 8, 4))),
		"length 0":        ipfix(0, words(nil, 256, 0)),
		"version 5, more": append(words(nil, 5, 65535), make([]byte, 20)...),
		"version 9, cut":  words(nil, 9, 1, 0),
	} {
		if got := convert(t, c, b, m); len(got) != 0 {
			t.Errorf("%s: %d records", name, len(got))
		}
	}
	for _, lie := range [][]byte{ipfix(0, set(2, words(nil, 303, 65535, 8, 4))), append(words(nil, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0), set(0, words(nil, 303, 12336, 8, 4))...)} {
		if err := checkTemplates(lie); !errors.Is(err, sflow.ErrTruncated) {
			t.Errorf("a template with more fields than bytes: %v", err)
		}
	}
	for i := range uint16(2000) {
		convert(t, c, ipfix(0, set(2, words(nil, 256+i, 1, 8, 4))), m)
	}
	if n := len(c.netflow.of(client).byKey); n != maxTemplates {
		t.Errorf("%d templates", n)
	}
}

func FuzzNetFlow(f *testing.F) {
	f.Add(ipfix(0, set(2, words(nil, 256, 2, 8, 4, 12, 4)), set(256, make([]byte, 16))))
	f.Add(append(words(nil, 5, 1), make([]byte, 68)...))
	f.Add(words(nil, 9, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 256, 1, 8, 4, 256, 8, 1, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		var batch record.Batch
		NewConverter(NewLedger(), nil, nil).Add(b, &Meta{At: noon, Sender: client}, &batch)
		if batch.Len() > len(b) {
			t.Errorf("%d records from %d bytes", batch.Len(), len(b))
		}
	})
}
