package cli

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/chisel"
)

// Debian's sysdig 0.29 and tapir sys print the same bytes: all fields, display options, filters of every kind, and chisels, as ours
// and as Debian's scripts. TAPIR_CORPUS adds captures to those of the repository; see CONTRIBUTING.md.
func TestBesideSysdig(t *testing.T) {
	peer, err := exec.LookPath("sysdig")
	if err != nil {
		t.Skip("sysdig is not installed")
	}
	t.Setenv("TZ", "UTC")
	files := []string{"../sys/testdata/datagrams.scap", amended(t, "../sys/testdata/processes.scap")}
	if corpus := os.Getenv("TAPIR_CORPUS"); corpus != "" {
		files = append(files, filepath.Join(corpus, "sys", "curl_google.scap"), filepath.Join(corpus, "sys", "test_ipv6_client.scap"))
	}
	shells, err := filepath.Abs("../sys/testdata/processes.scap")
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if files[i], err = filepath.Abs(files[i]); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir()) // chisels write files
	for _, args := range [][]string{{}, {"ls"}, {"nothing"}, {"*"}} {
		besidePeer(t, peer, append([]string{"-r", shells, "-c", "list_login_shells"}, args...))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			left := wrong[filepath.Base(file)]
			for _, args := range slices.Concat(peerFormats(left), peerOptions, peerFilters, peerChisels()) {
				if !slices.Contains(left, strings.Join(args, " ")) {
					besidePeer(t, peer, append([]string{"-r", file}, args...))
				}
			}
		})
	}
}

// wrong are the fields and filters that sysdig evaluates wrongly on a capture; docs/sys.md says how.
var wrong = map[string][]string{"processes.scap": {"evt.latency.human", "proc.is_exe_writable", "proc.vpgid", "fd.ip exists"}}

// amended is a copy of a capture with events that are no calls, of threads that are known and that are not, and without the calls of the
// thread of which nothing was known before it cloned, which sysdig forgets again then.
func amended(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := scap.NewWriter(&out, true)
	r, err := scap.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	r.Table = func(entry any) { w.Table(entry) }
	left := 0
	for e := new(scap.Event); ; {
		if err = r.Next(e); err != nil {
			break
		}
		if e.Thread == 500 {
			left++
			continue
		}
		w.Event(e)
		if e.Type != 293 || e.Thread != 11 {
			continue
		}
		for _, typ := range []scap.Type{290, 146, 148, 152, 232, 244, 280, 286} {
			for i, thread := range []int64{10, 11, 9999} {
				w.Event(made(t, typ, e.Time, thread, uint64(50*i)))
			}
		}
	}
	name = filepath.Join(t.TempDir(), filepath.Base(name))
	if err := errors.Join(w.Flush(), os.WriteFile(name, out.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err != io.EOF || left != 2 {
		t.Fatalf("%v; %d events left out", err, left)
	}
	return name
}

// made is an event whose parameters are numbers from first on, or a text.
func made(t *testing.T, typ scap.Type, at, thread int64, first uint64) *scap.Event {
	t.Helper()
	e := &scap.Event{Type: typ, Time: at, Thread: thread, CPU: 1}
	var lengths, data []byte
	for i, p := range typ.Info().Params {
		b := []byte("text\x00")
		if size := p.Kind.Size(); size > 0 {
			b = binary.LittleEndian.AppendUint64(nil, first+uint64(i))[:size]
		}
		lengths, data = append(lengths, byte(len(b)), 0), append(data, b...)
	}
	if !e.Set(lengths, data) {
		t.Fatal("the parameters do not fit")
	}
	return e
}

// besidePeer runs both and compares what they print and whether they fail.
func besidePeer(t *testing.T, peer string, args []string) {
	t.Helper()
	theirs := exec.Command(peer, args...)
	want, err := theirs.Output()
	var out, errs bytes.Buffer
	mine := slices.Clone(args)
	script := strings.HasSuffix(args[min(3, len(args)-1)], ".lua")
	if i := slices.Index(mine, "-c"); script {
		theirs = exec.Command(peer, slices.Concat(args[:i], []string{"-c", strings.TrimSuffix(filepath.Base(args[i+1]), ".lua")}, args[i+2:])...)
		want, err = theirs.Output()
	}
	rc := Main(append([]string{"sys"}, mine...), Stdio{In: strings.NewReader(""), Out: &out, Err: &errs})
	got, expected := out.String(), string(want)
	switch i := slices.Index(args, "-c"); {
	case i < 0 || script:
	case args[i+1] == "spy_ip": // sysdig calls what is written Read
		got = strings.ReplaceAll(got, "------ Write ", "------ Read ")
	case args[i+1] == "list_login_shells": // sysdig tells one shell, three times; each capture here has one
		expected = strings.Join(slices.Compact(strings.SplitAfter(expected, "\n")), "")
	}
	if slices.Contains(args, "-c") { // equal values have no order of their own
		got, expected = sortedValues(got), sortedValues(expected)
	}
	if got != expected || (rc != 0) != (err != nil) {
		t.Errorf("%s: exit %d, sysdig %v\n%s%s", strings.Join(args[2:], " "), rc, err, firstDifference(got, expected), errs.String())
	}
}

// peerFormats are formats with all fields, some at a time. Left out is what sysdig reads beyond its variables (fd.dev, group.gid), and
// what made-up captures say otherwise than its kernel module did.
func peerFormats(left []string) (out [][]string) {
	left = append(slices.Clip(left), "fd.dev", "group.gid", "user.login", "evt.category", "evt.buflen.")
	needsArgument := []string{"type.is", "proc.apid", "proc.aname", ".label", ".tag", ".arg", ".enterarg", "container.mount", ".mount.source", ".mount.dest", ".mount.mode", ".mount.rdwr", ".mount.propagation"}
	format := "*"
	for i, f := range sys.Fields() {
		_, err := sys.NewFormat("%"+f.Name, &sys.Style{}, sys.ClockHuman)
		if err == nil && !slices.ContainsFunc(left, func(l string) bool { return strings.HasPrefix(f.Name, l) }) &&
			!slices.ContainsFunc(needsArgument, func(n string) bool { return strings.HasSuffix(f.Name, n) }) {
			format += "%" + f.Name + "|"
		}
		if i%50 == 49 {
			out = append(out, []string{"-p", format})
			format = "*"
		}
	}
	return append(out, []string{"-p", format}, []string{"-p", "%evt.num %fd.name"}, []string{"-p", "%10evt.type|%3fd.num_%evt.arg[1]"}, []string{"-p", "%-5proc.name"})
}

var peerOptions = [][]string{{}, {"-A"}, {"-x"}, {"-X"}, {"-b"}, {"-j"}, {"-j", "-b"}, {"-j", "-X"}, {"-v"}, {"-q", "-S"}, {"-S"}, {"-pc"}, {"-pk"}, {"-pm"},
	{"-t", "h"}, {"-t", "a"}, {"-t", "a", "-j"}, {"-t", "r"}, {"-t", "d"}, {"-t", "D"}, {"-D"}, {"-d", "fd.type=ipv4"}, {"-n", "20"}, {"-n", "0"}, {"-F"}, {"-M", "1"}, {"-R"}, {"-T"}, {"-t", "x"},
	{"-p", "%evt.num %evt.arg.data"}, {"-p", "%evt.num %evt.rawarg.data"}, {"-p", "%evt.num %nothing"}}

var peerFilters = func() (out [][]string) {
	for _, f := range []string{"evt.type=read", "evt.type in (read, write)", "not evt.type=read", "evt.type!=read and evt.dir=<",
		"(evt.type=read or evt.type=write) and evt.dir=>", "fd.num=4", "fd.num>4", "fd.num>=4", "fd.num<4", "fd.num<=4", "fd.num!=4", "fd.num in (3,4)", "fd.num exists",
		"fd.name contains 1.1", "fd.name startswith /etc", "fd.name endswith 80", "fd.name glob *:8*", "fd.name pmatch (/etc)", "fd.name exists", "not fd.name exists",
		"fd.name icontains ETC", "fd.name<1.2", "proc.name>=b", "fd.ip=1.1.1.1", "fd.ip!=1.1.1.1", "fd.ip in (1.1.1.1,8.8.8.8)", "fd.cip=2.2.2.2", "fd.net=1.0.0.0/8",
		"fd.net!=1.0.0.0/8", "fd.snet=8.8.0.0/16", "fd.snet exists", "fd.port=80", "fd.port!=80", "fd.port>80", "fd.port in (80,53)", "fd.port=http", "fd.sport exists",
		"fd.l4proto=udp", "fd.type=ipv4", "fd.is_server=true", "fd.connected=false", "evt.is_io=true", "evt.is_io_read=false", "evt.failed=true", "evt.rawres<0", "evt.res=SUCCESS",
		"evt.res!=SUCCESS", "evt.arg.fd contains 80", "evt.rawarg.size=5", "evt.arg[0] contains 4", "evt.buffer contains a", "evt.buffer startswith ab",
		"evt.type.is.read=1", "evt.type.is.read=0", "evt.latency>0", "evt.num<20", "proc.pid=10", "proc.aname=init", "proc.aname[1]=init", "proc.apid=1", "user.name=root",
		"evt.around[1600000000000005000]=1", "container.id=host", "evt.time contains 12:26", "syscall.type=read", "evt.type=nothing", "fd.num=x", "fd.net=10.0.0.0",
		"evt.type=read and", "(evt.type=read", "nothing=1", "evt.type", "fd.ip=1.2.3", "fd.ip exists", "evt.buffer icontains a"} {
		out = append(out, []string{f})
	}
	return out
}()

// peerChisels are all chisels, and, where they are, Debian's scripts. Left out is what cannot be compared: what waits for a terminal or a
// network, and what sysdig refuses (shellshock_detect).
func peerChisels() (out [][]string) {
	args := map[string][]string{"fdbytes_by": {"fd.type"}, "fdcount_by": {"fd.type"}, "fileslower": {"0"}, "netlower": {"0"}, "scallslower": {"0"},
		"spy_port": {"80"}, "spy_ip": {"1.1.1.1"}}
	left := []string{"around", "tracers_2_statsd", "shellshock_detect", "fdtime_by", "topprocs_cpu", "topcontainers_cpu", "topfiles_bytes", "topscalls"}
	for _, c := range chisel.All() {
		if slices.Contains(left, c.Name) {
			continue
		}
		out = append(out, append([]string{"-c", c.Name}, args[c.Name]...))
		if c.Name != "spy_syslog" { // whose columns come in the wrong order
			out = append(out, append([]string{"-pc", "-c", c.Name}, args[c.Name]...))
		}
		if script := "/usr/share/sysdig/chisels/" + c.Name + ".lua"; fileThere(script) {
			out = append(out, append([]string{"-c", script}, args[c.Name]...))
		}
	}
	return append(out, []string{"-c", "lsof", "fd.type=ipv4"}, []string{"-c", "netstat", "fd.sport=80"}, []string{"-j", "-c", "echo_fds"}, []string{"-j", "-c", "spy_file"},
		[]string{"-X", "-c", "spy_port", "80"}, []string{"-c", "spy_ip", "8.8.8.8"}, []string{"-c", "list_login_shells", "ls"})
}

func fileThere(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
