package reassembly

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// DefragLimits bound a Defragmenter. Fields of 0 stand for the defaults.
type DefragLimits struct {
	Datagrams int   // unfinished datagrams held; default 10,000
	Bytes     int   // of memory for their fragments; default 16 MiB
	Age       int64 // ns of packet time from a datagram's first fragment; default 30 s
}

// Defaults of DefragLimits. RFC 791 §3.2 waits 15 s for the rest of a datagram, RFC 8200 §4.5 60 s.
const (
	defaultDatagrams = 10_000
	defaultFragBytes = 16 << 20
	defaultFragAge   = int64(30e9)
)

// maxPieces bounds the fragments of one datagram, so that putting one in its place stays cheap. 65,535 bytes over the
// smallest MTU in use (576, RFC 791) are 119.
const maxPieces = 1024

// DefragStats counts what a Defragmenter did. Every fragment is in exactly one of Joined, Duplicates, Malformed,
// Conflicts, Lost and Held.
type DefragStats struct {
	Fragments  uint64 // given to Add
	Datagrams  uint64 // put together
	Joined     uint64 // fragments in them
	Duplicates uint64 // fragments with nothing new
	Malformed  uint64 // fragments that cannot be: empty, or with more to come and a length not divisible by eight
	Conflicts  uint64 // fragments at odds with the datagram's end, which was known before
	Lost       uint64 // fragments of datagrams that were given up, also such as came afterwards

	Overlaps uint64 // fragments that overlap others; in IPv6 the datagram is given up

	// Datagrams given up, by reason. Overlapped is IPv6 only (RFC 5722).
	Expired, Evicted, Overlapped, Oversize, Cut, Pieces uint64

	Held  int // fragments of unfinished datagrams
	Open  int // unfinished datagrams
	Bytes int // memory in use or kept for use
}

// Defragmenter puts IP datagrams together again. What it holds is bounded by its limits; when one is reached, the
// datagram that began first is given up. The zero Defragmenter is ready and has the default limits. It belongs to one
// goroutine.
//
// Invariants: (D1) pieces of a datagram are sorted and do not overlap; (D2) of bytes that came twice, the first stay,
// as with the hosts that are hardest to deceive, and in IPv6 such a datagram is void (RFC 5722); (D3) a datagram given
// up for what it contains is kept as a mark without bytes until its time is over, so that the rest of its fragments do
// not look like a new one.
type Defragmenter struct {
	limits DefragLimits
	byKey  map[fragKey]*datagram
	oldest *datagram // of a list in the order of arrival
	newest *datagram
	spare  *datagram
	pool   fragPool
	stats  DefragStats
	out    []byte
}

// fragKey is what the fragments of one datagram have in common. Of IPv6, only the first fragment names the protocol for
// certain (RFC 8200 §4.5), so it is left out.
type fragKey struct {
	src, dst record.Addr
	id, vni  uint32
	vlan     uint16
	proto    uint8
	six      bool
}

// datagram is what has come of one datagram.
type datagram struct {
	key        fragKey
	first      int64 // time of the first fragment to arrive, ns
	prev, next *datagram
	head       *piece // headers in front of the fragment at offset 0, nil before it came
	pieces     *piece
	last       *piece
	n          int  // pieces
	frags      int  // fragments accepted
	have, top  int  // bytes held; where the furthest fragment ends
	end        int  // length of the data, -1 before the last fragment came
	dead       bool // given up, see D3
}

// NewDefragmenter makes a Defragmenter with limits of its own.
func NewDefragmenter(l DefragLimits) *Defragmenter {
	f := new(Defragmenter)
	f.init(l)
	return f
}

func (f *Defragmenter) init(l DefragLimits) {
	if l.Datagrams <= 0 {
		l.Datagrams = defaultDatagrams
	}
	if l.Bytes <= 0 {
		l.Bytes = defaultFragBytes
	}
	if l.Age <= 0 {
		l.Age = defaultFragAge
	}
	f.limits, f.byKey, f.pool.max = l, make(map[fragKey]*datagram), l.Bytes
}

// Stats returns the counters.
func (f *Defragmenter) Stats() DefragStats {
	s := f.stats
	s.Open, s.Bytes = len(f.byKey), f.pool.size
	return s
}

// Add takes the fragment in d (whose Verdict is packet.Fragment), which came at now (ns). When it completes its datagram,
// done is true and ip the whole of it: the header of its first fragment with length, fragment fields and, in IPv4,
// checksum made right, ready for packet.DecodeIP. ip is valid until the next call.
func (f *Defragmenter) Add(d *packet.Decoded, now int64) (ip []byte, done bool) {
	if f.byKey == nil {
		f.init(DefragLimits{})
	}
	f.stats.Fragments++
	f.expire(now)
	g := f.find(d, now)
	if g.dead {
		f.stats.Lost++
		return nil, false
	}
	off, size := int(d.FragOff), len(d.Payload)
	switch end := off + size; {
	case uint32(size) < d.PayloadLen:
		f.giveUp(g, &f.stats.Cut)
	case wholeSize(d)+end > 0xffff:
		f.giveUp(g, &f.stats.Oversize)
	case size == 0 || d.MoreFrags && size%8 != 0:
		f.refuse(g, &f.stats.Malformed)
	case g.conflicts(end, d.MoreFrags):
		f.refuse(g, &f.stats.Conflicts)
	default:
		return f.accept(g, d, off, end)
	}
	return nil, false
}

// wholeSize is what counts of a fragment's headers for the length field of the datagram: all in IPv4, all but the fixed
// header and the fragment header in IPv6.
func wholeSize(d *packet.Decoded) int {
	n := len(d.IP) - len(d.Payload)
	if isIPv6(d) {
		n -= ipv6Fixed + fragHeader
	}
	return n
}

func isIPv6(d *packet.Decoded) bool { return d.IP[0]>>4 == 6 }

// conflicts says whether a fragment that ends at end contradicts what is known of the datagram's end.
func (g *datagram) conflicts(end int, more bool) bool {
	if more {
		return g.end >= 0 && end >= g.end
	}
	return g.end >= 0 && end != g.end || end < g.top
}

// find returns the datagram of d's fragment, a new one if it is the first.
func (f *Defragmenter) find(d *packet.Decoded, now int64) *datagram {
	k := fragKey{src: d.Src, dst: d.Dst, id: d.FragID, vni: d.VNI, proto: d.Proto}
	if d.NTags > 0 {
		k.vlan = d.Tags[0].ID
	}
	if isIPv6(d) {
		k.six, k.proto = true, 0
	}
	if g := f.byKey[k]; g != nil {
		return g
	}
	if len(f.byKey) >= f.limits.Datagrams {
		f.evict(f.oldest)
	}
	g := f.spare
	if g != nil {
		f.spare = g.next
	} else {
		g = new(datagram)
	}
	*g = datagram{key: k, first: now, end: -1, prev: f.newest}
	if f.newest != nil {
		f.newest.next = g
	} else {
		f.oldest = g
	}
	f.newest = g
	f.byKey[k] = g
	return g
}

// accept puts a fragment in its place and, if it was the last missing, the datagram together.
func (f *Defragmenter) accept(g *datagram, d *packet.Decoded, off, end int) (ip []byte, done bool) {
	switch f.overlap(g, off, end) {
	case overlapDuplicate:
		f.stats.Duplicates++
		return nil, false
	case overlapPartly:
		f.stats.Overlaps++
		if g.key.six {
			f.giveUp(g, &f.stats.Overlapped)
			return nil, false
		}
	}
	if !f.insert(g, off, d.Payload) || off == 0 && !f.setHead(g, d.IP[:len(d.IP)-len(d.Payload)]) {
		return nil, false // given up for want of room
	}
	g.frags++
	f.stats.Held++
	g.top = max(g.top, end)
	if !d.MoreFrags {
		g.end = end
	}
	if g.have != g.end || g.head == nil {
		return nil, false
	}
	f.stats.Datagrams++
	f.stats.Joined += uint64(g.frags)
	f.stats.Held -= g.frags
	ip = f.join(g)
	f.remove(g)
	return ip, true
}

// Kinds of overlap.
const (
	overlapNone = iota
	overlapDuplicate
	overlapPartly
)

// overlap compares the range of a fragment with what is there.
func (f *Defragmenter) overlap(g *datagram, off, end int) int {
	if g.last == nil || g.last.end <= off { // in order
		return overlapNone
	}
	covered := 0
	for p := g.pieces; p != nil && p.off < end; p = p.next {
		if p.end <= off {
			continue
		}
		if p.off == off && p.end == end {
			return overlapDuplicate
		}
		covered += min(p.end, end) - max(p.off, off)
	}
	switch {
	case covered == 0:
		return overlapNone
	case covered == end-off && !g.key.six:
		f.stats.Overlaps++
		return overlapDuplicate
	}
	return overlapPartly
}

// insert copies those bytes of data that are not there yet into pieces of their own; false means that g was given up.
func (f *Defragmenter) insert(g *datagram, off int, data []byte) bool {
	end := off + len(data)
	if g.last == nil || g.last.end <= off {
		return f.put(g, g.last, off, data)
	}
	var before *piece // the piece in front of off
	for p := g.pieces; p != nil && p.off <= off; p = p.next {
		before = p
	}
	for off < end {
		after := g.pieces
		if before != nil {
			after = before.next
			if before.end > off { // first bytes win
				skip := min(before.end, end) - off
				off, data = off+skip, data[skip:]
			}
		}
		n := end - off
		if after != nil {
			n = min(n, after.off-off)
		}
		if n > 0 && !f.put(g, before, off, data[:n]) {
			return false
		}
		off, data = off+n, data[n:]
		before = after
	}
	return true
}

// put adds a piece behind another, or in front of all if that is nil.
func (f *Defragmenter) put(g *datagram, behind *piece, off int, data []byte) bool {
	if g.n == maxPieces {
		f.giveUp(g, &f.stats.Pieces)
		return false
	}
	p := f.room(g, len(data))
	if p == nil {
		return false
	}
	p.off, p.end = off, off+len(data)
	copy(p.buf, data)
	if behind == nil {
		p.next, g.pieces = g.pieces, p
	} else {
		p.next, behind.next = behind.next, p
	}
	if p.next == nil {
		g.last = p
	}
	g.n++
	g.have += len(data)
	return true
}

func (f *Defragmenter) setHead(g *datagram, head []byte) bool {
	if g.head != nil {
		return true
	}
	p := f.room(g, len(head))
	if p == nil {
		return false
	}
	p.off, p.end = 0, len(head)
	copy(p.buf, head)
	g.head = p
	return true
}

// room takes a buffer for n bytes of g, giving up older datagrams where there is none. If there is none even so, g is
// given up.
func (f *Defragmenter) room(g *datagram, n int) *piece {
	for {
		if p := f.pool.get(n); p != nil {
			return p
		}
		victim := f.oldest
		if victim == g {
			victim = g.next
		}
		if victim == nil {
			f.giveUp(g, &f.stats.Evicted)
			return nil
		}
		f.evict(victim)
	}
}

// expire gives up the datagrams whose time is over.
func (f *Defragmenter) expire(now int64) {
	for g := f.oldest; g != nil && now-g.first >= f.limits.Age; g = f.oldest {
		if !g.dead {
			f.stats.Expired++
			f.lose(g)
		}
		f.remove(g)
	}
}

func (f *Defragmenter) evict(g *datagram) {
	if !g.dead {
		f.stats.Evicted++
		f.lose(g)
	}
	f.remove(g)
}

// giveUp makes g a mark (D3), the present fragment lost with it.
func (f *Defragmenter) giveUp(g *datagram, reason *uint64) {
	*reason++
	f.stats.Lost++
	f.lose(g)
	f.release(g)
	g.dead = true
}

// refuse counts a fragment that is ignored; a datagram that has no other is none.
func (f *Defragmenter) refuse(g *datagram, reason *uint64) {
	*reason++
	if g.frags == 0 {
		f.remove(g)
	}
}

// lose counts the fragments of g as lost.
func (f *Defragmenter) lose(g *datagram) {
	f.stats.Lost += uint64(g.frags)
	f.stats.Held -= g.frags
	g.frags = 0
}

// release gives the buffers of g back.
func (f *Defragmenter) release(g *datagram) {
	if g.head != nil {
		f.pool.put(g.head)
	}
	for p := g.pieces; p != nil; {
		next := p.next
		f.pool.put(p)
		p = next
	}
	g.head, g.pieces, g.last = nil, nil, nil
}

// remove forgets g.
func (f *Defragmenter) remove(g *datagram) {
	f.release(g)
	delete(f.byKey, g.key)
	if g.prev != nil {
		g.prev.next = g.next
	} else {
		f.oldest = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	} else {
		f.newest = g.prev
	}
	g.prev, g.next = nil, f.spare
	f.spare = g
}

// join writes the whole datagram of g to f.out.
func (f *Defragmenter) join(g *datagram) []byte {
	f.out = append(f.out[:0], g.head.bytes()...)
	if g.key.six {
		f.out = dropFragHeader(f.out)
	}
	head := len(f.out)
	for p := g.pieces; p != nil; p = p.next {
		f.out = append(f.out, p.bytes()...)
	}
	if g.key.six {
		binary.BigEndian.PutUint16(f.out[4:], uint16(len(f.out)-ipv6Fixed))
	} else {
		fixIPv4(f.out, head)
	}
	return f.out
}

// fixIPv4 makes the first size bytes of ip, its header, that of a whole datagram.
func fixIPv4(ip []byte, size int) {
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	clear(ip[6:8])
	clear(ip[10:12])
	sum := uint32(0)
	for i := 0; i+1 < size; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum>>16+sum))
}

const (
	ipv6Fixed  = 40
	fragHeader = 8
)

// dropFragHeader takes the fragment header off the end of an IPv6 packet's headers and puts its next header value where
// the one of the fragment header was (RFC 8200 §4.5).
func dropFragHeader(head []byte) []byte {
	size := len(head) - fragHeader
	at, off := 6, ipv6Fixed // where the type of the header at off stands
	for off+2 <= size {
		n := (int(head[off+1]) + 1) * 8
		if head[at] == packet.ProtoAH {
			n = (int(head[off+1]) + 2) * 4
		}
		at, off = off, off+n
	}
	head[at] = head[size]
	return head[:size]
}
