// Command sflowagent measures what the sFlow agent costs Debian's Apache: CPU time for each request with its log piped to the agent
// and with the module of contrib/apache, beside two Apaches without an agent, whose difference is the noise. All four run at
// once, wrk drives one after the other, round after round. It also compares what the agent counted with what wrk sent,
// and the number of samples with the binomial distribution's. It needs root, apache2, apxs and wrk, and takes the program
// to measure: sflowagent TAPIR.
package main

import (
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

const sampling = 400

var (
	rounds  = flag.Int("rounds", 10, "rounds, of each of the four for -each")
	each    = flag.Duration("each", 2*time.Second, "time that wrk drives one server at once")
	barPipe = 25.0 // µs of CPU time a request
	barMod  = 2.0
)

// server is one Apache and what it has done.
type server struct {
	name, dir, addr string
	cmd, agent      *exec.Cmd
	collector       *collector
	micros          []float64 // of CPU a request, by round
	requests        int64     // as wrk counts them
	warm            int64     // before measuring
}

// collector counts samples, and keeps the last counters.
type collector struct {
	conn    net.PacketConn
	samples atomic.Int64
	drops   atomic.Int64
	counted atomic.Int64
}

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
	module, err := build(dir)
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
		if err := s.start(tapir, module); err != nil {
			return err
		}
		all = append(all, s)
		if s.warm, err = s.drive(time.Second); err != nil {
			return err
		}
	}
	for round := range *rounds {
		for i := range all {
			s := all[(i+round)%len(all)] // whoever comes first has the cooler processor
			if err := s.measure(); err != nil {
				return err
			}
		}
	}
	return report(all)
}

func build(dir string) (string, error) {
	src, err := os.ReadFile("contrib/apache/mod_tapir_sflow.c")
	if err != nil {
		return "", fmt.Errorf("%w (run it in the project's folder)", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mod_tapir_sflow.c"), src, 0o644); err != nil {
		return "", err
	}
	c := exec.Command("apxs", "-c", "mod_tapir_sflow.c", "-lm")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("apxs: %w: %s", err, out)
	}
	return filepath.Join(dir, ".libs", "mod_tapir_sflow.so"), nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (s *server) start(tapir, module string) (err error) {
	if s.addr, err = freeAddr(); err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Join(s.dir, "docs"), 0o755); err != nil {
		return err
	}
	os.WriteFile(filepath.Join(s.dir, "docs", "small.txt"), []byte("twenty-two bytes here\n"), 0o644)
	more := ""
	if s.name == "pipe" || s.name == "module" {
		if s.collector, err = collect(); err != nil {
			return err
		}
	}
	flags := []string{"sflow", "agent", "--sampling", strconv.Itoa(sampling), "--polling", "1s", "--agent-ip", "127.0.0.1", "--listen", ""}
	switch s.name {
	case "pipe":
		c := exec.Command(tapir, append(flags[:len(flags)-2:len(flags)-2], "--collector", s.collector.conn.LocalAddr().String(), "--print-apache-config")...)
		out, err := c.Output()
		if err != nil {
			return fmt.Errorf("%s: %w", tapir, err)
		}
		more = strings.ReplaceAll(string(out), "sflow agent --stdin", `sflow agent --stdin --listen ''`)
	case "module":
		file, socket := filepath.Join(s.dir, "http.shm"), filepath.Join(s.dir, "http.sock")
		more = fmt.Sprintf("LoadModule tapir_sflow_module %s\nTapirSflowFile %s\nTapirSflowSocket %s\nTapirSflowGroup nogroup\n", module, file, socket)
		s.agent = exec.Command(tapir, append(flags, "--collector", s.collector.conn.LocalAddr().String(), "--apache", "--apache-file", file, "--apache-socket", socket)...)
		s.agent.Stderr = os.Stderr
		defer func() {
			if err == nil {
				err = s.agent.Start()
			}
		}()
	}
	conf := fmt.Sprintf(`ServerRoot %[1]s
ServerName www.example.org
Listen %[2]s
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
User www-data
Group www-data
DefaultRuntimeDir %[1]s
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
TypesConfig /etc/mime.types
DocumentRoot %[1]s/docs
MaxKeepAliveRequests 0
StartServers 1
ServerLimit 1
MaxRequestWorkers 25
%[3]s`, s.dir, s.addr, more)
	if err = os.WriteFile(filepath.Join(s.dir, "apache.conf"), []byte(conf), 0o644); err != nil {
		return err
	}
	s.cmd = exec.Command("apache2", "-DFOREGROUND", "-f", filepath.Join(s.dir, "apache.conf"))
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Apache signals its process group
	if err = s.cmd.Start(); err != nil {
		return err
	}
	for range 200 {
		if c, err := net.Dial("tcp", s.addr); err == nil {
			return c.Close()
		}
		time.Sleep(25 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "error.log"))
	return fmt.Errorf("apache (%s) does not start: %s", s.name, log)
}

func (s *server) stop() {
	for _, c := range []*exec.Cmd{s.cmd, s.agent} {
		if c != nil && c.Process != nil {
			c.Process.Signal(syscall.SIGTERM)
			c.Wait()
		}
	}
}

func collect() (*collector, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &collector{conn: conn}
	go c.read()
	return c, nil
}

func (c *collector) read() {
	b := make([]byte, 64<<10)
	for {
		n, _, err := c.conn.ReadFrom(b)
		if err != nil {
			return
		}
		d, err := sflow.Parse(b[:n])
		if err != nil {
			continue
		}
		var s sflow.Sample
		for samples := d.Samples(); samples.Next(&s); {
			if !s.Counters() {
				c.samples.Add(1)
				c.drops.Store(int64(s.Drops))
				continue
			}
			var r sflow.Record
			var h sflow.HTTPCounters
			for records := s.Records(); records.Next(&r); {
				if r.Tag == sflow.TagHTTPCounters && r.Decode(&h) == nil {
					c.counted.Store(int64(h.Get))
				}
			}
		}
	}
}

var wrkTotal = regexp.MustCompile(`(\d+) requests in`)

// drive has wrk send requests and says how many.
func (s *server) drive(d time.Duration) (int64, error) {
	out, err := exec.Command("wrk", "-t1", "-c16", "-d", d.String(), "http://"+s.addr+"/small.txt").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	m := wrkTotal.FindSubmatch(out)
	if m == nil || strings.Contains(string(out), "Non-2xx") {
		return 0, fmt.Errorf("wrk: %s", out)
	}
	return strconv.ParseInt(string(m[1]), 10, 64)
}

func (s *server) measure() error {
	before := s.used()
	n, err := s.drive(*each)
	time.Sleep(100 * time.Millisecond) // what is left in pipes
	s.micros = append(s.micros, (s.used()-before)/float64(n)*1e6)
	s.requests += n
	return err
}

// used is the CPU time of Apache's processes, its logger and the agent, s.
func (s *server) used() (sum float64) {
	roots := map[int]bool{s.cmd.Process.Pid: true}
	if s.agent != nil {
		roots[s.agent.Process.Pid] = true
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, err := os.ReadFile(file)
		end := strings.LastIndexByte(string(b), ')')
		if err != nil || end < 0 {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		w := strings.Fields(string(b[end+1:])) // state, ppid, ...
		ppid, _ := strconv.Atoi(w[1])
		if roots[pid] || roots[ppid] {
			user, _ := strconv.ParseFloat(w[11], 64)
			system, _ := strconv.ParseFloat(w[12], 64)
			sum += (user + system) / 100
		}
	}
	return sum
}

// beyond are the rounds' differences between an arm and the two without an agent, in µs: the median, and half of what lies
// between the quartiles. Rounds are compared one by one, for others use the machine too.
func beyond(arm, none, again []float64) (median, spread float64) {
	var d []float64
	for i := range arm {
		d = append(d, arm[i]-(none[i]+again[i])/2)
	}
	slices.Sort(d)
	return d[len(d)/2], (d[len(d)*3/4] - d[len(d)/4]) / 2
}

func report(all []*server) error {
	time.Sleep(2500 * time.Millisecond) // the last counters
	none, again := all[0].micros, all[3].micros
	zero := make([]float64, len(none))
	base, _ := beyond(none, zero, zero)
	noise, noiseSpread := beyond(again, none, none)
	fmt.Printf("sflow agent: apache alone %.1f us of CPU a request; another alone %+.1f +- %.1f us\n", base, noise, noiseSpread)
	var failed error
	for i, bar := range []float64{0, barPipe, barMod} {
		if bar == 0 {
			continue
		}
		s := all[i]
		got := s.collector.samples.Load() + s.collector.drops.Load()
		counted, sent := s.collector.counted.Load(), s.requests+s.warm
		p := 1.0 / sampling
		sigma := (float64(got) - float64(counted)*p) / math.Sqrt(float64(counted)*p*(1-p))
		// wrk closes 16 connections at the end of each run, with requests on the way that it does not count.
		most := int64(16 * (*rounds + 1))
		cost, spread := beyond(s.micros, none, again)
		fmt.Printf("  %-6s %+5.1f +- %.1f us (bar %g); counted %d, wrk sent %d to %d; %d samples at 1:%d, %+.2f sigma, %d dropped\n", s.name, cost, spread, bar, counted,
			sent, sent+most, got, sampling, sigma, s.collector.drops.Load())
		if counted < sent || counted > sent+most || math.Abs(sigma) > 3.9 {
			failed = fmt.Errorf("%s: the counts are not those of what was sent", s.name)
		}
	}
	return failed
}
