package mirror_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror"
)

// newTap makes a tap device: what is sent there the interface receives, and what it sends can be read. Its driver keeps as
// many frames for the reader as its queue is long, and has XDP both ways.
func newTap(t testing.TB, name string) *port {
	t.Helper()
	fd := must(unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0))
	t.Cleanup(func() { unix.Close(fd) })
	r := must(unix.NewIfreq(name))
	r.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		t.Fatal(err)
	}
	run(t, "ip link set %s up", name)
	return &port{t, fd}
}

// read gives what a tap device was sent since.
func (p *port) read() (frames [][]byte) {
	b := make([]byte, 1<<12)
	for {
		n, err := unix.Read(p.fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return frames
		}
		frames = append(frames, slices.Clone(b[:n]))
	}
}

// A driver without room drops what XDP hands it, and an output that takes no frames of XDP gets none: each frame that came is
// either at the other end or counted, also while no process runs.
func TestDriverDrops(t *testing.T) {
	for _, persist := range []bool{false, true} {
		t.Run(fmt.Sprintf("persist %v", persist), func(t *testing.T) {
			namespace(t, 1)
			in, full, quick := newTap(t, "in"), newTap(t, "full"), newTap(t, "quick")
			run(t, "ip link set full txqueuelen 100")
			cfg := mirror.Config{Rules: parse(t, "in@full_in@quick/eth1"), Mode: mirror.ModeXDP, Persist: persist}
			p := start(t, cfg)
			if s := status(t).Sources[0]; s.How != "tcx + xdp driver" {
				t.Fatalf("%+v", s)
			}
			tracing := linksOf(t, p, "tracing", "raw_tracepoint")
			if len(tracing) == 0 {
				t.Fatal("no tracing program is attached")
			}
			frames := numbered(0, 500, 200)
			var got [][]byte
			for i, f := range frames {
				if persist && i == 250 {
					p.signal(syscall.SIGKILL)
				}
				in.send(f)
				got = append(got, quick.read()...)
			}
			same(t, "quick", got, frames)
			same(t, "full", full.read(), frames[:100])
			for again := persist; ; again = false {
				s := status(t)
				adds(t, s, "in", 500)
				a, b, c := s.Rules[0].Outputs[0], s.Rules[1].Outputs[0], s.Rules[1].Outputs[1]
				if a.Packets != 100 || a.Dropped != 400 || b.Packets != 500 || c.Packets != 0 || c.Errors != 500 || s.Uncounted != "" {
					t.Errorf("full: %+v\nquick: %+v\neth1: %+v\n%s", a, b, c, s.Uncounted)
				}
				if !again {
					break
				}
				start(t, cfg) // takes over and counts on
			}
			if err := mirror.Stop(); err != nil {
				t.Error(err)
			}
			for _, id := range tracing {
				eventually(t, "the tracing program is gone", func() bool {
					l, err := link.NewFromID(id)
					if err == nil {
						l.Close()
					}
					return errors.Is(err, os.ErrNotExist)
				})
			}
		})
	}
}

// linksOf gives the links of a process of some types.
func linksOf(t *testing.T, p *process, types ...string) (ids []link.ID) {
	t.Helper()
	for _, path := range must(filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", p.cmd.Process.Pid))) {
		b, _ := os.ReadFile(path) // may have been closed
		is, id := "", 0
		for _, l := range strings.Split(string(b), "\n") {
			if v, ok := strings.CutPrefix(l, "link_type:\t"); ok {
				is = v
			} else if v, ok := strings.CutPrefix(l, "link_id:\t"); ok {
				id = must(strconv.Atoi(v))
			}
		}
		if slices.Contains(types, is) {
			ids = append(ids, link.ID(id))
		}
	}
	return ids
}

// Only a mirror's own traffic counts: not that of a mirror between interfaces of the same numbers in another namespace.
func TestDropsOfOthers(t *testing.T) {
	namespace(t, 1)
	mine := must(unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0))
	defer unix.Close(mine)
	cfg := mirror.Config{Rules: parse(t, "in@full"), Mode: mirror.ModeXDP}
	newTap(t, "in")
	newTap(t, "full")
	start(t, cfg)
	index := linkOf(t, "full").Index

	namespace(t, 1)
	in := newTap(t, "in")
	newTap(t, "full")
	run(t, "ip link set full txqueuelen 10")
	if other := linkOf(t, "full").Index; other != index {
		t.Fatalf("interface %d here and %d there: the test sees nothing", index, other)
	}
	start(t, cfg)
	in.send(numbered(0, 50, 64)...)
	if o := status(t).Rules[0].Outputs[0]; o.Packets != 10 || o.Dropped != 40 {
		t.Errorf("%+v", o)
	}
	if err := unix.Setns(mine, unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	s := status(t)
	adds(t, s, "in", 0)
	if o := s.Rules[0].Outputs[0]; o.Packets != 0 || o.Dropped != 0 {
		t.Errorf("what another mirror lost: %+v", o)
	}
}

// A veth whose other end does not keep up drops what its ring has no room for. In the driver each frame is counted, and on the
// kernel's packets the interface counts it.
func TestRingFull(t *testing.T) {
	for _, way := range []string{"xdp driver", "xdp skb"} {
		t.Run(way, func(t *testing.T) {
			namespace(t, 1)
			slow := fmt.Sprintf("q%04x", os.Getpid()&0xffff) // the kernel's thread has the name of the interface in its own
			run(t, "ip link add out type veth peer name %s", slow)
			run(t, "ethtool -K %s gro on", slow)
			run(t, "ethtool -K out tso off") // with it, only frames of XDP go through the ring
			run(t, "ip link set %s up", slow)
			run(t, "ip link set out up")
			from, in := "eth1", (*port)(nil)
			if way == "xdp driver" {
				from, in = "in", newTap(t, "in")
			} else {
				in = open(t, "p1")
			}
			dawdle(t, slow)
			eventually(t, "carriers", func() bool { return linkOf(t, "out").Flags&linkOf(t, from).Flags&unix.IFF_RUNNING != 0 })
			start(t, mirror.Config{Rules: parse(t, from+"@out"), Mode: mirror.ModeXDP})
			if s := status(t).Sources[0]; s.How != "tcx + "+way {
				t.Fatalf("%+v", s)
			}
			end, sent := open(t, slow), 0
			lost := func() uint64 {
				o := status(t).Rules[0].Outputs[0]
				return o.Dropped + map[string]uint64{"xdp skb": o.DeviceDropped}[way]
			}
			for begin := time.Now(); lost() == 0; {
				if time.Since(begin) > time.Minute {
					t.Fatalf("%d frames sent, none lost", sent)
				}
				in.send(numbered(sent, 5000, 64)...)
				sent += 5000
			}
			var got [][]byte
			eventually(t, "what was not lost", func() bool { got = append(got, end.recv()...); return len(got)+int(lost()) >= sent })
			if s := status(t); len(got)+int(lost()) != sent || s.Rules[0].Packets != uint64(sent) {
				t.Errorf("%d sent, %d at the other end and %d lost; %+v", sent, len(got), lost(), s.Rules[0])
			}
			last := -1
			for _, f := range got {
				n := int(binary.BigEndian.Uint32(f[14:]))
				if n <= last || !bytes.Equal(f, numbered(n, 1, 64)[0]) {
					t.Fatalf("%x after number %d", f, last)
				}
				last = n
			}
			adds(t, status(t), from, uint64(sent))
			t.Logf("%d sent, %d at the other end, %d lost", sent, len(got), lost())
		})
	}
}

// dawdle makes a veth receive in a thread of the kernel that runs only where nobody else wants to, and this test want to there.
func dawdle(t *testing.T, dev string) {
	t.Helper()
	sys := t.TempDir() // the one of this network namespace
	if err := unix.Mount("sysfs", sys, "sysfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	err := os.WriteFile(filepath.Join(sys, "class/net", dev, "threaded"), []byte("1"), 0)
	if err := errors.Join(err, unix.Unmount(sys, 0)); err != nil {
		t.Fatal(err)
	}
	var threads []string
	for _, path := range must(filepath.Glob("/proc/[0-9]*/comm")) {
		if name, _ := os.ReadFile(path); strings.HasPrefix(string(name), "napi/"+dev+"-") {
			threads = append(threads, filepath.Base(filepath.Dir(path)))
		}
	}
	if len(threads) != 1 {
		t.Fatalf("threads of %s: %v", dev, threads)
	}
	run(t, "chrt -i -p 0 %s", threads[0])
	run(t, "taskset -pc 0 %s", threads[0])
	var set unix.CPUSet
	set.Set(0)
	if err := unix.SchedSetaffinity(0, &set); err != nil { // this thread ends with the test
		t.Fatal(err)
	}
}

// An output that goes down while Tapir does not hear of it ends broadcasts on the kernel's packets for the outputs behind it, and
// that is counted.
func TestBroken(t *testing.T) {
	namespace(t, 3)
	p := start(t, mirror.Config{Rules: parse(t, "eth1@eth2/eth3"), Mode: mirror.ModeXDP})
	p1, p2, frames := open(t, "p1"), open(t, "p2"), numbered(0, 100, 64)
	p.cmd.Process.Signal(syscall.SIGSTOP)
	run(t, "ip link set eth3 down")
	p1.send(frames...)
	same(t, "eth2", p2.recv(), frames)
	p.cmd.Process.Signal(syscall.SIGCONT)
	eventually(t, "eth3 is down", func() bool { return !status(t).Rules[0].Outputs[1].Present })
	p1.send(frames...)
	same(t, "eth2", p2.recv(), frames)
	s := status(t)
	adds(t, s, "eth1", 200)
	if o := s.Rules[0].Outputs[1]; s.Sources[0].Broken != 100 || o.Away != 100 {
		t.Errorf("%+v, %+v", s.Sources[0], o)
	}
}

// Where there can be no tracing it is told that losses are not counted, and why; mirroring goes on.
func TestUncounted(t *testing.T) {
	namespace(t, 3)
	start(t, mirror.Config{Rules: parse(t, "eth1@eth2/eth3"), Mode: mirror.ModeXDP}, noBTF)
	p1, p2, p3, frames := open(t, "p1"), open(t, "p2"), open(t, "p3"), numbered(0, 100, 64)
	p1.send(frames...)
	same(t, "eth2", p2.recv(), frames)
	same(t, "eth3", p3.recv(), frames)
	s := status(t)
	adds(t, s, "eth1", 100)
	if s.Sources[0].How != "tcx + xdp skb" || !strings.Contains(s.Uncounted, "BTF") {
		t.Errorf("%+v, not counted because of %q", s.Sources[0], s.Uncounted)
	}
}
