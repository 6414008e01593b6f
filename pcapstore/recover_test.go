package pcapstore

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
)

// replayed collects what Replay gives; packets of unknown flow get theirs from want.
func replayed(t *testing.T, dir string, o Options, worker int, from record.Position, want []sample) (seen []sample, unknown int, rec *Recorder) {
	t.Helper()
	byPos := map[record.Position]record.ID{}
	for _, s := range want {
		if s.worker == worker {
			byPos[s.pos] = s.flow
		}
	}
	rec, err := NewRecorder(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	done, err := rec.Replay(context.Background(), worker, from, func(p *record.Packet, id record.ID, known bool, pos record.Position) (record.ID, bool) {
		want, ok := byPos[pos]
		if !ok || known && want != id {
			t.Fatalf("packet at %v has flow %v (known %v), want %v", pos, id, known, want)
		}
		if !known {
			unknown++
		}
		seen = append(seen, sample{Packet: *p, flow: want, pos: pos, worker: worker})
		seen[len(seen)-1].Data = slices.Clone(p.Data)
		return want, true
	})
	if err != nil || len(done.Problems) > 0 || done.Packets != uint64(len(seen)) || done.Unknown != uint64(unknown) {
		t.Fatalf("replay: %+v %v; %d packets, %d unknown", done, err, len(seen), unknown)
	}
	return seen, unknown, rec
}

// TestReplayFrom replays from every tenth position: what was stored from there on, with its flows.
func TestReplayFrom(t *testing.T) {
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o.SegmentBytes = 20_000
			want := samples(30, 500, 9, 200, base, 1e6)
			rec := start(t, dir, o)
			rec.addAll(want)
			rec.mustStop()
			for i := 0; i < len(want); i += 53 {
				seen, unknown, _ := replayed(t, dir, o, 0, want[i].pos, want)
				same(t, seen, want[i:])
				if unknown != 0 {
					t.Errorf("%d unknown", unknown)
				}
			}
			if seen, _, _ := replayed(t, dir, o, 0, End, want); len(seen) != 0 {
				t.Errorf("%d packets from the end", len(seen))
			}
			next := record.Position{Segment: 1000}
			_, _, r := replayed(t, dir, o, 0, next, want)
			if got := r.Writer(0).Next(); got != (record.Position{Segment: 1001}) {
				t.Errorf("numbers go on at %v", got)
			}
		})
	}
}

// TestSidecarsDeleted deletes indexes and journals: they are rebuilt by a replay of just those segments.
func TestSidecarsDeleted(t *testing.T) {
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o.SegmentBytes = 20_000
			want := samples(31, 500, 9, 200, base, 1e6)
			rec := start(t, dir, o)
			rec.addAll(want)
			rec.mustStop()
			idx := paths(t, dir, extIndex)
			var lost []sample
			for _, s := range want {
				if s.pos.Segment == 2 || s.pos.Segment == 3 {
					lost = append(lost, s)
				}
			}
			os.Remove(idx[1])
			if err := os.Truncate(idx[2], 50); err != nil {
				t.Fatal(err)
			}
			if got := query(t, dir, Query{}); len(got) != len(want)-len(lost) {
				t.Errorf("%d packets readable before recovery, want %d", len(got), len(want)-len(lost))
			}
			seen, unknown, _ := replayed(t, dir, o, 0, End, want)
			same(t, seen, lost)
			if unknown != len(lost) {
				t.Errorf("%d unknown, want %d", unknown, len(lost))
			}
			checkFlows(t, dir, want)
		})
	}
}

// TestStrays: sidecars without a segment and half-written indexes are removed, foreign files are not.
func TestStrays(t *testing.T) {
	dir := t.TempDir()
	o := Options{Policy: Block, ChunkBytes: 8192, SegmentBytes: 20_000}
	want := samples(32, 300, 9, 200, base, 1e6)
	rec := start(t, dir, o)
	rec.addAll(want)
	rec.mustStop()
	stem := paths(t, dir, extIndex)[0]
	hourDir := filepath.Dir(stem)
	for _, name := range []string{"0000000077-000000-l1.index", "0000000078-000000-l1.journal",
		filepath.Base(stem) + extTemp, "0000000079-000000-l1.pcap", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(hourDir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replayed(t, dir, o, 0, End, want)
	left, _ := os.ReadDir(hourDir)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if n := len(paths(t, dir, extPlain)); len(names) != 2*n+1 || !slices.Contains(names, "notes.txt") {
		t.Errorf("left: %v", names)
	}
	checkFlows(t, dir, want)
}

// TestDamagedSegmentIsKept: recovery deletes no segment that may hold something.
func TestDamagedSegmentIsKept(t *testing.T) {
	dir := t.TempDir()
	o := Options{Policy: Block, ChunkBytes: 8192, SegmentBytes: 20_000}
	want := samples(33, 300, 9, 200, base, 1e6)
	rec := start(t, dir, o)
	rec.addAll(want)
	rec.mustStop()
	seg := paths(t, dir, extPlain)[0]
	b := mustRead(t, seg)
	copy(b, "garbage!")
	if err := os.WriteFile(seg, b, 0o600); err != nil {
		t.Fatal(err)
	}
	os.Remove(paths(t, dir, extIndex)[0])
	r, err := NewRecorder(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	done, err := r.Replay(context.Background(), 0, End, nil)
	if err != nil || len(done.Problems) != 1 {
		t.Errorf("%+v %v", done, err)
	}
	if got := mustRead(t, seg); len(got) != len(b) {
		t.Errorf("the segment has %d of %d bytes", len(got), len(b))
	}
}

// TestReplayLinkTypes crashes while two link types are written side by side. A mark in either one's segment makes
// the replay give every later packet of both.
func TestReplayLinkTypes(t *testing.T) {
	for _, o := range crashModes() {
		dir := t.TempDir()
		o.SegmentBytes = 1500
		d := &deadDisk{left: 1 << 30}
		o.disk = d
		rec := start(t, dir, o)
		want := samples(34, 120, 6, 80, base, 1e6)
		for i := range want {
			if i%5 == 3 || i > 60 && i < 70 {
				want[i].Link = record.LinkSLL
			}
			if err := rec.add(&want[i]); err != nil {
				t.Fatal(err)
			}
			if i%10 == 0 {
				drain(t, rec)
			}
		}
		drain(t, rec)
		d.mu.Lock()
		d.left = 0 // killed here: open segments keep their journals
		d.mu.Unlock()
		rec.mustStop()
		o.disk = nil
		for i := 0; i < len(want); i += 7 {
			seen, _, _ := replayed(t, copyOf(t, dir), o, 0, want[i].pos, want)
			missing := 0
			for _, w := range want[i:] {
				if !slices.ContainsFunc(seen, func(s sample) bool { return s.pos == w.pos }) {
					missing++
				}
			}
			if missing > 0 {
				t.Errorf("from packet %d at %v: %d packets stored later are not replayed", i, want[i].pos, missing)
			}
			if !slices.IsSortedFunc(seen, func(a, b sample) int { return compare(a.Time, b.Time) }) {
				t.Error("link types are not merged by time")
			}
		}
	}
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestReplayStops: an Assign that returns false, or a context, ends the replay; the next one starts over.
func TestReplayStops(t *testing.T) {
	dir := t.TempDir()
	o := Options{Policy: Block, ChunkBytes: 8192, SegmentBytes: 20_000, Workers: 2}
	want := samples(35, 300, 9, 200, base, 1e6)
	for i := range want {
		want[i].worker = 1
	}
	rec := start(t, dir, o)
	rec.addAll(want)
	rec.mustStop()
	os.Remove(paths(t, dir, extIndex)[0])
	o.Workers = 1 // fewer than have written
	r, err := NewRecorder(dir, o)
	if err != nil || !slices.Equal(r.Workers(), []int{1}) {
		t.Fatalf("workers %v %v", r.Workers(), err)
	}
	n := 0
	done, err := r.Replay(context.Background(), 1, record.Position{}, func(*record.Packet, record.ID, bool, record.Position) (record.ID, bool) {
		n++
		return record.ID{}, n < 5
	})
	if err != nil || n != 5 || done.Mended != 0 {
		t.Errorf("%d packets, %+v, %v", n, done, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = r.Replay(ctx, 1, record.Position{}, nil); err == nil {
		t.Error("a cancelled replay went on")
	}
	seen, _, _ := replayed(t, dir, o, 1, End, want)
	if len(seen) == 0 || len(seen) == len(want) {
		t.Errorf("%d packets of unknown flow", len(seen))
	}
	checkFlows(t, dir, want)
}

// TestKill kills a writing process, the test binary, at random moments. What it had stored is its packets from the
// first on, each with its flow; a new writer goes on.
func TestKill(t *testing.T) {
	if dir := os.Getenv("PCAPSTORE_KILL"); dir != "" {
		rec := start(t, dir, Options{Policy: Block, ChunkBytes: 8192, SegmentBytes: 100_000})
		want := killSamples()
		for i := range want {
			if err := rec.add(&want[i]); err != nil {
				t.Fatal(err)
			}
			if i%40 == 0 {
				rec.Writer(0).Flush(want[i].Time)
			}
			if i == 100 {
				drain(t, rec)
				os.Stdout.WriteString("go\n")
			}
		}
		time.Sleep(time.Minute)
		return
	}
	want := killSamples()
	for try := range 6 {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "PCAPSTORE_KILL="+dir)
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(10000*(try+1))) * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		rec, err := NewRecorder(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		done, err := rec.Replay(context.Background(), 0, record.Position{}, func(p *record.Packet, id record.ID, known bool, pos record.Position) (record.ID, bool) {
			w := &want[n]
			n++
			if p.Time != w.Time || known && id != w.flow {
				t.Fatalf("packet %d: time %d flow %v (known %v), want %d %v", n, p.Time, id, known, w.Time, w.flow)
			}
			w.pos = pos
			return w.flow, true
		})
		if err != nil || len(done.Problems) > 0 || n < 100 {
			t.Fatalf("%d packets, %+v, %v", n, done, err)
		}
		checkFlows(t, dir, want[:n])
		t.Logf("killed after %d packets: %+v", n, done)
	}
}

func killSamples() []sample { return samples(36, 30000, 40, 300, base, 1e5) }
