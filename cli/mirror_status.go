package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/mirror"
)

func newMirrorStatus(io Stdio) *cobra.Command {
	var asJSON, prometheus bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Tell what the mirror that runs has copied",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := mirror.Dial()
			if errors.Is(err, mirror.ErrNone) {
				fmt.Fprintln(io.Err, err)
				return errNoMatch
			}
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return json.NewEncoder(io.Out).Encode(s)
			case prometheus:
				_, err = io.Out.Write(s.AppendMetrics(nil))
				return err
			}
			printMirror(io.Out, s)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&prometheus, "prometheus", false, "print metrics in Prometheus's text format")
	return c
}

func printMirror(w io.Writer, s *mirror.Status) {
	who := fmt.Sprintf("process %d", s.PID)
	if s.PID == 0 {
		who = "without a process"
	}
	if s.Persist {
		who += ", persists"
	}
	fmt.Fprintf(w, "mirroring since %s, %s\n", s.Started.Format(time.DateTime), who)
	for _, src := range s.Sources {
		fmt.Fprintf(w, "  source %-15s %12d packets  %10s  %s%s\n", src.Name, src.Packets, sizeText(int64(src.Bytes)), src.How+inBrackets(src.Probed), unlessUp(src.State))
		if src.Broken > 0 {
			fmt.Fprintf(w, "    %d broadcasts broken off: some outputs went without\n", src.Broken)
		}
	}
	if s.Uncounted != "" {
		fmt.Fprintf(w, "  not counted is what drivers and the kernel drop of broadcasts by XDP: %s\n", s.Uncounted)
	}
	for i, r := range s.Rules {
		fmt.Fprintf(w, "  rule %d, from %s%s\n", i+1, strings.Join(r.From, ", "), inBrackets(r.Options))
		if r.Filtered+r.Unsampled > 0 {
			fmt.Fprintf(w, "    %d filtered, %d left out by sampling\n", r.Filtered, r.Unsampled)
		}
		for _, o := range r.Outputs {
			fmt.Fprintf(w, "    to %-17s %12d packets  %10s%s%s%s\n", o.Name, o.Packets, sizeText(int64(o.Bytes)), road(o), problems(o), unlessUp(o.State))
		}
	}
}

// unlessUp is a state that needs to be told.
func unlessUp(state string) string {
	if state == mirror.StateUp {
		return ""
	}
	return "  " + state
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// road is how a remote output is reached.
func road(o mirror.OutputStatus) (s string) {
	if o.Port != 0 {
		s = fmt.Sprintf("  port %d", o.Port)
	}
	if o.Rate != 0 {
		s += "  at most " + mirror.FormatRate(o.Rate)
	}
	return s
}

// problems are the counters of an output that are not zero.
func problems(o mirror.OutputStatus) string {
	var b strings.Builder
	for _, c := range []struct {
		n    uint64
		what string
	}{{o.Truncated, "truncated"}, {o.Errors, "errors"}, {o.Away, "while away"}, {o.TooBig, "too big"}, {o.Capped, "above the rate"}, {o.Dropped, "dropped by the driver"},
		{o.DeviceDropped, "dropped by the interface"}, {o.DeviceErrors, "errors of the interface"}} {
		if c.n > 0 {
			fmt.Fprintf(&b, "  %d %s", c.n, c.what)
		}
	}
	return b.String()
}

// mirrorRates is the line that a mirror keeps up to date on a terminal.
type mirrorRates struct {
	w    io.Writer
	on   bool
	last *mirror.Status
	any  bool
}

func newMirrorRates(w io.Writer, quiet bool) *mirrorRates {
	return &mirrorRates{w: w, on: !quiet && isTerminal(w)}
}

func (r *mirrorRates) show(s *mirror.Status) {
	if r.last != nil {
		dt := max(s.Time.Sub(r.last.Time).Seconds(), 1e-3)
		now, before := totals(s), totals(r.last)
		fmt.Fprintf(r.w, "\r  in %.0f packets/s %s/s  out %.0f copies/s %s/s  not sent %d    ", float64(now.in-before.in)/dt,
			sizeText(int64(float64(now.inBytes-before.inBytes)/dt)), float64(now.out-before.out)/dt,
			sizeText(int64(float64(now.outBytes-before.outBytes)/dt)), now.lost)
		r.any = true
	}
	r.last = s
}

func (r *mirrorRates) end() {
	if r.any {
		fmt.Fprintln(r.w)
	}
}

// mirrorTotals are sums over all sources and outputs.
type mirrorTotals struct{ in, inBytes, out, outBytes, lost uint64 }

func totals(s *mirror.Status) (t mirrorTotals) {
	for _, src := range s.Sources {
		t.in += src.Packets
		t.inBytes += src.Bytes
	}
	for _, r := range s.Rules {
		for _, o := range r.Outputs {
			t.out += o.Packets
			t.outBytes += o.Bytes
			t.lost += o.NotSent()
		}
	}
	return t
}

// addressesOf are the IP addresses of an interface, but for those that it gave itself.
func addressesOf(name string) string {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return ""
	}
	addrs, _ := i.Addrs()
	var out []string
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() {
			out = append(out, ip.IP.String())
		}
	}
	return strings.Join(out, ", ")
}
