package collector

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
)

// Converter makes records of datagrams. It is used by one goroutine; Ledger, Names and Geo are shared.
type Converter struct {
	ledger *Ledger
	names  *Names // may be nil
	geo    *Geo   // may be nil

	weights []weight
	iface   sflow.Interface
	decoded packet.Decoded
	header  sflow.Header
	ether   sflow.Ethernet
	ip      sflow.IP
	http    sflow.HTTP
	socket  sflow.Socket
	port    sflow.PortName
	where   geoCache
	netflow *netflowState
	text    []byte
}

// NewConverter makes a Converter. names and geo may be nil.
func NewConverter(l *Ledger, names *Names, geo *Geo) *Converter {
	return &Converter{ledger: l, names: names, geo: geo, where: geoCache{}, netflow: newNetflowState(), text: make([]byte, 0, 4096)}
}

// Meta is what is known of a datagram beside its bytes.
type Meta struct {
	At       time.Time  // received, or captured
	Sender   netip.Addr // invalid if unknown
	Overflow uint32     // datagrams that its socket had no room for so far
}

// weight is what the ledger says of a sample.
type weight struct {
	packets int64  // it stands for so many
	rates          // of its interface
	speed   uint64 // bit/s of its interface
	rated   bool   // there are rates
}

// ends is what a sample says of both ends of its packet or connection.
type ends struct {
	src, dst     netip.Addr
	sport, dport uint16
	proto        uint8
	known        bool // proto and ports
}

// Add makes records of the datagram in b, sFlow or NetFlow, into batch: one for each sample or flow. It says whether
// the datagram could be read at all.
func (c *Converter) Add(b []byte, m *Meta, batch *record.Batch) bool {
	if len(b) >= 2 {
		if v := binary.BigEndian.Uint16(b); v == 5 || v == 9 || v == 10 {
			return c.netFlow(b, m, batch)
		}
	}
	d, err := sflow.Parse(b)
	if err != nil {
		c.ledger.damaged(m, len(b))
		return false
	}
	agent := d.Agent.Unmap()
	if !agent.IsValid() {
		agent = m.Sender
	}
	c.enter(&d, agent, m, len(b))
	samples, s := d.Samples(), sflow.Sample{}
	for i := 0; samples.Next(&s); i++ {
		r := batch.Next()
		r.Kind, r.Start, r.End = record.KindSample, m.At.UnixNano(), m.At.UnixNano()
		r.ID = record.NewID(r.Start, hash(agent, d.SubAgent, s.Source, s.Sequence), uint32(i))
		r.Session = record.ID{}
		v := &r.Values
		v.PutInt(fVersion, int64(d.Version))
		v.PutAddr(fAgent, addr(agent))
		if m.Sender.IsValid() && m.Sender != agent {
			v.PutAddr(fSender, addr(m.Sender))
		}
		v.PutInt(fSubAgent, int64(d.SubAgent))
		v.PutInt(fDatagram, int64(d.Sequence))
		v.PutInt(fUptime, int64(d.Uptime)*int64(time.Millisecond))
		c.sample(r, &s, agent, &c.weights[i])
	}
	return true
}

// enter books the datagram and all of its samples at once, which takes the ledger's lock once.
func (c *Converter) enter(d *sflow.Datagram, agent netip.Addr, m *Meta, n int) {
	a := arrival{key: ExporterKey{Agent: agent, SubAgent: d.SubAgent}, sender: m.Sender, at: m.At, bytes: n, sequence: d.Sequence, step: 1, uptime: d.Uptime, overflow: m.Overflow}
	c.weights = c.weights[:0]
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	e := c.ledger.arrived(&a)
	samples, s, r := d.Samples(), sflow.Sample{}, sflow.Record{}
	for samples.Next(&s) {
		x := weight{packets: e.sample(&s)}
		if s.Err != nil {
			e.Losses.Damaged++
		}
		records := s.Records()
		for records.Next(&r) {
			if s.Counters() && r.Tag == sflow.TagInterface && r.Decode(&c.iface) == nil {
				x.rates, x.rated = e.interfaceRates(&s, &c.iface, d.Uptime)
				x.speed = c.iface.Speed
			}
		}
		c.weights = append(c.weights, x)
		if s.Err == nil && records.Err() != nil {
			e.Losses.Damaged++
		}
	}
	if samples.Err() != nil && s.Err == nil {
		e.Losses.Damaged++
	}
}

// damaged books a datagram that is none.
func (l *Ledger) damaged(m *Meta, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := arrival{key: ExporterKey{}, sender: m.Sender, at: m.At, bytes: n}
	e := l.exporters[a.key]
	if e == nil {
		e = &Exporter{First: m.At, Sender: m.Sender, Sources: map[SourceKey]*Source{}}
		l.exporters[a.key] = e
	}
	e.Last = m.At
	e.Losses.Datagrams++
	e.Losses.Bytes += uint64(n)
	e.Losses.Damaged++
}

// sample fills the record of one sample.
func (c *Converter) sample(r *record.Record, s *sflow.Sample, agent netip.Addr, w *weight) {
	v, weight := &r.Values, w.packets
	v.PutString(fType, s.Kind.String())
	if s.Err != nil {
		v.PutString(fDamage, s.Err.Error())
	}
	switch s.Kind {
	case sflow.KindUnknown:
		c.other(v, s.Tag, s.Body)
		return
	case sflow.KindMetric, sflow.KindFlowKeys:
		c.metrics(v, s)
		return
	}
	v.PutInt(fSequence, int64(s.Sequence))
	v.PutInt(fSourceClass, int64(s.Source.Class))
	v.PutInt(fSourceIndex, int64(s.Source.Index))
	switch s.Kind {
	case sflow.KindFlow:
		v.PutInt(fRate, int64(s.Rate))
		v.PutInt(fPool, int64(s.Pool))
		v.PutInt(fDrops, int64(s.Drops))
		v.PutInt(fWeight, weight)
		c.ports(v, s, agent)
	case sflow.KindDiscard:
		v.PutInt(fDrops, int64(s.Drops))
		reason := sflow.ReasonName(s.Reason)
		if reason == "" {
			reason = "unknown"
		}
		v.PutString(fReason, reason)
		weight = 1
		v.PutInt(fWeight, weight)
		c.ports(v, s, agent)
	case sflow.KindCounters:
		if w.rated {
			v.AddFloat(fInRate, w.in)
			v.AddFloat(fOutRate, w.out)
			if w.speed > 0 {
				v.AddFloat(fUtilization, max(w.in, w.out)/float64(w.speed))
			}
		}
		if s.Source.Class == sflow.SourceInterface {
			if name := c.names.Name(agent, s.Source.Index); name != "" {
				v.PutString(fPortName, name)
			}
		}
	}
	c.records(r, s, agent, weight)
}

// ports puts both interfaces and their names.
func (c *Converter) ports(v *record.Values, s *sflow.Sample, agent netip.Addr) {
	if s.Input.Format == sflow.PortIndex {
		v.PutInt(fInput, int64(s.Input.Value))
		if name := c.names.Name(agent, s.Input.Value); name != "" {
			v.PutString(fInputName, name)
		}
	}
	switch s.Output.Format {
	case sflow.PortIndex:
		v.PutInt(fOutput, int64(s.Output.Value))
		if name := c.names.Name(agent, s.Output.Value); name != "" {
			v.PutString(fOutputName, name)
		}
	case sflow.PortMultiple:
		v.PutInt(fOutputs, int64(s.Output.Value))
	case sflow.PortDropped:
		reason := sflow.ReasonName(s.Output.Value)
		if reason == "" {
			reason = "unknown"
		}
		v.PutString(fReason, reason)
	}
}

// records puts what the sample's records say.
func (c *Converter) records(r *record.Record, s *sflow.Sample, agent netip.Addr, weight int64) {
	v := &r.Values
	var e ends
	records, rec, x := s.Records(), sflow.Record{}, sflow.Value{}
	for records.Next(&rec) {
		l := rec.Layout()
		switch {
		case l == nil:
			c.other(v, rec.Tag, rec.Body)
			continue
		case own(l):
			if err := c.known(r, &e, &rec, l, weight); err != nil {
				c.damage(v, &rec, err)
			}
			continue
		case l.Counters && l.Tag == sflow.TagPortName && s.Source.Class == sflow.SourceInterface && rec.Decode(&c.port) == nil:
			c.names.Learn(agent, s.Source.Index, string(c.port.Name))
		}
		list := ids[l]
		fields := rec.Fields()
		for i := 0; fields.Next(&x); i++ {
			if list != nil && list[i] != none {
				c.put(v, list[i], &x)
			}
		}
		if err := fields.Err(); err != nil {
			c.damage(v, &rec, err)
		}
	}
	if err := records.Err(); err != nil && s.Err == nil && rec.Err == nil {
		v.PutString(fDamage, err.Error())
	}
	c.putEnds(v, &e)
}

// damage keeps a record that could not be read to its end, and why.
func (c *Converter) damage(v *record.Values, rec *sflow.Record, err error) {
	v.PutString(fDamage, rec.Tag.String()+": "+err.Error())
	c.other(v, rec.Tag, rec.Body)
}

// hash makes of a sample's place in its sequence what its id is made of.
func hash(agent netip.Addr, sub uint32, src sflow.Source, sequence uint32) uint64 {
	b := agent.As16()
	h := binary.BigEndian.Uint64(b[:8])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(b[8:])
	h = h*0x9e3779b97f4a7c15 ^ (uint64(sub)<<32 | uint64(sequence))
	return h*0x9e3779b97f4a7c15 ^ (uint64(src.Class)<<32 | uint64(src.Index))
}

// EventRecord makes the record of an event.
func EventRecord(r *record.Record, e *Event) {
	r.Kind, r.Start, r.End = record.KindSample, e.Time.UnixNano(), e.Time.UnixNano()
	r.ID = record.NewID(r.Start, hash(e.Exporter.Agent, e.Exporter.SubAgent, sflow.Source{Class: ^uint32(0)}, uint32(len(e.Action))), 0)
	v := &r.Values
	v.PutString(fType, "event")
	v.PutAddr(fAgent, addr(e.Exporter.Agent))
	v.PutInt(fSubAgent, int64(e.Exporter.SubAgent))
	v.PutString(fAction, e.Action)
}
