package app

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/source/afpacket"
)

// RecorderStatus is what a running recorder tells of itself in state/recorder.json, once a second, for `tapir status` and
// viewers in other processes.
type RecorderStatus struct {
	PID        int               `json:"pid"`
	Node       string            `json:"node"`
	Time       time.Time         `json:"time"` // of this status
	Started    time.Time         `json:"started"`
	Interfaces []InterfaceStatus `json:"interfaces"` // the first maxListed of them
	Packets    uint64            `json:"packets"`
	Bytes      uint64            `json:"bytes"`
	Sessions   uint64            `json:"sessions"` // ended
	Open       int               `json:"open_flows"`
	Transacts  uint64            `json:"transactions"`
	LastPacket int64             `json:"last_packet,string"` // ns since the epoch
	Rates      RateStatus        `json:"rates"`
	Drops      DropStatus        `json:"drops"`
	Queues     []QueueStatus     `json:"queues"`
	Disk       DiskStatus        `json:"disk"`
	Limits     LimitsStatus      `json:"limits"`
	Deleted    []Deletion        `json:"deleted"`
}

// maxListed bounds the interfaces in a status: hosts of containers have thousands.
const maxListed = 256

// InterfaceStatus is one interface that is captured, with what the kernel counts of it: received and sent, filters aside.
type InterfaceStatus struct {
	Name       string  `json:"name"`
	Link       int     `json:"link_type"`
	Up         bool    `json:"up"`
	Packets    uint64  `json:"packets"`
	Bytes      uint64  `json:"bytes"`
	Dropped    uint64  `json:"dropped"` // by the interface or its driver
	PacketRate float64 `json:"packets_per_second"`
	ByteRate   float64 `json:"bytes_per_second"`
}

// RateStatus is how fast things come, in a second: traffic over the last seconds, the disk's over the last minutes.
type RateStatus struct {
	Packets      float64 `json:"packets"`
	Bytes        float64 `json:"bytes"`
	Sessions     float64 `json:"sessions"`
	Transactions float64 `json:"transactions"`
	Lost         float64 `json:"lost"`        // packets, by the kernel or not stored
	PacketDisk   float64 `json:"packet_disk"` // bytes of packets written
	RecordDisk   float64 `json:"record_disk"` // bytes of records written
}

// DropStatus counts what was lost, by cause.
type DropStatus struct {
	Kernel         uint64 `json:"kernel"`          // the ring was full
	NotStored      uint64 `json:"not_stored"`      // analysed, but the disk was behind or failing
	Records        uint64 `json:"records"`         // could not be written
	Evicted        uint64 `json:"evicted_flows"`   // reported early because the flow table was full
	ReorderEvicted uint64 `json:"reorder_evicted"` // holes given up because the budget was spent
	Fragments      uint64 `json:"fragments"`       // datagrams that stayed incomplete
	ParserOverflow uint64 `json:"parser_overflow"` // bytes
	ParserPanics   uint64 `json:"parser_panics"`   // flows that a parser's defect cost
	LastPanic      string `json:"last_panic,omitempty"`
}

// QueueStatus is how full a queue or table is.
type QueueStatus struct {
	Name    string `json:"name"`
	Unit    string `json:"unit"` // of Length and Bound: buffers, flows or bytes
	Length  int    `json:"length"`
	Bound   int    `json:"bound"`
	Dropped uint64 `json:"dropped"`
	Failing string `json:"failing,omitempty"`
}

// DiskStatus is the disk of the data directory, in bytes.
type DiskStatus struct {
	Free  int64 `json:"free"`
	Total int64 `json:"total"`
}

// LimitsStatus is what retention keeps to. A limit of zero does not limit.
type LimitsStatus struct {
	Packets  LimitStatus `json:"packets"`
	Records  LimitStatus `json:"records"`
	KeepFree int64       `json:"keep_free"` // bytes of the disk
}

// LimitStatus bounds one kind of data.
type LimitStatus struct {
	MaxAge   int64 `json:"max_age"` // ns
	MaxBytes int64 `json:"max_bytes"`
}

func statusPath(d *datadir.Dir) string { return filepath.Join(d.State(), "recorder.json") }

// writeStatus replaces the status file. A status that cannot be written is not worth stopping for.
func (n *Node) writeStatus(src source.Source, p Progress) {
	s := n.status(src, p)
	if err := writeJSON(statusPath(n.dir), s); err != nil {
		n.cfg.Log.Warn("status file", "error", err)
	}
}

func (n *Node) removeStatus() { os.Remove(statusPath(n.dir)) }

func (n *Node) status(src source.Source, p Progress) RecorderStatus {
	now := time.Now()
	t := p.Totals
	s := RecorderStatus{PID: os.Getpid(), Node: n.dir.Node(), Time: now, Started: now.Add(-p.Since), Packets: t.Packets, Bytes: t.Bytes,
		Sessions: t.Flow.Sessions, Open: t.Flow.Open, Transacts: t.Transactions, LastPacket: t.LastPacket, Deleted: n.keeper.Deletions(),
		Drops: DropStatus{Kernel: p.Source.Drops.Kernel, NotStored: t.NotStored, Records: n.records.Stats().Dropped, Evicted: t.Flow.Evicted,
			ReorderEvicted: t.ReorderEvicted, ParserOverflow: t.Overflow, Fragments: p.Fragments, ParserPanics: t.ParserPanics, LastPanic: t.LastPanic}}
	n.meter.add(n.sample(now, p))
	s.Rates = n.rates()
	s.Interfaces = n.interfaces(src)
	s.Queues = n.queues(t.Flow.Open, t.Flow.Evicted)
	if space, err := n.dir.Space(); err == nil {
		s.Disk = DiskStatus{space.Free, space.Total}
		s.Limits = n.keeper.limits.status(space)
	}
	return s
}

// sample takes down what the counters stand at.
func (n *Node) sample(now time.Time, p Progress) sample {
	t := &p.Totals
	s := sample{at: now, networks: networks()}
	s.counts = [nCounters]float64{countPackets: float64(t.Packets), countBytes: float64(t.Bytes), countSessions: float64(t.Flow.Sessions),
		countTransactions: float64(t.Transactions), countLost: float64(p.Source.Drops.Kernel + t.NotStored),
		countPacketDisk: float64(n.packets.Held() + n.keeper.freed.Load()), countRecordDisk: float64(n.records.Stats().Bytes)}
	return s
}

// networks asks the kernel for its counters of all interfaces; nil if it does not say.
func networks() map[int]network {
	links, err := afpacket.Links()
	if err != nil {
		return nil
	}
	out := make(map[int]network, len(links))
	for i := range links {
		l := &links[i]
		x := network{l.RxPackets, l.RxBytes, l.RxDropped, l.Flags&net.FlagUp != 0}
		if l.Flags&net.FlagLoopback == 0 { // what loopback sends it receives
			x.packets, x.bytes, x.dropped = x.packets+l.TxPackets, x.bytes+l.TxBytes, x.dropped+l.TxDropped
		}
		out[l.Index] = x
	}
	return out
}

func (n *Node) rates() RateStatus {
	m := &n.meter
	return RateStatus{Packets: m.rate(countPackets, rateOver), Bytes: m.rate(countBytes, rateOver), Sessions: m.rate(countSessions, rateOver),
		Transactions: m.rate(countTransactions, rateOver), Lost: m.rate(countLost, rateOver),
		PacketDisk: m.rate(countPacketDisk, diskOver), RecordDisk: m.rate(countRecordDisk, diskOver)}
}

func (n *Node) interfaces(src source.Source) []InterfaceStatus {
	list := src.Interfaces()
	out := make([]InterfaceStatus, 0, min(len(list), maxListed))
	now := n.meter.samples[len(n.meter.samples)-1].networks
	for _, i := range list[:min(len(list), maxListed)] {
		x := now[i.Index]
		s := InterfaceStatus{Name: i.Name, Link: int(i.Link), Up: x.up, Packets: x.packets, Bytes: x.bytes, Dropped: x.dropped}
		s.PacketRate, s.ByteRate = n.meter.network(i.Index)
		out = append(out, s)
	}
	return out
}

// queues are those whose fill says where a capture is slow.
func (n *Node) queues(open int, evicted uint64) (out []QueueStatus) {
	for _, w := range n.packets.Status() {
		name := fmt.Sprintf("packets %d", w.Worker)
		if w.Worker >= n.cfg.Workers {
			name = "imports"
		}
		q := QueueStatus{Name: name, Unit: "buffers", Length: w.Queued, Bound: w.Chunks, Dropped: w.Dropped.Total()}
		if w.Failing != nil {
			q.Failing = w.Failing.Error()
		}
		out = append(out, q)
	}
	r := n.records.Stats()
	return append(out, QueueStatus{Name: "records", Unit: "bytes", Length: r.Held, Bound: maxWaiting, Dropped: r.Dropped},
		QueueStatus{Name: "flows", Unit: "flows", Length: open, Bound: n.maxFlows(), Dropped: evicted})
}

// ReadStatus gives what the recorder of a data directory last told, and whether one is running.
func ReadStatus(d *datadir.Dir) (s RecorderStatus, running bool) {
	s, found := lastStatus(d)
	return s, found && time.Since(s.Time) < 10*time.Second
}

// lastStatus gives the latest status of a recorder that runs or was killed: one that ends in order takes it away.
func lastStatus(d *datadir.Dir) (s RecorderStatus, found bool) {
	b, err := os.ReadFile(statusPath(d))
	return s, err == nil && json.Unmarshal(b, &s) == nil
}
