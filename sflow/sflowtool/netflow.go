package sflowtool

import (
	"encoding/binary"
	"time"
)

// NetFlowOptions say how samples become NetFlow.
type NetFlowOptions struct {
	Version  int  // 5 or 9; 5 has IPv4 only
	PeerAS   bool // -e: AS numbers are those of the peers, not of the origins
	Unscaled bool // -s: one packet a sample, with the sampling rate beside it
}

// now is the time of what is being written: that of its capture or receipt where it is known.
func (w *Writer) now() time.Time {
	switch {
	case !w.meta.Captured.IsZero():
		return w.meta.Captured
	case !w.meta.Received.IsZero():
		return w.meta.Received
	case w.o.Now != nil:
		return w.o.Now()
	}
	return time.Unix(0, 0)
}

// netFlow sends the sampled packet as a flow, a datagram each. Fragments but the first have no ports; they are left
// out, and the first one of a UDP datagram counts for all its bytes.
func (w *Writer) netFlow() {
	p := &w.flow
	v4, v6 := p.gotIP4 || p.ip4Fields, p.gotIP6 || p.ip6Fields
	if p.fragment > 0 || w.o.Send == nil || w.err != nil || !v4 && !v6 {
		return
	}
	f := nf{w: w, packets: p.rate, bytes: p.udpLen, srcAS: p.srcAS, dstAS: p.dstAS}
	if f.bytes == 0 {
		f.bytes = p.size - p.stripped - uint32(p.ipOffset)
	}
	if w.o.NetFlow.Unscaled {
		f.packets = 1
	} else {
		f.bytes *= p.rate
	}
	if w.o.NetFlow.PeerAS {
		f.srcAS, f.dstAS = p.srcPeerAS, p.dstPeerAS
	}
	switch {
	case w.o.NetFlow.Version == 9:
		f.version9(!v4)
	case v4:
		f.version5()
	default:
		return
	}
	w.sequence++
	w.err = w.o.Send(w.head.agent, f.b)
}

// nf builds one NetFlow datagram.
type nf struct {
	w              *Writer
	b              []byte
	packets, bytes uint32
	srcAS, dstAS   uint32
}

func (f *nf) u8(vs ...uint32) {
	for _, v := range vs {
		f.b = append(f.b, byte(v))
	}
}

func (f *nf) u16(vs ...uint32) {
	for _, v := range vs {
		f.b = binary.BigEndian.AppendUint16(f.b, uint16(v))
	}
}

func (f *nf) u32(vs ...uint32) {
	for _, v := range vs {
		f.b = binary.BigEndian.AppendUint32(f.b, v)
	}
}

// addr appends n bytes of an address; one of the other family, or none, is zeros.
func (f *nf) addr(a []byte, n int) {
	if len(a) != n {
		a = make([]byte, n)
	}
	f.b = append(f.b, a...)
}

// times are seconds since the epoch, and ms since midnight, which stand for the uptime of the exporter.
func (f *nf) times() (sec, uptime uint32) {
	sec = uint32(f.w.now().Unix())
	return sec, sec % 86400 * 1000
}

// version5 is a header of 24 bytes and a record of 48.
func (f *nf) version5() {
	p := &f.w.flow
	sec, uptime := f.times()
	interval := uint32(0)
	if f.w.o.NetFlow.Unscaled {
		interval = p.rate&0x3fff | 0x4000 // mode 1, one of N
	}
	f.u16(5, 1)
	f.u32(uptime, sec, 0, f.w.sequence)
	f.u8(0, 0)
	f.u16(interval)
	f.addr(p.src, 4)
	f.addr(p.dst, 4)
	f.addr(p.nextHop, 4)
	f.u16(p.in.Value, p.out.Value)
	f.u32(f.packets, f.bytes, uptime, uptime)
	f.u16(p.sport, p.dport)
	f.u8(0, p.tcpFlags, p.proto, p.tos)
	f.u16(f.srcAS, f.dstAS)
	f.u8(p.srcMask, p.dstMask)
	f.u16(0)
}

// template9 lists the fields of a flow in version 9 (RFC 3954 §8), by number and length. The first three are addresses.
var template9 = [2][][2]uint32{
	{{8, 4}, {12, 4}, {15, 4}, {10, 4}, {14, 4}, {2, 4}, {1, 4}, {22, 4}, {21, 4}, {7, 2}, {11, 2}, {6, 1}, {4, 1}, {5, 1}, {16, 4}, {17, 4}, {9, 1}, {13, 1}, {34, 4}},
	{{27, 16}, {28, 16}, {62, 16}, {10, 4}, {14, 4}, {2, 4}, {1, 4}, {22, 4}, {21, 4}, {31, 4}, {7, 2}, {11, 2}, {6, 1}, {4, 1}, {5, 1}, {16, 4}, {17, 4}, {9, 1}, {13, 1}, {34, 4}},
}

// version9 is a header, the template (256 for IPv4, 257 for IPv6) and one flow.
func (f *nf) version9(v6 bool) {
	p := &f.w.flow
	sec, uptime := f.times()
	family, size := 0, 4
	if v6 {
		family, size = 1, 16
	}
	fields := template9[family]
	length := uint32(0)
	for _, t := range fields {
		length += t[1]
	}
	interval := uint32(0)
	if f.w.o.NetFlow.Unscaled {
		interval = p.rate
	}
	f.u16(9, 2)
	f.u32(uptime, sec, f.w.sequence, 0)
	f.u16(0, uint32(8+4*len(fields)), uint32(256+family), uint32(len(fields)))
	for _, t := range fields {
		f.u16(t[0], t[1])
	}
	f.u16(uint32(256+family), 4+length)
	f.addr(p.src, size)
	f.addr(p.dst, size)
	f.addr(p.nextHop, size)
	f.u32(p.in.Value, p.out.Value, f.packets, f.bytes, uptime, uptime)
	if v6 {
		f.u32(p.label)
	}
	f.u16(p.sport, p.dport)
	f.u8(p.tcpFlags, p.proto, p.tos)
	f.u32(f.srcAS, f.dstAS)
	f.u8(p.srcMask, p.dstMask)
	f.u32(interval)
}
