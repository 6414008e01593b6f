package app

import (
	"bytes"
	"context"
	"net/netip"
	"strconv"
	"sync"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
)

// WireSubAgent is the sub-agent of samples that a recorder makes of what it sees on the wire, so that collectors can tell them
// from those of an agent beside the server, which sees inside TLS and behind proxies.
const WireSubAgent = 1

// maxWirePorts is how many servers' ports have counters of their own; requests to further ones count for otherPorts.
const (
	maxWirePorts = 256
	otherPorts   = 1 << 16
)

// wireSFlow hands batches on, and the HTTP requests in them to an sFlow agent too. It may be used by several workers.
type wireSFlow struct {
	next  record.Sink
	file  string
	warn  func(error)
	agent *agent.Agent

	mu    sync.Mutex // guards ports
	ports map[uint32]*agent.HTTP
}

func newWireSFlow(next record.Sink, file string, warn func(error)) *wireSFlow {
	return &wireSFlow{next: next, file: file, warn: warn, agent: agent.New(agent.Options{SubAgent: WireSubAgent}), ports: map[uint32]*agent.HTTP{}}
}

// run samples and sends until ctx ends.
func (w *wireSFlow) run(ctx context.Context) {
	r := &sflowAgent{SFlowAgent: SFlowAgent{File: w.file}, agent: w.agent, warning: w.warn}
	var watching sync.WaitGroup
	r.configure(ctx, &watching)
	w.agent.Run(ctx)
	watching.Wait()
}

// Add reads a batch and hands it on.
func (w *wireSFlow) Add(b *record.Batch) error {
	for _, r := range b.Records() {
		if r.Kind == record.KindTransaction && r.Values.Has(fHTTPMethod) {
			w.request(r)
		}
	}
	return w.next.Add(b)
}

// Fields of HTTP transactions.
var (
	fHTTPMethod     = record.MustID("http.request.method")
	fHTTPVersion    = record.MustID("http.request.version")
	fHTTPStatus     = record.MustID("http.response.status_code")
	fHTTPReferrer   = record.MustID("http.request.referrer")
	fHTTPReqBytes   = record.MustID("http.request.bytes")
	fHTTPBody       = record.MustID("http.response.body.bytes")
	fHTTPType       = record.MustID("http.response.headers.content-type")
	fHTTPForwarded  = record.MustID("network.forwarded_ip")
	fHTTPUserAgent  = record.MustID("user_agent.original")
	fHTTPUser       = record.MustID("user.name")
	fURLDomain      = record.MustID("url.domain")
	fURLPath        = record.MustID("url.path")
	fURLQuery       = record.MustID("url.query")
	fServerIP       = record.MustID("server.ip")
	fServerPort     = record.MustID("server.port")
	fClientIP       = record.MustID("client.ip")
	fClientPort     = record.MustID("client.port")
	httpVersionDots = []byte(".")
)

func (w *wireSFlow) request(r *record.Record) {
	v := &r.Values
	port := uint32(number(v, fServerPort))
	h := w.http(port)
	method := sflow.HTTPMethod(string(bytes.ToUpper(text(v, fHTTPMethod))))
	status := int(number(v, fHTTPStatus)) // 0 where there was no response
	h.Count(method, status)
	if !h.Take() {
		return
	}
	uri := append([]byte(nil), text(v, fURLPath)...)
	if q := text(v, fURLQuery); len(q) > 0 {
		uri = append(append(uri, '?'), q...)
	}
	var forwarded []byte
	if a := address(v, fHTTPForwarded); a.IsValid() {
		forwarded = a.AppendTo(nil)
	}
	major, minor, _ := bytes.Cut(text(v, fHTTPVersion), httpVersionDots)
	m, _ := strconv.Atoi(string(major))
	n, _ := strconv.Atoi(string(minor))
	socket := sflow.Socket{Protocol: 6, Local: address(v, fServerIP), LocalPort: port, Remote: address(v, fClientIP), RemotePort: uint32(number(v, fClientPort))}
	h.Request(&socket, &sflow.HTTP{Method: method, Protocol: uint32(m*1000 + n), URI: uri, Host: text(v, fURLDomain), Referrer: text(v, fHTTPReferrer),
		UserAgent: text(v, fHTTPUserAgent), XFF: forwarded, AuthUser: text(v, fHTTPUser), MIMEType: text(v, fHTTPType), ReqBytes: uint64(number(v, fHTTPReqBytes)),
		RespBytes: uint64(number(v, fHTTPBody)), Micros: uint32(min((r.End-r.Start)/1000, 1<<32-1)), Status: uint32(status)}, nil)
}

// http is the source of a server's port.
func (w *wireSFlow) http(port uint32) *agent.HTTP {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.ports[port]
	if h == nil && len(w.ports) >= maxWirePorts {
		port = otherPorts
		h = w.ports[port]
	}
	if h == nil {
		h = w.agent.HTTP(agent.HTTPOptions{Port: port})
		w.ports[port] = h
	}
	return h
}

func text(v *record.Values, id record.FieldID) []byte {
	if x, ok := v.First(id); ok {
		return x.Text()
	}
	return nil
}

func number(v *record.Values, id record.FieldID) int64 {
	if x, ok := v.First(id); ok {
		return max(x.Int(), 0)
	}
	return 0
}

func address(v *record.Values, id record.FieldID) netip.Addr {
	if x, ok := v.First(id); ok {
		return netip.AddrFrom16(x.Addr()).Unmap()
	}
	return netip.Addr{}
}
