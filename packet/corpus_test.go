package packet

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// flowSum is what a capture holds of one pair of ends.
type flowSum struct {
	packets, bytes, data int
	set                  map[string]bool // mac=, vlan=, vni=, outer=, proto=
}

func (s *flowSum) add(kind string, values ...string) {
	for _, v := range values {
		s.set[kind+"="+v] = true
	}
}

type sums map[string]*flowSum

func (s sums) at(proto int, a, b string) *flowSum {
	if a > b {
		a, b = b, a
	}
	k := fmt.Sprintf("%d %s %s", proto, a, b)
	if s[k] == nil {
		s[k] = &flowSum{set: map[string]bool{}}
	}
	return s[k]
}

// TestCorpus compares the decoder with the sessions that are known of captures: TAPIR_CORPUS is a folder of captures
// with expected.jsonl beside them. Sessions are summed by their ends, since packages above this one cut them.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("TAPIR_CORPUS")
	if dir == "" {
		t.Skip("TAPIR_CORPUS is not set")
	}
	want := expectedSums(t, filepath.Join(dir, "expected.jsonl"))
	total, equal := 0, 0
	for _, name := range slices.Sorted(maps.Keys(want)) {
		got := captureSums(readPcap(t, filepath.Join(dir, name+".pcap")))
		for k, w := range want[name] {
			total++
			g := got[k]
			if g == nil {
				t.Logf("%s: %s: not found, want %d packets %v", name, k, w.packets, slices.Sorted(maps.Keys(w.set)))
				continue
			}
			var diff []string
			// What counts as data of TCP is for reassembly to say: retransmitted bytes do not.
			if g.packets != w.packets || g.bytes != w.bytes || g.data != w.data && !strings.HasPrefix(k, "6 ") {
				diff = append(diff, fmt.Sprintf("packets %d bytes %d data %d, want %d %d %d", g.packets, g.bytes, g.data, w.packets, w.bytes, w.data))
			}
			for v := range w.set {
				if !g.set[v] {
					diff = append(diff, "missing "+v)
				}
			}
			if diff == nil {
				equal++
				continue
			}
			t.Logf("%s: %s: %s", name, k, strings.Join(diff, "; "))
		}
		for k, g := range got {
			if want[name][k] == nil {
				t.Logf("%s: %s: %d packets not expected %v", name, k, g.packets, slices.Sorted(maps.Keys(g.set)))
			}
		}
	}
	t.Logf("%d of %d equal", equal, total)
	if equal*100 < total*95 {
		t.Errorf("%d of %d pairs of ends are as expected, want 95 %%", equal, total)
	}
}

func end(ip string, port int) string {
	if a, err := netip.ParseAddr(ip); err == nil {
		ip = a.String()
	}
	return fmt.Sprintf("%s|%d", ip, port)
}

func expectedSums(t *testing.T, name string) map[string]sums {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]sums{}
	sc := bufio.NewScanner(f)
	for sc.Buffer(nil, 1<<24); sc.Scan(); {
		var r struct {
			Pcap, Src, Dst                     string
			Srcport, Dstport, Ipproto          int
			Packets, Bytes, Srcdatabytes       int
			Dstdatabytes                       int
			Srcmac, Dstmac, Outersrc, Outerdst []string
			Vlan, Vni                          []int
			Protocols                          []string
		}
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if out[r.Pcap] == nil {
			out[r.Pcap] = sums{}
		}
		s := out[r.Pcap].at(r.Ipproto, end(r.Src, r.Srcport), end(r.Dst, r.Dstport))
		s.packets += r.Packets
		s.bytes += r.Bytes
		s.data += r.Srcdatabytes + r.Dstdatabytes
		s.add("mac", r.Srcmac...)
		s.add("mac", r.Dstmac...)
		s.add("outer", r.Outersrc...)
		s.add("outer", r.Outerdst...)
		for _, v := range r.Vlan {
			s.add("vlan", fmt.Sprint(v))
		}
		for _, v := range r.Vni {
			s.add("vni", fmt.Sprint(v))
		}
		for _, p := range r.Protocols {
			if decodedNames[p] {
				s.add("proto", p)
			}
		}
	}
	return out
}

// decodedNames are those names of protocols that come from this package.
var decodedNames = func() map[string]bool {
	m := map[string]bool{}
	for _, e := range layerNames {
		m[e.name] = true
	}
	for _, v := range verdictNames[UnknownLink:] {
		m[v] = true
	}
	return m
}()

func captureSums(ps []record.Packet) sums {
	got := sums{}
	var d Decoded
	for i := range ps {
		Decode(&d, &ps[i])
		ip := func(a record.Addr) string {
			if !d.HasIP {
				return ""
			}
			return a.Netip().String()
		}
		s := got.at(int(d.Proto), end(ip(d.Src), int(d.SrcPort)), end(ip(d.Dst), int(d.DstPort)))
		s.packets++
		s.bytes += int(ps[i].WireLen)
		if d.Verdict != Fragment {
			s.data += int(d.PayloadLen)
		}
		s.add("proto", d.Layers.AppendNames(nil)...)
		if d.Verdict != OK {
			s.add("proto", d.Verdict.String())
		}
		if d.HasMAC {
			s.add("mac", d.SrcMAC.String(), d.DstMAC.String())
		}
		for _, o := range d.Outer[:d.NOuter] {
			s.add("outer", o.Src.Netip().String(), o.Dst.Netip().String())
		}
		for _, tag := range d.Tags[:d.NTags] {
			s.add("vlan", fmt.Sprint(tag.ID))
		}
		if d.HasVNI {
			s.add("vni", fmt.Sprint(d.VNI))
		}
	}
	return got
}
