package api

import (
	"net/http"

	"github.com/tapir-project/tapir/record"
)

// record answers with one record, its parts merged.
func (s *Server) record(w http.ResponseWriter, r *http.Request) error {
	if p := newParams(r); p.err != nil {
		return p.err
	}
	kind, err := record.ParseKind(r.PathValue("kind"))
	if err != nil {
		return badRequest("%v", err)
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
		return nil, badRequest("%q is %v", r.PathValue("id"), err)
	}
	return s.Store.Get(r.Context(), kind, id)
}
