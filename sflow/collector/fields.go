package collector

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
)

// Fields of samples that are not named after a field of a layout.
var (
	fType        = record.MustID("sflow.type")
	fVersion     = record.MustID("sflow.version")
	fAgent       = record.MustID("observer.ip")
	fSender      = record.MustID("sflow.sender_ip")
	fSubAgent    = record.MustID("sflow.sub_agent")
	fDatagram    = record.MustID("sflow.datagram_sequence")
	fUptime      = record.MustID("sflow.uptime")
	fSequence    = record.MustID("sflow.sequence")
	fSourceClass = record.MustID("sflow.source_class")
	fSourceIndex = record.MustID("sflow.source_index")
	fSourceName  = record.MustID("sflow.source_name")
	fRate        = record.MustID("sflow.sampling_rate")
	fWeight      = record.MustID("sflow.weight")
	fPool        = record.MustID("sflow.sample_pool")
	fDrops       = record.MustID("sflow.drops")
	fInput       = record.MustID("sflow.input")
	fOutput      = record.MustID("sflow.output")
	fOutputs     = record.MustID("sflow.output_count")
	fInputName   = record.MustID("observer.ingress.interface.name")
	fOutputName  = record.MustID("observer.egress.interface.name")
	fPortName    = record.MustID("observer.interface.name")
	fInRate      = record.MustID("sflow.in_bit_rate")
	fOutRate     = record.MustID("sflow.out_bit_rate")
	fUtilization = record.MustID("sflow.utilization")
	fFrame       = record.MustID("sflow.frame_length")
	fHeader      = record.MustID("sflow.header_protocol")
	fTCPFlags    = record.MustID("sflow.tcp_flags")
	fReason      = record.MustID("sflow.discard_reason")
	fMetrics     = record.MustID("sflow.metrics")
	fOther       = record.MustID("sflow.other")
	fDamage      = record.MustID("sflow.damage")
	fAction      = record.MustID("event.action")
	fDuration    = record.MustID("event.duration")
	fBytes       = record.MustID("network.bytes")
	fPackets     = record.MustID("network.packets")
	fSrcIP       = record.MustID("source.ip")
	fDstIP       = record.MustID("destination.ip")
	fSrcPort     = record.MustID("source.port")
	fDstPort     = record.MustID("destination.port")
	fSrcMAC      = record.MustID("source.mac")
	fDstMAC      = record.MustID("destination.mac")
	fTransport   = record.MustID("network.transport")
	fNetType     = record.MustID("network.type")
	fProto       = record.MustID("network.iana_number")
	fCommunity   = record.MustID("network.community_id")
	fVLAN        = record.MustID("network.vlan.id")
	fVNI         = record.MustID("network.vni")
	fEtherType   = record.MustID("network.ethertype")
	fProtocol    = record.MustID("network.protocol")
	fTTL         = record.MustID("source.ttl")
	fDSCP        = record.MustID("source.dscp")
	fMethod      = record.MustID("http.request.method")
	fURI         = record.MustID("http.uri")
	fPath        = record.MustID("url.path")
	fDomain      = record.MustID("url.domain")
	fUserAgent   = record.MustID("user_agent.original")
	fReferrer    = record.MustID("http.request.referrer")
	fXFF         = record.MustID("http.xff_ip")
	fUser        = record.MustID("http.user")
	fHTTPVersion = record.MustID("http.version")
	fReqBytes    = record.MustID("http.request.bytes")
	fRespBytes   = record.MustID("http.response.bytes")
	fStatus      = record.MustID("http.response.status_code")
	fMIME        = record.MustID("http.response.headers.content-type")
	fSrcCountry  = record.MustID("source.geo.country_iso_code")
	fDstCountry  = record.MustID("destination.geo.country_iso_code")
	fSrcAS       = record.MustID("source.as.full")
	fDstAS       = record.MustID("destination.as.full")
)

// own are the records whose fields have names in the vocabulary of sessions and transactions.
func own(l *sflow.Layout) bool {
	switch l.Name {
	case "HEADER", "ETHERNET", "IPV4", "IPV6", "http", "socket4", "socket6":
		return !l.Counters && l.Prefix == ""
	}
	return false
}

// ids finds the registry's field for each field of each layout; a field without one has no value of its own.
var ids = func() map[*sflow.Layout][]record.FieldID {
	out := map[*sflow.Layout][]record.FieldID{}
	for _, l := range sflow.Layouts() {
		if own(l) {
			continue
		}
		list := make([]record.FieldID, len(l.Fields))
		for i := range l.Fields {
			list[i] = none
			if f, ok := record.Lookup("sflow." + l.Prefix + l.Fields[i].Name); ok {
				list[i] = f.ID
			}
		}
		out[l] = list
	}
	return out
}()

const none = ^record.FieldID(0)

// put adds a field of a record by its type.
func (c *Converter) put(v *record.Values, id record.FieldID, x *sflow.Value) {
	switch t := x.Field.Type; {
	case t == sflow.F32, t == sflow.Percent:
		if !x.Unknown() {
			v.AddFloat(id, x.Float())
		}
	case t == sflow.Hex64:
		v.PutString(id, fmt.Sprintf("%016x", x.Num))
	case t.Number():
		v.PutInt(id, int64(min(x.Num, 1<<63-1)))
	case t == sflow.Text:
		v.PutText(id, x.Bytes)
	case t == sflow.Addr, t == sflow.IP4, t == sflow.IP6:
		if a := x.Addr(); a.IsValid() {
			v.PutAddr(id, record.AddrFrom(a))
		}
	case t == sflow.MAC:
		v.PutText(id, appendMAC(c.text[:0], x.Bytes))
	case t == sflow.UUID:
		b := x.Bytes
		v.PutString(id, fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
	default:
		c.putList(v, id, x)
	}
}

// putList adds what is a list as text: AS paths with sets in braces, MPLS labels, VLANs, words; one value for each lane
// and adaptor.
func (c *Converter) putList(v *record.Values, id record.FieldID, x *sflow.Value) {
	var out []string
	switch x.Field.Type {
	case sflow.ASPath:
		for rest := x.Bytes; len(rest) > 0; {
			var set bool
			var as []byte
			set, as, rest = sflow.Segment(rest)
			text := join(as, " ", func(w uint32) string { return strconv.FormatUint(uint64(w), 10) })
			if set {
				text = "{" + text + "}"
			}
			out = append(out, text)
		}
	case sflow.Adaptors:
		for rest := x.Bytes; len(rest) > 0; {
			var index uint32
			var macs []byte
			index, macs, rest = sflow.Adaptor(rest)
			text := strconv.FormatUint(uint64(index), 10)
			for ; len(macs) > 0; macs = macs[8:] {
				text += " " + string(appendMAC(nil, macs[:6]))
			}
			v.PutString(id, text)
		}
		return
	case sflow.Lanes:
		for i := range int(x.Num) {
			var text []string
			for j, name := range sflow.LaneFields {
				text = append(text, name+"="+strconv.FormatUint(uint64(x.Word(10*i+j)), 10))
			}
			v.PutString(id, strings.Join(text, " "))
		}
		return
	case sflow.Labels:
		out = append(out, join(x.Bytes, " ", func(w uint32) string { return strconv.FormatUint(uint64(w>>12), 10) }))
	case sflow.Tags:
		out = append(out, join(x.Bytes, " ", func(w uint32) string { return strconv.FormatUint(uint64(w&0xfff), 10) }))
	default:
		out = append(out, join(x.Bytes, " ", func(w uint32) string { return strconv.FormatUint(uint64(w), 10) }))
	}
	v.PutString(id, strings.Join(out, " "))
}

// join makes text of words.
func join(b []byte, sep string, f func(uint32) string) string {
	var out []string
	for ; len(b) >= 4; b = b[4:] {
		out = append(out, f(binary.BigEndian.Uint32(b)))
	}
	return strings.Join(out, sep)
}

func appendMAC(dst, b []byte) []byte {
	for i, x := range b[:6] {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = hex.AppendEncode(dst, []byte{x})
	}
	return dst
}

// maxOther bounds the bytes that are kept of a record of unknown structure; a datagram is not much longer.
const maxOther = 1024

// other keeps a record of unknown structure.
func (c *Converter) other(v *record.Values, tag sflow.Tag, body []byte) {
	b := append(tag.AppendText(c.text[:0]), ' ')
	v.PutText(fOther, hex.AppendEncode(b, body[:min(len(body), maxOther)]))
}

func addr(a netip.Addr) record.Addr { return record.AddrFrom(a) }
