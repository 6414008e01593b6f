package sys_test

import (
	"bytes"
	"encoding/base64"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sys"
)

// What is stored to be added up gives, over all calls, what their conditions give one by one. A call whose descriptor is not
// known, because its beginning was not captured, moves nobody's bytes.
func TestStoredSums(t *testing.T) {
	count := func(*sys.Event) int64 { return 1 }
	result := func(e *sys.Event) int64 {
		if n, _ := e.Result(); n > 0 && e.FD != nil {
			return n
		}
		return 0
	}
	files, _ := filepath.Glob("testdata/*.scap")
	for _, c := range []struct {
		field, condition string
		amount           func(*sys.Event) int64
	}{
		{"evt.count.exit", "evt.dir=<", count},
		{"evt.count.error", "evt.failed=true", count},
		{"evt.buflen.file.in", "evt.is_io_read=true and fd.type=file", result},
		{"evt.buflen.net.in", "evt.is_io_read=true and fd.type in (ipv4, ipv6)", result},
		{"evt.buflen.net.out", "evt.is_io_write=true and fd.type in (ipv4, ipv6)", result},
	} {
		filter, err := sys.NewFilter(c.condition)
		if err != nil {
			t.Fatal(err)
		}
		known, ok := record.Lookup(c.field)
		if !ok {
			t.Fatalf("no field %s", c.field)
		}
		var want, got int64
		for _, file := range files {
			for _, r := range stored(t, file, func(e *sys.Event) {
				if e.Type.Exit() && filter.Pass(e) {
					want += c.amount(e)
				}
			}) {
				if v, ok := r.Values.First(known.ID); ok {
					got += v.Int()
				}
			}
		}
		if got != want || want == 0 {
			t.Errorf("%s adds up to %d, want %d", c.field, got, want)
		}
	}
}

// Data that is no text is kept byte for byte beside its text.
func TestStoredData(t *testing.T) {
	text, raw := record.MustID("evt.buffer"), record.MustID("evt.buffer_base64")
	n := 0
	files, _ := filepath.Glob("testdata/*.scap")
	for _, file := range files {
		var data [][]byte
		records := stored(t, file, func(e *sys.Event) { data = append(data, bytes.Clone(e.Data())) })
		for i, r := range records {
			v, _ := r.Values.First(text)
			b, ok := r.Values.First(raw)
			if ok == utf8.Valid(data[i]) {
				t.Errorf("%s: record %d: base64 of %q: %v", file, i, data[i], ok)
			}
			if !ok {
				continue
			}
			n++
			got, err := base64.StdEncoding.DecodeString(string(b.Text()))
			if err != nil || !bytes.Equal(got, data[i]) || !bytes.Equal(v.Text(), data[i]) {
				t.Errorf("%s: record %d: %q %v, want %q", file, i, got, err, data[i])
			}
		}
	}
	if n == 0 {
		t.Error("nothing was tested")
	}
}

// stored are the records of a file's events; also is called with those that have one.
func stored(t *testing.T, file string, also func(*sys.Event)) (out []*record.Record) {
	s := sys.New()
	rec := sys.NewRecorder(s)
	eachOf(t, s, file, func(e *sys.Event) {
		r := &record.Record{}
		if rec.Fill(r, e) {
			out = append(out, r)
			also(e)
		}
	})
	return out
}
