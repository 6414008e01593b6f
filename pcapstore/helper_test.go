package pcapstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
)

// base is a time in 2026, ns, at the start of an hour.
const base = int64(1795255200) * second

// sample is a packet with its flow and, once stored, its place.
type sample struct {
	record.Packet
	flow   record.ID
	worker int
	pos    record.Position
}

func flowID(n int) record.ID { return record.NewID(base+int64(n)*1e6, uint64(n)*0x9e3779b97f4a7c15, 0) }

// samples makes n packets of up to size bytes and of flows flows, one each step ns from start on.
func samples(seed uint64, n, flows, size int, start, step int64) []sample {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]sample, n)
	for i := range out {
		data := make([]byte, rng.IntN(size+1))
		for j := range data {
			data[j] = byte(rng.IntN(8)) + byte(j)
		}
		out[i] = sample{flow: flowID(rng.IntN(flows)), Packet: record.Packet{
			Time: start + int64(i)*step, Data: data, WireLen: uint32(len(data) + rng.IntN(3)), Link: record.LinkEthernet}}
	}
	return out
}

// recording is a Recorder that runs.
type recording struct {
	*Recorder
	t     testing.TB
	ended chan error
	flows []map[record.ID]*Flow
}

func start(t testing.TB, dir string, o Options) *recording {
	t.Helper()
	def(&o.flushEvery, -1)
	rec, err := NewRecorder(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, rec)
}

func run(t testing.TB, rec *Recorder) *recording {
	r := &recording{Recorder: rec, t: t, ended: make(chan error, 1)}
	for range rec.writers {
		r.flows = append(r.flows, map[record.ID]*Flow{})
	}
	go func() { r.ended <- rec.Run(context.Background()) }()
	return r
}

// add stores s with the writer of its worker and notes its place. It returns what Append says.
func (r *recording) add(s *sample) error {
	m := r.flows[s.worker]
	f := m[s.flow]
	if f == nil {
		f = &Flow{ID: s.flow}
		m[s.flow] = f
	}
	var err error
	s.pos, err = r.Writer(s.worker).Append(&s.Packet, f)
	return err
}

func (r *recording) addAll(ss []sample) {
	r.t.Helper()
	for i := range ss {
		if err := r.add(&ss[i]); err != nil {
			r.t.Fatalf("packet %d: %v", i, err)
		}
	}
}

func (r *recording) stop() error {
	for _, w := range r.writers {
		w.Close()
	}
	select {
	case err := <-r.ended:
		return err
	case <-time.After(20 * time.Second):
		r.t.Fatal("Run does not end")
		return nil
	}
}

func (r *recording) mustStop() {
	r.t.Helper()
	if err := r.stop(); err != nil {
		r.t.Fatal(err)
	}
}

// got is a packet as a reader gave it.
func query(t testing.TB, dir string, q Query) []sample {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return ask(t, s, q)
}

func ask(t testing.TB, s *Store, q Query) (out []sample) {
	t.Helper()
	err := s.Packets(context.Background(), q, func(p *record.Packet, pos record.Position) bool {
		g := sample{Packet: *p, pos: pos}
		g.Data = bytes.Clone(p.Data)
		out = append(out, g)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// same compares what was stored with what came back.
func same(t testing.TB, got, want []sample) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d packets, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		g, w := &got[i], &want[i]
		if g.Time != w.Time || g.WireLen != w.WireLen || g.Link != w.Link || g.pos != w.pos || !bytes.Equal(g.Data, w.Data) {
			t.Fatalf("packet %d: got time %d wire %d link %d at %v %x\nwant time %d wire %d link %d at %v %x", i,
				g.Time, g.WireLen, g.Link, g.pos, g.Data, w.Time, w.WireLen, w.Link, w.pos, w.Data)
		}
	}
}

// inOrder sorts as Packets does.
func inOrder(ss []sample) []sample {
	ss = slices.Clone(ss)
	slices.SortStableFunc(ss, func(a, b sample) int {
		if a.Time != b.Time {
			return compare(a.Time, b.Time)
		}
		if a.worker != b.worker {
			return a.worker - b.worker
		}
		if a.pos.Before(b.pos) {
			return -1
		}
		return 1
	})
	return ss
}

// of filters by flow.
func of(ss []sample, ids ...record.ID) (out []sample) {
	for _, s := range ss {
		if slices.Contains(ids, s.flow) {
			out = append(out, s)
		}
	}
	return out
}

// checkFlows compares the store's answers, for all packets and for each flow, with what was stored.
func checkFlows(t testing.TB, dir string, want []sample) {
	t.Helper()
	st, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want = inOrder(want)
	same(t, ask(t, st, Query{}), want)
	seen := map[record.ID]bool{}
	for _, w := range want {
		if !seen[w.flow] {
			seen[w.flow] = true
			same(t, ask(t, st, Query{Flows: []record.ID{w.flow}}), of(want, w.flow))
		}
	}
}

// readPcap reads a plain segment the way any program reads a pcap.
func readPcap(t testing.TB, b []byte) (out []sample) {
	t.Helper()
	le := binary.LittleEndian
	if len(b) < 24 || le.Uint32(b) != 0xa1b23c4d {
		t.Fatalf("no nanosecond pcap: % x", b[:min(len(b), 24)])
	}
	link := record.LinkType(le.Uint32(b[20:]))
	for b = b[24:]; len(b) > 0; {
		n := int(le.Uint32(b[8:]))
		out = append(out, sample{Packet: record.Packet{Time: int64(le.Uint32(b))*second + int64(le.Uint32(b[4:])),
			WireLen: le.Uint32(b[12:]), Link: link, Data: b[16 : 16+n]}})
		b = b[16+n:]
	}
	return out
}

// paths lists the store's files with that extension.
func paths(t testing.TB, dir, ext string) (out []string) {
	t.Helper()
	found, err := scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		if _, err := os.Stat(found[i].stem + ext); err == nil {
			out = append(out, found[i].stem+ext)
		}
	}
	return out
}
