package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// maxPacketsShown bounds one answer; offset goes on.
const maxPacketsShown = 2000

// packets answers with packets of a session: what each says in one line and, with detail=full, its decoded tree and
// bytes (base64; the tree's offsets count in them).
func (s *Server) packets(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "limit", "offset", "detail")
	limit := p.number("limit", 200, 1, maxPacketsShown)
	offset := p.number("offset", 0, 0, 1<<40)
	full := p.choice("detail", "full", "full", "summary") == "full"
	if p.err != nil {
		return p.err
	}
	rec, err := s.fetch(r, record.KindSession)
	if err != nil {
		return err
	}
	out := append([]byte(nil), `{"packets":[`...)
	n, more := 0, false
	err = s.sessionPackets(r.Context(), rec, func(pkt *record.Packet) bool {
		n++
		if n <= offset {
			return true
		}
		if n > offset+limit {
			more = true
			return false
		}
		out = comma(out, n-offset-1)
		out = appendPacket(out, rec, pkt, n, full)
		return true
	})
	if err != nil {
		return err
	}
	out = append(out, `],"more":`...)
	out = strconv.AppendBool(out, more)
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(out, "}\n"...))
	return err
}

// sessionPackets walks over the stored packets of a session.
func (s *Server) sessionPackets(ctx context.Context, rec *record.Record, yield func(*record.Packet) bool) error {
	if s.Packets == nil {
		return nil
	}
	return s.Packets.Packets(ctx, []record.ID{rec.Session}, rec.Start, rec.End, yield)
}

// fromClient says whether the session's initiator sent the packet.
func fromClient(rec *record.Record, d *packet.Decoded) bool {
	src, ok := rec.Values.First(fSourceIP)
	if !ok {
		return true
	}
	if port, ok := rec.Values.First(fSourcePort); ok && d.SrcPort != d.DstPort {
		return d.Src == src.Addr() && int64(d.SrcPort) == port.Int()
	}
	return d.Src == src.Addr()
}

var (
	fSourceIP   = record.MustID("source.ip")
	fSourcePort = record.MustID("source.port")
)

func appendPacket(dst []byte, rec *record.Record, p *record.Packet, number int, full bool) []byte {
	var d packet.Decoded
	packet.Decode(&d, p)
	dst = append(dst, `{"number":`...)
	dst = strconv.AppendInt(dst, int64(number), 10)
	dst = append(dst, `,"time":"`...)
	dst = record.AppendTime(dst, p.Time)
	dst = append(dst, `","length":`...)
	dst = strconv.AppendUint(dst, uint64(p.WireLen), 10)
	dst = append(dst, `,"captured":`...)
	dst = strconv.AppendInt(dst, int64(len(p.Data)), 10)
	dst = append(dst, `,"payload":`...)
	dst = strconv.AppendUint(dst, uint64(d.PayloadLen), 10)
	dst = append(dst, `,"from":"`...)
	if fromClient(rec, &d) {
		dst = append(dst, "client"...)
	} else {
		dst = append(dst, "server"...)
	}
	dst = append(dst, '"')
	if d.Proto == 6 && d.Verdict == packet.OK {
		dst = appendTCP(dst, &d)
	}
	if full {
		dst = append(dst, `,"tree":`...)
		dst = appendTree(dst, packet.Tree(p))
		dst = append(dst, `,"data":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, p.Data)
		dst = append(dst, '"')
	}
	return append(dst, '}')
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
			dst = comma(dst, n)
			dst = record.AppendJSONString(dst, name)
			n++
		}
	}
	return append(dst, `]}`...)
}

func appendTree(dst []byte, nodes []packet.Node) []byte {
	dst = append(dst, '[')
	for i := range nodes {
		n := &nodes[i]
		dst = comma(dst, i)
		dst = append(dst, `{"name":`...)
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
