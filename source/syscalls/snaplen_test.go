package syscalls_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/source/syscalls"
)

// pouring is set for the process that writes much at once.
const pouring = "TAPIR_TEST_POUR"

// poured is what it writes: by one piece, then by these.
var poured = [][]byte{bytes.Repeat([]byte("a"), 300), bytes.Repeat([]byte("b"), 40_000), bytes.Repeat([]byte("c"), 40_000)}

func pour() {
	fd, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
	must(err)
	_, err = unix.Write(fd, bytes.Join(poured, nil))
	must(err)
	_, err = unix.Writev(fd, poured)
	must(err)
}

// Of a call's data as much is captured as was asked for, in one piece or in several.
func TestSnaplen(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, snaplen := range []int{1, 80, 512, 1024, 4096, 65_000, 1_000_000} {
		want := bytes.Join(poured, nil)[:min(snaplen, syscalls.MaxSnaplen)]
		plan, err := syscalls.Compile("proc.name=syscalls.test and evt.type in (write, writev)")
		if err != nil {
			t.Fatal(err)
		}
		src, err := syscalls.Open(syscalls.Config{Snaplen: snaplen, Plan: plan})
		if err != nil {
			t.Fatalf("snaplen %d: %v", snaplen, err)
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		stop := src.StopWith(ctx)
		c := exec.Command(self)
		c.Env = append(os.Environ(), pouring+"=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		cancel()
		found := map[scap.Type]int{}
		for e := new(scap.Event); ; {
			if err := src.Next(e); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if n, _ := e.Result(); n == int64(len(poured[0])+len(poured[1])+len(poured[2])) && e.Type%2 == 1 {
				found[e.Type]++
				if !bytes.Equal(e.Param(1), want) {
					t.Errorf("snaplen %d, type %d: %d bytes of data, want %d", snaplen, e.Type, len(e.Param(1)), len(want))
				}
			}
		}
		if found[9] != 1 || found[119] != 1 { // write, writev
			t.Errorf("snaplen %d: found %v, want one write and one writev", snaplen, found)
		}
		stop()
		src.Close()
	}
}
