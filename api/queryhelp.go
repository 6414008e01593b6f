package api

import (
	"errors"
	"net/http"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// verdict is what check answers.
type verdict struct {
	OK        bool         `json:"ok"`
	Formatted string       `json:"formatted"` // the whole in canonical form
	Where     string       `json:"where"`     // without its stages: what a chart above its answer counts
	Table     bool         `json:"table"`     // it groups: aggregate answers it, else search
	Error     *wrongSyntax `json:"error,omitempty"`
}

// wrongSyntax says what is wrong with an expression; offsets count bytes.
type wrongSyntax struct {
	Message  string   `json:"message"`
	Position int      `json:"position"`
	End      int      `json:"end"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Expected []string `json:"expected"`
	Suggest  []string `json:"suggest"`
}

// check says whether an expression is right, or where it is wrong.
func (s *Server) check(w *reply, _ *http.Request, p *params) error {
	q := p.expression(p.kind(), s.Now())
	var qe *query.Error
	switch {
	case errors.As(p.err, &qe):
		return w.json(verdict{Error: &wrongSyntax{qe.Msg, qe.Pos, qe.End, qe.Line, qe.Col, orEmpty(qe.Expected), orEmpty(qe.Suggest)}})
	case p.err != nil:
		return p.err
	}
	plan, err := store.NewPlan(q, store.Search{Kind: q.Kind}, defaultBuckets)
	if err != nil {
		return w.json(verdict{Error: &wrongSyntax{err.Error(), 0, len(q.Text), 1, 1, []string{}, []string{}}})
	}
	return w.json(verdict{OK: true, Formatted: q.String(), Where: query.Print(q.Where, q.Kind), Table: plan.Aggregate != nil})
}

// completion is one way to go on: text replaces the bytes from..to of the expression.
type completion struct {
	Text   string `json:"text"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
	From   int    `json:"from"`
	To     int    `json:"to"`
}

// complete lists what may stand at a position: of values, those that are stored in the time range.
func (s *Server) complete(w *reply, r *http.Request, p *params) error {
	text, now := p.text("q"), s.Now()
	pos := p.number("pos", len(text), 0, len(text))
	in := store.Search{Kind: p.kind(), Range: p.times(now), Bounding: p.bounding()}
	if p.err != nil {
		return p.err
	}
	o := query.Options{Kind: in.Kind, Now: now.UnixNano(),
		Values: func(field, prefix string) []string {
			if field == "view" {
				return s.viewNames(prefix)
			}
			return s.valuesOf(r.Context(), in, field, prefix)
		}}
	out := []completion{}
	for _, c := range query.Complete(text, pos, o) {
		out = append(out, completion{c.Text, c.Kind.String(), c.Detail, c.From, c.To})
	}
	return w.json(map[string]any{"completions": out})
}

// token is a piece of an expression, the bytes from..to, and its colour.
type token struct {
	From  int    `json:"from"`
	To    int    `json:"to"`
	Class string `json:"class"`
}

// tokens colours an expression, right or wrong.
func (s *Server) tokens(w *reply, _ *http.Request, p *params) error {
	out := []token{}
	for _, t := range query.Tokens(p.text("q")) {
		out = append(out, token{t.From, t.To, t.Class.String()})
	}
	return w.json(map[string]any{"tokens": out})
}

// field is an entry of the registry.
type field struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Set         bool     `json:"set"`
	Kinds       []string `json:"kinds"`
	Aliases     []string `json:"aliases"`
	Any         []string `json:"any,omitempty"`
	Description string   `json:"description"`
}

// fields lists the registry.
func (s *Server) fields(w *reply, _ *http.Request, _ *params) error {
	out := []field{}
	for _, f := range record.Fields() {
		out = append(out, field{f.Name, f.Type.String(), f.Set, f.Kinds.Names(), orEmpty(f.Aliases), f.Any, f.Desc})
	}
	return w.json(map[string]any{"fields": out})
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
