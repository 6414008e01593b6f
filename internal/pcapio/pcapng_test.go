package pcapio

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// ng makes pcapng files of either byte order.
type ng struct {
	order binary.AppendByteOrder
	b     []byte
}

func newNg(order binary.AppendByteOrder) *ng {
	f := &ng{order: order}
	return f.section()
}

func (f *ng) block(kind uint32, body []byte) *ng {
	body = pad(body, len(body))
	f.b = f.order.AppendUint32(f.b, kind)
	f.b = f.order.AppendUint32(f.b, uint32(len(body)+12))
	f.b = append(f.b, body...)
	f.b = f.order.AppendUint32(f.b, uint32(len(body)+12))
	return f
}

func (f *ng) section() *ng {
	b := f.order.AppendUint32(nil, byteOrderMagic)
	b = f.order.AppendUint16(b, 1)
	b = f.order.AppendUint16(b, 0)
	return f.block(blockSection, f.order.AppendUint64(b, math.MaxUint64))
}

func (f *ng) option(b []byte, code uint16, v []byte) []byte {
	b = f.order.AppendUint16(b, code)
	b = f.order.AppendUint16(b, uint16(len(v)))
	return pad(append(b, v...), len(v))
}

// iface appends an interface; options come in pairs of code and value.
func (f *ng) iface(link uint16, snaplen uint32, options ...any) *ng {
	b := f.order.AppendUint16(nil, link)
	b = f.order.AppendUint16(b, 0)
	b = f.order.AppendUint32(b, snaplen)
	for i := 0; i < len(options); i += 2 {
		b = f.option(b, uint16(options[i].(int)), options[i+1].([]byte))
	}
	return f.block(blockInterface, b)
}

func (f *ng) enhanced(iface uint32, ticks uint64, data string, wire uint32, tail ...byte) *ng {
	b := f.order.AppendUint32(nil, iface)
	b = f.order.AppendUint32(b, uint32(ticks>>32))
	b = f.order.AppendUint32(b, uint32(ticks))
	b = f.order.AppendUint32(b, uint32(len(data)))
	b = f.order.AppendUint32(b, wire)
	b = pad(append(b, data...), len(data))
	return f.block(blockEnhanced, append(b, tail...))
}

func (f *ng) simple(data string, wire uint32) *ng {
	return f.block(blockSimple, append(f.order.AppendUint32(nil, wire), data...))
}

func (f *ng) obsolete(iface, drops uint16, ticks uint64, data string) *ng {
	b := f.order.AppendUint16(nil, iface)
	b = f.order.AppendUint16(b, drops)
	b = f.order.AppendUint32(b, uint32(ticks>>32))
	b = f.order.AppendUint32(b, uint32(ticks))
	b = f.order.AppendUint32(b, uint32(len(data)))
	b = f.order.AppendUint32(b, uint32(len(data)))
	return f.block(blockObsolete, append(b, data...))
}

func (f *ng) statistics(iface uint32, code int, drops uint64) *ng {
	b := append(f.order.AppendUint32(nil, iface), make([]byte, 8)...)
	return f.block(blockStatistics, f.option(b, uint16(code), f.order.AppendUint64(nil, drops)))
}

func decodeNg(t *testing.T, b []byte) ([]record.Packet, *Pcapng) {
	t.Helper()
	d := &Pcapng{}
	got, n, _, err := d.Decode(b, make([]record.Packet, 0, 100))
	if err != nil || n != len(b) {
		t.Fatalf("%d of %d bytes, %d packets, %v", n, len(b), len(got), err)
	}
	return got, d
}

func TestPcapngBlocks(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		f := newNg(order)
		f.iface(1, 4, optIfName, []byte("eth0\x00junk"), optIfTsresol, []byte{9}, optIfFCSLen, []byte{32})
		f.block(4, []byte("name resolution"))
		f.block(0xbad, []byte("custom"))
		f.enhanced(0, 1700000000123456789, "hello", 60, f.option(f.option(nil, 1, []byte("a comment")), 0, nil)...)
		f.simple("abcd", 1000)
		f.iface(101, 0)
		f.obsolete(1, 3, 1700000001000000, "ip")
		f.obsolete(1, 0xffff, 1700000001000000, "")
		f.statistics(0, optIsbIfDrop, 5).statistics(0, optIsbIfDrop, 7).statistics(1, optIsbOsDrop, 1).statistics(9, optIsbIfDrop, 1)
		f.section().iface(276, 0).enhanced(0, 5, "x", 1).statistics(0, optIsbIfDrop, 100)

		got, d := decodeNg(t, f.b)
		want := []record.Packet{
			{Time: 1700000000123456789, Data: []byte("hello"), WireLen: 60, Link: 1},
			{Time: 1700000000123456789, Data: []byte("abcd"), WireLen: 1000, Link: 1},
			{Time: 1700000001000000000, Data: []byte("ip"), WireLen: 2, Link: 101, Iface: 1},
			{Time: 1700000001000000000, Link: 101, Iface: 1},
			{Time: 5000, Data: []byte("x"), WireLen: 1, Link: 276, Iface: 2},
		}
		compare(t, got, want)
		if d.Drops() != 3+7+1+100 {
			t.Errorf("%v: %d drops, want 111", order, d.Drops())
		}
	}
}

func compare(t *testing.T, got, want []record.Packet) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d packets, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := &got[i], &want[i]
		if g.Time != w.Time || string(g.Data) != string(w.Data) || g.WireLen != w.WireLen || g.Link != w.Link || g.Iface != w.Iface {
			t.Errorf("packet %d: %+v\nwant %+v", i, *g, *w)
		}
	}
}

func TestRegister(t *testing.T) {
	f := newNg(binary.LittleEndian).iface(1, 96, optIfName, []byte("eth\xff0"), optIfFCSLen, []byte{32}).enhanced(0, 0, "x", 1)
	var seen Interface
	d := Pcapng{Register: func(i *Interface) (uint32, error) { seen = *i; return 42, nil }}
	got, _, _, err := d.Decode(f.b, make([]record.Packet, 0, 1))
	if err != nil || got[0].Iface != 42 || seen.Name != "eth\ufffd0" || seen.Snaplen != 96 || seen.FCSLen != 4 {
		t.Errorf("%+v, %+v, %v", got, seen, err)
	}
	d = Pcapng{Register: func(*Interface) (uint32, error) { return 0, errors.New("no") }}
	if _, _, _, err = d.Decode(f.b, make([]record.Packet, 0, 1)); err == nil || err.Error() != "no" {
		t.Errorf("Register's error: %v", err)
	}
}

func TestPcapngBad(t *testing.T) {
	le := binary.LittleEndian
	torn := newNg(le).iface(1, 0).enhanced(0, 0, "x", 1).b
	torn[len(torn)-1] = 1
	for name, b := range map[string][]byte{
		"no section":         newNg(le).iface(1, 0).b[28:],
		"byte order":         append(append([]byte{}, newNg(le).b[:8]...), make([]byte, 20)...),
		"version 2":          append(append([]byte{}, newNg(le).b[:12]...), append([]byte{2}, newNg(le).b[13:]...)...),
		"trailer":            torn,
		"block of 8":         append(newNg(le).b, 9, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0),
		"no interface":       newNg(le).enhanced(0, 0, "x", 1).b,
		"simple, none":       newNg(le).simple("x", 1).b,
		"interface 1 of 1":   newNg(le).iface(1, 0).enhanced(1, 0, "x", 1).b,
		"new section":        newNg(le).iface(1, 0).section().enhanced(0, 0, "x", 1).b,
		"short enhanced":     newNg(le).iface(1, 0).block(blockEnhanced, make([]byte, 16)).b,
		"short simple":       newNg(le).iface(1, 0).block(blockSimple, nil).b,
		"short obsolete":     newNg(le).iface(1, 0).block(blockObsolete, make([]byte, 16)).b,
		"short interface":    newNg(le).block(blockInterface, make([]byte, 4)).b,
		"short statistics":   newNg(le).iface(1, 0).block(blockStatistics, make([]byte, 8)).b,
		"longer than block":  newNg(le).iface(1, 0).simple("abcd", 9).b,
		"huge":               newNg(le).iface(1, 0).simple("abcd", 1<<31).b,
		"enhanced, too long": newNg(le).iface(1, 0).block(blockEnhanced, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x09\x00\x00\x00abcdefgh")).b,
	} {
		var d Pcapng
		if got, _, _, err := d.Decode(b, make([]record.Packet, 0, 10)); !errors.Is(err, ErrCorrupt) && name != "trailer" {
			t.Errorf("%s: %v", name, err)
		} else if name == "trailer" && (err == nil || len(got) != 0) {
			t.Errorf("%s: %d packets, %v", name, len(got), err)
		}
	}
}

// TestPcapngLarge: blocks longer than MaxNeed are read as far as they matter, and the rest skipped unread.
func TestPcapngLarge(t *testing.T) {
	f := newNg(binary.LittleEndian).iface(1, 0)
	begin := len(f.b)
	f.enhanced(0, 1, "hello", 5, make([]byte, 2*MaxNeed)...)
	second := len(f.b)
	f.block(0xbad, make([]byte, 3*MaxNeed)).enhanced(0, 2, "more", 4)
	third := len(f.b) - 36

	var d Pcapng
	dst := make([]record.Packet, 0, 10)
	got, n, need, err := d.Decode(f.b[:begin+maxOptions], dst)
	if err != nil || n != second || len(got) != 1 || string(got[0].Data) != "hello" {
		t.Fatalf("n %d, want %d; need %d, %d packets, %v", n, second, need, len(got), err)
	}
	got, n, _, err = d.Decode(f.b[second:second+100], dst)
	if err != nil || second+n != third || len(got) != 0 {
		t.Fatalf("n %d, want %d; %v", second+n, third, err)
	}
	got, n, _, err = d.Decode(f.b[third:], dst)
	if err != nil || n != 36 || string(got[0].Data) != "more" {
		t.Fatalf("n %d, %v", n, err)
	}
}

func TestTooManyInterfaces(t *testing.T) {
	f := newNg(binary.LittleEndian)
	for range MaxInterfaces + 1 {
		f.iface(1, 0)
	}
	var d Pcapng
	if _, _, _, err := d.Decode(f.b, make([]record.Packet, 0, 1)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%d interfaces: %v", MaxInterfaces+1, err)
	}
}

// TestClock compares with arithmetic of unlimited size, for every resolution.
func TestClock(t *testing.T) {
	ticks := []uint64{0, 1, 999, 1_700_000_000, 1_700_000_000_123_456, 1 << 63, math.MaxUint64}
	offsets := []int64{0, 1, -1, 1_700_000_000, -1_700_000_000, math.MaxInt64, math.MinInt64}
	for r := range 256 {
		for _, offset := range offsets {
			c := newClock(byte(r), offset)
			for _, n := range ticks {
				if got, want := c.nanos(n), exact(byte(r), offset, n); got != want {
					t.Fatalf("resolution %#x, offset %d, %d ticks: %d, want %d", r, offset, n, got, want)
				}
			}
		}
	}
}

func exact(r byte, offset int64, ticks uint64) int64 {
	base := int64(10)
	if r&0x80 != 0 {
		base = 2
	}
	per := new(big.Int).Exp(big.NewInt(base), big.NewInt(int64(r&0x7f)), nil)
	ns := new(big.Int).Mul(new(big.Int).SetUint64(ticks), big.NewInt(1e9))
	ns.Div(ns, per)
	ns.Add(ns, new(big.Int).Mul(big.NewInt(offset), big.NewInt(1e9)))
	switch {
	case ns.IsInt64():
		return ns.Int64()
	case ns.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

func TestWritePcapng(t *testing.T) {
	b := AppendSection(nil, "tapir")
	b = AppendInterface(b, "eth0", record.LinkEthernet, 96)
	b = AppendInterface(b, "", record.LinkRaw, 0)
	for i, data := range []string{"", "a", "ab", "abc", "abcd"} {
		b = AppendEnhanced(b, uint32(i&1), &record.Packet{Time: 1e18 + int64(i), Data: []byte(data), WireLen: 60})
	}
	b = AppendEnhanced(b, 0, &record.Packet{Time: -5, WireLen: 1})
	b = AppendEnhanced(b, 0, &record.Packet{Time: math.MaxInt64, WireLen: 1})
	got, d := decodeNg(t, b)
	if len(got) != 7 || d.ifaces[0].Name != "eth0" || d.ifaces[0].Snaplen != 96 || d.ifaces[1].Link != record.LinkRaw {
		t.Fatalf("%+v, %+v", got, d.ifaces)
	}
	if p := got[3]; p.Time != 1e18+3 || string(p.Data) != "abc" || p.WireLen != 60 || p.Link != record.LinkRaw || p.Iface != 1 {
		t.Errorf("%+v", p)
	}
	if got[5].Time != 0 || got[6].Time != math.MaxInt64 {
		t.Errorf("times %d and %d", got[5].Time, got[6].Time)
	}
}
