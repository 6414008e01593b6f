package api

import (
	"errors"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

func TestStatus(t *testing.T) {
	c := bundled(t)
	var s struct {
		Node, Version        string
		Time, Oldest, Newest time.Time
		Can                  abilities
		More                 struct{ Running bool } `json:"node_status"`
	}
	c.ok("/api/status").json(t, &s)
	var oldest, newest int64
	for _, r := range c.records.recs {
		if oldest == 0 || r.Start < oldest {
			oldest = r.Start
		}
		newest = max(newest, r.End)
	}
	if s.Node != testNode || s.Version != "1.2.3" || !s.Time.Equal(testNow) || s.Oldest.UnixNano() != oldest || s.Newest.UnixNano() != newest || s.Can != (abilities{Packets: true, Follow: true, Save: true, Import: true, Most: 1 << 20}) {
		t.Errorf("%+v", s)
	}
	c.srv.Packets, c.srv.Store = nil, struct{ store.Store }{&memStore{}}
	c.srv.NodeStatus = func(store.Status) (any, error) { return nil, errors.New("the disk went away") }
	if a := c.get("/api/status"); a.StatusCode != 500 {
		t.Errorf("%s %s", a.Status, a.body)
	}
	c.srv.NodeStatus, c.srv.Saved, c.srv.Importer = nil, nil, nil
	s.Oldest, s.Can = time.Time{}, abilities{}
	c.ok("/api/status").json(t, &s)
	if s.Can != (abilities{}) || !s.Oldest.IsZero() {
		t.Errorf("a store that is empty and cannot follow: %+v", s)
	}
}

func TestReachOfRecords(t *testing.T) {
	st := store.Status{Kinds: []store.KindStatus{{Kind: record.KindSession, Records: 0}, {Kind: record.KindTransaction, Records: 1, Oldest: 5, Newest: 6}, {Kind: record.KindSample, Records: 1, Oldest: 3, Newest: 4}}}
	if oldest, newest, any := reach(st); oldest != 3 || newest != 6 || !any {
		t.Errorf("%d to %d, %v", oldest, newest, any)
	}
	if _, _, any := reach(store.Status{}); any {
		t.Error("nothing reaches somewhere")
	}
}
