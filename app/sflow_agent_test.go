package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent/agenttest"
	"github.com/tapir-project/tapir/sflow/agent/weblog"
)

// journal is a log that may be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// startSFlow runs an agent until the test, or what it returns, ends it.
func startSFlow(t *testing.T, o SFlowAgent) (log *journal, stop func()) {
	t.Helper()
	log = &journal{}
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	ready := make(chan struct{})
	o.Ready = func() { close(ready) }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := RunSFlowAgent(ctx, o)
		done <- err
	}()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return log, stop
}

// page is what the agent at addr says of itself.
func page(t *testing.T, addr string) string {
	t.Helper()
	return agenttest.Page(t, "http://"+addr+"/sflow/", "")
}

// until waits for what is so soon.
func until(t *testing.T, wait time.Duration, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v: not %s", wait, what)
		}
	}
}

// Debian's nginx writes its log to the agent; every request is counted and sampled, and the page says so.
func TestSFlowAgentNginx(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("nginx is not installed (packaging/setup.sh test)")
	}
	c := agenttest.New(t)
	dir := agenttest.OpenDir(t)
	socket, addr, at := filepath.Join(dir, "log.sock"), agenttest.FreeAddr(t), agenttest.FreeAddr(t)
	cfg := c.Config(1, time.Hour)
	_, stop := startSFlow(t, SFlowAgent{Syslog: socket, Page: at, Fixed: cfg, Port: 8080})
	conf := strings.Join([]string{"error_log stderr;", "pid " + dir + "/pid;", "daemon off;", "events {}", "http {",
		"client_body_temp_path " + dir + "/b; proxy_temp_path " + dir + "/p; fastcgi_temp_path " + dir + "/f; uwsgi_temp_path " + dir + "/u; scgi_temp_path " + dir + "/s;",
		nginxConfig(socket, at), "server { listen " + addr + "; server_name www.example.org;",
		"location / { default_type text/plain; return 200 'hello'; }", "location /sflow/ { proxy_pass http://" + at + "; proxy_set_header X-Forwarded-Host $host; } } }"}, "\n")
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	nginx := exec.Command("nginx", "-p", dir, "-c", file)
	var out journal
	nginx.Stderr = &out
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		nginx.Process.Signal(os.Interrupt)
		nginx.Wait()
	}()
	until(t, 5*time.Second, "listening: "+out.String(), func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	request := "GET /a?\"b\" HTTP/1.1\r\nHost: other.example:80\r\nUser-Agent: test\r\nReferer: http://ref.example/\\\r\nConnection: close\r\n\r\n"
	const n = 20
	for range n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, request)
		if b, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(b), "hello") {
			t.Fatalf("%q %v", b, err)
		}
		conn.Close()
	}
	until(t, 5*time.Second, "counted", func() bool { return strings.Contains(page(t, at), fmt.Sprintf("counter method_get_count %d\n", n)) })
	if got := page(t, addr); !strings.Contains(got, fmt.Sprintf("status_2XX_count %d\n", n)) || !strings.Contains(got, "string hostname 127.0.0.1\ngauge sampling_n 1\n") {
		t.Errorf("through nginx: %s", got)
	}
	c.Until(5*time.Second, func() bool { return len(c.Flows) >= n })
	f := c.Flows[0]
	if h := f.HTTP; string(h.URI) != `/a?"b"` || string(h.Host) != "other.example" || f.Target != "www.example.org" || h.ReqBytes != uint64(len(request)) || h.RespBytes != 5 ||
		string(h.Referrer) != `http://ref.example/\` || string(h.MIMEType) != "text/plain" || h.Method != sflow.HTTPGet || h.Protocol != 1001 || !f.Socket.Local.IsLoopback() ||
		!strings.HasSuffix(addr, fmt.Sprint(f.Socket.LocalPort)) || f.Source.Index != 8080 {
		t.Errorf("%+v", f)
	}
	stop()
}

func nginxConfig(socket, page string) string {
	var b strings.Builder
	for line := range strings.Lines(weblog.NginxConfig(socket, page)) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// hsflowd's file comes, changes and goes while the agent runs; each is in force within seconds, and its absence is no
// matter.
func TestSFlowAgentReload(t *testing.T) {
	c := agenttest.New(t)
	file, at := filepath.Join(t.TempDir(), "hsflowd.auto"), agenttest.FreeAddr(t)
	in, out := io.Pipe()
	log, stop := startSFlow(t, SFlowAgent{Stdin: in, File: file, Page: at})
	rate := func(n int) func() bool {
		return func() bool { return strings.HasSuffix(page(t, at), fmt.Sprintf("gauge sampling_n %d\n", n)) }
	}
	until(t, 5*time.Second, "unconfigured", rate(0))
	write := func(rev, sampling int) {
		s := fmt.Sprintf("rev_start=%d\nsampling.http=%d\npolling=1\nagentIP=192.0.2.1\ncollector=127.0.0.1 %d\nds_index=1\nrev_end=%[1]d\n", rev, sampling, c.Addr().Port())
		if err := os.WriteFile(file, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(1, 2)
	until(t, 2*reloadEvery, "1:2", rate(2))
	c.Until(5*time.Second, func() bool { return len(c.Counters) > 0 })
	if p := c.Counters[0].Parent; p.Class != 2 || p.Index != 1 {
		t.Errorf("parent %+v", p)
	}
	write(2, 50)
	until(t, 2*reloadEvery, "1:50", rate(50))
	os.Remove(file)
	until(t, 2*reloadEvery, "unconfigured again", rate(0))
	if log.String() != "" {
		t.Errorf("logged: %s", log)
	}
	out.Close()
	stop()
}

func TestSFlowYAML(t *testing.T) {
	c, err := parseSFlowYAML([]byte(`
record: {interfaces: [eth0]}
sflow:
  agent:
    agent_ip: 192.0.2.1
    collectors: [203.0.113.1, "203.0.113.2:7000", "[2001:db8::1]:7001", "2001:db8::2"]
    sampling: 400
    sampling_of: {HTTP: 100}
    polling: 20s
    polling_of: {host: 60}
    ds_index: 1
`))
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, x := range c.Collectors {
		at = append(at, x.Addr.String())
	}
	if got := strings.Join(at, " "); got != "203.0.113.1:6343 203.0.113.2:7000 [2001:db8::1]:7001 [2001:db8::2]:6343" {
		t.Error(got)
	}
	if c.SamplingFor("http") != 100 || c.SamplingFor("packet") != 400 || c.PollingFor("host") != time.Minute || c.PollingFor("http") != 20*time.Second ||
		c.Agent != netip.MustParseAddr("192.0.2.1") || c.Parent != 1 {
		t.Errorf("%+v", c)
	}
	for in, want := range map[string]string{
		"sflow:\n  agent:\n    smapling: 1\n":           "smapling",
		"sflow:\n  agent:\n    polling: often\n":        "no interval",
		"sflow:\n  agent:\n    collectors: ['x:y:z']\n": "x:y:z",
		"sflow:\n  agent:\n    agent_ip: everywhere\n":  "agent_ip",
		"sflow: [\n":                                      "",
		"sflow:\n  agent:\n    sampling: -1\n":            "",
		"sflow:\n  agent:\n    collectors: [192.0.2.1:0]": "no port",
	} {
		if _, err := parseSFlowYAML([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	if c, err := parseSFlowYAML([]byte("record: {}\n")); c != nil || err != nil {
		t.Errorf("without the section: %v %v", c, err)
	}
}
