package pcapfile

import (
	"context"
	"sync/atomic"

	"github.com/tapir-project/tapir/source"
)

// Budget of a source in bytes, and the sizes it is made of. Half a MiB is best by measurement: the processor's second
// level cache holds a few, and reading that much at once makes the system call's own cost vanish.
const (
	bufferBudget = 40 << 20
	bufferSize   = 512 << 10
	bufferMin    = 64 << 10
	mergeMax     = 128 // files open at once
)

// memory is what a source may use: a bounded number of buffers and of blocks. Only the goroutine of Run takes; any
// goroutine gives back.
type memory struct {
	buffers pool[*buffer]
	blocks  pool[*block]
	size    int // bytes of a buffer
	waits   atomic.Uint64
}

// newMemory divides the budget for a source of so many files. Each open file keeps a buffer and a block; beyond that
// there are enough for source.MaxHeld.
func newMemory(files int) *memory {
	n, packets := min(files, mergeMax), 1024
	if n > 1 {
		packets = 256
	}
	m := &memory{}
	count := 2*n + source.MaxHeld + 8
	m.size = min(max(bufferBudget/count, bufferMin), bufferSize)
	m.buffers = newPool(count, func() *buffer { return &buffer{mem: m, b: make([]byte, m.size)} })
	m.blocks = newPool(2*n+128, func() *block { return newBlock(m, packets) })
	return m
}

// pool lends out at most a number of things, made when first needed.
type pool[T any] struct {
	free chan T // holds all that were ever made at most, so that giving back never blocks
	left int    // may still be made
	make func() T
}

func newPool[T any](n int, make_ func() T) pool[T] {
	return pool[T]{free: make(chan T, n), left: n, make: make_}
}

// get takes one, and waits while all are lent out. Waits counts how often.
func (p *pool[T]) get(ctx context.Context, waits *atomic.Uint64) (x T, err error) {
	select {
	case x = <-p.free:
		return x, nil
	default:
	}
	if p.left > 0 {
		p.left--
		return p.make(), nil
	}
	waits.Add(1)
	select {
	case x = <-p.free:
		return x, nil
	case <-ctx.Done():
		return x, ctx.Err()
	}
}

// buffer is memory that file bytes are read into. A stream has one reference and each block with packets in it another.
type buffer struct {
	b    []byte
	refs atomic.Int32
	mem  *memory
}

// buffer takes a buffer of at least n bytes, with one reference.
func (m *memory) buffer(ctx context.Context, n int) (*buffer, error) {
	b, err := m.buffers.get(ctx, &m.waits)
	if err != nil {
		return nil, err
	}
	if len(b.b) < n { // rare: a packet larger than a buffer. The buffer shrinks again when it comes back.
		b.b = make([]byte, n)
	}
	b.refs.Store(1)
	return b, nil
}

func (b *buffer) release() {
	if b.refs.Add(-1) > 0 {
		return
	}
	if len(b.b) > b.mem.size {
		b.b = make([]byte, b.mem.size)
	}
	b.mem.buffers.free <- b
}

// block is a source.Block and what its packets point into: a buffer, or, when it was merged of other blocks, those.
type block struct {
	*source.Block
	mem     *memory
	buf     *buffer
	parents []*block
}

func newBlock(m *memory, packets int) *block {
	b := &block{mem: m}
	b.Block = source.NewBlock(packets, b.recycle)
	return b
}

// block takes an empty block with one reference.
func (m *memory) block(ctx context.Context) (*block, error) {
	b, err := m.blocks.get(ctx, &m.waits)
	if err == nil {
		b.Lend(0)
	}
	return b, err
}

// use makes b keep buf.
func (b *block) use(buf *buffer) {
	b.buf = buf
	buf.refs.Add(1)
}

// recycle runs on the last release.
func (b *block) recycle() {
	if b.buf != nil {
		b.buf.release()
		b.buf = nil
	}
	for i, p := range b.parents {
		p.Release()
		b.parents[i] = nil
	}
	b.parents = b.parents[:0]
	b.mem.blocks.free <- b
}
