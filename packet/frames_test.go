package packet

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// The functions below write headers; each takes what is within as further arguments.

// hx is bytes written in hexadecimal; blanks are free.
func hx(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func u16(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func u32(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// eth is an Ethernet frame from 02:..:01 to 02:..:02; eth2 one between :11 and :12, for the inside of tunnels.
func eth(t int, p ...[]byte) []byte {
	return cat(hx("020000000002 020000000001"), u16(t), cat(p...))
}

func eth2(t int, p ...[]byte) []byte {
	return cat(hx("020000000012 020000000011"), u16(t), cat(p...))
}

// llcFrame is an 802.3 frame, its length in place of the ethertype.
func llcFrame(p ...[]byte) []byte { return eth(len(cat(p...)), p...) }

func tag(id, next int, p ...[]byte) []byte { return cat(u16(id), u16(next), cat(p...)) }

// ip4 goes from 10.0.0.1 to 10.0.0.2, ip4b from 192.168.1.1 to 192.168.1.2.
func ip4(proto int, p ...[]byte) []byte  { return ip4From("0a000001 0a000002", proto, "", p...) }
func ip4b(proto int, p ...[]byte) []byte { return ip4From("c0a80101 c0a80102", proto, "", p...) }

func ip4From(addrs string, proto int, options string, p ...[]byte) []byte {
	body, opts := cat(p...), hx(options)
	size := 20 + len(opts)
	b := cat([]byte{0x40 | byte(size/4), 0xb8}, u16(size+len(body)), hx("1234 0000 40"), []byte{byte(proto)}, u16(0), hx(addrs), opts)
	setChecksum(b)
	return cat(b, body)
}

func setChecksum(b []byte) {
	b[10], b[11] = 0, 0
	sum := 0
	for i := 0; i < len(b); i += 2 {
		sum += int(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	copy(b[10:], u16(^sum))
}

// frag is the fragment of an IPv4 packet's data p at off.
func frag(proto, id, off int, more bool, p ...[]byte) []byte {
	b := ip4(proto, p...)
	word := off / 8
	if more {
		word |= 0x2000
	}
	copy(b[4:], cat(u16(id), u16(word)))
	setChecksum(b[:20])
	return b
}

// ip6 goes from 2001:db8::1 to 2001:db8::2, ip6b from fd00::1 to fd00::2.
func ip6(next int, p ...[]byte) []byte {
	return ip6From("20010db8000000000000000000000001 20010db8000000000000000000000002", next, p...)
}

func ip6b(next int, p ...[]byte) []byte {
	return ip6From("fd000000000000000000000000000001 fd000000000000000000000000000002", next, p...)
}

func ip6From(addrs string, next int, p ...[]byte) []byte {
	body := cat(p...)
	return cat(hx("62e00000"), u16(len(body)), []byte{byte(next), 63}, hx(addrs), body)
}

func udp(sport, dport int, p ...[]byte) []byte {
	body := cat(p...)
	return cat(u16(sport), u16(dport), u16(8+len(body)), u16(0), body)
}

func tcp(sport, dport, flags int, options string, p ...[]byte) []byte {
	opts := hx(options)
	word := (20+len(opts))/4<<12 | flags
	return cat(u16(sport), u16(dport), u32(1000), u32(2000), u16(word), hx("0400 0000 0000"), opts, cat(p...))
}

// web and query are the transport parts most frames here end in.
func web() []byte   { return tcp(40000, 80, 0x18, "", []byte("GET /")) }
func query() []byte { return udp(5353, 53, []byte("query")) }

func echo() []byte { return hx("0800 0000 0001 0002 6162636465666768") }

func arp() []byte {
	return hx("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002")
}

func ppp(proto int, p ...[]byte) []byte { return cat(u16(proto), cat(p...)) }

func pppoe(code int, p ...[]byte) []byte {
	body := cat(p...)
	return cat([]byte{0x11, byte(code)}, u16(7), u16(len(body)), body)
}

func mpls(label int, bottom bool, p ...[]byte) []byte {
	word := label<<12 | 64
	if bottom {
		word |= 0x100
	}
	return cat(u32(word), cat(p...))
}

func gre(flags, proto int, rest string, p ...[]byte) []byte {
	return cat(u16(flags), u16(proto), hx(rest), cat(p...))
}

func vxlan(flags string, vni int, p ...[]byte) []byte { return cat(hx(flags), u32(vni<<8), cat(p...)) }

func gtp(flags, kind int, rest string, p ...[]byte) []byte {
	body := cat(hx(rest), cat(p...))
	return cat([]byte{byte(flags), byte(kind)}, u16(len(body)), u32(0x99), body)
}

func snap(oui string, pid int, p ...[]byte) []byte {
	return cat(hx("aaaa03"), hx(oui), u16(pid), cat(p...))
}

// dot11 is a data frame: frame control, addresses 1 to 3, then rest (address 4, QoS and so on) and the body.
func dot11(fc, rest string, p ...[]byte) []byte {
	return cat(hx(fc), hx("0000 020000000021 020000000022 020000000023 1000"), hx(rest), cat(p...))
}

func padTo(n int, b []byte) []byte { return append(b, make([]byte, max(0, n-len(b)))...) }

func sll(device, proto int, p ...[]byte) []byte {
	return cat(hx("0000"), u16(device), hx("0006 020000000031 0000"), u16(proto), cat(p...))
}

func sll2(device, proto int, p ...[]byte) []byte {
	return cat(u16(proto), hx("0000 00000003"), u16(device), hx("00 06 020000000031 0000"), cat(p...))
}

func nflog(family byte, order binary.AppendByteOrder, p ...[]byte) []byte {
	body := cat(p...)
	prefix := cat(order.AppendUint16(order.AppendUint16(nil, 7), 10), []byte("in\x00\x00"))
	return cat([]byte{family, 0, 0, 5}, prefix, order.AppendUint16(order.AppendUint16(nil, uint16(4+len(body))), 9), body)
}

// deep nests n IPv4 headers.
func deep(n int) []byte {
	b := query()
	proto := 17
	for range n {
		b, proto = ip4(proto, b), 4
	}
	return b
}

// frame is a packet of known meaning: testdata/frames.golden has what summary says of it.
type frame struct {
	name string
	link record.LinkType
	data []byte
	wire int // length on the wire, if more than len(data)
}

func (f *frame) packet() record.Packet {
	return record.Packet{Link: f.link, Data: f.data, WireLen: uint32(max(f.wire, len(f.data)))}
}
