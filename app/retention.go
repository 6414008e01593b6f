package app

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/pcapstore"
	"github.com/tapir-project/tapir/pipeline"
	"github.com/tapir-project/tapir/store/parquet"
)

// Retention says what is kept. A zero limit does not limit, but free space is always kept.
type Retention struct {
	Packets Limit
	Records Limit
	// FreePercent and FreeBytes of the disk stay free: the larger counts. Both zero: 5 %.
	FreePercent float64
	FreeBytes   int64
}

// Limit bounds one kind of data by age (packet time against now) and size.
type Limit struct {
	MaxAge   time.Duration
	MaxBytes int64
}

// DefaultFreePercent is the part of the disk that stays free unless the operator says otherwise.
const DefaultFreePercent = 5

const (
	keepEvery  = 10 * time.Second
	keepEvents = 50 // deletions remembered for status
)

// Deletion is one thing that retention deleted.
type Deletion struct {
	Time   time.Time `json:"time"`
	What   string    `json:"what"`
	Bytes  int64     `json:"bytes"`
	Reason string    `json:"reason"`
}

// keeper runs retention beside a capture. Packets go before records when the disk is short: they are by far the larger.
type keeper struct {
	node   *Node
	limits Retention
	freed  atomic.Int64 // bytes of packets deleted
	mu     sync.Mutex
	log    []Deletion // guarded by mu: the latest deletions
	err    error      // guarded by mu: of the latest run
}

// run applies the limits now and every ten seconds until ctx ends.
func (k *keeper) run(ctx context.Context, p *pipeline.Pipeline) {
	t := time.NewTicker(keepEvery)
	defer t.Stop()
	for {
		k.once(p)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (k *keeper) once(p *pipeline.Pipeline) {
	r := k.limits.withDefaults()
	now := time.Now()
	space := func() (datadir.Space, error) { return k.node.dir.Space() }
	packets, err := k.node.packets.Retain(now.UnixNano(), pcapstore.Limits{MaxAge: r.Packets.MaxAge, MaxBytes: r.Packets.MaxBytes,
		KeepFree: r.FreeBytes, KeepFreePercent: r.FreePercent}, space)
	k.note(err)
	for _, d := range packets.Deleted {
		k.freed.Add(d.Bytes)
		k.add(Deletion{now, d.Path, d.Bytes, string(d.Why)})
	}
	if packets.Rotate && p != nil {
		p.Rotate()
	}
	records, err := k.node.records.Retain(now.UnixNano(), parquet.Limits{MaxAge: r.Records.MaxAge, MaxBytes: r.Records.MaxBytes,
		KeepFree: r.FreeBytes, KeepFreePercent: r.FreePercent}, space)
	k.note(err)
	for _, d := range records {
		k.add(Deletion{now, d.Path, d.Bytes, string(d.Why)})
	}
}

func (k *keeper) note(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
	if err != nil {
		k.node.cfg.Log.Error("retention", "error", err)
	}
}

func (k *keeper) add(d Deletion) {
	k.node.cfg.Log.Info("deleted", "what", d.What, "bytes", d.Bytes, "reason", d.Reason)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.log = append(k.log, d)
	if len(k.log) > keepEvents {
		k.log = k.log[len(k.log)-keepEvents:]
	}
}

// Deletions are the latest things deleted, oldest first.
func (k *keeper) Deletions() []Deletion {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]Deletion{}, k.log...)
}
