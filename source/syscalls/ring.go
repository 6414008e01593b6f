package syscalls

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// ring reads the records of one processor where the kernel part put them (bpf/ring.h): none is copied, and room is given back in steps, so
// that reader and writer do not take the same line of memory from each other for each record. One goroutine uses it.
type ring struct {
	written *uint64 // how far the writer is
	read    *uint64 // how far the reader is
	data    []byte  // the segments, each with the room behind it
	stride  uint64  // bytes from one to the next
	at, end uint64  // the next record, and where the last one that is known of ends
	given   uint64  // *read
	step    uint64  // bytes after which room is given back
}

const (
	segmentSize = 1 << 20 // where a record may begin
	recordHead  = 8       // in front of a record: its length
	placeSize   = 256     // of the positions in a ring
	readAt      = 128     // in those
)

// newRing is the ring with the positions and the segments; size is how many bytes there is room for.
func newRing(place, data []byte, stride, size int) *ring {
	return &ring{written: (*uint64)(unsafe.Pointer(&place[0])), read: (*uint64)(unsafe.Pointer(&place[readAt])), data: data, stride: uint64(stride),
		step: uint64(min(size/8, 128<<10))}
}

// next is the next record, valid until the next call; nil if there is none.
func (r *ring) next() []byte {
	if r.at-r.given >= r.step {
		r.give()
	}
	if r.at == r.end {
		if r.end = atomic.LoadUint64(r.written); r.at == r.end {
			r.give()
			return nil
		}
	}
	i := r.at / segmentSize
	at := i%(uint64(len(r.data))/r.stride)*r.stride + r.at%segmentSize
	size := binary.NativeEndian.Uint64(r.data[at:])
	r.at += recordHead + (size+7)&^7
	if r.at/segmentSize != i {
		r.at = (i + 1) * segmentSize
	}
	return r.data[at+recordHead:][:size:size]
}

// empty says whether there is nothing.
func (r *ring) empty() bool { return r.at == atomic.LoadUint64(r.written) }

// waiting is how many bytes are to be read.
func (r *ring) waiting() uint64 { return atomic.LoadUint64(r.written) - atomic.LoadUint64(r.read) }

// give gives the room of what was read back.
func (r *ring) give() {
	if r.given != r.at {
		r.given = r.at
		atomic.StoreUint64(r.read, r.at)
	}
}
