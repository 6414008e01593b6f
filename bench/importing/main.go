// Command importing measures `tapir import` against tshark on the same captures, in turn, and prints for each capture the
// medians of CPU time, packets per CPU-second, wall time and memory, and the ratios.
//
//	go run ./bench/importing -tapir ./tapir [-n 3] [-dir bench/out] [LOOP.pcap HTTP.pcap]
//
// Without captures it makes two: the bundled captures looped with fresh addresses, and synthetic HTTP.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cost is what one run of a command took.
type cost struct {
	cpu, wall time.Duration
	rss       int64 // bytes
}

func main() {
	log.SetFlags(0)
	tapir := flag.String("tapir", "./tapir", "the binary")
	n := flag.Int("n", 3, "runs of each")
	dir := flag.String("dir", "bench/out", "folder for captures and data")
	flag.Parse()
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		log.Fatal(err)
	}
	files := flag.Args()
	if len(files) == 0 {
		files = generate(*dir)
	}
	fmt.Println("| capture | packets | tapir CPU s | packets / CPU-s | wall s | wall / CPU | peak RSS MB | tshark CPU s | packets / CPU-s | ratio | record bytes / session |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, f := range files {
		compare(*tapir, f, *dir, *n)
	}
}

// compare runs both commands n times in turn on one capture.
func compare(tapir, file, dir string, n int) {
	var ours, theirs []cost
	data := filepath.Join(dir, "data")
	var summary string
	for range n {
		os.RemoveAll(data)
		c, out := run(tapir, "import", "--data", data, "--quiet", file)
		ours, summary = append(ours, c), out
		c, _ = run("tshark", "-q", "-z", "conv,tcp", "-r", file)
		theirs = append(theirs, c)
	}
	var packets, sessions int64
	line := summary[strings.LastIndex(strings.TrimSpace(summary), "\n")+1:]
	var bytes string
	if i := strings.Index(line, "imported "); i >= 0 {
		fmt.Sscanf(line[i:], "imported %d packets, %s", &packets, &bytes)
	}
	if i := strings.Index(line, ": "); i >= 0 {
		fmt.Sscanf(line[i:], ": %d sessions", &sessions)
	}
	o, t := median(ours), median(theirs)
	orate, trate := float64(packets)/o.cpu.Seconds(), float64(packets)/t.cpu.Seconds()
	fmt.Printf("| %s | %d | %.2f | %.0f | %.2f | %.2f | %d | %.2f | %.0f | %.2f | %.0f |\n", filepath.Base(file), packets, o.cpu.Seconds(), orate,
		o.wall.Seconds(), o.wall.Seconds()/o.cpu.Seconds(), o.rss/1e6, t.cpu.Seconds(), trate, orate/trate, float64(size(filepath.Join(data, "records")))/float64(max(sessions, 1)))
	os.RemoveAll(data)
}

// run runs a command and gives what it took and what it said on standard error.
func run(name string, args ...string) (cost, string) {
	cmd := exec.Command(name, args...)
	cmd.Stdout = io.Discard
	var stderr strings.Builder
	cmd.Stderr = &stderr
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		log.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	wall := time.Since(begin)
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), wall: wall, rss: u.Maxrss << 10}, stderr.String()
}

// median takes the middle of each figure by itself.
func median(all []cost) (m cost) {
	pick := func(of func(cost) int64) int64 {
		v := make([]int64, len(all))
		for i, c := range all {
			v[i] = of(c)
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	m.cpu = time.Duration(pick(func(c cost) int64 { return int64(c.cpu) }))
	m.wall = time.Duration(pick(func(c cost) int64 { return int64(c.wall) }))
	m.rss = pick(func(c cost) int64 { return c.rss })
	return m
}

func size(dir string) (n int64) {
	filepath.Walk(dir, func(_ string, i os.FileInfo, err error) error {
		if err == nil && !i.IsDir() {
			n += i.Size()
		}
		return nil
	})
	return n
}
