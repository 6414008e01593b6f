package flow

import (
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Config sets when flows are over and how they are reported. Times are ns of packet time.
type Config struct {
	TCP, UDP, SCTP, ICMP, ESP, Other int64 // idle time after which a flow is over
	Closing                          int64 // idle time after FIN from both sides or RST
	// FirstPart reports an open flow this long after its first packet, so that it can be found; 0 does not.
	FirstPart int64
	// Parts reports a flow again whenever it has gone on for this long since its last part; 0 does not.
	Parts int64
	// MaxFlows bounds the table; the flow that was silent longest in a sample is evicted for a new one. 0: DefaultMaxFlows.
	MaxFlows int
}

// Offline is the configuration for reading files without storing: one record for each session.
func Offline() Config {
	return Config{TCP: 480 * second, UDP: 60 * second, SCTP: 60 * second, ICMP: 60 * second, ESP: 600 * second, Other: 600 * second, Closing: 5 * second}
}

// Stored is the configuration for imports: parts of at most five minutes, so that a time range finds them.
func Stored() Config {
	c := Offline()
	c.Parts = 300 * second
	return c
}

// Live is Stored with each flow reported half a second after its first packet, so that it is found within three.
func Live() Config {
	c := Stored()
	c.FirstPart = second / 2
	return c
}

func (c *Config) idle(cl class) int64 {
	switch cl {
	case classTCP:
		return c.TCP
	case classUDP:
		return c.UDP
	case classSCTP:
		return c.SCTP
	case classICMP:
		return c.ICMP
	case classESP:
		return c.ESP
	}
	return c.Other
}

// Stats counts what a table did.
type Stats struct {
	Open, Peak     int
	Sessions       uint64 // ended
	Parts          uint64 // reported, the last ones of sessions included
	Evicted        uint64 // ended early because the table was full
	PacketsBack    uint64 // packets with times before that of an earlier packet
	NegativeClocks uint64 // packets whose time lies before 1970
}

// Table is the flow table of one worker.
type Table struct {
	Config
	Stats Stats
	// End is called for a flow that is over, before its record is made: close its streams and parser. Required.
	End func(f *Flow)
	// Out gives an empty record to fill; Done is called when it is filled. Required.
	Out  func() *record.Record
	Done func(r *record.Record)
	// Stored, if not nil, says whether a part of a session is stored already and another followed: a replay then ends the
	// session with the part behind it, as the run before did or would have done.
	Stored func(id record.ID, part uint32) bool
	// Wake is called when the deadline a parser set has come. Required if parsers set any.
	Wake func(f *Flow, now int64)

	env   *proto.Env
	index index
	wheel wheel
	first *Flow // open flows in the order of their first packets
	last  *Flow
	now   int64
	free  []*Flow
	conns []*Conn
}

// DefaultMaxFlows bounds a table whose configuration does not.
const DefaultMaxFlows = 1_500_000

// NewTable makes an empty table whose flows share env.
func NewTable(c Config, env *proto.Env) *Table {
	if c.MaxFlows == 0 {
		c.MaxFlows = DefaultMaxFlows
	}
	return &Table{Config: c, env: env}
}

// Now is the latest packet time the table has seen.
func (t *Table) Now() int64 { return t.now }

// Packet finds or opens the flow of a packet and counts it. key and swapped are d.Key(), hash is key.Hash(); before is
// the latest time of any packet of the capture before this one: a flow is over once a packet other than its own has
// shown that its idle time has passed, whichever worker saw that packet.
func (t *Table) Packet(p *record.Packet, d *packet.Decoded, key *record.FlowKey, hash uint64, swapped bool, before int64) (*Flow, proto.Dir) {
	t.clock(p.Time)
	f := t.index.find(key, hash, swapped)
	if f != nil && t.over(f, d, before) {
		t.finish(f, f.endState())
		f = nil
	}
	if f == nil {
		f = t.open(p, d, key, hash, swapped)
	}
	dir := f.Dir(swapped)
	if d.Proto == 6 && f.Conn != nil {
		dir = t.tcpDirection(f, d, dir)
	}
	if t.Parts > 0 {
		t.cutPart(f, p.Time)
	}
	f.see(p, d, dir)
	return f, dir
}

// Find is the flow that has the key, nil if none has.
func (t *Table) Find(key *record.FlowKey, hash uint64, swapped bool) *Flow {
	return t.index.find(key, hash, swapped)
}

func (t *Table) clock(now int64) {
	t.wheel.start(now)
	if now > t.now || !t.wheel.begun {
		t.now = now
	} else if now < t.now {
		t.Stats.PacketsBack++
	}
}

// over says whether a packet can no longer belong to f.
func (t *Table) over(f *Flow, d *packet.Decoded, before int64) bool {
	idle := t.idle(f.class)
	if f.closing {
		idle = t.Closing
		if d.Flags&(packet.SYN|packet.ACK|packet.RST) == packet.SYN && f.Conn != nil && !f.Conn.quality.begunBy(d.Seq) {
			return true // the ports are used again
		}
	}
	return before-f.Last > idle
}

func (f *Flow) endState() State {
	if f.state != Open {
		return f.state
	}
	return TimedOut
}

func (t *Table) open(p *record.Packet, d *packet.Decoded, key *record.FlowKey, hash uint64, swapped bool) *Flow {
	if t.index.n >= t.MaxFlows {
		t.evict()
	}
	f := t.take()
	f.Key, f.hash, f.Start, f.Last, f.partStart = *key, hash, p.Time, p.Time, p.Time
	f.ID = record.NewID(p.Time, hash, d.Seq)
	f.forward = !swapped
	f.class = classOf(d)
	f.App.Env, f.App.Set = t.env, &f.Set
	f.App.Transport, f.App.Number = transportOf(d)
	f.App.Session, f.Stored.ID = f.ID, f.ID
	f.begin(d)
	if d.HasIP && d.Proto == 6 && d.Verdict == packet.OK {
		f.Conn = t.takeConn()
	}
	if !f.confirmed && answersFirst(d) {
		f.turn()
	}
	t.index.add(f)
	t.link(f)
	t.Stats.Open = t.index.n
	t.Stats.Peak = max(t.Stats.Peak, t.index.n)
	f.deadline = t.nextDeadline(f)
	t.wheel.add(f)
	return f
}

// classOf chooses the timers of a flow by its first packet.
func classOf(d *packet.Decoded) class {
	if !d.HasIP {
		return classOther
	}
	switch d.Proto {
	case 6:
		return classTCP
	case 17:
		return classUDP
	case 132:
		return classSCTP
	case 1, 58:
		return classICMP
	case 50, 51:
		return classESP
	}
	return classOther
}

func transportOf(d *packet.Decoded) (proto.Transport, uint16) {
	switch {
	case !d.HasIP, d.Layers.Has(packet.LayerARP), d.EtherType != 0 && d.EtherType < minEtherType:
		return proto.Link, d.EtherType // a tunnel may carry ARP and the like
	case d.Verdict != packet.OK:
		return proto.IP, 0xffff // nothing reads what could not be decoded
	case d.Proto == 6:
		return proto.TCP, 6
	case d.Proto == 17:
		return proto.UDP, 17
	case d.Proto == 132:
		return proto.SCTP, 132
	}
	return proto.IP, uint16(d.Proto)
}

func (t *Table) take() *Flow {
	if n := len(t.free); n > 0 {
		f := t.free[n-1]
		t.free = t.free[:n-1]
		return f
	}
	return &Flow{slot: -1}
}

func (t *Table) takeConn() *Conn {
	if n := len(t.conns); n > 0 {
		c := t.conns[n-1]
		t.conns = t.conns[:n-1]
		return c
	}
	return new(Conn)
}

// give keeps f and its memory for another flow, unless it grew large.
func (t *Table) give(f *Flow) {
	f.App.Reset()
	if f.Conn != nil {
		f.Conn.quality = quality{}
		if len(t.conns) < 4096 {
			t.conns = append(t.conns, f.Conn)
		}
	}
	if f.Set.Bytes() > 16<<10 || len(t.free) >= 4096 {
		return
	}
	f.Set.Reset()
	*f = Flow{Set: f.Set, slot: -1}
	t.free = append(t.free, f)
}

// Closing tells that f has ended by itself (FIN both ways, or RST): it stays for a while, for what comes late.
func (t *Table) Close(f *Flow, s State) {
	if f.closing {
		return
	}
	f.closing, f.state = true, s
	t.wheel.sooner(f, f.Last+t.Closing)
}

// WakeAt tells that f's parser wants to be woken.
func (t *Table) WakeAt(f *Flow) {
	if w := f.App.WakeTime(); w != 0 {
		t.wheel.sooner(f, w)
	}
}

// Tick runs the timers up to packet time now.
func (t *Table) Tick(now int64) {
	if now > t.now {
		t.now = now
	}
	t.wheel.run(t.now, t.due)
}

// due does what f's deadline was for.
func (t *Table) due(f *Flow, now int64) {
	idle := t.idle(f.class)
	if f.closing {
		idle = t.Closing
	}
	if now-f.Last > idle {
		t.finish(f, f.endState())
		return
	}
	if w := f.App.WakeTime(); w != 0 && w <= now {
		t.Wake(f, now)
	}
	if end := t.partEnd(f); end != 0 && end <= now {
		t.report(f, false)
	}
	f.deadline = t.nextDeadline(f)
	t.wheel.add(f)
}

// partEnd is when the present part of f is to be reported, 0 for never.
func (t *Table) partEnd(f *Flow) int64 {
	switch {
	case !f.begun && t.FirstPart > 0:
		return f.partStart + t.FirstPart
	case t.Parts > 0 && f.count[0].packets+f.count[1].packets > 0:
		return f.partStart + t.Parts
	}
	return 0
}

// cutPart reports the part that ended before a packet at time now, so that parts do not depend on when timers ran.
func (t *Table) cutPart(f *Flow, now int64) {
	if f.count[0].packets+f.count[1].packets == 0 {
		f.partStart = now
		return
	}
	if end := t.partEnd(f); end != 0 && end <= now {
		t.report(f, false)
		f.partStart = now
	}
}

func (t *Table) nextDeadline(f *Flow) int64 {
	idle := t.idle(f.class)
	if f.closing {
		idle = t.Closing
	}
	d := f.Last + idle
	if w := f.App.WakeTime(); w != 0 && w < d {
		d = w
	}
	if end := t.partEnd(f); end != 0 && end < d {
		d = end
	}
	return d
}

// finish ends f and reports it.
func (t *Table) finish(f *Flow, s State) {
	t.End(f)
	if t.Stored != nil && t.Stored(f.ID, f.part) {
		t.report(f, false)
	}
	f.state = s
	t.report(f, true)
	t.Stats.Sessions++
	t.wheel.remove(f)
	t.index.remove(f)
	t.unlink(f)
	t.Stats.Open = t.index.n
	t.give(f)
}

// evict ends the flow that has been silent longest among a few.
func (t *Table) evict() {
	var old *Flow
	t.index.sample(16, func(f *Flow) {
		if old == nil || f.Last < old.Last {
			old = f
		}
	})
	if old != nil {
		t.Stats.Evicted++
		t.finish(old, Evicted)
	}
}

// Flush ends every flow: the input is over. Flows end in the order in which they began.
func (t *Table) Flush() {
	flows := t.index.ordered()
	for i, f := range flows {
		flows[i] = nil // what is over is free to go
		s := InputEnded
		if f.state != Open {
			s = f.state
		}
		t.finish(f, s)
	}
}

// link hangs a new flow behind the others.
func (t *Table) link(f *Flow) {
	f.older = t.last
	if t.last != nil {
		t.last.newer = f
	} else {
		t.first = f
	}
	t.last = f
}

func (t *Table) unlink(f *Flow) {
	if f.older != nil {
		f.older.newer = f.newer
	} else {
		t.first = f.newer
	}
	if f.newer != nil {
		f.newer.older = f.older
	} else {
		t.last = f.older
	}
}

// Oldest is the place of the oldest stored packet of any open flow, the zero Position if there is none.
func (t *Table) Oldest() record.Position {
	for f := t.first; f != nil; f = f.newer {
		if f.FirstPos.Segment != 0 {
			return f.FirstPos
		}
	}
	return record.Position{}
}
