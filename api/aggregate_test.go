package api

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

func itoa(n int) string { return strconv.Itoa(n) }

// table is what aggregate answers.
type table struct {
	By, Metrics        []string
	From, To, Interval string
	Rows               []struct {
		Bucket string
		Keys   []string
		Values []*float64
	}
	More     bool
	Coverage map[string]any
}

func (c *client) aggregate(nameValue ...string) (t table) {
	c.t.Helper()
	c.ok(at("/api/aggregate", nameValue...)).json(c.t, &t)
	return t
}

// TestAggregateAgreesWithSearch counts by hand what the table counts.
func TestAggregateAgreesWithSearch(t *testing.T) {
	c := bundled(t)
	ports, bytes := map[string]float64{}, map[string]float64{}
	for _, r := range c.search("limit", "0").Records {
		port := ""
		if r.Destination.Port != 0 {
			port = itoa(r.Destination.Port)
		}
		ports[port]++
		bytes[port] += float64(r.Network.Bytes)
	}
	got := c.aggregate("by", "destination.port", "metric", "count,sum(network.bytes)")
	staged := c.aggregate("q", "| stats count, sum(network.bytes) by destination.port")
	if mustJSON(got) != mustJSON(staged) {
		t.Errorf("by parameters %s, by stages %s", mustJSON(got), mustJSON(staged))
	}
	if strings.Join(got.By, " ") != "destination.port" || strings.Join(got.Metrics, " ") != "count sum(network.bytes)" {
		t.Errorf("columns %v %v", got.By, got.Metrics)
	}
	n := 0
	for _, r := range got.Rows {
		if key := r.Keys[0]; key != "" && key != "0" && (*r.Values[0] != ports[key] || *r.Values[1] != bytes[key]) {
			t.Errorf("port %s: %v %v, want %v %v", key, *r.Values[0], *r.Values[1], ports[key], bytes[key])
		} else {
			n++
		}
	}
	if n < 3 {
		t.Errorf("only %d groups", n)
	}
}

func TestAggregateTop(t *testing.T) {
	c := bundled(t)
	all := c.aggregate("by", "destination.port")
	top := c.aggregate("by", "destination.port", "top", "2")
	if len(top.Rows) != 2 || !top.More || mustJSON(top.Rows) != mustJSON(all.Rows[:2]) {
		t.Errorf("top 2 of %s: %s", mustJSON(all.Rows), mustJSON(top))
	}
	low := c.aggregate("by", "destination.port", "top", "1", "lowest", "true")
	if *low.Rows[0].Values[0] != *all.Rows[len(all.Rows)-1].Values[0] {
		t.Errorf("lowest: %s", mustJSON(low))
	}
	head := c.aggregate("q", "| count by destination.port | sort count desc | head 2")
	if len(head.Rows) != 2 || !head.More || mustJSON(head.Rows) != mustJSON(all.Rows[:2]) {
		t.Errorf("| head 2: %s", mustJSON(head))
	}
}

func TestAggregateTime(t *testing.T) {
	c := bundled(t)
	n := len(c.search("limit", "0").ids())
	for _, params := range [][]string{
		{"interval", "auto", "buckets", "50"},
		{"interval", "auto", "buckets", "50", "from", "2001-01-01"}, // the open end is not 2262
		{"q", "| timechart count", "buckets", "50"},
	} {
		got := c.aggregate(params...)
		ns, _ := strconv.ParseInt(got.Interval, 10, 64)
		sum := 0.0
		for _, r := range got.Rows {
			sum += *r.Values[0]
			if b, err := strconv.ParseInt(r.Bucket, 10, 64); err != nil || b%ns != 0 {
				t.Errorf("%v: bucket %s", params, r.Bucket)
			}
		}
		if int(sum) != n || len(got.Rows) > 51 || len(got.Rows) < 2 {
			t.Errorf("%v: %v sessions in %d buckets of %s, want %d", params, sum, len(got.Rows), got.Interval, n)
		}
	}
	if got := c.aggregate("interval", "1d", "from", "now-1d", "to", "now"); got.Interval != "86400000000000" ||
		got.To != itoa(int(testNow.UnixNano())) || got.From != itoa(int(testNow.UnixNano()-86400e9)) {
		t.Errorf("%+v", got)
	}
	if got := c.aggregate("from", "now-1d"); got.To != "" || got.From == "" {
		t.Errorf("open end: %+v", got)
	}
}

func TestAggregateOfNothing(t *testing.T) {
	c := serve(t, play(t))
	if got := c.aggregate("interval", "auto"); got.Rows == nil || len(got.Rows) != 0 || got.Interval == "0" {
		t.Errorf("%+v", got)
	}
}

// TestAggregateRefuses holds that what to compute is said once.
func TestAggregateRefuses(t *testing.T) {
	c := bundled(t)
	for _, x := range []struct{ param, want string }{
		{"by", at("", "q", "| count", "by", "source.ip")}, {"metric", at("", "q", "| top source.ip", "metric", "count")},
		{"interval", at("", "q", "| head 3", "interval", "auto")}, {"q", at("", "q", "| head 3")}, {"q", at("", "q", "| sort source.ip")},
	} {
		a := c.get("/api/aggregate" + x.want)
		if e := a.failure(t); a.StatusCode != 400 || e.Error.Param != x.param {
			t.Errorf("%s: %s %s", x.want, a.Status, a.body)
		}
	}
	a := c.get(at("/api/aggregate", "by", "source.prot"))
	if e := a.failure(t); len(e.Error.Suggest) == 0 || e.Error.Suggest[0] != "source.port" {
		t.Errorf("a misspelt field: %s", a.body)
	}
}

func TestTableJSON(t *testing.T) {
	a := &store.Aggregate{By: []*record.Field{record.FieldByID(fSourcePort)}, Metrics: []query.Metric{{}}, Interval: 60e9}
	rows := []store.Row{{Bucket: -60e9, Keys: []string{"<a>\"\u2028\x00"}, Metrics: []float64{math.NaN()}}, {Keys: []string{""}, Metrics: []float64{1e300}}, {Keys: []string{"x"}, Metrics: []float64{9007199254740993}}}
	got := string(TableJSON(a, &store.Table{Rows: rows, More: true}))
	want := `{"by":["source.port"],"metrics":["count"],"interval":"60000000000","rows":[` +
		`{"bucket":"-60000000000","keys":["<a>\"\u2028\u0000"],"values":[null]},{"bucket":"0","keys":[""],"values":[1e+300]},{"bucket":"0","keys":["x"],"values":[9007199254740992]}],` +
		`"more":true,"coverage":{"files":0,"files_done":0,"records":0,"dropped_packets":0,"partial":false}}` + "\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}
