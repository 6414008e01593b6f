package api

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/bench/sflow/datagrams"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/saved"
	"github.com/tapir-project/tapir/sflow/collector"
	"github.com/tapir-project/tapir/store"
)

const testToken = "0123456789abcdef0123456789abcdef01234567"

// testNow is the time that relative times count from.
var testNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// client asks a server as a program would.
type client struct {
	t   testing.TB
	url string
	*world
	srv *Server
	log *bytes.Buffer
}

func serve(t testing.TB, x *world) *client {
	t.Helper()
	log := &bytes.Buffer{}
	o := Options{Store: x.records, Packets: x.packets, Node: testNode, Token: testToken, Now: func() time.Time { return testNow },
		Log: slog.New(slog.NewTextHandler(log, nil)), Version: "1.2.3", NodeStatus: func(store.Status) (any, error) { return map[string]any{"running": false}, nil }}
	o.Exporters = func() (any, error) { return ledger(), nil }
	o.Saved, o.Importer = saved.Open(t.TempDir()), &intake{limit: 1 << 20}
	srv := New(o)
	hs := httptest.NewServer(srv)
	t.Cleanup(hs.Close)
	return &client{t, hs.URL, x, srv, log}
}

// ledger is what a collector tells that heard of two switches, one of whose datagrams got lost, and of a stranger.
func ledger() collector.Report {
	book := collector.NewLedger()
	conv, batch := collector.NewConverter(book, nil, nil), &record.Batch{}
	m, _ := datagrams.New(datagrams.Switch, 2)
	for i := range 20 {
		if _, b := m.Next(); i != 7 {
			conv.Add(b, &collector.Meta{At: testNow, Sender: netip.MustParseAddr("203.0.113.1")}, batch)
		}
	}
	conv.Add([]byte("hello"), &collector.Meta{At: testNow, Sender: netip.MustParseAddr("203.0.113.2")}, batch)
	return collector.Report{Running: true, Time: testNow, Exporters: book.Status(nil), Names: map[string]string{"192.0.2.1": "no answer"}}
}

// bundled serves the records of bundled captures.
func bundled(t testing.TB) *client {
	return serve(t, play(t, capture(t, "nginx", "dns", "tls", "icmp")...))
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

// ask sends a request; edits may change it.
func (c *client) ask(method, path string, edits ...func(*http.Request)) answer {
	c.t.Helper()
	a, err := c.try(method, path, edits...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (c *client) try(method, path string, edits ...func(*http.Request)) (answer, error) {
	req, err := http.NewRequest(method, c.url+path, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	for _, edit := range edits {
		edit(req)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res, body}, err
}

func (c *client) get(path string, edits ...func(*http.Request)) answer {
	c.t.Helper()
	return c.ask(http.MethodGet, path, edits...)
}

// ok is get that must succeed.
func (c *client) ok(path string, edits ...func(*http.Request)) answer {
	c.t.Helper()
	a := c.get(path, edits...)
	if a.StatusCode != http.StatusOK {
		c.t.Fatalf("GET %s: %s: %s", path, a.Status, a.body)
	}
	return a
}

// post sends parameters as a form.
func post(form url.Values) func(*http.Request) {
	return func(r *http.Request) {
		body := form.Encode()
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
}

// document sends a JSON document.
func document(body string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", "application/json")
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// with is a path with parameters: name, value, name, value.
func at(path string, nameValue ...string) string {
	v := url.Values{}
	for i := 0; i < len(nameValue); i += 2 {
		v.Add(nameValue[i], nameValue[i+1])
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// found is what search answers.
type found struct {
	Records []struct {
		Event struct {
			ID    string    `json:"id"`
			Kind  string    `json:"kind"`
			Start time.Time `json:"start"`
			End   time.Time `json:"end"`
		} `json:"event"`
		Session struct {
			ID string `json:"id"`
		} `json:"session"`
		Destination struct {
			Port int `json:"port"`
		} `json:"destination"`
		Network struct {
			Bytes   int64 `json:"bytes"`
			Packets int   `json:"packets"`
		} `json:"network"`
	} `json:"records"`
	Coverage map[string]any `json:"coverage"`
}

// ids are those of the records, without the node.
func (f found) ids() (out []string) {
	for _, r := range f.Records {
		out = append(out, strings.TrimPrefix(r.Event.ID, testNode+"-"))
	}
	return out
}

func (a answer) json(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
}

func (c *client) search(nameValue ...string) (f found) {
	c.t.Helper()
	c.ok(at("/api/search", nameValue...)).json(c.t, &f)
	return f
}

// failure is an error as it was answered.
func (a answer) failure(t testing.TB) errorBody {
	t.Helper()
	var e errorBody
	if ct := a.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("an error comes as %q: %s", ct, a.body)
	}
	a.json(t, &e)
	if e.Error.Message == "" {
		t.Errorf("error without a message: %s", a.body)
	}
	return e
}

// first is the first session that passes.
func (x *world) first(t testing.TB, c *client, expr string) *record.Record {
	t.Helper()
	f := c.search("q", expr, "order", "event.start:asc", "limit", "1")
	if len(f.Records) == 0 {
		t.Fatalf("no session passes %s", expr)
	}
	_, id, err := record.ParseID(f.Records[0].Event.ID)
	if err != nil {
		t.Fatal(err)
	}
	r, err := x.records.Get(t.Context(), record.KindSession, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var _ store.Store = (*memStore)(nil)
var _ Follower = (*memStore)(nil)
