package packet

import (
	"fmt"
	"strconv"
)

// transport adds what an IP protocol number stands for.
func (t *tree) transport(proto uint8, v view) {
	switch proto {
	case ProtoTCP:
		t.tcp(v)
	case ProtoUDP, ProtoUDPLite:
		t.udp(proto, v)
	case ProtoICMP:
		t.icmp("Internet Control Message Protocol", proto, icmpTypes, v)
	case ProtoICMPv6:
		t.icmp("Internet Control Message Protocol v6", proto, icmp6Types, v)
	case ProtoIGMP:
		t.igmp(v)
	case ProtoSCTP:
		t.sctp(v)
	case ProtoESP:
		t.esp(v)
	case ProtoAH:
		t.extensions(proto, v)
	case ProtoIPv4, ProtoIPv6:
		t.ip(v)
	case ProtoGRE:
		t.gre(v)
	case ProtoEtherIP:
		t.etherIP(v)
	case ProtoL2TP:
		t.l2tp3(v)
	case ProtoMPLS:
		t.mpls(v)
	case ProtoEthernet:
		t.ethernet(v)
	case ProtoNSH:
		t.nsh(v)
	default:
		t.above(ProtoName(proto), v)
	}
}

// checksum says whether the sum over the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1) and v is right; unknown if not all
// of v was captured.
func (t *tree) checksum(proto uint8, v view) string {
	if v.size() != v.n {
		return "unverified: cut off"
	}
	if t.src == nil {
		return "unverified"
	}
	sum := uint64(v.n) + uint64(proto)
	for _, b := range [][]byte{t.src, t.dst, t.bytes(v)} {
		sum += onesSum(b)
	}
	return t.verdict(sum)
}

func (t *tree) verdict(sum uint64) string {
	if foldOnes(sum) == 0xffff {
		return "correct"
	}
	return "incorrect, perhaps left to the network card"
}

// foldOnes makes a one's complement sum of 16 bits of what was added up.
func foldOnes(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// onesSum adds the 16-bit words of b (RFC 1071), without folding.
func onesSum(b []byte) (sum uint64) {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(be16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

var tcpFlags = []bit{{uint64(FIN), "FIN"}, {uint64(SYN), "SYN"}, {uint64(RST), "RST"}, {uint64(PSH), "PSH"}, {uint64(ACK), "ACK"},
	{uint64(URG), "URG"}, {uint64(ECE), "ECE"}, {uint64(CWR), "CWR"}, {uint64(AE), "AE"}}

func (t *tree) tcp(v view) {
	const name = "Transmission Control Protocol"
	h := t.open(name, v, tcpHeader)
	if h == nil {
		return
	}
	size := int(h.b[12]>>4) * 4
	if size > tcpHeader && size <= v.n {
		h = t.open(name, v, min(size, v.size()))
		if h == nil {
			return
		}
	}
	word := h.uint(12, 2) & 0x1ff
	h.title("Src Port: %d, Dst Port: %d, %s, Seq: %d, Ack: %d, Len: %d", h.uint(0, 2), h.uint(2, 2), setNames(word, tcpFlags),
		h.uint(4, 4), h.uint(8, 4), max(v.n-size, 0))
	h.dec("Source Port", 0, 2)
	h.dec("Destination Port", 2, 2)
	h.dec("Sequence Number", 4, 4)
	h.dec("Acknowledgment Number", 8, 4)
	h.field("Header Length", 12, 1, count(size))
	h.field("Flags", 12, 2, fmt.Sprintf("0x%03x (%s)", word, setNames(word, tcpFlags)), flags(word, tcpFlags)...)
	h.dec("Window", 14, 2)
	h.field("Checksum", 16, 2, fmt.Sprintf("0x%04x [%s]", h.uint(16, 2), t.checksum(ProtoTCP, v)))
	h.dec("Urgent Pointer", 18, 2)
	h.options("Options", tcpHeader, tcpOptionName, tcpOptionValue)
	t.add(h)
	if size >= tcpHeader {
		t.carried(ProtoTCP, h, "TCP payload", v.skip(size))
	}
}

func tcpOptionName(kind byte) string {
	switch kind {
	case tcpOptMSS:
		return "Maximum segment size"
	case tcpOptWScale:
		return "Window scale"
	case tcpOptSACKPerm:
		return "SACK permitted"
	case tcpOptSACK:
		return "SACK"
	case tcpOptTimestamp:
		return "Timestamps"
	case 19:
		return "MD5 signature"
	case 29:
		return "TCP-AO"
	case 30:
		return "Multipath TCP"
	case 34:
		return "Fast Open cookie"
	}
	return ""
}

func tcpOptionValue(kind byte, v []byte) string {
	switch {
	case kind == tcpOptMSS && len(v) == 2:
		return strconv.Itoa(int(be16(v)))
	case kind == tcpOptWScale && len(v) == 1:
		return fmt.Sprintf("%d (multiply by %d)", v[0], 1<<min(v[0], 14))
	case kind == tcpOptTimestamp && len(v) == 8:
		return fmt.Sprintf("TSval %d, TSecr %d", be32(v), be32(v[4:]))
	case kind == tcpOptSACK && len(v)%8 == 0:
		s := ""
		for ; len(v) >= 8; v = v[8:] {
			s += fmt.Sprintf(" %d-%d", be32(v), be32(v[4:]))
		}
		return s[min(1, len(s)):]
	}
	return ""
}

func (t *tree) udp(proto uint8, v view) {
	h := t.open("User Datagram Protocol", v, udpHeader)
	if h == nil {
		return
	}
	sport, dport := be16(h.b), be16(h.b[2:])
	h.title("Src Port: %d, Dst Port: %d", sport, dport)
	h.dec("Source Port", 0, 2)
	h.dec("Destination Port", 2, 2)
	body := v
	if size := int(h.uint(4, 2)); proto == ProtoUDPLite {
		h.node.Name = "Lightweight User Datagram Protocol"
		h.dec("Checksum Coverage", 4, 2)
	} else {
		h.dec("Length", 4, 2)
		if size >= udpHeader && size < v.n {
			body = v.trim(size)
		}
	}
	h.field("Checksum", 6, 2, fmt.Sprintf("0x%04x [%s]", h.uint(6, 2), t.udpChecksum(proto, h, body)))
	t.add(h)
	if inner := body.skip(udpHeader); !mayTunnel(sport, dport) || !t.udpTunnel(sport, dport, inner) {
		t.carried(proto, h, "UDP payload", inner)
	}
	t.padding(v.skip(body.n))
}

func (t *tree) udpChecksum(proto uint8, h *header, v view) string {
	switch {
	case h.uint(6, 2) == 0:
		return "none"
	case proto == ProtoUDPLite:
		return "unverified"
	}
	return t.checksum(proto, v)
}

// sctpChunks are the names of chunk types (RFC 9260 §3.2 and extensions).
var sctpChunks = [...]string{"DATA", "INIT", "INIT ACK", "SACK", "HEARTBEAT", "HEARTBEAT ACK", "ABORT", "SHUTDOWN", "SHUTDOWN ACK", "ERROR",
	"COOKIE ECHO", "COOKIE ACK", "ECNE", "CWR", "SHUTDOWN COMPLETE", "AUTH"}

func (t *tree) sctp(v view) {
	h := t.open("Stream Control Transmission Protocol", v, sctpHeader)
	if h == nil {
		return
	}
	h.title("Src Port: %d, Dst Port: %d", h.uint(0, 2), h.uint(2, 2))
	h.dec("Source Port", 0, 2)
	h.dec("Destination Port", 2, 2)
	h.hex("Verification Tag", 4, 4)
	h.hex("Checksum", 8, 4)
	t.add(h)
	for v = v.skip(sctpHeader); v.size() >= 4 && t.chunk(v); {
		v = v.skip((int(be16(t.data[v.at+2:])) + 3) &^ 3)
	}
}

// chunk adds an SCTP chunk and says whether another may follow.
func (t *tree) chunk(v view) bool {
	size := int(be16(t.data[v.at+2:]))
	if size < 4 || size > v.size() {
		t.payload("Chunk cut off", v)
		return false
	}
	h := t.open("SCTP Chunk", v, size)
	if h == nil {
		return false
	}
	kind := int(h.b[0])
	if kind < len(sctpChunks) {
		h.title("%s", sctpChunks[kind])
	}
	h.dec("Type", 0, 1)
	h.hex("Flags", 1, 1)
	h.dec("Length", 2, 2)
	if kind == 0 && size >= 16 {
		h.dec("TSN", 4, 4)
		h.dec("Stream", 8, 2)
		h.dec("Stream Sequence", 10, 2)
		h.dec("Payload Protocol", 12, 4)
		h.field("Data", 16, size-16, count(size-16))
	}
	t.add(h)
	return true
}

// Names of ICMP types (IANA icmp-parameters, icmpv6-parameters).
var (
	icmpTypes = map[uint64]string{0: "Echo reply", 3: "Destination unreachable", 4: "Source quench", 5: "Redirect", 8: "Echo request",
		9: "Router advertisement", 10: "Router solicitation", 11: "Time exceeded", 12: "Parameter problem", 13: "Timestamp request",
		14: "Timestamp reply", 17: "Address mask request", 18: "Address mask reply", 42: "Extended echo request", 43: "Extended echo reply"}
	icmp6Types = map[uint64]string{1: "Destination unreachable", 2: "Packet too big", 3: "Time exceeded", 4: "Parameter problem",
		128: "Echo request", 129: "Echo reply", 130: "Multicast listener query", 131: "Multicast listener report",
		132: "Multicast listener done", 133: "Router solicitation", 134: "Router advertisement", 135: "Neighbor solicitation",
		136: "Neighbor advertisement", 137: "Redirect", 143: "Multicast listener report v2"}
)

func (t *tree) icmp(name string, proto uint8, types map[uint64]string, v view) {
	h := t.open(name, v, 4)
	if h == nil {
		return
	}
	if v.size() >= 8 {
		if h = t.open(name, v, 8); h == nil {
			return
		}
	}
	kind := h.uint(0, 1)
	h.title("%s", types[kind])
	h.field("Type", 0, 1, named("%d", kind, types[kind]))
	h.dec("Code", 1, 1)
	sum := "unverified: cut off"
	if proto == ProtoICMPv6 {
		sum = t.checksum(proto, v)
	} else if v.size() == v.n {
		sum = t.verdict(onesSum(t.bytes(v)))
	}
	h.field("Checksum", 2, 2, fmt.Sprintf("0x%04x [%s]", h.uint(2, 2), sum))
	body := v.skip(len(h.b))
	switch echo := proto == ProtoICMP && (kind == 0 || kind == 8) || proto == ProtoICMPv6 && (kind == 128 || kind == 129); {
	case echo:
		h.dec("Identifier", 4, 2)
		h.dec("Sequence Number", 6, 2)
	case proto == ProtoICMPv6 && (kind == 135 || kind == 136 || kind == 137) && body.size() >= 16:
		h.hex("Flags", 4, 4)
		h.node.Children = append(h.node.Children, Node{"Target Address", address(t.data[body.at : body.at+16]), body.at, 16, nil})
		h.node.Len += 16
		body = body.skip(16)
	default:
		h.hex("Rest of Header", 4, 4)
	}
	t.add(h)
	t.icmpBody(proto, kind, body)
}

// icmpBody adds the packet that an error is about, or data.
func (t *tree) icmpBody(proto uint8, kind uint64, v view) {
	about := proto == ProtoICMP && (kind == 3 || kind == 4 || kind == 5 || kind == 11 || kind == 12) || proto == ProtoICMPv6 && kind >= 1 && kind <= 4
	if !about || v.size() < ipv4Header {
		t.payload("Data", v)
		return
	}
	inner := tree{data: t.data, depth: t.depth, loose: true} // errors quote the beginning of a packet
	inner.ip(v)
	t.out = append(t.out, Node{Name: "Packet the message is about", Off: v.at, Len: v.size(), Children: inner.out})
}

func (t *tree) igmp(v view) {
	h := t.open("Internet Group Management Protocol", v, 8)
	if h == nil {
		return
	}
	name := map[uint64]string{0x11: "Membership query", 0x12: "Membership report v1", 0x16: "Membership report v2", 0x17: "Leave group",
		0x22: "Membership report v3"}[h.uint(0, 1)]
	h.title("%s", name)
	h.field("Type", 0, 1, named("0x%02x", h.uint(0, 1), name))
	h.dec("Max Resp Code", 1, 1)
	h.hex("Checksum", 2, 2)
	if h.b[0] == 0x22 {
		h.dec("Group Records", 6, 2)
	} else {
		h.ip("Multicast Address", 4, 4)
	}
	t.add(h)
	t.payload("Data", v.skip(8))
}

func (t *tree) esp(v view) {
	h := t.open("Encapsulating Security Payload", v, espHeader)
	if h == nil {
		return
	}
	h.hex("SPI", 0, 4)
	h.dec("Sequence", 4, 4)
	t.add(h)
	t.payload("Encrypted data", v.skip(espHeader))
}
