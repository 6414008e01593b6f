package api

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// live is a tail as a browser's EventSource reads it.
type live struct {
	t      *testing.T
	res    *http.Response
	lines  chan string
	cancel func()
}

func (c *client) tail(t *testing.T, nameValue ...string) *live {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", c.url+at("/api/tail", nameValue...), nil)
	req.Header.Set("Authorization", "Bearer "+testToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t, res, make(chan string, 100), cancel}
	go func() {
		defer close(l.lines)
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			l.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { cancel(); res.Body.Close() })
	return l
}

// next is the next line that is not empty.
func (l *live) next() string {
	l.t.Helper()
	for {
		select {
		case line, ok := <-l.lines:
			if !ok {
				l.t.Fatal("the tail ended")
			}
			if line != "" {
				return line
			}
		case <-time.After(10 * time.Second):
			l.t.Fatal("nothing comes")
		}
	}
}

// event is the next event's id and data; comments are passed over.
func (l *live) event() (id, data string) {
	l.t.Helper()
	for {
		line := l.next()
		if line == "event: record" {
			return strings.TrimPrefix(l.next(), "id: "), strings.TrimPrefix(l.next(), "data: ")
		}
		if line != ":" {
			l.t.Fatalf("unexpected line %q", line)
		}
	}
}

func TestTail(t *testing.T) {
	c := serve(t, play(t))
	recorded := play(t, capture(t, "nginx", "dns")...)
	l := c.tail(t, "q", "protocols == dns && node == "+testNode)
	if ct := l.res.Header.Get("Content-Type"); ct != "text/event-stream" || l.res.Header.Get("Content-Encoding") != "" {
		t.Errorf("%v", l.res.Header)
	}
	if line := l.next(); line != "retry: 1000" {
		t.Errorf("first line %q", line)
	}
	if line := l.next(); line != ":" {
		t.Fatalf("no comment says that it has begun: %q", line)
	}
	want := recorded.wanted(t, record.KindSession, "protocols == dns")
	for _, r := range recorded.records.recs {
		c.records.put(r)
	}
	d := describeAPI(t)
	got := map[string]bool{}
	for range want {
		id, data := l.event()
		got[id] = true
		if !strings.Contains(data, `"id":"`+testNode+"-"+id+`"`) {
			t.Errorf("event %s has %.100s", id, data)
		}
		d.validate(t, object{"$ref": "#/components/schemas/Record"}, []byte(data))
	}
	for _, id := range want {
		if !got[id] {
			t.Errorf("session %s did not come", id)
		}
	}
}

// TestTailEndsWithItsClient holds that the store's following ends when the client goes (A3).
func TestTailEndsWithItsClient(t *testing.T) {
	x := play(t, capture(t, "dns")...)
	f := &slowFollower{memStore: x.records, ended: make(chan error, 1)}
	c := serve(t, x)
	c.srv.Store = f
	l := c.tail(t)
	l.next()
	for range 3 {
		if line := l.next(); line != ":" {
			t.Errorf("keep-alive is %q", line)
		}
	}
	l.cancel()
	select {
	case err := <-f.ended:
		if err == nil {
			t.Error("following ended by itself")
		}
	case <-time.After(10 * time.Second):
		t.Error("the client has gone, following goes on")
	}
}

// slowFollower has nothing to tell.
type slowFollower struct {
	*memStore
	ended chan error
}

func (f *slowFollower) Follow(ctx context.Context, _ store.Search, _ func(*record.Record) bool, idle func() bool) error {
	for t := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			f.ended <- ctx.Err()
			return ctx.Err()
		case <-t.C:
			idle()
		}
	}
}

func TestTailRefuses(t *testing.T) {
	c := bundled(t)
	if a := c.get(at("/api/tail", "q", "| count")); a.StatusCode != 400 || a.failure(t).Error.Param != "q" {
		t.Errorf("stages: %s %s", a.Status, a.body)
	}
	if a := c.get(at("/api/tail", "from", "-1h")); a.StatusCode != 400 || a.failure(t).Error.Param != "from" {
		t.Errorf("a time range: %s %s", a.Status, a.body)
	}
	if a := c.ask("HEAD", "/api/tail"); a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %s %v", a.Status, a.Header)
	}
	c.srv.Store = struct{ store.Store }{c.records}
	if a := c.get("/api/tail"); a.StatusCode != 501 || !strings.Contains(a.failure(t).Error.Message, "cannot follow") {
		t.Errorf("a store that cannot follow: %s %s", a.Status, a.body)
	}
}
