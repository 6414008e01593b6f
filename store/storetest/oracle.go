package storetest

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// find answers a search from the records that must be shown.
func (w *world) find(q *store.Search) []*record.Record {
	match := query.Compile(q.Where)
	var out []*record.Record
	for _, r := range w.shown[q.Kind] {
		if inRange(r, q.Range, q.Bounding) && match(r) {
			out = append(out, r)
		}
	}
	if len(q.Order) > 0 {
		slices.SortFunc(out, func(a, b *record.Record) int { return compareBy(q.Order, a, b) })
	}
	out = out[min(q.Offset, len(out)):]
	if q.Limit > 0 {
		out = out[:min(q.Limit, len(out))]
	}
	return out
}

func inRange(r *record.Record, in store.Range, b store.Bounding) bool {
	if in == (store.Range{}) {
		return true
	}
	within := func(t int64) bool { return in.From <= t && t < in.To }
	switch b {
	case store.First:
		return within(r.Start)
	case store.Both:
		return r.Start >= in.From && r.End < in.To
	case store.Either:
		return r.Start < in.To && r.End >= in.From
	case store.Database:
		return within(ingested(r))
	}
	return within(r.End)
}

func ingested(r *record.Record) int64 {
	x, _ := r.Values.First(field("event.ingested").ID)
	return x.Int()
}

// compareBy is the order of a search: sets count as their least value going up and their greatest going down, records
// without the field come last, equal ones by id.
func compareBy(order []store.Order, a, b *record.Record) int {
	for _, o := range order {
		x, ok1 := extreme(a, o)
		y, ok2 := extreme(b, o)
		switch {
		case !ok1 && !ok2:
			continue
		case !ok1:
			return 1
		case !ok2:
			return -1
		}
		if c := compareValues(x, y); c != 0 {
			if o.Desc {
				return -c
			}
			return c
		}
	}
	return strings.Compare(string(a.ID[:]), string(b.ID[:]))
}

func extreme(r *record.Record, o store.Order) (best val, ok bool) {
	for _, v := range valuesOf(r, o.Field) {
		if c := 0; ok {
			if c = compareValues(v, best); o.Desc {
				c = -c
			}
			if c >= 0 {
				continue
			}
		}
		best, ok = v, true
	}
	return best, ok
}

// val is a value that can be compared, and its text as a key of a group.
type val struct {
	num   int64
	float float64
	text  string
	key   string
}

func compareValues(a, b val) int {
	return cmp.Or(cmp.Compare(a.float, b.float), cmp.Compare(a.num, b.num), strings.Compare(a.text, b.text))
}

func number(n int64) val { return val{num: n, key: strconv.FormatInt(n, 10)} }

func id(id record.ID) val { return val{text: string(id[:]), key: id.String()} }

func moment(t int64) val { return val{num: t, key: string(record.AppendTime(nil, t))} }

func truth(b bool) val {
	v := val{key: strconv.FormatBool(b)}
	if b {
		v.num = 1
	}
	return v
}

// valuesOf gives the values of a field, those of the header included.
func valuesOf(r *record.Record, f *record.Field) (out []val) {
	session := r.Kind == record.KindSession
	switch f.Name {
	case "event.id":
		return []val{id(r.ID)}
	case "session.id":
		return []val{id(r.Session)}
	case "event.kind":
		return []val{{text: r.Kind.String(), key: r.Kind.String()}}
	case "event.start":
		return []val{moment(r.Start)}
	case "event.end":
		return []val{moment(r.End)}
	case "session.part":
		if session {
			return []val{number(int64(r.Part))}
		}
		return nil
	case "session.final":
		if session {
			return []val{truth(r.Final)}
		}
		return nil
	}
	for i := range r.Values.Len() {
		if x := r.Values.At(i); x.Field() == f.ID {
			out = append(out, valueOf(f, x))
		}
	}
	return out
}

func valueOf(f *record.Field, x record.Value) val {
	switch f.Type {
	case record.TypeTerm, record.TypeText:
		return val{text: string(x.Text()), key: string(x.Text())}
	case record.TypeIP:
		return val{text: string(x.Text()), key: x.Addr().String()}
	case record.TypeFloat:
		return val{float: x.Float(), key: strconv.FormatFloat(x.Float(), 'g', -1, 64)}
	case record.TypeBool:
		return truth(x.Int() != 0)
	case record.TypeTime:
		return moment(x.Int())
	}
	return number(x.Int())
}

// group is a group being computed.
type group struct {
	bucket int64
	keys   []val
	has    []bool
	count  float64
	meas   [][]val // for each metric the values seen
}

// aggregate answers an aggregation: the rows in their order.
func (w *world) aggregate(a *store.Aggregate) (rows []store.Row, more bool) {
	groups := w.groups(a, a.Interval)
	if len(a.By) == 0 && a.Interval == 0 && len(groups) == 0 {
		groups = append(groups, newGroup(a, 0, nil, nil))
	}
	if len(a.By) == 0 && a.Interval != 0 {
		slices.SortFunc(groups, func(x, y *group) int { return cmp.Compare(x.bucket, y.bucket) })
		return toRows(a, groups), false
	}
	lead := groups
	if a.Interval != 0 {
		lead = w.groups(a, 0)
	}
	slices.SortFunc(lead, func(x, y *group) int { return compareGroups(a, x, y) })
	if a.Top > 0 && len(lead) > a.Top {
		lead, more = lead[:a.Top], true
	}
	if a.Interval == 0 {
		return toRows(a, lead), more
	}
	place := map[string]int{}
	for i, g := range lead {
		place[g.name()] = i
	}
	groups = slices.DeleteFunc(groups, func(g *group) bool { _, ok := place[g.name()]; return !ok })
	slices.SortFunc(groups, func(x, y *group) int {
		return cmp.Or(cmp.Compare(place[x.name()], place[y.name()]), cmp.Compare(x.bucket, y.bucket))
	})
	return toRows(a, groups), more
}

func newGroup(a *store.Aggregate, bucket int64, keys []val, has []bool) *group {
	return &group{bucket: bucket, keys: keys, has: has, meas: make([][]val, len(a.Metrics))}
}

func (g *group) name() string {
	var b strings.Builder
	for i, k := range g.keys {
		b.WriteString(strconv.FormatBool(g.has[i]) + strconv.Quote(k.key))
	}
	return b.String()
}

// groups puts every record into its groups.
func (w *world) groups(a *store.Aggregate, interval int64) (out []*group) {
	byName := map[string]*group{}
	for _, r := range w.find(&store.Search{Kind: a.Kind, Where: a.Where, Range: a.Range, Bounding: a.Bounding}) {
		bucket := int64(0)
		if interval != 0 {
			bucket = floor(bucketTime(r, a.Bounding), interval)
		}
		for _, keys := range combinations(r, a.By) {
			g := newGroup(a, bucket, make([]val, len(keys)), make([]bool, len(keys)))
			for i, k := range keys {
				if k != nil {
					g.keys[i], g.has[i] = *k, true
				}
			}
			name := strconv.FormatInt(bucket, 10) + " " + g.name()
			if byName[name] == nil {
				byName[name] = g
				out = append(out, g)
			}
			byName[name].add(a, r)
		}
	}
	return out
}

func bucketTime(r *record.Record, b store.Bounding) int64 {
	switch b {
	case store.First:
		return r.Start
	case store.Database:
		return ingested(r)
	}
	return r.End
}

func floor(t, interval int64) int64 { return t - ((t%interval)+interval)%interval }

// combinations are the keys of the groups that r belongs to; nil stands for a field that it lacks.
func combinations(r *record.Record, by []*record.Field) [][]*val {
	out := [][]*val{nil}
	for _, f := range by {
		var next [][]*val
		keys := []*val{nil}
		seen := map[string]bool{}
		for _, v := range valuesOf(r, f) {
			if !seen[v.key] {
				seen[v.key] = true
				keys = append(keys, &v)
			}
		}
		if len(keys) > 1 {
			keys = keys[1:]
		}
		for _, o := range out {
			for _, k := range keys {
				next = append(next, append(slices.Clone(o), k))
			}
		}
		out = next
	}
	return out
}

func (g *group) add(a *store.Aggregate, r *record.Record) {
	g.count++
	for i, m := range a.Metrics {
		if m.Field != nil {
			g.meas[i] = append(g.meas[i], valuesOf(r, m.Field)...)
		}
	}
}

func compareGroups(a *store.Aggregate, x, y *group) int {
	u, v := x.metric(a, 0), y.metric(a, 0)
	switch {
	case math.IsNaN(u) && math.IsNaN(v):
	case math.IsNaN(u):
		return 1
	case math.IsNaN(v):
		return -1
	case a.Lowest:
		if c := cmp.Compare(u, v); c != 0 {
			return c
		}
	default:
		if c := cmp.Compare(v, u); c != 0 {
			return c
		}
	}
	for i := range x.keys {
		if x.has[i] != y.has[i] {
			if x.has[i] {
				return 1
			}
			return -1
		}
		if c := compareValues(x.keys[i], y.keys[i]); c != 0 {
			return c
		}
	}
	return 0
}

// metric computes a metric of the group.
func (g *group) metric(a *store.Aggregate, i int) float64 {
	m := a.Metrics[i]
	switch m.Func {
	case query.Count:
		return g.count
	case query.Unique:
		seen := map[string]bool{}
		for _, v := range g.meas[i] {
			seen[v.key] = true
		}
		return float64(len(seen))
	}
	if !m.Field.Type.Numeric() || len(g.meas[i]) == 0 {
		return math.NaN()
	}
	var xs []float64
	total, n := new(big.Int), new(big.Int) // whole numbers add up exactly
	for _, v := range g.meas[i] {
		xs = append(xs, float64(v.num))
		total.Add(total, n.SetInt64(v.num))
	}
	slices.Sort(xs)
	sum, _ := new(big.Float).SetInt(total).Float64()
	switch m.Func {
	case query.Sum:
		return sum
	case query.Avg:
		return sum / float64(len(xs))
	case query.Min:
		return xs[0]
	case query.Max:
		return xs[len(xs)-1]
	}
	at := m.P / 100 * float64(len(xs)-1)
	lo := int(at)
	hi := min(lo+1, len(xs)-1)
	return xs[lo] + (xs[hi]-xs[lo])*(at-float64(lo))
}

func toRows(a *store.Aggregate, groups []*group) (out []store.Row) {
	for _, g := range groups {
		r := store.Row{Bucket: g.bucket, Keys: []string{}}
		for _, k := range g.keys {
			r.Keys = append(r.Keys, k.key)
		}
		for i := range a.Metrics {
			r.Metrics = append(r.Metrics, g.metric(a, i))
		}
		out = append(out, r)
	}
	return out
}
