package packet

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/record"
)

// frames are packets of every kind the decoder knows. TestAgainstTshark checks their meaning with another decoder.
func frames() []frame {
	return append(append(linkFrames(), ipFrames()...), tunnelFrames()...)
}

func linkFrames() []frame {
	const e = record.LinkEthernet
	return []frame{
		{"tcp", e, eth(0x800, ip4(6, web())), 0},
		{"short ethernet", e, eth(0x800)[:13], 0},
		{"802.1q", e, eth(0x8100, tag(0xa007, 0x800, ip4(17, query()))), 0},
		{"802.1ad", e, eth(0x88a8, tag(30, 0x8100, tag(1525, 0x86dd, ip6(17, query())))), 0},
		{"9100", e, eth(0x9100, tag(200, 0x8100, tag(201, 0x800, ip4(17, query())))), 0},
		{"six tags", e, eth(0x8100, tag(1, 0x8100, tag(2, 0x8100, tag(3, 0x8100, tag(4, 0x8100, tag(5, 0x8100, tag(6, 0x800, ip4(17, query())))))))), 0},
		{"short tag", e, eth(0x8100, hx("000501")), 0},
		{"arp", e, padTo(60, eth(0x806, arp())), 0},
		{"rarp", e, eth(0x8035, arp()), 0},
		{"lldp", e, eth(0x88cc, hx("020704 020000000001 040403 616263 06020078 0000")), 0},
		{"ptp", e, eth(0x88f7, make([]byte, 44)), 0},
		{"loop", e, padTo(60, eth(0x9000, hx("0000 0100 3930"))), 0},
		{"neither type nor length", e, eth(0x5ff, make([]byte, 1600)), 0},
		{"spanning tree", e, padTo(60, llcFrame(hx("424203"), make([]byte, 35))), 0},
		{"length beyond frame", e, eth(100, hx("424203"), make([]byte, 35)), 0},
		{"isis", e, padTo(60, llcFrame(hx("fefe03 831b0100 11010000 00"), make([]byte, 20))), 0},
		{"esis", e, llcFrame(hx("fefe03 82 0a 01 00 02"), make([]byte, 10)), 0},
		{"netbios", e, llcFrame(hx("f0f00101 0203040506")), 0},
		{"novell", e, llcFrame(hx("ffff"), make([]byte, 30)), 0},
		{"snap ip", e, padTo(90, llcFrame(snap("000000", 0x800, ip4(17, query())))), 0},
		{"snap bridged", e, llcFrame(snap("0080c2", 7, eth2(0x800, ip4(17, query())))), 0},
		{"cdp", e, llcFrame(snap("00000c", 0x2000, hx("02b4 0000 0001 0006 6162"))), 0},
		{"llc ip", e, llcFrame(hx("060603"), ip4(17, query())), 0},
		{"mpls", e, eth(0x8847, mpls(29, true, ip4(6, web()))), 0},
		{"mpls labels", e, eth(0x8847, mpls(16, false, mpls(17, false, mpls(18, false, mpls(19, false, mpls(20, true, ip6(6, web()))))))), 0},
		{"pseudowire", e, eth(0x8847, mpls(29, true, hx("00000000"), eth2(0x800, ip4(6, web())))), 0},
		{"pseudowire without control word", e, eth(0x8847, mpls(29, true, eth2(0x8100, tag(7, 0x800, ip4(6, web()))))), 0},
		{"pseudowire to a MAC like IP", e, eth(0x8847, mpls(29, true, hx("4600000000aa 020000000011 0800"), ip4(6, web()))), 0},
		{"ip from an address like a MAC", e, eth(0x8847, mpls(29, true, ip4From("08004501 0a000002", 6, "", web()))), 0},
		{"mpls channel", e, eth(0x8847, mpls(13, true, hx("10000007 20c8"))), 0},
		{"mpls without bottom", e, eth(0x8847, mpls(13, false)), 0},
		{"pppoe", e, padTo(100, eth(0x8864, pppoe(0, ppp(0x21, ip4(6, web()))))), 0},
		{"pppoe ipv6", e, eth(0x8864, pppoe(0, ppp(0x57, ip6(17, query())))), 0},
		{"pppoe lcp", e, padTo(60, eth(0x8864, pppoe(0, ppp(0xc021, hx("0101 0004"))))), 0},
		{"pppoe discovery", e, padTo(60, eth(0x8863, pppoe(9, hx("0101 0000")))), 0},
		{"pppoe corrupt", e, eth(0x8864, hx("1100 0001 0040 0021")), 0},
		{"802.1ah", e, eth(0x88e7, hx("00000309"), eth2(0x800, ip4(6, web()))), 0},
		{"vn-tag", e, eth(0x8926, hx("80010002 0800"), ip4(6, web())), 0},
		{"cisco metadata", e, eth(0x8909, hx("0101 0001 0064 0800"), ip4(6, web())), 0},
		{"nsh", e, eth(0x894f, hx("0006 0103 00000aff"), make([]byte, 16), eth2(0x800, ip4(6, web()))), 0},

		{"sll", record.LinkSLL, sll(1, 0x800, ip4(6, web())), 0},
		{"sll arp", record.LinkSLL, sll(1, 0x806, arp()), 0},
		{"sll vlan", record.LinkSLL, sll(1, 0x8100, tag(3, 0x800, ip4(6, web()))), 0},
		{"sll llc", record.LinkSLL, sll(1, 4, hx("424203"), make([]byte, 35)), 0},
		{"sll netlink", record.LinkSLL, sll(824, 0, make([]byte, 20)), 0},
		{"sll2", record.LinkSLL2, sll2(1, 0x86dd, ip6(6, web())), 0},
		{"null", record.LinkNull, cat(hx("02000000"), ip4(6, web())), 0},
		{"null big-endian", record.LinkNull, cat(hx("00000002"), ip4(6, web())), 0},
		{"null macOS", record.LinkNull, cat(hx("1e000000"), ip6(6, web())), 0},
		{"null appletalk", record.LinkNull, cat(hx("10000000"), make([]byte, 20)), 0},
		{"loop header", record.LinkLoop, cat(hx("00000018"), ip6(6, web())), 0},
		{"raw", record.LinkRaw, ip4(6, web()), 0},
		{"raw ipv6", record.LinkRaw, ip6(6, web()), 0},
		{"raw old", record.LinkRawOld, ip4(6, web()), 0},
		{"raw nothing", record.LinkRaw, nil, 0},
		{"link ipv4", record.LinkIPv4, ip4(6, web()), 0},
		{"link ipv6", record.LinkIPv6, ip6(6, web()), 0},
		{"unknown link", 147, hx("0102030405"), 0},

		{"802.11 to ap", record.LinkIEEE80211, dot11("0801", "", snap("000000", 0x800, ip4(6, web()))), 0},
		{"802.11 from ap", record.LinkIEEE80211, dot11("0802", "", snap("000000", 0x800, ip4(6, web()))), 0},
		{"802.11 ad hoc", record.LinkIEEE80211, dot11("0800", "", snap("000000", 0x806, arp())), 0},
		{"802.11 bridge qos", record.LinkIEEE80211, dot11("8803", "020000000024 0000", snap("000000", 0x800, ip4(6, web()))), 0},
		{"802.11 qos order", record.LinkIEEE80211, dot11("8881", "0000 00000000", snap("000000", 0x800, ip4(6, web()))), 0},
		{"802.11 protected", record.LinkIEEE80211, dot11("0841", "", make([]byte, 40)), 0},
		{"802.11 fragment", record.LinkIEEE80211, dot11("0805", "", snap("000000", 0x800, ip4(6, web()))), 0},
		{"802.11 null", record.LinkIEEE80211, dot11("4801", ""), 0},
		{"802.11 beacon", record.LinkIEEE80211, dot11("8000", "", make([]byte, 12)), 0},
		{"802.11 ack", record.LinkIEEE80211, hx("d400 0000 020000000021"), 0},
		{"802.11 a-msdu", record.LinkIEEE80211, dot11("8801", "8000", eth2(len(snap("000000", 0x800, ip4(6, web()))), snap("000000", 0x800, ip4(6, web()))), make([]byte, 3)), 0},
		{"radiotap", record.LinkRadiotap, cat(hx("0000 0900 02000000 10"), dot11("0801", "", snap("000000", 0x806, arp())), hx("deadbeef")), 0},
		{"radiotap long", record.LinkRadiotap, cat(hx("0000 2000 2b0000a0 010000a0 00000000"), hx("1122334455667788 20 00 0000 00000000"), dot11("8801", "0000", hx("0000"), snap("000000", 0x800, ip4(6, web())))), 0},
		{"ppi", 192, cat(hx("0000 0800 69000000"), dot11("0801", "", snap("000000", 0x800, ip4(6, web())))), 0},

		{"nflog", record.LinkNFLOG, nflog(2, binary.LittleEndian, ip4(6, web())), 0},
		{"nflog big-endian", record.LinkNFLOG, nflog(10, binary.BigEndian, ip6(6, web())), 0},
		{"nflog cut by its rule", record.LinkNFLOG, nflog(2, binary.LittleEndian, ip4(6, web(), make([]byte, 100))[:44]), 0},
		{"nflog nothing", record.LinkNFLOG, hx("02000005"), 0},
		{"ppp", record.LinkPPP, ppp(0x21, ip4(6, web())), 0},
		{"ppp hdlc", record.LinkPPP, cat(hx("ff03"), ppp(0x57, ip6(6, web()))), 0},
		{"ppp short protocol", record.LinkPPP, cat(hx("21"), ip4(6, web())), 0},
		{"ppp mpls", 50, cat(hx("ff03"), ppp(0x281, mpls(5, true, ip4(6, web())))), 0},
		{"ppp lcp", record.LinkPPP, cat(hx("ff03"), ppp(0xc021, hx("0101 0004"))), 0},
		{"ppp osi", record.LinkPPP, ppp(0x23, hx("831b0100")), 0},
		{"ppp over ethernet", record.LinkPPPoE, pppoe(0, ppp(0x21, ip4(6, web()))), 0},
		{"cisco hdlc", 104, cat(hx("0f00 0800"), ip4(6, web())), 0},
		{"frame relay", record.LinkFrameRly, cat(hx("1841 03 cc"), ip4(6, web())), 0},
		{"frame relay ipv6", record.LinkFrameRly, cat(hx("1841 03 8e"), ip6(6, web())), 0},
		{"frame relay snap", record.LinkFrameRly, cat(hx("1841 03 00 80 0080c2 0007"), eth(0x800, ip4(6, web()))), 0},
		{"frame relay cisco", record.LinkFrameRly, cat(hx("1841 0800"), ip4(6, web())), 0},
		{"frame relay four bytes", record.LinkFrameRly, cat(hx("18404041 03 cc"), ip4(6, web())), 0},
		{"frame relay corrupt", record.LinkFrameRly, hx("18404040 4041"), 0},
	}
}

func ipFrames() []frame {
	const e = record.LinkEthernet
	const raw = record.LinkRaw
	badSize, badTotal, noTotal, version5 := ip4(17, query()), ip4(17, query()), ip4(17, query()), ip4(17, query())
	badSize[0] = 0x44
	badTotal[3] += 10
	noTotal[2], noTotal[3] = 0, 0
	version5[0] = 0x55
	udpZero, udpShort, udpLong := udp(1, 2, hx("abcd")), udp(1, 2, hx("abcd")), udp(1, 2, hx("abcd"))
	udpZero[5], udpShort[5], udpLong[5] = 0, 4, 50
	tcpBad := web()
	tcpBad[12] = 0x40
	tcpLong := web()
	tcpLong[12] = 0xf0
	jumbo := ip6(0, hx("1100 c204 00000015"), query())
	jumbo[4], jumbo[5] = 0, 0
	long6 := ip6(17, query())
	long6[5] += 10
	return []frame{
		{"syn", raw, ip4(6, tcp(40000, 443, 0x02, "020405b4 0402 080a00000011 00000000 01 030307")), 0},
		{"accurate ecn", raw, ip4(6, tcp(40000, 443, 0x1c2, "0204")), 0},
		{"timestamps", raw, ip4(6, tcp(40000, 443, 0x10, "0101 080a 00000012 00000034", []byte("x"))), 0},
		{"option of length 0", raw, ip4(6, tcp(40000, 443, 0x10, "0300 0204 05b4 0000")), 0},
		{"tcp header too short", raw, ip4(6, tcpBad), 0},
		{"tcp header too long", raw, ip4(6, tcpLong), 0},
		{"tcp cut in options", raw, ip4(6, tcp(40000, 443, 0x10, "0101 080a 00000012 00000034", []byte("x")))[:44], 53},
		{"udp padded", e, padTo(60, eth(0x800, ip4(17, udp(1, 2, hx("ab"))))), 0},
		{"udp length 0", raw, ip4(17, udpZero), 0},
		{"udp length 4", raw, ip4(17, udpShort), 0},
		{"udp length beyond packet", raw, ip4(17, udpLong), 0},
		{"udp-lite", raw, ip4(136, udpShort), 0},
		{"snapped", e, eth(0x800, ip4(17, query()))[:44], 200},
		{"ip options", raw, ip4From("0a000001 0a000002", 17, "94040000 01010101", query()), 0},
		{"ip header size 16", raw, badSize, 0},
		{"ip length beyond packet", raw, badTotal, 0},
		{"ip length 0", raw, noTotal, 0},
		{"ip version 5", raw, version5, 0},
		{"first fragment", raw, frag(17, 0xabcd, 0, true, query(), make([]byte, 3)), 0},
		{"last fragment", e, padTo(60, eth(0x800, frag(17, 0xabcd, 1480, false, hx("0102030405")))), 0},
		{"eigrp", raw, ip4(88, make([]byte, 20)), 0},
		{"icmp", raw, ip4(1, echo()), 0},
		{"igmp", raw, ip4From("0a000001 e0000016", 2, "94040000", hx("2200 f9fb 0000 0001 04000000 efffffef")), 0},
		{"ospf", raw, ip4(89, make([]byte, 44)), 0},
		{"pim", raw, ip4(103, hx("2000 0000")), 0},
		{"sctp", raw, ip4(132, u16(2905), u16(2906), make([]byte, 8), hx("0300 0010 00000001 0000 0000 0000 0000")), 0},
		{"esp", raw, ip4(50, make([]byte, 40)), 0},
		{"ah", raw, ip4(51, hx("1104 0000 00000001 00000002 000102030405060708090a0b"), query()), 0},
		{"ah with esp", raw, ip4(51, hx("3204 0000 00000001 00000002 000102030405060708090a0b"), make([]byte, 40)), 0},
		{"ah short", raw, ip4(51, hx("1104 0000 00000001 00000002")), 0},

		{"ipv6 icmp", raw, ip6(58, hx("8000 0000 0001 0002 6162")), 0},
		{"ipv6 length beyond packet", raw, long6, 0},
		{"ipv6 hop by hop", raw, ip6(0, hx("3a00 0502 0000 0100"), hx("8f00 0000 0000 0000")), 0},
		{"ipv6 routing", raw, ip6(43, hx("1102 0400 00000000 00000000 00000000 00000000 00000000"), query()), 0},
		{"ipv6 destination options", raw, ip6(60, hx("0600 0104 00000000"), web()), 0},
		{"ipv6 fragment", raw, ip6(44, hx("1100 05a9 89abcdef"), make([]byte, 24)), 0},
		{"ipv6 fragment behind options", raw, ip6(60, hx("2c00 0104 00000000"), hx("1100 0001 89abcdef"), query(), make([]byte, 3)), 0},
		{"ipv6 atomic fragment", raw, ip6(44, hx("1100 0000 89abcdef"), query()), 0},
		{"ipv6 mobility", raw, ip6(135, hx("3b00 0500 0000 0000")), 0},
		{"ipv6 hip", raw, ip6(139, hx("3b04"), make([]byte, 38)), 0},
		{"ipv6 shim6", raw, ip6(140, hx("1100 8000 0000 0000"), query()), 0},
		{"ipv6 ah", raw, ip6(51, hx("1104 0000 00000001 00000002 000102030405060708090a0b"), query()), 0},
		{"ipv6 ah with esp", raw, ip6(51, hx("3204 0000 00000001 00000002 000102030405060708090a0b"), make([]byte, 40)), 0},
		{"ipv6 esp", raw, ip6(50, make([]byte, 40)), 0},
		{"ipv6 nothing", raw, ip6(59), 0},
		{"ipv6 jumbogram", raw, jumbo, 0},
		{"ipv6 header beyond packet", raw, ip6(0, hx("1109 0104 00000000"), query()), 0},
	}
}

func tunnelFrames() []frame {
	const e = record.LinkEthernet
	in4, in6 := ip4b(6, web()), ip6b(17, query())
	frame4 := eth2(0x800, in4)
	badInner := ip4b(17, query())
	badInner[3] += 10
	out := func(proto int, p ...[]byte) []byte { return eth(0x800, ip4(proto, p...)) }
	return []frame{
		{"gre", e, out(47, gre(0, 0x800, "", in4)), 0},
		{"gre all fields", e, out(47, gre(0xb000, 0x86dd, "00000000 00000005 00000006", in6)), 0},
		{"gre source route", e, out(47, gre(0x4000, 0x800, "00000000 0800 0004 0a000009 0000 0000", in4)), 0},
		{"gre over ipv6", e, eth(0x86dd, ip6(47, gre(0, 0x800, "", in4))), 0},
		{"gre mpls", e, out(47, gre(0, 0x8847, "", mpls(5, true, in4))), 0},
		{"nvgre", e, out(47, gre(0x2000, 0x6558, "00012345", frame4)), 0},
		{"gre keepalive", e, out(47, gre(0, 0, "")), 0},
		{"gre unknown", e, out(47, gre(0, 0x1234, "", make([]byte, 8))), 0},
		{"gre isis", e, out(47, gre(0, 0xfe, "", hx("831b0100"))), 0},
		{"gre corrupt", e, out(47, gre(0x2000, 0x800, "0000")), 0},
		{"gre with corrupt ip", e, out(47, gre(0, 0x800, "", badInner)), 0},
		{"gre wccp", e, out(47, gre(0, 0x883e, "00000000", in4)), 0},
		{"pptp", e, out(47, gre(0x3001, 0x880b, "003b 0001 00000007", ppp(0x21, in4), make([]byte, 12))), 0},
		{"pptp ack", e, out(47, gre(0x2081, 0x880b, "0000 0001 00000007")), 0},
		{"erspan 1", e, out(47, gre(0, 0x88be, "", frame4)), 0},
		{"erspan 2", e, out(47, gre(0x1000, 0x88be, "00000001 1017 0001 00000002", frame4)), 0},
		{"erspan 2 tag kept", e, out(47, gre(0x1000, 0x88be, "00000001 1017 1801 00000002", eth2(0x8100, tag(23, 0x800, in4)))), 0},
		{"erspan 2 cut", e, out(47, gre(0x1000, 0x88be, "00000001 1017 0401 00000002", eth2(0x800, ip4b(6, web(), make([]byte, 500))[:60]))), 0},
		{"erspan 2 cdp", e, out(47, gre(0x1000, 0x88be, "00000001 1017 0001 00000002", eth2(20, snap("00000c", 0x2000, make([]byte, 12))))), 0},
		{"erspan 3", e, out(47, gre(0x1000, 0x22eb, "00000001 2017 0001 00000002 0000 0000", frame4)), 0},
		{"erspan 3 with platform header", e, out(47, gre(0x1000, 0x22eb, "00000001 2017 0001 00000002 0000 0001 0000000000000000", frame4)), 0},
		{"vxlan", e, out(17, udp(50000, 4789, vxlan("08000000", 123, frame4))), 0},
		{"vxlan linux", e, out(17, udp(50000, 8472, vxlan("08000000", 123, frame4))), 0},
		{"vxlan arp", e, out(17, udp(50000, 4789, vxlan("08000000", 123, eth2(0x806, arp())))), 0},
		{"vxlan policy", e, out(17, udp(50000, 4789, vxlan("88000123", 123, frame4))), 0},
		{"vxlan corrupt ip", e, out(17, udp(50000, 4789, vxlan("08000000", 123, eth2(0x800, badInner)))), 0},
		{"no vxlan", e, out(17, udp(50000, 4789, vxlan("12345678", 123, frame4))), 0},
		{"vxlan in vxlan", e, out(17, udp(50000, 4789, vxlan("08000000", 1, eth2(0x8100, tag(8, 0x800, ip4b(17, udp(50001, 4789, vxlan("08000000", 2, eth(0x86dd, in6))))))))), 0},
		{"gpe ip", e, out(17, udp(50000, 4790, vxlan("0c000001", 123, in4))), 0},
		{"gpe nsh", e, out(17, udp(50000, 4790, vxlan("0c000004", 123, hx("0fc6 0103 00000aff"), make([]byte, 16), frame4))), 0},
		{"geneve", e, out(17, udp(50000, 6081, hx("0240 6558 00000a00 0102 8001 00000000"), frame4)), 0},
		{"geneve ipv6", e, eth(0x86dd, ip6(17, udp(50000, 6081, hx("0000 86dd 00000a00"), in6))), 0},
		{"no geneve", e, out(17, udp(53, 6081, hx("1234 8180 0001 0001 0000 0000"))), 0},
		{"gtp", e, out(17, udp(2152, 2152, gtp(0x30, 255, "", in4))), 0},
		{"gtp sequence", e, out(17, udp(2152, 2152, gtp(0x32, 255, "0007 00 00", in6))), 0},
		{"gtp extension", e, out(17, udp(2152, 2152, gtp(0x34, 255, "0000 00 85 01 0009 c0 01 0000 00", in4))), 0},
		{"gtp extension of length 0", e, out(17, udp(2152, 2152, gtp(0x34, 255, "0000 00 85 00 0009 00", in4))), 0},
		{"gtp echo", e, out(17, udp(2152, 2152, gtp(0x32, 1, "0007 00 00"))), 0},
		{"l2tp", e, out(17, udp(1701, 1701, hx("4002"), u16(12+len(in4)), hx("0001 0002 ff03 0021"), in4)), 0},
		{"l2tp offset", e, out(17, udp(1701, 34567, hx("0a02 0001 0002 0000 0001 0003 000000 0021"), in4)), 0},
		{"l2tp control", e, out(17, udp(1701, 1701, hx("c802 0014 0001 0000 0000 0000 8008 0000 0000 0001"))), 0},
		{"l2tp 3 over udp", e, out(17, udp(1701, 1701, hx("0003 0000 00000007 00000000"), frame4)), 0},
		{"l2tp 3 over ip", e, out(115, hx("00000007 11223344"), frame4), 0},
		{"l2tp 3 control", e, out(115, hx("00000000 c803 0014"), make([]byte, 12)), 0},
		{"ipip", e, out(4, in4), 0},
		{"6in4", e, out(41, in6), 0},
		{"4in6", e, eth(0x86dd, ip6(4, in4)), 0},
		{"6in6", e, eth(0x86dd, ip6(41, in6)), 0},
		{"ipip corrupt", e, out(4, badInner), 0},
		{"etherip", e, out(97, hx("3000"), frame4), 0},
		{"mpls in ip", e, out(137, mpls(7, true, in4)), 0},
		{"ethernet in ipv6", e, eth(0x86dd, ip6(143, frame4)), 0},
		{"four tunnels", e, out(4, ip4b(4, ip4(4, ip4b(4, ip4(17, query()))))), 0},
		{"too deep", e, eth(0x800, deep(MaxDepth+2)), 0},
	}
}
