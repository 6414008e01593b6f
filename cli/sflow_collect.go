package cli

import (
	"context"
	"encoding/json"
	"fmt"
	stdio "io"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/sflow/collector"
)

// sflowFlags are those of commands that collect.
func sflowFlags(c *cobra.Command, s *app.SFlow) {
	f := c.Flags()
	f.IntVar(&s.Sockets, "sockets", 0, "sockets that share each port (default: one for each core)")
	f.StringArrayVar(&s.Interfaces, "interface-name", nil, "name of an interface, AGENT:INDEX=NAME; may be repeated")
	f.StringVar(&s.SNMP.Community, "snmp-community", "", "ask agents for the names of their interfaces by SNMP v2c with this community")
	f.StringSliceVar(&s.Geo, "geo", nil, "MaxMind DB files: countries, AS numbers")
}

func newSFlowCollect(io Stdio) *cobra.Command {
	var cfg app.Config
	var s app.SFlow
	var ports []string
	var listen string
	var noAPI, noStore bool
	var duration time.Duration
	c := &cobra.Command{
		Use:   "collect",
		Short: "Receive sFlow, NetFlow and IPFIX, and store samples and counters",
		Long: "Receive sFlow (2, 4, 5), NetFlow (5, 9) and IPFIX on one UDP port, store each sample as a record, keep for each exporter what was\n" +
			"lost, and serve the API, in one process, until interrupted.",
		Example: "  tapir sflow collect\n  tapir sflow collect -p 6343 -p 2055 --snmp-community public --geo GeoLite2-Country.mmdb,GeoLite2-ASN.mmdb\n" +
			"  tapir search --kind sample 'source.ip == 10.0.0.0/8 | top 10 destination.ip by sum(network.bytes)'",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if duration > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, duration)
				defer cancel()
			}
			for _, p := range ports {
				s.Listen = append(s.Listen, collector.Address(p))
			}
			if s.Sockets == 0 {
				s.Sockets = runtime.NumCPU()
			}
			var last collector.Report
			live := liveExporters{w: io.Err, on: isTerminal(io.Err)}
			tell := func(s collector.Report) { last = s; live.show(s) }
			var err error
			if noStore {
				err = app.CountSFlow(ctx, s, tell)
			} else {
				var serve func(context.Context, *app.Node) error
				if serve, err = besideServer(io, &cfg, &app.Capture{}, offer{listen: listen, none: noAPI, keepOwn: true}); err == nil {
					err = app.CollectSFlow(ctx, cfg, s, tell, serve)
				}
			}
			live.end()
			if last.Stats.Datagrams > 0 || err == nil {
				tellExporters(io.Err, last)
			}
			return err
		},
	}
	nodeFlags(c, &cfg)
	sflowFlags(c, &s)
	f := c.Flags()
	f.StringSliceVarP(&ports, "port", "p", []string{"6343"}, "ports, or ADDRESS:PORT, to receive on")
	f.BoolVar(&noStore, "no-store", false, "store nothing: only keep the ledger")
	f.DurationVar(&duration, "duration", 0, "stop after this time")
	f.StringVar(&listen, "listen", "127.0.0.1:8005", "address of the API")
	f.BoolVar(&noAPI, "no-api", false, "collect only")
	return c
}

// tellExporters sums up a run.
func tellExporters(w stdio.Writer, s collector.Report) {
	fmt.Fprintf(w, "collected %d datagrams, %s, of %d exporters: %d records; socket drops %d, refused %d\n", s.Stats.Datagrams, sizeText(int64(s.Stats.Bytes)),
		len(s.Exporters), s.Stats.Records, s.Stats.Dropped, s.Stats.Refused)
}

// liveExporters is the line that a collector keeps up to date on a terminal.
type liveExporters struct {
	w    stdio.Writer
	on   bool
	last collector.Report
}

func (l *liveExporters) show(s collector.Report) {
	if !l.on {
		return
	}
	dt := max(s.Time.Sub(l.last.Time).Seconds(), 1e-3)
	up := 0
	for _, e := range s.Exporters {
		if e.Up {
			up++
		}
	}
	fmt.Fprintf(l.w, "\r  %d exporters  %.0f datagrams/s  %.0f records/s  socket drops %d    ", up,
		float64(s.Stats.Datagrams-l.last.Stats.Datagrams)/dt, float64(s.Stats.Records-l.last.Stats.Records)/dt, s.Stats.Dropped)
	l.last = s
}

func (l *liveExporters) end() {
	if l.on {
		fmt.Fprintln(l.w)
	}
}

func newSFlowExporters(io Stdio) *cobra.Command {
	var data string
	var asJSON, sources bool
	c := &cobra.Command{
		Use:   "exporters",
		Short: "Show what a running collector hears from, and what was lost on the way",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := datadir.OpenReader(data)
			if err != nil {
				return err
			}
			s, err := app.Exporters(d)
			if err != nil {
				return err
			}
			if !s.Running {
				fmt.Fprintln(io.Err, "no collector is running on this data directory (tapir sflow collect, or tapir record --sflow)")
				return errNoMatch
			}
			if asJSON {
				return json.NewEncoder(io.Out).Encode(s)
			}
			return exporterTable(io.Out, s, sources)
		},
	}
	dataFlag(c, &data)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, sources included")
	c.Flags().BoolVar(&sources, "sources", false, "show the sources of each exporter")
	return c
}

func exporterTable(out stdio.Writer, s collector.Report, sources bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "EXPORTER\tSTATE\tLAST\tDATAGRAMS\tLOST\tIN SOCKET\tSAMPLES\tLOST\tAGENT DROPS\tERRORS\tRESTARTS")
	for _, e := range s.Exporters {
		state := "down"
		if e.Up {
			state = "up"
		}
		name := "(others)"
		if e.Agent.IsValid() {
			name = e.Agent.String()
		}
		if e.SubAgent > 0 {
			name += fmt.Sprintf("/%d", e.SubAgent)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", name, state, spanText(int64(s.Time.Sub(e.Last))), e.Datagrams, e.Lost, e.SocketLost,
			e.Samples, e.GapSamples, e.AgentDrops, e.Damaged, e.Restarts)
		if !sources {
			continue
		}
		for _, x := range e.Sources {
			estimate := ""
			if x.Packets > 0 {
				estimate = fmt.Sprintf("%.4g packets ±%.1f%%", x.Packets, 100*x.Margin)
			}
			fmt.Fprintf(w, "  %s %d:%d %s\t\t\t\t\t\t%d\t%d\t%d\t\t%s\n", x.Kind, x.Class, x.Index, printable(x.Interface), x.Samples, x.Lost, x.Drops, estimate)
		}
	}
	return w.Flush()
}
