package store

import (
	"slices"

	"github.com/tapir-project/tapir/record"
)

// Summable says whether the parts of a session carry increments of f, so that the session's value is their sum. All
// other values a part carries are those of the session so far.
func Summable(f record.FieldID) bool { return summable[f] }

var summable = func() map[record.FieldID]bool {
	set := map[record.FieldID]bool{}
	for _, name := range []string{
		"source.packets", "destination.packets", "network.packets",
		"source.bytes", "destination.bytes", "network.bytes",
		"client.bytes", "server.bytes", "network.data_bytes",
		"tcp.flags.syn", "tcp.flags.syn_ack", "tcp.flags.ack", "tcp.flags.psh", "tcp.flags.fin", "tcp.flags.rst",
		"tcp.flags.urg", "tcp.flags.ece", "tcp.flags.cwr", "tcp.flags.ae",
		"source.tcp.retransmissions", "destination.tcp.retransmissions",
		"source.tcp.out_of_order", "destination.tcp.out_of_order",
		"source.tcp.duplicate_acks", "destination.tcp.duplicate_acks",
		"source.tcp.zero_window", "destination.tcp.zero_window",
		"source.tcp.gap_bytes", "destination.tcp.gap_bytes",
		"session.dropped.packets",
	} {
		set[record.MustID(name)] = true
	}
	return set
}()

var (
	fDuration = record.MustID("event.duration")
	fLength   = record.MustID("session.length")
)

// Merge makes dst the one record that the parts of a session stand for: from the first start to the last end, its
// number that of the last part, final if any part is. Counters are summed (see Summable), sets united in the order of
// the parts, and of other values the last part's that has one counts. Duration and length follow from the ends.
// Parts are put into the order of their numbers; dst must not be one of them.
func Merge(dst *record.Record, parts []*record.Record) {
	slices.SortStableFunc(parts, func(a, b *record.Record) int { return int(a.Part) - int(b.Part) })
	dst.Reset()
	for i, p := range parts {
		if i == 0 {
			dst.ID, dst.Session, dst.Kind, dst.Start, dst.End = p.ID, p.Session, p.Kind, p.Start, p.End
		}
		dst.Start, dst.End = min(dst.Start, p.Start), max(dst.End, p.End)
		dst.Part, dst.Final = max(dst.Part, p.Part), dst.Final || p.Final
	}
	m := merger{dst: dst, done: map[record.FieldID]bool{}}
	for i, p := range parts {
		for k := range p.Values.Len() {
			if f := p.Values.At(k).Field(); !m.done[f] {
				m.done[f] = true
				m.field(f, parts[i:])
			}
		}
	}
}

type merger struct {
	dst  *record.Record
	done map[record.FieldID]bool
}

// field merges one field; the first of parts has it.
func (m *merger) field(f record.FieldID, parts []*record.Record) {
	v := &m.dst.Values
	switch {
	case f == fDuration:
		v.PutInt(f, m.dst.End-m.dst.Start)
	case f == fLength:
		v.PutInt(f, (m.dst.End-m.dst.Start)/1e6)
	case Summable(f):
		sum := int64(0)
		for _, p := range parts {
			if x, ok := p.Values.First(f); ok {
				sum += x.Int()
			}
		}
		v.PutInt(f, sum)
	case record.FieldByID(f).Multi(m.dst.Kind):
		for _, p := range parts {
			for k := range p.Values.Len() {
				if x := p.Values.At(k); x.Field() == f {
					addValue(v, x)
				}
			}
		}
	default:
		for i := len(parts) - 1; i >= 0; i-- {
			if x, ok := parts[i].Values.First(f); ok {
				addValue(v, x)
				return
			}
		}
	}
}

// addValue adds x to the set of its field.
func addValue(v *record.Values, x record.Value) {
	switch f := record.FieldByID(x.Field()); f.Type {
	case record.TypeTerm, record.TypeText:
		v.AddText(f.ID, x.Text())
	case record.TypeIP:
		v.AddAddr(f.ID, x.Addr())
	default:
		v.AddInt(f.ID, x.Int())
	}
}
