package pcapstore

import (
	"math"
	"path/filepath"
	"slices"

	"github.com/tapir-project/tapir/record"
)

// headFor finds the open segment a packet of that kind and size belongs to, and begins one if there is none or it
// is complete. nil: there is no room for another kind.
func (w *Writer) headFor(p *record.Packet, k kind, size int) (*head, Drop) {
	i := slices.IndexFunc(w.heads, func(h *head) bool { return h.seg.kind == k })
	if i >= 0 {
		h := w.heads[i]
		if !w.complete(h, p.Time, size) {
			return h, 0
		}
		w.finish(h)
	}
	if len(w.heads) >= w.opts.maxOpen && !w.evict(p.Time) {
		return nil, TooManyKinds
	}
	return w.begin(k, p.Time), 0
}

// complete says whether h must end before a packet of size bytes at time t. Where only time asks for it, a segment
// that holds little goes on: its bounds move, and its index will say what times it has. Times that jump back do not
// end a segment, else two interleaved captures would make one of every packet.
func (w *Writer) complete(h *head, t int64, size int) bool {
	end := h.size()
	packets, flows := h.packets, h.flows
	if h.c != nil {
		packets += uint64(h.c.packets)
	}
	switch {
	case end <= fileHeader:
		return false
	case end+int64(size) > w.opts.SegmentBytes, packets >= uint64(w.opts.maxPackets), flows >= w.opts.maxFlows:
		return true
	case t >= h.high && end >= w.opts.minSegment:
		return true
	}
	if t >= h.high {
		h.high = w.endOf(t)
	}
	return false
}

// endOf is the time up to which a segment goes on, once it holds enough, whose packets have reached time t.
func (w *Writer) endOf(t int64) int64 {
	era, _, _ := splitTime(t)
	_, last := eraRange(era)
	end := last
	if t < math.MaxInt64-hour {
		end = min(end, t-mod(t, hour)+hour)
	}
	if age := int64(w.opts.SegmentAge); age > 0 && t < math.MaxInt64-age {
		end = min(end, t+age)
	}
	return end
}

// mod is the remainder of t by d that is not negative.
func mod(t, d int64) int64 {
	if r := t % d; r < 0 {
		return r + d
	} else {
		return r
	}
}

// begin opens a segment for packets from time t on. The files are made by the I/O loop.
func (w *Writer) begin(k kind, t int64) *head {
	seg := &segment{
		identity: identity{worker: w.worker, seq: w.next, kind: k, zstd: w.compressed()},
		stem:     filepath.Join(w.dir, filepath.FromSlash(stem(w.worker, w.next, k, t))),
	}
	w.next++
	h := &head{seg: seg, seq: seg.seq, link: k.link, high: w.endOf(t), newest: math.MinInt64, lastUsed: t}
	if k.era != 0 || k.big {
		h.low = math.MaxInt64 // the fast path is for times of era 0 and common sizes
	}
	w.heads = append(w.heads, h)
	return h
}

// finish completes h's segment.
func (w *Writer) finish(h *head) {
	i := slices.Index(w.heads, h)
	w.heads = slices.Delete(w.heads, i, i+1)
	if w.cur == h {
		w.cur = noHead
	}
	if h.c != nil && h.c.packets == 0 {
		w.free <- h.c // it holds nothing new
		h.c = nil
	}
	if h.end() <= fileHeader {
		return // nothing was ever stored: there are no files
	}
	w.handOver(h, &ending{until: w.next})
}

// evict completes one open segment to make room for another kind: one that holds enough, or that has not been used
// for an hour of packet time. A capture that keeps switching between more link types than may be open would make a
// file of every packet; there is nothing to evict then.
func (w *Writer) evict(now int64) bool {
	var victim *head
	for _, h := range w.heads {
		idle := now-hour > h.lastUsed && now > math.MinInt64+hour
		if (idle || h.size() >= w.opts.minSegment) && (victim == nil || h.lastUsed < victim.lastUsed) {
			victim = h
		}
	}
	if victim == nil {
		return false
	}
	w.finish(victim)
	return true
}
