package mirror_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror"
	"github.com/tapir-project/tapir/mirror/rtnl"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/source/bpf"
)

// The tests run mirrors as processes of their own, as users do: this binary, called with the configuration in childEnv.
const (
	childEnv = "MIRROR_TEST_CONFIG"
	noBTF    = "MIRROR_TEST_NO_BTF=1" // as on kernels that do not tell of their types
)

func TestMain(m *testing.M) {
	if cfg := os.Getenv(childEnv); cfg == "guard" {
		signal.Ignore(os.Interrupt, syscall.SIGTERM)
		check(mirror.Guard(os.Stdin))
		return
	} else if cfg != "" {
		check(child(cfg))
		return
	}
	// Whoever ran the tests may ignore hang-ups (nohup); what is caught here, though, begins anew in the processes started.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func child(text string) error {
	var cfg mirror.Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	cfg.Filter = source.Filter{Compile: bpf.Compile}
	cfg.NoTCX = os.Getenv("MIRROR_TEST_CLSACT") != ""
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cfg.Guard = []string{"/usr/bin/env", childEnv + "=guard", exe}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m, err := mirror.Open(cfg)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if err := m.Run(ctx); err != nil {
		return err
	}
	return m.Close()
}

// namespace moves the test into a network namespace of its own with pairs of veth interfaces: eth1 and p1, and so on. What
// is sent out of p1 is received by eth1.
func namespace(t testing.TB, pairs int) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test, and the namespace with it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("a network namespace of its own: %v (needs CAP_SYS_ADMIN)", err)
	}
	for _, which := range []string{"all", "default"} { // its neighbour discovery would send packets of its own
		os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0)
	}
	var lines strings.Builder
	for i := 1; i <= pairs; i++ {
		fmt.Fprintf(&lines, "link add eth%d type veth peer name p%d\nlink set eth%d up\nlink set p%d up\n", i, i, i, i)
	}
	ip := exec.Command("ip", "-batch", "-")
	ip.Stdin = strings.NewReader(lines.String())
	if out, err := ip.CombinedOutput(); err != nil {
		t.Fatalf("ip -batch: %v: %s", err, out)
	}
	waitRunning(t, pairs)
}

func addPair(t testing.TB, i int) {
	t.Helper()
	run(t, "ip link add eth%d type veth peer name p%d", i, i)
	run(t, "ip link set eth%d up", i)
	run(t, "ip link set p%d up", i)
}

// waitRunning waits until the kernel has noticed that interfaces have a carrier; before, they swallow packets.
func waitRunning(t testing.TB, pairs int) {
	t.Helper()
	want := map[string]bool{}
	for i := 1; i <= pairs; i++ {
		want[fmt.Sprintf("eth%d", i)], want[fmt.Sprintf("p%d", i)] = true, true
	}
	eventually(t, "carriers", func() bool {
		for _, l := range links(t) {
			if want[l.Name] && l.Flags&unix.IFF_RUNNING == 0 {
				return false
			}
		}
		return true
	})
	run(t, "ip link set eth%d up", pairs) // waits for the lock under which the kernel does the rest
}

func links(t testing.TB) []rtnl.Link {
	t.Helper()
	c, err := rtnl.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all, err := c.Links()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func linkOf(t testing.TB, name string) rtnl.Link {
	t.Helper()
	for _, l := range links(t) {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("no interface %s", name)
	return rtnl.Link{}
}

func run(t testing.TB, format string, args ...any) string {
	t.Helper()
	line := strings.Fields(fmt.Sprintf(format, args...))
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(line, " "), err, out)
	}
	return string(out)
}

// eventually waits for something that another process does.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// process is a mirror that runs.
type process struct {
	t   testing.TB
	cmd *exec.Cmd
	out *bufio.Reader
}

// start starts a mirror and waits until it copies; env are settings for the child.
func start(t testing.TB, cfg mirror.Config, env ...string) *process {
	t.Helper()
	if cfg.Persist {
		t.Cleanup(func() { mirror.Stop() }) // also if the test fails
	}
	p, line := try(t, cfg, env...)
	if line != "ready\n" {
		rest, _ := io.ReadAll(p.out)
		t.Fatalf("mirror: %s%s", line, rest)
	}
	t.Cleanup(p.end)
	return p
}

// try starts a mirror and gives the first line it prints.
func try(t testing.TB, cfg mirror.Config, env ...string) (*process, string) {
	t.Helper()
	p := launch(t, cfg, env...)
	line, _ := p.out.ReadString('\n')
	return p, line
}

// launch starts a mirror and does not wait for anything.
func launch(t testing.TB, cfg mirror.Config, env ...string) *process {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	if slices.Contains(env, noBTF) {
		c = exec.Command("unshare", "--mount", "sh", "-c", "mount -t tmpfs none /sys/kernel/btf && exec "+exe)
	}
	c.Env = append(append(os.Environ(), childEnv+"="+string(text), "GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0"), env...) // a second each otherwise
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return &process{t, c, bufio.NewReader(out)}
}

// end ends it as a user does.
func (p *process) end() { p.signal(syscall.SIGTERM) }

func (p *process) signal(s syscall.Signal) {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Signal(s)
		p.cmd.Wait()
	}
}

func parse(t testing.TB, spec string) []mirror.Rule {
	t.Helper()
	rules, err := mirror.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func status(t testing.TB) *mirror.Status {
	t.Helper()
	s, err := mirror.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// port is one end of a pair: it sends frames, or collects those that it receives.
type port struct {
	t  testing.TB
	fd int
}

// open opens an interface to send and receive.
func open(t testing.TB, dev string) *port {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 256<<20)
	unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
	const all = 0x0300 // ETH_P_ALL in network byte order
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: linkOf(t, dev).Index, Protocol: all}); err != nil {
		t.Fatal(err)
	}
	return &port{t, fd}
}

func (p *port) send(frames ...[]byte) {
	p.t.Helper()
	for _, f := range frames {
		if _, err := unix.Write(p.fd, f); err != nil {
			p.t.Fatalf("send: %v", err)
		}
	}
}

// recv gives what has come since, as it was on the wire: a tag that the kernel keeps apart is put back.
func (p *port) recv() (frames [][]byte) {
	b, oob := make([]byte, 1<<17), make([]byte, 256)
	for {
		n, on, _, _, err := unix.Recvmsg(p.fd, b, oob, unix.MSG_DONTWAIT)
		if err != nil {
			return frames
		}
		frames = append(frames, wire(b[:n], oob[:on]))
	}
}

// wire puts a tag in its place (struct tpacket_auxdata of linux/if_packet.h).
func wire(b, oob []byte) []byte {
	const tagValid, tpidValid = 1 << 4, 1 << 6
	msgs, _ := unix.ParseSocketControlMessage(oob)
	for _, m := range msgs {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < 20 {
			continue
		}
		if s := binary.NativeEndian.Uint32(m.Data); s&tagValid != 0 {
			tpid := uint16(0x8100)
			if s&tpidValid != 0 {
				tpid = binary.NativeEndian.Uint16(m.Data[18:])
			}
			tag := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, tpid), binary.NativeEndian.Uint16(m.Data[16:]))
			return slices.Concat(b[:12], tag, b[12:])
		}
	}
	return slices.Clone(b)
}

// numbered makes frames of a size that carry their number.
func numbered(from, n, size int) (out [][]byte) {
	for i := from; i < from+n; i++ {
		f := make([]byte, size)
		copy(f, []byte{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5})
		binary.BigEndian.PutUint32(f[14:], uint32(i))
		for j := 18; j < size; j++ {
			f[j] = byte(i + j)
		}
		out = append(out, f)
	}
	return out
}

// attachedTo counts the programs that tcx holds on an interface.
func attachedTo(t testing.TB, index int) (n int) {
	t.Helper()
	for _, at := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
		q, err := link.QueryPrograms(link.QueryOptions{Target: index, Attach: at})
		if errors.Is(err, unix.ENODEV) { // it has just gone
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n += len(q.Programs)
	}
	return n
}
