package packet

import "github.com/tapir-project/tapir/record"

// Classes of flow keys.
const (
	ClassIP   uint8 = 0 // by addresses, ports and protocol
	ClassLink uint8 = 1 // without IP: by MAC addresses and ethertype
)

// Key is the key of the packet's flow; swapped says that its sender is the key's end B. ICMP, ESP and all else without
// ports has ports 0. What never came to an IP header is keyed by the MACs, in the last six bytes of A and B, with
// EtherType in PortA.
func (d *Decoded) Key() (k record.FlowKey, swapped bool) {
	if d.HasIP {
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
