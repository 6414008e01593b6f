package cli

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
)

func newRead(io Stdio) *cobra.Command {
	var in app.ReadFiles
	var asJSON bool
	var kinds []string
	c := &cobra.Command{
		Use:   "read FILE... [EXPR]",
		Short: "Print the sessions and transactions of capture files, without storing anything",
		Long: "Analyse capture files (pcap or pcapng, plain, gzip or zstd; directories; - for standard input) and print their sessions\n" +
			"and transactions, one readable line each, or with --json one JSON object a line. The same files give the same bytes.\n" +
			"A last argument that names no file is an expression; only records that pass it are printed.",
		Example: "  tapir read capture.pcap\n  tapir read --json --kind transaction capture.pcapng 'http.response.status_code >= 400'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			files, expr, err := splitExpression(args)
			if err != nil {
				return err
			}
			keep, err := newFilter(kinds, expr)
			if err != nil {
				return err
			}
			in.Files, in.Stdin, in.Warn = files, io.In, warner(io)
			p := newPrinter(io.Out, asJSON, "")
			err = app.Read(c.Context(), in, func(r *record.Record) error {
				if !keep.pass(r) {
					return nil
				}
				return p.print(r)
			})
			if err := errors.Join(err, p.flush()); err != nil {
				return err
			}
			if expr != "" && p.n == 0 {
				return errNoMatch
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	c.Flags().StringSliceVar(&kinds, "kind", []string{"session", "transaction"}, "kinds of record to print")
	c.Flags().StringVarP(&in.Filter, "filter", "f", "", "read only packets that pass this BPF expression")
	return c
}

// splitExpression takes the last argument as an expression if it names no file and reads like one.
func splitExpression(args []string) (files []string, expr string, err error) {
	last := args[len(args)-1]
	if last != "-" && len(args) > 1 && strings.ContainsAny(last, " =<>!~|&") {
		if _, err := os.Stat(last); errors.Is(err, fs.ErrNotExist) {
			return args[:len(args)-1], last, nil
		}
	}
	return args, "", nil
}

// filter keeps the records of some kinds that pass an expression.
type filter struct {
	kinds [record.Kinds]bool
	match [record.Kinds]func(*record.Record) bool
}

// newFilter binds the expression for each kind; a kind that does not know its fields has no record that passes, unless
// none of them does.
func newFilter(kinds []string, expr string) (*filter, error) {
	f := &filter{}
	var firstErr error
	bound := 0
	for _, name := range kinds {
		k, err := record.ParseKind(name)
		if err != nil {
			return nil, errUsage{err}
		}
		q, err := query.Parse(expr, query.Options{Kind: k, Now: time.Now().UnixNano()})
		if err != nil {
			if firstErr == nil {
				firstErr = err
			}
			continue
		}
		if len(q.Stages) > 0 {
			return nil, usagef("read prints records; stages behind | need a stored capture (tapir import, then tapir search)")
		}
		bound++
		f.kinds[k] = true
		if q.Where != nil {
			f.match[k] = query.Compile(q.Where)
		}
	}
	if bound == 0 && firstErr != nil {
		return nil, firstErr
	}
	return f, nil
}

func (f *filter) pass(r *record.Record) bool {
	return f.kinds[r.Kind] && (f.match[r.Kind] == nil || f.match[r.Kind](r))
}
