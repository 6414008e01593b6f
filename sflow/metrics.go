package sflow

import (
	"fmt"
	"math"
)

// MetricType is how a metric or key of a flow is encoded. sFlow-RT numbers the two apart.
type MetricType uint8

// The types of metrics and keys.
const (
	MetricString MetricType = iota
	MetricCounter32
	MetricCounter64
	MetricGauge32
	MetricGauge64
	MetricFloat
	MetricDouble
	KeyString
	KeyMAC
	KeyIP4
	KeyIP6
	KeyInt32
	KeyInt64
	KeyFloat
	KeyDouble
	lastMetric = MetricDouble
	lastKey    = KeyDouble
)

// Metric is a metric, or a key of a flow, with its name.
type Metric struct {
	Name  []byte
	Type  MetricType
	Num   uint64 // counters, gauges and integers
	Float float64
	Bytes []byte // strings and addresses
}

// Metrics is a cursor over the metrics of a KindMetric sample and the keys of a KindFlowKeys one.
type Metrics struct {
	x    xdr
	left uint32
	keys bool
}

// Metrics is a cursor over the sample's metrics; other kinds of samples have none.
func (s *Sample) Metrics() Metrics {
	if s.Kind != KindMetric && s.Kind != KindFlowKeys {
		return Metrics{}
	}
	return Metrics{x: xdr{b: s.records}, left: s.Count, keys: s.Kind == KindFlowKeys}
}

// Next reads the next metric into m and says whether there is one.
func (it *Metrics) Next(m *Metric) bool {
	if it.left == 0 || it.x.err != nil {
		return false
	}
	it.left--
	*m = Metric{}
	x := &it.x
	x.text(&m.Name)
	kind := x.next()
	last := uint32(lastMetric)
	if it.keys {
		last = uint32(lastKey - KeyString)
	}
	if x.err == nil && kind > last {
		x.err = fmt.Errorf("metric %q of type %d: %w", m.Name, kind, ErrValue)
	}
	m.Type = MetricType(kind)
	if it.keys {
		m.Type += KeyString
	}
	switch m.Type {
	case MetricString, KeyString:
		x.text(&m.Bytes)
	case KeyMAC:
		if b := x.take(8); b != nil {
			m.Bytes = b[:6]
		}
	case KeyIP4:
		m.Bytes = x.take(4)
	case KeyIP6:
		m.Bytes = x.take(16)
	case MetricCounter32, MetricGauge32, KeyInt32:
		m.Num = uint64(x.next())
	case MetricFloat, KeyFloat:
		m.Float = float64(math.Float32frombits(x.next()))
	case MetricDouble, KeyDouble:
		x.u64(&m.Num)
		m.Float, m.Num = math.Float64frombits(m.Num), 0
	default:
		x.u64(&m.Num)
	}
	return x.err == nil
}

// Err says what ended the cursor early.
func (it *Metrics) Err() error { return it.x.err }

// AppendMetric appends a metric to dst as Metrics reads it, and returns dst.
func AppendMetric(dst []byte, m *Metric) []byte {
	x := xdr{b: dst, write: true}
	kind := uint32(m.Type)
	if m.Type >= KeyString {
		kind -= uint32(KeyString)
	}
	x.text(&m.Name)
	x.u32(&kind)
	n32, n64, f32 := uint32(m.Num), m.Num, math.Float32bits(float32(m.Float))
	switch m.Type {
	case MetricString, KeyString:
		x.text(&m.Bytes)
	case KeyMAC:
		x.b = append(append(x.b, m.Bytes...), 0, 0)
	case KeyIP4, KeyIP6:
		x.b = append(x.b, m.Bytes...)
	case MetricCounter32, MetricGauge32, KeyInt32:
		x.u32(&n32)
	case MetricFloat, KeyFloat:
		x.u32(&f32)
	case MetricDouble, KeyDouble:
		n64 = math.Float64bits(m.Float)
		x.u64(&n64)
	default:
		x.u64(&n64)
	}
	return x.b
}
