package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tapir-project/tapir/pipeline"
	"github.com/tapir-project/tapir/proto/all"
	"github.com/tapir-project/tapir/source/pcapfile"
)

// ErrBusy tells that another import runs in this process.
var ErrBusy = errors.New("another import is running (wait for it to end)")

// beside is what a capture needs to import files beside it. One import runs at a time; it has a worker and a writer of
// packets of its own, the last ones, and cuts sessions into parts as the capture does, so that recovery is the same for both.
type beside struct {
	running sync.Mutex // held by an import, and for ever once the capture ends

	mu   sync.Mutex
	done []Progress // guarded by mu: imports that the log of captures does not know yet
}

// end lets no further import begin, waits for the one that runs, and closes its writer.
func (b *beside) end(n *Node) {
	b.running.Lock()
	n.packets.Writer(n.cfg.Workers).Close()
}

// add notes a finished import.
func (b *beside) add(p Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = append(b.done, p)
}

// take gives the imports that were noted since the last time.
func (b *beside) take() (out []Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out, b.done = slices.Clone(b.done), b.done[:0]
	return out
}

// Import stores and indexes capture files beside a running capture, while Record's serve runs. It returns ErrBusy if
// another import does. Everything that was read is found by readers when it returns.
func (n *Node) Import(ctx context.Context, in ReadFiles, progress func(Progress)) (s Summary, err error) {
	if !n.beside.running.TryLock() {
		return s, ErrBusy
	}
	defer n.beside.running.Unlock()
	src, err := openFiles(in)
	if err != nil {
		return s, err
	}
	defer src.Close()
	p, err := pipeline.New(1, pipeline.Config{First: n.cfg.Workers, Flow: capturing.flow, Protocols: all.Set(), Sink: n.records, MustStore: true,
		Packets: func(i int) (pipeline.PacketWriter, error) { return n.packets.Writer(i), nil }})
	if err != nil {
		return s, err
	}
	s.Progress, err = follow(p, src, progress, func() error { return p.Run(ctx, src) })
	w := n.packets.Writer(n.cfg.Workers)
	w.Rotate()
	err = errors.Join(err, w.Drain(ctx), n.records.Flush())
	n.beside.add(s.Progress)
	return s, err
}

// follow runs an import and tells its progress now and then, and at the end.
func follow(p *pipeline.Pipeline, src *pcapfile.Source, progress func(Progress), run func() error) (Progress, error) {
	begin := time.Now()
	tell := func() Progress { return Progress{src.Stats(), Totals(p), p.FragmentsLost(), time.Since(begin)} }
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		every(progressEvery, stop, func() { progress(tell()) })
	}()
	err := run()
	close(stop)
	<-done
	last := tell()
	progress(last)
	return last, err
}
