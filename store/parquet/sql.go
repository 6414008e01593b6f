package parquet

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// sqlMemory bounds what one SQL statement takes.
const sqlMemory = 2 << 30

// Rows is the answer to a statement. Close it.
type Rows struct {
	*sql.Rows
	engine *engine
}

// Close ends the statement.
func (r *Rows) Close() error {
	err := r.Rows.Close()
	r.engine.Close()
	return err
}

// SQL runs one statement of DuckDB's dialect over the views sessions and transactions, whose columns are called as the
// fields are: sets are lists, addresses and ids text, times TIMESTAMP_NS. It may read the record files and nothing else,
// and write nothing.
func (s *Store) SQL(ctx context.Context, statement string) (*Rows, error) {
	e, err := openEngine(sqlMemory, "")
	if err != nil {
		return nil, err
	}
	if err := s.views(ctx, e); err != nil {
		e.Close()
		return nil, err
	}
	rows, err := e.db.QueryContext(ctx, statement)
	if err != nil {
		e.Close()
		return nil, fmt.Errorf("sql: %w", err)
	}
	return &Rows{rows, e}, nil
}

// views makes the views and then takes away every way out of the record files.
func (s *Store) views(ctx context.Context, e *engine) error {
	for _, kind := range []record.Kind{record.KindSession, record.KindTransaction} {
		files, err := s.catalog.list(kind, true)
		if err != nil {
			return err
		}
		if _, err := e.db.ExecContext(ctx, "CREATE VIEW "+kind.String()+"s AS "+viewOf(kind, files)); err != nil {
			return fmt.Errorf("sql: view of %ss: %w", kind, err)
		}
	}
	for _, set := range []string{
		"SET allowed_directories = [" + quote(s.catalog.root) + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	} {
		if _, err := e.db.ExecContext(ctx, set); err != nil {
			return fmt.Errorf("sql: %s: %w", set, err)
		}
	}
	return nil
}

// viewOf is the relation of all records of a kind, parts of sessions merged.
func viewOf(kind record.Kind, files []*recordFile) string {
	q := newQuestion(kind, columnsOf(files))
	var cols []string
	for _, f := range record.Fields() {
		if f.Stored() && f.Kinds.Has(kind) && f.ID != fKind && q.occurs(f.ID) {
			cols = append(cols, q.friendly(f)+" AS "+ident(f.Name))
		}
	}
	whole, parts := split(files)
	var from []string
	if len(whole) > 0 {
		from = append(from, "SELECT "+strings.Join(cols, ", ")+" FROM "+scan(whole, q.slots()))
	}
	if len(parts) > 0 {
		from = append(from, "SELECT "+strings.Join(cols, ", ")+" FROM "+merged(parts, q.slots()))
	}
	if len(from) == 0 {
		return `SELECT NULL::VARCHAR AS "event.id" WHERE false`
	}
	return strings.Join(from, " UNION ALL ")
}

// friendly is a field as people want it: sets as lists, addresses and ids as text.
func (q *question) friendly(f *record.Field) string {
	v := q.value(f)
	text := func(x string) string { return x }
	switch physicalOf(f) {
	case physAddr:
		text = func(x string) string { return "ip_text(" + x + ")" }
	case physID:
		text = func(x string) string { return "id_text(" + x + ")" }
	}
	if !f.Multi(q.kind) {
		return text(v.sql)
	}
	one := "CASE WHEN " + v.sql + " IS NOT NULL THEN [" + text(v.sql) + "] END"
	if v.list == "" {
		return one
	}
	more := v.list
	if physicalOf(f) == physAddr {
		more = "list_transform(" + v.list + ", x -> ip_text(x))"
	}
	return "CASE WHEN " + v.sql + " IS NOT NULL THEN list_prepend(" + text(v.sql) + ", coalesce(" + more + ", [])) END"
}
