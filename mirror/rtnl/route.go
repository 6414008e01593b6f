package rtnl

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Route is the road to an address.
type Route struct {
	Index  int        // of the interface that packets leave through
	Next   netip.Addr // the neighbour they go to
	Source netip.Addr // what they carry as source
}

// Route asks the kernel for the road to dst.
func (c *Conn) Route(dst netip.Addr) (Route, error) {
	family, bits := family(dst)
	m := new(message).fixed(unix.RtMsg{Family: family, Dst_len: bits}).attr(unix.RTA_DST, dst.AsSlice())
	msgs, err := c.do(unix.RTM_GETROUTE, 0, m)
	if err != nil {
		return Route{}, fmt.Errorf("route to %s: %w", dst, err)
	}
	for _, m := range msgs {
		if m.Header.Type != unix.RTM_NEWROUTE || len(m.Data) < unix.SizeofRtMsg {
			continue
		}
		a := attributes(m.Data[unix.SizeofRtMsg:])
		r := Route{Index: int(number(a[unix.RTA_OIF])), Next: dst}
		if gw, ok := netip.AddrFromSlice(a[unix.RTA_GATEWAY]); ok {
			r.Next = gw
		}
		r.Source, _ = netip.AddrFromSlice(a[unix.RTA_PREFSRC])
		if r.Source.IsValid() {
			return r, nil
		}
	}
	return Route{}, fmt.Errorf("route to %s: %w", dst, unix.ENETUNREACH)
}

func family(a netip.Addr) (family, bits uint8) {
	if a.Is4() {
		return unix.AF_INET, 32
	}
	return unix.AF_INET6, 128
}

// ndmsg is struct ndmsg of linux/neighbour.h.
type ndmsg struct {
	Family, Pad1 uint8
	Pad2         uint16
	Ifindex      int32
	State        uint16
	Flags, Type  uint8
}

const (
	ndmsgSize = 12
	// States in which the kernel uses a neighbour's address: permanent, noarp, reachable, probe, stale, delay.
	nudValid = 0x80 | 0x40 | 0x02 | 0x10 | 0x04 | 0x08
	ntfUse   = 0x01
)

// Neighbor gives the MAC address of a neighbour, nil if it is not known.
func (c *Conn) Neighbor(index int, addr netip.Addr) (net.HardwareAddr, error) {
	family, _ := family(addr)
	msgs, err := c.do(unix.RTM_GETNEIGH, unix.NLM_F_DUMP, new(message).fixed(ndmsg{Family: family, Ifindex: int32(index)}))
	if err != nil {
		return nil, fmt.Errorf("neighbour %s: %w", addr, err)
	}
	for _, m := range msgs {
		if len(m.Data) < ndmsgSize {
			continue
		}
		d := m.Data
		a := attributes(d[ndmsgSize:])
		at, _ := netip.AddrFromSlice(a[unix.NDA_DST])
		state := binary.NativeEndian.Uint16(d[8:])
		if int(number(d[4:8])) == index && at == addr && state&nudValid != 0 && len(a[unix.NDA_LLADDR]) == 6 {
			return net.HardwareAddr(a[unix.NDA_LLADDR]), nil
		}
	}
	return nil, nil
}

// Resolve makes the kernel ask for the MAC address of a neighbour, as if it had a packet for it.
func (c *Conn) Resolve(index int, addr netip.Addr) error {
	family, _ := family(addr)
	m := new(message).fixed(ndmsg{Family: family, Ifindex: int32(index), Flags: ntfUse}).attr(unix.NDA_DST, addr.AsSlice())
	_, err := c.do(unix.RTM_NEWNEIGH, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_REPLACE, m)
	return err
}
