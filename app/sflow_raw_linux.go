package app

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/source"
)

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
