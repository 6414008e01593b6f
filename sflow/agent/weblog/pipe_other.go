//go:build !linux

package weblog

import (
	"net"
	"os"
)

func widen(*os.File) {}

// receiver gives what receives a datagram of c. Here nobody knows whether one was there.
func receiver(c net.PacketConn) (func(b []byte) (n int, waited bool, err error), error) {
	return func(b []byte) (int, bool, error) {
		n, _, err := c.ReadFrom(b)
		return n, true, err
	}, nil
}
