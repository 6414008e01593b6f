package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/source"
)

func newImport(io Stdio) *cobra.Command {
	var cfg app.Config
	var in app.ReadFiles
	var quiet bool
	c := &cobra.Command{
		Use:   "import FILE...",
		Short: "Store and index capture files",
		Long: "Store and index capture files: pcap or pcapng, plain, gzip or zstd; directories; - for standard input. Files whose times\n" +
			"overlap are read side by side, in time order.",
		Example: "  tapir import --data ./data capture.pcap\n  tapir serve --data ./data",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			in.Files, in.Stdin, in.Warn = files, io.In, warner(io)
			bar := newBar(io.Err, quiet)
			s, err := app.Import(c.Context(), cfg, in, bar.show)
			bar.end()
			tellRecovered(io.Err, s.Recovered)
			if s.Totals.Packets > 0 || err == nil {
				fmt.Fprintf(io.Err, "imported %d packets, %s: %d sessions, %d transactions in %s\n", s.Totals.Packets, sizeText(int64(s.Totals.Bytes)),
					s.Totals.Flow.Sessions, s.Totals.Transactions, s.Since.Round(10*time.Millisecond))
			}
			return partial(err)
		},
	}
	nodeFlags(c, &cfg)
	c.Flags().StringVarP(&in.Filter, "filter", "f", "", "import only packets that pass this BPF expression")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "show no progress")
	return c
}

// warner prints what is not worth stopping for.
func warner(io Stdio) func(error) {
	return func(err error) { fmt.Fprintf(io.Err, "tapir: warning: %v\n", err) }
}

// partial adds to an error about cut input what became of the rest.
func partial(err error) error {
	if err != nil && source.Partial(err) {
		return fmt.Errorf("%w (everything before was read; the file was cut while it was written or copied: get it again if you need the rest)", err)
	}
	return err
}

func tellRecovered(w io.Writer, r app.Recovered) {
	if !r.Any() {
		return
	}
	fmt.Fprintf(w, "finished what a crash had left open: %d packets read again, %d records stored, %d flow indexes rebuilt, %s of torn packets cut off\n",
		r.Packets, r.Records, r.Indexes, sizeText(int64(r.Cut)))
	if err := errors.Join(r.Problems...); err != nil {
		fmt.Fprintf(w, "tapir: warning: %v\n", err)
	}
}

// bar is the progress of an import: a line that is written over, on a terminal only.
type bar struct {
	w    io.Writer
	on   bool
	last string
}

func newBar(w io.Writer, quiet bool) *bar { return &bar{w: w, on: !quiet && isTerminal(w)} }

func (b *bar) show(p app.Progress) {
	if !b.on {
		return
	}
	const width = 30
	line := ""
	rate := float64(p.Source.Position) / max(p.Since.Seconds(), 1e-3)
	if p.Source.Size > 0 {
		done := min(float64(p.Source.Position)/float64(p.Source.Size), 1)
		n := int(done * width)
		line = fmt.Sprintf("[%s%s] %3.0f %%  ", strings.Repeat("#", n), strings.Repeat(".", width-n), done*100)
		if rate > 0 {
			left := time.Duration(float64(p.Source.Size-p.Source.Position) / rate * 1e9)
			line += fmt.Sprintf("%s/s, %s left  ", sizeText(int64(rate)), left.Round(time.Second))
		}
	} else {
		line = fmt.Sprintf("%s, %s/s  ", sizeText(p.Source.Position), sizeText(int64(rate)))
	}
	line += fmt.Sprintf("%d packets, %d sessions", p.Totals.Packets, p.Totals.Flow.Sessions)
	fmt.Fprintf(b.w, "\r%-*s", len(b.last), line)
	b.last = line
}

func (b *bar) end() {
	if b.on && b.last != "" {
		fmt.Fprintln(b.w)
	}
}
