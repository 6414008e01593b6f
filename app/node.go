package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/internal/heap"
	"github.com/tapir-project/tapir/pcapstore"
	"github.com/tapir-project/tapir/pipeline"
	"github.com/tapir-project/tapir/proto/all"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/store/parquet"
)

// Config says how a node writes its data directory.
type Config struct {
	Data         string
	Name         string // of the node; empty: the directory's
	Workers      int    // 0: one for each core
	Compress     int    // zstd level of packets, 0 for plain pcap
	SegmentBytes int64  // 0: 1 GiB
	Sync         bool   // records survive a crash of the machine, not only of the program
	Retention    Retention
	SFlow        string // file that configures an sFlow agent for the HTTP requests seen; empty: none
	Log          *slog.Logger
}

// Node is the writing side of a data directory: its lock, its packets and its records. A node is opened, runs once and
// is closed.
type Node struct {
	cfg     Config
	dir     *datadir.Dir
	packets *pcapstore.Recorder
	records *parquet.Writer
	keeper  keeper
	meter   meter // of the goroutine that tells the status
	beside  beside
	// Recovered tells what was found after a crash.
	Recovered Recovered
}

// mode is what importing and capturing do differently.
type mode struct {
	flow   flow.Config
	policy pcapstore.Policy
	sync   pcapstore.SyncMode
	seal   time.Duration // longest wait of a record in memory; <0: none
	chunks int           // buffers of packets for each worker that may wait for the disk
	beside int           // further writers of packets, for imports beside a capture
}

const maxWaiting = 16 << 20 // bytes of records that wait to be sealed

// The modes. An import waits for the disk and can be repeated; a capture must never wait.
var (
	importing = mode{flow: flow.Stored(), policy: pcapstore.Block, sync: pcapstore.SyncNever, seal: -1, chunks: 8}
	capturing = mode{flow: flow.Live(), policy: pcapstore.DropPackets, sync: pcapstore.SyncSegments, seal: time.Second, chunks: 32, beside: 1}
)

// cores is how many cores this process may use. The scheduler is told of half as many more: a thread that writes past the
// page cache sleeps in the kernel for a millisecond, and until the scheduler notices, a core would stand idle.
var cores = sync.OnceValue(func() int {
	n := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(n + (n+1)/2)
	}
	return n
})

// openNode locks the data directory, finishes what a crash left open, and readies both stores.
func openNode(ctx context.Context, cfg Config, m mode) (*Node, error) {
	if cfg.Workers == 0 {
		cfg.Workers = cores()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := datadir.OpenWriter(cfg.Data, datadir.Options{Node: cfg.Name})
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, dir: dir}
	if err := n.open(ctx, m); err != nil {
		n.Close()
		return nil, datadir.Explain(err, cfg.Data)
	}
	return n, nil
}

func (n *Node) open(ctx context.Context, m mode) (err error) {
	n.packets, err = pcapstore.NewRecorder(n.dir.Packets(), pcapstore.Options{Workers: n.cfg.Workers + m.beside, Waiting: m.beside, Policy: m.policy, Sync: m.sync,
		SegmentBytes: n.cfg.SegmentBytes, Compress: n.cfg.Compress, Chunks: m.chunks})
	if err != nil {
		return err
	}
	n.records, err = parquet.OpenWriter(n.dir.Path(), parquet.Options{Node: n.dir.Node(), SealEvery: m.seal, Sync: n.cfg.Sync, MaxMemory: maxWaiting})
	if err != nil {
		return err
	}
	if n.Recovered, err = n.recover(ctx, m.flow); err != nil {
		return fmt.Errorf("recovery: %w", err)
	}
	if err := n.noteRun(m.flow); err != nil {
		return err
	}
	n.keeper.node, n.keeper.limits = n, n.cfg.Retention
	if m.policy == pcapstore.Block {
		n.keeper.limits.Packets.MaxAge, n.keeper.limits.Records.MaxAge = 0, 0 // old captures are imported to be looked at
	}
	return nil
}

// Close gives the directory back. What was delivered is sealed.
func (n *Node) Close() error {
	var err error
	if n.records != nil {
		err = n.records.Close()
	}
	return errors.Join(err, n.dir.Close())
}

// run drives src to its end, or to ctx's, and leaves everything sealed. started is called with the pipeline once it is
// made, before packets flow.
func (n *Node) run(ctx context.Context, src source.Source, m mode, started func(*pipeline.Pipeline)) error {
	sink, wire := record.Sink(n.records), (*wireSFlow)(nil)
	if n.cfg.SFlow != "" {
		wire = newWireSFlow(sink, n.cfg.SFlow, func(err error) { n.cfg.Log.Warn("sflow agent", "error", err) })
		sink = wire
	}
	p, err := pipeline.New(n.workersFor(src), pipeline.Config{
		Flow: m.flow, Protocols: all.Set(), Sink: sink, MustStore: m.policy == pcapstore.Block,
		Packets: func(i int) (pipeline.PacketWriter, error) { return n.packets.Writer(i), nil },
	})
	if err != nil {
		return err
	}
	started(p)
	// The stores outlive ctx: what was read is written.
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	written := make(chan error, 1)
	go func() { written <- n.packets.Run(lasting) }()
	sealed := make(chan error, 1)
	go func() { sealed <- n.records.Run(lasting) }()
	var care sync.WaitGroup
	care.Go(func() { n.keeper.run(lasting, p) })
	care.Go(func() { heap.Bound(lasting) })
	if wire != nil {
		care.Go(func() { wire.run(lasting) })
	}
	if m.policy == pcapstore.DropPackets { // an import is over before merging pays
		care.Go(func() {
			n.records.RunCompaction(lasting, func(err error) { n.cfg.Log.Warn("merging record files", "error", err) })
		})
	}

	err = p.Run(ctx, src)
	for i := range n.cfg.Workers {
		n.packets.Writer(i).Close()
	}
	if m.beside > 0 {
		n.beside.end(n)
	}
	<-n.packets.Written() // no record may survive a crash that its packets do not
	err = errors.Join(err, n.records.Flush(), <-written)
	stop()
	care.Wait()
	if e := <-sealed; e != nil && !errors.Is(e, context.Canceled) {
		err = errors.Join(err, e)
	}
	return err
}

// maxFlows is how many flows can be open at once.
func (n *Node) maxFlows() int { return n.cfg.Workers * flow.DefaultMaxFlows }

// workersFor is how many workers a source of one queue is dealt out to.
func (n *Node) workersFor(src source.Source) int {
	if src.Queues() == 1 {
		return n.cfg.Workers
	}
	return src.Queues()
}

// Totals adds up what the workers of a pipeline did.
func Totals(p *pipeline.Pipeline) (t pipeline.Stats) {
	for _, w := range p.Workers() {
		s := w.Stats()
		t.Packets += s.Packets
		t.Bytes += s.Bytes
		t.NotStored += s.NotStored
		t.Transactions += s.Transactions
		t.ParserPanics += s.ParserPanics
		t.Overflow += s.Overflow
		t.ReorderEvicted += s.ReorderEvicted
		t.Flow.Open += s.Flow.Open
		t.Flow.Sessions += s.Flow.Sessions
		t.Flow.Parts += s.Flow.Parts
		t.Flow.Evicted += s.Flow.Evicted
		t.LastPacket = max(t.LastPacket, s.LastPacket)
		if t.FirstPacket == 0 || s.FirstPacket != 0 && s.FirstPacket < t.FirstPacket {
			t.FirstPacket = s.FirstPacket
		}
		if s.LastPanic != "" {
			t.LastPanic = s.LastPanic
		}
	}
	return t
}

var _ record.Sink = (*parquet.Writer)(nil)
