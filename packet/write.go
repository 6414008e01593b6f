package packet

import (
	"encoding/binary"
	"net/netip"
)

// AppendUDP appends the IP packet of a UDP datagram to dst and returns it: IPv4 (RFC 791) if both addresses are, else IPv6
// (RFC 8200), with the checksums of all headers. An invalid address is the unspecified one; IPv4-mapped ones are IPv4. The
// payload fits a packet: at most 65507 bytes.
func AppendUDP(dst []byte, from, to netip.AddrPort, payload []byte) []byte {
	start, length := len(dst), udpHeader+len(payload)
	var addrs []byte
	if src, target := from.Addr().Unmap(), to.Addr().Unmap(); src.Is6() || target.Is6() {
		dst = append(dst, 0x60, 0, 0, 0)
		dst = binary.BigEndian.AppendUint16(dst, uint16(length))
		dst = append(dst, ProtoUDP, 64) // hops
		for _, a := range []netip.Addr{src, target} {
			b := [16]byte{}
			if a.IsValid() {
				b = a.As16()
			}
			dst = append(dst, b[:]...)
		}
		addrs = dst[start+8:]
	} else {
		dst = append(dst, 0x45, 0)
		dst = binary.BigEndian.AppendUint16(dst, uint16(ipv4Header+length))
		dst = append(dst, 0, 0, 0x40, 0, 64, ProtoUDP, 0, 0) // not to be fragmented; hops
		for _, a := range []netip.Addr{src, target} {
			b := [4]byte{}
			if a.IsValid() {
				b = a.As4()
			}
			dst = append(dst, b[:]...)
		}
		addrs = dst[start+12:]
		binary.BigEndian.PutUint16(dst[start+10:], ^foldOnes(onesSum(dst[start:])))
	}
	udp := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, from.Port())
	dst = binary.BigEndian.AppendUint16(dst, to.Port())
	dst = binary.BigEndian.AppendUint16(dst, uint16(length))
	dst = append(append(dst, 0, 0), payload...)
	// The pseudo header is the addresses, the protocol and the length (RFC 768); 0 would say that there is no checksum.
	sum := ^foldOnes(onesSum(addrs) + ProtoUDP + uint64(length) + onesSum(dst[udp:]))
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(dst[udp+6:], sum)
	return dst
}
