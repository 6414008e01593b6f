package sflow_test

import (
	"fmt"
	"net/netip"

	"github.com/tapir-project/tapir/sflow"
)

// An agent builds a datagram of one sampled request.
func ExampleEncoder() {
	var e sflow.Encoder
	e.Start(&sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: 1, Uptime: 60_000})
	e.Begin(&sflow.Sample{Tag: sflow.TagFlow, Sequence: 1, Source: sflow.Source{Class: sflow.SourceLogical, Index: 80}, Rate: 400, Pool: 412, Output: sflow.PortInternal})
	e.Add(&sflow.Socket{Protocol: 6, Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("198.51.100.7"), LocalPort: 80, RemotePort: 40000})
	request := sflow.HTTP{Method: sflow.HTTPMethod("GET"), Protocol: 1001, URI: []byte("/"), Host: []byte("www.example.org"), RespBytes: 1024, Micros: 250, Status: 200}
	request.Cut()
	e.Add(&request)
	e.End()
	fmt.Println(e.Len(), "bytes,", e.Samples(), "sample")
	// Output: 184 bytes, 1 sample
}

// A collector reads a datagram: what it knows as structs, all else by name.
func ExampleParse() {
	var e sflow.Encoder
	e.Start(&sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: 1})
	e.Begin(&sflow.Sample{Tag: sflow.TagCounters, Source: sflow.Source{Index: 3}})
	e.Add(&sflow.Interface{Index: 3, Speed: 1e9, InOctets: 4096})
	e.Add(&sflow.AppWorkers{Active: 2, Idle: 6, Max: 400})
	e.End()

	d, err := sflow.Parse(e.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	var s sflow.Sample
	var r sflow.Record
	var port sflow.Interface // used again for each record, so that reading allocates nothing
	var v sflow.Value
	samples := d.Samples() // before the loop: a variable of the for clause would be copied with each step
	for samples.Next(&s) {
		records := s.Records()
		for records.Next(&r) {
			if s.Counters() && r.Tag == sflow.TagInterface && r.Decode(&port) == nil {
				fmt.Println("port", port.Index, "received", port.InOctets)
				continue
			}
			fields := r.Fields()
			for fields.Next(&v) {
				fmt.Println(v.Field.Name, v.Num)
			}
		}
	}
	// Output:
	// port 3 received 4096
	// workers_active 2
	// workers_idle 6
	// workers_max 400
	// requests_delayed 0
	// requests_dropped 0
}
