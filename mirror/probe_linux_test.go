package mirror_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/mirror"
	"github.com/tapir-project/tapir/mirror/rtnl"
)

// With packets in plenty, auto times the ways and keeps the faster; meanwhile none is lost and none comes twice.
func TestProbe(t *testing.T) {
	for _, outputs := range []int{1, 8} {
		t.Run(fmt.Sprint(outputs), func(t *testing.T) {
			namespace(t, 1+outputs)
			r := mirror.Rule{From: []string{"eth1"}}
			for i := range outputs {
				r.To = append(r.To, to(fmt.Sprintf("eth%d", 2+i))...)
			}
			start(t, mirror.Config{Rules: []mirror.Rule{r}, Mode: mirror.ModeAuto})
			if how := status(t).Sources[0].How; how != "tcx" {
				t.Errorf("without packets it copies by %s", how)
			}
			var outs []*receiver
			for _, o := range r.To {
				outs = append(outs, receive(t, "p"+o.Name[3:], 1))
			}
			p1, stop, sent := open(t, "p1"), make(chan struct{}), make(chan uint64)
			go func() { sent <- stream(t, p1, 1, 0, stop, outs...) }()
			var how string
			eventually(t, "a decision", func() bool { how = status(t).Sources[0].How; return strings.Contains(how, "probed") })
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
			var tc, xdp float64
			if _, err := fmt.Sscanf(how[strings.Index(how, "(")+1:], "probed: tc %f ns, xdp skb %f ns", &tc, &xdp); err != nil || tc == 0 || xdp == 0 {
				t.Fatalf("%q: %v", how, err)
			}
			if fast := strings.HasPrefix(how, "tcx + xdp skb"); fast && xdp > 0.95*tc+1 || !fast && xdp < 0.95*tc-1 {
				t.Errorf("the slower way was taken: %q", how)
			}
			t.Logf("%d outputs, %d packets: %s", outputs, n, how)
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
