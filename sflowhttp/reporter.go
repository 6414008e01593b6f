package sflowhttp

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tapir-project/tapir/sflow/agent"
)

// Config says where samples go and how many there are.
type Config = agent.Config

// Collector is where datagrams are sent.
type Collector = agent.Collector

// Stats are a reporter's numbers.
type Stats = agent.Stats

// Options say what a reporter is.
type Options struct {
	Port     uint32       // that the server listens on, by which collectors know it
	SubAgent uint32       // differs between the agents of one host
	Config   *Config      // nil: File
	File     string       // as hsflowd writes it; empty: /etc/hsflowd.auto
	Server   string       // name of the server, told of requests whose Host is another; may be empty
	Log      *slog.Logger // of what a configuration or a collector has wrong; nil: silent
}

// Reporter reports the requests of one server. Its methods may be called by any number of goroutines.
type Reporter struct {
	o     Options
	agent *agent.Agent
	http  *agent.HTTP
}

const reloadEvery = 2 * time.Second

// New makes a reporter. It counts at once; it samples and sends while Run runs.
func New(o Options) *Reporter {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.File == "" {
		o.File = agent.HSFlowdFile
	}
	a := agent.New(agent.Options{SubAgent: o.SubAgent, Log: o.Log})
	r := &Reporter{o: o, agent: a, http: a.HTTP(agent.HTTPOptions{Port: o.Port})}
	if o.Config != nil {
		a.Configure(o.Config)
	}
	return r
}

// Run sends samples and counters until ctx ends; then it sends what there is, and returns.
func (r *Reporter) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	if r.o.Config == nil {
		watching.Go(func() { agent.Watch(ctx, r.o.File, reloadEvery, parse, r.apply) })
	}
	err := r.agent.Run(ctx)
	watching.Wait()
	return err
}

func parse(b []byte) (*Config, error) { return agent.ParseHSFlowd(b, agent.Lookup) }

func (r *Reporter) apply(c *Config, err error) {
	if err != nil {
		r.o.Log.Warn("sflow configuration", "error", err)
	}
	if c != nil || err == nil {
		r.agent.Configure(c)
	}
}

// Configure makes c the configuration from now on; nil ends sampling.
func (r *Reporter) Configure(c *Config) { r.agent.Configure(c) }

// Stats are the numbers so far.
func (r *Reporter) Stats() Stats { return r.agent.Stats() }

// StatusPage serves the counters and the sampling rate as mod_sflow does, one a line.
func (r *Reporter) StatusPage() http.Handler { return r.http }
