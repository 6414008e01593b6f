package source

import (
	"sync/atomic"

	"github.com/tapir-project/tapir/record"
)

// MaxHeld is how many blocks a consumer may hold back at least before a source may wait for releases. A consumer that
// gathers packets of several blocks must hand them on before that; the simplest way is to do so in every emit.
const MaxHeld = 32

// Block is a run of packets whose bytes share memory.
//
// The packets and their bytes are valid, and must not be written to, until the last holder calls Release.
type Block struct {
	// Packets stand in the order of the input. It is empty in a block that tells nothing but Now.
	Packets []record.Packet
	// Queue is which of the source's queues the block belongs to, 0 to Queues()-1.
	Queue int
	// Now is the queue's clock in ns since the epoch: the time of the last packet, or, from a live source that was
	// silent for a while, a moment before which no more packets will come. It drives timers that must not wait for the
	// next packet.
	Now int64

	refs atomic.Int32
	free func()
}

// NewBlock makes a block for a source to reuse, with room for n packets. Free is called on the last Release, by
// whoever did it, and makes the block's memory available again.
func NewBlock(n int, free func()) *Block {
	return &Block{Packets: make([]record.Packet, 0, n), free: free}
}

// Lend readies b for being emitted: no packets and one reference, the source's own. For sources only.
func (b *Block) Lend(queue int) {
	b.Packets, b.Queue, b.Now = b.Packets[:0], queue, 0
	b.refs.Store(1)
}

// Retain keeps b valid until one more Release.
func (b *Block) Retain() { b.refs.Add(1) }

// Release gives one reference back. The caller must not touch b or its packets afterwards.
func (b *Block) Release() {
	switch n := b.refs.Add(-1); {
	case n == 0:
		b.free()
	case n < 0:
		panic("source: block released more often than retained")
	}
}

// Bytes is the number of captured bytes in b.
func (b *Block) Bytes() (n uint64) {
	for i := range b.Packets {
		n += uint64(len(b.Packets[i].Data))
	}
	return n
}
