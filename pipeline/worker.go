package pipeline

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/pcapstore"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/reassembly"
	"github.com/tapir-project/tapir/record"
)

// PacketWriter stores the packets of one worker, its only caller; *pcapstore.Writer is one.
type PacketWriter interface {
	// Append stores p as a packet of that flow and says where. An error means that the packet is not kept; the capture
	// goes on.
	Append(p *record.Packet, f *pcapstore.Flow) (record.Position, error)
	// Flush makes what was appended readable for other processes soon. now is packet time.
	Flush(now int64)
	// Rotate completes what is being written, so that retention may delete it.
	Rotate()
	// Next is a position no later than that of any packet to come.
	Next() record.Position
}

// Config is what workers are made from.
type Config struct {
	First     int // number of the first worker: a pipeline beside another one must not have its workers' numbers
	Flow      flow.Config
	Protocols *proto.Set
	Sink      record.Sink
	// Packets gives the packet writer of a worker; nil stores no packets.
	Packets func(worker int) (PacketWriter, error)
	// MustStore ends the run with the writer's error when a packet cannot be kept: an import has its packets still.
	MustStore bool
	// BatchRecords and BatchAge (packet time, ns) bound a batch; 0: 1024 records, 250 ms.
	BatchRecords int
	BatchAge     int64
}

// Stats counts what a worker did.
type Stats struct {
	Packets, Bytes uint64
	NotStored      uint64 // packets that were analysed but not kept
	Transactions   uint64
	ParserPanics   uint64
	LastPanic      string
	Overflow       uint64 // bytes given up because a parser made nothing of a full buffer
	ReorderEvicted uint64 // holes given up because the reorder budget was spent
	Flow           flow.Stats
	FirstPacket    int64 // packet time
	LastPacket     int64 // packet time
}

// flushEvery is how long (packet time) a stored packet may be invisible to other processes.
const flushEvery = int64(time.Second)

// Worker turns the packets of its shard into records. One goroutine uses it.
type Worker struct {
	Number int

	stats   Stats // of the worker's goroutine; snap is its copy for others
	mu      sync.Mutex
	snap    Stats // guarded by mu
	rotate  atomic.Bool
	cfg     Config
	table   *flow.Table
	env     *proto.Env
	budget  reassembly.Budget
	packets PacketWriter
	batch   record.Batch
	opened  int64 // packet time at which the batch got its first record
	flushed int64 // packet time of the latest flush of packets
	err     error
}

// NewWorker makes worker number n.
func NewWorker(n int, cfg Config) (*Worker, error) {
	if cfg.BatchRecords == 0 {
		cfg.BatchRecords = 1024
	}
	if cfg.BatchAge == 0 {
		cfg.BatchAge = int64(250 * time.Millisecond)
	}
	w := &Worker{Number: n, cfg: cfg}
	w.env = &proto.Env{Protocols: cfg.Protocols, Emit: w.emit}
	w.table = flow.NewTable(cfg.Flow, w.env)
	w.table.End, w.table.Wake = w.end, w.wake
	w.table.Out, w.table.Done = w.batch.Next, func(*record.Record) { w.made() }
	if cfg.Packets != nil {
		var err error
		if w.packets, err = cfg.Packets(n); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Packet takes one decoded packet; before is the latest time of the packets of the capture before it. Everything is
// borrowed until it returns. An error is the sink's and final.
func (w *Worker) Packet(p *record.Packet, d *packet.Decoded, key *record.FlowKey, hash uint64, swapped bool, before int64) error {
	f, dir := w.table.Packet(p, d, key, hash, swapped, before)
	w.stats.Packets++
	w.stats.Bytes += uint64(p.WireLen)
	if w.stats.Packets == 1 {
		w.stats.FirstPacket = p.Time
	}
	w.stats.LastPacket = p.Time
	w.store(p, f)
	w.analyse(p, d, f, dir)
	return w.err
}

// store keeps the packet on disk.
func (w *Worker) store(p *record.Packet, f *flow.Flow) {
	if w.packets == nil {
		return
	}
	pos, err := w.packets.Append(p, &f.Stored)
	if err != nil {
		w.stats.NotStored++
		f.NotStored++
		if w.cfg.MustStore {
			w.err = err
		}
		return
	}
	if f.FirstPos.Segment == 0 {
		f.FirstPos = pos
	}
}

// analyse gives the packet's payload to whoever reads the flow.
func (w *Worker) analyse(p *record.Packet, d *packet.Decoded, f *flow.Flow, dir proto.Dir) {
	switch {
	case d.Verdict != packet.OK:
	case f.Conn != nil:
		w.segment(p, d, f, dir)
		w.table.WakeAt(f)
	case len(d.Payload) > 0:
		f.Datagram(d, dir, p.Time)
		w.table.WakeAt(f)
	}
}

// segment runs one TCP segment through reassembly.
func (w *Worker) segment(p *record.Packet, d *packet.Decoded, f *flow.Flow, dir proto.Dir) {
	s, other := &f.Conn.Streams[dir], &f.Conn.Streams[dir.Other()]
	f.Conn.Segment(d, dir, p.Time)
	seq := d.Seq
	if d.Flags&packet.SYN != 0 {
		s.Syn(seq)
		seq++
	}
	if d.Flags&packet.ACK != 0 {
		other.Ack(d.Ack)
	}
	if d.PayloadLen > 0 {
		top := s.Top()
		class, fresh := s.Add(&w.budget, seq, d.Payload, int(d.PayloadLen), p.Time)
		f.Delivered(class, fresh, top, d, dir, p.Time)
		w.drain(f, s, dir, p.Time)
	}
	if d.Flags&(packet.FIN|packet.RST) != 0 {
		w.closing(d, f, dir, seq, p.Time)
	}
	if s.Ended() && !f.App.Closed(dir) {
		f.App.Close(dir, p.Time)
	}
}

// drain hands on what is deliverable.
func (w *Worker) drain(f *flow.Flow, s *reassembly.Stream, dir proto.Dir, now int64) {
	for {
		c, ok := s.Pop(&w.budget, now)
		switch {
		case !ok:
			return
		case c.Gap > 0:
			f.App.Gap(dir, c.Gap, now)
		default:
			f.App.Data(dir, c.Data, now)
		}
	}
}

// closing handles FIN and RST.
func (w *Worker) closing(d *packet.Decoded, f *flow.Flow, dir proto.Dir, seq uint32, now int64) {
	if d.Flags&packet.RST != 0 {
		w.table.Close(f, flow.ResetByPeer)
		return
	}
	f.Conn.Streams[dir].Fin(seq + d.PayloadLen)
	if f.BothFinished() {
		w.table.Close(f, flow.Finished)
	}
}

// end closes a flow that is over: what reassembly holds is delivered around its holes, then the parser is told.
func (w *Worker) end(f *flow.Flow) {
	now := f.Last
	if f.Conn != nil {
		for dir := range f.Conn.Streams {
			s := &f.Conn.Streams[dir]
			s.Flush()
			w.drain(f, s, proto.Dir(dir), now)
		}
	}
	f.App.Close(proto.ToServer, now)
	f.App.Close(proto.ToClient, now)
	if f.Conn != nil {
		f.Conn.Streams[0].Release(&w.budget)
		f.Conn.Streams[1].Release(&w.budget)
	}
}

func (w *Worker) wake(f *flow.Flow, now int64) { f.App.WakeNow(now) }

// Tick tells the worker the packet time, so that timers run and batches leave while its shard is quiet.
func (w *Worker) Tick(now int64) error {
	w.table.Tick(now)
	if w.batch.Len() > 0 {
		if w.opened == 0 {
			w.opened = now
		}
		if now-w.opened >= w.cfg.BatchAge || now < w.opened {
			w.deliver()
		}
	}
	if w.packets != nil && now-w.flushed >= flushEvery {
		w.flushed = now
		w.packets.Flush(now)
	}
	if w.rotate.Swap(false) && w.packets != nil {
		w.packets.Rotate()
	}
	w.publish()
	return w.err
}

// Flush ends all flows and delivers everything: the input is over.
func (w *Worker) Flush() error {
	w.table.Flush()
	w.deliver()
	if w.packets != nil {
		w.packets.Flush(w.stats.LastPacket)
	}
	w.publish()
	return w.err
}

// made ends each record. A full batch leaves at once: one tick, or the end of the input, may end all flows there are.
func (w *Worker) made() {
	if w.batch.Len() >= w.cfg.BatchRecords {
		w.deliver()
	}
}

// deliver hands the batch to the sink. The packets it speaks of go to the disk first. After an error nothing is handed on: what is missing
// is made again from the packets at the next start.
func (w *Worker) deliver() {
	if w.batch.Len() == 0 {
		return
	}
	if w.err != nil {
		w.batch.Reset()
		return
	}
	if w.packets != nil {
		w.packets.Flush(w.stats.LastPacket)
		w.batch.Low = w.low()
	}
	w.batch.Worker = w.Number
	w.err = w.cfg.Sink.Add(&w.batch)
	w.batch.Reset()
	w.opened = 0
}

// low is where replaying would have to begin to meet every packet of the flows that are open now.
func (w *Worker) low() record.Position {
	low := w.packets.Next()
	if p := w.table.Oldest(); p.Segment != 0 && p.Before(low) {
		return p
	}
	return low
}

// publish makes the counters visible to other goroutines.
func (w *Worker) publish() {
	w.stats.Flow = w.table.Stats
	w.stats.ParserPanics, w.stats.LastPanic, w.stats.Overflow = w.env.Panics, w.env.LastPanic, w.env.Overflow
	w.stats.ReorderEvicted = w.budget.Evicted
	w.mu.Lock()
	w.snap = w.stats
	w.mu.Unlock()
}

// Stats is what the worker had done when it last looked at its timers. Any goroutine may ask.
func (w *Worker) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snap
}
