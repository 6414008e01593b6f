package agent

import (
	"bytes"
	"net/netip"
	"sync/atomic"

	"github.com/tapir-project/tapir/sflow"
)

// Counts are the requests of a server by method, and by class of status: 1XX to 5XX, others.
type Counts struct {
	Methods [9]uint64 // by sflow.HTTPGet, ...; other methods are sflow.HTTPOther
	Status  [6]uint64
}

// Requests is the number of requests.
func (c *Counts) Requests() (n uint64) {
	for _, m := range c.Methods {
		n += m
	}
	return n
}

// Add adds o to c.
func (c *Counts) Add(o *Counts) {
	for i := range c.Methods {
		c.Methods[i] += o.Methods[i]
	}
	for i := range c.Status {
		c.Status[i] += o.Status[i]
	}
}

// record is c as a counter record, whose numbers wrap.
func (c *Counts) record() *sflow.HTTPCounters {
	m := &c.Methods
	r := &sflow.HTTPCounters{Options: uint32(m[sflow.HTTPOptions]), Get: uint32(m[sflow.HTTPGet]), Head: uint32(m[sflow.HTTPHead]),
		Post: uint32(m[sflow.HTTPPost]), Put: uint32(m[sflow.HTTPPut]), Delete: uint32(m[sflow.HTTPDelete]),
		Trace: uint32(m[sflow.HTTPTrace]), Connect: uint32(m[sflow.HTTPConnect]), Other: uint32(m[sflow.HTTPOther])}
	for i, n := range c.Status {
		r.Status[i] = uint32(n)
	}
	return r
}

// HTTPOptions say which server's requests they are.
type HTTPOptions struct {
	// Port is the lowest that it listens on: the index that collectors know it by. While it is 0, and SetIndex has not
	// told it, no counters are sent.
	Port uint32
	// Counts, if not nil, gives requests that were counted elsewhere, beside those of Count.
	Counts func() Counts
	// Workers, if not nil, tells how busy the server is, if that is known.
	Workers func() (w sflow.AppWorkers, known bool)
	// OnRate, if not nil, is told the sampling rate, where the drawing is done elsewhere.
	OnRate func(n uint32)
}

// HTTP is the source of a server's requests. It may be used by any number of goroutines.
type HTTP struct {
	*Source
	o HTTPOptions
	// Crowded counts how often the queue in front of a source may have been full, so that requests may have been lost uncounted.
	Crowded atomic.Uint64
	methods [9]atomic.Uint64
	status  [6]atomic.Uint64
}

// HTTP makes the source of a server's requests.
func (a *Agent) HTTP(o HTTPOptions) *HTTP {
	h := &HTTP{o: o}
	h.Source = a.Add(SourceOptions{Kind: "http", ID: sflow.Source{Class: sflow.SourceLogical, Index: o.Port}, Counters: h.counters, OnRate: o.OnRate})
	return h
}

// Count counts a request by the number of its method (sflow.HTTPMethod) and its status.
func (h *HTTP) Count(method uint32, status int) {
	if method >= uint32(len(h.methods)) {
		method = sflow.HTTPOther
	}
	h.methods[method].Add(1)
	class := status/100 - 1
	if class < 0 || class > 4 {
		class = 5
	}
	h.status[class].Add(1)
}

// Counts are all requests so far.
func (h *HTTP) Counts() (c Counts) {
	if h.o.Counts != nil {
		c = h.o.Counts()
	}
	for i := range h.methods {
		c.Methods[i] += h.methods[i].Load()
	}
	for i := range h.status {
		c.Status[i] += h.status[i].Load()
	}
	return c
}

func (h *HTTP) counters(r *Records) {
	if h.ID().Index == 0 {
		return
	}
	if h.o.Workers != nil {
		if w, known := h.o.Workers(); known {
			r.Add(&w)
		}
	}
	if c := h.agent.config.Load(); c != nil && c.Parent > 0 {
		r.Add(&sflow.HostParent{Source: sflow.Source{Class: sflow.SourcePhysical, Index: c.Parent}})
	}
	n := h.Counts()
	r.Add(n.record())
}

// Request queues a request that was drawn: its socket, what is known of it, and the name of the virtual server that
// answered, which goes with the sample if the request's Host does not tell it. It tidies both up: mapped IPv4 addresses
// become plain ones, text is cut to what sFlow allows, Host loses its port, and a response to HEAD has no body.
func (h *HTTP) Request(socket *sflow.Socket, r *sflow.HTTP, server []byte) bool {
	return h.Drawn(h.Rate(), socket, r, server)
}

// Drawn is Request for one that was drawn elsewhere, at a rate that may have changed since.
func (h *HTTP) Drawn(rate uint32, socket *sflow.Socket, r *sflow.HTTP, server []byte) bool {
	socket.Local, socket.Remote = sameFamily(socket.Local.Unmap(), socket.Remote.Unmap())
	if r.Method == sflow.HTTPHead {
		r.RespBytes = 0
	}
	r.Host = hostOnly(r.Host)
	if len(r.Host) == 0 {
		r.Host = server
	}
	var target []byte
	if !bytes.EqualFold(r.Host, server) {
		target = server
	}
	r.Cut()
	r.Old = h.agent.o.OldHTTP
	n := h.Counts()
	return h.Send(&Sample{Rate: rate, Pool: uint32(n.Requests()), Output: sflow.PortInternal, Records: []sflow.Data{socket, r}, Target: target})
}

// sameFamily makes the addresses of a socket those of one family: a missing one is that family's unspecified address.
func sameFamily(local, remote netip.Addr) (netip.Addr, netip.Addr) {
	none := netip.IPv4Unspecified()
	if local.Is6() || remote.Is6() {
		none = netip.IPv6Unspecified()
	}
	if !local.IsValid() {
		local = none
	}
	if !remote.IsValid() {
		remote = none
	}
	return local.WithZone(""), remote.WithZone("")
}

// hostOnly is a Host header without its port, and an IPv6 address in it without its brackets.
func hostOnly(host []byte) []byte {
	if len(host) > 0 && host[0] == '[' {
		if end := bytes.IndexByte(host, ']'); end > 0 {
			return host[1:end]
		}
		return host
	}
	if i := bytes.IndexByte(host, ':'); i >= 0 && bytes.LastIndexByte(host, ':') == i {
		return host[:i]
	}
	return host
}
