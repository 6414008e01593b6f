package pcapio

import (
	"encoding/binary"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// drain decodes all of b as a reader of a stream would, step bytes at a time, and returns the packets.
func drain(t *testing.T, d Decoder, b []byte, step int) (all []record.Packet) {
	end, room := 0, make([]record.Packet, 0, 3)
	for {
		got, n, need, err := d.Decode(b[:end], room)
		for i := range got {
			if len(got[i].Data) > MaxPacket || uint32(len(got[i].Data)) > got[i].WireLen {
				t.Fatalf("packet of %d bytes, %d on the wire", len(got[i].Data), got[i].WireLen)
			}
		}
		all = append(all, got...)
		if err != nil || n > len(b) {
			return all
		}
		if need > MaxNeed {
			t.Fatalf("needs %d bytes", need)
		}
		if need == 0 && len(got) == 0 {
			t.Fatal("no progress, and nothing needed")
		}
		b, end = b[n:], max(end-n, 0)
		if need > 0 {
			if end == len(b) {
				return all
			}
			if end >= need {
				t.Fatalf("has %d bytes, needs %d, and made nothing of them", end, need)
			}
			end = min(end+step, len(b))
		}
	}
}

func FuzzPcap(f *testing.F) {
	f.Add(newFile(binary.LittleEndian, magicMicro).packet(1, 2, 3, 60, []byte("abc")).packet(1, 2, 0, 0, nil).b)
	f.Add(newFile(binary.BigEndian, magicNano).packet(1, 2, 3, 60, []byte("abc")).b)
	f.Add(newFile(binary.BigEndian, magicModified).packet(1, 2, 3, 60, []byte("abc")).b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < PcapHeaderLen {
			return
		}
		h, err := ParsePcap(b)
		if err != nil {
			return
		}
		compare(t, drain(t, h, b[PcapHeaderLen:], 7), drain(t, h, b[PcapHeaderLen:], 1<<20))
	})
}

func FuzzPcapng(f *testing.F) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		g := newNg(order).iface(1, 4, optIfName, []byte("eth0"), optIfTsresol, []byte{0x8a}, optIfTsoffset, make([]byte, 8))
		g.enhanced(0, 1<<40, "hello", 60).simple("abcd", 1000).obsolete(0, 1, 5, "x").statistics(0, optIsbIfDrop, 1)
		f.Add(g.block(4, []byte("names")).section().b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		compare(t, drain(t, &Pcapng{}, b, 7), drain(t, &Pcapng{}, b, 1<<20))
	})
}
