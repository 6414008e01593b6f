package icmp

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Protocol is ICMP and ICMPv6.
var Protocol = &proto.Protocol{
	Name:      "icmp",
	Transport: proto.IP,
	Numbers:   []uint16{numberICMP, numberICMPv6},
	New:       func() proto.Parser { return &parser{pending: proto.Pending{Max: maxWaiting}} },
}

// IP protocol numbers.
const (
	numberICMP   = 1
	numberICMPv6 = 58
)

// Types and codes that carry more than others.
const (
	typeUnreachable4 = 3
	codeTooBig4      = 4
	typeRedirect4    = 5
	typeTooBig6      = 2
	typeRedirect6    = 137
)

const (
	headerBytes = 8 // type, code, checksum and what a type makes of the next four bytes
	maxWaiting  = 128
)

var (
	fType            = record.MustID("icmp.type")
	fCode            = record.MustID("icmp.code")
	fVersion         = record.MustID("icmp.version")
	fRequestType     = record.MustID("icmp.request.type")
	fRequestCode     = record.MustID("icmp.request.code")
	fRequestMessage  = record.MustID("icmp.request.message")
	fResponseType    = record.MustID("icmp.response.type")
	fResponseCode    = record.MustID("icmp.response.code")
	fResponseMessage = record.MustID("icmp.response.message")
	fID              = record.MustID("icmp.id")
	fSeq             = record.MustID("icmp.seq")
	fMTU             = record.MustID("icmp.mtu")
	fGateway         = record.MustID("icmp.gateway")
	fTarget          = record.MustID("icmp.target")
)

// Notes of this protocol.
const (
	noteSameID    = "Another request with the same identifier and sequence number came before the response"
	noteDuplicate = "Duplicate response"
)

// parser reads the messages between two addresses.
type parser struct {
	pending proto.Pending
	last    uint64 // key of the request answered last
	line    []byte
}

// message is one message at hand.
type message struct {
	b    []byte
	v6   bool
	typ  uint8
	code uint8
	kind *kind
	dir  proto.Dir
}

func parse(f *proto.Flow, dir proto.Dir, b []byte) message {
	m := message{b: b, v6: f.Number == numberICMPv6, typ: b[0], code: b[1], dir: dir}
	m.kind = &kinds4[m.typ]
	if m.v6 {
		m.kind = &kinds6[m.typ]
	}
	return m
}

// Parse reads one message.
func (p *parser) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	if len(b) < 2 {
		return len(b)
	}
	m := parse(f, dir, b)
	f.Set.AddInt(fType, int64(m.typ))
	f.Set.AddInt(fCode, int64(m.code))
	switch m.kind.role {
	case request:
		p.request(f, &m)
	case response:
		p.response(f, &m)
	case failure:
		p.failure(f, &m)
	default:
		p.notice(f, &m)
	}
	return len(b)
}

// Gap is not called: messages are whole.
func (p *parser) Gap(*proto.Flow, proto.Dir, int) {}

// Close emits what waits once both directions have ended.
func (p *parser) Close(f *proto.Flow, dir proto.Dir) {
	if f.Closed(dir.Other()) {
		p.pending.Flush(f)
	}
}

// Wake gives up on responses that are due.
func (p *parser) Wake(f *proto.Flow, now int64) {
	f.Wake(p.pending.Expire(f, now, proto.DefaultTimeout))
}

// begin makes a transaction of a message that asks or stands for itself.
func (p *parser) begin(f *proto.Flow, m *message) *proto.Transaction {
	t := f.Begin(m.dir)
	t.BytesIn = m.size()
	v := &t.Values
	v.PutInt(fVersion, m.version())
	v.PutInt(fRequestType, int64(m.typ))
	v.PutInt(fRequestCode, int64(m.code))
	p.line = m.kind.appendMessage(p.line[:0], m.typ, m.code)
	v.PutText(fRequestMessage, p.line)
	p.line = destination(f, m.dir).AppendText(p.line[:0])
	t.Path(p.line)
	m.detail(v)
	return t
}

// notice emits a message that stands for itself; a redirect quotes a packet too.
func (p *parser) notice(f *proto.Flow, m *message) {
	t := p.begin(f, m)
	if o, ok := m.original(); ok && !m.v6 && m.typ == typeRedirect4 {
		o.put(&t.Values)
	}
	f.Emit(t)
}

// request makes a request wait, if its response can come in this flow: not if it goes to many.
func (p *parser) request(f *proto.Flow, m *message) {
	t := p.begin(f, m)
	if isMulticast(destination(f, m.dir)) {
		f.Emit(t)
		return
	}
	key := m.key(m.typ, m.dir)
	if old := p.pending.Take(key); old != nil {
		old.Failed = true
		old.Note(noteSameID)
		f.Emit(old)
	}
	p.pending.Add(f, key, t)
	if f.WakeTime() == 0 {
		f.Wake(f.Time + proto.DefaultTimeout)
	}
}

// response ends the request it answers. Of an advertisement the solicitation may have gone to a multicast address,
// in another flow, or there was none.
func (p *parser) response(f *proto.Flow, m *message) {
	key := m.key(m.kind.asks, m.dir.Other())
	t := p.pending.Take(key)
	if t == nil {
		if m.kind.match == byTarget {
			f.Emit(p.begin(f, m))
			return
		}
		t = f.Begin(m.dir.Other())
		t.Start = f.Time
		t.Values.PutInt(fVersion, m.version())
		p.line = destination(f, m.dir.Other()).AppendText(p.line[:0])
		t.Path(p.line)
		m.detail(&t.Values)
		if key == p.last {
			t.Note(noteDuplicate)
		} else {
			t.Note(proto.NoteNoRequest)
		}
	} else {
		t.End = f.Time
		p.last = key
	}
	p.answer(t, m)
	f.Emit(t)
}

// answer puts what m says into t.
func (p *parser) answer(t *proto.Transaction, m *message) {
	t.BytesOut = m.size()
	v := &t.Values
	v.PutInt(fResponseType, int64(m.typ))
	v.PutInt(fResponseCode, int64(m.code))
	p.line = m.kind.appendMessage(p.line[:0], m.typ, m.code)
	v.PutText(fResponseMessage, p.line)
}

// failure emits an error, or ends the request of this flow that it quotes.
func (p *parser) failure(f *proto.Flow, m *message) {
	o, ok := m.original()
	var t *proto.Transaction
	if ok {
		t = p.quoted(f, m, &o)
	}
	if t != nil {
		t.End = f.Time
		p.answer(t, m)
		m.detail(&t.Values)
	} else {
		t = p.begin(f, m)
	}
	if ok {
		o.put(&t.Values)
	}
	t.Failed = true
	f.Emit(t)
}

// quoted takes the waiting request that an error quotes, nil if it quotes none.
func (p *parser) quoted(f *proto.Flow, m *message, o *original) *proto.Transaction {
	if int(o.proto) != int(f.Number) || len(o.payload) < headerBytes {
		return nil
	}
	if o.src != destination(f, m.dir) || o.dst != destination(f, m.dir.Other()) {
		return nil
	}
	q := parse(f, m.dir.Other(), o.payload)
	if q.kind.role != request {
		return nil
	}
	return p.pending.Take(q.key(q.typ, q.dir))
}

func (m *message) size() int64 { return int64(max(len(m.b)-headerBytes, 0)) }

func (m *message) version() int64 {
	if m.v6 {
		return 6
	}
	return 4
}

// key is what a request of type asks, sent in dir, has in common with its response.
func (m *message) key(asks uint8, dir proto.Dir) uint64 {
	key := uint64(asks)<<56 | uint64(dir)<<55
	b := m.b
	switch {
	case m.kind.match == byEcho && len(b) >= 8:
		key |= uint64(binary.BigEndian.Uint32(b[4:]))
	case m.kind.match == byProbe && len(b) >= 7:
		key |= uint64(binary.BigEndian.Uint16(b[4:]))<<8 | uint64(b[6])
	case m.kind.match == byID && len(b) >= 6:
		key |= uint64(binary.BigEndian.Uint16(b[4:]))
	case m.kind.match == byNonce && len(b) >= 16:
		key |= fold(b[8:16])
	case m.kind.match == byTarget && len(b) >= 24:
		key |= fold(b[8:24])
	}
	return key
}

// fold mixes b into 48 bits (FNV-1a).
func fold(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h >> 16
}

// detail puts what only some types say.
func (m *message) detail(v *record.Values) {
	b := m.b
	if len(b) < headerBytes {
		return
	}
	paired := m.kind.role == request || m.kind.role == response
	switch {
	case paired && m.kind.match == byEcho:
		v.PutInt(fID, int64(binary.BigEndian.Uint16(b[4:])))
		v.PutInt(fSeq, int64(binary.BigEndian.Uint16(b[6:])))
	case paired && m.kind.match == byProbe:
		v.PutInt(fID, int64(binary.BigEndian.Uint16(b[4:])))
		v.PutInt(fSeq, int64(b[6]))
	case paired && m.kind.match == byTarget && len(b) >= 24:
		v.AddAddr(fTarget, record.AddrFrom16(b[8:]))
	case m.v6 && m.typ == typeRedirect6 && len(b) >= 24:
		v.AddAddr(fGateway, record.AddrFrom16(b[8:]))
	case !m.v6 && m.typ == typeRedirect4:
		v.AddAddr(fGateway, record.AddrFrom4(b[4:]))
	case m.v6 && m.typ == typeTooBig6:
		v.PutInt(fMTU, int64(binary.BigEndian.Uint32(b[4:])))
	case !m.v6 && m.typ == typeUnreachable4 && m.code == codeTooBig4:
		v.PutInt(fMTU, int64(binary.BigEndian.Uint16(b[6:])))
	}
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
		return a[12]&0xf0 == 0xe0 || [4]byte(a[12:]) == [4]byte{255, 255, 255, 255}
	}
	return a[0] == 0xff
}
