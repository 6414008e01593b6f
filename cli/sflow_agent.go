package cli

import (
	"fmt"
	stdio "io"
	"log/slog"
	"net/netip"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/sflow/agent"
	"github.com/tapir-project/tapir/sflow/agent/apache"
	"github.com/tapir-project/tapir/sflow/agent/weblog"
)

// sflowAgent are the options of sflow agent.
type sflowAgent struct {
	app.SFlowAgent
	stdin, apache           bool
	syslog                  string
	printApache, printNginx bool
	agentIP                 string
	collectors              []string
	sampling                uint32
	polling                 time.Duration
}

func newSFlowAgent(io Stdio) *cobra.Command {
	var o sflowAgent
	c := &cobra.Command{
		Use:   "agent",
		Short: "Sample a web server's requests, interfaces and the host, and send them to collectors",
		Long: "Count and sample HTTP requests, packets and the host's counters, and send them as sFlow. Requests come from Apache's log\n" +
			"through a pipe (--stdin), from nginx's as datagrams (--syslog) or from Apache's module (--apache); for Go programs there is the\n" +
			"package sflowhttp. Where to send and how much comes from " + agent.HSFlowdFile + ", which is looked at every two seconds, from the\n" +
			"section sflow.agent of a YAML file, or from flags, which go first. Without a configuration nothing is sent, and nothing said.\n" +
			"As root it gives its privileges up once everything is open.",
		Example: "  tapir sflow agent --print-apache-config >/etc/apache2/conf-available/tapir-sflow.conf\n" +
			"  tapir sflow agent --syslog /run/tapir/nginx.sock --collector 192.0.2.9 --sampling 400\n" +
			"  sudo tapir sflow agent --apache --interface all --host",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c, io) },
	}
	o.flags(c)
	return c
}

func (o *sflowAgent) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&o.stdin, "stdin", false, "read Apache's log from standard input, to its end")
	f.StringVar(&o.syslog, "syslog", "", "take log lines as datagrams: a socket's path, or udp:ADDRESS:PORT")
	f.BoolVar(&o.apache, "apache", false, "take requests from Apache's module (contrib/apache)")
	f.StringVar(&o.Apache, "apache-file", apache.DefaultFile, "file of the module, as its TapirSflowFile")
	f.StringVar(&o.ApacheSocket, "apache-socket", apache.DefaultSocket, "socket of the module, as its TapirSflowSocket")
	f.StringSliceVarP(&o.Interfaces, "interface", "i", nil, "sample packets of these interfaces and send their counters; all for those that are up")
	f.BoolVar(&o.Host, "host", false, "send the host's counters")
	f.StringVar(&o.File, "config", agent.HSFlowdFile, "configuration: a file as hsflowd writes it, or with the ending .yaml the section sflow.agent of it")
	f.StringArrayVar(&o.collectors, "collector", nil, "send to ADDRESS or ADDRESS:PORT; may be given several times")
	f.StringVar(&o.agentIP, "agent-ip", "", "address that names this host (default: the one from which the first collector is reached)")
	f.Uint32Var(&o.sampling, "sampling", 0, "sample one in so many")
	f.DurationVar(&o.polling, "polling", 0, "send counters so often")
	f.Uint32Var(&o.Port, "port", 0, "lowest port of the server, by which collectors know it (default: what the module says, or 80)")
	f.Uint32Var(&o.SubAgent, "sub-agent", 0, "number that tells agents of one address apart")
	f.BoolVar(&o.OldHTTP, "old-http", false, "send requests as the older record 0:2201, for collectors that do not know 0:2206")
	f.StringVar(&o.Page, "listen", app.DefaultSFlowPage, "address of the status page /sflow/ and of /metrics; empty for none")
	f.StringVar(&o.User, "user", unprivileged(), "user to become, if started by root")
	f.BoolVar(&o.printApache, "print-apache-config", false, "print what Apache's configuration needs, and end")
	f.BoolVar(&o.printNginx, "print-nginx-config", false, "print what nginx's configuration needs, and end")
}

// unprivileged is the user that the agent becomes: its own if there is one.
func unprivileged() string {
	if _, err := user.Lookup("tapir"); err == nil {
		return "tapir"
	}
	return "nobody"
}

func (o *sflowAgent) run(c *cobra.Command, io Stdio) error {
	if o.printApache || o.printNginx {
		return o.print(c, io.Out)
	}
	if o.stdin {
		o.Stdin = io.In
	}
	if !o.apache {
		o.Apache = ""
	}
	o.Syslog = o.syslog
	if !o.stdin && !o.apache && o.syslog == "" && len(o.Interfaces) == 0 && !o.Host {
		return usagef("say what to sample: --stdin, --syslog, --apache, --interface or --host")
	}
	if o.stdin && o.syslog != "" || o.stdin && o.apache || o.syslog != "" && o.apache {
		return usagef("requests come from one of --stdin, --syslog and --apache (another server has an agent of its own, with another --sub-agent)")
	}
	if err := o.fixed(c.Flags().Changed("config")); err != nil {
		return usagef("%w", err)
	}
	o.Log = slog.New(slog.NewTextHandler(io.Err, nil))
	s, err := app.RunSFlowAgent(c.Context(), o.SFlowAgent)
	if s.Dropped+s.Unsent > 0 {
		fmt.Fprintf(io.Err, "sent %d samples in %d datagrams; lost %d samples because a queue was full, %d datagrams could not be sent\n",
			s.Samples, s.Datagrams, s.Dropped, s.Unsent)
	}
	return err
}

// fixed makes of the flags what goes before the file; where they say all there is to say and no file was named, they are all.
func (o *sflowAgent) fixed(named bool) error {
	f := &agent.Config{Sampling: o.sampling, Polling: o.polling}
	for _, s := range o.collectors {
		to, err := app.ParseCollector(s)
		if err != nil {
			return err
		}
		f.Collectors = append(f.Collectors, agent.Collector{Addr: to})
	}
	var err error
	if f.Agent, err = o.address(f); err != nil {
		return err
	}
	if len(f.Collectors) > 0 && !named {
		o.File = ""
		if f.Polling == 0 {
			f.Polling = defaultPolling
		}
	}
	o.Fixed = f
	return nil
}

const defaultPolling = 20 * time.Second

// address is what names this host.
func (o *sflowAgent) address(f *agent.Config) (netip.Addr, error) {
	if o.agentIP != "" {
		a, err := netip.ParseAddr(o.agentIP)
		if err != nil {
			return a, fmt.Errorf("--agent-ip: %w (write 192.0.2.1)", err)
		}
		return a.Unmap(), nil
	}
	if len(f.Collectors) == 0 {
		return netip.Addr{}, nil
	}
	return app.SourceAddress(f.Collectors[0].Addr)
}

// print prints the configuration for a server, with the flags of this call in the command that it starts.
func (o *sflowAgent) print(c *cobra.Command, w stdio.Writer) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if o.printNginx {
		path := o.syslog
		if path == "" {
			path = app.DefaultNginxSocket
		}
		_, err = stdio.WriteString(w, weblog.NginxConfig(path, o.Page)+"# The agent: "+exe+" sflow agent --syslog "+path+"\n")
		return err
	}
	command := []string{exe, "sflow", "agent", "--stdin"}
	for _, name := range []string{"config", "agent-ip", "sampling", "polling", "port", "sub-agent", "listen", "user"} {
		if f := c.Flags().Lookup(name); f.Changed {
			command = append(command, "--"+name, f.Value.String())
		}
	}
	if o.OldHTTP {
		command = append(command, "--old-http")
	}
	for _, s := range o.collectors {
		command = append(command, "--collector", s)
	}
	_, err = stdio.WriteString(w, weblog.ApacheConfig(strings.Join(command, " "), o.Page))
	return err
}
