package top

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/chisel"
)

const (
	maxRows = 16 << 10 // of a table
	maxText = 4 << 10  // bytes of a cell
	idle    = 60e9     // ns after which a silent row of a live view is forgotten
)

// cell is what a row knows for one column.
type cell struct {
	text  string
	total int64
	now   int64 // of Rate: in the interval that runs
	last  int64 // of Rate: in the interval before
	n     int64 // values, for Mean
}

// row is one row of a table.
type row struct {
	key   string
	seen  int64 // time of its last event
	cells []cell
}

// rows is the table of a view that fills.
type rows struct {
	view  *view
	limit int
	byKey map[string]*row
	buf   []byte

	first, latest int64 // times of the first and last event that was read, whether it counts or not
	read          int64 // events
	began         int64 // when the interval that runs began; 0 before the first
	interval      int64 // ns of the interval before; 0: there was none, rates are over all
	Evicted       int64 // rows that were forgotten
}

func newRows(v *view, limit int) *rows {
	return &rows{view: v, limit: limit, byKey: map[string]*row{}}
}

// at notes the time of an event that was read.
func (r *rows) at(t int64) {
	r.read++
	if r.first == 0 {
		r.first = t
	}
	r.latest = max(r.latest, t)
}

// add counts an event that passed the filters above the view's own.
func (r *rows) add(e *sys.Event) {
	if !r.view.filter.Pass(e) {
		return
	}
	key, ok := r.view.key.Of(e)
	if !ok {
		return
	}
	w := r.byKey[string(key)]
	if w == nil {
		if len(r.byKey) >= r.limit {
			r.evict()
		}
		w = &row{key: string(key), cells: make([]cell, len(r.view.columns))}
		r.byKey[w.key] = w
	}
	w.seen = e.Time
	for i := range w.cells {
		r.count(&r.view.columns[i], &w.cells[i], e)
	}
}

// count adds an event to a cell.
func (r *rows) count(c *column, x *cell, e *sys.Event) {
	if c.where != nil && !c.where.Pass(e) {
		return
	}
	switch c.Is {
	case Last:
		var ok bool
		if r.buf, ok = c.field.Append(r.buf[:0], e); ok && (x.text == "" || string(r.buf) != "<NA>") {
			if b := r.buf[:min(len(r.buf), maxText)]; string(b) != x.text {
				x.text = string(b)
			}
		}
		return
	case Gauge:
		if n, ok := c.field.Number(e); ok {
			x.total, x.n = n, 1
		}
		return
	}
	n, ok := c.Unit.Amount(c.field, e)
	if !ok {
		return
	}
	x.n++
	if c.Is == Max {
		x.total = max(x.total, n)
		return
	}
	x.total += n
	x.now += n
}

// evict forgets the eighth of the rows that were silent longest.
func (r *rows) evict() {
	all := make([]*row, 0, len(r.byKey))
	for _, w := range r.byKey {
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b *row) int {
		return cmp.Or(cmp.Compare(a.seen, b.seen), strings.Compare(a.key, b.key))
	})
	for _, w := range all[:len(all)/8+1] {
		delete(r.byKey, w.key)
		r.Evicted++
	}
}

// tick ends an interval at a time in ns, and forgets the rows that have been silent for long.
func (r *rows) tick(at int64) {
	if r.began != 0 {
		r.interval = max(at-r.began, 1)
	}
	began := r.began
	r.began = at
	for _, w := range r.byKey {
		for i := range w.cells {
			x := &w.cells[i]
			if began != 0 {
				x.last = x.now
			}
			x.now = 0
		}
		if at-w.seen > idle {
			delete(r.byKey, w.key)
			r.Evicted++
		}
	}
}

// number is a cell's value, by which it sorts. Rates are over the interval before, or over all that was read of a file.
func (r *rows) number(c *column, x *cell) float64 {
	switch c.Is {
	case Rate:
		over, sum := r.latest-r.first, x.total
		if r.began != 0 {
			over, sum = r.interval, x.last
		}
		if over <= 0 {
			return 0
		}
		return float64(sum) * 1e9 / float64(over)
	case Mean:
		if x.n > 0 {
			return float64(x.total) / float64(x.n)
		}
	}
	return float64(x.total) * float64(max(c.Scale, 1))
}

// Value is a cell as it is shown: a text, or a number with its text.
type Value struct {
	Text    string
	Number  float64
	Numeric bool
}

// value is a cell as it is shown.
func (r *rows) value(c *column, x *cell) Value {
	if c.Is == Last {
		return Value{Text: clean(x.text)}
	}
	n := r.number(c, x)
	v := Value{Number: n, Numeric: true}
	switch {
	case c.Is == Gauge && x.n == 0:
		return Value{}
	case c.Unit == chisel.InPercent:
		v.Number = n / 1e7
		v.Text = c.Unit.Text(int64(n), 1e9)
	case c.Unit == chisel.Plain && c.Is == Rate && n > 0 && n < 10:
		v.Text = strconv.FormatFloat(n, 'f', 2, 64)
	default:
		v.Text = c.Unit.Text(int64(n), 0)
	}
	return v
}

// Row is a row as it is shown.
type Row struct {
	Key    string
	Values []Value
}

// sorted gives the rows that contain search, by a column; equal ones by their keys.
func (r *rows) sorted(by int, ascending bool, search string) []Row {
	out := make([]Row, 0, len(r.byKey))
	for _, w := range r.byKey {
		row := Row{Key: w.key, Values: make([]Value, len(w.cells))}
		found := search == ""
		for i := range w.cells {
			row.Values[i] = r.value(&r.view.columns[i], &w.cells[i])
			found = found || contains(row.Values[i].Text, search)
		}
		if found {
			out = append(out, row)
		}
	}
	slices.SortFunc(out, func(a, b Row) int {
		x, y := &a.Values[by], &b.Values[by]
		c := cmp.Compare(x.Number, y.Number)
		if !x.Numeric && !y.Numeric {
			c = strings.Compare(x.Text, y.Text)
		}
		if !ascending {
			c = -c
		}
		return cmp.Or(c, strings.Compare(a.Key, b.Key))
	})
	return out
}
