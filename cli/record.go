package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/sflow/collector"
)

func newRecord(io Stdio) *cobra.Command {
	var cfg app.Config
	var cap app.Capture
	var listen string
	var importLimit int64
	var noAPI, keepOwn bool
	var duration time.Duration
	var sflow app.SFlow
	var sflowPorts []string
	c := &cobra.Command{
		Use:   "record -i INTERFACE [BPF]",
		Short: "Capture from the network: store packets, index sessions, serve the API",
		Long: "Capture packets, store them, index sessions and transactions, and serve the API, in one process, until interrupted. The\n" +
			"arguments are a BPF filter as in tcpdump.",
		Example: "  sudo tapir record -i eth0\n  sudo tapir record -i any 'tcp port 443' --packets-max-size 200GB",
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			if duration > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, duration)
				defer cancel()
			}
			cap.Filter = strings.Join(args, " ")
			serve, err := besideServer(io, &cfg, &cap, offer{listen, importLimit, noAPI, keepOwn})
			if err != nil {
				return err
			}
			for _, p := range sflowPorts {
				sflow.Listen = append(sflow.Listen, collector.Address(p))
			}
			live := newLive(io.Err)
			s, err := app.Record(ctx, cfg, cap, live.show, withSFlow(serve, sflow))
			live.end()
			tellRecovered(io.Err, s.Recovered)
			fmt.Fprintf(io.Err, "captured %d packets, %s: %d sessions, %d transactions; lost %d by the kernel, %d not stored\n", s.Totals.Packets,
				sizeText(int64(s.Totals.Bytes)), s.Totals.Flow.Sessions, s.Totals.Transactions, s.Source.Drops.Kernel, s.Totals.NotStored)
			return err
		},
	}
	nodeFlags(c, &cfg)
	f := c.Flags()
	f.StringSliceVarP(&cap.Interfaces, "interface", "i", []string{"any"}, "interfaces: names, indexes, or any")
	f.IntVarP(&cap.Snaplen, "snaplen", "s", 0, "bytes of a packet to keep; 0 for all")
	f.VarP((*sizeValue)(&cap.Buffer), "buffer", "B", "kernel buffer of all workers together (default 64MiB)")
	f.BoolVar(&cap.Promiscuous, "promiscuous", true, "take packets for other hosts too")
	f.StringVar(&cfg.SFlow, "sflow-agent", "", "send sFlow samples and counters of the HTTP requests seen, as this file says: /etc/hsflowd.auto, or a .yaml with sflow.agent")
	f.DurationVar(&duration, "duration", 0, "stop after this time")
	f.StringVar(&listen, "listen", "127.0.0.1:8005", "address of the API")
	importFlag(c, &importLimit)
	f.BoolVar(&noAPI, "no-api", false, "capture only")
	f.StringSliceVar(&sflowPorts, "sflow", nil, "receive sFlow, NetFlow and IPFIX too, on these ports or ADDRESS:PORT, as tapir sflow collect does")
	sflowFlags(c, &sflow)
	f.BoolVar(&keepOwn, "record-own-api", false, "record the API's own traffic on loopback too, which is left out of the capture otherwise")
	return c
}

// withSFlow runs a collector beside a capture and what else runs there.
func withSFlow(serve func(context.Context, *app.Node) error, f app.SFlow) func(context.Context, *app.Node) error {
	if len(f.Listen) == 0 {
		return serve
	}
	collect := func(ctx context.Context, n *app.Node) error { return n.Collect(ctx, f, func(collector.Report) {}) }
	if serve == nil {
		return collect
	}
	return func(ctx context.Context, n *app.Node) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		served := make(chan error, 1)
		go func() {
			served <- serve(ctx, n)
			cancel()
		}()
		err := collect(ctx, n)
		cancel()
		return errors.Join(err, <-served)
	}
}

// offer is how a capture offers the API.
type offer struct {
	listen      string
	importLimit int64
	none        bool
	keepOwn     bool // its own traffic is recorded
}

// besideServer readies the API that runs beside a capture; the port is taken before capturing begins.
func besideServer(io Stdio, cfg *app.Config, cap *app.Capture, a offer) (func(context.Context, *app.Node) error, error) {
	if a.none {
		return nil, nil
	}
	l, err := app.Listen(a.listen)
	if err != nil {
		return nil, err
	}
	if !a.keepOwn {
		cap.OwnPort = l.Addr().(*net.TCPAddr).Port
	}
	return func(ctx context.Context, n *app.Node) error {
		return app.ServeOn(ctx, l, app.Serve{Data: cfg.Data, Version: version, Node: n, ImportLimit: a.importLimit, Retention: cfg.Retention, Ready: func(url string) { fmt.Fprintln(io.Out, url) }})
	}, nil
}

// live is the line that a capture keeps up to date on a terminal.
type live struct {
	w    io.Writer
	on   bool
	last app.Progress
	any  bool
}

func newLive(w io.Writer) *live { return &live{w: w, on: isTerminal(w)} }

func (l *live) show(p app.Progress) {
	if !l.on {
		return
	}
	dt := max((p.Since - l.last.Since).Seconds(), 1e-3)
	fmt.Fprintf(l.w, "\r  %s/s  %.0f packets/s  %.0f sessions/s  %d open  lost %d  not stored %d    ",
		sizeText(int64(float64(p.Totals.Bytes-l.last.Totals.Bytes)/dt)), float64(p.Totals.Packets-l.last.Totals.Packets)/dt,
		float64(p.Totals.Flow.Sessions-l.last.Totals.Flow.Sessions)/dt, p.Totals.Flow.Open, p.Source.Drops.Kernel, p.Totals.NotStored)
	l.last, l.any = p, true
}

func (l *live) end() {
	if l.any {
		fmt.Fprintln(l.w)
	}
}
