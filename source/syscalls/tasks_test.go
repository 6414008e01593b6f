package syscalls

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
)

// started are processes that wait for a line, by what is special about them.
type started map[string]int64

// start starts a process that reads its standard input, and awaits that it does.
func (s started) start(t *testing.T, name string, path string, argv []string, attr *os.ProcAttr) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	attr.Files = []*os.File{in, os.Stderr, os.Stderr}
	p, err := os.StartProcess(path, argv, attr)
	if err != nil {
		t.Fatal(name, err)
	}
	t.Cleanup(func() {
		out.Close()
		p.Wait()
	})
	in.Close()
	reads := fmt.Sprint(unix.SYS_READ, " 0x0 ")
	await(t, name, func() bool { // any of its threads
		calls, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", p.Pid))
		return slices.ContainsFunc(calls, func(name string) bool {
			b, _ := os.ReadFile(name)
			return strings.HasPrefix(string(b), reads)
		})
	})
	s[name] = int64(p.Pid)
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what, "does not come about")
		}
	}
}

// startAll starts processes of every kind that is read otherwise.
func startAll(t *testing.T) started {
	s := started{"kernel": 2}
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	s.start(t, "no arguments", cat, []string{}, &os.ProcAttr{})
	s.start(t, "100 kB of arguments", "/bin/sh", []string{"sh", "-c", "read line", strings.Repeat("x", 100<<10)}, &os.ProcAttr{})
	s.start(t, "another user", "/bin/sh", []string{"sh", "-c", "read line", "", "-u"}, &os.ProcAttr{Env: []string{"A=" + strings.Repeat("y", 10000)},
		Sys: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65533}, Setsid: true}})
	s.start(t, "namespace", cat, []string{"cat"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}})
	dir := t.TempDir()
	deep := dir + strings.Repeat("/deep", 40)
	program, err := os.ReadFile(cat)
	if err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, "gone")
	for _, err := range []error{os.MkdirAll(deep, 0o700), os.WriteFile(gone, program, 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.start(t, "gone", gone, []string{"gone"}, &os.ProcAttr{Dir: deep})
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.start(t, "title and threads", self, []string{self, "more", "words"}, &os.ProcAttr{Env: append(os.Environ(), "TAPIR_TEST_TITLE=a title")})
	dead, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dead.Wait() })
	await(t, "a zombie", func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", dead.Pid))
		return strings.Contains(string(b), ") Z ")
	})
	s["zombie"] = int64(dead.Pid)
	return s
}

// threadsOf are those of some processes.
func threadsOf(all []task, pids started) (out []scap.Process) {
	for _, t := range all {
		for _, pid := range pids {
			if t.PID == pid {
				out = append(out, *t.Process)
			}
		}
	}
	return out
}

// differences are the members by which threads differ.
func differences(got, want []scap.Process) (out []string) {
	if len(got) != len(want) {
		return []string{fmt.Sprintf("%d threads, want %d", len(got), len(want))}
	}
	for i := range want {
		a, b := reflect.ValueOf(got[i]), reflect.ValueOf(want[i])
		for m := range a.NumField() {
			x, y := fmt.Sprintf("%q", fmt.Sprint(a.Field(m))), fmt.Sprintf("%q", fmt.Sprint(b.Field(m)))
			if x != y && a.Type().Field(m).Name != "NamespaceStart" { // which /proc does not tell
				out = append(out, fmt.Sprintf("%d (%s) %s: %.200s, want %.200s", want[i].TID, want[i].Comm, a.Type().Field(m).Name, x, y))
			}
		}
	}
	return out
}

// What the kernel's iterator tells of threads is what /proc tells, whether it may wait for memory or not.
func TestTasks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	it, err := newIterators(btf.NewCache())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	pids := startAll(t)
	for _, waits := range []bool{true, false} {
		var got []scap.Process
		var differ []string
		for deadline := time.Now().Add(20 * time.Second); ; { // some count on while they are looked at
			all, err := it.tasks(waits)
			if err != nil {
				t.Fatalf("the kernel has no iterator: %v", err)
			}
			proc, err := procTasks(nil)
			if err != nil {
				t.Fatal(err)
			}
			got = threadsOf(all, pids)
			if differ = differences(got, threadsOf(proc, pids)); !waits { // what CPUs have counted for themselves is not added up
				differ = slices.DeleteFunc(differ, func(l string) bool { return strings.Contains(l, " VMRSS: ") || strings.Contains(l, " VMSwap: ") })
			}
			if len(differ) == 0 || time.Now().After(deadline) {
				break
			}
		}
		if len(differ) > 0 {
			t.Errorf("may wait: %v\n%s", waits, strings.Join(differ, "\n"))
		}
		checkTasks(t, got, pids, began)
	}
}

// checkTasks looks at what is told of processes that startAll has started since began.
func checkTasks(t *testing.T, got []scap.Process, pids started, began time.Time) {
	t.Helper()
	by := map[string]scap.Process{}
	for name, pid := range pids {
		i := slices.IndexFunc(got, func(p scap.Process) bool { return p.TID == pid })
		if i < 0 {
			t.Fatal("not told:", name)
		}
		by[name] = got[i]
	}
	for _, c := range []struct{ name, what, got, want string }{
		{"kernel", "name", by["kernel"].Exe, "kthreadd"},
		{"no arguments", "program", by["no arguments"].Exe + string(by["no arguments"].Args), "cat"},
		{"100 kB of arguments", "arguments", string(by["100 kB of arguments"].Args), ("-c\x00read line\x00" + strings.Repeat("x", longest))[:longest]},
		{"another user", "arguments", string(by["another user"].Args), "-c\x00read line\x00\x00-u\x00"},
		{"another user", "user", fmt.Sprint(by["another user"].UID, by["another user"].GID, by["another user"].Effective), "65534 65533 0"},
		{"another user", "environment", string(by["another user"].Env), ("A=" + strings.Repeat("y", longest))[:longest]},
		{"another user", "session", fmt.Sprint(by["another user"].Session), fmt.Sprint(by["another user"].PID)},
		{"namespace", "numbers", fmt.Sprint(by["namespace"].VTID, by["namespace"].VPID, by["namespace"].Group), "1 1 0"},
		{"gone", "program", filepath.Base(by["gone"].ExePath), "gone (deleted)"},
		{"gone", "directory", fmt.Sprint(strings.Count(by["gone"].Cwd, "/deep")), "40"},
		{"title and threads", "title", by["title and threads"].Exe, "a title"},
		{"zombie", "program", by["zombie"].Exe + by["zombie"].ExePath, "true"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s %.100q, want %.100q", c.name, c.what, c.got, c.want)
		}
	}
	if at := time.Unix(0, int64(by["namespace"].NamespaceStart)); at.Before(began.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("the namespace began at %v, the test at %v", at, began)
	}
	if n := len(got) - len(pids); n < 3 {
		t.Errorf("%d threads beside the first ones", n)
	}
}

// A kernel without iterators has /proc, and that is told.
func TestWithoutIterators(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	it, err := newIterators(btf.NewCache())
	if err != nil {
		t.Fatal(err)
	}
	read := func() (*Start, map[string]int) {
		kinds := map[string]int{}
		start, err := processes(it, func(entry any) {
			switch e := entry.(type) {
			case *scap.Process:
				if e.TID == int64(os.Getpid()) {
					kinds["process "+e.Comm]++
				}
			case *scap.Descriptor:
				if e.Thread == int64(os.Getpid()) {
					kinds["descriptor"]++
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return start, kinds
	}
	with, kinds := read()
	if with.Tasks != nil || with.Waits != nil || with.Files != nil || strings.Contains(with.String(), "/proc") {
		t.Error(with)
	}
	for _, p := range it.spec.Programs {
		p.AttachTo += "_of_no_kernel"
	}
	without, same := read()
	if without.Tasks == nil || without.Files == nil || strings.Count(without.String(), "by /proc, for want of the kernel's iterator") != 2 {
		t.Error(without)
	}
	if name := "process syscalls.test"; kinds[name] != 1 || same[name] != 1 || same["descriptor"] < 3 || kinds["descriptor"] < 3 {
		t.Errorf("%v by iterators, %v without", kinds, same)
	}
}

// How long it takes to read a thousand threads, of which each is a process, by the iterator and by /proc.
func BenchmarkTasks(b *testing.B) {
	const most = 1000
	c := exec.Command("sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do sleep 1000 & i=$((i+1)); done; echo; read line; kill $(jobs -p)", most))
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, out)
		c.Wait()
	})
	types := btf.NewCache() // which loading the other programs has filled
	if _, err := types.Kernel(); err != nil {
		b.Fatal(err)
	}
	b.Run("iterator", func(b *testing.B) {
		for b.Loop() {
			it, err := newIterators(types)
			if err != nil {
				b.Fatal(err)
			}
			if all, err := it.tasks(true); err != nil || len(all) < most {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("proc", func(b *testing.B) {
		for b.Loop() {
			if all, err := procTasks(nil); err != nil || len(all) < most {
				b.Fatal(len(all), err)
			}
		}
	})
}
