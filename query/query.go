package query

import (
	"time"

	"github.com/tapir-project/tapir/record"
)

// Options say what a query is bound to. The zero Options are good for sessions, without saved lists and views and
// with times counted from the epoch.
type Options struct {
	Kind     record.Kind    // the kind of record that is asked for
	Now      int64          // what now, -1h and -7d@d count from: ns since the epoch
	Location *time.Location // of dates without a zone; nil means UTC

	// Shortcuts gives the values of the saved lists whose name fits the pattern (see Glob), and whether there are any.
	Shortcuts func(pattern string) (values []string, ok bool)
	// Views gives the text of a saved query.
	Views func(name string) (text string, ok bool)
	// Values gives values of a field that begin with prefix, best first: for completion only.
	Values func(field, prefix string) []string
}

// Parse reads a query and binds it to the fields of o.Kind. The error, if there is one, is an *Error.
func Parse(text string, o Options) (*Query, error) {
	where, stages, err := parseText(text, 1<<o.Kind)
	if err != nil {
		return nil, err.place(text)
	}
	b := &binder{o: o}
	if b.o.Location == nil {
		b.o.Location = time.UTC
	}
	q := &Query{Text: text, Kind: o.Kind}
	if q.Where, err = b.where(where); err == nil {
		q.Stages, err = b.stages(stages)
	}
	if err != nil {
		return nil, err.place(text)
	}
	return q, nil
}

// String is the query in canonical form: canonical names, lists, views and relative times replaced by what they stood
// for. Parse makes the same tree of it, whenever and wherever it is asked.
func (q *Query) String() string {
	p := printer{kind: q.Kind, sugar: true}
	p.query(q)
	return string(p.dst)
}

// Print is the text of a bound condition that Parse makes an equal tree of; "" for nil.
func Print(e Expr, kind record.Kind) string {
	p := printer{kind: kind, sugar: true}
	p.expr(e, false)
	return string(p.dst)
}

// Glob says whether name fits pattern, in which * stands for any run of characters and ? for one. A backslash before
// either, or before a backslash, makes it literal.
func Glob(pattern, name string) bool { return matchWildcard(pattern, name) }
