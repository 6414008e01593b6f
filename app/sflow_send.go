package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/tapir-project/tapir/packet"
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
