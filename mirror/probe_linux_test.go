package mirror_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/tapir-project/tapir/mirror"
	"github.com/tapir-project/tapir/mirror/rtnl"
)

// With packets in plenty, auto times the ways and keeps the faster; meanwhile none is lost and none comes twice. With reviews at short
// intervals it does so again and again.
func TestProbe(t *testing.T) {
	for _, c := range []struct {
		outputs int
		review  time.Duration
	}{{1, 0}, {8, 0}, {2, 20 * time.Millisecond}} {
		t.Run(fmt.Sprint(c.outputs, c.review), func(t *testing.T) {
			namespace(t, 1+c.outputs)
			r := mirror.Rule{From: []string{"eth1"}}
			for i := range c.outputs {
				r.To = append(r.To, to(fmt.Sprintf("eth%d", 2+i))...)
			}
			start(t, mirror.Config{Rules: []mirror.Rule{r}, Mode: mirror.ModeAuto, Review: c.review})
			if how := status(t).Sources[0].How; how != "tcx" {
				t.Errorf("without packets it copies by %s", how)
			}
			var outs []*receiver
			for _, o := range r.To {
				outs = append(outs, receive(t, "p"+o.Name[3:], 1))
			}
			p1, stop, sent := open(t, "p1"), make(chan struct{}), make(chan uint64)
			go func() { sent <- stream(t, p1, 1, 0, stop, outs...) }()
			var found mirror.SourceStatus
			decision := func() {
				before := found.Probed
				eventually(t, "a decision", func() bool { found = status(t).Sources[0]; return found.Probed != before })
			}
			decision()
			var tc, xdp float64
			if _, err := fmt.Sscanf(found.Probed, "tc %f ns, xdp skb %f ns a packet", &tc, &xdp); err != nil || tc == 0 || xdp == 0 {
				t.Errorf("%+v: %v", found, err)
			}
			if c.review > 0 {
				decision()
				decision()
			} else if fast := found.How == "tcx + xdp skb"; fast != (xdp < math.Floor(0.97*tc)) {
				t.Errorf("the slower way was taken: %+v", found)
			}
			begin := status(t).Sources[0].Packets
			eventually(t, "packets after it", func() bool { return status(t).Sources[0].Packets > begin+10_000 })
			close(stop)
			n := <-sent
			for _, r := range outs {
				if err := <-r.done; err != nil {
					t.Error(err)
				}
			}
			adds(t, status(t), "eth1", n)
			t.Logf("%d outputs, %d packets: %s (%s)", c.outputs, n, found.How, found.Probed)
		})
	}
}

// What drivers announce is read from the kernel: a veth redirects, and takes frames once its other end polls.
func TestXDPFeatures(t *testing.T) {
	namespace(t, 1)
	has := func() rtnl.Features { return must(rtnl.XDPFeatures(linkOf(t, "eth1").Index)) }
	if f := has(); f&rtnl.XDPRedirect != rtnl.XDPRedirect || f&rtnl.XDPTransmit != 0 {
		t.Errorf("eth1 has %b", f)
	}
	run(t, "ethtool -K p1 gro on")
	if f := has(); f&rtnl.XDPTransmit == 0 {
		t.Errorf("eth1, whose other end polls, has %b", f)
	}
	if f := must(rtnl.XDPFeatures(linkOf(t, "lo").Index)); f != 0 {
		t.Errorf("lo has %b", f)
	}
}

// Broadcast in drivers: a tap device has XDP in its driver, and so have veth pairs whose other ends poll. Auto leaves it to network
// cards; --mode xdp takes it.
func TestDriver(t *testing.T) {
	namespace(t, 3)
	in := newTap(t, "tap0")
	run(t, "ethtool -K p2 gro on")
	run(t, "ethtool -K p3 gro on")
	for mode, how := range map[string]string{mirror.ModeXDP: "tcx + xdp driver", mirror.ModeAuto: "tcx"} {
		p := start(t, mirror.Config{Rules: parse(t, "tap0@eth2/eth3"), Mode: mode})
		if s := status(t).Sources[0]; s.How != how {
			t.Errorf("mode %s: %+v", mode, s)
		}
		p2, p3, frames := open(t, "p2"), open(t, "p3"), numbered(0, 100, 200)
		var got2, got3 [][]byte
		for i, f := range frames {
			in.send(f)
			eventually(t, "a frame", func() bool { // one at a time: drivers drop what they have no room for
				got2, got3 = append(got2, p2.recv()...), append(got3, p3.recv()...)
				return len(got2) > i && len(got3) > i
			})
		}
		same(t, "eth2", got2, frames)
		same(t, "eth3", got3, frames)
		adds(t, status(t), "tap0", 100)
		p.end()
	}
}
