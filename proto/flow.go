package proto

import (
	"fmt"

	"github.com/tapir-project/tapir/record"
)

// Flow is one flow as its parser sees it: who talks, what time it is, and where results go. The pipeline (or, for a
// stream inside a connection, the parser of that connection) owns it and feeds it with Data, Gap and Close; it finds
// the protocol, buffers what the parser does not consume, and hands over to another protocol when asked to.
type Flow struct {
	Client, Server         record.Addr
	ClientPort, ServerPort uint16
	Transport              Transport
	Number                 uint16         // IP protocol number or ethertype, for Transport IP and Link
	Session                record.ID      // of the session the flow is
	IDPorts                [2]uint16      // what stands for the ports in the Community ID: for ICMP type and code
	Time                   int64          // packet time of the bytes at hand, ns
	Set                    *record.Values // the session's values: a set for each field
	Env                    *Env

	proto    *Protocol
	parser   Parser
	parent   *Flow
	in       [2]input
	state    flowState
	lead     Dir // direction whose bytes came first, while the protocol is not known
	switched bool
	wake     int64
	emitted  uint32 // transactions so far
}

type flowState uint8

const (
	probing flowState = iota // protocol not known yet
	parsing                  // a parser reads
	deaf                     // nobody reads: unknown, given up, or a defect was caught
)

// input is one direction's unconsumed bytes.
type input struct {
	buf    []byte
	first  int64 // time of the packet that brought buf[0]
	need   int   // do not call the parser with fewer bytes
	closed bool
}

// Env is what the flows of one worker share.
type Env struct {
	Protocols *Set // all protocols of this run
	// Emit takes a finished transaction of f; it is reused after Emit returns.
	Emit func(f *Flow, t *Transaction)
	// Panics counts parsers stopped because of a defect; LastPanic says where the last one was.
	Panics    uint64
	LastPanic string
	// Overflow counts bytes lost because a parser consumed nothing of a full buffer.
	Overflow uint64

	freeTx  []*Transaction
	freeBuf [][]byte
}

// First is the time of the packet that brought the first byte Parse was given for dir.
func (f *Flow) First(dir Dir) int64 {
	if len(f.in[dir].buf) > 0 {
		return f.in[dir].first
	}
	return f.Time
}

// Need keeps Parse from being called for dir before n unconsumed bytes are there; it holds for one call.
func (f *Flow) Need(dir Dir, n int) { f.in[dir].need = min(n, MaxBuffer) }

// Wake asks that the parser's Wake be called once packet time reaches t; 0 takes the wish back. Only on flows of the
// pipeline, not on streams inside a connection.
func (f *Flow) Wake(t int64) {
	for f.parent != nil {
		f = f.parent
	}
	f.wake = t
}

// WakeTime is what Wake set last.
func (f *Flow) WakeTime() int64 { return f.wake }

// Protocol is the protocol that reads the flow, nil if none does.
func (f *Flow) Protocol() *Protocol { return f.proto }

// Closed says whether dir has ended.
func (f *Flow) Closed(dir Dir) bool { return f.in[dir].closed }

// Label adds a protocol name to the session's network.protocol.
func (f *Flow) Label(name string) { f.Set.AddString(fProtocol, name) }

// Stop ends parsing: the bytes are not what the parser took them for, or it has seen all it wants.
func (f *Flow) Stop() { f.state = deaf }

// Switch hands the flow over: what the parser has not consumed, in both directions, and all that follows go to the
// protocol of that name, or to detection if name is "". The parser gets no further call, Close included.
func (f *Flow) Switch(name string) {
	f.proto, f.parser, f.state, f.switched = nil, nil, probing, true
	f.in[0].need, f.in[1].need = 0, 0
	if name != "" {
		if p := f.Env.Protocols.ByName(name); p != nil {
			f.take(p)
		} else {
			f.state = deaf
		}
	}
}

// Open makes a stream inside the connection f, read by the protocol of that name or, if name is "", by what detection
// finds. The caller feeds it with Data and Close and must close both directions. It adds to the same session.
func (f *Flow) Open(name string) *Flow {
	s := &Flow{Client: f.Client, Server: f.Server, ClientPort: f.ClientPort, ServerPort: f.ServerPort,
		Transport: Sub, Set: f.Set, Env: f.Env, parent: f, Time: f.Time}
	if name != "" {
		s.Switch(name)
		s.switched = false
	}
	return s
}

// Begin gives an empty transaction whose Start is the time of the first byte at hand in dir.
func (f *Flow) Begin(dir Dir) *Transaction {
	var t *Transaction
	if n := len(f.Env.freeTx); n > 0 {
		t = f.Env.freeTx[n-1]
		f.Env.freeTx = f.Env.freeTx[:n-1]
	} else {
		t = new(Transaction)
	}
	t.reset()
	t.Start = f.First(dir)
	t.Reverse = dir == ToClient
	return t
}

// Emit gives t away as finished.
func (f *Flow) Emit(t *Transaction) {
	f.Env.Emit(f, t)
	f.Drop(t)
}

// NextTransaction numbers the transactions of a flow of the pipeline.
func (f *Flow) NextTransaction() uint32 {
	f.emitted++
	return f.emitted - 1
}

// Drop gives t back unused.
func (f *Flow) Drop(t *Transaction) {
	if len(f.Env.freeTx) < 256 {
		f.Env.freeTx = append(f.Env.freeTx, t)
	}
}

// Data feeds bytes: the next of dir's stream, or one message. b is borrowed. now is the packet's time.
func (f *Flow) Data(dir Dir, b []byte, now int64) {
	f.Time = now
	if f.state == deaf || len(b) == 0 && f.Transport.Stream() {
		return
	}
	defer f.guard()
	if f.Transport.Stream() {
		f.stream(dir, b)
		return
	}
	if f.state == probing {
		p := Probe{Transport: f.Transport, Dir: dir, Port: [2]uint16{f.ClientPort, f.ServerPort}}
		p.Data[dir] = b
		if !f.detect(&p, false) {
			return // the next datagram is looked at afresh
		}
	}
	if f.state == parsing && f.parser != nil {
		f.parser.Parse(f, dir, b)
	}
}

// Gap tells that n bytes of dir's stream were lost.
func (f *Flow) Gap(dir Dir, n int, now int64) {
	f.Time = now
	in := &f.in[dir]
	switch f.state {
	case probing:
		// What comes next does not begin a message; a protocol that can resynchronise may still match it.
		in.buf = in.buf[:0]
	case parsing:
		defer f.guard()
		in.buf, in.need = in.buf[:0], 0
		f.parser.Gap(f, dir, n)
	}
}

// Close ends dir. Closing twice does nothing.
func (f *Flow) Close(dir Dir, now int64) {
	in := &f.in[dir]
	if in.closed {
		return
	}
	f.Time = max(f.Time, now)
	in.closed = true
	defer f.guard()
	if f.state == probing && f.Transport.Stream() {
		f.probe(dir, true)
	}
	if f.state == parsing && f.parser != nil {
		if in.need > 0 && len(in.buf) > 0 {
			in.need = 0 // what is there is all there will be
			f.consume(dir, f.parser.Parse(f, dir, in.buf), nil)
		}
		if f.state == parsing && f.parser != nil {
			f.parser.Close(f, dir)
		}
	}
	f.release(dir)
}

// WakeNow calls the parser's Wake; the pipeline does so when WakeTime has come.
func (f *Flow) WakeNow(now int64) {
	f.wake = 0
	if w, ok := f.parser.(Waker); ok && f.state == parsing {
		f.Time = max(f.Time, now)
		defer f.guard()
		w.Wake(f, now)
	}
}

// guard turns a parser's panic into a deaf flow. A defect in a parser costs its flow, never the capture.
func (f *Flow) guard() {
	if r := recover(); r != nil {
		name := "detection"
		if f.proto != nil {
			name = f.proto.Name
		}
		f.Env.Panics++
		f.Env.LastPanic = fmt.Sprintf("%s: %v", name, r)
		f.state = deaf
		f.Set.AddInt(fPanics, 1)
	}
}

var fPanics = record.MustID("session.parser.panics")

// stream adds b to dir's unconsumed bytes and lets detection or the parser have them.
func (f *Flow) stream(dir Dir, b []byte) {
	in := &f.in[dir]
	if f.state == probing {
		if len(f.in[0].buf) == 0 && len(f.in[1].buf) == 0 {
			f.lead = dir
		}
		f.keep(dir, b)
		f.probe(dir, false)
		return
	}
	if len(in.buf) == 0 {
		if len(b) < in.need {
			f.keep(dir, b)
			return
		}
		in.need = 0
		f.consume(dir, f.parser.Parse(f, dir, b), b)
		return
	}
	f.keep(dir, b)
	if len(in.buf) < in.need {
		return
	}
	in.need = 0
	f.consume(dir, f.parser.Parse(f, dir, in.buf), nil)
}

// consume drops the first n unconsumed bytes of dir and keeps the rest; direct is what Parse was given if that was
// not the buffer. After a Switch it offers what both directions hold to the new reader.
func (f *Flow) consume(dir Dir, n int, direct []byte) {
	in := &f.in[dir]
	if direct != nil {
		n = min(max(n, 0), len(direct))
		if n < len(direct) && f.state != deaf {
			f.keep(dir, direct[n:])
		}
	} else {
		n = min(max(n, 0), len(in.buf))
		if n == 0 && len(in.buf) >= MaxBuffer && !f.switched && f.state == parsing {
			lost := len(in.buf)
			f.Env.Overflow += uint64(lost)
			in.buf = in.buf[:0]
			f.parser.Gap(f, dir, lost)
			return
		}
		if n > 0 {
			rest := copy(in.buf, in.buf[n:])
			in.buf = in.buf[:rest]
			// What is left came with the latest packet, unless that brought nothing new; close enough for a start
			// time, and exact when messages do not share packets.
			in.first = f.Time
		}
	}
	if f.switched {
		f.switched = false
		f.offer(dir)
		f.offer(dir.Other())
	}
	if f.state == deaf {
		f.release(0)
		f.release(1)
	}
}

// offer gives the reader, or detection, what dir holds.
func (f *Flow) offer(dir Dir) {
	in := &f.in[dir]
	if len(in.buf) == 0 {
		return
	}
	switch f.state {
	case probing:
		f.lead = dir
		f.probe(dir, false)
	case parsing:
		if len(in.buf) >= in.need {
			in.need = 0
			f.consume(dir, f.parser.Parse(f, dir, in.buf), nil)
		}
	}
}

// probe looks for the protocol of a stream; last says that no more bytes will come in dir.
func (f *Flow) probe(dir Dir, last bool) {
	p := Probe{Transport: f.Transport, Dir: dir, Port: [2]uint16{f.ClientPort, f.ServerPort}}
	for d := range p.Data {
		p.Data[d] = f.in[d].buf[:min(len(f.in[d].buf), ProbeBytes)]
	}
	if len(p.Data[0]) == 0 && len(p.Data[1]) == 0 {
		return
	}
	full := len(p.Data[dir]) >= ProbeBytes || last && f.in[dir.Other()].closed
	if !f.detect(&p, full) {
		if f.state == deaf {
			f.release(0)
			f.release(1)
		}
		return
	}
	if f.state != parsing {
		return
	}
	lead := f.lead
	f.offer(lead)
	f.offer(lead.Other())
}

// detect asks the protocols; final says that this is the last chance. It returns whether the protocol is known now.
func (f *Flow) detect(p *Probe, final bool) bool {
	found, more := f.ask(p, final)
	switch {
	case found != nil:
		f.take(found)
		return true
	case more && !final:
		return false
	case f.Transport.Stream() && !final && (len(p.Data[0]) == 0 || len(p.Data[1]) == 0):
		return false // the other side has not spoken yet
	}
	if byPort := f.Env.Protocols.byPort(p); byPort != nil {
		f.take(byPort)
		return true
	}
	if f.Transport.Stream() {
		f.state = deaf
	}
	return false
}

// ask asks about the direction that spoke first and then about the other, so that an answer does not hide a request
// that is still incomplete.
func (f *Flow) ask(p *Probe, final bool) (found *Protocol, more bool) {
	if !f.Transport.Stream() {
		return f.Env.Protocols.match(p, f.Number, final)
	}
	for _, dir := range [2]Dir{f.lead, f.lead.Other()} {
		if p.Dir = dir; len(p.Data[dir]) == 0 {
			continue
		}
		found, m := f.Env.Protocols.match(p, f.Number, final)
		if found != nil {
			return found, false
		}
		more = more || m
	}
	return nil, more
}

// take makes p the reader.
func (f *Flow) take(p *Protocol) {
	f.proto = p
	f.Label(p.Name)
	if p.New == nil {
		f.state = deaf
		return
	}
	f.parser, f.state = p.New(), parsing
}

// keep appends b to dir's unconsumed bytes, up to MaxBuffer.
func (f *Flow) keep(dir Dir, b []byte) {
	in := &f.in[dir]
	if in.buf == nil {
		if n := len(f.Env.freeBuf); n > 0 {
			in.buf = f.Env.freeBuf[n-1][:0]
			f.Env.freeBuf = f.Env.freeBuf[:n-1]
		}
	}
	if len(in.buf) == 0 {
		in.first = f.Time
	}
	if room := MaxBuffer - len(in.buf); len(b) > room {
		f.Env.Overflow += uint64(len(b) - room)
		b = b[:room]
	}
	in.buf = append(in.buf, b...)
}

// release gives dir's buffer back.
func (f *Flow) release(dir Dir) {
	in := &f.in[dir]
	if in.buf != nil && cap(in.buf) <= 64<<10 && len(f.Env.freeBuf) < 64 {
		f.Env.freeBuf = append(f.Env.freeBuf, in.buf)
	}
	in.buf = nil
}

// Root is the pipeline's flow that f is, or is a stream of.
func (f *Flow) Root() *Flow {
	for f.parent != nil {
		f = f.parent
	}
	return f
}

// Reset makes f a new flow that nothing is known of, keeping Env.
func (f *Flow) Reset() {
	f.release(0)
	f.release(1)
	*f = Flow{Env: f.Env}
}
