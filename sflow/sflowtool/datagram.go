package sflowtool

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

// datagram writes the fields of the datagram's header, then its samples.
func (w *Writer) datagram(b []byte) {
	w.custom.scope = scopeDatagram
	w.with("datagramSourceIP", func(dst []byte) []byte { return appendAddr(dst, w.meta.Source) })
	w.num("datagramSize", uint64(len(b)))
	w.stamp("unixSecondsUTC", w.meta.Received)
	w.with("localtime", func(dst []byte) []byte { return w.appendTime(dst, w.meta.Received) })
	if t := w.meta.Captured; !t.IsZero() {
		w.with("pcapTimestamp", func(dst []byte) []byte { return w.appendTime(dst, t) })
		w.num("pcapTimestamp_uS", uint64(t.Nanosecond()/1000))
	}
	d, err := sflow.Parse(b)
	if len(b) >= 4 {
		w.num("datagramVersion", uint64(d.Version))
	}
	if err == nil {
		if d.Version == sflow.Version5 {
			w.num("agentSubId", uint64(d.SubAgent))
		}
		w.head = head{agent: d.Agent, sub: d.SubAgent, sequence: d.Sequence, version: d.Version}
		w.with("agent", func(dst []byte) []byte { return appendAddr(dst, d.Agent) })
		w.num("packetSequenceNo", uint64(d.Sequence))
		w.num("sysUpTime", uint64(d.Uptime))
		w.num("samplesInPacket", uint64(d.Count))
	} else {
		w.warn("%w (from %s)", err, appendAddr(nil, w.meta.Source))
		return
	}
	w.custom.scope = scopeSample
	w.open("samples", '[')
	samples, s := d.Samples(), sflow.Sample{}
	for samples.Next(&s) {
		w.sample(&s)
	}
	w.close(']')
	if err := samples.Err(); err != nil {
		w.warn("datagram %d of %s: %w", d.Sequence, appendAddr(nil, d.Agent), err)
	}
}

// stamp writes the time in two fields: seconds, and microseconds within.
func (w *Writer) stamp(name string, t time.Time) {
	var s, us uint64
	if !t.IsZero() {
		s, us = uint64(t.Unix()), uint64(t.Nanosecond()/1000)
	}
	w.num(name, s)
	w.num(name+"_uS", us)
}

func (w *Writer) sample(s *sflow.Sample) {
	w.flow = flow{}
	w.clf = commonLog{client: w.clf.client[:0], line: w.clf.line[:0]}
	w.head.sample, w.head.tag, w.head.class, w.head.index = uint32(s.Tag), 0, 0, 0
	if w.json() {
		w.open("", '{')
	} else {
		w.log("startSample ----------------------\n")
	}
	w.with("sampleType_tag", s.Tag.AppendText)
	w.flow.rate, w.flow.in, w.flow.out = s.Rate, s.Input, s.Output
	switch s.Kind {
	case sflow.KindFlow:
		w.flowSample(s)
	case sflow.KindCounters:
		w.countersSample(s)
	case sflow.KindDiscard:
		w.discardSample(s)
	case sflow.KindMetric, sflow.KindFlowKeys:
		w.metrics(s)
	default:
		w.skip("sample", s.Tag, len(s.Body))
	}
	if s.Err != nil {
		w.warn("datagram %d: %w", w.head.sequence, s.Err)
	}
	if w.json() {
		w.close('}')
	} else {
		w.log("endSample   ----------------------\n")
	}
}

// skip says that a structure is not known.
func (w *Writer) skip(what string, tag sflow.Tag, n int) {
	if w.o.Format == Text || w.o.Format == Grep {
		w.log("skipping unknown " + what + ": " + tag.String() + " len=" + strconv.Itoa(n) + "\n")
	}
}

// source writes the head that all kinds of samples share.
func (w *Writer) source(kind string, s *sflow.Sample) {
	w.str("sampleType", kind)
	w.num("sampleSequenceNo", uint64(s.Sequence))
	w.head.class, w.head.index = s.Source.Class, s.Source.Index
	w.with("sourceId", func(dst []byte) []byte {
		dst = strconv.AppendUint(dst, uint64(s.Source.Class), 10)
		return strconv.AppendUint(append(dst, ':'), uint64(s.Source.Index), 10)
	})
}

// ports writes both interfaces.
func (w *Writer) ports(s *sflow.Sample) {
	for _, p := range []struct {
		name string
		port sflow.Port
	}{{"inputPort", s.Input}, {"outputPort", s.Output}} {
		w.with(p.name, func(dst []byte) []byte {
			switch p.port.Format {
			case sflow.PortMultiple:
				if w.head.version != sflow.Version5 && p.port.Value == 0 {
					return append(dst, "multiple >1"...)
				}
				dst = append(dst, "multiple "...)
			case sflow.PortDropped:
				dst = append(dst, "dropCode "...)
			case 3:
				dst = append(dst, "format==3 "...)
			}
			return strconv.AppendUint(dst, uint64(p.port.Value), 10)
		})
	}
}

func (w *Writer) flowSample(s *sflow.Sample) {
	w.source("FLOWSAMPLE", s)
	w.num("meanSkipCount", uint64(s.Rate))
	w.num("samplePool", uint64(s.Pool))
	w.num("dropEvents", uint64(s.Drops))
	w.ports(s)
	w.records(s, "flowBlock_tag", "flow_sample")
	if w.o.VLANs.pass(&w.flow) {
		w.sampled()
	}
	w.custom.clear(scopeSample)
}

// sampled writes a flow sample in the formats that have one line, packet or datagram for each.
func (w *Writer) sampled() {
	switch w.o.Format {
	case Line:
		w.flowLine()
	case Fields:
		w.buf = w.custom.line(w.buf)
	case CommonLog:
		w.buf = w.clf.appendTo(w.buf)
	case PCAP:
		w.packet()
	case NetFlow:
		w.netFlow()
	}
}

func (w *Writer) discardSample(s *sflow.Sample) {
	w.source("DISCARD", s)
	w.num("dropEvents", uint64(s.Drops))
	w.ports(s)
	w.num("discardCode", uint64(s.Reason))
	reason := sflow.ReasonName(s.Reason)
	if reason == "" {
		reason = "NotFound"
	}
	w.str("discardReason", reason)
	w.prefix = append(w.prefix, "discarded_")
	w.records(s, "flowBlock_tag", "discard_sample")
	w.prefix = w.prefix[:0]
	if w.o.VLANs.pass(&w.flow) {
		switch w.o.Format {
		case Fields:
			w.buf = w.custom.line(w.buf)
		case DiscardsPCAP:
			w.packet()
		}
	}
	w.custom.clear(scopeSample)
}

func (w *Writer) countersSample(s *sflow.Sample) {
	w.source("COUNTERSSAMPLE", s)
	if w.head.version != sflow.Version5 {
		w.num("statsSamplingInterval", uint64(s.Interval))
		if len(s.Body) >= 16 {
			w.num("counterBlockVersion", uint64(binary.BigEndian.Uint32(s.Body[12:])))
		}
	}
	w.records(s, "counterBlock_tag", "counters_sample")
	switch w.o.Format {
	case Line:
		w.counterLine()
	case Fields:
		w.buf = w.custom.line(w.buf)
	}
	w.custom.clear(scopeSample)
}

// records writes the records of a sample.
func (w *Writer) records(s *sflow.Sample, tagField, what string) {
	w.open("elements", '[')
	old := w.head.version != sflow.Version5
	var n int
	records, r := s.Records(), sflow.Record{}
	for records.Next(&r) {
		if old && s.Counters() && r.Tag == sflow.TagVLAN { // the place of interface counters, which VLANs have not
			w.open("", '{')
			w.close('}')
		}
		n++
		w.head.tag = uint32(r.Tag)
		w.open("", '{')
		if !old {
			w.with(tagField, r.Tag.AppendText)
		}
		if err := w.record(&r); err != nil {
			w.warn("datagram %d, %s, record %s: %w", w.head.sequence, what, r.Tag, err)
		}
		w.close('}')
	}
	if old && s.Counters() && n == 1 && r.Tag == sflow.TagInterface {
		w.open("", '{')
		w.close('}')
	}
	if err := records.Err(); err != nil && r.Err == nil {
		w.warn("datagram %d, %s: %w", w.head.sequence, what, err)
	}
	w.close(']')
}

// metrics writes the samples of sFlow-RT.
func (w *Writer) metrics(s *sflow.Sample) {
	kind, name := "RTMETRIC", "rtmetric_"
	if s.Kind == sflow.KindFlowKeys {
		kind, name = "RTFLOW", "rtflow_"
	}
	const most = 64 // characters of a name, 255 of a string
	w.str("sampleType", kind)
	w.text(name+"datasource_name", s.Name, most, false)
	if s.Kind == sflow.KindFlowKeys {
		w.num("rtflow_sampling_rate", uint64(s.Rate))
		w.num("rtflow_sample_pool", uint64(s.Pool))
	}
	metrics, m := s.Metrics(), sflow.Metric{}
	for metrics.Next(&m) {
		field := name + metricTypes[m.Type] + string(appendText(nil, cut(m.Name, most), w.json()))
		switch m.Type {
		case sflow.MetricString, sflow.KeyString:
			w.text(field, m.Bytes, 255, true)
		case sflow.KeyMAC:
			w.with(field, func(dst []byte) []byte { return appendHex(dst, m.Bytes) })
		case sflow.KeyIP4, sflow.KeyIP6:
			w.with(field, func(dst []byte) []byte { return appendAddrBytes(dst, m.Bytes) })
		case sflow.MetricFloat, sflow.MetricDouble, sflow.KeyFloat, sflow.KeyDouble:
			w.with(field, func(dst []byte) []byte { return strconv.AppendFloat(dst, m.Float, 'f', 3, 64) })
		default:
			w.num(field, m.Num)
		}
	}
	if err := metrics.Err(); err != nil {
		w.warn("datagram %d, %s: %w", w.head.sequence, kind, err)
	}
}

var metricTypes = [...]string{"string_", "counter32_", "counter64_", "gauge32_", "gauge64_", "gaugeFloat_", "gaugeDouble_",
	"string_", "mac_", "ip_", "ip6_", "int32_", "int64_", "float_", "double_"}
