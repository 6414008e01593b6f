package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/pipeline"
	"github.com/tapir-project/tapir/proto/all"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store/parquet"
)

// Recovered tells what opening a data directory found to finish.
type Recovered struct {
	Packets  uint64 // read again
	Cut      uint64 // bytes of torn packets cut off
	Indexes  int    // flow indexes rebuilt
	Records  uint64 // sessions, parts and transactions that were not stored yet
	Problems []error
}

// Any says whether there was anything to do.
func (r Recovered) Any() bool {
	return r.Cut > 0 || r.Indexes > 0 || r.Records > 0 || len(r.Problems) > 0
}

// recover finishes what a crash left open: packets after the marks of the last sealed records run through the pipeline
// again, what is stored already is left out, and the rest is sealed.
func (n *Node) recover(ctx context.Context, cfg flow.Config) (done Recovered, err error) {
	if err := n.asLastRun(&cfg); err != nil {
		return done, err
	}
	marks, err := parquet.ReadMarks(n.dir.Path())
	if err != nil {
		return done, err
	}
	for _, worker := range n.packets.Workers() {
		if err := n.recoverWorker(ctx, cfg, worker, marks[worker], &done); err != nil {
			return done, err
		}
	}
	return done, n.records.Flush()
}

func (n *Node) recoverWorker(ctx context.Context, cfg flow.Config, worker int, mark record.Position, done *Recovered) error {
	missing := &missingOnly{sink: n.records}
	replay, err := pipeline.NewReplay(worker, pipeline.Config{Flow: cfg, Protocols: all.Set(), Sink: missing}, missing)
	if err != nil {
		return err
	}
	var failed error
	result, err := n.packets.Replay(ctx, worker, mark, func(p *record.Packet, id record.ID, known bool, _ record.Position) (record.ID, bool) {
		if missing.known == nil {
			if missing.known, failed = n.records.Known(ctx, p.Time-knownSlack); failed != nil {
				return id, false
			}
		}
		id, failed = replay.Packet(p, id, known)
		return id, failed == nil
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if err := replay.Finish(); err != nil {
		return err
	}
	done.Packets += result.Packets
	done.Cut += result.Cut
	done.Indexes += result.Mended
	done.Records += missing.added
	done.Problems = append(done.Problems, result.Problems...)
	return nil
}

// knownSlack is how much earlier than the first packet of a replay a stored record of its flows may end.
const knownSlack = int64(3600e9)

// missingOnly passes on the records that are not stored yet.
type missingOnly struct {
	sink  record.Sink
	known *parquet.Known
	batch record.Batch
	added uint64
}

// Whole is pipeline.Kept.
func (m *missingOnly) Whole(id record.ID) bool { return m.known != nil && m.known.Whole(id) }

// Part is pipeline.Kept.
func (m *missingOnly) Part(id record.ID, part uint32) bool {
	return m.known != nil && m.known.Part(id, part)
}

// Add is record.Sink.
func (m *missingOnly) Add(b *record.Batch) error {
	m.batch.Reset()
	m.batch.Worker = b.Worker
	for _, r := range b.Records() {
		if m.known == nil || !m.known.Has(r) {
			m.batch.Next().CopyFrom(r)
			m.added++
		}
	}
	return m.sink.Add(&m.batch)
}

// run is what a replay must know of the run whose packets it reads: where that cut sessions into parts. An import and a
// capture do it differently, and either may be what the other's crash is found by.
type run struct {
	FirstPart int64 `json:"first_part"` // ns
	Parts     int64 `json:"parts"`      // ns
}

func (n *Node) runPath() string { return filepath.Join(n.dir.State(), "run.json") }

// asLastRun makes cfg cut parts as the last writer of the data directory did.
func (n *Node) asLastRun(cfg *flow.Config) error {
	b, err := os.ReadFile(n.runPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var last run
	if err == nil {
		err = json.Unmarshal(b, &last)
	}
	if err != nil {
		return fmt.Errorf("%s: %w (remove it if the last run ended well)", n.runPath(), err)
	}
	cfg.FirstPart, cfg.Parts = last.FirstPart, last.Parts
	return nil
}

// noteRun writes down how this run cuts parts, before it stores a packet.
func (n *Node) noteRun(cfg flow.Config) error {
	b, err := json.Marshal(run{cfg.FirstPart, cfg.Parts})
	if err != nil {
		return err
	}
	tmp := n.runPath() + ".tmp"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, n.runPath())
}
