package packet

import "github.com/tapir-project/tapir/record"

// Classes of flow keys.
const (
	ClassIP   uint8 = 0 // by addresses, ports and protocol
	ClassLink uint8 = 1 // without IP: by MAC addresses and ethertype
	ClassDHCP uint8 = 2 // DHCP: by client
)

// Key is the key of the packet's flow; swapped says that its sender is the key's end B. ICMP, ESP and all else without
// ports has ports 0. What never came to an IP header is keyed by the MACs, in the last six bytes of A and B, with
// EtherType in PortA. A DHCP exchange is one flow by the client's hardware address (DHCPv4) or transaction id
// (DHCPv6), in the first bytes of A: its messages go to and from addresses that change on the way (RFC 2131 §4.1,
// RFC 8415 §16).
func (d *Decoded) Key() (k record.FlowKey, swapped bool) {
	if d.HasIP {
		if d.Proto == protoUDP && (d.DstPort == dhcp4Server || d.SrcPort == dhcp4Server || d.DstPort == dhcp6Server || d.SrcPort == dhcp6Server) {
			if k, swapped, ok := d.dhcpKey(); ok {
				return k, swapped
			}
		}
		k, swapped = record.NewFlowKey(d.Src, d.Dst, d.SrcPort, d.DstPort, d.Proto)
	} else {
		k, swapped = d.linkKey()
	}
	if d.NTags > 0 {
		k.VLAN = d.Tags[0].ID
	}
	k.VNI = d.VNI
	return k, swapped
}

// Ports and layout of DHCP.
const (
	protoUDP    = 17
	dhcp4Server = 67
	dhcp4Client = 68
	dhcp6Client = 546
	dhcp6Server = 547
	dhcp4Magic  = "\x63\x82\x53\x63" // RFC 2131 §3, at byte 236
)

// dhcpKey is the key of a DHCP message; ok is false if the packet is none. The client is end A.
func (d *Decoded) dhcpKey() (k record.FlowKey, swapped, ok bool) {
	b := d.Payload
	switch {
	case len(b) >= 240 && string(b[236:240]) == dhcp4Magic:
		copy(k.A[:6], b[28:34]) // chaddr
		k.PortA, k.PortB = dhcp4Client, dhcp4Server
	case (d.SrcPort == dhcp6Client || d.DstPort == dhcp6Client) && len(b) >= 4 && b[0] >= 1 && b[0] <= 11:
		copy(k.A[:3], b[1:4])
		k.PortA, k.PortB = dhcp6Client, dhcp6Server
	default:
		return k, false, false
	}
	k.Proto, k.Class = protoUDP, ClassDHCP
	if d.NTags > 0 {
		k.VLAN = d.Tags[0].ID
	}
	k.VNI = d.VNI
	return k, d.SrcPort == k.PortB, true
}

func (d *Decoded) linkKey() (k record.FlowKey, swapped bool) {
	var src, dst record.Addr
	copy(src[10:], d.SrcMAC[:])
	copy(dst[10:], d.DstMAC[:])
	k, swapped = record.NewFlowKey(src, dst, 0, 0, 0)
	k.PortA, k.Class = d.EtherType, ClassLink
	return k, swapped
}

const hexDigits = "0123456789abcdef"

// AppendMAC appends m as "aa:bb:cc:dd:ee:ff" to dst and returns it.
func AppendMAC(dst []byte, m MAC) []byte {
	for i, c := range m {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// String is m as AppendMAC writes it.
func (m MAC) String() string { return string(AppendMAC(nil, m)) }
