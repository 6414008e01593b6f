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
	packets, err := r.PacketStatus()
	if err != nil {
		return err
	}
	rec, running := app.ReadStatus(r.Dir)
	if asJSON {
		body := map[string]any{"node": r.Dir.Node(), "stored": api.StoredJSON(stored), "packets": packets, "running": running}
		if running {
			body["recorder"] = rec
		}
		return json.NewEncoder(io.Out).Encode(body)
	}
	w := io.Out
	fmt.Fprintf(w, "node %s, data %s\n", r.Dir.Node(), r.Dir.Path())
	for _, k := range stored.Kinds {
		fmt.Fprintf(w, "  %-12s %12d records  %10s in %d files%s\n", k.Kind.String()+"s", k.Records, sizeText(k.Bytes), k.Files, spanOf(k.Oldest, k.Newest))
	}
	fmt.Fprintf(w, "  %-12s %12d packets  %10s in %d files%s\n", "packets", packets.Packets, sizeText(packets.Bytes), packets.Segments, spanOf(packets.Oldest, packets.Newest))
	printRecorder(w, rec, running)
	return nil
}

func spanOf(oldest, newest int64) string {
	if newest == 0 {
		return ""
	}
	const layout = "2006-01-02 15:04:05"
	return fmt.Sprintf("  %s to %s UTC", time.Unix(0, oldest).UTC().Format(layout), time.Unix(0, newest).UTC().Format(layout))
}

func printRecorder(w io.Writer, s app.RecorderStatus, running bool) {
	if !running {
		fmt.Fprintln(w, "no capture is running (start one: sudo tapir record -i any)")
		return
	}
	fmt.Fprintf(w, "capturing since %s, process %d\n", s.Started.Format(time.DateTime), s.PID)
	for _, i := range s.Interfaces {
		fmt.Fprintf(w, "  interface %s\n", i.Name)
	}
	fmt.Fprintf(w, "  %d packets, %s, %d sessions ended, %d open, %d transactions\n", s.Packets, sizeText(int64(s.Bytes)), s.Sessions, s.Open, s.Transacts)
	d := s.Drops
	fmt.Fprintf(w, "  lost: %d by the kernel, %d not stored, %d records, %d flows evicted, %d holes given up, %d datagrams incomplete, %d parser bytes, %d parser defects\n",
		d.Kernel, d.NotStored, d.Records, d.Evicted, d.ReorderEvicted, d.Fragments, d.ParserOverflow, d.ParserPanics)
	for _, q := range s.Queues {
		fmt.Fprintf(w, "  queue %-12s %d of %d, dropped %d", q.Name, q.Length, q.Bound, q.Dropped)
		if q.Failing != "" {
			fmt.Fprintf(w, ", failing: %s", q.Failing)
		}
		fmt.Fprintln(w)
	}
	if s.Disk.Total > 0 {
		fmt.Fprintf(w, "  disk %s free of %s\n", sizeText(s.Disk.Free), sizeText(s.Disk.Total))
	}
	for _, x := range s.Deleted {
		fmt.Fprintf(w, "  deleted %s %s (%s): %s\n", x.Time.Format(time.DateTime), x.What, sizeText(x.Bytes), x.Reason)
	}
}
