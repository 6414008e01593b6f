package mirror_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/mirror"
)

// same fails unless a port got exactly these frames, in their order.
func same(t *testing.T, name string, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s got %d frames, want %d", name, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("%s: frame %d is\n%x, want\n%x", name, i, got[i], want[i])
			return
		}
	}
}

// adds fails unless what the sources received is what went out on each output plus what is counted.
func adds(t *testing.T, s *mirror.Status, source string, received uint64) {
	t.Helper()
	for _, src := range s.Sources {
		if src.Name == source && src.Packets != received {
			t.Errorf("%s received %d packets, want %d", source, src.Packets, received)
		}
	}
	for i, r := range s.Rules {
		var in, copies uint64
		for _, src := range s.Sources {
			if slices.Contains(r.From, src.Name) {
				in += src.Packets
			}
		}
		if in != r.Packets+r.Filtered+r.Unsampled {
			t.Errorf("rule %d: %d packets in, %d for it, %d filtered, %d not sampled", i+1, in, r.Packets, r.Filtered, r.Unsampled)
		}
		for _, o := range r.Outputs {
			sum := o.Packets + o.NotSent()
			copies += sum
			if !strings.Contains(r.Options, "balance") && sum != r.Packets {
				t.Errorf("rule %d to %s: %d packets for it, %+v", i+1, o.Name, r.Packets, o)
			}
		}
		if strings.Contains(r.Options, "balance") && copies != r.Packets {
			t.Errorf("rule %d: %d packets for it, %d copies", i+1, r.Packets, copies)
		}
	}
}

// The example of the specification, in every way of copying.
func TestExample(t *testing.T) {
	for _, way := range []struct{ mode, env string }{{"tc", ""}, {"auto", ""}, {"xdp", ""}, {"tc", "MIRROR_TEST_CLSACT=1"}} {
		t.Run(way.mode+way.env, func(t *testing.T) {
			namespace(t, 5)
			start(t, mirror.Config{Rules: parse(t, "eth1@eth2_eth1@eth3_eth1/eth4@eth5"), Mode: way.mode}, way.env)
			p := map[int]*port{}
			for i := 1; i <= 5; i++ {
				p[i] = open(t, fmt.Sprintf("p%d", i))
			}
			first, second := numbered(0, 500, 64), numbered(1000, 300, 1514)
			p[1].send(first...)
			p[4].send(second...)
			same(t, "eth2", p[2].recv(), first)
			same(t, "eth3", p[3].recv(), first)
			same(t, "eth5", p[5].recv(), slices.Concat(first, second))
			same(t, "eth1", p[1].recv(), nil)
			same(t, "eth4", p[4].recv(), nil)
			s := status(t)
			adds(t, s, "eth1", 500)
			adds(t, s, "eth4", 300)
			if n := s.Rules[2].Outputs[0].Packets; n != 800 || s.Spec != "eth1@eth2_eth1@eth3_eth1/eth4@eth5" {
				t.Errorf("eth5: %d packets, spec %s", n, s.Spec)
			}
		})
	}
}

// One source to eight outputs, four sources to one, and a diamond: two roads to the same output.
func TestShapesOfRules(t *testing.T) {
	for _, mode := range []string{"tc", "xdp"} {
		t.Run("fan out "+mode, func(t *testing.T) {
			namespace(t, 9)
			start(t, mirror.Config{Rules: parse(t, "eth1@eth2/eth3/eth4/eth5/eth6/eth7/eth8/eth9"), Mode: mode})
			in, frames := open(t, "p1"), numbered(0, 1000, 128)
			var out []*port
			for i := 2; i <= 9; i++ {
				out = append(out, open(t, fmt.Sprintf("p%d", i)))
			}
			in.send(frames...)
			for i, o := range out {
				same(t, fmt.Sprintf("eth%d", i+2), o.recv(), frames)
			}
			adds(t, status(t), "eth1", 1000)
		})
		t.Run("fan in "+mode, func(t *testing.T) {
			namespace(t, 5)
			start(t, mirror.Config{Rules: parse(t, "eth1/eth2/eth3/eth4@eth5"), Mode: mode})
			out := open(t, "p5")
			var want [][]byte
			for i := 1; i <= 4; i++ {
				frames := numbered(1000*i, 250, 90)
				open(t, fmt.Sprintf("p%d", i)).send(frames...)
				want = append(want, frames...)
			}
			same(t, "eth5", out.recv(), want)
			adds(t, status(t), "eth3", 250)
		})
		t.Run("diamond "+mode, func(t *testing.T) {
			namespace(t, 4) // eth1 to eth2 and eth3; their other ends to eth4
			start(t, mirror.Config{Rules: parse(t, "eth1@eth2/eth3_p2/p3@eth4"), Mode: mode})
			out, frames := open(t, "p4"), numbered(0, 200, 70)
			open(t, "p1").send(frames...)
			got := out.recv()
			counts := map[string]int{}
			for _, f := range got {
				counts[string(f)]++
			}
			for i, f := range frames {
				if counts[string(f)] != 2 {
					t.Fatalf("frame %d came %d times, want 2", i, counts[string(f)])
				}
			}
			if len(got) != 400 {
				t.Errorf("%d frames, want 400", len(got))
			}
		})
	}
}

// As many as there can be: 64 sources, each to the same 64 outputs; and a broadcast to as many.
func TestMost(t *testing.T) {
	for mode, sources := range map[string]int{"tc": mirror.MaxSources, "xdp": 2} {
		t.Run(mode, func(t *testing.T) {
			namespace(t, sources+mirror.MaxOutputs)
			var r mirror.Rule
			for i := range sources {
				r.From = append(r.From, fmt.Sprintf("eth%d", 1+i))
			}
			for i := range mirror.MaxOutputs {
				r.To = append(r.To, mirror.Output{Name: fmt.Sprintf("eth%d", 1+sources+i)})
			}
			start(t, mirror.Config{Rules: []mirror.Rule{r}, Mode: mode})
			var outs []*port
			for _, o := range r.To {
				outs = append(outs, open(t, "p"+o.Name[3:]))
			}
			var all [][]byte
			for i := range sources {
				frames := numbered(10*i, 10, 100)
				open(t, fmt.Sprintf("p%d", 1+i)).send(frames...)
				all = append(all, frames...)
			}
			for i, o := range outs {
				same(t, r.To[i].Name, o.recv(), all)
			}
			s := status(t)
			adds(t, s, "eth2", 10)
			if n := s.Rules[0].Packets; n != uint64(len(all)) {
				t.Errorf("the rule took %d packets, want %d", n, len(all))
			}
		})
	}
}

// What a source sends itself, and what outputs receive, is not copied.
func TestOnlyWhatSourcesReceive(t *testing.T) {
	for _, mode := range []string{"tc", "xdp"} {
		t.Run(mode, func(t *testing.T) {
			namespace(t, 3)
			start(t, mirror.Config{Rules: parse(t, "eth1@eth2/eth3"), Mode: mode})
			eth1, p1, p2, p3, frames := open(t, "eth1"), open(t, "p1"), open(t, "p2"), open(t, "p3"), numbered(0, 20, 64)
			eth1.send(frames...)
			same(t, "the source's other end", p1.recv(), frames)
			p2.send(frames...)
			same(t, "eth2", p2.recv(), nil)
			same(t, "eth3", p3.recv(), nil)
			same(t, "the source's other end", p1.recv(), nil)
			adds(t, status(t), "eth1", 0)
		})
	}
}
