package pcapstore

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// modes are the ways in which packets are stored; chunks are small so that few packets fill many.
func modes() map[string]Options {
	return map[string]Options{
		"direct": {Policy: Block, ChunkBytes: 8192},
		"cached": {Policy: Block, ChunkBytes: 8192, NoDirect: true, Sync: SyncFlushes},
		"zstd":   {Policy: Block, ChunkBytes: 16384, FrameBytes: 4096, Compress: 1, Sync: SyncNever},
	}
}

func TestRoundTrip(t *testing.T) {
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o.SegmentBytes = 300_000
			want := samples(1, 3000, 40, 600, base, 1e6)
			rec := start(t, dir, o)
			rec.addAll(want)
			rec.mustStop()
			checkFlows(t, dir, want)
			if n := len(paths(t, dir, extIndex)); n != 3 && n != 4 {
				t.Errorf("%d indexes, want 3 or 4 segments of 300 kB", n)
			}
			if n := len(paths(t, dir, extJournal)); n != 0 {
				t.Errorf("%d journals are left", n)
			}
			st, _ := Open(dir)
			stat, err := st.Stat()
			if err != nil || len(stat) != 1 || stat[0].Packets != 3000 || stat[0].Open != 0 ||
				stat[0].Oldest != base || stat[0].Newest != want[2999].Time {
				t.Errorf("stat %+v %v", stat, err)
			}
		})
	}
}

// TestOtherProgramsRead compares with the pcap any program sees, decompressed by zstd where need be.
func TestOtherProgramsRead(t *testing.T) {
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want := samples(2, 500, 5, 900, base, 1e3)
			rec := start(t, dir, o)
			rec.addAll(want)
			rec.mustStop()
			path := paths(t, dir, extPlain)
			if name == "zstd" {
				path = paths(t, dir, extZstd)
			}
			if len(path) != 1 {
				t.Fatalf("segments %v", path)
			}
			b, err := os.ReadFile(path[0])
			if name == "zstd" {
				if _, err := exec.LookPath("zstd"); err != nil {
					t.Skip("no zstd program")
				}
				b, err = exec.Command("zstd", "-dc", path[0]).Output()
			}
			if err != nil {
				t.Fatal(err)
			}
			got := readPcap(t, b)
			for i := range got {
				got[i].pos = want[i].pos
			}
			same(t, got, want)
		})
	}
}

func TestNames(t *testing.T) {
	dir := t.TempDir()
	rec := start(t, dir, Options{Policy: Block})
	rec.addAll(samples(1, 3, 1, 10, base+5*60*second, 1))
	rec.mustStop()
	want := filepath.Join(dir, "w00/20261121/10/0000000001-100500-l1.pcap")
	if got := paths(t, dir, extPlain); len(got) != 1 || got[0] != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// TestTimeRange asks for a slice of time, and checks that only segments that overlap it are opened.
func TestTimeRange(t *testing.T) {
	dir := t.TempDir()
	want := samples(3, 2000, 10, 200, base, second)
	rec := start(t, dir, Options{Policy: Block, ChunkBytes: 8192, SegmentBytes: 40_000})
	rec.addAll(want)
	rec.mustStop()
	st, _ := Open(dir)
	ask(t, st, Query{}) // all footers are known now
	from, to := base+700*second, base+900*second
	for _, f := range paths(t, dir, extPlain) {
		if d, err := openData(&files{stem: strings.TrimSuffix(f, extPlain)}, 0); err == nil {
			first := readPcap(t, mustRead(t, f))
			d.close()
			if first[0].Time >= to || first[len(first)-1].Time < from {
				if err := os.WriteFile(f, nil, 0o600); err != nil { // reading it would fail
					t.Fatal(err)
				}
			}
		}
	}
	var slice []sample
	for _, s := range want {
		if s.Time >= from && s.Time < to {
			slice = append(slice, s)
		}
	}
	same(t, ask(t, st, Query{From: from, To: to}), slice)
	id := slice[3].flow
	same(t, ask(t, st, Query{Flows: []record.ID{id}, From: from, To: to}), of(slice, id))
	if got := ask(t, st, Query{Flows: []record.ID{}, From: from, To: to}); len(got) != 0 {
		t.Errorf("no flows wanted, %d packets", len(got))
	}
	if got := ask(t, st, Query{From: to, To: from}); len(got) != 0 {
		t.Errorf("empty range, %d packets", len(got))
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMergeWorkers stores packets of equal and interleaved times with several workers.
func TestMergeWorkers(t *testing.T) {
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o.Workers, o.SegmentBytes = 3, 60_000
			want := samples(4, 3000, 30, 120, base, 1e6)
			for i := range want {
				want[i].worker = i % 7 % 3
				want[i].Time -= int64(i) % 4 * 1e6 // groups of equal times, and each worker out of order
			}
			rec := start(t, dir, o)
			rec.addAll(want)
			rec.mustStop()
			checkFlows(t, dir, want)
			var ids []record.ID
			for n := 29; n > 3; n -= 3 {
				ids = append(ids, flowID(n)) // descending: the reader sorts
			}
			same(t, query(t, dir, Query{Flows: ids}), inOrder(of(want, ids...)))
		})
	}
}

// TestShuffled stores packets whose times are in no order at all: they come back in order.
func TestShuffled(t *testing.T) {
	dir := t.TempDir()
	want := samples(5, 2000, 20, 100, base, 1e9)
	for i := range want {
		j := i * 1237 % len(want)
		want[i].Time = base + int64(j)*second
	}
	rec := start(t, dir, Options{Policy: Block, ChunkBytes: 8192, SegmentBytes: 50_000})
	rec.addAll(want)
	rec.mustStop()
	checkFlows(t, dir, want)
	var slice []sample
	from, to := base+300*second, base+301*second+1
	for _, s := range inOrder(want) {
		if s.Time >= from && s.Time < to {
			slice = append(slice, s)
		}
	}
	same(t, query(t, dir, Query{From: from, To: to}), slice)
}

// TestTimes stores the first and last times there are, and those around every border of 32-bit seconds.
func TestTimes(t *testing.T) {
	times := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, base, math.MaxInt64 - 1, math.MaxInt64}
	for era := int64(minEra); era <= maxEra; era++ {
		border := era << 32 * second
		if era > minEra {
			times = append(times, border-1, border, border+1, border+second-1, border-second)
		}
	}
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var want []sample
			for i, tm := range times {
				want = append(want, sample{flow: flowID(i % 3), Packet: record.Packet{Time: tm, Data: []byte{byte(i)}, WireLen: 60, Link: 1}})
			}
			rec := start(t, dir, o)
			rec.addAll(want)
			rec.mustStop()
			checkFlows(t, dir, want)
			if n := len(paths(t, dir, extIndex)); n != maxEra-minEra+1 {
				t.Errorf("%d segments, want one for each of %d eras", n, maxEra-minEra+1)
			}
		})
	}
}

// TestManyLinkTypes interleaves link types: each has its segment, all at the same time.
func TestManyLinkTypes(t *testing.T) {
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want := samples(6, 4000, 25, 150, base, 1e6)
			for i := range want {
				want[i].Link = []record.LinkType{1, 113, 101, 276, 65535, 127, 228}[i*i%7]
			}
			o.SegmentBytes, o.Chunks = 40_000, 4 // fewer buffers than open segments
			rec := start(t, dir, o)
			for i := range want {
				if err := rec.add(&want[i]); err != nil {
					t.Fatal(i, err)
				}
				if i%100 == 0 {
					rec.Writer(0).Flush(want[i].Time)
				}
			}
			rec.mustStop()
			checkFlows(t, dir, want)
		})
	}
}

// TestBigPackets: packets that other programs do not take stand apart, and all come back in order.
func TestBigPackets(t *testing.T) {
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o.ChunkBytes = 1 << 20
			want := samples(15, 60, 5, 90, base, 1e6)
			for i := range want {
				if i%10 == 3 {
					want[i].Data = make([]byte, maxCommon-1+i/10)
					want[i].Data[7] = byte(i)
				}
			}
			rec := start(t, dir, o)
			rec.addAll(want)
			rec.mustStop()
			checkFlows(t, dir, want)
			if n := len(paths(t, dir, extIndex)); n != 2 {
				t.Errorf("%d segments, want 2", n)
			}
			for _, path := range paths(t, dir, extIndex) {
				os.Remove(path)
			}
			seen, _, _ := replayed(t, dir, o, 0, record.Position{}, want)
			same(t, seen, want)
		})
	}
}

// TestTooManyLinkTypes shows the bound on open segments: small ones are not ended for another, big ones are.
func TestTooManyLinkTypes(t *testing.T) {
	dir := t.TempDir()
	want := samples(7, 3000, 9, 90, base, 1e6)
	rec := start(t, dir, Options{Policy: Block, ChunkBytes: 8192, maxOpen: 4, minSegment: 9000})
	var stored []sample
	refused := 0
	for i := range want {
		want[i].Link = record.LinkType(i % 6)
		switch err := rec.add(&want[i]); {
		case err == nil:
			stored = append(stored, want[i])
		case errors.Is(err, TooManyKinds):
			refused++
		default:
			t.Fatal(err)
		}
	}
	rec.mustStop()
	if refused == 0 || refused > 2000 {
		t.Errorf("%d refused", refused)
	}
	if got := rec.Status()[0].Dropped.TooManyKinds; got != uint64(refused) {
		t.Errorf("counted %d, want %d", got, refused)
	}
	checkFlows(t, dir, stored)
}

// TestRotation checks what ends a segment.
func TestRotation(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		step int64
		n    int
		want int // segments
	}{
		{"hour", Options{minSegment: 1}, 10 * 60 * second, 18, 3},
		{"small segments outlive their hour", Options{}, 10 * 60 * second, 600, 2},
		{"age", Options{minSegment: 1, SegmentAge: 60e9}, 10 * second, 30, 5},
		{"packets", Options{ChunkBytes: 8192, maxPackets: 150}, 1, 600, 3},
		{"flows", Options{ChunkBytes: 8192, maxFlows: 7}, 1, 600, 9},
		{"back in time", Options{minSegment: 1}, -10 * 60 * second, 50, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.o.Policy = Block
			want := samples(8, c.n, 20, 200, base, c.step)
			rec := start(t, dir, c.o)
			rec.addAll(want)
			rec.mustStop()
			checkFlows(t, dir, want)
			if got := len(paths(t, dir, extIndex)); got != c.want {
				t.Errorf("%d segments, want %d", got, c.want)
			}
		})
	}
}

// TestFlushEndsOldSegments: a capture that has gone quiet still completes its segments.
func TestFlushEndsOldSegments(t *testing.T) {
	dir := t.TempDir()
	rec := start(t, dir, Options{Policy: Block, minSegment: 100})
	want := samples(9, 20, 3, 100, base, second)
	rec.addAll(want)
	w := rec.Writer(0)
	w.Flush(base + hour - 1)
	if len(w.heads) != 1 {
		t.Error("ended before its hour")
	}
	w.Flush(base + hour)
	if len(w.heads) != 0 {
		t.Error("not ended after its hour")
	}
	if pos := w.Next(); pos != (record.Position{Segment: 2}) {
		t.Errorf("next %v", pos)
	}
	rec.mustStop()
	checkFlows(t, dir, want)
}

func TestNext(t *testing.T) {
	dir := t.TempDir()
	rec := start(t, dir, Options{Policy: Block, ChunkBytes: 8192})
	w := rec.Writer(0)
	if got := w.Next(); got != (record.Position{Segment: 1}) {
		t.Errorf("at first %v", got)
	}
	for _, s := range samples(10, 300, 3, 100, base, 1) {
		next := w.Next()
		if err := rec.add(&s); err != nil || s.pos.Before(next) {
			t.Fatalf("packet at %v, Next said %v (%v)", s.pos, next, err)
		}
		if got := w.Next(); got.Offset != s.pos.Offset+16+uint64(len(s.Data)) {
			t.Fatalf("packet at %v of %d bytes, Next %v", s.pos, len(s.Data), got)
		}
		if s.pos.Offset%7 == 0 {
			w.Flush(s.Time)
		}
	}
	rec.mustStop()
}

// TestLive reads after every Flush what was stored so far.
func TestLive(t *testing.T) {
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o.SegmentBytes = 30_000
			want := samples(11, 900, 12, 200, base, 1e6)
			rec := start(t, dir, o)
			st, _ := Open(dir)
			for i := range want {
				if err := rec.add(&want[i]); err != nil {
					t.Fatal(err)
				}
				if i%37 == 0 {
					if err := rec.Writer(0).Drain(context.Background()); err != nil {
						t.Fatal(err)
					}
					id := want[i].flow
					same(t, ask(t, st, Query{Flows: []record.ID{id}}), of(want[:i+1], id))
					same(t, ask(t, st, Query{}), want[:i+1])
				}
			}
			rec.mustStop()
			checkFlows(t, dir, want)
		})
	}
}

// TestTwoProcesses has another process, the test binary, write while this one reads.
func TestTwoProcesses(t *testing.T) {
	if dir := os.Getenv("PCAPSTORE_WRITE"); dir != "" {
		rec := start(t, dir, Options{Policy: Block, ChunkBytes: 65536, SegmentBytes: 200_000, Workers: 2})
		want := twoProcessSamples()
		for i := range want {
			if err := rec.add(&want[i]); err != nil {
				t.Fatal(err)
			}
			if i%50 == 0 {
				rec.Writer(0).Flush(want[i].Time)
				rec.Writer(1).Flush(want[i].Time)
			}
		}
		rec.mustStop()
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcesses$")
	cmd.Env = append(os.Environ(), "PCAPSTORE_WRITE="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	want := twoProcessSamples()
	st, _ := Open(dir)
	live := 0
	for done := false; !done; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
		got := ask(t, st, Query{})
		if len(got) > 0 && !done {
			live++
		}
		// Each worker's packets that are visible are its first ones; none is invented.
		byWorker := map[record.LinkType]int{}
		for i := range got {
			byWorker[got[i].Link]++
		}
		for link, n := range byWorker {
			var first []sample
			for i := range want {
				if want[i].Link == link && len(first) < n {
					first = append(first, want[i])
				}
			}
			mine := slices.DeleteFunc(slices.Clone(got), func(s sample) bool { return s.Link != link })
			for i := range mine {
				mine[i].pos = record.Position{}
			}
			same(t, mine, first)
		}
		if done && len(got) != len(want) {
			t.Errorf("%d packets at the end, want %d", len(got), len(want))
		}
	}
	t.Logf("%d looks at a live store", live)
}

func twoProcessSamples() []sample {
	ss := samples(12, 20000, 50, 300, base, 1e5)
	for i := range ss {
		ss[i].worker = i & 1
		ss[i].Link = record.LinkType(1 + i&1*100) // tells the reader which worker wrote it
	}
	return ss
}

// TestStop ends a query early.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	rec := start(t, dir, Options{Policy: Block})
	rec.addAll(samples(13, 1000, 5, 50, base, 1))
	rec.mustStop()
	st, _ := Open(dir)
	n := 0
	if err := st.Packets(context.Background(), Query{}, func(*record.Packet, record.Position) bool { n++; return n < 10 }); err != nil || n != 10 {
		t.Errorf("%d packets, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n = 0
	err := st.Packets(ctx, Query{}, func(*record.Packet, record.Position) bool { n++; cancel(); return true })
	if !errors.Is(err, context.Canceled) || n > 300 {
		t.Errorf("%d packets, %v", n, err)
	}
}

// TestDamage: a broken segment costs its own packets, and the error names it.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	want := samples(14, 1000, 5, 50, base, 1)
	rec := start(t, dir, Options{Policy: Block, ChunkBytes: 8192, SegmentBytes: 10_000})
	rec.addAll(want)
	rec.mustStop()
	segs := paths(t, dir, extPlain)
	if err := os.Truncate(segs[1], 5000); err != nil {
		t.Fatal(err)
	}
	idx := paths(t, dir, extIndex)
	b := mustRead(t, idx[2])
	b[20] ^= 1
	if err := os.WriteFile(idx[2], b, 0o600); err != nil {
		t.Fatal(err)
	}
	st, _ := Open(dir)
	n := 0
	err := st.Packets(context.Background(), Query{Flows: []record.ID{flowID(0), flowID(1), flowID(2), flowID(3), flowID(4)}},
		func(*record.Packet, record.Position) bool { n++; return true })
	if err == nil || !strings.Contains(err.Error(), filepath.Base(segs[1])) || !strings.Contains(err.Error(), filepath.Base(idx[2])) {
		t.Errorf("got %v", err)
	}
	if n < 500 || n >= 1000 {
		t.Errorf("%d packets", n)
	}
	if _, err := Open(segs[0]); err == nil {
		t.Error("a file was opened as a store")
	}
}

func TestEmptyStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if got := query(t, dir, Query{}); len(got) != 0 {
		t.Errorf("%d packets", len(got))
	}
	rec := start(t, dir, Options{})
	rec.Writer(0).Rotate()
	rec.Writer(0).Flush(base)
	rec.mustStop()
	if p := paths(t, dir, extPlain); len(p) != 0 {
		t.Errorf("files %v", p)
	}
}
