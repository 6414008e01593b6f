package pcapstore

import (
	"fmt"
	"os"
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

// benchStore stores n packets of size bytes in flows of about 17 packets, as a busy link has them, with two workers.
func benchStore(b *testing.B, n, size int, o Options) string {
	b.Helper()
	dir := b.TempDir()
	o.Policy, o.Sync, o.Workers = Block, SyncNever, 2
	rec := start(b, dir, o)
	data := make([]byte, size)
	const open = 1024 // flows at the same time; each packet goes to one of them, and now and then one is replaced
	flows := make([]Flow, open)
	for i := range n {
		f := &flows[uint64(i)*0x9e3779b97f4a7c15>>54]
		if f.ID.IsZero() || i%17 == 0 {
			*f = Flow{ID: record.NewID(base+int64(i)*1e3, uint64(i), 0)}
		}
		p := record.Packet{Time: base + int64(i)*1e3, Link: record.LinkEthernet, Data: data, WireLen: uint32(size)}
		if _, err := rec.Writer(int(f.ID[15])&1).Append(&p, f); err != nil {
			b.Fatal(err)
		}
	}
	rec.mustStop()
	return dir
}

// flowsIn lists the ids in a store's indexes.
func flowsIn(b *testing.B, dir string) (ids []record.ID) {
	b.Helper()
	for _, path := range paths(b, dir, extIndex) {
		x, f, err := openIndex(path)
		if err != nil {
			b.Fatal(err)
		}
		if err := x.each(func(id record.ID, _ []uint32) { ids = append(ids, id) }); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	return ids
}

// BenchmarkRead measures answers from a store of 2 million packets of 174 bytes in 100 thousand flows.
func BenchmarkRead(b *testing.B) {
	for _, mode := range []string{"plain", "zstd"} {
		o := Options{}
		if mode == "zstd" {
			o.Compress = 1
		}
		const n, size = 2_000_000, 174
		dir := benchStore(b, n, size, o)
		ids := flowsIn(b, dir)
		var bytes int64
		for _, path := range paths(b, dir, extIndex) {
			st, _ := os.Stat(path)
			bytes += st.Size()
		}
		b.Logf("%s: %d flows, index of %.2f bytes a packet", mode, len(ids), float64(bytes)/n)
		st, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		count := func(b *testing.B, q Query) (got int) {
			err := st.Packets(b.Context(), q, func(*record.Packet, record.Position) bool { got++; return true })
			if err != nil || got == 0 {
				b.Fatal(got, err)
			}
			return got
		}
		b.Run(mode+"/session", func(b *testing.B) {
			for i := range b.N {
				count(b, Query{Flows: ids[i*7919%len(ids)%len(ids):][:1]})
			}
		})
		for _, every := range []int{1, 10} {
			var some []record.ID
			for i := 0; i < len(ids); i += every {
				some = append(some, ids[i])
			}
			b.Run(fmt.Sprintf("%s/one flow in %d", mode, every), func(b *testing.B) {
				for range b.N {
					got := count(b, Query{Flows: some})
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(got)/float64(b.N), "ns/packet")
				}
			})
		}
		b.Run(mode+"/all", func(b *testing.B) {
			for range b.N {
				got := count(b, Query{})
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(got)/float64(b.N), "ns/packet")
			}
		})
	}
}

// BenchmarkIndex measures building the index of a segment from its journal, and rebuilding both from the segment.
func BenchmarkIndex(b *testing.B) {
	const n = 1_000_000
	o := Options{Workers: 2}
	dir := benchStore(b, n, 174, o)
	for _, path := range paths(b, dir, extIndex) {
		os.Remove(path)
	}
	b.Run("rebuild", func(b *testing.B) {
		for range b.N {
			rec, err := NewRecorder(dir, o)
			if err != nil {
				b.Fatal(err)
			}
			var flows [1024]record.ID
			for i := range flows {
				flows[i] = flowID(i)
			}
			done, err := rec.Replay(b.Context(), 0, End, func(p *record.Packet, _ record.ID, _ bool, _ record.Position) (record.ID, bool) {
				return flows[p.Time/1e6&1023], true
			})
			if err != nil || done.Unknown == 0 {
				b.Fatal(done, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done.Unknown)/float64(b.N), "ns/packet")
			os.Remove(paths(b, dir, extIndex)[0])
		}
	})
}
