package afpacket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/source/sourcetest"
)

func TestSuite(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Fixture {
		namespace(t)
		out := newSender(t, "v0")
		var want []record.Packet
		for i := range 2000 {
			data := udp(1000, 2000, fmt.Sprintf("packet %d %s", i, strings.Repeat("x", i%1400)))
			want = append(want, record.Packet{Data: data, WireLen: uint32(len(data)), Link: record.LinkEthernet})
		}
		return sourcetest.Fixture{
			Source: open(t, Config{Interfaces: []string{"v1"}, Buffer: 16 << 20}),
			Want:   want,
			Feed: func(*testing.T) {
				for i := range want {
					out.send(want[i].Data)
				}
			},
		}
	})
}

// same checks that the packets are these frames.
func same(t *testing.T, got []captured, want ...[]byte) {
	t.Helper()
	if len(got) != len(want) {
		for i := range got {
			t.Logf("%d: %d on the wire, %x", i, got[i].WireLen, got[i].Data)
		}
		t.Fatalf("%d packets, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i].Data, want[i]) {
			t.Errorf("packet %d:\n%x, want\n%x", i, got[i].Data, want[i])
		}
	}
}

// TestTags: tags come where they were, whichever the kernel takes off.
func TestTags(t *testing.T) {
	namespace(t)
	frames := [][]byte{
		udp(1, 2, "no tag"),
		udp(1, 2, "one", 0x8100, 0x6005),
		udp(1, 2, "service tag", 0x88a8, 7),
		udp(1, 2, "two", 0x88a8, 7, 0x8100, 5),
		udp(1, 2, "three", 0x8100, 1, 0x8100, 2, 0x8100, 3),
	}
	now := time.Now()
	s := open(t, Config{Interfaces: []string{"v1"}})
	got := capture(t, s, len(frames), func() { newSender(t, "v0").send(frames...) })
	same(t, got, frames...)
	nanos := int64(0)
	for i, p := range got {
		if int(p.WireLen) != len(frames[i]) || p.Link != record.LinkEthernet || p.Iface != 0 {
			t.Errorf("packet %d: %+v", i, p.Packet)
		}
		if d := time.Unix(0, p.Time).Sub(now); d < -time.Second || d > 5*time.Second {
			t.Errorf("packet %d: time %v is %v off", i, time.Unix(0, p.Time), d)
		}
		nanos += p.Time % 1000
	}
	if nanos == 0 {
		t.Error("times are in microseconds only")
	}
}

func TestSnaplen(t *testing.T) {
	namespace(t)
	frame, tagged := udp(1, 2, strings.Repeat("x", 500)), udp(1, 2, strings.Repeat("x", 500), 0x8100, 5)
	s := open(t, Config{Interfaces: []string{"v1"}, Snaplen: 96})
	got := capture(t, s, 2, func() { newSender(t, "v0").send(frame, tagged) })
	same(t, got, frame[:96], tagged[:96])
	if got[0].WireLen != 542 || got[1].WireLen != 546 {
		t.Errorf("%d and %d bytes on the wire, want 542 and 546", got[0].WireLen, got[1].WireLen)
	}
}

// TestAny: packets of all interfaces, loopback ones once, each with its own link header.
func TestAny(t *testing.T) {
	namespace(t)
	tun := newTun(t)
	frame, local := udp(1, 2, "veth"), udp(3, 4, "loopback")
	tagged := udp(1, 2, "tagged", 0x8100, 5)
	raw := udp(5, 6, "tun")[14:]
	odd := []byte{0xf0, 1, 2, 3, 4, 5, 6, 7} // neither IPv4 nor IPv6
	s := open(t, Config{Interfaces: []string{"any"}})
	got := capture(t, s, 7, func() {
		newSender(t, "v0").send(frame, tagged)
		newSender(t, "lo").send(local)
		tun.Write(append([]byte{0, 0, 0x08, 0x00}, raw...))
		tun.Write(append([]byte{0, 0, 0x12, 0x34}, odd...))
	})
	type seen struct {
		link record.LinkType
		dev  string
		data string
	}
	var all []seen
	for _, p := range got {
		data := p.Data
		if p.Link == record.LinkSLL2 {
			if int(p.WireLen) != 20+len(odd) || !bytes.Equal(data[:4], []byte{0x12, 0x34, 0, 0}) {
				t.Errorf("cooked: %d on the wire, %x", p.WireLen, data)
			}
			data = data[20:]
		}
		all = append(all, seen{p.Link, s.Interfaces()[p.Iface].Name, string(data)})
	}
	want := []seen{
		{1, "v0", string(frame)}, {1, "v1", string(frame)}, // goes out of one and comes in at the other
		{1, "v0", string(tagged)}, {1, "v1", string(tagged)},
		{1, "lo", string(local)},
		{record.LinkRaw, "tun0", string(raw)},
		{record.LinkSLL2, "tun0", string(odd)},
	}
	for i := range max(len(all), len(want)) {
		if i >= len(all) || i >= len(want) || all[i] != want[i] {
			t.Fatalf("packet %d:\n%+v\nwant\n%+v", i, all, want)
		}
	}
}

// newTun makes tun0, up; what is written to it is received by the host.
func newTun(t *testing.T) *os.File {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("tun device: %v", err)
	}
	r, _ := unix.NewIfreq("tun0")
	r.SetUint16(unix.IFF_TUN)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		t.Skipf("tun device: %v", err)
	}
	f := os.NewFile(uintptr(fd), "tun0")
	t.Cleanup(func() { f.Close() })
	ipCmd(t, "link set tun0 up")
	waitRunning(t, "tun0")
	return f
}

func TestLoopback(t *testing.T) {
	namespace(t)
	a, b := udp(3, 4, "one"), udp(4, 3, "two")
	got := capture(t, open(t, Config{Interfaces: []string{"lo"}}), 2, func() { newSender(t, "lo").send(a, b) })
	same(t, got, a, b)
}

// TestSeveral: of the interfaces named, and of no others, in the order of arrival; numbers are names too.
func TestSeveral(t *testing.T) {
	namespace(t)
	a, b := udp(1, 2, "v0 to v1"), udp(3, 4, "loopback")
	s := open(t, Config{Interfaces: []string{"1", "v1"}})
	got := capture(t, s, 3, func() {
		newSender(t, "v0").send(a)
		newSender(t, "lo").send(b)
		newSender(t, "v0").send(a)
	})
	same(t, got, a, b, a)
	if i := s.Interfaces(); len(i) != 2 || i[0].Name != "lo" || i[1].Name != "v1" || got[0].Iface != 1 || got[1].Iface != 0 {
		t.Errorf("%+v", i)
	}
}

// TestFanout: with two workers both directions of a flow are in one, and no packet is there twice.
func TestFanout(t *testing.T) {
	namespace(t)
	const flows = 64
	var out, back [][]byte
	for i := range flows {
		out = append(out, udp(uint16(2000+i), 53, "question"), udp(uint16(2000+i), 53, "tagged question", 0x8100, 9))
		back = append(back, udp(53, uint16(2000+i), "answer"))
	}
	s := open(t, Config{Interfaces: []string{"v1"}, Workers: 2})
	if s.Queues() != 2 {
		t.Fatalf("%d queues", s.Queues())
	}
	got := capture(t, s, 3*flows, func() {
		newSender(t, "v0").send(out...)
		newSender(t, "v1").send(back...)
	})
	if len(got) != 3*flows {
		t.Fatalf("%d packets, want %d", len(got), 3*flows)
	}
	queues := map[uint16]int{}
	count := [2]int{}
	for _, p := range got {
		flow := flowOf(p.Data)
		if q, ok := queues[flow]; ok && q != p.queue {
			t.Errorf("flow %d is in both workers", flow)
		}
		queues[flow] = p.queue
		count[p.queue]++
	}
	if count[0] == 0 || count[1] == 0 {
		t.Errorf("%d and %d packets: not spread", count[0], count[1])
	}
}

// flowOf is the port that is not 53.
func flowOf(b []byte) uint16 {
	if b[12] == 0x81 {
		b = b[4:]
	}
	src, dst := uint16(b[34])<<8|uint16(b[35]), uint16(b[36])<<8|uint16(b[37])
	return max(src, dst)
}

// fragments cuts a UDP frame in two. The first has n bytes of the IP payload, a multiple of 8.
func fragments(frame []byte, n int) (first, second []byte) {
	const head = 14 + 20
	first, second = bytes.Clone(frame[:head+n]), append(bytes.Clone(frame[:head]), frame[head+n:]...)
	for f, off := range map[*[]byte]int{&first: 1 << 13, &second: n / 8} {
		ip := (*f)[14:head]
		ip[2], ip[3] = byte((len(*f)-14)>>8), byte(len(*f)-14)
		ip[4], ip[5] = 0x12, 0x34
		ip[6], ip[7] = byte(off>>8), byte(off)
		ip[10], ip[11] = 0, 0
		sum := checksum(ip)
		ip[10], ip[11] = byte(sum>>8), byte(sum)
	}
	return first, second
}

// TestFragments: several workers get fragments put together, and one gets them as they were.
func TestFragments(t *testing.T) {
	namespace(t)
	whole := udp(1000, 53, strings.Repeat("x", 1000))
	first, second := fragments(whole, 512)
	send := func() { newSender(t, "v0").send(first, second) }
	got := capture(t, open(t, Config{Interfaces: []string{"v1"}, Workers: 2}), 1, send)
	if len(got) != 1 || len(got[0].Data) != len(whole) || !bytes.Equal(got[0].Data[34:], whole[34:]) {
		t.Errorf("with two workers: %d packets, %+v", len(got), got)
	}
	same(t, capture(t, open(t, Config{Interfaces: []string{"v1"}}), 2, send), first, second)
	got = capture(t, open(t, Config{Interfaces: []string{"v1"}, Workers: 2, KeepFragments: true}), 2, send)
	same(t, got, first, second)
}

// TestDrops: what does not fit the ring is counted, and everything that came is either delivered or counted.
func TestDrops(t *testing.T) {
	namespace(t)
	const packets = 3000
	frame := udp(1, 2, strings.Repeat("x", 1000))
	s := open(t, Config{Interfaces: []string{"v1"}, Buffer: minBlocks * minBlock})
	out := newSender(t, "v0")
	for range packets {
		out.send(frame) // nobody reads yet
	}
	got := capture(t, s, 1, func() {})
	st := s.Stats()
	if st.Drops.Kernel == 0 || st.Packets+st.Drops.Total() != packets || int(st.Packets) != len(got) {
		t.Errorf("%d delivered, %+v; want %d together", len(got), st, packets)
	}
}

// TestStopKeepsAll: what was received when the context ends is delivered, though the kernel still has it.
func TestStopKeepsAll(t *testing.T) {
	namespace(t)
	s := open(t, Config{Interfaces: []string{"v1"}, BlockTimeout: 400 * time.Millisecond})
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	n, done, running := 0, make(chan error, 1), make(chan bool, 1000)
	go func() {
		done <- s.Run(ctx, func(b *source.Block) error {
			n += len(b.Packets)
			running <- true
			return nil
		})
	}()
	<-running
	newSender(t, "v0").send(udp(1, 2, "a"), udp(1, 2, "b"), udp(1, 2, "c"))
	cancel()
	if err := <-done; err != context.Canceled || n != 3 {
		t.Errorf("%d packets, %v; want 3", n, err)
	}
}

// TestIdle: a source without traffic tells the time, and a packet comes soon.
func TestIdle(t *testing.T) {
	namespace(t)
	s := open(t, Config{Interfaces: []string{"v1"}, BlockTimeout: 50 * time.Millisecond}) // the default
	defer s.Close()
	out := newSender(t, "v0")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last int64
	ticks := 0
	var sent time.Time
	err := s.Run(ctx, func(b *source.Block) error {
		if b.Now < last {
			t.Errorf("the clock went from %d to %d", last, b.Now)
		}
		last = b.Now
		if len(b.Packets) > 0 {
			if d := time.Since(sent); d > time.Second { // 50 ms of the kernel's, and what a busy machine adds
				t.Errorf("a packet took %v", d)
			}
			cancel()
		} else if ticks++; ticks == 3 {
			sent = time.Now()
			out.send(udp(1, 2, "x"))
		}
		return nil
	})
	if err != context.Canceled || ticks < 3 || time.Since(time.Unix(0, last)) > 2*time.Second {
		t.Errorf("%v, %d ticks, clock %v", err, ticks, time.Unix(0, last))
	}
}

// TestHolds: a consumer that keeps all blocks makes the kernel drop, not the reader deliver anything twice.
func TestHolds(t *testing.T) {
	namespace(t)
	s := open(t, Config{Interfaces: []string{"v1"}, Buffer: minBlocks * minBlock, BlockTimeout: 5 * time.Millisecond})
	out := newSender(t, "v0")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var held []*source.Block
	done := make(chan error, 1)
	seen := map[string]int{}
	go func() {
		done <- s.Run(ctx, func(b *source.Block) error {
			b.Retain()
			held = append(held, b)
			for _, p := range b.Packets {
				seen[string(p.Data)]++
			}
			return nil
		})
	}()
	const packets = 1000
	for i := range packets {
		out.send(udp(1, 2, fmt.Sprintf("%s %d", strings.Repeat("x", 1000), i)))
	}
	time.Sleep(50 * time.Millisecond)
	cancel()
	if err := <-done; err != context.Canceled {
		t.Error(err)
	}
	for frame, n := range seen {
		if n != 1 {
			t.Fatalf("delivered %d times: %s", n, frame[1040:])
		}
	}
	st := s.Stats()
	for _, b := range held {
		b.Release()
	}
	s.Close()
	if int(st.Packets) != len(seen) || st.Drops.Kernel == 0 || st.Packets+st.Drops.Kernel > packets {
		t.Errorf("%d packets seen, %+v", len(seen), st)
	}
}

// TestGone: an interface that goes away is told, the others are captured on, and the last one ends Run.
func TestGone(t *testing.T) {
	namespace(t)
	ipCmd(t, "link add w0 type veth peer name w1")
	ipCmd(t, "link set w0 up")
	ipCmd(t, "link set w1 up")
	told := make(chan error, 10)
	s := open(t, Config{Interfaces: []string{"w1", "v1"}, Notify: func(err error) { told <- err }})
	defer s.Close()
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background(), func(*source.Block) error { return nil }) }()
	ipCmd(t, "link set w1 down")
	if err := <-told; !errors.Is(err, source.ErrDown) || !strings.Contains(err.Error(), "w1") {
		t.Error(err)
	}
	ipCmd(t, "link set w1 up")
	if err := <-told; err.Error() != "w1: interface is up again" {
		t.Error(err)
	}
	ipCmd(t, "link delete w0")
	if err := <-told; !errors.Is(err, source.ErrGone) || !strings.Contains(err.Error(), "w1") {
		t.Error(err)
	}
	newSender(t, "v0").send(udp(1, 2, "x"))
	time.Sleep(200 * time.Millisecond)
	ipCmd(t, "link delete v0")
	if err := <-done; !errors.Is(err, source.ErrGone) || !strings.Contains(err.Error(), "after 1 packets") {
		t.Error(err)
	}
}

// TestDownAndUp: one interface, bound to, goes down and up; packets come again.
func TestDownAndUp(t *testing.T) {
	namespace(t)
	told := make(chan error, 10)
	s := open(t, Config{Interfaces: []string{"v1"}, Notify: func(err error) { told <- err }})
	got := capture(t, s, 1, func() {
		ipCmd(t, "link set v1 down")
		<-told
		ipCmd(t, "link set v1 up")
		<-told
		waitRunning(t, "v0", "v1")
		newSender(t, "v0").send(udp(1, 2, "again"))
	})
	same(t, got, udp(1, 2, "again"))
}

func TestOpenErrors(t *testing.T) {
	namespace(t)
	ipCmd(t, "link set v1 down")
	for _, c := range []struct {
		names []string
		is    error
		text  string
	}{
		{[]string{"eth9"}, source.ErrNoInterface, "eth9: no such interface; there are: lo, v1, v0, any"},
		{[]string{"77"}, source.ErrNoInterface, "77: no such interface"},
		{[]string{"a name longer than any"}, source.ErrNoInterface, "there are"},
		{[]string{"v1"}, source.ErrDown, "open v1: interface is down (try: sudo ip link set v1 up)"},
		{[]string{"any", "v0"}, nil, "any stands for all"},
		{[]string{"lo", "1"}, nil, "lo is named twice"},
		{nil, nil, "no interface given"},
	} {
		_, err := Open(Config{Interfaces: c.names, Buffer: 1 << 20})
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v: %v, want %q", c.names, err, c.text)
		}
	}
	for _, cfg := range []Config{{Workers: -1}, {Workers: 1000}, {Buffer: 1000}, {BlockSize: 1000}, {BlockTimeout: time.Hour}} {
		cfg.Interfaces = []string{"lo"}
		if _, err := Open(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	bad := source.Filter{Expr: "x", Compile: func(string, record.LinkType, uint32) ([]bpf.RawInstruction, error) {
		return nil, errors.New("syntax error")
	}}
	if _, err := Open(Config{Interfaces: []string{"lo"}, Filter: bad}); err == nil || !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("bad filter: %v", err)
	}
}

// TestPermission runs itself as nobody.
func TestPermission(t *testing.T) {
	if os.Getenv("TAPIR_TEST_NOBODY") != "" {
		_, err := Open(Config{Interfaces: []string{"eth0"}})
		if !errors.Is(err, source.ErrPermission) {
			t.Fatalf("%v is not ErrPermission", err)
		}
		fmt.Println(err)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to become nobody")
	}
	dir := t.TempDir()
	exe := filepath.Join(dir, "test")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	os.Chmod(filepath.Dir(dir), 0o755)
	os.Chmod(dir, 0o755)
	if err := os.WriteFile(exe, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run", "^TestPermission$")
	cmd.Env = append(os.Environ(), "TAPIR_TEST_NOBODY=1")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	want := "open eth0: operation not permitted (needs CAP_NET_RAW; try: sudo tapir record -i eth0)"
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s, want %q", err, out, want)
	}
}

func TestDevices(t *testing.T) {
	namespace(t)
	ipCmd(t, "addr add 192.0.2.1/24 dev v0")
	newSender(t, "v0").send(udp(1, 2, "x"))
	all, err := Devices()
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	lo, v0 := all[0], all[2]
	if lo.Name != "lo" || lo.Index != 1 || lo.Link != record.LinkEthernet || lo.Flags.String() != "up|loopback|running" {
		t.Errorf("%+v", lo)
	}
	if v0.Name != "v0" || v0.MTU != 1500 || len(v0.MAC) != 6 || v0.TxPackets != 1 || v0.TxBytes == 0 {
		t.Errorf("%+v", v0)
	}
	if len(v0.Addrs) != 1 || v0.Addrs[0].String() != "192.0.2.1/24" {
		t.Errorf("%v", v0.Addrs)
	}
}

// TestAllocs: capturing does not allocate per packet.
func TestAllocs(t *testing.T) {
	namespace(t)
	s := open(t, Config{Interfaces: []string{"v1"}})
	defer s.Close()
	out := newSender(t, "v0")
	frame := udp(1, 2, "x", 0x8100, 5)
	r := s.rings[0]
	emit := func(*source.Block) error { return nil }
	round := func() {
		for range 100 {
			out.send(frame)
		}
		for !r.blocks[r.next].ready() {
			time.Sleep(time.Millisecond)
		}
		r.step(emit)
	}
	round()
	if n := testing.AllocsPerRun(5, round); n > 5 {
		t.Errorf("%v allocations for 100 packets", n)
	}
}
