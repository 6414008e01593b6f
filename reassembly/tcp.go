package reassembly

// Bounds of one direction of a connection. A segment beyond them makes the stream give up on the oldest hole.
const (
	MaxSegments   = 256     // segments held behind a hole
	MaxHeldBytes  = 1 << 20 // bytes held behind a hole
	maxJump       = 1 << 28 // a sequence number further ahead than this starts the stream anew
	holePatience  = int64(200e6)
	segmentWaste  = 64 // bookkeeping bytes a held segment counts beside its data
	initialBuffer = 2048
)

// Budget bounds the bytes all streams of one worker hold behind holes. It is not safe for concurrent use.
type Budget struct {
	Max  int // 0: 64 MiB
	used int
	free [][]byte
	// What Pop gives next of the stream at hand: kept here, and not in each of a million streams.
	direct  []byte
	cut     int    // bytes behind it that the capture cut off
	scratch []byte // of a held segment
	// Evicted counts the times a hole was given up because the budget was spent.
	Evicted uint64
}

// Used is the number of bytes held.
func (b *Budget) Used() int { return b.used }

func (b *Budget) max() int {
	if b.Max > 0 {
		return b.Max
	}
	return 64 << 20
}

func (b *Budget) get(data []byte) []byte {
	b.used += cap(data) + segmentWaste
	var buf []byte
	if n := len(b.free); n > 0 && len(data) <= initialBuffer {
		buf, b.free = b.free[n-1][:0], b.free[:n-1]
	} else {
		buf = make([]byte, 0, max(len(data), initialBuffer))
	}
	return append(buf, data...)
}

func (b *Budget) put(s *segment) {
	b.used -= s.cost
	if cap(s.data) == initialBuffer && len(b.free) < 1024 {
		b.free = append(b.free, s.data)
	}
	s.data = nil
}

// Class is what a segment was to its stream.
type Class uint8

// The classes.
const (
	Empty     Class = iota // no payload
	InOrder                // continued the stream
	Ahead                  // lies behind a hole
	Filled                 // late: filled (part of) a hole
	Duplicate              // brought nothing new
)

// Stream is one direction of a TCP connection. The zero Stream waits for its first segment.
//
//	I1: held segments are sorted, do not overlap, and lie after next.
//	I2: every byte from the first segment's on is delivered once or counted in a gap once, in order.
type Stream struct {
	next    uint32 // sequence number of the next byte to deliver
	top     uint32 // one past the highest byte seen
	acked   uint32 // highest acknowledgement of the other side, if hasAck
	fin     uint32 // sequence number of FIN, if hasFin
	started bool
	hasFin  bool
	hasAck  bool
	flushed bool // nothing more will come
	held    []segment
	bytes   int    // of held data
	since   int64  // when the oldest hole appeared
	GapSeen uint64 // bytes lost so far
}

type segment struct {
	seq  uint32
	cut  uint32 // bytes behind data that the capture cut off
	cost int
	data []byte
}

func (s *segment) end() uint32 { return s.seq + uint32(len(s.data)) + s.cut }

// Chunk is a piece of a stream: bytes, or a hole of Gap bytes.
type Chunk struct {
	Data []byte // borrowed until the next call
	Gap  int
}

// before says whether a comes before b in sequence space (RFC 9293 §3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }

// Started says whether a segment has been seen.
func (s *Stream) Started() bool { return s.started }

// Next is the sequence number the stream waits for.
func (s *Stream) Next() uint32 { return s.next }

// Top is one past the highest sequence number seen.
func (s *Stream) Top() uint32 { return s.top }

// Syn starts the stream at the byte behind a SYN with sequence number seq. A second SYN changes nothing.
func (s *Stream) Syn(seq uint32) {
	if !s.started {
		s.started, s.next, s.top = true, seq+1, seq+1
	}
}

// Ack tells what the other side has received.
func (s *Stream) Ack(ack uint32) {
	if !s.hasAck || before(s.acked, ack) {
		s.acked, s.hasAck = ack, true
	}
}

// Fin tells where the stream ends: seq is the number of the byte after the last.
func (s *Stream) Fin(seq uint32) {
	if !s.hasFin {
		s.fin, s.hasFin = seq, true
	}
}

// Ended says whether everything up to FIN has been delivered.
func (s *Stream) Ended() bool { return s.hasFin && s.started && !before(s.next, s.fin) }

// Add gives a segment: payload as captured, wire its length on the wire. What became deliverable comes from Pop,
// which must be called until it has no more before the next Add of any stream of that budget; payload is borrowed until then. fresh is how many of
// the wire bytes had not been seen before.
func (s *Stream) Add(b *Budget, seq uint32, payload []byte, wire int, now int64) (class Class, fresh int) {
	if wire <= 0 {
		return Empty, 0
	}
	payload = payload[:min(len(payload), wire)]
	if !s.started || int32(seq-s.next) > maxJump || int32(s.next-seq) > maxJump {
		s.restart(b, seq)
	}
	end := seq + uint32(wire)
	class = s.classify(seq, end)
	if before(s.top, end) {
		s.top = end
	}
	if class == Duplicate {
		return class, 0
	}
	if before(seq, s.next) { // trim what was delivered
		skip := int(s.next - seq)
		payload = payload[min(skip, len(payload)):]
		wire -= skip
		seq = s.next
	}
	if seq == s.next && (len(s.held) == 0 || !before(s.held[0].seq, end)) {
		b.direct, b.cut = payload, wire-len(payload)
		s.next = end
		return class, wire
	}
	return class, s.hold(b, seq, payload, wire, now)
}

// classify compares [seq, end) with what was seen.
func (s *Stream) classify(seq, end uint32) Class {
	switch {
	case !before(s.next, end):
		return Duplicate
	case !before(seq, s.top):
		if seq == s.next && len(s.held) == 0 {
			return InOrder
		}
		return Ahead
	case before(s.top, end) && !before(s.next, seq):
		return InOrder // overlaps what was delivered and goes on from there
	}
	for i := range s.held {
		h := &s.held[i]
		if !before(seq, h.seq) && !before(h.end(), end) {
			return Duplicate
		}
	}
	return Filled
}

// restart drops what is held and begins at seq: the first segment of a stream picked up in the middle, or a jump that
// no window allows.
func (s *Stream) restart(b *Budget, seq uint32) {
	for i := range s.held {
		b.put(&s.held[i])
	}
	s.held, s.bytes = s.held[:0], 0
	s.started, s.next, s.top, s.hasAck = true, seq, seq, false
}

// hold keeps a segment that lies behind a hole, without the parts already held (I1), and says how many bytes were new.
func (s *Stream) hold(b *Budget, seq uint32, payload []byte, wire int, now int64) (fresh int) {
	if len(s.held) == 0 {
		s.since = now
	}
	end := seq + uint32(wire)
	for i := 0; i <= len(s.held) && before(seq, end); i++ {
		stop := end
		if i < len(s.held) {
			h := &s.held[i]
			if !before(seq, h.end()) {
				continue
			}
			if before(h.seq, stop) {
				stop = h.seq
			}
			if !before(seq, stop) { // starts inside h: go on behind it
				skip := h.end() - seq
				payload = payload[min(int(skip), len(payload)):]
				seq = h.end()
				continue
			}
		}
		n := int(stop - seq)
		part := payload[:min(n, len(payload))]
		s.insert(b, i, segment{seq: seq, cut: uint32(n - len(part)), data: part})
		payload = payload[len(part):]
		fresh += n
		seq = stop
	}
	return fresh
}

func (s *Stream) insert(b *Budget, i int, g segment) {
	used := b.used
	g.data = b.get(g.data)
	g.cost = b.used - used
	s.held = append(s.held, segment{})
	copy(s.held[i+1:], s.held[i:])
	s.held[i] = g
	s.bytes += len(g.data)
}

// Pop gives the next piece that can be delivered at time now. ok is false when there is none.
func (s *Stream) Pop(b *Budget, now int64) (c Chunk, ok bool) {
	switch {
	case b.direct != nil:
		c.Data, b.direct = b.direct, nil
		if len(c.Data) > 0 {
			return c, true
		}
		fallthrough
	case b.cut > 0:
		c.Data, c.Gap, b.cut = nil, b.cut, 0
		if c.Gap > 0 {
			s.GapSeen += uint64(c.Gap)
			return c, true
		}
	}
	if len(s.held) == 0 {
		return c, false
	}
	first := &s.held[0]
	if first.seq == s.next {
		return s.popHeld(b), true
	}
	if !s.giveUp(b, now) {
		return c, false
	}
	c.Gap = int(first.seq - s.next)
	s.next = first.seq
	s.since = now
	s.GapSeen += uint64(c.Gap)
	return c, true
}

// popHeld delivers the first held segment; it is next in order.
func (s *Stream) popHeld(b *Budget) Chunk {
	g := s.held[0]
	s.bytes -= len(g.data)
	s.next = g.end()
	b.cut = int(g.cut)
	b.scratch = append(b.scratch[:0], g.data...)
	b.put(&g)
	copy(s.held, s.held[1:])
	s.held = s.held[:len(s.held)-1]
	return Chunk{Data: b.scratch}
}

// giveUp decides that the bytes before the first held segment will not come: a bound is reached, or the receiver has
// long acknowledged them, so that it was the capture that lost them.
func (s *Stream) giveUp(b *Budget, now int64) bool {
	if b.used > b.max() {
		b.Evicted++
		return true
	}
	if s.flushed || len(s.held) > MaxSegments || s.bytes > MaxHeldBytes {
		return true
	}
	return s.hasAck && !before(s.acked, s.held[0].seq) && now-s.since >= holePatience
}

// Flush makes everything held deliverable: the connection is over. Call Pop until it has no more.
func (s *Stream) Flush() { s.flushed = true }

// Release gives the memory back.
func (s *Stream) Release(b *Budget) {
	for i := range s.held {
		b.put(&s.held[i])
	}
	*s = Stream{held: s.held[:0]}
}
