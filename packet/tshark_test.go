package packet

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// differsFromTshark are the frames that tshark is known to read otherwise, and why.
var differsFromTshark = map[string]string{
	"nflog big-endian": "takes the byte order of the file's header",
	"snap bridged":     "knows bridged frames in ATM and Frame Relay only",

	// It cannot tell what is below a label stack or an L2TPv3 header until it is told.
	"pseudowire":                   "",
	"pseudowire to a MAC like IP":  "",
	"l2tp 3 over udp":              "",
	"l2tp 3 over ip":               "",
	"vxlan linux":                  "knows the assigned port only",
	"no vxlan":                     "looks at no flags",
	"vxlan arp":                    "shows the ports of a tunnel, which to us are no ends",
	"first fragment":               "reads a transport header in the first fragment",
	"ipv6 fragment behind options": "reads a transport header in the first fragment",

	// It goes on as far as it can with what contradicts itself.
	"gre with corrupt ip":       "",
	"vxlan corrupt ip":          "",
	"ipip corrupt":              "",
	"ip header size 16":         "",
	"ip length beyond packet":   "",
	"ipv6 length beyond packet": "",
	"ipv6 jumbogram":            "one below 65536 bytes",
	"pppoe corrupt":             "",
	"tcp header too short":      "",
	"tcp header too long":       "",
	"udp length 4":              "",
	"too deep":                  "has another bound",
}

// TestAgainstTshark compares the innermost addresses, ports and protocol of every frame with tshark's reading. It runs
// where TAPIR_TSHARK is set: versions of tshark differ in what they guess.
func TestAgainstTshark(t *testing.T) {
	if os.Getenv("TAPIR_TSHARK") == "" {
		t.Skip("TAPIR_TSHARK is not set")
	}
	byLink := map[record.LinkType][]frame{}
	for _, f := range frames() {
		byLink[f.link] = append(byLink[f.link], f)
	}
	for link, fs := range byLink {
		for i, got := range tsharkEnds(t, link, fs) {
			_, known := differsFromTshark[fs[i].name]
			if want := decodedEnds(&fs[i]); got != want && !known {
				t.Errorf("%s: tshark reads %q, Decode %q", fs[i].name, got, want)
			}
		}
	}
}

// decodedEnds says of f what can be compared with tshark: the verdict apart, only of what has a known transport.
func decodedEnds(f *frame) string {
	var d Decoded
	p := f.packet()
	Decode(&d, &p)
	s := ""
	if d.HasIP {
		s = fmt.Sprintf("%s>%s", d.Src.Netip(), d.Dst.Netip())
	}
	if d.Layers.Has(LayerTCP | LayerUDP | LayerSCTP) {
		s += fmt.Sprintf(" %d>%d", d.SrcPort, d.DstPort)
	}
	return s
}

// tsharkEnds runs tshark over frames of one link type.
func tsharkEnds(t *testing.T, link record.LinkType, fs []frame) []string {
	name := filepath.Join(t.TempDir(), "f.pcap")
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, byte(link), byte(link>>8), 0, 0)
	for i := range fs {
		p := fs[i].packet()
		for _, v := range []uint32{1, uint32(i), uint32(len(p.Data)), p.WireLen} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		b = append(b, p.Data...)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-n", "-r", name, "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-T", "fields", "-E", "occurrence=a", "-E", "separator=;"}
	for _, field := range []string{"ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "sctp.srcport", "sctp.dstport", "frame.protocols"} {
		args = append(args, "-e", field)
	}
	out, err := exec.Command("tshark", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var ends []string
	for line := range strings.Lines(string(out)) {
		ends = append(ends, innermost(strings.Split(strings.TrimSuffix(line, "\n"), ";")))
	}
	return ends
}

// innermost takes from a line of tshark's fields the last addresses and ports of its list of protocols.
func innermost(f []string) string {
	last := func(i int) string {
		v := strings.Split(f[i], ",")
		return v[len(v)-1]
	}
	s, ports := "", ""
	for _, p := range strings.Split(f[10], ":") {
		switch p {
		case "ip":
			s, ports = last(0)+">"+last(1), ""
		case "ipv6":
			s, ports = last(2)+">"+last(3), ""
		case "tcp":
			ports = " " + last(4) + ">" + last(5)
		case "udp", "udplite":
			ports = " " + last(6) + ">" + last(7)
		case "sctp":
			ports = " " + last(8) + ">" + last(9)
		}
	}
	return s + ports
}
