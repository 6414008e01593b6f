package pcapio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// file makes pcap files of any variant.
type file struct {
	order        binary.AppendByteOrder
	magic        uint32
	major, minor uint16
	link         uint32
	b            []byte
}

func newFile(order binary.AppendByteOrder, magic uint32) *file {
	return (&file{order: order, magic: magic, major: 2, minor: 4, link: 1}).header()
}

func (f *file) header() *file {
	f.b = f.order.AppendUint32(nil, f.magic)
	f.b = f.order.AppendUint16(f.b, f.major)
	f.b = f.order.AppendUint16(f.b, f.minor)
	f.b = append(f.b, make([]byte, 8)...)
	f.b = f.order.AppendUint32(f.b, 65535)
	f.b = f.order.AppendUint32(f.b, f.link)
	return f
}

func (f *file) packet(s, frac, length, wire uint32, data []byte) *file {
	for _, v := range []uint32{s, frac, length, wire} {
		f.b = f.order.AppendUint32(f.b, v)
	}
	if f.magic == magicModified {
		f.b = append(f.b, "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"...)
	}
	f.b = append(f.b, data...)
	return f
}

func TestPcapVariants(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for magic, tick := range map[uint32]int64{magicMicro: 1000, magicNano: 1, magicModified: 1000} {
			f := newFile(order, magic).packet(1700000000, 123456, 3, 60, []byte("abc")).packet(1, 2, 0, 0, nil)
			h, err := ParsePcap(f.b)
			if err != nil {
				t.Fatal(err)
			}
			h.Iface = 7
			got, n, need, err := h.Decode(f.b[PcapHeaderLen:], make([]record.Packet, 0, 10))
			if err != nil || n != len(f.b)-PcapHeaderLen || need == 0 || len(got) != 2 {
				t.Fatalf("%v %#x: %d packets, %d bytes, need %d, %v", order, magic, len(got), n, need, err)
			}
			p := got[0]
			if p.Time != 1700000000e9+123456*tick || string(p.Data) != "abc" || p.WireLen != 60 || p.Link != 1 || p.Iface != 7 {
				t.Errorf("%v %#x: %+v", order, magic, p)
			}
			if cap(p.Data) != 3 {
				t.Errorf("appending to a packet's data would write into the next one")
			}
		}
	}
}

func TestPcapLink(t *testing.T) {
	f := newFile(binary.LittleEndian, magicMicro)
	f.link = 2<<28 | 1<<26 | 1 // four bytes of FCS, Ethernet
	h, err := ParsePcap(f.header().b)
	if err != nil || h.Link != record.LinkEthernet || h.FCSLen != 4 {
		t.Errorf("%+v, %v; want Ethernet with an FCS of 4", h, err)
	}
	f.link = 276
	if h, _ = ParsePcap(f.header().b); h.Link != record.LinkSLL2 || h.FCSLen != 0 {
		t.Errorf("%+v, want SLL2", h)
	}
}

// TestPcapOldLengths: before version 2.3 the length on the wire came first.
func TestPcapOldLengths(t *testing.T) {
	for minor, want := range map[uint16]uint32{2: 100, 3: 100, 4: 100} {
		f := newFile(binary.LittleEndian, magicMicro)
		f.minor = minor
		length, wire := uint32(4), uint32(100)
		if minor < 4 {
			length, wire = wire, length
		}
		f.header().packet(0, 0, length, wire, []byte("abcd"))
		h, err := ParsePcap(f.b)
		if err != nil {
			t.Fatal(err)
		}
		got, _, _, err := h.Decode(f.b[PcapHeaderLen:], make([]record.Packet, 0, 1))
		if err != nil || len(got) != 1 || len(got[0].Data) != 4 || got[0].WireLen != want {
			t.Errorf("version 2.%d: %+v, %v", minor, got, err)
		}
	}
}

func TestPcapBad(t *testing.T) {
	f := newFile(binary.LittleEndian, magicMicro)
	f.major = 3
	if _, err := ParsePcap(f.header().b); !errors.Is(err, ErrCorrupt) {
		t.Errorf("version 3: %v", err)
	}
	if _, err := ParsePcap(make([]byte, PcapHeaderLen)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("zeros: %v", err)
	}
	for _, length := range []uint32{MaxPacket + 1, math.MaxUint32, 1 << 31} {
		f = newFile(binary.LittleEndian, magicMicro).packet(0, 0, 2, 2, []byte("ab")).packet(0, 0, length, 60, nil)
		h, _ := ParsePcap(f.b)
		got, n, _, err := h.Decode(f.b[PcapHeaderLen:], make([]record.Packet, 0, 9))
		if !errors.Is(err, ErrCorrupt) || len(got) != 1 || n != 18 {
			t.Errorf("length %d: %d packets, %d bytes, %v", length, len(got), n, err)
		}
	}
}

// TestPcapNeed: a decoder asks for what it lacks, and stops when dst is full.
func TestPcapNeed(t *testing.T) {
	f := newFile(binary.LittleEndian, magicMicro).packet(0, 0, 10, 10, []byte("0123456789"))
	h, _ := ParsePcap(f.b)
	body := f.b[PcapHeaderLen:]
	for cut := range len(body) {
		got, n, need, err := h.Decode(body[:cut], make([]record.Packet, 0, 1))
		want := PacketHeaderLen
		if cut >= PacketHeaderLen {
			want = len(body)
		}
		if len(got) != 0 || n != 0 || need != want || err != nil {
			t.Fatalf("%d bytes: %d packets, n %d, need %d, %v", cut, len(got), n, need, err)
		}
	}
	if _, n, need, _ := h.Decode(body, nil); n != 0 || need != 0 {
		t.Errorf("no room: n %d, need %d", n, need)
	}
}

// TestWritePcap: what is written reads back, at any time the format can hold.
func TestWritePcap(t *testing.T) {
	for in, want := range map[int64]int64{
		0: 0, 1: 1, 1700000000123456789: 1700000000123456789,
		math.MaxUint32*1e9 + 5: math.MaxUint32*1e9 + 5,
		-1:                     0,
		math.MinInt64:          0,
		math.MaxInt64:          math.MaxUint32*1e9 + 999_999_999,
	} {
		p := record.Packet{Time: in, Data: []byte("abc"), WireLen: 1000}
		b := AppendPacket(AppendPcapHeader(nil, record.LinkRaw, 0), &p)
		h, err := ParsePcap(b)
		if err != nil || h.Link != record.LinkRaw || h.Snaplen != DefaultSnaplen {
			t.Fatalf("%+v, %v", h, err)
		}
		got, _, _, err := h.Decode(b[PcapHeaderLen:], make([]record.Packet, 0, 1))
		if err != nil || len(got) != 1 || got[0].Time != want || !bytes.Equal(got[0].Data, p.Data) || got[0].WireLen != 1000 {
			t.Errorf("time %d: %+v, %v; want %d", in, got, err, want)
		}
	}
}

func TestSniff(t *testing.T) {
	for magic, want := range map[string]Kind{
		"\xd4\xc3\xb2\xa1": KindPcap, "\xa1\xb2\xc3\xd4": KindPcap, "\x4d\x3c\xb2\xa1": KindPcap, "\xa1\xb2\xcd\x34": KindPcap,
		"\x0a\x0d\x0d\x0a": KindPcapng, "\x1f\x8b\x08\x04": KindGzip, "\x28\xb5\x2f\xfd": KindZstd, "\x5e\x2a\x4d\x18": KindZstd,
		"": Unknown, "\x1f\x8b\x08": Unknown, "PK\x03\x04": Unknown, "\x00\x00\x00\x00": Unknown,
	} {
		if got := Sniff([]byte(magic)); got != want {
			t.Errorf("% x: %d, want %d", magic, got, want)
		}
	}
}

func TestAllocs(t *testing.T) {
	p := record.Packet{Time: 1e18, Data: make([]byte, 60), WireLen: 60}
	var pcap, ng []byte
	ng = AppendInterface(AppendSection(ng, ""), "eth0", 1, 0)
	for range 100 {
		pcap = AppendPacket(pcap, &p)
		ng = AppendEnhanced(ng, 0, &p)
	}
	h, _ := ParsePcap(AppendPcapHeader(nil, 1, 0))
	dst := make([]record.Packet, 0, 200)
	if n := testing.AllocsPerRun(100, func() { h.Decode(pcap, dst) }); n != 0 {
		t.Errorf("Pcap.Decode allocates %v times, want 0", n)
	}
	var d Pcapng
	if _, _, _, err := d.Decode(ng, dst); err != nil {
		t.Fatal(err)
	}
	packets := ng[len(ng)-100*(60+32):]
	if n := testing.AllocsPerRun(100, func() { d.Decode(packets, dst) }); n != 0 {
		t.Errorf("Pcapng.Decode allocates %v times, want 0", n)
	}
	buf := make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { AppendEnhanced(AppendPacket(buf, &p), 0, &p) }); n != 0 {
		t.Errorf("writing a packet allocates %v times, want 0", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	p := record.Packet{Time: 1e18, Data: make([]byte, 60), WireLen: 60}
	pcap := AppendPcapHeader(nil, 1, 0)
	ng := AppendInterface(AppendSection(nil, ""), "eth0", 1, 0)
	for range 1000 {
		pcap = AppendPacket(pcap, &p)
		ng = AppendEnhanced(ng, 0, &p)
	}
	h, _ := ParsePcap(pcap)
	dst := make([]record.Packet, 0, 1000)
	b.Run("pcap", func(b *testing.B) {
		for b.Loop() {
			h.Decode(pcap[PcapHeaderLen:], dst)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/packet")
	})
	b.Run("pcapng", func(b *testing.B) {
		for b.Loop() {
			var d Pcapng
			d.Decode(ng, dst)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/packet")
	})
}
