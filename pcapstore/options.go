package pcapstore

import (
	"errors"
	"fmt"
	"time"
)

// Policy says what Append does when the disk is behind and no buffer is free.
type Policy uint8

// The policies.
const (
	// DropPackets leaves the packet out of the store and says so: for live capture, which must never wait.
	DropPackets Policy = iota
	// Block waits for a buffer: for import. It drops too, with DiskFailed, when the disk is not slow but failing.
	Block
)

// SyncMode says when bytes are forced to the disk, which decides what a power cut may take. A process that dies,
// kill -9 included, loses only what Flush has not handed to the kernel, whatever the mode.
type SyncMode uint8

// The modes.
const (
	SyncSegments SyncMode = iota // when a segment is complete: at rotation and Close
	SyncNever                    // leave it to the kernel: for an import, whose input is still there
	SyncFlushes                  // after every write: slow
)

// Options are the choices of a Recorder. The zero value is a good one for live capture with one worker.
type Options struct {
	Workers int    // writers, numbered from 0 (default 1)
	Policy  Policy // when the queue is full
	// Waiting is how many of the writers, the last ones, have policy Block whatever Policy is: for imports beside a capture.
	Waiting int

	SegmentBytes int64         // a segment is complete at this many bytes, uncompressed (default 1 GiB, at most 4 GiB - 1 MiB)
	SegmentAge   time.Duration // or when it spans so much packet time (0: no limit); an hour ends it too

	ChunkBytes int // buffer size, a multiple of 4096 (default 2 MiB); packets must fit into one
	Chunks     int // buffers for each worker: the bound of its queue (default 8, at least 4)

	// Compress is the zstd level, 1 (fastest) to 4; 0 writes plain pcap.
	Compress   int
	FrameBytes int // uncompressed bytes of a zstd frame (default 256 KiB, at most ChunkBytes)

	Sync SyncMode
	// NoDirect writes through the page cache only. Otherwise full buffers of plain segments are written with
	// O_DIRECT as long as the disk keeps up: a fraction of the CPU time, and the page cache stays free for readers.
	NoDirect bool

	// RetryAfter is how long a writer waits before it tries a failing disk again (default 1 s).
	RetryAfter time.Duration

	disk       disk  // replaced by tests
	minSegment int64 // bytes below which a segment outlives its hour and its age; see defaults
	maxPackets uint32
	maxFlows   uint32
	maxOpen    int
	flushEvery time.Duration
}

// blockSize is the unit of O_DIRECT writes: a multiple of every disk's sector size.
const blockSize = 4096

// Bounds that keep memory small and files few whatever the packets are.
const (
	// defaultMinSegment stops a capture whose packets are hours apart (or a crafted one) from making a file of
	// every packet: time ends a segment only when it holds this much.
	defaultMinSegment = 64 << 10
	// defaultMaxPackets and defaultMaxFlows bound what building the index of a segment takes: 4 bytes a packet and
	// 24 a flow. Both may be passed by what fits into one chunk.
	defaultMaxPackets = 4 << 20
	defaultMaxFlows   = 1 << 20
	// defaultMaxOpen bounds the segments one worker writes at the same time: one for each kind of packets.
	defaultMaxOpen = 64

	maxSegmentBytes = 4<<30 - 1<<20
)

// withDefaults checks o and fills in what is zero.
func (o Options) withDefaults() (Options, error) {
	def(&o.Workers, 1)
	def(&o.SegmentBytes, 1<<30)
	def(&o.ChunkBytes, 2<<20)
	def(&o.Chunks, 8)
	def(&o.FrameBytes, 256<<10)
	def(&o.RetryAfter, time.Second)
	def(&o.minSegment, defaultMinSegment)
	def(&o.maxPackets, defaultMaxPackets)
	def(&o.maxFlows, defaultMaxFlows)
	def(&o.maxOpen, defaultMaxOpen)
	def(&o.flushEvery, time.Second)
	if o.disk == nil {
		o.disk = osDisk{}
	}
	switch {
	case o.Workers < 0 || o.Workers > 4096:
		return o, fmt.Errorf("packet store: %d workers: want 1 to 4096", o.Workers)
	case o.Waiting < 0 || o.Waiting > o.Workers:
		return o, fmt.Errorf("packet store: %d of %d workers wait: want 0 to %d", o.Waiting, o.Workers, o.Workers)
	case o.SegmentBytes < 0 || o.SegmentBytes > maxSegmentBytes:
		return o, fmt.Errorf("packet store: segments of %d bytes: want at most %d", o.SegmentBytes, int64(maxSegmentBytes))
	case o.ChunkBytes < 2*blockSize || o.ChunkBytes%blockSize != 0 || o.ChunkBytes > 64<<20:
		return o, fmt.Errorf("packet store: buffers of %d bytes: want a multiple of %d, 2 of them to 64 MiB", o.ChunkBytes, blockSize)
	case o.Chunks < 4 || o.Chunks > 1<<16:
		return o, fmt.Errorf("packet store: %d buffers: want 4 to 65536", o.Chunks)
	case o.Compress < 0 || o.Compress > 4:
		return o, fmt.Errorf("packet store: compression level %d: want 0 to 4", o.Compress)
	case o.FrameBytes < 1:
		return o, fmt.Errorf("packet store: frames of %d bytes: want at least 1", o.FrameBytes)
	}
	return o, nil
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Drop is the error of an Append that did not store its packet. The capture goes on; the caller counts it on the
// packet's session. It is a plain number: returning it allocates nothing.
type Drop uint8

// The reasons.
const (
	QueueFull    Drop = iota + 1 // the disk is slower than the packets come
	DiskFailed                   // the disk is full or gives errors: Status says which
	TooLarge                     // more than MaxPacket bytes, or than a buffer holds
	TooManyKinds                 // more link types (or eras, see the format) at the same time than segments may be open
	Closed                       // the Writer is closed
	nDrops
)

var dropNames = [nDrops]string{"none", "queue full", "disk failed", "packet too large", "too many link types", "closed"}

// String names the reason.
func (d Drop) String() string { return dropNames[d] }

func (d Drop) Error() string { return "packet not stored: " + d.String() }

// errDamaged marks a file that is not what this package wrote: it is rebuilt, or cut, by recovery.
var errDamaged = errors.New("damaged")
