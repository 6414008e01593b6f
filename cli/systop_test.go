package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// terminal is a command in a terminal of its own, 120 by 30 characters.
type terminal struct {
	t      *testing.T
	socket string
}

func openTerminal(t *testing.T, command ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed (packaging/setup.sh test)")
	}
	w := &terminal{t, filepath.Join(t.TempDir(), "tmux")}
	w.tmux(append([]string{"-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "30"}, command...)...)
	t.Cleanup(func() { exec.Command("tmux", "-S", w.socket, "kill-server").Run() })
	return w
}

func (w *terminal) tmux(args ...string) string {
	w.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", w.socket}, args...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// see waits until the screen has all the texts.
func (w *terminal) see(texts ...string) {
	w.t.Helper()
	for i, s := range texts {
		texts[i] = regexp.QuoteMeta(s)
	}
	w.match(texts...)
}

// match waits until the screen matches all the expressions.
func (w *terminal) match(expressions ...string) {
	w.t.Helper()
	screen, deadline := "", time.Now().Add(20*time.Second)
next:
	for time.Now().Before(deadline) {
		screen = w.tmux("capture-pane", "-p")
		for _, s := range expressions {
			if !regexp.MustCompile(s).MatchString(screen) {
				time.Sleep(20 * time.Millisecond) // the terminal tells nobody that it has changed
				continue next
			}
		}
		return
	}
	w.t.Fatalf("%q do not come:\n%s", expressions, screen)
}

func (w *terminal) press(keys ...string) { w.tmux(append([]string{"send-keys"}, keys...)...) }

// tapir sys top on a real terminal: keys go in as a terminal sends them, and the screen is what a user sees.
func TestSysTopTerminal(t *testing.T) {
	file, err := filepath.Abs("../sys/testdata/sockets.scap")
	if err != nil {
		t.Fatal(err)
	}
	w := openTerminal(t, "sh", "-c", "tapir sys top -r "+file+"; echo ended with $?; cat")
	w.see("Viewing: Processes", "sockets.scap  read to its end", "65 events", "F1 Help")
	w.press("F2")
	w.see("Each connection and datagram socket")
	w.press("Down", "Enter")
	w.see("Viewing: Connections", "LPORT", "9.9.9.9")
	w.press("/", "9", ".", "9")
	w.see("Search: 9.9_")
	w.press("Enter", "Enter")
	w.see("Viewing: Processes", `fd.name="10.0.0.1:5555->9.9.9.9:443"`)
	w.press("F5")
	w.see("------ Write 3B to   10.0.0.1:5555->9.9.9.9:443 (aaa)", "GET")
	w.press("F6")
	w.see("Viewing: Events", "< write res=3 data=GET")
	w.press("BSpace", "BSpace")
	w.see("Viewing: Connections", "Filter: none")
	w.press("?")
	w.see("echo: what is read and written in the row")
	w.press("Escape")
	w.see("LPORT")
	w.tmux("resize-window", "-x", "60", "-y", "12")
	w.see("F1 Help")
	w.press("q")
	w.see("ended with 0")
}

// Live, what a program does is seen while it does it: its file among the files, its data, and its calls.
func TestSysTopLive(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("capturing takes root")
	}
	file := filepath.Join(t.TempDir(), "watched-by-top")
	work := exec.Command("sh", "-c", `while sleep 0.05; do echo what-is-written >>"$0"; done`, file)
	if err := work.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { work.Process.Kill(); work.Wait() })
	w := openTerminal(t, "sh", "-c", "tapir sys top -d 200 proc.pid="+strconv.Itoa(work.Process.Pid)+" 2>&1; echo ended with $?; cat")
	w.see("Viewing: Processes  Of: this machine  live", strconv.Itoa(work.Process.Pid)+" ")
	w.press("F2", "Down", "Down", "Down", "Enter")
	w.see("Viewing: Files", "OPENS", file)
	w.press("F4", "watched", "Enter")
	w.see("F1 Help", file)
	w.press("F5")
	w.see("------ Write 16B to   "+file+" (sh)", "what-is-written")
	w.press("F6")
	w.see("write res=16 data=what-is-written")
	w.press("BSpace")
	w.see("Viewing: Files")
	w.press("q")
	w.see("ended with 0")
}

// Live, a process that computes and makes no calls has its share of a processor.
func TestSysTopProcessor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("capturing takes root")
	}
	busy := exec.Command("sh", "-c", "while :; do :; done")
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Process.Kill(); busy.Wait() })
	w := openTerminal(t, "sh", "-c", "tapir sys top -d 1500 proc.pid="+strconv.Itoa(busy.Process.Pid)+" 2>&1; echo ended with $?; cat")
	w.match(strconv.Itoa(busy.Process.Pid) + ` +root +[1-9]\d*\.\d\d%`)
	w.press("q")
	w.see("ended with 0")
}

// What cannot be read ends the view, with the reason where the user sees it.
func TestSysTopNoFile(t *testing.T) {
	w := openTerminal(t, "sh", "-c", "tapir sys top -r /nowhere.scap; echo ended with $?; cat")
	w.see("open /nowhere.scap: no such file or directory", "ended with 1")
}
