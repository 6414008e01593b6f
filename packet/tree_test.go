package packet

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// treeText writes nodes one a line, indented, with their place in the packet.
func treeText(out *strings.Builder, ns []Node, indent string) {
	for _, n := range ns {
		fmt.Fprintf(out, "%s%s: %s [%d+%d]\n", indent, n.Name, n.Value, n.Off, n.Len)
		treeText(out, n.Children, indent+"  ")
	}
}

// TestTree compares the trees of frames, one for each kind of header, with testdata/tree.golden.
func TestTree(t *testing.T) {
	byName := map[string]frame{}
	for _, f := range frames() {
		byName[f.name] = f
	}
	var out strings.Builder
	for i, name := range []string{"syn", "802.1ad", "arp", "spanning tree", "cdp", "isis", "pseudowire", "mpls channel", "pppoe", "pppoe discovery",
		"pppoe lcp", "802.1ah", "vn-tag", "cisco metadata", "nsh", "sll", "sll2", "null", "802.11 bridge qos", "802.11 a-msdu", "radiotap",
		"ppi", "nflog", "ppp hdlc", "cisco hdlc", "frame relay snap", "udp padded", "udp-lite", "snapped", "ip options", "ip length beyond packet",
		"first fragment", "igmp", "icmp", "sctp", "esp", "ah", "eigrp", "ipv6 hop by hop", "ipv6 routing", "ipv6 fragment behind options",
		"ipv6 jumbogram", "gre all fields", "pptp", "erspan 2", "erspan 3 with platform header", "vxlan", "no vxlan", "gpe nsh", "geneve",
		"gtp extension", "l2tp", "l2tp 3 over ip", "4in6", "etherip", "short tag", "unknown link", "tcp header too long"} {
		f, ok := byName[name]
		if !ok {
			t.Fatalf("there is no frame %q", name)
		}
		p := f.packet()
		p.Time = 1_700_000_000_123_456_789
		ns := Tree(&p)
		if i > 0 {
			ns = ns[1:] // the frame's own lines are all alike
		}
		fmt.Fprintf(&out, "## %s\n", name)
		treeText(&out, ns, "")
	}
	golden(t, "tree.golden", out.String())
}

// TestTreeChecksums checks that checksums are checked: of a TCP segment of RFC 1071's kind and of what was changed in it.
func TestTreeChecksums(t *testing.T) {
	seg := tcp(40000, 80, 0x18, "", []byte("GET /"))
	sum := ^onesSumFolded(hx("0a000001 0a000002 0006"), u16(len(seg)), seg)
	copy(seg[16:], u16(int(sum)))
	for _, c := range []struct{ text, want string }{{"GET /", "correct"}, {"GOT /", "incorrect, perhaps left to the network card"}} {
		copy(seg[20:], c.text)
		data := ip4(6, seg)
		got := find(Tree(&record.Packet{Link: record.LinkRaw, Data: data}), "Transmission Control Protocol", "Checksum")
		if !strings.HasSuffix(got, "["+c.want+"]") {
			t.Errorf("checksum of %q is %s, want %s", c.text, got, c.want)
		}
	}
}

func onesSumFolded(parts ...[]byte) uint16 {
	return foldOnes(onesSum(cat(parts...)))
}

// find returns the value of a field of the last header of that name.
func find(ns []Node, header, field string) string {
	v := ""
	for _, n := range ns {
		if n.Name != header {
			continue
		}
		v = ""
		for _, c := range n.Children {
			if c.Name == field {
				v = c.Value
			}
		}
	}
	return v
}

// checkTree checks that nodes are within data, children within their parents, and counts them.
func checkTree(t *testing.T, ns []Node, from, to int) int {
	t.Helper()
	count := 0
	for _, n := range ns {
		if n.Off < from || n.Len < 0 || n.Off+n.Len > to {
			t.Fatalf("%s (%s) is at %d+%d, want within %d to %d", n.Name, n.Value, n.Off, n.Len, from, to)
		}
		count += 1 + checkTree(t, n.Children, n.Off, n.Off+n.Len)
	}
	return count
}

// againstDecode checks that the tree of p and what Decode makes of it agree on the innermost ends.
func againstDecode(t *testing.T, p *record.Packet, ns []Node) {
	t.Helper()
	var d Decoded
	Decode(&d, p)
	if d.Verdict != OK || !d.HasIP || d.NOuter == MaxOuter {
		return
	}
	name := "Internet Protocol Version 6"
	for _, n := range ns {
		if strings.HasPrefix(n.Name, "Internet Protocol Version") {
			name = n.Name
		}
	}
	if src, dst := find(ns, name, "Source Address"), find(ns, name, "Destination Address"); src != d.Src.String() || dst != d.Dst.String() {
		t.Fatalf("tree has %s>%s, Decode %s", src, dst, summary(&d))
	}
	transport := map[uint8]string{ProtoTCP: "Transmission Control Protocol", ProtoUDP: "User Datagram Protocol",
		ProtoSCTP: "Stream Control Transmission Protocol"}[d.Proto]
	if transport != "" && d.Layers.Has(LayerTCP|LayerUDP|LayerSCTP) {
		if port := find(ns, transport, "Destination Port"); port != strconv.Itoa(int(d.DstPort)) {
			t.Fatalf("tree has port %s, Decode %s", port, summary(&d))
		}
	}
}

func FuzzTree(f *testing.F) {
	addFrames(f)
	f.Fuzz(func(t *testing.T, link byte, cut uint16, data []byte) {
		p := record.Packet{Link: fuzzLinks[int(link)%len(fuzzLinks)], Data: data, WireLen: uint32(len(data)) + uint32(cut)}
		ns := Tree(&p)
		if n := checkTree(t, ns, 0, len(data)); n > 40*maxHeaders+len(data) {
			t.Fatalf("%d nodes for %d bytes", n, len(data))
		}
		againstDecode(t, &p, ns)
	})
}

// TestTreeCut builds the tree of every frame cut short at every length.
func TestTreeCut(t *testing.T) {
	for _, f := range frames() {
		for n := range len(f.data) + 1 {
			p := record.Packet{Link: f.link, Data: f.data[:n:n], WireLen: uint32(max(f.wire, len(f.data)))}
			ns := Tree(&p)
			checkTree(t, ns, 0, n)
			againstDecode(t, &p, ns)
		}
	}
}
