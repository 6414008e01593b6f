//go:build !linux

package agent

import (
	"errors"
	"log/slog"
	"net"
)

// collector is the socket to one collector.
type collector struct {
	to   Collector
	conn net.Conn
	told string // the last error that was logged
}

// send sends b. The datagram is lost if it cannot be sent.
func (c *collector) send(b []byte) (err error) {
	if c.to.Device != "" || c.to.Namespace != "" {
		return errors.New("interfaces and namespaces of collectors are for Linux only")
	}
	if c.conn == nil {
		if c.conn, err = net.Dial("udp", c.to.Addr.String()); err != nil {
			c.conn = nil
			return err
		}
	}
	if _, err = c.conn.Write(b); err != nil {
		c.close()
	}
	return err
}

// complain logs an error once.
func (c *collector) complain(log *slog.Logger, err error) {
	if err.Error() != c.told {
		c.told = err.Error()
		log.Warn("sflow collector", "collector", c.to.Addr, "error", err)
	}
}

func (c *collector) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}
