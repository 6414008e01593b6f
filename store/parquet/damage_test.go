package parquet

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// sealed makes a data directory with a file for each batch.
func sealed(t *testing.T) (*crashRun, *Store, []*recordFile) {
	t.Helper()
	c := &crashRun{dir: t.TempDir()}
	w, err := OpenWriter(c.dir, Options{SealEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range crashBatches {
		b := c.batch(i)
		for _, r := range b.Records() {
			r.Final, r.Part = true, 0
			r.ID[0] ^= byte(r.Start) // parts become sessions of their own
		}
		if err := w.Add(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := OpenReader(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	files, err := s.catalog.list(record.KindSession, true)
	if err != nil || len(files) != crashBatches {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return c, s, files
}

func count(t *testing.T, s *Store) (n int, table *store.Table, cov store.Coverage) {
	t.Helper()
	cov, err := s.Search(context.Background(), store.Search{}, func(*record.Record) bool { n++; return true })
	if err != nil {
		t.Fatal(err)
	}
	table, err = s.Aggregate(context.Background(), store.Aggregate{Metrics: []query.Metric{{Func: query.Count}}})
	if err != nil {
		t.Fatal(err)
	}
	return n, table, cov
}

// A file that is no longer whole is a gap that the answer tells of, not an error.
func TestDamagedFileIsAGap(t *testing.T) {
	_, s, files := sealed(t)
	all, _, cov := count(t, s)
	if cov.Partial || cov.Files != crashBatches || cov.FilesDone != crashBatches || cov.Rows != int64(all) {
		t.Errorf("coverage %+v of %d", cov, all)
	}
	if err := os.Truncate(files[3].path, files[3].size-20); err != nil {
		t.Fatal(err)
	}
	s.catalog = newCatalog(s.catalog.root) // another process, which has not seen the file whole
	n, table, cov := count(t, s)
	if n != all-int(files[3].rows) || !cov.Partial || len(cov.Problems) != 1 {
		t.Errorf("%d of %d records, %+v", n, all, cov)
	}
	if int(table.Rows[0].Metrics[0]) != n || !table.Coverage.Partial {
		t.Errorf("%v, %+v", table.Rows, table.Coverage)
	}
}

// Files deleted while a search goes on end it early but make no gap; files that are missing from the middle do.
func TestExpiredFilesAreNoGap(t *testing.T) {
	_, s, files := sealed(t)
	all, _, _ := count(t, s)
	n := 0
	cov, err := s.Search(context.Background(), store.Search{}, func(*record.Record) bool {
		if n++; n == 1 {
			for _, f := range files[:2] {
				os.Remove(f.path)
			}
		}
		return true
	})
	if err != nil || cov.Partial || n >= all || n < all-int(files[0].rows+files[1].rows) {
		t.Errorf("%d of %d records, %+v, %v", n, all, cov, err)
	}
	if err := os.Remove(files[6].path); err != nil {
		t.Fatal(err)
	}
	s.catalog.scanned = time.Now().Add(time.Hour) // a listing from before
	if n, _, cov := count(t, s); !cov.Partial || n >= all {
		t.Errorf("%d of %d records, %+v", n, all, cov)
	}
}
