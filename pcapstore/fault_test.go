package pcapstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/record"
)

// deadDisk is a real disk up to a number of bytes (any other operation counts as one). What comes after does not
// happen, though it seems to: a process that was killed there.
type deadDisk struct {
	osDisk
	mu   sync.Mutex
	left int
	used int
}

// spend takes up to n bytes of what is left.
func (d *deadDisk) spend(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used += n
	n = min(n, d.left)
	d.left -= n
	return n
}

func (d *deadDisk) open(path string, flags int) (file, error) {
	if flags&openDirect != 0 {
		return nil, errors.ErrUnsupported // the direct path is the same but for whole blocks
	}
	if d.spend(1) == 0 {
		return &deadFile{d: d}, nil
	}
	f, err := d.osDisk.open(path, flags)
	if err != nil {
		return nil, err
	}
	return &deadFile{d, f}, nil
}

func (d *deadDisk) rename(from, to string) error {
	if d.spend(1) == 0 {
		return nil
	}
	return d.osDisk.rename(from, to)
}

func (d *deadDisk) remove(path string) error {
	if d.spend(1) == 0 {
		return nil
	}
	return d.osDisk.remove(path)
}

func (d *deadDisk) syncDir(string) error { return nil }

type deadFile struct {
	d *deadDisk
	f file
}

func (f *deadFile) WriteAt(b []byte, off int64) (int, error) {
	if n := f.d.spend(len(b)); f.f != nil && n > 0 {
		if _, err := f.f.WriteAt(b[:n], off); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func (f *deadFile) Truncate(size int64) error {
	if f.d.spend(1) == 0 || f.f == nil {
		return nil
	}
	return f.f.Truncate(size)
}

func (f *deadFile) Sync() error { return nil }

func (f *deadFile) Close() error {
	if f.f == nil {
		return nil
	}
	return f.f.Close()
}

// crashModes are small enough for a crash at every byte.
func crashModes() map[string]Options {
	return map[string]Options{
		"plain": {Policy: Block, ChunkBytes: 8192, SegmentBytes: 300, Sync: SyncNever},
		"zstd":  {Policy: Block, ChunkBytes: 8192, SegmentBytes: 400, FrameBytes: 128, Compress: 1, Sync: SyncNever},
	}
}

// crashRun stores a small run on a disk that dies after limit bytes and returns the disk.
func crashRun(t *testing.T, dir string, o Options, ss []sample, limit int) *deadDisk {
	d := &deadDisk{left: limit}
	o.disk = d
	rec := start(t, dir, o)
	for i := range ss {
		if err := rec.add(&ss[i]); err != nil {
			t.Fatal(err)
		}
		if i%4 == 3 {
			rec.Writer(0).Flush(ss[i].Time)
		}
		if i%8 == 7 { // in step, so that every run writes the same
			if err := rec.Writer(0).Drain(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	rec.mustStop()
	return d
}

// crashSamples has a packet longer than most, an empty one, a second link type and several flows.
func crashSamples() []sample {
	ss := samples(20, 14, 4, 24, base, 1e6)
	ss[9].Data = nil
	for i := range ss {
		if i%6 == 4 {
			ss[i].Link = record.LinkSLL
		}
	}
	return ss
}

// TestCrashAtEveryByte kills a run after every byte it writes. After recovery every packet that was written whole is
// there, with its flow; what was not is gone; a second recovery has nothing to do.
func TestCrashAtEveryByte(t *testing.T) {
	for name, o := range crashModes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			total := crashRun(t, root+"/all", o, crashSamples(), 1<<30).used
			step := 1
			if testing.Short() {
				step = 17
			}
			for limit := 0; limit <= total; limit += step {
				dir := fmt.Sprintf("%s/%d", root, limit)
				ss := crashSamples()
				crashRun(t, dir, o, ss, limit)
				written := wholeOnDisk(t, dir, ss)
				if limit == total && len(written) != len(ss) {
					t.Fatalf("%d packets after a whole run, want %d", len(written), len(ss))
				}
				recoverAndCheck(t, dir, o, ss, written, limit)
				os.RemoveAll(dir)
				if t.Failed() {
					t.Fatalf("at byte %d of %d", limit, total)
				}
			}
			t.Logf("%d crashes", total/step+1)
		})
	}
}

// wholeOnDisk finds which packets of ss are whole in the files, without help of the code under test where the
// segment is plain.
func wholeOnDisk(t *testing.T, dir string, ss []sample) (out []sample) {
	found, err := scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		f := &found[i]
		if !f.data {
			continue
		}
		end := uint64(len(mustRead(t, f.dataPath())))
		if f.zstd {
			d, err := openData(f, 0)
			if err != nil {
				continue
			}
			end = d.end
			d.close()
		}
		for _, s := range ss {
			if s.pos.Segment == f.seq && s.pos.Offset+16+uint64(len(s.Data)) <= end {
				out = append(out, s)
			}
		}
	}
	return out
}

// recoverAndCheck recovers dir, twice, and compares it with what should be there.
func recoverAndCheck(t *testing.T, dir string, o Options, all, written []sample, limit int) {
	byPos := map[record.Position]*sample{}
	for i := range all {
		byPos[all[i].pos] = &all[i]
	}
	for try := range 2 {
		rec, err := NewRecorder(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		var seen []sample
		for _, w := range rec.Workers() {
			done, err := rec.Replay(context.Background(), w, record.Position{}, func(p *record.Packet, id record.ID, known bool, pos record.Position) (record.ID, bool) {
				s := byPos[pos]
				if s == nil || known && id != s.flow {
					t.Fatalf("packet at %v: flow %v known %v, want %+v", pos, id, known, s)
				}
				if try == 1 && !known {
					t.Errorf("packet at %v is still without a flow", pos)
				}
				seen = append(seen, *s)
				return s.flow, true
			})
			if err != nil || len(done.Problems) > 0 {
				t.Fatalf("replay: %v %v", err, done.Problems)
			}
			if try == 1 && (done.Cut+done.Unknown > 0 || done.Mended+done.Removed > 0) {
				t.Errorf("second recovery: %+v", done)
			}
		}
		same(t, seen, inOrder(written))
	}
	more := samples(21, 3, 2, 20, base+1e9, 1)
	rec := start(t, dir, o)
	rec.addAll(more)
	rec.mustStop()
	checkFlows(t, dir, append(written, more...))
}

// TestCrashDuringRecovery crashes a run, and then its recovery after every third byte that writes.
func TestCrashDuringRecovery(t *testing.T) {
	for name, o := range crashModes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			total := crashRun(t, root+"/all", o, crashSamples(), 1<<30).used
			step := 3
			if testing.Short() {
				step = 31
			}
			for _, limit := range []int{total / 3, total * 2 / 3, total - 60} {
				for left := 0; ; left += step {
					dir := fmt.Sprintf("%s/%d-%d", root, limit, left)
					ss := crashSamples()
					crashRun(t, dir, o, ss, limit)
					written := wholeOnDisk(t, dir, ss)
					d := &deadDisk{left: left}
					replayAll(t, dir, o, d, ss)
					recoverAndCheck(t, dir, o, ss, written, limit)
					os.RemoveAll(dir)
					if t.Failed() {
						t.Fatalf("crash at %d, recovery at %d", limit, left)
					}
					if d.left > 0 {
						break
					}
				}
			}
		})
	}
}

// replayAll recovers dir on disk d. What goes wrong does not matter: the process is dying.
func replayAll(t *testing.T, dir string, o Options, d disk, ss []sample) {
	o.disk = d
	rec, err := NewRecorder(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range rec.Workers() {
		_, _ = rec.Replay(context.Background(), w, record.Position{}, func(p *record.Packet, id record.ID, known bool, pos record.Position) (record.ID, bool) {
			for i := range ss {
				if ss[i].pos == pos {
					return ss[i].flow, true
				}
			}
			return id, true
		})
	}
}

// fullDisk gives ENOSPC, after a short write, while it is full.
type fullDisk struct {
	osDisk
	full atomic.Bool
	room atomic.Int64 // bytes of the next write that still fit
}

func (d *fullDisk) open(path string, flags int) (file, error) {
	if d.full.Load() && flags&os.O_CREATE != 0 {
		return nil, &os.PathError{Op: "open", Path: path, Err: syscall.ENOSPC}
	}
	f, err := d.osDisk.open(path, flags)
	if err != nil {
		return nil, err
	}
	return &fullFile{d, f}, nil
}

type fullFile struct {
	d *fullDisk
	file
}

func (f *fullFile) WriteAt(b []byte, off int64) (int, error) {
	if !f.d.full.Load() {
		return f.file.WriteAt(b, off)
	}
	n := min(int(f.d.room.Swap(0)), len(b))
	n, _ = f.file.WriteAt(b[:n], off)
	return n, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
}

// TestDiskFull fills the disk in the middle of a capture: packets are dropped and counted, Status says why, readers
// see a valid store, and when there is room again everything that was accepted is there.
func TestDiskFull(t *testing.T) {
	for name, o := range modes() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := &fullDisk{}
			o.disk, o.Policy, o.SegmentBytes, o.RetryAfter, o.NoDirect = d, DropPackets, 60_000, time.Millisecond, true
			o.Chunks = 8
			rec := start(t, dir, o)
			ss := samples(22, 3000, 10, 300, base, 1e6)
			var stored []sample
			dropped := map[error]int{}
			for i := range ss {
				switch i {
				case 500:
					drain(t, rec)
					d.full.Store(true)
				case 1500:
					s := rec.Status()[0]
					if !datadir.IsFull(s.Failing) || s.Since.IsZero() || s.Queued < 7 {
						t.Errorf("status %+v", s)
					}
					same(t, query(t, dir, Query{}), stored[:500])
				case 2000:
					d.full.Store(false)
					drain(t, rec)
					if s := rec.Status()[0]; s.Failing != nil {
						t.Errorf("still failing: %v", s.Failing)
					}
				}
				d.room.Store(int64(i * 7 % 5000))
				err := rec.add(&ss[i])
				if err == nil {
					stored = append(stored, ss[i])
				} else {
					dropped[err]++
				}
				if i == 1200 { // by now the loop has noticed
					waitFor(t, func() bool { return rec.Status()[0].Failing != nil })
				}
				if i%50 == 0 {
					rec.Writer(0).Flush(ss[i].Time)
				}
				if (i < 500 || i > 2000) && i%10 == 0 {
					drain(t, rec)
				}
			}
			rec.mustStop()
			if dropped[DiskFailed] < 500 || len(stored) < 1400 || dropped[DiskFailed]+dropped[QueueFull]+len(stored) != len(ss) {
				t.Errorf("dropped %v, stored %d", dropped, len(stored))
			}
			st := rec.Status()[0]
			if st.Dropped.DiskFailed != uint64(dropped[DiskFailed]) || st.Dropped.Total() != uint64(len(ss)-len(stored)) ||
				st.Packets != uint64(len(stored)) || st.Lost != 0 {
				t.Errorf("status %+v, dropped %v of %d", st, dropped, len(ss))
			}
			checkFlows(t, dir, stored)
		})
	}
}

func drain(t *testing.T, rec *recording) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := rec.Writer(0).Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited 10 s in vain")
		}
	}
}

// TestFullToTheEnd closes a writer while the disk is still full: Run ends and tells what was lost; the rest is whole.
func TestFullToTheEnd(t *testing.T) {
	for _, policy := range []Policy{DropPackets, Block} {
		dir := t.TempDir()
		d := &fullDisk{}
		rec := start(t, dir, Options{disk: d, Policy: policy, ChunkBytes: 8192, Chunks: 4, RetryAfter: time.Hour})
		ss := samples(23, 1000, 5, 200, base, 1e6)
		rec.addAll(ss[:100])
		drain(t, rec)
		d.full.Store(true)
		accepted := 100
		for i := range ss[100:] {
			switch err := rec.add(&ss[100+i]); err {
			case nil:
				accepted++
			case DiskFailed, QueueFull:
			default:
				t.Fatal(err)
			}
		}
		err := rec.stop()
		st := rec.Status()[0]
		if !datadir.IsFull(err) || st.Lost == 0 || st.Lost+st.Packets != uint64(accepted) {
			t.Errorf("policy %d: %v, status %+v, accepted %d", policy, err, st, accepted)
		}
		same(t, query(t, dir, Query{}), ss[:100])
		if policy == Block && st.Dropped.QueueFull > 0 {
			t.Errorf("a blocking writer dropped for a full queue: %+v", st)
		}
		d.full.Store(false)
		o := Options{disk: d, ChunkBytes: 8192}
		rec2, err := NewRecorder(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if done, err := rec2.Replay(context.Background(), 0, End, nil); err != nil || len(done.Problems) > 0 || done.Mended != 1 {
			t.Fatalf("%+v %v", done, err)
		}
		same(t, query(t, dir, Query{})[:100], ss[:100])
	}
}

// slowDisk lets one write through at a time.
type slowDisk struct {
	osDisk
	turn chan struct{}
}

func (d *slowDisk) open(path string, flags int) (file, error) {
	f, err := d.osDisk.open(path, flags)
	if err != nil {
		return nil, err
	}
	return &slowFile{d, f}, nil
}

type slowFile struct {
	d *slowDisk
	file
}

func (f *slowFile) WriteAt(b []byte, off int64) (int, error) {
	<-f.d.turn
	return f.file.WriteAt(b, off)
}

// TestSlowDisk: live capture does not wait for the disk, an import does.
func TestSlowDisk(t *testing.T) {
	ss := samples(24, 2000, 5, 200, base, 1e6)
	t.Run("drop", func(t *testing.T) {
		dir := t.TempDir()
		d := &slowDisk{turn: make(chan struct{})}
		rec := start(t, dir, Options{disk: d, ChunkBytes: 8192, Chunks: 4, NoDirect: true})
		var stored []sample
		for i := range ss {
			switch err := rec.add(&ss[i]); err {
			case nil:
				stored = append(stored, ss[i])
			case QueueFull:
			default:
				t.Fatal(err)
			}
		}
		close(d.turn)
		rec.mustStop()
		if n := len(stored); n < 200 || n > 400 { // four buffers' worth
			t.Errorf("%d stored", n)
		}
		if st := rec.Status()[0]; st.Dropped.QueueFull != uint64(len(ss)-len(stored)) {
			t.Errorf("%+v", st)
		}
		checkFlows(t, dir, stored)
	})
	t.Run("block", func(t *testing.T) {
		dir := t.TempDir()
		d := &slowDisk{turn: make(chan struct{})}
		rec := start(t, dir, Options{disk: d, Policy: Block, ChunkBytes: 8192, Chunks: 4, NoDirect: true})
		go func() {
			for range 5 {
				time.Sleep(5 * time.Millisecond)
				d.turn <- struct{}{}
			}
			close(d.turn)
		}()
		rec.addAll(ss)
		rec.mustStop()
		checkFlows(t, dir, ss)
	})
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	rec := start(t, dir, Options{Policy: Block})
	var f Flow
	big := record.Packet{Time: base, Link: 1, Data: make([]byte, MaxPacket+1)}
	if _, err := rec.Writer(0).Append(&big, &f); !errors.Is(err, TooLarge) {
		t.Errorf("got %v", err)
	}
	big.Data = big.Data[1:]
	s := sample{Packet: big}
	if err := rec.add(&s); err != nil {
		t.Errorf("a packet of %d bytes: %v", MaxPacket, err)
	}
	rec.mustStop()
	if _, err := rec.Writer(0).Append(&big, &f); !errors.Is(err, Closed) || err.Error() != "packet not stored: closed" {
		t.Errorf("got %v", err)
	}
	if err := rec.Writer(0).Drain(context.Background()); err != nil {
		t.Error(err)
	}
	same(t, query(t, dir, Query{}), []sample{s})
	if p := paths(t, dir, extPlain); len(p) != 1 || !strings.HasSuffix(p[0], "-l1-big.pcap") {
		t.Errorf("stored in %v", p)
	}
	for _, o := range []Options{{Workers: -1}, {SegmentBytes: 5 << 30}, {ChunkBytes: 1000}, {Chunks: 2}, {Compress: 9}, {FrameBytes: -1}} {
		if _, err := NewRecorder(dir, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// TestAllocs holds the hot path to no allocation.
func TestAllocs(t *testing.T) {
	rec := start(t, t.TempDir(), Options{Policy: Block})
	p := record.Packet{Time: base, Link: 1, Data: make([]byte, 100)}
	f := Flow{ID: flowID(1)}
	w := rec.Writer(0)
	if _, err := w.Append(&p, &f); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(5000, func() { _, _ = w.Append(&p, &f) }); n != 0 {
		t.Errorf("Append allocates %v times, want 0", n)
	}
	p.Data = make([]byte, MaxPacket+1)
	if n := testing.AllocsPerRun(100, func() { _, _ = w.Append(&p, &f) }); n != 0 {
		t.Errorf("a refusal allocates %v times, want 0", n)
	}
	rec.mustStop()
}
