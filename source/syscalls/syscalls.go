package syscalls

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
)

// Config says what is captured.
type Config struct {
	Snaplen  int             // bytes of data of a call; 0: 80
	Buffer   int             // bytes of the kernel's rings together, a power of two, at least 1 MiB for each processor; 0: 64 MiB
	Tables   func(entry any) // gets what there is when the capture begins, as a scap.Reader's Table does
	Plan     *Plan           // what the kernel tests; nil: everything is captured
	Untimed  bool            // nobody looks at latencies and the times of entering events: if the plan allows it, calls are seen when they end only
	Blind    bool            // nobody looks at what calls read and write: unless the filter does, it is not gathered
	Pairs    bool            // a call is two events, as in files; else one that knows when it was entered
	Switches bool            // threads that take turns on processors are told
	Faults   bool            // page faults are told
	Times    bool            // threads' processor times are told each second, as files have them
	Idle     func() error    // called when all that came was delivered, before waiting; may be nil
	// Settled is asked about a call that reads or writes before events are made of it: e is the one that leaves it, as yet without
	// parameters, and knows when it was entered; fd is the descriptor. nil: all events are delivered.
	Settled func(e *scap.Event, fd int64) Fate
	Write   func(e *scap.Event) error // gets both events of a call that is Written
	Lost    func(*Losses)             // called when more was lost, at most once a second; may be nil
}

// Fate is what becomes of a call.
type Fate uint8

// The fates of calls.
const (
	Delivered Fate = iota // as events, by Next
	Unneeded              // nobody needs events of it
	Written               // its events are written and not delivered
)

// The defaults and bounds of Config.
const (
	DefaultSnaplen = 80
	MaxSnaplen     = 65000
	DefaultBuffer  = 64 << 20
)

// nap is how long the reader sleeps when it has read all, unless a batch comes together before: it is not woken for each record, nor
// is it busy when there are many.
const nap = 20 * time.Millisecond

// Source delivers calls as they happen. One goroutine calls Next; Stats may be called from any.
type Source struct {
	cfg     Config
	kernel  *kernel
	known   tables
	decoder decoder
	epoch   int64 // of CLOCK_MONOTONIC, ns since the epoch
	entered half  // the entering event of the call at hand, when both are delivered
	left    half
	second  bool  // left is still to be delivered
	at      int64 // time of the last event
	checked int64 // when losses were looked for
	lost    atomic.Pointer[Losses]
	dropped []byte  // parameters of an event that the kernel did not deliver
	times   []times // still to be told
	start   *Start
	stop    atomic.Bool
	drained bool
	events  atomic.Uint64
}

// tables are what is known of calls and events.
type tables struct {
	calls    *[maxCalls]call
	entering *[scap.Types]entering
}

// half is the entering or leaving event of a call with the memory of its parameters.
type half struct {
	event   scap.Event
	lengths []byte
	data    []byte
}

// Open begins a capture. Before it returns cfg.Tables has got the machine's state. Close ends it.
func Open(cfg Config) (*Source, error) {
	if err := errors.Join(checkMachine(), checkPrivilege()); err != nil {
		return nil, err
	}
	if cfg.Snaplen == 0 {
		cfg.Snaplen = DefaultSnaplen
	}
	if cfg.Buffer == 0 {
		cfg.Buffer = DefaultBuffer
	}
	cfg.Snaplen = min(cfg.Snaplen, MaxSnaplen)
	if cfg.Plan == nil {
		cfg.Plan = Everything()
	}
	k, err := openKernel(&cfg)
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, kernel: k, known: tables{calls(), enterParams()}}
	if s.epoch, err = monotonicEpoch(); err != nil {
		return nil, errors.Join(err, k.close())
	}
	s.lost.Store(&Losses{})
	if err := k.attach(); err != nil {
		return nil, errors.Join(err, k.close())
	}
	if s.start, err = snapshot(k.types, cfg.Tables); err != nil {
		return nil, errors.Join(err, k.close())
	}
	k.types = nil
	return s, nil
}

// monotonicEpoch is when CLOCK_MONOTONIC was zero.
func monotonicEpoch() (int64, error) {
	var mono unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Now().UnixNano() - mono.Nano(), nil
}

// StopWith ends the capture when ctx ends: what was captured until then is still delivered, then io.EOF.
func (s *Source) StopWith(ctx context.Context) (cancel func() bool) {
	return context.AfterFunc(ctx, func() { s.stop.Store(true) })
}

// Calls is how many records the kernel delivered.
func (s *Source) Calls() uint64 { return s.events.Load() }

// Start is what the state at the start was read from; nil if nobody was told of it.
func (s *Source) Start() *Start { return s.start }

// Close gives everything back.
func (s *Source) Close() error { return s.kernel.close() }

// Next delivers the next event; it waits until there is one. Its error is io.EOF after the capture was stopped and all that it
// had captured is delivered.
func (s *Source) Next(e *scap.Event) error {
	if s.rest(e) {
		return nil
	}
	for {
		if s.stop.Load() && !s.drained {
			s.drained = true
			if err := s.kernel.detach(); err != nil {
				return err
			}
		}
		if s.at-s.checked >= int64(time.Second) {
			s.checked = s.at
			if s.cfg.Times {
				s.times = readTimes(s.times[:0])
			}
			if lost, err := s.checkLosses(e); lost || err != nil {
				return err
			}
		}
		if s.nextTimes(e) {
			return nil
		}
		switch record := s.kernel.rings.next(); {
		case record != nil:
			if ok, err := s.take(record, e); ok || err != nil {
				return err
			}
		case !s.drained:
			if err := s.idle(); err != nil {
				return err
			}
		case s.kernel.rings.empty():
			return s.finish(e)
		}
	}
}

// rest makes e the next event of the record at hand, if it has more.
func (s *Source) rest(e *scap.Event) bool {
	if !s.second && !s.message() {
		return false
	}
	s.second = false
	*e = s.left.event
	return true
}

// take makes e the first event of a record and says whether there is one to be delivered.
func (s *Source) take(record []byte, e *scap.Event) (bool, error) {
	if !s.decoder.read(record) {
		return false, nil
	}
	if done, err := s.settle(); done || err != nil || !s.decoder.split() || !s.make() {
		return false, err
	}
	s.at = s.left.event.Time
	s.events.Add(1)
	*e = s.left.event
	if s.second {
		*e = s.entered.event
	}
	return true, nil
}

// idle is what is done when all that came was delivered.
func (s *Source) idle() error {
	s.at = time.Now().UnixNano()
	if s.cfg.Idle != nil {
		if err := s.cfg.Idle(); err != nil {
			return err
		}
	}
	return s.kernel.bell.wait(nap)
}

// finish tells of the last losses, then of the end.
func (s *Source) finish(e *scap.Event) error {
	if lost, err := s.checkLosses(e); lost || err != nil {
		return err
	}
	return io.EOF
}

// settle makes short work of the record at hand if it is a call of which no events are to be delivered, and says whether it is.
func (s *Source) settle() (done bool, err error) {
	d := &s.decoder
	if d.kind != recordCall {
		return false, nil
	}
	d.call = &s.known.calls[d.sysno]
	if s.cfg.Untimed && d.entered == 0 {
		d.entered = d.left
	}
	if s.cfg.Settled == nil || !d.call.transfers || d.entered == 0 {
		return false, nil
	}
	x := &s.left.event
	x.Time, x.Enter, x.Thread, x.Type, x.CPU, x.Hidden = s.epoch+d.left, s.epoch+d.entered, int64(d.thread), d.call.event, d.cpu, false
	fate := s.cfg.Settled(x, int64(int32(d.args[d.call.fd])))
	if fate == Delivered {
		return false, nil
	}
	s.at = x.Time
	s.events.Add(1)
	if fate == Unneeded || !d.split() {
		return true, nil
	}
	d.params()
	x.Enter = 0
	if !x.Set(d.lengths, d.data) || !s.enter() {
		return true, nil
	}
	return true, errors.Join(s.cfg.Write(&s.entered.event), s.cfg.Write(x))
}

// make makes events of the record at hand and says whether there are any.
func (s *Source) make() bool {
	d := &s.decoder
	d.call = &s.known.calls[d.sysno]
	x := &s.left.event
	*x = scap.Event{Time: s.epoch + d.left, Thread: int64(d.thread), CPU: d.cpu, Type: d.call.event}
	switch d.kind {
	case recordGone:
		x.Type = exitEvent
		d.exit()
	case recordSignal:
		x.Type = signalEvent
		d.signal()
	case recordSwitch:
		x.Type = switchEvent
		d.turn()
	case recordFault:
		x.Type = faultEvent
		d.fault()
	case recordFork:
		if d.call.event.Info().Find("vtid") < 0 { // made by other means than a call that is known
			d.call = &calls()[numberOf("clone")]
		}
		x.Type, d.result = d.call.event, 0
		d.params()
	default:
		d.params()
	}
	if d.call.name == "" || !x.Set(d.trimmed(), d.data) {
		return false
	}
	if x.Type == ringComplete { // how long it took is one of its parameters
		return d.kind == recordCall || s.submit()
	}
	if d.entered == 0 || d.kind == recordFork || d.kind == recordGone {
		return true
	}
	if !s.cfg.Pairs {
		x.Enter = s.epoch + d.entered
		return true
	}
	s.second = s.enter()
	return true
}

// message makes the event of the next message of the call at hand, if it has one: all but the first have a leaving event only.
func (s *Source) message() bool {
	d, x := &s.decoder, &s.left.event
	if d.call == nil || !d.next() {
		return false
	}
	return x.Set(d.lengths, d.data)
}

// submit makes the event of an operation of io_uring that begins, where such events are delivered.
func (s *Source) submit() bool {
	if !s.cfg.Pairs {
		return false
	}
	s.decoder.entered = s.decoder.left
	ok := s.enter()
	s.left.event = s.entered.event
	return ok
}

// The events that are no calls.
const (
	exitEvent   scap.Type = 186 // a thread ends
	signalEvent scap.Type = 232
	switchEvent scap.Type = 152 // a thread leaves its processor to another
	faultEvent  scap.Type = 290
)

// enter makes the entering event of the call at hand, from those parameters of the leaving one that it was entered with.
func (s *Source) enter() bool {
	x, n, h := &s.left.event, &s.entered.event, &s.entered
	*n = scap.Event{Time: s.epoch + s.decoder.entered, Thread: x.Thread, CPU: x.CPU, Type: x.Type - 1}
	from := &s.known.entering[x.Type]
	if from.inRow {
		n.Part(x, int(from.first), len(from.places))
		return true
	}
	h.lengths, h.data = h.lengths[:0], h.data[:0]
	for i, from := range from.places {
		b := zeros[:n.Type.Info().Params[i].Kind.Size()]
		if from >= 0 {
			b = x.Param(int(from))
		}
		h.lengths = append(h.lengths, byte(len(b)), byte(len(b)>>8))
		h.data = append(h.data, b...)
	}
	return n.Set(withoutLast(n.Type, h.lengths), h.data)
}

// zeros stands for a number that is not known.
var zeros [16]byte

// entering says where the parameters of an entering event stand in the leaving one.
type entering struct {
	places []int8 // -1: nowhere
	first  int8
	inRow  bool // they stand there as they are, from first on
}

// enterParams are those of each leaving event.
var enterParams = sync.OnceValue(func() *[scap.Types]entering {
	out := new([scap.Types]entering)
	for t := scap.Type(1); t < scap.Types; t += 2 {
		exit, e := t.Info(), &out[t]
		for _, p := range (t - 1).Info().Params {
			i := exit.Find(p.Name)
			if i < 0 && p.Name == "fd" { // of dup and its kin
				i = exit.Find("oldfd")
			}
			e.places = append(e.places, int8(i))
		}
		e.inRow = len(e.places) > 0
		for i, from := range e.places {
			e.first = e.places[0]
			e.inRow = e.inRow && from >= 0 && from == e.first+int8(i)
		}
	}
	return out
})
