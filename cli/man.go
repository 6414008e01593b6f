package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan(io Stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "TAPIR", Section: "1", Source: "tapir"}, args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(io.Out, "manual pages written to %s (read one: man -l %s/tapir-record.1)\n", args[0], args[0])
			return err
		},
	}
}
