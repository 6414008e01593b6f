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
func (f *Flow) Segment(d *packet.Decoded, dir proto.Dir, now int64) {
	q := &f.Conn.quality
	q.countFlags(d.Flags)
	q.handshake(d, dir, now)
	me, you := &q.side[dir], &q.side[dir.Other()]
	if d.Flags&packet.RST == 0 {
		if d.Window == 0 {
			me.zeroWindows++
		}
		if d.Flags&packet.ACK != 0 {
			me.acknowledge(you, d, now, f.Conn.Streams[dir.Other()].Top())
		}
	}
	if d.Flags&packet.FIN != 0 {
		me.fin = true
	}
}

// acknowledge handles the ACK in a segment of s: a duplicate of the last one (RFC 5681 §2), or the end of a timed round
// trip to s.
func (s *side) acknowledge(you *side, d *packet.Decoded, now int64, top uint32) {
	if s.hasAck && d.Ack == s.lastAck && d.PayloadLen == 0 && d.Window == s.lastWindow && d.Flags&(packet.SYN|packet.FIN) == 0 && top != d.Ack {
		s.dupAcks++
	}
	s.lastAck, s.lastWindow, s.hasAck = d.Ack, d.Window, true
	if you.probeTime != 0 && int32(d.Ack-you.probe) >= 0 {
		you.sample(now - you.probeTime)
		you.probeTime = 0
	}
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

// Delivered tells what a segment with payload was to its stream, and how many of its bytes were new.
func (f *Flow) Delivered(c reassembly.Class, fresh int, d *packet.Decoded, dir proto.Dir, now int64) {
	s := &f.Conn.quality.side[dir]
	f.count[dir].data += uint64(fresh)
	switch c {
	case reassembly.InOrder, reassembly.Ahead:
		s.topTime = now
		if s.probeTime == 0 {
			s.probe, s.probeTime = d.Seq+d.PayloadLen, now
		}
	case reassembly.Filled:
		if now-s.topTime < max(s.rtt, reorderWindow) {
			s.late++
		} else {
			s.retrans++
		}
		s.probeTime = 0 // RFC 6298 §3: what was sent again says nothing of the round trip
	case reassembly.Duplicate:
		if keepAlive := d.PayloadLen <= 1 && d.Seq+1 == f.Conn.Streams[dir].Next(); !keepAlive {
			s.retrans++
			s.probeTime = 0
		}
	}
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

// handshake times SYN, SYN-ACK and ACK (RFC 9293 §3.5).
func (q *quality) handshake(d *packet.Decoded, dir proto.Dir, now int64) {
	me, you := &q.side[dir], &q.side[dir.Other()]
	if d.Flags&packet.SYN != 0 {
		if !me.hasISN {
			me.isn, me.hasISN = d.Seq, true
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
}

// begunBy says whether the connection began with a SYN of that number: seen again, it is a copy.
func (q *quality) begunBy(seq uint32) bool {
	return q.side[0].hasISN && q.side[0].isn == seq || q.side[1].hasISN && q.side[1].isn == seq
}

// closed says whether both sides have sent FIN.
func (q *quality) closed() bool { return q.side[0].fin && q.side[1].fin }

// BothFinished says whether both sides have sent FIN.
func (f *Flow) BothFinished() bool { return f.Conn.quality.closed() }
