package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// ListenSFlow gives every datagram that comes to a UDP port of host, which may be empty for all addresses, to emit until ctx
// ends. Network is udp, udp4 or udp6. It is for looking at what agents send; the collector is for keeping it.
func ListenSFlow(ctx context.Context, network, host string, port int, emit func(d *Datagram, received time.Time) error) error {
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, network, net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen for sflow: %w (ss -lunp shows who has the port; -p takes another)", err)
	}
	udp := conn.(*net.UDPConn)
	stop := context.AfterFunc(ctx, func() { udp.Close() })
	defer stop()
	defer udp.Close()
	to := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	buf := make([]byte, maxUDP)
	for {
		n, from, err := udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("receive sflow: %w", err)
		}
		if err := emit(&Datagram{Payload: buf[:n], From: from, To: to}, time.Now()); err != nil {
			return err
		}
	}
}
