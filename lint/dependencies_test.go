package lint

import (
	"encoding/json"
	"flag"
	"go/parser"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/linked-packages.txt, and goldens and output of the examples in CONTRIBUTING.md")

const (
	dependencies = "../docs/dependencies.md"
	linkedList   = "../docs/linked-packages.txt"
)

// use is a folder that imports a module.
type use struct {
	module, dir string
	test        bool // in a test file
}

// row is a module's line in the table: the folders that may import it, and whether only their tests may.
type row struct {
	folders map[string]bool // folder: tests only
	tool    bool
}

// table reads the rows of docs/dependencies.md.
func table(t *testing.T) map[string]row {
	t.Helper()
	b, err := os.ReadFile(dependencies)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]row{}
	for _, l := range strings.Split(string(b), "\n") {
		cells := strings.Split(strings.Trim(l, "| "), " | ")
		if !strings.HasPrefix(l, "| ") || !strings.Contains(cells[0], "/") {
			continue
		}
		if len(cells) != 4 || slices.Contains(cells, "") {
			t.Errorf("%s: the row of %s has not the four cells module, in, for, not for", dependencies, cells[0])
			continue
		}
		r := row{folders: map[string]bool{}}
		for _, f := range strings.Split(cells[1], ", ") {
			dir, tests := strings.CutSuffix(f, " (tests)")
			if strings.HasPrefix(f, "`make ") {
				r.tool = true
			} else {
				r.folders[dir] = tests
			}
		}
		rows[cells[0]] = r
	}
	return rows
}

// goMod is what go.mod requires.
func goMod(t *testing.T) (modules, tools []string) {
	t.Helper()
	var m struct {
		Require, Tool []struct{ Path string }
	}
	if err := json.Unmarshal([]byte(goCommand(t, "mod", "edit", "-json")), &m); err != nil {
		t.Fatal(err)
	}
	for _, r := range m.Require {
		modules = append(modules, r.Path)
	}
	for _, r := range m.Tool {
		tools = append(tools, r.Path)
	}
	return modules, tools
}

// goCommand gives the output of the go command in the root of the module, for linux/amd64 with cgo wherever it runs.
func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", args...)
	c.Dir = root
	c.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1", "GOFLAGS=")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// moduleOf finds the module of a package: the longest that is its path or a parent of it.
func moduleOf(modules []string, pkg string) (found string) {
	for _, m := range modules {
		if under(pkg, m) && len(m) > len(found) {
			found = m
		}
	}
	return found
}

// uses lists who imports which module, and the folders that use cgo.
func uses(t *testing.T, modules []string) (all map[use]bool, cgo []string) {
	t.Helper()
	all = map[use]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "out") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, _ := filepath.Rel(root, filepath.Dir(path))
		for _, i := range f.Imports {
			pkg := strings.Trim(i.Path.Value, `"`)
			if pkg == "C" {
				cgo = append(cgo, filepath.ToSlash(dir))
			}
			if m := moduleOf(modules, pkg); m != "" {
				all[use{m, filepath.ToSlash(dir), strings.HasSuffix(name, "_test.go")}] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, cgo
}

// allows says whether the row lets u be; it names the folder that does.
func (r row) allows(u use) (folder string, ok bool) {
	for dir, tests := range r.folders {
		if under(u.dir, dir) && (u.test || !tests) {
			return dir, true
		}
	}
	return "", false
}

// TestDependenciesHaveReasons compares the table with the imports.
func TestDependenciesHaveReasons(t *testing.T) {
	modules, tools := goMod(t)
	rows := table(t)
	all, _ := uses(t, modules)
	needed := map[string]map[string]bool{} // module: folders that use it
	for u := range all {
		r, ok := rows[u.module]
		if !ok {
			t.Errorf("%s imports %s, which has no row in %s: say there what it is for and what not, or do without it", u.dir, u.module, dependencies)
			continue
		}
		dir, ok := r.allows(u)
		if !ok {
			t.Errorf("%s imports %s, which %s has for %v only", u.dir, u.module, dependencies, slices.Sorted(maps.Keys(r.folders)))
		}
		if needed[u.module] == nil {
			needed[u.module] = map[string]bool{}
		}
		needed[u.module][dir] = true
	}
	for name, r := range rows {
		if r.tool && !slices.ContainsFunc(tools, func(tool string) bool { return under(tool, name) }) {
			t.Errorf("%s: %s is no tool of go.mod", dependencies, name)
		}
		for dir := range r.folders {
			if !needed[name][dir] {
				t.Errorf("%s: %s does not import %s any more", dependencies, dir, name)
			}
		}
	}
	for _, tool := range tools {
		if !rows[moduleOf(modules, tool)].tool {
			t.Errorf("%s has no row for the tool %s", dependencies, tool)
		}
	}
}

// TestDependenciesLinked compares docs/linked-packages.txt with what the program links.
func TestDependenciesLinked(t *testing.T) {
	linked := strings.Fields(goCommand(t, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./cmd/tapir"))
	slices.Sort(linked)
	modules, _ := goMod(t)
	for m, r := range table(t) {
		var isLinked, mayBe = false, false
		for _, p := range linked {
			isLinked = isLinked || moduleOf(modules, p) == m
		}
		for _, tests := range r.folders {
			mayBe = mayBe || !tests
		}
		if isLinked && !mayBe {
			t.Errorf("%s is linked into the program; %s has it for tests or as a tool only", m, dependencies)
		}
	}
	if *update {
		if err := os.WriteFile(linkedList, []byte(strings.Join(linked, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(linkedList)
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Fields(string(b))
	for _, p := range linked {
		if !slices.Contains(listed, p) {
			t.Errorf("the program links %s, new to %s; is it worth it? Then: go test ./lint -run Dependencies -update", p, linkedList)
		}
	}
	for _, p := range listed {
		if !slices.Contains(linked, p) {
			t.Errorf("%s has %s, which is not linked any more: go test ./lint -run Dependencies -update", linkedList, p)
		}
	}
}

// TestDependenciesNeedCForTwo: cgo is DuckDB and libpcap's filter compiler.
func TestDependenciesNeedCForTwo(t *testing.T) {
	_, cgo := uses(t, nil)
	for _, dir := range cgo {
		if dir != "source/bpf" {
			t.Errorf("%s uses cgo: only source/bpf may, see %s", dir, dependencies)
		}
	}
	deps := goCommand(t, "list", "-deps", "-f", "{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}", "./cmd/tapir")
	for _, p := range strings.Fields(deps) {
		if p != module+"source/bpf" && !strings.HasPrefix(p, "github.com/duckdb/") {
			t.Errorf("%s needs cgo: only DuckDB and source/bpf may, see %s", p, dependencies)
		}
	}
	if std := goCommand(t, "list", "-deps", "./cmd/tapir"); slices.Contains(strings.Fields(std), "testing") {
		t.Error("the program links package testing: something of a test suite is imported outside of tests")
	}
}
