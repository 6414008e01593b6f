package packet

import (
	"bytes"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tapir-project/tapir/record"
)

// fuzzLinks are the link types that fuzzing chooses from.
var fuzzLinks = []record.LinkType{record.LinkEthernet, record.LinkNull, record.LinkRaw, record.LinkIEEE80211, record.LinkLoop,
	record.LinkSLL, record.LinkRadiotap, record.LinkIPv4, record.LinkIPv6, record.LinkNFLOG, record.LinkSLL2, record.LinkPPP,
	record.LinkPPPoE, record.LinkFrameRly, record.LinkRawOld, linkPPI, linkCiscoHDLC, 9999}

func addFrames(f *testing.F) {
	for _, fr := range frames() {
		for i, link := range fuzzLinks {
			if link == fr.link {
				f.Add(byte(i), uint16(0), fr.data)
			}
		}
	}
}

// FuzzDecode checks that whatever is decoded stays within the packet and within its bounds.
func FuzzDecode(f *testing.F) {
	addFrames(f)
	f.Fuzz(func(t *testing.T, link byte, cut uint16, data []byte) {
		p := record.Packet{Link: fuzzLinks[int(link)%len(fuzzLinks)], Data: data, WireLen: uint32(len(data)) + uint32(cut)}
		var d, again Decoded
		again.Layers, again.HasIP, again.NOuter, again.depth, again.loose, again.outerOpen = LayerTCP, true, 3, 20, true, true
		Decode(&d, &p)
		Decode(&again, &p)
		if a, b := summary(&d), summary(&again); a != b {
			t.Fatalf("what was decoded before shows: %s, then %s", a, b)
		}
		check(t, &d, &p)
		if d.Verdict == Fragment {
			DecodeIP(&d, d.IP)
			check(t, &d, &p)
		}
		d.Key()
	})
}

func check(t *testing.T, d *Decoded, p *record.Packet) {
	t.Helper()
	if len(d.Payload) > len(p.Data) || d.Verdict == OK && d.PayloadLen != 0 && uint32(len(d.Payload)) > d.PayloadLen {
		t.Fatalf("payload of %d bytes, %d on the wire, in a packet of %d: %s", len(d.Payload), d.PayloadLen, len(p.Data), summary(d))
	}
	if d.NTags > MaxTags || d.NLabels > MaxLabels || d.NOuter > MaxOuter || d.depth > MaxDepth+1 {
		t.Fatalf("beyond a bound: %+v", d)
	}
	if d.Verdict != OK && d.PayloadLen != 0 && d.Verdict != Fragment {
		t.Fatalf("%s has %d bytes of payload", d.Verdict, d.PayloadLen)
	}
	if !d.HasIP && (!d.Src.IsZero() || !d.Dst.IsZero() || d.Proto != 0 || d.SrcPort != 0) {
		t.Fatalf("ends without IP: %+v", d)
	}
	if d.Layers.Has(LayerTCP|LayerUDP|LayerSCTP|LayerICMP|LayerICMPv6) && d.Verdict != OK {
		t.Fatalf("a transport layer, yet %s", d.Verdict)
	}
}

// reading is what both decoders say of a packet: the innermost IP header and what is above it.
type reading struct {
	src, dst     record.Addr
	proto        uint8
	sport, dport uint16
	payload      []byte
	untrimmed    bool // gopacket: payload may go on beyond the packet
}

// gopacketKnows are the layers that gopacket decodes as we do; what has any other is not compared.
const gopacketKnows = LayerEthernet | LayerDot1Q | LayerPPPoE | LayerPPP | LayerLLC | LayerSNAP | LayerIPv4 | LayerIPv6 |
	LayerIPIP | Layer6in4 | Layer4in6 | LayerGRE | LayerVXLAN | LayerGENEVE | LayerGTP | LayerEtherIP | LayerTCP | LayerUDP |
	LayerSCTP | LayerICMP | LayerICMPv6

// FuzzDecodeAgainstGopacket compares addresses, protocol, ports and payload with gopacket's where both decode without
// complaint. They are allowed to differ in this:
//
//   - gopacket stops at an IPv6 fragment header even of a whole datagram, has no radiotap FCS, SLL2, NFLOG, Frame Relay,
//     802.1ad, ERSPAN I and III, VXLAN-GPE, NSH and L2TP, guesses otherwise what is below MPLS, and reads AH and IPv6
//     mobility in its own way: not compared.
//   - It enters VXLAN, GENEVE and GTP by the port alone (either port), we only if the header holds together: not compared
//     where one entered more IP headers than the other.
//   - It does not trim an IPv6 packet with hop-by-hop options to its length: our payload begins its.
func FuzzDecodeAgainstGopacket(f *testing.F) {
	for _, fr := range frames() {
		f.Add(gopacketLink(&fr), fr.data)
	}
	f.Fuzz(func(t *testing.T, link byte, data []byte) {
		againstGopacket(t, link, data)
	})
}

// TestAgainstGopacket checks that the comparison is one: enough of the frames are decoded by both.
func TestAgainstGopacket(t *testing.T) {
	n := 0
	for _, fr := range frames() {
		if againstGopacket(t, gopacketLink(&fr), fr.data) {
			n++
		}
	}
	if n < 30 {
		t.Errorf("%d frames are compared with gopacket, want 30", n)
	}
}

// gopacketLink chooses how gopacket is to read a frame: 0 Ethernet, 1 IPv4, 2 IPv6.
func gopacketLink(f *frame) byte {
	switch {
	case f.link == record.LinkEthernet || len(f.data) == 0:
		return 0
	case f.data[0]>>4 == 6:
		return 2
	}
	return 1
}

// againstGopacket says whether there was anything to compare.
func againstGopacket(t *testing.T, link byte, data []byte) bool {
	t.Helper()
	first := layers.LayerTypeEthernet
	p := record.Packet{Link: record.LinkEthernet, Data: data, WireLen: uint32(len(data))}
	switch link % 3 {
	case 1:
		p.Link, first = record.LinkIPv4, layers.LayerTypeIPv4
	case 2:
		p.Link, first = record.LinkIPv6, layers.LayerTypeIPv6
	}
	var d Decoded
	Decode(&d, &p)
	if d.Verdict != OK || !d.HasIP || d.Layers&^gopacketKnows != 0 {
		return false
	}
	theirs, headers, ok := gopacketReads(data, first)
	if !ok || headers != outerIPs(&d)+1 || headers > MaxOuter {
		return false
	}
	ours := reading{src: d.Src, dst: d.Dst, proto: d.Proto, sport: d.SrcPort, dport: d.DstPort, payload: d.Payload}
	if ours.src != theirs.src || ours.dst != theirs.dst || ours.proto != theirs.proto {
		t.Fatalf("ends %v>%v/%d, gopacket has %v>%v/%d\n%x", ours.src, ours.dst, ours.proto, theirs.src, theirs.dst, theirs.proto, data)
	}
	if theirs.payload == nil {
		return true
	}
	if theirs.untrimmed {
		theirs.payload = theirs.payload[:min(len(theirs.payload), len(ours.payload))]
	}
	if ours.sport != theirs.sport || ours.dport != theirs.dport || !bytes.Equal(ours.payload, theirs.payload) {
		t.Fatalf("ports %d>%d payload %x, gopacket has %d>%d %x\n%x", ours.sport, ours.dport, ours.payload, theirs.sport, theirs.dport, theirs.payload, data)
	}
	return true
}

// outerIPs counts the IP headers outside of the innermost one.
func outerIPs(d *Decoded) int {
	n := 0
	for _, o := range d.Outer[:d.NOuter] {
		if !o.Src.IsZero() || !o.Dst.IsZero() {
			n++
		}
	}
	return n
}

// gopacketReads reads with gopacket; headers is how many IP headers there are. payload is nil where there is no
// transport header to compare.
func gopacketReads(data []byte, first gopacket.LayerType) (r reading, headers int, ok bool) {
	defer func() {
		if recover() != nil { // gopacket 1.1.19 panics on some input
			ok = false
		}
	}()
	pkt := gopacket.NewPacket(data, first, gopacket.DecodeOptions{NoCopy: true, SkipDecodeRecovery: true})
	if pkt.ErrorLayer() != nil || pkt.Metadata().Truncated {
		return r, 0, false
	}
	for _, l := range pkt.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			headers++
			r = reading{src: record.AddrFrom4(l.SrcIP.To4()), dst: record.AddrFrom4(l.DstIP.To4()), proto: uint8(l.Protocol)}
		case *layers.IPv6:
			headers++
			r = reading{src: record.AddrFrom16(l.SrcIP), dst: record.AddrFrom16(l.DstIP), proto: uint8(l.NextHeader)}
		case *layers.IPv6HopByHop:
			r.proto, r.untrimmed = uint8(l.NextHeader), true
		case *layers.IPv6Routing:
			r.proto = uint8(l.NextHeader)
		case *layers.IPv6Destination:
			r.proto = uint8(l.NextHeader)
		case *layers.IPv6Fragment:
			return r, 0, false
		case *layers.TCP:
			r.sport, r.dport, r.payload = uint16(l.SrcPort), uint16(l.DstPort), orEmpty(l.Payload)
		case *layers.UDP:
			r.sport, r.dport, r.payload = uint16(l.SrcPort), uint16(l.DstPort), orEmpty(l.Payload)
		case *layers.SCTP:
			r.sport, r.dport, r.payload = uint16(l.SrcPort), uint16(l.DstPort), orEmpty(l.Payload)
		}
	}
	return r, headers, headers > 0
}

func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
