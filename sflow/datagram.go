package sflow

import (
	"fmt"
	"net/netip"
)

// Versions of datagrams.
const (
	Version2 = 2
	Version4 = 4
	Version5 = 5
)

// Datagram is the header of a datagram and its samples as bytes.
type Datagram struct {
	Version  uint32
	Agent    netip.Addr // of the device; invalid if it gives none
	SubAgent uint32     // tells apart processes of one agent that number their datagrams each; 0 before version 5
	Sequence uint32     // of the datagram, by agent and sub-agent
	Uptime   uint32     // ms since the device started, which wraps after 49 days
	Count    uint32     // samples that the datagram says it holds
	Body     []byte     // the samples
}

// Parse reads the header of the datagram in b, which is the payload of a UDP datagram. The result borrows b. An error
// wraps ErrTruncated or ErrValue; what was read up to there is in d.
func Parse(b []byte) (d Datagram, err error) {
	x := xdr{b: b}
	x.u32(&d.Version)
	if x.err == nil && d.Version != Version2 && d.Version != Version4 && d.Version != Version5 {
		return d, fmt.Errorf("sflow version %d: %w", d.Version, ErrValue)
	}
	x.addr(&d.Agent)
	if d.Version == Version5 {
		x.u32(&d.SubAgent)
	}
	x.u32(&d.Sequence, &d.Uptime, &d.Count)
	if x.err != nil {
		return d, fmt.Errorf("sflow datagram header: %w", x.err)
	}
	d.Body = x.b
	return d, nil
}

// Samples is a cursor over the samples of the datagram.
func (d *Datagram) Samples() Samples {
	return Samples{x: xdr{b: d.Body}, left: d.Count, version: d.Version}
}

// Samples is a cursor over the samples of a datagram.
type Samples struct {
	x       xdr
	left    uint32
	version uint32
}

// Next reads the next sample into s and says whether there is one. A sample that is damaged is given with s.Err, and
// the cursor goes on behind it.
func (it *Samples) Next(s *Sample) bool {
	if it.left == 0 || it.x.err != nil {
		return false
	}
	*s = Sample{version: it.version}
	if it.version != Version5 {
		if it.old(s) {
			it.left--
			return true
		}
		return false
	}
	var tag, n uint32
	it.x.u32(&tag, &n)
	s.Tag = Tag(tag)
	if it.x.err == nil && uint64(n) > uint64(len(it.x.b)) { // the last one, cut: what is there is given
		s.Body = it.x.b
		it.x.b, it.left = nil, 1
		s.parse()
		s.Err = fmt.Errorf("sample %s: %d of %d bytes: %w", s.Tag, len(s.Body), n, ErrTruncated)
		it.x.err = s.Err
		it.left--
		return true
	}
	s.Body = it.x.padded(n)
	if it.x.err != nil {
		return false
	}
	it.left--
	s.parse()
	return true
}

// Err says why the cursor ended before it came to the number of samples in the datagram's header.
func (it *Samples) Err() error {
	if it.x.err != nil {
		return fmt.Errorf("%d samples missing: %w", it.left, it.x.err)
	}
	return nil
}

// Kind is what a sample tells.
type Kind uint8

// The kinds of samples.
const (
	KindUnknown  Kind = iota // of a format we do not know: it has a Tag and a Body
	KindFlow                 // a packet or transaction that was drawn at random
	KindCounters             // counters of one source
	KindDiscard              // a packet that the device dropped
	KindMetric               // metrics with names: see Sample.Metrics
	KindFlowKeys             // a flow with named keys: see Sample.Metrics
)

var kindNames = [...]string{"unknown", "flow", "counters", "discard", "metric", "flow_keys"}

// String is the kind's name.
func (k Kind) String() string { return kindNames[k] }

// Classes of sources.
const (
	SourceInterface = 0 // index is an ifIndex
	SourceVLAN      = 1
	SourcePhysical  = 2 // index is an entPhysicalIndex
	SourceLogical   = 3 // index is an entLogicalIndex, or the port of a server application
)

// Source names what samples come from, within an agent and sub-agent.
type Source struct{ Class, Index uint32 }

// Formats of ports.
const (
	PortIndex    = 0 // Value is an ifIndex; see Unknown and Internal
	PortDropped  = 1 // the packet was discarded, Value says why
	PortMultiple = 2 // it went out of several interfaces, Value of them, 0 if their number is unknown
)

// Port is the interface a packet came in or went out by.
type Port struct{ Format, Value uint32 }

// internal is the ifIndex of the device itself.
const internal = 0x3fffffff

// Unknown says that the agent does not know the interface.
func (p Port) Unknown() bool { return p.Format == PortIndex && p.Value == 0 }

// Internal says that the packet came from or went to the device itself.
func (p Port) Internal() bool { return p.Format == PortIndex && p.Value == internal }

// PortInternal stands for the device itself.
var PortInternal = Port{PortIndex, internal}

// Sample is the head of a sample and its records as bytes.
type Sample struct {
	Tag      Tag
	Kind     Kind
	Sequence uint32 // by source
	Source   Source
	Rate     uint32 // flow: one of so many was drawn
	Pool     uint32 // flow: packets that could have been drawn, since the agent started
	Drops    uint32 // flow: samples the agent lost for want of resources; discard: notifications it lost
	Input    Port
	Output   Port
	Reason   uint32 // discard: see ReasonName
	Interval uint32 // counters in versions 2 and 4: seconds between samples
	Name     []byte // metric and flow keys: name of the source
	Count    uint32 // records, or metrics, that the sample says it holds
	Body     []byte // behind tag and length; versions 2 and 4: behind the type
	Err      error  // the head, or the sample as a whole, is damaged

	version uint32
	records []byte
}

// Counters says whether the sample's records are numbered as counter records.
func (s *Sample) Counters() bool { return s.Kind == KindCounters }

// parse reads the head of a version 5 sample.
func (s *Sample) parse() {
	x := xdr{b: s.Body}
	switch s.Tag {
	case TagFlow:
		var source, in, out uint32
		s.Kind = KindFlow
		x.u32(&s.Sequence, &source, &s.Rate, &s.Pool, &s.Drops, &in, &out, &s.Count)
		s.Source, s.Input, s.Output = unpackSource(source), unpackPort(in), unpackPort(out)
	case TagFlowExpanded:
		s.Kind = KindFlow
		x.u32(&s.Sequence, &s.Source.Class, &s.Source.Index, &s.Rate, &s.Pool, &s.Drops,
			&s.Input.Format, &s.Input.Value, &s.Output.Format, &s.Output.Value, &s.Count)
	case TagCounters:
		var source uint32
		s.Kind = KindCounters
		x.u32(&s.Sequence, &source, &s.Count)
		s.Source = unpackSource(source)
	case TagCountersExpanded:
		s.Kind = KindCounters
		x.u32(&s.Sequence, &s.Source.Class, &s.Source.Index, &s.Count)
	case TagDiscard:
		s.Kind = KindDiscard
		x.u32(&s.Sequence, &s.Source.Class, &s.Source.Index, &s.Drops, &s.Input.Value, &s.Output.Value, &s.Reason, &s.Count)
	case TagMetric:
		s.Kind = KindMetric
		x.text(&s.Name)
		x.u32(&s.Count)
	case TagFlowMetric:
		s.Kind = KindFlowKeys
		x.text(&s.Name)
		x.u32(&s.Rate, &s.Pool, &s.Count)
	default:
		return
	}
	s.records = x.b
	if x.err != nil {
		s.Err = fmt.Errorf("sample %s: %w", s.Tag, x.err)
	}
}

func unpackSource(v uint32) Source { return Source{v >> 24, v & 0xffffff} }

func unpackPort(v uint32) Port { return Port{v >> 30, v & 0x3fffffff} }

// Record is one record of a sample.
type Record struct {
	Tag   Tag
	Body  []byte // without padding; what there is of it if Err is set
	Err   error  // the record goes beyond its sample
	table uint8  // of layouts: 0 flow, 1 counters
}

// Records is a cursor over the records of a sample.
type Records struct {
	x       xdr
	left    uint32
	table   uint8
	version uint32
	walk    oldWalk
}

// Records is a cursor over the sample's records.
func (s *Sample) Records() Records {
	r := Records{x: xdr{b: s.records}, left: s.Count, version: s.version}
	if s.Counters() {
		r.table = 1
	}
	if s.Kind != KindFlow && s.Kind != KindCounters && s.Kind != KindDiscard {
		r.left = 0
	}
	return r
}

// Next reads the next record into r and says whether there is one.
func (it *Records) Next(r *Record) bool {
	if it.left == 0 || it.x.err != nil {
		return false
	}
	if it.version != Version5 {
		return it.old(r)
	}
	*r = Record{table: it.table}
	var tag, n uint32
	it.x.u32(&tag, &n)
	if it.x.err != nil {
		return false
	}
	it.left--
	r.Tag = Tag(tag)
	if uint64(n) > uint64(len(it.x.b)) {
		r.Body = it.x.b
		it.x.b = nil
		r.Err = fmt.Errorf("record %s: %d of %d bytes: %w", r.Tag, len(r.Body), n, ErrTruncated)
		it.x.err = r.Err
		return true
	}
	r.Body = it.x.padded(n)
	return true
}

// Err says why the cursor ended before it came to the sample's number of records, or that bytes are left over.
func (it *Records) Err() error {
	if it.x.err != nil {
		return fmt.Errorf("%d records missing: %w", it.left, it.x.err)
	}
	if it.left == 0 && len(it.x.b) > 0 {
		return fmt.Errorf("%d bytes behind the last record: %w", len(it.x.b), ErrTrailing)
	}
	return nil
}

// Layout is the structure of the record, nil if it is unknown.
func (r *Record) Layout() *Layout { return layoutOf(r.table, r.Tag) }

// Fields is a cursor over the record's fields. A record of unknown structure has none.
func (r *Record) Fields() Fields { return FieldsOf(r.Layout(), r.Body) }
