package api

import (
	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/reassembly"
)

// piece is something one side said, or a gap of so many bytes behind it that the capture lost.
type piece struct {
	client bool
	time   int64  // of the packet that completed it, ns
	data   []byte // borrowed until say returns
	gap    int
}

// conversation puts the two directions of a session together, as the pipeline did when it recorded the session. It holds
// what reassembly holds: at most 1 MiB behind a hole, a side.
type conversation struct {
	ends   ends
	say    func(piece) bool
	done   bool // say wants no more
	conn   flow.Conn
	budget reassembly.Budget
	defrag reassembly.Defragmenter
	last   int64
	whole  packet.Decoded
}

// add takes the next packet of the session and says what it was in its connection.
func (c *conversation) add(d *packet.Decoded, now int64) (m flow.Marks) {
	c.last = max(c.last, now)
	if d.Verdict == packet.Fragment {
		ip, complete := c.defrag.Add(d, now)
		if !complete {
			return 0
		}
		c.whole = *d
		packet.DecodeIP(&c.whole, ip)
		d = &c.whole
	}
	switch {
	case d.Verdict != packet.OK:
	case d.Proto == packet.ProtoTCP:
		return c.segment(d, now)
	case len(d.Payload) > 0:
		c.deliver(piece{c.ends.client(d), now, d.Payload, max(0, int(d.PayloadLen)-len(d.Payload))})
	}
	return 0
}

func (c *conversation) segment(d *packet.Decoded, now int64) flow.Marks {
	client := c.ends.client(d)
	dir := side(client)
	own, other := &c.conn.Streams[dir], &c.conn.Streams[dir.Other()]
	m := c.conn.Segment(d, dir, now)
	seq := d.Seq
	if d.Flags&packet.SYN != 0 {
		own.Syn(seq)
		seq++
	}
	if d.Flags&packet.ACK != 0 {
		other.Ack(d.Ack)
		c.drain(!client, now) // what it acknowledges without our having seen it is lost
	}
	if d.PayloadLen > 0 {
		top := own.Top()
		class, _ := own.Add(&c.budget, seq, d.Payload, int(d.PayloadLen), now)
		m |= c.conn.Delivered(class, top, d, dir, now)
		c.drain(client, now)
	}
	return m
}

func side(client bool) proto.Dir {
	if client {
		return proto.ToServer
	}
	return proto.ToClient
}

func (c *conversation) drain(client bool, now int64) {
	for {
		chunk, ok := c.conn.Streams[side(client)].Pop(&c.budget, now)
		if !ok {
			return
		}
		c.deliver(piece{client, now, chunk.Data, chunk.Gap})
	}
}

// end delivers what was held behind holes: nothing more will come.
func (c *conversation) end() {
	for _, client := range [2]bool{true, false} {
		c.conn.Streams[side(client)].Flush()
		c.drain(client, c.last)
	}
}

func (c *conversation) deliver(p piece) {
	if !c.done {
		c.done = !c.say(p)
	}
}
