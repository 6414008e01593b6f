package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/api"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/internal/pcapexport"
)

func newExport(io Stdio) *cobra.Command {
	var q question
	var out, format string
	var limit int
	c := &cobra.Command{
		Use:     "export [EXPR] -w FILE",
		Short:   "Write the packets of stored sessions to a capture file",
		Long:    "Write exactly the packets of the sessions that pass, in time order, to a pcap or pcapng file; - is standard output.",
		Example: "  tapir export 'ip == 10.0.0.7 && port == 443' -w out.pcap\n  tapir export --from -5m -w - | wireshark -k -i -",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usagef("export: where to? (-w FILE, or -w - for standard output)")
			}
			ng, err := pcapng(format, out)
			if err != nil {
				return err
			}
			parsed, s, err := q.bind(strings.Join(args, ""), time.Now())
			if err != nil {
				return err
			}
			if len(parsed.Stages) > 0 {
				return usagef("export takes an expression without stages behind |")
			}
			s.Limit = limit
			r, err := app.OpenReader(q.data)
			if err != nil {
				return err
			}
			defer r.Close()
			flows, from, to, err := api.Flows(c.Context(), r.Records, s)
			if err != nil {
				return err
			}
			if len(flows) == 0 {
				return errNoMatch
			}
			n, err := toFile(io.Out, out, ng, func(w *pcapexport.Writer) error {
				return r.Packets(c.Context(), flows, from, to, w.Packet)
			})
			fmt.Fprintf(io.Err, "%d packets of %d sessions\n", n, len(flows))
			return err
		},
	}
	q.flags(c)
	c.Flags().StringVarP(&out, "write", "w", "", "file to write; - is standard output")
	c.Flags().StringVar(&format, "format", "", "pcap or pcapng (default: by the file's name)")
	c.Flags().IntVarP(&limit, "limit", "n", 0, "most sessions, newest first; 0 for all")
	return c
}

func pcapng(format, file string) (bool, error) {
	switch {
	case format == "pcapng" || format == "" && strings.HasSuffix(file, ".pcapng"):
		return true, nil
	case format == "pcap" || format == "":
		return false, nil
	}
	return false, usagef("--format %s: want pcap or pcapng", format)
}

// toFile writes a capture file. One that could not be finished is removed: it must not look whole.
func toFile(stdout io.Writer, name string, ng bool, walk func(*pcapexport.Writer) error) (n uint64, err error) {
	w := stdout
	if name != "-" {
		f, err := os.Create(name)
		if err != nil {
			return 0, err
		}
		w = f
		defer func() {
			if e := f.Close(); err == nil && e != nil {
				err = e
			}
			if err != nil {
				os.Remove(name)
			}
		}()
	}
	out := pcapexport.New(w, ng)
	err = errors.Join(walk(out), out.Close())
	return out.Packets, err
}
