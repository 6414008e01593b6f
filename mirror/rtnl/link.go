package rtnl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Link is a network interface.
type Link struct {
	Index   int
	Name    string
	Kind    string // "veth", "vxlan", ...; "" for hardware
	Type    uint16 // of its link layer: unix.ARPHRD_ETHER, ...
	Flags   uint32 // unix.IFF_UP, ...
	MTU     int    // bytes behind the Ethernet header
	MAC     net.HardwareAddr
	Master  int  // index of the bond, bridge or other interface that it is a member of; 0: none
	Peer    int  // index of the other end of a veth pair; 0: none
	Abroad  bool // the peer is in another network namespace
	Traffic Traffic
}

// Up says whether it is switched on.
func (l *Link) Up() bool { return l.Flags&unix.IFF_UP != 0 }

// Running says whether it is switched on and has a carrier: without one the kernel drops what is sent.
func (l *Link) Running() bool { return l.Up() && l.Flags&unix.IFF_RUNNING != 0 }

// Traffic is what an interface has counted since it exists.
type Traffic struct {
	RxPackets, RxBytes, TxPackets, TxBytes, TxErrors, TxDropped uint64
}

// Links lists the interfaces of the namespace.
func (c *Conn) Links() ([]Link, error) {
	msgs, err := c.do(unix.RTM_GETLINK, unix.NLM_F_DUMP, new(message).fixed(unix.IfInfomsg{}))
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var out []Link
	for _, m := range msgs {
		if m.Header.Type == unix.RTM_NEWLINK && len(m.Data) >= unix.SizeofIfInfomsg {
			out = append(out, link(m.Data))
		}
	}
	return out, nil
}

// link reads one interface: struct ifinfomsg, then attributes.
func link(b []byte) Link {
	l := Link{Type: binary.NativeEndian.Uint16(b[2:]), Index: int(binary.NativeEndian.Uint32(b[4:])), Flags: binary.NativeEndian.Uint32(b[8:])}
	a := attributes(b[unix.SizeofIfInfomsg:])
	l.Name = text(a[unix.IFLA_IFNAME])
	l.MTU = int(number(a[unix.IFLA_MTU]))
	l.MAC = net.HardwareAddr(a[unix.IFLA_ADDRESS])
	l.Master = int(number(a[unix.IFLA_MASTER]))
	l.Kind = text(attributes(a[unix.IFLA_LINKINFO])[unix.IFLA_INFO_KIND])
	if l.Kind == "veth" {
		l.Peer = int(number(a[unix.IFLA_LINK]))
		_, l.Abroad = a[unix.IFLA_LINK_NETNSID]
	}
	if s := a[unix.IFLA_STATS64]; len(s) >= 64 {
		at := func(i int) uint64 { return binary.NativeEndian.Uint64(s[8*i:]) }
		l.Traffic = Traffic{RxPackets: at(0), TxPackets: at(1), RxBytes: at(2), TxBytes: at(3), TxErrors: at(5), TxDropped: at(7)}
	}
	return l
}

func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

// SetUp switches an interface on.
func (c *Conn) SetUp(index int) error {
	m := new(message).fixed(unix.IfInfomsg{Index: int32(index), Flags: unix.IFF_UP, Change: unix.IFF_UP})
	_, err := c.do(unix.RTM_NEWLINK, unix.NLM_F_ACK, m)
	return err
}

// Promiscuous says whether the flag of the interface is set; that a socket asks for the mode does not show here.
func (l *Link) Promiscuous() bool { return l.Flags&unix.IFF_PROMISC != 0 }

// SetPromiscuous sets or clears the flag.
func (c *Conn) SetPromiscuous(index int, on bool) error {
	m := unix.IfInfomsg{Index: int32(index), Change: unix.IFF_PROMISC}
	if on {
		m.Flags = unix.IFF_PROMISC
	}
	_, err := c.do(unix.RTM_NEWLINK, unix.NLM_F_ACK, new(message).fixed(m))
	return err
}

// Delete removes an interface.
func (c *Conn) Delete(index int) error {
	_, err := c.do(unix.RTM_DELLINK, unix.NLM_F_ACK, new(message).fixed(unix.IfInfomsg{Index: int32(index)}))
	return err
}

// Monitor tells when interfaces or the road to somewhere may have changed.
type Monitor struct{ fd, wake int }

// Watch subscribes to changes of interfaces, routes and neighbours.
func Watch() (*Monitor, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	fd, err := open(unix.RTMGRP_LINK | unix.RTMGRP_NEIGH | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE)
	if err != nil {
		unix.Close(wake)
		return nil, err
	}
	return &Monitor{fd, wake}, nil
}

// Wait blocks until something changed; false says that the monitor was closed. What came meanwhile is one change.
func (m *Monitor) Wait() bool {
	fds := []unix.PollFd{{Fd: int32(m.fd), Events: unix.POLLIN}, {Fd: int32(m.wake), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return false
		}
		if fds[1].Revents != 0 {
			unix.Close(m.fd)
			unix.Close(m.wake)
			return false
		}
		if m.drain() {
			return true
		}
	}
}

// drain reads what there is, and says whether that was anything. That messages were lost is a change too.
func (m *Monitor) drain() (any bool) {
	var b [1 << 14]byte
	for {
		_, _, err := unix.Recvfrom(m.fd, b[:], unix.MSG_DONTWAIT)
		if err != nil && err != unix.ENOBUFS {
			return any
		}
		any = true
	}
}

// Close ends Wait, or the next one, which gives everything back.
func (m *Monitor) Close() error {
	_, err := unix.Write(m.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err
}
