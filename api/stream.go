package api

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/reassembly"
	"github.com/tapir-project/tapir/record"
)

// Bounds of one answer of stream.
const (
	defaultStreamBytes = 1 << 20
	maxStreamBytes     = 64 << 20
)

// stream answers with what both sides of a session said, in the order in which it was said: TCP reassembled with its
// gaps, other protocols message by message. With format=raw and from=client or server it is that side's bytes alone.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "bytes", "format", "side")
	limit := p.number("bytes", defaultStreamBytes, 1, maxStreamBytes)
	format := p.choice("format", "json", "json", "raw")
	side := p.choice("side", "client", "client", "server")
	if p.err != nil {
		return p.err
	}
	rec, err := s.fetch(r, record.KindSession)
	if err != nil {
		return err
	}
	f := follower{limit: limit}
	if format == "raw" {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", `attachment; filename="`+rec.ID.String()+"-"+side+`.bin"`)
		f.out = func(client bool, _ int64, data []byte, _ int) {
			if client == (side == "client") {
				w.Write(data)
			}
		}
	} else {
		f.body = append(f.body, `{"chunks":[`...)
		f.out = f.chunk
	}
	err = s.sessionPackets(r.Context(), rec, func(pkt *record.Packet) bool {
		var d packet.Decoded
		packet.Decode(&d, pkt)
		f.add(&d, fromClient(rec, &d), pkt.Time)
		return f.bytes < f.limit
	})
	if err != nil || format == "raw" {
		return err
	}
	f.flush()
	f.body = append(f.body, `],"more":`...)
	f.body = strconv.AppendBool(f.body, f.bytes >= f.limit)
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(f.body, "}\n"...))
	return err
}

// follower puts the two directions of a session together.
type follower struct {
	streams [2]reassembly.Stream
	budget  reassembly.Budget
	limit   int
	bytes   int
	last    int64
	n       int
	body    []byte
	out     func(client bool, t int64, data []byte, gap int)
}

func (f *follower) add(d *packet.Decoded, client bool, now int64) {
	f.last = now
	if d.Verdict != packet.OK {
		return
	}
	if d.Proto != 6 {
		if len(d.Payload) > 0 {
			f.deliver(client, now, d.Payload, int(d.PayloadLen)-len(d.Payload))
		}
		return
	}
	i := side(client)
	seq := d.Seq
	if d.Flags&packet.SYN != 0 {
		f.streams[i].Syn(seq)
		seq++
	}
	if d.Flags&packet.ACK != 0 {
		f.streams[1-i].Ack(d.Ack)
	}
	if d.PayloadLen > 0 {
		f.streams[i].Add(&f.budget, seq, d.Payload, int(d.PayloadLen), now)
		f.drain(client, now)
	}
}

func side(client bool) int {
	if client {
		return 0
	}
	return 1
}

func (f *follower) drain(client bool, now int64) {
	for {
		c, ok := f.streams[side(client)].Pop(&f.budget, now)
		if !ok {
			return
		}
		f.deliver(client, now, c.Data, c.Gap)
	}
}

func (f *follower) flush() {
	for _, client := range [2]bool{true, false} {
		f.streams[side(client)].Flush()
		f.drain(client, f.last)
	}
}

// deliver hands out data up to the limit.
func (f *follower) deliver(client bool, now int64, data []byte, gap int) {
	data = data[:min(len(data), f.limit-f.bytes)]
	f.bytes += len(data)
	f.out(client, now, data, gap)
}

// chunk appends one piece to the JSON answer.
func (f *follower) chunk(client bool, t int64, data []byte, gap int) {
	f.body = comma(f.body, f.n)
	f.n++
	f.body = append(f.body, `{"from":"`...)
	if client {
		f.body = append(f.body, "client"...)
	} else {
		f.body = append(f.body, "server"...)
	}
	f.body = append(f.body, `","time":"`...)
	f.body = record.AppendTime(f.body, t)
	f.body = append(f.body, `","data":"`...)
	f.body = base64.StdEncoding.AppendEncode(f.body, data)
	f.body = append(f.body, `","gap":`...)
	f.body = strconv.AppendInt(f.body, int64(gap), 10)
	f.body = append(f.body, '}')
}
