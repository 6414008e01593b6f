package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// block is a fenced block of a page: what stands behind the fence, and its lines.
type block struct{ info, text string }

var fences = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// TestAuditTutorial does what docs/audit-tutorial.md says, in a network namespace: it writes the files, runs the commands one after the
// other, and compares what each prints with what the page shows of it.
func TestAuditTutorial(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("capturing takes root")
	}
	for _, program := range []string{"/usr/sbin/apache2", "/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db"} {
		if _, err := os.Stat(program); err != nil {
			t.Skipf("%v (packaging/setup.sh test)", err)
		}
	}
	page, err := os.ReadFile("../docs/audit-tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "tapir-audit-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, m := range fences.FindAllStringSubmatch(string(page), -1) {
		b := block{m[1], m[2]}
		if _, name, ok := strings.Cut(b.info, "file="); ok {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		blocks = append(blocks, b)
	}
	printed := runAudit(t, dir, blocks)
	n, last := 0, ""
	for _, b := range blocks {
		switch b.info {
		case "sh":
			last = printed[n]
			n++
		case "text":
			compareText(t, b.text, last)
		default:
			t.Errorf("a block of %q is neither a command nor what it prints", b.info)
		}
	}
	if n < 8 {
		t.Errorf("%d blocks of commands were found", n)
	}
}

// runAudit runs the commands in one shell, and gives what each block printed. What the shell started ends with it.
func runAudit(t *testing.T, dir string, blocks []block) (printed []string) {
	t.Helper()
	script := "set -e\nip link set lo up\ntrap 'kill $(jobs -p) 2>/dev/null; wait || true' EXIT\n"
	n := 0
	for _, b := range blocks {
		if b.info == "sh" {
			script += fmt.Sprintf("exec >%d.out 2>&1\n%s\n", n, b.text)
			n++
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "unshare", "-n", "bash", "-c", script)
	c.Dir = dir
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // servers that end their process group leave the test alone
	c.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "PWD="+dir)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // the shell ends what it started
	c.WaitDelay = 10 * time.Second
	out, err := c.CombinedOutput()
	for i := range n {
		b, _ := os.ReadFile(filepath.Join(dir, fmt.Sprint(i, ".out")))
		printed = append(printed, string(b))
		if testing.Verbose() {
			t.Logf("%d:\n%s", i, b)
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, strings.Join(printed, "\n"))
	}
	return printed
}

var (
	numbers = regexp.MustCompile(`\b[0-9][0-9.]*(?:KB|B|M)?\b`)
	blanks  = regexp.MustCompile(` +`)
)

// compareText fails unless every line that the page shows is among those that were printed, whatever the numbers are.
func compareText(t *testing.T, shown, printed string) {
	t.Helper()
	lines := map[string]bool{}
	for _, s := range strings.Split(printed, "\n") {
		lines[general(s)] = true
	}
	for _, s := range strings.Split(strings.TrimSpace(shown), "\n") {
		if !lines[general(s)] {
			t.Errorf("the page shows a line that is not printed: %q\nprinted:\n%s", s, printed)
		}
	}
}

// general is a line without what differs from run to run: numbers but for addresses and the servers' ports.
func general(s string) string {
	s = numbers.ReplaceAllStringFunc(s, func(n string) string {
		if strings.HasPrefix(n, "127.") || n == "8080" || n == "3307" {
			return n
		}
		return "N"
	})
	return strings.TrimSpace(blanks.ReplaceAllString(s, " "))
}
