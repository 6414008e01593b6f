package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/source"
)

// ownTraffic is the filter that leaves out the API's TCP port on loopback.
func ownTraffic(port int) string {
	return fmt.Sprintf("not (tcp port %d and (host 127.0.0.1 or host ::1))", port)
}

// RecorderStatus is what a running recorder tells of itself in state/recorder.json, once a second, for `tapir status` and
// viewers in other processes.
type RecorderStatus struct {
	PID        int               `json:"pid"`
	Node       string            `json:"node"`
	Time       time.Time         `json:"time"` // of this status
	Started    time.Time         `json:"started"`
	Interfaces []InterfaceStatus `json:"interfaces"`
	Packets    uint64            `json:"packets"`
	Bytes      uint64            `json:"bytes"`
	Sessions   uint64            `json:"sessions"` // ended
	Open       int               `json:"open_flows"`
	Transacts  uint64            `json:"transactions"`
	LastPacket int64             `json:"last_packet,string"` // ns since the epoch
	Drops      DropStatus        `json:"drops"`
	Queues     []QueueStatus     `json:"queues"`
	Disk       DiskStatus        `json:"disk"`
	Deleted    []Deletion        `json:"deleted"`
}

// InterfaceStatus is one interface that is captured.
type InterfaceStatus struct {
	Name string `json:"name"`
	Link int    `json:"link_type"`
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

// QueueStatus is how full a queue is.
type QueueStatus struct {
	Name    string `json:"name"`
	Length  int    `json:"length"`
	Bound   int    `json:"bound"`
	Dropped uint64 `json:"dropped"`
	Failing string `json:"failing,omitempty"`
}

// DiskStatus is the disk of the data directory.
type DiskStatus struct {
	Free  int64 `json:"free"`
	Total int64 `json:"total"`
}

func statusPath(d *datadir.Dir) string { return filepath.Join(d.State(), "recorder.json") }

// writeStatus replaces the status file. A status that cannot be written is not worth stopping for.
func (n *Node) writeStatus(src source.Source, p Progress) {
	s := n.status(src, p)
	b, err := json.Marshal(s)
	if err == nil {
		tmp := statusPath(n.dir) + ".tmp"
		if err = os.WriteFile(tmp, b, 0o600); err == nil {
			err = os.Rename(tmp, statusPath(n.dir))
		}
	}
	if err != nil {
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
	for _, i := range src.Interfaces() {
		s.Interfaces = append(s.Interfaces, InterfaceStatus{i.Name, int(i.Link)})
	}
	for _, w := range n.packets.Status() {
		q := QueueStatus{Name: fmt.Sprintf("packets %d", w.Worker), Length: w.Queued, Bound: w.Chunks, Dropped: w.Dropped.Total()}
		if w.Failing != nil {
			q.Failing = w.Failing.Error()
		}
		s.Queues = append(s.Queues, q)
	}
	if space, err := n.dir.Space(); err == nil {
		s.Disk = DiskStatus{space.Free, space.Total}
	}
	return s
}

// ReadStatus gives what the recorder of a data directory last told, and whether one is running.
func ReadStatus(d *datadir.Dir) (s RecorderStatus, running bool) {
	b, err := os.ReadFile(statusPath(d))
	if err != nil || json.Unmarshal(b, &s) != nil {
		return s, false
	}
	return s, time.Since(s.Time) < 10*time.Second
}
