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

// ExportersStatus is what a collector tells of itself in state/exporters.json, once a second.
type ExportersStatus struct {
	Time      time.Time                  `json:"time"`
	Stats     collector.Stats            `json:"stats"`
	Exporters []collector.ExporterStatus `json:"exporters"`
	Names     map[string]string          `json:"snmp_errors,omitempty"` // agents that were asked for names and did not answer
}

// collecting is a collector with what it stands on.
type collecting struct {
	*collector.Collector
	names *collector.Names
	geo   *collector.Geo
}

// open opens databases and sockets; worker is the number of the first socket as a worker of the sink.
func (f *SFlow) open(sink record.Sink, worker int) (c collecting, err error) {
	if c.names, err = collector.NewNames(f.Interfaces, f.SNMP); err != nil {
		return c, err
	}
	if c.geo, err = collector.OpenGeo(f.Geo); err != nil {
		return c, err
	}
	c.Collector, err = collector.Open(collector.Config{Listen: f.Listen, Sockets: f.Sockets, Worker: worker, Names: c.names, Geo: c.geo, Sink: sink})
	if err != nil {
		return c, errors.Join(err, c.geo.Close())
	}
	return c, nil
}

func (c *collecting) close() error { return errors.Join(c.Collector.Close(), c.geo.Close()) }

func (c *collecting) status() ExportersStatus {
	return ExportersStatus{time.Now(), c.Stats(), c.Ledger().Status(c.names), c.names.Errors()}
}

// Collect receives sFlow beside a capture, until ctx ends, and stores it in the node's directory.
func (n *Node) Collect(ctx context.Context, f SFlow, progress func(ExportersStatus)) error {
	c, err := f.open(n.records, n.cfg.Workers+capturing.beside) // behind the workers of packets
	if err != nil {
		return err
	}
	path := exportersPath(n.dir)
	defer os.Remove(path)
	return errors.Join(c.watch(ctx, func(s ExportersStatus) {
		if err := writeJSON(path, s); err != nil {
			n.cfg.Log.Warn("status file", "error", err)
		}
		progress(s)
	}), c.close())
}

// watch runs the collector and tells its status once a second, and at the end.
func (c *collecting) watch(ctx context.Context, tell func(ExportersStatus)) error {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		every(time.Second, stop, func() { tell(c.status()) })
	}()
	tell(c.status())
	err := c.Run(ctx)
	close(stop)
	<-done
	tell(c.status())
	return err
}

// CollectSFlow receives sFlow until ctx ends, without capturing packets. serve, if not nil, runs beside it.
func CollectSFlow(ctx context.Context, cfg Config, f SFlow, progress func(ExportersStatus), serve func(context.Context, *Node) error) (err error) {
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
func CountSFlow(ctx context.Context, f SFlow, progress func(ExportersStatus)) error {
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

// Exporters gives what the collector of a data directory last told, and whether one is running.
func Exporters(d *datadir.Dir) (s ExportersStatus, running bool, err error) {
	b, err := os.ReadFile(exportersPath(d))
	if errors.Is(err, os.ErrNotExist) {
		return s, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, false, fmt.Errorf("exporters: %w", err)
	}
	return s, time.Since(s.Time) < 10*time.Second, nil
}
