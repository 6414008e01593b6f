package packet

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

var layerBits = []string{"eth", "1q", "1ad", "mpls", "pppoe", "ppp", "llc", "snap", "sll", "802.11", "arp", "ip4", "ip6",
	"ipip", "6in4", "4in6", "gre", "erspan", "vxlan", "gpe", "geneve", "gtp", "l2tp", "ah", "esp", "tcp", "udp", "sctp",
	"icmp", "icmp6", "igmp", "nsh", "etherip"}

// summary is one line with everything d says.
func summary(d *Decoded) string {
	var s []string
	add := func(format string, a ...any) { s = append(s, fmt.Sprintf(format, a...)) }
	var ls []string
	for i, name := range layerBits {
		if d.Layers.Has(1 << i) {
			ls = append(ls, name)
		}
	}
	add("%s %s", d.Verdict, strings.Join(ls, ","))
	if d.HasIP {
		add("%s:%d>%s:%d/%d", d.Src, d.SrcPort, d.Dst, d.DstPort, d.Proto)
	}
	add("%d/%d", len(d.Payload), d.PayloadLen)
	if d.HasMAC {
		add("%x>%x", d.SrcMAC[4:], d.DstMAC[4:])
	} else if d.SrcMAC != d.DstMAC {
		add("(%x>%x)", d.SrcMAC[4:], d.DstMAC[4:])
	}
	if d.EtherType != 0 {
		add("type %04x", d.EtherType)
	}
	for _, t := range d.Tags[:d.NTags] {
		add("vlan %d%s", t.ID, map[bool]string{true: "s"}[t.AD])
	}
	if d.NLabels > 0 {
		add("labels %d", d.Labels[:d.NLabels])
	}
	if d.HasVNI {
		add("vni %d", d.VNI)
	}
	for _, o := range d.Outer[:d.NOuter] {
		add("outer %s>%s", o.Src.Netip(), o.Dst.Netip())
		if o.HasMAC {
			add("(%x>%x)", o.SrcMAC[4:], o.DstMAC[4:])
		}
	}
	if d.Layers.Has(LayerTCP) && (d.Flags != SYN|ACK || d.MSS != 0 || d.WScale >= 0 || d.HasTS) {
		add("tcp %x %d,%d,%t,%d,%d", d.Flags, d.MSS, d.WScale, d.HasTS, d.TSVal, d.TSEcr)
	}
	if d.Layers.Has(LayerICMP | LayerICMPv6) {
		add("icmp %d,%d", d.ICMPType, d.ICMPCode)
	}
	if d.Verdict == Fragment {
		add("frag %x@%d,%t of %d", d.FragID, d.FragOff, d.MoreFrags, len(d.IP))
	}
	return strings.Join(s, " ")
}

var update = flag.Bool("update", false, "write golden files anew")

// golden compares got with the named file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	have, want := strings.SplitAfter(got, "\n"), strings.SplitAfter(string(b), "\n")
	for i := range max(len(have), len(want)) {
		if i >= len(have) || i >= len(want) || have[i] != want[i] {
			t.Fatalf("%s, line %d:\n got %swant %s", path, i+1, strings.Join(have[i:min(i+1, len(have))], ""), strings.Join(want[i:min(i+1, len(want))], ""))
		}
	}
}

func TestDecode(t *testing.T) {
	var d Decoded
	var out strings.Builder
	for _, f := range frames() {
		p := f.packet()
		Decode(&d, &p)
		fmt.Fprintf(&out, "%s: %s\n", f.name, summary(&d))
	}
	golden(t, "frames.golden", out.String())
}

// TestReset checks that reset leaves nothing of the packet before but the lists beyond their counts.
func TestReset(t *testing.T) {
	var d Decoded
	fill(reflect.ValueOf(&d).Elem())
	d.depth, d.loose, d.outerOpen = 9, true, true
	d.reset()
	v := reflect.ValueOf(d)
	for i := range v.NumField() {
		switch name := v.Type().Field(i).Name; name {
		case "Tags", "Labels", "Outer":
		case "WScale":
			if d.WScale != -1 {
				t.Errorf("WScale is %d after reset, want -1", d.WScale)
			}
		default:
			if !v.Field(i).IsZero() {
				t.Errorf("%s is not reset", name)
			}
		}
	}
}

// fill sets every exported field of v to something.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanSet() {
			continue
		}
		switch f.Kind() {
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int8:
			f.SetInt(7)
		case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			f.SetUint(7)
		case reflect.Slice:
			f.SetBytes([]byte{7})
		case reflect.Array:
			if f.Index(0).Kind() == reflect.Uint8 {
				f.Index(0).SetUint(7)
			}
		}
	}
}

// TestCut decodes every frame cut short at every length, as a snapped capture and as a short packet: no cut may panic,
// and what a snapped capture shows is never at odds with the whole packet.
func TestCut(t *testing.T) {
	var d, whole Decoded
	for _, f := range frames() {
		p := f.packet()
		Decode(&whole, &p)
		for n := range len(f.data) {
			cut := record.Packet{Link: f.link, Data: f.data[:n:n], WireLen: p.WireLen}
			Decode(&d, &cut)
			if d.Verdict == OK && d.Layers == whole.Layers && whole.Verdict == OK &&
				(d.Src != whole.Src || d.SrcPort != whole.SrcPort || d.DstPort != whole.DstPort || d.PayloadLen != whole.PayloadLen) {
				t.Errorf("%s cut to %d bytes: %s, want %s", f.name, n, summary(&d), summary(&whole))
			}
			cut.WireLen = uint32(n)
			Decode(&d, &cut)
		}
	}
}

func TestDecodeAllocates(t *testing.T) {
	fs := frames()
	ps := make([]record.Packet, len(fs))
	for i := range fs {
		ps[i] = fs[i].packet()
	}
	var d Decoded
	for i := range ps {
		if n := testing.AllocsPerRun(10, func() {
			Decode(&d, &ps[i])
			if d.Verdict == Fragment {
				DecodeIP(&d, d.IP)
			}
			d.Key()
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", fs[i].name, n)
		}
	}
}

// TestDecodeIP checks that a reassembled datagram keeps what was outside of its fragments.
func TestDecodeIP(t *testing.T) {
	p := record.Packet{Link: record.LinkEthernet, Data: eth(0x8100, tag(5, 0x800, ip4(17, udp(99, 4789, vxlan("08000000", 7,
		eth2(0x800, ip4From("c0a80101 c0a80102", 17, "", make([]byte, 16))))))))}
	inner := p.Data[len(p.Data)-36:]
	inner[6] = 0x20 // more fragments
	var d Decoded
	Decode(&d, &p)
	want := "fragment eth,1q,ip4,vxlan 192.168.1.1:0>192.168.1.2:0/17 16/16 0011>0012 type 0800 vlan 5 vni 7 " +
		"outer 10.0.0.1>10.0.0.2 (0001>0002) frag 1234@0,true of 36"
	if got := summary(&d); got != want {
		t.Fatalf("fragment:\n got %s\nwant %s", got, want)
	}
	DecodeIP(&d, ip4b(17, query()))
	want = "ok eth,1q,ip4,vxlan,udp 192.168.1.1:5353>192.168.1.2:53/17 5/5 0011>0012 type 0800 vlan 5 vni 7 " +
		"outer 10.0.0.1>10.0.0.2 (0001>0002)"
	if got := summary(&d); got != want {
		t.Errorf("datagram:\n got %s\nwant %s", got, want)
	}
}

func TestKey(t *testing.T) {
	var d Decoded
	key := func(data []byte) (record.FlowKey, bool) {
		Decode(&d, &record.Packet{Link: record.LinkEthernet, Data: data})
		return d.Key()
	}
	there, swapped := key(eth(0x8100, tag(9, 0x800, ip4(6, web()))))
	if swapped || there.VLAN != 9 || there.PortB != 80 || there.Class != ClassIP || there.Proto != 6 {
		t.Errorf("key is %+v, swapped %t", there, swapped)
	}
	back, swapped := key(eth(0x8100, tag(9, 0x800, ip4From("0a000002 0a000001", 6, "", tcp(80, 40000, 0x10, "")))))
	if back != there || !swapped {
		t.Errorf("the way back has key %+v, swapped %t, want %+v", back, swapped, there)
	}
	if k, _ := key(eth(0x800, ip4(1, echo()))); k.PortA|k.PortB != 0 || k.Proto != 1 {
		t.Errorf("ICMP has key %+v, want no ports", k)
	}
	k, swapped := key(eth(0x0806, arp()))
	if k.Class != ClassLink || k.PortA != 0x806 || k.PortB != 0 || k.A[15] != 1 || k.B[15] != 2 || swapped {
		t.Errorf("ARP has key %+v, swapped %t", k, swapped)
	}
	if k, _ := key(eth(0x800, ip4(17, udp(1, 4789, vxlan("08000000", 7, eth2(0x800, ip4b(6, web()))))))); k.VNI != 7 {
		t.Errorf("VXLAN has key %+v, want network 7", k)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		layers Layers
		want   string
	}{
		{LayerEthernet | LayerIPv4 | LayerTCP, "[tcp]"},
		{LayerEthernet | LayerGRE | LayerERSPAN | LayerIPv4 | LayerICMP, "[gre icmp]"},
		{LayerVXLAN | LayerARP, "[vxlan arp]"},
		{LayerPPPoE | LayerPPP | LayerUDP, "[pppoe udp]"},
		{LayerGRE | LayerPPP | LayerIPv6 | LayerICMPv6, "[ppp gre icmp]"},
		{LayerAH | LayerESP, "[esp]"},
		{LayerAH | LayerTCP, "[tcp ah]"},
		{Layer6in4 | LayerIPv6 | LayerSCTP, "[sctp]"},
	} {
		if got := fmt.Sprint(c.layers.AppendNames(nil)); got != c.want {
			t.Errorf("layers %x are named %s, want %s", uint64(c.layers), got, c.want)
		}
	}
	for num, want := range map[uint8]string{0: "hopopt", 6: "tcp", 17: "udp", 50: "esp", 58: "ipv6-icmp", 89: "ospf", 103: "pim",
		115: "l2tp", 132: "sctp", 139: "hip", 145: "nsh", 146: "", 255: ""} {
		if got := ProtoName(num); got != want {
			t.Errorf("protocol %d is %q, want %q", num, got, want)
		}
	}
	if got := string(AppendMAC([]byte("mac "), MAC{0, 0xc, 0x29, 0xab, 0xcd, 0xef})); got != "mac 00:0c:29:ab:cd:ef" {
		t.Errorf("AppendMAC gives %q", got)
	}
}
