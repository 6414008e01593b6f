package pcapstore

import (
	"math"
	"unsafe"
)

// chunk is a buffer of segment bytes on its way to the disk, with the journal frame for the packets that end in it.
type chunk struct {
	buf  []byte // ChunkBytes, aligned for O_DIRECT
	n    int    // bytes used
	lead int    // of them, bytes at the front that were written already (to start on a block boundary)
	base uint64 // offset of buf[0] in the uncompressed segment
	frame
	journal []byte // room for the frame header, then the entries
}

func newChunk(size int) *chunk {
	b := make([]byte, size+blockSize)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (blockSize - 1)
	return &chunk{buf: b[skip : skip+size : skip+size], journal: make([]byte, frameHeader, 16<<10)}
}

// reset makes c an empty chunk for the bytes from base on.
func (c *chunk) reset(base uint64) {
	c.n, c.lead, c.base = 0, 0, base
	c.frame = frame{min: math.MaxInt64, max: math.MinInt64}
	c.journal = c.journal[:frameHeader]
}

// task is one step for a writer's I/O loop.
type task struct {
	seg    *segment
	chunk  *chunk        // bytes to write; nil: none
	finish *ending       // the segment is complete after chunk; nil: it is not
	done   chan struct{} // closed when everything before is written; nil: nobody waits
}

// ending is what the worker knows of a segment at its end.
type ending struct {
	// until is the number the worker's next segment will have. Segments from this one up to until were written at
	// the same time (packets of several link types), so a replay from one of them must look at all of them.
	until uint64
}
