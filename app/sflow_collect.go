package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow/collector"
	"github.com/tapir-project/tapir/source"
)

// SFlow says what is collected of sFlow, NetFlow and IPFIX.
type SFlow struct {
	Listen     []string // addresses, "192.0.2.1:6343", ":6343"
	Sockets    int      // on each address; 0: one
	Interfaces []string // names of interfaces, AGENT:INDEX=NAME
	SNMP       collector.SNMP
	Geo        []string // MaxMind DB files
}

// collecting is a collector with what it stands on.
type collecting struct {
	*collector.Collector
	geo *collector.Geo
}

// open opens databases and sockets; worker is the number of the first socket as a worker of the sink.
func (f *SFlow) open(sink record.Sink, worker int) (c collecting, err error) {
	names, err := collector.NewNames(f.Interfaces, f.SNMP)
	if err != nil {
		return c, err
	}
	if c.geo, err = collector.OpenGeo(f.Geo); err != nil {
		return c, err
	}
	c.Collector, err = collector.Open(collector.Config{Listen: f.Listen, Sockets: f.Sockets, Worker: worker, Names: names, Geo: c.geo, Sink: sink})
	if err != nil {
		return c, errors.Join(err, c.geo.Close())
	}
	return c, nil
}

func (c *collecting) close() error { return errors.Join(c.Collector.Close(), c.geo.Close()) }

// Collect receives sFlow beside a capture, until ctx ends, and stores it in the node's directory.
func (n *Node) Collect(ctx context.Context, f SFlow, progress func(collector.Report)) error {
	c, err := f.open(n.records, n.cfg.Workers+capturing.beside) // behind the workers of packets
	if err != nil {
		return err
	}
	path := exportersPath(n.dir)
	return errors.Join(c.watch(ctx, func(s collector.Report) {
		if err := writeJSON(path, s); err != nil {
			n.cfg.Log.Warn("status file", "error", err)
		}
		progress(s)
	}), c.close())
}

// watch runs the collector and tells its report once a second, and at the end.
func (c *collecting) watch(ctx context.Context, tell func(collector.Report)) error {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		every(time.Second, stop, func() { tell(c.Report(true)) })
	}()
	tell(c.Report(true))
	err := c.Run(ctx)
	close(stop)
	<-done
	tell(c.Report(false))
	return err
}

// CollectSFlow receives sFlow until ctx ends, without capturing packets. serve, if not nil, runs beside it.
func CollectSFlow(ctx context.Context, cfg Config, f SFlow, progress func(collector.Report), serve func(context.Context, *Node) error) (err error) {
	cfg.Workers = 1
	n, err := openNode(ctx, cfg, capturing)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	beside := make(chan error, 2)
	run := func(do func(context.Context, *Node) error) {
		err := do(ctx, n)
		if err != nil {
			cancel(err)
		}
		beside <- err
	}
	parts := 1
	go run(func(ctx context.Context, n *Node) error { return n.Collect(ctx, f, progress) })
	if serve != nil {
		parts++
		go run(serve)
	}
	_, err = n.watch(ctx, silent{}, func(Progress) {})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	cancel(nil)
	for range parts {
		err = errors.Join(err, <-beside)
	}
	return err
}

// CountSFlow receives sFlow until ctx ends and stores nothing: the ledger is all that is kept.
func CountSFlow(ctx context.Context, f SFlow, progress func(collector.Report)) error {
	c, err := f.open(sinkFunc(func(*record.Record) error { return nil }), 0)
	if err != nil {
		return err
	}
	return errors.Join(c.watch(ctx, progress), c.close())
}

// silent is a source without packets.
type silent struct{}

func (silent) Run(ctx context.Context, _ func(*source.Block) error) error {
	<-ctx.Done()
	return ctx.Err()
}
func (silent) Queues() int                    { return 1 }
func (silent) Interfaces() []source.Interface { return nil }
func (silent) Stats() source.Stats            { return source.Stats{} }
func (silent) Close() error                   { return nil }

func exportersPath(d *datadir.Dir) string { return filepath.Join(d.State(), "exporters.json") }

// writeJSON replaces a small file as a whole.
func writeJSON(path string, x any) error {
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Exporters gives what the collector of a data directory last told, whether it is running still or not. It is empty where none
// ever ran.
func Exporters(d *datadir.Dir) (r collector.Report, err error) {
	r.Exporters = []collector.ExporterStatus{}
	b, err := os.ReadFile(exportersPath(d))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("exporters: %w", err)
	}
	r.Running = r.Running && time.Since(r.Time) < 10*time.Second // one that was killed could not say so
	return r, nil
}
