package api

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const docsFile = "../docs/api.md"

// block is a fenced block of a page: page[from:to] is its text.
type block struct {
	lang     string
	from, to int
}

func blocks(page string) (out []block) {
	open := -1
	lang := ""
	at := 0
	for line := range strings.Lines(page) {
		if fence, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			if open < 0 {
				open, lang = at+len(line), fence
			} else {
				out = append(out, block{lang, open, at})
				open = -1
			}
		}
		at += len(line)
	}
	return out
}

// TestDocs runs the commands of docs/api.md, one after the other in one shell, and compares what each block of them prints
// with the block behind it. go test -update writes what was printed.
func TestDocs(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed (make setup-test installs it)")
	}
	raw, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	page, c := string(raw), bundled(t)
	const mark = "\x01"
	script := "set -euo pipefail\n"
	all := blocks(page)
	for _, b := range all {
		if b.lang == "sh" {
			script += strings.ReplaceAll(page[b.from:b.to], "http://127.0.0.1:8005", c.url) + "printf '" + mark + "'\n"
		}
	}
	printed := strings.Split(runShell(t, script), mark)
	update := flag.Lookup("update") != nil && flag.Lookup("update").Value.String() == "true"
	for i := len(all) - 1; i > 0; i-- {
		b, before := all[i], all[i-1]
		if b.lang == "sh" || before.lang != "sh" {
			continue
		}
		got := printed[countShell(all[:i])-1]
		if want := page[b.from:b.to]; got != want && !update {
			t.Errorf("after\n%sgot\n%swant\n%s", page[before.from:before.to], got, want)
		}
		page = page[:b.from] + got + page[b.to:]
	}
	if update {
		if err := os.WriteFile(docsFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func countShell(all []block) (n int) {
	for _, b := range all {
		if b.lang == "sh" {
			n++
		}
	}
	return n
}

func runShell(t *testing.T, script string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("bash")
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = t.TempDir(), strings.NewReader(script), &out, &errs
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TOKEN=" + testToken, "LC_ALL=C"}
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s\nafter %q", err, errs.String(), out.String()[max(0, out.Len()-500):])
	}
	return out.String()
}
