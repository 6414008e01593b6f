package pcapfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// Config says what to read.
type Config struct {
	Paths  []string      // files, directories, "-"
	Filter source.Filter // packets it rejects are counted, not delivered
	Stdin  io.Reader     // what "-" is; nil: os.Stdin
	Warn   func(error)   // called from Open about files in directories that are skipped; may be nil
}

// Source reads capture files. It is a source.Source with one queue.
type Source struct {
	cfg       Config
	files     []*file
	piped     bool // one of them is a pipe, so that nobody knows how much there is to read
	filtering bool
	programs  []linkProgram // by link type, few; only the goroutine of Run uses them

	mu     sync.Mutex // guards the interfaces
	ifaces []source.Interface
	known  map[source.Interface]uint32

	count counters
	mem   *memory
}

type linkProgram struct {
	link record.LinkType
	prog *source.Program
}

type counters struct {
	packets, bytes, filtered, recorded atomic.Uint64
	position                           atomic.Int64
	done, late                         atomic.Int64
	size                               int64 // constant after Open
	skipped                            int
}

// maxInterfaces bounds the different interfaces of all files.
const maxInterfaces = 1 << 16

// Open finds the files and checks that they are captures, as far as that is possible without waiting for a pipe. It
// reads each up to its first packet.
func Open(cfg Config) (*Source, error) {
	if cfg.Stdin == nil {
		cfg.Stdin = os.Stdin
	}
	if cfg.Warn == nil {
		cfg.Warn = func(error) {}
	}
	s := &Source{cfg: cfg, filtering: cfg.Filter.Expr != "", known: map[source.Interface]uint32{}}
	if err := s.list(); err != nil {
		return nil, err
	}
	if s.piped {
		s.count.size = 0
	}
	s.mem = newMemory(len(s.files))
	return s, nil
}

// Queues is 1: a reader of files is one goroutine.
func (s *Source) Queues() int { return 1 }

// Interfaces lists the interfaces found so far: one for each name, link type and snaplen. For pcap files, which do not
// name them, the name is empty.
func (s *Source) Interfaces() []source.Interface {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]source.Interface(nil), s.ifaces...)
}

// Stats tells how far Run is.
func (s *Source) Stats() source.Stats {
	c := &s.count
	return source.Stats{
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), Filtered: c.filtered.Load(),
		Drops: source.Drops{Recorded: c.recorded.Load()}, Waits: s.mem.waits.Load(),
		Position: c.position.Load(), Size: c.size,
		Files: len(s.files), Done: int(c.done.Load()), Skipped: c.skipped, Late: int(c.late.Load()),
	}
}

// Close does nothing: Run closes the files, and memory lent out is the garbage collector's.
func (s *Source) Close() error { return nil }

// register finds or adds an interface, with the filter for its packets.
func (s *Source) register(i source.Interface, file string) (uint32, error) {
	if n, ok := s.known[i]; ok {
		return n, nil
	}
	if len(s.ifaces) == maxInterfaces {
		return 0, fmt.Errorf("%s: more than %d different interfaces", file, maxInterfaces)
	}
	if err := s.compile(i.Link); err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := uint32(len(s.ifaces))
	s.ifaces = append(s.ifaces, i)
	s.known[i] = n
	return n, nil
}

// compile readies the filter for a link type.
func (s *Source) compile(link record.LinkType) error {
	if !s.filtering || s.program(link) != nil {
		return nil
	}
	prog, err := s.cfg.Filter.Program(link)
	if err != nil {
		return err
	}
	s.programs = append(s.programs, linkProgram{link, prog})
	return nil
}

func (s *Source) program(link record.LinkType) *source.Program {
	for i := range s.programs {
		if s.programs[i].link == link {
			return s.programs[i].prog
		}
	}
	return nil
}

// pass keeps the packets that the filter lets through, in place.
func (s *Source) pass(packets []record.Packet) []record.Packet {
	if !s.filtering {
		return packets
	}
	kept := packets[:0]
	for i := range packets {
		p := &packets[i]
		if s.program(p.Link).Match(p.Data, p.WireLen) {
			kept = append(kept, *p)
		}
	}
	s.count.filtered.Add(uint64(len(packets) - len(kept)))
	return kept
}

// Run reads all files. See source.Source and the package comment.
func (s *Source) Run(ctx context.Context, emit func(*source.Block) error) error {
	m := &merger{src: s, mem: s.mem, emit: emit}
	defer m.close()
	m.start(ctx, s.files)
	if err := m.run(ctx); err != nil {
		return err
	}
	return errors.Join(m.errs...)
}
