package traffic

import (
	"testing"

	"github.com/tapir-project/tapir/record"
)

func TestSameSeedSameRecords(t *testing.T) {
	a, b := New(Config{}), New(Config{})
	var x, y record.Encoder
	var r, s, u record.Record
	http, uris := 0, map[string]bool{}
	for range 5000 {
		a.Session(&r)
		b.Session(&s)
		if got, want := string(x.Append(nil, &r)), string(y.Append(nil, &s)); got != want {
			t.Fatalf("two sources of one seed differ:\n%s\n%s", got, want)
		}
		if v, ok := r.Values.First(fURI); ok {
			http++
			uris[string(v.Text())] = true
			if !a.Transaction(&r, &u) || u.Session != r.ID {
				t.Fatal("an HTTP session without its transaction")
			}
		}
	}
	if http < 2000 || http > 2500 || len(uris) < http*2/3 {
		t.Errorf("%d HTTP sessions, %d URIs of 5000 sessions", http, len(uris))
	}
}

func BenchmarkSession(b *testing.B) {
	s := New(Config{})
	var r record.Record
	for b.Loop() {
		s.Session(&r)
	}
}
