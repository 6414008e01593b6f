// Command mirror measures what copying packets costs, beside tc's mirred doing the same copies and beside daemonlogger's
// soft tap, on veth pairs in a network namespace of its own. It needs root, tc, ip, ethtool and, for the last, daemonlogger.
//
// A generator on one core sends frames into a source through a packet socket; on veth pairs the whole road to the other
// ends of the outputs runs on that core too, so the rate without loss is what the core manages, and the time of a packet
// above that of the generator alone is what copying costs. All ways are measured in turn, five times; medians are
// printed. The soft tap reads in a process of its own and loses what it cannot follow: its rate is the highest one, found
// by halving, at which it loses nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror"
	"github.com/tapir-project/tapir/mirror/rtnl"
)

const (
	rounds   = 5
	maxOuts  = 8
	span     = 300 * time.Millisecond
	oldTest  = 400e6 // bit/s of 512-byte packets: what a kernel module did in its day
	oldBytes = 512
)

func main() {
	runtime.LockOSThread()
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/mirror:", err)
		os.Exit(1)
	}
}

func bench() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("a network namespace: %w (needs root)", err)
	}
	os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0)
	os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
	for i := 0; i <= maxOuts; i++ {
		if err := sh("ip link add e%d type veth peer name p%d && ip link set e%d up && ip link set p%d up", i, i, i, i); err != nil {
			return err
		}
	}
	if err := sh("ip link set e0 promisc on"); err != nil {
		return err
	}
	time.Sleep(time.Second) // the kernel notices carriers
	g, err := newGenerator("p0")
	if err != nil {
		return err
	}
	fmt.Printf("64-byte packets, medians of %d, one generator core\n", rounds)
	one := 0.0
	for _, n := range []int{1, 2, 8} {
		rate, err := compare(g, n, 60)
		if err != nil {
			return err
		}
		if n == 1 {
			one = rate
		}
	}
	if err := softTap(g, one); err != nil {
		return err
	}
	return oldLoad(g)
}

func sh(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return nil
}

// way is one way of copying from e0 to outputs e1 to en: it begins, and gives what ends it.
type way struct {
	name  string
	begin func(n int) (end func() error, err error)
}

var ways = []way{
	{"nothing", func(int) (func() error, error) { return func() error { return nil }, nil }},
	{"tc mirred", func(n int) (func() error, error) {
		var actions strings.Builder
		for i := 1; i < n; i++ {
			fmt.Fprintf(&actions, " action mirred egress mirror dev e%d", i)
		}
		fmt.Fprintf(&actions, " action mirred egress redirect dev e%d", n)
		err := sh("tc qdisc add dev e0 clsact && tc filter add dev e0 ingress protocol all u32 match u32 0 0%s", &actions)
		return func() error { return sh("tc qdisc del dev e0 clsact") }, err
	}},
	{"tapir tc", tapir(mirror.ModeTC)},
	{"tapir auto", tapir(mirror.ModeAuto)},
}

func tapir(mode string) func(int) (func() error, error) {
	return func(n int) (func() error, error) {
		r := mirror.Rule{From: []string{"e0"}}
		for i := 1; i <= n; i++ {
			r.To = append(r.To, mirror.Output{Name: fmt.Sprintf("e%d", i)})
		}
		m, err := mirror.Open(mirror.Config{Rules: []mirror.Rule{r}, Mode: mode, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			return nil, err
		}
		return m.Close, nil
	}
}

// result is a median of one way.
type result struct{ rate, cost float64 } // packets/s; ns above the generator

// compare measures all ways with n outputs and gives tapir's rate.
func compare(g *generator, n, size int) (float64, error) {
	all, err := measure(g, n, size)
	if err != nil {
		return 0, err
	}
	mirred := all["tc mirred"]
	for _, w := range ways {
		r := all[w.name]
		fmt.Printf("  %d outputs  %-11s %8.0f k/s  %6.0f ns a packet", n, w.name, r.rate/1e3, r.cost)
		if w.name != "nothing" {
			fmt.Printf("  %.2fx tc mirred", r.rate/mirred.rate)
		}
		fmt.Println()
	}
	return all["tapir auto"].rate, nil
}

func measure(g *generator, n, size int) (map[string]result, error) {
	rates := map[string][]float64{}
	for range rounds {
		for _, w := range ways {
			end, err := w.begin(n)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			outputs := n
			if w.name == "nothing" {
				outputs = 0
			}
			rate, err := lossless(g, outputs, size)
			if err = errors.Join(err, end()); err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			rates[w.name] = append(rates[w.name], rate)
		}
	}
	out := map[string]result{}
	alone := median(rates["nothing"])
	for name, r := range rates {
		m := median(r)
		out[name] = result{m, 1e9/m - 1e9/alone}
	}
	return out, nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// lossless sends as fast as it can and gives the rate, or an error if a copy is missing.
func lossless(g *generator, outputs, size int) (float64, error) {
	before, err := received(outputs)
	if err != nil {
		return 0, err
	}
	sent, took := g.flood(span, size)
	var after []uint64
	for range 100 {
		if after, err = received(outputs); err != nil {
			return 0, err
		}
		if short(before, after, sent) == 0 {
			return float64(sent) / took.Seconds(), nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, fmt.Errorf("%d copies of %d packets are missing", short(before, after, sent), sent)
}

func short(before, after []uint64, sent int) (n int) {
	for i := range after {
		n += sent - int(after[i]-before[i])
	}
	return n
}

// received are the packets that came out of the other ends of the outputs.
func received(outputs int) ([]uint64, error) {
	c, err := rtnl.Dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	links, err := c.Links()
	if err != nil {
		return nil, err
	}
	out := make([]uint64, outputs)
	for _, l := range links {
		for i := range out {
			if l.Name == fmt.Sprintf("p%d", i+1) {
				out[i] = l.Traffic.RxPackets
			}
		}
	}
	return out, nil
}

// generator sends frames.
type generator struct{ fd int }

func newGenerator(dev string) (*generator, error) {
	c, err := rtnl.Dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	links, err := c.Links()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(links, func(l rtnl.Link) bool { return l.Name == dev })
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return nil, err
	}
	return &generator{fd}, unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: links[at].Index})
}

func frame(size int) []byte {
	f := make([]byte, size)
	copy(f, []byte{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5})
	return f
}

// flood sends until the thread has used so much time of its core, as fast as it goes. What the kernel does with a packet
// is part of that time; what other processes take is not.
func (g *generator) flood(d time.Duration, size int) (sent int, took time.Duration) {
	f, begin := frame(size), coreTime()
	for coreTime()-begin < d {
		for range 256 {
			if _, err := unix.Write(g.fd, f); err == nil {
				sent++
			}
		}
	}
	return sent, coreTime() - begin
}

// coreTime is how long this thread has run.
func coreTime() time.Duration {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// paced sends at a rate for a time.
func (g *generator) paced(d time.Duration, size int, rate float64) (sent int) {
	f, begin := frame(size), time.Now()
	for since := time.Duration(0); since < d; since = time.Since(begin) {
		for want := int(since.Seconds() * rate); sent < want; sent++ {
			unix.Write(g.fd, f)
		}
		time.Sleep(200 * time.Microsecond)
	}
	return sent
}

// softTap finds the highest rate at which daemonlogger copies everything from e0 to e1.
func softTap(g *generator, ours float64) error {
	path, err := exec.LookPath("daemonlogger")
	if err != nil {
		fmt.Println("  1 output   daemonlogger is not installed")
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	c := exec.CommandContext(ctx, path, "-i", "e0", "-o", "e1")
	if err := c.Start(); err != nil {
		return err
	}
	defer c.Wait()
	defer stop()
	time.Sleep(2 * time.Second)
	var best []float64
	for range rounds {
		low, high := 0.0, ours
		for range 8 {
			rate := (low + high) / 2
			before, err := received(1)
			if err != nil {
				return err
			}
			sent := g.paced(span, 60, rate)
			time.Sleep(1200 * time.Millisecond) // it reads once a second
			after, err := received(1)
			if err != nil {
				return err
			}
			if short(before, after, sent) <= 0 {
				low = rate
			} else {
				high = rate
			}
		}
		best = append(best, low)
	}
	m := median(best)
	fmt.Printf("  1 output   %-11s %8.0f k/s without loss; tapir auto is %.1fx\n", "soft tap", m/1e3, ours/m)
	return nil
}

// oldLoad prints the share of a core that copying takes at 400 Mbit/s of 512-byte packets, to two outputs.
func oldLoad(g *generator) error {
	all, err := measure(g, 2, oldBytes)
	if err != nil {
		return err
	}
	rate := oldTest / 8 / oldBytes
	fmt.Printf("400 Mbit/s of 512-byte packets (%.0f k/s) to two outputs, share of one core:\n", rate/1e3)
	for _, w := range ways[1:] {
		fmt.Printf("  %-11s %.1f %%\n", w.name, all[w.name].cost*rate/1e9*100)
	}
	return nil
}
