package query

import (
	"strings"

	"github.com/tapir-project/tapir/record"
)

// columns are what the rows of a query consist of behind the stages so far: values of records, or, behind a grouping,
// the fields grouped by and the metrics.
type columns struct {
	grouped bool
	by      []*record.Field
	metrics []Metric
	timed   bool // a time bucket stands before the groups
}

// stages binds the stages of a query.
func (b *binder) stages(nodes []stageNode) ([]Stage, *Error) {
	var out []Stage
	var c columns
	for i := range nodes {
		s, err := b.stage(&nodes[i], &c)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (b *binder) stage(n *stageNode, c *columns) (Stage, *Error) {
	switch n.name {
	case "sort":
		return b.sortStage(n, c)
	case "head":
		return Head{n.n}, nil
	case "fields":
		return b.fieldsStage(n, c)
	}
	if c.grouped {
		return nil, errAt(n.at, "the rows are grouped already; %s cannot group them again", n.name).expect("sort", "head", "fields")
	}
	by, err := b.groupFields(n.by)
	if err != nil {
		return nil, err
	}
	metrics, err := b.metrics(n.metrics)
	if err != nil {
		return nil, err
	}
	*c = columns{grouped: true, by: by, metrics: metrics}
	switch n.name {
	case "top":
		return b.topStage(n, c)
	case "count":
		c.metrics = []Metric{{}}
		return CountBy{by}, nil
	case "timechart":
		return b.timechartStage(n, c)
	}
	return Stats{metrics, by}, nil
}

func (b *binder) topStage(n *stageNode, c *columns) (Stage, *Error) {
	by, err := b.groupFields(n.fields)
	if err != nil {
		return nil, err
	}
	c.by = by
	if c.metrics == nil {
		c.metrics = []Metric{{}}
	}
	return Top{n.n, by[0], c.metrics[0]}, nil
}

func (b *binder) timechartStage(n *stageNode, c *columns) (Stage, *Error) {
	t := Timechart{}
	c.timed = true
	if n.interval != nil {
		ns, ok := quantity(n.interval.text, durationUnits)
		if !ok || ns <= 0 || strings.Trim(n.interval.text, "0123456789.") == "" {
			return nil, errAt(n.interval.at, "%s is not an interval", quote(n.interval.text)).expect("a number with ns, us, ms, s, m, h, d or w")
		}
		t.Interval = ns
	}
	if c.metrics == nil {
		c.metrics = []Metric{{}}
	}
	t.Metric = c.metrics[0]
	if c.by != nil {
		t.By = c.by[0]
	}
	return t, nil
}

// groupFields binds fields to group by.
func (b *binder) groupFields(words []word) (out []*record.Field, err *Error) {
	sets := 0
	for _, w := range words {
		f, err := b.storedField(w)
		if err != nil {
			return nil, err
		}
		if f.Multi(b.o.Kind) {
			sets++
		}
		if sets > maxSets {
			return nil, errAt(w.at, "at most %d of the fields may hold several values; %s is one more", maxSets, f.Name)
		}
		out = append(out, f)
	}
	return out, nil
}

// storedField binds a field whose values are used, which those that stand for several others do not have. A field of
// words stands for the one its words are from.
func (b *binder) storedField(w word) (*record.Field, *Error) {
	if _, err := b.field(w); err != nil {
		return nil, err
	}
	f, _ := record.Lookup(w.text) // which has not the "user" of conditions: here it is user.name
	if f.Raw != "" {
		f, _ = record.Lookup(f.Raw)
	}
	if f.Any == nil {
		return f, nil
	}
	e := errAt(w.at, "%s stands for several fields; name one of them", w.text)
	for _, m := range members(f, b.o.Kind) {
		if len(e.Expected) < 4 {
			e.Expected = append(e.Expected, m.Name)
		}
	}
	return nil, e
}

func (b *binder) metrics(nodes []metricNode) (out []Metric, err *Error) {
	for i := range nodes {
		m, err := b.metric(&nodes[i])
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

var funcs = map[string]Func{"count": Count, "sum": Sum, "avg": Avg, "min": Min, "max": Max, "p": Percentile, "unique": Unique}

func (b *binder) metric(n *metricNode) (Metric, *Error) {
	m := Metric{Func: funcs[n.fn], P: n.p}
	if m.Func == Count {
		return m, nil
	}
	f, err := b.storedField(n.field)
	if err != nil {
		return m, err
	}
	m.Field = f
	return m, canCompute(m, n)
}

// canCompute says whether the function fits the field's type.
func canCompute(m Metric, n *metricNode) *Error {
	t := m.Field.Type
	switch {
	case m.Func == Unique, t.Numeric() && t != record.TypeBool && t != record.TypeTime:
		return nil
	case t == record.TypeTime && m.Func != Sum && m.Func != Avg:
		return nil
	case t == record.TypeTime:
		return errAt(n.at, "dates cannot be summed").expect("min", "max", "unique")
	}
	return errAt(n.field.at, "%s is %s; only numbers can be computed with", n.field.text, typeWords[t]).expect("unique("+n.field.text+")", "a number's field")
}

func (b *binder) sortStage(n *stageNode, c *columns) (Stage, *Error) {
	if n.metrics != nil {
		m, err := b.metric(&n.metrics[0])
		if err != nil {
			return nil, err
		}
		for _, have := range c.metrics {
			if have == m {
				return Sort{Metric: &m, Desc: n.desc}, nil
			}
		}
		return nil, errAt(n.metrics[0].at, "no stage before computes %s", m).expect(c.names()...)
	}
	f, err := b.column(n.fields[0], c)
	if err != nil {
		return nil, err
	}
	return Sort{Field: f, Desc: n.desc}, nil
}

func (b *binder) fieldsStage(n *stageNode, c *columns) (Stage, *Error) {
	var s Columns
	for _, w := range n.fields {
		f, err := b.column(w, c)
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, f)
	}
	return s, nil
}

// column binds a field that the rows must have.
func (b *binder) column(w word, c *columns) (*record.Field, *Error) {
	f, err := b.storedField(w)
	if err != nil || !c.grouped {
		return f, err
	}
	for _, g := range c.by {
		if g == f {
			return f, nil
		}
	}
	if c.timed && f.ID == idStart {
		return f, nil // the bucket's time
	}
	return nil, errAt(w.at, "the groups have no %s", w.text).expect(c.names()...)
}

// names are the columns of groups.
func (c *columns) names() (out []string) {
	for _, f := range c.by {
		out = append(out, f.Name)
	}
	for _, m := range c.metrics {
		out = append(out, m.String())
	}
	return out
}
