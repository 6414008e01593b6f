package afpacket

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/source"
)

// Source captures packets. It is a source.Source with a queue for each worker.
type Source struct {
	cfg     Config
	targets []*target // interfaces named; none for "any"
	rings   []*ring
	wake    int // eventfd that ends the waits of all rings

	mu      sync.Mutex // guards what follows
	ifaces  []source.Interface
	byIndex map[int32]*device

	looked time.Time // when the interfaces were looked at; only the first ring uses it
}

// maxInterfaces bounds the list of interfaces: on a host of containers "any" sees new ones for ever. The last entry
// stands for all that come later.
const maxInterfaces = 1 << 16

// Open opens the sockets. Packets are received from then on.
func Open(cfg Config) (*Source, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, wake: -1, byIndex: map[int32]*device{}}
	if err := s.open(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Source) open() (err error) {
	for i := range s.cfg.Workers {
		fd, err := openSocket(s.cfg.Interfaces[0])
		if err != nil {
			return err
		}
		s.rings = append(s.rings, newRing(s, i, fd))
	}
	fd := s.rings[0].fd
	if s.targets, err = resolve(fd, s.cfg.Interfaces); err != nil {
		return err
	}
	prog, err := kernelFilter(s.cfg.Filter, s.targets, s.cfg.Snaplen)
	if err != nil {
		return err
	}
	if s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if err := s.start(prog); err != nil {
		return fmt.Errorf("open %s: %w", strings.Join(s.cfg.Interfaces, ", "), err)
	}
	return s.list(fd)
}

// start makes the rings and lets packets in.
func (s *Source) start(prog program) error {
	index := 0
	if len(s.targets) == 1 {
		index = s.targets[0].index
	}
	for _, r := range s.rings {
		mem, err := setup(r.fd, &s.cfg)
		if err != nil {
			return err
		}
		r.lay(mem, s.cfg.BlockSize)
		if err := bind(r.fd, index); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
	}
	if len(s.rings) > 1 {
		if err := fanout(s.rings, &s.cfg); err != nil {
			return err
		}
	}
	if s.cfg.Promiscuous {
		for _, t := range s.targets {
			if err := promiscuous(s.rings[0].fd, t); err != nil {
				return err
			}
		}
	}
	return s.filter(prog)
}

// filter changes the filter of all sockets.
func (s *Source) filter(prog program) error {
	var errs []error
	for _, r := range s.rings {
		errs = append(errs, setFilter(r.fd, prog))
	}
	return firstOf(errs)
}

// list fills the list of interfaces with those named, or with all there are now.
func (s *Source) list(fd int) error {
	if len(s.targets) > 0 {
		for _, t := range s.targets {
			s.add(int32(t.index), t.name, t.hardware)
		}
		return nil
	}
	links, err := Links()
	if err != nil {
		return err
	}
	for _, l := range links {
		s.add(int32(l.Index), l.Name, linkOf(l.hatype))
	}
	return nil
}

// add makes an interface known. The caller holds mu, or is alone.
func (s *Source) add(index int32, name string, h hardware) *device {
	d := &device{hardware: h, index: index, iface: uint32(len(s.ifaces))}
	if len(s.ifaces) == maxInterfaces {
		d.iface--
		s.ifaces[d.iface] = source.Interface{Name: "(others)", Link: s.ifaces[d.iface].Link}
		return d
	}
	s.ifaces = append(s.ifaces, source.Interface{Name: name, Index: int(index), Link: h.link, Snaplen: s.cfg.Snaplen})
	s.byIndex[index] = d
	return d
}

// device finds an interface by the kernel's number when a ring sees it for the first time.
func (s *Source) device(index int32, hatype uint16) *device {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.byIndex[index]; d != nil {
		return d
	}
	name, err := nameOf(s.rings[0].fd, int(index))
	if err != nil {
		name = fmt.Sprintf("(interface %d)", index) // it went away already
	}
	return s.add(index, name, linkOf(hatype))
}

// Queues is the number of workers.
func (s *Source) Queues() int { return len(s.rings) }

// Interfaces lists the interfaces: those named, in their order, or those that are there, and then those that came later.
func (s *Source) Interfaces() []source.Interface {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]source.Interface(nil), s.ifaces...)
}

// Stats asks the kernel for its counters and adds them up.
func (s *Source) Stats() (st source.Stats) {
	for _, r := range s.rings {
		_, dropped, rolled := r.kernel()
		st.Rolled += rolled
		st.Packets += r.count.delivered.Load()
		st.Bytes += r.count.bytes.Load()
		st.Waits += r.count.waits.Load()
		st.Drops.Kernel += dropped + r.count.skipped.Load()
	}
	return st
}

// Run captures until ctx ends; see source.Source. It fails if every interface that was named goes away.
func (s *Source) Run(ctx context.Context, emit func(*source.Block) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(s.rings))
	var wg sync.WaitGroup
	for i, r := range s.rings {
		wg.Go(func() {
			defer cancel() // one that ends ends all
			errs[i] = r.run(inner, s.wake, emit)
		})
	}
	<-inner.Done()
	dropErr := s.filter(dropAll)
	unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // ends all waits: nobody reads it
	wg.Wait()
	return cmp.Or(firstOf(errs), dropErr, ctx.Err())
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Close gives the sockets and rings back. It waits until all blocks are released.
func (s *Source) Close() error {
	for _, r := range s.rings {
		r.close()
	}
	if s.wake >= 0 {
		unix.Close(s.wake)
	}
	return nil
}

// watchEvery is how often the interfaces are looked at.
const watchEvery = 500 * time.Millisecond

// watch looks at the interfaces that were named, now and then, and tells what changed. The first ring calls it. All
// sockets go on receiving when an interface comes up again; one that went away does not come back, as its number does
// not. If all are gone, that is an error.
func (s *Source) watch(fd int) error {
	if len(s.targets) == 0 || time.Since(s.looked) < watchEvery {
		return nil
	}
	s.looked = time.Now()
	left := 0
	for _, t := range s.targets {
		if now := lookAt(fd, t); now != t.state {
			t.state = now
			s.cfg.Notify(t.changed())
		}
		if t.state != gone {
			left++
		}
	}
	if left > 0 {
		return nil
	}
	return fmt.Errorf("%s: %w, after %d packets", strings.Join(s.cfg.Interfaces, ", "), source.ErrGone, s.Stats().Packets)
}

// changed tells the state of a target.
func (t *target) changed() error {
	switch t.state {
	case gone:
		return fmt.Errorf("%s: %w", t.name, source.ErrGone)
	case down:
		return fmt.Errorf("%s: %w", t.name, source.ErrDown)
	}
	return fmt.Errorf("%s: interface is up again", t.name)
}
