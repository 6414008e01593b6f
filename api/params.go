package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// Bounds of a request.
const (
	defaultLimit = 100
	maxCount     = 1<<31 - 1                // of limit and offset
	maxForm      = 3*query.MaxText + 64<<10 // bytes of a posted form: a byte of q may take three
)

// lists are the parameters that may be given several times.
var lists = []string{"by", "metric", "columns"}

// params reads the parameters of a request; what is wrong first is kept in err.
type params struct {
	v     url.Values
	known []string
	views func(name string) (text string, ok bool) // saved expressions; nil: there are none
	err   error
}

// readParams takes the parameters from the URL and from a posted form and checks their names (A2).
func readParams(w http.ResponseWriter, r *http.Request, rt route) *params {
	p := &params{known: rt.params}
	p.v, p.err = url.ParseQuery(r.URL.RawQuery)
	if p.err != nil {
		p.err = badRequest("the query string cannot be read (%v): percent-encode it", p.err)
		return p
	}
	delete(p.v, tokenParam)
	if r.Method == http.MethodPost && !rt.raw {
		p.form(w, r)
	}
	p.names()
	return p
}

// form adds the parameters of a posted form.
func (p *params) form(w http.ResponseWriter, r *http.Request) {
	const want = "application/x-www-form-urlencoded"
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != want {
		p.err = &problem{status: http.StatusUnsupportedMediaType, err: errors.New("post the parameters as " + want)}
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		p.err = &problem{status: http.StatusRequestEntityTooLarge, err: errors.New("the form is larger than " + strconv.Itoa(maxForm) + " bytes")}
		return
	}
	form, err2 := url.ParseQuery(string(body))
	if err = errors.Join(err, err2); err != nil {
		p.err = badRequest("the form cannot be read (%v): percent-encode it", err)
		return
	}
	for name, values := range form {
		p.v[name] = append(p.v[name], values...)
	}
}

// names checks that every parameter is known and given as often as it may be.
func (p *params) names() {
	var given []string
	for name := range p.v {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		switch {
		case p.err != nil:
			return
		case !slices.Contains(p.known, name):
			p.unknown(name)
		case len(p.v[name]) > 1 && !slices.Contains(lists, name):
			p.fail(name, "is given more than once")
		case len(p.v[name][0]) > query.MaxText:
			p.fail(name, "has "+strconv.Itoa(len(p.v[name][0]))+" bytes; at most "+strconv.Itoa(query.MaxText)+" are taken")
		}
	}
}

func (p *params) unknown(name string) {
	what := "; none is taken"
	if len(p.known) > 0 {
		what = "; known are " + strings.Join(p.known, ", ")
	}
	p.err = &problem{status: http.StatusBadRequest, param: name, expected: p.known,
		err: errors.New("parameter " + strconv.Quote(name) + " is not known here" + what)}
}

// fail says what is wrong with a parameter.
func (p *params) fail(name, what string, expected ...string) {
	if p.err == nil {
		p.err = &problem{status: http.StatusBadRequest, param: name, expected: expected, err: errors.New("parameter " + name + " " + what)}
	}
}

// all gives the values of a parameter. To read one that the route does not declare is a defect of ours.
func (p *params) all(name string) []string {
	if !slices.Contains(p.known, name) {
		panic("api: the route does not declare parameter " + name)
	}
	return p.v[name]
}

// text gives the value of a parameter, "" if it is not given.
func (p *params) text(name string) string {
	if all := p.all(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

func (p *params) number(name string, def, least, most int) int {
	s := p.text(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		p.fail(name, "must be a number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most))
		return def
	}
	return n
}

// choice gives a parameter that is one of choices; the first is the default.
func (p *params) choice(name string, choices ...string) string {
	s := p.text(name)
	switch {
	case s == "":
		return choices[0]
	case !slices.Contains(choices, s):
		p.fail(name, "must be one of "+strings.Join(choices, ", "), choices...)
		return choices[0]
	}
	return s
}

// kinds are the names of the kinds of record; the first is the default.
var kinds = func() (out []string) {
	for k := range record.Kinds {
		out = append(out, record.Kind(k).String())
	}
	return out
}()

func (p *params) kind() record.Kind {
	k, _ := record.ParseKind(p.choice("kind", kinds...))
	return k
}

func (p *params) bounding() store.Bounding {
	switch p.choice("bounding", "last", "first", "both", "either", "overlap", "database", "stored") {
	case "first":
		return store.First
	case "both":
		return store.Both
	case "either", "overlap":
		return store.Either
	case "database", "stored":
		return store.Database
	}
	return store.Last
}

// times reads from and to.
func (p *params) times(now time.Time) (r store.Range) {
	from, to := p.text("from"), p.text("to")
	if from == "" && to == "" {
		return r
	}
	r = store.Range{From: record.MinTime, To: record.MaxTime}
	if from != "" {
		r.From = p.time("from", from, now)
	}
	if to != "" {
		r.To = p.time("to", to, now)
	}
	if r.From >= r.To {
		p.fail("from", "must lie before to")
	}
	return r
}

func (p *params) time(name, s string, now time.Time) int64 {
	t, err := ParseTime(s, now)
	if err != nil {
		p.fail(name, err.Error())
	}
	return t
}

// asked reads q, kind and, where the route has them, the time range.
func (p *params) asked(now time.Time) (*query.Query, store.Search) {
	s := store.Search{Kind: p.kind()}
	if slices.Contains(p.known, "from") {
		s.Range, s.Bounding = p.times(now), p.bounding()
	}
	q := p.expression(s.Kind, now)
	s.Where = q.Where
	return q, s
}

// expression parses and binds q. It is never nil.
func (p *params) expression(kind record.Kind, now time.Time) *query.Query {
	q, err := query.Parse(p.text("q"), query.Options{Kind: kind, Now: now.UnixNano(), Views: p.views})
	if err != nil {
		if p.err == nil {
			p.err = err
		}
		return &query.Query{Kind: kind}
	}
	return q
}

// condition is asked for a route that takes no stages.
func (p *params) condition(now time.Time) store.Search {
	q, s := p.asked(now)
	if len(q.Stages) > 0 {
		p.fail("q", "is a condition here: leave out the stages behind |")
	}
	return s
}

// wrongField says what is wrong with a name.
type wrongField struct {
	what     string
	expected []string
}

func (e *wrongField) Error() string { return e.what }

// fieldOf looks up a field that records hold.
func fieldOf(name string) (*record.Field, error) {
	f, ok := record.Lookup(name)
	switch {
	case !ok:
		return nil, &wrongField{"names " + strconv.Quote(name) + ", which is no field (see /api/fields, or tapir fields)", nil}
	case f.Any != nil:
		return nil, &wrongField{"names " + f.Name + ", which stands for several fields", f.Any}
	case f.Raw != "":
		return nil, &wrongField{"names " + f.Name + ", whose words are looked up in another field", []string{f.Raw}}
	}
	return f, nil
}

// ParseFields reads names of fields that records hold, joined by commas.
func ParseFields(text string) (out []*record.Field, err error) {
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		f, err := fieldOf(name)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// ParseOrder reads how records are ordered: field:desc,field:asc.
func ParseOrder(text string) (out []store.Order, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, way, _ := strings.Cut(part, ":")
		if way != "" && way != "asc" && way != "desc" {
			return nil, &wrongField{"takes asc or desc behind the colon", []string{"asc", "desc"}}
		}
		f, err := fieldOf(name)
		if err != nil {
			return nil, err
		}
		out = append(out, store.Order{Field: f, Desc: way == "desc"})
	}
	return out, nil
}

// wrong notes an error about a parameter.
func (p *params) wrong(name string, err error) {
	var w *wrongField
	if errors.As(err, &w) {
		p.fail(name, w.what, w.expected...)
	}
}

// fields reads a list of names of fields that records hold.
func (p *params) fields(name string) (out []*record.Field) {
	for _, list := range p.all(name) {
		fields, err := ParseFields(list)
		p.wrong(name, err)
		out = append(out, fields...)
	}
	return out
}

// order reads order=field:desc,field:asc.
func (p *params) order() []store.Order {
	out, err := ParseOrder(p.text("order"))
	p.wrong("order", err)
	return out
}
