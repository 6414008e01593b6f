package mirror_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapir-project/tapir/mirror"
)

const clsact = "MIRROR_TEST_CLSACT=1" // as on kernels without tcx

// ends are ways of mirroring that each attach something else.
var ends = []struct {
	name string
	cfg  func(t *testing.T) mirror.Config
	env  string
}{
	{"tcx with shapes and a tap", everything, ""},
	{"clsact with shapes and a tap", everything, clsact},
	{"broadcast by XDP", plainRules(mirror.ModeXDP), ""},
	{"auto", plainRules(mirror.ModeAuto), ""},
	{"passing", func(t *testing.T) mirror.Config {
		return mirror.Config{Rules: parse(t, "eth1@eth2/eth3"), Pass: true}
	}, ""},
}

func everything(t *testing.T) mirror.Config {
	rules := append(parse(t, "eth1@eth2/eth3_eth1@tapir"), mirror.Rule{From: []string{"eth1"}, To: to("eth4"), Truncate: 64})
	return mirror.Config{Rules: rules}
}

func plainRules(mode string) func(t *testing.T) mirror.Config {
	return func(t *testing.T) mirror.Config { return mirror.Config{Rules: parse(t, "eth1@eth2/eth3"), Mode: mode} }
}

// Nothing is left behind, however the process ends; and the sources take all packets only while it runs.
func TestNothingIsLeft(t *testing.T) {
	for i, way := range ends {
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}[:4-min(i, 2)] {
			t.Run(fmt.Sprintf("%s/%v", way.name, sig), func(t *testing.T) {
				namespace(t, 4)
				before := state(t)
				p := start(t, way.cfg(t), way.env)
				if during := state(t); during == before {
					t.Error("a mirror that runs changes nothing: the test sees nothing")
				}
				p.signal(sig)
				eventually(t, "everything is as before", func() bool { return state(t) == before })
				in, out := open(t, "p1"), open(t, "p2")
				in.send(numbered(0, 10, 64)...)
				same(t, "eth2", out.recv(), nil)
			})
		}
	}
}

// One that is killed while it starts leaves nothing either, whatever it had done by then; of one that was to persist Stop
// removes the rest.
func TestKilledWhileStarting(t *testing.T) {
	for _, way := range []struct {
		env     string
		persist bool
	}{{"", false}, {clsact, false}, {"", true}} {
		t.Run(fmt.Sprintf("%s persist %v", way.env, way.persist), func(t *testing.T) {
			namespace(t, 4)
			before, cfg := state(t), everything(t)
			cfg.Persist = way.persist
			for after := time.Duration(0); after < 56*time.Millisecond; after += 7 * time.Millisecond {
				p := launch(t, cfg, way.env)
				time.Sleep(after) // not to wait for something: to come at another moment each time
				p.signal(syscall.SIGKILL)
				if way.persist {
					if err := mirror.Stop(); err != nil && err != mirror.ErrNone {
						t.Fatalf("killed after %v: %v", after, err)
					}
				}
				eventually(t, fmt.Sprintf("killed after %v: everything is as before", after), func() bool { return state(t) == before })
			}
			start(t, cfg, way.env).signal(syscall.SIGTERM) // nothing is in the way of the next one
			mirror.Stop()
			eventually(t, "everything is as before", func() bool { return state(t) == before })
		})
	}
}

// Filters of tc whose process and guard were killed at once are taken away by Stop.
func TestStopSweeps(t *testing.T) {
	namespace(t, 4)
	before := state(t)
	p := start(t, everything(t), clsact)
	p.cmd.Process.Signal(syscall.SIGSTOP) // or it would see its guard end
	for _, path := range must(filepath.Glob("/proc/[0-9]*/stat")) {
		text, _ := os.ReadFile(path) // may have ended
		if f := strings.Fields(string(text)); len(f) > 3 && f[3] == fmt.Sprint(p.cmd.Process.Pid) {
			run(t, "kill -9 %s", f[0])
		}
	}
	p.signal(syscall.SIGKILL)
	if state(t) == before {
		t.Fatal("nothing was left: the test sees nothing")
	}
	if err := mirror.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything is as before", func() bool { return state(t) == before })
	if err := mirror.Stop(); err != mirror.ErrNone {
		t.Errorf("Stop when nothing is left: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Without tcx nothing can persist: that is said, and nothing is attached.
func TestPersistNeedsTCX(t *testing.T) {
	namespace(t, 4)
	before, cfg := state(t), everything(t)
	cfg.Persist = true
	p, line := try(t, cfg, clsact)
	if p.signal(syscall.SIGTERM); !strings.Contains(line, "tcx") || !strings.Contains(line, "--persist") {
		t.Errorf("it said %q", line)
	}
	if after := state(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
	if _, err := mirror.Dial(); err != mirror.ErrNone {
		t.Errorf("its status: %v", err)
	}
}

// A mirror that persists survives its process and counts on; another process takes it over without losing a packet; Stop
// leaves nothing.
func TestPersist(t *testing.T) {
	namespace(t, 4)
	rules := parse(t, "eth1@eth2/eth3")
	rules = append(rules, mirror.Rule{From: []string{"eth1"}, To: to("eth4"), Truncate: 60})
	before := state(t)
	p := start(t, mirror.Config{Rules: rules, Persist: true})
	in, p2, p4 := open(t, "p1"), open(t, "p2"), open(t, "p4")
	frames := numbered(0, 100, 64)
	in.send(frames...)
	p.signal(syscall.SIGKILL)
	in.send(frames...)
	same(t, "eth2", p2.recv(), slices.Concat(frames, frames))
	if got := p4.recv(); len(got) != 200 || len(got[0]) != 60 {
		t.Errorf("eth4 got %d frames", len(got))
	}
	s := status(t)
	adds(t, s, "eth1", 200)
	if s.PID != 0 || !s.Persist {
		t.Errorf("%+v", s)
	}
	if _, line := try(t, mirror.Config{Rules: rules}); !strings.Contains(line, "--persist") {
		t.Errorf("a second mirror: %s", line)
	}
	p = start(t, mirror.Config{Rules: rules, Persist: true})
	in.send(frames...)
	same(t, "eth2", p2.recv(), frames)
	adds(t, status(t), "eth1", 300)
	p.signal(syscall.SIGTERM)
	in.send(frames...)
	same(t, "eth2", p2.recv(), frames)
	if err := mirror.Stop(); err != nil {
		t.Fatal(err)
	}
	p4.recv()
	if after := state(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
	in.send(frames...)
	same(t, "eth2", p2.recv(), nil)
	if err := mirror.Stop(); err != mirror.ErrNone {
		t.Errorf("Stop without a mirror: %v", err)
	}
}

// What changes while a mirror persists: a broadcast that the rules no longer allow ends, interfaces that came anew while no
// process ran are picked up by the next, and Stop still leaves nothing.
func TestPersistChanges(t *testing.T) {
	namespace(t, 3)
	before := state(t)
	p := start(t, mirror.Config{Rules: parse(t, "eth1@eth2/eth3"), Persist: true, Mode: mirror.ModeXDP})
	p2, p3 := open(t, "p2"), open(t, "p3")
	frames := numbered(0, 50, 64)
	send := func(want2, want3 [][]byte) {
		t.Helper()
		open(t, "p1").send(frames...)
		same(t, "eth2", p2.recv(), want2)
		same(t, "eth3", p3.recv(), want3)
	}
	send(frames, frames)
	p.signal(syscall.SIGKILL)
	filtered := []mirror.Rule{{From: []string{"eth1"}, To: to("eth2"), Filter: "udp"}, {From: []string{"eth1"}, To: to("eth3"), Truncate: 60}}
	p = start(t, mirror.Config{Rules: filtered, Persist: true})
	cut := make([][]byte, len(frames))
	for i, f := range frames {
		cut[i] = f[:60]
	}
	send(nil, cut)
	p.signal(syscall.SIGKILL)
	run(t, "ip link del eth1")
	addPair(t, 1)
	waitRunning(t, 3)
	p = start(t, mirror.Config{Rules: filtered, Persist: true})
	send(nil, cut)
	p.signal(syscall.SIGTERM)
	send(nil, cut)
	p = start(t, mirror.Config{Rules: parse(t, "eth1@eth2/eth3"), Persist: true})
	send(frames, frames)
	p.signal(syscall.SIGTERM)
	send(frames, frames)
	if err := mirror.Stop(); err != nil {
		t.Fatal(err)
	}
	send(nil, nil)
	run(t, "ip link del eth1")
	addPair(t, 1)
	waitRunning(t, 3)
	if after := unnumbered(state(t)); after != unnumbered(before) {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

// unnumbered is a state without what a pair made anew has of its own.
func unnumbered(state string) string {
	var out []string
	for _, l := range strings.Split(state, "\n") {
		if !strings.Contains(l, "link/ether") && !strings.Contains(l, "p1@") && !strings.Contains(l, "eth1@") {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// systemd has nothing to say against the unit.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip(err)
	}
	unit := string(must(os.ReadFile("../packaging/systemd/tapir-mirror.service")))
	unit = strings.ReplaceAll(unit, "/usr/bin/tapir", "/usr/bin/env") // there need be no tapir here, nor its man page
	unit = strings.ReplaceAll(unit, "Documentation=", "#")
	path := filepath.Join(t.TempDir(), "tapir-mirror.service")
	if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// state is what a mirror could leave behind: interfaces with their flags and programs, qdiscs, filters, and who asked for
// promiscuous mode.
func state(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	show := func(line string) string { // that a device goes just now is part of the state
		f := strings.Fields(line)
		out, err := exec.Command(f[0], f[1:]...).CombinedOutput()
		if err != nil && !bytes.Contains(out, []byte("Cannot find device")) {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
		return string(out)
	}
	for _, l := range strings.Split(show("ip -d link show"), "\n") {
		if f := strings.Fields(l); len(f) > 2 && strings.HasSuffix(f[0], ":") {
			b.WriteString(l + "\n")
		}
		for _, word := range []string{"promiscuity", "prog/xdp", "xdp"} {
			if strings.Contains(l, word) {
				b.WriteString(l + "\n")
			}
		}
	}
	b.WriteString(show("tc qdisc show"))
	mounts, err := os.ReadFile("/proc/1/mounts") // where pins are
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&b, bytes.Count(mounts, []byte(" /sys/fs/bpf ")))
	for _, l := range links(t) {
		if strings.Contains(show("tc qdisc show dev "+l.Name), "clsact") {
			b.WriteString(show("tc filter show dev "+l.Name+" ingress") + show("tc filter show dev "+l.Name+" egress"))
		}
		b.WriteString(fmt.Sprint(l.Name, attachedTo(t, l.Index), "\n"))
	}
	return b.String()
}
