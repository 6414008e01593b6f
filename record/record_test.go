package record

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// A stored field's name may not be a prefix of another's: JSON would need a value and an object in one place.
func TestNoStoredNameIsAPrefix(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Fields() {
		if f.Stored() {
			names[f.Name] = true
		}
	}
	for n := range names {
		for i, c := range n {
			if c == '.' && names[n[:i]] {
				t.Errorf("field %s lies within field %s", n, n[:i])
			}
		}
	}
}

func TestRegistryRefersToFields(t *testing.T) {
	for _, f := range Fields() {
		for _, n := range append(f.Any, f.Raw) {
			if n == "" {
				continue
			}
			g, ok := Lookup(n)
			switch {
			case !ok:
				t.Errorf("%s refers to %s, which is no field", f.Name, n)
			case !g.Stored():
				t.Errorf("%s refers to %s, which holds no values", f.Name, n)
			case g.Type != f.Type && f.Raw == "":
				t.Errorf("%s is %v and stands for %s, which is %v", f.Name, f.Type, n, g.Type)
			}
		}
		if f.Desc == "" {
			t.Errorf("%s has no description", f.Name)
		}
		if got, ok := Lookup(f.Name); !ok || got.ID != f.ID {
			t.Errorf("Lookup(%q) does not find the field itself", f.Name)
		}
	}
}

// The names are the expression and database names of Arkime's 421 fields; each must resolve.
func TestArkimeNamesResolve(t *testing.T) {
	b, err := os.ReadFile("testdata/arkime-names.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range strings.Fields(string(b)) {
		n++
		if _, ok := Lookup(name); !ok {
			t.Errorf("no field answers to %s", name)
		}
	}
	if n < 570 {
		t.Errorf("only %d names checked", n)
	}
}

func TestEncoderNestsAndSorts(t *testing.T) {
	var r Record
	r.Start, r.End = 1, 1_500_000_000
	r.Values.AddString(MustID("network.protocol"), "TCP")
	r.Values.AddString(MustID("network.protocol"), "http")
	r.Values.AddString(MustID("network.protocol"), "http")
	r.Values.PutInt(MustID("network.bytes"), 12)
	r.Values.PutAddr(MustID("source.ip"), AddrFrom4([]byte{10, 0, 0, 1}))
	r.Values.AddString(MustID("url.domain"), "a\"<b>\x00\xff")
	var e Encoder
	got := string(e.Append(nil, &r))
	want := `{"event":{"end":"1970-01-01T00:00:01.500000000Z","id":"00000000000000000000000000","kind":"session","start":"1970-01-01T00:00:00.000000001Z"},` +
		`"network":{"bytes":12,"protocol":["http","tcp"]},"session":{"final":false,"part":0},"source":{"ip":"10.0.0.1"},"url":{"domain":["a\"<b>\u0000` + "\ufffd" + `"]}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid([]byte(got)) {
		t.Error("not JSON")
	}
}

func TestIDRoundTripAndOrder(t *testing.T) {
	a, b := NewID(1_700_000_000_000_000_000, 7, 0), NewID(1_700_000_000_001_000_000, 1, 0)
	if a.String() >= b.String() {
		t.Errorf("ids do not sort by time: %s %s", a, b)
	}
	if a != NewID(1_700_000_000_000_000_000, 7, 0) {
		t.Error("ids are not a function of their input")
	}
	node, got, err := ParseID("my-node-" + a.String())
	if err != nil || got != a || node != "my-node" {
		t.Errorf("ParseID: %q %v %v", node, got, err)
	}
	if a.Millis() != 1_700_000_000_000 {
		t.Errorf("Millis %d", a.Millis())
	}
	for _, bad := range []string{"", "x", strings.Repeat("U", 26), "8" + strings.Repeat("0", 25)} {
		if _, _, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) took it", bad)
		}
	}
}

func TestValuesAreSets(t *testing.T) {
	var v Values
	id, num := MustID("dns.host"), MustID("network.vlan.id")
	for i := range 500 {
		for range 2 {
			v.AddString(id, strings.Repeat("x", i%250+1))
			v.AddInt(num, int64(i%100))
		}
	}
	n := map[FieldID]int{}
	for i := range v.Len() {
		n[v.At(i).Field()]++
	}
	if n[id] != 250 || n[num] != 100 {
		t.Errorf("%d names and %d ids, want 250 and 100", n[id], n[num])
	}
	v.Reset()
	if v.Len() != 0 || v.Has(id) {
		t.Error("Reset left values")
	}
	for i := range 2 * MaxValues {
		v.AddInt(num, int64(i))
	}
	if v.Len() != MaxValues || v.Dropped != MaxValues {
		t.Errorf("%d values, %d dropped", v.Len(), v.Dropped)
	}
}

// TestPutFitsAFullRecord holds that ends and counters find room however much a flow said, and are bounded too.
func TestPutFitsAFullRecord(t *testing.T) {
	num, name, ip := MustID("http.response.status_code"), MustID("network.transport"), MustID("source.ip")
	var v Values
	text := make([]byte, MaxValueBytes)
	for text[0] = 1; v.AddText(MustID("url.path"), text); text[0]++ {
	}
	for i := range 2 * MaxValues {
		v.AddInt(num, int64(i))
	}
	v.PutString(name, "tcp")
	v.PutAddr(ip, Addr{1})
	v.PutInt(num, -1)
	if !v.Has(name) || !v.Has(ip) || v.At(v.Len()-1).Int() != -1 {
		t.Error("what is put does not fit a full record")
	}
	for range 2 * MaxValues {
		v.PutInt(num, 1)
		v.PutText(name, text)
	}
	if v.Len() > MaxValues+spareValues || len(v.arena) > MaxArena+spareArena {
		t.Errorf("%d values in %d bytes", v.Len(), len(v.arena))
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	var v Values
	id, name := MustID("dns.host"), []byte("www.example.com")
	fill := func() {
		v.Reset()
		v.AddText(id, name)
		v.AddInt(MustID("network.bytes"), 1)
	}
	fill()
	if n := testing.AllocsPerRun(100, fill); n != 0 {
		t.Errorf("adding values allocates %v times, want 0", n)
	}
}

// Times are those of package time, at every border of a day and in every year that an int64 of ns reaches.
func TestAppendTime(t *testing.T) {
	check := func(ns int64) {
		want := time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000000Z")
		if got := string(AppendTime(nil, ns)); got != want {
			t.Fatalf("%d: %s, want %s", ns, got, want)
		}
	}
	for _, ns := range []int64{0, 1, -1, 1e9 - 1, -1e9, -1e9 - 1, math.MinInt64, math.MaxInt64, MinTime, MaxTime} {
		check(ns)
	}
	const day = int64(24 * time.Hour)
	for d := math.MinInt64/day + 1; d < math.MaxInt64/day; d++ {
		check(d * day)
		check(d*day - 1)
	}
}
