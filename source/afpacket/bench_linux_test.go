package afpacket

import (
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/source"
)

var sink byte

// BenchmarkRing measures reading packets out of full blocks; the consumer looks at one byte of each.
func BenchmarkRing(b *testing.B) {
	for name, frame := range map[string][]byte{
		"60":   udp(1, 2, strings.Repeat("x", 18)),
		"950":  udp(1, 2, strings.Repeat("x", 908)),
		"vlan": udp(1, 2, strings.Repeat("x", 18), 0x8100, 5),
	} {
		b.Run(name, func(b *testing.B) { benchRing(b, frame) })
	}
}

func benchRing(b *testing.B, frame []byte) {
	namespace(b)
	s := open(b, Config{Interfaces: []string{"v1"}, Buffer: 16 << 20})
	defer s.Close()
	out := newSender(b, "v0")
	r := s.rings[0]
	emit := func(blk *source.Block) error {
		for i := range blk.Packets {
			sink ^= blk.Packets[i].Data[20]
		}
		return nil
	}
	packets, spent := 0, time.Duration(0)
	for b.Loop() {
		for range 4000 {
			out.send(frame)
		}
		before := r.count.delivered.Load()
		for r.count.delivered.Load() < before+4000 {
			if !r.blocks[r.next].ready() {
				time.Sleep(time.Millisecond)
				continue
			}
			t := time.Now()
			r.step(emit)
			spent += time.Since(t)
		}
		packets += 4000
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(packets), "ns/packet")
	b.ReportMetric(0, "ns/op")
}
