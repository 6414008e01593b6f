package syscalls_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/source/syscalls"
)

// server starts a program that serves on the address, ends it with the test, and waits until it answers.
func server(t *testing.T, address, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	c := exec.Command(path, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also if the test crashes
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Signal(os.Interrupt)
		c.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
	}
	t.Fatalf("%s does not listen on %s", name, address)
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// client runs a program.
func client(t *testing.T, name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", name, err, out)
	}
	return string(out)
}

// both wants a line of each of two programs with the same data and the same ends.
func both(t *testing.T, lines []string, sender, receiver, data string) {
	t.Helper()
	find := func(program string) string {
		re := regexp.MustCompile(`^` + program + ` \S+ (127\.0\.0\.1:\d+->127\.0\.0\.1:\d+) .*` + regexp.QuoteMeta(data))
		for _, l := range lines {
			if m := re.FindStringSubmatch(l); m != nil {
				return m[1]
			}
		}
		return ""
	}
	if from, to := find(sender), find(receiver); from == "" || from != to {
		t.Errorf("%q: %s sent it by %q, %s received it by %q\n%s", data, sender, from, receiver, to, strings.Join(lines, "\n"))
	}
}

// What a real client says, a real server hears: both ends of a connection are captured alike.
func TestServers(t *testing.T) {
	web, dir := freeAddress(t), t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("daemon off;\nmaster_process off;\npid %s/pid;\nerror_log %[1]s/error;\nevents {}\nhttp {\naccess_log off;\nserver { listen %s; location / { return 200 'here it is'; } } }\n", dir, web)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	server(t, web, "nginx", "-c", conf, "-p", dir)
	store := freeAddress(t)
	_, port, _ := net.SplitHostPort(store)
	server(t, store, "redis-server", "--port", port, "--save", "", "--dir", dir)
	filter := "proc.name in (nginx, curl, redis-server, redis-cli) and evt.is_io=true and fd.type=ipv4 and evt.dir=<"
	plan, err := syscalls.Compile(filter)
	if err != nil {
		t.Fatal(err)
	}
	for _, plan := range []*syscalls.Plan{nil, plan} {
		lines := capture(t, syscalls.Config{Snaplen: 200, Plan: plan}, []string{filter}, "%proc.name %evt.type %fd.name %evt.buffer", func() {
			client(t, "curl", "-s", "http://"+web+"/what?is=it")
			client(t, "redis-cli", "-p", port, "set", "key", "value")
		})[0]
		both(t, lines, "curl", "nginx", "GET /what?is=it HTTP/1.1")
		both(t, lines, "nginx", "curl", "here it is")
		both(t, lines, "redis-cli", "redis-server", "set..$3..key..$5..value")
		both(t, lines, "redis-server", "redis-cli", "+OK")
	}
}

// seeking is set for the process that seeks; it is how often.
const seeking = "TAPIR_TEST_SEEK"

func seek(times string) {
	n := 0
	fmt.Sscan(times, &n)
	fd, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	must(err)
	for range n {
		unix.Seek(fd, 0, io.SeekStart)
	}
}

// A reader that does not read never holds up what it traces, and what it misses is counted.
func TestStalled(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	plan, err := syscalls.Compile("evt.type=lseek and proc.name=syscalls.test")
	if err != nil {
		t.Fatal(err)
	}
	var told *syscalls.Losses
	src, err := syscalls.Open(syscalls.Config{Buffer: 64 << 10, Plan: plan, Lost: func(l *syscalls.Losses) { told = l }})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const times = 20000
	c := exec.Command(self)
	c.Env = append(os.Environ(), seeking+"="+fmt.Sprint(times))
	if out, err := c.CombinedOutput(); err != nil { // it ends though nobody reads
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer src.StopWith(ctx)()
	cancel()
	var e scap.Event
	captured, drops, files := uint64(0), uint64(0), uint64(0)
	for {
		err := src.Next(&e)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e.Type {
		case 87: // lseek
			captured++
		case 148: // drop
			n, _ := e.Int(0)
			drops += uint64(n)
		case 280: // notification
			if !syscalls.TellsLosses(&e) {
				t.Error("a notification of something else")
			}
			if m := regexp.MustCompile(`file (\d+)`).FindSubmatch(e.Text(1)); m != nil {
				n, _ := strconv.ParseUint(string(m[1]), 10, 64)
				files += n
			}
		}
	}
	lost := src.Losses()
	if files != lost.Class["file"] {
		t.Errorf("notifications tell of %d calls of files lost, counters of %d", files, lost.Class["file"])
	}
	if captured+lost.Class["file"] < times || captured >= times || lost.Total != drops || told == nil || told.Total != drops {
		t.Errorf("%d of %d captured; lost %v, told of %d", captured, times, lost, drops)
	}
	sum := uint64(0)
	for _, n := range lost.CPU {
		sum += n
	}
	if sum != lost.Total {
		t.Errorf("%d lost by CPU, %d in all", sum, lost.Total)
	}
}
