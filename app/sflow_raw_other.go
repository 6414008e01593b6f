//go:build !linux

package app

import (
	"errors"
	"net/netip"
)

type rawIP struct{}

func openRawIP(bool) (*rawIP, error) {
	return nil, errors.New("NetFlow as from the agents' addresses is sent on Linux only; leave -S out")
}

func (*rawIP) send(netip.Addr, []byte) error { return nil }
func (*rawIP) close() error                  { return nil }
