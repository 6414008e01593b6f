package api

import (
	"errors"
	"net/http"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
)

// check says whether an expression is right: {"ok":true,"formatted":...}, or where it is wrong.
func (s *Server) check(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "q", "kind")
	q := p.expression(p.kind(), s.Now())
	var qe *query.Error
	if p.err != nil && !errors.As(p.err, &qe) {
		return p.err
	}
	if qe != nil {
		return writeJSON(w, map[string]any{"ok": false, "error": map[string]any{"message": qe.Msg, "position": qe.Pos, "end": qe.End,
			"line": qe.Line, "column": qe.Col, "expected": orEmpty(qe.Expected), "suggest": orEmpty(qe.Suggest)}})
	}
	return writeJSON(w, map[string]any{"ok": true, "formatted": q.String()})
}

// complete lists what may stand at a position.
func (s *Server) complete(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "q", "kind", "pos")
	text := p.v.Get("q")
	pos := p.number("pos", len(text), 0, len(text))
	o := query.Options{Kind: p.kind(), Now: s.Now().UnixNano()}
	if p.err != nil {
		return p.err
	}
	type completion struct {
		Text   string `json:"text"`
		Kind   string `json:"kind"`
		Detail string `json:"detail"`
		From   int    `json:"from"`
		To     int    `json:"to"`
	}
	out := []completion{}
	for _, c := range query.Complete(text, pos, o) {
		out = append(out, completion{c.Text, c.Kind.String(), c.Detail, c.From, c.To})
	}
	return writeJSON(w, map[string]any{"completions": out})
}

// tokens colours an expression, right or wrong.
func (s *Server) tokens(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "q")
	if p.err != nil {
		return p.err
	}
	type token struct {
		From  int    `json:"from"`
		To    int    `json:"to"`
		Class string `json:"class"`
	}
	out := []token{}
	for _, t := range query.Tokens(p.v.Get("q")) {
		out = append(out, token{t.From, t.To, t.Class.String()})
	}
	return writeJSON(w, map[string]any{"tokens": out})
}

// fields lists the registry.
func (s *Server) fields(w http.ResponseWriter, r *http.Request) error {
	if p := newParams(r); p.err != nil {
		return p.err
	}
	type field struct {
		Name        string   `json:"name"`
		Type        string   `json:"type"`
		Set         bool     `json:"set"`
		Kinds       []string `json:"kinds"`
		Aliases     []string `json:"aliases"`
		Any         []string `json:"any,omitempty"`
		Description string   `json:"description"`
	}
	out := []field{}
	for _, f := range record.Fields() {
		out = append(out, field{f.Name, f.Type.String(), f.Set, f.Kinds.Names(), orEmpty(f.Aliases), f.Any, f.Desc})
	}
	return writeJSON(w, map[string]any{"fields": out})
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
