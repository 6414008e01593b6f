package packet

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// What was appended is read again, with checksums that are right.
func TestAppendUDP(t *testing.T) {
	for _, c := range []struct{ from, to, src, dst string }{
		{"192.0.2.1:6343", "198.51.100.2:53", "192.0.2.1", "198.51.100.2"},
		{"[2001:db8::1]:6343", "[2001:db8::2]:53", "2001:db8::1", "2001:db8::2"},
		{"[::ffff:192.0.2.1]:6343", "198.51.100.2:53", "192.0.2.1", "198.51.100.2"},
		{"192.0.2.1:6343", "[2001:db8::2]:53", "192.0.2.1", "2001:db8::2"},
		{"", "198.51.100.2:53", "0.0.0.0", "198.51.100.2"},
		{"", "[2001:db8::2]:53", "::", "2001:db8::2"},
	} {
		for _, payload := range []string{"", "odd", "even"} {
			var from netip.AddrPort
			if c.from != "" {
				from = netip.MustParseAddrPort(c.from)
			}
			b := AppendUDP([]byte("before"), from, netip.MustParseAddrPort(c.to), []byte(payload))
			if !bytes.HasPrefix(b, []byte("before")) {
				t.Fatalf("%q", b)
			}
			p := record.Packet{Link: record.LinkRaw, Data: b[6:], WireLen: uint32(len(b) - 6)}
			var d Decoded
			Decode(&d, &p)
			if !d.Layers.Has(LayerUDP) || d.Src.Netip() != netip.MustParseAddr(c.src) || d.Dst.Netip() != netip.MustParseAddr(c.dst) ||
				d.SrcPort != from.Port() || d.DstPort != 53 || string(d.Payload) != payload {
				t.Errorf("%s to %s with %q: %s", c.from, c.to, payload, summary(&d))
			}
			tree := Tree(&p)
			ip := find(tree, "Internet Protocol Version 4", "Header Checksum")
			if udp := find(tree, "User Datagram Protocol", "Checksum"); !strings.HasSuffix(udp, "[correct]") ||
				d.Layers.Has(LayerIPv4) && !strings.HasSuffix(ip, "[correct]") {
				t.Errorf("%s to %s with %q: checksums %q and %q", c.from, c.to, payload, ip, udp)
			}
		}
	}
}
