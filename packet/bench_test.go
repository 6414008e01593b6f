package packet

import (
	"math/rand/v2"
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

// BenchmarkMixed decodes what a busy link might carry; ns/op is for one packet.
func BenchmarkMixed(b *testing.B) {
	var ps []record.Packet
	for _, f := range frames() {
		p := f.packet()
		for range mix[f.name] {
			p.Data = append([]byte(nil), p.Data...) // packets do not share memory
			ps = append(ps, p)
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
	var d Decoded
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		Decode(&d, &ps[i])
		if i++; i == len(ps) {
			i = 0
		}
	}
}

// mix is how often each frame comes in BenchmarkMixed.
var mix = map[string]int{"tcp": 500, "udp padded": 150, "802.1q": 100, "timestamps": 50, "syn": 20, "ipv6 icmp": 10, "icmp": 10,
	"arp": 10, "vxlan": 50, "gre": 20, "mpls": 20, "gtp": 20, "pppoe": 20, "ipv6 destination options": 5, "esp": 10, "lldp": 1,
	"spanning tree": 4}

func BenchmarkKey(b *testing.B) {
	p := record.Packet{Link: record.LinkEthernet, Data: plainTCP, WireLen: uint32(len(plainTCP))}
	var d Decoded
	Decode(&d, &p)
	for b.Loop() {
		if k, _ := d.Key(); k.Proto != ProtoTCP {
			b.Fatal(k)
		}
	}
}
