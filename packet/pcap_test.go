package packet

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// readPcap reads a classic pcap file of either byte order; times are not needed here.
func readPcap(t testing.TB, name string) []record.Packet {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if len(b) < 24 {
		t.Fatalf("%s: %d of 24 bytes of header", name, len(b))
	}
	if m := binary.BigEndian.Uint32(b); m == 0xa1b2c3d4 || m == 0xa1b23c4d {
		order = binary.BigEndian
	}
	link := record.LinkType(order.Uint32(b[20:]))
	var ps []record.Packet
	for b = b[24:]; len(b) >= 16; {
		n, wire := order.Uint32(b[8:]), order.Uint32(b[12:])
		if uint32(len(b)-16) < n {
			break
		}
		ps = append(ps, record.Packet{Link: link, Data: b[16 : 16+n], WireLen: wire})
		b = b[16+n:]
	}
	return ps
}
