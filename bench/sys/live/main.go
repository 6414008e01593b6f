// The benchmark of docs/bench.md for live system calls: what capturing costs the programs that are traced. A loop that writes and reads
// a byte, and wrk against nginx, run alone and beside tapir sys in turn, in one run: all calls, those of the network, those of
// the network with a filter on the port. A last run counts how many events without data one reader takes without a loss.
//
//	go run ./bench/sys/live [-tapir FILE] [-seconds N]
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// loop is set for the process that makes calls: how long it does, and which.
const loop = "TAPIR_BENCH_LOOP"

const port = 18099

// runs are the captures, with their filters.
var runs = []struct {
	name string
	args []string
}{
	{"all calls", []string{"sys", "-qv"}},
	{"network only", []string{"sys", "-qv", "evt.is_io=true", "and", "fd.type", "in", "(ipv4,", "ipv6)"}},
	{"network only, port", []string{"sys", "-qv", "evt.is_io=true", "and", "fd.l4proto=tcp", "and", fmt.Sprintf("fd.port=%d", port)}},
	{"... and latencies", []string{"sys", "-qv", "-td", "evt.is_io=true", "and", "fd.l4proto=tcp", "and", fmt.Sprintf("fd.port=%d", port)}},
	{"network only, other port", []string{"sys", "-qv", "evt.is_io=true", "and", "fd.l4proto=tcp", "and", "fd.port=1"}},
}

var tapir = flag.String("tapir", "./tapir", "the program")

func main() {
	seconds := flag.Int("seconds", 4, "length of a run")
	flag.Parse()
	if what, kind, ok := strings.Cut(os.Getenv(loop), " "); ok {
		d, _ := time.ParseDuration(what)
		call(d, kind)
		return
	}
	if err := bench(time.Duration(*seconds) * time.Second); err != nil {
		log.Fatal(err)
	}
}

func bench(d time.Duration) error {
	stop, err := nginx()
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("%-26s %24s %10s %24s %8s %10s %8s\n", "", "ns a call", "captured", "requests/s", "cost", "captured", "lost")
	for _, r := range runs {
		before, err := perCall(d, "io")
		if err != nil {
			return err
		}
		var per, rate float64
		first, err := beside(r.args, func() (err error) { per, err = perCall(d, "io"); return err })
		if err != nil {
			return err
		}
		rateBefore, err := wrk(d)
		if err != nil {
			return err
		}
		second, err := beside(r.args, func() (err error) { rate, err = wrk(d); return err })
		if err != nil {
			return err
		}
		rateAfter, err := wrk(d)
		if err != nil {
			return err
		}
		free := (rateBefore + rateAfter) / 2
		fmt.Printf("%-26s %10.0f -> %10.0f %10d %10.0f -> %10.0f %7.1f%% %10d %8d\n", r.name, before, per, first.calls, free, rate, 100*(1-rate/free),
			second.calls, first.lost+second.lost)
	}
	var per float64
	got, err := beside([]string{"sys", "-qv", "evt.type=lseek"}, func() (err error) { per, err = perCall(d, "seek"); return err })
	if err != nil {
		return err
	}
	fmt.Printf("\nevents without data: %.0f ns a call, %.0f events/s, %d lost\n", per, 1e9/per, got.lost)
	return nil
}

// result is what a capture says of itself.
type result struct{ calls, lost int64 }

var said = regexp.MustCompile(`Driver (Events|Drops):(\d+)`)

// beside runs f beside a capture.
func beside(args []string, f func() error) (r result, err error) {
	var out bytes.Buffer
	c := exec.Command(*tapir, args...)
	c.Stderr = &out
	if err := c.Start(); err != nil {
		return r, err
	}
	time.Sleep(time.Second) // it has no sign of being ready
	err = f()
	c.Process.Signal(os.Interrupt)
	if e := c.Wait(); e != nil {
		err = errors.Join(err, fmt.Errorf("%w: %s", e, &out))
	}
	for _, m := range said.FindAllStringSubmatch(out.String(), -1) {
		n, _ := strconv.ParseInt(m[2], 10, 64)
		if m[1] == "Events" {
			r.calls = n
		} else {
			r.lost = n
		}
	}
	return r, err
}

// perCall is how many ns a call took of a process that makes nothing but calls for so long.
func perCall(d time.Duration, kind string) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), loop+"="+d.String()+" "+kind)
	out, err := c.Output()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// call makes calls for so long and prints how many ns one took.
func call(d time.Duration, kind string) {
	runtime.LockOSThread()
	null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		log.Fatal(err)
	}
	zero, err := os.Open("/dev/zero")
	if err != nil {
		log.Fatal(err)
	}
	b := [1]byte{}
	w, r := int(null.Fd()), int(zero.Fd())
	n := 0
	began := time.Now()
	for time.Since(began) < d {
		for range 1000 {
			if kind == "seek" {
				syscall.Seek(r, 0, 0)
				syscall.Seek(r, 0, 0)
			} else {
				syscall.Write(w, b[:])
				syscall.Read(r, b[:])
			}
		}
		n += 2000
	}
	fmt.Println(float64(time.Since(began).Nanoseconds()) / float64(n))
}

// wrk is how many requests nginx answered a second.
func wrk(d time.Duration) (float64, error) {
	out, err := exec.Command("wrk", "-t1", "-c16", fmt.Sprintf("-d%ds", int(d.Seconds())), fmt.Sprintf("http://127.0.0.1:%d/", port)).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, "Requests/sec:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return 0, fmt.Errorf("wrk says no rate: %s", out)
}

// nginx starts a server that answers with a few bytes.
func nginx() (stop func(), err error) {
	dir, err := os.MkdirTemp("", "tapir-bench")
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("daemon off;\nworker_processes 1;\npid %s/pid;\nerror_log %[1]s/error;\nevents {}\nhttp {\naccess_log off;\nkeepalive_requests 1000000000;\n"+
		"server { listen 127.0.0.1:%d; location / { return 200 ok; } } }\n", dir, port)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	c := exec.Command("nginx", "-c", conf, "-p", dir)
	if err := c.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		c.Process.Signal(os.Interrupt)
		c.Wait()
		os.RemoveAll(dir)
	}
	for range 100 {
		if r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port)); err == nil {
			r.Body.Close()
			return stop, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return nil, errors.New("nginx does not answer")
}
