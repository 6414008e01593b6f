// Command sessions measures the embedded store on many made-up sessions (package traffic): how fast they are written
// and how long the questions take that a viewer asks most, first with the store at rest, then while a writer adds
// sessions.
//
//	go run ./bench/sessions [-n 5000000] [-data DIR] [-rate 5000] [-ask=false]
//
// It prints a table of medians. Without -data it works in a temporary directory, which it removes. With -ask=false it
// only writes, for those who measure something else on the same sessions.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/tapir-project/tapir/bench/sessions/traffic"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store/parquet"
)

func main() {
	n := flag.Int("n", 5_000_000, "sessions to write before asking")
	data := flag.String("data", "", "data directory, kept; default a temporary one")
	rate := flag.Int("rate", 5000, "sessions a second written while asking the second time")
	rounds := flag.Int("rounds", 7, "times each question is asked")
	tx := flag.Bool("transactions", false, "write transactions too")
	compact := flag.Bool("compact", false, "merge files before asking")
	ask := flag.Bool("ask", true, "ask questions after writing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *n, *data, *rate, *rounds, *tx, *compact, *ask); err != nil {
		fmt.Fprintln(os.Stderr, "sessions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, n int, dir string, rate, rounds int, tx, compact, ask bool) error {
	if dir == "" {
		tmp, err := os.MkdirTemp("", "tapir-sessions-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	}
	src := traffic.New(traffic.Config{})
	if err := fill(ctx, dir, src, n, tx); err != nil {
		return err
	}
	if compact {
		if err := merge(ctx, dir); err != nil {
			return err
		}
	}
	if !ask {
		return nil
	}
	s, err := parquet.OpenReader(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Printf("\n%-44s %10s %10s %10s %10s\n", "question", "at rest", "CPU", "first", "writing")
	b := &bench{ctx: ctx, store: s, rounds: rounds, src: src}
	if err := b.prepare(); err != nil {
		return err
	}
	if err := b.ask(0); err != nil {
		return err
	}
	wctx, stopWriting := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		if err := write(wctx, dir, src, rate); err != nil {
			fmt.Fprintln(os.Stderr, "sessions: writing:", err)
		}
	}()
	time.Sleep(5 * time.Second) // until its files come in
	err = b.ask(1)
	stopWriting()
	wg.Wait()
	b.print()
	return err
}

// fill writes n sessions as fast as it can.
func fill(ctx context.Context, dir string, src *traffic.Source, n int, tx bool) error {
	w, err := parquet.OpenWriter(dir, parquet.Options{SealEvery: -1})
	if err != nil {
		return err
	}
	var b record.Batch
	var one record.Record
	start := time.Now()
	for i := range n {
		r := b.Next()
		src.Session(r)
		if tx && src.Transaction(r, &one) {
			b.Next().CopyFrom(&one)
		}
		if b.Len() >= 500 || i == n-1 {
			if err := w.Add(&b); err != nil {
				return err
			}
			b.Reset()
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	took, st := time.Since(start), w.Stats()
	fmt.Printf("wrote %d records in %d files, %.1f bytes each, %v (%v each, making them included)\n", st.Rows, st.Files,
		float64(st.Bytes)/float64(max(st.Rows, 1)), took.Round(time.Millisecond), took/time.Duration(max(st.Rows, 1)))
	return ctx.Err()
}

// merge compacts what fill wrote.
func merge(ctx context.Context, dir string) error {
	later := func() time.Time { return time.Now().Add(time.Hour) } // no more files will come
	w, err := parquet.OpenWriter(dir, parquet.Options{SealEvery: -1, Now: later, MergeGrace: time.Nanosecond})
	if err != nil {
		return err
	}
	start, steps := time.Now(), 0
	for did := true; did; steps++ {
		if did, err = w.Compact(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("merged files in %d steps, %v\n", steps-1, time.Since(start).Round(time.Millisecond))
	return w.Close()
}

// write adds sessions at a steady rate, one in five of them in two parts, until ctx ends.
func write(ctx context.Context, dir string, src *traffic.Source, rate int) error {
	w, err := parquet.OpenWriter(dir, parquet.Options{})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Add(2)
	go func() { defer wg.Done(); w.Run(ctx) }()
	go func() {
		defer wg.Done()
		w.RunCompaction(ctx, func(err error) { fmt.Fprintln(os.Stderr, "sessions: merging:", err) })
	}()
	const ticks = 50 // a second
	t := time.NewTicker(time.Second / ticks)
	defer t.Stop()
	var b record.Batch
	for {
		select {
		case <-ctx.Done():
			return w.Close()
		case <-t.C:
		}
		b.Reset()
		for range rate / ticks {
			r := b.Next()
			if src.Session(r); r.ID[15]%5 == 0 {
				last := b.Next()
				last.CopyFrom(r)
				last.Part, last.Start = 1, r.End
				r.Final = false
			}
		}
		if err := w.Add(&b); err != nil {
			return err
		}
	}
}

// bench asks questions and keeps how long they took.
type bench struct {
	ctx    context.Context
	store  *parquet.Store
	src    *traffic.Source
	rounds int
	asked  []question
	took   [2][]time.Duration // medians
	first  []time.Duration
	cpu    []time.Duration // user and system time a question takes at rest, over all cores
}

// question is one thing asked; f says how many records or rows came.
type question struct {
	name string
	bar  time.Duration // at rest
	f    func() (int, error)
}

// ask asks every question some times.
func (b *bench) ask(pass int) error {
	for _, q := range b.asked {
		var all []time.Duration
		var before time.Duration
		for i := range b.rounds + 1 {
			if i == 1 {
				before = cpuTime()
			}
			start := time.Now()
			n, err := q.f()
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			if n == 0 {
				return fmt.Errorf("%s: no answer", q.name)
			}
			if d := time.Since(start); i > 0 {
				all = append(all, d)
			} else if pass == 0 {
				b.first = append(b.first, d)
			}
		}
		if pass == 0 {
			b.cpu = append(b.cpu, (cpuTime()-before)/time.Duration(b.rounds))
		}
		slices.Sort(all)
		b.took[pass] = append(b.took[pass], all[len(all)/2])
	}
	return nil
}

// cpuTime is the time that this process has spent computing.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func (b *bench) print() {
	for i, q := range b.asked {
		ms := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
		row := fmt.Sprintf("%-44s %10v %10v %10v", q.name, ms(b.took[0][i]), ms(b.cpu[i]), ms(b.first[i]))
		if i < len(b.took[1]) {
			row += fmt.Sprintf(" %10v", ms(b.took[1][i]))
			if b.took[1][i] > max(time.Second, q.bar) {
				row += "  over 1 s while writing"
			}
		}
		if b.took[0][i] > q.bar {
			row += fmt.Sprintf("  over %v", q.bar)
		}
		fmt.Println(row)
	}
}
