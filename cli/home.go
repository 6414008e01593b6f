package cli

import (
	"fmt"
	"io"

	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/source/afpacket"
)

// home is what tapir alone prints on a terminal: where things stand and what to do next. It never captures.
func home(w io.Writer, data string) error {
	fmt.Fprintf(w, "tapir %s\n\n", version)
	if all, err := afpacket.Devices(); err == nil {
		for i := range all {
			d := &all[i]
			fmt.Fprintf(w, "  interface  %-12s %d packets received, %d sent  %s\n", d.Name, d.RxPackets, d.TxPackets, addresses(d.Addrs))
		}
	}
	s, url, found := app.Look(data)
	switch {
	case !found:
		fmt.Fprintf(w, "  data       none at %s yet\n", data)
	case s.PID == 0:
		fmt.Fprintf(w, "  data       %s, no capture is running\n", data)
	default:
		fmt.Fprintf(w, "  data       %s, capturing since %s: %d packets, %d sessions\n", data, s.Started.Format("2006-01-02 15:04"), s.Packets, s.Sessions)
	}
	if url != "" {
		fmt.Fprintf(w, "  API        %s\n", url)
	}
	_, err := fmt.Fprint(w, "\nNext:\n"+
		"  sudo tapir record -i any                    capture, index and serve\n"+
		"  tapir import capture.pcap                   the same from a file\n"+
		"  tapir search 'protocols == http'            ask\n"+
		"  tapir export 'ip == 10.0.0.1' -w out.pcap   get packets back\n\n"+
		"tapir --help lists all commands.\n")
	return err
}
