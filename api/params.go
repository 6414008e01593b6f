package api

import (
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
	maxQueryText = 64 << 10
)

// params reads the parameters of a request; the first one that is wrong is kept in err, and one that no route knows is
// an error too: a misspelt parameter must not silently mean everything.
type params struct {
	v   url.Values
	err error
}

func newParams(r *http.Request, known ...string) *params {
	p := &params{v: r.URL.Query()}
	for name := range p.v {
		if name != "token" && !slices.Contains(known, name) {
			slices.Sort(known)
			p.fail(name, "is not known here; known are "+strings.Join(known, ", "))
		}
	}
	return p
}

func (p *params) fail(name, what string) {
	if p.err == nil {
		p.err = badRequest("parameter %s %s", name, what)
	}
}

func (p *params) number(name string, def, least, most int) int {
	s := p.v.Get(name)
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

func (p *params) choice(name, def string, choices ...string) string {
	s := p.v.Get(name)
	if s == "" {
		return def
	}
	if !slices.Contains(choices, s) {
		p.fail(name, "must be one of "+strings.Join(choices, ", "))
		return def
	}
	return s
}

func (p *params) kind() record.Kind {
	s := p.v.Get("kind")
	if s == "" {
		return record.KindSession
	}
	k, err := record.ParseKind(s)
	if err != nil {
		p.fail("kind", err.Error())
	}
	return k
}

var boundings = map[string]store.Bounding{"last": store.Last, "first": store.First, "both": store.Both, "either": store.Either, "overlap": store.Either, "database": store.Database, "stored": store.Database}

func (p *params) bounding() store.Bounding {
	s := p.choice("bounding", "last", "last", "first", "both", "either", "overlap", "database", "stored")
	return boundings[s]
}

// times reads from and to: RFC 3339, ns since the epoch, or relative to now (-15m, now-1h).
func (p *params) times(now time.Time) (r store.Range) {
	if s := p.v.Get("from"); s != "" {
		r.From = p.time("from", s, now)
	}
	if s := p.v.Get("to"); s != "" {
		r.To = p.time("to", s, now)
	} else if r.From != 0 {
		r.To = record.MaxTime
	}
	if r.To != 0 && r.From > r.To {
		p.fail("from", "must not lie after to")
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

// ParseTime reads a point in time: RFC 3339, "2006-01-02 15:04:05", "2006-01-02", ns since the epoch, "now", or a
// duration before now such as -15m, now-1h, -7d. It returns ns since the epoch.
func ParseTime(s string, now time.Time) (int64, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) > 12 {
		return n, nil
	}
	if rel, ok := strings.CutPrefix(s, "now"); ok || strings.HasPrefix(s, "-") {
		if !ok {
			rel = s
		}
		d, err := parseSpan(rel)
		if err == nil {
			return now.UnixNano() + d, nil
		}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006/01/02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixNano(), nil
		}
	}
	return 0, badRequest("%q is no time: use RFC 3339, ns since the epoch, or a span before now such as -15m", s)
}

// parseSpan reads a signed duration with the units of Go and d for days; "" is 0.
func parseSpan(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return int64(n * 86400e9), err
	}
	d, err := time.ParseDuration(s)
	return int64(d), err
}

// expression parses and binds q.
func (p *params) expression(kind record.Kind, now time.Time) *query.Query {
	text := p.v.Get("q")
	if len(text) > maxQueryText {
		p.fail("q", "is longer than 64 KiB")
		return &query.Query{}
	}
	q, err := query.Parse(text, query.Options{Kind: kind, Now: now.UnixNano()})
	if err != nil && p.err == nil {
		p.err = err
	}
	if q == nil {
		q = &query.Query{}
	}
	return q
}

// fields reads a list of field names.
func (p *params) fields(name string) (out []*record.Field) {
	for _, list := range p.v[name] {
		for _, n := range strings.Split(list, ",") {
			if n = strings.TrimSpace(n); n == "" {
				continue
			}
			f, ok := record.Lookup(n)
			if !ok {
				p.fail(name, "names "+strconv.Quote(n)+", which is no field (see /api/fields)")
				continue
			}
			out = append(out, f)
		}
	}
	return out
}

// order reads order=field:desc,field:asc.
func (p *params) order() (out []store.Order) {
	for _, part := range strings.Split(p.v.Get("order"), ",") {
		if part == "" {
			continue
		}
		name, way, _ := strings.Cut(part, ":")
		f, ok := record.Lookup(name)
		if !ok || !f.Stored() {
			p.fail("order", "names "+strconv.Quote(name)+", which records do not hold")
			continue
		}
		if way != "" && way != "asc" && way != "desc" {
			p.fail("order", "takes asc or desc behind the colon")
		}
		out = append(out, store.Order{Field: f, Desc: way == "desc"})
	}
	return out
}
