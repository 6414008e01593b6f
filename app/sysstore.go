package app

import (
	"context"
	"errors"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sys"
)

// sysBatch is how many records go to the store at a time.
const sysBatch = 1024

// StoreSys stores the calls of .scap files that pass the filter in the data directory, beside its sessions.
func StoreSys(ctx context.Context, cfg Config, in *SysFiles, f *sys.Filter) (stored int64, err error) {
	n, err := openNode(ctx, cfg, importing)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	s := sys.New()
	rec := sys.NewRecorder(s)
	var b record.Batch
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

// addSys hands the batch to the store.
func (n *Node) addSys(b *record.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	err := n.records.Add(b)
	b.Reset()
	return err
}
