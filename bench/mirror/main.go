// Command mirror measures what copying packets costs, beside tc's mirred doing the same copies and beside daemonlogger's
// soft tap, on veth pairs in a network namespace of its own. It needs root, tc, ip and, for the last, daemonlogger.
//
// A generator on one core makes a source receive frames; on veth pairs the whole road to the other ends of the outputs runs
// on that core too, so the rate without loss is what the core manages, and the time of a packet above that of the generator
// alone is what copying costs. There are two generators: one hands packets to the stack as drivers do, the other sends them
// through a packet socket as local programs do, which itself takes six times as long and so hides differences. There are five rounds; in
// each, all ways have two turns, there and back, so that a machine that becomes slower or faster meets all alike, and medians of the ten
// are printed. Auto's turns begin when it has decided. What else runs on the other cores slows this one down, if they share what it is
// made of, so it is told in how many turns they were busy. The soft tap reads in a process of its own, on the other core, and loses
// what it cannot follow: its rate is the highest one, found by halving, at which it loses nothing.
//
// -way, -outputs and -socket run one way for ten seconds, for a profiler.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror"
	"github.com/tapir-project/tapir/mirror/rtnl"
)

const (
	rounds   = 5
	maxOuts  = 8
	small    = 60      // bytes, without the checksum
	frames   = 1 << 17 // of a turn
	tries    = 4       // of a turn, until it loses nothing
	quiet    = 0.85    // of the time of a turn that other cores are idle, least
	oldTest  = 400e6   // bit/s of 512-byte packets: what a kernel module did in its day
	oldBytes = 512
)

var (
	oneWay   = flag.String("way", "", "run only this one, for ten seconds")
	outputs  = flag.Int("outputs", 1, "with -way: how many")
	tapOnly  = flag.Bool("tap", false, "only the comparison with the soft tap")
	bySocket = flag.Bool("socket", false, "with -way: packets from a packet socket")
)

func main() {
	flag.Parse()
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
	var err error
	if home, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		return err
	}
	links, err := indexes()
	if err != nil {
		return err
	}
	injected, err := newInjector(links["e0"], 0)
	if err != nil {
		return err
	}
	sent, err := newSocket(links["p0"])
	if err != nil {
		return err
	}
	if err := bind(runtime.NumCPU() - 1); err != nil {
		return err
	}
	if *oneWay != "" {
		var g generator = injected
		if *bySocket {
			g = sent
		}
		return profile(g)
	}
	if *tapOnly {
		all, err := measure(injected, 1, small)
		if err != nil {
			return err
		}
		return softTap(links["e0"], all["tapir auto"].cost)
	}
	fmt.Printf("%d-byte packets, medians of %d turns of %d packets, one core\n", small, 2*rounds, frames)
	one, err := compare("as drivers hand them over", injected)
	if err != nil {
		return err
	}
	if _, err := compare("as local programs send them", sent); err != nil {
		return err
	}
	if err := oldLoad(injected); err != nil {
		return err
	}
	return softTap(links["e0"], one.cost)
}

// compare prints all ways with one, two and eight outputs, and gives tapir's result for one.
func compare(what string, g generator) (one result, err error) {
	fmt.Println(what + ":")
	for _, n := range []int{1, 2, maxOuts} {
		all, err := measure(g, n, small)
		if err != nil {
			return one, err
		}
		if n == 1 {
			one = all["tapir auto"]
		}
		mirred := all["tc mirred"]
		for _, w := range ways {
			r := all[w.name]
			fmt.Printf("  %d outputs  %-11s %8.0f k/s  %6.0f ns a packet", n, w.name, r.rate/1e3, r.cost)
			if w.name != "nothing" {
				fmt.Printf("  %.2fx tc mirred", r.rate/mirred.rate)
			}
			fmt.Print(r.how)
			if r.busy > 0 {
				fmt.Printf("  %d turns with busy cores", r.busy)
			}
			if r.lost > 0 {
				fmt.Printf("  %d copies lost in turns that were repeated (net.core.netdev_max_backlog: %d)", r.lost, r.queue)
			}
			fmt.Println()
		}
	}
	return one, nil
}

// profile runs one way for ten seconds.
func profile(g generator) error {
	at := slices.IndexFunc(ways, func(w way) bool { return w.name == *oneWay })
	if at < 0 {
		return fmt.Errorf("-way %q: want one of nothing, tc mirred, tapir tc, tapir xdp, tapir auto", *oneWay)
	}
	end, err := ways[at].begin(*outputs, g)
	if err != nil {
		return err
	}
	if s, err := mirror.Dial(); err == nil {
		fmt.Println(s.Sources[0].How, s.Sources[0].Probed)
	}
	n := *outputs
	if *oneWay == "nothing" {
		n = 0
	}
	for begin := time.Now(); time.Since(begin) < 10*time.Second; {
		rate, lost, err := flood(g, n, small)
		if err != nil {
			return errors.Join(err, end())
		}
		fmt.Printf("%.0f k/s, %d copies lost\n", rate/1e3, lost)
	}
	return end()
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
	begin func(n int, g generator) (end func() error, err error)
}

var ways = []way{
	{"nothing", func(int, generator) (func() error, error) { return func() error { return nil }, nil }},
	{"tc mirred", func(n int, _ generator) (func() error, error) {
		var actions strings.Builder
		for i := 1; i < n; i++ {
			fmt.Fprintf(&actions, " action mirred egress mirror dev e%d", i)
		}
		fmt.Fprintf(&actions, " action mirred egress redirect dev e%d", n)
		err := sh("tc qdisc add dev e0 clsact && tc filter add dev e0 ingress protocol all u32 match u32 0 0%s", &actions)
		return func() error { return sh("tc qdisc del dev e0 clsact") }, err
	}},
	{"tapir tc", tapir(mirror.ModeTC)},
	{"tapir xdp", tapir(mirror.ModeXDP)},
	{"tapir auto", tapir(mirror.ModeAuto)},
}

// home is the network namespace of the measurement.
var home *os.File

func tapir(mode string) func(int, generator) (func() error, error) {
	return func(n int, g generator) (func() error, error) {
		r := mirror.Rule{From: []string{"e0"}}
		for i := 1; i <= n; i++ {
			r.To = append(r.To, mirror.Output{Name: fmt.Sprintf("e%d", i)})
		}
		m, err := mirror.Open(mirror.Config{Rules: []mirror.Rule{r}, Mode: mode, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			return nil, err
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // never unlocked: it is in another namespace
			done <- errors.Join(unix.Setns(int(home.Fd()), unix.CLONE_NEWNET), bind(0), m.Run(ctx))
		}()
		end := func() error { stop(); return errors.Join(<-done, m.Close()) }
		if mode == mirror.ModeAuto {
			err = decide(g)
		}
		if err != nil {
			return nil, errors.Join(err, end())
		}
		return end, nil
	}
}

// decide sends until the mirror has found out which way is faster.
func decide(g generator) error {
	for begin := time.Now(); time.Since(begin) < 20*time.Second; {
		for burst := time.Now(); time.Since(burst) < 200*time.Millisecond; {
			if _, err := g.flood(frames/8, small); err != nil {
				return err
			}
		}
		s, err := mirror.Dial()
		if err != nil {
			return err
		}
		if s.Sources[0].Probed != "" {
			return nil
		}
	}
	return fmt.Errorf("the mirror does not decide which way is faster")
}

// result is a median of one way.
type result struct {
	rate, cost float64 // packets/s; ns above the generator
	busy       int     // turns in which other cores were busy
	lost       int64   // copies missing in turns that were repeated
	queue      int64   // packets dropped in these by the kernel's queues for received ones
	how        string  // auto's decisions
}

func measure(g generator, n, size int) (map[string]result, error) {
	back := slices.Clone(ways[:len(ways)-1])
	slices.Reverse(back)
	times, all, decisions := map[string][]float64{}, map[string]result{}, map[string]int{}
	for range rounds {
		for i, w := range slices.Concat(ways, back) {
			turns := 1
			if i == len(back) { // where it turns back
				turns = 2
			}
			t, r, err := take(w, turns, g, n, size)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			times[w.name] = append(times[w.name], t...)
			so := all[w.name]
			all[w.name] = result{busy: so.busy + r.busy, lost: so.lost + r.lost, queue: so.queue + r.queue}
			if w.name == "tapir auto" {
				decisions[r.how]++
			}
		}
	}
	alone := median(times["nothing"])
	for name, t := range times {
		m := median(t)
		r := all[name]
		r.rate, r.cost = 1e9/m, m-alone
		if name == "tapir auto" {
			for _, how := range slices.Sorted(maps.Keys(decisions)) {
				r.how += fmt.Sprintf("  %d times %s", decisions[how], how)
			}
		}
		all[name] = r
	}
	return all, nil
}

// take has a way take turns, and gives the times of a packet, ns, and how tapir did it. A turn that loses copies is repeated: when a core
// has other work, the kernel's queue for received packets (net.core.netdev_max_backlog), which the copies wait in, may overflow.
func take(w way, turns int, g generator, n, size int) (times []float64, r result, err error) {
	end, err := w.begin(n, g)
	if err != nil {
		return nil, r, err
	}
	defer func() { err = errors.Join(err, end()) }()
	if w.name == "nothing" {
		n = 0
	}
	if s, err := mirror.Dial(); err == nil {
		r.how = s.Sources[0].How
	}
	for range turns {
		runtime.GC() // or it would run in the turn
		for try := 1; ; try++ {
			dropped, begin, idle := queueDrops(), time.Now(), idleOthers()
			rate, lost, err := flood(g, n, size)
			if err != nil {
				return nil, r, err
			}
			if lost == 0 {
				if idleOthers()-idle+statTick < time.Duration(quiet*float64(time.Since(begin))) {
					r.busy++
				}
				times = append(times, 1e9/rate)
				break
			}
			r.lost, r.queue = r.lost+lost, r.queue+queueDrops()-dropped
			if try == tries {
				return nil, r, fmt.Errorf("%d copies are missing in %d turns", r.lost, try)
			}
		}
	}
	return times, r, nil
}

const statTick = 10 * time.Millisecond // what /proc/stat counts in

// idleOthers is how long the other cores have been idle, on average (proc_stat(5)).
func idleOthers() time.Duration {
	b, _ := os.ReadFile("/proc/stat")
	var sum, cores time.Duration
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if !strings.HasPrefix(f[0], "cpu") || f[0] == "cpu" || f[0] == fmt.Sprint("cpu", runtime.NumCPU()-1) {
			continue
		}
		ticks, _ := strconv.Atoi(f[4])
		sum += time.Duration(ticks) * statTick
		cores++
	}
	return sum / max(1, cores)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// flood sends as fast as it can and gives the rate on one core, and how many copies are missing.
func flood(g generator, outputs, size int) (rate float64, lost int64, err error) {
	before, err := received(outputs)
	if err != nil {
		return 0, 0, err
	}
	begin := coreTime()
	sent, err := g.flood(frames, size)
	took := coreTime() - begin
	if err != nil {
		return 0, 0, err
	}
	for range 100 {
		after, err := received(outputs)
		if err != nil {
			return 0, 0, err
		}
		if lost = short(before, after, sent); lost == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return float64(sent) / took.Seconds(), lost, nil
}

// queueDrops is how many packets all cores dropped because their queue of received ones was full (the second number of a line).
func queueDrops() (sum int64) {
	b, _ := os.ReadFile("/proc/net/softnet_stat")
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 {
			n, _ := strconv.ParseInt(f[1], 16, 64)
			sum += n
		}
	}
	return sum
}

func short(before, after []uint64, sent uint64) (n int64) {
	for i := range after {
		n += int64(sent) - int64(after[i]-before[i])
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

// indexes are those of the interfaces, by name.
func indexes() (map[string]int, error) {
	c, err := rtnl.Dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	links, err := c.Links()
	out := map[string]int{}
	for _, l := range links {
		out[l.Name] = l.Index
	}
	return out, err
}

// oldLoad prints the share of a core that copying takes at 400 Mbit/s of 512-byte packets, to two outputs.
func oldLoad(g generator) error {
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
