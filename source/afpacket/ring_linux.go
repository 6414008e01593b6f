package afpacket

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// ring is the memory of one socket, which the kernel fills block by block, and its reader.
//
// Invariants:
//
//	R1: a block's status word is TP_STATUS_USER from when the kernel hands it over until we give it back; in that time
//	    the kernel does not write to the block.
//	R2: a block is held from when the reader begins with it until its last view is released; only then its status word
//	    is reset, so that the reader, coming round, never takes a block twice.
//	R3: blocks are read in the order of the ring, and may be given back in any.
type ring struct {
	src      *Source
	queue    int
	fd       int
	mem      []byte
	blocks   []*ringBlock
	next     int           // block to read
	released chan struct{} // one token: some block was given back
	now      int64         // the queue's clock, ns
	devices  map[int32]*device
	last     *device // of the packet before; never nil

	mu   sync.Mutex // guards free
	free []*view

	count ringCounters
}

// ringCounters is read by Stats at any time.
type ringCounters struct {
	delivered, bytes, waits atomic.Uint64
	skipped                 atomic.Uint64 // packets whose header makes no sense: a bug of ours or of the kernel

	mu                     sync.Mutex // guards the kernel's counters, which reading resets
	kept, dropped, rolled_ uint64
	closed                 bool
}

// ringBlock is one block of a ring.
type ringBlock struct {
	r    *ring
	mem  []byte
	refs atomic.Int32 // views not yet released, and one while the reader is at it
	held atomic.Bool  // see R2
}

// view is a source.Block of packets of one ring block.
type view struct {
	*source.Block
	of *ringBlock
}

// viewPackets is how many packets are emitted at once. A block may have twenty times as many; this many keep the list
// of them in the processor's first level cache.
const viewPackets = 512

// Places in struct tpacket_block_desc.
const (
	atBlockStatus  = 8
	atBlockPackets = 12
	atBlockFirst   = 16
)

func newRing(s *Source, queue, fd int) *ring {
	return &ring{src: s, queue: queue, fd: fd, released: make(chan struct{}, 1), devices: map[int32]*device{}, last: &device{}}
}

// lay cuts the ring's memory into blocks.
func (r *ring) lay(mem []byte, size int) {
	r.mem = mem
	for at := 0; at+size <= len(mem); at += size {
		r.blocks = append(r.blocks, &ringBlock{r: r, mem: mem[at : at+size : at+size]})
	}
}

func (b *ringBlock) status() *uint32 { return (*uint32)(unsafe.Pointer(&b.mem[atBlockStatus])) }

// ready says whether the kernel handed b over and the reader has not had it.
func (b *ringBlock) ready() bool {
	return !b.held.Load() && atomic.LoadUint32(b.status())&unix.TP_STATUS_USER != 0
}

// release drops one reference; the last one gives b back to the kernel.
func (b *ringBlock) release() {
	if b.refs.Add(-1) > 0 {
		return
	}
	atomic.StoreUint32(b.status(), unix.TP_STATUS_KERNEL)
	b.held.Store(false)
	select {
	case b.r.released <- struct{}{}:
	default:
	}
}

// view takes an empty view of b.
func (b *ringBlock) view() *view {
	r := b.r
	r.mu.Lock()
	var v *view
	if n := len(r.free); n > 0 {
		v, r.free = r.free[n-1], r.free[:n-1]
	}
	r.mu.Unlock()
	if v == nil {
		v = &view{}
		v.Block = source.NewBlock(viewPackets, v.recycle)
	}
	v.of = b
	b.refs.Add(1)
	v.Lend(r.queue)
	return v
}

// recycle runs on the last release of a view.
func (v *view) recycle() {
	b := v.of
	v.of = nil
	b.r.mu.Lock()
	b.r.free = append(b.r.free, v)
	b.r.mu.Unlock()
	b.release()
}

// deliver emits the packets of b, which is ready, and gives it up.
func (r *ring) deliver(b *ringBlock, emit func(*source.Block) error) error {
	b.held.Store(true)
	b.refs.Store(1)
	defer b.release()
	ne := binary.NativeEndian
	left, at := int(ne.Uint32(b.mem[atBlockPackets:])), int(ne.Uint32(b.mem[atBlockFirst:]))
	for left > 0 {
		v := b.view()
		n := min(left, viewPackets)
		at = r.read(b, at, n, v)
		left -= n
		if err := r.send(v, emit); err != nil {
			return err
		}
	}
	return nil
}

// send emits a view and counts it.
func (r *ring) send(v *view, emit func(*source.Block) error) error {
	defer v.Release()
	n := len(v.Packets)
	if n == 0 {
		return nil
	}
	r.now = max(r.now, v.Packets[n-1].Time)
	v.Now = r.now
	r.count.delivered.Add(uint64(n))
	r.count.bytes.Add(v.Bytes())
	return emit(v.Block)
}

// read fills v with n packets from offset at of b on, and returns where the next one is.
func (r *ring) read(b *ringBlock, at, n int, v *view) int {
	snaplen := int(r.src.cfg.Snaplen)
	for range n {
		f, ok := frameAt(b.mem[min(at, len(b.mem)):])
		if !ok {
			r.count.skipped.Add(1)
			continue
		}
		d := r.device(&f)
		v.Packets = v.Packets[:len(v.Packets)+1]
		p := &v.Packets[len(v.Packets)-1]
		*p = record.Packet{Time: f.time(), Iface: d.iface}
		f.packet(d, p)
		if len(p.Data) > snaplen {
			p.Data = p.Data[:snaplen:snaplen]
		}
		at += int(binary.NativeEndian.Uint32(f.m[atNext:]))
	}
	return at
}

// device finds the device a packet is of.
func (r *ring) device(f *frame) *device {
	index := int32(binary.NativeEndian.Uint32(f.m[atIfindex:]))
	if index == r.last.index {
		return r.last
	}
	d := r.devices[index]
	if d == nil {
		d = r.src.device(index, binary.NativeEndian.Uint16(f.m[atHaType:]))
		r.devices[index] = d
	}
	r.last = d
	return d
}

// kernel reads the socket's counters. It adds to what was read before, since reading resets them.
func (r *ring) kernel() (kept, dropped, rolledOver uint64) {
	c := &r.count
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		if packets, drops, err := statistics(r.fd); err == nil {
			c.kept += packets - drops
			c.dropped += drops
		}
		c.rolled_ = rolled(r.fd)
	}
	return c.kept, c.dropped, c.rolled_
}

// close waits until all blocks are released, and gives the memory and the socket back.
func (r *ring) close() {
	for _, b := range r.blocks {
		for b.held.Load() {
			<-r.released
		}
	}
	r.kernel()
	r.count.mu.Lock()
	defer r.count.mu.Unlock()
	r.count.closed = true
	if r.mem != nil {
		unix.Munmap(r.mem)
	}
	unix.Close(r.fd)
}

// run emits what the ring receives until stop is done, then what it received until then.
func (r *ring) run(ctx context.Context, wake int, emit func(*source.Block) error) error {
	for ctx.Err() == nil {
		if err := r.turn(ctx, wake, emit); err != nil {
			return cmp.Or(r.gone(err, emit), err)
		}
	}
	return r.drain(emit)
}

// turn emits a block, or waits a while for one.
func (r *ring) turn(ctx context.Context, wake int, emit func(*source.Block) error) error {
	if r.queue == 0 {
		if err := r.src.watch(r.fd); err != nil {
			return err
		}
	}
	if b := r.blocks[r.next]; !b.ready() {
		return r.wait(ctx, b, wake, emit)
	}
	return r.step(emit)
}

// gone delivers what was received of interfaces that went away.
func (r *ring) gone(err error, emit func(*source.Block) error) error {
	if errors.Is(err, source.ErrGone) {
		return r.drain(emit)
	}
	return nil
}

// step emits the next block, which is ready.
func (r *ring) step(emit func(*source.Block) error) error {
	b := r.blocks[r.next]
	r.next = (r.next + 1) % len(r.blocks)
	return r.deliver(b, emit)
}

// How long a wait takes at most, and how long one is for a block that a consumer still holds.
const (
	tick      = 100 * time.Millisecond
	heldPause = 2 * time.Millisecond
)

// wait waits for b to become ready, or for anything else that is worth a look.
func (r *ring) wait(ctx context.Context, b *ringBlock, wake int, emit func(*source.Block) error) error {
	if b.held.Load() {
		r.count.waits.Add(1)
		r.pause(ctx, tick)
		return nil
	}
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN | unix.POLLERR}, {Fd: int32(wake), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(tick.Milliseconds()))
	switch {
	case err == unix.EINTR:
		return nil
	case err != nil:
		return err
	case n == 0:
		return r.idle(emit)
	case fds[0].Revents&unix.POLLERR != 0:
		unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR) // clears it; watch finds out why
		r.pause(ctx, heldPause)
	case fds[0].Revents != 0 && !b.ready():
		// The kernel says so whenever the block before is not given back: a consumer holds it.
		r.pause(ctx, heldPause)
	}
	return nil
}

// pause waits until a block is given back, or for a while.
func (r *ring) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.released:
	case <-t.C:
	case <-ctx.Done():
	}
}

// idle emits a block without packets that tells what time it is. Packets may still be in a block that the kernel has not
// handed over: the time is taken back by twice the time it may keep one.
func (r *ring) idle(emit func(*source.Block) error) error {
	r.now = max(r.now, time.Now().Add(-2*r.src.cfg.BlockTimeout).UnixNano())
	b := source.NewBlock(0, func() {})
	b.Lend(r.queue)
	b.Now = r.now
	defer b.Release()
	return emit(b)
}

// drain emits what was received before the socket was told to drop everything. The kernel hands its last block over when
// the time for that comes, which is waited for as long as it counts more packets than came here.
func (r *ring) drain(emit func(*source.Block) error) error {
	deadline := time.Now().Add(3*r.src.cfg.BlockTimeout + tick)
	for {
		if r.blocks[r.next].ready() {
			if err := r.step(emit); err != nil {
				return err
			}
			continue
		}
		kept, _, _ := r.kernel()
		if kept <= r.count.delivered.Load()+r.count.skipped.Load() || time.Now().After(deadline) {
			return nil
		}
		r.pause(context.Background(), heldPause)
	}
}
