package pcapstore

import (
	"slices"

	"github.com/tapir-project/tapir/record"
)

// cursor gives the wanted packets of one segment in time order, ties in the order they stand in.
type cursor struct {
	d    *dataReader
	list bool     // offs, from i on, are wanted; else all packets from next on
	offs []uint32 // in the order they are given
	i    int
	next uint64
	from int64 // packets of other times than from <= t <= last are left out
	last int64

	worker int
	pkt    record.Packet
	pos    record.Position
}

// advance reads the next wanted packet; false if there is none.
func (c *cursor) advance() (bool, error) {
	for {
		off, ok := c.step()
		if !ok {
			return false, nil
		}
		if err := c.d.packet(&c.pkt, off, c); err != nil {
			return false, err
		}
		if !c.list {
			c.next = off + packHeader + uint64(len(c.pkt.Data))
		}
		if c.pkt.Time > c.last {
			return false, nil // they come in time order
		}
		if c.pkt.Time >= c.from {
			c.pos = record.Position{Segment: c.d.seq, Offset: off}
			return true, nil
		}
	}
}

// step gives the offset of the next packet to look at.
func (c *cursor) step() (uint64, bool) {
	if !c.list {
		return c.next, c.next < c.d.end
	}
	if c.i == len(c.offs) {
		return 0, false
	}
	c.i++
	return uint64(c.offs[c.i-1]), true
}

// ahead is how much is worth reading at once from the packet that step gave last.
func (c *cursor) ahead() int {
	if !c.list {
		return maxAhead
	}
	start := c.offs[c.i-1]
	end, last := start+guessPacket, start
	for _, o := range c.offs[c.i:] {
		if o < last || o-last > maxGap || o-start > maxAhead {
			break
		}
		end, last = o+guessPacket, o
	}
	return int(end - start)
}

// sortByTime puts the wanted packets of a segment whose packets do not stand in time order into it. It reads their
// headers and holds 16 bytes for each.
func (c *cursor) sortByTime() error {
	type key struct {
		t   int64
		off uint32
	}
	var keys []key
	for {
		off, ok := c.step()
		if !ok {
			break
		}
		h, err := c.d.header(off, c)
		if err != nil {
			return err
		}
		if !c.list {
			c.next = off + h.size()
		}
		if t := joinTime(c.d.era, h.sec, h.nsec); t >= c.from && t <= c.last {
			keys = append(keys, key{t, uint32(off)})
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.t != b.t {
			return compare(a.t, b.t)
		}
		return compare(int64(a.off), int64(b.off))
	})
	c.offs = c.offs[:0]
	for _, k := range keys {
		c.offs = append(c.offs, k.off)
	}
	c.list, c.i = true, 0
	return nil
}

// before orders cursors by time, then worker, then position.
func (c *cursor) before(o *cursor) bool {
	switch {
	case c.pkt.Time != o.pkt.Time:
		return c.pkt.Time < o.pkt.Time
	case c.worker != o.worker:
		return c.worker < o.worker
	}
	return c.pos.Before(o.pos)
}

// cursorHeap is a container/heap of cursors, the one whose packet comes next on top.
type cursorHeap []*cursor

func (h cursorHeap) Len() int           { return len(h) }
func (h cursorHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h cursorHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *cursorHeap) Push(x any)        { *h = append(*h, x.(*cursor)) }
func (h *cursorHeap) Pop() any {
	old := *h
	c := old[len(old)-1]
	*h = old[:len(old)-1]
	return c
}
