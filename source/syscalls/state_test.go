package syscalls_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/source/syscalls"
)

// waiting is set for the process that waits for a connection, tells on which port, and reads from it.
const waiting = "TAPIR_TEST_WAIT"

func wait() {
	runtime.LockOSThread()
	server, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(err)
	must(unix.Bind(server, local(0)))
	must(unix.Listen(server, 5))
	fmt.Println(portOf(server), unix.Gettid())
	fd, _, err := unix.Accept(server)
	must(err)
	_, err = unix.Read(fd, make([]byte, 64))
	must(err)
}

// A connection that was waited for before the capture began has its ends.
func TestAcceptBefore(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env, c.Stderr = append(os.Environ(), waiting+"=1"), os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	var port, tid int
	line, err := bufio.NewReader(out).ReadString('\n')
	if _, e := fmt.Sscan(line, &port, &tid); err != nil || e != nil {
		t.Fatal(line, err, e)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // until it is in the call
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", c.Process.Pid, tid))
		if strings.HasPrefix(string(b), fmt.Sprint(unix.SYS_ACCEPT, " ")) || strings.HasPrefix(string(b), fmt.Sprint(unix.SYS_ACCEPT4, " ")) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not in accept: %s", b)
		}
	}
	filter := "proc.name=syscalls.test and evt.type in (accept, accept4, read) and evt.dir=<"
	plan, err := syscalls.Compile(filter)
	if err != nil {
		t.Fatal(err)
	}
	tuple := ""
	got := capture(t, syscalls.Config{Plan: plan, Pairs: true}, []string{filter}, "%proc.pid %evt.type %fd.name", func() {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Error(err)
			return
		}
		tuple = fmt.Sprintf("%s->%s", conn.LocalAddr(), conn.RemoteAddr())
		conn.Write([]byte("x"))
		c.Wait()
		conn.Close()
	})[0]
	for _, name := range []string{"accept", "read"} {
		if !slices.ContainsFunc(got, func(l string) bool {
			return strings.HasPrefix(l, fmt.Sprint(c.Process.Pid, " ", name)) && strings.HasSuffix(l, " "+tuple)
		}) {
			t.Errorf("%s of %s is not captured:\n%s", name, tuple, strings.Join(got, "\n"))
		}
	}
}

// What a program is that is started is told by its file: inode, times, whether it may be written.
func TestProgram(t *testing.T) {
	path, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	filter := "evt.type=execve and evt.dir=< and proc.name=true"
	got := capture(t, syscalls.Config{}, []string{filter}, "%evt.rawarg.exe_ino %evt.rawarg.exe_ino_ctime %evt.rawarg.exe_ino_mtime %evt.arg.flags %evt.rawarg.gid", func() {
		exec.Command(path).Run()
	})[0]
	want := fmt.Sprintf("%d %d %d EXE_WRITABLE 0", st.Ino, st.Ctim.Nano(), st.Mtim.Nano())
	if !slices.Contains(got, want) {
		t.Errorf("captured %q, want %s", got, want)
	}
}

// A child knows when its namespace of processes began.
func TestNamespaceStart(t *testing.T) {
	got := capture(t, syscalls.Config{}, []string{"evt.type in (clone, clone3, vfork) and evt.dir=< and evt.rawres=0 and proc.name=sh"}, "%evt.args", func() {
		exec.Command("sh", "-c", "(:)").Run()
	})[0]
	if !slices.ContainsFunc(got, regexp.MustCompile(`pidns_init_start_ts=[1-9]`).MatchString) {
		t.Errorf("%q", got)
	}
}

// signalling is set for the process that sends itself a signal and tells its process and thread.
const signalling = "TAPIR_TEST_SIGNAL"

func sendSignal() {
	runtime.LockOSThread()
	must(unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGURG)) // which the runtime ignores
	must(unix.Nanosleep(&unix.Timespec{Nsec: 20e6}, nil))
	fmt.Println(unix.Getpid(), unix.Gettid())
}

// A signal that reaches a process is told, and where they are asked for the turns of threads.
func TestSignals(t *testing.T) {
	pid, tid := 0, 0
	act := func() {
		self, err := os.Executable()
		if err != nil {
			t.Error(err)
			return
		}
		c := exec.Command(self)
		c.Env, c.Stderr = append(os.Environ(), signalling+"=1"), os.Stderr
		out, err := c.Output()
		if _, e := fmt.Sscan(string(out), &pid, &tid); err != nil || e != nil {
			t.Error(err, e)
		}
	}
	filter := "evt.type in (signaldeliver, switch) and proc.name=syscalls.test"
	plan, err := syscalls.Compile(filter)
	if err != nil {
		t.Fatal(err)
	}
	got := capture(t, syscalls.Config{Plan: plan}, []string{filter}, "%thread.tid %evt.type %evt.args", act)[0]
	want := fmt.Sprintf("%d signaldeliver spid=%d(syscalls.test) dpid=%[1]d(syscalls.test) sig=23(SIGURG)", tid, pid)
	if !slices.Contains(got, want) {
		t.Errorf("captured %q, want %s", got, want)
	}
	if !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, fmt.Sprint(tid, " switch next=")) }) {
		t.Errorf("no switch of thread %d in %q", tid, got)
	}
	got = capture(t, syscalls.Config{}, []string{"evt.type=switch"}, "%evt.type", act)[0]
	if len(got) != 0 {
		t.Errorf("%d switches that nobody asked for", len(got))
	}
}

// titled is set for the process that overwrites its arguments with a title and waits for a line.
const titled = "TAPIR_TEST_TITLE"

func overwrite(title string) {
	b, err := os.ReadFile("/proc/self/stat")
	must(err)
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')'):]))
	var from, to int64
	_, err = fmt.Sscan(fields[46]+" "+fields[47], &from, &to) // behind the name, which is the first here
	must(err)
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	must(err)
	text := []byte(title + "\x00" + strings.Repeat("=", int(to-from)))
	_, err = memory.WriteAt(text[:to-from], from)
	must(err)
	must(memory.Close())
	unix.Read(0, make([]byte, 1))
}
