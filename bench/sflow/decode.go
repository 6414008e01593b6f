package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"syscall"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	goflow "github.com/netsampler/goflow2/v2/decoders/sflow"

	"github.com/tapir-project/tapir/bench/sflow/datagrams"
	"github.com/tapir-project/tapir/sflow"
)

// decode measures decoders on the same datagrams in memory, on one core.
func decode(o options) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fmt.Printf("| datagrams | decoder | CPU s | datagrams/CPU-s | allocations a datagram | refused |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, kind := range []string{datagrams.Switch, datagrams.HTTP} {
		m, err := datagrams.New(kind, 4)
		if err != nil {
			return err
		}
		all := make([][]byte, 20_000) // they fit no cache, and are read again and again
		for i := range all {
			_, b := m.Next()
			all[i] = bytes.Clone(b)
		}
		for _, d := range []struct {
			name string
			read func([]byte) bool
		}{{"tapir, every field", readFields}, {"tapir, structs", newStructs().read}, {"goflow2", readGoflow}, {"gopacket", readGopacket}} {
			measure(o.n, kind, d.name, all, d.read)
		}
	}
	_, err := fmt.Fprintln(io.Discard, sum)
	fmt.Println()
	return err
}

// measure reads n datagrams and prints what they took.
func measure(n int, kind, name string, all [][]byte, read func([]byte) bool) {
	refused := 0
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin := cpu(syscall.RUSAGE_SELF)
	for i := range n {
		if !read(all[i%len(all)]) {
			refused++
		}
	}
	took := cpu(syscall.RUSAGE_SELF) - begin
	runtime.ReadMemStats(&after)
	fmt.Printf("| %s | %s | %.2f | %.0f | %.2f | %d |\n", kind, name, took.Seconds(), float64(n)/took.Seconds(), float64(after.Mallocs-before.Mallocs)/float64(n), refused)
}

// cpu is the time that a process, or its children that have ended, took of the processor.
func cpu(who int) time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(who, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sum keeps what is read from being optimised away.
var sum uint64

func readFields(b []byte) bool {
	d, err := sflow.Parse(b)
	if err != nil {
		return false
	}
	samples, s, r, v := d.Samples(), sflow.Sample{}, sflow.Record{}, sflow.Value{}
	for samples.Next(&s) {
		for records := s.Records(); records.Next(&r); {
			for f := r.Fields(); f.Next(&v); {
				sum += v.Num
			}
		}
	}
	return samples.Err() == nil
}

// structs are used again for each record.
type structs struct {
	flow, counters map[sflow.Tag]sflow.Data
}

func newStructs() *structs {
	return &structs{map[sflow.Tag]sflow.Data{sflow.TagHeader: &sflow.Header{}, sflow.TagSwitch: &sflow.Switch{}, sflow.TagRouter: &sflow.Router{}, sflow.TagSocket4: &sflow.Socket{}, sflow.TagHTTP: &sflow.HTTP{}},
		map[sflow.Tag]sflow.Data{sflow.TagInterface: &sflow.Interface{}, sflow.TagAppWorkers: &sflow.AppWorkers{}, sflow.TagHostParent: &sflow.HostParent{}, sflow.TagHTTPCounters: &sflow.HTTPCounters{}}}
}

func (x *structs) read(b []byte) bool {
	d, err := sflow.Parse(b)
	if err != nil {
		return false
	}
	samples, s, r := d.Samples(), sflow.Sample{}, sflow.Record{}
	for samples.Next(&s) {
		known := x.flow
		if s.Counters() {
			known = x.counters
		}
		for records := s.Records(); records.Next(&r); {
			if data := known[r.Tag]; data == nil || r.Decode(data) != nil {
				return false
			}
		}
	}
	return samples.Err() == nil
}

func readGoflow(b []byte) bool {
	var p goflow.Packet
	return goflow.DecodeMessageVersion(bytes.NewBuffer(b), &p) == nil
}

func readGopacket(b []byte) bool {
	var d layers.SFlowDatagram
	return d.DecodeFromBytes(b, gopacket.NilDecodeFeedback) == nil
}
