package syscalls_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/source/syscalls"
	"github.com/tapir-project/tapir/sys"
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

// startAlone starts a copy of the shell as the first process of a namespace, which waits for its end, and gives its number. It is a child of
// another process than the test's, which captures leave out.
func startAlone(t *testing.T, path string) (pid int, err error) {
	shell, err := os.ReadFile("/bin/sh")
	err = errors.Join(err, os.WriteFile(path, shell, 0o700), os.Chtimes(path, time.Time{}, time.Unix(1e9, 123456789)))
	c := exec.Command("unshare", "--pid", "--fork", path, "-c", "echo; read line; exit")
	in, e1 := c.StdinPipe()
	out, e2 := c.StdoutPipe()
	if err = errors.Join(err, e1, e2); err == nil {
		err = c.Start()
	}
	if err != nil {
		return 0, err
	}
	t.Cleanup(func() {
		in.Close()
		c.Wait()
	})
	if _, err = out.Read(make([]byte, 1)); err != nil {
		return 0, err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", c.Process.Pid))
	_, e1 = fmt.Sscan(string(children), &pid)
	return pid, errors.Join(err, e1)
}

// A file has of each process the program that it runs, and when its namespace of processes began, as the machine has them: of one that was
// there at the start, and of one that came later.
func TestProgramsInFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	programs := [2]string{filepath.Join(dir, "before"), filepath.Join(dir, "after")}
	before, err := startAlone(t, programs[0])
	if err != nil {
		t.Fatal(err)
	}
	after, name := 0, filepath.Join(dir, "programs.scap")
	record(t, name, false, func() { after, err = startAlone(t, programs[1]) })
	if err != nil {
		t.Fatal(err)
	}
	first, last, boot := processesIn(t, name)
	for _, c := range []struct {
		what    string
		process *scap.Process
		program string
		began   int64
	}{
		{"before, at the start", first[before], programs[0], startOf(t, before)},
		{"before, at the end", last[before], programs[0], startOf(t, before)},
		{"after, at the end", last[after], programs[1], startOf(t, after)},
		{"itself, at the start", first[os.Getpid()], "/proc/self/exe", startOf(t, 1)},
	} {
		var st unix.Stat_t
		if err := unix.Stat(c.program, &st); err != nil {
			t.Fatal(err)
		}
		want := scap.Program{ExeWritable: true, ExeInode: st.Ino, ExeChanged: uint64(st.Ctim.Nano()), ExeModified: uint64(st.Mtim.Nano())}
		if c.process == nil || c.process.Program != want {
			t.Errorf("%s: %+v, want %+v", c.what, c.process, want)
		} else if d := time.Duration(int64(c.process.NamespaceStart) - boot - c.began).Abs(); d > time.Second {
			t.Errorf("%s: its namespace began at %d, %v from %d", c.what, int64(c.process.NamespaceStart)-boot, d, c.began)
		}
	}
	if first[after] != nil {
		t.Error("what came later is there at the start")
	}
	if peer, err := exec.LookPath("sysdig"); err == nil { // which has no fields for these, but must find its way past them
		out, err := exec.Command(peer, "-r", name, "-p", "%proc.exepath", fmt.Sprint("evt.type=execve and evt.dir=< and proc.pid=", after)).CombinedOutput()
		if err != nil || string(out) != programs[1]+"\n" {
			t.Errorf("sysdig: %v, %q", err, out)
		}
	}
}

// processesIn are the processes of a file by number: as its tables have them, and as they are behind its last event. boot is when the
// machine began, ns since the epoch.
func processesIn(t *testing.T, name string) (first, last map[int]*scap.Process, boot int64) {
	t.Helper()
	r := reading(t, name)
	s := sys.New()
	first, last = map[int]*scap.Process{}, map[int]*scap.Process{}
	r.Table = func(entry any) {
		if p, ok := entry.(*scap.Process); ok {
			first[int(p.TID)] = p
		}
		s.Table(entry)
	}
	var err error
	for raw := new(scap.Event); err == nil; {
		_, err = s.Next(r, raw)
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	s.Dump(func(entry any) error {
		if p, ok := entry.(*scap.Process); ok {
			last[int(p.TID)] = p
		}
		return nil
	})
	return first, last, s.Machine.Boot
}

// startOf is when a process began, ns since the machine did.
func startOf(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	ticks, err := strconv.ParseInt(strings.Fields(string(b[strings.LastIndexByte(string(b), ')'):]))[20], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return ticks * 1e7 // a hundred a second, on every machine
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
