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

	"github.com/tapir-project/tapir/sflow/agent/agenttest"
)

// server is one Apache, its agent, and what they have done.
type server struct {
	name, dir       string
	apache          *agenttest.Apache
	agent           *exec.Cmd  // of the module
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

// start starts Apache, and its agent if it has one.
func (s *server) start(tapir, module string) (err error) {
	if err = os.Mkdir(s.dir, 0o755); err != nil {
		return err
	}
	more := "KeepAliveTimeout 300\nStartServers 1\nServerLimit 1\nMaxRequestWorkers 25\n"
	if s.name == "pipe" || s.name == "module" {
		if s.collector, err = collect(); err != nil {
			return err
		}
	}
	flags := []string{"sflow", "agent", "--sampling", strconv.Itoa(sampling), "--polling", "1s", "--agent-ip", "127.0.0.1"}
	switch s.name {
	case "pipe":
		out, err := exec.Command(tapir, append(flags, "--collector", s.collector.conn.LocalAddr().String(), "--print-apache-config")...).Output()
		if err != nil {
			return fmt.Errorf("%s: %w", tapir, err)
		}
		more += strings.ReplaceAll(string(out), "sflow agent --stdin", `sflow agent --stdin --listen ''`)
	case "module":
		file, socket := filepath.Join(s.dir, "http.shm"), filepath.Join(s.dir, "http.sock")
		more += fmt.Sprintf("LoadModule tapir_sflow_module %s\nTapirSflowFile %s\nTapirSflowSocket %s\nTapirSflowGroup nogroup\n", module, file, socket)
		s.agent = exec.Command(tapir, append(flags, "--listen", "", "--collector", s.collector.conn.LocalAddr().String(), "--apache", "--apache-file", file,
			"--apache-socket", socket)...)
		s.agent.Stderr = os.Stderr
	}
	if s.apache, err = agenttest.StartApache(s.dir, nil, more); err == nil && s.agent != nil {
		err = s.agent.Start()
	}
	return err
}

func (s *server) stop() {
	for _, c := range s.conns {
		c.Close()
	}
	if s.apache != nil {
		s.apache.Stop()
	}
	if s.agent != nil && s.agent.Process != nil {
		s.agent.Process.Signal(syscall.SIGTERM)
		s.agent.Wait()
	}
}

// processes are Apache's, its logger and the agent, in order.
func (s *server) processes() (pids []int) {
	roots := []int{s.apache.Cmd.Process.Pid}
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
