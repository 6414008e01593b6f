package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tapir-project/tapir/sflow/agent"
	"github.com/tapir-project/tapir/sflow/agent/apache"
	"github.com/tapir-project/tapir/sflow/agent/host"
	"github.com/tapir-project/tapir/sflow/agent/weblog"
)

// Addresses and places of the sFlow agent unless it is told others.
const (
	DefaultSFlowPage   = "127.0.0.1:8006"
	DefaultNginxSocket = "/run/tapir/nginx.sock"
)

// reloadEvery is how often the configuration file is looked at.
const reloadEvery = 2 * time.Second

// SFlowAgent says what an agent samples and where it sends.
type SFlowAgent struct {
	File     string        // hsflowd.auto, or tapir.yaml by its ending; empty: none
	Fixed    *agent.Config // what goes before the file's; nil: nothing
	SubAgent uint32
	OldHTTP  bool   // requests as the older record, 0:2201
	Port     uint32 // of the server, by which collectors know it; 0: as the module tells, or 80

	Stdin        io.Reader // log lines of a server, to their end; nil: none
	Syslog       string    // socket of log lines: a path, or udp:ADDRESS:PORT; empty: none
	Apache       string    // file of Apache's module; empty: none
	ApacheSocket string
	Interfaces   []string // whose packets are sampled and whose counters are sent; "all" are those that are up
	Host         bool     // counters of the host

	Page string // where the status page is served; empty: nowhere
	User string // who the process becomes once everything is open, if it is root; empty: stays
	Log  *slog.Logger
	// Ready, if not nil, is called once everything is open.
	Ready func()
}

// RunSFlowAgent runs an agent until its log ends, or ctx does.
func RunSFlowAgent(ctx context.Context, o SFlowAgent) (agent.Stats, error) {
	r := &sflowAgent{SFlowAgent: o, agent: agent.New(agent.Options{SubAgent: o.SubAgent, OldHTTP: o.OldHTTP, Log: o.Log})}
	err := r.open()
	if err == nil {
		err = r.run(ctx)
	}
	for _, c := range r.closers {
		c.Close()
	}
	return r.agent.Stats(), err
}

type sflowAgent struct {
	SFlowAgent
	agent   *agent.Agent
	http    *agent.HTTP
	apache  *apache.Server
	syslog  net.PacketConn
	queue   int // datagrams that may wait on it; 0: not known
	host    *host.Host
	page    net.Listener
	closers []io.Closer
	warning func(error) // nil: the log
}

// open opens what needs privileges, and then gives them up.
func (r *sflowAgent) open() (err error) {
	if r.Apache != "" {
		if r.apache, err = apache.Open(r.Apache, r.ApacheSocket); err != nil {
			return err
		}
		r.http = r.apache.Attach(r.agent, r.Port)
	}
	if r.Port == 0 {
		r.Port = 80
	}
	if r.Stdin != nil || r.Syslog != "" {
		r.http = r.agent.HTTP(agent.HTTPOptions{Port: r.Port})
	}
	if r.Syslog != "" {
		if r.syslog, err = listenDatagrams(r.Syslog); err != nil {
			return err
		}
		r.checkQueue()
		r.closers = append(r.closers, r.syslog)
	}
	if len(r.Interfaces) > 0 || r.Host {
		if r.host, err = host.Open(r.agent, host.Options{Interfaces: r.Interfaces, Counters: r.Host}); err != nil {
			return err
		}
		r.closers = append(r.closers, r.host)
	}
	if r.Page != "" && r.http != nil {
		if r.page, err = Listen(r.Page); err != nil && !errors.Is(err, syscall.EADDRINUSE) && r.Stdin == nil {
			return err
		}
	}
	return becomeUser(r.User)
}

// listenDatagrams opens a socket for log lines: a path, or udp:ADDRESS:PORT.
func listenDatagrams(to string) (net.PacketConn, error) {
	if addr, ok := strings.CutPrefix(to, "udp:"); ok {
		c, err := net.ListenPacket("udp", addr)
		if err == nil {
			widen(c.(*net.UDPConn))
		}
		return c, err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return nil, err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: to, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	c.SetReadBuffer(4 << 20) // the more fits, the fewer lines are lost when the agent is late
	return c, os.Chmod(to, 0o666)
}

// fewDatagrams is how many waiting datagrams are too few for a socket of the file system.
const fewDatagrams = 128

// checkQueue finds how many datagrams the kernel lets wait on a socket of the file system, and tells of few, as they are until
// systemd changes it: what comes in a burst is lost then, and nobody counts it.
func (r *sflowAgent) checkQueue() {
	if strings.HasPrefix(r.Syslog, "udp:") {
		return // bound by bytes
	}
	b, err := os.ReadFile("/proc/sys/net/unix/max_dgram_qlen")
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	r.queue = n
	if err == nil && n < fewDatagrams {
		r.Log.Warn(fmt.Sprintf("only %d log lines may wait for the agent, further ones are lost (try: sysctl -w net.unix.max_dgram_qlen=512, or --syslog udp:127.0.0.1:5140)", n))
	}
}

// run runs the sources until the first ends, and then the agent's last datagrams.
func (r *sflowAgent) run(ctx context.Context) error {
	sources, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var agents, feeds sync.WaitGroup
	agents.Go(func() { r.agent.Run(lasting) })
	r.configure(lasting, &agents)
	agents.Go(func() { r.serve(lasting) })
	feed := func(f func(context.Context) error) { feeds.Go(func() { stop(f(sources)) }) }
	if r.Stdin != nil {
		// A server that ends, or reads its configuration again, signals its logger while its processes still write
		// their last lines: the end of the pipe is the end. A second signal ends the process at once.
		feed(func(context.Context) error { return weblog.NewLog(r.http, nil).Read(lasting, r.Stdin) })
	}
	if r.syslog != nil {
		feed(func(ctx context.Context) error { return weblog.NewLog(r.http, nil).Listen(ctx, r.syslog, r.queue) })
	}
	if r.apache != nil {
		feed(func(ctx context.Context) error { return r.apache.Run(ctx, r.warn) })
	}
	if r.host != nil {
		feed(r.host.Run)
	}
	if r.Ready != nil {
		r.Ready()
	}
	<-sources.Done()
	feeds.Wait()
	end()
	agents.Wait()
	if err := context.Cause(sources); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (r *sflowAgent) warn(err error) {
	if r.warning != nil {
		r.warning(err)
		return
	}
	r.Log.Warn("sflow agent", "error", err)
}

// configure keeps the agent configured from its file.
func (r *sflowAgent) configure(ctx context.Context, running *sync.WaitGroup) {
	if r.File == "" {
		r.agent.Configure(r.Fixed)
		return
	}
	parse := func(b []byte) (*agent.Config, error) { return agent.ParseHSFlowd(b, agent.Lookup) }
	if ext := filepath.Ext(r.File); ext == ".yaml" || ext == ".yml" {
		parse = parseSFlowYAML
	}
	running.Go(func() {
		agent.Watch(ctx, r.File, reloadEvery, parse, func(c *agent.Config, err error) {
			if err != nil {
				r.warn(err)
			}
			if c != nil || err == nil { // a file that is no use leaves what was before it
				r.agent.Configure(override(c, r.Fixed))
			}
		})
	})
}

// override gives c with what was said beside it; with nothing but that if there is no c and enough was said.
func override(c, by *agent.Config) *agent.Config {
	if by == nil {
		return c
	}
	if c == nil {
		if len(by.Collectors) == 0 {
			return nil
		}
		return by
	}
	out := *c
	if by.Agent.IsValid() {
		out.Agent = by.Agent
	}
	if len(by.Collectors) > 0 {
		out.Collectors = by.Collectors
	}
	if by.Sampling > 0 {
		out.Sampling, out.SamplingOf = by.Sampling, nil
	}
	if by.Polling > 0 {
		out.Polling, out.PollingOf = by.Polling, nil
	}
	return &out
}

// serve serves the status page. Where the port is taken, by the agent that this one replaces, it is tried again.
func (r *sflowAgent) serve(ctx context.Context) {
	if r.Page == "" || r.http == nil {
		return
	}
	for told := false; r.page == nil; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		var err error
		if r.page, err = Listen(r.Page); err != nil && !told {
			told = true
			r.Log.Info("sflow agent: no status page yet", "error", err)
		}
	}
	s := &http.Server{Handler: r.agent.Handler(r.http), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(r.page); err != nil && !errors.Is(err, http.ErrServerClosed) {
		r.warn(err)
	}
}

// SourceAddress is the address of this host from which a collector is reached.
func SourceAddress(to netip.AddrPort) (netip.Addr, error) {
	c, err := net.Dial("udp", to.String())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("no address to reach %s from: %w (--agent-ip names one)", to, err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}
