package parquet

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
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

// SQL runs one statement of DuckDB's dialect over the views sessions, transactions and samples, whose columns are called as the
// fields are: sets are lists, addresses and ids text, times TIMESTAMP_NS. It may read the record files and nothing else,
// and write nothing.
func (s *Store) SQL(ctx context.Context, statement string) (*Rows, error) {
	e, err := openEngine(sqlMemory, "")
	if err != nil {
		return nil, err
	}
	if err := e.onlyReads(ctx, statement); err != nil {
		e.Close()
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

var explain = regexp.MustCompile(`(?is)^\s*explain\s+(analyze\s+)?`)

// onlyReads refuses statements that are not SELECT or a form of it: others could write into the folders that may be
// read. DuckDB's own parser tells, by a function that takes no other statements. Of table functions only those are let
// through that do nothing but read.
func (e *engine) onlyReads(ctx context.Context, statement string) error {
	if strings.ContainsRune(statement, 0) {
		return errors.New("sql: the statement has a NUL character")
	}
	var text string
	rest := explain.ReplaceAllString(statement, "")
	if err := e.db.QueryRowContext(ctx, "SELECT json_serialize_sql("+quote(rest)+")::VARCHAR").Scan(&text); err != nil {
		return fmt.Errorf("sql: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		return fmt.Errorf("sql: %w", err)
	}
	if failed, _ := tree["error"].(bool); failed {
		why, _ := tree["error_message"].(string)
		if strings.Contains(why, "Only SELECT") {
			why = "only statements that read are taken: SELECT, FROM, WITH, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN"
		}
		return fmt.Errorf("sql: %s", why)
	}
	if f := strangeFunction(tree); f != "" {
		return fmt.Errorf("sql: the table function %s is not taken (these are: %s)", f, strings.Join(tableFunctions, ", "))
	}
	return nil
}

var tableFunctions = []string{"duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_settings", "duckdb_types", "duckdb_views",
	"generate_series", "glob", "parquet_file_metadata", "parquet_metadata", "parquet_scan", "parquet_schema", "pragma_table_info", "range",
	"read_parquet", "repeat", "unnest"}

// strangeFunction finds a table function in a syntax tree that is not on the list.
func strangeFunction(tree any) string {
	switch x := tree.(type) {
	case []any:
		for _, y := range x {
			if f := strangeFunction(y); f != "" {
				return f
			}
		}
	case map[string]any:
		if x["type"] == "TABLE_FUNCTION" {
			call, _ := x["function"].(map[string]any)
			if name, _ := call["function_name"].(string); !slices.Contains(tableFunctions, strings.ToLower(name)) {
				return strconv.Quote(name)
			}
		}
		for _, y := range x {
			if f := strangeFunction(y); f != "" {
				return f
			}
		}
	}
	return ""
}

// views makes the views and then takes away every way out of the record files.
func (s *Store) views(ctx context.Context, e *engine) error {
	for _, kind := range []record.Kind{record.KindSession, record.KindTransaction, record.KindSample} {
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
		more = "list_transform(" + v.list + ", lambda x: ip_text(x))"
	}
	return "CASE WHEN " + v.sql + " IS NOT NULL THEN list_prepend(" + text(v.sql) + ", coalesce(" + more + ", [])) END"
}
