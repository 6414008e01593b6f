package collector

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

// Bounds of a Ledger. What is beyond is collected, but counted together under the zero address.
const (
	MaxExporters = 4096
	MaxSources   = 1024 // of one exporter
)

// downAfter is how long an exporter must be silent to be down: three times the longest usual interval of counters.
const downAfter = 90 * time.Second

// reorderWindow is how far back a sequence number may lie to be a datagram that came late, and not a restart.
const reorderWindow = 1024

// ExporterKey names an exporter: what numbers its datagrams by itself.
type ExporterKey struct {
	Agent    netip.Addr `json:"agent"`
	SubAgent uint32     `json:"sub_agent"` // or observation domain
	NetFlow  bool       `json:"netflow"`
}

// SourceKey names a source of an exporter.
type SourceKey struct {
	Source   sflow.Source
	Counters bool // its counter samples are numbered by themselves
}

// Losses counts what an exporter sent and what became of it.
type Losses struct {
	Datagrams  uint64 `json:"datagrams"`
	Bytes      uint64 `json:"bytes"`
	Samples    uint64 `json:"samples"`
	Lost       uint64 `json:"datagrams_lost"` // missing from the sequence, by whatever cause
	SocketLost uint64 `json:"socket_lost"`    // of Lost, those that went missing while the socket had no room
	Late       uint64 `json:"datagrams_late"` // came behind later ones; they are taken off Lost
	GapSamples uint64 `json:"samples_lost"`   // missing from the sequences of sources
	AgentDrops uint64 `json:"agent_drops"`    // samples that the agent says it lost
	Damaged    uint64 `json:"decode_errors"`  // datagrams, samples and records that could not be read
	Restarts   uint64 `json:"restarts"`
}

// Exporter is the ledger's page of one exporter.
type Exporter struct {
	Key      ExporterKey
	Sender   netip.Addr
	Losses   Losses
	First    time.Time
	Last     time.Time
	Up       bool
	Sequence uint32 // of the latest datagram
	Uptime   uint32 // ms, of the latest datagram
	Sources  map[SourceKey]*Source

	overflow uint32 // the socket's count of drops at the latest datagram
	last     *Source
	lastKey  SourceKey
}

// Source is the ledger's entry of one source.
type Source struct {
	Samples  uint64  // received
	Lost     uint64  // missing from the sequence
	Drops    uint64  // that the agent says it lost
	Packets  float64 // estimate of what was sampled from: the sum of the weights
	Rate     uint32  // the latest
	sequence uint32
	pool     uint32
	drops    uint32
	octets   [2]uint64 // in and out, of the latest interface counters
	uptime   uint32    // ms, when they were taken; 0 if there were none
}

// Event is something that happened to an exporter.
type Event struct {
	Time     time.Time
	Exporter ExporterKey
	Action   string // exporter-up, exporter-down, exporter-restart
}

// Actions of events.
const (
	ActionUp      = "exporter-up"
	ActionDown    = "exporter-down"
	ActionRestart = "exporter-restart"
)

// Ledger keeps the pages. It is safe for concurrent use; a page is touched under the lock of the ledger, which one
// datagram takes once.
type Ledger struct {
	mu        sync.Mutex
	exporters map[ExporterKey]*Exporter
	events    []Event // waiting to be taken
}

// NewLedger makes an empty Ledger.
func NewLedger() *Ledger { return &Ledger{exporters: map[ExporterKey]*Exporter{}} }

// arrival is what is known of a datagram when it comes.
type arrival struct {
	key      ExporterKey
	sender   netip.Addr
	at       time.Time
	bytes    int
	sequence uint32
	step     uint32 // how far the sequence goes with this datagram: 1 but for NetFlow, which counts flows
	uptime   uint32 // ms
	overflow uint32 // the socket's count of drops
}

// page finds or begins the page of an exporter; the caller holds l.mu.
func (l *Ledger) page(a *arrival) *Exporter {
	e := l.exporters[a.key]
	if e == nil && len(l.exporters) >= MaxExporters {
		a.key = ExporterKey{}
		e = l.exporters[a.key]
	}
	if e == nil {
		e = &Exporter{Key: a.key, Sender: a.sender, First: a.at, Sources: map[SourceKey]*Source{}, overflow: a.overflow}
		e.Sequence = a.sequence - 1
		if a.key.NetFlow {
			e.Sequence = a.sequence
		}
		l.exporters[a.key] = e
	}
	return e
}

// arrived enters a datagram.
func (l *Ledger) arrived(a *arrival) *Exporter {
	e := l.page(a)
	e.Losses.Datagrams++
	e.Losses.Bytes += uint64(a.bytes)
	if !e.Up {
		e.Up = true
		l.event(a.at, a.key, ActionUp)
	}
	e.Last = a.at
	if a.key == (ExporterKey{}) { // many exporters on one page have no sequence
		return e
	}
	expected := e.Sequence + 1
	if a.key.NetFlow {
		expected = e.Sequence
	}
	switch gap := int32(a.sequence - expected); {
	case gap == 0:
	case restarted(e, a):
		e.Losses.Restarts++
		l.event(a.at, a.key, ActionRestart)
		clear(e.Sources)
		e.last = nil
	case gap > 0:
		lost := uint64(gap)
		e.Losses.Lost += lost
		e.Losses.SocketLost += min(lost, uint64(a.overflow-e.overflow))
	default:
		e.Losses.Late++
		e.Losses.Lost -= min(e.Losses.Lost, 1)
		return e // the sequence stays where it is
	}
	e.overflow = a.overflow
	e.Sequence, e.Uptime = a.sequence, a.uptime
	if a.key.NetFlow {
		e.Sequence = a.sequence + a.step
	}
	return e
}

// restarted says whether the exporter began anew: its clock went back by more than late datagrams do, and not because it
// wrapped, or its sequence jumped back too far.
func restarted(e *Exporter, a *arrival) bool {
	back := int32(a.uptime - e.Uptime)
	if back < -60_000 || back < 0 && a.sequence < reorderWindow && e.Sequence-a.sequence > reorderWindow {
		return true
	}
	gap := int32(a.sequence - e.Sequence)
	return gap < -reorderWindow || back < 0 && gap < 0 && a.uptime < e.Uptime/2
}

// source finds or begins the entry of a source; nil beyond the bound.
func (e *Exporter) source(k SourceKey) (s *Source, fresh bool) {
	if e.last != nil && e.lastKey == k {
		return e.last, false
	}
	s = e.Sources[k]
	if s == nil {
		if len(e.Sources) >= MaxSources {
			return nil, false
		}
		s, fresh = &Source{}, true
		e.Sources[k] = s
	}
	e.last, e.lastKey = s, k
	return s, fresh
}

// sample enters a sample and gives its weight: how many packets it stands for. That is the sampling rate; where samples
// were lost before it, here or in the agent, it is the growth of the pool, which counts the packets they stood for too.
func (e *Exporter) sample(s *sflow.Sample) (weight int64) {
	e.Losses.Samples++
	weight = max(int64(s.Rate), 1)
	src, fresh := e.source(SourceKey{s.Source, s.Counters()})
	if src == nil {
		return weight
	}
	src.Samples++
	if !fresh {
		lost := uint64(0)
		if gap := int32(s.Sequence - src.sequence); gap > 1 && gap < math.MaxInt32/2 {
			lost = uint64(gap - 1)
			src.Lost += lost
			e.Losses.GapSamples += lost
		}
		dropped := uint64(0)
		if d := int32(s.Drops - src.drops); d > 0 && s.Kind != sflow.KindCounters {
			dropped = uint64(d)
			src.Drops += dropped
			e.Losses.AgentDrops += dropped
		}
		if grown := int64(s.Pool - src.pool); s.Kind == sflow.KindFlow && lost+dropped > 0 && grown > weight && grown <= 10*weight*int64(lost+dropped+1) {
			weight = grown
		}
	}
	src.sequence, src.pool, src.drops, src.Rate = s.Sequence, s.Pool, s.Drops, s.Rate
	if s.Kind == sflow.KindFlow {
		src.Packets += float64(weight)
	}
	return weight
}

// rates are bits a second in and out of an interface.
type rates struct{ in, out float64 }

// interfaceRates enters the counters of an interface, taken at uptime ms, and gives what crossed it since the ones before.
// There is no answer for the first ones, and where counters or the agent began anew.
func (e *Exporter) interfaceRates(s *sflow.Sample, port *sflow.Interface, uptime uint32) (r rates, ok bool) {
	src, _ := e.source(SourceKey{s.Source, true})
	if src == nil {
		return r, false
	}
	before, at := src.octets, src.uptime
	src.octets, src.uptime = [2]uint64{port.InOctets, port.OutOctets}, uptime
	passed := float64(int32(uptime-at)) / 1000 // s
	if at == 0 || passed <= 0 || port.InOctets < before[0] || port.OutOctets < before[1] {
		return r, false
	}
	return rates{float64(port.InOctets-before[0]) * 8 / passed, float64(port.OutOctets-before[1]) * 8 / passed}, true
}

func (l *Ledger) event(at time.Time, k ExporterKey, action string) {
	if len(l.events) < MaxExporters {
		l.events = append(l.events, Event{at, k, action})
	}
}

// Tick marks exporters that have been silent for long as down, and gives the events since the last call.
func (l *Ledger) Tick(now time.Time) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.exporters {
		if e.Up && now.Sub(e.Last) > downAfter {
			e.Up = false
			l.event(now, e.Key, ActionDown)
		}
	}
	out := l.events
	l.events = nil
	slices.SortStableFunc(out, func(a, b Event) int { return a.Exporter.compare(b.Exporter) })
	return out
}

func (k ExporterKey) compare(o ExporterKey) int {
	return cmp.Or(k.Agent.Compare(o.Agent), cmp.Compare(k.SubAgent, o.SubAgent), cmp.Compare(bit(k.NetFlow), bit(o.NetFlow)))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Margin is the half of the interval in which, with 95 % confidence, the relative error of an estimate from n samples
// lies: 1.96/sqrt(n). It is 1 for so few that nothing can be said.
func Margin(n uint64) float64 {
	if n == 0 {
		return 1
	}
	return min(1, 1.96*math.Sqrt(1/float64(n)))
}
