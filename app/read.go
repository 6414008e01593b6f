package app

import (
	"context"
	"io"

	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/pipeline"
	"github.com/tapir-project/tapir/proto/all"
	"github.com/tapir-project/tapir/record"
)

// ReadFiles says what Read reads.
type ReadFiles struct {
	Files  []string // files, directories, "-" for standard input
	Stdin  io.Reader
	Filter string      // BPF expression
	Warn   func(error) // about files in directories that are skipped; may be nil
}

// Read analyses capture files without storing anything and gives every record to emit, in an order that depends on the
// files only. The record is borrowed until emit returns.
func Read(ctx context.Context, in ReadFiles, emit func(*record.Record) error) error {
	src, err := openFiles(in)
	if err != nil {
		return err
	}
	defer src.Close()
	p, err := pipeline.New(1, pipeline.Config{Flow: flow.Offline(), Protocols: all.Set(), Sink: sinkFunc(emit)})
	if err != nil {
		return err
	}
	return p.Run(ctx, src)
}

// sinkFunc is a sink that calls a function for each record.
type sinkFunc func(*record.Record) error

func (f sinkFunc) Add(b *record.Batch) error {
	for _, r := range b.Records() {
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}
