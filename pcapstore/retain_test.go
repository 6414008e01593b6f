package pcapstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/record"
)

// retainRun stores an hour's segments for each of n hours with two workers and returns the packets.
func retainRun(t *testing.T, dir string, n int) ([]sample, Options) {
	t.Helper()
	o := Options{Policy: Block, ChunkBytes: 8192, minSegment: 1, Workers: 2}
	want := samples(40, 60*n, 9, 200, base, 60*second)
	rec := start(t, dir, o)
	for i := range want {
		want[i].worker = i & 1
	}
	rec.addAll(want)
	rec.mustStop()
	return want, o
}

// bytesIn adds up the files below dir.
func bytesIn(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, st os.FileInfo, err error) error {
		if err == nil && !st.IsDir() {
			n += st.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func retainer(t *testing.T, dir string, o Options) *Recorder {
	t.Helper()
	r, err := NewRecorder(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func after(ss []sample, t0 int64) (out []sample) {
	for _, s := range ss {
		if s.Time >= t0 {
			out = append(out, s)
		}
	}
	return out
}

func TestRetainAge(t *testing.T) {
	dir := t.TempDir()
	want, o := retainRun(t, dir, 5)
	out, err := retainer(t, dir, o).Retain(base+5*hour, Limits{MaxAge: 3 * time.Hour}, nil)
	if err != nil || len(out.Deleted) != 4 || out.Rotate || out.Short != 0 {
		t.Fatalf("%+v %v", out, err)
	}
	for i, d := range out.Deleted {
		if d.Why != ByAge || d.Worker != i&1 || d.Packets != 30 || d.Bytes <= 0 || d.Max >= base+2*hour {
			t.Errorf("%+v", d)
		}
		if _, err := os.Stat(filepath.Dir(d.Path)); err == nil {
			t.Errorf("%s is left empty", filepath.Dir(d.Path))
		}
	}
	checkFlows(t, dir, after(want, base+2*hour))
}

func TestRetainSize(t *testing.T) {
	dir := t.TempDir()
	want, o := retainRun(t, dir, 5)
	before := bytesIn(t, dir)
	r := retainer(t, dir, o)
	if out, err := r.Retain(base, Limits{MaxBytes: before}, nil); err != nil || len(out.Deleted) > 0 {
		t.Fatalf("%+v %v", out, err)
	}
	out, err := r.Retain(base, Limits{MaxBytes: before - before/3}, nil)
	if err != nil || out.Short != 0 {
		t.Fatalf("%+v %v", out, err)
	}
	var freed int64
	for _, d := range out.Deleted {
		freed += d.Bytes
		if d.Why != BySize {
			t.Errorf("%+v", d)
		}
	}
	if left := bytesIn(t, dir); left != before-freed || left > before-before/3 || left < before/2 {
		t.Errorf("%d of %d bytes left, %d said to be freed", left, before, freed)
	}
	got := query(t, dir, Query{})
	same(t, got, inOrder(want)[len(want)-len(got):])
}

// TestRetainFree also deletes under a reader, who goes on undisturbed.
func TestRetainFree(t *testing.T) {
	dir := t.TempDir()
	want, o := retainRun(t, dir, 6)
	total := bytesIn(t, dir)
	space := func() (datadir.Space, error) {
		return datadir.Space{Free: 10*total - bytesIn(t, dir), Total: 10 * total}, nil
	}
	r := retainer(t, dir, o)
	st, _ := Open(dir)
	n := 0
	err := st.Packets(context.Background(), Query{}, func(*record.Packet, record.Position) bool {
		if n++; n == 10 {
			out, err := r.Retain(base, Limits{KeepFreePercent: 95, KeepFree: 1}, space)
			if err != nil || len(out.Deleted) != 6 && len(out.Deleted) != 7 || out.Deleted[0].Why != BySpace || out.Short > 0 {
				t.Errorf("%+v %v", out, err)
			}
			if s, _ := space(); s.Percent() < 95 {
				t.Errorf("%.1f %% free", s.Percent())
			}
		}
		return true
	})
	if err != nil || n < 200 || n >= len(want) {
		t.Errorf("%d of %d packets, %v", n, len(want), err)
	}
	out, err := r.Retain(base, Limits{KeepFree: 11 * total}, space)
	if err != nil || out.Short == 0 || out.Rotate {
		t.Errorf("unattainable: %+v %v", out, err)
	}
	if left := bytesIn(t, dir); left != 0 {
		t.Errorf("%d bytes left", left)
	}
	fail := errors.New("no such file system")
	if _, err = r.Retain(base, Limits{KeepFree: 1}, func() (datadir.Space, error) { return datadir.Space{}, fail }); !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
}

// TestRetainOpen: an open segment is never deleted; Retain asks for a rotation instead.
func TestRetainOpen(t *testing.T) {
	dir := t.TempDir()
	rec := start(t, dir, Options{Policy: Block, ChunkBytes: 8192, minSegment: 100})
	want := samples(41, 300, 9, 200, base, 1)
	rec.addAll(want)
	drain(t, rec)
	l := Limits{MaxBytes: 1000, MaxAge: 1}
	out, err := rec.Retain(base+hour, l, nil)
	if err != nil || len(out.Deleted) != 0 || !out.Rotate || out.Short < 10_000 {
		t.Errorf("%+v %v", out, err)
	}
	checkFlows(t, dir, want)
	rec.Writer(0).Rotate()
	drain(t, rec)
	waitFor(t, func() bool {
		out, err = rec.Retain(base+hour, l, nil)
		return len(out.Deleted) > 0 || err != nil
	})
	if err != nil || len(out.Deleted) != 1 || out.Rotate || out.Short != 0 {
		t.Errorf("%+v %v", out, err)
	}
	rec.mustStop()
	if left := bytesIn(t, dir); left != 0 {
		t.Errorf("%d bytes left", left)
	}
}

// TestRetainMakesRoom: what retention frees lets a stalled writer go on at once.
func TestRetainMakesRoom(t *testing.T) {
	dir := t.TempDir()
	d := &fullDisk{}
	rec := start(t, dir, Options{disk: d, ChunkBytes: 8192, minSegment: 1, RetryAfter: time.Hour})
	old := samples(42, 50, 3, 200, base, 1)
	rec.addAll(old)
	rec.Writer(0).Rotate()
	waitFor(t, func() bool { return len(paths(t, dir, extIndex)) == 1 })
	d.full.Store(true)
	fresh := samples(43, 50, 3, 200, base+hour, 1)
	rec.addAll(fresh)
	rec.Writer(0).Flush(base + hour)
	waitFor(t, func() bool { return rec.Status()[0].Failing != nil })
	d.full.Store(false)      // as deleting makes room
	waitFor(t, func() bool { // the finisher may still have the segment in its hands
		out, err := rec.Retain(base+2*hour, Limits{MaxAge: time.Hour}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Deleted) == 1
	})
	drain(t, rec)
	rec.mustStop()
	checkFlows(t, dir, fresh)
}

// TestRetainCrash deletes on a disk that dies after each step: no state it leaves needs more than a recovery.
func TestRetainCrash(t *testing.T) {
	for left := range 8 {
		dir := t.TempDir()
		want, o := retainRun(t, dir, 2)
		o.disk = &deadDisk{left: left}
		if _, err := retainer(t, dir, o).Retain(base+10*hour, Limits{MaxAge: time.Hour}, nil); err != nil {
			t.Fatal(err)
		}
		o.disk = nil
		for worker := range 2 {
			if _, unknown, _ := replayed(t, dir, o, worker, End, want); unknown > 0 {
				t.Errorf("after %d steps: %d packets lost their flow", left, unknown)
			}
		}
		gone := (left + 2) / 3 // segments whose data was removed; two sidecar names follow each
		var kept []sample
		for _, s := range want {
			if nth := int((s.Time-base)/hour)*2 + s.worker; nth >= gone {
				kept = append(kept, s)
			}
		}
		checkFlows(t, dir, kept)
	}
}
