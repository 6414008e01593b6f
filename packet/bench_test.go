package packet

import (
	"testing"

	"github.com/tapir-project/tapir/record"
)

var plainTCP = []byte{
	0x00, 0x0c, 0x29, 0x79, 0xfd, 0x94, 0x00, 0x50, 0x56, 0xc0, 0x00, 0x08, 0x08, 0x00, // Ethernet
	0x45, 0x00, 0x00, 0x3c, 0x12, 0x34, 0x40, 0x00, 0x40, 0x06, 0x00, 0x00, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
	0xd1, 0x91, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x18, 0x04, 0x00, 0, 0, 0, 0, // TCP
	1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6, // timestamps
	'G', 'E', 'T', ' ', '/', ' ', '\r', '\n',
}

func BenchmarkPlainTCP(b *testing.B) {
	p := record.Packet{Link: record.LinkEthernet, Data: plainTCP, WireLen: uint32(len(plainTCP))}
	var d Decoded
	b.ReportAllocs()
	for b.Loop() {
		Decode(&d, &p)
	}
	if d.DstPort != 8080 || d.PayloadLen != 8 {
		b.Fatal(d)
	}
}

func BenchmarkReset(b *testing.B) {
	var d Decoded
	for b.Loop() {
		d.reset()
	}
}

func BenchmarkKey(b *testing.B) {
	p := record.Packet{Link: record.LinkEthernet, Data: plainTCP, WireLen: uint32(len(plainTCP))}
	var d Decoded
	Decode(&d, &p)
	var h uint64
	for b.Loop() {
		k, _ := d.Key()
		h += uint64(k.PortA)
	}
	_ = h
}
