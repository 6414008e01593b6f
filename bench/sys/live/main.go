// The benchmark of docs/bench.md for live system calls: what capturing costs the programs that are traced. A loop that writes and reads
// a byte, and wrk against nginx, run alone and beside tapir sys in turn, in rounds of one run: all calls, those of the network, those
// of the network with a filter on the port, tested and counted (-q) and written to a file (-w). Runs of a loop of lseek count how many
// events without data one reader takes without a loss.
//
//	go run ./bench/sys/live [-tapir FILE] [-seconds N] [-rounds N] [-parts wrk,headers]
//
// It takes less than four minutes.
package main

import (
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// row is one way to capture, and what was measured with it in each round.
type row struct {
	name   string
	filter string // PORT is nginx's
	write  bool   // to a file; else events are tested and counted, not shown
	often  int    // how often in a round it is measured, beyond once
	alone, beside,
	rateAlone, rateBeside, cost []float64
	calls, lost int64
}

var rows = []*row{
	{name: "all calls"},
	{name: "network only", filter: "evt.is_io=true and fd.type in (ipv4, ipv6)"},
	{name: "network only, port", filter: "evt.is_io=true and fd.port=PORT", often: 7}, // it has a bar
	{name: "... to a file", filter: "evt.is_io=true and fd.port=PORT", write: true},
	{name: "all of the port", filter: "fd.port=PORT"},
	{name: "network only, other port", filter: "evt.is_io=true and fd.port=1"},
}

const headerRuns = 6 // of each kind

var tapir = flag.String("tapir", "./tapir", "the program")

func main() {
	seconds := flag.Float64("seconds", 1, "length of a run")
	rounds := flag.Int("rounds", 4, "how often each is measured")
	parts := flag.String("parts", "wrk,headers", "what is measured")
	flag.Parse()
	if what, kind, ok := strings.Cut(os.Getenv(loop), " "); ok {
		d, _ := time.ParseDuration(what)
		call(d, kind)
		return
	}
	d := time.Duration(*seconds * float64(time.Second))
	if strings.Contains(*parts, "wrk") {
		if err := benchWrk(d, *rounds); err != nil {
			log.Fatal(err)
		}
	}
	if strings.Contains(*parts, "headers") {
		if err := benchHeaders(d); err != nil {
			log.Fatal(err)
		}
	}
}

// benchWrk measures all rows in rounds. Each stands between two runs of wrk alone, which it is compared with: the machine's pace changes.
func benchWrk(d time.Duration, rounds int) error {
	web, err := startNginx()
	if err != nil {
		return err
	}
	defer web.stop()
	before, err := web.wrk(d)
	if err != nil {
		return err
	}
	for range rounds {
		for _, r := range rows {
			for range 1 + r.often {
				if err := r.measure(web, d); err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
				after, err := web.wrk(d)
				if err != nil {
					return err
				}
				free := (before + after) / 2
				r.rateAlone = append(r.rateAlone, free)
				r.cost = append(r.cost, 100*(1-r.rateBeside[len(r.rateBeside)-1]/free))
				before = after
			}
		}
	}
	fmt.Printf("wrk, one thread, 16 connections, against nginx, one worker: medians of runs of %v; cost in %% of the requests\n\n", d)
	fmt.Printf("%-26s %4s %18s %22s %30s %10s %8s\n", "captured", "runs", "ns a call", "requests/s", "cost (least, most)   mean", "calls", "lost")
	for _, r := range rows {
		mean, deviation := meanOf(r.cost)
		fmt.Printf("%-26s %4d %7.0f -> %7.0f %9.0f -> %9.0f %7.1f (%3.0f, %3.0f) %5.1f ± %3.1f %10d %8d\n", r.name, len(r.cost), median(r.alone), median(r.beside),
			median(r.rateAlone), median(r.rateBeside), median(r.cost), slices.Min(r.cost), slices.Max(r.cost), mean, deviation, r.calls, r.lost)
	}
	return nil
}

// measure runs the loop and wrk beside a capture.
func (r *row) measure(web *nginx, d time.Duration) error {
	alone, err := perCall(d/4, "io")
	if err != nil {
		return err
	}
	var beside, rate float64
	options := []string{"-q"}
	if r.write {
		options = []string{"-w", filepath.Join(web.dir, "calls.scap")}
	}
	got, err := capturing(options, strings.ReplaceAll(r.filter, "PORT", fmt.Sprint(web.port)), func() (err error) {
		if beside, err = perCall(d/4, "io"); err != nil {
			return err
		}
		rate, err = web.wrk(d)
		return err
	})
	if err != nil {
		return err
	}
	r.alone, r.beside, r.rateBeside = append(r.alone, alone), append(r.beside, beside), append(r.rateBeside, rate)
	r.calls += got.calls
	r.lost += got.lost
	return nil
}

// benchHeaders has a process make nothing but calls that carry no data, at a pace and as fast as it can in turns.
func benchHeaders(d time.Duration) error {
	fmt.Printf("\nevents without data, of one process that makes so many or all it can, runs of %v\n\n%-10s %12s %12s %10s %8s\n", d, "run", "ns a call", "calls/s",
		"calls", "lost")
	for i := range 2 * headerRuns {
		kind := []string{"paced", "seek"}[i%2]
		var per float64
		got, err := capturing([]string{"-q"}, "evt.type=lseek", func() (err error) { per, err = perCall(d, kind); return err })
		if err != nil {
			return err
		}
		fmt.Printf("%-10s %12.0f %12.0f %10d %8d\n", kind, per, 1e9/per, got.calls, got.lost)
	}
	return nil
}

// meanOf is the mean of the values and its standard error.
func meanOf(values []float64) (mean, deviation float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / (n * (n - 1)))
}

// median is the middle of the values.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
