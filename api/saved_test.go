package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/saved"
)

// save puts a document and gives the answer.
func (c *client) save(collection, name, value string) answer {
	c.t.Helper()
	return c.ask("PUT", "/api/saved/"+collection+"/"+url.PathEscape(name), document(value))
}

func TestSaved(t *testing.T) {
	c := bundled(t)
	for _, x := range []struct {
		collection, name, value string
		want                    int
		word                    string
	}{
		{"views", "web", `{"q":"protocols == http"}`, 204, ""},
		{"views", "a/b ?#ü", `{"q":"view == web && bytes > 10kB"}`, 204, ""},
		{"views", "requests", `{"q":"http.response.status_code == 404","kind":"transaction"}`, 204, ""},
		{"columns", "mine", `{"cols":["source.ip"]}`, 204, ""},
		{"recent", "x", `{"q":"port =="}`, 204, ""}, // recent ones may be wrong
		{"views", "bad", `{"q":"port =="}`, 400, "column 8"},
		{"views", "bad", `{"cols":[]}`, 400, `{"q": "port == 80"}`},
		{"views", "bad", `{"q":"*","kind":"nothing"}`, 400, "kind"},
		{"views", "bad", `{"q":`, 400, "JSON object"},
		{"columns", "bad", `[]`, 400, "JSON object"},
		{"columns", "bad\x00", `{}`, 400, "name"},
		{"columns", "big", `{"a":"` + strings.Repeat("x", saved.MaxValue) + `"}`, 400, "bytes"},
		{"columns", "big", strings.Repeat(" ", 3*saved.MaxValue), 413, "bytes"},
		{"nothing", "x", `{}`, 404, "views, columns, recent"},
	} {
		a := c.save(x.collection, x.name, x.value)
		if a.StatusCode != x.want {
			t.Errorf("%s/%s %.30s: %s %s", x.collection, x.name, x.value, a.Status, a.body)
			continue
		}
		if x.want != 204 && !strings.Contains(a.failure(t).Error.Message, x.word) {
			t.Errorf("%s/%s: %s", x.collection, x.name, a.body)
		}
	}
	var list struct {
		Items []struct {
			Name  string
			Value struct{ Q string }
		}
	}
	c.ok("/api/saved/views").json(t, &list)
	if len(list.Items) != 3 || list.Items[1].Name != "a/b ?#ü" || list.Items[1].Value.Q != "view == web && bytes > 10kB" {
		t.Errorf("%+v", list)
	}
	if got, want := c.search("q", `view == "a/b ?#ü"`, "limit", "0").ids(), c.search("q", "protocols == http && bytes > 10kB", "limit", "0").ids(); len(want) == 0 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("by the view %v, want %v", got, want)
	}
	var done struct{ Completions []completion }
	c.ok(at("/api/query/complete", "q", "view == re")).json(t, &done)
	if len(done.Completions) == 0 || done.Completions[0].Text != "requests" {
		t.Errorf("%+v", done)
	}
	for _, want := range []int{204, 404} {
		if a := c.ask("DELETE", "/api/saved/views/web"); a.StatusCode != want {
			t.Errorf("delete: %s", a.Status)
		}
	}
	if e := c.get(at("/api/search", "q", `view == "a/b ?#ü"`)).failure(t).Error; !strings.Contains(e.Message, "there is no view") {
		t.Errorf("a view whose view is gone: %+v", e)
	}
	if a := c.ask("PUT", "/api/saved/columns/x", document("{}"), header("Content-Type", "text/plain")); a.StatusCode != 415 {
		t.Errorf("not JSON: %s", a.Status)
	}
	if a := c.ask("PUT", "/api/saved/columns/x", document("{}"), header("Origin", "http://evil.example")); a.StatusCode != 403 {
		t.Errorf("another site: %s", a.Status)
	}
}

func TestNothingIsSaved(t *testing.T) {
	c := bundled(t)
	c.srv.Saved = nil
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if a := c.ask(method, "/api/saved/views/x", document("{}")); a.StatusCode != 501 {
			t.Errorf("%s: %s", method, a.Status)
		}
	}
	if a := c.get("/api/saved/views"); a.StatusCode != 501 {
		t.Errorf("%s", a.Status)
	}
	dir := t.TempDir()
	c.srv.Saved = saved.Open(dir)
	if err := c.srv.Saved.Put("columns", "0", json.RawMessage("{}")); err != nil {
		t.Fatal(err)
	}
	var items []saved.Item
	for i := range saved.MaxItems {
		items = append(items, saved.Item{Name: fmt.Sprint(i), Value: json.RawMessage("{}")})
	}
	full, _ := json.Marshal(map[string]any{"items": items})
	os.WriteFile(dir+"/saved/columns.json", full, 0o600)
	if a := c.save("columns", "more", "{}"); a.StatusCode != 409 || !strings.Contains(a.failure(t).Error.Message, "remove some") {
		t.Errorf("full: %s %s", a.Status, a.body)
	}
	os.WriteFile(dir+"/saved/views.json", []byte("damaged"), 0o600)
	if a := c.get("/api/saved/views"); a.StatusCode != 500 {
		t.Errorf("damaged: %s", a.Status)
	}
}
