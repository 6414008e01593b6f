package api

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// search streams the records that pass, as they are found:
//
//	json    one object {"records":[...],"coverage":{...}}
//	ndjson  one object a line: {"record":{...}}, now and then {"progress":{...}}, last {"coverage":{...}} or {"error":{...}}
//	csv     a header and a line a record; columns=... chooses and orders them
func (s *Server) search(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "q", "kind", "from", "to", "bounding", "order", "limit", "offset", "columns", "format")
	format := p.choice("format", "json", "json", "ndjson", "csv")
	q, columns, err := s.searchOf(p, format)
	if err != nil {
		return err
	}
	switch format {
	case "csv":
		return s.searchCSV(w, r, q, columns)
	case "ndjson":
		return s.searchLines(w, r, q)
	}
	return s.searchJSON(w, r, q)
}

// searchOf reads what a search is about; a query whose stages make a table is refused.
func (s *Server) searchOf(p *params, format string) (*store.Search, []*record.Field, error) {
	now := s.Now()
	base := store.Search{Kind: p.kind(), Range: p.times(now), Bounding: p.bounding(), Order: p.order(),
		Limit: p.number("limit", defaultLimit, 0, 1<<40), Offset: p.number("offset", 0, 0, 1<<40)}
	if format == "csv" && p.v.Get("limit") == "" {
		base.Limit = 0
	}
	q := p.expression(base.Kind, now)
	columns := p.fields("columns")
	if p.err != nil {
		return nil, nil, p.err
	}
	plan, err := store.NewPlan(q, base, 0)
	if err != nil {
		return nil, nil, badRequest("%v", err)
	}
	if plan.Search == nil {
		return nil, nil, badRequest("this query makes a table: ask /api/aggregate")
	}
	if len(columns) == 0 {
		columns = plan.Columns
	}
	for _, f := range columns {
		if !f.Stored() {
			return nil, nil, badRequest("column %s stands for several fields; name one of %v", f.Name, f.Any)
		}
		plan.Search.Fields = append(plan.Search.Fields, f.ID)
	}
	return plan.Search, columns, nil
}

// flushEvery is how long found rows may wait in the server before they are sent.
const flushEvery = 100 * time.Millisecond

func (s *Server) searchJSON(w http.ResponseWriter, r *http.Request, q *store.Search) error {
	enc := record.Encoder{Node: s.Node}
	var line []byte
	started := false
	c, err := s.Store.Search(r.Context(), *q, func(rec *record.Record) bool {
		line = line[:0]
		if !started {
			started = true
			w.Header().Set("Content-Type", "application/json")
			line = append(line, `{"records":[`...)
		} else {
			line = append(line, ",\n"...)
		}
		line = enc.Append(line, rec)
		_, err := w.Write(line)
		return err == nil
	})
	if err != nil {
		if started {
			panic(http.ErrAbortHandler) // half an answer must not look whole
		}
		return err
	}
	if !started {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"records":[`))
	}
	line = append(line[:0], `],"coverage":`...)
	line = appendCoverage(line, c)
	_, err = w.Write(append(line, "}\n"...))
	return err
}

func (s *Server) searchLines(w http.ResponseWriter, r *http.Request, q *store.Search) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	flusher, _ := w.(http.Flusher)
	enc := record.Encoder{Node: s.Node}
	var line []byte
	sent := time.Now()
	q.Progress = func(c store.Coverage) {
		line = append(line[:0], `{"progress":`...)
		line = appendCoverage(line, c)
		w.Write(append(line, "}\n"...))
		flusher.Flush()
		sent = time.Now()
	}
	c, err := s.Store.Search(r.Context(), *q, func(rec *record.Record) bool {
		line = append(line[:0], `{"record":`...)
		line = enc.Append(line, rec)
		_, err := w.Write(append(line, "}\n"...))
		if now := time.Now(); now.Sub(sent) > flushEvery {
			flusher.Flush()
			sent = now
		}
		return err == nil
	})
	if err != nil {
		line = append(line[:0], `{"error":{"message":`...)
		line = record.AppendJSONString(line, err.Error())
		_, err = w.Write(append(line, "}}\n"...))
		return err
	}
	line = append(line[:0], `{"coverage":`...)
	line = appendCoverage(line, c)
	_, err = w.Write(append(line, "}\n"...))
	return err
}

// defaultColumns are those of a CSV that names none.
var defaultColumns = map[record.Kind][]string{
	record.KindSession: {"event.id", "event.start", "event.end", "source.ip", "source.port", "destination.ip", "destination.port",
		"network.protocol", "network.packets", "network.bytes", "client.bytes", "server.bytes", "url.domain", "network.community_id"},
	record.KindTransaction: {"event.id", "session.id", "event.start", "event.duration", "type", "status", "client.ip", "client.port",
		"server.ip", "server.port", "method", "path", "resource", "query", "source.bytes", "destination.bytes"},
}

func (s *Server) searchCSV(w http.ResponseWriter, r *http.Request, q *store.Search, columns []*record.Field) error {
	if len(columns) == 0 {
		for _, name := range defaultColumns[q.Kind] {
			columns = append(columns, record.FieldByID(record.MustID(name)))
		}
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="tapir-`+q.Kind.String()+`s.csv"`)
	out := csv.NewWriter(w)
	row := make([]string, len(columns))
	for i, f := range columns {
		row[i] = f.Name
	}
	out.Write(row)
	_, err := s.Store.Search(r.Context(), *q, func(rec *record.Record) bool {
		for i, f := range columns {
			row[i] = record.Text(rec, s.Node, f)
		}
		return out.Write(row) == nil
	})
	out.Flush()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return out.Error()
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
	if c.Oldest != 0 {
		dst = append(dst, `,"oldest":"`...)
		dst = record.AppendTime(dst, c.Oldest)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"partial":`...)
	dst = strconv.AppendBool(dst, c.Partial)
	for i, problem := range c.Problems {
		if i == 0 {
			dst = append(dst, `,"problems":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = record.AppendJSONString(dst, problem)
		if i == len(c.Problems)-1 {
			dst = append(dst, ']')
		}
	}
	return append(dst, '}')
}
