package flow

import (
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/reassembly"
)

// quality is what the headers of a TCP connection tell of it, in the present part of the flow.
type quality struct {
	flags   [len(flagFields)]uint32
	side    [2]side // of the segments that side sent
	synTime int64   // first SYN
	ackTime int64   // first ACK after SYN-ACK
	synAck  bool
}

// side is the quality of one side's segments.
type side struct {
	isn                  uint32
	hasISN               bool
	synOK                bool // its SYN was acknowledged with the right number
	fin                  bool
	retrans, late        uint32
	dupAcks, zeroWindows uint32
	lastAck              uint32
	lastWindow           uint16
	hasAck               bool
	gaps                 uint64 // reassembly's count when the last part ended
	topTime              int64  // when its highest sequence number came
	rtt                  int64  // smoothed, ns: from here to the other side and back
	probe                uint32 // sequence number whose acknowledgement is timed
	probeTime            int64  // 0: none
}

// reorderWindow is how late a segment may be to count as reordered by the network rather than sent again, when the
// round trip is not known or shorter.
const reorderWindow = int64(3e6)

// answersFirst says whether the first packet of a flow was sent by its server: a SYN-ACK, or, where no handshake tells,
// from a well-known port to a high one.
func answersFirst(d *packet.Decoded) bool {
	if d.Proto == 6 && d.Flags&packet.SYN != 0 {
		return d.Flags&packet.ACK != 0
	}
	return false
}

// tcpDirection corrects client and server when a handshake shows who opened the connection, and returns the packet's
// direction.
func (t *Table) tcpDirection(f *Flow, d *packet.Decoded, dir proto.Dir) proto.Dir {
	if f.confirmed || d.Flags&packet.SYN == 0 {
		return dir
	}
	f.confirmed = true
	fromClient := d.Flags&packet.ACK == 0
	if fromClient != (dir == proto.ToServer) {
		f.turn()
		f.Conn.Streams[0], f.Conn.Streams[1] = f.Conn.Streams[1], f.Conn.Streams[0]
		q := &f.Conn.quality
		q.side[0], q.side[1] = q.side[1], q.side[0]
		return dir.Other()
	}
	return dir
}

// Segment accounts for a TCP segment: flags, round trips, windows. Call it before reassembly sees the segment, and
// Delivered with what reassembly made of it.
func (c *Conn) Segment(d *packet.Decoded, dir proto.Dir, now int64) (m Marks) {
	q := &c.quality
	q.countFlags(d.Flags)
	if q.handshake(d, dir, now) {
		m |= Retransmission
	}
	me, you := &q.side[dir], &q.side[dir.Other()]
	if d.Flags&packet.RST != 0 {
		m |= Reset
	} else {
		if d.Window == 0 {
			me.zeroWindows++
			m |= ZeroWindow
		}
		if d.Flags&packet.ACK != 0 && me.acknowledge(you, d, now, c.Streams[dir.Other()].Top()) {
			m |= DuplicateAck
		}
		if c.probes(d, dir) {
			m |= KeepAlive
		}
	}
	if d.Flags&packet.FIN != 0 {
		me.fin = true
	}
	return m
}

// probes says whether a segment only asks whether the other side is there: at most one byte, and that an old one.
func (c *Conn) probes(d *packet.Decoded, dir proto.Dir) bool {
	s := &c.Streams[dir]
	return d.PayloadLen <= 1 && s.Started() && d.Seq+1 == s.Next() && d.Flags&(packet.SYN|packet.FIN) == 0
}

// acknowledge handles the ACK in a segment of s: a duplicate of the last one (RFC 5681 §2), or the end of a timed round
// trip to s. It says whether it is a duplicate.
func (s *side) acknowledge(you *side, d *packet.Decoded, now int64, top uint32) (duplicate bool) {
	if s.hasAck && d.Ack == s.lastAck && d.PayloadLen == 0 && d.Window == s.lastWindow && d.Flags&(packet.SYN|packet.FIN) == 0 && top != d.Ack {
		s.dupAcks++
		duplicate = true
	}
	s.lastAck, s.lastWindow, s.hasAck = d.Ack, d.Window, true
	if you.probeTime != 0 && int32(d.Ack-you.probe) >= 0 {
		you.sample(now - you.probeTime)
		you.probeTime = 0
	}
	return duplicate
}

// sample smooths round trips as RFC 6298 §2 does.
func (s *side) sample(rtt int64) {
	if rtt < 0 {
		return
	}
	if s.rtt == 0 {
		s.rtt = rtt
		return
	}
	s.rtt += (rtt - s.rtt) / 8
}

// Delivered tells what a segment with payload was to its stream. top is what the stream's Top was before.
func (c *Conn) Delivered(class reassembly.Class, top uint32, d *packet.Decoded, dir proto.Dir, now int64) (m Marks) {
	s := &c.quality.side[dir]
	switch class {
	case reassembly.InOrder, reassembly.Ahead:
		if class == reassembly.Ahead && int32(d.Seq-top) > 0 {
			m = Gap
		}
		s.topTime = now
		if s.probeTime == 0 {
			s.probe, s.probeTime = d.Seq+d.PayloadLen, now
		}
	case reassembly.Filled:
		if now-s.topTime < max(s.rtt, reorderWindow) {
			s.late++
			m = OutOfOrder
		} else {
			s.retrans++
			m = Retransmission
		}
		s.probeTime = 0 // RFC 6298 §3: what was sent again says nothing of the round trip
	case reassembly.Duplicate:
		if !c.probes(d, dir) {
			s.retrans++
			s.probeTime = 0
			m = Retransmission
		}
	}
	return m
}

func (q *quality) countFlags(flags uint16) {
	switch flags & (packet.SYN | packet.ACK) {
	case packet.SYN:
		q.flags[flagSYN]++
	case packet.SYN | packet.ACK:
		q.flags[flagSYNACK]++
	case packet.ACK:
		if flags&(packet.FIN|packet.RST|packet.PSH|packet.URG) == 0 {
			q.flags[flagACK]++
		}
	}
	for _, x := range flagBits {
		if flags&x.bit != 0 {
			q.flags[x.i]++
		}
	}
}

// handshake times SYN, SYN-ACK and ACK (RFC 9293 §3.5). It says whether it is a SYN that was sent before.
func (q *quality) handshake(d *packet.Decoded, dir proto.Dir, now int64) (again bool) {
	me, you := &q.side[dir], &q.side[dir.Other()]
	if d.Flags&packet.SYN != 0 {
		switch {
		case !me.hasISN:
			me.isn, me.hasISN = d.Seq, true
		case me.isn == d.Seq:
			again = true
			me.retrans++
		}
		if d.Flags&packet.ACK == 0 {
			if q.synTime == 0 {
				q.synTime = now
			}
		} else {
			q.synAck = true
		}
	}
	if d.Flags&packet.ACK != 0 && you.hasISN && d.Ack == you.isn+1 {
		you.synOK = true
		if dir == proto.ToServer && q.synAck && q.ackTime == 0 && q.synTime != 0 {
			q.ackTime = now
		}
	}
	return again
}

// begunBy says whether the connection began with a SYN of that number: seen again, it is a copy.
func (q *quality) begunBy(seq uint32) bool {
	return q.side[0].hasISN && q.side[0].isn == seq || q.side[1].hasISN && q.side[1].isn == seq
}

// closed says whether both sides have sent FIN.
func (q *quality) closed() bool { return q.side[0].fin && q.side[1].fin }

// BothFinished says whether both sides have sent FIN.
func (f *Flow) BothFinished() bool { return f.Conn.quality.closed() }

// Delivered is Conn.Delivered; fresh is how many of the segment's bytes were new.
func (f *Flow) Delivered(class reassembly.Class, fresh int, top uint32, d *packet.Decoded, dir proto.Dir, now int64) {
	f.count[dir].data += uint64(fresh)
	f.Conn.Delivered(class, top, d, dir, now)
}
