package app

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tapir-project/tapir/internal/datadir"
)

// A full disk ends an import with an error that names the remedy; what was written before can be read.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2M"); err != nil {
		t.Skipf("a small disk needs root: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	file := filepath.Join(t.TempDir(), "loop.pcap")
	writeLoop(t, file, 20)
	data := filepath.Join(dir, "data")
	_, err := Import(context.Background(), Config{Data: data, Workers: 2, Retention: Retention{FreeBytes: 1}}, ReadFiles{Files: []string{file}}, func(Progress) {})
	if err == nil || !datadir.IsFull(err) || !strings.Contains(err.Error(), "give the data directory more room") {
		t.Fatalf("error %v, want one that says that the disk is full and what to do", err)
	}
	r, err := OpenReader(data)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if s, err := r.PacketStatus(); err != nil || s.Packets == 0 {
		t.Errorf("packets %+v, %v", s, err)
	}
}
