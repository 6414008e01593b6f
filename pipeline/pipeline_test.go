package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tapir-project/tapir/flow"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/pcapstore"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/source/pcapfile"
)

// echo is a protocol that takes every stream and datagram, and makes a transaction of each piece it is given.
var echo = &proto.Protocol{Name: "echo", Transport: proto.TCP | proto.UDP | proto.IP, Numbers: []uint16{1, 58},
	Match: func(*proto.Probe) proto.Verdict { return proto.Yes }, New: func() proto.Parser { return echoParser{} }}

type echoParser struct{}

func (echoParser) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	t := f.Begin(dir)
	t.BytesIn = int64(len(b))
	f.Emit(t)
	return len(b)
}
func (echoParser) Gap(*proto.Flow, proto.Dir, int) {}
func (echoParser) Close(*proto.Flow, proto.Dir)    {}

// lines collects records as JSON; safe for several workers.
type lines struct {
	mu  sync.Mutex
	all []string
	err error // returned by the next Add
}

func (l *lines) Add(b *record.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var enc record.Encoder
	for _, r := range b.Records() {
		l.all = append(l.all, string(enc.Append(nil, r)))
	}
	return l.err
}

// run plays the bundled captures through n workers.
func run(t *testing.T, n int, sink record.Sink) (Stats, error) {
	t.Helper()
	files, err := filepath.Glob("../testdata/*.pcap")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d captures in testdata", len(files))
	}
	src, err := pcapfile.Open(pcapfile.Config{Paths: files})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	p, err := New(n, Config{Flow: flow.Stored(), Protocols: proto.NewSet([]*proto.Protocol{echo}), Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Run(context.Background(), src)
	var sum Stats
	for _, w := range p.Workers() {
		sum.Packets += w.Stats().Packets
		sum.Transactions += w.Stats().Transactions
	}
	return sum, err
}

// However many workers a file is dealt out to, the records are the same.
func TestWorkersGiveTheSameRecords(t *testing.T) {
	var one lines
	want, err := run(t, 1, &one)
	if err != nil || want.Packets == 0 || want.Transactions == 0 {
		t.Fatalf("%+v %v", want, err)
	}
	slices.Sort(one.all)
	for _, n := range []int{2, 3, 7} {
		var many lines
		got, err := run(t, n, &many)
		if err != nil || got.Packets != want.Packets {
			t.Fatalf("%d workers: %+v, want %+v (%v)", n, got, want, err)
		}
		slices.Sort(many.all)
		if !slices.Equal(one.all, many.all) {
			t.Errorf("%d workers give other records than one", n)
		}
	}
}

func TestSinkErrorEndsTheRun(t *testing.T) {
	full := errors.New("disk full")
	for _, n := range []int{1, 2} {
		if _, err := run(t, n, &lines{err: full}); !errors.Is(err, full) {
			t.Errorf("%d workers: error %v, want the sink's", n, err)
		}
	}
}

// block is a source of given packets.
type block struct{ packets []record.Packet }

func (b *block) Run(_ context.Context, emit func(*source.Block) error) error {
	for i := 0; i < len(b.packets); i += 3 {
		x := source.NewBlock(3, func() {})
		x.Lend(0)
		x.Packets = append(x.Packets, b.packets[i:min(i+3, len(b.packets))]...)
		x.Now = x.Packets[len(x.Packets)-1].Time
		err := emit(x)
		x.Release()
		if err != nil {
			return err
		}
	}
	return nil
}
func (b *block) Queues() int                    { return 1 }
func (b *block) Interfaces() []source.Interface { return nil }
func (b *block) Stats() source.Stats            { return source.Stats{} }
func (b *block) Close() error                   { return nil }

// fragment makes an Ethernet frame with part of a UDP datagram of 4 x 16 bytes behind its header.
func fragment(id uint16, n, of int, t int64) record.Packet {
	udp := make([]byte, 8+16*of)
	binary.BigEndian.PutUint16(udp, 5000)
	binary.BigEndian.PutUint16(udp[2:], 53)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	part := 8 * ((len(udp)/of + 7) / 8)
	from, to := min(n*part, len(udp)), min((n+1)*part, len(udp))
	flags := uint16(from / 8)
	if to < len(udp) {
		flags |= 0x2000
	}
	f := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
	binary.BigEndian.PutUint16(f[16:], uint16(20+to-from))
	binary.BigEndian.PutUint16(f[18:], id)
	binary.BigEndian.PutUint16(f[20:], flags)
	f = append(f, udp[from:to]...)
	return record.Packet{Time: t, Data: f, WireLen: uint32(len(f)), Link: record.LinkEthernet}
}

// All frames of a fragmented datagram belong to its flow, in any order; what stays incomplete is a flow without ports.
func TestFragmentsBelongToTheirFlow(t *testing.T) {
	src := &block{packets: []record.Packet{
		fragment(1, 2, 3, 1e9), fragment(1, 0, 3, 2e9), fragment(2, 0, 2, 3e9), fragment(1, 1, 3, 4e9), fragment(3, 0, 2, 5e9), fragment(3, 1, 2, 6e9),
	}}
	for _, n := range []int{1, 2} {
		var out lines
		p, err := New(n, Config{Flow: flow.Offline(), Protocols: proto.NewSet([]*proto.Protocol{echo}), Sink: &out})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(context.Background(), src); err != nil {
			t.Fatal(err)
		}
		slices.Sort(out.all)
		got := strings.Join(out.all, "\n")
		if strings.Count(got, `"kind":"transaction"`) != 2 {
			t.Errorf("%d workers: want a transaction for each whole datagram:\n%s", n, got)
		}
		for _, want := range []string{`"packets":5,`, `"port":5000`, `"packets":1,`} {
			if !strings.Contains(got, want) {
				t.Errorf("%d workers: no %s in\n%s", n, want, got)
			}
		}
	}
}

// sizes remembers the largest batch and counts the records.
type sizes struct{ largest, records int }

func (s *sizes) Add(b *record.Batch) error {
	s.largest, s.records = max(s.largest, b.Len()), s.records+b.Len()
	return nil
}

// All flows may end at one moment, by the end of the input or by time: no batch is larger for it.
func TestManyEndsFillManyBatches(t *testing.T) {
	const flows = 1000
	var packets []record.Packet
	for i := range flows {
		p := fragment(uint16(i), 0, 1, 1e9)
		binary.BigEndian.PutUint16(p.Data[28:], uint16(i))
		packets = append(packets, p)
	}
	late := fragment(0, 0, 1, 4000e9)
	binary.BigEndian.PutUint16(late.Data[28:], flows)
	for name, src := range map[string]*block{"end": {packets}, "time": {append(slices.Clip(packets), late)}} {
		var out sizes
		p, err := New(1, Config{Flow: flow.Offline(), Protocols: proto.NewSet([]*proto.Protocol{echo}), Sink: &out, BatchRecords: 10})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(context.Background(), src); err != nil {
			t.Fatal(err)
		}
		if want := 2 * len(src.packets); out.records != want || out.largest > 10 { // a session and a transaction for each
			t.Errorf("%s: %d records, the largest batch has %d; want %d in batches of up to 10", name, out.records, out.largest, want)
		}
	}
}

// diary is a packet writer that remembers what it was given.
type diary struct {
	packets []record.Packet
	flows   []record.ID
}

func (d *diary) Append(p *record.Packet, f *pcapstore.Flow) (record.Position, error) {
	c := *p
	c.Data = slices.Clone(p.Data)
	d.packets, d.flows = append(d.packets, c), append(d.flows, f.ID)
	return record.Position{Segment: 1, Offset: uint64(len(d.packets))}, nil
}
func (d *diary) Flush(int64) {}
func (d *diary) Rotate()     {}
func (d *diary) Next() record.Position {
	return record.Position{Segment: 1, Offset: uint64(len(d.packets) + 1)}
}

// Replaying what a worker stored gives the records it made, with the same ids, whether the journal knows the flows or
// not, and leaves out the sessions that are stored whole.
func TestReplayGivesTheSameRecords(t *testing.T) {
	files, _ := filepath.Glob("../testdata/*.pcap")
	src, err := pcapfile.Open(pcapfile.Config{Paths: files})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var stored diary
	var want lines
	cfg := Config{Flow: flow.Live(), Protocols: proto.NewSet([]*proto.Protocol{echo}), Sink: &want, Packets: func(int) (PacketWriter, error) { return &stored, nil }}
	p, err := New(1, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want.all)
	for name, known := range map[string]func(i int) bool{
		"journal":      func(int) bool { return true },
		"torn journal": func(i int) bool { return i < len(stored.packets)*2/3 },
	} {
		got, want := endless(replay(t, cfg, &stored, known, kept{parts: want.all})), endless(want.all)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d records, want %d, or others%s", name, len(got), len(want), firstDifference(got, want))
		}
	}
	whole := stored.flows[0]
	for _, l := range replay(t, cfg, &stored, func(int) bool { return true }, kept{whole: whole}) {
		if strings.Contains(l, fmt.Sprintf(`"session":{"final":true,"id":%q`, whole)) {
			t.Errorf("a session that is stored whole came again: %s", l)
		}
	}
}

// endless makes sessions that timed out look like those that ended with the input: which it was, a replay cannot know.
func endless(all []string) (out []string) {
	for _, l := range all {
		out = append(out, strings.Replace(l, `"state":"timeout"`, `"state":"end of input"`, 1))
	}
	slices.Sort(out)
	return out
}

// firstDifference shows where two lists part.
func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("; the first:\ngot  %s\nwant %s", got[i], want[i])
		}
	}
	return ""
}

// kept says what is stored by looking at JSON lines.
type kept struct {
	parts []string
	whole record.ID
}

func (k kept) Whole(id record.ID) bool { return id == k.whole }
func (k kept) Part(id record.ID, part uint32) bool {
	want := fmt.Sprintf(`"session":{"final":false,"id":%q`, id)
	for _, l := range k.parts {
		if strings.Contains(l, want) && strings.Contains(l, fmt.Sprintf(`"part":%d,`, part)) {
			return true
		}
	}
	return false
}

func replay(t *testing.T, cfg Config, d *diary, known func(int) bool, k kept) []string {
	t.Helper()
	var out lines
	cfg.Packets, cfg.Sink = nil, &out
	r, err := NewReplay(0, cfg, k)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.packets {
		flow := record.ID{}
		if known(i) {
			flow = d.flows[i]
		}
		got, err := r.Packet(&d.packets[i], flow, known(i))
		if err != nil {
			t.Fatal(err)
		}
		var dec packet.Decoded
		packet.Decode(&dec, &d.packets[i])
		if got != d.flows[i] && dec.Verdict != packet.Fragment {
			t.Fatalf("packet %d: flow %s, was %s", i, got, d.flows[i])
		}
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out.all)
	return out.all
}
