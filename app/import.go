package app

import (
	"context"
	"errors"
	"time"

	"github.com/tapir-project/tapir/pipeline"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/source/bpf"
	"github.com/tapir-project/tapir/source/pcapfile"
)

// Progress tells how far an import or a capture is.
type Progress struct {
	Source source.Stats
	Totals pipeline.Stats
	// Fragments is how many IP datagrams stayed incomplete.
	Fragments uint64
	Since     time.Duration
}

// Summary tells what a run did.
type Summary struct {
	Progress
	Recovered Recovered
}

// progressEvery is how often progress is told.
const progressEvery = 200 * time.Millisecond

// Import stores and indexes capture files. progress is called now and then, and once at the end.
func Import(ctx context.Context, cfg Config, in ReadFiles, progress func(Progress)) (s Summary, err error) {
	src, err := openFiles(in)
	if err != nil {
		return s, err
	}
	defer src.Close()
	n, err := openNode(ctx, cfg, importing)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	s.Recovered = n.Recovered
	begin := time.Now()
	var p *pipeline.Pipeline
	tell := func() Progress { return Progress{src.Stats(), Totals(p), p.FragmentsLost(), time.Since(begin)} }
	stop := make(chan struct{})
	done := make(chan struct{})
	err = n.run(ctx, src, importing, func(pipe *pipeline.Pipeline) {
		p = pipe
		go func() {
			defer close(done)
			every(progressEvery, stop, func() { progress(tell()) })
		}()
	})
	if p != nil {
		close(stop)
		<-done
		s.Progress = tell()
		n.noteImport(s.Progress)
		progress(s.Progress)
	}
	if err == nil {
		err = ctx.Err()
	}
	return s, err
}

// every calls do at that interval until stop is closed.
func every(d time.Duration, stop <-chan struct{}, do func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			do()
		}
	}
}

func openFiles(in ReadFiles) (*pcapfile.Source, error) {
	return pcapfile.Open(pcapfile.Config{Paths: in.Files, Stdin: in.Stdin, Warn: in.Warn,
		Filter: source.Filter{Expr: in.Filter, Compile: bpf.Compile}})
}
