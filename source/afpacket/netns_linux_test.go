package afpacket

import (
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// namespace moves the test into a network namespace of its own, with lo up and a pair of veth interfaces, v0 and v1. The
// test's goroutine keeps its thread, which ends with it, and the namespace with that.
func namespace(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("a network namespace of its own: %v (needs CAP_SYS_ADMIN)", err)
	}
	for _, which := range []string{"all", "default"} { // its neighbour discovery would send packets of its own
		os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0)
	}
	ipCmd(t, "link add v0 type veth peer name v1")
	for _, dev := range []string{"lo", "v0", "v1"} {
		ipCmd(t, "link set "+dev+" up")
	}
	waitRunning(t, "v0", "v1")
}

// waitRunning waits until interfaces can send: until the kernel has noticed that they have a carrier, their queues swallow
// packets.
func waitRunning(t testing.TB, devs ...string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, dev := range devs {
		for range 5000 {
			if r, err := request(fd, unix.SIOCGIFFLAGS, dev); err == nil && r.Uint16()&unix.IFF_RUNNING != 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		ipCmd(t, "link set "+dev+" up") // waits for the lock under which the kernel does the rest
	}
}

func ipCmd(t testing.TB, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// sender sends frames as they are out of an interface.
type sender struct {
	t  testing.TB
	fd int
}

func newSender(t testing.TB, dev string) *sender {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	index, err := indexOf(fd, dev)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index}); err != nil {
		t.Fatal(err)
	}
	return &sender{t, fd}
}

func (s *sender) send(frames ...[]byte) {
	s.t.Helper()
	for _, f := range frames {
		if _, err := unix.Write(s.fd, f); err != nil {
			s.t.Fatalf("send: %v", err)
		}
	}
}

// udp is an Ethernet frame with the tags given, as ethertype and number, IPv4 and UDP.
func udp(sport, dport uint16, payload string, tags ...uint16) []byte {
	b := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}
	for _, t := range tags {
		b = binary.BigEndian.AppendUint16(b, t)
	}
	b = append(b, 0x08, 0x00)
	src, dst := byte(1), byte(2)
	if sport < dport {
		src, dst = dst, src
	}
	n := 28 + len(payload)
	b = append(b, 0x45, 0, byte(n>>8), byte(n), 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, src, 10, 0, 0, dst)
	sum := checksum(b[len(b)-20:])
	binary.BigEndian.PutUint16(b[len(b)-10:], sum)
	for _, v := range []uint16{sport, dport, uint16(8 + len(payload)), 0} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return append(b, payload...)
}

func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	return ^uint16(sum + sum>>16)
}

func open(t testing.TB, cfg Config) *Source {
	t.Helper()
	if cfg.Buffer == 0 {
		cfg.Buffer = 4 << 20
	}
	if cfg.BlockTimeout == 0 {
		cfg.BlockTimeout = 10 * time.Millisecond
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// captured is a packet with the queue it came from.
type captured struct {
	record.Packet
	queue int
}

// capture runs s while send sends, until n packets came or it takes too long, and some time more to see whether there
// are too many. It closes s.
func capture(t testing.TB, s *Source, n int, send func()) (got []captured) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var mu sync.Mutex
	done := make(chan error, 1)
	go func() {
		done <- s.Run(ctx, func(b *source.Block) error {
			mu.Lock()
			defer mu.Unlock()
			for _, p := range b.Packets {
				p.Data = append([]byte(nil), p.Data...)
				got = append(got, captured{p, b.Queue})
			}
			if len(got) >= n {
				time.AfterFunc(50*time.Millisecond, cancel)
			}
			return nil
		})
	}()
	send()
	if err := <-done; err != context.Canceled {
		t.Errorf("Run: %v, after %d of %d packets", err, len(got), n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return got
}
