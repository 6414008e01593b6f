package store

import (
	"testing"

	"github.com/tapir-project/tapir/record"
)

func TestMergeParts(t *testing.T) {
	part := func(n uint32, start, end int64, final bool, fill func(v *record.Values)) *record.Record {
		r := &record.Record{ID: record.ID{1}, Session: record.ID{1}, Part: n, Start: start, End: end, Final: final}
		fill(&r.Values)
		return r
	}
	packets, hosts, state := record.MustID("source.packets"), record.MustID("url.domain"), record.MustID("session.state")
	syn, length := record.MustID("tcp.flags.syn"), record.MustID("session.length")
	first := part(0, 1e9, 2e9, false, func(v *record.Values) {
		v.PutInt(packets, 3)
		v.PutInt(syn, 1)
		v.PutInt(length, 1000)
		v.AddString(hosts, "b.example")
		v.AddString(state, "open")
	})
	last := part(1, 2e9, 7e9, true, func(v *record.Values) {
		v.PutInt(packets, 4)
		v.PutInt(length, 5000)
		v.AddString(hosts, "b.example")
		v.AddString(hosts, "a.example")
		v.AddString(state, "fin")
	})
	var got record.Record
	Merge(&got, []*record.Record{last, first})
	var e record.Encoder
	want := `{"event":{"end":"1970-01-01T00:00:07.000000000Z","id":"01081G81860W40J2GB1G6GW3R0","kind":"session","start":"1970-01-01T00:00:01.000000000Z"},` +
		`"session":{"final":true,"id":"01081G81860W40J2GB1G6GW3R0","length":6000,"part":1,"state":"fin"},"source":{"packets":7},` +
		`"tcp":{"flags":{"syn":1}},"url":{"domain":["a.example","b.example"]}}`
	got.ID, got.Session = record.ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, record.ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	if s := string(e.Append(nil, &got)); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

// What is summed must be a number of a session, and one value.
func TestSummableFields(t *testing.T) {
	for f := range summable {
		if x := record.FieldByID(f); !x.Type.Numeric() || x.Multi(record.KindSession) || !x.Kinds.Has(record.KindSession) {
			t.Errorf("%s cannot be summed over the parts of a session", x.Name)
		}
	}
}
