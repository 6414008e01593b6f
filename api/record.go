package api

import (
	"errors"
	"net/http"

	"github.com/tapir-project/tapir/record"
)

// record answers with one record, its parts merged.
func (s *Server) record(w *reply, r *http.Request, _ *params) error {
	rec, err := s.named(r)
	if err != nil {
		return err
	}
	enc := record.Encoder{Node: s.Node}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(enc.Append(nil, rec), '\n'))
	return err
}

// value answers with the first value of a field of one record as it was captured. Browsers save it and run nothing.
func (s *Server) value(w *reply, r *http.Request, _ *params) error {
	f, err := fieldOf(r.PathValue("field"))
	var wrong *wrongField
	switch {
	case errors.As(err, &wrong):
		return &problem{status: http.StatusBadRequest, param: "field", expected: wrong.expected, err: err}
	case f.Type != record.TypeTerm && f.Type != record.TypeText:
		return &problem{status: http.StatusBadRequest, param: "field", err: errors.New(f.Name + " holds no text: ask for the whole record")}
	}
	rec, err := s.named(r)
	if err != nil {
		return err
	}
	v, ok := rec.Values.First(f.ID)
	if !ok {
		return &problem{status: http.StatusNotFound, param: "field", err: errors.New("this record has no " + f.Name)}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+rec.ID.String()+`.bin"`)
	_, err = w.Write(v.Text())
	return err
}

// named gets the record that the path's {kind} and {id} name.
func (s *Server) named(r *http.Request) (*record.Record, error) {
	kind, err := record.ParseKind(r.PathValue("kind"))
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, param: "kind", expected: kinds, err: err}
	}
	return s.fetch(r, kind)
}

// fetch gets the record that the path's {id} names.
func (s *Server) fetch(r *http.Request, kind record.Kind) (*record.Record, error) {
	_, id, err := record.ParseID(r.PathValue("id"))
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, param: "id", err: err}
	}
	return s.Store.Get(r.Context(), kind, id)
}
