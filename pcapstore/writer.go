package pcapstore

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/tapir-project/tapir/record"
)

// Writer stores the packets of one worker. One goroutine calls Append, Flush, Drain, Rotate, Next and Close;
// Recorder.Run does the writing. Nothing in Append waits for the disk, unless the policy is Block.
//
//	W1: a chunk is owned by the worker until it is sent in a task, then by the I/O loop, until it comes back in free.
//	W2: tasks are carried out in order, so bytes of a segment are written in order and its journal after them.
//	W3: the queue has room for every task that can exist, so sending never waits; what is bounded is the chunks.
type Writer struct {
	cur   *head   // of the last packet
	heads []*head // open segments, one for each kind
	next  uint64  // number of the next segment
	made  int     // chunks allocated so far, at most opts.Chunks

	opts    *Options
	worker  int
	dir     string
	queue   chan task
	free    chan *chunk
	wake    chan struct{} // tells a waiting Append that the disk has failed
	io      ioState
	drops   [nDrops]atomic.Uint64
	flushed time.Time // wall clock of the latest Flush, for policy Block
	closed  bool
}

// head is the worker's side of an open segment.
type head struct {
	seg   *segment
	seq   uint64 // of seg
	c     *chunk // being filled; nil: take one before the next packet
	limit int    // bytes of c.buf that may be used without a closer look; 0 when c is nil
	link  record.LinkType
	low   int64 // packets of times low <= t < high are taken without a closer look; low >= 0
	high  int64
	codec
	base     uint64 // offset of the next chunk's first byte
	carry    []byte // bytes before the next packet that must be written again with the next chunk, below blockSize
	packets  uint64
	newest   int64 // latest time so far
	lastUsed int64 // time of the last packet
}

// noHead makes the first packet take the slow path.
var noHead = &head{low: math.MaxInt64, high: math.MinInt64}

// Append stores a packet of flow f and returns its position. The packet's bytes are copied. If it could not be
// stored the error is a Drop. f must be used with this Writer only.
func (w *Writer) Append(p *record.Packet, f *Flow) (record.Position, error) {
	h := w.cur
	if h.link != p.Link || p.Time < h.low || p.Time >= h.high || h.limit == 0 ||
		h.c.n+packHeader+len(p.Data) > h.limit || len(p.Data) > maxCommon {
		return w.appendSlow(p, f)
	}
	c := h.c
	start := c.n
	c.n = start + packHeader + len(p.Data)
	b := c.buf[start:c.n]
	sec, nsec := uint64(p.Time)/uint64(second), uint64(p.Time)%uint64(second) // low >= 0
	putPackHeader(b, uint32(sec), uint32(nsec), uint32(len(p.Data)), p.WireLen)
	copy(b[packHeader:], p.Data)
	return h.note(p, f, c.base+uint64(start)), nil
}

// note enters a packet, whose bytes are in h.c or end there, into the journal.
func (h *head) note(p *record.Packet, f *Flow, off uint64) record.Position {
	c, t := h.c, p.Time
	c.journal = h.put(c.journal, f, h.seq, uint32(len(p.Data)))
	if c.packets == 0 {
		c.first = off
	}
	c.packets++
	c.end = off + packHeader + uint64(len(p.Data))
	c.min, c.max = min(c.min, t), max(c.max, t)
	if t < h.newest {
		c.unsorted = true
	} else {
		h.newest = t
	}
	return record.Position{Segment: h.seq, Offset: off}
}

// appendSlow is Append where something has to be done first: another segment, another chunk, or a refusal.
func (w *Writer) appendSlow(p *record.Packet, f *Flow) (record.Position, error) {
	size := packHeader + len(p.Data)
	if len(p.Data) > MaxPacket || size > w.opts.ChunkBytes-blockSize {
		return w.drop(TooLarge)
	}
	if w.closed {
		return w.drop(Closed)
	}
	k, sec, nsec := kindOf(p)
	h, why := w.headFor(p, k, size)
	if h == nil {
		return w.drop(why)
	}
	h.lastUsed = p.Time
	if h.c != nil && h.c.packets > 0 && w.compressed() && h.c.n+size > h.limit {
		w.handOver(h, nil) // a frame holds whole packets
	}
	if h.c == nil {
		if why = w.refill(h); why != 0 {
			return w.drop(why)
		}
	}
	w.cur = h
	var head [packHeader]byte
	putPackHeader(head[:], sec, nsec, uint32(len(p.Data)), p.WireLen)
	if h.c.n+size > len(h.c.buf) {
		return w.spill(h, p, f, head[:])
	}
	off := h.c.base + uint64(h.c.n)
	h.c.n += copy(h.c.buf[h.c.n:], head[:])
	h.c.n += copy(h.c.buf[h.c.n:], p.Data)
	return h.note(p, f, off), nil
}

func (w *Writer) drop(why Drop) (record.Position, error) {
	w.drops[why].Add(1)
	return record.Position{}, why
}

// spill stores a packet that does not fit into the rest of h.c. The packet is split, so that chunks are filled to the
// last byte and every write but those of Flush is whole blocks.
func (w *Writer) spill(h *head, p *record.Packet, f *Flow, head []byte) (record.Position, error) {
	next := w.take()
	if next == nil {
		return w.drop(w.reason())
	}
	c := h.c
	off := c.base + uint64(c.n)
	n := copy(c.buf[c.n:], head)
	m := copy(c.buf[c.n+n:], p.Data)
	c.n += n + m
	next.reset(c.base + uint64(c.n))
	next.n = copy(next.buf, head[n:])
	next.n += copy(next.buf[next.n:], p.Data[m:])
	w.send(h, nil)
	w.install(h, next)
	return h.note(p, f, off), nil
}

func (w *Writer) compressed() bool { return w.opts.Compress > 0 }

// install makes c the chunk of h.
func (w *Writer) install(h *head, c *chunk) {
	h.c = c
	c.flows = h.flows
	left := w.opts.SegmentBytes - int64(c.base)
	h.limit = int(max(1, min(int64(len(c.buf)), left)))
	if w.compressed() {
		h.limit = min(h.limit, w.opts.FrameBytes)
	}
}

// refill gives h a chunk that begins where its last one ended, or says why not.
func (w *Writer) refill(h *head) Drop {
	c := w.take()
	if c == nil {
		return w.reason()
	}
	c.reset(h.base)
	c.n = copy(c.buf, h.carry)
	c.lead = c.n
	if h.base == 0 && c.lead == 0 {
		c.n = len(appendFileHeader(c.buf[:0], h.seg.kind))
	}
	w.install(h, c)
	return 0
}

// take gets a free chunk. If there is none, chunks that other heads have begun are sent off, and what follows is the
// policy's: nil, or waiting until one is free or the disk fails.
func (w *Writer) take() *chunk {
	select {
	case c := <-w.free:
		return c
	default:
	}
	if w.made < w.opts.Chunks {
		w.made++
		return newChunk(w.opts.ChunkBytes)
	}
	for _, h := range w.heads {
		if h != w.cur && h.c != nil && h.c.packets > 0 {
			w.handOver(h, nil)
		}
	}
	for w.opts.Policy == Block && !w.io.failing() {
		select {
		case c := <-w.free:
			return c
		case <-w.wake:
		}
	}
	return nil
}

// reason is why no chunk was free.
func (w *Writer) reason() Drop {
	if w.io.failing() {
		return DiskFailed
	}
	return QueueFull
}

// send hands h's chunk, filled or holding whole packets only, to the I/O loop.
func (w *Writer) send(h *head, end *ending) {
	t := task{seg: h.seg, chunk: h.c, finish: end}
	if c := h.c; c != nil {
		h.base = c.base + uint64(c.n)
		h.packets += uint64(c.packets)
	}
	h.c, h.limit, h.carry = nil, 0, h.carry[:0]
	w.queue <- t
}

// handOver sends h's chunk before it is full. The next one must begin on a block boundary again, so it repeats the
// bytes since the last.
func (w *Writer) handOver(h *head, end *ending) {
	c := h.c
	if c == nil {
		w.send(h, end)
		return
	}
	part := 0
	if end == nil && !w.compressed() {
		part = c.n % blockSize
	}
	tail := append(h.carry[:0], c.buf[c.n-part:c.n]...) // before send: the I/O loop owns c.buf from then on
	w.send(h, end)
	h.carry = tail
	h.base -= uint64(part)
}

// Flush makes every packet so far visible to other processes as soon as the I/O loop gets to it; it does not wait.
// Call it about once a second of capture. now is the packet time, ns: segments that are past their hour or their age
// are completed; pass math.MinInt64 if there is none. With policy Block, where packet time may run a thousand times
// faster than the clock, half-full buffers are written once a second at most.
func (w *Writer) Flush(now int64) {
	for i := 0; i < len(w.heads); {
		if h := w.heads[i]; now >= h.high && h.size() >= w.opts.minSegment {
			w.finish(h) // takes it out of w.heads
			continue
		}
		i++
	}
	if w.opts.Policy == Block {
		clock := time.Now() // decides when bytes are written, never which
		if clock.Sub(w.flushed) < w.opts.flushEvery {
			return
		}
		w.flushed = clock
	}
	w.flush()
}

// flush sends off every chunk that holds packets.
func (w *Writer) flush() {
	for _, h := range w.heads {
		if h.c != nil && h.c.packets > 0 {
			w.handOver(h, nil)
		}
	}
}

// Drain is Flush, and waits until everything is written or ctx ends. On a failing disk it waits for room.
func (w *Writer) Drain(ctx context.Context) error {
	if w.closed {
		return nil
	}
	w.flush()
	t := task{done: make(chan struct{})}
	select {
	case w.queue <- t:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Rotate completes all open segments. Retain asks for it when only open ones are left to delete.
func (w *Writer) Rotate() {
	for len(w.heads) > 0 {
		w.finish(w.heads[0])
	}
}

// Close completes all open segments and ends the Writer. It does not wait: Recorder.Run returns when all is written.
func (w *Writer) Close() {
	if w.closed {
		return
	}
	w.Rotate()
	w.closed = true
	w.io.closing.Store(true)
	w.io.kick()
	close(w.queue)
}

// Next is a position no later than that of any packet yet to come: the low-water mark while no flow is open.
func (w *Writer) Next() record.Position {
	pos := record.Position{Segment: w.next}
	for _, h := range w.heads {
		if p := (record.Position{Segment: h.seg.seq, Offset: h.end()}); p.Before(pos) {
			pos = p
		}
	}
	return pos
}

// end is the offset of the next packet.
func (h *head) end() uint64 {
	if h.c != nil {
		return h.c.base + uint64(h.c.n)
	}
	return max(fileHeader, h.base+uint64(len(h.carry)))
}

func (h *head) size() int64 { return int64(h.end()) }
