package agent

import (
	"sync/atomic"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

// SourceOptions say what a source is.
type SourceOptions struct {
	Kind string       // names its rate and interval in the configuration: "http"
	ID   sflow.Source // by which collectors know it
	// Counters, if not nil, adds the records of a counter sample; nothing is sent if it adds none. Run calls it.
	Counters func(*Records)
	// OnRate, if not nil, is told the sampling rate when it changes, where the drawing is done elsewhere. Run calls it.
	OnRate func(n uint32)
}

// Source is one thing that samples and counters are of: a server, an interface, a host.
type Source struct {
	Sampler
	o     SourceOptions
	agent *Agent
	index atomic.Uint32 // what ID.Index is now
	drops atomic.Uint32 // samples that were lost on the way to a datagram

	// Owned by Run.
	flows, counters uint32    // numbers of the last samples
	next            time.Time // of the next counter sample
	interval        time.Duration
	told            bool // OnRate was called, with toldRate
	toldRate        uint32
}

// Sample is one event that was drawn.
type Sample struct {
	Rate          uint32 // it was one of so many
	Pool          uint32 // events of the source that might have been drawn so far
	Input, Output sflow.Port
	Records       []sflow.Data
	Target        []byte // actor that the event was for (0:2205); empty: no such record
}

// Add makes a source. It counts from when Run goes on with it.
func (a *Agent) Add(o SourceOptions) *Source {
	s := &Source{o: o, agent: a}
	s.index.Store(o.ID.Index)
	s.SetRate(a.config.Load().SamplingFor(o.Kind))
	a.mu.Lock()
	a.sources = append(a.sources, s)
	a.mu.Unlock()
	a.wake()
	return s
}

// Remove ends a source.
func (a *Agent) Remove(s *Source) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.sources {
		if a.sources[i] == s {
			a.sources = append(a.sources[:i:i], a.sources[i+1:]...)
			return
		}
	}
}

// SetIndex changes the index that collectors know the source by, where it was not known at first.
func (s *Source) SetIndex(n uint32) { s.index.Store(n) }

// ID is what collectors know the source by.
func (s *Source) ID() sflow.Source { return sflow.Source{Class: s.o.ID.Class, Index: s.index.Load()} }

// Dropped notes samples that were lost before they came to Send.
func (s *Source) Dropped(n uint32) {
	s.drops.Add(n)
	s.agent.dropped.Add(uint64(n))
}

// Send queues a sample and says whether there was room; if not it is counted as dropped. It never waits. What x points to is
// not needed afterwards.
func (s *Source) Send(x *Sample) bool {
	var m *message
	select {
	case m = <-s.agent.free:
	default:
		s.Dropped(1)
		return false
	}
	m.source, m.rate, m.pool, m.in, m.out = s, x.Rate, x.Pool, x.Input, x.Output
	m.reset()
	for _, d := range x.Records {
		m.Add(d)
	}
	if len(x.Target) > 0 {
		m.text = appendText(m.text[:0], x.Target[:min(len(x.Target), maxActor)])
		m.AddRaw(sflow.TagAppTarget, m.text)
	}
	s.agent.queue <- m // has room for all messages there are
	return true
}

const maxActor = 64 // bytes of an actor's name (sflow_application.txt)

// message is a sample on its way to Run.
type message struct {
	source     *Source
	rate, pool uint32
	in, out    sflow.Port
	text       []byte
	Records
}

// Records are the records of a sample, as bytes.
type Records struct {
	places []place
	b      []byte
}

// place is where a record ends.
type place struct {
	tag sflow.Tag
	end int
}

// Add adds a record.
func (r *Records) Add(d sflow.Data) {
	r.b = sflow.AppendData(r.b, d)
	r.places = append(r.places, place{d.Tag(), len(r.b)})
}

// AddRaw adds a record from its bytes, the length of which must be a multiple of four.
func (r *Records) AddRaw(tag sflow.Tag, body []byte) {
	r.b = append(r.b, body...)
	r.places = append(r.places, place{tag, len(r.b)})
}

func (r *Records) reset() { r.places, r.b = r.places[:0], r.b[:0] }

func (r *Records) encode(e *sflow.Encoder) {
	from := 0
	for _, p := range r.places {
		e.AddRaw(p.tag, r.b[from:p.end])
		from = p.end
	}
}

// appendText appends text as XDR has it: length, bytes, padding to a multiple of four.
func appendText(dst, text []byte) []byte {
	n := len(text)
	dst = append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	dst = append(dst, text...)
	return append(dst, 0, 0, 0)[:len(dst)+(4-n%4)%4]
}
