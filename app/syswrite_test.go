package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
)

// A machine whose tables are larger than a file may be still gets files with events in them, not a file for each event.
func TestSysFilesWithLargeTables(t *testing.T) {
	s := sys.New()
	for i := range int64(100) {
		s.Table(&scap.Process{TID: 1 + i, PID: 1 + i, Comm: "p", Exe: "/" + strings.Repeat("p", 1000)})
	}
	dir := t.TempDir()
	w := NewSysWriter(SysWrite{File: filepath.Join(dir, "f"), Bytes: 1000}, s)
	for i := range int64(20_000) {
		e := scap.Event{Type: 7, Thread: 1, Time: 1 + i} // leaves close
		if !e.Set([]byte{8, 0}, make([]byte, 8)) {
			t.Fatal("no event")
		}
		if err := w.Event(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := os.ReadDir(dir)
	var total int64
	for _, f := range files[:len(files)-1] {
		i, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += i.Size()
	}
	if len(files) < 3 || len(files) > 12 || total > 3_000_000 {
		t.Errorf("%d files, %d bytes", len(files), total)
	}
}
