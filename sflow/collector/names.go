package collector

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"
)

// Bounds of Names.
const (
	maxNames     = 1 << 16
	maxNameBytes = 64
	maxAsked     = 1024             // agents waiting to be asked
	askAgain     = 10 * time.Minute // how often an agent is asked
)

// ifName is the name of each interface (RFC 2863), by ifIndex.
const ifName = "1.3.6.1.2.1.31.1.1.1.1"

// SNMP says how agents are asked for the names of their interfaces.
type SNMP struct {
	Community string // of version 2c; empty: agents are not asked
	Port      uint16 // 0: 161
	Timeout   time.Duration
}

type nameKey struct {
	agent netip.Addr
	index uint32
}

// Names knows what interfaces are called: names given by the operator come first, then what agents say themselves in
// sFlow (0:1005), then what SNMP says. It is safe for concurrent use. A nil Names knows nothing.
type Names struct {
	snmp SNMP
	ask  chan netip.Addr

	mu    sync.RWMutex
	fixed map[nameKey]string
	told  map[nameKey]string
	asked map[netip.Addr]time.Time
	errs  map[netip.Addr]string
}

// NewNames makes Names from the operator's list, each AGENT:INDEX=NAME, an IPv6 agent in brackets.
func NewNames(fixed []string, snmp SNMP) (*Names, error) {
	n := &Names{snmp: snmp, ask: make(chan netip.Addr, maxAsked), fixed: map[nameKey]string{}, told: map[nameKey]string{}, asked: map[netip.Addr]time.Time{}, errs: map[netip.Addr]string{}}
	for _, f := range fixed {
		place, name, ok := strings.Cut(f, "=")
		at := strings.LastIndexByte(place, ':')
		if !ok || at < 0 || name == "" {
			return nil, fmt.Errorf("interface name %q: want AGENT:INDEX=NAME, like 192.0.2.1:3=uplink", f)
		}
		agent, err := netip.ParseAddr(strings.Trim(place[:at], "[]"))
		index, err2 := strconv.ParseUint(place[at+1:], 10, 32)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("interface name %q: want AGENT:INDEX=NAME, like 192.0.2.1:3=uplink", f)
		}
		n.fixed[nameKey{agent, uint32(index)}] = name
	}
	return n, nil
}

// Name is the name of an interface, empty if it is not known. It has the agent asked, if that is wished for and long ago.
func (n *Names) Name(agent netip.Addr, index uint32) string {
	if n == nil || index == 0 || index == 0x3fffffff {
		return ""
	}
	k := nameKey{agent, index}
	n.mu.RLock()
	name, ok := n.fixed[k]
	if !ok {
		name, ok = n.told[k]
	}
	n.mu.RUnlock()
	if !ok && n.snmp.Community != "" {
		n.request(agent)
	}
	return name
}

// Learn takes what an agent says itself.
func (n *Names) Learn(agent netip.Addr, index uint32, name string) {
	if n == nil || name == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if k := (nameKey{agent, index}); len(n.told) < maxNames || n.told[k] != "" {
		n.told[k] = name[:min(len(name), maxNameBytes)]
	}
}

// request puts an agent on the list of those to ask, unless it was asked lately or the list is full.
func (n *Names) request(agent netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last, ok := n.asked[agent]; ok && time.Since(last) < askAgain || len(n.asked) >= MaxExporters && !ok {
		return
	}
	select {
	case n.ask <- agent:
		n.asked[agent] = time.Now()
	default:
	}
}

// Run asks agents until ctx ends. Without a community it only waits.
func (n *Names) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case agent := <-n.ask:
			err := n.walk(ctx, agent)
			n.mu.Lock()
			delete(n.errs, agent)
			if err != nil {
				n.errs[agent] = err.Error()
			}
			n.mu.Unlock()
		}
	}
}

// Errors tells which agents did not answer, and why.
func (n *Names) Errors() map[string]string {
	out := map[string]string{}
	if n == nil {
		return out
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	for a, e := range n.errs {
		out[a.String()] = e
	}
	return out
}

// walk reads the names of an agent's interfaces.
func (n *Names) walk(ctx context.Context, agent netip.Addr) error {
	port, timeout := n.snmp.Port, n.snmp.Timeout
	if port == 0 {
		port = 161
	}
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	s := &gosnmp.GoSNMP{Target: agent.String(), Port: port, Community: n.snmp.Community, Version: gosnmp.Version2c, Timeout: timeout, Retries: 1, MaxOids: 60, Context: ctx}
	if err := s.Connect(); err != nil {
		return fmt.Errorf("snmp %s: %w", agent, err)
	}
	defer s.Conn.Close()
	err := s.BulkWalk(ifName, func(p gosnmp.SnmpPDU) error {
		index, err := strconv.ParseUint(p.Name[strings.LastIndexByte(p.Name, '.')+1:], 10, 32)
		if name, ok := p.Value.([]byte); ok && err == nil {
			n.Learn(agent, uint32(index), string(name))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("snmp %s: %w (is the community right? --snmp-community)", agent, err)
	}
	return nil
}
