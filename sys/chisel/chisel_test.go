package chisel_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/chisel"
)

// output is what a chisel prints of a capture in ../testdata.
func output(t *testing.T, c *chisel.Chisel, file string, env chisel.Env, args ...string) string {
	t.Helper()
	b, err := os.ReadFile("../testdata/" + file + ".scap")
	if err != nil {
		t.Fatal(err)
	}
	r, err := scap.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s := sys.New()
	env.Out, env.Sys = bufio.NewWriter(&out), s
	if env.Style == nil {
		env.Style = &sys.Style{}
	}
	r.Table = s.Table
	run, err := c.Start(&env, args)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	var raw scap.Event
	for {
		e, err := s.Next(r, &raw)
		if err == nil {
			err = run.Event(e)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
	}
	if err := run.End(); err != nil {
		t.Fatal(err)
	}
	env.Out.Flush()
	return out.String()
}

func native(t *testing.T, name string) *chisel.Chisel {
	t.Helper()
	c := chisel.Find(name)
	if c == nil {
		t.Fatalf("no chisel %s", name)
	}
	return c
}

const rule = "--------------------------------------------------------------------------------\n"

func TestOutput(t *testing.T) {
	for _, c := range []struct {
		name, file string
		env        chisel.Env
		args       []string
		want       string
	}{
		{"topprocs_net", "sockets", chisel.Env{}, nil, "Bytes               Process             PID                 \n" + rule + "44B                 aaa                 10\n"},
		{"topports_server", "sockets", chisel.Env{}, nil, "Bytes               Srv Port            \n" + rule + "30B                 53\n8B                  80\n3B                  443\n"},
		{"topprocs_errors", "sockets", chisel.Env{}, nil, "#Errors             Process             PID                 \n" + rule + "4                   aaa                 10\n"},
		{"fdbytes_by", "sockets", chisel.Env{}, []string{"fd.type"}, "Bytes               fd.type             \n" + rule + "44B                 ipv4\n12B                 file\n"},
		{"topports_server", "sockets", chisel.Env{JSON: true}, nil, "{\n  \"ts\":\"1600000000000000000\",\n  \"data\":[[\"53\",30],[\"80\",8],[\"443\",3]],\n  \"info\":[{\n      \"desc\":\"Srv Port\",\n" +
			"      \"name\":\"fd.sport\",\n      \"is_key\":true\n    },null,{\n      \"desc\":\"Bytes\",\n      \"name\":\"evt.rawarg.res\",\n      \"is_key\":false\n    }]\n}\n"},
		{"fdcount_by", "sockets", chisel.Env{}, []string{"fd.l4proto"}, "udp\t8\n<NA>\t3\ntcp\t3\n"},
		{"ps", "processes", chisel.Env{}, []string{"proc.name=bash"}, "TID     PID     USER        VIRT       RES        FDLIMIT   CMD                 \n" +
			"10      10      bob         1000.00KB  200.00KB   1024      bash\n"},
		{"spy_users", "processes", chisel.Env{}, []string{"9", "disable_colors"}, "10 12:26:40 bob) ls -l /tmp\n"},
		{"stderr", "sockets", chisel.Env{}, nil, ""},
	} {
		got := output(t, native(t, c.name), c.file, c.env, c.args...)
		if c.name == "spy_users" { // the rest of that capture is another story
			got, _, _ = strings.Cut(got, "10 12:26:40 <NA>")
		}
		if got != c.want {
			t.Errorf("%s %v\ngot  %q\nwant %q", c.name, c.args, got, c.want)
		}
	}
}

// Every chisel runs on every capture, or says why not.
func TestEveryChiselRuns(t *testing.T) {
	if len(chisel.All()) != 50 {
		t.Errorf("%d chisels, want sysdig's 50", len(chisel.All()))
	}
	t.Chdir(t.TempDir())
	values := map[string]string{"key": "proc.name", "host_ip": "10.0.0.1", "host_port": "53", "min_ms": "0", "dump_file_name": "out.scap"}
	for _, c := range chisel.All() {
		var args []string
		for _, a := range c.Args {
			if !a.Optional {
				args = append(args, values[a.Name])
			}
		}
		if _, err := c.Start(&chisel.Env{Out: bufio.NewWriter(io.Discard), Style: &sys.Style{}, Sys: sys.New()}, args); err != nil && err.Error() == "" {
			t.Errorf("%s: no reason", c.Name)
		}
		if len(args) > 0 {
			if _, err := c.Start(&chisel.Env{}, nil); err == nil {
				t.Errorf("%s runs without its arguments", c.Name)
			}
		}
	}
}

func TestLua(t *testing.T) {
	c, err := chisel.Load("testdata/opened.lua")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "opened" || c.Category != "Test" || len(c.Args) != 1 || !c.Args[0].Optional {
		t.Errorf("%+v", c)
	}
	const home = "/home/" + "bob/"
	want := strings.ReplaceAll("20\topen\t~foo\tls\n26\topen\t~foo\tls\n28\topenat\t~foo/rel\tls\n30\topenat\t~sub/rel\tls\n61\topen\t~foo\tzy\n5 opened, 0 normal\n", "~", home)
	if got := output(t, c, "processes", chisel.Env{}, home); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	conns, err := chisel.Load("testdata/conns.lua")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := output(t, conns, "sockets", chisel.Env{}), output(t, native(t, "topconns"), "sockets", chisel.Env{}); got != want || got == "" {
		t.Errorf("by table_generator %q\nnative %q", got, want)
	}
	if _, err := chisel.Load("nothing"); err == nil || !strings.Contains(err.Error(), "-cl") {
		t.Error(err)
	}
}
