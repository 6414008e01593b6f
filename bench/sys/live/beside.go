package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long something may take to get ready.
const patience = 30 * time.Second

// result is what a capture says of itself.
type result struct{ calls, lost int64 }

var said = regexp.MustCompile(`Driver (Events|Drops):(\d+)`)

// capturing runs f beside a capture with the options.
func capturing(options []string, filter string, f func() error) (r result, err error) {
	var out bytes.Buffer
	c := exec.Command(*tapir, slices.Concat([]string{"sys", "-v"}, options, strings.Fields(filter))...)
	c.Stderr = &out
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return r, err
	}
	if err = attached(c.Process.Pid); err == nil {
		err = f()
	}
	err = errors.Join(err, c.Process.Signal(os.Interrupt))
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

// attached waits until the process has its programs attached and has looked at what there is.
func attached(pid int) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
		if err != nil {
			return err
		}
		for _, name := range infos {
			if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte("link_type:")) {
				time.Sleep(500 * time.Millisecond) // for /proc, which is read after that
				return nil
			}
		}
	}
	return fmt.Errorf("the capture did not begin within %v", patience)
}

// loop is set for the process that makes calls: how long it does, and which.
const loop = "TAPIR_BENCH_LOOP"

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

// paced is how many calls a second a loop makes that does not make as many as it can.
const paced = 1_000_000

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
			if kind != "io" {
				syscall.Seek(r, 0, 0)
				syscall.Seek(r, 0, 0)
			} else {
				syscall.Write(w, b[:])
				syscall.Read(r, b[:])
			}
		}
		n += 2000
		for kind == "paced" && time.Since(began) < time.Duration(n)*time.Second/paced {
		}
	}
	fmt.Println(float64(time.Since(began).Nanoseconds()) / float64(n))
}

// nginx is a server of our own, on a port that nobody else has: another run of this benchmark may go on beside it.
type nginx struct {
	port  int
	dir   string
	ended chan error
	c     *exec.Cmd
}

// startNginx starts a server that answers with a few bytes.
func startNginx() (*nginx, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &nginx{port: l.Addr().(*net.TCPAddr).Port, ended: make(chan error, 1)}
	if err := l.Close(); err != nil {
		return nil, err
	}
	if n.dir, err = os.MkdirTemp("", "tapir-bench"); err != nil {
		return nil, err
	}
	conf := filepath.Join(n.dir, "nginx.conf")
	text := fmt.Sprintf("daemon off;\nmaster_process off;\npid %s/pid;\nerror_log %[1]s/error;\nevents {}\nhttp {\naccess_log off;\nkeepalive_requests 1000000000;\n"+
		"server { listen 127.0.0.1:%d; location / { return 200 ok; } } }\n", n.dir, n.port)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	n.c = exec.Command("nginx", "-c", conf, "-p", n.dir)
	n.c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.c.Start(); err != nil {
		return nil, err
	}
	go func() { n.ended <- n.c.Wait() }()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := n.alive(); err != nil {
			return nil, err
		}
		if r, err := http.Get(n.url()); err == nil {
			r.Body.Close()
			return n, nil
		}
	}
	n.stop()
	return nil, errors.New("nginx does not answer")
}

func (n *nginx) url() string { return fmt.Sprintf("http://127.0.0.1:%d/", n.port) }

// alive is an error if the server has ended, with what it said of that.
func (n *nginx) alive() error {
	select {
	case err := <-n.ended:
		n.ended <- err
		b, _ := os.ReadFile(filepath.Join(n.dir, "error"))
		return fmt.Errorf("nginx has ended: %v: %s", err, bytes.TrimSpace(b))
	default:
		return nil
	}
}

func (n *nginx) stop() {
	n.c.Process.Signal(os.Interrupt)
	<-n.ended
	os.RemoveAll(n.dir)
}

// wrk is how many requests nginx answered a second.
func (n *nginx) wrk(d time.Duration) (float64, error) {
	out, err := exec.Command("wrk", "-t1", "-c16", fmt.Sprintf("-d%ds", max(1, int(d.Seconds()))), n.url()).CombinedOutput()
	if err != nil {
		return 0, errors.Join(fmt.Errorf("wrk: %w: %s", err, out), n.alive())
	}
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, "Requests/sec:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return 0, fmt.Errorf("wrk says no rate: %s", out)
}
