package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
)

func newSQL(io Stdio) *cobra.Command {
	var data string
	var asJSON bool
	c := &cobra.Command{
		Use:   "sql STATEMENT",
		Short: "Ask with SQL over the record files",
		Long: "Run a SQL statement (DuckDB's dialect) over the views sessions, transactions and samples. Columns are called as the fields are;\n" +
			"sets are lists. Nothing can be written.",
		Example: `  tapir sql 'select "destination.ip", sum("network.bytes") b from sessions group by 1 order by b desc limit 5'`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := app.OpenReader(data)
			if err != nil {
				return err
			}
			defer r.Close()
			rows, err := r.Records.SQL(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer rows.Close()
			return printRows(io, rows, asJSON)
		},
	}
	dataFlag(c, &data)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	return c
}

// sqlRows is the part of *sql.Rows that printing needs.
type sqlRows interface {
	Columns() ([]string, error)
	Next() bool
	Scan(dest ...any) error
	Err() error
}

func printRows(io Stdio, rows sqlRows, asJSON bool) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	w := tabwriter.NewWriter(io.Out, 0, 8, 2, ' ', 0)
	enc := json.NewEncoder(io.Out)
	if !asJSON {
		printCells(w, len(names), func(i int) string { return names[i] })
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if asJSON {
			row := map[string]any{}
			for i, n := range names {
				row[n] = values[i]
			}
			if err := enc.Encode(row); err != nil {
				return err
			}
			continue
		}
		printCells(w, len(names), func(i int) string {
			if values[i] == nil {
				return "-"
			}
			return printable(fmt.Sprint(values[i]))
		})
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return w.Flush()
}

func printCells(w *tabwriter.Writer, n int, cell func(int) string) {
	for i := range n {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		fmt.Fprint(w, cell(i))
	}
	fmt.Fprintln(w)
}
