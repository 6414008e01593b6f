package sflow

import "encoding/binary"

// Encoder builds one version 5 datagram after the other. The zero Encoder is ready for Start.
//
//	var e sflow.Encoder
//	e.Start(&sflow.Datagram{Agent: agent, Sequence: seq, Uptime: ms})
//	e.Begin(&sflow.Sample{Tag: sflow.TagFlow, Sequence: n, Source: src, Rate: 400, Pool: pool})
//	e.Add(&sflow.Socket{...})
//	e.Add(&sflow.HTTP{...})
//	e.End()
//	conn.Write(e.Bytes())
//
// A datagram should fit one packet: where Len is more than MaxDatagram behind End, Undo takes the sample back.
type Encoder struct {
	b       []byte
	count   int // place of the number of samples
	begin   int // place of the sample being built, or of the last one
	records int // place of its number of records
	n       uint32
}

// MaxDatagram is the length that datagrams should not exceed to cross an Ethernet in one packet.
const MaxDatagram = 1400

// Start begins a datagram; of d it takes Agent, SubAgent, Sequence and Uptime.
func (e *Encoder) Start(d *Datagram) {
	e.b = binary.BigEndian.AppendUint32(e.b[:0], Version5)
	e.b = AppendAddr(e.b, d.Agent.Unmap())
	for _, v := range []uint32{d.SubAgent, d.Sequence, d.Uptime, 0} {
		e.b = binary.BigEndian.AppendUint32(e.b, v)
	}
	e.count = len(e.b) - 4
	e.begin = len(e.b)
}

// Begin begins a sample from the head in s: its Tag must be that of a known kind. What does not fit the compact tags
// is written under the expanded ones. Records follow with Add, metrics with Append.
func (e *Encoder) Begin(s *Sample) {
	tag := s.Tag
	compact := s.Source.Class < 1<<8 && s.Source.Index < 1<<24 && s.Input.fits() && s.Output.fits()
	if !compact && (tag == TagFlow || tag == TagCounters) {
		tag += TagFlowExpanded - TagFlow
	}
	e.begin = len(e.b)
	e.words(uint32(tag), 0)
	switch tag {
	case TagFlow:
		e.words(s.Sequence, s.Source.Class<<24|s.Source.Index, s.Rate, s.Pool, s.Drops, s.Input.pack(), s.Output.pack())
	case TagFlowExpanded:
		e.words(s.Sequence, s.Source.Class, s.Source.Index, s.Rate, s.Pool, s.Drops, s.Input.Format, s.Input.Value, s.Output.Format, s.Output.Value)
	case TagCounters:
		e.words(s.Sequence, s.Source.Class<<24|s.Source.Index)
	case TagCountersExpanded:
		e.words(s.Sequence, s.Source.Class, s.Source.Index)
	case TagDiscard:
		e.words(s.Sequence, s.Source.Class, s.Source.Index, s.Drops, s.Input.Value, s.Output.Value, s.Reason)
	case TagMetric:
		e.b = appendOpaque(e.b, s.Name)
	case TagFlowMetric:
		e.b = appendOpaque(e.b, s.Name)
		e.words(s.Rate, s.Pool)
	}
	e.records, e.n = len(e.b), 0
	e.words(0)
}

func (e *Encoder) words(vs ...uint32) {
	for _, v := range vs {
		e.b = binary.BigEndian.AppendUint32(e.b, v)
	}
}

func (p Port) fits() bool   { return p.Format < 4 && p.Value < 1<<30 }
func (p Port) pack() uint32 { return p.Format<<30 | p.Value }

// Add adds a record to the sample.
func (e *Encoder) Add(d Data) {
	e.words(uint32(d.Tag()), 0)
	at := len(e.b)
	e.b = AppendData(e.b, d)
	e.endRecord(at)
}

// AddValues adds a record from its fields, which are those of the layout in its order.
func (e *Encoder) AddValues(l *Layout, values ...Value) {
	e.words(uint32(l.Tag), 0)
	at := len(e.b)
	e.b = AppendValues(e.b, values...)
	e.endRecord(at)
}

// AddRaw adds a record as bytes.
func (e *Encoder) AddRaw(tag Tag, body []byte) {
	e.words(uint32(tag), uint32(len(body)))
	e.b = append(append(e.b, body...), make([]byte, pad(len(body)))...)
	e.n++
}

func (e *Encoder) endRecord(at int) {
	binary.BigEndian.PutUint32(e.b[at-4:], uint32(len(e.b)-at))
	e.n++
}

// AddMetric adds a metric to a TagMetric sample, a key to a TagFlowMetric one.
func (e *Encoder) AddMetric(m *Metric) {
	e.b = AppendMetric(e.b, m)
	e.n++
}

// End ends the sample.
func (e *Encoder) End() {
	binary.BigEndian.PutUint32(e.b[e.records:], e.n)
	binary.BigEndian.PutUint32(e.b[e.begin+4:], uint32(len(e.b)-e.begin-8))
	e.addSamples(1)
}

// Undo takes the last sample back, after End.
func (e *Encoder) Undo() {
	e.b = e.b[:e.begin]
	e.addSamples(^uint32(0))
}

func (e *Encoder) addSamples(n uint32) {
	binary.BigEndian.PutUint32(e.b[e.count:], e.Samples()+n)
}

// Samples is the number of samples in the datagram.
func (e *Encoder) Samples() uint32 { return binary.BigEndian.Uint32(e.b[e.count:]) }

// Len is the length of the datagram so far.
func (e *Encoder) Len() int { return len(e.b) }

// Bytes is the datagram, borrowed until the next Start.
func (e *Encoder) Bytes() []byte { return e.b }
