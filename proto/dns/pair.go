package dns

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// maxWaiting bounds the queries of a flow that wait for a response; the oldest is given up when one more comes.
const maxWaiting = 512

// waiting is a query without its response, or a zone transfer that has not come to its end.
type waiting struct {
	t      *proto.Transaction
	due    int64 // ns: when to give up
	hash   uint64
	out    outcome // of the query; once a response has come, of all responses so far
	zone   transfer
	listed int // records
	id     uint16
	dir    proto.Dir // of the query
	begun  bool      // a response has come
}

// query handles a message that asks.
func (p *parser) query(f *proto.Flow, dir proto.Dir, r *reader, size int, ok bool) {
	r.sessionQuestions(f.Set)
	w := waiting{t: f.Begin(dir), due: f.Time + proto.DefaultTimeout, hash: r.q.hash(), id: r.h.id, dir: dir}
	w.t.BytesIn = int64(size)
	r.describe(w.t)
	if r.h.opcode() == opQuery && f.Transport.Stream() {
		w.zone.typ = r.q.typ
	}
	alone := p.flavor != unicast && isMulticast(destination(f, dir))
	p.read(f, r, &w, ok, alone || r.h.opcode() == opUpdate)
	w.out = r.outcome("query")
	if alone {
		w.out.put(w.t)
		f.Emit(w.t)
		return
	}
	if i := p.find(w.id, dir, r, false); i >= 0 {
		old := p.remove(i)
		old.t.Note(noteSameID)
		p.finish(f, &old, true)
	}
	p.add(f, &w)
}

// response handles a message that answers.
func (p *parser) response(f *proto.Flow, dir proto.Dir, r *reader, size int, ok bool) {
	var w waiting
	i := p.find(r.h.id, dir.Other(), r, true)
	found := i >= 0
	if found {
		w = p.remove(i)
		if len(r.q.name) > 0 {
			r.names[hostNames].add(r.q.name)
		}
	} else {
		r.sessionQuestions(f.Set)
		w = p.orphan(f, dir, r)
	}
	if found && p.flavor == unicast && f.Transport == proto.UDP && size > 512 && !w.out.opt.seen {
		w.t.Note(noteLong) // RFC 6891 §6.2.5
	}
	w.t.BytesOut = max(w.t.BytesOut, 0) + int64(size)
	p.read(f, r, &w, ok, r.h.opcode() != opUpdate) // an update's response repeats at most what the query listed
	r.sessionResponse(f.Set)
	w.answered(r)
	if found {
		w.t.End = f.Time
		if !w.zone.done(r.rcode) {
			w.due = f.Time + proto.DefaultTimeout
			p.add(f, &w)
			return
		}
	}
	p.finish(f, &w, false)
}

// read reads the message's records into the session and, if list is set, into the transaction.
func (p *parser) read(f *proto.Flow, r *reader, w *waiting, ok, list bool) {
	if !ok || !p.walk(f, r, w, list) {
		p.malformed++
		w.t.Note(noteMalformed)
	}
	for i := range r.names {
		f.Set.Dropped += r.names[i].lost
	}
	r.options(&w.t.Values)
}

// orphan makes a transaction for a response without a query. Queries by multicast went to another address, in
// another flow, so there their absence says nothing.
func (p *parser) orphan(f *proto.Flow, dir proto.Dir, r *reader) waiting {
	w := waiting{t: f.Begin(dir.Other()), id: r.h.id, dir: dir.Other()}
	w.t.Start = f.First(dir)
	r.describe(w.t)
	if p.flavor == unicast {
		w.t.Note(proto.NoteNoRequest)
		if p.lost[dir.Other()] {
			w.t.Note(proto.NoteRequestGap)
		}
	}
	return w
}

// answered adds what the response says to what w says of those before it.
func (w *waiting) answered(r *reader) {
	out := r.outcome("answer")
	if w.begun {
		for i, n := range w.out.counts {
			out.counts[i] += n
		}
		out.h.bits |= w.out.h.bits
	}
	w.out, w.begun = out, true
}

// unanswered ends a query whose response did not come, or not to its end.
func (p *parser) unanswered(f *proto.Flow, w *waiting) {
	if w.begun {
		w.t.Note(noteTransfer)
	} else {
		w.t.Note(proto.NoteNoResponse)
	}
	if p.lost[w.dir.Other()] {
		w.t.Note(proto.NoteResponseGap)
	}
	p.finish(f, w, true)
}

// finish emits w's transaction.
func (p *parser) finish(f *proto.Flow, w *waiting, failed bool) {
	w.t.Failed = failed
	w.out.put(w.t)
	f.Emit(w.t)
}

// add makes w wait.
func (p *parser) add(f *proto.Flow, w *waiting) {
	for len(p.wait) >= maxWaiting {
		old := p.remove(0)
		p.unanswered(f, &old)
	}
	p.wait = append(p.wait, *w)
	if t := f.WakeTime(); t == 0 || w.due < t {
		f.Wake(w.due)
	}
}

// find is the place of the oldest query that waits with the id, direction and question of r, -1 if none does. A
// response without a question answers any (some servers send errors so, and RFC 5936 §2.2.2 all but the first
// message of a transfer).
func (p *parser) find(id uint16, dir proto.Dir, r *reader, any bool) int {
	if len(p.wait) == 0 {
		return -1
	}
	hash := r.q.hash()
	any = any && r.h.counts[0] == 0
	for i := range p.wait {
		if w := &p.wait[i]; w.id == id && w.dir == dir && (any || w.hash == hash) {
			return i
		}
	}
	return -1
}

// remove takes the i-th query that waits.
func (p *parser) remove(i int) waiting {
	w := p.wait[i]
	copy(p.wait[i:], p.wait[i+1:])
	p.wait[len(p.wait)-1] = waiting{}
	p.wait = p.wait[:len(p.wait)-1]
	return w
}

// destination is where messages of dir go.
func destination(f *proto.Flow, dir proto.Dir) record.Addr {
	if dir == proto.ToServer {
		return f.Server
	}
	return f.Client
}

func isMulticast(a record.Addr) bool {
	if a.Is4() {
		return a[12]&0xf0 == 0xe0
	}
	return a[0] == 0xff
}

// transfer follows a zone transfer, whose response is as many messages as it takes (RFC 5936, RFC 1995).
type transfer struct {
	typ         uint16 // what the query asks for, on a stream
	incremental bool   // differences come instead of the whole zone
	rows        int    // records in answer sections
	again       int    // SOA records with the serial of the first
	first       uint32 // serial of the first record, an SOA
	have        uint32 // serial the client has
}

// record notes a record of the query or of a response.
func (z *transfer) record(r *reader, x *rr) {
	if z.typ != typeAXFR && z.typ != typeIXFR {
		return
	}
	asking := !r.h.response()
	if !asking && x.section == answers {
		z.rows++
	}
	if x.typ != typeSOA || !asking && x.section != answers {
		return
	}
	serial, ok := soaSerial(r.msg[:x.end], x.off)
	switch {
	case !ok:
	case asking:
		z.have = serial
	case z.rows == 1:
		z.first, z.again = serial, 1
	case serial == z.first:
		z.again++
	case z.rows == 2:
		z.incremental = z.typ == typeIXFR
	}
}

// done says whether the messages so far are the whole response. A transfer begins and ends with the zone's SOA; in
// an incremental one it also stands within, before what the last difference adds.
func (z *transfer) done(rcode int) bool {
	switch {
	case z.typ != typeAXFR && z.typ != typeIXFR, rcode != 0, z.again == 0:
		return true
	case z.incremental:
		return z.again >= 3
	case z.typ == typeIXFR && z.rows == 1:
		return int32(z.first-z.have) <= 0 // RFC 1982: the client is up to date
	}
	return z.again >= 2
}

// soaSerial is the serial number of an SOA record whose data begin at off.
func soaSerial(msg []byte, off int) (uint32, bool) {
	for range 2 { // the server's and the mailbox's names
		if off = skipName(msg, off); off == notAName {
			return 0, false
		}
	}
	if off+4 > len(msg) {
		return 0, false
	}
	return binary.BigEndian.Uint32(msg[off:]), true
}
