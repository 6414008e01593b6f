package pcapstore

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
)

// ioState is what a Writer's I/O loop shares with the worker and with Status.
type ioState struct {
	failed  atomic.Pointer[failure] // nil: the disk works
	closing atomic.Bool             // do not wait for a failing disk any more
	kicked  chan struct{}           // try again now

	packets, bytes, lost atomic.Uint64
}

// failure is why nothing is written at the moment.
type failure struct {
	err   error
	since time.Time // wall clock: for people, no packet is handled by it
}

func (s *ioState) failing() bool { return s.failed.Load() != nil }

// kick makes a loop that waits for a failing disk try again.
func (s *ioState) kick() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}

// run carries out tasks until the Writer is closed. It is the I/O loop; it owns every segment from its first task on.
func (w *Writer) run(rec *Recorder) error {
	sw := &segmentWriter{opts: w.opts}
	var first error // that gave a chunk up
	for t := range w.queue {
		if t.chunk != nil {
			if err := w.writeChunk(sw, rec, t); err != nil && first == nil {
				first = err
			}
			w.free <- t.chunk
		}
		if t.finish != nil {
			w.finishSegment(sw, rec, t)
		}
		if t.done != nil {
			close(t.done)
		}
	}
	if n := w.io.lost.Load(); n > 0 {
		return fmt.Errorf("packet store, worker %d: %d packets were accepted but not written: %w", w.worker, n,
			datadir.Explain(first, w.dir))
	}
	return nil
}

// writeChunk writes a chunk, as often as it takes, and counts it. The error is that of the last try when it had to be
// given up.
func (w *Writer) writeChunk(sw *segmentWriter, rec *Recorder, t task) error {
	s, c := t.seg, t.chunk
	fresh := s.jtail == 0
	behind := w.behind()
	err := errBroken
	if !s.broken {
		err = w.persist(func() error { return sw.write(s, c, behind) })
	}
	if err != nil {
		s.broken = true
		w.io.lost.Add(uint64(c.packets))
		return err
	}
	w.io.packets.Add(uint64(c.packets))
	w.io.bytes.Add(uint64(c.n - c.lead))
	if fresh {
		rec.held.opened(s)
	}
	rec.held.grew(s)
	return nil
}

// behind says whether the page cache should take a chunk, because the queue is nearly full and packets would be lost:
// it swallows a burst that the disk cannot, at several times the CPU time. An import waits instead; in the long run
// the cache is no faster than the disk.
func (w *Writer) behind() bool {
	return w.opts.Policy == DropPackets && len(w.queue) > w.opts.Chunks*3/4
}

// errBroken is why chunks of a segment that has a hole are not written.
var errBroken = fmt.Errorf("bytes before it are missing")

// persist repeats a step until it succeeds. A disk that fails, most often because it is full, makes the loop wait;
// meanwhile the queue fills up and Append drops. Once the Writer is closing the step has one more try.
func (w *Writer) persist(step func() error) error {
	for {
		closing := w.io.closing.Load()
		err := step()
		if err == nil {
			w.io.failed.Store(nil)
			return nil
		}
		if !w.io.failing() {
			w.io.failed.Store(&failure{datadir.Explain(err, w.dir), time.Now()})
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
		if closing {
			return err
		}
		retry := time.NewTimer(w.opts.RetryAfter)
		select {
		case <-retry.C:
		case <-w.io.kicked:
		}
		retry.Stop()
	}
}

// finishSegment ends a segment's file and hands the segment on to have its index built.
func (w *Writer) finishSegment(sw *segmentWriter, rec *Recorder, t task) {
	s := t.seg
	if s.jtail == 0 {
		_ = s.close(false) // its first chunk was given up
		return
	}
	if !s.broken && w.persist(func() error { return sw.complete(s, t.finish) }) != nil {
		s.broken = true
	}
	rec.finishing <- s
}

// closeOnDone makes the writers give up waiting for a failing disk when ctx ends.
func (r *Recorder) closeOnDone(ctx context.Context, stop <-chan struct{}) {
	select {
	case <-ctx.Done():
		for _, w := range r.writers {
			w.io.closing.Store(true)
			w.io.kick()
		}
	case <-stop:
	}
}
