package api

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

const (
	defaultHostTop = 10
	maxHostTop     = 100
	maxHostName    = 255 // bytes, RFC 1035 §2.3.4
	hostAtOnce     = 4   // aggregations of one answer that run at the same time
)

// hosts sums a host up: when it was seen, what it sent and received, and lists of what it had to do with. It is a dozen
// aggregations: first those that say in which roles the host was seen at all, then the others, side by side.
func (s *Server) hosts(w *reply, r *http.Request, p *params) error {
	base := store.Aggregate{Kind: record.KindSession, Range: p.times(s.Now()), Bounding: p.bounding(), Top: p.number("top", defaultHostTop, 1, maxHostTop)}
	if p.err != nil {
		return p.err
	}
	h, err := newHost(r.PathValue("host"))
	if err != nil {
		return err
	}
	if err := h.ask(r.Context(), s.Store, base); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(h.append(nil, base.Top))
	return err
}

// hostSummary is a summary in the making.
type hostSummary struct {
	name  string
	isIP  bool
	roles [2]hostRole // client, server
	asked hostRole    // for a name by DNS: only when
	rest  []hostAsk   // what does not depend on a role

	mu       sync.Mutex // guards what follows
	lists    map[string]map[string]*hostValue
	more     map[string]bool
	coverage store.Coverage
}

// hostRole is what a host did as one end of its sessions.
type hostRole struct {
	where query.Expr
	pair  [2]hostAsk // two lists that one aggregation gives, with the totals
	asks  []hostAsk  // the others, of this role

	sessions, out, in, outPkt, inPkt float64
	first, last                      float64 // ns; NaN without sessions
	tooMany                          bool    // the pairs were too many for one table
}

// hostAsk is one aggregation: the values of a field in the sessions that pass.
type hostAsk struct {
	list  string
	where query.Expr
	by    *record.Field
	field string // that the values can be asked for by
}

// hostValue is one value of a list.
type hostValue struct {
	text         string
	count, bytes float64
	field        string
}

// hostLists are the lists in the order in which they are told.
var hostLists = []string{"names", "addresses", "ports_served", "ports_used", "peers", "protocols", "servers", "user_agents", "macs"}

// newHost plans the summary of an address or a name.
func newHost(name string) (*hostSummary, error) {
	h := &hostSummary{name: name, lists: map[string]map[string]*hostValue{}, more: map[string]bool{}}
	if ip, err := netip.ParseAddr(name); err == nil && ip.Zone() == "" {
		h.isIP, h.name = true, ip.Unmap().String()
		h.planAddress(record.AddrFrom(ip))
		return h, nil
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "" || len(name) > maxHostName || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return nil, &problem{status: http.StatusBadRequest, param: "host", err: errors.New("host must be an IP address or a name of at most " + strconv.Itoa(maxHostName) + " bytes")}
	}
	h.name = name
	h.planName(name)
	return h, nil
}

// is tests that a field has a value.
func is(field string, m query.Matcher) query.Expr {
	return &query.Test{Field: mustField(field), Match: []query.Matcher{m}}
}

func mustField(name string) *record.Field { return record.FieldByID(record.MustID(name)) }

// listOf plans a list of the values of fields in the sessions that pass where. The values can be asked for by field, or,
// if that is "", by the field they come from.
func listOf(list string, where query.Expr, field string, by ...string) (out []hostAsk) {
	for _, name := range by {
		f := mustField(name)
		there := &query.Test{Field: f} // stores pass over files that do not have it
		out = append(out, hostAsk{list, query.And{where, there}, f, cmp.Or(field, name)})
	}
	return out
}

// pairOf plans two lists at once.
func pairOf(where query.Expr, a, fieldA, byA, b, fieldB, byB string) [2]hostAsk {
	return [2]hostAsk{listOf(a, where, fieldA, byA)[0], listOf(b, where, fieldB, byB)[0]}
}

// servedNames are the fields with names by which a server is called.
var servedNames = []string{"url.domain", "tls.client.server_name", "quic.host"}

func (h *hostSummary) planAddress(a record.Addr) {
	m := query.AddrRange{Lo: a, Hi: a}
	client, server := is("source.ip", m), is("destination.ip", m)
	h.roles[0] = hostRole{where: client, pair: pairOf(client, "peers", "ip", "destination.ip", "ports_used", "", "destination.port"),
		asks: slices.Concat(listOf("protocols", client, "", "network.protocol"), listOf("user_agents", client, "", "user_agent.original"),
			listOf("macs", client, "mac", "source.mac"), listOf("names", client, "host", "dhcp.host"))}
	h.roles[1] = hostRole{where: server, pair: pairOf(server, "peers", "ip", "source.ip", "ports_served", "", "destination.port"),
		asks: slices.Concat(listOf("protocols", server, "", "network.protocol"), listOf("servers", server, "", "ssh.version", "mysql.version"),
			listOf("macs", server, "mac", "destination.mac"), listOf("names", server, "host", servedNames...))}
	h.rest = listOf("names", is("dns.resolved_ip", m), "host", "dns.host")
}

func (h *hostSummary) planName(name string) {
	m := query.Text(name)
	var called query.Or
	for _, f := range servedNames {
		called = append(called, is(f, m))
	}
	asked, self := is("dns.host", m), is("dhcp.host", m)
	h.roles[0] = hostRole{where: self, pair: pairOf(self, "addresses", "ip", "source.ip", "ports_used", "", "destination.port"),
		asks: listOf("macs", self, "mac", "source.mac")}
	h.roles[1] = hostRole{where: called, pair: pairOf(called, "addresses", "ip", "destination.ip", "ports_served", "", "destination.port"),
		asks: slices.Concat(listOf("servers", called, "", "ssh.version", "mysql.version"), listOf("user_agents", called, "", "user_agent.original"))}
	anyhow := append(query.Or{asked, self}, called...)
	h.asked.where = asked
	h.rest = slices.Concat(listOf("addresses", asked, "ip", "dns.resolved_ip"), listOf("peers", anyhow, "ip", "source.ip"), listOf("protocols", anyhow, "", "network.protocol"))
}

// ask runs all aggregations; the first error ends them.
func (h *hostSummary) ask(ctx context.Context, s store.Store, base store.Aggregate) error {
	first := hostRun{ctx: ctx, store: s, host: h}
	for i := range h.roles {
		r := &h.roles[i]
		a := base
		a.Where, a.Top, a.Metrics = r.where, 0, roleMetrics
		a.By = []*record.Field{r.pair[0].by, r.pair[1].by}
		first.add(a, func(t *store.Table) { h.takePair(r, t) })
	}
	if h.asked.where != nil {
		a := base
		a.Where, a.Top, a.Metrics = h.asked.where, 0, roleMetrics
		first.add(a, h.asked.take)
	}
	for _, x := range h.rest {
		first.list(base, x)
	}
	if err := first.wait(); err != nil {
		return err
	}
	then := hostRun{ctx: ctx, store: s, host: h}
	for i := range h.roles {
		r := &h.roles[i]
		if r.tooMany { // groups were left out: ask for each by itself
			a := base
			a.Where, a.Top, a.Metrics = r.where, 0, roleMetrics
			then.add(a, r.take)
			then.list(base, r.pair[0])
			then.list(base, r.pair[1])
		}
		for _, x := range r.asks {
			if r.sessions > 0 || r.tooMany {
				then.list(base, x)
			}
		}
	}
	return then.wait()
}

// hostRun is aggregations of one host that run side by side.
type hostRun struct {
	ctx   context.Context
	store store.Store
	host  *hostSummary
	todo  []func(context.Context) error
}

func (x *hostRun) add(a store.Aggregate, take func(*store.Table)) {
	x.todo = append(x.todo, func(ctx context.Context) error {
		t, err := x.store.Aggregate(ctx, a)
		if err != nil {
			return err
		}
		x.host.mu.Lock()
		defer x.host.mu.Unlock()
		x.host.coverage = t.Coverage
		take(t)
		return nil
	})
}

func (x *hostRun) list(base store.Aggregate, ask hostAsk) {
	base.Where, base.By, base.Metrics = ask.where, []*record.Field{ask.by}, listMetrics
	x.add(base, func(t *store.Table) { x.host.take(ask, t) })
}

// wait runs them, hostAtOnce at a time.
func (x *hostRun) wait() error {
	ctx, cancel := context.WithCancelCause(x.ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	slots := make(chan struct{}, hostAtOnce)
	for _, do := range x.todo {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() == nil {
				if err := do(ctx); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

var (
	roleMetrics = []query.Metric{{Func: query.Count}, {Func: query.Sum, Field: mustField("source.bytes")}, {Func: query.Sum, Field: mustField("destination.bytes")},
		{Func: query.Sum, Field: mustField("source.packets")}, {Func: query.Sum, Field: mustField("destination.packets")},
		{Func: query.Min, Field: mustField("event.start")}, {Func: query.Max, Field: mustField("event.end")}}
	listMetrics = []query.Metric{{Func: query.Count}, {Func: query.Sum, Field: mustField("network.bytes")}}
)

// take keeps the totals of a role.
func (r *hostRole) take(t *store.Table) {
	r.sessions, r.out, r.in, r.outPkt, r.inPkt, r.first, r.last = 0, 0, 0, 0, 0, math.NaN(), math.NaN()
	for i := range t.Rows {
		m := t.Rows[i].Metrics
		for k, to := range []*float64{&r.sessions, &r.out, &r.in, &r.outPkt, &r.inPkt} {
			if !math.IsNaN(m[k]) {
				*to += m[k]
			}
		}
		r.first, r.last = least(r.first, m[5]), -least(-r.last, -m[6])
	}
}

// takePair keeps the totals of a role and both its lists.
func (h *hostSummary) takePair(r *hostRole, t *store.Table) {
	if r.tooMany = t.More; t.More {
		return
	}
	r.take(t)
	for i := range t.Rows {
		row := &t.Rows[i]
		bytes := row.Metrics[1] + row.Metrics[2]
		h.add(r.pair[0], row.Keys[0], row.Metrics[0], bytes)
		h.add(r.pair[1], row.Keys[1], row.Metrics[0], bytes)
	}
}

// take adds the groups of one aggregation to its list.
func (h *hostSummary) take(x hostAsk, t *store.Table) {
	h.more[x.list] = h.more[x.list] || t.More
	for i := range t.Rows {
		row := &t.Rows[i]
		h.add(x, row.Keys[0], row.Metrics[0], row.Metrics[1])
	}
}

// add counts a value of a list. Records without one do not count, nor is a host its own name.
func (h *hostSummary) add(x hostAsk, key string, count, bytes float64) {
	if key == "" || count == 0 || x.list == "names" && key == h.name {
		return
	}
	list := h.lists[x.list]
	if list == nil {
		list = map[string]*hostValue{}
		h.lists[x.list] = list
	}
	v := list[key]
	if v == nil {
		v = &hostValue{text: key, field: x.field}
		list[key] = v
	}
	v.count += count
	if !math.IsNaN(bytes) {
		v.bytes += bytes
	}
}

// append appends the summary as JSON; each list has the top values of most sessions.
func (h *hostSummary) append(dst []byte, top int) []byte {
	c, s := &h.roles[0], &h.roles[1]
	kind := "name"
	if h.isIP {
		kind = "address"
	}
	dst = record.AppendJSONString(append(dst, `{"host":`...), h.name)
	dst = append(append(append(dst, `,"kind":"`...), kind...), '"')
	if first, last := h.seen(); !math.IsNaN(first) {
		dst = append(record.AppendTime(append(dst, `,"first":"`...), micros(first)), '"')
		dst = append(record.AppendTime(append(dst, `,"last":"`...), micros(last)), '"')
	}
	dst = appendPair(dst, "sessions", "client", c.sessions, "server", s.sessions)
	dst = appendPair(dst, "bytes", "in", c.in+s.out, "out", c.out+s.in)
	dst = appendPair(dst, "packets", "in", c.inPkt+s.outPkt, "out", c.outPkt+s.inPkt)
	var more []string
	for _, name := range hostLists {
		values, cut := h.values(name, top)
		if cut {
			more = append(more, name)
		}
		dst = append(append(append(dst, `,"`...), name...), `":[`...)
		for i, v := range values {
			dst = v.append(comma(dst, i))
		}
		dst = append(dst, ']')
	}
	dst = appendNames(append(dst, `,"more":`...), more)
	return append(appendCoverage(append(dst, `,"coverage":`...), h.coverage), "}\n"...)
}

// micros is a time, ns, without the digits that a float does not have.
func micros(ns float64) int64 { return int64(math.Round(ns/1e3)) * 1e3 }

// seen is when the host was seen first and last, NaN if it never was.
func (h *hostSummary) seen() (first, last float64) {
	first, last = math.NaN(), math.NaN()
	for _, r := range []*hostRole{&h.roles[0], &h.roles[1], &h.asked} {
		if r.where != nil {
			first, last = least(first, r.first), -least(-last, -r.last)
		}
	}
	return first, last
}

// least is the smaller of two numbers, of which either may be missing.
func least(a, b float64) float64 {
	if math.IsNaN(a) || b < a {
		return b
	}
	return a
}

func appendPair(dst []byte, name, a string, x float64, b string, y float64) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":{"`...)
	dst = strconv.AppendInt(append(append(dst, a...), `":`...), int64(x), 10)
	dst = append(append(append(dst, `,"`...), b...), `":`...)
	return append(strconv.AppendInt(dst, int64(y), 10), '}')
}

// values are the values of most sessions of a list, and whether there are others.
func (h *hostSummary) values(list string, top int) (out []*hostValue, more bool) {
	for _, v := range h.lists[list] {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *hostValue) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.text, b.text))
	})
	if len(out) > top {
		return out[:top], true
	}
	return out, h.more[list]
}

func (v *hostValue) append(dst []byte) []byte {
	dst = record.AppendJSONString(append(dst, `{"value":`...), v.text)
	dst = strconv.AppendInt(append(dst, `,"count":`...), int64(v.count), 10)
	dst = strconv.AppendInt(append(dst, `,"bytes":`...), int64(v.bytes), 10)
	return append(record.AppendJSONString(append(dst, `,"field":`...), v.field), '}')
}
