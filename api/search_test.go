package api

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// wanted is what a search must find: ids in the order of the store.
func (x *world) wanted(t *testing.T, kind record.Kind, expr string) (out []string) {
	t.Helper()
	q, err := query.Parse(expr, query.Options{Kind: kind, Now: testNow.UnixNano()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range x.records.passing(kind, q.Where, store.Range{}, store.Last) {
		out = append(out, r.ID.String())
	}
	return out
}

func TestSearchFindsWhatPasses(t *testing.T) {
	c := bundled(t)
	for _, expr := range []string{"", "port == 8080", "protocols == dns", "http.uri == *numbers*", "bytes > 1000 && !(port == 8080)", "tags == x || port.dst == 443"} {
		want := c.wanted(t, record.KindSession, expr)
		got := c.search("q", expr, "limit", "0")
		if !slices.Equal(got.ids(), want) {
			t.Errorf("%q: %v, want %v", expr, got.ids(), want)
		}
		if expr == "" && len(want) < 10 {
			t.Errorf("only %d sessions in the captures", len(want))
		}
	}
}

func TestSearchByID(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http")
	for _, id := range []string{r.ID.String(), testNode + "-" + r.ID.String(), strings.ToLower(r.ID.String())} {
		if got := c.search("q", "id == "+id).ids(); !slices.Equal(got, []string{r.ID.String()}) {
			t.Errorf("id == %s finds %v", id, got)
		}
	}
	if got := c.search("q", "session.id == "+r.ID.String(), "kind", "transaction"); len(got.Records) == 0 || got.Records[0].Session.ID != testNode+"-"+r.ID.String() {
		t.Errorf("transactions of a session: %+v", got.Records)
	}
	if got := c.search("q", "node == other && id == "+r.ID.String()).ids(); got != nil {
		t.Errorf("another node's record is %v", got)
	}
}

func TestSearchPages(t *testing.T) {
	c := bundled(t)
	all := c.search("limit", "0").ids()
	var paged []string
	for offset := 0; offset < len(all)+7; offset += 7 {
		paged = append(paged, c.search("limit", "7", "offset", itoa(offset)).ids()...)
	}
	if !slices.Equal(paged, all) {
		t.Errorf("pages: %v, want %v", paged, all)
	}
	// The stage head bounds what there is, limit and offset are a window on that.
	for _, x := range []struct {
		params []string
		want   []string
	}{
		{[]string{"q", "| head 5"}, all[:5]},
		{[]string{"q", "| head 5", "limit", "0"}, all[:5]},
		{[]string{"q", "| head 5", "limit", "2"}, all[:2]},
		{[]string{"q", "| head 5", "limit", "9", "offset", "3"}, all[3:5]},
		{[]string{"q", "| head 5", "limit", "9", "offset", "5"}, nil},
		{[]string{"q", "| head 5", "offset", "9"}, nil},
	} {
		if got := c.search(x.params...).ids(); !slices.Equal(got, x.want) {
			t.Errorf("%v: %v, want %v", x.params, got, x.want)
		}
	}
}

func TestSearchOrderAndColumns(t *testing.T) {
	c := bundled(t)
	f := c.search("order", "network.bytes:desc,event.start", "columns", "network.bytes", "columns", "destination.port")
	for i := range f.Records[1:] {
		if f.Records[i].Network.Bytes < f.Records[i+1].Network.Bytes {
			t.Errorf("record %d has fewer bytes than the next", i)
		}
	}
	if f.Records[0].Network.Packets != 0 || f.Records[0].Network.Bytes == 0 || f.Records[0].Destination.Port == 0 {
		t.Errorf("columns: %+v", f.Records[0])
	}
	if got := c.records.asked.Fields; len(got) != 2 {
		t.Errorf("the store was asked for %v", got)
	}
	stage := c.search("q", "| sort network.bytes desc | fields network.bytes", "limit", "3")
	if got := stage.ids(); !slices.Equal(got, c.search("order", "network.bytes:desc", "limit", "3").ids()) {
		t.Errorf("| sort gives %v", got)
	}
	if got := c.records.asked.Fields; stage.Records[0].Network.Packets != 0 || got != nil && len(got) != 1 {
		t.Errorf("| fields: %+v", stage.Records[0])
	}
}

// TestBounding holds that each bounding asks for the time it says, from inclusive, to exclusive.
func TestBounding(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && packets > 5")
	text := func(ns int64) string { return string(record.AppendTime(nil, ns)) }
	mid := r.Start + (r.End-r.Start)/2
	if mid == r.Start {
		t.Fatal("the session is too short for this test")
	}
	stored := r.End + ingestDelay
	for _, x := range []struct {
		bounding string
		from, to int64
		want     bool
	}{
		{"", r.End, r.End + 1, true}, {"", r.End + 1, r.End + 9, false}, {"", mid, r.End, false},
		{"last", r.End, r.End + 1, true}, {"last", r.Start, r.End, false},
		{"first", r.Start, r.Start + 1, true}, {"first", r.Start + 1, r.End + 1, false},
		{"both", r.Start, r.End + 1, true}, {"both", mid, r.End + 1, false}, {"both", r.Start, r.End, false},
		{"either", mid, mid + 1, true}, {"overlap", mid, mid + 1, true}, {"either", r.End + 1, r.End + 9, false}, {"overlap", r.Start - 9, r.Start, false},
		{"database", stored, stored + 1, true}, {"stored", stored, stored + 1, true}, {"database", r.Start, r.End + 1, false},
	} {
		params := []string{"q", "id == " + r.ID.String(), "from", text(x.from), "to", text(x.to)}
		if x.bounding != "" {
			params = append(params, "bounding", x.bounding)
		}
		if got := c.search(params...).ids() != nil; got != x.want {
			t.Errorf("%s from %d to %d: found %v, want %v (session %d to %d)", x.bounding, x.from, x.to, got, x.want, r.Start, r.End)
		}
	}
}

func TestSearchCoverage(t *testing.T) {
	x := play(t, capture(t, "dns")...)
	x.records.coverage = store.Coverage{Files: 7, FilesDone: 6, Rows: 1 << 40, Oldest: 1763712000123456789, Dropped: 42, NotStored: 5, Gaps: []store.Range{{From: 1763712000e9, To: 1763712001e9}, {From: 1763712010e9, To: 1763712013e9}}, Sampled: store.Sampling{Least: 400, Most: 1000}, Partial: true, Problems: []string{"20261121/09/a.parquet: bad \"magic\"", "b\x00c"}}
	c := serve(t, x)
	want := map[string]any{"files": 7.0, "files_done": 6.0, "records": float64(1 << 40), "dropped_packets": 42.0,
		"not_stored_packets": 5.0, "gap_time": 4e9, "gaps": []any{map[string]any{"from": "2025-11-21T08:00:00.000000000Z", "to": "2025-11-21T08:00:01.000000000Z"},
			map[string]any{"from": "2025-11-21T08:00:10.000000000Z", "to": "2025-11-21T08:00:13.000000000Z"}},
		"sampled": map[string]any{"least": 400.0, "most": 1000.0}, "oldest": "2025-11-21T08:00:00.123456789Z", "partial": true, "problems": []any{"20261121/09/a.parquet: bad \"magic\"", "b\x00c"}}
	same := func(where string, text []byte) {
		t.Helper()
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v in %q", where, err, text)
		}
		if a, b := mustJSON(got), mustJSON(want); a != b {
			t.Errorf("%s: %s, want %s", where, a, b)
		}
	}
	same("json", []byte(mustJSON(c.search().Coverage)))
	lines := strings.Split(strings.TrimSpace(string(c.ok(at("/api/search", "format", "ndjson")).body)), "\n")
	last := strings.TrimSuffix(strings.TrimPrefix(lines[len(lines)-1], `{"coverage":`), "}")
	same("ndjson", []byte(last))
	a := c.ok(at("/api/search", "format", "csv"))
	same("csv", []byte(a.Header.Get("Tapir-Coverage")+a.Trailer.Get("Tapir-Coverage")))
	same("export", []byte(c.ok("/api/export").Header.Get("Tapir-Coverage")))
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A table that is sent while it is made has its coverage behind it.
func TestCoverageTrailer(t *testing.T) {
	x := play(t, capture(t, "dns")...)
	x.multiply(2000)
	c := serve(t, x)
	a := c.ok(at("/api/search", "format", "csv"))
	if a.Header.Get("Tapir-Coverage") != "" || !strings.Contains(a.Trailer.Get("Tapir-Coverage"), `"files":3`) {
		t.Errorf("header %v, trailer %v", a.Header, a.Trailer)
	}
}

// A header stays short, however much went wrong.
func TestCoverageHeaderIsShort(t *testing.T) {
	x := play(t, capture(t, "dns")...)
	for range 5000 {
		x.records.coverage.Problems = append(x.records.coverage.Problems, strings.Repeat("p", 50))
	}
	a := serve(t, x).ok("/api/export")
	if h := a.Header.Get("Tapir-Coverage"); len(h) > 1000 || !strings.Contains(h, `"and 4992 more"`) {
		t.Errorf("%d bytes: %.100s", len(h), h)
	}
	if len(x.records.coverage.Problems) != 5000 {
		t.Error("the store's list was changed")
	}
}

// TestSearchMemory holds that a search takes no memory that grows with its answer (A4), but for what the encoder needs.
func TestSearchMemory(t *testing.T) {
	x := play(t, capture(t, "nginx")...)
	c := serve(t, x)
	st := &replay{recs: x.records.whole(record.KindSession), n: 20_000}
	c.srv.Store = st
	for _, query := range []string{"limit=0", "format=ndjson&limit=0", "format=csv"} {
		out := &sink{h: http.Header{}}
		req, _ := http.NewRequest("GET", "/api/search?"+query, nil)
		req.Header.Set("Authorization", "Bearer "+testToken)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.srv.ServeHTTP(out, req)
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) / uint64(st.n); took > 1000 || out.n == 0 {
			t.Errorf("%s: %d bytes are allocated for each record of %d", query, took, out.n/int64(st.n))
		}
	}
}

// multiply adds n copies of a session, each with an id of its own.
func (x *world) multiply(n int) {
	r := x.records.whole(record.KindSession)[0]
	for i := range n {
		c := new(record.Record)
		c.CopyFrom(r)
		c.ID = record.NewID(r.Start, uint64(i), 99)
		x.records.recs = append(x.records.recs, c)
	}
}

func TestNDJSON(t *testing.T) {
	x := play(t, capture(t, "nginx")...)
	x.records.progress = 3
	a := serve(t, x).ok(at("/api/search", "format", "ndjson", "limit", "0"))
	var progress, records int
	lines := strings.Split(strings.TrimSuffix(string(a.body), "\n"), "\n")
	for i, line := range lines {
		var v map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &v); err != nil || len(v) != 1 {
			t.Fatalf("line %d: %v in %q", i, err, line)
		}
		switch {
		case v["progress"] != nil:
			progress++
		case v["record"] != nil:
			records++
		case v["coverage"] == nil || i != len(lines)-1:
			t.Errorf("line %d of %d is %s", i, len(lines), line)
		}
	}
	if want := len(x.wanted(t, record.KindSession, "")); records != want {
		t.Errorf("%d records, want %d", records, want)
	}
	if progress != 1 {
		t.Errorf("%d progress lines for three reports at once, want 1", progress)
	}
}

// TestSearchStreams holds that rows come while the search runs, and that its client's going ends it (A3).
func TestSearchStreams(t *testing.T) {
	for _, format := range []string{"json", "ndjson", "csv"} {
		for _, encoding := range []string{"gzip", "identity"} {
			t.Run(format+" "+encoding, func(t *testing.T) { searchStreams(t, format, encoding) })
		}
	}
}

func searchStreams(t *testing.T, format, encoding string) {
	x := play(t, capture(t, "dns")...)
	x.records.stop = make(chan context.Context, 1)
	c := serve(t, x)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", c.url+at("/api/search", "format", format), nil)
	req.Header.Set("Authorization", "Bearer "+testToken)
	if encoding != "gzip" { // which Go asks for, and undoes, by itself
		req.Header.Set("Accept-Encoding", encoding)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Uncompressed != (encoding == "gzip") {
		t.Errorf("compressed: %v", res.Uncompressed)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 60)); err != nil {
		t.Fatalf("the first row does not come: %v", err)
	}
	asked := <-x.records.stop
	if asked.Err() != nil {
		t.Fatal("the search ended by itself")
	}
	cancel()
	select {
	case <-asked.Done():
	case <-time.After(10 * time.Second):
		t.Error("the client has gone, the search goes on")
	}
}

// TestFirstRecords holds that those which fill a window leave at once, whatever waits behind them.
func TestFirstRecords(t *testing.T) {
	var client pulse
	out := lines{w: newReply(&client, httptest.NewRequest("GET", "/", nil))}
	defer out.w.stop()
	rec := record.Record{Kind: record.KindSession, ID: record.NewID(1, 2, 3)}
	wrote := 0
	for range firstRecords {
		if !out.record(&rec) {
			t.Fatal("the client is gone")
		}
		wrote += len(out.line)
	}
	if got := client.bytes(); got != wrote || wrote >= replyBuffer {
		t.Errorf("%d bytes of the first %d records came, %d were written", got, firstRecords, wrote)
	}
}

// TestPartialAnswers holds that an answer cut short never looks whole (A1).
func TestPartialAnswers(t *testing.T) {
	x := play(t, capture(t, "nginx", "dns")...)
	x.multiply(1000)
	c := serve(t, x)
	x.records.fail = errors.New("disk on fire")
	for _, compressed := range []string{"identity", "gzip"} {
		x.records.after = 900 // part of the answer is out
		for _, format := range []string{"json", "csv"} {
			a, err := c.try("GET", at("/api/search", "format", format, "limit", "0"), header("Accept-Encoding", compressed))
			if err == nil {
				t.Errorf("%s: an answer that was cut short ends well: %s %.100q", format, a.Status, a.body)
			}
		}
		a, err := c.try("GET", at("/api/search", "format", "ndjson", "limit", "0"))
		if err != nil || !strings.HasSuffix(string(a.body), "\n{\"error\":{\"message\":\"disk on fire\"}}\n") {
			t.Errorf("ndjson: %v, ends with %q", err, a.body[max(0, len(a.body)-100):])
		}
		x.records.after = 5 // nothing is out yet
		for _, format := range []string{"json", "csv", "ndjson"} {
			a := c.get(at("/api/search", "format", format), header("Accept-Encoding", compressed))
			if e := a.failure(t); a.StatusCode != 500 || e.Error.Message != "disk on fire" || a.Header.Get("Content-Disposition") != "" {
				t.Errorf("%s: %s %s", format, a.Status, a.body)
			}
		}
	}
	if a := c.get("/api/aggregate"); a.StatusCode != 500 || a.failure(t).Error.Message != "disk on fire" {
		t.Errorf("aggregate: %s", a.Status)
	}
	if !strings.Contains(c.log.String(), "disk on fire") {
		t.Error("the log does not tell")
	}
}

func TestCSV(t *testing.T) {
	c := bundled(t)
	a := c.ok(at("/api/search", "format", "csv"))
	rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if ct, cd := a.Header.Get("Content-Type"), a.Header.Get("Content-Disposition"); ct != "text/csv; charset=utf-8" || cd != `attachment; filename="tapir-sessions.csv"` {
		t.Errorf("%q, %q", ct, cd)
	}
	if got, want := strings.Join(rows[0], ","), strings.Join(defaultColumns[record.KindSession], ","); got != want {
		t.Errorf("header %s", got)
	}
	ids := c.search("limit", "0").ids()
	if len(rows) != len(ids)+1 {
		t.Fatalf("%d rows, want %d: csv has no limit of its own", len(rows), len(ids)+1)
	}
	for i, id := range ids {
		if rows[i+1][0] != testNode+"-"+id {
			t.Errorf("row %d is %s", i, rows[i+1][0])
		}
	}
	for _, kind := range kinds {
		if body := string(c.ok(at("/api/search", "format", "csv", "kind", kind)).body); !strings.HasPrefix(body, "event.id,") {
			t.Errorf("%s: %.40q", kind, body)
		}
	}
	body := string(c.ok(at("/api/search", "format", "csv", "columns", "destination.port,source.ip", "q", "| fields port.src", "limit", "2")).body)
	if !strings.HasPrefix(body, "destination.port,source.ip\n") || strings.Count(body, "\n") != 3 {
		t.Errorf("columns: %q", body)
	}
	if body := string(c.ok(at("/api/search", "format", "csv", "q", "| fields port.src")).body); !strings.HasPrefix(body, "source.port\n") {
		t.Errorf("| fields: %.40q", body)
	}
}

// TestCSVCells holds that a cell that could be a formula is text, that the exact text can be had back, and that numbers
// stay numbers.
func TestCSVCells(t *testing.T) {
	agent := record.MustID("user_agent.original")
	for _, text := range []string{"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'quoted", "plain", "a,b", "say \"hi\"", "two\nlines", " lead", "trail ", "caf\xe9", "\x00", "\u202egnp.exe", ","} {
		r := &record.Record{ID: record.NewID(1e18, 1, 1), Kind: record.KindTransaction, Start: -5}
		r.Values.PutString(agent, text)
		r.Values.PutInt(fDurationCSV, -5)
		x := &world{&memStore{recs: []*record.Record{r}}, &memPackets{}}
		c := serve(t, x)
		cell := func(mode string) string {
			a := c.ok(at("/api/search", "format", "csv", "kind", "transaction", "columns", "user_agent.original,event.duration", "cells", mode))
			_, line, _ := strings.Cut(string(a.body), "\n")
			rows, err := csv.NewReader(strings.NewReader(line)).ReadAll()
			if err != nil || len(rows) != 1 || rows[0][1] != "-5" {
				t.Fatalf("%q %s: %v %q", text, mode, err, a.body)
			}
			return rows[0][0]
		}
		if got := cell("exact"); got != text {
			t.Errorf("exact: %q, want %q", got, text)
		}
		got := cell("safe")
		if strings.ContainsAny(got[:1], "=+-@\t\r") {
			t.Errorf("safe: %q could be a formula", got)
		}
		if back := strings.TrimPrefix(got, "'"); back != text {
			t.Errorf("safe: %q without its apostrophe is %q, want %q", got, back, text)
		}
	}
}

var fDurationCSV = record.MustID("event.duration")

// TestSessionParts holds that the parts of a long session are one row, in lists and in detail.
func TestSessionParts(t *testing.T) {
	frames := capture(t, "nginx")
	cfg := flow.Offline()
	cfg.Parts = 1 // ns: a part as often as the flow table looks
	whole, parts := play(t, frames...), playParts(t, cfg, frames...)
	if len(parts.records.recs) <= len(whole.records.recs) {
		t.Fatal("the sessions have no parts")
	}
	a, b := serve(t, whole), serve(t, parts)
	if !slices.Equal(a.search("limit", "0").ids(), b.search("limit", "0").ids()) {
		t.Error("parts show as rows")
	}
	r := a.first(t, a, "protocols == http && packets > 5")
	path := "/api/records/session/" + r.ID.String()
	var one, many struct{ Network, Source, Destination map[string]any }
	a.ok(path).json(t, &one)
	b.ok(path).json(t, &many)
	if mustJSON(one.Network) != mustJSON(many.Network) {
		t.Errorf("merged: %v, want %v", many.Network, one.Network)
	}
	if x, y := a.ok("/api/sessions/"+r.ID.String()+"/pcap").body, b.ok("/api/sessions/"+r.ID.String()+"/pcap").body; string(x) != string(y) {
		t.Errorf("the packets of a session in parts are %d bytes, want %d", len(y), len(x))
	}
}

func TestTransactionsOverHTTP(t *testing.T) {
	c := bundled(t)
	f := c.search("kind", "transaction", "q", "http.response.status_code == 200", "limit", "0")
	if want := c.wanted(t, record.KindTransaction, "http.response.status_code == 200"); len(want) == 0 || !slices.Equal(f.ids(), want) {
		t.Errorf("%v, want %v", f.ids(), want)
	}
	for _, r := range f.Records {
		if r.Event.Kind != "transaction" || !strings.HasPrefix(r.Session.ID, testNode+"-") {
			t.Errorf("%+v", r)
		}
	}
}
