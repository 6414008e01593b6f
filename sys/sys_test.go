package sys_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// state is a format that shows what is known of thread and descriptor.
const state = "*%evt.num %evt.dir %evt.type tid=%thread.tid pid=%proc.pid ppid=%proc.ppid n=%proc.name exe=%proc.exe args=%proc.args cwd=%proc.cwd nt=%proc.nthreads " +
	"sid=%proc.sid vpid=%proc.vpid uid=%user.uid %user.name fdl=%proc.fdlimit oc=%proc.fdopencount vm=%proc.vmsize exp=%proc.exepath pn=%proc.pname " +
	"an=%proc.aname[1] lat=%evt.latency fd=%fd.num %fd.type %fd.name srv=%fd.is_server conn=%fd.connected c=%fd.cip:%fd.cport s=%fd.sip:%fd.sport l=%fd.lip r=%fd.rip"

// each applies the events of a file and calls f with them.
func each(t testing.TB, name string, f func(e *sys.Event)) {
	t.Helper()
	eachOf(t, sys.New(), name, f)
}

// eachOf applies the events of a file to s and calls f with them.
func eachOf(t testing.TB, s *sys.Inspector, name string, f func(e *sys.Event)) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := scap.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	r.Table = s.Table
	var raw scap.Event
	for {
		e, err := s.Next(r, &raw)
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		f(e)
	}
}

func format(t testing.TB, text string, st *sys.Style) *sys.Format {
	t.Helper()
	f, err := sys.NewFormat(text, st, sys.ClockHuman)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The captures in testdata hold calls made up one by one; when they were made, sysdig 0.29.3 printed the same lines but
// for what docs/ARCHITECTURE.md names.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.scap")
	if len(files) < 4 {
		t.Fatal("captures are missing")
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			var got []byte
			line, known := format(t, sys.DefaultFormat, &sys.Style{}), format(t, state, &sys.Style{})
			obj := format(t, "*%evt.num %evt.type %evt.info %fd.name %evt.latency %evt.failed", &sys.Style{JSON: true})
			each(t, name, func(e *sys.Event) {
				got, _ = line.Append(got, e)
				got, _ = known.Append(append(got, "\n  "...), e)
				got, _ = obj.AppendJSON(append(got, "\n  "...), e)
				got = append(got, '\n')
			})
			golden := strings.TrimSuffix(name, ".scap") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
				for i := range min(len(g), len(w)) {
					if g[i] != w[i] {
						t.Fatalf("line %d\ngot  %s\nwant %s", i+1, g[i], w[i])
					}
				}
				t.Fatalf("%d lines, want %d", len(g), len(w))
			}
		})
	}
}

func count(t *testing.T, file, filter string) (n int) {
	t.Helper()
	f, err := sys.NewFilter(filter)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	each(t, file, func(e *sys.Event) {
		if f.Pass(e) {
			n++
		}
	})
	return n
}

// What filters mean, on the sockets of one process.
func TestFilters(t *testing.T) {
	const file = "testdata/sockets.scap"
	all := count(t, file, "")
	for _, c := range []struct {
		filter string
		want   int
	}{
		{"evt.num <= 3", 3},
		{"evt.num in (1, 2, 77)", 2},
		{"evt.type=connect and evt.dir=>", 2},
		{"evt.type=connect or evt.type=close and evt.dir=>", 6}, // and binds tighter
		{"not evt.type exists", 0},
		{"fd.name=nothing or fd.name!=nothing", all - count(t, file, "not fd.name exists")}, // what is missing is neither
		{"fd.port=443", 9}, // the role of either end is not known everywhere
		{"fd.sport=443 or fd.cport=443", 4},
		{"fd.ip=9.9.9.9", count(t, file, "fd.net=9.9.9.0/24")},
		{"fd.ip!=9.9.9.9", count(t, file, "fd.type in (ipv4, ipv6)") - count(t, file, "fd.ip=9.9.9.9")}, // none of both ends, and an end
		{"evt.latency>=1us and evt.latency<=1000ns", count(t, file, "evt.latency=1000")},
		{"evt.rawres<0", count(t, file, "evt.failed=true")},
		{"evt.res=ECONNREFUSED", 1},
		{"evt.arg.fd=8", 0}, // it is shown by name
		{"evt.rawarg.fd=8", 5},
		{"evt.buffer startswith he and evt.buffer endswith lo and evt.buffer contains ell", count(t, file, "evt.buffer=hello")},
		{"fd.name pmatch (/etc, /usr)", count(t, file, "fd.name startswith /etc/")},
		{`fd.name glob "/e*[ct]/f"`, count(t, file, "fd.name=/etc/f")},
		{`fd.name regex "/etc/(f|three)"`, count(t, file, "fd.name in (/etc/f, /etc/three)")},
		{"proc.aname=init", all},
		{"proc.aname[1]=init and proc.apid=1", all},
		{"evt.is_io=1", count(t, file, "evt.is_io=true")},
		{"*", all},
	} {
		if got := count(t, file, c.filter); got != c.want {
			t.Errorf("%s passes %d events, want %d", c.filter, got, c.want)
		}
	}
}

// Errors name the remedy.
func TestFilterErrors(t *testing.T) {
	for filter, want := range map[string]string{
		"fd.nam=x":                  "did you mean fd.",
		"evt.type=opne":             "unknown event type opne",
		"evt.cpu=abc":               "abc is not a valid number",
		"fd.ip exists":              "fd.sip exists",
		"fd.net=10.0.0.0":           "networks such as",
		"fd.ip=10.0.0.1.2":          "no address",
		"evt.buffer icontains http": "not icontains",
		"evt.is_io=maybe":           "true or false",
		"evt.arg=3":                 "needs an argument",
		"evt.arg.nothing=3":         "no event has an argument",
		"evt.type=open and":         "condition is missing",
		"evt.latency contains 3":    "is a number",
	} {
		if _, err := sys.NewFilter(filter); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", filter, err, want)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, bad := range []string{"%-5proc.name", "%", "%nothing.here", "%fd.ip", "%99999evt.num"} {
		if _, err := sys.NewFormat(bad, nil, sys.ClockHuman); err == nil {
			t.Errorf("%q is taken for a format", bad)
		}
	}
	var got []string
	short, skip := format(t, `%4evt.type|%7evt.type.\t%evt.num`, nil), format(t, "%fd.name", nil)
	each(t, "testdata/sockets.scap", func(e *sys.Event) {
		if e.Num > 8 {
			return
		}
		b, _ := short.Append(nil, e)
		got = append(got, string(b))
		if b, ok := skip.Append(nil, e); ok {
			got = append(got, string(b))
		}
	})
	if got[0] != "read|read   .\t1" || got[1] != "/etc/f" || got[len(got)-1] != "sock|socket .\t8" {
		t.Errorf("%q", got)
	}
}

// All fields are asked of all events, twice: the answers are the same, and no field of sysdig's list is missing.
func TestEveryField(t *testing.T) {
	var fields []*sys.Field
	for _, info := range sys.Fields() {
		name := info.Name
		f, err := sys.Find(name, nil)
		if err != nil {
			name += map[bool]string{true: ".open", false: "[0]"}[name == "evt.type.is"]
			if f, err = sys.Find(name, nil); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
		}
		fields = append(fields, f)
	}
	if len(fields) < 250 {
		t.Errorf("%d fields", len(fields))
	}
	each(t, "testdata/processes.scap", func(e *sys.Event) {
		for _, f := range fields {
			a, ok := f.Append(nil, e)
			b, again := f.Append(nil, e)
			if ok != again || string(a) != string(b) {
				t.Errorf("%s of %d: %q, then %q", f.Name, e.Num, a, b)
			}
		}
	})
}

// Printing an event costs no memory.
func TestAppendDoesNotAllocate(t *testing.T) {
	f := format(t, sys.DefaultFormat, &sys.Style{})
	j := format(t, sys.DefaultFormat, &sys.Style{JSON: true})
	buf := make([]byte, 0, 64<<10)
	each(t, "testdata/sockets.scap", func(e *sys.Event) {
		if n := testing.AllocsPerRun(10, func() {
			buf, _ = f.Append(buf[:0], e)
			buf, _ = j.AppendJSON(buf[:0], e)
		}); n != 0 {
			t.Errorf("event %d (%s) allocates %v times, want 0", e.Num, e.Name(), n)
		}
	})
}

// Nor does testing one, whatever is asked about.
func TestPassDoesNotAllocate(t *testing.T) {
	var filters []*sys.Filter
	for _, text := range []string{"fd.port in (80, 8080)", "fd.port!=80", "fd.ip=127.0.0.1 or fd.net=10.0.0.0/8", "proc.apid=1 or proc.aname in (bash, sh)",
		"evt.is_io=true and fd.l4proto=tcp and fd.sport=80", "evt.type in (read, write) and proc.name=curl", "evt.buffer contains GET"} {
		f, err := sys.NewFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		filters = append(filters, f)
	}
	each(t, "testdata/sockets.scap", func(e *sys.Event) {
		for i, f := range filters {
			if n := testing.AllocsPerRun(10, func() { f.Pass(e) }); n != 0 {
				t.Errorf("filter %d allocates %v times on event %d (%s), want 0", i, n, e.Num, e.Name())
			}
		}
	})
}

// The tables that Dump tells make the same state again.
func TestDump(t *testing.T) {
	b, err := os.ReadFile("testdata/processes.scap")
	if err != nil {
		t.Fatal(err)
	}
	r, _ := scap.NewReader(bytes.NewReader(b))
	first, second := sys.New(), sys.New()
	r.Table = first.Table
	var raw scap.Event
	for range 30 {
		if _, err := first.Next(r, &raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Dump(func(e any) error { second.Table(e); return nil }); err != nil {
		t.Fatal(err)
	}
	processes := func(s *sys.Inspector) (out []*scap.Process) {
		s.Dump(func(e any) error {
			if p, ok := e.(*scap.Process); ok {
				out = append(out, p)
			}
			return nil
		})
		return out
	}
	if a, b := processes(first), processes(second); !reflect.DeepEqual(a, b) || len(a) < 3 {
		t.Errorf("%+v became %+v", a, b)
	}
	first.Threads(func(a *sys.Thread) bool {
		b := second.Thread(a.TID)
		if b == nil {
			t.Errorf("%+v is gone", a)
			return true
		}
		first.FDs(a, func(f *sys.FD) bool {
			if g := second.FD(b, f.Num); g == nil || g.Name != f.Name || g.Type != f.Type {
				t.Errorf("%d of %d: %+v became %+v", f.Num, a.TID, f, g)
			}
			return true
		})
		return true
	})
}

// Whatever a file holds, every event can be printed.
func FuzzEvents(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.scap")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	line, known := format(f, sys.DefaultFormat, &sys.Style{Buffers: sys.HexText}), format(f, state, &sys.Style{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := scap.NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		defer r.Close()
		s := sys.New()
		r.Table = s.Table
		var raw scap.Event
		var buf []byte
		for n := 0; n < 2000; n++ {
			e, err := s.Next(r, &raw)
			if err != nil {
				return
			}
			buf, _ = line.Append(buf[:0], e)
			buf, _ = known.Append(buf[:0], e)
			buf, _ = line.AppendJSON(buf[:0], e)
		}
	})
}

// In the layout of sysdig 0.29 the events that leave sendmmsg and recvmmsg tell nothing, not of a descriptor either.
func TestBareMmsg(t *testing.T) {
	s := sys.New()
	s.Table(&scap.Process{TID: 7, PID: 7, Comm: "sender"})
	s.Table(&scap.Descriptor{Thread: 7, FD: 0, Type: scap.FDFile, Name: "/dev/null"})
	f := format(t, "*%proc.name %evt.type %fd.num %fd.name %evt.is_io", nil)
	for _, c := range []struct {
		typ  scap.Type
		want string
	}{{51, "sender sendmmsg <NA> <NA> false"}, {55, "sender recvmmsg <NA> <NA> false"}} {
		got, _ := f.Append(nil, s.Apply(&scap.Event{Type: c.typ, Thread: 7, Time: 1}))
		if string(got) != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}
