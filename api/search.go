package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// search streams the records that pass, as they are found:
//
//	json    one object {"records":[...],"coverage":{...}}
//	ndjson  an object a line: {"record":{...}}, now and then {"progress":{...}}, last {"coverage":{...}} or {"error":{...}}
//	csv     a header and a line a record; columns=... chooses and orders them
func (s *Server) search(w *reply, r *http.Request, p *params) error {
	format := p.choice("format", "json", "ndjson", "csv")
	exact := p.choice("cells", "safe", "exact") == "exact"
	q, err := s.listing(p, format)
	if err != nil {
		return err
	}
	switch format {
	case "csv":
		return s.searchCSV(w, r, q, exact)
	case "ndjson":
		return s.searchLines(w, r, q)
	}
	return s.searchJSON(w, r, q)
}

// listing is a search as it was asked for.
type listing struct {
	store.Search
	columns []*record.Field // nil: all
	nothing bool            // what is left of the query's head lies before offset
}

// listing reads what a search is about; a query that groups is refused.
func (s *Server) listing(p *params, format string) (*listing, error) {
	q, base := p.asked(s.Now())
	base.Order = p.order()
	def := defaultLimit
	if format == "csv" {
		def = 0
	}
	limit, offset := p.number("limit", def, 0, maxCount), p.number("offset", 0, 0, maxCount)
	columns := p.fields("columns")
	if p.err != nil {
		return nil, p.err
	}
	plan, err := store.NewPlan(q, base, 0)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	if plan.Search == nil {
		p.fail("q", "makes a table: ask /api/aggregate")
		return nil, p.err
	}
	out := &listing{Search: *plan.Search, columns: columns}
	if columns == nil {
		out.columns = plan.Columns
	}
	out.setFields()
	out.page(limit, offset, p.text("limit") != "")
	return out, nil
}

// setFields asks the store for the columns only.
func (l *listing) setFields() {
	l.Fields = nil
	for _, f := range l.columns {
		l.Fields = append(l.Fields, f.ID)
	}
}

// page combines limit and offset with the query's head, which the plan has left in Limit: head says how many records
// there are at most, limit how many of them are sent.
func (l *listing) page(limit, offset int, asked bool) {
	head := l.Limit
	l.Limit, l.Offset = limit, offset
	if head == 0 {
		return
	}
	left := head - offset
	l.nothing = left <= 0
	if limit == 0 || !asked || limit > left {
		l.Limit = max(left, 1) // 0 would be no limit
	}
}

// find walks over the records of a listing.
func (s *Server) find(ctx context.Context, l *listing, yield func(*record.Record) bool) (store.Coverage, error) {
	if l.nothing {
		yield = func(*record.Record) bool { return false }
	}
	c, err := s.Store.Search(ctx, l.Search, yield)
	if err == nil {
		err = ctx.Err() // a store that just stops must not make the answer look whole (A1)
	}
	return c, err
}

func (s *Server) searchJSON(w *reply, r *http.Request, l *listing) error {
	w.Header().Set("Content-Type", "application/json")
	enc := record.Encoder{Node: s.Node}
	line := []byte(`{"records":[`)
	n := 0
	c, err := s.find(r.Context(), l, func(rec *record.Record) bool {
		if n > 0 {
			line = append(line, ",\n"...)
		}
		n++
		line = enc.Append(line, rec)
		_, err := w.Write(line)
		line = line[:0]
		return err == nil
	})
	if err != nil {
		return err
	}
	line = append(line, `],"coverage":`...)
	_, err = w.Write(append(appendCoverage(line, c), "}\n"...))
	return err
}

func (s *Server) searchLines(w *reply, r *http.Request, l *listing) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := lines{w: w, enc: record.Encoder{Node: s.Node}}
	l.Progress = out.progress
	c, err := s.find(r.Context(), l, out.record)
	switch {
	case err == nil:
		return out.coverage("coverage", c)
	case w.begun():
		return out.failure(err)
	}
	return err
}

// firstRecords fill a window: they are sent at once, the others when there is much to send.
const firstRecords = 50

// lines writes an answer an object a line.
type lines struct {
	w    *reply
	enc  record.Encoder
	line []byte
	n    int       // records
	told time.Time // of the last progress
}

func (l *lines) record(rec *record.Record) bool {
	l.line = append(l.line[:0], `{"record":`...)
	l.line = append(l.enc.Append(l.line, rec), "}\n"...)
	_, err := l.w.Write(l.line)
	if l.n++; l.n == firstRecords {
		l.w.Flush()
	}
	return err == nil
}

// progress tells how far the search is, not more often than anyone can see.
func (l *lines) progress(c store.Coverage) {
	if now := time.Now(); now.Sub(l.told) >= flushEvery {
		l.told = now
		l.coverage("progress", c)
		l.w.Flush()
	}
}

func (l *lines) coverage(name string, c store.Coverage) error {
	l.line = append(append(append(l.line[:0], `{"`...), name...), `":`...)
	_, err := l.w.Write(append(appendCoverage(l.line, c), "}\n"...))
	return err
}

// failure ends a stream that has begun.
func (l *lines) failure(err error) error {
	_, body := describe(err)
	l.line = append(l.line[:0], `{"error":{"message":`...)
	l.line = record.AppendJSONString(l.line, body.Error.Message)
	_, err = l.w.Write(append(l.line, "}}\n"...))
	return err
}

// appendCoverage appends how complete an answer is, as an object.
func appendCoverage(dst []byte, c store.Coverage) []byte {
	dst = append(dst, `{"files":`...)
	dst = strconv.AppendInt(dst, int64(c.Files), 10)
	dst = append(dst, `,"files_done":`...)
	dst = strconv.AppendInt(dst, int64(c.FilesDone), 10)
	dst = append(dst, `,"records":`...)
	dst = strconv.AppendInt(dst, c.Rows, 10)
	dst = append(dst, `,"dropped_packets":`...)
	dst = strconv.AppendInt(dst, c.Dropped, 10)
	if c.NotStored != 0 {
		dst = append(dst, `,"not_stored_packets":`...)
		dst = strconv.AppendInt(dst, c.NotStored, 10)
	}
	dst = appendGaps(dst, c.Gaps)
	if c.Sampled.Most > 1 {
		dst = strconv.AppendInt(append(dst, `,"sampled":{"least":`...), c.Sampled.Least, 10)
		dst = append(strconv.AppendInt(append(dst, `,"most":`...), c.Sampled.Most, 10), '}')
	}
	if c.Oldest != 0 {
		dst = append(dst, `,"oldest":"`...)
		dst = record.AppendTime(dst, c.Oldest)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"partial":`...)
	dst = strconv.AppendBool(dst, c.Partial)
	if len(c.Problems) > 0 {
		dst = append(dst, `,"problems":[`...)
		for i, problem := range c.Problems {
			dst = record.AppendJSONString(comma(dst, i), problem)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// appendGaps appends the stretches in which nobody watched, the latest if they are many.
func appendGaps(dst []byte, gaps []store.Range) []byte {
	const most = 20
	if len(gaps) == 0 {
		return dst
	}
	total := int64(0)
	for _, g := range gaps {
		total += g.To - g.From
	}
	dst = strconv.AppendInt(append(dst, `,"gap_time":`...), total, 10)
	dst = append(dst, `,"gaps":[`...)
	for i, g := range gaps[max(0, len(gaps)-most):] {
		dst = record.AppendTime(append(comma(dst, i), `{"from":"`...), g.From)
		dst = record.AppendTime(append(dst, `","to":"`...), g.To)
		dst = append(dst, `"}`...)
	}
	return append(dst, ']')
}

// noteCoverage tells in the header, or behind the body, how complete an answer is that has no other place for it.
func noteCoverage(w *reply, c store.Coverage) {
	const most = 8 // problems; a header must stay short
	if n := len(c.Problems); n > most {
		c.Problems = append(slices.Clone(c.Problems[:most]), "and "+strconv.Itoa(n-most)+" more")
	}
	w.note("Tapir-Coverage", string(appendCoverage(nil, c)))
}

// spanOf is r without ends that lie beyond what is stored, for finding out how wide a time bucket should be.
func (s *Server) spanOf(ctx context.Context, kind record.Kind, r store.Range) (store.Range, error) {
	st, err := s.Store.Status(ctx)
	if err != nil {
		return r, err
	}
	if r == (store.Range{}) {
		r = store.Range{From: record.MinTime, To: record.MaxTime}
	}
	for _, k := range st.Kinds {
		if k.Kind == kind && k.Records > 0 {
			r.From, r.To = max(r.From, k.Oldest), min(r.To, k.Newest+1)
			return store.Range{From: r.From, To: max(r.To, r.From)}, nil
		}
	}
	return store.Range{}, nil
}

// fitInterval is the time bucket that interval=auto stands for.
func (s *Server) fitInterval(ctx context.Context, base *store.Search, buckets int) (int64, error) {
	span, err := s.spanOf(ctx, base.Kind, base.Range)
	return store.FitInterval(span, buckets), err
}

// chartsItself says whether q has a timechart whose interval is ours to choose.
func chartsItself(q *query.Query) bool {
	return slices.ContainsFunc(q.Stages, func(s query.Stage) bool {
		t, ok := s.(query.Timechart)
		return ok && t.Interval == 0
	})
}
