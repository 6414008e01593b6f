package afpacket

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
	compiler "github.com/tapir-project/tapir/source/bpf"
)

func filter(expr string) source.Filter { return source.Filter{Expr: expr, Compile: compiler.Compile} }

// TestFilter runs filters in the kernel on tagged and untagged packets.
func TestFilter(t *testing.T) {
	namespace(t)
	frames := map[string][]byte{
		"dns":      udp(1000, 53, "dns"),
		"ntp":      udp(1000, 123, "ntp, and longer than that"),
		"dns v5":   udp(1000, 53, "dns", 0x8100, 5),
		"ntp v5":   udp(1000, 123, "ntp", 0x8100, 0xa005),
		"dns s5":   udp(1000, 53, "dns", 0x88a8, 5),
		"dns v6":   udp(1000, 53, "dns", 0x8100, 6),
		"dns v5v6": udp(1000, 53, "dns", 0x8100, 5, 0x8100, 6),
	}
	order := []string{"dns", "ntp", "dns v5", "ntp v5", "dns s5", "dns v6", "dns v5v6"}
	end := udp(7, 7, "the end")
	for expr, want := range map[string]string{
		"":                             "dns,ntp,dns v5,ntp v5,dns s5,dns v6,dns v5v6",
		"udp port 53":                  "dns,dns v5,dns s5,dns v6",
		"not udp port 53":              "ntp,ntp v5,dns v5v6",
		"vlan":                         "dns v5,ntp v5,dns s5,dns v6,dns v5v6",
		"vlan 5":                       "dns v5,ntp v5,dns s5,dns v5v6",
		"vlan 5 and udp port 53":       "dns v5,dns s5",
		"not vlan":                     "dns,ntp",
		"udp port 53 or (vlan 5)":      "dns,dns v5,ntp v5,dns s5,dns v5v6",
		"vlan 5 and vlan 6":            "dns v5v6",
		"vlan and len > 54":            "dns v5v6",
		"vlan 5 and ether[14] = 0xa0":  "ntp v5",
		"vlan 5 and ether[13] = 0xa8":  "dns s5",
		"vlan 5 and ether[15] = 5":     "dns v5,ntp v5,dns s5,dns v5v6",
		"vlan 5 and ip[8] = 64":        "dns v5,ntp v5,dns s5",
		"vlan 5 and ether[12:2] = 5":   "",
		"vlan and ether[16:2] = 0x800": "dns v5,ntp v5,dns s5,dns v6",
	} {
		f := source.Filter{}
		if expr != "" {
			f = filter("port 7 or (" + expr + ")") // vlan changes what follows it, not what is before
		}
		s := open(t, Config{Interfaces: []string{"v1"}, Filter: f})
		n := len(strings.Split(want, ","))
		if want == "" {
			n = 0
		}
		got := capture(t, s, n+1, func() {
			out := newSender(t, "v0")
			for _, name := range order {
				out.send(frames[name])
			}
			out.send(end)
		})
		var names []string
		for _, p := range got {
			for _, name := range order {
				if bytes.Equal(p.Data, frames[name]) {
					names = append(names, name)
				}
			}
		}
		if g := strings.Join(names, ","); g != want {
			t.Errorf("%q: %s\nwant %s", expr, g, want)
		}
	}
}

// TestFilterAny: one filter looks into Ethernet, loopback and raw IP alike.
func TestFilterAny(t *testing.T) {
	namespace(t)
	tun := newTun(t)
	yes, no := udp(1000, 53, "yes"), udp(1000, 54, "no")
	s := open(t, Config{Interfaces: []string{"any"}, Filter: filter("udp port 53 and host 10.0.0.2")})
	got := capture(t, s, 4, func() {
		newSender(t, "v0").send(no, yes)
		newSender(t, "lo").send(no, yes)
		tun.Write(append([]byte{0, 0, 0x08, 0x00}, no[14:]...))
		tun.Write(append([]byte{0, 0, 0x08, 0x00}, yes[14:]...))
	})
	same(t, got, yes, yes, yes, yes[14:])
}

// TestFilterLinks: a filter without meaning for a kind of device is an error only if such a device was named.
func TestFilterLinks(t *testing.T) {
	namespace(t)
	newTun(t)
	f := filter("ether host 02:00:00:00:00:01")
	if _, err := Open(Config{Interfaces: []string{"tun0"}, Filter: f, Buffer: 1 << 20}); err == nil || !strings.Contains(err.Error(), "tun0") {
		t.Errorf("ether host on tun0: %v", err)
	}
	s := open(t, Config{Interfaces: []string{"any"}, Filter: f})
	got := capture(t, s, 2, func() { newSender(t, "v0").send(udp(1, 2, "x")) })
	if len(got) != 2 {
		t.Errorf("%d packets, want 2", len(got))
	}
	if _, err := Open(Config{Interfaces: []string{"any"}, Filter: filter("udp prot 53"), Buffer: 1 << 20}); err == nil {
		t.Error("bad filter on any: no error")
	}
}

// TestBeforeFilter: no packet gets in that came before the filter was there.
func TestBeforeFilter(t *testing.T) {
	namespace(t)
	stop, done := make(chan struct{}), make(chan struct{})
	out := newSender(t, "v0")
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				out.send(udp(1000, 54, "no"))
			}
		}
	}()
	for range 10 {
		s := open(t, Config{Interfaces: []string{"v1"}, Workers: 2, Filter: filter("udp port 53")})
		got := capture(t, s, 1, func() { newSender(t, "v0").send(udp(1000, 53, "yes")) })
		same(t, got, udp(1000, 53, "yes"))
	}
	close(stop)
	<-done
}

// TestTagEdges: what cannot be said about a tag that stands apart is refused.
func TestTagEdges(t *testing.T) {
	for _, ins := range []bpf.RawInstruction{{Op: ldW, K: 10}, {Op: ldW, K: 12}, {Op: ldW, K: 14}, {Op: ldH, K: 11}, {Op: ldH, K: 15}, {Op: ldH, K: 13}, {Op: indW, K: 0}} {
		if _, err := asTagged(program{ins, {Op: ret}}); err == nil {
			t.Errorf("%+v: accepted", ins)
		}
	}
	f := filter("vlan and ether[10:4] = 1")
	if _, err := kernelFilter(f, nil, 96); err == nil {
		t.Error("a filter across the edge of the tag: accepted")
	}
	long := program{}
	for range 300 {
		long = append(long, bpf.RawInstruction{Op: ldLen})
	}
	long = append(program{{Op: jeq, Jt: 200}}, append(long, bpf.RawInstruction{Op: ret})...)
	if _, err := asTagged(long); err == nil {
		t.Error("a jump of 400: accepted")
	}
}

func TestKernelFilterSnaplen(t *testing.T) {
	for _, expr := range []string{"", "udp", "vlan 5"} {
		p, err := kernelFilter(filter(expr), []*target{{hardware: linkOf(1), index: 3}, {hardware: linkOf(772), index: 1}}, 96)
		if err != nil {
			t.Fatal(err)
		}
		for _, ins := range p {
			if ins.Op == ret && ins.K != 0 && ins.K != 96 {
				t.Errorf("%q returns %d, want 96", expr, ins.K)
			}
		}
	}
	if linkOf(801).link != record.LinkIEEE80211 || linkOf(803).link != record.LinkRadiotap || linkOf(32).link != record.LinkSLL2 {
		t.Error("link types")
	}
}
