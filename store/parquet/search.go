package parquet

import (
	"fmt"
	"slices"
	"strings"

	"context"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// hit is a record found: where its row is read from, or the rows of its parts.
type hit struct {
	start int64
	id    record.ID
	rows  []rowRef
}

// before is the order of a search that asks for none: newest start first, then by id.
func (h *hit) before(o *hit) int {
	if h.start != o.start {
		return cmpInt(o.start, h.start)
	}
	return strings.Compare(string(h.id[:]), string(o.id[:]))
}

// Search finds records in DuckDB, which sees only the columns of the condition and the order, and reads the rows found
// from the files. Without an order it goes from the newest files to the oldest, a few at a time, and ends when it has
// enough.
func (s *Store) Search(ctx context.Context, q store.Search, yield func(*record.Record) bool) (store.Coverage, error) {
	a, err := s.ask(ctx, q.Kind, q.Range, q.Bounding, q.Where)
	if err != nil {
		return store.Coverage{}, err
	}
	o := newOutput(a, &q, yield)
	defer o.rows.Close()
	if len(q.Order) > 0 {
		err = a.ordered(&q, o)
	} else {
		err = a.newestFirst(&q, o)
	}
	if err == errEnough {
		err = nil
	}
	return a.cov, err
}

// errEnough ends a search whose caller wants no more.
var errEnough = fmt.Errorf("enough")

// Rows of files that one statement goes over: few at first, so that the newest come at once, then more. Without a
// limit all rows are wanted and what is found must be held, so it stays moderate.
const (
	firstBatch = 1 << 17
	maxBatch   = 1 << 22
	allBatch   = 1 << 20
)

// newestFirst searches from the newest files to the oldest.
func (a *asking) newestFirst(q *store.Search, o *output) error {
	files := slices.Clone(a.whole)
	slices.SortStableFunc(files, func(x, y *recordFile) int { return cmpInt(y.last, x.last) })
	pending, err := a.locateParts(q, o.wanted())
	if err != nil {
		return err
	}
	size := int64(firstBatch)
	for len(files) > 0 {
		batch, rest := cutBatch(files, size)
		found, err := a.locate(q, batch, o.wanted())
		if err != nil {
			return err
		}
		pending = append(pending, found...)
		if err := a.settle(pending); err != nil {
			return err
		}
		files, size = rest, nextSize(size, q.Limit)
		a.cov.FilesDone += len(batch)
		n := len(pending)
		if len(files) > 0 { // what starts after all that is left
			n, _ = slices.BinarySearchFunc(pending, files[0].last, func(h hit, last int64) int { return cmpInt(last, h.start) })
		}
		if err := o.put(pending[:n]); err != nil {
			return err
		}
		pending = pending[n:]
		a.progress(q) // behind the records, which are sent with it
	}
	a.cov.FilesDone += len(a.parts)
	return o.put(pending)
}

func nextSize(size int64, limit int) int64 {
	if limit == 0 {
		return allBatch
	}
	return min(4*size, maxBatch)
}

// cutBatch takes files of about size rows.
func cutBatch(files []*recordFile, size int64) (batch, rest []*recordFile) {
	n := 0
	for rows := int64(0); n < len(files) && (n == 0 || rows+files[n].rows <= size); n++ {
		rows += files[n].rows
	}
	return files[:n], files[n:]
}

// progress tells how far the search is.
func (a *asking) progress(q *store.Search) {
	if q.Progress != nil {
		q.Progress(a.cov)
	}
}

const newestOrder = ` ORDER BY "event.start" DESC`

// locate finds records in whole files, the newest first, up to limit if that is not 0. Ids, which put records of equal
// start in order, are left zero where a limit makes it likely that they do not matter: reading them costs more than the
// rest of a simple question.
func (a *asking) locate(q *store.Search, files []*recordFile, limit int) (out []hit, err error) {
	if limit > 0 {
		out, err = a.locateBy(q, files, limit+1, false)
		switch n := len(out); {
		case err != nil || n <= limit:
			return out, err
		case out[limit-1].start != out[limit].start:
			return out[:limit], nil
		} // more records start with the last one than there is room for: ids decide
	}
	return a.locateBy(q, files, limit, true)
}

func (a *asking) locateBy(q *store.Search, files []*recordFile, limit int, ids bool) (out []hit, err error) {
	ask := newQuestion(q.Kind, a.have)
	where := ask.where(q)
	id, order := "NULL::UUID", newestOrder
	if ids {
		id = ask.col(slotID)
		order += ", " + id
	}
	files = slices.Clone(files)
	err = a.run(&files, func(files []*recordFile) string {
		return `SELECT file_index::BIGINT, file_row_number, epoch_ns("event.start"), ` + id + " FROM " + scan(files, ask.slots()) +
			" WHERE " + where + order + limitSQL(limit, 0)
	}, func() { out = out[:0] }, func(r scanner) error {
		h := hit{}
		var file, row int64
		var id []byte
		if err := r.Scan(&file, &row, &h.start, &id); err != nil {
			return err
		}
		copy(h.id[:], id)
		h.rows = []rowRef{{files[file], row}}
		out = append(out, h)
		return nil
	})
	return out, err
}

// settle puts hits in order, and reads the ids of those that start together.
func (a *asking) settle(hits []hit) error {
	slices.SortFunc(hits, func(x, y hit) int { return x.before(&y) })
	var refs []rowRef
	var ties []*hit
	for i := range hits {
		tie := i > 0 && hits[i-1].start == hits[i].start || i+1 < len(hits) && hits[i+1].start == hits[i].start
		if tie && hits[i].id.IsZero() {
			ties = append(ties, &hits[i])
			refs = append(refs, hits[i].rows[0])
		}
	}
	if len(ties) == 0 {
		return nil
	}
	recs := make([]*record.Record, len(refs))
	for i := range recs {
		recs[i] = new(record.Record)
	}
	rows := newRowReader([]record.FieldID{})
	defer rows.Close()
	if err := rows.read(a.ctx, refs, recs); err != nil {
		return err
	}
	for i, h := range ties {
		h.id = recs[i].ID
	}
	slices.SortFunc(hits, func(x, y hit) int { return x.before(&y) })
	return nil
}

// locateParts finds sessions in parts files.
func (a *asking) locateParts(q *store.Search, limit int) (out []hit, err error) {
	ask := newQuestion(q.Kind, a.have)
	ask.need[slotID] = true
	where := ask.where(q)
	err = a.run(&a.parts, func(files []*recordFile) string {
		return `SELECT rows, epoch_ns("event.start"), "event.id" FROM ` + merged(files, ask.slots()) + " WHERE " + where + newestOrder + `, "event.id"` + limitSQL(limit, 0)
	}, func() { out = out[:0] }, func(r scanner) error {
		var rows any
		var start int64
		var id []byte
		if err := r.Scan(&rows, &start, &id); err != nil {
			return err
		}
		refs, err := rowRefs(a.parts, rows)
		out = append(out, hit{start: start, id: record.ID(id), rows: refs})
		return err
	})
	return out, err
}

// where is the condition of a search with its time range.
func (q *question) where(s *store.Search) string {
	return "(" + q.inRange(s.Range, s.Bounding) + ") AND (" + q.condition(s.Where) + ")"
}

func limitSQL(limit, offset int) (s string) {
	if limit > 0 {
		s = fmt.Sprintf(" LIMIT %d", limit)
	}
	if offset > 0 {
		s += fmt.Sprintf(" OFFSET %d", offset)
	}
	return s
}

// rowRefs reads the list of rows that merged makes.
func rowRefs(files []*recordFile, list any) ([]rowRef, error) {
	l, ok := list.([]any)
	if !ok {
		return nil, fmt.Errorf("list of rows is %T", list)
	}
	out := make([]rowRef, len(l))
	for i, x := range l {
		n, ok := x.(int64)
		if !ok || n>>32 >= int64(len(files)) {
			return nil, fmt.Errorf("row %v of %d files", x, len(files))
		}
		out[i] = rowRef{files[n>>32], n & 0xffffffff}
	}
	return out, nil
}

// ordered searches all files and sorts as asked.
func (a *asking) ordered(q *store.Search, o *output) error {
	ask := newQuestion(q.Kind, a.have)
	ask.need[slotID] = true
	where := ask.where(q)
	keys, order := ask.orderBy(q.Order)
	var hits []hit
	all := append(slices.Clone(a.whole), a.parts...)
	var whole, parts []*recordFile
	err := a.run(&all, func(files []*recordFile) string {
		whole, parts = split(files)
		var from []string
		if len(whole) > 0 {
			from = append(from, `SELECT file_index::BIGINT AS file, file_row_number AS row, NULL::BIGINT[] AS rows, "event.id" AS id, `+keys+" FROM "+scan(whole, ask.slots())+" WHERE "+where)
		}
		if len(parts) > 0 {
			from = append(from, `SELECT -1 AS file, -1 AS row, rows, "event.id" AS id, `+keys+" FROM "+merged(parts, ask.slots())+" WHERE "+where)
		}
		return "SELECT file, row, rows, id FROM (" + strings.Join(from, " UNION ALL ") + ") ORDER BY " + order + ", id" + limitSQL(o.wanted(), 0)
	}, func() { hits = hits[:0] }, func(r scanner) error {
		h, err := scanHit(r, whole, parts)
		hits = append(hits, h)
		return err
	})
	if err != nil {
		return err
	}
	a.cov.FilesDone += len(all)
	a.progress(q)
	return o.put(hits)
}

func scanHit(r scanner, whole, parts []*recordFile) (h hit, err error) {
	var file, row int64
	var rows any
	var id []byte
	if err = r.Scan(&file, &row, &rows, &id); err != nil {
		return h, err
	}
	h.id = record.ID(id)
	if file >= 0 {
		h.rows = []rowRef{{whole[file], row}}
		return h, nil
	}
	h.rows, err = rowRefs(parts, rows)
	return h, err
}

func split(files []*recordFile) (whole, parts []*recordFile) {
	for _, f := range files {
		if f.parts {
			parts = append(parts, f)
		} else {
			whole = append(whole, f)
		}
	}
	return whole, parts
}

// orderBy gives the keys of an order as columns, and the order by these columns. A set counts as its least value going
// up and as its greatest going down; records without the field come last.
func (q *question) orderBy(order []store.Order) (keys, by string) {
	var k, b []string
	for i, o := range order {
		v := q.value(o.Field)
		dir, pick := "ASC", "list_min"
		if o.Desc {
			dir, pick = "DESC", "list_max"
		}
		x := v.sql
		if o.Field.ID == fKind {
			x = "0"
		}
		if v.list != "" {
			x = fmt.Sprintf("CASE WHEN %s IS NULL THEN %s ELSE %s(list_prepend(%s, %s)) END", v.list, x, pick, x, v.list)
		}
		k = append(k, fmt.Sprintf("%s AS k%d", x, i))
		b = append(b, fmt.Sprintf("k%d %s NULLS LAST", i, dir))
	}
	return strings.Join(k, ", "), strings.Join(b, ", ")
}
