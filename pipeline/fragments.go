package pipeline

import (
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/reassembly"
	"github.com/tapir-project/tapir/record"
)

// Bounds of the frames held while their datagram is incomplete.
const (
	maxHeldFrames = 20_000
	maxFrameAge   = int64(30e9) // as long as the defragmenter keeps a datagram
)

// fragments holds IP fragments until their datagram is whole, so that every frame of it is counted on, and stored
// with, the flow that only the first fragment names.
type fragments struct {
	defrag reassembly.Defragmenter
	held   map[fragmentKey]*datagram
	oldest []*datagram // in order of arrival; entries that are done are skipped
	frames int
	lost   *lost // counts datagrams given up incomplete; may be nil
}

type fragmentKey struct {
	src, dst record.Addr
	id       uint32
	vlan     uint16
	proto    uint8
}

type datagram struct {
	key    fragmentKey
	frames []frame
	first  int64
	done   bool
}

// frame is one captured fragment with its headers.
type frame struct {
	p record.Packet
	d packet.Decoded
}

// deliverFunc takes a packet that is ready for its flow.
type deliverFunc func(p *record.Packet, d *packet.Decoded)

// add takes a fragment. When it completes its datagram, deliver gets the earlier frames, without payload, and then the
// last one with the payload of the whole. What it passes on owns its bytes, except p itself.
func (x *fragments) add(p *record.Packet, d *packet.Decoded, deliver deliverFunc) {
	x.expire(p.Time, deliver)
	key := fragmentKey{src: d.Src, dst: d.Dst, id: d.FragID, proto: d.Proto}
	if d.NTags > 0 {
		key.vlan = d.Tags[0].ID
	}
	ip, done := x.defrag.Add(d, p.Time)
	g := x.held[key]
	if !done {
		x.hold(g, key, p, d)
		return
	}
	whole := *d
	packet.DecodeIP(&whole, append([]byte(nil), ip...))
	if g != nil {
		x.forget(g)
		for i := range g.frames {
			part := whole
			part.Payload, part.PayloadLen = nil, 0
			deliver(&g.frames[i].p, &part)
		}
	}
	deliver(p, &whole)
}

func (x *fragments) hold(g *datagram, key fragmentKey, p *record.Packet, d *packet.Decoded) {
	if g == nil {
		g = &datagram{key: key, first: p.Time}
		if x.held == nil {
			x.held = map[fragmentKey]*datagram{}
		}
		x.held[key] = g
		x.oldest = append(x.oldest, g)
	}
	f := frame{*p, *d}
	f.p.Data = append([]byte(nil), p.Data...)
	f.d.Payload, f.d.IP = nil, nil
	g.frames = append(g.frames, f)
	x.frames++
}

func (x *fragments) forget(g *datagram) {
	g.done = true
	x.frames -= len(g.frames)
	delete(x.held, g.key)
}

// expire gives up datagrams that were incomplete for too long, or that are too many: their frames become packets of a
// flow without ports.
func (x *fragments) expire(now int64, deliver deliverFunc) {
	for len(x.oldest) > 0 {
		g := x.oldest[0]
		if !g.done && now-g.first < maxFrameAge && x.frames < maxHeldFrames {
			return
		}
		x.oldest = x.oldest[1:]
		if !g.done {
			x.giveUp(g, deliver)
		}
	}
}

func (x *fragments) giveUp(g *datagram, deliver deliverFunc) {
	x.forget(g)
	if x.lost != nil {
		x.lost.fragments.Add(1)
	}
	for i := range g.frames {
		deliver(&g.frames[i].p, &g.frames[i].d)
	}
}

// flush gives up everything: the input is over.
func (x *fragments) flush(deliver deliverFunc) {
	for _, g := range x.oldest {
		if !g.done {
			x.giveUp(g, deliver)
		}
	}
	x.oldest = nil
}
