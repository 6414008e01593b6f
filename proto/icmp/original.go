package icmp

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/record"
)

var (
	fSrcIP   = record.MustID("icmp.original.source.ip")
	fSrcPort = record.MustID("icmp.original.source.port")
	fDstIP   = record.MustID("icmp.original.destination.ip")
	fDstPort = record.MustID("icmp.original.destination.port")
	fNumber  = record.MustID("icmp.original.iana_number")
)

// original is the packet that an error quotes, as far as it does.
type original struct {
	src, dst record.Addr
	proto    uint8
	payload  []byte // what stands behind the IP header; nil in all fragments but the first
}

// original reads the quoted packet.
func (m *message) original() (original, bool) {
	if len(m.b) < headerBytes {
		return original{}, false
	}
	if m.v6 {
		return quoted6(m.b[headerBytes:])
	}
	return quoted4(m.b[headerBytes:])
}

func quoted4(b []byte) (o original, ok bool) {
	const least, fragment = 20, 0x1fff
	if len(b) < least || b[0]>>4 != 4 {
		return o, false
	}
	o = original{src: record.AddrFrom4(b[12:]), dst: record.AddrFrom4(b[16:]), proto: b[9]}
	if size := int(b[0]&15) * 4; size >= least && size <= len(b) && binary.BigEndian.Uint16(b[6:])&fragment == 0 {
		o.payload = b[size:]
	}
	return o, true
}

// quoted6 skips at most maxExtensions extension headers.
func quoted6(b []byte) (o original, ok bool) {
	const size, maxExtensions = 40, 8
	const hopByHop, routing, frag, options = 0, 43, 44, 60
	if len(b) < size || b[0]>>4 != 6 {
		return o, false
	}
	o = original{src: record.AddrFrom16(b[8:]), dst: record.AddrFrom16(b[24:]), proto: b[6]}
	b = b[size:]
	for range maxExtensions {
		n := 8
		switch o.proto {
		case hopByHop, routing, options:
			if len(b) < 8 {
				return o, true
			}
			n += int(b[1]) * 8
		case frag:
			if len(b) < 8 {
				return o, true
			}
			if binary.BigEndian.Uint16(b[2:])>>3 != 0 {
				o.proto = b[0]
				return o, true
			}
		default:
			o.payload = b
			return o, true
		}
		if n > len(b) {
			return o, true
		}
		o.proto, b = b[0], b[n:]
	}
	return o, true
}

// put puts the quoted packet's addresses into v, ports where its protocol has them.
func (o *original) put(v *record.Values) {
	const tcp, udp, dccp, sctp, udpLite = 6, 17, 33, 132, 136
	v.AddAddr(fSrcIP, o.src)
	v.AddAddr(fDstIP, o.dst)
	v.PutInt(fNumber, int64(o.proto))
	switch o.proto {
	case tcp, udp, dccp, sctp, udpLite:
		if len(o.payload) >= 4 {
			v.PutInt(fSrcPort, int64(binary.BigEndian.Uint16(o.payload)))
			v.PutInt(fDstPort, int64(binary.BigEndian.Uint16(o.payload[2:])))
		}
	}
}
