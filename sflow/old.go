package sflow

import "fmt"

// Versions 2 and 4 (RFC 3176 describes them) give samples no lengths: where one ends is known only when all of its
// structures are. Their records are given under the tags of version 5, those whose structure has changed since with
// layouts of their own; nothing can be read behind a structure that is not known.

// Kinds of packet data, extended data and counters.
const (
	oldHeader = 1
	oldIPv4   = 2
	oldIPv6   = 3

	oldSwitch  = 1
	oldRouter  = 2
	oldGateway = 3
	oldUser    = 4
	oldURL     = 5

	oldGeneric   = 1
	oldEthernet  = 2
	oldTokenRing = 3
	oldFDDI      = 4
	oldVG        = 5
	oldWAN       = 6
	oldVLAN      = 7
)

// oldWalk is how far a cursor over the records of an old sample has come.
type oldWalk struct {
	step  int    // records given
	kinds uint32 // counters: which block
}

// old reads a sample of version 2 or 4 and says whether there is one. It goes over the records to find the end.
func (it *Samples) old(s *Sample) bool {
	var tag uint32
	it.x.u32(&tag)
	if it.x.err != nil {
		return false
	}
	s.Tag, s.Body = Tag(tag), it.x.b
	x := xdr{b: it.x.b}
	var source uint32
	x.u32(&s.Sequence, &source)
	s.Source = unpackSource(source)
	switch s.Tag {
	case TagFlow:
		s.Kind = KindFlow
		x.u32(&s.Rate, &s.Pool, &s.Drops)
		var in, out uint32
		x.u32(&in, &out)
		s.Input.Value = in
		s.Output = Port{Value: out}
		if out&0x80000000 != 0 {
			s.Output = Port{PortMultiple, out & 0x7fffffff}
		}
	case TagCounters:
		s.Kind = KindCounters
		x.u32(&s.Interval)
	default:
		it.x.err = fmt.Errorf("sample type %d in version %d: %w", tag, it.version, ErrValue)
		return false
	}
	s.records, s.Count = x.b, 1
	records := s.Records()
	var r Record
	n := uint32(0)
	for records.Next(&r) {
		n++
	}
	s.Count = n
	if x.err == nil {
		x.err = records.x.err
	}
	if x.err != nil {
		s.Err = fmt.Errorf("sample of version %d: %w", it.version, x.err)
		it.x.b, it.x.err = nil, s.Err
		return true
	}
	it.x.b = records.x.b
	s.Body = s.Body[:len(s.Body)-len(it.x.b)]
	s.records = s.records[:len(s.records)-len(it.x.b)]
	return true
}

// old reads a record of version 2 or 4. A flow sample has one kind of packet data, then extended data with their
// number in front; a counter sample has one number that stands for one or two blocks.
func (it *Records) old(r *Record) bool {
	*r = Record{table: it.table}
	step := it.walk.step
	it.walk.step++
	switch {
	case it.table == 1:
		if step == 0 {
			it.walk.kinds = it.x.next()
		}
		r.Tag = oldCounters(it.walk.kinds, step)
	case step == 0:
		r.Tag = oldPacket(it.x.next())
	default:
		r.Tag = it.oldExtended()
	}
	if it.x.err == nil && r.Tag == 0 {
		it.x.err = fmt.Errorf("structure of version %d: %w", it.version, ErrValue)
	}
	start := it.x.b
	f := FieldsOf(r.Layout(), start)
	var v Value
	for it.x.err == nil && f.Next(&v) {
	}
	if it.x.err == nil {
		it.x.b, it.x.err = f.Rest(), f.err
	}
	if it.x.err != nil {
		return false
	}
	r.Body = start[:len(start)-len(it.x.b)]
	it.left = it.oldLeft()
	return true
}

// oldLeft is the number of records behind the one just read.
func (it *Records) oldLeft() uint32 {
	switch {
	case it.table == 1:
		if oldCounters(it.walk.kinds, it.walk.step) != 0 {
			return 1
		}
		return 0
	case it.walk.step == 1:
		return uint32(it.x.count(4))
	}
	return it.left - 1
}

// oldPacket is the tag of a kind of packet data.
func oldPacket(kind uint32) Tag {
	switch kind {
	case oldHeader:
		return headerOld
	case oldIPv4:
		return TagIPv4
	case oldIPv6:
		return TagIPv6
	}
	return 0
}

// oldExtended reads the type of extended data and gives the tag of its layout.
func (it *Records) oldExtended() Tag {
	switch it.x.next() {
	case oldSwitch:
		return TagSwitch
	case oldRouter:
		return TagRouter
	case oldGateway:
		if it.version == Version2 {
			return gatewayOldest
		}
		return gatewayOld
	case oldUser:
		return userOld
	case oldURL:
		return urlOld
	}
	return 0
}

// oldCounters is the tag of the n-th block that a number of counters stands for, 0 if there is none.
func oldCounters(kinds uint32, n int) Tag {
	second := Tag(0)
	switch kinds {
	case oldVLAN:
		if n == 0 {
			return TagVLAN
		}
		return 0
	case oldGeneric, oldFDDI, oldWAN:
	case oldEthernet:
		second = TagEthernetCounters
	case oldTokenRing:
		second = TagTokenRing
	case oldVG:
		second = TagVG
	default:
		return 0
	}
	switch n {
	case 0:
		return TagInterface
	case 1:
		return second
	}
	return 0
}
