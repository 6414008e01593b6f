package api

import (
	"net/http"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// tail sends records as they are stored, as server-sent events: "record" with the record, and a comment line now and
// then so that both sides notice a dead connection.
func (s *Server) tail(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "q", "kind")
	search := store.Search{Kind: p.kind()}
	search.Where = p.expression(search.Kind, s.Now()).Where
	if p.err != nil {
		return p.err
	}
	follow, ok := s.Store.(Follower)
	if !ok {
		return &httpError{http.StatusNotImplemented, errNoTail}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flusher, _ := w.(http.Flusher)
	w.Write([]byte(": live\n\n"))
	flusher.Flush()
	enc := record.Encoder{Node: s.Node}
	var line []byte
	return follow.Follow(r.Context(), search, func(rec *record.Record) bool {
		line = append(line[:0], "event: record\nid: "...)
		line = rec.ID.AppendText(line)
		line = append(line, "\ndata: "...)
		line = enc.Append(line, rec)
		_, err := w.Write(append(line, "\n\n"...))
		return err == nil
	}, func() bool {
		_, err := w.Write([]byte(":\n\n"))
		flusher.Flush()
		return err == nil
	})
}
