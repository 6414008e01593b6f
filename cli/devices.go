package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/source/afpacket"
)

func newDevices(io Stdio) *cobra.Command {
	var asJSON, check bool
	c := &cobra.Command{
		Use:   "devices",
		Short: "List the interfaces that can be captured",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if check {
				src, err := afpacket.Open(afpacket.Config{Interfaces: []string{"lo"}})
				if err != nil {
					return err
				}
				return src.Close()
			}
			all, err := afpacket.Devices()
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(io.Out)
				for i := range all {
					if err := enc.Encode(&all[i]); err != nil {
						return err
					}
				}
				return nil
			}
			return printDevices(io, all)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	c.Flags().BoolVar(&check, "check", false, "only tell, by the exit code, whether this user may capture")
	return c
}

func printDevices(io Stdio, all []afpacket.Device) error {
	w := tabwriter.NewWriter(io.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "INDEX\tNAME\tSTATE\tSPEED\tRECEIVED\tSENT\tADDRESSES")
	for i := range all {
		d := &all[i]
		state := "down"
		if d.Flags&net.FlagUp != 0 {
			state = "up"
		}
		speed := "-"
		if d.Speed > 0 {
			speed = fmt.Sprintf("%d Mb/s", d.Speed)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\t%s\n", d.Index, d.Name, state, speed, d.RxPackets, d.TxPackets, addresses(d.Addrs))
	}
	return w.Flush()
}

func addresses(all []netip.Prefix) string {
	var out []string
	for _, a := range all {
		out = append(out, a.String())
	}
	return strings.Join(out, " ")
}
