package parquet

import (
	"context"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store/storetest"
)

// open makes an empty store; after is called with the writer whenever records have been made visible.
func open(o Options, after func(*Writer) error) func(t *testing.T) storetest.Target {
	return func(t *testing.T) storetest.Target {
		t.Helper()
		dir := t.TempDir()
		o.SealEvery = -1
		w, err := OpenWriter(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		s, err := OpenReader(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			w.Close()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		flush := func() error {
			err := w.Flush()
			if err == nil && after != nil {
				err = after(w)
			}
			s.catalog.list(record.KindSession, true) // at once, not when the next look is due
			return err
		}
		return storetest.Target{Sink: w, Flush: flush, Store: s}
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open(Options{}, nil)) }

// The answers are the same while files are merged.
func TestStoreCompacted(t *testing.T) {
	late := func() time.Time { return time.Now().Add(time.Hour) } // all folders are quiet, all merges are due
	o := Options{Now: late, MergeGrace: 3 * time.Second}
	storetest.Run(t, open(o, func(w *Writer) error {
		for {
			if did, err := w.Compact(context.Background()); !did || err != nil {
				return err
			}
		}
	}))
}
