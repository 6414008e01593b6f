package top

import (
	"fmt"
	"strings"

	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/chisel"
)

// Aggregate is how a column's cell follows from the events of its row.
type Aggregate uint8

// The aggregates. Those of numbers leave out values below 1, as sysdig's tables do.
const (
	Last  Aggregate = iota // the field as it is now, as text
	Gauge                  // the field as it is now, a number
	Sum                    // since the beginning
	Rate                   // a second: of the last interval when live, of the whole file otherwise
	Mean                   // of the values since the beginning
	Max                    // of the values since the beginning
)

// Column declares a column.
type Column struct {
	Title, Desc string
	Field       string // the text of Last, else a field of numbers
	Is          Aggregate
	Unit        chisel.Unit
	Where       string // a filter: the events that count
	Scale       int64  // numbers are multiplied by it; 0: they are not
	Width       int    // characters; 0 in the last column, which takes what is left
	Container   bool   // shown only where containers are
}

// View declares a table.
type View struct {
	ID, Name, Desc string
	Filter         string   // the events that count
	Keys           []string // fields that tell rows apart, and by which drilling down narrows
	Columns        []Column
	Sort           int    // the column that sorts until another is chosen
	Next           string // the view that a row opens into
}

// column is a compiled column.
type column struct {
	*Column
	field *sys.Field
	where *sys.Filter
}

// view is a compiled view.
type view struct {
	*View
	filter  *sys.Filter
	key     *chisel.Key
	columns []column
	sort    int
}

// compile binds a view to its fields. An error is a mistake in the declaration.
func compile(v *View, st *sys.Style, containers bool) (*view, error) {
	c := &view{View: v}
	var err error
	if c.filter, err = sys.NewFilter(v.Filter); err != nil {
		return nil, fmt.Errorf("view %s: %w", v.ID, err)
	}
	if c.key, err = chisel.NewKey(st, v.Keys...); err != nil {
		return nil, fmt.Errorf("view %s: %w", v.ID, err)
	}
	for i := range v.Columns {
		d := &v.Columns[i]
		if d.Container && !containers {
			continue
		}
		col := column{Column: d}
		if col.field, err = sys.Find(d.Field, st); err != nil {
			return nil, fmt.Errorf("view %s, column %s: %w", v.ID, d.Title, err)
		}
		if d.Is != Last && !col.field.Numeric() {
			return nil, fmt.Errorf("view %s, column %s: %s is no number", v.ID, d.Title, d.Field)
		}
		if d.Where != "" {
			if col.where, err = sys.NewFilter(d.Where); err != nil {
				return nil, fmt.Errorf("view %s, column %s: %w", v.ID, d.Title, err)
			}
		}
		if i == v.Sort {
			c.sort = len(c.columns)
		}
		c.columns = append(c.columns, col)
	}
	return c, nil
}

// Find is the view of the list with the id; nil if there is none.
func Find(id string) *View {
	for i := range Views {
		if Views[i].ID == id {
			return &Views[i]
		}
	}
	return nil
}

// selection narrows what is shown to one row of a view: the events whose keys have its values.
type selection struct {
	view  *View
	key   *chisel.Key
	value string
}

// pass says whether e belongs to the row.
func (s *selection) pass(e *sys.Event) bool {
	k, ok := s.key.Of(e)
	return ok && string(k) == s.value
}

// text is the selection as a filter that tapir sys takes.
func (s *selection) text() string {
	var b strings.Builder
	for i, v := range chisel.SplitKey(s.value) {
		if i > 0 {
			b.WriteString(" and ")
		}
		fmt.Fprintf(&b, "%s=%s", s.view.Keys[i], quoted(v))
	}
	return b.String()
}

// quoted is a value as it stands in a filter.
func quoted(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n\r()[],&|\"'=<>") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"`
}
