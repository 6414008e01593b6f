package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapir-project/tapir/pipeline"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/source/afpacket"
	"github.com/tapir-project/tapir/source/bpf"
)

// Capture says what is captured.
type Capture struct {
	Interfaces  []string // names, indexes, or "any"
	Filter      string   // BPF expression
	Snaplen     int      // bytes of a packet; 0: all
	Buffer      int64    // bytes of kernel ring for all workers
	Promiscuous bool
	// OwnPort is a TCP port of the API; its traffic is left out unless it is 0.
	OwnPort int
}

// Record captures from the network until ctx ends. serve, if not nil, runs beside it on the same data directory and ends
// with it.
func Record(ctx context.Context, cfg Config, c Capture, progress func(Progress), serve func(context.Context, *Node) error) (s Summary, err error) {
	n, err := openNode(ctx, cfg, capturing)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	s.Recovered = n.Recovered
	src, err := c.open(n.cfg.Workers, func(err error) { n.cfg.Log.Warn("capture", "error", err) })
	if err != nil {
		return s, err
	}
	defer src.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	served := make(chan error, 1)
	if serve != nil {
		go func() {
			err := serve(ctx, n)
			if err != nil {
				cancel(err)
			}
			served <- err
		}()
	}
	s.Progress, err = n.watch(ctx, src, progress)
	cancel(nil)
	if serve != nil {
		err = errors.Join(err, <-served)
	}
	return s, err
}

// open opens the interfaces.
func (c *Capture) open(workers int, notify func(error)) (*afpacket.Source, error) {
	return afpacket.Open(afpacket.Config{Interfaces: c.Interfaces, Workers: workers, Snaplen: uint32(c.Snaplen), Buffer: int(c.Buffer),
		Promiscuous: c.Promiscuous, NoRollover: true, KeepFragments: true, // one worker for a flow; packets as they were on the wire
		Filter: source.Filter{Expr: c.filter(), Compile: bpf.Compile}, Notify: notify})
}

// watch runs the capture, tells its progress and keeps the status file.
func (n *Node) watch(ctx context.Context, src source.Source, progress func(Progress)) (last Progress, err error) {
	begin := time.Now()
	watched := n.watching(begin)
	var p *pipeline.Pipeline
	tell := func() Progress { return Progress{src.Stats(), Totals(p), p.FragmentsLost(), time.Since(begin)} }
	stop, done := make(chan struct{}), make(chan struct{})
	err = n.run(ctx, src, capturing, func(pipe *pipeline.Pipeline) {
		p = pipe
		go func() {
			defer close(done)
			every(time.Second, stop, func() {
				now := tell()
				watched.note(time.Now(), now, false)
				n.writeStatus(src, now)
				progress(now)
			})
		}()
	})
	if p != nil {
		close(stop)
		<-done
		last = tell()
		watched.note(time.Now(), last, true)
	}
	n.removeStatus()
	return last, err
}

// filter leaves the API's own traffic on loopback out, so that looking at a capture does not fill it.
func (c *Capture) filter() string {
	if c.OwnPort == 0 {
		return c.Filter
	}
	own := ownTraffic(c.OwnPort)
	if c.Filter == "" {
		return own
	}
	return own + " and (" + c.Filter + ")"
}

// ownTraffic is the filter that leaves out the API's TCP port on loopback.
func ownTraffic(port int) string {
	return fmt.Sprintf("not (tcp port %d and (net 127.0.0.0/8 or host ::1))", port)
}
