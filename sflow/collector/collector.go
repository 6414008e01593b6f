package collector

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapir-project/tapir/record"
)

// Config says what is collected and where it goes.
type Config struct {
	Listen  []string // addresses, "192.0.2.1:6343", ":6343"
	Sockets int      // on each address; 0: one
	Worker  int      // number of the first socket as a worker of the sink: record.Batch.Worker
	Names   *Names   // may be nil
	Geo     *Geo     // may be nil
	Sink    record.Sink
}

// Bounds of a batch of records.
const (
	batchRecords = 1024
	tick         = 100 * time.Millisecond // most that a record waits for its batch
)

// background is for what has no context of its own.
var background = context.Background()

// Collector receives datagrams and hands on records. Open makes one, Run may be called once, Close comes last.
type Collector struct {
	cfg     Config
	ledger  *Ledger
	sockets []*socket

	datagrams, bytes, records, refused, dropped atomic.Uint64
	failed                                      atomic.Uint64 // batches that the sink refused
}

// Stats counts what a Collector did.
type Stats struct {
	Datagrams uint64 `json:"datagrams"`
	Bytes     uint64 `json:"bytes"`
	Records   uint64 `json:"records"`
	Refused   uint64 `json:"refused"`      // datagrams that are neither sFlow nor NetFlow
	Dropped   uint64 `json:"socket_drops"` // datagrams that the kernel had no room for
	Failed    uint64 `json:"sink_errors"`  // batches that the sink reported an error for
}

// Open opens the sockets.
func Open(cfg Config) (*Collector, error) {
	c := &Collector{cfg: cfg, ledger: NewLedger()}
	for _, addr := range cfg.Listen {
		for range max(cfg.Sockets, 1) {
			s, err := listen(addr)
			if err != nil {
				c.Close()
				return nil, err
			}
			c.sockets = append(c.sockets, s)
			if _, port, err := net.SplitHostPort(addr); err == nil && port == "0" { // all share what the first one got
				addr = s.conn.LocalAddr().String()
			}
		}
	}
	return c, nil
}

// Close closes the sockets.
func (c *Collector) Close() error {
	var errs []error
	for _, s := range c.sockets {
		errs = append(errs, s.conn.Close())
	}
	return errors.Join(errs...)
}

// Addr is where the first socket listens.
func (c *Collector) Addr() netip.AddrPort {
	return c.sockets[0].conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Ledger is the ledger of exporters.
func (c *Collector) Ledger() *Ledger { return c.ledger }

// Stats tells what was received and lost so far.
func (c *Collector) Stats() Stats {
	return Stats{c.datagrams.Load(), c.bytes.Load(), c.records.Load(), c.refused.Load(), c.dropped.Load(), c.failed.Load()}
}

// Run receives until ctx ends; what was received is handed on.
func (c *Collector) Run(ctx context.Context) error {
	var all sync.WaitGroup
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.cfg.Names != nil {
		all.Go(func() { c.cfg.Names.Run(ctx) })
	}
	for i := range c.sockets {
		all.Go(func() {
			if err := c.serve(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// serve receives from one socket. The first one also watches over exporters that fall silent.
func (c *Collector) serve(ctx context.Context, i int) error {
	s, conv := c.sockets[i], NewConverter(c.ledger, c.cfg.Names, c.cfg.Geo)
	batch := &record.Batch{Worker: c.cfg.Worker + i}
	var seen uint32
	next := time.Now().Add(tick)
	for ctx.Err() == nil {
		n, err := s.receive(next)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		now := time.Now()
		m := Meta{At: now}
		for j := range n {
			var b []byte
			b, m.Sender = s.datagram(j)
			m.Overflow = s.overflow
			c.bytes.Add(uint64(len(b)))
			if !conv.Add(b, &m, batch) {
				c.refused.Add(1)
			}
		}
		c.datagrams.Add(uint64(n))
		c.dropped.Add(uint64(s.overflow - seen))
		seen = s.overflow
		if late := !now.Before(next); late || batch.Len() >= batchRecords {
			if late {
				next = now.Add(tick)
				if i == 0 {
					c.events(now, batch)
				}
			}
			c.hand(batch)
		}
	}
	c.events(time.Now(), batch)
	c.hand(batch)
	return nil
}

// events makes records of what happened to exporters.
func (c *Collector) events(now time.Time, batch *record.Batch) {
	for _, e := range c.ledger.Tick(now) {
		EventRecord(batch.Next(), &e)
	}
}

// hand gives the batch to the sink, which keeps and counts what it cannot write.
func (c *Collector) hand(b *record.Batch) {
	if b.Len() == 0 {
		return
	}
	c.records.Add(uint64(b.Len()))
	if err := c.cfg.Sink.Add(b); err != nil {
		c.failed.Add(1)
	}
	w := b.Worker
	b.Reset()
	b.Worker = w
}

// Address makes the address to listen on of a port or HOST:PORT.
func Address(s string) string {
	if _, err := strconv.ParseUint(s, 10, 16); err == nil {
		return ":" + s
	}
	return s
}
