package api

import (
	"errors"
	"strings"
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

// The ledger comes as the collector tells it; a server without one says what has one.
func TestExporters(t *testing.T) {
	c := bundled(t)
	var got struct {
		Running   bool
		Exporters []struct {
			Agent     string
			Up        bool
			Datagrams int
			Lost      int `json:"datagrams_lost"`
			Damaged   int `json:"decode_errors"`
			Sources   []struct{ Kind string }
		}
	}
	c.ok("/api/exporters").json(t, &got)
	if len(got.Exporters) != 3 || !got.Running {
		t.Fatalf("%+v", got)
	}
	stranger, a, b := got.Exporters[0], got.Exporters[1], got.Exporters[2]
	if stranger.Agent != "" || stranger.Damaged != 1 || a.Agent == "" || !a.Up || a.Datagrams+b.Datagrams != 19 || a.Lost+b.Lost != 1 || len(a.Sources) == 0 {
		t.Errorf("%+v", got)
	}
	c.srv.Exporters = func() (any, error) { return nil, errors.New("the disk went away") }
	if a := c.get("/api/exporters"); a.StatusCode != 500 {
		t.Errorf("%s %s", a.Status, a.body)
	}
	c.srv.Exporters = nil
	if a := c.get("/api/exporters"); a.StatusCode != 501 || !strings.Contains(a.failure(t).Error.Message, "tapir sflow collect") {
		t.Errorf("%s %s", a.Status, a.body)
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
