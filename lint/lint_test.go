package lint

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

const (
	root   = ".."
	module = "github.com/tapir-project/tapir/"
)

// pkg is one package folder as the linter sees it.
type pkg struct {
	path    string // relative to the module: "proto/dns"
	imports map[string]bool
	files   map[string]*ast.File // by file name, tests left out
	doc     string
}

var fset = token.NewFileSet()

func load(t *testing.T) map[string]*pkg {
	t.Helper()
	pkgs := map[string]*pkg{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "out") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir, _ := filepath.Rel(root, filepath.Dir(path))
		p := pkgs[dir]
		if p == nil {
			p = &pkg{path: filepath.ToSlash(dir), imports: map[string]bool{}, files: map[string]*ast.File{}}
			pkgs[dir] = p
		}
		p.files[name] = f
		if f.Doc != nil {
			p.doc += f.Doc.Text()
		}
		for _, i := range f.Imports {
			p.imports[strings.Trim(i.Path.Value, `"`)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

// own lists the packages of this module that p imports.
func (p *pkg) own() (out []string) {
	for i := range p.imports {
		if strings.HasPrefix(i, module) {
			out = append(out, strings.TrimPrefix(i, module))
		}
	}
	sort.Strings(out)
	return out
}

func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// rule says what packages under Of may import of the module.
type rule struct {
	of   string
	may  []string
	why  string
	deep bool // packages below of, not of itself
}

var rules = []rule{
	{of: "record", may: nil, why: "record is the vocabulary: everything imports it, so it imports nothing"},
	{of: "packet", may: []string{"record"}, why: "decoding is pure: bytes in, headers out"},
	{of: "sflow", may: nil, why: "the codec is for other programs too: bytes in, structs out"},
	{of: "sflow/agent", may: []string{"sflow"}, why: "the agent is for other programs too: events in, datagrams out"},
	{of: "sflow/agent", deep: true, may: []string{"sflow", "sflow/agent"}, why: "a source of the agent knows the agent, and no other source"},
	{of: "sflow/collector", may: []string{"sflow", "record", "packet", "internal/communityid"}, why: "datagrams in, records to a sink: it knows no store and no configuration"},
	{of: "sflow/sflowtool", may: []string{"sflow", "record", "internal/pcapio"}, why: "printing is a function of the datagram"},
	{of: "query", may: []string{"record"}, why: "the language knows no store, so that every store answers it alike"},
	{of: "proto", may: []string{"record", "packet"}, why: "the parser contract sees bytes and packet times only"},
	{of: "proto", deep: true, may: []string{"proto", "record", "packet", "internal/tlshello"}, why: "a parser sees no clock, store, configuration or log, and never a sibling: so it is deterministic and can be fuzzed"},
	{of: "dissect", may: []string{"packet", "record", "proto", "proto/dns", "proto/dhcp", "proto/tls", "proto/http", "internal/tlshello"}, why: "one packet for the eye is a function of its bytes; formats are those of the parsers, so that none is written twice"},
	{of: "flow", may: []string{"record", "packet", "proto", "reassembly", "internal/communityid", "pcapstore"}, why: "a flow table is a function of packets; of the packet store it keeps the handle that names a flow"},
	{of: "reassembly", may: []string{"record", "packet"}, why: "reassembly is a function of segments and fragments"},
	{of: "store", may: []string{"record", "query"}, why: "the Store interface is what stores share"},
	{of: "saved", may: []string{"internal/datadir"}, why: "what people save is documents with names; what they mean is for those who use them"},
	{of: "scap", may: nil, why: "the file format is a public package that stands alone: bytes in, tables and events out"},
	{of: "source/syscalls", may: []string{"bpf", "scap", "source", "query"}, why: "a capture delivers events as files do; what they mean is for package sys"},
	{of: "sys/chisel", may: []string{"sys"}, why: "a chisel asks fields and filters; it sees neither files nor captures"},
	{of: "sys/top", may: []string{"sys", "sys/chisel"}, why: "a view is a function of events and keys; it sees neither files nor captures nor a terminal"},
	{of: "sys", may: []string{"scap", "query", "record"}, why: "what system calls mean is the same for a file and a live capture, so it knows neither"},
	{of: "doctor", may: []string{"source/afpacket"}, why: "each part is tried as the part does it; nothing is read or written of what Tapir stores"},
	{of: "pcapstore", may: []string{"record", "internal/pcapio", "internal/datadir"}, why: "packets on disk know flows by id only"},
}

// Folders that a parser's rule does not hold for: they gather parsers or test them.
var notParsers = map[string]bool{"proto/all": true, "proto/prototest": true}

func TestImports(t *testing.T) {
	pkgs := load(t)
	for _, r := range rules {
		for _, p := range pkgs {
			if r.deep && (!strings.HasPrefix(p.path, r.of+"/") || notParsers[p.path]) || !r.deep && p.path != r.of {
				continue
			}
			for _, i := range p.own() {
				if !allowed(i, r.may) {
					t.Errorf("%s imports %s; it may import %v: %s", p.path, i, r.may, r.why)
				}
			}
		}
	}
}

func allowed(i string, may []string) bool {
	for _, m := range may {
		if i == m {
			return true
		}
	}
	return false
}

func TestBans(t *testing.T) {
	bans := []struct{ of, not, why string }{
		{"api", "source", "a viewer node has no privileges and reads no packets from the wire"},
		{"api", "pipeline", "a viewer node answers questions; capturing is another stage"},
		{"query", "store", "the language knows no store"},
		{"api", "web", "a node without a viewer answers the same questions; app joins the two"},
		{"web", "api", "the viewer asks over HTTP as everyone does"},
		{"record", "log/slog", "the vocabulary logs nothing"},
	}
	pkgs := load(t)
	for _, b := range bans {
		for _, p := range pkgs {
			if !under(p.path, b.of) {
				continue
			}
			for i := range p.imports {
				if under(strings.TrimPrefix(i, module), b.not) {
					t.Errorf("%s imports %s: %s", p.path, i, b.why)
				}
			}
		}
	}
}

// Packet handling knows packet time only: the same capture must give the same output.
func TestNoClockBelowThePipeline(t *testing.T) {
	pure := []string{"record", "packet", "dissect", "flow", "reassembly", "proto", "query", "scap", "sys"}
	for _, p := range load(t) {
		for _, dir := range pure {
			if !under(p.path, dir) {
				continue
			}
			for name, f := range p.files {
				ast.Inspect(f, func(n ast.Node) bool {
					if s, ok := n.(*ast.SelectorExpr); ok {
						if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && (s.Sel.Name == "Now" || s.Sel.Name == "Since") {
							t.Errorf("%s/%s:%d uses time.%s: packet time drives every timer", p.path, name, fset.Position(n.Pos()).Line, s.Sel.Name)
						}
					}
					return true
				})
			}
		}
	}
}

func TestNoInitFunctions(t *testing.T) {
	for _, p := range load(t) {
		for name, f := range p.files {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s/%s has an init function: registration is a plain list, so that its order can be seen", p.path, name)
				}
			}
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	for _, p := range load(t) {
		if len(p.doc) < 60 {
			t.Errorf("package %s has no doc comment that says what it is, what flows in and out, and who calls it", p.path)
		}
	}
}

// The longest chain of imports inside the module is what a newcomer must hold in the head.
func TestDepth(t *testing.T) {
	const most = 8
	pkgs := load(t)
	memo := map[string]int{}
	var depth func(string) int
	depth = func(path string) int {
		if d, ok := memo[path]; ok {
			return d
		}
		memo[path] = 0
		p, d := pkgs[filepath.FromSlash(path)], 0
		if p != nil {
			for _, i := range p.own() {
				d = max(d, depth(i)+1)
			}
		}
		memo[path] = d
		return d
	}
	for path := range pkgs {
		if d := depth(filepath.ToSlash(path)); d > most {
			t.Errorf("%s stands on a chain of %d imports, most is %d", path, d, most)
		}
	}
}

// Exceptions to the size alarms, "path:what" each with its reason.
func exceptions(t *testing.T) map[string]bool {
	f, err := os.Open("exceptions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]bool{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, why, _ := strings.Cut(line, " ")
		if strings.TrimSpace(why) == "" {
			t.Errorf("exceptions.txt: %s has no reason", what)
		}
		out[what] = true
	}
	return out
}

func TestSizes(t *testing.T) {
	const (
		fileLines, funcLines, pkgFiles, methods = 600, 80, 25, 5
	)
	except := exceptions(t)
	used := map[string]bool{}
	alarm := func(what, format string, args ...any) {
		if except[what] {
			used[what] = true
			return
		}
		t.Errorf(what+": "+format+"; split it by what it means, or give a reason in lint/exceptions.txt", args...)
	}
	for _, p := range load(t) {
		if len(p.files) > pkgFiles {
			alarm(p.path, "%d files, most is %d", len(p.files), pkgFiles)
		}
		for name, f := range p.files {
			path := p.path + "/" + name
			if n := fset.Position(f.End()).Line; n > fileLines {
				alarm(path, "%d lines, most is %d", n, fileLines)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > funcLines {
						alarm(path+":"+fn.Name.Name, "%d lines, most is %d", n, funcLines)
					}
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if spec, ok := n.(*ast.TypeSpec); ok {
					if i, ok := spec.Type.(*ast.InterfaceType); ok && len(i.Methods.List) > methods {
						alarm(path+":"+spec.Name.Name, "%d methods, most is %d", len(i.Methods.List), methods)
					}
				}
				return true
			})
		}
	}
	for _, pattern := range []string{"bpf/*.[ch]", "contrib/*/*.[ch]"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no files, %v", pattern, err)
		}
		for _, path := range files {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(b, []byte("\n")); n > fileLines {
				alarm(path, "%d lines, most is %d", n, fileLines)
			}
		}
	}
	for what := range except {
		if !used[what] {
			t.Errorf("exceptions.txt: %s is no exception any more", what)
		}
	}
}

// Nothing that is committed may speak of the machine it was written on.
func TestNoMachinePaths(t *testing.T) {
	bad := regexp.MustCompile(`/(work|root|home/[a-z]+)/[A-Za-z0-9._]`)
	text := map[string]bool{".go": true, ".md": true, ".sh": true, ".txt": true, ".yaml": true, ".yml": true, ".json": true, ".c": true, ".h": true, ".py": true, "": true, ".mod": true}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "out") {
				return filepath.SkipDir
			}
			return err
		}
		if !text[filepath.Ext(path)] || filepath.Ext(path) == "" && d.Name() != "Makefile" && d.Name() != "run" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if m := bad.Find(b); m != nil && filepath.Base(path) != "lint_test.go" {
			t.Errorf("%s holds %q, a path of some machine", path, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
