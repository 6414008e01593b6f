package cli

import "github.com/spf13/cobra"

func newSFlow(io Stdio) *cobra.Command {
	c := &cobra.Command{
		Use:   "sflow",
		Short: "sFlow: print, collect and store what agents send",
		Long:  "sFlow (sflow.org) is how switches, hosts and web servers report samples of their traffic and their counters.",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return usagef("say what to do (try: tapir sflow --help)") },
	}
	c.AddCommand(newSFlowDecode(io), newSFlowAgent(io), newSFlowCollect(io), newSFlowExporters(io))
	return c
}
