package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
)

func newServe(io Stdio) *cobra.Command {
	var s app.Serve
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the API over a data directory",
		Long: "Serve the API over a data directory, which another process may be writing. The URL, with its token, is printed on a line\n" +
			"of its own on standard output.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s.Version = version
			s.Log = slog.New(slog.NewTextHandler(io.Err, nil))
			s.Ready = func(url string) { fmt.Fprintln(io.Out, url) }
			return app.RunServer(c.Context(), s)
		},
	}
	dataFlag(c, &s.Data)
	c.Flags().StringVar(&s.Listen, "listen", "127.0.0.1:8005", "address and port; port 0 takes a free one")
	c.Flags().StringVar(&s.Token, "token", "", "token that requests must carry (default: the data directory's own)")
	importFlag(c, &s.ImportLimit)
	c.Flags().Var(&freeValue{&s.Retention}, "free-space", "always keep so much of the disk free when importing, percent or size (default 5%)")
	return c
}
