package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/source"
)

// DialUDP opens a socket to HOST:PORT, for sending datagrams on. The host may not listen, or not yet: what it refuses is
// lost, as UDP is.
func DialUDP(to string) (net.Conn, error) {
	conn, err := net.Dial("udp", to)
	if err != nil {
		return nil, err
	}
	return lossy{conn}, nil
}

type lossy struct{ net.Conn }

func (l lossy) Write(b []byte) (int, error) {
	if _, err := l.Conn.Write(b); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
		return 0, err
	}
	return len(b), nil
}

// NetFlowSender sends NetFlow to one collector.
type NetFlowSender struct {
	conn  net.Conn
	to    netip.AddrPort
	spoof *rawIP // nil sends everything as this host
	buf   []byte
}

// DialNetFlow opens a sender to HOST:PORT. With spoof, datagrams come from the agent's address, where it is of the family of the
// collector's; that needs CAP_NET_RAW.
func DialNetFlow(to string, spoof bool) (*NetFlowSender, error) {
	conn, err := DialUDP(to)
	if err != nil {
		return nil, fmt.Errorf("netflow: %w", err)
	}
	s := &NetFlowSender{conn: conn, to: conn.RemoteAddr().(*net.UDPAddr).AddrPort()}
	if spoof {
		if s.spoof, err = openRawIP(s.to.Addr().Unmap().Is4()); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return s, nil
}

// Send sends one datagram of NetFlow with flows of an agent.
func (s *NetFlowSender) Send(agent netip.Addr, b []byte) error {
	if s.spoof == nil || !agent.IsValid() || agent.Unmap().Is4() != s.to.Addr().Unmap().Is4() {
		_, err := s.conn.Write(b)
		return err
	}
	s.buf = packet.AppendUDP(s.buf[:0], netip.AddrPortFrom(agent, s.to.Port()), s.to, b)
	return s.spoof.send(s.to.Addr(), s.buf)
}

// Close closes the sender.
func (s *NetFlowSender) Close() error {
	err := s.conn.Close()
	if s.spoof != nil {
		err = errors.Join(err, s.spoof.close())
	}
	return err
}

// rawIP sends IP packets whose header says where they come from (raw(7)).
type rawIP struct{ fd int }

func openRawIP(v4 bool) (*rawIP, error) {
	family := unix.AF_INET6
	if v4 {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("send NetFlow as from the agents: %w (needs CAP_NET_RAW; try: sudo tapir sflow decode ..., or leave -S out)", source.ErrPermission)
	}
	if err != nil {
		return nil, fmt.Errorf("open a raw socket: %w", err)
	}
	return &rawIP{fd}, nil
}

// send sends one packet; what the network refuses is lost.
func (r *rawIP) send(to netip.Addr, p []byte) error {
	var sa unix.Sockaddr = &unix.SockaddrInet6{Addr: to.As16()}
	if to = to.Unmap(); to.Is4() {
		sa = &unix.SockaddrInet4{Addr: to.As4()}
	}
	if err := unix.Sendto(r.fd, p, 0, sa); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("send to %s: %w", to, err)
	}
	return nil
}

func (r *rawIP) close() error { return unix.Close(r.fd) }
