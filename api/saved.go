package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/saved"
)

var errNotSaving = &problem{status: http.StatusNotImplemented, err: errors.New("this server keeps nothing: it has no data directory that it may write to")}

// savedProblem is an error of the store as it is answered.
func savedProblem(err error) error {
	for known, p := range map[error]problem{
		saved.ErrCollection: {status: http.StatusNotFound, param: "collection", expected: saved.Collections}, saved.ErrName: {status: http.StatusBadRequest, param: "name"},
		saved.ErrValue: {status: http.StatusBadRequest}, saved.ErrFull: {status: http.StatusConflict}, saved.ErrNotFound: {status: http.StatusNotFound},
	} {
		if errors.Is(err, known) {
			p.err = err
			return &p
		}
	}
	return err
}

// savedList answers with a collection, newest first.
func (s *Server) savedList(w *reply, r *http.Request, _ *params) error {
	if s.Saved == nil {
		return errNotSaving
	}
	all, err := s.Saved.List(r.PathValue("collection"))
	if err != nil {
		return savedProblem(err)
	}
	return w.json(map[string]any{"items": all})
}

// savedGet answers with one item.
func (s *Server) savedGet(w *reply, r *http.Request, _ *params) error {
	if s.Saved == nil {
		return errNotSaving
	}
	item, err := s.Saved.Get(r.PathValue("collection"), r.PathValue("name"))
	if err != nil {
		return savedProblem(err)
	}
	return w.json(item)
}

// savedPut saves the body, a JSON object, under a name. A view must have an expression that is right.
func (s *Server) savedPut(w *reply, r *http.Request, _ *params) error {
	if s.Saved == nil || !s.Saved.Writable() {
		return errNotSaving
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(strings.ToLower(kind)) != "application/json" {
		return &problem{status: http.StatusUnsupportedMediaType, err: errors.New("send the value as application/json")}
	}
	value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2*saved.MaxValue))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &problem{status: http.StatusRequestEntityTooLarge, err: saved.ErrValue}
	}
	if err != nil {
		return badRequest("the body cannot be read: %w", err)
	}
	if r.PathValue("collection") == saved.Views {
		if err := s.checkView(value); err != nil {
			return err
		}
	}
	if err := s.Saved.Put(r.PathValue("collection"), r.PathValue("name"), value); err != nil {
		return savedProblem(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// checkView says what is wrong with a view: its q must be an expression for its kind.
func (s *Server) checkView(value json.RawMessage) error {
	if !json.Valid(value) {
		return savedProblem(saved.ErrValue)
	}
	text, ok := saved.Expression(value)
	if !ok {
		return badRequest(`a view has a member q, its expression, for example {"q": "port == 80"}`)
	}
	var of struct{ Kind string }
	kind := record.KindSession
	if json.Unmarshal(value, &of) == nil && of.Kind != "" {
		var err error
		if kind, err = record.ParseKind(of.Kind); err != nil {
			return badRequest("kind of the view: %w", err)
		}
	}
	_, err := query.Parse(text, query.Options{Kind: kind, Now: s.Now().UnixNano(), Views: s.Saved.View})
	return err
}

// savedRemove forgets an item.
func (s *Server) savedRemove(w *reply, r *http.Request, _ *params) error {
	if s.Saved == nil || !s.Saved.Writable() {
		return errNotSaving
	}
	if err := s.Saved.Remove(r.PathValue("collection"), r.PathValue("name")); err != nil {
		return savedProblem(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// viewNames are the views whose names begin with prefix, newest first.
func (s *Server) viewNames(prefix string) (out []string) {
	if s.Saved == nil {
		return nil
	}
	all, _ := s.Saved.List(saved.Views) // what cannot be read completes nothing
	for _, x := range all {
		if len(out) < valuesMost && strings.HasPrefix(x.Name, prefix) {
			out = append(out, x.Name)
		}
	}
	return out
}
