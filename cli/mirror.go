package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/mirror"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/source/bpf"
)

// mirrorFlags are the rules as they were given: a specification with options for all of its rules, or a file.
type mirrorFlags struct {
	config   string
	mode     string
	pass     bool
	filter   string
	sample   uint32
	truncate uint32
	balance  bool
	tag      uint16
	strip    bool
}

func (m *mirrorFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&m.config, "config", "c", "", "YAML file with the rules, in its section mirror")
	f.StringVar(&m.filter, "filter", "", "copy only packets that match this BPF filter")
	f.Uint32Var(&m.sample, "sample", 0, "copy one packet of so many")
	f.Uint32Var(&m.truncate, "truncate", 0, "copy at most so many bytes of a packet")
	f.BoolVar(&m.balance, "balance", false, "send each packet to one of the outputs, by flow, not to all")
	f.Uint16Var(&m.tag, "tag", 0, "put a VLAN tag with this number on copies")
	f.BoolVar(&m.strip, "strip", false, "take VLAN tags off copies")
}

func newMirror(io Stdio) *cobra.Command {
	var m mirrorFlags
	var persist, quiet, noTCX bool
	c := &cobra.Command{
		Use:   "mirror SPEC",
		Short: "Copy what interfaces receive to other interfaces, in the kernel",
		Long: "Copy what interfaces receive to other interfaces, in the kernel, until interrupted. SPEC is SOURCES@OUTPUTS, several rules\n" +
			"separated by \"_\", several interfaces by \"/\". What sources receive ends there, unless --pass is given: they are meant for\n" +
			"mirror ports. The output \"tapir\" is an interface for tapir record -i tapir.",
		Example: "  sudo tapir mirror eth1@eth2_eth1@eth3_eth1/eth4@eth5\n  sudo tapir mirror eth1@eth2/eth3 --balance --filter 'tcp port 443'\n" +
			"  sudo tapir mirror --config /etc/tapir/tapir.yaml --persist\n  tapir mirror status",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := m.read(c, args)
			if err != nil {
				return err
			}
			cfg.Persist = persist
			cfg.NoTCX = noTCX
			return runMirror(c.Context(), io, cfg, quiet, func() (mirror.Config, error) { return m.read(c, args) })
		},
	}
	m.add(c)
	f := c.Flags()
	f.StringVar(&m.mode, "mode", "auto", "how to copy: tc, xdp (only rules without options), or auto")
	f.BoolVar(&m.pass, "pass", false, "let packets go on to this host as well")
	f.BoolVar(&persist, "persist", false, "go on copying when this process ends, until tapir mirror stop")
	f.BoolVarP(&quiet, "quiet", "q", false, "show no rates")
	f.BoolVar(&noTCX, "no-tcx", false, "attach as on kernels older than 6.6")
	f.MarkHidden("no-tcx")
	c.AddCommand(newMirrorStatus(io), newMirrorSet(io), newMirrorStop(io), newMirrorGuard(io))
	return c
}

// read gives the rules. Mistakes in them are usage errors.
func (m *mirrorFlags) read(c *cobra.Command, args []string) (cfg mirror.Config, err error) {
	switch {
	case m.config != "" && len(args) > 0:
		return cfg, usagef("give a specification or --config, not both")
	case m.config != "":
		f, err := os.Open(m.config)
		if err != nil {
			return cfg, err
		}
		defer f.Close()
		if cfg, err = mirror.ReadConfig(f); err != nil {
			return cfg, usagef("%s: %w", m.config, err)
		}
	case len(args) == 0:
		return cfg, usagef("say what to copy: tapir mirror SOURCES@OUTPUTS, or --config FILE (see tapir mirror --help)")
	default:
		if cfg.Rules, err = mirror.Parse(args[0]); err != nil {
			return cfg, usagef("%w", err)
		}
	}
	for i := range cfg.Rules {
		m.apply(c, &cfg.Rules[i])
	}
	if f := c.Flags().Lookup("mode"); f != nil && (f.Changed || cfg.Mode == "") {
		cfg.Mode = m.mode
	}
	cfg.Pass = cfg.Pass || m.pass
	cfg.Filter = source.Filter{Compile: bpf.Compile}
	if exe, err := os.Executable(); err == nil {
		cfg.Guard = []string{exe, "mirror", "guard"}
	}
	return cfg, nil
}

// apply sets the options that were given on a rule.
func (m *mirrorFlags) apply(c *cobra.Command, r *mirror.Rule) {
	set := func(name string) bool { return c.Flags().Changed(name) }
	if set("filter") {
		r.Filter = m.filter
	}
	if set("sample") {
		r.Sample = m.sample
	}
	if set("truncate") {
		r.Truncate = m.truncate
	}
	if set("balance") {
		r.Balance = m.balance
	}
	if set("tag") {
		r.Tag = &mirror.Tag{ID: m.tag}
	}
	if set("strip") {
		r.Strip = m.strip
	}
}

// runMirror mirrors until it is interrupted. A hangup reads the rules again.
func runMirror(ctx context.Context, io Stdio, cfg mirror.Config, quiet bool, again func() (mirror.Config, error)) error {
	m, err := mirror.Open(cfg)
	if err != nil {
		return mirrorError(err)
	}
	running, err := m.Status()
	if err != nil {
		return errors.Join(err, m.Close())
	}
	tellMirror(io.Err, running, cfg)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside := make(chan struct{})
	go func() {
		defer close(beside)
		besideMirror(ctx, io.Err, quiet, hangup, again)
	}()
	err = m.Run(ctx)
	cancel()
	<-beside
	last, e := m.Status()
	err = errors.Join(err, e, m.Close())
	if last != nil {
		endMirror(io.Err, last)
	}
	return err
}

// besideMirror shows rates and reads the rules again on a hangup, through the control socket as any other process.
func besideMirror(ctx context.Context, w io.Writer, quiet bool, hangup <-chan os.Signal, again func() (mirror.Config, error)) {
	rates := newMirrorRates(w, quiet)
	defer rates.end()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			cfg, err := again()
			if err == nil {
				err = mirror.SetRules(cfg.Rules)
			}
			if err != nil {
				fmt.Fprintf(w, "tapir: the rules stay as they were: %v\n", err)
			} else {
				fmt.Fprintf(w, "%d rules read again\n", len(cfg.Rules))
			}
		case <-tick.C:
			if rates.on {
				if s, err := mirror.Dial(); err == nil {
					rates.show(s)
				}
			}
		}
	}
}

// mirrorError makes mistakes in rules usage errors.
func mirrorError(err error) error {
	var bad *mirror.SpecError
	if errors.As(err, &bad) {
		return usagef("%w", err)
	}
	return err
}

// tellMirror says what is copied, and how.
func tellMirror(w io.Writer, s *mirror.Status, cfg mirror.Config) {
	for i := range cfg.Rules {
		fmt.Fprintf(w, "mirroring %s\n", &cfg.Rules[i])
	}
	for _, src := range s.Sources {
		fmt.Fprintf(w, "  %s by %s%s\n", src.Name, src.How, mirrorEnds(cfg.Pass, src.Name))
	}
	for _, r := range s.Rules {
		for _, o := range r.Outputs {
			if !o.Present {
				fmt.Fprintf(w, "  %s is away (no carrier, or no answer from the host); copies for it are counted as away until it is there\n", o.Name)
			}
		}
	}
}

// mirrorEnds warns where packets for this host will not reach it.
func mirrorEnds(pass bool, name string) string {
	if pass {
		return ""
	}
	if addrs := addressesOf(name); addrs != "" {
		return "; it has the address " + addrs + ", and packets to it will not reach this host (--pass lets them)"
	}
	return ""
}

func endMirror(w io.Writer, s *mirror.Status) {
	t := totals(s)
	fmt.Fprintf(w, "received %d packets, sent %d copies, %d not sent\n", t.in, t.out, t.lost)
	if s.Persist {
		fmt.Fprintln(w, "copying goes on without this process (tapir mirror stop ends it)")
	}
}

func newMirrorSet(io Stdio) *cobra.Command {
	var m mirrorFlags
	c := &cobra.Command{
		Use:   "set SPEC",
		Short: "Change the rules of the mirror that runs, without losing a packet on those that stay",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := m.read(c, args)
			if err != nil {
				return err
			}
			return mirrorError(mirror.SetRules(cfg.Rules))
		},
	}
	m.add(c)
	return c
}

func newMirrorStop(io Stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "End the mirror that runs, also one that persists",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			err := mirror.Stop()
			if errors.Is(err, mirror.ErrNone) {
				fmt.Fprintln(io.Err, strings.TrimSpace(err.Error()))
				return errNoMatch
			}
			return err
		},
	}
}

func newMirrorGuard(io Stdio) *cobra.Command {
	return &cobra.Command{
		Use:    "guard",
		Short:  "Clean up when the mirror that started this ends (kernels without tcx)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			return mirror.Guard(io.In)
		},
	}
}
