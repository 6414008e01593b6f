package api

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"

	"github.com/tapir-project/tapir/dissect"
	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// Packets in one answer; offset goes on.
const (
	defaultPackets = 200
	maxPackets     = 2000
)

// packets answers with packets of a session: what each says in one line, what TCP makes of it and, with detail=full, its
// decoded tree and bytes (base64; the tree's offsets count in them). What a packet is in its connection comes from all
// before it; number asks for one packet without that.
func (s *Server) packets(w *reply, r *http.Request, p *params) error {
	limit, offset := p.number("limit", defaultPackets, 1, maxPackets), p.number("offset", 0, 0, maxCount)
	full := p.choice("detail", "full", "summary") == "full"
	number := p.number("number", 0, 1, maxCount)
	if p.err != nil {
		return p.err
	}
	if number > 0 {
		limit, offset = 1, number-1
	}
	rec, err := s.fetch(r, record.KindSession)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	list := packetList{full: full, analyses: number == 0, line: []byte(`{"packets":[`)}
	list.talk = conversation{ends: newEnds(rec), say: func(piece) bool { return true }}
	list.session = spoken(rec)
	n, more := 0, false
	err = s.sessionPackets(r.Context(), rec, func(pkt *record.Packet) bool {
		n++
		switch {
		case n > offset+limit:
			more = true
			return false
		case n <= offset:
			if list.analyses {
				list.see(pkt)
			}
			return true
		}
		list.add(pkt, n)
		_, err := w.Write(list.line)
		list.line = list.line[:0]
		return err == nil
	})
	if err != nil {
		return err
	}
	line := append(list.line, `],"more":`...)
	_, err = w.Write(append(strconv.AppendBool(line, more), "}\n"...))
	return err
}

// slack is how much earlier than a session's start a packet of it may have come: a fragment waits up to 30 s for the rest
// of its datagram, and takes part in the session when that is there.
const slack = int64(60e9)

// packetTimes is the time in which the packets of a session lie, both ends included.
func packetTimes(rec *record.Record) (from, to int64) {
	if rec.Start < record.MinTime+slack {
		return record.MinTime, rec.End
	}
	return rec.Start - slack, rec.End
}

var errNoPackets = &problem{status: http.StatusNotImplemented, err: errors.New("this server has no packets: ask the node that captured them")}

// sessionPackets walks over the stored packets of a session.
func (s *Server) sessionPackets(ctx context.Context, rec *record.Record, yield func(*record.Packet) bool) error {
	if s.Packets == nil {
		return errNoPackets
	}
	from, to := packetTimes(rec)
	return s.walk(ctx, []record.ID{rec.Session}, from, to, yield)
}

// walk is Packets.Packets whose end at a cancelled context is an error always (A1).
func (s *Server) walk(ctx context.Context, flows []record.ID, from, to int64, yield func(*record.Packet) bool) error {
	if err := s.Packets.Packets(ctx, flows, from, to, yield); err != nil {
		return err
	}
	return ctx.Err()
}

// packetList writes packets as JSON, one after the other.
type packetList struct {
	full     bool
	analyses bool
	talk     conversation // what was said before
	zero     [2]origin    // of the client's and the server's sequence numbers
	session  dissect.Session
	n        int
	line     []byte
	d        packet.Decoded
	names    []string
}

// origin is the sequence number that relative ones count from: that of SYN, or of the byte before the first one seen.
type origin struct {
	seq   uint32
	known bool
}

func (o *origin) set(seq uint32) {
	if !o.known {
		o.seq, o.known = seq, true
	}
}

// see decodes a packet and follows the connection by it.
func (l *packetList) see(p *record.Packet) (m flow.Marks) {
	packet.Decode(&l.d, p)
	if !l.analyses {
		return 0
	}
	if d := &l.d; l.isTCP() {
		own, other := l.origins()
		if d.Flags&packet.SYN != 0 {
			own.set(d.Seq)
		} else {
			own.set(d.Seq - 1)
		}
		if d.Flags&packet.ACK != 0 {
			other.set(d.Ack - 1)
		}
	}
	return l.talk.add(&l.d, p.Time)
}

func (l *packetList) isTCP() bool { return l.d.Proto == packet.ProtoTCP && l.d.Verdict == packet.OK }

// origins are those of the sender and of the receiver.
func (l *packetList) origins() (own, other *origin) {
	dir := side(l.talk.ends.client(&l.d))
	return &l.zero[dir], &l.zero[dir.Other()]
}

func (l *packetList) add(p *record.Packet, number int) {
	marks := l.see(p)
	tree, top, ok := dissect.Tree(p, l.session)
	if !ok {
		n := innermost(tree)
		top = dissect.Line{Protocol: n.Name, Info: n.Value}
	}
	dst := comma(l.line, l.n)
	l.n++
	dst = append(dst, `{"number":`...)
	dst = strconv.AppendInt(dst, int64(number), 10)
	dst = append(dst, `,"time":"`...)
	dst = record.AppendTime(dst, p.Time)
	dst = append(dst, `","length":`...)
	dst = strconv.AppendUint(dst, uint64(p.WireLen), 10)
	dst = append(dst, `,"captured":`...)
	dst = strconv.AppendInt(dst, int64(len(p.Data)), 10)
	dst = append(dst, `,"payload":`...)
	dst = strconv.AppendUint(dst, uint64(l.d.PayloadLen), 10)
	dst = append(append(dst, `,"from":"`...), sideName(l.talk.ends.client(&l.d))...)
	dst = append(dst, `","protocol":`...)
	dst = record.AppendJSONString(dst, top.Protocol)
	dst = append(dst, `,"info":`...)
	dst = record.AppendJSONString(dst, top.Info)
	if l.isTCP() {
		dst = l.appendTCP(dst)
	}
	if l.analyses {
		l.names = marks.AppendNames(l.names[:0])
		dst = appendNames(append(dst, `,"analysis":`...), l.names)
	}
	if l.full {
		dst = append(dst, `,"tree":`...)
		dst = appendTree(dst, tree)
		dst = append(dst, `,"data":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, p.Data)
		dst = append(dst, '"')
	}
	l.line = append(dst, '}')
}

var (
	fProtocol   = record.MustID("network.protocol")
	fTLSVersion = record.MustID("tls.version")
)

// spoken is what a session's record says of the protocols that its packets are of. A version of TLS counts if there was one only.
func spoken(rec *record.Record) (s dissect.Session) {
	versions := 0
	for i := range rec.Values.Len() {
		switch x := rec.Values.At(i); x.Field() {
		case fProtocol:
			s.Protocols = append(s.Protocols, string(x.Text()))
		case fTLSVersion:
			s.TLS = string(x.Text())
			versions++
		}
	}
	if versions > 1 {
		s.TLS = ""
	}
	return s
}

// innermost is the header that says most: the last one that has fields.
func innermost(tree []packet.Node) (n packet.Node) {
	for _, x := range tree {
		if len(x.Children) > 0 || n.Name == "" {
			n = x
		}
	}
	return n
}

var flagNames = []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"}

// appendTCP appends what the TCP header says.
func (l *packetList) appendTCP(dst []byte) []byte {
	d := &l.d
	dst = append(dst, `,"tcp":{"seq":`...)
	dst = strconv.AppendUint(dst, uint64(d.Seq), 10)
	dst = append(dst, `,"ack":`...)
	dst = strconv.AppendUint(dst, uint64(d.Ack), 10)
	if l.analyses {
		own, other := l.origins()
		dst = append(dst, `,"relative_seq":`...)
		dst = strconv.AppendUint(dst, uint64(d.Seq-own.seq), 10)
		if d.Flags&packet.ACK != 0 {
			dst = append(dst, `,"relative_ack":`...)
			dst = strconv.AppendUint(dst, uint64(d.Ack-other.seq), 10)
		}
	}
	dst = append(dst, `,"window":`...)
	dst = strconv.AppendUint(dst, uint64(d.Window), 10)
	dst = append(dst, `,"flags":`...)
	l.names = l.names[:0]
	for i, name := range flagNames {
		if d.Flags&(1<<i) != 0 {
			l.names = append(l.names, name)
		}
	}
	return append(appendNames(dst, l.names), '}')
}

// appendNames appends a list of texts.
func appendNames(dst []byte, names []string) []byte {
	dst = append(dst, '[')
	for i, name := range names {
		dst = record.AppendJSONString(comma(dst, i), name)
	}
	return append(dst, ']')
}

func appendTree(dst []byte, nodes []packet.Node) []byte {
	dst = append(dst, '[')
	for i := range nodes {
		n := &nodes[i]
		dst = append(comma(dst, i), `{"name":`...)
		dst = record.AppendJSONString(dst, n.Name)
		dst = append(dst, `,"value":`...)
		dst = record.AppendJSONString(dst, n.Value)
		dst = append(dst, `,"offset":`...)
		dst = strconv.AppendInt(dst, int64(n.Off), 10)
		dst = append(dst, `,"length":`...)
		dst = strconv.AppendInt(dst, int64(n.Len), 10)
		if len(n.Children) > 0 {
			dst = append(dst, `,"children":`...)
			dst = appendTree(dst, n.Children)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
