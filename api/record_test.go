package api

import (
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// The data of a call comes byte for byte, to be saved; what cannot come is said.
func TestValue(t *testing.T) {
	c := bundled(t)
	data := "\x7fELF\x00\xff\xfe<script>\r\n"
	r := &record.Record{ID: record.NewID(testNow.UnixNano(), 1, 1), Kind: record.KindSysEvent, Final: true, Start: testNow.UnixNano(), End: testNow.UnixNano()}
	r.Values.PutString(record.MustID("evt.buffer"), data)
	r.Values.AddInt(record.MustID("evt.rawres"), 12)
	c.records.recs = append(c.records.recs, r)
	path := "/api/records/sysevent/" + testNode + "-" + r.ID.String()
	a := c.get(path + "/evt.buffer")
	if string(a.body) != data || a.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%q %v", a.body, a.Header)
	}
	for field, want := range map[string]int{"fd.name": 404, "evt.rawres": 400, "nosuchfield": 400, "host": 400} {
		a := c.get(path + "/" + field)
		if e := a.failure(t); a.StatusCode != want || e.Error.Param != "field" {
			t.Errorf("%s: %s %s", field, a.Status, a.body)
		}
	}
	if a := c.get(strings.Replace(path, "sysevent", "nothing", 1) + "/evt.buffer"); a.StatusCode != 400 || a.failure(t).Error.Param != "kind" {
		t.Errorf("%s %s", a.Status, a.body)
	}
}
