package pcapstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tapir-project/tapir/record"
)

// Recorder is the writing side of a packet store. The process that has it must hold the data directory's lock.
//
//	rec, err := pcapstore.NewRecorder(dir, opts) // looks at what is there
//	rec.Replay(...)                              // for each of rec.Workers(): repairs it, and gives back its end
//	go rec.Run(ctx)                              // writes, until every Writer is closed
//	rec.Writer(i).Append(...)
//	rec.Retain(...)                              // now and then
type Recorder struct {
	dir       string
	opts      Options
	writers   []*Writer
	found     []files // segments of earlier runs
	held      held
	finishing chan *segment // complete segments that want their index
	written   chan struct{} // closed when every packet is in its file

	mu        sync.Mutex
	unindexed []*segment // those that could not get it yet
}

// finishers is how many indexes are built side by side: the last ones of an import are waited for. Each takes 4 bytes a packet
// and 16 a flow of its segment.
const finishers = 2

// finishQueue bounds the segments that wait for their index.
const finishQueue = 64

// NewRecorder prepares to write below dir and takes stock of the segments there. It starts nothing and changes no
// file.
func NewRecorder(dir string, o Options) (*Recorder, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Recorder{dir: dir, opts: o, finishing: make(chan *segment, finishQueue), written: make(chan struct{})}
	r.held.segs = map[string]*heldSegment{}
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("packet store: %w", err)
	}
	if r.found, err = scan(dir); err != nil {
		return nil, err
	}
	for i := range o.Workers {
		r.writers = append(r.writers, r.newWriter(i))
	}
	for i := range r.found {
		f := &r.found[i]
		if f.worker < len(r.writers) {
			r.writers[f.worker].next = f.seq + 1 // found ascends
		}
		if f.data {
			r.held.add(f, r.glance(f))
		}
	}
	return r, nil
}

func (r *Recorder) newWriter(i int) *Writer {
	o := &r.opts
	if i >= o.Workers-o.Waiting {
		waits := r.opts
		waits.Policy, o = Block, &waits
	}
	return &Writer{
		cur: noHead, next: 1, opts: o, worker: i, dir: r.dir,
		queue: make(chan task, 2*o.Chunks+2*o.maxOpen+8), // see W3
		free:  make(chan *chunk, o.Chunks),
		wake:  make(chan struct{}, 1),
		io:    ioState{kicked: make(chan struct{}, 1)},
	}
}

// glance is what can be known of an earlier run's segment without reading it: enough for retention.
func (r *Recorder) glance(f *files) meta {
	m, err := loadMeta(f)
	if err != nil {
		m = meta{identity: identity{worker: f.worker, seq: f.seq, zstd: f.zstd}}
		if st, err := os.Stat(f.dataPath()); err == nil {
			m.max = st.ModTime().UnixNano()
			m.min = m.max
		}
	}
	return m
}

// Writer is the writer of worker i, 0 <= i < Options.Workers.
func (r *Recorder) Writer(i int) *Writer { return r.writers[i] }

// Run writes what the Writers are given until every one of them is closed, builds the indexes and returns. When ctx
// ends, a disk that fails is not waited for any longer; the Writers must still be closed. The error tells of packets
// that were accepted but could not be written.
func (r *Recorder) Run(ctx context.Context) error {
	r.found = nil // Replay comes before Run
	errs := make([]error, len(r.writers))
	var loops, rest sync.WaitGroup
	stop := make(chan struct{})
	rest.Go(func() { r.closeOnDone(ctx, stop) })
	for range finishers {
		rest.Go(r.finish)
	}
	for i, w := range r.writers {
		loops.Go(func() { errs[i] = w.run(r) })
	}
	loops.Wait()
	close(r.written)
	close(r.finishing)
	close(stop)
	rest.Wait()
	return errors.Join(errs...)
}

// Written is closed when every packet that the Writers were given is in its file, or given up, while Run may still build indexes.
func (r *Recorder) Written() <-chan struct{} { return r.written }

// finish builds the indexes of complete segments until there will be no more.
func (r *Recorder) finish() {
	for s := range r.finishing {
		err := s.close(r.opts.Sync != SyncNever)
		switch {
		case s.broken || err != nil: // recovery mends it
			r.held.settle(s.stem, false)
		default:
			r.index(s)
		}
	}
	r.index()
}

// index tries to build the indexes of more and of those that could not get one before. What cannot be built, for a full disk
// most likely, stays on the list, and its journal serves readers as well meanwhile.
func (r *Recorder) index(more ...*segment) {
	r.mu.Lock()
	todo := append(r.unindexed, more...)
	r.unindexed = nil
	r.mu.Unlock()
	var left []*segment
	for _, s := range todo {
		if !r.held.claim(s.stem) {
			continue // retention has deleted it
		}
		err := r.buildIndex(s.stem, s.meta)
		r.held.settle(s.stem, err == nil)
		if err != nil {
			left = append(left, s)
		}
	}
	r.mu.Lock()
	r.unindexed = append(r.unindexed, left...)
	r.unindexed = r.unindexed[:min(len(r.unindexed), mostUnindexed)]
	r.mu.Unlock()
}

// mostUnindexed bounds the list; a segment that falls off keeps its journal until the next start.
const mostUnindexed = 1024

// buildIndex replaces the journal of a segment by an index. Whatever step fails or is the last before a crash, the
// journal or the whole index is there.
func (r *Recorder) buildIndex(stem string, m meta) error {
	d, tmp := r.opts.disk, stem+extIndex+extTemp
	f, err := d.open(tmp, os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	err = writeIndex(stem+extJournal, m, &appender{f: f})
	if err == nil && r.opts.Sync != SyncNever {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, d.remove(tmp))
	}
	if err = d.rename(tmp, stem+extIndex); err != nil {
		return err
	}
	if r.opts.Sync != SyncNever {
		if err = d.syncDir(filepath.Dir(stem)); err != nil {
			return err
		}
	}
	return d.remove(stem + extJournal)
}

// appender is an io.Writer at the end of a file.
type appender struct {
	f   file
	off int64
}

func (a *appender) Write(b []byte) (int, error) {
	n, err := a.f.WriteAt(b, a.off)
	a.off += int64(n)
	return n, err
}

// WriterStatus tells how a Writer fares.
type WriterStatus struct {
	Worker  int
	Queued  int    // chunks that wait to be written
	Chunks  int    // bound of Queued
	Packets uint64 // written
	Bytes   uint64 // written, uncompressed
	Lost    uint64 // packets accepted but given up, on a disk that still failed when the Writer was closed
	Dropped Drops
	Failing error     // why nothing is written at the moment; nil: all is well
	Since   time.Time // of Failing
}

// Drops counts packets that Append refused.
type Drops struct{ QueueFull, DiskFailed, TooLarge, TooManyKinds, Closed uint64 }

// Total is the sum.
func (d Drops) Total() uint64 {
	return d.QueueFull + d.DiskFailed + d.TooLarge + d.TooManyKinds + d.Closed
}

// Status tells how the Writers fare. It may be called at any time from any goroutine.
func (r *Recorder) Status() []WriterStatus {
	var out []WriterStatus
	for _, w := range r.writers {
		s := WriterStatus{
			Worker: w.worker, Queued: len(w.queue), Chunks: w.opts.Chunks, Packets: w.io.packets.Load(),
			Bytes: w.io.bytes.Load(), Lost: w.io.lost.Load(),
			Dropped: Drops{w.drops[QueueFull].Load(), w.drops[DiskFailed].Load(), w.drops[TooLarge].Load(),
				w.drops[TooManyKinds].Load(), w.drops[Closed].Load()},
		}
		if f := w.io.failed.Load(); f != nil {
			s.Failing, s.Since = f.err, f.since
		}
		out = append(out, s)
	}
	return out
}

// Workers are the numbers of the workers that have segments from earlier runs, ascending. There may be more of them,
// or others, than there are Writers now. Call it before Run.
func (r *Recorder) Workers() []int {
	var out []int
	for _, f := range r.found {
		if len(out) == 0 || out[len(out)-1] != f.worker {
			out = append(out, f.worker)
		}
	}
	return out
}

// End is a position behind every packet; a Replay from it yields only packets whose flow is not known.
var End = record.Position{Segment: 1<<64 - 1}
