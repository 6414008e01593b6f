package syscalls_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/source/syscalls"
)

// faulting is set for the process that touches fresh pages and tells which.
const faulting = "TAPIR_TEST_FAULT"

const freshPages = 64 // of each kind

// touch writes to fresh pages, reads from others, and has the kernel write to the last ones. It tells the address and the kind of each.
func touch() {
	runtime.LockOSThread()
	size := os.Getpagesize()
	b, err := unix.Mmap(-1, 0, 3*freshPages*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	must(err)
	must(unix.Madvise(b, unix.MADV_NOHUGEPAGE)) // which would bring in several at once
	sum := byte(0)
	for i := range freshPages {
		b[i*size] = 1
		sum += b[(freshPages+i)*size]
	}
	zero, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	must(err)
	n, err := unix.Read(zero, b[2*freshPages*size:])
	must(err)
	if n != freshPages*size || sum != 0 {
		panic("fresh pages hold something")
	}
	for i := range 3 * freshPages {
		kind := []string{"WRITE_ACCESS|USER_FAULT", "READ_ACCESS|USER_FAULT", "WRITE_ACCESS|SUPERVISOR_FAULT"}[i/freshPages]
		fmt.Printf("%d %d PAGE_NOT_PRESENT|%s\n", os.Getpid(), uintptr(unsafe.Pointer(&b[i*size])), kind)
	}
}

// Where page faults are asked for, by the filter or for all, each fresh page that a program touches is told once, with its address and what
// was done to it, whether the program does it or the kernel for it; where they are not, none is.
func TestPageFaults(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("page faults are told on amd64 only")
	}
	const filter = "evt.type=page_fault and proc.name=syscalls.test"
	named, err := syscalls.Compile(filter)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  syscalls.Config
		told bool
	}{
		{"by the filter", syscalls.Config{Plan: named}, true},
		{"all, among all calls in pairs", syscalls.Config{Faults: true, Pairs: true}, true},
		{"not", syscalls.Config{}, false},
	} {
		var want []string
		got := capture(t, c.cfg, []string{"proc.name=syscalls.test and evt.type=page_fault"}, "%proc.pid %evt.rawarg.addr %evt.arg.error", func() { want = touched(t) })[0]
		slices.Sort(want)
		if got = slices.DeleteFunc(got, func(l string) bool { return !slices.ContainsFunc(want, sameStart(l)) }); !c.told {
			want = nil
		}
		slices.Sort(got)
		if !slices.Equal(got, want) || c.told && len(want) != 3*freshPages {
			t.Errorf("%s: %d told, want %d:\n%s\nwant\n%s", c.name, len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// sameStart says whether lines are about the same page of the same process.
func sameStart(l string) func(string) bool {
	head := l[:strings.LastIndexByte(l, ' ')+1]
	return func(other string) bool { return strings.HasPrefix(other, head) }
}

// touched runs the process that touches pages and gives what it told.
func touched(t *testing.T) []string {
	self, err := os.Executable()
	if err != nil {
		t.Error(err)
		return nil
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), faulting+"=1")
	out, err := c.Output()
	if err != nil {
		t.Error(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
