package cli

import (
	"fmt"

	"github.com/tapir-project/tapir/record"
)

// Fields the lines of samples show.
var (
	fSampleType = record.MustID("sflow.type")
	fAgent      = record.MustID("observer.ip")
	fSrcClass   = record.MustID("sflow.source_class")
	fSrcIndex   = record.MustID("sflow.source_index")
	fRate       = record.MustID("sflow.sampling_rate")
	fPortName   = record.MustID("observer.interface.name")
	fAction     = record.MustID("event.action")
	fReason     = record.MustID("sflow.discard_reason")
	fDamage     = record.MustID("sflow.damage")
)

// headFields are those that every sample has; what a counter sample says are the others.
var headFields = map[record.FieldID]bool{fSampleType: true, fAgent: true, fSrcClass: true, fSrcIndex: true, record.MustID("sflow.version"): true,
	record.MustID("sflow.sub_agent"): true, record.MustID("sflow.datagram_sequence"): true, record.MustID("sflow.uptime"): true,
	record.MustID("sflow.sequence"): true, record.MustID("sflow.sender_ip"): true, fPortName: true, record.MustID("event.ingested"): true,
	record.MustID("observer.name"): true}

// sample prints a sample: who sent it, then the packet or request it is of, or its first counters that
// are not zero.
func (p *printer) sample(dst []byte, r *record.Record) []byte {
	v := &r.Values
	kind := first(v, fSampleType)
	dst = fmt.Appendf(dst, "  sample       %-14s %s", kind, first(v, fAgent))
	if v.Has(fSrcClass) {
		dst = fmt.Appendf(dst, " %d:%d", number(v, fSrcClass), number(v, fSrcIndex))
	}
	if s := first(v, fPortName); s != "" {
		dst = append(append(dst, ' '), s...)
	}
	if v.Has(fSrcIP) {
		dst = endpoints(append(dst, "  "...), v)
		dst = fmt.Appendf(dst, "  %s", protocols(v))
	}
	if n := number(v, fRate); n > 0 {
		dst = fmt.Appendf(dst, "  1:%d", n)
	}
	if n := number(v, fBytes); n > 0 {
		dst = fmt.Appendf(dst, "  %d packets, %s", number(v, fPackets), sizeText(n))
	}
	for _, id := range append([]record.FieldID{fAction, fReason, fHTTPMethod, fCode}, infoFields...) {
		if s := some(v, id, 2); s != "" {
			dst = append(append(dst, "  "...), s...)
		}
	}
	if kind == "counters" || kind == "metric" {
		shown := 0
		for i := range v.Len() {
			if x := v.At(i); !headFields[x.Field()] && shown < 4 && (!record.FieldByID(x.Field()).Type.Numeric() || x.Int() != 0) {
				dst = fmt.Appendf(dst, "  %s %s", record.FieldByID(x.Field()).Name, printable(string(record.AppendValueText(nil, x))))
				shown++
			}
		}
	}
	if s := some(v, fDamage, 2); s != "" {
		dst = fmt.Appendf(dst, "  (%s)", s)
	}
	return dst
}

var fHTTPMethod = record.MustID("http.request.method")
