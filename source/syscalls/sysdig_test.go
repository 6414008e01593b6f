package syscalls_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/source/syscalls"
	"github.com/tapir-project/tapir/sys"
)

// record captures what f does into a file.
func record(t *testing.T, name string, old bool, f func()) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := scap.NewWriter(file, old)
	s := sys.New()
	src, err := syscalls.Open(syscalls.Config{Pairs: true, Times: true, Tables: s.Table, Lost: func(l *syscalls.Losses) { t.Log(l) }})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	err = s.Dump(func(entry any) error {
		if d, ok := entry.(*scap.Descriptor); ok && d.Type > scap.FDFileV2 { // sysdig 0.29 reads no table with such a one
			return nil
		}
		return w.Table(entry)
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer src.StopWith(ctx)()
	go func() {
		f()
		cancel()
	}()
	for raw := new(scap.Event); ; {
		e, err := s.Next(src, raw)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = w.Event(e.Event)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// reading reads a file, until the test ends.
func reading(t *testing.T, name string) *scap.Reader {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	r, err := scap.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// show gives the lines of a file's events that pass the filter.
func show(t *testing.T, name, filter, format string) (lines []string) {
	t.Helper()
	r := reading(t, name)
	s := sys.New()
	r.Table = s.Table
	pass, err := sys.NewFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	style, err := sys.NewFormat(format, &sys.Style{}, sys.ClockHuman)
	if err != nil {
		t.Fatal(err)
	}
	for raw := new(scap.Event); ; {
		e, err := s.Next(r, raw)
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if b, ok := style.Append(nil, e); ok && pass.Pass(e) && e.Shown() {
			lines = append(lines, string(b))
		}
	}
}

// run runs this program in one of its ways, and others, to make events of all kinds.
func runAll(t *testing.T, dir string) {
	self, err := os.Executable()
	if err != nil {
		t.Error(err)
		return
	}
	for _, way := range []string{acting + "=" + filepath.Join(dir, "act"), ringing + "=" + filepath.Join(dir, "ring"), signalling + "=1"} {
		if _, value, _ := strings.Cut(way, "="); value != "1" {
			must(os.Mkdir(value, 0o755))
		}
		c := exec.Command(self)
		c.Env, c.Stderr = append(os.Environ(), way), os.Stderr
		if err := c.Run(); err != nil {
			t.Error(err)
		}
	}
	narrow := filepath.Join(dir, "narrow32")
	if exec.Command("gcc", "-m32", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-fno-stack-protector", "-o", narrow, "testdata/narrow.c").Run() == nil {
		exec.Command(narrow, dir).Run() // where the machine runs such programs
	}
}

// A file written of a capture is read by sysdig 0.29 with the same events, arguments and descriptors as here; of the current layout it
// skips what it does not know.
func TestSysdig(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := exec.LookPath("sysdig"); err != nil {
		t.Skip(err)
	}
	// Of the two calls for many messages sysdig 0.29 knows no descriptor; of the child that a signal tells of it may still know the name.
	const filter = "proc.name in (syscalls.test, narrow32) and not evt.type in (sendmmsg, recvmmsg) and not (evt.type=signaldeliver and evt.arg.sig=SIGCHLD)"
	for _, old := range []bool{true, false} {
		name := filepath.Join(t.TempDir(), "calls.scap")
		record(t, name, old, func() { runAll(t, t.TempDir()) })
		format := "*%evt.num %evt.rawtime %evt.cpu %thread.tid %evt.type %evt.dir %evt.latency %fd.name %evt.args"
		if !old { // numbers count what is skipped, and newer parameters are shown here
			format = "*%evt.rawtime %evt.cpu %thread.tid %evt.type %evt.dir"
		}
		ours := show(t, name, filter, format)
		var errs bytes.Buffer
		c := exec.Command("sysdig", "-r", name, "-p", format, filter)
		c.Stderr = &errs
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, &errs)
		}
		theirs := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
		if !old {
			ours = slices.DeleteFunc(ours, func(l string) bool { return skipped[strings.Fields(l)[3]] })
		}
		for i := range max(len(ours), len(theirs)) {
			if i >= len(ours) || i >= len(theirs) || strings.TrimRight(ours[i], " ") != strings.TrimRight(theirs[i], " ") {
				t.Errorf("old layout: %v, line %d of %d and %d:\n%s\nof sysdig:\n%s", old, i, len(ours), len(theirs), strings.Join(ours[i:min(i+4, len(ours))], "\n"),
					strings.Join(theirs[i:min(i+4, len(theirs))], "\n"))
				break
			}
		}
		if len(ours) < 300 {
			t.Errorf("%d events", len(ours))
		}
	}
}

// skipped are the events that sysdig 0.29 does not know.
var skipped = func() map[string]bool {
	out := map[string]bool{}
	for e := scap.Type(336); e < scap.Types; e++ {
		out[e.Info().Name] = true
	}
	return out
}()
