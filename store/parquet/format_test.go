package parquet

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tapir-project/tapir/bench/sessions/traffic"
	"github.com/tapir-project/tapir/record"
)

// Files are read by the ids of their columns: no two fields may share one.
func TestColumnIDsDiffer(t *testing.T) {
	seen := map[int32]string{}
	for _, c := range specs {
		if c.name == "" {
			t.Error("a column without a name")
		}
		for _, name := range []string{c.name, c.name + ".element"} {
			id := columnID(name)
			if o, ok := seen[id]; ok && o != name {
				t.Errorf("%s and %s have the same id: rename the field that is newer", o, name)
			}
			seen[id] = name
		}
	}
	if columnID("source.ip") != 1_825_793_747 {
		t.Errorf("the id of source.ip is %d: files written before cannot be read", columnID("source.ip"))
	}
}

func TestFileNames(t *testing.T) {
	for _, n := range []fileName{
		{kind: record.KindSession, hour: hourOf(1_795_248_000e9), start: 1_795_248_000e9, last: 1_795_248_001e9, end: 1_795_251_000_000_000_001, rows: 7, tag: "a-1"},
		{kind: record.KindTransaction, parts: true, hour: hourOf(-5), start: -5, last: -5, end: 0, rows: 1, tag: "x-z"},
	} {
		hour, ok := parseHour(filepath.Join(filepath.Base(filepath.Dir(n.folder())), filepath.Base(n.folder())))
		if !ok || hour != n.hour {
			t.Errorf("%s is the hour %d, want %d", n.folder(), hour, n.hour)
		}
		if got, ok := parseName(n.kind, n.hour, n.base()); !ok || got != n {
			t.Errorf("%s: %+v", n.base(), got)
		}
	}
	for _, bad := range []string{"", ".tmp-x", "whole_1_2_3_4_5.parquet", "x.parquet", "whole_20261121T080000.000000000_20261121T080000.000000000_20261121T080000.000000000_0_a.parquet"} {
		if _, ok := parseName(record.KindSession, 0, bad); ok {
			t.Errorf("%q was taken for a record file", bad)
		}
	}
}

func TestHybridRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, width := range []int{1, 2, 8, 16} {
		for range 300 {
			var want []uint16
			var h hybrid
			h.reset(nil, width)
			for range r.IntN(20) {
				v, n := uint16(r.IntN(1<<width)), 1+r.IntN(40)
				h.add(v, n)
				want = append(want, slices.Repeat([]uint16{v}, n)...)
			}
			b := h.finish()
			got, err := readHybrid(b, width, len(want))
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("width %d: %v, want %v: %v", width, got, want, err)
			}
			var runs []uint16
			if err := eachRun(b, width, len(want), func(v uint16, k int) { runs = append(runs, slices.Repeat([]uint16{v}, k)...) }); err != nil || !slices.Equal(runs, want) {
				t.Fatalf("width %d in runs: %v, want %v: %v", width, runs, want, err)
			}
		}
	}
}

func TestPageHeaderRoundTrip(t *testing.T) {
	for _, h := range []pageHeader{
		{kind: pageDict, raw: 100, stored: 50, values: 7},
		{kind: pageV2, raw: 1 << 20, stored: 1 << 19, values: 8192, nulls: 8000, rows: 8192, encoding: encDict, defs: 33, reps: 44},
		{kind: pageV2, raw: 10, stored: 10, values: 1, rows: 1, encoding: encDelta, defs: 2, uncompressed: true},
	} {
		b := h.append(nil)
		if got, n, err := parsePage(append(b, 1, 2, 3)); err != nil || got != h || n != len(b) {
			t.Errorf("%+v, %d of %d bytes, %v; want %+v", got, n, len(b), err, h)
		}
	}
}

// sampleFile is a small record file.
func sampleFile(tb testing.TB) []byte {
	tb.Helper()
	src, b, e := traffic.New(traffic.Config{}), newBuilder(), newEncoder()
	var r record.Record
	for range 300 {
		src.Session(&r)
		b.add(&r, 1, nil)
	}
	var out bytes.Buffer
	e.begin(&out, schemaOf(b))
	e.bloom = true
	if err := e.write(b); err != nil {
		tb.Fatal(err)
	}
	if _, err := e.finish(nil); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// A damaged file gives an error or other records, never a panic, and takes no more memory than a file may.
func FuzzFile(f *testing.F) {
	whole := sampleFile(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	r := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		b := slices.Clone(whole)
		for range 1 + r.IntN(8) {
			b[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
		}
		f.Add(b)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		file := &recordFile{fileName: fileName{rows: 300}, path: filepath.Join(dir, "x.parquet")}
		if err := os.WriteFile(file.path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if foot, err := file.meta(); err != nil || foot.first[len(foot.groups)] > 1<<16 {
			return
		}
		rows := newRowReader(nil)
		defer rows.Close()
		file.each(t.Context(), rows, func(*record.Record) bool { return true })
	})
}

func FuzzFooter(f *testing.F) {
	whole := sampleFile(f)
	n := int(whole[len(whole)-8]) | int(whole[len(whole)-7])<<8 | int(whole[len(whole)-6])<<16
	f.Add(whole[len(whole)-8-n : len(whole)-8])
	f.Add([]byte{0x49, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) { parseFooter(b, 1<<20) })
}
