package api

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// Bytes of one answer of stream.
const (
	defaultStreamBytes = 1 << 20
	maxStreamBytes     = 64 << 20
)

// stream answers with what both sides of a session said, in the order in which it was said: TCP reassembled with its
// gaps, other protocols message by message. With format=raw it is the bytes of one side alone, whole unless a limit is
// given. With format=http it is the HTTP messages in it.
func (s *Server) stream(w *reply, r *http.Request, p *params) error {
	format := p.choice("format", "json", "raw", "http")
	raw := format == "raw"
	client := p.choice("side", "client", "server") == "client"
	def, most := defaultStreamBytes, maxStreamBytes
	if raw {
		def, most = 0, maxCount
	}
	limit := p.number("bytes", def, 1, most)
	if p.err != nil {
		return p.err
	}
	rec, err := s.fetch(r, record.KindSession)
	if err != nil {
		return err
	}
	if raw {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", `attachment; filename="`+rec.ID.String()+"-"+sideName(client)+`.bin"`)
		side := rawSide{w: w, client: client, limit: limit}
		return s.converse(r, rec, side.say)
	}
	if format == "http" {
		return s.streamHTTP(w, r, rec, limit)
	}
	w.Header().Set("Content-Type", "application/json")
	chunks := chunkList{w: w, left: limit, line: []byte(`{"chunks":[`)}
	if err := s.converse(r, rec, chunks.say); err != nil {
		return err
	}
	return chunks.close()
}

// converse gives what both sides said to say until that returns false.
func (s *Server) converse(r *http.Request, rec *record.Record, say func(piece) bool) error {
	c := conversation{ends: newEnds(rec), say: say}
	var d packet.Decoded
	err := s.sessionPackets(r.Context(), rec, func(pkt *record.Packet) bool {
		packet.Decode(&d, pkt)
		c.add(&d, pkt.Time)
		return !c.done
	})
	if err == nil {
		c.end()
	}
	return err
}

// rawSide writes the bytes of one side.
type rawSide struct {
	w      *reply
	client bool
	limit  int // 0: none
	n      int
}

func (x *rawSide) say(p piece) bool {
	if p.client != x.client {
		return true
	}
	if x.limit > 0 {
		p.data = p.data[:min(len(p.data), x.limit-x.n)]
	}
	x.n += len(p.data)
	_, err := x.w.Write(p.data)
	return err == nil && (x.limit == 0 || x.n < x.limit)
}

// chunkList writes pieces as JSON, up to a number of bytes.
type chunkList struct {
	w    *reply
	left int // bytes that may still be sent
	more bool
	n    int
	line []byte
}

func (c *chunkList) say(p piece) bool {
	if len(p.data) > c.left {
		p.data, p.gap, c.more = p.data[:c.left], 0, true
	}
	c.left -= len(p.data)
	if len(p.data) == 0 && p.gap == 0 {
		return !c.more
	}
	dst := comma(c.line, c.n)
	c.n++
	dst = append(append(dst, `{"from":"`...), sideName(p.client)...)
	dst = append(dst, `","time":"`...)
	dst = record.AppendTime(dst, p.time)
	dst = append(dst, `","data":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, p.data)
	dst = append(dst, `","gap":`...)
	dst = strconv.AppendInt(dst, int64(p.gap), 10)
	_, err := c.w.Write(append(dst, '}'))
	c.line = dst[:0]
	return err == nil && !c.more
}

func (c *chunkList) close() error {
	line := append(c.line, `],"more":`...)
	_, err := c.w.Write(append(strconv.AppendBool(line, c.more), "}\n"...))
	return err
}
