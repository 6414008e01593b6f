package afpacket

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tapir-project/tapir/source"
)

// Config says where and how to capture. Zero values stand for the defaults.
type Config struct {
	Interfaces   []string      // names, numbers, or "any"
	Workers      int           // rings, and goroutines that emit; default 1
	Snaplen      uint32        // most bytes kept of a packet; default 262144
	Buffer       int           // bytes of all rings together; default 64 MiB
	BlockSize    int           // bytes the kernel fills before it hands them over; default 1 MiB, less for small buffers
	BlockTimeout time.Duration // after which it hands over a block that is not full; default 50 ms
	Promiscuous  bool          // also packets that are not for this host; not for "any"
	Filter       source.Filter // runs in the kernel

	KeepFragments bool // IPv4 fragments as they are, at the price that they may meet another worker than their flow
	NoRollover    bool // drop rather than give a packet to another worker

	// Notify is called, from one of Run's goroutines, when an interface goes down, comes up or goes away while others
	// are still captured. May be nil.
	Notify func(error)
}

// Any is the name that stands for all interfaces, those that come later included.
const Any = "any"

// Bounds of the configuration.
const (
	maxWorkers = 256
	maxNames   = 200 // interfaces named: the kernel's filter compares each
	minBlock   = 64 << 10
	minBlocks  = 4 // in a ring: fewer make the kernel wait for the reader
	maxSnaplen = 262144
)

// complete checks c and puts the defaults in.
func (c *Config) complete() error {
	if len(c.Interfaces) == 0 {
		return errors.New("no interface given; name one, or any")
	}
	if len(c.Interfaces) > maxNames {
		return fmt.Errorf("%d interfaces given, want at most %d; use any and a filter", len(c.Interfaces), maxNames)
	}
	if c.Workers < 0 || c.Workers > maxWorkers {
		return fmt.Errorf("%d workers, want 1 to %d", c.Workers, maxWorkers)
	}
	if c.BlockTimeout < 0 || c.BlockTimeout > 10*time.Second {
		return fmt.Errorf("block timeout %v, want 1ms to 10s", c.BlockTimeout)
	}
	c.defaults()
	return c.sizes()
}

func (c *Config) defaults() {
	c.Workers = max(c.Workers, 1)
	if c.Snaplen == 0 || c.Snaplen > maxSnaplen {
		c.Snaplen = maxSnaplen
	}
	if c.Buffer == 0 {
		c.Buffer = 64 << 20
	}
	if c.BlockTimeout == 0 {
		c.BlockTimeout = 50 * time.Millisecond
	}
	c.BlockTimeout = max(c.BlockTimeout, time.Millisecond)
	if c.Notify == nil {
		c.Notify = func(error) {}
	}
}

// sizes fits whole blocks into the buffer.
func (c *Config) sizes() error {
	page := os.Getpagesize()
	ring := c.Buffer / c.Workers
	if ring < minBlocks*minBlock {
		return fmt.Errorf("buffer of %d bytes for %d workers, want at least %d", c.Buffer, c.Workers, minBlocks*minBlock*c.Workers)
	}
	if c.BlockSize == 0 {
		c.BlockSize = 1 << 20
		for c.BlockSize > minBlock && ring/c.BlockSize < 16 {
			c.BlockSize /= 2
		}
	}
	if c.BlockSize < minBlock || c.BlockSize%page != 0 || ring/c.BlockSize < minBlocks {
		return fmt.Errorf("block size %d, want a multiple of %d, at least %d and at most a %dth of a ring of %d bytes",
			c.BlockSize, page, minBlock, minBlocks, ring)
	}
	return nil
}

// blocks is how many there are in each ring.
func (c *Config) blocks() int { return c.Buffer / c.Workers / c.BlockSize }
