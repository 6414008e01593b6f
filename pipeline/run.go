package pipeline

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// Pipeline is a set of workers.
type Pipeline struct {
	workers []*Worker
	lost    lost
}

// lost is a counter of the readers' side, which workers do not see.
type lost struct{ fragments atomic.Uint64 }

// FragmentsLost is how many IP datagrams stayed incomplete. Any goroutine may ask.
func (p *Pipeline) FragmentsLost() uint64 { return p.lost.fragments.Load() }

// New makes a pipeline of n workers.
func New(n int, cfg Config) (*Pipeline, error) {
	p := &Pipeline{}
	for i := range n {
		w, err := NewWorker(cfg.First+i, cfg)
		if err != nil {
			return nil, err
		}
		p.workers = append(p.workers, w)
	}
	return p, nil
}

// Workers are the pipeline's workers, for their statistics.
func (p *Pipeline) Workers() []*Worker { return p.workers }

// Rotate asks every worker to complete the segment it writes, so that retention may delete it. Any goroutine may ask.
func (p *Pipeline) Rotate() {
	for _, w := range p.workers {
		w.rotate.Store(true)
	}
}

// Run drives src through the workers until the input or ctx ends, then ends all flows and delivers everything. A source
// with a queue for each worker feeds them directly; one with a single queue is dealt out by flow. It returns what the
// source or a sink returned; when ctx ended, nil: stopping a capture is how it ends.
func (p *Pipeline) Run(ctx context.Context, src source.Source) error {
	var err error
	switch {
	case src.Queues() == len(p.workers):
		err = p.direct(ctx, src)
	case src.Queues() == 1:
		err = p.deal(ctx, src)
	default:
		return errors.New("pipeline: a source with several queues needs as many workers")
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	if e := p.flush(); err == nil { // a worker that failed says so again
		err = e
	}
	return err
}

// flush ends the flows of all workers, side by side: of a capture with many open flows this is much of the work.
func (p *Pipeline) flush() error {
	errs := make([]error, len(p.workers))
	var wg sync.WaitGroup
	for i, w := range p.workers {
		wg.Go(func() { errs[i] = w.Flush() })
	}
	wg.Wait()
	return cmp.Or(errs...)
}

// direct lets each queue feed its worker on the queue's own goroutine.
func (p *Pipeline) direct(ctx context.Context, src source.Source) error {
	feeds := make([]feed, len(p.workers))
	for i := range feeds {
		feeds[i].init(p.workers[i])
		feeds[i].frags.lost = &p.lost
	}
	err := src.Run(ctx, func(b *source.Block) error { return feeds[b.Queue].block(b) })
	for i := range feeds {
		feeds[i].frags.flush(feeds[i].take)
		err = errors.Join(err, feeds[i].err)
	}
	return err
}

// feed decodes packets for one worker.
type feed struct {
	w     *Worker
	d     packet.Decoded
	now   int64 // latest time seen
	frags fragments
	take  deliverFunc
	err   error
}

func (f *feed) init(w *Worker) { f.w, f.take = w, f.deliver }

func (f *feed) block(b *source.Block) error {
	for i := range b.Packets {
		pkt := &b.Packets[i]
		packet.Decode(&f.d, pkt)
		if f.d.Verdict == packet.Fragment {
			f.frags.add(pkt, &f.d, f.take)
		} else {
			f.deliver(pkt, &f.d)
		}
		if f.err != nil {
			return f.err
		}
	}
	return f.w.Tick(b.Now)
}

func (f *feed) deliver(p *record.Packet, d *packet.Decoded) {
	key, swapped := d.Key()
	if err := f.w.Packet(p, d, &key, key.Hash(), swapped, f.now); err != nil {
		f.err = err
	}
	f.now = max(f.now, p.Time)
}

// Sizes of the hand-over between the reader of a file and its workers.
const (
	handSize  = 256 // packets in a hand
	handQueue = 16  // hands that wait for a worker
)

// hand is a run of packets dealt to one worker.
type hand struct {
	items []item
	block *source.Block
	now   int64
}

type item struct {
	p       record.Packet
	d       packet.Decoded
	key     record.FlowKey
	hash    uint64
	before  int64
	swapped bool
}

// dealer is the reader's side: it decodes every packet once and gives it to the worker of its flow.
type dealer struct {
	queues []chan *hand
	open   []*hand
	free   chan *hand
	failed chan struct{}
	block  *source.Block
	d      packet.Decoded
	now    int64 // latest time seen
	frags  fragments
	take   deliverFunc
}

// errStopped ends the reader when a worker has failed; the worker's own error is reported.
var errStopped = errors.New("a worker stopped")

// deal runs the reader on this goroutine and each worker on its own.
func (p *Pipeline) deal(ctx context.Context, src source.Source) error {
	n := len(p.workers)
	d := &dealer{queues: make([]chan *hand, n), open: make([]*hand, n), free: make(chan *hand, n*(handQueue+4)), failed: make(chan struct{})}
	d.take, d.frags.lost = d.deliver, &p.lost
	var wg sync.WaitGroup
	var once sync.Once
	errs := make([]error, n)
	for i, w := range p.workers {
		d.queues[i] = make(chan *hand, handQueue)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for h := range d.queues[i] {
				if errs[i] == nil {
					if errs[i] = w.hand(h); errs[i] != nil {
						once.Do(func() { close(d.failed) })
					}
				}
				d.giveBack(h)
			}
		}()
	}
	err := src.Run(ctx, d.emit)
	d.frags.flush(d.take)
	d.pass(0)
	for _, q := range d.queues {
		close(q)
	}
	wg.Wait()
	if errors.Is(err, errStopped) {
		err = nil
	}
	return errors.Join(append(errs, err)...)
}

func (d *dealer) emit(b *source.Block) error {
	d.block = b
	for i := range b.Packets {
		p := &b.Packets[i]
		packet.Decode(&d.d, p)
		if d.d.Verdict == packet.Fragment {
			d.frags.add(p, &d.d, d.take)
		} else {
			d.deliver(p, &d.d)
		}
	}
	d.pass(b.Now)
	d.block = nil
	select {
	case <-d.failed:
		return errStopped
	default:
		return nil
	}
}

// deliver puts one packet into the hand of its flow's worker. The upper half of the hash chooses it: the flow table
// uses the lower.
func (d *dealer) deliver(p *record.Packet, dec *packet.Decoded) {
	key, swapped := dec.Key()
	hash := key.Hash()
	w := int((hash >> 32) * uint64(len(d.queues)) >> 32)
	h := d.open[w]
	if h == nil {
		h = d.take1()
		d.open[w] = h
	}
	h.items = h.items[:len(h.items)+1]
	it := &h.items[len(h.items)-1]
	it.p, it.d, it.key, it.hash, it.swapped, it.before = *p, *dec, key, hash, swapped, d.now
	d.now = max(d.now, p.Time)
	if len(h.items) == handSize {
		d.send(w, p.Time)
	}
}

func (d *dealer) take1() *hand {
	var h *hand
	select {
	case h = <-d.free:
	default:
		h = &hand{items: make([]item, 0, handSize)}
	}
	h.items = h.items[:0]
	h.block = d.block
	if d.block != nil {
		d.block.Retain()
	}
	return h
}

func (d *dealer) send(w int, now int64) {
	h := d.open[w]
	d.open[w] = nil
	h.now = now
	d.queues[w] <- h
}

// pass hands over everything, and the time with it, so that quiet shards run their timers too.
func (d *dealer) pass(now int64) {
	for w := range d.open {
		if d.open[w] == nil {
			d.open[w] = d.take1()
		}
		d.send(w, now)
	}
}

func (d *dealer) giveBack(h *hand) {
	if h.block != nil {
		h.block.Release()
		h.block = nil
	}
	select {
	case d.free <- h:
	default:
	}
}

// hand processes one hand.
func (w *Worker) hand(h *hand) error {
	for i := range h.items {
		it := &h.items[i]
		if err := w.Packet(&it.p, &it.d, &it.key, it.hash, it.swapped, it.before); err != nil {
			return err
		}
	}
	return w.Tick(h.now)
}
