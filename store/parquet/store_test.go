package parquet

import (
	"testing"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store/storetest"
)

func open(t *testing.T) storetest.Target {
	t.Helper()
	dir := t.TempDir()
	w, err := OpenWriter(dir, Options{SealEvery: -1})
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
		if err := w.Flush(); err != nil {
			return err
		}
		_, err := s.catalog.list(record.KindSession, true) // at once, not when the next look is due
		return err
	}
	return storetest.Target{Sink: w, Flush: flush, Store: s}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }
