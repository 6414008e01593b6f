package app

import (
	"context"
	"errors"
	"sync"

	"github.com/tapir-project/tapir/internal/heap"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sys"
)

// sysBatch is how many records go to the store at a time.
const sysBatch = 1024

// StoreSys stores the calls that pass the filter in the data directory, beside its sessions: those of files, or as they happen
// until ctx ends.
func StoreSys(ctx context.Context, cfg Config, in SysSource, f *sys.Filter) (stored int64, err error) {
	m := importing
	live, capture := in.(*SysLive)
	if capture {
		m = capturing
	}
	n, err := openNode(ctx, cfg, m)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	s := sys.New()
	rec := sys.NewRecorder(s)
	var b record.Batch
	if capture {
		live.Config.Idle = func() error { return n.addSys(&b) }
		defer n.tend(ctx)()
	}
	_, err = in.Run(ctx, s, func(e *sys.Event) error {
		if e.Hidden || !f.Pass(e) {
			return nil
		}
		if !rec.Fill(b.Next(), e) {
			b.DropLast()
			return nil
		}
		if stored++; b.Len() < sysBatch {
			return nil
		}
		return n.addSys(&b)
	})
	return stored, errors.Join(err, n.addSys(&b))
}

// tend seals, merges and deletes records in the background while calls come. stop ends it and waits.
func (n *Node) tend(ctx context.Context) (stop func()) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var care sync.WaitGroup
	care.Go(func() {
		if err := n.records.Run(lasting); err != nil {
			n.cfg.Log.Error("sealing records", "error", err)
		}
	})
	care.Go(func() { n.keeper.run(lasting, nil) })
	care.Go(func() { heap.Bound(lasting) })
	care.Go(func() {
		n.records.RunCompaction(lasting, func(err error) { n.cfg.Log.Warn("merging record files", "error", err) })
	})
	return func() {
		cancel()
		care.Wait()
	}
}

// addSys hands the batch to the store.
func (n *Node) addSys(b *record.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	err := n.records.Add(b)
	b.Reset()
	return err
}
