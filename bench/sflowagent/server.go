package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// body is what is asked for.
const body = "twenty-two bytes here\n"

// server is one Apache, its agent, and what they have done.
type server struct {
	name, dir, addr string
	cmd, agent      *exec.Cmd
	collector       *collector // nil without an agent
	conns           []net.Conn // of exchange
	byWrk, bySlices arm
}

// arm is what a server took, driven in one way.
type arm struct {
	micros   []float64 // of CPU a request, by round
	seconds  float64   // of CPU in all
	requests int64
}

func (a *arm) add(seconds float64, requests int64) {
	a.micros = append(a.micros, seconds/float64(requests)*1e6)
	a.seconds += seconds
	a.requests += requests
}

// build compiles the module in dir.
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

// start starts Apache, and its agent if it has one.
func (s *server) start(tapir, module string) (err error) {
	if s.addr, err = freeAddr(); err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Join(s.dir, "docs"), 0o755); err != nil {
		return err
	}
	os.WriteFile(filepath.Join(s.dir, "docs", "small.txt"), []byte(body), 0o644)
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
KeepAliveTimeout 300
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
	for _, c := range s.conns {
		c.Close()
	}
	for _, c := range []*exec.Cmd{s.cmd, s.agent} {
		if c != nil && c.Process != nil {
			c.Process.Signal(syscall.SIGTERM)
			c.Wait()
		}
	}
}

// processes are Apache's, its logger and the agent, in order.
func (s *server) processes() (pids []int) {
	roots := []int{s.cmd.Process.Pid}
	if s.agent != nil {
		roots = append(roots, s.agent.Process.Pid)
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, err := os.ReadFile(file)
		end := strings.LastIndexByte(string(b), ')')
		if err != nil || end < 0 {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		ppid, _ := strconv.Atoi(strings.Fields(string(b[end+1:]))[1]) // behind the state
		if slices.Contains(roots, pid) || slices.Contains(roots, ppid) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// used is the CPU time of processes, s, by their CPU clocks: /proc has it in hundredths, which is too coarse for a slice.
func used(pids []int) (sum float64, err error) {
	const sched = 2 // CPUCLOCK_SCHED in the kernel's linux/posix-timers.h: the scheduler's nanoseconds
	for _, pid := range pids {
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|sched), &t); err != nil {
			return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
		}
		sum += float64(t.Nano()) / 1e9
	}
	return sum, nil
}

// charged is what the server's processes take of the processor while do runs.
func (s *server) charged(do func() (int64, error)) (seconds float64, requests int64, err error) {
	pids := s.processes()
	before, err := used(pids)
	if err != nil {
		return 0, 0, err
	}
	if requests, err = do(); err != nil {
		return 0, 0, err
	}
	time.Sleep(5 * time.Millisecond) // what is left in pipes
	if !slices.Equal(pids, s.processes()) {
		return 0, 0, fmt.Errorf("apache (%s) changed its processes while it was measured", s.name)
	}
	after, err := used(pids)
	return after - before, requests, err
}
