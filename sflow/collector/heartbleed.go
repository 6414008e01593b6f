package collector

import (
	"encoding/binary"
	"math"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// Fields of a TLS heartbeat that was sampled.
var (
	fHeartbeat  = record.MustID("sflow.heartbeat.bytes")
	fHeadChance = record.MustID("sflow.heartbeat.header_probability")
	fAnyChance  = record.MustID("sflow.heartbeat.packet_probability")
	fHeartbleed = record.MustID("tls.heartbleed")
)

// bleedHint is what tls.heartbleed says of a sample. Sessions, which have whole records, say what it was.
const bleedHint = "hint"

// TLS records (RFC 5246 §6.2.1, RFC 6520).
const (
	tlsHeartbeat = 24
	tlsHeader    = 5
	tlsMaxRecord = 1<<14 + 2048
	fullSegment  = 1460 // bytes of a segment on an Ethernet
)

// heartbeat notes a TLS heartbeat record with which the payload of a sampled packet begins. Its header is never encrypted,
// and hardly anybody sends heartbeats, so one alone is a hint at Heartbleed (CVE-2014-0160), a long one a strong one. It is
// no proof, and seeing none proves nothing: with samples of one packet in weight
//
//   - the header is in the first packet of the record only, which is sampled with probability 1/weight; that is
//     header_probability, and for each that is seen as many as one by it were sent;
//   - of the k packets that carry the record one or more are sampled with probability 1-(1-1/weight)^k; that is
//     packet_probability: for a leak of 64 KiB, 45 packets, 4.4 % at 1:1000.
//
// Five bytes of other traffic look like such a header with probability 8e-8.
func heartbeat(v *record.Values, d *packet.Decoded, weight int64) {
	b := d.Payload
	if d.Proto != 6 || d.Verdict != packet.OK || len(b) < tlsHeader || b[0] != tlsHeartbeat || b[1] != 3 || b[2] > 4 {
		return
	}
	n := int64(binary.BigEndian.Uint16(b[3:]))
	if n == 0 || n > tlsMaxRecord {
		return
	}
	v.PutInt(fHeartbeat, n)
	v.AddString(fHeartbleed, bleedHint)
	if weight < 1 {
		return
	}
	segment := max(int64(d.PayloadLen), 1)
	if segment >= n+tlsHeader || segment < 512 { // the record ends with the packet, or the packet is no measure of the others
		segment = fullSegment
	}
	k := (n + tlsHeader + segment - 1) / segment
	one := 1 / float64(weight)
	v.AddFloat(fHeadChance, one)
	v.AddFloat(fAnyChance, 1-math.Pow(1-one, float64(k)))
}
