// Package datagrams makes up sFlow datagrams as switches and web servers send them, for benchmarks and tests: the same
// every time, with sequence numbers, pools and clocks as agents have them. Commands and tests are its callers.
package datagrams

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/tapir-project/tapir/sflow"
)

// Kinds of agents.
const (
	Switch = "switch" // sampled headers with switch and router data, and interface counters: 2.1 samples a datagram
	HTTP   = "http"   // requests with their sockets, and HTTP counters: 2.6 samples a datagram
	Flow   = "flow"   // one sampled header a datagram
)

// Maker makes the datagrams of one agent after the other.
type Maker struct {
	kind   string
	agents []agent
	rng    *rand.Rand
	n      int
	e      sflow.Encoder
}

type agent struct {
	addr          netip.Addr
	sequence      uint32
	uptime        uint32
	samples, pool uint32
	counters      uint32
	octets        uint64
	requests      uint32
}

// New makes a Maker of that kind of agents, so many of them.
func New(kind string, agents int) (*Maker, error) {
	if kind != Switch && kind != HTTP && kind != Flow {
		return nil, fmt.Errorf("no kind of agent %q (switch, http or flow)", kind)
	}
	m := &Maker{kind: kind, rng: rand.New(rand.NewPCG(6343, 5))}
	for i := range agents {
		m.agents = append(m.agents, agent{addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), uptime: 60_000})
	}
	return m, nil
}

// Next makes the next datagram; it is borrowed until the next call.
func (m *Maker) Next() (agent netip.Addr, b []byte) {
	a := &m.agents[m.n%len(m.agents)]
	a.sequence++
	a.uptime += 10
	m.e.Start(&sflow.Datagram{Agent: a.addr, Sequence: a.sequence, Uptime: a.uptime})
	flows := 1
	if m.kind == HTTP {
		flows = 2 + m.n%2
	} else if m.kind == Switch {
		flows = 2
	}
	for range flows {
		m.flow(a)
	}
	if m.n%8 == 0 && m.kind != Flow {
		m.count(a)
	}
	m.n++
	return a.addr, m.e.Bytes()
}

const rate = 400

// flow adds a flow sample.
func (m *Maker) flow(a *agent) {
	a.samples++
	a.pool += rate
	s := sflow.Sample{Tag: sflow.TagFlow, Sequence: a.samples, Rate: rate, Pool: a.pool}
	if m.kind == HTTP {
		s.Source, s.Output = sflow.Source{Class: sflow.SourceLogical, Index: 80}, sflow.PortInternal
		m.e.Begin(&s)
		m.request(a)
	} else {
		s.Source, s.Input, s.Output = sflow.Source{Index: 3}, sflow.Port{Value: 3}, sflow.Port{Value: 4 + m.rng.Uint32N(20)}
		m.e.Begin(&s)
		frame, length := m.frame()
		m.e.Add(&sflow.Header{Protocol: sflow.HeaderEthernet, FrameLength: length, Stripped: 4, Bytes: frame})
		m.e.Add(&sflow.Switch{SrcVLAN: 10, DstVLAN: 20})
		m.e.Add(&sflow.Router{NextHop: netip.AddrFrom4([4]byte{192, 0, 2, 254}), SrcMask: 24, DstMask: 16})
	}
	m.e.End()
}

// frame makes the first 128 bytes of a packet, with its length on the wire.
func (m *Maker) frame() ([]byte, uint32) {
	length := 64 + m.rng.Uint32N(1450)
	b := make([]byte, 0, 128)
	b = append(b, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(length-18))
	b = append(b, 0, 0, 0x40, 0, 64, 6, 0, 0)
	b = append(b, 10, 0, byte(m.rng.Uint32N(4)), byte(m.rng.Uint32()), 203, 0, 113, byte(m.rng.Uint32()))
	b = binary.BigEndian.AppendUint16(b, uint16(1024+m.rng.Uint32N(60000)))
	b = append(b, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0)
	return b[:min(128, length-4)], length
}

var (
	hosts    = []string{"www.example.org", "shop.example.org", "api.example.org"}
	agentsOf = []string{"curl/7.88.1", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
)

// request adds a request and its socket.
func (m *Maker) request(a *agent) {
	a.requests++
	r := m.rng
	h := sflow.HTTP{Method: sflow.HTTPGet, Protocol: 1001, URI: fmt.Appendf(nil, "/item/%d?page=%d", r.IntN(10000), r.IntN(50)), Host: []byte(hosts[r.IntN(3)]),
		Referrer: []byte("https://www.example.org/"), UserAgent: []byte(agentsOf[r.IntN(2)]), MIMEType: []byte("text/html; charset=utf-8"),
		ReqBytes: 80 + uint64(r.IntN(400)), RespBytes: 200 + uint64(r.IntN(40000)), Micros: 100 + uint32(r.IntN(100000)), Status: []uint32{200, 200, 200, 304, 404, 500}[r.IntN(6)]}
	m.e.Add(&sflow.Socket{Protocol: 6, Local: a.addr, Remote: netip.AddrFrom4([4]byte{198, 51, 100, byte(r.Uint32())}), LocalPort: 80, RemotePort: 1024 + r.Uint32N(60000)})
	m.e.Add(&h)
}

// count adds a counter sample.
func (m *Maker) count(a *agent) {
	a.counters++
	a.octets += 1 << 20
	if m.kind == HTTP {
		m.e.Begin(&sflow.Sample{Tag: sflow.TagCounters, Sequence: a.counters, Source: sflow.Source{Class: sflow.SourceLogical, Index: 80}})
		m.e.Add(&sflow.AppWorkers{Active: 3, Idle: 5, Max: 400})
		m.e.Add(&sflow.HostParent{Source: sflow.Source{Class: sflow.SourcePhysical, Index: 1}})
		m.e.Add(&sflow.HTTPCounters{Get: a.requests * rate, Status: [6]uint32{0, a.requests * rate}})
	} else {
		m.e.Begin(&sflow.Sample{Tag: sflow.TagCounters, Sequence: a.counters, Source: sflow.Source{Index: 3}})
		m.e.Add(&sflow.Interface{Index: 3, Type: 6, Speed: 1e10, Direction: 1, Status: 3, InOctets: a.octets, InUnicast: a.pool, OutOctets: a.octets / 2})
	}
	m.e.End()
}

// Packet appends the Ethernet frame that carries a datagram from an agent to a collector to dst.
func Packet(dst []byte, from netip.Addr, payload []byte) []byte {
	dst = append(dst, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(28+len(payload)))
	dst = append(dst, 0, 0, 0, 0, 64, 17, 0, 0)
	dst = append(append(dst, from.AsSlice()...), 203, 0, 113, 1)
	dst = append(dst, 0xc3, 0x50, 0x18, 0xc7)
	dst = binary.BigEndian.AppendUint16(dst, uint16(8+len(payload)))
	return append(append(dst, 0, 0), payload...)
}
