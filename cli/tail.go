package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/record"
)

func newTail(io Stdio) *cobra.Command {
	var q question
	var asJSON bool
	c := &cobra.Command{
		Use:     "tail [EXPR]",
		Short:   "Print sessions or transactions as they are stored",
		Example: "  tapir tail --kind transaction 'status == Error'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := q.bind(strings.Join(args, ""), time.Now())
			if err != nil {
				return err
			}
			r, err := app.OpenReader(q.data)
			if err != nil {
				return err
			}
			defer r.Close()
			p := newPrinter(io.Out, asJSON, r.Dir.Node())
			err = r.Records.Follow(c.Context(), s, func(rec *record.Record) bool {
				return p.print(rec) == nil && p.flush() == nil
			}, func() bool { return true })
			if c.Context().Err() != nil {
				return nil // interrupted: that is how tail ends
			}
			return err
		},
	}
	dataFlag(c, &q.data)
	q.bounding = "last"
	c.Flags().StringVar(&q.kind, "kind", "session", "kind of record: session or transaction")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	return c
}
