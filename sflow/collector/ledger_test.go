package collector

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

// step is a datagram of the table below.
type step struct {
	sequence, uptime, overflow uint32
}

func TestLedgerSequences(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
		want  Losses
	}{
		{"in order", []step{{1, 0, 0}, {2, 10, 0}, {3, 20, 0}}, Losses{Datagrams: 3}},
		{"begins anywhere", []step{{1000, 0, 0}, {1001, 10, 0}}, Losses{Datagrams: 2}},
		{"gap", []step{{1, 0, 0}, {5, 10, 0}}, Losses{Datagrams: 2, Lost: 3}},
		{"gap while the socket was full", []step{{1, 0, 0}, {5, 10, 2}}, Losses{Datagrams: 2, Lost: 3, SocketLost: 2}},
		{"the socket was full for others", []step{{1, 0, 0}, {2, 10, 9}}, Losses{Datagrams: 2}},
		{"late", []step{{1, 0, 0}, {3, 20, 0}, {2, 10, 0}, {4, 30, 0}}, Losses{Datagrams: 4, Late: 1}},
		{"restart", []step{{5000, 9_000_000, 0}, {5001, 9_000_010, 0}, {1, 5, 0}, {2, 15, 0}}, Losses{Datagrams: 4, Restarts: 1}},
		{"clock wraps", []step{{10, 0xfffffff0, 0}, {11, 5, 0}}, Losses{Datagrams: 2}},
		{"sequence wraps", []step{{0xffffffff, 0, 0}, {0, 10, 0}, {1, 20, 0}}, Losses{Datagrams: 3}},
		{"restart with a gap after it", []step{{5000, 9_000_000, 0}, {1, 5, 0}, {4, 15, 0}}, Losses{Datagrams: 3, Restarts: 1, Lost: 2}},
	} {
		l := NewLedger()
		for i, s := range c.steps {
			l.arrived(&arrival{key: ExporterKey{Agent: agent}, at: noon.Add(time.Duration(i) * time.Second), sequence: s.sequence, step: 1, uptime: s.uptime, overflow: s.overflow})
		}
		if got := l.Status(nil)[0].Losses; got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestLedgerWeights(t *testing.T) {
	e := &Exporter{Sources: map[SourceKey]*Source{}}
	for i, c := range []struct {
		seq, pool, drops uint32
		want             int64
	}{
		{1, 400, 0, 400},
		{2, 750, 0, 400},   // nothing is lost: the rate
		{5, 2000, 0, 1250}, // two are lost: the growth of the pool
		{6, 2900, 1, 900},  // the agent lost one
		{7, 3000, 1, 400},  //
		{9, 90000, 1, 400}, // the pool cannot be right
		{9, 90400, 1, 400}, // again
		{1, 500, 0, 400},   // began anew
		{2, 900, 0, 400},
	} {
		s := sflow.Sample{Kind: sflow.KindFlow, Sequence: c.seq, Rate: 400, Pool: c.pool, Drops: c.drops}
		if got := e.sample(&s); got != c.want {
			t.Errorf("sample %d weighs %d, want %d", i, got, c.want)
		}
	}
	if e.Losses.GapSamples != 3 || e.Losses.AgentDrops != 1 {
		t.Errorf("%+v", e.Losses)
	}
}

func TestLedgerEvents(t *testing.T) {
	l := NewLedger()
	arrive := func(at time.Time, seq, uptime uint32) {
		l.arrived(&arrival{key: ExporterKey{Agent: agent}, at: at, sequence: seq, step: 1, uptime: uptime})
	}
	actions := func(at time.Time) (out []string) {
		for _, e := range l.Tick(at) {
			out = append(out, e.Action)
		}
		return out
	}
	expect := func(got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) || len(want) > 0 && got[0] != want[0] {
			t.Errorf("%v, want %v", got, want)
		}
	}
	arrive(noon, 5000, 9_000_000)
	expect(actions(noon), ActionUp)
	expect(actions(noon.Add(downAfter)))
	expect(actions(noon.Add(downAfter+time.Second)), ActionDown)
	expect(actions(noon.Add(2 * downAfter)))
	arrive(noon.Add(3*downAfter), 5001, 9_270_000)
	expect(actions(noon.Add(3*downAfter)), ActionUp)
	arrive(noon.Add(3*downAfter), 1, 100)
	expect(actions(noon.Add(3*downAfter)), ActionRestart)
}

func TestLedgerBounds(t *testing.T) {
	l := NewLedger()
	for i := range uint32(MaxExporters + 100) {
		e := l.arrived(&arrival{key: ExporterKey{Agent: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}, at: noon, sequence: i, step: 1})
		for j := range uint32(3) {
			e.sample(&sflow.Sample{Kind: sflow.KindFlow, Source: sflow.Source{Index: j}})
		}
	}
	pages := l.Status(nil)
	if len(pages) != MaxExporters+1 || pages[0].Agent.IsValid() || pages[0].Datagrams != 100 || pages[0].Lost != 0 {
		t.Errorf("%d pages, the first %+v", len(pages), pages[0].Losses)
	}
	e := l.page(&arrival{key: ExporterKey{Agent: agent}})
	for j := range uint32(MaxSources + 10) {
		e.sample(&sflow.Sample{Kind: sflow.KindFlow, Source: sflow.Source{Index: j}})
	}
	if len(e.Sources) != MaxSources {
		t.Errorf("%d sources", len(e.Sources))
	}
}
