package app

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/tapir-project/tapir/bench/sflow/datagrams"
	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow/collector"
	"github.com/tapir-project/tapir/store"
)

// freePort finds a UDP port of loopback that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// sendSFlow sends n datagrams of three switches.
func sendSFlow(t *testing.T, to string, n int) {
	t.Helper()
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	m, _ := datagrams.New(datagrams.Switch, 3)
	for range n {
		_, b := m.Next()
		if _, err := conn.Write(b); err != nil {
			t.Error(err)
			return
		}
	}
}

// What comes over UDP is in the store, for the query language to find, and the ledger is in the directory while the
// collector runs.
func TestCollectSFlow(t *testing.T) {
	data, addr := t.TempDir(), freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const n = 300
	var last collector.Report
	sent, listed := false, 0
	timeout := time.AfterFunc(20*time.Second, cancel)
	defer timeout.Stop()
	err := CollectSFlow(ctx, Config{Data: data, Retention: Retention{FreeBytes: 1}}, SFlow{Listen: []string{addr}}, func(s collector.Report) {
		if last = s; !sent {
			sent = true
			go sendSFlow(t, addr, n)
		}
		if s.Stats.Datagrams == n {
			if d, err := datadir.OpenReader(data); err == nil {
				if told, err := Exporters(d); err == nil && told.Running {
					listed = len(told.Exporters)
				}
			}
			cancel()
		}
	}, nil)
	if err != nil || last.Stats.Datagrams != n || listed != 3 || last.Stats.Dropped+last.Stats.Refused > 0 {
		t.Fatalf("%v; %d exporters listed; %+v", err, listed, last.Stats)
	}
	r, err := OpenReader(data)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if told, err := Exporters(r.Dir); err != nil || told.Running || len(told.Exporters) != 3 || told.Stats != last.Stats {
		t.Errorf("behind its end: %v, running %v, %d exporters", err, told.Running, len(told.Exporters))
	}
	for expr, want := range map[string]int{"sflow.type == flow": 2 * n, "sflow.type == counters && ifSpeed == 10000000000": (n + 7) / 8, "event.action == exporter-up": 3,
		"sflow.type == flow && source.ip == 10.0.0.0/8 && port == 443 && inputPort == 3": 2 * n, "observer.ip == 192.0.2.9": 0} {
		if got := countSamples(t, r, expr); got != want {
			t.Errorf("%s: %d records, want %d", expr, got, want)
		}
	}
}

func countSamples(t *testing.T, r *Reader, expr string) (n int) {
	t.Helper()
	q, err := query.Parse(expr, query.Options{Kind: record.KindSample, Now: time.Now().UnixNano()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Records.Search(t.Context(), store.Search{Kind: record.KindSample, Where: q.Where}, func(*record.Record) bool {
		n++
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A recorder can listen too: a collector beside a capture writes into the same store.
func TestCollectBesideCapture(t *testing.T) {
	data, addr := t.TempDir(), freePort(t)
	n, err := openNode(t.Context(), Config{Data: data, Workers: 2, Retention: Retention{FreeBytes: 1}}, capturing)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 2)
	go func() {
		_, err := n.watch(ctx, silent{}, func(Progress) {})
		done <- err
	}()
	sent := false
	go func() {
		done <- n.Collect(ctx, SFlow{Listen: []string{addr}, Sockets: 2}, func(s collector.Report) {
			if !sent {
				sent = true
				sendSFlow(t, addr, 10)
			}
			if s.Stats.Datagrams == 10 {
				cancel()
			}
		})
	}()
	for range 2 {
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("the collector does not end")
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(data)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := countSamples(t, r, "sflow.type == flow"); got != 20 {
		t.Errorf("%d samples, want 20", got)
	}
}

func TestCollectSFlowErrors(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = CollectSFlow(t.Context(), Config{Data: t.TempDir(), Retention: Retention{FreeBytes: 1}}, SFlow{Listen: []string{c.LocalAddr().String()}}, func(collector.Report) {}, nil)
	if err == nil {
		t.Fatal("a port that is taken is no error")
	}
}
