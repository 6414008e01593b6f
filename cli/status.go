package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/api"
	"github.com/tapir-project/tapir/app"
)

func newStatus(io Stdio) *cobra.Command {
	var data string
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Tell what is stored, how the capture goes, and what was deleted",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return status(c.Context(), io, data, asJSON)
		},
	}
	dataFlag(c, &data)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func status(ctx context.Context, io Stdio, data string, asJSON bool) error {
	r, err := app.OpenReader(data)
	if err != nil {
		return err
	}
	defer r.Close()
	stored, err := r.Records.Status(ctx)
	if err != nil {
		return err
	}
	st, err := r.NodeStatus(stored)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(io.Out).Encode(struct {
			Node   string           `json:"node"`
			Stored []map[string]any `json:"stored"`
			app.NodeStatus
		}{r.Dir.Node(), api.StoredJSON(stored), st})
	}
	packets := st.Packets
	w := io.Out
	fmt.Fprintf(w, "node %s, data %s\n", r.Dir.Node(), r.Dir.Path())
	for _, k := range stored.Kinds {
		fmt.Fprintf(w, "  %-12s %12d records  %10s in %d files%s\n", k.Kind.String()+"s", k.Records, sizeText(k.Bytes), k.Files, spanOf(k.Oldest, k.Newest))
	}
	fmt.Fprintf(w, "  %-12s %12d packets  %10s in %d files%s\n", "packets", packets.Packets, sizeText(packets.Bytes), packets.Segments, spanOf(packets.Oldest, packets.Newest))
	printRecorder(w, &st)
	return nil
}

func spanOf(oldest, newest int64) string {
	if newest == 0 {
		return ""
	}
	const layout = "2006-01-02 15:04:05"
	return fmt.Sprintf("  %s to %s UTC", time.Unix(0, oldest).UTC().Format(layout), time.Unix(0, newest).UTC().Format(layout))
}

func printRecorder(w io.Writer, st *app.NodeStatus) {
	if !st.Running {
		fmt.Fprintln(w, "no capture is running (start one: sudo tapir record -i any)")
		return
	}
	s := st.Recorder
	fmt.Fprintf(w, "capturing since %s, process %d\n", s.Started.Format(time.DateTime), s.PID)
	for _, i := range s.Interfaces {
		fmt.Fprintf(w, "  interface %-12s %s/s, %.0f packets/s, %d dropped%s\n", i.Name, sizeText(int64(i.ByteRate)), i.PacketRate, i.Dropped, downText(i.Up))
	}
	fmt.Fprintf(w, "  %d packets, %s, %d sessions ended, %d open, %d transactions\n", s.Packets, sizeText(int64(s.Bytes)), s.Sessions, s.Open, s.Transacts)
	fmt.Fprintf(w, "  now %s/s, %.0f packets/s, %.0f sessions/s, %.0f transactions/s, %.0f packets lost/s\n", sizeText(int64(s.Rates.Bytes)),
		s.Rates.Packets, s.Rates.Sessions, s.Rates.Transactions, s.Rates.Lost)
	d := s.Drops
	fmt.Fprintf(w, "  lost: %d by the kernel, %d not stored, %d records, %d flows evicted, %d holes given up, %d datagrams incomplete, %d parser bytes, %d parser defects\n",
		d.Kernel, d.NotStored, d.Records, d.Evicted, d.ReorderEvicted, d.Fragments, d.ParserOverflow, d.ParserPanics)
	for _, q := range s.Queues {
		fmt.Fprintf(w, "  queue %-12s %d of %d %s, dropped %d", q.Name, q.Length, q.Bound, q.Unit, q.Dropped)
		if q.Failing != "" {
			fmt.Fprintf(w, ", failing: %s", q.Failing)
		}
		fmt.Fprintln(w)
	}
	printRetention(w, st)
}

func downText(up bool) string {
	if up {
		return ""
	}
	return ", down"
}

// printRetention tells what fits, and what was deleted.
func printRetention(w io.Writer, st *app.NodeStatus) {
	s := st.Recorder
	if st.Disk.Total > 0 {
		fmt.Fprintf(w, "  disk %s free of %s, %s stay free\n", sizeText(st.Disk.Free), sizeText(st.Disk.Total), sizeText(s.Limits.KeepFree))
	}
	for _, x := range []struct {
		what  string
		reach app.Reach
	}{{"packets", st.Retention.Packets}, {"records", st.Retention.Records}} {
		if x.reach.By != "" {
			fmt.Fprintf(w, "  at this rate %s of %s are kept (limit: %s)\n", daysText(x.reach.Seconds), x.what, x.reach.By)
		}
	}
	for _, x := range s.Deleted {
		fmt.Fprintf(w, "  deleted %s %s (%s): %s\n", x.Time.Format(time.DateTime), x.What, sizeText(x.Bytes), x.Reason)
	}
}

// daysText is a span in days, or in hours where it is short.
func daysText(seconds float64) string {
	if days := seconds / 86400; days >= 2 {
		return fmt.Sprintf("%.1f days", days)
	}
	return fmt.Sprintf("%.1f hours", seconds/3600)
}
