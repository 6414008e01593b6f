package api

import (
	"net/http"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// defaultColumns are those of a CSV that names none.
var defaultColumns = map[record.Kind][]string{
	record.KindSession: {"event.id", "event.start", "event.end", "source.ip", "source.port", "destination.ip", "destination.port",
		"network.protocol", "network.packets", "network.bytes", "client.bytes", "server.bytes", "url.domain", "network.community_id"},
	record.KindTransaction: {"event.id", "session.id", "event.start", "event.duration", "type", "status", "client.ip", "client.port",
		"server.ip", "server.port", "method", "path", "resource", "query", "source.bytes", "destination.bytes"},
	record.KindSample:   {"event.id", "event.start", "event.end"},
	record.KindSysEvent: {"event.id", "event.start", "event.end"},
}

func (s *Server) searchCSV(w *reply, r *http.Request, l *listing, exact bool) error {
	if l.columns == nil {
		for _, name := range defaultColumns[l.Kind] {
			l.columns = append(l.columns, record.FieldByID(record.MustID(name)))
		}
		l.setFields()
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="tapir-`+l.Kind.String()+`s.csv"`)
	line := headerLine(nil, l.columns)
	c, err := s.find(r.Context(), l, func(rec *record.Record) bool {
		line = append(s.cells(line, rec, l.columns, exact), '\n')
		_, err := w.Write(line)
		line = line[:0]
		return err == nil
	})
	if err != nil {
		return err
	}
	noteCoverage(w, c)
	_, err = w.Write(line) // the header of a table without rows
	return err
}

func headerLine(dst []byte, columns []*record.Field) []byte {
	for i, f := range columns {
		dst = append(comma(dst, i), f.Name...)
	}
	return append(dst, '\n')
}

func (s *Server) cells(dst []byte, rec *record.Record, columns []*record.Field, exact bool) []byte {
	for i, f := range columns {
		dst = comma(dst, i)
		text := record.Text(rec, s.Node, f)
		if !exact && f.Type <= record.TypeText && isFormula(text) {
			text = "'" + text
		}
		dst = appendCell(dst, text)
	}
	return dst
}

// isFormula says whether a spreadsheet would compute a text cell rather than show it, and what an attacker sent on the
// network is all over these cells. Such a cell gets an apostrophe, which spreadsheets take for "this is text". Cells that
// begin with an apostrophe get one too; so taking one off gives the exact text back, always.
func isFormula(s string) bool { return s != "" && strings.IndexByte("=+-@\t\r'", s[0]) >= 0 }

// appendCell appends a cell, quoted where RFC 4180 asks for it. Bytes stay as they are, also those that are not UTF-8.
func appendCell(dst []byte, s string) []byte {
	if s == "" {
		return dst
	}
	if s[0] != ' ' && s[len(s)-1] != ' ' && !strings.ContainsAny(s, ",\"\r\n") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return append(append(dst, s...), '"')
		}
		dst = append(append(dst, s[:i]...), '"', '"')
		s = s[i+1:]
	}
}
