package api

import (
	"errors"
	"net/http"

	"github.com/tapir-project/tapir/record"
)

var errNoTail = &problem{status: http.StatusNotImplemented, err: errors.New("this store cannot follow what is stored: search again from time to time")}

// tail sends records as they are stored, as server-sent events: "record" with the record as its data, and a comment now
// and then, so that both sides notice a dead connection. From the first comment on nothing is missed.
func (s *Server) tail(w *reply, r *http.Request, p *params) error {
	search := p.condition(s.Now())
	if p.err != nil {
		return p.err
	}
	follow, ok := s.Store.(Follower)
	if !ok {
		return errNoTail
	}
	w.Header().Set("Content-Type", "text/event-stream")
	events := events{w: w, enc: record.Encoder{Node: s.Node}}
	if !events.send("retry: 1000\n\n") {
		return nil
	}
	return follow.Follow(r.Context(), search, events.record, func() bool { return events.send(":\n\n") })
}

// events writes server-sent events (HTML Living Standard §9.2.6).
type events struct {
	w    *reply
	enc  record.Encoder
	line []byte
}

// record sends one record. The encoder escapes line ends, so the data is one line.
func (e *events) record(rec *record.Record) bool {
	e.line = append(e.line[:0], "event: record\nid: "...)
	e.line = rec.ID.AppendText(e.line)
	e.line = append(e.line, "\ndata: "...)
	e.line = append(e.enc.Append(e.line, rec), "\n\n"...)
	_, err := e.w.Write(e.line)
	return err == nil
}

// send sends what is no event, at once.
func (e *events) send(text string) bool {
	_, err := e.w.Write([]byte(text))
	e.w.Flush()
	return err == nil && !e.w.head
}
