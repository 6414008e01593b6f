package apache

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
	"github.com/tapir-project/tapir/sflow/agent/agenttest"
	"github.com/tapir-project/tapir/sflow/agent/weblog"
)

// The tests run Debian's Apache: with the module, and with its log piped to this test binary, which then is the agent.
func TestMain(m *testing.M) {
	if to := os.Getenv("TAPIR_TEST_PIPE"); to != "" {
		if err := pipe(netip.MustParseAddrPort(to)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// pipe is an agent that reads Apache's log from standard input.
func pipe(to netip.AddrPort) error {
	signal.Ignore(syscall.SIGTERM) // Apache's, while its children write their last lines: the pipe's end is the end
	a := agent.New(agent.Options{})
	a.Configure(&agent.Config{Agent: netip.MustParseAddr("192.0.2.1"), Collectors: []agent.Collector{{Addr: to}}, Sampling: sampling, Polling: time.Hour})
	h := a.HTTP(agent.HTTPOptions{Port: 80})
	l, err := net.Listen("tcp", os.Getenv("TAPIR_TEST_PAGE"))
	if err != nil {
		return err
	}
	go http.Serve(l, a.Handler(h))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	err = weblog.NewLog(h, nil).Read(ctx, os.Stdin)
	stop()
	<-done
	return err
}

const sampling = 10

// needs skips the test where what it needs is not installed (packaging/setup.sh test installs it).
func needs(t testing.TB, programs ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("Apache's parent process has to be root to have children of another user")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed (packaging/setup.sh test)", p)
		}
	}
}

// httpd is an Apache until the test ends.
type httpd struct {
	*agenttest.Apache
	t testing.TB
}

// startApache starts Apache with a configuration that has more behind it.
func startApache(t testing.TB, env []string, more string) *httpd {
	t.Helper()
	h, err := agenttest.StartApache(agenttest.OpenDir(t), env, more) // children are another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	return &httpd{h, t}
}

// raw sends bytes as one request and reads the response to the end of the connection.
func (h *httpd) raw(request string) string {
	h.t.Helper()
	c, err := net.Dial("tcp", h.Addr)
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, request)
	b, err := io.ReadAll(c)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// ordinary is a request of n bytes, whose connection ends with it.
func ordinary(method, path, more string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: www.example.org:8080\r\nUser-Agent: test/1\r\nConnection: close\r\n" + more
}

// oddRequests are one of each kind, and what a sample of it must say.
var oddRequests = []struct {
	request, want string
}{
	{ordinary("GET", "/small.txt?a=b", "Referer: http://ref.example/\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"),
		"2 1001 /small.txt?a=b www.example.org http://ref.example/ 10.0.0.1 text/plain 22 200"},
	{ordinary("HEAD", "/large.txt", "\r\n"), "3 1001 /large.txt www.example.org   text/plain 0 200"},
	{ordinary("POST", "/small.txt", "Content-Length: 5\r\n\r\nhello"), "4 1001 /small.txt www.example.org   text/plain 22 200"},
	{ordinary("OPTIONS", "/small.txt", "\r\n"), "1 1001 /small.txt www.example.org   text/plain 0 200"},
	{ordinary("PATCH", "/small.txt", "\r\n"), "0 1001 /small.txt www.example.org   text/html; charset=iso-8859-1 - 405"},
	{ordinary("WHATEVER", "/small.txt", "\r\n"), "0 1001 /small.txt www.example.org   text/html; charset=iso-8859-1 - 501"},
	{ordinary("GET", "/away", "\r\n"), "2 1001 /away www.example.org   text/html; charset=iso-8859-1 - 302"},
	{ordinary("GET", "/missing?x", "\r\n"), "2 1001 /missing?x www.example.org   text/plain 22 404"},
	{"GET /small.txt HTTP/1.0\r\n\r\n", "2 1000 /small.txt www.example.org   text/plain 22 200"},
	{ordinary("GET", "/small.txt", "If-None-Match: *\r\n\r\n"), "2 1001 /small.txt www.example.org    0 304"},
}

// checkOdd sends each odd request and compares the samples, which are the first.
func checkOdd(t *testing.T, h *httpd, c *agenttest.Collector) {
	t.Helper()
	for _, r := range oddRequests {
		h.raw(r.request)
	}
	c.Until(5*time.Second, func() bool { return len(c.Flows) == len(oddRequests) })
	for i, r := range oddRequests {
		f := c.Flows[i]
		x := f.HTTP
		size := fmt.Sprint(x.RespBytes)
		if strings.Contains(r.want, " - ") { // of a text that Apache makes
			if x.RespBytes < 100 {
				t.Errorf("%q: %d bytes of response", r.request, x.RespBytes)
			}
			size = "-"
		}
		got := fmt.Sprintf("%d %d %s %s %s %s %s %s %d", x.Method, x.Protocol, x.URI, x.Host, x.Referrer, x.XFF, x.MIMEType, size, x.Status)
		if got != r.want || x.ReqBytes != uint64(len(r.request)) || f.Socket.Local.String() != "127.0.0.1" || !strings.HasSuffix(h.Addr, fmt.Sprint(f.Socket.LocalPort)) ||
			f.Socket.RemotePort == 0 || x.Micros == 0 || x.Micros > 5e6 {
			t.Errorf("%q, %d bytes:\ngot  %s, %d bytes, %+v, %d us\nwant %s", r.request, len(r.request), got, x.ReqBytes, f.Socket, x.Micros, r.want)
		}
	}
}

// load sends n requests over 8 connections that are kept alive.
func load(t testing.TB, addr string, n int) {
	t.Helper()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(60 * time.Second))
			r := bufio.NewReader(c)
			for range n / 8 {
				io.WriteString(c, "GET /small.txt HTTP/1.1\r\nHost: www.example.org\r\n\r\n")
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	wait.Wait()
}

// within checks that so many of n requests drawn at 1:sampling are within 3 sigma of the mean; 3.9 here, so that a sound
// agent fails once in ten thousand runs.
func within(t *testing.T, drawn, n int) {
	t.Helper()
	p := 1.0 / sampling
	mean, sigma := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	t.Logf("%d of %d drawn at 1:%d: %+.2f sigma", drawn, n, sampling, (float64(drawn)-mean)/sigma)
	if math.Abs(float64(drawn)-mean) > 3.9*sigma {
		t.Errorf("%d of %d requests drawn, want %.0f +- %.0f", drawn, n, mean, sigma)
	}
}

const loadRequests = 20000

// The module: every kind of request, counters exact, samples as many as they should be, restarts of either side.
func TestModule(t *testing.T) {
	needs(t, "apache2", "apxs")
	module, err := agenttest.BuildModule("../../../contrib/apache", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run := agenttest.OpenDir(t)
	file, socket := filepath.Join(run, "http.shm"), filepath.Join(run, "http.sock")
	c := agenttest.New(t)
	h := startApache(t, nil, fmt.Sprintf("LoadModule tapir_sflow_module %s\nTapirSflowFile %s\nTapirSflowSocket %s\nTapirSflowGroup root", module, file, socket))
	start := func(rate uint32) (s *Server, a *agent.Agent, stop func()) {
		s, err := Open(file, socket)
		if err != nil {
			t.Fatal(err)
		}
		a = agent.New(agent.Options{})
		a.Configure(c.Config(rate, time.Hour))
		s.Attach(a, 0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx, func(err error) { t.Error(err) }) }()
		end := agenttest.Run(t, a)
		told := func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.shared != nil && s.shared.word(wordRate).Load() == rate
		}
		for range 1000 {
			if told() {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		return s, a, func() { cancel(); <-done; end() }
	}

	s, a, stop := start(1)
	checkOdd(t, h, c)
	counted(t, s, uint64(len(oddRequests)))
	if n := s.counts(); n != (agent.Counts{Methods: [9]uint64{2, 1, 5, 1, 1, 0, 0, 0, 0}, Status: [6]uint64{0, 5, 2, 2, 1, 0}}) || s.Bad() > 0 || a.Stats().Dropped > 0 {
		t.Errorf("counted %+v; %d bad, %d dropped", n, s.Bad(), a.Stats().Dropped)
	}
	if p := fmt.Sprint(s.Port()); !strings.HasSuffix(h.Addr, ":"+p) {
		t.Errorf("port %s, Apache has %s", p, h.Addr)
	}
	// Others than Apache's user are not believed.
	if liar, err := net.Dial("unixgram", socket); err != nil {
		t.Error(err)
	} else {
		liar.Write(make([]byte, sampleBytes))
		for range 100 {
			if s.Bad() == 1 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if s.Bad() != 1 {
			t.Error("a datagram of another user was taken")
		}
	}
	for range 40 { // mod_watchdog's step
		if _, known := s.workers(); known {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if w, known := s.workers(); !known || w.Idle+w.Active < 25 || w.Max < w.Idle {
		t.Errorf("workers %+v, known %v", w, known)
	}
	stop()

	// An agent that was away finds the counts of the time, and draws at its own rate.
	before := s.counts() // all odd ones
	load(t, h.Addr, 800)
	s, _, stop = start(sampling)
	from := len(c.Flows)
	load(t, h.Addr, loadRequests)
	c.Drain(time.Second)
	if f := c.Flows[len(c.Flows)-1]; !strings.HasSuffix(h.Addr, fmt.Sprint(":", f.Source.Index)) {
		t.Errorf("source %v, Apache has %s", f.Source, h.Addr)
	}
	counted(t, s, before.Requests()+800+loadRequests)
	flows := c.Flows[from:]
	within(t, len(flows)+int(flows[len(flows)-1].Drops), loadRequests)

	// Apache restarts gracefully: the counters go on.
	h.Cmd.Process.Signal(syscall.SIGUSR1)
	time.Sleep(300 * time.Millisecond)
	load(t, h.Addr, 800)
	counted(t, s, before.Requests()+1600+loadRequests)
	stop()
	stopped(t, h.Addr, file, socket)
}

// stopped has Apache serve while the agent's socket is there and nobody reads it, as when the agent is stopped, with every
// request drawn: nobody waits, and what the socket does not take is counted.
func stopped(t *testing.T, addr, file, socket string) {
	t.Helper()
	os.Remove(socket)
	conn, err := net.ListenPacket("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := openShared(file)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	drawn, dropped := m.sum(slotDrawn), m.sum(slotDropped)
	m.word(wordRate).Store(1)
	sent, heard := uint64(0), uint64(0)
	hear := func() { // what is there
		for conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); ; heard++ {
			if _, _, err := conn.ReadFrom(make([]byte, 2048)); err != nil {
				return
			}
		}
	}
	for heard == 0 && sent < 8*200 { // the module looks once a second for an agent that went away
		load(t, addr, 8)
		sent += 8
		hear()
	}
	const n = 2000
	load(t, addr, n)
	sent += n
	for range 100 { // Apache counts behind the response
		if hear(); m.sum(slotDrawn)-drawn == sent && m.sum(slotDropped)-dropped+heard == sent {
			break
		}
	}
	drawn, dropped = m.sum(slotDrawn)-drawn, m.sum(slotDropped)-dropped
	if drawn != sent || heard == 0 || dropped == 0 || dropped+heard != sent {
		t.Errorf("%d of %d drawn, %d heard, %d dropped", drawn, sent, heard, dropped)
	}
}

// counted waits until so many requests are counted, which Apache does behind the response.
func counted(t *testing.T, s *Server, want uint64) {
	t.Helper()
	var n agent.Counts
	for range 100 {
		if n = s.counts(); n.Requests() == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d requests counted, want %d", n.Requests(), want)
}

// The piped log: the same.
func TestPipe(t *testing.T) {
	needs(t, "apache2")
	c := agenttest.New(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	page := agenttest.FreeAddr(t)
	conf := "LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\nLoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so\n" +
		weblog.ApacheConfig(exe, page)
	h := startApache(t, []string{"TAPIR_TEST_PIPE=" + c.Addr().String(), "TAPIR_TEST_PAGE=" + page}, conf)
	load(t, h.Addr, loadRequests)
	for _, r := range oddRequests {
		h.raw(r.request)
	}
	// The page through Apache's proxy, asked for by a name.
	var got string
	want := fmt.Sprintf("counter method_get_count %d\n", loadRequests+5)
	for range 100 {
		if got = h.raw("GET /sflow/ HTTP/1.0\r\nHost: www.example.org\r\n\r\n"); strings.Contains(got, want) {
			break
		}
		want = "counter method_get_count " // every look at the page is a request too
	}
	if !strings.HasSuffix(got, fmt.Sprintf("string hostname www.example.org\ngauge sampling_n %d\n", sampling)) || !strings.Contains(got, want) {
		t.Errorf("page: %s", got)
	}
	h.Stop()
	c.Until(10*time.Second, func() bool { return len(c.Counters) == 1 })
	c.Drain(200 * time.Millisecond)
	n := c.Counters[0].HTTP
	looks := n.Get - loadRequests - 5
	if looks < 1 || looks > 100 {
		t.Errorf("%d looks at the page", looks)
	}
	all := sflow.HTTPCounters{Options: 1, Get: loadRequests + 5 + looks, Head: 1, Post: 1, Other: 2, Status: [6]uint32{0, loadRequests + 5 + looks, 2, 2, 1, 0}}
	if n != all {
		t.Errorf("counters %+v, want %+v", n, all)
	}
	within(t, len(c.Flows), loadRequests+len(oddRequests)+int(looks))
	for _, f := range c.Flows[:10] {
		// mod_logio counts the byte twice that Apache peeks at where the next request is there already.
		if x := f.HTTP; string(x.URI) != "/small.txt" || x.ReqBytes != 50 && x.ReqBytes != 51 || x.RespBytes != 22 || x.Protocol != 1001 || f.Rate != sampling || string(x.MIMEType) != "text/plain" || !f.Socket.Local.IsLoopback() {
			t.Errorf("%+v", f)
		}
	}
}
