package syscalls_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/source/syscalls"
)

// The calls of 32-bit programs have other numbers, registers and structures; they are shown as those of others are.
func TestNarrow(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "narrow32")
	if out, err := exec.Command("gcc", "-m32", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-fno-stack-protector", "-o", program, "testdata/narrow.c").CombinedOutput(); err != nil {
		t.Skipf("no compiler for 32-bit programs: %v: %s", err, out)
	}
	if err := exec.Command(program, dir).Run(); err != nil {
		t.Skipf("the machine runs no 32-bit programs: %v", err)
	}
	name := filepath.Join(dir, "narrow")
	want := []string{
		"chdir res=0 path=" + dir,
		"open fd=3(<f>" + name + ") name=narrow(" + name + ") flags=7(O_CREAT|O_RDWR) mode=0640",
		"write res=13 data=hello, narrow fd=3(<f>" + name + ") size=13",
		"writev res=7 data=one two fd=3(<f>" + name + ") size=7",
		"lseek res=17 fd=3(<f>" + name + ") offset=-3 whence=2(SEEK_END)",
		"pread res=6 data=narrow fd=3(<f>" + name + ") size=6 pos=7",
		"getuid uid=0(root)",
		"nanosleep res=0 interval=1000(1e-06s)",
		"mmap2 res=",
		"sysinfo",
		"socket fd=4(<4>) domain=2(AF_INET) type=2 proto=0",
		"bind res=0 addr=127.0.0.1:0 fd=4(<4>127.0.0.1:0)",
		"socketpair res=0 fd1=5(<u>) fd2=6(<u>)",
		"sendmsg res=7 data=one two fd=5(<u>",
		"recv res=7 data=one two fd=6(<u>",
		"close res=0 fd=3(<f>" + name + ")",
	}
	for _, filter := range []string{"", "proc.name=narrow32"} {
		plan, err := syscalls.Compile(filter)
		if err != nil {
			t.Fatal(err)
		}
		got := capture(t, syscalls.Config{Plan: plan}, []string{"proc.name=narrow32 and evt.dir=<"}, "%evt.type %evt.args", func() {
			if err := exec.Command(program, dir).Run(); err != nil {
				t.Error(err)
			}
		})[0]
		got = got[max(0, slices.IndexFunc(got, func(l string) bool { return strings.HasPrefix(l, "chdir ") })):]
		for i, w := range want {
			if i >= len(got) || !strings.HasPrefix(got[i], w) {
				t.Errorf("captured\n%s\nwant %s", strings.Join(got, "\n"), fmt.Sprint(i, ": ", w))
				break
			}
		}
	}
}
