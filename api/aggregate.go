package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

const (
	defaultBuckets = 200
	maxBuckets     = 10_000
)

// aggregate answers with a table. What to compute comes from the stages of q, or from by, metric, interval, top and
// lowest, not from both.
func (s *Server) aggregate(w *reply, r *http.Request, p *params) error {
	plan, err := s.tabulation(r.Context(), p)
	if err != nil {
		return err
	}
	t, err := s.Store.Aggregate(r.Context(), *plan.Aggregate)
	if err == nil {
		err = r.Context().Err()
	}
	if err != nil {
		return err
	}
	plan.Finish(t)
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(TableJSON(plan.Aggregate, t))
	return err
}

// tabulation reads what an aggregation is about.
func (s *Server) tabulation(ctx context.Context, p *params) (*store.Plan, error) {
	q, base := p.asked(s.Now())
	buckets := p.number("buckets", defaultBuckets, 1, maxBuckets)
	a, auto := p.table(&base)
	if p.err != nil {
		return nil, p.err
	}
	plan := &store.Plan{Aggregate: a}
	if len(q.Stages) > 0 {
		var err error
		if plan, err = p.staged(q, base, buckets); err != nil {
			return nil, err
		}
		auto = chartsItself(q)
	}
	if !auto {
		return plan, nil
	}
	var err error
	plan.Aggregate.Interval, err = s.fitInterval(ctx, &base, buckets)
	return plan, err
}

// staged plans a table by the stages of q.
func (p *params) staged(q *query.Query, base store.Search, buckets int) (*store.Plan, error) {
	for _, name := range []string{"by", "metric", "interval", "top", "lowest"} {
		if len(p.all(name)) > 0 {
			p.fail(name, "cannot be given when the stages of q say what to compute: leave one of them out")
		}
	}
	plan, err := store.NewPlan(q, base, buckets)
	switch {
	case err != nil:
		return nil, badRequest("%v", err)
	case plan.Aggregate == nil:
		p.fail("q", "lists records: ask /api/search, or add a stage that groups", "top", "count", "stats", "timechart")
	}
	return plan, p.err
}

// table reads the parameters that say what to compute. auto says that its interval has yet to be chosen.
func (p *params) table(base *store.Search) (a *store.Aggregate, auto bool) {
	a = &store.Aggregate{Kind: base.Kind, Where: base.Where, Range: base.Range, Bounding: base.Bounding,
		Top: p.number("top", 0, 0, store.MaxGroups), Lowest: p.choice("lowest", "false", "true") == "true"}
	a.By = p.stats("by", "count by ", base.Kind).By
	a.Metrics = p.stats("metric", "", base.Kind).Metrics
	if len(a.Metrics) == 0 {
		a.Metrics = []query.Metric{{Func: query.Count}}
	}
	switch interval := p.text("interval"); interval {
	case "":
	case "auto":
		auto = true
	default:
		var ok bool
		if a.Interval, ok = parseSpan(interval); !ok {
			p.fail("interval", "must be auto or a length of time such as 10s, 1m, 1d")
		}
	}
	return a, auto
}

// stats reads a parameter that is part of a stage of stats, by the parser of expressions.
func (p *params) stats(name, before string, kind record.Kind) (out query.Stats) {
	text := strings.Join(p.all(name), ", ")
	if text == "" {
		return out
	}
	q, err := query.Parse("| stats "+before+text, query.Options{Kind: kind})
	var qe *query.Error
	switch {
	case errors.As(err, &qe):
		p.fail(name, ": "+qe.Msg, qe.Expected...)
		if e, ok := p.err.(*problem); ok && e.param == name {
			e.suggest = qe.Suggest
		}
	case len(q.Stages) != 1 || before == "" && q.Stages[0].(query.Stats).By != nil:
		p.fail(name, "holds more than it should: "+strconv.Quote(text))
	default:
		out = q.Stages[0].(query.Stats)
	}
	return out
}

// TableJSON is the answer to an aggregation: the columns' names, then a row for each group.
func TableJSON(a *store.Aggregate, t *store.Table) []byte {
	dst := []byte(`{"by":[`)
	for i, f := range a.By {
		dst = record.AppendJSONString(comma(dst, i), f.Name)
	}
	dst = append(dst, `],"metrics":[`...)
	for i, m := range a.Metrics {
		dst = record.AppendJSONString(comma(dst, i), m.String())
	}
	dst = append(dst, ']')
	dst = appendRange(dst, a.Range)
	dst = appendText(dst, `,"interval":`, a.Interval)
	dst = append(dst, `,"rows":[`...)
	for i := range t.Rows {
		dst = appendRow(comma(dst, i), a, &t.Rows[i])
	}
	dst = append(dst, `],"more":`...)
	dst = strconv.AppendBool(dst, t.More)
	dst = append(dst, `,"coverage":`...)
	dst = appendCoverage(dst, t.Coverage)
	return append(dst, "}\n"...)
}

// appendRange appends the ends of the time range that were asked for, so that a chart knows where -15m was.
func appendRange(dst []byte, r store.Range) []byte {
	if r == (store.Range{}) {
		return dst
	}
	if r.From != record.MinTime {
		dst = appendText(dst, `,"from":`, r.From)
	}
	if r.To != record.MaxTime {
		dst = appendText(dst, `,"to":`, r.To)
	}
	return dst
}

// appendText appends a name and a number as text: JavaScript's numbers would lose ns.
func appendText(dst []byte, name string, n int64) []byte {
	dst = append(append(dst, name...), '"')
	return append(strconv.AppendInt(dst, n, 10), '"')
}

func appendRow(dst []byte, a *store.Aggregate, r *store.Row) []byte {
	dst = append(dst, '{')
	if a.Interval != 0 {
		dst = append(appendText(dst, `"bucket":`, r.Bucket), ',')
	}
	dst = append(dst, `"keys":[`...)
	for i, k := range r.Keys {
		dst = record.AppendJSONString(comma(dst, i), k)
	}
	dst = append(dst, `],"values":[`...)
	for i, m := range r.Metrics {
		dst = appendNumber(comma(dst, i), m)
	}
	return append(dst, `]}`...)
}

// appendNumber appends a metric; one that could not be computed is null.
func appendNumber(dst []byte, m float64) []byte {
	switch {
	case math.IsNaN(m) || math.IsInf(m, 0):
		return append(dst, "null"...)
	case math.Abs(m) < 1e21:
		return strconv.AppendFloat(dst, m, 'f', -1, 64)
	}
	return strconv.AppendFloat(dst, m, 'g', -1, 64)
}

func comma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}
