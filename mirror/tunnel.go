package mirror

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/tapir-project/tapir/mirror/rtnl"
)

const (
	vxlanPort = 4789 // RFC 7348 §5
	hopLimit  = 64
)

// remote finds the road to a remote host: the interface, and the header that goes in front of a frame. As long as there
// is none, or the next host does not tell its address, the output is away.
func (m *Manager) remote(r *Remote, links map[int]rtnl.Link) target {
	road, err := m.nl.Route(r.Addr)
	if err != nil {
		return target{}
	}
	l := links[road.Index]
	if !l.Up() || len(l.MAC) != 6 {
		return target{}
	}
	mac, err := m.nl.Neighbor(road.Index, road.Next)
	if err != nil || mac == nil {
		m.waiting = true
		if err := m.nl.Resolve(road.Index, road.Next); err != nil {
			m.cfg.Log.Warn("mirror: next host", "address", road.Next, "error", err)
		}
		return target{}
	}
	return target{index: l.Index, mtu: l.MTU, name: l.Name, head: r.header(mac, l.MAC, road.Source)}
}

// header is what goes in front of a frame, lengths, checksums and the UDP source port left zero: Ethernet, IPv4 (RFC 791)
// or IPv6 (RFC 8200), then UDP and VXLAN (RFC 7348 §5) or GRE (RFC 2784 §2.1).
func (r *Remote) header(to, from net.HardwareAddr, source netip.Addr) []byte {
	h := append(append([]byte(nil), to...), from...)
	proto := byte(17)
	if r.Kind == "gre" {
		proto = 47
	}
	if r.Addr.Is4() {
		h = append(h, 0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0x40, 0, hopLimit, proto, 0, 0) // do not fragment
	} else {
		h = append(h, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, proto, hopLimit)
	}
	h = append(append(h, source.AsSlice()...), r.Addr.AsSlice()...)
	if r.Kind == "gre" {
		return append(h, 0, 0, 0x65, 0x58)
	}
	h = binary.BigEndian.AppendUint16(append(h, 0, 0), r.port())
	h = append(h, 0, 0, 0, 0) // length and checksum: zero is allowed on IPv4, and on IPv6 for tunnels (RFC 6935)
	h = append(h, 0x08, 0, 0, 0)
	return binary.BigEndian.AppendUint32(h, r.VNI<<8)
}
