package collector

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

// Report is what a collector tells of itself once a second, and at its end.
type Report struct {
	Running   bool              `json:"running"`
	Time      time.Time         `json:"time,omitzero"` // of this report
	Stats     Stats             `json:"stats"`
	Exporters []ExporterStatus  `json:"exporters"`
	Names     map[string]string `json:"snmp_errors,omitempty"` // agents that were asked for names and did not answer
}

// Report tells how it goes; running says whether the collector goes on.
func (c *Collector) Report(running bool) Report {
	return Report{running, time.Now(), c.Stats(), c.ledger.Status(c.cfg.Names), c.cfg.Names.Errors()}
}

// ExporterStatus is a page of the ledger as it is told.
type ExporterStatus struct {
	ExporterKey
	Sender   netip.Addr     `json:"sender"`
	Up       bool           `json:"up"`
	First    time.Time      `json:"first"`
	Last     time.Time      `json:"last"`
	UptimeMs uint32         `json:"uptime_ms"`
	Losses                  // its members
	Sources  []SourceStatus `json:"sources"`
}

// SourceStatus is an entry of the ledger as it is told.
type SourceStatus struct {
	Class     uint32  `json:"class"`
	Index     uint32  `json:"index"`
	Kind      string  `json:"kind"` // flow or counters
	Interface string  `json:"interface,omitempty"`
	Samples   uint64  `json:"samples"`
	Lost      uint64  `json:"samples_lost"`
	Drops     uint64  `json:"agent_drops"`
	Rate      uint32  `json:"sampling_rate,omitempty"`
	Packets   float64 `json:"packets,omitempty"` // estimate
	Margin    float64 `json:"margin,omitempty"`  // relative, of Packets, with 95 % confidence
}

// Status tells all pages, in order. names may be nil.
func (l *Ledger) Status(names *Names) []ExporterStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]ExporterStatus, 0, len(l.exporters))
	for _, e := range l.exporters {
		s := ExporterStatus{ExporterKey: e.Key, Sender: e.Sender, Up: e.Up, First: e.First, Last: e.Last, UptimeMs: e.Uptime, Losses: e.Losses, Sources: make([]SourceStatus, 0, len(e.Sources))}
		for k, src := range e.Sources {
			x := SourceStatus{Class: k.Source.Class, Index: k.Source.Index, Kind: sflow.KindFlow.String(), Samples: src.Samples, Lost: src.Lost, Drops: src.Drops,
				Rate: src.Rate, Packets: src.Packets}
			if k.Counters {
				x.Kind = sflow.KindCounters.String()
			} else if src.Packets > 0 {
				x.Margin = Margin(src.Samples)
			}
			if k.Source.Class == sflow.SourceInterface {
				x.Interface = names.Name(e.Key.Agent, k.Source.Index)
			}
			s.Sources = append(s.Sources, x)
		}
		slices.SortFunc(s.Sources, func(a, b SourceStatus) int {
			return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Index, b.Index), cmp.Compare(b.Kind, a.Kind))
		})
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b ExporterStatus) int { return a.ExporterKey.compare(b.ExporterKey) })
	return out
}
