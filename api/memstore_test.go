package api

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/pcapstore"
	"github.com/tapir-project/tapir/pipeline"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/proto/dns"
	"github.com/tapir-project/tapir/proto/http"
	"github.com/tapir-project/tapir/proto/prototest"
	"github.com/tapir-project/tapir/proto/tls"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

const testNode = "sensor-1"

// memStore is a store in memory. Its answers come from query.CompileNode and a few lines that can be seen to be right.
type memStore struct {
	coverage store.Coverage
	stop     chan context.Context // if set, a search hands over its context and waits for its end
	fail     error                // what a search or aggregation returns, after failAfter records
	after    int
	progress int // calls of Progress before the records

	mu     sync.Mutex // guards what follows
	recs   []*record.Record
	follow []chan *record.Record
	asked  store.Search
}

// Add is record.Sink.
func (m *memStore) Add(b *record.Batch) error {
	for _, r := range b.Records() {
		c := new(record.Record)
		c.CopyFrom(r)
		c.Values.PutInt(fIngested, r.End+ingestDelay)
		m.put(c)
	}
	return nil
}

var fIngested = record.MustID("event.ingested")

// ingestDelay is how long after its last packet a record is stored.
const ingestDelay = int64(3600e9)

func (m *memStore) put(r *record.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recs = append(m.recs, r)
	for _, c := range m.follow {
		c <- r
	}
}

// whole gives all records of a kind, the parts of sessions merged.
func (m *memStore) whole(kind record.Kind) (out []*record.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	parts := map[record.ID][]*record.Record{}
	for _, r := range m.recs {
		if r.Kind == kind {
			parts[r.ID] = append(parts[r.ID], r)
		}
	}
	for _, list := range parts {
		r := list[0]
		if len(list) > 1 {
			r = new(record.Record)
			store.Merge(r, list)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *record.Record) int {
		return cmp.Or(cmp.Compare(b.Start, a.Start), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

func (m *memStore) passing(kind record.Kind, where query.Expr, in store.Range, b store.Bounding) (out []*record.Record) {
	match := query.CompileNode(where, testNode)
	for _, r := range m.whole(kind) {
		if memRange(r, in, b) && match(r) {
			out = append(out, r)
		}
	}
	return out
}

func memRange(r *record.Record, in store.Range, b store.Bounding) bool {
	within := func(t int64) bool { return in.From <= t && t < in.To }
	switch {
	case in == (store.Range{}):
		return true
	case b == store.First:
		return within(r.Start)
	case b == store.Both:
		return within(r.Start) && within(r.End)
	case b == store.Either:
		return r.Start < in.To && r.End >= in.From
	case b == store.Database:
		x, _ := r.Values.First(fIngested)
		return within(x.Int())
	}
	return within(r.End)
}

func (m *memStore) Search(ctx context.Context, s store.Search, yield func(*record.Record) bool) (store.Coverage, error) {
	m.mu.Lock()
	m.asked = s
	m.mu.Unlock()
	found := m.passing(s.Kind, s.Where, s.Range, s.Bounding)
	for _, o := range slices.Backward(s.Order) {
		slices.SortStableFunc(found, func(a, b *record.Record) int { return memOrder(o, a, b) })
	}
	found = found[min(s.Offset, len(found)):]
	if s.Limit > 0 {
		found = found[:min(s.Limit, len(found))]
	}
	for range m.progress {
		s.Progress(m.coverage)
	}
	if m.stop != nil && (len(found) == 0 || !yield(found[0])) {
		return m.coverage, nil
	}
	if m.stop != nil {
		m.stop <- ctx
		<-ctx.Done()
		return m.coverage, ctx.Err()
	}
	for i, r := range found {
		if m.fail != nil && i == m.after {
			return m.coverage, m.fail
		}
		if !yield(memFields(r, s.Fields)) {
			break
		}
	}
	if m.fail != nil && len(found) <= m.after {
		return m.coverage, m.fail
	}
	return m.coverage, nil
}

func memOrder(o store.Order, a, b *record.Record) int {
	c := cmp.Compare(memText(a, o.Field), memText(b, o.Field))
	if x, ok := a.Values.First(o.Field.ID); ok && o.Field.Type.Numeric() {
		y, _ := b.Values.First(o.Field.ID)
		c = cmp.Compare(x.Int(), y.Int())
	}
	if o.Desc {
		return -c
	}
	return c
}

func memText(r *record.Record, f *record.Field) string { return record.Text(r, testNode, f) }

// memFields is r with the values of some fields only.
func memFields(r *record.Record, fields []record.FieldID) *record.Record {
	if fields == nil {
		return r
	}
	out := new(record.Record)
	*out = *r
	out.Values = record.Values{}
	for i := range r.Values.Len() {
		x := r.Values.At(i)
		if !slices.Contains(fields, x.Field()) {
			continue
		}
		if record.FieldByID(x.Field()).Type <= record.TypeIP {
			out.Values.PutText(x.Field(), x.Text())
		} else {
			out.Values.PutInt(x.Field(), x.Int())
		}
	}
	return out
}

// memGroup is one group of an aggregation.
type memGroup struct {
	row  store.Row
	recs []*record.Record
}

func (m *memStore) Aggregate(ctx context.Context, a store.Aggregate) (*store.Table, error) {
	if m.fail != nil {
		return nil, m.fail
	}
	groups := map[string]*memGroup{}
	for _, r := range m.passing(a.Kind, a.Where, a.Range, a.Bounding) {
		for _, keys := range memKeys(r, a.By) {
			row := store.Row{Keys: keys}
			if a.Interval > 0 {
				row.Bucket = r.End - r.End%a.Interval
			}
			name := string(TableJSON(&a, &store.Table{Rows: []store.Row{row}}))
			if groups[name] == nil {
				groups[name] = &memGroup{row: row}
			}
			groups[name].recs = append(groups[name].recs, r)
		}
	}
	t := &store.Table{Coverage: m.coverage}
	for _, g := range groups {
		for _, metric := range a.Metrics {
			g.row.Metrics = append(g.row.Metrics, memMetric(metric, g.recs))
		}
		t.Rows = append(t.Rows, g.row)
	}
	slices.SortFunc(t.Rows, func(x, y store.Row) int {
		c := cmp.Compare(y.Metrics[0], x.Metrics[0])
		if a.Lowest {
			c = -c
		}
		return cmp.Or(c, slices.Compare(x.Keys, y.Keys), cmp.Compare(x.Bucket, y.Bucket))
	})
	if a.Top > 0 && len(t.Rows) > a.Top {
		t.Rows, t.More = t.Rows[:a.Top], true
	}
	return t, nil
}

// memKeys are the combinations of the values of fields.
func memKeys(r *record.Record, by []*record.Field) [][]string {
	out := [][]string{{}}
	for _, f := range by {
		var next [][]string
		for _, text := range memValues(r, f) {
			for _, keys := range out {
				next = append(next, append(slices.Clone(keys), text))
			}
		}
		out = next
	}
	return out
}

func memValues(r *record.Record, f *record.Field) (out []string) {
	for i := range r.Values.Len() {
		if x := r.Values.At(i); x.Field() == f.ID {
			out = append(out, string(record.AppendValueText(nil, x)))
		}
	}
	if out == nil {
		return []string{memText(r, f)}
	}
	return out
}

// memNumber is a record's first value of a field.
func memNumber(r *record.Record, f *record.Field) (int64, bool) {
	switch f.Name {
	case "event.start":
		return r.Start, true
	case "event.end":
		return r.End, true
	}
	if x, ok := r.Values.First(f.ID); ok {
		return x.Int(), true
	}
	return 0, false
}

func memMetric(m query.Metric, recs []*record.Record) float64 {
	if m.Func == query.Count {
		return float64(len(recs))
	}
	var all []float64
	distinct := map[string]bool{}
	sum := 0.0
	for _, r := range recs {
		for _, s := range memValues(r, m.Field) {
			distinct[s] = s != ""
		}
		if n, ok := memNumber(r, m.Field); ok {
			all = append(all, float64(n))
			sum += float64(n)
		}
	}
	slices.Sort(all)
	n := len(all)
	switch {
	case m.Func == query.Unique:
		return float64(len(distinct))
	case m.Func == query.Sum:
		return sum
	case n == 0:
		return math.NaN()
	case m.Func == query.Avg:
		return sum / float64(n)
	case m.Func == query.Min:
		return all[0]
	case m.Func == query.Max:
		return all[n-1]
	}
	return all[int(m.P/100*float64(n-1))]
}

func (m *memStore) Get(_ context.Context, kind record.Kind, id record.ID) (*record.Record, error) {
	for _, r := range m.whole(kind) {
		if r.ID == id {
			return r, nil
		}
	}
	return nil, store.ErrNotFound
}

func (m *memStore) Status(context.Context) (s store.Status, err error) {
	for k := range record.Kinds {
		st := store.KindStatus{Kind: record.Kind(k)}
		for _, r := range m.whole(st.Kind) {
			if st.Records == 0 || r.Start < st.Oldest {
				st.Oldest = r.Start
			}
			st.Records, st.Newest = st.Records+1, max(st.Newest, r.End)
		}
		s.Kinds = append(s.Kinds, st)
	}
	return s, m.fail
}

func (m *memStore) Close() error { return nil }

// Follow is Follower; it is idle whenever there is nothing.
func (m *memStore) Follow(ctx context.Context, s store.Search, yield func(*record.Record) bool, idle func() bool) error {
	c := make(chan *record.Record, 100)
	m.mu.Lock()
	m.follow = append(m.follow, c)
	m.mu.Unlock()
	match := query.CompileNode(s.Where, testNode)
	for idle() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-c:
			if r.Kind == s.Kind && match(r) && !yield(r) {
				return nil
			}
		}
	}
	return nil
}

// memPacket is a packet and the flow it was stored for.
type memPacket struct {
	flow record.ID
	p    record.Packet
}

// memPackets is a packet store in memory.
type memPackets struct {
	all  []memPacket
	fail error // what a walk returns at its end
}

func (m *memPackets) Append(p *record.Packet, f *pcapstore.Flow) (record.Position, error) {
	c := *p
	c.Data = bytes.Clone(p.Data)
	m.all = append(m.all, memPacket{f.ID, c})
	return record.Position{Segment: 1, Offset: uint64(len(m.all))}, nil
}
func (m *memPackets) Flush(int64)           {}
func (m *memPackets) Rotate()               {}
func (m *memPackets) Next() record.Position { return record.Position{Segment: 1} }

func (m *memPackets) Packets(ctx context.Context, flows []record.ID, from, to int64, yield func(*record.Packet) bool) error {
	sorted := slices.Clone(m.all)
	slices.SortStableFunc(sorted, func(a, b memPacket) int { return cmp.Compare(a.p.Time, b.p.Time) })
	for _, x := range sorted {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p := x.p
		if slices.Contains(flows, x.flow) && from <= p.Time && p.Time <= to && !yield(&p) {
			return nil
		}
	}
	return m.fail
}

// of lists the packets of a flow in time order.
func (m *memPackets) of(id record.ID) (out []record.Packet) {
	m.Packets(context.Background(), []record.ID{id}, record.MinTime, record.MaxTime, func(p *record.Packet) bool {
		out = append(out, *p)
		return true
	})
	return out
}

// world is what was recorded.
type world struct {
	records *memStore
	packets *memPackets
}

// play runs packets through the real pipeline.
func play(t testing.TB, frames ...record.Packet) *world {
	return playParts(t, flow.Offline(), frames...)
}

func playParts(t testing.TB, cfg flow.Config, frames ...record.Packet) *world {
	t.Helper()
	x := &world{&memStore{coverage: store.Coverage{Files: 3, FilesDone: 3}}, &memPackets{}}
	w, err := pipeline.NewWorker(0, pipeline.Config{Flow: cfg, Sink: x.records,
		Protocols: proto.NewSet([]*proto.Protocol{http.Protocol, tls.Protocol, dns.Protocol}),
		Packets:   func(int) (pipeline.PacketWriter, error) { return x.packets, nil }})
	if err != nil {
		t.Fatal(err)
	}
	now := record.MinTime
	for i := range frames {
		var d packet.Decoded
		packet.Decode(&d, &frames[i])
		key, swapped := d.Key()
		if err := w.Packet(&frames[i], &d, &key, key.Hash(), swapped, now); err != nil {
			t.Fatal(err)
		}
		now = max(now, frames[i].Time)
		if err := w.Tick(now); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	x.records.coverage.Rows = int64(len(x.records.recs))
	for _, r := range x.records.recs {
		if c := &x.records.coverage; c.Oldest == 0 || r.Start < c.Oldest {
			c.Oldest = r.Start
		}
	}
	return x
}

// capture reads bundled captures, in time order.
func capture(t testing.TB, names ...string) (out []record.Packet) {
	t.Helper()
	for _, name := range names {
		out = append(out, prototest.Read(t, "../testdata/"+name+".pcap")...)
	}
	slices.SortStableFunc(out, func(a, b record.Packet) int { return cmp.Compare(a.Time, b.Time) })
	return out
}
