package parquet

import (
	"encoding/base64"

	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/record"
)

// A derived field follows from others of the same record, so files do not hold it: a bit in the column ~derived says
// that a row has it with just that value. Where the bit is not set the field's own column counts. The rules here are
// what reader and writer share; sqlDerived has them once more as SQL.
type derivedRule struct {
	field record.FieldID
	bit   int64
	// a and b are what is added up; for spans they are not used.
	a, b record.FieldID
	span int64 // not 0: the field is (end-start)/span
}

const communityBit = 1 << 15

var derivedRules = []derivedRule{
	{field: record.MustID("event.duration"), bit: 1, span: 1},
	{field: record.MustID("session.length"), bit: 2, span: 1e6},
	{field: record.MustID("network.bytes"), bit: 4, a: record.MustID("source.bytes"), b: record.MustID("destination.bytes")},
	{field: record.MustID("network.packets"), bit: 8, a: record.MustID("source.packets"), b: record.MustID("destination.packets")},
	{field: record.MustID("network.data_bytes"), bit: 16, a: record.MustID("client.bytes"), b: record.MustID("server.bytes")},
}

var (
	fSrcIP   = record.MustID("source.ip")
	fDstIP   = record.MustID("destination.ip")
	fSrcPort = record.MustID("source.port")
	fDstPort = record.MustID("destination.port")
	fProto   = record.MustID("network.iana_number")

	fICMPType = record.MustID("icmp.type")
	fICMPCode = record.MustID("icmp.code")
)

// derive takes out of the row being built what follows from the rest, and notes it in the column ~derived.
func (b *builder) derive(start, end int64) {
	bits := int64(0)
	for i := range derivedRules {
		r := &derivedRules[i]
		c := &b.cols[slotOf(r.field)]
		if c.stamp != b.stamp || b.cols[slotOf(r.field).more()].stamp == b.stamp {
			continue
		}
		if v, ok := b.derived(r, start, end); ok && v == c.cell {
			b.unset(slotOf(r.field))
			bits |= r.bit
		}
	}
	if b.community != nil {
		bits |= b.deriveCommunity()
	}
	if bits != 0 {
		b.set(slotDerived, bits)
	}
}

func (b *builder) derived(r *derivedRule, start, end int64) (int64, bool) {
	if r.span != 0 {
		return (end - start) / r.span, true
	}
	x, y := &b.cols[slotOf(r.a)], &b.cols[slotOf(r.b)]
	if x.stamp != b.stamp || y.stamp != b.stamp {
		return 0, false
	}
	const limit = 1 << 61 // beyond it sums could overflow, here or in SQL
	if x.cell < 0 || y.cell < 0 || x.cell > limit || y.cell > limit {
		return 0, false
	}
	return x.cell + y.cell, true
}

// communityPrefix is the first 16 bits of the hash in a Community ID "1:<base 64>".
func communityPrefix(text []byte) int64 {
	var raw [3]byte
	if len(text) < 6 {
		return -1
	}
	if n, err := base64.StdEncoding.Decode(raw[:], text[2:6]); err != nil || n < 2 {
		return -1
	}
	return int64(raw[0])<<8 | int64(raw[1])
}

// deriveCommunity keeps 16 bits of a Community ID that follows from the record's ends, enough to find it, and the
// whole text of another.
func (b *builder) deriveCommunity() int64 {
	text := b.community
	b.community = nil
	if b.has(slotOf(fSrcIP)) && b.has(slotOf(fDstIP)) && b.has(slotOf(fProto)) {
		proto := b.num(fProto)
		sport, dport := b.num(fSrcPort), b.num(fDstPort)
		if proto == protoICMP || proto == protoICMPv6 {
			sport, dport = b.num(fICMPType), b.num(fICMPCode)
		}
		ends := communityEnds{b.addr(slotOf(fSrcIP)), b.addr(slotOf(fDstIP)), uint16(sport), uint16(dport), uint8(proto)}
		if b.checked.follows(&ends, text) {
			b.set(slotCommunity, communityPrefix(text))
			return communityBit
		}
	}
	s := slotOf(fCommunity)
	b.set(s, b.cols[s].text(text))
	return 0
}

// communityEnds is what a Community ID is made of.
type communityEnds struct {
	src, dst     record.Addr
	sport, dport uint16
	proto        uint8
}

// communityCheck remembers which Community IDs were found to follow from their ends: the transactions of a session and
// the session itself come close together.
type communityCheck [1 << communityBits]struct {
	ends communityEnds
	text [communityLen]byte
}

const (
	communityBits = 10
	communityLen  = len("1:LQU9qZlK+B5F3KDmev6m5PMibrg=")
)

// follows says whether text is the Community ID of these ends.
func (c *communityCheck) follows(ends *communityEnds, text []byte) bool {
	if len(text) != communityLen {
		return false
	}
	h := uint32(text[2]) | uint32(text[3])<<8 | uint32(text[4])<<16 | uint32(text[5])<<24
	e := &c[h*0x9e3779b1>>(32-communityBits)]
	if string(e.text[:]) == string(text) && e.ends == *ends {
		return true
	}
	var buf [communityLen]byte
	got := communityid.Append(buf[:0], ends.src, ends.dst, ends.sport, ends.dport, ends.proto)
	if string(got) != string(text) {
		return false
	}
	e.ends = *ends
	copy(e.text[:], text)
	return true
}

// num is the row's value of f, 0 if it has none.
func (b *builder) num(f record.FieldID) int64 {
	if c := &b.cols[slotOf(f)]; c.stamp == b.stamp {
		return c.cell
	}
	return 0
}

// Protocols whose Community ID has the message's type and code in place of ports.
const (
	protoICMP   = 1
	protoICMPv6 = 58
)

// sourcesOf lists the columns that a field's values are made of.
func sourcesOf(f record.FieldID) []slot {
	out := []slot{slotOf(f), slotOf(f).more()}
	if f == fCommunity {
		out = append(out, slotDerived, slotCommunity)
		for _, g := range []record.FieldID{fSrcIP, fDstIP, fSrcPort, fDstPort, fProto, fICMPType, fICMPCode} {
			out = append(out, slotOf(g))
		}
	}
	for i := range derivedRules {
		if r := &derivedRules[i]; r.field == f {
			out = append(out, slotDerived)
			if r.span == 0 {
				out = append(out, slotOf(r.a), slotOf(r.b))
			}
		}
	}
	return out
}
