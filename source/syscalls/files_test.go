package syscalls

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
)

// What the kernel's iterator tells of open files is what /proc tells; of sockets it knows more.
func TestOpenFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	file, err := os.OpenFile(filepath.Join(dir, "file"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	deep := dir + strings.Repeat("/deep", 40)
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	below, err := os.Open(deep)
	if err != nil {
		t.Fatal(err)
	}
	defer below.Close()
	gone, err := os.Create(filepath.Join(dir, "gone"))
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	unixServer, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer unixServer.Close()
	memory, err := unix.MemfdCreate("some", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(memory)
	if err := os.Remove(gone.Name()); err != nil {
		t.Fatal(err)
	}
	it, err := newIterators(btf.NewCache())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := it.openFiles(); err != nil {
		t.Fatalf("the kernel has no iterator: %v", err)
	}
	pid := int64(os.Getpid())
	want := map[int64]*scap.Descriptor{}
	descriptors("/proc/self", pid, newSocketTables(), func(d *scap.Descriptor) { want[d.FD] = d })
	got := map[int64]*scap.Descriptor{}
	_, err = processes(it, func(entry any) {
		if d, ok := entry.(*scap.Descriptor); ok && d.Thread == pid {
			got[d.FD] = d
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[scap.FDType]int{}
	for fd, w := range want {
		g := got[fd]
		if g == nil {
			if _, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil { // else it was reading /proc
				t.Errorf("no descriptor %d: %+v", fd, *w)
			}
			continue
		}
		kinds[g.Type]++
		if g.Type == scap.FDUnix { // /proc tells neither its address nor its peer
			g.Unix = w.Unix
		}
		if w.Type != scap.FDOther && *g != *w {
			t.Errorf("descriptor %d is\n%+v, in /proc\n%+v", fd, *g, *w)
		}
	}
	for _, k := range []scap.FDType{scap.FDFile, scap.FDDirectory, scap.FDIPv4, scap.FDIPv4Server, scap.FDUnix, scap.FDEventpoll, scap.FDMemfd} {
		if kinds[k] == 0 {
			t.Errorf("no descriptor of type %d", k)
		}
	}
}

// How long it takes to read what is open, by the iterator and by /proc.
func BenchmarkOpenFiles(b *testing.B) {
	b.Run("iterator", func(b *testing.B) {
		types := btf.NewCache() // which loading the other programs has filled
		for b.Loop() {
			it, err := newIterators(types)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := it.openFiles(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("proc", func(b *testing.B) {
		for b.Loop() {
			sockets := newSocketTables()
			all, _ := os.ReadDir("/proc")
			for _, p := range all {
				if pid := number(p.Name()); pid > 0 {
					descriptors("/proc/"+p.Name(), pid, sockets, func(*scap.Descriptor) {})
				}
			}
		}
	})
}
