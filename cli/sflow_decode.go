package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow/collector"
	"github.com/tapir-project/tapir/sflow/sflowtool"
)

// sflowDecode are the options of sflow decode.
type sflowDecode struct {
	format                                 string
	line, json, pretty, grep, common, pcap bool // sflowtool's options for formats
	discards                               bool
	fields                                 string
	files                                  []string
	at                                     string
	strip                                  bool
	include, exclude                       string
	forward                                []string
	netflowHost                            string
	netflowPort, netflowVersion            int
	peerAS, unscaled, spoof                bool
	whole                                  bool
	bind                                   string
	port                                   int
	sampling                               uint32
	playback                               float64
	only4, only6, both                     bool
	ignored                                bool
	padding                                int
}

// formats are the names of --format, with sflowtool's option for each.
var sflowFormats = map[string]sflowtool.Format{"text": sflowtool.Text, "line": sflowtool.Line, "fields": sflowtool.Fields, "json": sflowtool.JSON,
	"json-pretty": sflowtool.PrettyJSON, "http": sflowtool.CommonLog, "grep": sflowtool.Grep, "pcap": sflowtool.PCAP, "pcap-discards": sflowtool.DiscardsPCAP}

func newSFlowDecode(io Stdio) *cobra.Command {
	var o sflowDecode
	c := &cobra.Command{
		Use:   "decode [FILE...|-]",
		Short: "Print sFlow datagrams, from captures or as they arrive, in sflowtool's formats",
		Long: "Print the sFlow datagrams (versions 2, 4 and 5) in capture files, in files that are one datagram each, or, without a file,\n" +
			"those that arrive at UDP port 6343. Output and options are those of sflowtool. Damage is reported on standard error.",
		Example: "  tapir sflow decode capture.pcap\n  tapir sflow decode --format line capture.pcap   # or -l\n  tapir sflow decode -L agent,srcIP,dstIP,sampledPacketSize capture.pcap\n" +
			"  tapir sflow decode -p 6343 -H\n  tapir sflow decode -t capture.pcap | tcpdump -r -\n  tapir sflow decode -f 192.0.2.9/6343",
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), io, append(args, o.files...)) },
	}
	o.flags(c)
	return c
}

func (o *sflowDecode) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.format, "format", "", "text (default), line, fields, json, json-pretty, http, grep, pcap, pcap-discards, pcap-datagrams; ndjson: records as tapir sflow collect stores them")
	f.BoolVarP(&o.line, "line", "l", false, "a line of comma separated values for each sample (--format line)")
	f.StringVarP(&o.fields, "fields", "L", "", "a line with these fields for each sample that has one of them (--format fields)")
	f.BoolVarP(&o.json, "json", "j", false, "a JSON object for each datagram (--format json)")
	f.BoolVarP(&o.pretty, "json-indented", "J", false, "JSON to read (--format json-pretty)")
	f.BoolVarP(&o.common, "common-logfile", "H", false, "HTTP samples in the combined log format (--format http)")
	f.BoolVarP(&o.grep, "grep", "g", false, "text with its context on each line (--format grep)")
	f.BoolVarP(&o.pcap, "write-pcap", "t", false, "headers of sampled packets as pcap (--format pcap)")
	f.BoolVarP(&o.discards, "write-pcap-discards", "T", false, "headers of discarded packets as pcap (--format pcap-discards)")
	f.BoolVarP(&o.whole, "write-pcap-datagrams", "M", false, "the datagrams themselves as pcap (--format pcap-datagrams)")
	f.StringArrayVarP(&o.files, "read-pcap", "r", nil, "FILE to read")
	f.StringVar(&o.at, "time", "", "time of capture for files that are one datagram, which have none: RFC 3339 or seconds since the epoch (TAPIR_SFLOW_TIME)")
	f.BoolVarP(&o.strip, "redact-payload", "x", false, "leave payload out of the pcap")
	f.StringVarP(&o.include, "include-vlans", "V", "", "samples of these VLANs only, as in 0-20,4091")
	f.StringVarP(&o.exclude, "exclude-vlans", "v", "", "no samples of these VLANs")
	f.StringArrayVarP(&o.forward, "forwarding-target", "f", nil, "send datagrams on to HOST/PORT and print nothing; may be repeated")
	f.StringVarP(&o.netflowHost, "netflow-collector", "c", "", "send flow samples as NetFlow to this host")
	f.IntVarP(&o.netflowPort, "netflow-udp-dport", "d", 0, "port of the NetFlow collector (default 2055)")
	f.IntVarP(&o.netflowVersion, "netflow-version", "N", 5, "version of NetFlow: 5 or 9")
	f.BoolVarP(&o.peerAS, "netflow-peer-as", "e", false, "AS numbers of peers, not origins, in NetFlow")
	f.BoolVarP(&o.unscaled, "no-scaling", "s", false, "leave scaling by the sampling rate to the NetFlow collector")
	f.BoolVarP(&o.spoof, "spoof-source", "S", false, "send NetFlow as from the agents' addresses (needs CAP_NET_RAW)")
	f.Uint32VarP(&o.sampling, "read-pcap-sampling", "R", 0, "sample one of N packets of the capture instead, as sFlow")
	f.Float64VarP(&o.playback, "read-pcap-playback", "P", 0, "speed at which captures are read: 1 as they were captured, 0 at once")
	f.IntVarP(&o.port, "port", "p", 6343, "UDP port to listen on where no file is given")
	f.StringVarP(&o.bind, "bind", "b", "", "listen on this address only")
	f.BoolVarP(&o.only4, "listen-v4-only", "4", false, "listen on IPv4 only")
	f.BoolVarP(&o.only6, "listen-v6-only", "6", false, "listen on IPv6 only")
	f.BoolVarP(&o.both, "listen-v4-v6", "A", false, "listen on both (default)")
	f.BoolVarP(&o.ignored, "keep-going-on-error", "k", false, "is always so")
	f.BoolVarP(&o.ignored, "allow-dns", "D", false, "is always so")
	f.IntVarP(&o.padding, "pcap-padding", "z", 0, "")
	f.MarkHidden("pcap-padding") // only so that it can be told what to do without
}

// chosen is the format that the options ask for.
func (o *sflowDecode) chosen() (sflowtool.Format, error) {
	name := o.format
	for _, alias := range []struct {
		on   bool
		name string
	}{{o.line, "line"}, {o.fields != "", "fields"}, {o.json, "json"}, {o.pretty, "json-pretty"}, {o.common, "http"}, {o.grep, "grep"}, {o.pcap, "pcap"}, {o.discards, "pcap-discards"},
		{o.whole, "pcap-datagrams"}} {
		if !alias.on {
			continue
		}
		if name != "" && name != alias.name {
			return 0, usagef("sflow decode: one format at a time (--format %s and %s)", name, alias.name)
		}
		name = alias.name
	}
	switch {
	case o.netflowHost != "" && name != "":
		return 0, usagef("sflow decode: one output at a time (NetFlow by -c, and %s)", name)
	case o.netflowHost != "":
		return sflowtool.NetFlow, nil
	}
	if name == "" || name == "ndjson" || name == "pcap-datagrams" { // the last two are not of samples as text: see sink
		name, o.format = "text", name
	}
	f, ok := sflowFormats[name]
	if !ok {
		return 0, usagef("sflow decode: no format %q (want text, line, fields, json, json-pretty, http, grep, pcap, pcap-discards, pcap-datagrams or ndjson)", name)
	}
	if f == sflowtool.Fields && o.fields == "" {
		return 0, usagef("sflow decode: which fields? (-L srcIP,dstIP)")
	}
	return f, nil
}

func (o *sflowDecode) run(ctx context.Context, io Stdio, files []string) error {
	format, err := o.chosen()
	if err != nil {
		return err
	}
	at, err := o.time()
	if err != nil {
		return err
	}
	vlans, err := sflowtool.ParseVLANs(o.include, o.exclude)
	if err != nil {
		return errUsage{err}
	}
	if err := o.netflow(); err != nil {
		return err
	}
	emit, flush, err := o.sink(io, sflowtool.Options{Format: format, Fields: splitNames(o.fields), Strip: o.strip, VLANs: vlans, Now: time.Now, Warn: warner(io),
		NetFlow: sflowtool.NetFlowOptions{Version: o.netflowVersion, PeerAS: o.peerAS, Unscaled: o.unscaled}})
	if err != nil {
		return err
	}
	in := app.ReadFiles{Files: files, Stdin: io.In, Warn: warner(io)}
	switch {
	case o.sampling > 0 && len(files) == 0:
		return usagef("sflow decode: -R samples which capture? (-r FILE)")
	case o.sampling > 0:
		err = app.SampleCapture(ctx, in, o.sampling, o.playback, func(b []byte, at time.Time) error {
			return emit(&app.Datagram{Payload: b, Captured: at}, time.Time{})
		})
	case len(files) > 0:
		err = app.SFlowDatagrams(ctx, in, o.playback, func(d *app.Datagram) error {
			if d.Captured.IsZero() {
				d.Captured = at
			}
			return emit(d, time.Time{})
		})
	default:
		err = app.ListenSFlow(ctx, o.network(), o.bind, o.port, func(d *app.Datagram, received time.Time) error {
			return errors.Join(emit(d, received), flush())
		})
	}
	return errors.Join(err, flush())
}

// network is what to listen on.
func (o *sflowDecode) network() string {
	switch {
	case o.only4 && !o.only6 && !o.both:
		return "udp4"
	case o.only6 && !o.only4 && !o.both:
		return "udp6"
	}
	return "udp"
}

// netflow checks the options of NetFlow, and -z.
func (o *sflowDecode) netflow() error {
	switch {
	case o.netflowVersion != 5 && o.netflowVersion != 9:
		return usagef("sflow decode: NetFlow has version 5 or 9, not %d", o.netflowVersion)
	case o.netflowHost == "" && (o.netflowPort != 0 || o.peerAS || o.unscaled || o.spoof):
		return usagef("sflow decode: -d, -e, -s and -S are of NetFlow: to which host? (-c HOST)")
	case o.padding != 0:
		return usagef("sflow decode: -z was for tcpdump of Red Hat Linux 6.2; leave it out: every tcpdump reads what -t, -T and -M write")
	}
	return nil
}

// emitter takes one datagram, with the time that it was received if it does not come from a file.
type emitter func(d *app.Datagram, received time.Time) error

// sink is where datagrams go: on to other collectors, into a capture, a converter, or a writer of sflowtool's formats.
func (o *sflowDecode) sink(io Stdio, out sflowtool.Options) (emit emitter, flush func() error, err error) {
	switch {
	case len(o.forward) > 0:
		return o.forwarder()
	case o.format == "ndjson":
		emit, flush = typedRecords(io)
		return emit, flush, nil
	case o.format == "pcap-datagrams":
		c := app.NewDatagramCapture(io.Out)
		return func(d *app.Datagram, received time.Time) error {
			return c.Add(d, cmp.Or(d.Captured, received, time.Unix(0, 0)))
		}, c.Flush, nil
	case out.Format == sflowtool.NetFlow:
		to, err := app.DialNetFlow(net.JoinHostPort(o.netflowHost, strconv.Itoa(cmp.Or(o.netflowPort, 2055))), o.spoof)
		if err != nil {
			return nil, nil, err
		}
		out.Send = to.Send
	}
	w := sflowtool.New(io.Out, out)
	return func(d *app.Datagram, received time.Time) error {
		m := sflowtool.Meta{Captured: d.Captured, Received: received}
		if !received.IsZero() {
			m.Source = d.From.Addr().Unmap()
		}
		return w.Write(d.Payload, m)
	}, w.Flush, nil
}

// typedRecords prints a JSON object a line for each sample: the record that a collector stores of it, with numbers as
// numbers and times in ISO 8601.
func typedRecords(io Stdio) (emit emitter, flush func() error) {
	p := newPrinter(io.Out, true, "")
	c := collector.NewConverter(collector.NewLedger(), nil, nil)
	var batch record.Batch
	warn := warner(io)
	emit = func(d *app.Datagram, received time.Time) error {
		at := cmp.Or(received, d.Captured, time.Unix(0, 0)) // of a file that is one datagram nobody knows the time
		batch.Reset()
		if !c.Add(d.Payload, &collector.Meta{At: at, Sender: d.From.Addr().Unmap()}, &batch) {
			warn(fmt.Errorf("a datagram of %d bytes is no sFlow", len(d.Payload)))
		}
		for _, r := range batch.Records() {
			if err := p.print(r); err != nil {
				return err
			}
		}
		return nil
	}
	return emit, p.flush
}

// forwarder sends datagrams on to all of -f.
func (o *sflowDecode) forwarder() (emitter, func() error, error) {
	var targets []net.Conn
	for _, t := range o.forward {
		host, port, ok := strings.Cut(t, "/")
		if !ok {
			return nil, nil, usagef("sflow decode: -f %s: want HOST/PORT", t)
		}
		conn, err := app.DialUDP(net.JoinHostPort(host, port))
		if err != nil {
			return nil, nil, fmt.Errorf("forward to %s: %w", t, err)
		}
		targets = append(targets, conn)
	}
	emit := func(d *app.Datagram, _ time.Time) error {
		for _, t := range targets {
			if _, err := t.Write(d.Payload); err != nil {
				return err
			}
		}
		return nil
	}
	return emit, func() error { return nil }, nil
}

// time is that of --time.
func (o *sflowDecode) time() (time.Time, error) {
	if o.at == "" {
		o.at = os.Getenv("TAPIR_SFLOW_TIME")
	}
	if o.at == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, o.at); err == nil {
		return t, nil
	}
	sec, frac, _ := strings.Cut(o.at, ".")
	s, err := strconv.ParseInt(sec, 10, 64)
	ns, err2 := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
	if err != nil || err2 != nil {
		return time.Time{}, usagef("sflow decode: --time %s: want 2006-01-02T15:04:05Z or seconds since the epoch", o.at)
	}
	return time.Unix(s, ns), nil
}

// splitNames parts names at commas and spaces.
func splitNames(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ' ' })
}
