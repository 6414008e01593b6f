package flow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/reassembly"
	"github.com/tapir-project/tapir/record"
)

// bench runs a table on hand-made packets and collects its records.
type rig struct {
	*Table
	out    []string
	rec    record.Record
	b      reassembly.Budget
	before int64
}

func newRig(c Config) *rig {
	r := &rig{}
	env := &proto.Env{Protocols: proto.NewSet(nil)}
	r.Table = NewTable(c, env)
	r.End, r.Wake = func(*Flow) {}, func(*Flow, int64) {}
	r.Out = func() *record.Record { r.rec.Reset(); return &r.rec }
	r.Done = func(rec *record.Record) { r.out = append(r.out, describe(rec)) }
	return r
}

func num(v *record.Values, name string) int64 {
	x, ok := v.First(record.MustID(name))
	if !ok {
		return -1
	}
	return x.Int()
}

func text(v *record.Values, name string) string {
	x, _ := v.First(record.MustID(name))
	return string(x.Text())
}

func describe(r *record.Record) string {
	v := &r.Values
	src, _ := v.First(record.MustID("source.ip"))
	return fmt.Sprintf("%s:%d %d/%d packets %d/%d data [%d,%d] part %d final %v %s", src.Addr(), num(v, "source.port"),
		num(v, "source.packets"), num(v, "destination.packets"), num(v, "client.bytes"), num(v, "server.bytes"),
		r.Start/second, r.End/second, r.Part, r.Final, text(v, "session.state"))
}

// send plays one packet: from 10.0.0.a:ap to 10.0.0.b:bp at second t.
func (r *rig) send(t float64, a, ap, b, bp int, number uint8, flags uint16, seq, ack uint32, payload string) *Flow {
	d := &packet.Decoded{HasIP: true, Proto: number, Src: record.AddrFrom4([]byte{10, 0, 0, byte(a)}), Dst: record.AddrFrom4([]byte{10, 0, 0, byte(b)}),
		SrcPort: uint16(ap), DstPort: uint16(bp), Flags: flags, Seq: seq, Ack: ack, Window: 1000, TTL: 64, Payload: []byte(payload), PayloadLen: uint32(len(payload))}
	key, swapped := record.NewFlowKey(d.Src, d.Dst, d.SrcPort, d.DstPort, number)
	now := int64(t * 1e9)
	p := &record.Packet{Time: now, WireLen: uint32(54 + len(payload))}
	f, dir := r.Packet(p, d, &key, key.Hash(), swapped, r.before)
	r.before = max(r.before, now)
	if f.Conn != nil {
		f.Conn.Segment(d, dir, now)
		s := &f.Conn.Streams[dir]
		if flags&packet.SYN != 0 {
			s.Syn(seq)
			seq++
		}
		if d.PayloadLen > 0 {
			top := s.Top()
			class, fresh := s.Add(&r.b, seq, d.Payload, len(payload), now)
			f.Delivered(class, fresh, top, d, dir, now)
			for {
				if _, ok := s.Pop(&r.b, now); !ok {
					break
				}
			}
		}
		if f.BothFinished() {
			r.Close(f, Finished)
		}
	}
	r.Tick(now)
	return f
}

func (r *rig) want(t *testing.T, want ...string) {
	t.Helper()
	r.Flush()
	if got := strings.Join(r.out, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestUDPIdleSplitsSessions(t *testing.T) {
	r := newRig(Offline())
	r.send(10, 1, 5000, 2, 53, 17, 0, 0, 0, "ask")
	r.send(11, 2, 53, 1, 5000, 17, 0, 0, 0, "answer")
	r.send(71, 1, 5000, 2, 53, 17, 0, 0, 0, "again")
	r.send(132, 1, 5000, 2, 53, 17, 0, 0, 0, "late") // no other packet has shown that its time was up
	r.send(193, 9, 1, 8, 2, 17, 0, 0, 0, "x")
	r.send(194, 1, 5000, 2, 53, 17, 0, 0, 0, "new")
	r.want(t,
		"10.0.0.1:5000 3/1 packets 12/6 data [10,132] part 0 final true timeout",
		"10.0.0.9:1 1/0 packets 1/0 data [193,193] part 0 final true end of input",
		"10.0.0.1:5000 1/0 packets 3/0 data [194,194] part 0 final true end of input")
}

// Answers over another VLAN belong to the flow; a second request over another VLAN does not.
func TestAsymmetricVLANs(t *testing.T) {
	r := newRig(Offline())
	send := func(vlan uint16, a, b byte, sport, dport uint16) {
		d := &packet.Decoded{HasIP: true, Proto: 17, Src: record.AddrFrom4([]byte{10, 0, 0, a}), Dst: record.AddrFrom4([]byte{10, 0, 0, b}), SrcPort: sport, DstPort: dport}
		key, swapped := record.NewFlowKey(d.Src, d.Dst, sport, dport, 17)
		key.VLAN = vlan
		r.Packet(&record.Packet{Time: second, WireLen: 60}, d, &key, key.Hash(), swapped, 0)
	}
	send(300, 1, 2, 1000, 53)
	send(50, 2, 1, 53, 1000)
	send(300, 1, 2, 1000, 53)
	send(7, 1, 2, 1000, 53)
	send(50, 2, 1, 53, 1000)
	r.Flush()
	if len(r.out) != 2 || !strings.Contains(strings.Join(r.out, " "), "2/2 packets") {
		t.Errorf("got %q", r.out)
	}
}

// A silent flow is reported when packet time has passed its deadline, without a packet of its own.
func TestTimersRunOnOthersPackets(t *testing.T) {
	r := newRig(Offline())
	r.send(10, 1, 5000, 2, 53, 17, 0, 0, 0, "ask")
	r.send(75, 3, 1, 4, 2, 17, 0, 0, 0, "x")
	if len(r.out) != 1 {
		t.Errorf("%d records after the deadline passed, want 1", len(r.out))
	}
	r.send(1e6, 5, 1, 4, 2, 17, 0, 0, 0, "x")
	r.send(2e6, 6, 1, 4, 2, 17, 0, 0, 0, "x")
	if len(r.out) != 3 || r.Stats.Open != 1 {
		t.Errorf("%d records, %d open after long jumps", len(r.out), r.Stats.Open)
	}
}

func TestTCPHandshakeSetsDirection(t *testing.T) {
	r := newRig(Offline())
	r.send(1, 2, 80, 1, 4000, 6, packet.SYN|packet.ACK, 900, 101, "") // the SYN was not captured
	r.send(1.02, 1, 4000, 2, 80, 6, packet.ACK, 101, 901, "")
	r.send(1.03, 1, 4000, 2, 80, 6, packet.ACK|packet.PSH, 101, 901, "hello")
	r.want(t, "10.0.0.1:4000 2/1 packets 5/0 data [1,1] part 0 final true end of input")
}

// A handshake that comes behind stray packets still says who the client is.
func TestLateHandshakeTurnsTheFlow(t *testing.T) {
	r := newRig(Offline())
	r.send(1, 2, 80, 1, 4000, 6, packet.ACK, 5, 5, "")
	r.send(2, 1, 4000, 2, 80, 6, packet.SYN, 100, 0, "")
	r.want(t, "10.0.0.1:4000 1/1 packets 0/0 data [1,2] part 0 final true end of input")
}

func TestClosedFlowLingersThenPortsAreUsedAgain(t *testing.T) {
	r := newRig(Offline())
	conversation := func(at float64) {
		isn := uint32(100 * at)
		r.send(at, 1, 4000, 2, 80, 6, packet.SYN, isn, 0, "")
		r.send(at, 1, 4000, 2, 80, 6, packet.SYN, isn, 0, "") // seen twice: a mirror port's copy, or sent again
		r.send(at+.01, 2, 80, 1, 4000, 6, packet.SYN|packet.ACK, 900, 101, "")
		r.send(at+.02, 1, 4000, 2, 80, 6, packet.ACK, 101, 901, "")
		r.send(at+.03, 1, 4000, 2, 80, 6, packet.ACK|packet.FIN, 101, 901, "")
		r.send(at+.04, 2, 80, 1, 4000, 6, packet.ACK|packet.FIN, 901, 102, "")
		r.send(at+.05, 1, 4000, 2, 80, 6, packet.ACK, 102, 902, "") // belongs to it still
	}
	conversation(1)
	conversation(2)
	r.want(t,
		"10.0.0.1:4000 5/2 packets 0/0 data [1,1] part 0 final true fin",
		"10.0.0.1:4000 5/2 packets 0/0 data [2,2] part 0 final true fin")
}

func TestPartsCarryDeltas(t *testing.T) {
	r := newRig(Live())
	for i := range 8 {
		r.send(float64(i)*.4, 1, 4000, 2, 80, 17, 0, 0, 0, "12345")
	}
	for i := range 8 {
		r.send(3+50*float64(i), 1, 4000, 2, 80, 17, 0, 0, 0, "12345")
	}
	r.want(t,
		"10.0.0.1:4000 2/0 packets 10/0 data [0,0] part 0 final false open",
		"10.0.0.1:4000 12/0 packets 60/0 data [0,253] part 1 final false open",
		"10.0.0.1:4000 2/0 packets 10/0 data [303,353] part 2 final true end of input")
}

func TestTCPQuality(t *testing.T) {
	r := newRig(Offline())
	r.send(1, 1, 4000, 2, 80, 6, packet.SYN, 100, 0, "")
	r.send(1.010, 2, 80, 1, 4000, 6, packet.SYN|packet.ACK, 900, 101, "")
	r.send(1.030, 1, 4000, 2, 80, 6, packet.ACK, 101, 901, "")
	r.send(1.040, 1, 4000, 2, 80, 6, packet.ACK|packet.PSH, 101, 901, "aaaa")
	r.send(1.050, 2, 80, 1, 4000, 6, packet.ACK, 901, 105, "")
	r.send(1.060, 1, 4000, 2, 80, 6, packet.ACK, 109, 901, "cccc") // bbbb is missing
	r.send(1.061, 2, 80, 1, 4000, 6, packet.ACK, 901, 105, "")     // duplicate
	r.send(1.062, 1, 4000, 2, 80, 6, packet.ACK, 105, 901, "bbbb") // reordered
	r.send(1.500, 1, 4000, 2, 80, 6, packet.ACK, 105, 901, "bbbb") // sent again
	f := r.send(1.600, 2, 80, 1, 4000, 6, packet.ACK|packet.RST, 901, 113, "")
	r.Close(f, ResetByPeer)
	r.Flush()
	v := &r.rec.Values
	for name, want := range map[string]int64{
		"tcp.handshake": 30e6, "tcp.init_rtt": 15, "destination.tcp.rtt": 10e6, "source.tcp.out_of_order": 1,
		"source.tcp.retransmissions": 1, "destination.tcp.duplicate_acks": 1, "tcp.flags.rst": 1, "tcp.flags.syn": 1,
		"tcp.flags.syn_ack": 1, "tcp.flags.psh": 1, "tcp.flags.ack": 6, "tcp.seq.src": 100,
	} {
		if got := num(v, name); got != want {
			t.Errorf("%s %d, want %d", name, got, want)
		}
	}
	if s := text(v, "session.state"); s != "rst" {
		t.Errorf("state %s", s)
	}
}

func TestTableIsBounded(t *testing.T) {
	c := Offline()
	c.MaxFlows = 100
	r := newRig(c)
	for i := range 1000 {
		r.send(1+float64(i)/1000, 1, i, 2, 53, 17, 0, 0, 0, "x")
	}
	if r.Stats.Peak > 100 || r.Stats.Evicted != 900 {
		t.Errorf("peak %d, %d evicted", r.Stats.Peak, r.Stats.Evicted)
	}
	r.Flush()
	if len(r.out) != 1000 || r.index.n != 0 {
		t.Errorf("%d records, %d left", len(r.out), r.index.n)
	}
}

// A packet of a known flow allocates nothing.
func TestPacketDoesNotAllocate(t *testing.T) {
	r := newRig(Offline())
	d := &packet.Decoded{HasIP: true, Proto: 6, Flags: packet.ACK, PayloadLen: 4, Payload: []byte("abcd"), TTL: 64, HasMAC: true}
	d.Src, d.Dst, d.SrcPort, d.DstPort = record.AddrFrom4([]byte{1, 1, 1, 1}), record.AddrFrom4([]byte{2, 2, 2, 2}), 1, 2
	key, swapped := record.NewFlowKey(d.Src, d.Dst, 1, 2, 6)
	hash := key.Hash()
	p := &record.Packet{Time: 1e9, WireLen: 100}
	r.Packet(p, d, &key, hash, swapped, 0)
	if n := testing.AllocsPerRun(1000, func() {
		f, dir := r.Packet(p, d, &key, hash, swapped, 0)
		f.Conn.Segment(d, dir, p.Time)
		d.Seq += 4
	}); n != 0 {
		t.Errorf("%v allocations a packet, want 0", n)
	}
}
