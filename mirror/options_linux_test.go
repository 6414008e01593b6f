package mirror_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/mirror"
)

// to names interfaces as outputs.
func to(names ...string) (out []mirror.Output) {
	for _, n := range names {
		out = append(out, mirror.Output{Name: n})
	}
	return out
}

// udp is an IPv4 UDP frame with a number in its payload.
func udp(src, dst string, sport, dport uint16, number, size int) []byte {
	f := make([]byte, size)
	copy(f, []byte{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0})
	binary.BigEndian.PutUint16(f[16:], uint16(size-14))
	f[22], f[23] = 64, 17
	copy(f[26:], netip.MustParseAddr(src).AsSlice())
	copy(f[30:], netip.MustParseAddr(dst).AsSlice())
	binary.BigEndian.PutUint16(f[34:], sport)
	binary.BigEndian.PutUint16(f[36:], dport)
	binary.BigEndian.PutUint16(f[38:], uint16(size-34))
	binary.BigEndian.PutUint32(f[42:], uint32(number))
	return f
}

// tagged puts a VLAN tag into a frame.
func tagged(f []byte, tpid, tci uint16) []byte {
	tag := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, tpid), tci)
	return slices.Concat(f[:12], tag, f[12:])
}

func TestFilter(t *testing.T) {
	namespace(t, 5)
	start(t, mirror.Config{Rules: []mirror.Rule{
		{From: []string{"eth1"}, To: to("eth2"), Filter: "udp port 53"},
		{From: []string{"eth1"}, To: to("eth3"), Filter: "vlan 7 and udp"},
		{From: []string{"eth1"}, To: to("eth4")},
		{From: []string{"eth1"}, To: to("eth5"), Filter: "udp port 53"},
	}})
	in, p2, p3, p4, p5 := open(t, "p1"), open(t, "p2"), open(t, "p3"), open(t, "p4"), open(t, "p5")
	var all, dns, vlan [][]byte
	for i := range 300 {
		f := udp("10.0.0.1", "10.0.0.2", 1000, uint16(52+i%3), i, 100)
		if i%5 == 0 {
			f = tagged(f, 0x8100, 7)
			vlan = append(vlan, f)
		} else if i%3 == 1 {
			dns = append(dns, f)
		}
		all = append(all, f)
	}
	in.send(all...)
	same(t, "eth2", p2.recv(), dns)
	same(t, "eth3", p3.recv(), vlan)
	same(t, "eth4", p4.recv(), all)
	same(t, "eth5", p5.recv(), dns)
	s := status(t)
	adds(t, s, "eth1", 300)
	if r := s.Rules[0]; r.Filtered != uint64(300-len(dns)) || r.Packets != uint64(len(dns)) {
		t.Errorf("rule 1: %+v", r)
	}
}

func TestSample(t *testing.T) {
	namespace(t, 3)
	start(t, mirror.Config{Rules: []mirror.Rule{{From: []string{"eth1"}, To: to("eth2"), Sample: 10}, {From: []string{"eth1"}, To: to("eth3")}}})
	in, p2, p3, frames := open(t, "p1"), open(t, "p2"), open(t, "p3"), numbered(0, 1000, 64)
	in.send(frames...)
	var want [][]byte
	for i := 0; i < 1000; i += 10 {
		want = append(want, frames[i])
	}
	same(t, "eth2", p2.recv(), want)
	same(t, "eth3", p3.recv(), frames)
	s := status(t)
	adds(t, s, "eth1", 1000)
	if s.Rules[0].Unsampled != 900 {
		t.Errorf("%+v", s.Rules[0])
	}
}

func TestTruncate(t *testing.T) {
	namespace(t, 4)
	start(t, mirror.Config{Rules: []mirror.Rule{
		{From: []string{"eth1"}, To: to("eth2"), Truncate: 96},
		{From: []string{"eth1"}, To: to("eth3"), Truncate: 64},
		{From: []string{"eth1"}, To: to("eth4")},
	}})
	in, p2, p3, p4 := open(t, "p1"), open(t, "p2"), open(t, "p3"), open(t, "p4")
	frames := slices.Concat(numbered(0, 50, 1500), numbered(50, 50, 80), [][]byte{tagged(udp("10.0.0.1", "10.0.0.2", 1, 2, 3, 300), 0x8100, 5)})
	in.send(frames...)
	cut := func(n int) (out [][]byte) {
		for _, f := range frames {
			out = append(out, f[:min(n, len(f))])
		}
		return out
	}
	same(t, "eth2", p2.recv(), cut(96))
	same(t, "eth3", p3.recv(), cut(64))
	same(t, "eth4", p4.recv(), frames)
	s := status(t)
	adds(t, s, "eth1", 101)
	if a, b := s.Rules[0].Outputs[0], s.Rules[1].Outputs[0]; a.Truncated != 51 || b.Truncated != 101 || a.Bytes != 51*96+50*80 {
		t.Errorf("%+v, %+v", a, b)
	}
}

// Both directions of a flow, tagged or not, go to the same output, and flows are shared out.
func TestBalance(t *testing.T) {
	namespace(t, 4)
	start(t, mirror.Config{Rules: []mirror.Rule{{From: []string{"eth1"}, To: to("eth2", "eth3", "eth4"), Balance: true}}})
	in := open(t, "p1")
	outs := []*port{open(t, "p2"), open(t, "p3"), open(t, "p4")}
	for i := range 300 {
		a, b := fmt.Sprintf("10.0.%d.1", i%50), fmt.Sprintf("10.1.%d.2", i%7)
		port := uint16(20000 + i)
		there, back := udp(a, b, port, 443, i, 100), udp(b, a, 443, port, i, 100)
		in.send(there, back, tagged(there, 0x8100, 9), tagged(tagged(back, 0x8100, 5), 0x88a8, 6))
	}
	where := map[uint32]map[int]int{}
	for n, o := range outs {
		got := o.recv()
		if len(got) < 250 {
			t.Errorf("output %d got %d of 1200 packets", n, len(got))
		}
		for _, f := range got {
			i := binary.BigEndian.Uint32(f[len(f)-58:])
			if where[i] == nil {
				where[i] = map[int]int{}
			}
			where[i][n]++
		}
	}
	if len(where) != 300 {
		t.Errorf("%d flows, want 300", len(where))
	}
	for i, w := range where {
		for _, n := range w {
			if len(w) != 1 || n != 4 {
				t.Fatalf("the packets of flow %d went to %v", i, w)
			}
		}
	}
	adds(t, status(t), "eth1", 1200)
}

func TestTags(t *testing.T) {
	namespace(t, 6)
	start(t, mirror.Config{Rules: []mirror.Rule{
		{From: []string{"eth1"}, To: to("eth2"), Tag: &mirror.Tag{ID: 100}},
		{From: []string{"eth1"}, To: to("eth3"), Strip: true},
		{From: []string{"eth1"}, To: to("eth4")},
		{From: []string{"eth1"}, To: to("eth5"), Strip: true, Tag: &mirror.Tag{ID: 200, Outer: true}},
	}})
	in, p2, p3, p4, p5 := open(t, "p1"), open(t, "p2"), open(t, "p3"), open(t, "p4"), open(t, "p5")
	var bare, sent, pushed, stripped, both [][]byte
	for i := range 60 {
		f := udp("10.0.0.1", "10.0.0.2", 7, 8, i, 100)
		bare = append(bare, f)
		switch i % 3 {
		case 1:
			f = tagged(f, 0x8100, 5)
		case 2:
			f = tagged(tagged(f, 0x8100, 0x2005), 0x88a8, 6)
		}
		sent = append(sent, f)
		pushed = append(pushed, tagged(f, 0x8100, 100))
		stripped = append(stripped, bare[i])
		both = append(both, tagged(bare[i], 0x88a8, 200))
	}
	in.send(sent...)
	same(t, "eth2", p2.recv(), pushed)
	same(t, "eth3", p3.recv(), stripped)
	same(t, "eth4", p4.recv(), sent)
	same(t, "eth5", p5.recv(), both)
	adds(t, status(t), "eth1", 60)
}

// What goes through a tunnel comes out at the other end as it was, decapsulated by the kernel's own VXLAN; for GRE the
// bytes are compared with RFC 2784.
func TestTunnels(t *testing.T) {
	for _, ip := range []struct{ here, there string }{{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8::2"}} {
		t.Run(ip.there, func(t *testing.T) {
			namespace(t, 3)
			there := netip.MustParseAddr(ip.there)
			bits := "24"
			if there.Is6() {
				bits = "64 nodad"
				run(t, "sysctl -qw net.ipv6.conf.eth2.disable_ipv6=0")
			}
			run(t, "ip addr add %s/%s dev eth2", ip.here, bits)
			run(t, "ip link set p2 address 02:00:00:00:00:22")
			run(t, "ip neigh add %s lladdr 02:00:00:00:00:22 dev eth2 nud permanent", ip.there)
			start(t, mirror.Config{Rules: []mirror.Rule{
				{From: []string{"eth1"}, To: []mirror.Output{{Remote: &mirror.Remote{Kind: "vxlan", Addr: there, VNI: 77}}}},
				{From: []string{"eth1"}, To: []mirror.Output{{Remote: &mirror.Remote{Kind: "gre", Addr: there}}}, Truncate: 70},
				{From: []string{"eth1"}, To: to("eth3")},
			}})
			in, p2, p3 := open(t, "p1"), open(t, "p2"), open(t, "p3")
			frames := [][]byte{}
			for i := range 20 {
				frames = append(frames, udp("10.0.0.1", "10.0.0.2", uint16(i), 8, i, 100+i), tagged(udp("10.0.0.1", "10.0.0.2", 7, 8, i, 100), 0x8100, 5))
			}
			frames = append(frames, numbered(0, 5, 64)...)
			in.send(frames...)
			same(t, "eth3", p3.recv(), frames)
			var vxlan, gre [][]byte
			for _, f := range p2.recv() {
				switch inner, kind := unwrap(t, f, there); kind {
				case "vxlan":
					vxlan = append(vxlan, inner)
				case "gre":
					gre = append(gre, inner)
				}
			}
			same(t, "vxlan", vxlan, frames)
			for i := range frames {
				frames[i] = frames[i][:min(70, len(frames[i]))]
			}
			same(t, "gre", gre, frames)
			adds(t, status(t), "eth1", uint64(len(frames)))
		})
	}
}

// One host on two ports, one of them capped: each port gets its copies, counted apart.
func TestTwoPorts(t *testing.T) {
	namespace(t, 2)
	run(t, "ip addr add 192.0.2.1/24 dev eth2")
	run(t, "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:22 dev eth2 nud permanent")
	at := func(port uint16, rate uint64) mirror.Output {
		return mirror.Output{Remote: &mirror.Remote{Kind: "vxlan", Addr: netip.MustParseAddr("192.0.2.2"), VNI: 7, Port: port, Rate: rate}}
	}
	start(t, mirror.Config{Rules: []mirror.Rule{{From: []string{"eth1"}, To: []mirror.Output{at(0, 0), at(4790, 1e3)}}}})
	in, p2, frames := open(t, "p1"), open(t, "p2"), numbered(0, 100, 1000)
	in.send(frames...)
	got := map[uint16][][]byte{}
	for _, f := range p2.recv() {
		port := binary.BigEndian.Uint16(f[36:])
		got[port] = append(got[port], f[50:])
	}
	same(t, "port 4789", got[4789], frames)
	n := len(got[4790])
	same(t, "port 4790", got[4790], frames[:n])
	s := status(t)
	adds(t, s, "eth1", 100)
	a, b := s.Rules[0].Outputs[0], s.Rules[0].Outputs[1]
	if a.Port != 4789 || a.Rate != 0 || a.Packets != 100 || b.Port != 4790 || b.Rate != 1e3 || b.Packets != uint64(n) || n < 60 || n > 70 {
		t.Errorf("%d on the capped port, %+v, %+v", n, a, b)
	}
}

// unwrap checks the headers of a tunnel and gives what is inside.
func unwrap(t *testing.T, f []byte, dst netip.Addr) (inner []byte, kind string) {
	t.Helper()
	at, proto := 34, byte(0)
	if dst.Is4() {
		if f[12] != 8 || f[13] != 0 {
			return nil, ""
		}
		proto = f[23]
		sum := uint32(0)
		for i := 14; i < 34; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(f[i:]))
		}
		if sum = sum&0xffff + sum>>16; sum != 0xffff || int(binary.BigEndian.Uint16(f[16:])) != len(f)-14 || !bytes.Equal(f[30:34], dst.AsSlice()) {
			t.Errorf("outer IPv4 header %x of a frame of %d bytes", f[14:34], len(f))
		}
	} else {
		if f[12] != 0x86 || f[13] != 0xdd || f[20] == 58 {
			return nil, ""
		}
		at, proto = 54, f[20]
		if int(binary.BigEndian.Uint16(f[18:])) != len(f)-54 || !bytes.Equal(f[38:54], dst.AsSlice()) {
			t.Errorf("outer IPv6 header %x of a frame of %d bytes", f[14:54], len(f))
		}
	}
	switch proto {
	case 17:
		if binary.BigEndian.Uint16(f[at+2:]) != 4789 || int(binary.BigEndian.Uint16(f[at+4:])) != len(f)-at || f[at+8] != 8 || f[at+14] != 77 {
			t.Errorf("UDP and VXLAN %x", f[at:at+16])
		}
		return f[at+16:], "vxlan"
	case 47:
		if !bytes.Equal(f[at:at+4], []byte{0, 0, 0x65, 0x58}) {
			t.Errorf("GRE %x", f[at:at+4])
		}
		return f[at+4:], "gre"
	}
	return nil, ""
}

// A capped output sends its burst and then no faster than its rate; the rest is counted.
func TestRateCap(t *testing.T) {
	for _, kind := range []string{"vxlan", "gre"} {
		t.Run(kind, func(t *testing.T) { testRateCap(t, kind) })
	}
}

func testRateCap(t *testing.T, kind string) {
	namespace(t, 2)
	run(t, "ip addr add 192.0.2.1/24 dev eth2")
	run(t, "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:22 dev eth2 nud permanent")
	remote := &mirror.Remote{Kind: kind, Addr: netip.MustParseAddr("192.0.2.2"), Rate: 8e6}
	start(t, mirror.Config{Rules: []mirror.Rule{{From: []string{"eth1"}, To: []mirror.Output{{Remote: remote}}}}})
	in, out := open(t, "p1"), open(t, "p2")
	begin := time.Now()
	size := 1000 - 50
	if kind == "gre" {
		size = 1000 - 38
	}
	in.send(numbered(0, 2000, size)...) // 1000 bytes each with the outer headers: 1 ms at the rate
	most := 66 + int(time.Since(begin)/time.Millisecond)
	got := len(out.recv())
	if got < 60 || got > most {
		t.Errorf("%d packets passed, want 65 of the burst and one each millisecond, at most %d", got, most)
	}
	s := status(t)
	adds(t, s, "eth1", 2000)
	if o := s.Rules[0].Outputs[0]; o.Capped != uint64(2000-got) || o.Rate != 8e6 {
		t.Errorf("%d passed, %+v", got, o)
	}
}

// The recorder's interface receives its copies; --pass lets packets through to the host.
func TestTapirAndPass(t *testing.T) {
	namespace(t, 3)
	run(t, "ip addr add 192.0.2.1/24 dev eth1")
	start(t, mirror.Config{Rules: parse(t, "eth1@eth2_eth1@tapir"), Pass: true})
	in, p2, tap, host := open(t, "p1"), open(t, "p2"), open(t, "tapir"), open(t, "eth1")
	frames := numbered(0, 100, 200)
	in.send(frames...)
	same(t, "eth2", p2.recv(), frames)
	var got [][]byte
	eventually(t, "packets on the recorder's interface", func() bool { got = append(got, tap.recv()...); return len(got) >= 100 })
	same(t, "tapir", got, frames)
	same(t, "eth1", host.recv(), frames)
	adds(t, status(t), "eth1", 100)
}

// While rules change again and again under load, those that stay lose no packet, repeat none and keep their order.
func TestChange(t *testing.T) {
	const changes = 18
	for _, way := range []struct{ mode, env string }{{"tc", ""}, {"auto", ""}, {"tc", clsact}} {
		t.Run(way.mode+" "+way.env, func(t *testing.T) {
			namespace(t, 5)
			stay := mirror.Rule{From: []string{"eth1"}, To: to("eth2")}
			sets := [][]mirror.Rule{
				{stay, {From: []string{"eth1"}, To: to("eth3")}},
				{stay, {From: []string{"eth1"}, To: to("eth3", "eth4")}},
				{stay},
				{{From: []string{"eth1"}, To: to("eth4"), Filter: "udp port 7"}, stay},
				{stay, {From: []string{"eth1"}, To: to("eth3"), Truncate: 60}, {From: []string{"eth5"}, To: to("eth3")}},
				{{From: []string{"eth1"}, To: to("eth3", "eth4"), Balance: true, Sample: 3}, stay},
			}
			start(t, mirror.Config{Rules: sets[0], Mode: way.mode}, way.env)
			r2 := receive(t, "p2", 1)
			stop, sent := make(chan struct{}), make(chan uint64)
			p1 := open(t, "p1")
			go func() { sent <- stream(t, p1, 1, 0, stop, r2) }()
			come, before := r2.next[1], uint64(0)
			for i := range changes {
				if err := mirror.SetRules(sets[i%len(sets)]); err != nil {
					t.Error(err)
					break
				}
				eventually(t, "packets between two changes", func() bool { return come.Load() > before+1000 })
				before = come.Load()
			}
			close(stop)
			n := <-sent
			if err := <-r2.done; err != nil {
				t.Error(err)
			}
			if o := status(t).Rules[len(sets[(changes-1)%len(sets)])-1].Outputs[0]; o.Name != "eth2" || o.Packets != n {
				t.Errorf("%d sent, the rule that stayed counts %+v", n, o)
			}
			bad := mirror.SetRules(parse(t, "eth1@eth2_eth1@nosuch"))
			if bad == nil || !strings.Contains(bad.Error(), "nosuch") {
				t.Errorf("rules with an unknown interface: %v", bad)
			}
			again := receive(t, "p2", 2)
			stream(t, p1, 2, 100, nil, again)
			if err := <-again.done; err != nil {
				t.Errorf("after rules that were refused: %v", err)
			}
			t.Logf("%d changes while %d packets came: none lost", changes, n)
		})
	}
}

// Interfaces that vanish and return are picked up again; what they miss is counted.
func TestVanish(t *testing.T) {
	namespace(t, 3)
	start(t, mirror.Config{Rules: parse(t, "eth1@eth2/eth3")})
	in, p3 := open(t, "p1"), open(t, "p3")
	present := func(want bool) func() bool {
		return func() bool { return status(t).Rules[0].Outputs[0].Present == want }
	}
	run(t, "ip link del eth2")
	eventually(t, "eth2 is away", present(false))
	frames := numbered(0, 100, 64)
	in.send(frames...)
	same(t, "eth3", p3.recv(), frames)
	addPair(t, 2)
	eventually(t, "eth2 is back", present(true))
	p2 := open(t, "p2")
	in.send(frames...)
	same(t, "eth2", p2.recv(), frames)
	s := status(t)
	adds(t, s, "eth1", 200)
	if o := s.Rules[0].Outputs[0]; o.Away != 100 || o.Packets != 100 {
		t.Errorf("eth2: %+v", o)
	}
	run(t, "ip link set eth3 down")
	eventually(t, "eth3 is down", func() bool { return !status(t).Rules[0].Outputs[1].Present })
	in.send(frames...)
	same(t, "eth2", p2.recv(), frames)
	adds(t, status(t), "eth1", 300)
	run(t, "ip link set eth3 up")

	index := linkOf(t, "eth1").Index // and the source
	run(t, "ip link del eth1")
	addPair(t, 1)
	eventually(t, "eth1 is back", func() bool {
		l := linkOf(t, "eth1")
		return l.Index != index && attachedTo(t, l.Index) == 1
	})
	waitRunning(t, 3)
	eventually(t, "eth3 is back", func() bool { s := status(t); return s.Rules[0].Outputs[0].Present && s.Rules[0].Outputs[1].Present })
	open(t, "p1").send(frames...)
	same(t, "eth2", p2.recv(), frames)
}
