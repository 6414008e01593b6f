package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// world is the records a store was given and those it must show.
type world struct {
	r     *rand.Rand
	given []*record.Record                 // in the order in which they are given
	shown [record.Kinds]([]*record.Record) // parts merged, text made valid, newest first
}

func field(name string) *record.Field {
	f, ok := record.Lookup(name)
	if !ok {
		panic("storetest: no field " + name)
	}
	return f
}

// fields are those that records are made of: every type, single and set, folded and not, summed over parts and not.
var fields = [record.Kinds][]string{
	record.KindSession: {"source.ip", "destination.ip", "source.port", "destination.port", "network.iana_number", "network.protocol",
		"source.bytes", "destination.bytes", "network.bytes", "source.packets", "destination.packets", "network.packets", "client.bytes",
		"server.bytes", "network.data_bytes", "event.duration", "session.length", "session.state", "tcp.flags.syn", "tcp.handshake",
		"url.domain", "http.uri", "http.request.method", "http.response.status_code", "user_agent.original", "dns.host", "dns.resolved_ip",
		"tls.cipher", "cert.not_after", "network.vlan.id", "source.ttl", "tags", "http.request.header_names", "source.mac", "icmp.type", "icmp.code",
		"tls.client.ech"},
	record.KindTransaction: {"source.ip", "destination.ip", "client.ip", "server.port", "network.iana_number", "source.bytes", "destination.bytes",
		"network.bytes", "event.duration", "type", "status", "method", "query", "error.message", "related.ip", "related.hosts", "dns.flags.authoritative",
		"dns.opt.do", "http.uri", "http.response.status_code", "tls.client.not_after", "tags"},
	record.KindSysEvent: {"thread.cpu", "proc.fdusage", "evt.is_io", "evt.latency", "evt.rawtime", "proc.name", "proc.cmdline", "fd.name", "fd.cip"},
}

// texts are values of text fields.
var texts = []string{"a", "A", "ab", "aB", "abc", "b", "abab", "a b c", "x%y", "x_y", `x\y`, `x\\y`, "it's", `"q"`, `'`, `''`, ";--", "nul\x00in", "\x00",
	"\xff\xfebad", "ok\xc3", "ünïcödé", "ÜNÏ", "日本語テキスト", "line\nbreak", "tab\there", "www.example.com", "WWW.Example.COM", "mail.example.org",
	"/a/b/c.html?x=1&y=%20", "/a/b", "a*b", "a?b", "a.b", "[a]", "(a|b)", "\u212a", "k", "\u017f", "s", "\ufffd", "NULL", "true", "0", "-1", "1e3",
	"word_one two-three", "Word_One", "one two", "two three", "😀 smile", strings.Repeat("long", 100), "$", "^a$", "{}", "\r\n", " ", "  two  spaces "}

var addrs = []string{"10.0.0.1", "10.0.0.2", "10.1.2.3", "10.255.255.255", "192.168.1.1", "255.255.255.255", "1.1.1.1", "::1", "2001:db8::1", "2001:db8::ffff",
	"fe80::1", "ff02::1", "::ffff:0:1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "8000::"}

var numbers = []int64{0, 1, 2, 3, 7, 53, 80, 443, 1000, 65535, 1 << 31, 1 << 40, -1, -1000, math.MaxInt64, math.MinInt64, 1e18}

const (
	baseTime = 1_795_248_000_000_000_000 // 2026-11-21 08:00 UTC
	hour     = 3600e9
)

// newWorld makes up n records or so.
func newWorld(seed uint64, n int) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 7))}
	for len(w.given) < n {
		switch w.r.IntN(10) {
		case 0:
			w.parts()
		case 1, 2, 3:
			w.whole(record.KindTransaction)
		case 4:
			w.whole(record.KindSysEvent)
		default:
			w.whole(record.KindSession)
		}
	}
	w.finish()
	return w
}

// finish works out what must be shown.
func (w *world) finish() {
	byID := map[record.ID][]*record.Record{}
	var ids []record.ID
	for _, r := range w.given {
		if byID[r.ID] == nil {
			ids = append(ids, r.ID)
		}
		byID[r.ID] = append(byID[r.ID], r)
	}
	for _, id := range ids {
		r := shownAs(byID[id])
		w.shown[r.Kind] = append(w.shown[r.Kind], r)
	}
	for k := range w.shown {
		slices.SortFunc(w.shown[k], newest)
	}
}

// newest is the order in which searches answer that ask for none.
func newest(a, b *record.Record) int {
	return cmp.Or(cmp.Compare(b.Start, a.Start), strings.Compare(string(a.ID[:]), string(b.ID[:])))
}

// shownAs is the record that a store makes of what it was given under one id.
func shownAs(given []*record.Record) *record.Record {
	valid := make([]*record.Record, len(given))
	for i, r := range given {
		valid[i] = makeValid(r)
	}
	if len(valid) == 1 && valid[0].Final && valid[0].Part == 0 {
		return valid[0]
	}
	out := new(record.Record)
	store.Merge(out, valid)
	return out
}

// makeValid copies a record with valid text.
func makeValid(r *record.Record) *record.Record {
	out := new(record.Record)
	out.CopyFrom(r)
	out.Values.Reset()
	for i := range r.Values.Len() {
		x := r.Values.At(i)
		switch f := x.Field(); record.FieldByID(f).Type {
		case record.TypeTerm, record.TypeText:
			out.Values.PutString(f, string([]rune(string(x.Text()))))
		case record.TypeIP:
			out.Values.PutAddr(f, x.Addr())
		default:
			out.Values.PutInt(f, x.Int())
		}
	}
	return out
}

// whole adds a record that is one row.
func (w *world) whole(kind record.Kind) {
	start := baseTime + w.r.Int64N(3*hour)
	if w.r.IntN(3) == 0 { // many start together
		start = baseTime + w.r.Int64N(40)*240e9
	}
	r := w.record(kind, start)
	r.Final = true
	w.given = append(w.given, r)
}

// parts adds a session in parts; some of these sessions are not over.
func (w *world) parts() {
	n := 1 + w.r.IntN(4)
	first := w.record(record.KindSession, baseTime+w.r.Int64N(3*hour))
	start := first.Start
	for i := range n {
		p := w.record(record.KindSession, start)
		p.ID, p.Session, p.Part = first.ID, first.ID, uint32(i)
		p.Final = i == n-1 && w.r.IntN(3) > 0
		start = p.End
		w.given = append(w.given, p)
	}
	if w.r.IntN(4) == 0 { // workers hand on in any order
		w.r.Shuffle(n, func(i, j int) {
			k := len(w.given) - n
			w.given[k+i], w.given[k+j] = w.given[k+j], w.given[k+i]
		})
	}
}

// record makes up one record that starts at the given time.
func (w *world) record(kind record.Kind, start int64) *record.Record {
	r := &record.Record{Kind: kind, Start: start}
	r.End = start + [...]int64{0, 1, 999, 1e6, 1e9, 3e9, hour}[w.r.IntN(7)]
	r.ID = record.NewID(start, w.r.Uint64(), 0)
	r.Session = r.ID
	if kind != record.KindSession {
		r.Session = record.NewID(start-1e6, w.r.Uint64(), 0)
	}
	for _, name := range fields[kind] {
		if w.r.IntN(3) == 0 {
			w.fill(r, field(name))
		}
	}
	w.sums(r)
	r.Values.PutInt(field("event.ingested").ID, r.End+w.r.Int64N(1e9))
	return r
}

// fill gives r values of f.
func (w *world) fill(r *record.Record, f *record.Field) {
	n := 1
	if f.Multi(r.Kind) && w.r.IntN(3) == 0 {
		n += w.r.IntN(5)
	}
	v := &r.Values
	for range n {
		switch {
		case f.Type == record.TypeIP:
			v.AddAddr(f.ID, w.addr())
		case f.Type == record.TypeTerm || f.Type == record.TypeText:
			v.AddString(f.ID, w.text())
		case f.Type == record.TypeBool:
			v.AddInt(f.ID, int64(w.r.IntN(2)))
		case f.Type == record.TypeFloat:
			v.AddFloat(f.ID, w.float())
		case f.Type == record.TypeTime:
			v.AddInt(f.ID, baseTime+int64(w.r.IntN(5))*1e9)
		case f.Type == record.TypeInt && w.r.IntN(3) == 0 && !store.Summable(f.ID):
			v.AddInt(f.ID, numbers[w.r.IntN(len(numbers))])
		default:
			v.AddInt(f.ID, int64(w.r.IntN(6)))
		}
	}
}

func (w *world) text() string { return texts[w.r.IntN(len(texts))] }

func (w *world) addr() record.Addr {
	return record.AddrFrom(netip.MustParseAddr(addrs[w.r.IntN(len(addrs))]))
}

func (w *world) float() float64 {
	return [...]float64{0, 0.5, -1.25, 1e300, 3, 100, math.Inf(1), math.Inf(-1)}[w.r.IntN(8)]
}

// sums often makes totals what they are in real records, since stores may leave out what follows from the rest.
func (w *world) sums(r *record.Record) {
	v := &r.Values
	total := func(name, a, b string) {
		x, ok1 := v.First(field(a).ID)
		y, ok2 := v.First(field(b).ID)
		if f := field(name).ID; ok1 && ok2 && !v.Has(f) && w.r.IntN(2) == 0 {
			v.PutInt(f, x.Int()+y.Int())
		}
	}
	if r.Kind == record.KindSysEvent {
		return
	}
	total("network.bytes", "source.bytes", "destination.bytes")
	if r.Kind == record.KindSession {
		total("network.packets", "source.packets", "destination.packets")
		total("network.data_bytes", "client.bytes", "server.bytes")
	}
	if f := field("event.duration").ID; !v.Has(f) && w.r.IntN(2) == 0 {
		v.PutInt(f, r.End-r.Start)
	}
	w.communityID(v)
}

func describe(q *store.Search) string {
	return fmt.Sprintf("kind %v where %s range %+v bounding %d order %v limit %d offset %d", q.Kind, show(q.Where), q.Range, q.Bounding, orderNames(q.Order), q.Limit, q.Offset)
}

func orderNames(order []store.Order) (out []string) {
	for _, o := range order {
		out = append(out, fmt.Sprintf("%s desc=%v", o.Field.Name, o.Desc))
	}
	return out
}
