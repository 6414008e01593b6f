// Package prototest tests parsers on real captures, through the real decoder, flow table and reassembly.
//
// Golden compares the records of every testdata/*.pcap with the .golden file beside it (JSON lines; go test -update
// rewrites them, the diff is reviewed). The same captures are then played as the network may deliver them: in segments
// of one byte, with a hole, in another order, with one direction missing. None of that may panic, and segments of one
// byte must give the same transactions.
package prototest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/pipeline"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

var update = flag.Bool("update", false, "rewrite golden files")

// Golden tests protocols on every capture in testdata.
func Golden(t *testing.T, protocols ...*proto.Protocol) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.pcap")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures in testdata (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".pcap"), func(t *testing.T) {
			frames := Read(t, file)
			golden(t, strings.TrimSuffix(file, ".pcap")+".golden", play(t, protocols, frames, Whole))
			torture(t, protocols, frames)
		})
	}
}

// golden compares records with a file.
func golden(t *testing.T, file string, got []string) {
	t.Helper()
	text := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if text == string(want) {
		return
	}
	wantLines := strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")
	for i := range max(len(got), len(wantLines)) {
		g, w := line(got, i), line(wantLines, i)
		if g != w {
			t.Errorf("%s:%d\ngot  %s\nwant %s", file, i+1, g, w)
			return
		}
	}
}

func line(all []string, i int) string {
	if i < len(all) {
		return all[i]
	}
	return "(nothing)"
}

// torture plays the frames as a bad network delivers them.
func torture(t *testing.T, protocols []*proto.Protocol, frames []record.Packet) {
	t.Helper()
	want := transactions(play(t, protocols, frames, Whole))
	got := transactions(play(t, protocols, frames, Bytewise))
	for i := range max(len(want), len(got)) {
		if g, w := line(got, i), line(want, i); g != w {
			t.Errorf("in segments of one byte, transaction %d:\ngot  %s\nwant %s", i, g, w)
			break
		}
	}
	for _, how := range []How{Holes, Swapped, ClientOnly, ServerOnly} {
		play(t, protocols, frames, how)
	}
}

func transactions(lines []string) (out []string) {
	for _, l := range lines {
		if strings.Contains(l, `"kind":"transaction"`) {
			out = append(out, l)
		}
	}
	return out
}

// Read reads a capture whole.
func Read(t testing.TB, file string) []record.Packet {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d pcapio.Decoder = &pcapio.Pcapng{}
	if pcapio.Sniff(b) == pcapio.KindPcap {
		h, err := pcapio.ParsePcap(b)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		d, b = h, b[pcapio.PcapHeaderLen:]
	}
	var all []record.Packet
	for len(b) > 0 {
		out, n, _, err := d.Decode(b, make([]record.Packet, 0, 1024))
		all = append(all, out...)
		if err != nil || n == 0 {
			t.Fatalf("%s: packet %d: %v", file, len(all), err)
		}
		b = b[min(n, len(b)):]
	}
	return all
}

// How says how frames reach the flow table.
type How int

// The ways.
const (
	Whole      How = iota // as they are
	Bytewise              // TCP payload one byte at a time
	Holes                 // every seventh data segment is missing
	Swapped               // neighbouring data segments exchanged
	ClientOnly            // without the server's packets
	ServerOnly            // without the client's packets
)

// Play gives the records of frames as JSON lines, in the order in which they were made.
func Play(t testing.TB, protocols []*proto.Protocol, frames []record.Packet, how How) []string {
	return play(t, protocols, frames, how)
}

func play(t testing.TB, protocols []*proto.Protocol, frames []record.Packet, how How) []string {
	t.Helper()
	c := &collector{}
	w, err := pipeline.NewWorker(0, pipeline.Config{Flow: flow.Offline(), Protocols: proto.NewSet(protocols), Sink: c})
	if err != nil {
		t.Fatal(err)
	}
	x := &player{t: t, w: w, how: how}
	for i := range frames {
		x.frame(&frames[i])
	}
	x.flush()
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if s := w.Stats(); s.ParserPanics > 0 {
		t.Errorf("%d panics, the last: %s", s.ParserPanics, s.LastPanic)
	}
	return c.lines
}

type collector struct {
	enc   record.Encoder
	lines []string
}

func (c *collector) Add(b *record.Batch) error {
	for _, r := range b.Records() {
		c.lines = append(c.lines, string(c.enc.Append(nil, r)))
	}
	return nil
}

// player gives frames to a worker in a way.
type player struct {
	t     testing.TB
	w     *pipeline.Worker
	how   How
	now   int64
	n     int // data segments so far
	held  *packet.Decoded
	heldP record.Packet
}

func (x *player) frame(p *record.Packet) {
	var d packet.Decoded
	packet.Decode(&d, p)
	data := d.Proto == 6 && d.Verdict == packet.OK && d.PayloadLen > 0
	if data {
		x.n++
	}
	key, swapped := d.Key()
	fromServer := d.DstPort > d.SrcPort || d.DstPort == d.SrcPort && swapped
	switch {
	case x.how == ClientOnly && fromServer, x.how == ServerOnly && !fromServer, x.how == Holes && data && x.n%7 == 0:
		return
	case x.how == Bytewise && data:
		x.bytewise(p, &d)
		return
	case x.how == Swapped && data && x.held == nil && x.n%3 == 0:
		copy := d
		x.held, x.heldP = &copy, *p
		return
	}
	x.send(p, &d, &key, swapped)
	x.flush()
}

// flush sends the segment that was held back.
func (x *player) flush() {
	if d := x.held; d != nil {
		x.held = nil
		key, swapped := d.Key()
		x.send(&x.heldP, d, &key, swapped)
	}
}

func (x *player) bytewise(p *record.Packet, whole *packet.Decoded) {
	for i := range whole.Payload {
		d := *whole
		d.Payload, d.PayloadLen, d.Seq = whole.Payload[i:i+1], 1, whole.Seq+uint32(i)
		if d.Flags&packet.SYN != 0 && i > 0 {
			d.Flags, d.Seq = packet.ACK, d.Seq+1
		}
		if i < len(whole.Payload)-1 {
			d.Flags &^= packet.FIN
		}
		key, swapped := d.Key()
		x.send(p, &d, &key, swapped)
	}
}

func (x *player) send(p *record.Packet, d *packet.Decoded, key *record.FlowKey, swapped bool) {
	if err := x.w.Tick(x.now); err != nil {
		x.t.Fatal(err)
	}
	if err := x.w.Packet(p, d, key, key.Hash(), swapped, x.now); err != nil {
		x.t.Fatal(err)
	}
	x.now = max(x.now, p.Time)
}
