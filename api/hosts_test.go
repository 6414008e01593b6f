package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// hostSeen is what hosts answers.
type hostSeen struct {
	Host, Kind     string
	First, Last    *time.Time
	Sessions       struct{ Client, Server int64 }
	Bytes, Packets struct{ In, Out int64 }
	More           []string
	Lists          map[string][]struct {
		Value, Field string
		Count, Bytes int64
	} `json:"-"`
}

func (c *client) host(name string, nameValue ...string) (h hostSeen) {
	c.t.Helper()
	a := c.ok(at("/api/hosts/"+url.PathEscape(name), nameValue...))
	a.json(c.t, &h)
	var all map[string]any
	a.json(c.t, &all)
	h.Lists = map[string][]struct {
		Value, Field string
		Count, Bytes int64
	}{}
	for _, list := range hostLists {
		for _, v := range all[list].([]any) {
			o := v.(object)
			h.Lists[list] = append(h.Lists[list], struct {
				Value, Field string
				Count, Bytes int64
			}{o["value"].(string), o["field"].(string), int64(o["count"].(float64)), int64(o["bytes"].(float64))})
		}
	}
	return h
}

// line is a list as text: value=count.
func (h hostSeen) line(list string) string {
	var out []string
	for _, v := range h.Lists[list] {
		out = append(out, fmt.Sprint(v.Value, "=", v.Count))
	}
	return strings.Join(out, " ")
}

// countHost sums up by hand what an address did.
func countHost(c *client, ip string) (h hostSeen, peers map[string]int64) {
	addr := func(r *record.Record, name string) string {
		return memText(r, record.FieldByID(record.MustID(name)))
	}
	n := func(r *record.Record, name string) int64 {
		x, _ := r.Values.First(record.MustID(name))
		if !r.Values.Has(record.MustID(name)) {
			return 0
		}
		return x.Int()
	}
	peers = map[string]int64{}
	for _, r := range c.records.whole(record.KindSession) {
		src, dst := addr(r, "source.ip") == ip, addr(r, "destination.ip") == ip
		if src {
			h.Sessions.Client++
			h.Bytes.Out += n(r, "source.bytes")
			h.Bytes.In += n(r, "destination.bytes")
			h.Packets.Out += n(r, "source.packets")
			h.Packets.In += n(r, "destination.packets")
			peers[addr(r, "destination.ip")]++
		}
		if dst {
			h.Sessions.Server++
			h.Bytes.In += n(r, "source.bytes")
			h.Bytes.Out += n(r, "destination.bytes")
			h.Packets.In += n(r, "source.packets")
			h.Packets.Out += n(r, "destination.packets")
			peers[addr(r, "source.ip")]++
		}
		if src || dst {
			if t := time.Unix(0, r.Start); h.First == nil || t.Before(*h.First) {
				h.First = &t
			}
			if t := time.Unix(0, r.End); h.Last == nil || t.After(*h.Last) {
				h.Last = &t
			}
		}
	}
	return h, peers
}

func TestHosts(t *testing.T) {
	c := bundled(t)
	for _, ip := range []string{"10.77.0.1", "10.77.0.2"} {
		want, peers := countHost(c, ip)
		got := c.host(ip, "top", "100")
		if got.Kind != "address" || got.Sessions != want.Sessions || got.Bytes != want.Bytes || got.Packets != want.Packets || got.Sessions.Client+got.Sessions.Server == 0 {
			t.Errorf("%s: %+v\nwant %+v", ip, got, want)
		}
		if d := got.First.Sub(*want.First).Abs() + got.Last.Sub(*want.Last).Abs(); d > 2*time.Microsecond {
			t.Errorf("%s: seen from %v to %v, want %v to %v", ip, got.First, got.Last, want.First, want.Last)
		}
		if len(got.Lists["peers"]) != len(peers) || len(got.More) != 0 {
			t.Errorf("%s: peers %s, want %v; more %v", ip, got.line("peers"), peers, got.More)
		}
		for _, p := range got.Lists["peers"] {
			if p.Count != peers[p.Value] || p.Field != "ip" || p.Bytes == 0 {
				t.Errorf("%s: peer %+v, want %d", ip, p, peers[p.Value])
			}
		}
	}
	server := c.host("10.77.0.1", "top", "100")
	for list, want := range map[string]string{"ports_served": "8080=", "names": "tapir.test=", "macs": ":", "protocols": "http="} {
		if !strings.Contains(server.line(list), want) {
			t.Errorf("%s: %s", list, server.line(list))
		}
	}
	if agents := c.host("10.77.0.2").line("user_agents"); !strings.Contains(agents, "curl") {
		t.Errorf("user agents %s", agents)
	}
	if asked := c.host("www.tapir.test"); asked.First == nil || asked.Sessions.Server != 0 || !strings.Contains(asked.line("addresses"), "192.0.2.1=") {
		t.Errorf("only asked for: %+v", asked)
	}
	name := c.host("Tapir.TEST.")
	if name.Kind != "name" || name.Host != "tapir.test" || name.Sessions.Server == 0 || !strings.Contains(name.line("addresses"), "10.77.0.1=") || !strings.Contains(name.line("peers"), "10.77.0.2=") {
		t.Errorf("%+v", name)
	}
	if cut := c.host("10.77.0.1", "top", "1"); len(cut.Lists["ports_served"]) != 1 || !strings.Contains(fmt.Sprint(cut.More), "ports_served") {
		t.Errorf("one of each: %+v", cut)
	}
	for _, none := range []string{"192.0.2.1", "2001:db8::1", "nobody.example", "10.77.0.1 "} {
		if none == "10.77.0.1 " {
			if a := c.get("/api/hosts/10.77.0.1%20"); a.StatusCode != 400 || a.failure(t).Error.Param != "host" {
				t.Errorf("%q: %s", none, a.Status)
			}
			continue
		}
		if h := c.host(none); h.First != nil || h.Sessions.Client+h.Sessions.Server != 0 || len(h.Lists["peers"]) != 0 {
			t.Errorf("%s: %+v", none, h)
		}
	}
	if h := c.host("10.77.0.1", "to", "2000-01-01"); h.First != nil {
		t.Errorf("before anything: %+v", h)
	}
}

// crowded says of tables of two keys that groups were left out.
type crowded struct{ store.Store }

func (s crowded) Aggregate(ctx context.Context, a store.Aggregate) (*store.Table, error) {
	t, err := s.Store.Aggregate(ctx, a)
	if err == nil && len(a.By) == 2 {
		t.Rows, t.More = t.Rows[:min(1, len(t.Rows))], true
	}
	return t, err
}

// failing cannot group by protocols.
type failing struct{ store.Store }

func (s failing) Aggregate(ctx context.Context, a store.Aggregate) (*store.Table, error) {
	if len(a.By) == 1 && a.By[0].Name == "network.protocol" {
		return nil, errors.New("the disk went away")
	}
	return s.Store.Aggregate(ctx, a)
}

// TestHostsOfMany holds that a host of very many pairs is counted right all the same, and that no failure is hidden.
func TestHostsOfMany(t *testing.T) {
	c := bundled(t)
	want := c.ok("/api/hosts/10.77.0.1").body
	whole := c.srv.Store
	c.srv.Store = crowded{whole}
	if got := c.ok("/api/hosts/10.77.0.1").body; string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.srv.Store = failing{whole}
	if a := c.get("/api/hosts/10.77.0.1"); a.StatusCode != 500 {
		t.Errorf("%s %s", a.Status, a.body)
	}
}
