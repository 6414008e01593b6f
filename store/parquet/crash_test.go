package parquet

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tapir-project/tapir/bench/sessions/traffic"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

var errKilled = errors.New("killed")

// fatalDisk does left steps and then none any more, as if the process had been killed. Writing is done by halves.
type fatalDisk struct {
	osDisk
	left atomic.Int64 // files are sealed side by side
}

func diesAfter(steps int) *fatalDisk {
	d := &fatalDisk{}
	d.left.Store(int64(steps))
	return d
}

func (d *fatalDisk) step() bool { return d.left.Add(-1) >= 0 }

func (d *fatalDisk) mkdir(path string) error {
	if !d.step() {
		return errKilled
	}
	return d.osDisk.mkdir(path)
}

func (d *fatalDisk) create(path string) (file, error) {
	if !d.step() {
		return nil, errKilled
	}
	f, err := d.osDisk.create(path)
	return &fatalFile{f, d}, err
}

func (d *fatalDisk) rename(from, to string) error {
	if !d.step() {
		return errKilled
	}
	return d.osDisk.rename(from, to)
}

func (d *fatalDisk) remove(path string) error {
	if !d.step() {
		return errKilled
	}
	return d.osDisk.remove(path)
}

func (d *fatalDisk) syncDir(path string) error {
	if !d.step() {
		return errKilled
	}
	return d.osDisk.syncDir(path)
}

type fatalFile struct {
	file
	d *fatalDisk
}

func (f *fatalFile) Write(b []byte) (int, error) {
	if !f.d.step() {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, errKilled
	}
	return f.file.Write(b)
}

func (f *fatalFile) Sync() error {
	if !f.d.step() {
		return errKilled
	}
	return f.file.Sync()
}

// crashRun is a writer's life: batches, each sealed by itself, then merging. It notes what Flush said was safe.
type crashRun struct {
	dir  string
	safe int // batches
}

const crashBatches = 10

func (c *crashRun) batch(i int) *record.Batch {
	src := traffic.New(traffic.Config{Seed: uint64(i), Every: 1e6, Start: 1_795_248_000e9 + int64(i)*1e9})
	b := &record.Batch{Worker: i % 2, Low: record.Position{Segment: 1, Offset: uint64(i + 1)}}
	for k := range 12 {
		r := b.Next()
		src.Session(r)
		if k%4 == 0 {
			last := b.Next()
			last.CopyFrom(r)
			last.Part, last.Start = 1, r.End
			r.Final = false
		}
	}
	return b
}

func (c *crashRun) live(d disk) error {
	late := func() time.Time { return time.Now().Add(time.Hour) }
	w, err := OpenWriter(c.dir, Options{SealEvery: -1, Sync: true, Now: late, MergeGrace: time.Nanosecond, disk: d})
	if err != nil {
		return err
	}
	known, err := w.Known(context.Background(), 0)
	if err != nil {
		return err
	}
	for i := c.safe; i < crashBatches; i++ {
		if err := w.Add(missing(known, c.batch(i))); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		c.safe = i + 1
	}
	for {
		if did, err := w.Compact(context.Background()); !did || err != nil {
			return err
		}
	}
}

// missing leaves out of a batch what is stored, as recovery does.
func missing(k *Known, b *record.Batch) *record.Batch {
	out := &record.Batch{Worker: b.Worker, Low: b.Low}
	for _, r := range b.Records() {
		if !k.Has(r) {
			out.Next().CopyFrom(r)
		}
	}
	return out
}

// check looks at what is there after a new writer has opened the directory.
func (c *crashRun) check(t *testing.T, step int) {
	t.Helper()
	w, err := OpenWriter(c.dir, Options{SealEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (strings.HasPrefix(d.Name(), ".tmp") || strings.HasSuffix(d.Name(), pendingSuffix)) {
			t.Errorf("step %d: %s was left", step, path)
		}
		return err
	})
	seen := map[record.ID]int{}
	s, err := OpenReader(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cov, err := s.Search(context.Background(), store.Search{}, func(r *record.Record) bool { seen[r.ID]++; return true })
	if err != nil || cov.Partial {
		t.Fatalf("step %d: %v %v", step, err, cov.Problems)
	}
	marks, err := ReadMarks(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range crashBatches {
		b := c.batch(i)
		for _, r := range b.Records() {
			n := seen[r.ID]
			if n > 1 || i < c.safe && n != 1 {
				t.Fatalf("step %d: %d times a record of batch %d, %d batches are safe", step, n, i, c.safe)
			}
			if low := marks[b.Worker]; n == 0 && b.Low.Offset <= low.Offset {
				t.Fatalf("step %d: mark %d passes over batch %d, which is not stored", step, low.Offset, i)
			}
		}
	}
}

// A writer is killed at each of its steps on disk, in turn: nothing sealed is lost, nothing is there twice, nothing
// half-written remains.
func TestKilledAtEveryStep(t *testing.T) {
	for step := 1; ; step++ {
		if step%6 != 0 && os.Getenv("TAPIR_STORETEST") == "" {
			continue // all of them take 20 s
		}
		c := &crashRun{dir: t.TempDir()}
		err := c.live(diesAfter(step))
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatalf("step %d: %v", step, err)
		}
		c.check(t, step)
		if err == nil {
			files, _ := filepath.Glob(c.dir + "/records/session/*/*/*.parquet")
			if len(files) != 1 || c.safe != crashBatches {
				t.Fatalf("%d files after all, %d batches", len(files), c.safe)
			}
			t.Logf("%d steps", step)
			return
		}
		if err := c.live(osDisk{}); err != nil { // the next one goes on where that one was killed
			t.Fatalf("step %d: %v", step, err)
		}
		c.check(t, step)
	}
}

// A disk that refuses keeps records in memory until it takes them again.
func TestWritesAreTriedAgain(t *testing.T) {
	dir := t.TempDir()
	d := diesAfter(1 << 30)
	w, err := OpenWriter(dir, Options{SealEvery: -1, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	c := &crashRun{dir: dir}
	d.left.Store(0)
	if w.Add(c.batch(0)) != nil || !errors.Is(w.Flush(), errKilled) {
		t.Fatal("a disk that refuses goes unnoticed")
	}
	if m, _ := ReadMarks(dir); len(m) != 0 {
		t.Errorf("marks %v for what is not stored", m)
	}
	d.left.Store(1 << 30)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if st := w.Stats(); st.Errors == 0 || st.Dropped != 0 || st.Rows != uint64(c.batch(0).Len()) {
		t.Errorf("%+v", st)
	}
	if m, _ := ReadMarks(dir); m[0].Offset != 1 {
		t.Errorf("marks %v", m)
	}
	c.safe = 1
	c.check(t, 0)
	if _, err := os.Stat(marksPath(dir)); err != nil {
		t.Error(err)
	}
}
