package storetest

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// testRandom asks many questions of many records.
func testRandom(t *testing.T, x Target) {
	w := newWorld(1, 3000)
	x.feed(t, w.given)
	n := rounds(300)
	for i := range n {
		q := w.question()
		if !checkSearch(t, x, w, q) && i > 20 {
			t.Fatal("one wrong answer is enough")
		}
	}
	checkStatus(t, x, w)
	checkGet(t, x, w)
	checkFields(t, x, w)
}

// rounds is how many questions to make up: n, or as many times more as TAPIR_STORETEST says.
func rounds(n int) int {
	if more, err := strconv.Atoi(os.Getenv("TAPIR_STORETEST")); err == nil {
		n *= more
	}
	return n
}

var searched = [...]record.Kind{record.KindSession, record.KindSession, record.KindTransaction, record.KindSysEvent}

// question makes up a search.
func (w *world) question() *store.Search {
	q := &store.Search{Kind: searched[w.r.IntN(len(searched))]}
	if w.r.IntN(15) > 0 {
		q.Where = w.expr(q.Kind, w.r.IntN(4))
	}
	w.timeRange(&q.Range, &q.Bounding)
	if w.r.IntN(3) == 0 {
		q.Limit = 1 + w.r.IntN(100)
		q.Offset = w.r.IntN(3) * w.r.IntN(50)
	}
	for w.r.IntN(4) == 0 {
		names := append(slices.Clone(fields[q.Kind]), headers...)
		q.Order = append(q.Order, store.Order{Field: field(names[w.r.IntN(len(names))]), Desc: w.r.IntN(2) == 0})
	}
	return q
}

func (w *world) timeRange(r *store.Range, b *store.Bounding) {
	if w.r.IntN(3) == 0 {
		*b = store.Bounding(w.r.IntN(5))
		r.From = baseTime + w.r.Int64N(3*hour)
		r.To = r.From + w.r.Int64N(2*hour)
	}
}

func checkSearch(t *testing.T, x Target, w *world, q *store.Search) bool {
	t.Helper()
	got, want := x.search(t, *q), w.find(q)
	if d := difference(got, want); d != "" {
		t.Errorf("%.3000s\n%.3000s", describe(q), d)
		return false
	}
	return true
}

// difference tells how two answers differ; "" if they do not.
func difference(got, want []*record.Record) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d records in place of %d%s", len(got), len(want), strays(got, want))
	}
	var a, b record.Encoder
	for i := range got {
		if g, w := string(a.Append(nil, canonical(got[i]))), string(b.Append(nil, canonical(want[i]))); g != w {
			return fmt.Sprintf("record %d of %d:\ngot  %s\nwant %s", i, len(got), g, w)
		}
	}
	return ""
}

// canonical puts the values into one order, so that lists compare.
func canonical(r *record.Record) *record.Record {
	out := &record.Record{ID: r.ID, Session: r.Session, Start: r.Start, End: r.End, Part: r.Part, Kind: r.Kind, Final: r.Final}
	order := make([]int, r.Values.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return int(r.Values.At(i).Field()) - int(r.Values.At(j).Field()) })
	for _, i := range order {
		x := r.Values.At(i)
		switch f := x.Field(); record.FieldByID(f).Type {
		case record.TypeTerm, record.TypeText:
			out.Values.PutText(f, x.Text())
		case record.TypeIP:
			out.Values.PutAddr(f, x.Addr())
		default:
			out.Values.PutInt(f, x.Int())
		}
	}
	return out
}

// strays shows a record that only one of two answers has.
func strays(got, want []*record.Record) string {
	var e record.Encoder
	only := func(a, b []*record.Record) string {
		has := map[record.ID]bool{}
		for _, r := range b {
			has[r.ID] = true
		}
		for _, r := range a {
			if !has[r.ID] {
				return string(e.Append(nil, r))
			}
		}
		return "none"
	}
	return fmt.Sprintf("\nonly got  %s\nonly want %s", only(got, want), only(want, got))
}

func checkStatus(t *testing.T, x Target, w *world) {
	st, err := x.Store.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for k, all := range w.shown {
		if len(all) == 0 {
			continue
		}
		i := slices.IndexFunc(st.Kinds, func(s store.KindStatus) bool { return int(s.Kind) == k })
		if i < 0 || st.Kinds[i].Records != int64(len(all)) || st.Kinds[i].Bytes == 0 {
			t.Errorf("status %+v; there are %d of %v", st.Kinds, len(all), record.Kind(k))
			continue
		}
		oldest, newest := int64(math.MaxInt64), int64(math.MinInt64)
		for _, r := range all {
			oldest, newest = min(oldest, r.Start), max(newest, r.End)
		}
		if s := st.Kinds[i]; s.Oldest != oldest || s.Newest != newest {
			t.Errorf("%v from %d to %d, want %d to %d", s.Kind, s.Oldest, s.Newest, oldest, newest)
		}
	}
}

func checkGet(t *testing.T, x Target, w *world) {
	for k, all := range w.shown {
		for i := 0; i < len(all); i += 1 + len(all)/25 {
			r, err := x.Store.Get(context.Background(), record.Kind(k), all[i].ID)
			if err != nil {
				t.Fatalf("Get %v: %v", all[i].ID, err)
			}
			if d := difference([]*record.Record{r}, all[i:i+1]); d != "" {
				t.Errorf("Get: %s", d)
			}
		}
	}
	if _, err := x.Store.Get(context.Background(), record.KindSession, record.NewID(baseTime, 12345, 6)); err != store.ErrNotFound {
		t.Errorf("Get of an id that is not there: %v", err)
	}
}

// checkFields asks for some fields only.
func checkFields(t *testing.T, x Target, w *world) {
	for _, names := range [][]string{{"source.ip"}, {"network.bytes", "url.domain"}, {"network.community_id", "event.duration", "session.length"}, {"network.packets", "tags"}} {
		want := map[record.FieldID]bool{}
		q := store.Search{Limit: 500}
		for _, n := range names {
			q.Fields = append(q.Fields, field(n).ID)
			want[field(n).ID] = true
		}
		full := w.find(&q)
		for i, r := range x.search(t, q) {
			narrow := &record.Record{ID: full[i].ID, Session: full[i].Session, Start: full[i].Start, End: full[i].End, Part: full[i].Part, Kind: full[i].Kind, Final: full[i].Final}
			for k := range full[i].Values.Len() {
				if v := full[i].Values.At(k); want[v.Field()] {
					one := record.Record{}
					one.CopyFrom(full[i])
					appendOne(&narrow.Values, v)
				}
			}
			if d := difference([]*record.Record{r}, []*record.Record{narrow}); d != "" {
				t.Fatalf("fields %v: %s", names, d)
			}
		}
	}
}

func appendOne(v *record.Values, x record.Value) {
	switch f := x.Field(); record.FieldByID(f).Type {
	case record.TypeTerm, record.TypeText:
		v.PutText(f, x.Text())
	case record.TypeIP:
		v.PutAddr(f, x.Addr())
	default:
		v.PutInt(f, x.Int())
	}
}

// testMatchers tries each matcher on each text.
func testMatchers(t *testing.T, x Target) {
	w := newWorld(2, 0)
	uri, tags := field("http.uri"), field("tags")
	for i, s := range texts {
		r := w.record(record.KindSession, baseTime+int64(i)*1e9)
		r.Values.Reset()
		r.Final = true
		r.Values.AddString(uri.ID, s)
		r.Values.AddString(tags.ID, s)
		r.Values.AddString(tags.ID, texts[(i+1)%len(texts)])
		r.Values.PutInt(field("event.ingested").ID, baseTime)
		w.given = append(w.given, r)
	}
	w.finish()
	x.feed(t, w.given)
	for _, s := range texts {
		s = string([]rune(s)) // as it is stored
		ms := []query.Matcher{query.Text(s), query.Prefix(s), query.Suffix(s), query.Substring{S: s}, query.Substring{S: strings.ToUpper(s), AnyCase: true},
			query.Wildcard("*" + escape(s)), query.Wildcard(escape(s) + "*"), query.Wildcard("*" + escape(s) + "*"), query.Wildcard("?" + escape(cut(s, 3)) + "*"), query.Wildcard(escape(s))}
		if words := query.SplitWords(s); len(words) > 0 {
			ms = append(ms, query.Words(words), query.Words(words[:1]))
		}
		for _, m := range ms {
			for _, f := range []*record.Field{uri, tags} {
				checkSearch(t, x, w, &store.Search{Where: &query.Test{Field: f, Match: []query.Matcher{m}}})
				checkSearch(t, x, w, &store.Search{Where: query.Not{X: &query.Test{Field: f, Match: []query.Matcher{m}}}})
			}
		}
	}
	for _, re := range regexes {
		checkSearch(t, x, w, &store.Search{Where: &query.Test{Field: uri, Match: []query.Matcher{query.Regex(re)}}})
	}
}

func escape(s string) string { return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`).Replace(s) }

// testHostile fills every text field with hostile text and asks for it.
func testHostile(t *testing.T, x Target) {
	w := newWorld(3, 0)
	for i := range 300 {
		r := w.record(record.KindTransaction, baseTime+int64(i)*1e6)
		r.Final = true
		r.Values.Reset()
		r.Values.PutInt(field("event.ingested").ID, baseTime)
		for _, name := range []string{"query", "method", "related.hosts"} {
			raw := make([]byte, 1+w.r.IntN(40))
			for k := range raw {
				raw[k] = byte(w.r.Uint32())
			}
			r.Values.AddText(field(name).ID, raw)
		}
		w.given = append(w.given, r)
	}
	w.finish()
	x.feed(t, w.given)
	checkSearch(t, x, w, &store.Search{Kind: record.KindTransaction})
	for _, r := range w.shown[record.KindTransaction][:100] {
		v, _ := r.Values.First(field("query").ID)
		s := string(v.Text())
		for _, m := range []query.Matcher{query.Text(s), query.Prefix(cut(s, 5)), query.Substring{S: cut(s, 4), AnyCase: true}, query.Wildcard("*" + escape(s))} {
			checkSearch(t, x, w, &store.Search{Kind: record.KindTransaction, Where: &query.Test{Field: field("query"), Match: []query.Matcher{m}}})
		}
	}
}

// testParts gives long sessions part by part and looks at them in between.
func testParts(t *testing.T, x Target) {
	w := newWorld(4, 0)
	for range 120 {
		w.parts()
	}
	all := w.given
	for fed := 0; fed < len(all); {
		n := min(fed+60, len(all))
		w.given, w.shown = all[:n], [record.Kinds][]*record.Record{}
		w.finish()
		x.feed(t, all[fed:n])
		fed = n
		for range 25 {
			if !checkSearch(t, x, w, w.questionOf(record.KindSession)) {
				return
			}
		}
		checkGet(t, x, w)
		checkStatus(t, x, w)
	}
}

func (w *world) questionOf(kind record.Kind) *store.Search {
	for {
		if q := w.question(); q.Kind == kind {
			return q
		}
	}
}

func everyMetric() []query.Metric {
	f := field("source.bytes")
	return []query.Metric{{Func: query.Count}, {Func: query.Sum, Field: f}, {Func: query.Avg, Field: f}, {Func: query.Min, Field: f}, {Func: query.Max, Field: f},
		{Func: query.Percentile, Field: f, P: 95}, {Func: query.Unique, Field: field("url.domain")}}
}

func testAggregates(t *testing.T, x Target) {
	w := newWorld(5, 2500)
	x.feed(t, w.given)
	n := rounds(150)
	for i := range n {
		if !checkTable(t, x, w, w.aggregation()) && i > 10 {
			t.Fatal("one wrong answer is enough")
		}
	}
}

// measured are fields to compute metrics of.
var measured = [record.Kinds][]string{
	record.KindSession:     {"source.bytes", "network.bytes", "event.duration", "session.length", "source.ttl", "cert.not_after", "event.start", "tcp.flags.syn", "url.domain"},
	record.KindTransaction: {"source.bytes", "network.bytes", "event.duration", "http.response.status_code", "dns.opt.do", "event.end", "related.ip"},
	record.KindSysEvent:    {"evt.latency", "evt.is_io", "fd.cip"},
}

// aggregation makes one up.
func (w *world) aggregation() store.Aggregate {
	a := store.Aggregate{Kind: searched[w.r.IntN(len(searched))]}
	if w.r.IntN(2) == 0 {
		a.Where = w.expr(a.Kind, w.r.IntN(3))
	}
	w.timeRange(&a.Range, &a.Bounding)
	for sets, n := 0, w.r.IntN(5); len(a.By) < n; {
		names := append(slices.Clone(fields[a.Kind]), "event.kind", "session.final", "session.id", "event.start", "network.community_id")
		f := field(names[w.r.IntN(len(names))])
		if f.Multi(a.Kind) {
			sets++
		}
		if sets > 2 {
			break
		}
		a.By = append(a.By, f)
	}
	if w.r.IntN(2) == 0 {
		a.Interval = [...]int64{1e9, 60e9, hour, 7 * hour}[w.r.IntN(4)]
	}
	for range 1 + w.r.IntN(3) {
		names := measured[a.Kind]
		m := query.Metric{Func: query.Func(w.r.IntN(int(query.Unique) + 1)), Field: field(names[w.r.IntN(len(names))]), P: [...]float64{1, 50, 95, 99}[w.r.IntN(4)]}
		if m.Func == query.Count {
			m.Field = nil
		}
		a.Metrics = append(a.Metrics, m)
	}
	if w.r.IntN(2) == 0 {
		a.Top, a.Lowest = 1+w.r.IntN(8), w.r.IntN(3) == 0
	}
	return a
}

// checkTable compares an aggregation with the oracle; w nil stands for an empty world.
func checkTable(t *testing.T, x Target, w *world, a store.Aggregate) bool {
	t.Helper()
	if w == nil {
		w = &world{}
	}
	table, err := x.Store.Aggregate(context.Background(), a)
	if err != nil {
		t.Fatalf("%s: %v", describeTable(&a), err)
	}
	want, more := w.aggregate(&a)
	d := tableDifference(table.Rows, want)
	if f := a.Metrics[0].Func; d != "" && (f == query.Avg || f == query.Percentile) {
		d = w.looseDifference(table.Rows, want, a)
	}
	if d != "" {
		t.Errorf("%s\n%s", describeTable(&a), d)
		return false
	}
	if table.More != more {
		t.Errorf("%s: more is %v", describeTable(&a), table.More)
	}
	return true
}

func tableDifference(got, want []store.Row) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d rows in place of %d\ngot  %v\nwant %v", len(got), len(want), head(got), head(want))
	}
	for i := range got {
		if !sameRow(&got[i], &want[i]) {
			return fmt.Sprintf("row %d of %d\ngot  %q\nwant %q", i, len(got), fmt.Sprint(got[i]), fmt.Sprint(want[i]))
		}
	}
	return ""
}

// looseDifference allows groups to change places that differ in rounding only: stores divide in their own ways.
func (w *world) looseDifference(got, want []store.Row, a store.Aggregate) string {
	if a.Top = 0; len(got) != len(want) {
		return fmt.Sprintf("%d rows in place of %d", len(got), len(want))
	}
	all, _ := w.aggregate(&a)
	byKey := map[string]*store.Row{}
	for i := range all {
		byKey[fmt.Sprint(all[i].Bucket, all[i].Keys)] = &all[i]
	}
	for i := range got {
		r := byKey[fmt.Sprint(got[i].Bucket, got[i].Keys)]
		if r == nil || !sameRow(&got[i], r) {
			return fmt.Sprintf("row %d of %d\ngot  %q\nwant %v", i, len(got), fmt.Sprint(got[i]), r)
		}
		if a.Interval == 0 && !close(got[i].Metrics[0], want[i].Metrics[0]) {
			return fmt.Sprintf("row %d of %d is out of order: %v", i, len(got), got[i])
		}
	}
	return ""
}

func head(rows []store.Row) []store.Row { return rows[:min(len(rows), 5)] }

func sameRow(a, b *store.Row) bool {
	if a.Bucket != b.Bucket || !slices.Equal(a.Keys, b.Keys) || len(a.Metrics) != len(b.Metrics) {
		return false
	}
	for i := range a.Metrics {
		if !close(a.Metrics[i], b.Metrics[i]) {
			return false
		}
	}
	return true
}

// close allows for another order of adding up.
func close(a, b float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return a == b || math.Abs(a-b) <= 1e-6*max(math.Abs(a), math.Abs(b))
}

func describeTable(a *store.Aggregate) string {
	var by []string
	for _, f := range a.By {
		by = append(by, f.Name)
	}
	var ms []string
	for _, m := range a.Metrics {
		name := ""
		if m.Field != nil {
			name = m.Field.Name
		}
		ms = append(ms, fmt.Sprintf("%d(%s) %g", m.Func, name, m.P))
	}
	return fmt.Sprintf("kind %v by %v interval %d metrics %v top %d lowest %v where %s range %v bounding %d", a.Kind, by, a.Interval, ms, a.Top, a.Lowest, show(a.Where), a.Range, a.Bounding)
}

// testCancel ends searches early.
func testCancel(t *testing.T, x Target) {
	w := newWorld(6, 2000)
	x.feed(t, w.given)
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, err := x.Store.Search(ctx, store.Search{}, func(*record.Record) bool { n++; return n < 10 })
	if err != nil || n != 10 {
		t.Errorf("a search stopped by its caller after %d records: %v", n, err)
	}
	n = 0
	_, err = x.Store.Search(ctx, store.Search{}, func(*record.Record) bool { n++; cancel(); return true })
	if err != context.Canceled || n >= len(w.shown[0]) {
		t.Errorf("a cancelled search gave %d records: %v", n, err)
	}
	if _, err := x.Store.Aggregate(ctx, store.Aggregate{Metrics: everyMetric()}); err != context.Canceled {
		t.Errorf("an aggregation that was cancelled before: %v", err)
	}
	if _, err := x.Store.Get(ctx, record.KindSession, w.shown[0][0].ID); err != context.Canceled {
		t.Errorf("a Get that was cancelled before: %v", err)
	}
	checkSearch(t, x, w, &store.Search{Limit: 10})
}

// testConcurrent writes and asks at the same time: every answer is right for some moment.
func testConcurrent(t *testing.T, x Target) {
	w := newWorld(7, 4000)
	var wg sync.WaitGroup
	done := make(chan struct{})
	count := store.Aggregate{Metrics: []query.Metric{{Func: query.Count}}}
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			last := 0.0
			for {
				table, err := x.Store.Aggregate(context.Background(), count)
				if err != nil {
					t.Error(err)
					return
				}
				if n := table.Rows[0].Metrics[0]; n < last {
					t.Errorf("%v sessions after %v", n, last)
				} else {
					last = n
				}
				if _, err := x.Store.Search(context.Background(), store.Search{Limit: 50}, func(*record.Record) bool { return true }); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		}()
	}
	x.feed(t, w.given)
	time.Sleep(300 * time.Millisecond) // what is flushed is seen within 200 ms
	close := func() { done <- struct{}{}; done <- struct{}{} }
	close()
	wg.Wait()
	checkSearch(t, x, w, &store.Search{})
}
