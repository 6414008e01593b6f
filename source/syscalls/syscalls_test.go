package syscalls_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/source/syscalls"
	"github.com/tapir-project/tapir/sys"
)

// acting is set for the process that makes the calls; it is the folder to make them in.
const acting = "TAPIR_TEST_ACT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(acting); dir != "" {
		act(dir)
		return
	}
	os.Exit(m.Run())
}

// line is how a call is compared: with its result and what it was about.
const line = "%evt.type %evt.args"

// act makes calls of which it knows everything, and prints what a capture has to show of each.
func act(dir string) {
	runtime.LockOSThread()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	tell := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	name := filepath.Join(dir, "file")

	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o640)
	must(err)
	tell("openat fd=%d(<f>%s) dirfd=-100(AT_FDCWD) name=%[2]s flags=39(O_EXCL|O_CREAT|O_RDWR) mode=0640", fd, name)
	n, err := unix.Write(fd, []byte("hello, world"))
	must(err)
	tell("write res=%d data=hello, world fd=%d(<f>%s) size=12", n, fd, name)
	b := make([]byte, 100)
	n, err = unix.Pread(fd, b, 7)
	must(err)
	tell("pread res=%d data=world fd=%d(<f>%s) size=100 pos=7", n, fd, name)
	at, err := unix.Seek(fd, -3, io.SeekEnd)
	must(err)
	tell("lseek res=%d fd=%d(<f>%s) offset=-3 whence=2(SEEK_END)", at, fd, name)
	n, err = unix.Readv(fd, [][]byte{make([]byte, 1), make([]byte, 10)})
	must(err)
	tell("readv res=%d size=11 data=rld fd=%d(<f>%s)", n, fd, name)
	n, err = unix.Writev(fd, [][]byte{[]byte("one "), []byte("two")})
	must(err)
	tell("writev res=%d data=one two fd=%d(<f>%s) size=7", n, fd, name)
	must(unix.Close(fd))
	tell("close res=0 fd=%d(<f>%s)", fd, name)
	must(unix.Mkdir(dir+"/sub", 0o755))
	tell("mkdirat res=0 dirfd=-100(AT_FDCWD) path=%s/sub mode=1ED", dir)
	must(unix.Rename(name, dir+"/sub/file"))
	tell("renameat res=0 olddirfd=-100(AT_FDCWD) oldpath=%s newdirfd=-100(AT_FDCWD) newpath=%s/sub/file", name, dir)
	must(unix.Unlink(dir + "/sub/file"))
	tell("unlinkat res=0 dirfd=-100(AT_FDCWD) name=%s/sub/file flags=0", dir)
	_, err = unix.Open(dir+"/absent", unix.O_RDONLY, 0)
	tell("openat fd=-2(ENOENT) dirfd=-100(AT_FDCWD) name=%s/absent flags=1(O_RDONLY) mode=0 dev=0 ino=0", dir)
	if err != unix.ENOENT {
		panic(err)
	}
	tell("")
}

// capture runs a capture while f acts, and gives the lines in the format of those events that pass the filter.
func capture(t *testing.T, cfg syscalls.Config, filter, format string, f func()) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	s := sys.New()
	pass, err := sys.NewFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	show, err := sys.NewFormat("*"+format, &sys.Style{}, sys.ClockHuman)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Tables = s.Table
	src, err := syscalls.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer src.StopWith(ctx)()
	go func() {
		f()
		cancel()
	}()
	var raw scap.Event
	var out []string
	for {
		e, err := s.Next(src, &raw)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if !pass.Pass(e) {
			continue
		}
		if b, ok := show.Append(nil, e); ok {
			out = append(out, strings.TrimRight(string(b), " "))
		}
	}
}

// What a program did, a capture shows: each call in its order, with arguments, data and result.
func TestCalls(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var said []byte
	var pid int
	got := capture(t, syscalls.Config{Snaplen: 80}, "evt.dir=< and proc.name=syscalls.test", "%proc.pid "+line, func() {
		c := exec.Command(self)
		c.Env = append(os.Environ(), acting+"="+t.TempDir())
		c.Stderr = os.Stderr
		said, err = c.Output()
		if err == nil {
			pid = c.ProcessState.Pid()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	prefix := fmt.Sprint(pid, " ")
	at := 0
	for want := range strings.Lines(string(said)) {
		want = strings.TrimRight(want, " \n")
		if want == "" {
			continue
		}
		i := slices.IndexFunc(got[at:], func(l string) bool {
			rest, ok := strings.CutPrefix(l, prefix)
			return ok && strings.HasPrefix(rest, want)
		})
		if i < 0 {
			name, _, _ := strings.Cut(want, " ")
			t.Errorf("not captured: %s", want)
			for _, l := range got {
				if strings.HasPrefix(l, prefix+name+" ") {
					t.Log(l)
				}
			}
			continue
		}
		at += i + 1
	}
}
