package parquet

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/store"
)

// grouping writes the SQL of an aggregation. Everything is computed from one relation, u: a row for each record and
// combination of its groups, with columns k0 and k1 (keys), b (bucket), n (1, or how many records the row stands for; see
// folds) and m0, m1, ... (what is measured).
// Further values of a measured set are rows of their own, without n, so that each metric sees each value once.
type grouping struct {
	*question
	a     *store.Aggregate
	where string
	keys  []value
	meas  []value // of Metrics; those that measure nothing have no sql
	bulky bool    // so many records that percentiles are estimated
}

// exactRows is how many records percentiles are computed of exactly; of more they are estimated (t-digest).
const exactRows = 20_000_000

// Aggregate groups in DuckDB. Time buckets are by start for Bounding First, by time of storing for Database, else by
// end.
func (s *Store) Aggregate(ctx context.Context, q store.Aggregate) (*store.Table, error) {
	a, err := s.ask(ctx, q.Kind, q.Range, q.Bounding, q.Where)
	if err != nil {
		return nil, err
	}
	g := newGrouping(&q, a.have)
	g.bulky = a.cov.Rows > exactRows
	t := &store.Table{}
	if q.Interval == 0 || len(q.By) == 0 {
		err = a.table(g, t, q.Interval != 0, nil)
	} else {
		err = a.bucketsOfGroups(g, t)
	}
	a.cov.FilesDone = a.cov.Files
	t.Coverage = a.cov
	return t, err
}

func newGrouping(a *store.Aggregate, have []bool) *grouping {
	g := &grouping{question: newQuestion(a.Kind, have), a: a}
	g.where = g.question.where(&store.Search{Where: a.Where, Range: a.Range, Bounding: a.Bounding})
	for _, f := range a.By {
		g.keys = append(g.keys, g.value(f))
	}
	for _, m := range a.Metrics {
		g.meas = append(g.meas, g.measure(m))
	}
	return g
}

// measure is what a metric looks at, as a number unless it counts different values.
func (g *grouping) measure(m query.Metric) value {
	if m.Func == query.Count || m.Field == nil {
		return value{}
	}
	v := g.value(m.Field)
	if m.Func == query.Unique {
		return v
	}
	convert := ""
	switch v.phys {
	case physTime:
		convert = "epoch_ns(%s)"
	case physBool:
		convert = "(%s)::BIGINT"
	case physInt, physFloat:
		return v
	default: // a text has no sum
		return value{sql: "NULL::BIGINT", phys: physInt}
	}
	v.sql = fmt.Sprintf(convert, v.sql)
	if v.list != "" {
		v.list = "list_transform(" + v.list + ", lambda x: " + fmt.Sprintf(convert, "x") + ")"
	}
	return v
}

// bucket is the SQL of a record's time bucket.
func (g *grouping) bucket() string {
	if g.a.Interval == 0 {
		return "0"
	}
	s := slotEnd
	switch g.a.Bounding {
	case store.First:
		s = slotStart
	case store.Database:
		s = slotIngested
	}
	t := "epoch_ns(" + g.col(s) + ")"
	return fmt.Sprintf("%s - ((%s %% %d) + %d) %% %d", t, t, g.a.Interval, g.a.Interval, g.a.Interval)
}

// relation is u over the given files.
func (g *grouping) relation(files []*recordFile) string {
	whole, parts := split(files)
	base := g.base()
	lists := g.lists()
	var from []string
	for _, f := range []struct {
		files []*recordFile
		sql   func([]*recordFile, []slot) string
	}{{whole, scan}, {parts, merged}} {
		if len(f.files) == 0 {
			continue
		}
		rel := f.sql(f.files, g.slots())
		if len(lists) == 0 {
			from = append(from, g.simple(base, rel, "true"))
			continue
		}
		from = append(from, g.simple(base, rel, strings.Join(lists, " IS NULL AND ")+" IS NULL"))
		from = append(from, g.spread(base, rel, strings.Join(lists, " IS NOT NULL OR ")+" IS NOT NULL"))
	}
	return "(" + strings.Join(from, " UNION ALL ") + ")"
}

// base lists the columns of u for records without further values.
func (g *grouping) base() []string {
	out := []string{g.bucket() + " AS b", "1 AS n"}
	for i, k := range g.keys {
		out = append(out, fmt.Sprintf("%s AS k%d", k.sql, i))
	}
	for i, m := range g.meas {
		if m.sql != "" {
			out = append(out, fmt.Sprintf("%s AS m%d", m.sql, i))
		}
	}
	return out
}

// lists are the lists of further values that u has to look at.
func (g *grouping) lists() (out []string) {
	for _, v := range append(slices.Clone(g.keys), g.meas...) {
		if v.list != "" && !slices.Contains(out, v.list) {
			out = append(out, v.list)
		}
	}
	return out
}

func (g *grouping) simple(base []string, rel, also string) string {
	return "SELECT " + strings.Join(base, ", ") + " FROM " + rel + " WHERE " + g.where + " AND (" + also + ")"
}

// spread is u for records with further values: a row for each combination of keys, and one for each further measured
// value.
func (g *grouping) spread(base []string, rel, also string) string {
	cols := slices.Clone(base[:2])
	var names []string
	inner := "*"
	for i, k := range g.keys {
		cols = append(cols, fmt.Sprintf("%s AS k%d", allOf(k, true), i))
		names = append(names, fmt.Sprintf("k%d", i))
	}
	for i, m := range g.meas {
		if m.sql != "" {
			cols = append(cols, fmt.Sprintf("%s AS m%d", allOf(m, false), i))
			names = append(names, fmt.Sprintf("m%d", i))
		}
	}
	rows := "SELECT " + strings.Join(cols, ", ") + " FROM " + rel + " WHERE " + g.where + " AND (" + also + ")"
	if g.folds() {
		rows = g.folded(rel, also)
	}
	for i := range g.keys {
		rows = fmt.Sprintf("SELECT %s REPLACE (unnest(k%d) AS k%d) FROM (%s)", inner, i, i, rows)
	}
	first, further := []string{"b", "n"}, []string(nil)
	for _, n := range names {
		if n[0] == 'm' {
			n += "[1] AS " + n
		}
		first = append(first, n)
	}
	for i, m := range g.meas {
		if m.list == "" {
			continue
		}
		one := []string{"b", "NULL AS n"}
		for _, n := range names {
			switch {
			case n == fmt.Sprintf("m%d", i):
				n = "unnest(" + n + "[2:]) AS " + n
			case n[0] == 'm':
				n = "NULL AS " + n
			}
			one = append(one, n)
		}
		further = append(further, "SELECT "+strings.Join(one, ", ")+" FROM spread")
	}
	all := append([]string{"SELECT " + strings.Join(first, ", ") + " FROM spread"}, further...)
	return "SELECT * FROM (WITH spread AS MATERIALIZED (" + rows + ") " + strings.Join(all, " UNION ALL ") + ")"
}

// folds says whether records that agree in all their groups' values may be added up before each value gets a row of its
// own: sets of few different values, of which few combinations occur, and metrics that add up.
func (g *grouping) folds() bool {
	for i, k := range g.keys {
		if k.list != "" && !fewValues[g.a.By[i].Name] {
			return false
		}
	}
	for i, m := range g.meas {
		switch g.a.Metrics[i].Func {
		case query.Count, query.Sum, query.Min, query.Max:
		default:
			return false
		}
		if m.list != "" {
			return false
		}
	}
	return len(g.keys) > 0
}

// fewValues are sets that hold the same few values over and over.
var fewValues = map[string]bool{"network.protocol": true, "tags": true, "network.vlan.id": true, "http.request.method": true,
	"http.response.status_code": true, "tls.version": true, "tls.cipher": true, "dns.question.type": true, "dns.response_code": true}

// folded is what spread makes rows of, added up: n counts records, metrics are theirs together.
func (g *grouping) folded(rel, also string) string {
	raw := []string{g.bucket() + " AS b"}
	sums, cols, by := []string{"b", "count(*) AS n"}, []string{"b", "n"}, []string{"b"}
	for i, k := range g.keys {
		v := value{sql: fmt.Sprintf("s%d", i), phys: k.phys}
		raw, by = append(raw, k.sql+" AS "+v.sql), append(by, v.sql)
		if k.list != "" {
			v.list = fmt.Sprintf("l%d", i)
			raw, by = append(raw, k.list+" AS "+v.list), append(by, v.list)
		}
		cols = append(cols, fmt.Sprintf("%s AS k%d", allOf(v, true), i))
	}
	sums = append(sums, by[1:]...)
	for i, m := range g.meas {
		if m.sql == "" {
			continue
		}
		f := [...]string{query.Sum: "sum", query.Min: "min", query.Max: "max"}[g.a.Metrics[i].Func]
		raw = append(raw, fmt.Sprintf("%s AS m%d", m.sql, i))
		sums = append(sums, fmt.Sprintf("%s(m%d) AS m%d", f, i, i))
		cols = append(cols, fmt.Sprintf("[m%d] AS m%d", i, i))
	}
	return "SELECT " + strings.Join(cols, ", ") + " FROM (SELECT " + strings.Join(sums, ", ") + " FROM (SELECT " + strings.Join(raw, ", ") +
		" FROM " + rel + " WHERE " + g.where + " AND (" + also + ")) GROUP BY " + strings.Join(by, ", ") + ")"
}

// allOf is the list of all values of a field; different ones only for keys.
func allOf(v value, distinct bool) string {
	if v.list == "" {
		return "[" + v.sql + "]"
	}
	all := fmt.Sprintf("list_prepend(%s, %s)", v.sql, v.list)
	if distinct {
		all = "list_distinct(" + all + ")"
	}
	return fmt.Sprintf("CASE WHEN %s IS NULL THEN [%s] ELSE %s END", v.list, v.sql, all)
}

// metrics are the aggregates over u, as numbers.
func (g *grouping) metrics() (out []string) {
	for i, m := range g.a.Metrics {
		x := fmt.Sprintf("m%d", i)
		s := "count(n)"
		if g.folds() {
			s = "coalesce(sum(n), 0)" // n counts records that were added up
		}
		switch m.Func {
		case query.Sum, query.Avg, query.Min, query.Max:
			s = [...]string{query.Sum: "sum", query.Avg: "avg", query.Min: "min", query.Max: "max"}[m.Func] + "(" + x + ")"
		case query.Percentile:
			s = fmt.Sprintf("quantile_cont(%s, %g)", x, m.P/100)
			if g.bulky {
				s = fmt.Sprintf("approx_quantile(%s, %g)", x, m.P/100)
			}
		case query.Unique:
			s = "count(DISTINCT " + x + ")"
		}
		out = append(out, fmt.Sprintf("(%s)::DOUBLE AS v%d", s, i))
	}
	return out
}

// table fills t with the groups, or with the buckets. groups, where given, takes the keys as they came.
func (a *asking) table(g *grouping, t *store.Table, buckets bool, groups *[][]any) error {
	limit := store.MaxGroups
	if g.a.Top > 0 && !buckets {
		limit = min(limit, g.a.Top)
	}
	files := append(slices.Clone(a.whole), a.parts...)
	err := a.run(&files, func(files []*recordFile) string { return g.statement(files, buckets, limit+1) },
		func() { t.Rows = t.Rows[:0] },
		func(r scanner) error {
			row, keys, err := g.scanRow(r)
			t.Rows = append(t.Rows, row)
			if groups != nil {
				*groups = append(*groups, keys)
			}
			return err
		})
	if t.More = len(t.Rows) > limit; t.More {
		t.Rows = t.Rows[:limit]
	}
	if len(t.Rows) == 0 && len(g.a.By) == 0 && !buckets { // no file at all: the one group is empty
		t.Rows = append(t.Rows, g.emptyRow())
	}
	return err
}

func (g *grouping) emptyRow() store.Row {
	r := store.Row{Metrics: make([]float64, len(g.a.Metrics)), Keys: []string{}}
	for i, m := range g.a.Metrics {
		if m.Func != query.Count && m.Func != query.Unique {
			r.Metrics[i] = math.NaN()
		}
	}
	return r
}

func (g *grouping) statement(files []*recordFile, buckets bool, limit int) string {
	var by, order []string
	bucket := "0 AS bucket"
	if buckets {
		bucket = "b AS bucket"
		by, order = append(by, "b"), append(order, "bucket")
	} else {
		order = append(order, "v0 "+g.direction()+" NULLS LAST")
	}
	cols := []string{bucket}
	for i := range g.keys {
		k := fmt.Sprintf("k%d", i)
		cols, by, order = append(cols, k), append(by, k), append(order, k+" NULLS FIRST")
	}
	s := "SELECT " + strings.Join(append(cols, g.metrics()...), ", ") + " FROM " + g.relation(files)
	if len(by) > 0 {
		s += " GROUP BY " + strings.Join(by, ", ")
	}
	return s + " ORDER BY " + strings.Join(order, ", ") + limitSQL(limit, 0)
}

func (g *grouping) direction() string {
	if g.a.Lowest {
		return "ASC"
	}
	return "DESC"
}

// bucketsOfGroups finds the leading groups over all buckets first, then the buckets of these.
func (a *asking) bucketsOfGroups(g *grouping, t *store.Table) error {
	var lead store.Table
	var keys [][]any
	if err := a.table(g, &lead, false, &keys); err != nil {
		return err
	}
	t.More = lead.More
	if len(lead.Rows) == 0 {
		return nil
	}
	keys = keys[:len(lead.Rows)]
	files := append(slices.Clone(a.whole), a.parts...)
	err := a.run(&files, func(files []*recordFile) string { return g.bucketStatement(files, keys) },
		func() { t.Rows = t.Rows[:0] },
		func(r scanner) error {
			row, _, err := g.scanRow(r)
			t.Rows = append(t.Rows, row)
			return err
		})
	if len(t.Rows) > store.MaxGroups {
		t.Rows, t.More = t.Rows[:store.MaxGroups], true
	}
	return err
}

// bucketStatement counts in buckets the groups with these keys, which keep their order.
func (g *grouping) bucketStatement(files []*recordFile, keys [][]any) string {
	cols, on, by := []string{"b AS bucket"}, []string{}, []string{"place", "b"}
	names := []string{"place"}
	for i := range g.keys {
		k := fmt.Sprintf("k%d", i)
		cols, by = append(cols, k), append(by, k)
		names = append(names, "g"+k)
		on = append(on, k+" IS NOT DISTINCT FROM g"+k)
	}
	rows := make([]string, len(keys))
	for i, row := range keys {
		lits := []string{fmt.Sprint(i)}
		for j, k := range row {
			lits = append(lits, g.literal(g.keys[j].phys, k))
		}
		rows[i] = "(" + strings.Join(lits, ", ") + ")"
	}
	return "SELECT " + strings.Join(append(cols, g.metrics()...), ", ") + " FROM " + g.relation(files) +
		" JOIN (VALUES " + strings.Join(rows, ", ") + ") AS lead(" + strings.Join(names, ", ") + ") ON " + strings.Join(on, " AND ") +
		" GROUP BY " + strings.Join(by, ", ") + " ORDER BY place, bucket" + limitSQL(store.MaxGroups+1, 0)
}
