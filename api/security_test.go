package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

func cookie(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: value}) }
}

func host(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }

func TestToken(t *testing.T) {
	c := bundled(t)
	u, _ := url.Parse(c.url)
	jar := "tapir_token_" + u.Port()
	none := header("Authorization", "")
	for _, x := range []struct {
		name  string
		path  string
		edits []func(*http.Request)
		want  int
	}{
		{"header", "", nil, 200},
		{"header in another case", "", []func(*http.Request){header("Authorization", "bearer "+testToken)}, 200},
		{"query", "?token=" + testToken, []func(*http.Request){none}, 200},
		{"cookie", "", []func(*http.Request){none, cookie(jar, testToken)}, 200},
		{"none", "", []func(*http.Request){none}, 401},
		{"wrong header", "", []func(*http.Request){header("Authorization", "Bearer "+testToken[1:]+"0")}, 401},
		{"longer header", "", []func(*http.Request){header("Authorization", "Bearer "+testToken+"0")}, 401},
		{"shorter header", "", []func(*http.Request){header("Authorization", "Bearer "+testToken[1:])}, 401},
		{"empty header", "", []func(*http.Request){header("Authorization", "Bearer ")}, 401},
		{"another scheme", "", []func(*http.Request){header("Authorization", "Basic "+testToken)}, 401},
		{"wrong header, right cookie", "", []func(*http.Request){header("Authorization", "Bearer x"), cookie(jar, testToken)}, 401},
		{"wrong query, right cookie", "?token=x", []func(*http.Request){none, cookie(jar, testToken)}, 401},
		{"cookie of another port", "", []func(*http.Request){none, cookie("tapir_token_1", testToken)}, 401},
	} {
		a := c.get("/api/status"+x.path, x.edits...)
		if a.StatusCode != x.want {
			t.Errorf("%s: %s, want %d", x.name, a.Status, x.want)
		}
		if x.want != 401 {
			continue
		}
		if e := a.failure(t); !strings.Contains(e.Error.Message, "Authorization: Bearer") || a.Header.Get("WWW-Authenticate") != `Bearer realm="tapir"` {
			t.Errorf("%s: %s", x.name, a.body)
		}
		if bytes.Contains(a.body, []byte(testToken)) || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: the answer tells the token", x.name)
		}
	}
}

// TestEveryRouteWantsTheToken holds that no route was forgotten.
func TestEveryRouteWantsTheToken(t *testing.T) {
	c := bundled(t)
	for _, r := range c.srv.routes() {
		want := http.StatusUnauthorized
		if r.open {
			want = http.StatusOK
		}
		path := strings.NewReplacer("{kind}", "session", "{id}", "x", "{n}", "1", "{host}", "10.77.0.1", "{collection}", "views", "{name}", "x").Replace(r.path)
		if a := c.ask(r.method, path, header("Authorization", "")); a.StatusCode != want {
			t.Errorf("%s without a token: %s", r.pattern(), a.Status)
		}
	}
}

func TestTokenCookie(t *testing.T) {
	c := bundled(t)
	a := c.get("/api/status?token="+testToken, header("Authorization", ""))
	u, _ := url.Parse(c.url)
	set := a.Cookies()
	if len(set) != 1 || set[0].Name != "tapir_token_"+u.Port() || set[0].Value != testToken || !set[0].HttpOnly || set[0].SameSite != http.SameSiteStrictMode || set[0].Path != "/" {
		t.Errorf("%+v", set)
	}
	if got := c.get("/api/status").Cookies(); len(got) != 0 {
		t.Errorf("a header sets %v", got)
	}
}

func TestNoTokenSet(t *testing.T) {
	c := bundled(t)
	c.srv.Token = ""
	if a := c.get("/api/status", header("Authorization", "")); a.StatusCode != 200 {
		t.Errorf("a server without a token: %s", a.Status)
	}
}

// TestHost holds that a name that was made to resolve to loopback (DNS rebinding) is refused, token or not.
func TestHost(t *testing.T) {
	c := bundled(t)
	c.srv.Hosts = []string{"tapir.example"}
	for name, want := range map[string]int{"localhost": 200, "localhost:8005": 200, "LOCALHOST:1": 200, "viewer.localhost:1": 200, "127.0.0.1:1": 200, "[::1]:1": 200, "[::1]": 200,
		"tapir.example": 200, "Tapir.Example:443": 200,
		"evil.example": 403, "evil.example:8005": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "xlocalhost": 403, "other.tapir.example": 403} {
		for _, token := range []string{testToken, ""} {
			c.srv.Token = token
			if a := c.get("/api/status", host(name)); a.StatusCode != want {
				t.Errorf("host %s: %s, want %d", name, a.Status, want)
			} else if want == 403 {
				a.failure(t)
			}
		}
	}
}

// TestCrossOrigin holds that other sites cannot make a browser post.
func TestCrossOrigin(t *testing.T) {
	c := bundled(t)
	for _, x := range []struct {
		name, value string
		want        int
	}{
		{"Sec-Fetch-Site", "same-origin", 200}, {"Sec-Fetch-Site", "cross-site", 403}, {"Sec-Fetch-Site", "same-site", 403},
		{"Origin", "http://evil.example", 403}, {"Origin", c.url, 200}, {"Origin", "http://127.0.0.1:1", 403}, {"X-Nothing", "x", 200},
	} {
		a := c.ask("POST", "/api/search", post(url.Values{"limit": {"1"}}), header(x.name, x.value))
		if a.StatusCode != x.want {
			t.Errorf("%s: %s: %s, want %d", x.name, x.value, a.Status, x.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http")
	for _, path := range []string{"/api/status", "/api/search?format=csv", "/api/openapi.yaml", "/api/sessions/" + r.ID.String() + "/pcap", "/api/nothing", "/", "/api/search?x=1"} {
		h := c.get(path).Header
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	c := bundled(t)
	for _, x := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/api/nothing", 404, ""}, {"GET", "/", 404, ""}, {"POST", "/api/nothing", 404, ""}, {"GET", "/api/sessions/x", 404, ""},
		{"POST", "/api/status", 405, "GET, HEAD"}, {"DELETE", "/api/search", 405, "GET, HEAD, POST"}, {"OPTIONS", "/api/search", 405, "GET, HEAD, POST"}, {"PUT", "/api/sessions/x/pcap", 405, "GET, HEAD"},
	} {
		a := c.ask(x.method, x.path)
		if a.StatusCode != x.want || a.Header.Get("Allow") != x.allow {
			t.Errorf("%s %s: %s, Allow %q", x.method, x.path, a.Status, a.Header.Get("Allow"))
		}
		if msg := a.failure(t).Error.Message; x.allow != "" && !strings.Contains(msg, x.allow) {
			t.Errorf("%s %s: %s", x.method, x.path, msg)
		}
	}
}

// TestHEAD holds that HEAD gives what GET gives but the body.
func TestHEAD(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && packets > 5")
	for _, path := range []string{"/api/status", "/api/fields", "/api/search", "/api/search?format=csv&limit=3", "/api/aggregate", "/api/export", "/api/records/session/" + r.ID.String(),
		"/api/sessions/" + r.ID.String() + "/packets", "/api/sessions/" + r.ID.String() + "/pcap", "/api/search?q=port+%3D%3D", "/api/records/session/x"} {
		for _, enc := range []string{"identity", "gzip"} {
			get, head := c.get(path, header("Accept-Encoding", enc)), c.ask("HEAD", path, header("Accept-Encoding", enc))
			for _, name := range []string{"Content-Type", "Content-Disposition", "Content-Encoding"} {
				if g, h := get.Header.Get(name), head.Header.Get(name); g != h {
					t.Errorf("%s (%s): %s is %q, by HEAD %q", path, enc, name, g, h)
				}
			}
			if get.StatusCode != head.StatusCode || len(head.body) != 0 {
				t.Errorf("%s: %s, by HEAD %s with %d bytes", path, get.Status, head.Status, len(head.body))
			}
		}
	}
}

// TestHEADOfMuch holds that nobody works for a body that nobody reads.
func TestHEADOfMuch(t *testing.T) {
	c := serve(t, play(t, udpFrame(1e18, 1, 10)))
	f := &flood{udpFrame(1e18, 1, 1400), 1 << 40}
	c.srv.Packets = f
	if a := c.ask("HEAD", "/api/export"); a.StatusCode != 200 || a.Header.Get("Content-Type") != captureTypes["pcap"] {
		t.Errorf("%s %v", a.Status, a.Header)
	}
}

func TestWrongExpression(t *testing.T) {
	c := bundled(t)
	q := "protocols == http &&\n  source.prot == 80"
	for _, path := range []string{"/api/search", "/api/aggregate", "/api/export", "/api/tail"} {
		a := c.get(at(path, "q", q))
		e := a.failure(t).Error
		if a.StatusCode != 400 || e.Param != "q" || e.Position == nil || q[*e.Position:*e.End] != "source.prot" || e.Line != 2 || e.Column != 3 || len(e.Suggest) == 0 || e.Suggest[0] != "source.port" {
			t.Errorf("%s: %s %s", path, a.Status, a.body)
		}
	}
	var v verdict
	c.ok(at("/api/query/check", "q", q)).json(t, &v)
	if v.OK || v.Error == nil || q[v.Error.Position:v.Error.End] != "source.prot" || v.Error.Suggest[0] != "source.port" {
		t.Errorf("check: %+v", v)
	}
	e := c.get(at("/api/search", "q", "port == ")).failure(t).Error
	if e.Position == nil || *e.Position != 8 || len(e.Expected) == 0 {
		t.Errorf("what is missing: %+v", e)
	}
}

func TestQueryHelp(t *testing.T) {
	c := bundled(t)
	var v verdict
	c.ok(at("/api/query/check", "q", "ip.src==10.0.0.1|count by port.dst")).json(t, &v)
	if !v.OK || !v.Table || v.Formatted != "source.ip == 10.0.0.1 | count by destination.port" || v.Where != "source.ip == 10.0.0.1" {
		t.Errorf("%+v", v)
	}
	c.ok(at("/api/query/check", "q", "bytes > 1 | head 3")).json(t, &v)
	if !v.OK || v.Table {
		t.Errorf("%+v", v)
	}
	if a := c.ok(at("/api/query/check", "q", "method == GET")); !strings.Contains(string(a.body), `"ok":false`) {
		t.Errorf("a field of transactions, of sessions: %s", a.body)
	}
	c.ok(at("/api/query/check", "q", "method == GET", "kind", "transaction")).json(t, &v)
	if !v.OK {
		t.Errorf("%+v", v)
	}
	var list struct{ Completions []completion }
	c.ok(at("/api/query/complete", "q", "source.po == 80", "pos", "9")).json(t, &list)
	if len(list.Completions) == 0 || list.Completions[0] != (completion{"source.port", "field", list.Completions[0].Detail, 0, 9}) {
		t.Errorf("%+v", list)
	}
	var painted struct{ Tokens []token }
	c.ok(at("/api/query/tokens", "q", "port == 80 | count )")).json(t, &painted)
	if len(painted.Tokens) != 6 || painted.Tokens[0] != (token{0, 4, "field"}) || painted.Tokens[4] != (token{13, 18, "stage"}) {
		t.Errorf("%+v", painted)
	}
}

func TestUnknownAndTwice(t *testing.T) {
	c := bundled(t)
	for _, x := range []struct{ query, param, word string }{
		{"?Q=1", "Q", "known are q, kind, from"}, {"?q=port==80&q=port==81", "q", "more than once"}, {"?limit=1&limit=1", "limit", "more than once"}, {"?from=2030-01-01&to=2020-01-01", "from", "before to"},
		{"?from=2020-01-01&to=2020-01-01", "from", "before to"},
		{"?q=%zz", "", "percent-encode"}, {"?q=port==80;limit=1", "", "percent-encode"},
	} {
		a := c.get("/api/search" + x.query)
		if e := a.failure(t).Error; a.StatusCode != 400 || e.Param != x.param || !strings.Contains(e.Message, x.word) {
			t.Errorf("%s: %s %s", x.query, a.Status, a.body)
		}
	}
	if a := c.get("/api/status?x=1"); !strings.Contains(a.failure(t).Error.Message, "none is taken") {
		t.Errorf("%s", a.body)
	}
	for path, want := range map[string]int{"/api/records/session/01ARZ3NDEKTSV4RRFFQ69G5FAV": 404, "/api/records/session/" + testNode + "-01ARZ3NDEKTSV4RRFFQ69G5FAV": 404,
		"/api/records/session/x": 400, "/api/records/nothing/01ARZ3NDEKTSV4RRFFQ69G5FAV": 400, "/api/records/session/01ARZ3NDEKTSV4RRFFQ69G5FAV%00": 400,
		"/api/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV/packets": 404, "/api/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV/stream": 404} {
		if a := c.get(path); a.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, a.Status, want)
		} else {
			a.failure(t)
		}
	}
}

func TestLongExpressions(t *testing.T) {
	c := bundled(t)
	long := "tags == [" + strings.Repeat(strings.Repeat("y", 199)+",", 1000) + "x] || port == 8080"
	want := c.search("q", "port == 8080", "limit", "0").ids()
	var f found
	a := c.ask("POST", "/api/search", post(url.Values{"q": {long}, "limit": {"0"}}))
	a.json(t, &f)
	if len(want) == 0 || strings.Join(f.ids(), " ") != strings.Join(want, " ") {
		t.Errorf("posted: %v, want %v", f.ids(), want)
	}
	huge := url.Values{"q": {strings.Repeat("x", query.MaxText+1)}}
	if a := c.ask("POST", "/api/search", post(huge)); a.StatusCode != 400 || a.failure(t).Error.Param != "q" {
		t.Errorf("huge: %s %.200s", a.Status, a.body)
	}
	if a := c.ask("POST", "/api/search", post(url.Values{"q": {strings.Repeat("x", 5<<20)}})); a.StatusCode != 413 {
		t.Errorf("larger still: %s %.200s", a.Status, a.body)
	} else {
		a.failure(t)
	}
	if a := c.get(at("/api/query/tokens", "q", strings.Repeat("x", query.MaxText+1))); a.StatusCode != 400 {
		t.Errorf("tokens of a huge text: %s", a.Status) // net/http refuses still larger headers itself
	}
	json := func(r *http.Request) {
		post(url.Values{"q": {"x"}})(r)
		r.Header.Set("Content-Type", "application/json")
	}
	if a := c.ask("POST", "/api/search", json); a.StatusCode != 415 || !strings.Contains(a.failure(t).Error.Message, "x-www-form-urlencoded") {
		t.Errorf("JSON posted: %s %s", a.Status, a.body)
	}
	if a := c.ask("POST", "/api/search?limit=1", post(url.Values{"limit": {"1"}})); a.StatusCode != 400 {
		t.Errorf("given in URL and form: %s", a.Status)
	}
}

// hostile are values that attackers send.
var hostile = []string{"</script><script>alert(1)</script>", "\"},\n{\"x\":\"", "nul\x00byte", "\u202egnp.exe", "\xff\xfe\x80", "\u2028\u2029", "\x1b[2J", "\r\nSet-Cookie: x=y", strings.Repeat("A", 1<<20), "\\u0000\\", "\U0010ffff"}

// TestHostileValues holds that whatever was on the wire is a string of one JSON document, and of one line.
func TestHostileValues(t *testing.T) {
	uri := record.MustID("http.uri")
	r := &record.Record{ID: record.NewID(1e18, 1, 1), Session: record.NewID(1e18, 1, 1), Start: 1e18, End: 1e18 + 1}
	for _, s := range hostile {
		r.Values.AddString(uri, s)
	}
	x := &world{&memStore{recs: []*record.Record{r}}, &memPackets{}}
	c := serve(t, x)
	read := func(body []byte, key string) {
		t.Helper()
		var v map[string]any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if list, ok := v["records"].([]any); ok {
			v = list[0].(object)
		}
		if inner, ok := v[key].(object); ok {
			v = inner
		}
		got := v["http"].(object)["uri"].([]any)
		if len(got) != len(hostile) {
			t.Errorf("%d values, want %d", len(got), len(hostile))
		}
		if len(body) > 100<<10 {
			t.Errorf("%d bytes", len(body)) // a value is cut at record.MaxValueBytes
		}
	}
	read(c.ok("/api/search").body, "records")
	line, _, _ := strings.Cut(string(c.ok("/api/search?format=ndjson").body), "\n")
	read([]byte(line), "record")
	read(c.ok("/api/records/session/"+r.ID.String()).body, "")
	for _, q := range hostile[:8] {
		for _, path := range []string{"/api/search", "/api/query/check", "/api/query/tokens", "/api/query/complete", "/api/aggregate"} {
			a := c.get(at(path, "q", q))
			var v any
			if err := json.Unmarshal(a.body, &v); err != nil || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s q=%q: %v %v", path, q, err, a.Header)
			}
		}
	}
	for _, path := range []string{"/api/records/session/", "/api/records/", "/api/"} {
		a := c.get(path + url.PathEscape(hostile[0]+hostile[2]+hostile[7]))
		a.failure(t)
	}
}

// panicStore has a defect.
type panicStore struct {
	memStore
	after int
}

func (p *panicStore) Search(_ context.Context, s store.Search, yield func(*record.Record) bool) (store.Coverage, error) {
	r := &record.Record{ID: record.NewID(1e18, 1, 1)}
	for range p.after {
		yield(r)
	}
	panic("a defect")
}

// TestPanic holds that a panic costs one request.
func TestPanic(t *testing.T) {
	c := bundled(t)
	p := &panicStore{memStore: memStore{recs: c.records.recs}}
	c.srv.Store = p
	a := c.get("/api/search")
	if e := a.failure(t); a.StatusCode != 500 || strings.Contains(e.Error.Message, "defect") {
		t.Errorf("%s %s", a.Status, a.body)
	}
	p.after = 10_000
	if a, err := c.try("GET", "/api/search?limit=0"); err == nil {
		t.Errorf("a panic within an answer: %s, %d bytes", a.Status, len(a.body))
	}
	c.ok("/api/status")
	if log := c.log.String(); !strings.Contains(log, "a defect") || !strings.Contains(log, "security_test.go") || strings.Contains(log, testToken) {
		t.Errorf("log: %s", log)
	}
}

// TestServerGoingDown holds that requests that are cut by a shutdown do not look like answers.
func TestServerGoingDown(t *testing.T) {
	c := bundled(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	req := httptest.NewRequest("GET", "/api/search?limit=1", nil).WithContext(ctx)
	req.Header.Set("Authorization", "Bearer "+testToken)
	c.srv.ServeHTTP(w, req)
	if w.Code != 503 || !strings.Contains(w.Body.String(), "going down") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestURL(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv6loopback, Port: 8005}
	if got := URL(addr, "a b"); got != "http://[::1]:8005/?token=a+b" {
		t.Error(got)
	}
	if got := URL(addr, ""); got != "http://[::1]:8005/" {
		t.Error(got)
	}
}

func TestDescribe(t *testing.T) {
	for _, x := range []struct {
		err  error
		want int
	}{
		{errors.New("x"), 500}, {store.ErrNotFound, 404}, {fmt.Errorf("y: %w", store.ErrNotFound), 404}, {badRequest("z"), 400}, {context.Canceled, 503}, {&query.Error{}, 400}, {errNoTail, 501},
	} {
		if status, body := describe(x.err); status != x.want || body.Error.Message == "" && x.err.Error() != "" {
			t.Errorf("%v: %d %+v", x.err, status, body)
		}
	}
}
