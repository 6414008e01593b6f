package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// intake is an Importer that reads what comes.
type intake struct {
	limit int64
	fail  error
	tells int           // times that progress is told before it ends
	began chan struct{} // nil, or closed when the body has been read; then the importer waits for the end of the request
	ended chan error
}

func (x *intake) Limit() int64 { return x.limit }

func (x *intake) Import(ctx context.Context, body io.Reader, size int64, tell func(ImportProgress)) (Imported, error) {
	n, err := io.Copy(io.Discard, body)
	if err != nil {
		return Imported{}, err
	}
	for i := range x.tells {
		tell(ImportProgress{Bytes: int64(i), Size: size, Packets: 1, Sessions: 1})
	}
	if x.began != nil {
		close(x.began)
		<-ctx.Done()
		x.ended <- ctx.Err()
		return Imported{}, ctx.Err()
	}
	return Imported{From: "2026-11-21T00:00:00Z", To: "2026-11-21T00:00:01Z", Packets: uint64(n), Sessions: 2, Transactions: 1}, x.fail
}

// send posts a file.
func (c *client) send(file string) answer {
	c.t.Helper()
	return c.ask("POST", "/api/import?name=x.pcap", body(file))
}

func body(file string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(file)), int64(len(file))
		r.Header.Set("Content-Type", "application/octet-stream")
	}
}

func TestImport(t *testing.T) {
	c := bundled(t)
	x := &intake{limit: 1000, tells: 2}
	c.srv.Importer = x
	want := `{"progress":{"bytes":0,"size":10,"packets":1,"sessions":1}}
{"progress":{"bytes":1,"size":10,"packets":1,"sessions":1}}
{"imported":{"from":"2026-11-21T00:00:00Z","to":"2026-11-21T00:00:01Z","packets":10,"sessions":2,"transactions":1}}
`
	if a := c.send("0123456789"); a.StatusCode != 200 || string(a.body) != want || a.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if a := c.send(strings.Repeat("x", 1001)); a.StatusCode != 413 || !strings.Contains(a.failure(t).Error.Message, "1000 bytes") {
		t.Errorf("too large: %s %s", a.Status, a.body)
	}
	unknown := func(r *http.Request) { r.ContentLength = -1 }
	if a := c.ask("POST", "/api/import", body(strings.Repeat("x", 1001)), unknown); a.StatusCode != 413 {
		t.Errorf("too large, length not told: %s %s", a.Status, a.body)
	}
	if a := c.ask("POST", "/api/import", body("x"), header("Origin", "http://evil.example")); a.StatusCode != 403 {
		t.Errorf("another site: %s", a.Status)
	}
	x.fail = Refuse(http.StatusConflict, errors.New("busy"))
	if a := c.send("x"); a.StatusCode != 200 || !strings.HasSuffix(string(a.body), `{"error":{"message":"busy"}}`+"\n") {
		t.Errorf("after progress: %s %s", a.Status, a.body)
	}
	x.tells = 0
	if a := c.send("x"); a.StatusCode != 409 || a.failure(t).Error.Message != "busy" {
		t.Errorf("before progress: %s %s", a.Status, a.body)
	}
	c.srv.Importer = nil
	if a := c.send("x"); a.StatusCode != 501 {
		t.Errorf("without one: %s", a.Status)
	}
}

// TestImportEndsWithItsClient holds that who hangs up ends the import.
func TestImportEndsWithItsClient(t *testing.T) {
	c := bundled(t)
	x := &intake{limit: 1000, tells: 1, began: make(chan struct{}), ended: make(chan error, 1)}
	c.srv.Importer = x
	ctx, hangUp := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", c.url+"/api/import", strings.NewReader("x"))
	req.Header.Set("Authorization", "Bearer "+testToken)
	go http.DefaultClient.Do(req)
	<-x.began
	hangUp()
	select {
	case err := <-x.ended:
		if err == nil {
			t.Error("no reason")
		}
	case <-time.After(10 * time.Second):
		t.Error(fmt.Errorf("the import goes on"))
	}
}
