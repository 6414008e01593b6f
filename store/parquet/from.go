package parquet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

var sqlTypes = [...]string{physText: "VARCHAR", physAddr: "UUID", physID: "UUID", physInt: "BIGINT", physTime: "TIMESTAMP_NS", physFloat: "DOUBLE", physBool: "BOOLEAN"}

func sqlType(s slot) string {
	t := sqlTypes[specs[s].phys]
	if s.isMore() {
		t += "[]"
	}
	return t
}

// slots lists the columns the question needs, in the order of files.
func (q *question) slots() []slot {
	out := make([]slot, 0, len(q.need))
	for s := range q.need {
		out = append(out, s)
	}
	sortSlots(out)
	return out
}

// scan is the relation of all rows of the files, with the given columns and two more that say where a row stands:
// file_index and file_row_number. A column that a file lacks is NULL: DuckDB maps columns by field id, so it opens a
// file only when its turn comes.
func scan(files []*recordFile, cols []slot) string {
	var b strings.Builder
	b.WriteString("read_parquet([")
	for i, f := range files {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(f.path))
	}
	b.WriteString("], schema = MAP {")
	for i, s := range cols {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d: {name: %s, type: '%s', default_value: NULL}", specs[s].id, quote(specs[s].name), sqlType(s))
	}
	b.WriteString("})")
	return b.String()
}

// merged is the relation of sessions made of the rows of parts files: the columns of scan, their values merged as
// store.Merge does, and a list of where the rows of each stand.
func merged(files []*recordFile, cols []slot) string {
	in := newQuestion(record.KindSession, nil) // what the merging itself needs
	in.need[slotID], in.need[slotPart] = true, true
	out := make([]string, 0, len(cols)+1)
	for _, s := range cols {
		out = append(out, in.mergeColumn(s)+" AS "+ident(specs[s].name))
	}
	if !slices.Contains(cols, slotID) {
		out = append(out, in.col(slotID))
	}
	out = append(out, "list(file_index::BIGINT << 32 | file_row_number) AS rows")
	return "(SELECT " + strings.Join(out, ", ") + " FROM " + scan(files, in.slots()) + " GROUP BY " + ident(specs[slotID].name) + ")"
}

// mergeColumn is the SQL that merges one column over the parts of a session. Fields that follow from others are made
// up here, so that the result has them in their own columns.
func (q *question) mergeColumn(s slot) string {
	switch s {
	case slotStart:
		return "min(" + q.col(s) + ")"
	case slotEnd, slotPart:
		return "max(" + q.col(s) + ")"
	case slotID:
		return q.col(s)
	case slotFinal:
		return "bool_or(coalesce(" + q.col(s) + ", true))"
	case slotDerived, slotCommunity:
		return "NULL::BIGINT"
	}
	f := record.FieldByID(record.FieldID(s / 2))
	v := q.value(f)
	switch {
	case f.Multi(q.kind):
		return q.mergeSet(s, v)
	case s.isMore():
		return "NULL::" + sqlType(s)
	case f.Name == "event.duration":
		return spanOver(v.sql, "")
	case f.Name == "session.length":
		return spanOver(v.sql, " // 1000000")
	case store.Summable(f.ID):
		return "try_cast(sum(" + v.sql + ") AS BIGINT)"
	}
	return "arg_max(" + v.sql + ", coalesce(" + ident(specs[slotPart].name) + ", 0))"
}

func spanOver(has, unit string) string {
	return "CASE WHEN count(" + has + `) > 0 THEN (epoch_ns(max("event.end")) - epoch_ns(min("event.start")))` + unit + " END"
}

// mergeSet unites sets in the order of parts; the first value goes to the field's column, the others to its list.
func (q *question) mergeSet(s slot, v value) string {
	part := ident(specs[slotPart].name)
	all := fmt.Sprintf("flatten(list(list_prepend(%s, coalesce(%s, [])) ORDER BY coalesce(%s, 0)) FILTER (%s IS NOT NULL))", v.sql, v.list, part, v.sql)
	distinct := "list_distinct(" + all + ")"
	if !s.isMore() {
		return distinct + "[1]"
	}
	return "nullif(" + distinct + "[2:], [])"
}

// inRange is the SQL of a question's time range.
func (q *question) inRange(r store.Range, b store.Bounding) string {
	if r == (store.Range{}) {
		return "true"
	}
	from, to := quoteTime(clampTime(r.From)), quoteTime(clampTime(r.To))
	start, end := q.col(slotStart), q.col(slotEnd)
	within := func(c string) string { return c + " >= " + from + " AND " + c + " < " + to }
	switch b {
	case store.First:
		return within(start)
	case store.Both:
		return start + " >= " + from + " AND " + end + " < " + to
	case store.Either:
		return start + " < " + to + " AND " + end + " >= " + from
	case store.Database:
		return within(q.col(slotIngested))
	}
	return within(end)
}

// mayHold says whether a file can have rows in the range. Rows of parts files count with all parts of their session,
// so these files are never passed over.
func mayHold(f *recordFile, r store.Range, b store.Bounding) bool {
	switch {
	case r == (store.Range{}) || f.parts || b == store.Database:
		return true
	case b == store.First:
		return f.last >= r.From && f.start < r.To
	}
	return f.end >= r.From && f.start < r.To
}
