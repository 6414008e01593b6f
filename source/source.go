package source

import (
	"context"
	"errors"

	"github.com/tapir-project/tapir/record"
)

// Source delivers packets. New or Open makes one, Run may be called once, and Close comes last. Interfaces and Stats
// may be called at any time from any goroutine.
type Source interface {
	// Run hands blocks to emit until the input ends, ctx ends or emit fails. It blocks, and has stopped every
	// goroutine it started when it returns.
	//
	// A block is borrowed until emit returns, and longer by those who Retain it. With Queues() > 1 emit is called from
	// that many goroutines at once, one for each Block.Queue; a source of one queue calls it from Run's own goroutine.
	//
	// It returns nil at the end of the input, ctx.Err() when ctx ended it, the error of emit as it is, and otherwise
	// what is wrong with the input. An error that Partial accepts says that everything readable was delivered.
	Run(ctx context.Context, emit func(*Block) error) error
	// Queues is how many goroutines call emit; packets of one flow come from one queue. It is constant.
	Queues() int
	// Interfaces lists where the packets come from; record.Packet.Iface is an index into it. It grows while Run finds
	// more; what was listed once keeps its index. The slice is the caller's.
	Interfaces() []Interface
	// Stats tells what was read and what was lost so far.
	Stats() Stats
	// Close gives everything back: sockets, rings, files. It waits until all blocks are released.
	Close() error
}

// Interface is one place packets come from: a network device, or an interface described in a capture file.
type Interface struct {
	Name    string          // "eth0"; "" where a file does not say
	Index   int             // the kernel's number for it; 0 for files
	Link    record.LinkType // how its packets begin; Packet.Link is what counts for a single packet
	Snaplen uint32          // most bytes captured of a packet; 0: not limited
}

// Stats counts what a source has done so far. All counts start with zero at Open.
type Stats struct {
	Packets  uint64 // handed to emit
	Bytes    uint64 // captured bytes of those
	Filtered uint64 // rejected by the filter in this process; a filter in the kernel does not count
	Drops    Drops
	Rolled   uint64 // of Packets: delivered by another queue than that of their flow, because that one was full
	Waits    uint64 // times the source waited because all of its memory was held by its consumers

	Position int64 // bytes of the input read so far, as stored (compressed); 0 for live sources
	Size     int64 // bytes of the input as stored; 0 where it is not known: standard input, live sources
	Files    int   // capture files to read in all
	Done     int   // capture files read to their end
	Skipped  int   // files in directories that are no captures
	Late     int   // files opened too late to be merged in time order, because too many overlap; see pcapfile
}

// Drops counts packets lost, by cause. They are not part of Stats.Packets.
type Drops struct {
	Kernel   uint64 // the kernel had no room in the ring: the consumer was too slow, or the buffer is too small
	Recorded uint64 // a capture file says that its recorder lost them
}

// Total is the packets lost for any cause.
func (d Drops) Total() uint64 { return d.Kernel + d.Recorded }

// Errors that callers branch on, for instance to choose an exit code. They come wrapped in one that says more.
var (
	// ErrPermission: the process may not capture. The text around it names the remedy.
	ErrPermission = errors.New("operation not permitted")
	// ErrNoInterface: there is no interface of that name or number. The text around it lists those there are.
	ErrNoInterface = errors.New("no such interface")
	// ErrDown: the interface exists but is down.
	ErrDown = errors.New("interface is down")
	// ErrGone: all interfaces of a running capture went away.
	ErrGone = errors.New("interface went away")
	// ErrNotCapture: the file is no packet capture.
	ErrNotCapture = errors.New("not a capture")
)

// Partial says whether err, which Run returned, means only that some input ended early: every packet before the cut was
// delivered, so that the caller may warn and go on. It asks every error that is joined in err.
func Partial(err error) bool {
	if err == nil {
		return false
	}
	if p, ok := err.(interface{ Partial() bool }); ok {
		return p.Partial()
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return allPartial(many.Unwrap())
	}
	return Partial(errors.Unwrap(err))
}

func allPartial(errs []error) bool {
	for _, err := range errs {
		if !Partial(err) {
			return false
		}
	}
	return len(errs) > 0
}
