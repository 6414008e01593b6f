package api

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// aggregate answers with a table. What to compute comes from the stages of q, or from by, metric, interval and top.
func (s *Server) aggregate(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "q", "kind", "from", "to", "bounding", "by", "metric", "interval", "buckets", "top", "lowest")
	now := s.Now()
	base := store.Search{Kind: p.kind(), Range: p.times(now), Bounding: p.bounding()}
	buckets := p.number("buckets", 200, 1, 10_000)
	q := p.expression(base.Kind, now)
	if p.err != nil {
		return p.err
	}
	plan, err := store.NewPlan(q, base, buckets)
	if err != nil {
		return badRequest("%v", err)
	}
	if plan.Aggregate == nil {
		if plan.Aggregate, err = p.table(plan.Search, buckets, now); err != nil {
			return err
		}
	}
	t, err := s.Store.Aggregate(r.Context(), *plan.Aggregate)
	if err != nil {
		return err
	}
	plan.Finish(t)
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(TableJSON(plan.Aggregate, t))
	return err
}

// table reads the parameters that say what to compute.
func (p *params) table(base *store.Search, buckets int, now time.Time) (*store.Aggregate, error) {
	a := &store.Aggregate{Kind: base.Kind, Where: base.Where, Range: base.Range, Bounding: base.Bounding, By: p.fields("by"),
		Top: p.number("top", 0, 0, store.MaxGroups), Lowest: p.choice("lowest", "false", "true", "false") == "true"}
	if len(a.By) > 2 {
		p.fail("by", "takes at most two fields")
	}
	for _, m := range p.v["metric"] {
		q, err := query.Parse("| stats "+m, query.Options{Kind: base.Kind, Now: now.UnixNano()})
		if err != nil {
			p.fail("metric", strconv.Quote(m)+" is none: use count, sum(f), avg(f), min(f), max(f), p95(f), unique(f)")
			continue
		}
		a.Metrics = append(a.Metrics, q.Stages[0].(query.Stats).Metrics...)
	}
	if len(a.Metrics) == 0 {
		a.Metrics = []query.Metric{{Func: query.Count}}
	}
	switch interval := p.v.Get("interval"); interval {
	case "":
	case "auto":
		a.Interval = store.FitInterval(base.Range, buckets)
	default:
		d, err := parseSpan(interval)
		if err != nil || d <= 0 {
			p.fail("interval", "must be auto or a duration such as 10s, 1m, 1d")
		}
		a.Interval = d
	}
	return a, p.err
}

// TableJSON is the answer to an aggregation: the columns' names, then a row for each group.
func TableJSON(a *store.Aggregate, t *store.Table) []byte {
	dst := []byte(`{"by":[`)
	for i, f := range a.By {
		dst = comma(dst, i)
		dst = record.AppendJSONString(dst, f.Name)
	}
	dst = append(dst, `],"metrics":[`...)
	for i, m := range a.Metrics {
		dst = comma(dst, i)
		dst = record.AppendJSONString(dst, m.String())
	}
	dst = append(dst, `],"interval":"`...)
	dst = strconv.AppendInt(dst, a.Interval, 10)
	dst = append(dst, `","rows":[`...)
	for i := range t.Rows {
		dst = comma(dst, i)
		dst = appendRow(dst, a, &t.Rows[i])
	}
	dst = append(dst, `],"more":`...)
	dst = strconv.AppendBool(dst, t.More)
	dst = append(dst, `,"coverage":`...)
	dst = appendCoverage(dst, t.Coverage)
	return append(dst, "}\n"...)
}

func appendRow(dst []byte, a *store.Aggregate, r *store.Row) []byte {
	dst = append(dst, '{')
	if a.Interval != 0 {
		dst = append(dst, `"bucket":"`...)
		dst = strconv.AppendInt(dst, r.Bucket, 10)
		dst = append(dst, `",`...)
	}
	dst = append(dst, `"keys":[`...)
	for i, k := range r.Keys {
		dst = comma(dst, i)
		dst = record.AppendJSONString(dst, k)
	}
	dst = append(dst, `],"values":[`...)
	for i, m := range r.Metrics {
		dst = comma(dst, i)
		if math.IsNaN(m) || math.IsInf(m, 0) {
			dst = append(dst, "null"...)
		} else {
			dst = strconv.AppendFloat(dst, m, 'f', -1, 64)
		}
	}
	return append(dst, `]}`...)
}

func comma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}
