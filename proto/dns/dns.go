package dns

import (
	"encoding/binary"
	"sync"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Protocol is DNS over UDP and TCP.
var Protocol = &proto.Protocol{
	Name:      "dns",
	Transport: proto.UDP | proto.TCP,
	Ports:     []uint16{53},
	Match:     match,
	New:       func() proto.Parser { return newParser(unicast) },
}

// Multicast is multicast DNS (RFC 6762).
var Multicast = &proto.Protocol{
	Name:      "mdns",
	Transport: proto.UDP,
	Ports:     []uint16{portMulticast},
	Match:     func(p *proto.Probe) proto.Verdict { return matchPort(p, portMulticast) },
	New:       func() proto.Parser { return newParser(multicast) },
}

// LinkLocal is link-local multicast name resolution (RFC 4795).
var LinkLocal = &proto.Protocol{
	Name:      "llmnr",
	Transport: proto.UDP | proto.TCP,
	Ports:     []uint16{portLinkLocal},
	Match:     func(p *proto.Probe) proto.Verdict { return matchPort(p, portLinkLocal) },
	New:       func() proto.Parser { return newParser(linkLocal) },
}

const (
	portMulticast = 5353
	portLinkLocal = 5355
)

// flavor is which of the protocols a parser reads.
type flavor uint8

const (
	unicast flavor = iota
	multicast
	linkLocal
)

// parser reads one flow.
type parser struct {
	flavor    flavor
	lost      [2]bool // bytes of the direction were lost
	seeking   [2]bool // and the next message's start is not found yet
	records   int     // listed in the session
	malformed int64
	wait      []waiting
	room      [1]waiting // where wait begins: most flows have one query
}

func newParser(f flavor) *parser {
	p := &parser{flavor: f}
	p.wait = p.room[:0]
	return p
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// Parse reads one datagram, or as many messages as a stream holds (RFC 1035 §4.2.2: each with its length before it).
func (p *parser) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	if !f.Transport.Stream() {
		p.message(f, dir, b, len(b))
		return len(b)
	}
	used := 0
	for len(b)-used >= 2 {
		if p.seeking[dir] && saneStream(b[used:], true) != proto.Yes {
			return len(b) // what follows a hole begins somewhere within a message
		}
		p.seeking[dir] = false
		n := 2 + int(binary.BigEndian.Uint16(b[used:]))
		if len(b)-used < n {
			f.Need(dir, n)
			break
		}
		p.message(f, dir, b[used+2:used+n], n)
		used += n
	}
	return used
}

// Gap makes the parser look for the start of a message.
func (p *parser) Gap(_ *proto.Flow, dir proto.Dir, _ int) {
	p.lost[dir], p.seeking[dir] = true, true
}

// Close emits what waits once nothing more can come.
func (p *parser) Close(f *proto.Flow, dir proto.Dir) {
	if !f.Closed(dir.Other()) {
		return
	}
	for len(p.wait) > 0 {
		w := p.remove(0)
		p.unanswered(f, &w)
	}
	if p.malformed > 0 {
		f.Set.AddInt(fMalformed, p.malformed)
		p.malformed = 0
	}
}

// Wake gives up on responses that are due.
func (p *parser) Wake(f *proto.Flow, now int64) {
	next := int64(0)
	for i := 0; i < len(p.wait); {
		due := p.wait[i].due
		if due <= now {
			w := p.remove(i)
			p.unanswered(f, &w)
			continue
		}
		if next == 0 || due < next {
			next = due
		}
		i++
	}
	f.Wake(next)
}

// message reads a message that took size bytes of the flow.
func (p *parser) message(f *proto.Flow, dir proto.Dir, msg []byte, size int) {
	if len(msg) < headerBytes {
		p.malformed++
		return
	}
	r := readers.Get().(*reader)
	r.start(msg, p.flavor == multicast)
	ok := r.questions()
	if r.h.response() {
		p.response(f, dir, r, size, ok)
	} else {
		p.query(f, dir, r, size, ok)
	}
	r.msg = nil
	readers.Put(r)
}

// questions reads the first question and skips the others; r.off is behind them then.
func (r *reader) questions() bool {
	if r.h.counts[0] == 0 {
		return true
	}
	if !r.question(r.qname[:0], &r.q) {
		r.q = question{}
		return false
	}
	r.qname = r.q.name
	r.owner, r.from = append(r.owner[:0], r.qname...), headerBytes
	for i := 1; i < int(r.h.counts[0]); i++ {
		next := skipName(r.msg, r.off)
		if next == notAName || next+4 > len(r.msg) {
			return false
		}
		r.off = next + 4
	}
	return true
}

// sessionQuestions adds the operation and all questions to the session.
func (r *reader) sessionQuestions(set *record.Values) {
	set.AddString(fOpcode, opNames[r.h.opcode()])
	if r.h.counts[0] == 0 || r.q.typ == 0 && r.q.class == 0 {
		return
	}
	r.sessionQuestion(set, &r.q)
	if r.h.counts[0] == 1 {
		return
	}
	behind := r.off
	r.off = headerBytes
	var q question
	for i := range int(r.h.counts[0]) {
		if !r.question(r.target[:0], &q) {
			break
		}
		if r.target = q.name; i > 0 {
			r.sessionQuestion(set, &q)
		}
	}
	r.off = behind
}

// walk reads the records behind the questions. Those of a response go to the session; all go to w's transaction, if
// list is set. It says whether the message could be read to its end.
func (p *parser) walk(f *proto.Flow, r *reader, w *waiting, list bool) bool {
	var x rr
	for x.section = answers; x.section <= additionals; x.section++ {
		for range r.h.counts[x.section] {
			if !r.record(&x) {
				return false
			}
			if x.typ == typeOPT {
				r.setOPT(&x)
				continue
			}
			w.zone.record(r, &x)
			if r.h.response() {
				p.session(f, r, &x)
			}
			if list {
				r.list(w.t, &x, &w.listed)
			}
		}
	}
	return true
}

// session adds a record to the session, if there is room for it.
func (p *parser) session(f *proto.Flow, r *reader, x *rr) {
	if p.records == maxSessionRecords {
		f.Set.Dropped++
		return
	}
	p.records++
	r.sessionRecord(f.Set, x)
}
