package cli

import (
	"context"
	"errors"
	"fmt"
	stdio "io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
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
	peerAS, unscaled                       bool
	port                                   int
	sampling                               uint32
	playback                               float64
	only4, only6, both                     bool
	ignored                                bool
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
	f.StringVar(&o.format, "format", "", "text (default), line, fields, json, json-pretty, http, grep, pcap, pcap-discards; ndjson: records as tapir sflow collect stores them")
	f.BoolVarP(&o.line, "line", "l", false, "a line of comma separated values for each sample (--format line)")
	f.StringVarP(&o.fields, "fields", "L", "", "a line with these fields for each sample that has one of them (--format fields)")
	f.BoolVarP(&o.json, "json", "j", false, "a JSON object for each datagram (--format json)")
	f.BoolVarP(&o.pretty, "json-indented", "J", false, "JSON to read (--format json-pretty)")
	f.BoolVarP(&o.common, "common-logfile", "H", false, "HTTP samples in the combined log format (--format http)")
	f.BoolVarP(&o.grep, "grep", "g", false, "text with its context on each line (--format grep)")
	f.BoolVarP(&o.pcap, "write-pcap", "t", false, "headers of sampled packets as pcap (--format pcap)")
	f.BoolVarP(&o.discards, "write-pcap-discards", "T", false, "headers of discarded packets as pcap (--format pcap-discards)")
	f.StringArrayVarP(&o.files, "read-pcap", "r", nil, "FILE to read")
	f.StringVar(&o.at, "time", "", "time of capture for files that are one datagram, which have none: RFC 3339 or seconds since the epoch (TAPIR_SFLOW_TIME)")
	f.BoolVarP(&o.strip, "redact-payload", "x", false, "leave payload out of the pcap")
	f.StringVarP(&o.include, "include-vlans", "V", "", "samples of these VLANs only, as in 0-20,4091")
	f.StringVarP(&o.exclude, "exclude-vlans", "v", "", "no samples of these VLANs")
	f.StringArrayVarP(&o.forward, "forwarding-target", "f", nil, "send datagrams on to HOST/PORT and print nothing; may be repeated")
	f.StringVarP(&o.netflowHost, "netflow-collector", "c", "", "send flow samples as NetFlow to this host")
	f.IntVarP(&o.netflowPort, "netflow-udp-dport", "d", 2055, "port of the NetFlow collector")
	f.IntVarP(&o.netflowVersion, "netflow-version", "N", 5, "version of NetFlow: 5 or 9")
	f.BoolVarP(&o.peerAS, "netflow-peer-as", "e", false, "AS numbers of peers, not origins, in NetFlow")
	f.BoolVarP(&o.unscaled, "no-scaling", "s", false, "leave scaling by the sampling rate to the NetFlow collector")
	f.Uint32VarP(&o.sampling, "read-pcap-sampling", "R", 0, "sample one of N packets of the capture instead, as sFlow")
	f.Float64VarP(&o.playback, "read-pcap-playback", "P", 0, "speed at which -R reads: 1 as it was captured, 0 at once")
	f.IntVarP(&o.port, "port", "p", 6343, "UDP port to listen on where no file is given")
	f.BoolVarP(&o.only4, "listen-v4-only", "4", false, "listen on IPv4 only")
	f.BoolVarP(&o.only6, "listen-v6-only", "6", false, "listen on IPv6 only")
	f.BoolVarP(&o.both, "listen-v4-v6", "A", false, "listen on both (default)")
	f.BoolVarP(&o.ignored, "keep-going-on-error", "k", false, "is always so")
	f.BoolVarP(&o.ignored, "allow-dns", "D", false, "is always so")
}

// chosen is the format that the options ask for.
func (o *sflowDecode) chosen() (sflowtool.Format, error) {
	name := o.format
	for _, alias := range []struct {
		on   bool
		name string
	}{{o.line, "line"}, {o.fields != "", "fields"}, {o.json, "json"}, {o.pretty, "json-pretty"}, {o.common, "http"}, {o.grep, "grep"}, {o.pcap, "pcap"}, {o.discards, "pcap-discards"}} {
		if !alias.on {
			continue
		}
		if name != "" && name != alias.name {
			return 0, usagef("sflow decode: one format at a time (--format %s and %s)", name, alias.name)
		}
		name = alias.name
	}
	if o.netflowHost != "" {
		return sflowtool.NetFlow, nil
	}
	if name == "" || name == "ndjson" { // ndjson is not sflowtool's: see typedRecords
		name = "text"
	}
	f, ok := sflowFormats[name]
	if !ok {
		return 0, usagef("sflow decode: no format %q (want text, line, fields, json, json-pretty, http, grep, pcap, pcap-discards or ndjson)", name)
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
	if o.netflowVersion != 5 && o.netflowVersion != 9 {
		return usagef("sflow decode: NetFlow has version 5 or 9, not %d", o.netflowVersion)
	}
	out := sflowtool.Options{Format: format, Fields: splitNames(o.fields), Strip: o.strip, VLANs: vlans, Now: time.Now, Warn: warner(io),
		NetFlow: sflowtool.NetFlowOptions{Version: o.netflowVersion, PeerAS: o.peerAS, Unscaled: o.unscaled}}
	if format == sflowtool.NetFlow {
		conn, err := net.Dial("udp", net.JoinHostPort(o.netflowHost, strconv.Itoa(o.netflowPort)))
		if err != nil {
			return fmt.Errorf("netflow: %w", err)
		}
		defer conn.Close()
		out.Datagrams = lossy{conn}
	}
	emit, flush, err := o.sink(io, out)
	if err != nil {
		return err
	}
	if o.format == "ndjson" {
		emit, flush = typedRecords(io)
	}
	if o.sampling > 0 {
		if len(files) == 0 {
			return usagef("sflow decode: -R samples which capture? (-r FILE)")
		}
		err = app.SampleCapture(ctx, app.ReadFiles{Files: files, Stdin: io.In, Warn: warner(io)}, o.sampling, o.playback, func(b []byte, at time.Time) error {
			return emit(b, sflowtool.Meta{Captured: at})
		})
		return errors.Join(err, flush())
	}
	if len(files) > 0 {
		err = app.SFlowDatagrams(ctx, app.ReadFiles{Files: files, Stdin: io.In, Warn: warner(io)}, func(d *app.Datagram) error {
			if d.Captured.IsZero() {
				d.Captured = at
			}
			m := sflowtool.Meta{Captured: d.Captured}
			if o.format == "ndjson" {
				m.Source = unmap(d.From)
			}
			return emit(d.Payload, m)
		})
		return errors.Join(err, flush())
	}
	network := "udp"
	if o.only4 != o.only6 && !o.both {
		network = map[bool]string{true: "udp4", false: "udp6"}[o.only4]
	}
	return app.ListenSFlow(ctx, network, o.port, func(d *app.Datagram, received time.Time) error {
		if err := emit(d.Payload, sflowtool.Meta{Source: unmap(d.From), Received: received}); err != nil {
			return err
		}
		return flush()
	})
}

// typedRecords prints a JSON object a line for each sample: the record that a collector stores of it, with numbers as
// numbers and times in ISO 8601.
func typedRecords(io Stdio) (emit func([]byte, sflowtool.Meta) error, flush func() error) {
	p := newPrinter(io.Out, true, "")
	c := collector.NewConverter(collector.NewLedger(), nil, nil)
	var batch record.Batch
	warn := warner(io)
	emit = func(b []byte, m sflowtool.Meta) error {
		at := m.Captured
		switch {
		case !m.Received.IsZero():
			at = m.Received
		case at.IsZero():
			at = time.Unix(0, 0) // of a file that is one datagram nobody knows the time
		}
		batch.Reset()
		if !c.Add(b, &collector.Meta{At: at, Sender: m.Source}, &batch) {
			warn(fmt.Errorf("a datagram of %d bytes is no sFlow", len(b)))
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

func unmap(a netip.AddrPort) netip.Addr { return a.Addr().Unmap() }

// sink is where datagrams go: on to other collectors, or into the writer.
func (o *sflowDecode) sink(io Stdio, out sflowtool.Options) (emit func([]byte, sflowtool.Meta) error, flush func() error, err error) {
	if len(o.forward) == 0 {
		w := sflowtool.New(io.Out, out)
		return w.Write, w.Flush, nil
	}
	var targets []stdio.Writer
	for _, t := range o.forward {
		host, port, ok := strings.Cut(t, "/")
		if !ok {
			return nil, nil, usagef("sflow decode: -f %s: want HOST/PORT", t)
		}
		conn, err := net.Dial("udp", net.JoinHostPort(host, port))
		if err != nil {
			return nil, nil, fmt.Errorf("forward to %s: %w", t, err)
		}
		targets = append(targets, lossy{conn})
	}
	emit = func(b []byte, _ sflowtool.Meta) error {
		for _, t := range targets {
			if _, err := t.Write(b); err != nil {
				return err
			}
		}
		return nil
	}
	return emit, func() error { return nil }, nil
}

// lossy is a socket to a host that may not listen, or not yet: what it refuses is lost, as UDP is.
type lossy struct{ net.Conn }

func (l lossy) Write(b []byte) (int, error) {
	if _, err := l.Conn.Write(b); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
		return 0, err
	}
	return len(b), nil
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
