package syscalls_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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
	if times := os.Getenv(seeking); times != "" {
		seek(times)
		return
	}
	if dir := os.Getenv(ringing); dir != "" {
		ring(dir)
		return
	}
	if os.Getenv(waiting) != "" {
		wait()
		return
	}
	if os.Getenv(signalling) != "" {
		sendSignal()
		return
	}
	if title := os.Getenv(titled); title != "" {
		overwrite(title)
		return
	}
	if os.Getenv(faulting) != "" {
		touch()
		return
	}
	if os.Getenv(pouring) != "" {
		pour()
		return
	}
	os.Exit(m.Run())
}

// line is how a call is compared: with its result and what it was about.
const line = "%evt.type %evt.args"

// program is what a filter says of programs.
var program = regexp.MustCompile(`proc\.name(=\S+| in \([^)]*\))`)

// capture runs a capture while f acts, of the programs of the first filter unless there is a plan: what a busy machine does beside them
// comes faster than the race detector lets it be read. It gives for each filter the lines in the format of those events that pass it.
func capture(t *testing.T, cfg syscalls.Config, filters []string, format string, f func()) [][]string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	s := sys.New()
	pass := make([]*sys.Filter, len(filters))
	for i, text := range filters {
		var err error
		if pass[i], err = sys.NewFilter(text); err != nil {
			t.Fatal(err)
		}
	}
	show, err := sys.NewFormat("*"+format, &sys.Style{Full: true}, sys.ClockHuman)
	if err != nil {
		t.Fatal(err)
	}
	if who := program.FindString(filters[0]); cfg.Plan == nil && who != "" {
		if cfg.Plan, err = syscalls.Compile(who); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Tables, cfg.Lost = s.Table, func(l *syscalls.Losses) { t.Log(l) }
	src, err := syscalls.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	defer src.StopWith(ctx)()
	go func() {
		f()
		cancel()
	}()
	var raw scap.Event
	out := make([][]string, len(filters))
	for {
		e, err := s.Next(src, &raw)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range pass {
			if !pass[i].Pass(e) {
				continue
			}
			if b, ok := show.Append(nil, e); ok {
				out[i] = append(out[i], strings.TrimRight(string(b), " "))
			}
		}
	}
}

// actor starts the process that makes calls, in a folder of its own, and gives what it told and its id.
func actor(t *testing.T, dir string) (told []string, pid int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), acting+"="+dir, "GODEBUG=updatemaxprocs=0") // Go would read now and then how many processors it may use
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), c.ProcessState.Pid()
}

// What a program did, a capture shows: each call in its order, with arguments, data and result.
func TestCalls(t *testing.T) {
	for _, pairs := range []bool{false, true} {
		var told []string
		var pid int
		dir := t.TempDir()
		got := capture(t, syscalls.Config{Pairs: pairs}, []string{"evt.dir=< and proc.name=syscalls.test"}, "%proc.pid "+line, func() { told, pid = actor(t, dir) })[0]
		prefix := fmt.Sprint(pid, " ")
		at := 0
		for _, want := range told {
			i := slices.IndexFunc(got[at:], func(l string) bool { return strings.HasPrefix(l, prefix+strings.TrimRight(want, " ")) })
			if i >= 0 {
				at += i + 1
				continue
			}
			t.Errorf("not captured (in pairs: %v): %s", pairs, want)
			name, _, _ := strings.Cut(want, " ")
			for _, l := range got {
				if strings.HasPrefix(l, prefix+name+" ") {
					t.Log(l)
				}
			}
		}
		if len(told) < 30 {
			t.Errorf("the program told of %d calls", len(told))
		}
	}
}

// changing are the parts of lines that differ between runs: ports, processes, inodes, control groups where the process has ended.
var changing = regexp.MustCompile(`:\d+|ino=\d+|pid=\d+|Test(?:Filters|Untimed)\d+/\d+|tid=\d+|vm_\w+=\d+|pgft_\w+=\d+|cgroups=\S*`)

// A filter that is pushed into the kernel shows what the same filter shows that is not.
func TestFilters(t *testing.T) {
	filters := []string{
		"evt.type in (pread, write)",
		"evt.type!=write and fd.name contains /file",
		"not (evt.type=openat or evt.type=read) and evt.is_io=true and fd.type=file",
		"fd.sport exists",
		"evt.buffer contains hello or fd.type=ipv4",
		"fd.l4proto=udp and evt.category=net",
		"evt.category=file and evt.failed=true",
	}
	for i := range filters {
		filters[i] = "proc.name=syscalls.test and " + filters[i]
	}
	want := showActs(t, syscalls.Config{}, filters...)
	for i, filter := range filters {
		plan, err := syscalls.Compile(filter)
		if err != nil {
			t.Fatal(err)
		}
		got := showActs(t, syscalls.Config{Plan: plan}, filter)[0]
		if !slices.Equal(got, want[i]) {
			t.Errorf("%s\npushed into the kernel:\n%s\nnot:\n%s", filter, strings.Join(got, "\n"), strings.Join(want[i], "\n"))
		}
		if len(want[i]) < 1 {
			t.Errorf("%s shows nothing", filter)
		}
	}
}

// showActs captures what the actor does in its folder and with its sockets, and gives the lines of each filter without what changes from
// run to run.
func showActs(t *testing.T, cfg syscalls.Config, filters ...string) [][]string {
	pid := 0
	dir := t.TempDir()
	out := capture(t, cfg, filters, "%proc.pid %evt.dir "+line, func() { _, pid = actor(t, dir) })
	for i := range out {
		out[i] = slices.DeleteFunc(out[i], func(l string) bool {
			acted := strings.Contains(l, dir) || strings.Contains(l, "127.0.0.1") || strings.Contains(l, "(<4>)")
			return !acted || !strings.HasPrefix(l, fmt.Sprint(pid, " ")) || strings.Contains(l, " fd=1(") || strings.Contains(l, " fd=1 ") // what it tells has the folder's name in it
		})
		for j, l := range out[i] {
			_, l, _ = strings.Cut(l, " ")
			out[i][j] = changing.ReplaceAllString(l, "")
		}
	}
	return out
}

// Where nobody looks at the times of entering events, calls are seen when they end only: they are the same.
func TestUntimed(t *testing.T) {
	for _, filter := range []string{"evt.is_io=true", "evt.is_io=true and fd.ip=127.0.0.1", "evt.type in (openat, connect, accept4, close, execve, write)"} {
		filter = "proc.name=syscalls.test and " + filter
		plan, err := syscalls.Compile(filter)
		if err != nil {
			t.Fatal(err)
		}
		want := showActs(t, syscalls.Config{Plan: plan, Pairs: true}, filter)[0]
		got := showActs(t, syscalls.Config{Plan: plan, Pairs: true, Untimed: true}, filter)[0]
		if !slices.Equal(got, want) || len(want) < 10 {
			t.Errorf("%s\nseen when they end:\n%s\nseen when they begin too:\n%s", filter, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// Where nobody looks at what calls read and write, that alone is not gathered.
func TestBlind(t *testing.T) {
	filter := "proc.name=syscalls.test and evt.is_io=true"
	plan, err := syscalls.Compile(filter)
	if err != nil {
		t.Fatal(err)
	}
	const calls, bytes = "%proc.pid %evt.type %evt.dir %fd.type %evt.rawres", " data=%evt.buffer"
	show := func(blind bool) (lines []string, data, messages int) {
		pid := 0
		dir := t.TempDir()
		for _, l := range capture(t, syscalls.Config{Plan: plan, Pairs: true, Blind: blind}, []string{filter}, calls+bytes, func() { _, pid = actor(t, dir) })[0] {
			l, ok := strings.CutPrefix(l, fmt.Sprint(pid, " "))
			l, with, _ := strings.Cut(l, " data=")
			if !ok || strings.Contains(l, "> <NA>") || strings.Contains(l, "< <NA>") { // what it tells has the folder's name in it
				continue
			}
			lines = append(lines, l)
			if with != "" && with != "<NA>" {
				data++
			}
			if strings.Contains(l, "msg <") { // of these it is gathered with what else a message has
				messages++
			}
		}
		return lines, data, messages
	}
	want, all, _ := show(false)
	got, some, messages := show(true)
	if !slices.Equal(got, want) || len(want) < 10 || all < 2*messages || some != messages {
		t.Errorf("%d with data of\n%s\nblind %d, %d messages, of\n%s", all, strings.Join(want, "\n"), some, messages, strings.Join(got, "\n"))
	}
}

// A capture in which nothing happens ends when it is told to, though nobody wakes it.
func TestSilence(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	plan, err := syscalls.Compile("proc.name=nobody and evt.type=lseek and fd.port=1")
	if err != nil {
		t.Fatal(err)
	}
	idle := make(chan bool, 1)
	src, err := syscalls.Open(syscalls.Config{Plan: plan, Idle: func() error {
		select {
		case idle <- true:
		default:
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer src.StopWith(ctx)()
	go func() {
		<-idle
		cancel()
	}()
	ended := make(chan error, 1)
	go func() {
		var e scap.Event
		for {
			if err := src.Next(&e); err != nil {
				ended <- err
				return
			}
		}
	}()
	select {
	case err := <-ended:
		if err != io.EOF {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}
