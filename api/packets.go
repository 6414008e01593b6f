package api

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// Packets in one answer; offset goes on.
const (
	defaultPackets = 200
	maxPackets     = 2000
)

// packets answers with packets of a session: what each says in one line and, with detail=full, its decoded tree and
// bytes (base64; the tree's offsets count in them).
func (s *Server) packets(w *reply, r *http.Request, p *params) error {
	limit, offset := p.number("limit", defaultPackets, 1, maxPackets), p.number("offset", 0, 0, maxCount)
	full := p.choice("detail", "full", "summary") == "full"
	if p.err != nil {
		return p.err
	}
	rec, err := s.fetch(r, record.KindSession)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	list := packetList{ends: newEnds(rec), full: full, line: []byte(`{"packets":[`)}
	n, more := 0, false
	err = s.sessionPackets(r.Context(), rec, func(pkt *record.Packet) bool {
		n++
		switch {
		case n <= offset:
			return true
		case n > offset+limit:
			more = true
			return false
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
	ends ends
	full bool
	n    int
	line []byte
	d    packet.Decoded
}

func (l *packetList) add(p *record.Packet, number int) {
	packet.Decode(&l.d, p)
	tree := packet.Tree(p)
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
	dst = append(append(dst, `,"from":"`...), sideName(l.ends.client(&l.d))...)
	top := innermost(tree)
	dst = append(dst, `","protocol":`...)
	dst = record.AppendJSONString(dst, top.Name)
	dst = append(dst, `,"info":`...)
	dst = record.AppendJSONString(dst, top.Value)
	if l.d.Proto == packet.ProtoTCP && l.d.Verdict == packet.OK {
		dst = appendTCP(dst, &l.d)
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

func appendTCP(dst []byte, d *packet.Decoded) []byte {
	dst = append(dst, `,"tcp":{"seq":`...)
	dst = strconv.AppendUint(dst, uint64(d.Seq), 10)
	dst = append(dst, `,"ack":`...)
	dst = strconv.AppendUint(dst, uint64(d.Ack), 10)
	dst = append(dst, `,"window":`...)
	dst = strconv.AppendUint(dst, uint64(d.Window), 10)
	dst = append(dst, `,"flags":[`...)
	n := 0
	for i, name := range flagNames {
		if d.Flags&(1<<i) != 0 {
			dst = record.AppendJSONString(comma(dst, n), name)
			n++
		}
	}
	return append(dst, `]}`...)
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
