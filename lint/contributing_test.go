package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const contributing = "../CONTRIBUTING.md"

// fence is a fenced block of a Markdown file.
type fence struct {
	lang, file string // "go" and "proto/x/x.go" of an info string "go file=proto/x/x.go"
	line       int    // where its text begins
	text       string
}

// fences reads the fenced blocks of a file.
func fences(t *testing.T, name string) (out []fence) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	in := false
	for i, l := range strings.SplitAfter(string(b), "\n") {
		info, border := strings.CutPrefix(strings.TrimSuffix(l, "\n"), "```")
		switch {
		case border && !in:
			lang, file, _ := strings.Cut(info, " file=")
			out = append(out, fence{lang: lang, file: file, line: i + 2})
			in = true
		case border:
			in = false
		case in:
			out[len(out)-1].text += l
		}
	}
	if in {
		t.Fatalf("%s: a block is not closed", name)
	}
	return out
}

// apply changes text as a block of kind diff says. Its hunks are parted by lines "@@"; of each, the lines that begin with
// a blank or a minus must be found exactly once, one behind the other.
func (d fence) apply(text string) (string, error) {
	for _, hunk := range strings.Split(d.text, "@@\n") {
		var before, after strings.Builder
		for _, l := range strings.SplitAfter(hunk, "\n") {
			switch {
			case l == "":
			case l[0] == ' ':
				before.WriteString(l[1:])
				after.WriteString(l[1:])
			case l[0] == '-':
				before.WriteString(l[1:])
			case l[0] == '+':
				after.WriteString(l[1:])
			default:
				return "", fmt.Errorf("line %q of a diff begins with none of ' ', '-', '+'", l)
			}
		}
		text = "\n" + text
		if n := strings.Count(text, "\n"+before.String()); n != 1 {
			return "", fmt.Errorf("%s has %d places with\n%swant 1", d.file, n, before.String())
		}
		text = strings.Replace(text, "\n"+before.String(), "\n"+after.String(), 1)[1:]
	}
	return text, nil
}

// example is the module with the files of CONTRIBUTING.md in it. Nothing is copied: files of packages that are in the tree
// come in by go's -overlay; a new package, whose folder vet and tests want to be in, by a go.mod that has it as a module
// of its own. (A workspace would do too, but it loads go.mod files that the build does not need, from the network.)
type example struct {
	dir   string // temporary
	flags []string
	files map[string]string // by path in the module
	added []string          // new packages
}

func newExample(t *testing.T) *example {
	t.Helper()
	x := &example{dir: t.TempDir(), files: map[string]string{}}
	for _, f := range fences(t, contributing) {
		if f.file == "" {
			continue
		}
		if err := x.take(f); err != nil {
			t.Fatalf("%s:%d: %v", contributing, f.line, err)
		}
	}
	if len(x.files) < 5 {
		t.Fatalf("%s has %d files in its blocks, want those of three examples", contributing, len(x.files))
	}
	if err := x.write(); err != nil {
		t.Fatal(err)
	}
	return x
}

// take adds a block's file, or its change to a file.
func (x *example) take(f fence) error {
	inTree, err := os.ReadFile(filepath.Join(root, f.file))
	text, known := x.files[f.file]
	switch {
	case f.lang != "diff" && (err == nil || known):
		return fmt.Errorf("%s is there already; take another example", f.file)
	case f.lang != "diff":
		x.files[f.file] = f.text
		return nil
	case !known && err != nil:
		return err
	case !known:
		text = string(inTree)
	}
	x.files[f.file], err = f.apply(text)
	return err
}

// write writes the files, the overlay and the go.mod.
func (x *example) write() error {
	top, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	replace := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(x.files)) {
		text, pkg, to := x.files[name], path.Dir(name), filepath.Join(x.dir, name)
		if err := writeFile(to, text); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(root, pkg)); err == nil {
			replace[filepath.Join(top, name)] = to
		} else if !slices.Contains(x.added, pkg) {
			x.added = append(x.added, pkg)
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	overlay, mod := filepath.Join(x.dir, "overlay.json"), filepath.Join(x.dir, "go.mod")
	x.flags = []string{"-overlay", overlay, "-modfile", mod}
	return errors.Join(writeFile(overlay, string(b)), x.writeModules(mod), os.CopyFS(x.dir, os.DirFS("testdata")))
}

// writeModules makes a module of every new package, and a go.mod that requires them.
func (x *example) writeModules(mod string) error {
	main, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return err
	}
	for _, pkg := range x.added {
		dir := filepath.Join(x.dir, pkg)
		main = fmt.Appendf(main, "\nrequire %s%s v0.0.0\nreplace %[1]s%[2]s => %s\n", module, pkg, dir)
		if err := writeFile(filepath.Join(dir, "go.mod"), "module "+module+pkg+"\n\ngo 1.26\n"); err != nil {
			return err
		}
	}
	return errors.Join(writeFile(mod, string(main)), writeFile(strings.TrimSuffix(mod, "mod")+"sum", string(sum)))
}

func writeFile(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

// run runs the go command with the example in place.
func (x *example) run(t *testing.T, verb string, args ...string) {
	t.Helper()
	args = append(append([]string{verb}, x.flags...), args...)
	c := exec.CommandContext(t.Context(), "go", args...)
	c.Dir, c.Env = root, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestContributing builds the examples of CONTRIBUTING.md into the program and runs them.
func TestContributing(t *testing.T) {
	x := newExample(t)
	x.keepsRules(t)
	packages := []string{module + "record", module + "proto/all"}
	for _, pkg := range x.added {
		packages = append(packages, module+pkg)
	}
	x.run(t, "vet", packages...)
	if *update {
		x.updateGoldens(t)
	}
	x.run(t, "test", packages...)
	t.Run("commands", x.commands)
}

// updateGoldens lets the example write its golden files and takes them over into lint/testdata.
func (x *example) updateGoldens(t *testing.T) {
	captures, err := filepath.Glob("testdata/*/*/testdata/*.pcap")
	if err != nil || len(captures) == 0 {
		t.Fatalf("no captures below lint/testdata (%v)", err)
	}
	for _, c := range captures {
		pkg, _ := filepath.Rel("testdata", filepath.Dir(filepath.Dir(c)))
		x.run(t, "test", "-run", "Golden", module+filepath.ToSlash(pkg), "-update")
		golden := strings.TrimSuffix(c, ".pcap") + ".golden"
		from, _ := filepath.Rel("testdata", golden)
		b, err := os.ReadFile(filepath.Join(x.dir, from))
		if err == nil {
			err = os.WriteFile(golden, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// keepsRules: the examples are formatted and keep the rules of the house for sizes and imports.
func (x *example) keepsRules(t *testing.T) {
	t.Helper()
	for name, text := range x.files {
		if b, err := format.Source([]byte(text)); err != nil || !bytes.Equal(b, []byte(text)) {
			t.Errorf("%s: %s is not formatted by gofmt (%v)", contributing, name, err)
		}
		f, err := parser.ParseFile(fset, name, text, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			dir := path.Dir(name)
			if strings.HasSuffix(name, "_test.go") || notParsers[dir] || r.deep != (dir != r.of) || !under(dir, r.of) {
				continue
			}
			for _, i := range f.Imports {
				own, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module)
				if ok && !allowed(own, r.may) {
					t.Errorf("%s: %s imports %s: %s", contributing, name, own, r.why)
				}
			}
		}
	}
}

// commands runs what the blocks of kind console hold with the program that has the examples in it, and compares what they
// print. With -update it writes what they print.
func (x *example) commands(t *testing.T) {
	bin := filepath.Join(x.dir, "bin")
	x.run(t, "build", "-ldflags", "-s -w", "-o", filepath.Join(bin, "tapir"), "./cmd/tapir")
	page, err := os.ReadFile(contributing)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, f := range fences(t, contributing) {
		if f.lang != "console" {
			continue
		}
		got := session(t, x.dir, bin, f.text)
		if got == f.text {
			continue
		}
		if !*update {
			t.Errorf("%s:%d: the commands print\n%s", contributing, f.line, got)
		}
		text = strings.Replace(text, "```console\n"+f.text, "```console\n"+got, 1)
	}
	if *update && text != string(page) {
		if err := os.WriteFile(contributing, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// session runs the lines of script that begin with "$ " in a shell and gives them with what they print.
func session(t *testing.T, dir, bin, script string) string {
	t.Helper()
	var out strings.Builder
	for _, l := range strings.Split(script, "\n") {
		line, ok := strings.CutPrefix(l, "$ ")
		if !ok {
			continue
		}
		c := exec.CommandContext(t.Context(), "sh", "-c", line)
		c.Dir = dir
		c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TZ=UTC", "LC_ALL=C")
		b, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("$ %s: %v\n%s", line, err, b)
		}
		fmt.Fprintf(&out, "$ %s\n%s", line, b)
	}
	return out.String()
}

// Every target, package, test and file that the pages name is there.
func TestPagesNameWhatIsThere(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	target := regexp.MustCompile("`make ([a-z-]+)")
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[a-z-]+)?\)`)
	pkg := regexp.MustCompile(` \./([a-z/]+)`)
	for _, page := range []string{"CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/dependencies.md"} {
		b, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range target.FindAllSubmatch(b, -1) {
			if !bytes.Contains(makefile, []byte("\n"+string(m[1])+":")) {
				t.Errorf("%s: the Makefile has no target %s", page, m[1])
			}
		}
		for _, m := range link.FindAllSubmatch(b, -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), string(m[1]))); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
		for _, m := range pkg.FindAllSubmatch(b, -1) {
			if _, err := os.Stat(filepath.Join(root, string(m[1]))); err != nil {
				t.Errorf("%s names package %s, which is not there", page, m[1])
			}
		}
	}
}
