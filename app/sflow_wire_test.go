package app

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent/agenttest"
)

// What a capture of nginx holds is counted and sampled as an agent beside nginx would have.
func TestSFlowOfWire(t *testing.T) {
	c := agenttest.New(t)
	handed := 0
	w := newWireSFlow(sinkFunc(func(*record.Record) error { handed++; return nil }), "", nil)
	w.agent.Configure(c.Config(1, time.Hour))
	stop := agenttest.Run(t, w.agent)
	requests := 0
	var b record.Batch
	err := Read(context.Background(), ReadFiles{Files: []string{"../testdata/nginx.pcap"}}, func(r *record.Record) error {
		b.Next().CopyFrom(r)
		if r.Kind == record.KindTransaction && r.Values.Has(fHTTPMethod) {
			requests++
		}
		return nil
	})
	if err == nil {
		err = w.Add(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	stop()
	c.Until(5*time.Second, func() bool { return len(c.Flows) == requests && len(c.Counters) == 1 })
	if handed != b.Len() || requests < 5 {
		t.Errorf("%d of %d records handed on, %d requests", handed, b.Len(), requests)
	}
	n := c.Counters[0].HTTP
	if sum := n.Get + n.Head + n.Post + n.Put + n.Delete + n.Options + n.Other; sum != uint32(requests) {
		t.Errorf("%d requests counted, want %d", sum, requests)
	}
	f := c.Flows[1]
	h := f.HTTP
	got := fmt.Sprintf("%d %d %s %s %s %s %d %d %d %v:%d %v %d:%d sub %d", h.Method, h.Protocol, h.URI, h.Host, h.UserAgent, h.MIMEType, h.ReqBytes, h.RespBytes, h.Status,
		f.Socket.Local, f.Socket.LocalPort, f.Socket.Remote, f.Source.Class, f.Source.Index, f.SubAgent)
	if want := "2 1001 /docs/numbers.txt 10.77.0.1 tapir-test/1.0 text/plain 97 18893 200 10.77.0.1:8080 10.77.0.2 3:8080 sub 1"; got != want || h.Method != sflow.HTTPGet || h.Micros != 185 {
		t.Errorf("got  %s, %d us\nwant %s", got, h.Micros, want)
	}
}
