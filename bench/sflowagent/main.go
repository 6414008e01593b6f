// Command sflowagent measures what the sFlow agent costs Debian's Apache: CPU time for each request with its log piped to the agent
// and with the module of contrib/apache, beside two Apaches without an agent, whose difference is the noise. It needs root, apache2, apxs
// and wrk, and takes the program to measure: sflowagent TAPIR.
//
// All four run at once. First wrk drives one after the other, some rounds of seconds; then, for the figure, the same load comes in
// slices of about a tenth of a second. The CPU time of a slice, by the processes' CPU clocks, is compared with that of the two without an
// agent in the same round: what else the machine does then meets all four alike. The result is the median of the rounds' differences with
// its 95 % confidence interval (of ranks, which asks nothing of the noise), and beside it the difference over all slices together.
//
// What the agent counted is compared with what was sent, to the request for the slices, and the number of samples with the
// binomial distribution's.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tapir-project/tapir/sflow/agent/agenttest"
)

const sampling = 400

var (
	rounds  = flag.Int("rounds", 5, "rounds of wrk, of each of the four for -each")
	each    = flag.Duration("each", time.Second, "time that wrk drives one server at once")
	turns   = flag.Int("slices", 200, "rounds of slices")
	perConn = flag.Int("slice", 100, "requests of a slice, on each of 16 connections")
	barPipe = 25.0 // µs of CPU time a request
	barMod  = 2.0
)

func main() {
	flag.Parse()
	if err := run(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "sflowagent:", err)
		os.Exit(1)
	}
}

func run(tapir string) error {
	if tapir == "" || os.Geteuid() != 0 {
		return fmt.Errorf("needs root and the program to measure (try: sudo make bench-sflow-agent)")
	}
	tapir, err := filepath.Abs(tapir)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sflowagent")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o755)
	module, err := agenttest.BuildModule("contrib/apache", dir)
	if err != nil {
		return err
	}
	var all []*server
	defer func() {
		for _, s := range all {
			s.stop()
		}
	}()
	for _, name := range []string{"none", "pipe", "module", "none again"} {
		s := &server{name: name, dir: filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))}
		all = append(all, s)
		if err := s.start(tapir, module); err != nil {
			return err
		}
	}
	if err := byWrk(all); err != nil {
		return err
	}
	return bySlices(all)
}

// inTurn measures all servers once in each round. Whoever comes first has the cooler processor: that changes.
func inTurn(all []*server, rounds int, arm func(*server) *arm, drive func(*server) (int64, error)) error {
	for round := range rounds {
		for i := range all {
			s := all[(i+round)%len(all)]
			seconds, n, err := s.charged(func() (int64, error) { return drive(s) })
			if err != nil {
				return err
			}
			arm(s).add(seconds, n)
		}
	}
	return nil
}

func byWrk(all []*server) error {
	if err := inTurn(all, *rounds, func(s *server) *arm { return &s.byWrk }, func(s *server) (int64, error) { return s.wrk(*each) }); err != nil {
		return err
	}
	alone := (all[0].byWrk.mean() + all[3].byWrk.mean()) / 2
	fmt.Printf("wrk, %d rounds of %v: apache alone %.1f us of CPU a request\n", *rounds, *each, alone)
	for _, s := range all[1:3] {
		counted, err := s.collector.settled()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		sent, most := s.byWrk.requests, s.byWrk.requests+int64(connections**rounds)
		fmt.Printf("  %-6s %+5.1f us; counted %d requests, wrk sent %d to %d\n", s.name, s.byWrk.mean()-alone, counted, sent, most)
		if counted < sent || counted > most {
			return fmt.Errorf("%s: counted are not those that were sent", s.name)
		}
	}
	return nil
}

func bySlices(all []*server) error {
	before := map[*server]int64{}
	for _, s := range all {
		if _, err := s.exchange(1); err != nil { // opens the connections
			return err
		}
	}
	for _, s := range all[1:3] {
		var err error
		if before[s], err = s.collector.settled(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if err := inTurn(all, *turns, func(s *server) *arm { return &s.bySlices }, func(s *server) (int64, error) { return s.exchange(*perConn) }); err != nil {
		return err
	}
	fmt.Printf("slices, %d rounds of %d requests: ", *turns, *perConn*connections)
	costs(&all[0].bySlices, &all[1].bySlices, &all[2].bySlices, &all[3].bySlices)
	for _, s := range all[1:3] {
		counted, err := s.collector.settled()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		drawn, p := s.collector.samples.Load()+s.collector.drops.Load(), 1.0/sampling
		sigma := (float64(drawn) - float64(counted)*p) / math.Sqrt(float64(counted)*p*(1-p))
		fmt.Printf("  %-6s counted %d requests of %d sent; %d samples at 1:%d of all %d, %+.2f sigma, %d dropped\n", s.name, counted-before[s], s.bySlices.requests,
			drawn, sampling, counted, sigma, s.collector.drops.Load())
		if counted-before[s] != s.bySlices.requests || math.Abs(sigma) > 3 {
			return fmt.Errorf("%s: the counts are not those of what was sent", s.name)
		}
	}
	return nil
}

// costs prints what a request costs with each agent.
func costs(none, pipe, module, again *arm) {
	base := slices.Sorted(slices.Values(none.micros))
	fmt.Printf("apache alone %.1f us of CPU a request\n", base[len(base)/2])
	for _, x := range []struct {
		name    string
		a, b, c *arm
		bar     float64
	}{{"none again", again, none, none, 0}, {"pipe", pipe, none, again, barPipe}, {"module", module, none, again, barMod}} {
		median, low, high := beyond(x.a.micros, x.b.micros, x.c.micros)
		fmt.Printf("  %-10s %+5.2f us, 95 %% within %+.2f and %+.2f; over all %+.2f", x.name, median, low, high, x.a.mean()-(x.b.mean()+x.c.mean())/2)
		switch {
		case x.bar == 0:
			fmt.Println()
		case high <= x.bar:
			fmt.Printf("; bar %g us: met\n", x.bar)
		case low > x.bar:
			fmt.Printf("; bar %g us: missed\n", x.bar)
		default:
			fmt.Printf("; bar %g us: not settled\n", x.bar)
		}
	}
}

// mean is the CPU time of a request over all rounds, µs.
func (a *arm) mean() float64 { return a.seconds / float64(a.requests) * 1e6 }

// beyond is the median of the rounds' differences between an arm and two others, µs, with its 95 % confidence interval:
// the values between which the median of whatever they were drawn from lies by the binomial distribution of ranks.
func beyond(arm, none, again []float64) (median, low, high float64) {
	var d []float64
	for i := range arm {
		d = append(d, arm[i]-(none[i]+again[i])/2)
	}
	slices.Sort(d)
	n := float64(len(d))
	at := func(rank float64) float64 { return d[min(max(int(rank), 0), len(d)-1)] }
	half := 1.96 * math.Sqrt(n) / 2
	return at(n / 2), at(math.Floor(n/2 - half)), at(math.Ceil(n/2 + half))
}
