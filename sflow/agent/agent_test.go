package agent_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
	"github.com/tapir-project/tapir/sflow/agent/agenttest"
)

func socket(local, remote string) *sflow.Socket {
	l, r := netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)
	return &sflow.Socket{Protocol: 6, Local: l.Addr(), Remote: r.Addr(), LocalPort: uint32(l.Port()), RemotePort: uint32(r.Port())}
}

// The number of events drawn is within 3 sigma of the binomial distribution's mean, whoever counts.
func TestSampler(t *testing.T) {
	for _, rate := range []uint32{1, 2, 10, 400, 20000} {
		var s agent.Sampler
		if s.Take() {
			t.Fatal("drawn without a rate")
		}
		s.SetRate(rate)
		const n = 1_000_000
		var wg sync.WaitGroup
		var drawn [4]int
		for g := range drawn {
			wg.Go(func() {
				for range n / len(drawn) {
					if s.Take() {
						drawn[g]++
					}
				}
			})
		}
		wg.Wait()
		got, p := drawn[0]+drawn[1]+drawn[2]+drawn[3], 1/float64(rate)
		sigma := math.Sqrt(n * p * (1 - p))
		if math.Abs(float64(got)-n*p) > 3.9*sigma { // one in ten thousand runs of a sound sampler is outside
			t.Errorf("1:%d: %d of %d drawn, want %.0f +- %.0f", rate, got, n, n*p, sigma)
		}
	}
}

// What is sent is what came in, in the records, order and identity that mod_sflow has.
func TestRequests(t *testing.T) {
	c := agenttest.New(t)
	a := agent.New(agent.Options{SubAgent: 3})
	cfg := c.Config(1, time.Hour)
	cfg.Parent = 1
	a.Configure(cfg)
	h := a.HTTP(agent.HTTPOptions{Port: 8080, Workers: func() (sflow.AppWorkers, bool) { return sflow.AppWorkers{Active: 2, Idle: 73, Max: 1024}, true }})
	stop := agenttest.Run(t, a)
	long := strings.Repeat("x", 3000)
	for i, r := range []struct {
		socket *sflow.Socket
		http   sflow.HTTP
		server string
	}{
		{socket("127.0.0.1:8080", "127.0.0.1:43700"), sflow.HTTP{Method: sflow.HTTPGet, URI: []byte("/a?b"), Host: []byte("www.example.org:8080"), ReqBytes: 88, RespBytes: 19, Status: 200}, "www.example.org"},
		{socket("[::1]:8080", "[::1]:43701"), sflow.HTTP{Method: sflow.HTTPHead, Host: []byte("[2001:db8::1]:80"), RespBytes: 13836, Status: 200}, "alias.example.org"},
		{socket("[::ffff:192.0.2.1]:8080", "[::ffff:198.51.100.1]:43702"), sflow.HTTP{Method: sflow.HTTPMethod("PATCH"), Status: 404}, "www.example.org"},
		{socket("[2001:db8::1]:8080", "[2001:db8::2]:1"), sflow.HTTP{Method: 77, URI: []byte(long), Host: []byte(long), Referrer: []byte(long), UserAgent: []byte(long), XFF: []byte(long), AuthUser: []byte(long), MIMEType: []byte(long), Status: 999}, ""},
	} {
		h.Count(r.http.Method, int(r.http.Status))
		if !h.Take() || !h.Request(r.socket, &r.http, []byte(r.server)) {
			t.Fatalf("%d was not taken", i)
		}
	}
	c.Until(5*time.Second, func() bool { return len(c.Flows) == 4 })
	stop()
	c.Until(5*time.Second, func() bool { return len(c.Counters) == 1 })

	for i, want := range []string{
		"#1 pool 1 3:8080 rate 1 out 3fffffff v6=false 127.0.0.1:8080 127.0.0.1:43700 method 2 host www.example.org uri 4 bytes 88/19 target ",
		"#2 pool 2 3:8080 rate 1 out 3fffffff v6=true ::1:8080 ::1:43701 method 3 host 2001:db8::1 uri 0 bytes 0/0 target alias.example.org",
		"#3 pool 3 3:8080 rate 1 out 3fffffff v6=false 192.0.2.1:8080 198.51.100.1:43702 method 0 host www.example.org uri 0 bytes 0/0 target ",
		"#4 pool 4 3:8080 rate 1 out 3fffffff v6=true 2001:db8::1:8080 2001:db8::2:1 method 77 host " + long[:64] + " uri 255 bytes 0/0 target ",
	} {
		f := c.Flows[i]
		got := fmt.Sprintf("#%d pool %d %d:%d rate %d out %x v6=%v %v:%d %v:%d method %d host %s uri %d bytes %d/%d target %s", f.Sequence, f.Pool,
			f.Source.Class, f.Source.Index, f.Rate, f.Output.Value, f.Socket.V6, f.Socket.Local, f.Socket.LocalPort, f.Socket.Remote, f.Socket.RemotePort,
			f.HTTP.Method, f.HTTP.Host, len(f.HTTP.URI), f.HTTP.ReqBytes, f.HTTP.RespBytes, f.Target)
		if got != want || f.Agent.String() != "192.0.2.1" || f.SubAgent != 3 {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	n := c.Counters[0]
	if want := (sflow.HTTPCounters{Get: 1, Head: 1, Other: 2, Status: [6]uint32{0, 2, 0, 1, 0, 1}}); n.HTTP != want {
		t.Errorf("counters %+v, want %+v", n.HTTP, want)
	}
	if want := []sflow.Tag{sflow.TagAppWorkers, sflow.TagHostParent, sflow.TagHTTPCounters}; !slices.Equal(n.Tags, want) || n.Workers.Idle != 73 || n.Parent.Class != 2 || n.Parent.Index != 1 {
		t.Errorf("records %v, want %v; %+v %+v", n.Tags, want, n.Workers, n.Parent)
	}
	if n.Uptime > 60_000 {
		t.Errorf("up for %d ms", n.Uptime)
	}
}

// The counters come by the clock, without a request.
func TestCountersByTimer(t *testing.T) {
	c := agenttest.New(t)
	a := agent.New(agent.Options{})
	a.HTTP(agent.HTTPOptions{Port: 80})
	a.Configure(c.Config(0, time.Second))
	agenttest.Run(t, a)
	c.Until(10*time.Second, func() bool { return len(c.Counters) == 3 })
	if last := c.Counters[2]; last.Sequence != 3 || len(c.Flows) > 0 {
		t.Errorf("counter sample %d; %d flow samples", last.Sequence, len(c.Flows))
	}
}

// Nothing waits: what the queue cannot hold is dropped, and collectors are told.
func TestFullQueue(t *testing.T) {
	c := agenttest.New(t)
	a := agent.New(agent.Options{})
	h := a.HTTP(agent.HTTPOptions{Port: 80})
	a.Configure(c.Config(1, 0))
	const n = 5000
	sent := 0
	for range n { // Run does not run yet
		if h.Request(socket("192.0.2.1:80", "198.51.100.1:5"), &sflow.HTTP{URI: []byte("/")}, nil) {
			sent++
		}
	}
	if s := a.Stats(); sent == 0 || sent >= n || s.Dropped != uint64(n-sent) {
		t.Errorf("%d of %d queued, %d dropped", sent, n, s.Dropped)
	}
	agenttest.Run(t, a)
	c.Until(5*time.Second, func() bool { return len(c.Flows) == sent })
	if got := c.Flows[sent-1]; got.Drops != uint32(n-sent) || c.Longest > agent.DefaultDatagram {
		t.Errorf("collectors see %d drops, want %d; longest datagram %d", got.Drops, n-sent, c.Longest)
	}
	for i, seq := range c.Sequence {
		if seq != uint32(i+1) {
			t.Fatalf("datagram %d has number %d", i, seq)
		}
	}
}

// A configuration that comes, changes and goes while requests are counted.
func TestConfigure(t *testing.T) {
	c, d := agenttest.New(t), agenttest.New(t)
	a := agent.New(agent.Options{})
	var rates []uint32
	h := a.HTTP(agent.HTTPOptions{Port: 80, OnRate: func(n uint32) { rates = append(rates, n) }})
	stop := agenttest.Run(t, a)
	if h.Take() {
		t.Error("drawn without a configuration")
	}
	request := func() bool {
		return h.Take() && h.Request(socket("192.0.2.1:80", "198.51.100.1:5"), &sflow.HTTP{}, nil)
	}
	a.Configure(c.Config(1, 0))
	if !request() {
		t.Fatal("not drawn at 1:1")
	}
	c.Until(5*time.Second, func() bool { return len(c.Flows) == 1 })
	cfg := d.Config(1, 0)
	a.Configure(cfg)
	if !request() {
		t.Fatal("not drawn after the change")
	}
	d.Until(5*time.Second, func() bool { return len(d.Flows) == 1 && d.Flows[0].Sequence == 2 })
	a.Configure(nil)
	if h.Take() || h.Rate() != 0 {
		t.Error("drawn after the configuration went")
	}
	stop()
	if rates[0] == 0 { // told before the first configuration was made
		rates = rates[1:]
	}
	if !slices.Equal(rates, []uint32{1, 0}) {
		t.Errorf("rates told: %v", rates)
	}
}

// The older record of requests, for those who ask for it.
func TestOldRecord(t *testing.T) {
	c := agenttest.New(t)
	a := agent.New(agent.Options{OldHTTP: true})
	a.Configure(c.Config(1, 0))
	h := a.HTTP(agent.HTTPOptions{Port: 80})
	h.Request(socket("192.0.2.1:80", "198.51.100.1:5"), &sflow.HTTP{Method: sflow.HTTPGet, URI: []byte("/"), ReqBytes: 88, Status: 200}, nil)
	agenttest.Run(t, a)()
	c.Until(5*time.Second, func() bool { return len(c.Flows) == 1 })
	var tags []sflow.Tag
	var r sflow.Record
	for records := c.Flows[0].Records(); records.Next(&r); {
		tags = append(tags, r.Tag)
	}
	if want := []sflow.Tag{sflow.TagSocket4, sflow.TagHTTPOld}; !slices.Equal(tags, want) {
		t.Errorf("records %v, want %v", tags, want)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	h := agent.New(agent.Options{}).HTTP(agent.HTTPOptions{Port: 80})
	h.SetRate(1 << 30)
	if n := testing.AllocsPerRun(1000, func() {
		h.Count(sflow.HTTPGet, 200)
		h.Take()
	}); n != 0 {
		t.Errorf("a request allocates %v times, want 0", n)
	}
}

// The page is mod_sflow's, byte for byte.
func TestPage(t *testing.T) {
	a := agent.New(agent.Options{})
	h := a.HTTP(agent.HTTPOptions{Port: 80})
	h.SetRate(2)
	for method, n := range map[string]int{"OPTIONS": 6, "GET": 53, "HEAD": 6, "POST": 8, "PUT": 6, "DELETE": 6, "TRACE": 6, "PATCH": 10, "WHATEVER": 8} {
		for i := range n {
			h.Count(sflow.HTTPMethod(method), []int{200, 304, 404, 503, 101, 0}[i%6])
		}
	}
	const want = `counter method_option_count 6
counter method_get_count 53
counter method_head_count 6
counter method_post_count 8
counter method_put_count 6
counter method_delete_count 6
counter method_trace_count 6
counter method_connect_count 0
counter method_other_count 18
counter status_1XX_count 17
counter status_2XX_count 20
counter status_3XX_count 20
counter status_4XX_count 18
counter status_5XX_count 18
counter status_other_count 16
string hostname 127.0.0.1
gauge sampling_n 2
`
	s := httptest.NewServer(a.Handler(h))
	defer s.Close()
	for _, path := range []string{"/sflow/", "/sflow/anything"} {
		if got := agenttest.Page(t, s.URL+path, ""); got != want {
			t.Errorf("%s is\n%s\nwant\n%s", path, got, want)
		}
	}
	if got := agenttest.Page(t, s.URL+"/sflow/", "www.example.org:443"); !strings.Contains(got, "string hostname www.example.org\n") {
		t.Errorf("behind a proxy: %s", got)
	}
	if got := agenttest.Page(t, s.URL+"/metrics", ""); !strings.Contains(got, "tapir_sflow_agent_requests_total 109\n") {
		t.Error(got)
	}
	if r, err := http.Post(s.URL+"/sflow/", "", nil); err != nil || r.StatusCode != 405 {
		t.Errorf("POST: %v %v", r.StatusCode, err)
	}
	if r, err := http.Head(s.URL + "/sflow/"); err != nil || r.StatusCode != 200 {
		t.Errorf("HEAD: %v", err)
	}
}
