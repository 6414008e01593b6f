package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/tapir-project/tapir/record"
)

// object is a node of the description.
type object = map[string]any

// description is openapi.yaml.
type description struct {
	t    testing.TB
	root object
}

func describeAPI(t testing.TB) *description {
	d := &description{t: t}
	if err := yaml.Unmarshal(openapiYAML, &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// resolve follows $ref.
func (d *description) resolve(v any) object {
	d.t.Helper()
	o, _ := v.(object)
	for o["$ref"] != nil {
		ref := o["$ref"].(string)
		at := any(d.root)
		for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			next, ok := at.(object)[step]
			if !ok {
				d.t.Fatalf("%s leads nowhere", ref)
			}
			at = next
		}
		o = at.(object)
	}
	return o
}

// operation is a method of a path.
type operation struct {
	d            *description
	method, path string
	o            object
}

func (o operation) String() string { return o.method + " " + o.path }

func (d *description) operations() (out []operation) {
	for path, item := range d.root["paths"].(object) {
		for method, o := range item.(object) {
			out = append(out, operation{d, strings.ToUpper(method), path, o.(object)})
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// params gives the schemas of what an operation takes in the query or in a form.
func (o operation) params() object {
	out := object{}
	list, _ := o.o["parameters"].([]any)
	for _, p := range list {
		if p := o.d.resolve(p); p["in"] == "query" {
			out[p["name"].(string)] = p["schema"]
		}
	}
	if body := o.d.resolve(o.o["requestBody"]); body != nil {
		if form, ok := body["content"].(object)["application/x-www-form-urlencoded"].(object); ok {
			maps.Copy(out, o.d.resolve(form["schema"])["properties"].(object))
		}
	}
	return out
}

// pathFor fills in the path.
func (o operation) pathFor(id string) string {
	return strings.NewReplacer("{id}", id, "{kind}", "session", "{n}", "2", "{host}", "10.77.0.1", "{collection}", "views", "{name}", "x").Replace(o.path)
}

// TestDescription compares the routes with openapi.yaml: each must be described and each description served, with the
// same parameters.
func TestDescription(t *testing.T) {
	d := describeAPI(t)
	c := bundled(t)
	served := map[string]route{}
	for _, r := range c.srv.routes() {
		served[r.pattern()] = r
	}
	for _, o := range d.operations() {
		r, ok := served[o.String()]
		if !ok {
			t.Errorf("%s is described and not served", o)
			continue
		}
		delete(served, o.String())
		described := slices.Sorted(maps.Keys(o.params()))
		if got := slices.Sorted(slices.Values(r.params)); !slices.Equal(got, described) {
			t.Errorf("%s takes %v, described are %v", o, got, described)
		}
		checkUnknown(t, c, o, described)
		checkPathParams(t, o)
		if open := o.o["security"] != nil; open != r.open {
			t.Errorf("%s: open %v, described %v", o, r.open, open)
		}
	}
	for pattern := range served {
		t.Errorf("%s is served and not described", pattern)
	}
}

// checkUnknown asks with a parameter that is not known: the answer names those that are.
func checkUnknown(t *testing.T, c *client, o operation, described []string) {
	a := c.ask(o.method, o.pathFor("01ARZ3NDEKTSV4RRFFQ69G5FAV")+"?lmit=5", form(o.method, nil))
	e := a.failure(t)
	if a.StatusCode != 400 || e.Error.Param != "lmit" || !slices.Equal(slices.Sorted(slices.Values(e.Error.Expected)), described) {
		t.Errorf("%s?lmit=5: %d %s", o, a.StatusCode, a.body)
	}
	for _, name := range described {
		if !strings.Contains(e.Error.Message, name) {
			t.Errorf("%s?lmit=5: %q does not name %s", o, e.Error.Message, name)
		}
	}
}

func checkPathParams(t *testing.T, o operation) {
	list, _ := o.o["parameters"].([]any)
	for _, p := range list {
		p := o.d.resolve(p)
		if name := p["name"].(string); p["in"] == "path" && (!strings.Contains(o.path, "{"+name+"}") || p["required"] != true) {
			t.Errorf("%s: path parameter %s", o, name)
		}
	}
	if n := strings.Count(o.path, "{"); n != len(list)-len(o.params()) && o.method == "GET" {
		t.Errorf("%s: %d parameters in the path, %d parameters described", o, n, len(list))
	}
}

// form posts values if the method is POST, and puts a document if it is PUT.
func form(method string, v url.Values) func(*http.Request) {
	switch method {
	case http.MethodPost:
		return post(v)
	case http.MethodPut:
		return document(`{"q":"port == 443"}`)
	}
	return func(*http.Request) {}
}

// TestPostedForms holds that a form takes what the query string takes.
func TestPostedForms(t *testing.T) {
	d := describeAPI(t)
	byName := map[string]operation{}
	for _, o := range d.operations() {
		byName[o.String()] = o
	}
	for _, o := range byName {
		if o.method != "POST" || o.takesFile() {
			continue
		}
		get := byName["GET "+o.path].params()
		for name, schema := range o.params() {
			want, got := maps.Clone(d.resolve(get[name])), maps.Clone(d.resolve(schema))
			for _, m := range []object{want, got} {
				delete(m, "description")
				delete(m, "maxLength")
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %s is %v in the form and %v in the URL", o, name, got, want)
			}
		}
	}
}

// Values that parameters without an enum are tried with: good ones, then bad ones.
var trials = map[string][2][]string{
	"q":        {{"", "port == 8080", "protocols == [http, dns]"}, {"port ==", "nosuchfield == 1"}},
	"from":     {{"2020-01-01", "-15m", "now-7d@d", "2026-01-02T03:04:05.123456789Z", "1000ns"}, {"yesterday", "9999-99-99"}},
	"to":       {{"2100-01-01", "now"}, {"tomorrow"}},
	"order":    {{"network.bytes:desc,source.port", "starttime:asc"}, {"nosuchfield", "ip:desc", "network.bytes:up"}},
	"columns":  {{"source.ip,destination.ip", "http.uri"}, {"nosuchfield", "ip"}},
	"by":       {{"destination.port", "network.protocol,source.ip", "source.ip,source.port,destination.ip,destination.port,network.transport"}, {"nosuchfield", "ip", "source.ip,source.port,destination.ip,destination.port,network.transport,source.mac", "network.protocol,http.uri,tags", "source.ip | head 2"}},
	"metric":   {{"count", "sum(network.bytes)", "p95(event.duration),unique(source.ip)", "avg(bytes)"}, {"median(bytes)", "count by source.ip", "sum(http.uri)"}},
	"name":     {{"", "capture.pcap", "<b>\u202e"}, {strings.Repeat("x", 256)}},
	"interval": {{"auto", "10s", "1d", "1w", "90m"}, {"0s", "-1h", "soon", "NaNd"}},
}

// valuesFor gives good and bad values for a parameter.
func (d *description) valuesFor(name string, schema object) (good, bad []string) {
	if enum, ok := schema["enum"].([]any); ok {
		for _, v := range enum {
			good = append(good, v.(string))
		}
		return good, []string{"bogus"}
	}
	if schema["type"] != "integer" {
		return trials[name][0], trials[name][1]
	}
	least := number(schema["minimum"])
	good, bad = []string{strconv.Itoa(least), strconv.Itoa(least + 1)}, []string{"x", strconv.Itoa(least - 1), "1e3", "99999999999999999999"}
	if most := schema["maximum"]; most != nil {
		bad = append(bad, strconv.Itoa(number(most)+1))
	}
	return good, bad
}

// number is a number of the description.
func number(v any) int {
	f, _ := strconv.ParseFloat(fmt.Sprint(v), 64)
	return int(f)
}

// TestEveryRoute calls every operation with every parameter and compares the answers with the description.
func TestEveryRoute(t *testing.T) {
	d := describeAPI(t)
	c := bundled(t)
	id := testNode + "-" + c.first(t, c, "protocols == http").ID.String()
	for _, o := range d.operations() {
		t.Run(o.String(), func(t *testing.T) {
			c := &client{t, c.url, c.world, c.srv, c.log}
			if err := c.srv.Saved.Put("views", "x", json.RawMessage(`{"q":"port == 80"}`)); err != nil {
				t.Fatal(err)
			}
			o.call(t, c, id, nil, o.success())
			for name, schema := range o.params() {
				o.try(t, c, id, name, d.resolve(schema))
			}
		})
	}
}

// takesFile says whether the body is a file, so that parameters are in the URL.
func (o operation) takesFile() bool {
	body, _ := o.d.resolve(o.o["requestBody"])["content"].(object)
	return body["application/octet-stream"] != nil
}

// success is the status of its answers.
func (o operation) success() int {
	if o.o["responses"].(object)["204"] != nil {
		return http.StatusNoContent
	}
	return http.StatusOK
}

// try asks with good and bad values of a parameter.
func (o operation) try(t *testing.T, c *client, id, name string, schema object) {
	good, bad := o.d.valuesFor(name, schema)
	if good == nil || bad == nil {
		t.Errorf("%s: nothing to try", name)
	}
	for _, v := range good {
		extra := url.Values{name: {v}}
		if name == "pos" {
			extra.Set("q", "port == 80")
		}
		o.call(t, c, id, extra, 200)
	}
	for _, v := range bad {
		a := o.call(t, c, id, url.Values{name: {v}}, 400)
		if a.StatusCode == 200 {
			continue
		}
		if e := a.failure(t); e.Error.Param != name {
			t.Errorf("%s=%s: the error is about %q: %s", name, v, e.Error.Param, a.body)
		}
	}
}

// call asks once and compares the answer with the description.
func (o operation) call(t *testing.T, c *client, id string, v url.Values, want int) answer {
	t.Helper()
	if want == 400 && v.Has("q") && strings.HasPrefix(o.path, "/api/query/") {
		want = 200 // a wrong expression is what they are asked about
	}
	path, ctx := o.pathFor(id), t.Context()
	if (o.method == "GET" || o.takesFile()) && len(v) > 0 {
		path += "?" + v.Encode()
	}
	var a answer
	if o.path == "/api/tail" && want == 200 {
		a = c.head(ctx, path)
	} else {
		a = c.ask(o.method, path, form(o.method, v))
	}
	if a.StatusCode != want {
		t.Errorf("%s %v: %s, want %d: %.300s", o, v, a.Status, want, a.body)
		return a
	}
	o.check(t, v, a)
	return a
}

// head asks for what never ends, and leaves when it has begun.
func (c *client) head(ctx context.Context, path string) answer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", c.url+path, nil)
	req.Header.Set("Authorization", "Bearer "+testToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == 200 {
		return answer{res, nil}
	}
	body, _ := io.ReadAll(res.Body)
	return answer{res, body}
}

// check compares status, content type and body with the description.
func (o operation) check(t *testing.T, v url.Values, a answer) {
	t.Helper()
	responses := o.o["responses"].(object)
	r, ok := responses[strconv.Itoa(a.StatusCode)]
	if !ok {
		r = responses["default"]
	}
	if a.StatusCode == http.StatusNoContent {
		return
	}
	kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	content, ok := o.d.resolve(r)["content"].(object)[kind]
	if !ok {
		t.Errorf("%s %v answers %s with %q, which is not described", o, v, a.Status, kind)
		return
	}
	schema := o.d.resolve(content.(object)["schema"])
	switch kind {
	case "application/json":
		o.d.validate(t, schema, a.body)
	case "application/x-ndjson":
		for line := range strings.Lines(string(a.body)) {
			o.d.validate(t, schema, []byte(line))
		}
	}
}

func (d *description) validate(t *testing.T, schema object, body []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Errorf("%v: %.200s", err, body)
		return
	}
	if wrong := d.mismatch(schema, v, "body"); wrong != "" {
		t.Errorf("%s in %.500s", wrong, body)
	}
}

// mismatch says how v differs from a schema, "" if it fits. Members that are not described are refused unless the schema
// says additionalProperties: true.
func (d *description) mismatch(s object, v any, where string) string {
	s = d.resolve(s)
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		return fmt.Sprintf("%s is %v, not one of %v", where, v, enum)
	}
	if types := typesOf(s); types != nil && !slices.ContainsFunc(types, func(t string) bool { return isType(t, v) }) {
		return fmt.Sprintf("%s is a %T, not a %v", where, v, types)
	}
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			if wrong := d.mismatch(d.resolve(s["items"]), x, fmt.Sprintf("%s[%d]", where, i)); wrong != "" {
				return wrong
			}
		}
	case object:
		return d.members(s, v, where)
	}
	return ""
}

func (d *description) members(s, v object, where string) string {
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Sprintf("%s lacks %s", where, name)
		}
	}
	known, _ := s["properties"].(object)
	for name, x := range v {
		schema, ok := known[name]
		switch {
		case ok:
			if wrong := d.mismatch(schema.(object), x, where+"."+name); wrong != "" {
				return wrong
			}
		case s["additionalProperties"] != true && known != nil:
			return fmt.Sprintf("%s has %s, which is not described", where, name)
		}
	}
	return ""
}

func typesOf(s object) (out []string) {
	switch t := s["type"].(type) {
	case string:
		return []string{t}
	case []any:
		for _, x := range t {
			out = append(out, x.(string))
		}
	}
	return out
}

func isType(name string, v any) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case []any:
		return name == "array"
	case object:
		return name == "object"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	}
	return false
}

// TestValidator holds that the validator finds what is wrong: a test that cannot fail proves nothing.
func TestValidator(t *testing.T) {
	d := describeAPI(t)
	schema := func(name string) object { return object{"$ref": "#/components/schemas/" + name} }
	good := `{"by":["a"],"metrics":["count"],"interval":"0","rows":[{"keys":["x"],"values":[1,null]}],"more":false,
		"coverage":{"files":1,"files_done":1,"records":2,"dropped_packets":0,"partial":false}}`
	for _, x := range []struct{ schema, body, want string }{
		{"Table", good, ""},
		{"Table", strings.Replace(good, `"more":false`, `"more":0`, 1), "body.more is a float64"},
		{"Table", strings.Replace(good, `"more":false,`, ``, 1), "lacks more"},
		{"Table", strings.Replace(good, `"more"`, `"mor":1,"more"`, 1), "mor, which is not described"},
		{"Table", strings.Replace(good, `null`, `"1"`, 1), "body.rows[0].values[1] is a string"},
		{"Chunk", `{"from":"nobody","time":"","data":"","gap":0}`, "not one of"},
		{"Chunk", `{"from":"client","time":"","data":"","gap":0.5}`, "body.gap is a float64"},
		{"Record", `{"event":{"id":"","kind":"session","start":"","end":"","x":1}}`, ""},
	} {
		var v any
		if err := json.Unmarshal([]byte(x.body), &v); err != nil {
			t.Fatal(err)
		}
		if got := d.mismatch(schema(x.schema), v, "body"); x.want == "" && got != "" || !strings.Contains(got, x.want) {
			t.Errorf("%s: %q, want %q", x.schema, got, x.want)
		}
	}
}

// TestRecordsHoldFields holds that every member of a record is a field of the registry.
func TestRecordsHoldFields(t *testing.T) {
	c := bundled(t)
	for _, kind := range kinds[:2] {
		var f struct{ Records []object }
		c.ok(at("/api/search", "limit", "0", "kind", kind)).json(t, &f)
		if len(f.Records) == 0 {
			t.Errorf("no %s", kind)
		}
		for _, r := range f.Records {
			fieldsOf(t, "", r)
		}
	}
}

func fieldsOf(t *testing.T, prefix string, v any) {
	o, ok := v.(object)
	if !ok {
		if f, ok := record.Lookup(prefix); !ok || f.Name != prefix {
			t.Errorf("%s is no field", prefix)
		}
		return
	}
	for name, x := range o {
		fieldsOf(t, strings.TrimPrefix(prefix+"."+name, "."), x)
	}
}
