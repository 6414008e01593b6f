package parquet

import (
	"context"
	"testing"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// addSessions adds a session at each of the hours and seals them.
func addSessions(t *testing.T, w *Writer, hours ...int) {
	t.Helper()
	var b record.Batch
	for i, h := range hours {
		r := b.Next()
		r.Kind, r.Final = record.KindSession, true
		r.Start = int64(h) * hourNS
		r.End = r.Start + 5
		r.ID = record.NewID(r.Start, uint64(i), 0)
		r.Session = r.ID
		r.Values.PutInt(record.MustID("source.packets"), 1)
	}
	if err := w.Add(&b); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

func countSessions(t *testing.T, s *Store) (n int) {
	t.Helper()
	if _, err := s.catalog.list(record.KindSession, true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Search(context.Background(), store.Search{}, func(*record.Record) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

// Retention deletes the oldest files first, no more than a limit asks for, and says which and why.
func TestRetain(t *testing.T) {
	const now = 100 * hourNS
	full := func(free int64) func() (datadir.Space, error) {
		return func() (datadir.Space, error) { return datadir.Space{Free: free, Total: 1000}, nil }
	}
	for _, c := range []struct {
		name  string
		l     Limits
		space func() (datadir.Space, error)
		left  int
		why   Reason
	}{
		{"nothing to do", Limits{MaxAge: 200 * time.Hour, MaxBytes: 1 << 30, KeepFree: 10}, full(500), 3, ""},
		{"age", Limits{MaxAge: 65 * time.Hour}, full(500), 2, ByAge},
		{"size", Limits{MaxBytes: 1}, full(500), 0, BySize},
		{"free space, one file is enough", Limits{KeepFreePercent: 5}, full(49), 2, BySpace},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := OpenWriter(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			addSessions(t, w, 30, 50, 70)
			gone, err := w.Retain(now, c.l, c.space)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range gone {
				if d.Why != c.why || d.Bytes == 0 || d.Path == "" {
					t.Errorf("deleted %+v, want reason %q", d, c.why)
				}
			}
			s, err := OpenReader(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if n := countSessions(t, s); n != c.left || len(gone) != 3-c.left {
				t.Errorf("%d sessions left, %d files deleted, want %d left", n, len(gone), c.left)
			}
		})
	}
}

// A follower sees what is sealed after it began, once, and nothing else.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	w, err := OpenWriter(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	addSessions(t, w, 1)
	s, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var got []int64
	begun := false
	err = s.Follow(ctx, store.Search{}, func(r *record.Record) bool {
		got = append(got, r.Start/hourNS)
		return len(got) < 3
	}, func() bool {
		if !begun {
			begun = true
			addSessions(t, w, 2, 3)
			addSessions(t, w, 4)
		}
		return true
	})
	if err != nil || len(got) != 3 || got[0]+got[1]+got[2] != 9 {
		t.Errorf("followed %v (%v), want the sessions of hours 2, 3 and 4", got, err)
	}
}
