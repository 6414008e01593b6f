package main

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

// collector counts samples, and keeps the last counters.
type collector struct {
	conn     net.PacketConn
	samples  atomic.Int64
	drops    atomic.Int64
	counted  atomic.Int64
	counters atomic.Int64 // samples of counters
}

func collect() (*collector, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &collector{conn: conn}
	go c.read()
	return c, nil
}

func (c *collector) read() {
	b := make([]byte, 64<<10)
	for {
		n, _, err := c.conn.ReadFrom(b)
		if err != nil {
			return
		}
		d, err := sflow.Parse(b[:n])
		if err != nil {
			continue
		}
		var s sflow.Sample
		samples := d.Samples()
		for samples.Next(&s) {
			if !s.Counters() {
				c.samples.Add(1)
				c.drops.Store(int64(s.Drops))
				continue
			}
			var r sflow.Record
			var h sflow.HTTPCounters
			records := s.Records()
			for records.Next(&r) {
				if r.Tag == sflow.TagHTTPCounters && r.Decode(&h) == nil {
					c.counted.Store(int64(h.Get))
					c.counters.Add(1)
				}
			}
		}
	}
}

// settled waits for the second counters from now, which have all requests that ended before, and gives their number.
func (c *collector) settled() (int64, error) {
	want := c.counters.Load() + 2
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c.counters.Load() >= want {
			return c.counted.Load(), nil
		}
	}
	return 0, fmt.Errorf("the agent sends no counters")
}
