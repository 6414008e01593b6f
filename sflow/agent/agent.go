package agent

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

const (
	queueLength = 1024                   // samples on their way; at most about 1.5 KiB each
	holdSamples = 500 * time.Millisecond // longest wait of a sample for its datagram to fill
	tick        = time.Second            // how often the counters are looked at
)

// Options say what an agent is among the others of its host.
type Options struct {
	SubAgent uint32       // differs between the agents of one address, for each numbers its datagrams
	OldHTTP  bool         // requests as the older record, 0:2201, for collectors that do not know 0:2206
	Log      *slog.Logger // nil: nothing is logged
}

// Agent sends samples and counters of its sources. It is made by New, configured at any time, and works while Run runs.
type Agent struct {
	o       Options
	start   time.Time
	config  atomic.Pointer[Config]
	changed chan struct{}
	free    chan *message
	queue   chan *message

	mu      sync.Mutex // guards sources
	sources []*Source

	samples, datagrams, dropped, unsent atomic.Uint64

	// Owned by Run.
	applied    *Config
	encoder    sflow.Encoder
	sequence   uint32
	open       bool // a datagram was begun
	collectors []*collector
	records    Records
}

// New makes an agent that is not configured: until it is, nothing is sampled or sent.
func New(o Options) *Agent {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &Agent{o: o, start: time.Now(), changed: make(chan struct{}, 1), free: make(chan *message, queueLength), queue: make(chan *message, queueLength)}
	for range queueLength {
		a.free <- &message{}
	}
	return a
}

// Configure makes c the configuration from now on; nil stops sampling and sending. It may be called while Run runs. c must
// not be changed afterwards.
func (a *Agent) Configure(c *Config) {
	a.config.Store(c)
	a.mu.Lock()
	for _, s := range a.sources {
		s.SetRate(c.SamplingFor(s.o.Kind))
	}
	a.mu.Unlock()
	a.wake()
}

// wake has Run look at the configuration and the sources.
func (a *Agent) wake() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// Header is how many bytes of a packet a sample should have.
func (a *Agent) Header() int {
	if c := a.config.Load(); c != nil && c.Header > 0 {
		return min(c.Header, MaxHeader)
	}
	return DefaultHeader
}

// Stats are an agent's numbers since it was made.
type Stats struct {
	Samples   uint64 // flow and counter samples sent
	Datagrams uint64
	Dropped   uint64 // samples lost because the queue was full, or before they came to it
	Unsent    uint64 // datagrams that the kernel did not take for a collector
}

// Stats may be called at any time.
func (a *Agent) Stats() Stats {
	return Stats{a.samples.Load(), a.datagrams.Load(), a.dropped.Load(), a.unsent.Load()}
}

// Run samples and sends until ctx ends; then it sends what is queued and each source's last counters.
func (a *Agent) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	hold := time.NewTimer(time.Hour)
	hold.Stop()
	defer hold.Stop()
	defer a.close()
	a.apply()
	for {
		select {
		case m := <-a.queue:
			if !a.open {
				hold.Reset(holdSamples)
			}
			a.flow(m)
		case <-hold.C:
			a.flush()
		case now := <-t.C:
			a.poll(now, false)
		case <-a.changed:
			a.apply()
			a.poll(time.Now(), false)
		case <-ctx.Done():
			a.drain()
			return nil
		}
	}
}

// drain sends what there is.
func (a *Agent) drain() {
	a.apply()
	for {
		select {
		case m := <-a.queue:
			a.flow(m)
		default:
			a.poll(time.Now(), true)
			a.flush()
			return
		}
	}
}

// apply takes up a new configuration and tells the sources their rates.
func (a *Agent) apply() {
	c := a.config.Load()
	if c != a.applied {
		a.flush()
		a.applied = c
		a.connect(c)
	}
	for _, s := range a.list() {
		rate := c.SamplingFor(s.o.Kind)
		s.SetRate(rate)
		if s.o.OnRate != nil && (!s.told || s.toldRate != rate) {
			s.told, s.toldRate = true, rate
			s.o.OnRate(rate)
		}
	}
}

func (a *Agent) list() []*Source {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.sources)
}

// connect opens the sockets of c's collectors; those that are open already are kept.
func (a *Agent) connect(c *Config) {
	old := a.collectors
	a.collectors = nil
	if c != nil {
		for _, to := range c.Collectors {
			i := slices.IndexFunc(old, func(x *collector) bool { return x != nil && x.to == to })
			if i >= 0 {
				a.collectors = append(a.collectors, old[i])
				old[i] = nil
				continue
			}
			a.collectors = append(a.collectors, &collector{to: to})
		}
	}
	for _, x := range old {
		if x != nil {
			x.close()
		}
	}
}

func (a *Agent) close() {
	a.connect(nil)
	a.applied = nil
}

// flow adds a flow sample to the datagram and gives its message back.
func (a *Agent) flow(m *message) {
	s := m.source
	if a.config.Load() != a.applied { // it was drawn under a configuration that is not taken up yet
		a.apply()
	}
	if a.applied != nil && m.rate > 0 {
		s.flows++
		head := sflow.Sample{Tag: sflow.TagFlow, Sequence: s.flows, Source: s.ID(), Rate: m.rate, Pool: m.pool, Drops: s.drops.Load(),
			Input: m.in, Output: m.out}
		a.sample(&head, &m.Records)
	}
	a.free <- m
}

// poll sends the counters of the sources whose time has come, or of all.
func (a *Agent) poll(now time.Time, all bool) {
	for _, s := range a.list() {
		interval := a.applied.PollingFor(s.o.Kind)
		switch {
		case s.o.Counters == nil || interval <= 0:
			s.interval = 0
			continue
		case interval != s.interval: // the first ones come at random, so that not all hosts of a network send at once
			s.interval = interval
			s.next = now.Add(time.Duration(rand.Int64N(int64(interval))))
			if !all {
				continue
			}
		case !all && now.Before(s.next):
			continue
		}
		if s.next = s.next.Add(interval); s.next.Before(now) {
			s.next = now.Add(interval)
		}
		a.counters(s)
	}
	a.flush()
}

func (a *Agent) counters(s *Source) {
	a.records.reset()
	s.o.Counters(&a.records)
	if len(a.records.places) == 0 {
		return
	}
	s.counters++
	a.sample(&sflow.Sample{Tag: sflow.TagCounters, Sequence: s.counters, Source: s.ID()}, &a.records)
}

// sample adds a sample to the datagram, in a new one if it does not fit.
func (a *Agent) sample(head *sflow.Sample, records *Records) {
	for range 2 {
		fresh := !a.open
		if fresh {
			a.sequence++
			a.encoder.Start(&sflow.Datagram{Agent: a.address(), SubAgent: a.o.SubAgent, Sequence: a.sequence, Uptime: uint32(time.Since(a.start).Milliseconds())})
			a.open = true
		}
		a.encoder.Begin(head)
		records.encode(&a.encoder)
		a.encoder.End()
		if fresh || a.encoder.Len() <= a.applied.datagram() {
			break
		}
		a.encoder.Undo()
		a.flush()
	}
	a.samples.Add(1)
}

func (a *Agent) address() netip.Addr {
	if a.applied.Agent.IsValid() {
		return a.applied.Agent
	}
	return netip.IPv4Unspecified()
}

// flush sends the datagram.
func (a *Agent) flush() {
	if !a.open {
		return
	}
	a.open = false
	a.datagrams.Add(1)
	for _, c := range a.collectors {
		if err := c.send(a.encoder.Bytes()); err != nil {
			a.unsent.Add(1)
			c.complain(a.o.Log, err)
		}
	}
}
