package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/tapir-project/tapir/internal/pcapexport"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/store"
)

// problem is an error that knows how it is answered.
type problem struct {
	status   int
	param    string   // the parameter that is wrong, if one is
	expected []string // what it could be
	suggest  []string // what is like it
	err      error
}

func (e *problem) Error() string { return e.err.Error() }
func (e *problem) Unwrap() error { return e.err }

func badRequest(format string, args ...any) error {
	return &problem{status: http.StatusBadRequest, err: fmt.Errorf(format, args...)}
}

// errorBody is the body of every answer that is not a success. A wrong expression has Position and what follows it.
type errorBody struct {
	Error struct {
		Message  string   `json:"message"`
		Param    string   `json:"param,omitempty"`
		Position *int     `json:"position,omitempty"` // byte offset into q
		End      *int     `json:"end,omitempty"`
		Line     int      `json:"line,omitempty"`
		Column   int      `json:"column,omitempty"`
		Expected []string `json:"expected,omitempty"`
		Suggest  []string `json:"suggest,omitempty"`
	} `json:"error"`
}

// describe is an error as it is answered.
func describe(err error) (status int, body errorBody) {
	status = http.StatusInternalServerError
	e := &body.Error
	e.Message = err.Error()
	var p *problem
	var q *query.Error
	var mixed *pcapexport.MixedLinksError
	switch {
	case errors.As(err, &p):
		status, e.Param, e.Expected, e.Suggest = p.status, p.param, p.expected, p.suggest
	case errors.As(err, &q):
		status, e.Param = http.StatusBadRequest, "q"
		e.Position, e.End, e.Line, e.Column, e.Expected, e.Suggest = &q.Pos, &q.End, q.Line, q.Col, q.Expected, q.Suggest
	case errors.As(err, &mixed):
		status, e.Param = http.StatusBadRequest, "format"
	case errors.Is(err, store.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, context.Canceled):
		status, e.Message = http.StatusServiceUnavailable, "the server is going down; ask again"
	}
	return status, body
}

// fail answers with an error instead of what the handler has written so far. If part of that is out already, it cuts the
// connection, so that no client takes the part for the whole.
func (s *Server) fail(a *reply, r *http.Request, err error) {
	if errors.Is(err, errNoBody) {
		return
	}
	status, body := describe(err)
	if status == http.StatusInternalServerError && r.Context().Err() == nil {
		s.Log.Error("request failed", "path", r.URL.Path, "error", err)
	}
	if !a.discard() {
		panic(http.ErrAbortHandler)
	}
	a.Header().Set("Content-Type", "application/json")
	a.Header().Del("Content-Disposition")
	a.WriteHeader(status)
	json.NewEncoder(a).Encode(body)
}

// refuse answers a request that no route takes: 404, or 405 with the methods that are taken. h is what net/http answers.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, h http.Handler) {
	var said refusal
	h.ServeHTTP(&said, r)
	p := &problem{status: http.StatusNotFound, err: errors.New("there is no such path; /api/openapi.yaml describes those there are")}
	if allow := said.Header().Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		p = &problem{status: http.StatusMethodNotAllowed, err: fmt.Errorf("%s is not taken here, only %s", r.Method, allow)}
	}
	s.run(w, r, func(*reply) error { return p })
}

// refusal takes down what a handler would have answered.
type refusal struct{ header http.Header }

func (f *refusal) Header() http.Header {
	if f.header == nil {
		f.header = http.Header{}
	}
	return f.header
}
func (f *refusal) Write(b []byte) (int, error) { return len(b), nil }
func (f *refusal) WriteHeader(int)             {}
