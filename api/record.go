package api

import (
	"net/http"

	"github.com/tapir-project/tapir/record"
)

// record answers with one record, its parts merged.
func (s *Server) record(w *reply, r *http.Request, _ *params) error {
	kind, err := record.ParseKind(r.PathValue("kind"))
	if err != nil {
		return &problem{status: http.StatusBadRequest, param: "kind", expected: kinds, err: err}
	}
	rec, err := s.fetch(r, kind)
	if err != nil {
		return err
	}
	enc := record.Encoder{Node: s.Node}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(enc.Append(nil, rec), '\n'))
	return err
}

// fetch gets the record that the path's {id} names.
func (s *Server) fetch(r *http.Request, kind record.Kind) (*record.Record, error) {
	_, id, err := record.ParseID(r.PathValue("id"))
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, param: "id", err: err}
	}
	return s.Store.Get(r.Context(), kind, id)
}
