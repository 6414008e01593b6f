package weblog

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
	"github.com/tapir-project/tapir/sflow/agent/agenttest"
)

// row is a line of log with some fields of its own.
func row(fields map[int]string) string {
	all := [numFields]string{"GET", "200", "HTTP/1.1", "88", "22", "150", "192.0.2.1", "8080", "198.51.100.7", "40000", "www.example.org", "-", "text/html",
		"www.example.org:8080", "-", "curl/7.88.1", "-", "GET /index.html?a=b HTTP/1.1"}
	for i, v := range fields {
		all[i] = v
	}
	return mark + strings.Join(all[:], "\t")
}

func TestLines(t *testing.T) {
	c := agenttest.New(t)
	a := agent.New(agent.Options{})
	a.Configure(c.Config(1, time.Hour))
	h := a.HTTP(agent.HTTPOptions{Port: 8080})
	stop := agenttest.Run(t, a)
	bad := 0
	l := NewLog(h, func() { bad++ })
	in := strings.Join([]string{
		row(nil),
		"<190>Nov 21 12:00:00 tapir: " + row(map[int]string{fieldDuration: "1.234", fieldProtocol: "HTTP/2.0", fieldRemoteAddr: "2001:db8::7", fieldLocalAddr: "2001:db8::1"}),
		row(map[int]string{fieldRequest: `GET /\"q\"\\\x00\xc3\xa4\t HTTP/1.1`, fieldUserAgent: `a\\b`, fieldReferrer: "http://ref.example/", fieldUser: "jm", fieldXFF: "10.0.0.1"}),
		row(map[int]string{fieldMethod: "PROPFIND", fieldStatus: "405", fieldRequest: "PROPFIND /x"}),
		row(map[int]string{fieldRemoteAddr: "unix:", fieldHost: "-", fieldStatus: "400", fieldMethod: "-", fieldRequest: "-", fieldReqBytes: "-"}),
		"nonsense",
		"",
		mark + "GET",
		mark + "GET\ttwo hundred\t",
		row(nil)[:60] + row(map[int]string{fieldMethod: "POST"}), // another process's line within
		"the rest of it",
		row(map[int]string{fieldRequest: "GET /" + strings.Repeat("x", 100_000) + " HTTP/1.1"}),
		row(nil), // without a newline at the end
	}, "\n")
	if err := l.Read(t.Context(), strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	n := h.Counts()
	want := agent.Counts{Methods: [9]uint64{sflow.HTTPGet: 6, sflow.HTTPPost: 1, sflow.HTTPOther: 2}, Status: [6]uint64{0, 7, 0, 2, 0, 0}}
	if n != want || bad != 6 {
		t.Errorf("counted %+v, %d bad; want %+v, 6", n, bad, want)
	}
	stop()
	c.Until(5*time.Second, func() bool { return len(c.Flows) == 9 })
	f := c.Flows[0]
	if h := f.HTTP; f.Socket.LocalPort != 8080 || f.Socket.RemotePort != 40000 || f.Socket.Remote.String() != "198.51.100.7" || h.Protocol != 1001 ||
		h.ReqBytes != 88 || h.RespBytes != 22 || h.Micros != 150 || string(h.URI) != "/index.html?a=b" || string(h.Host) != "www.example.org" ||
		string(h.UserAgent) != "curl/7.88.1" || string(h.MIMEType) != "text/html" || len(h.Referrer)+len(h.XFF)+len(h.AuthUser)+len(f.Target) > 0 {
		t.Errorf("%+v", f)
	}
	if f := c.Flows[1]; f.HTTP.Micros != 1_234_000 || f.HTTP.Protocol != 2000 || !f.Socket.V6 {
		t.Errorf("%+v", f)
	}
	if h := c.Flows[2].HTTP; string(h.URI) != "/\"q\"\\\x00ä\t" || string(h.UserAgent) != `a\b` || string(h.AuthUser) != "jm" || string(h.XFF) != "10.0.0.1" {
		t.Errorf("%q %q", h.URI, h.UserAgent)
	}
	if f := c.Flows[3]; f.HTTP.Method != 0 || string(f.HTTP.URI) != "/x" {
		t.Errorf("%+v", f)
	}
	if f := c.Flows[4]; f.Socket.Remote.String() != "0.0.0.0" || string(f.HTTP.Host) != "www.example.org" || f.HTTP.Status != 400 {
		t.Errorf("%+v", f)
	}
}

// A socket that any web server can write to gives what its datagrams say.
func TestListen(t *testing.T) {
	a := agent.New(agent.Options{})
	h := a.HTTP(agent.HTTPOptions{Port: 80})
	path := filepath.Join(t.TempDir(), "log.sock")
	s, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- NewLog(h, nil).Listen(ctx, s, 0) }()
	c, err := net.Dial("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	for range n {
		if _, err := c.Write([]byte("<190>Nov 21 12:00:00 tapir: " + row(nil) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if c := h.Counts(); c.Requests() == n {
			break
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if c := h.Counts(); c.Requests() != n {
		t.Errorf("%d requests, want %d", c.Requests(), n)
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{row(nil), row(map[int]string{fieldRequest: `\x4`, fieldDuration: "1e99.", fieldHost: "["}), mark, mark + mark} {
		f.Add([]byte(s))
	}
	a := agent.New(agent.Options{})
	h := a.HTTP(agent.HTTPOptions{Port: 80})
	h.SetRate(1)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := h.Counts()
		bad := 0
		NewLog(h, func() { bad++ }).Line(b)
		after := h.Counts()
		if after.Requests() == before.Requests() && bad == 0 {
			t.Error("neither counted nor refused")
		}
	})
}

func BenchmarkLine(b *testing.B) {
	a := agent.New(agent.Options{})
	h := a.HTTP(agent.HTTPOptions{Port: 80})
	h.SetRate(400)
	l, line := NewLog(h, nil), []byte(row(nil))
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		l.Line(line)
	}
}

// Where a burst filled the queue, so that lines may be lost, it is counted; where none did, nothing is.
func TestListenCrowded(t *testing.T) {
	raw, err := os.ReadFile("/proc/sys/net/unix/max_dgram_qlen")
	if err != nil {
		t.Skip("Linux only: ", err)
	}
	queue, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, burst := range []int{queue / 2, 10 * queue} {
		h := agent.New(agent.Options{}).HTTP(agent.HTTPOptions{Port: 80})
		path := filepath.Join(t.TempDir(), "log.sock")
		s, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("unixgram", path)
		if err != nil {
			t.Fatal(err)
		}
		sent := uint64(0)
		for range burst { // before anybody reads
			c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
			if _, err := c.Write([]byte(row(nil))); err != nil {
				break // full: nginx would lose the line here
			}
			sent++
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- NewLog(h, nil).Listen(ctx, s, queue) }()
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if n := h.Counts(); n.Requests() == sent {
				break
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		n := h.Counts()
		if crowded := h.Crowded.Load(); (crowded > 0) != (sent < uint64(burst)) || n.Requests() != sent {
			t.Errorf("%d of %d lines fit into a queue of %d: counted %d, crowded %d times", sent, burst, queue, n.Requests(), crowded)
		}
		c.Close()
		s.Close()
	}
}
