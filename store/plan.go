package store

import (
	"fmt"
	"slices"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
)

// Plan is what a query with stages asks of a store: records (Aggregate nil) or a table, and what to do with the table's
// rows afterwards.
type Plan struct {
	Search    *Search
	Aggregate *Aggregate
	Sort      []int // columns of the table from 0, keys before metrics; -1-column when descending
	Head      int
	Columns   []*record.Field
}

// NewPlan turns a bound query into one question. base carries kind, range and bounding; buckets is how many time buckets
// a timechart without an interval gets over base.Range.
func NewPlan(q *query.Query, base Search, buckets int) (*Plan, error) {
	base.Where = q.Where
	p := &Plan{}
	for _, s := range q.Stages {
		if err := p.stage(s, &base, buckets); err != nil {
			return nil, err
		}
	}
	if p.Aggregate == nil {
		p.Search = &base
	}
	return p, nil
}

func (p *Plan) stage(s query.Stage, base *Search, buckets int) error {
	switch s := s.(type) {
	case query.Top:
		return p.aggregate(base, Aggregate{By: []*record.Field{s.Field}, Metrics: []query.Metric{s.By}, Top: s.N})
	case query.CountBy:
		return p.aggregate(base, Aggregate{By: s.By, Metrics: []query.Metric{{Func: query.Count}}})
	case query.Stats:
		return p.aggregate(base, Aggregate{By: s.By, Metrics: s.Metrics})
	case query.Timechart:
		a := Aggregate{Interval: s.Interval, Metrics: []query.Metric{s.Metric}}
		if s.By != nil {
			a.By = []*record.Field{s.By}
			a.Top = 10
		}
		if a.Interval == 0 {
			a.Interval = FitInterval(base.Range, buckets)
		}
		return p.aggregate(base, a)
	case query.Sort:
		return p.sort(s, base)
	case query.Head:
		if p.Aggregate != nil {
			p.Head = s.N
		} else {
			base.Limit = s.N
		}
	case query.Columns:
		p.Columns = s.Fields
		base.Fields = nil
		for _, f := range s.Fields {
			base.Fields = append(base.Fields, f.ID)
		}
	}
	return nil
}

func (p *Plan) aggregate(base *Search, a Aggregate) error {
	if p.Aggregate != nil {
		return fmt.Errorf("a query groups once: leave one of the stages top, count, stats and timechart")
	}
	a.Kind, a.Where, a.Range, a.Bounding = base.Kind, base.Where, base.Range, base.Bounding
	p.Aggregate = &a
	return nil
}

// sort orders records, or the rows of the table by one of its columns.
func (p *Plan) sort(s query.Sort, base *Search) error {
	if p.Aggregate == nil {
		if s.Field == nil {
			return fmt.Errorf("sort by a metric needs a stage before it that computes the metric")
		}
		base.Order = append(base.Order, Order{s.Field, s.Desc})
		return nil
	}
	col := -1
	if s.Field != nil {
		col = slices.Index(p.Aggregate.By, s.Field)
	} else if s.Metric != nil {
		for i, m := range p.Aggregate.Metrics {
			if m == *s.Metric {
				col = len(p.Aggregate.By) + i
			}
		}
	}
	if col < 0 {
		return fmt.Errorf("sort: the table has no such column (sort by a field it groups by, or by one of its metrics)")
	}
	if s.Desc {
		col = -col - 1
	}
	p.Sort = append(p.Sort, col)
	return nil
}

// Finish orders and cuts the rows of the plan's table.
func (p *Plan) Finish(t *Table) {
	if len(p.Sort) > 0 {
		keys := len(p.Aggregate.By)
		slices.SortStableFunc(t.Rows, func(a, b Row) int {
			for _, col := range p.Sort {
				sign := 1
				if col < 0 {
					col, sign = -col-1, -1
				}
				if c := compareColumn(&a, &b, col, keys); c != 0 {
					return sign * c
				}
			}
			return 0
		})
	}
	if p.Head > 0 && len(t.Rows) > p.Head {
		t.Rows, t.More = t.Rows[:p.Head], true
	}
}

func compareColumn(a, b *Row, col, keys int) int {
	if col < keys {
		switch {
		case a.Keys[col] < b.Keys[col]:
			return -1
		case a.Keys[col] > b.Keys[col]:
			return 1
		}
		return 0
	}
	switch x, y := a.Metrics[col-keys], b.Metrics[col-keys]; {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// niceIntervals are the widths of time buckets that people can read off an axis, in ns.
var niceIntervals = []int64{1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8, 1e9, 2e9, 5e9, 1e10, 15e9, 30e9, 60e9, 120e9, 300e9, 600e9, 900e9,
	1800e9, 3600e9, 7200e9, 3 * 3600e9, 6 * 3600e9, 12 * 3600e9, 86400e9, 7 * 86400e9, 30 * 86400e9, 365 * 86400e9}

// FitInterval is the narrowest readable bucket that cuts r into at most n.
func FitInterval(r Range, n int) int64 {
	span := r.To - r.From
	for _, i := range niceIntervals {
		if span/i <= int64(max(n, 1)) {
			return i
		}
	}
	return niceIntervals[len(niceIntervals)-1]
}
