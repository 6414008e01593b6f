package main

import (
	"context"
	"math"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// prepare makes the questions; those about one session take some that are there.
func (b *bench) prepare() error {
	const fast, slow = 300 * time.Millisecond, 2 * time.Second
	id, err := b.middle()
	if err != nil {
		return err
	}
	rare, err := b.rarest()
	if err != nil {
		return err
	}
	now := b.src.Now()
	everything := store.Range{From: 0, To: math.MaxInt64}
	last15 := store.Range{From: now - 15*60e9, To: now + 3600e9}
	count := []query.Metric{{Func: query.Count}}
	bytes := []query.Metric{{Func: query.Sum, Field: field("network.bytes")}}
	ip := func(text string) string { return "ip == " + text }
	b.asked = []question{
		{"newest 50", fast, b.search(store.Search{Limit: 50, Range: everything})},
		{"newest 50 for a busy IP", fast, b.search(store.Search{Limit: 50, Range: everything, Where: b.where(ip("10.1.0.10"))})},
		{"newest 50 for a quiet IP", fast, b.search(store.Search{Limit: 50, Range: everything, Where: b.where(ip("10.1.245.20"))})},
		{"newest 50 for a site's rare address", fast, b.search(store.Search{Limit: 50, Range: everything, Where: b.where("ip.dst == " + rare)})},
		{"count by host wildcard", fast, b.table(store.Aggregate{Metrics: count, Range: everything, Where: b.where("host == *site12*.com")})},
		{"count by http.host wildcard", fast, b.table(store.Aggregate{Metrics: count, Range: everything, Where: b.where("http.host == *site12*.com")})},
		{"top 20 destinations by bytes", fast, b.table(store.Aggregate{By: fields("destination.ip"), Metrics: bytes, Top: 20, Range: everything})},
		{"top 20 destinations by bytes, 15 min", fast, b.table(store.Aggregate{By: fields("destination.ip"), Metrics: bytes, Top: 20, Range: last15})},
		{"timeline of port 443, 200 buckets", fast, b.table(store.Aggregate{Interval: 36e9, Metrics: count, Range: everything, Where: b.where("port == 443")})},
		{"timeline of bytes, 200 buckets", fast, b.table(store.Aggregate{Interval: 36e9, Metrics: bytes, Range: everything})},
		{"URI regular expression, count", fast, b.table(store.Aggregate{Metrics: count, Range: everything, Where: b.where(`http.uri == /.*\/news\/article-[a-c].*html.*/`)})},
		{"URI contains, count", fast, b.table(store.Aggregate{Metrics: count, Range: everything, Where: b.where(`http.uri == *items*7*`)})},
		{"fetch by id", fast, func() (int, error) { _, err := b.store.Get(b.ctx, record.KindSession, id); return 1, err }},
		{"connection pairs by bytes, top 500", slow, b.table(store.Aggregate{By: fields("source.ip", "destination.ip"), Metrics: bytes, Top: 500, Range: everything})},
		{"top 20 hosts", slow, b.table(store.Aggregate{By: fields("http.host"), Metrics: count, Top: 20, Range: everything})},
		{"top 20 URIs", slow, b.table(store.Aggregate{By: fields("http.uri"), Metrics: count, Top: 20, Range: everything})},
		{"p95 duration by protocol", slow, b.table(store.Aggregate{By: fields("network.protocol"), Range: everything,
			Metrics: []query.Metric{{Func: query.Percentile, Field: field("event.duration"), P: 95}}})},
		{"by community id", slow, b.search(store.Search{Limit: 50, Range: everything, Where: b.where("communityId == \"" + b.community(id) + "\"")})},
		{"largest 50 sessions", slow, b.search(store.Search{Limit: 50, Range: everything, Order: []store.Order{{Field: field("network.bytes"), Desc: true}}})},
		{"read 20,000 sessions whole", slow, b.search(store.Search{Limit: 20_000, Range: everything})},
	}
	return nil
}

// rarest is the address that the fewest sessions go to.
func (b *bench) rarest() (string, error) {
	t, err := b.store.Aggregate(b.ctx, store.Aggregate{By: fields("destination.ip"), Metrics: []query.Metric{{Func: query.Count}}, Top: 1, Lowest: true})
	if err != nil {
		return "", err
	}
	return t.Rows[0].Keys[0], nil
}

// middle finds the id of a session in the middle of all.
func (b *bench) middle() (id record.ID, err error) {
	n := 0
	half := b.src.Now()/2 + trafficStart/2
	_, err = b.store.Search(b.ctx, store.Search{Limit: 1, Range: store.Range{From: 0, To: half}, Bounding: store.First, Where: b.where("protocols == http")},
		func(r *record.Record) bool { id = r.ID; n++; return true })
	return id, err
}

const trafficStart = 1_795_248_000e9

func (b *bench) community(id record.ID) string {
	r, err := b.store.Get(b.ctx, record.KindSession, id)
	if err != nil {
		return ""
	}
	x, _ := r.Values.First(field("network.community_id").ID)
	return string(x.Text())
}

func (b *bench) search(q store.Search) func() (int, error) {
	return func() (n int, err error) {
		_, err = b.store.Search(b.ctx, q, func(*record.Record) bool { n++; return true })
		return n, err
	}
}

func (b *bench) table(a store.Aggregate) func() (int, error) {
	return func() (int, error) {
		t, err := b.store.Aggregate(context.WithoutCancel(b.ctx), a)
		if err != nil {
			return 0, err
		}
		return len(t.Rows), nil
	}
}

// where binds an expression on sessions.
func (b *bench) where(text string) query.Expr {
	q, err := query.Parse(text, query.Options{})
	if err != nil {
		panic(err) // ours
	}
	return q.Where
}

func field(name string) *record.Field {
	f, ok := record.Lookup(name)
	if !ok {
		panic("no field " + name)
	}
	return f
}

func fields(names ...string) (out []*record.Field) {
	for _, n := range names {
		out = append(out, field(n))
	}
	return out
}
