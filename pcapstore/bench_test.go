package pcapstore

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// BenchmarkAppend measures what storing a packet costs in all: Append, the write, the journal and the index.
// "cpu-ns/op" is user and system time of the whole process, which is what the program's budget is counted in.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 950} {
		for _, mode := range []string{"direct", "cached", "zstd"} {
			b.Run(fmt.Sprintf("%s/%dB", mode, size), func(b *testing.B) { benchAppend(b, size, mode) })
		}
	}
}

func benchAppend(b *testing.B, size int, mode string) {
	o := Options{Policy: Block, Sync: SyncNever, NoDirect: mode == "cached"}
	if mode == "zstd" {
		o.Compress = 1
	}
	rec := start(b, b.TempDir(), o)
	const n = 1 << 14
	src := make([]byte, 16<<20)
	for i := range src {
		src[i] = byte(i * i >> 7)
	}
	flows := make([]Flow, n)
	for i := range flows {
		flows[i].ID = flowID(i)
	}
	w := rec.Writer(0)
	p := record.Packet{Time: base, Link: record.LinkEthernet, WireLen: uint32(size)}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	cpu := cpuTime()
	b.ResetTimer()
	for i := range b.N {
		at := i * size % (len(src) - size)
		p.Data = src[at : at+size]
		p.Time += 1000
		if _, err := w.Append(&p, &flows[i*7&(n-1)]); err != nil {
			b.Fatal(err)
		}
	}
	w.Close()
	rec.mustStop()
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/op")
}

// BenchmarkAppendOnly leaves the disk out: chunks are taken back unwritten.
func BenchmarkAppendOnly(b *testing.B) {
	for _, size := range []int{0, 100, 950} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			o, err := Options{}.withDefaults()
			if err != nil {
				b.Fatal(err)
			}
			w := (&Recorder{opts: o}).newWriter(0)
			go func() {
				for t := range w.queue {
					if t.chunk != nil {
						w.free <- t.chunk
					}
				}
			}()
			flows := make([]Flow, 1<<14)
			src := make([]byte, 64<<10) // as hot as a packet is that was just decoded
			p := record.Packet{Time: base, Link: record.LinkEthernet, WireLen: uint32(size)}
			b.SetBytes(int64(size))
			w.opts.Policy = Block
			for i := range b.N {
				at := i * size % (len(src) - size)
				p.Data = src[at : at+size]
				p.Time += 1000
				if _, err := w.Append(&p, &flows[i*7&(1<<14-1)]); err != nil {
					b.Fatal(err)
				}
			}
			w.Close()
		})
	}
}

func cpuTime() int64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
