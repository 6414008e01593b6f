package agent

import (
	"net/netip"
	"strings"
	"time"
)

// Config says where samples go and how many there are.
type Config struct {
	Agent      netip.Addr // address that names this host in datagrams
	Collectors []Collector
	Sampling   uint32                   // one event in so many is a sample; 0: none
	SamplingOf map[string]uint32        // for kinds of events ("http") that have a rate of their own
	Polling    time.Duration            // between the counter samples of a source; 0: none
	PollingOf  map[string]time.Duration // for kinds of sources that have an interval of their own
	Header     int                      // bytes of a sampled packet, up to MaxHeader; 0: DefaultHeader
	Datagram   int                      // most bytes of a datagram; 0: DefaultDatagram
	Parent     uint32                   // index of the host that applications run on; 0: not told
}

// Collector is where datagrams are sent.
type Collector struct {
	Addr      netip.AddrPort
	Device    string // interface to send by; empty: as routed
	Namespace string // network namespace to send in; empty: the process's own
}

// What holds where a configuration is silent, and the most that it can ask for.
const (
	DefaultPort     = 6343
	DefaultHeader   = 128
	MaxHeader       = 1024 // so that a sample fits a datagram
	DefaultDatagram = 1400
	maxCollectors   = 10
)

// SamplingFor is the sampling rate of a kind of events: its own or the general one.
func (c *Config) SamplingFor(kind string) uint32 {
	if c == nil {
		return 0
	}
	if n, ok := c.SamplingOf[strings.ToLower(kind)]; ok {
		return n
	}
	return c.Sampling
}

// PollingFor is the interval between counter samples of a kind of sources: its own or the general one.
func (c *Config) PollingFor(kind string) time.Duration {
	if c == nil {
		return 0
	}
	if d, ok := c.PollingOf[strings.ToLower(kind)]; ok {
		return d
	}
	return c.Polling
}

func (c *Config) datagram() int {
	if c.Datagram > 0 {
		return c.Datagram
	}
	return DefaultDatagram
}
