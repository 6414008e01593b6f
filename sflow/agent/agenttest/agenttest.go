// Package agenttest is what is around an sFlow agent in tests and benchmarks: an Apache whose requests it counts, and a
// collector that keeps the requests and counters that it is sent, as structs. Datagrams flow in over UDP on loopback;
// tests of agents call it.
package agenttest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
)

// Flow is one flow sample with what is in it.
type Flow struct {
	sflow.Sample
	Agent    netip.Addr
	SubAgent uint32
	Socket   sflow.Socket
	HTTP     sflow.HTTP
	Header   sflow.Header
	Target   string
}

// Counters is one counter sample with its records by tag.
type Counters struct {
	sflow.Sample
	Uptime  uint32
	HTTP    sflow.HTTPCounters
	Workers sflow.AppWorkers
	Parent  sflow.HostParent
	Port    sflow.Interface
	Tags    []sflow.Tag
}

// Collector receives datagrams.
type Collector struct {
	t        testing.TB
	conn     *net.UDPConn
	Flows    []Flow
	Counters []Counters
	Sequence []uint32 // of the datagrams
	Longest  int      // bytes of the longest datagram
}

// New listens until the test ends.
func New(t testing.TB) *Collector {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadBuffer(8 << 20)
	return &Collector{t: t, conn: conn}
}

// Addr is where it listens.
func (c *Collector) Addr() netip.AddrPort { return c.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Config is a configuration that sends here: so many requests for a sample, counters every polling.
func (c *Collector) Config(sampling uint32, polling time.Duration) *agent.Config {
	return &agent.Config{Agent: netip.MustParseAddr("192.0.2.1"), Collectors: []agent.Collector{{Addr: c.Addr()}}, Sampling: sampling, Polling: polling}
}

// Run runs an agent until the test, or what it returns, ends it.
func Run(t testing.TB, a *agent.Agent) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop = func() {
		if cancel(); done == nil {
			return
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		done = nil
	}
	t.Cleanup(stop)
	return stop
}

// Until receives until enough says that what has come is enough; the test fails if it does not within wait.
func (c *Collector) Until(wait time.Duration, enough func() bool) {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, 64<<10)
	for !enough() {
		n, err := c.conn.Read(b)
		if err != nil {
			c.t.Fatalf("after %v: %d flow samples, %d counter samples: %v", wait, len(c.Flows), len(c.Counters), err)
		}
		c.datagram(append([]byte(nil), b[:n]...))
	}
}

// Drain receives what is there, and what comes within quiet of it.
func (c *Collector) Drain(quiet time.Duration) {
	c.t.Helper()
	b := make([]byte, 64<<10)
	for {
		c.conn.SetReadDeadline(time.Now().Add(quiet))
		n, err := c.conn.Read(b)
		if err != nil {
			return
		}
		c.datagram(append([]byte(nil), b[:n]...))
	}
}

func (c *Collector) datagram(b []byte) {
	c.t.Helper()
	d, err := sflow.Parse(b)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Sequence, c.Longest = append(c.Sequence, d.Sequence), max(c.Longest, len(b))
	var s sflow.Sample
	samples := d.Samples()
	for samples.Next(&s) {
		if s.Err != nil {
			c.t.Fatal(s.Err)
		}
		if s.Counters() {
			c.Counters = append(c.Counters, c.counters(s, d.Uptime))
		} else {
			c.Flows = append(c.Flows, c.flow(s, &d))
		}
	}
	if err := samples.Err(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *Collector) decode(r *sflow.Record, to sflow.Data) {
	c.t.Helper()
	if err := r.Decode(to); err != nil {
		c.t.Fatalf("record %s: %v", r.Tag, err)
	}
}

func (c *Collector) flow(s sflow.Sample, d *sflow.Datagram) Flow {
	f := Flow{Sample: s, Agent: d.Agent, SubAgent: d.SubAgent}
	var r sflow.Record
	for records := s.Records(); records.Next(&r); {
		switch r.Tag {
		case sflow.TagSocket4, sflow.TagSocket6:
			f.Socket.V6 = r.Tag == sflow.TagSocket6
			c.decode(&r, &f.Socket)
		case sflow.TagHTTP:
			c.decode(&r, &f.HTTP)
		case sflow.TagHeader:
			c.decode(&r, &f.Header)
		case sflow.TagAppTarget:
			var v sflow.Value
			for fields := r.Fields(); fields.Next(&v); {
				f.Target = string(v.Bytes)
			}
		}
	}
	return f
}

func (c *Collector) counters(s sflow.Sample, uptime uint32) Counters {
	x := Counters{Sample: s, Uptime: uptime}
	var r sflow.Record
	for records := s.Records(); records.Next(&r); {
		x.Tags = append(x.Tags, r.Tag)
		switch r.Tag {
		case sflow.TagHTTPCounters:
			c.decode(&r, &x.HTTP)
		case sflow.TagAppWorkers:
			c.decode(&r, &x.Workers)
		case sflow.TagHostParent:
			c.decode(&r, &x.Parent)
		case sflow.TagInterface:
			c.decode(&r, &x.Port)
		}
	}
	return x
}

// FreeAddr is a TCP address on loopback where nobody listens, for a program that is told where to.
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// Page is the body of an agent's page, asked for as a proxy asks on behalf of forwarded, if that is not empty.
func Page(t testing.TB, url, forwarded string) string {
	t.Helper()
	q, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if forwarded != "" {
		q.Header.Set("X-Forwarded-Host", forwarded)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// OpenDir is a temporary folder that servers may enter which run as another user.
func OpenDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
