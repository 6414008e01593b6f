package afpacket

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/record"
)

// Device describes an interface of this host.
type Device struct {
	Name  string
	Index int
	Flags net.Flags
	MTU   int
	MAC   net.HardwareAddr
	Addrs []netip.Prefix
	Link  record.LinkType // what captured packets begin with
	Speed int             // Mbit/s; 0 where the driver does not say

	RxPackets, RxBytes, RxDropped uint64
	TxPackets, TxBytes, TxDropped uint64

	hatype uint16
}

// Devices lists the interfaces in the order of their numbers. It needs no privilege.
func Devices() ([]Device, error) {
	all, err := Links()
	if err != nil {
		return nil, err
	}
	for i := range all {
		d := &all[i]
		d.Addrs = addresses(d.Index)
		d.Speed = speed(d.Name)
	}
	return all, nil
}

// Links is Devices without addresses and speeds, which cost a system call each: what can be asked every second.
func Links() ([]Device, error) {
	b, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var all []Device
	for _, m := range messages {
		if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
			continue
		}
		if d, err := parseLink(&m); err == nil {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b Device) int { return cmp.Compare(a.Index, b.Index) })
	return all, nil
}

// parseLink reads a message of type RTM_NEWLINK (rtnetlink(7)): struct ifinfomsg and attributes.
func parseLink(m *syscall.NetlinkMessage) (d Device, err error) {
	ne := binary.NativeEndian
	d.hatype = ne.Uint16(m.Data[2:])
	d.Index = int(ne.Uint32(m.Data[4:]))
	d.Flags = flags(ne.Uint32(m.Data[8:]))
	d.Link = linkOf(d.hatype).link
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	for _, a := range attrs {
		switch v := a.Value; a.Attr.Type {
		case unix.IFLA_IFNAME:
			d.Name = strings.TrimRight(string(v), "\x00")
		case unix.IFLA_ADDRESS:
			d.MAC = slices.Clone(v)
		case unix.IFLA_MTU:
			if len(v) >= 4 {
				d.MTU = int(ne.Uint32(v))
			}
		case unix.IFLA_STATS64:
			d.counters(v)
		}
	}
	return d, err
}

// counters reads struct rtnl_link_stats64.
func (d *Device) counters(v []byte) {
	to := []*uint64{&d.RxPackets, &d.TxPackets, &d.RxBytes, &d.TxBytes, nil, nil, &d.RxDropped, &d.TxDropped}
	for i, p := range to {
		if p != nil && len(v) >= 8*(i+1) {
			*p = binary.NativeEndian.Uint64(v[8*i:])
		}
	}
}

func flags(raw uint32) (f net.Flags) {
	for bit, flag := range map[uint32]net.Flags{
		unix.IFF_UP: net.FlagUp, unix.IFF_RUNNING: net.FlagRunning, unix.IFF_LOOPBACK: net.FlagLoopback,
		unix.IFF_BROADCAST: net.FlagBroadcast, unix.IFF_POINTOPOINT: net.FlagPointToPoint, unix.IFF_MULTICAST: net.FlagMulticast,
	} {
		if raw&bit != 0 {
			f |= flag
		}
	}
	return f
}

// addresses lists the IP addresses of an interface.
func addresses(index int) (out []netip.Prefix) {
	ifi := net.Interface{Index: index}
	addrs, _ := ifi.Addrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// speed reads what the driver says, in Mbit/s. It says -1, or nothing at all, where there is no such thing.
func speed(name string) int {
	b, err := os.ReadFile("/sys/class/net/" + name + "/speed")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return max(n, 0)
}
