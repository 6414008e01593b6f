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

// rounds is how often the decoders take turns, so that what else the machine does meets all of them alike.
const rounds = 25

// decoder is one way to read a datagram, and what it took.
type decoder struct {
	name    string
	read    func([]byte) bool // says whether the datagram was read
	took    time.Duration
	mallocs uint64
	refused int
}

// decode measures decoders on the same datagrams in memory, on one core.
func decode(o options) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fmt.Printf("| datagrams | decoder | CPU s | datagrams/CPU-s | beside goflow2 | allocations a datagram | refused |\n| --- | --- | --- | --- | --- | --- | --- |\n")
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
		decoders := []*decoder{{name: "tapir, every field", read: readFields}, {name: "tapir, structs", read: newStructs().read},
			{name: "tapir, records left as bytes", read: readRecords}, {name: "goflow2", read: readGoflow},
			{name: "goflow2, then every field of the records it leaves as bytes", read: readGoflowFields}, {name: "gopacket", read: readGopacket}}
		for range rounds {
			for _, d := range decoders {
				d.turn(o.n/rounds, all)
			}
		}
		n, peer := o.n/rounds*rounds, decoders[3].took
		for _, d := range decoders {
			fmt.Printf("| %s | %s | %.2f | %.0f | %.1fx | %.2f | %d |\n", kind, d.name, d.took.Seconds(), float64(n)/d.took.Seconds(), float64(peer)/float64(d.took),
				float64(d.mallocs)/float64(n), d.refused)
		}
	}
	_, err := fmt.Fprintln(io.Discard, sum)
	fmt.Println()
	return err
}

// turn reads n datagrams.
func (d *decoder) turn(n int, all [][]byte) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin := cpu(syscall.RUSAGE_SELF)
	for i := range n {
		if !d.read(all[i%len(all)]) {
			d.refused++
		}
	}
	d.took += cpu(syscall.RUSAGE_SELF) - begin
	runtime.ReadMemStats(&after)
	d.mallocs += after.Mallocs - before.Mallocs
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
		records := s.Records()
		for records.Next(&r) {
			fields := r.Fields()
			for fields.Next(&v) {
				sum += v.Num
			}
		}
	}
	return samples.Err() == nil
}

// readRecords goes over the records and reads none, as goflow2 does with those of web servers.
func readRecords(b []byte) bool {
	d, err := sflow.Parse(b)
	if err != nil {
		return false
	}
	samples, s, r := d.Samples(), sflow.Sample{}, sflow.Record{}
	for samples.Next(&s) {
		records := s.Records()
		for records.Next(&r) {
			sum += uint64(r.Tag) + uint64(len(r.Body))
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
		records := s.Records()
		for records.Next(&r) {
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

// readGoflowFields reads the same as readFields with goflow2: the records that it leaves as bytes are read field by field, by our layouts.
func readGoflowFields(b []byte) bool {
	var p goflow.Packet
	if goflow.DecodeMessageVersion(bytes.NewBuffer(b), &p) != nil {
		return false
	}
	for _, s := range p.Samples {
		switch s := s.(type) {
		case goflow.FlowSample:
			for _, r := range s.Records {
				readRaw(r.Data, sflow.FlowLayout(sflow.Tag(r.Header.DataFormat)))
			}
		case goflow.CounterSample:
			for _, r := range s.Records {
				readRaw(r.Data, sflow.CounterLayout(sflow.Tag(r.Header.DataFormat)))
			}
		}
	}
	return true
}

func readRaw(data any, l *sflow.Layout) {
	if raw, ok := data.(goflow.RawRecord); ok {
		v, fields := sflow.Value{}, sflow.FieldsOf(l, raw.Data)
		for fields.Next(&v) {
			sum += v.Num
		}
	}
}

func readGopacket(b []byte) bool {
	var d layers.SFlowDatagram
	return d.DecodeFromBytes(b, gopacket.NilDecodeFeedback) == nil
}
