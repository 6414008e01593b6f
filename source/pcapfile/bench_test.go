package pcapfile

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// benchFile writes a capture of so many bytes, of packets of one size.
func benchFile(b *testing.B, format string, total, size int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bench")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	p := record.Packet{Data: make([]byte, size), WireLen: uint32(size), Link: 1}
	buf := pcapio.AppendPcapHeader(nil, 1, 0)
	if format == "pcapng" {
		buf = pcapio.AppendInterface(pcapio.AppendSection(nil, ""), "eth0", 1, 0)
	}
	for n := 0; n < total; n += len(buf) {
		w.Write(buf)
		p.Time += 1000
		if format == "pcapng" {
			buf = pcapio.AppendEnhanced(buf[:0], 0, &p)
		} else {
			buf = pcapio.AppendPacket(buf[:0], &p)
		}
	}
	w.Flush()
	f.Close()
	return path
}

// BenchmarkRead reads a file that is in the page cache. The consumer looks at one byte of each packet, so that fetching
// packets from memory is part of the figure.
func BenchmarkRead(b *testing.B) {
	for _, format := range []string{"pcap", "pcapng"} {
		for _, size := range []int{60, 950} {
			b.Run(fmt.Sprintf("%s/%d", format, size), func(b *testing.B) {
				const total = 300 << 20
				path := benchFile(b, format, total, size)
				b.SetBytes(total)
				packets := uint64(0)
				b.ResetTimer()
				for b.Loop() {
					packets += readAll(b, path)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
			})
		}
	}
}

var sink byte

func readAll(b *testing.B, path string) uint64 {
	s, err := Open(Config{Paths: []string{path}})
	if err != nil {
		b.Fatal(err)
	}
	err = s.Run(context.Background(), func(blk *source.Block) error {
		for i := range blk.Packets {
			sink ^= blk.Packets[i].Data[20]
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return s.Stats().Packets
}
