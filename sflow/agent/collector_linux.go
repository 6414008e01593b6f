package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// collector is the socket to one collector. It is opened when there is something to send, and again after an error, but
// not more often than every retry.
type collector struct {
	to    Collector
	fd    int // 0: not open
	tried time.Time
	told  string // the last error that was logged
}

const retry = 5 * time.Second

var errWaiting = errors.New("not connected; will try again")

// send sends b without waiting. The datagram is lost if it cannot be sent now.
func (c *collector) send(b []byte) error {
	if c.fd == 0 {
		if !c.tried.IsZero() && time.Since(c.tried) < retry {
			return errWaiting
		}
		c.tried = time.Now()
		fd, err := c.to.dial()
		if err != nil {
			return err
		}
		c.fd = fd
	}
	err := unix.Send(c.fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	switch err {
	case unix.ECONNREFUSED: // of an earlier datagram: nobody listened then
		err = unix.Send(c.fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	case nil:
		c.told = ""
	case unix.EAGAIN, unix.ENOBUFS:
	default:
		c.close()
	}
	if err == unix.ECONNREFUSED {
		return nil
	}
	return err
}

// complain logs an error once.
func (c *collector) complain(log *slog.Logger, err error) {
	if err == errWaiting || err.Error() == c.told {
		return
	}
	c.told = err.Error()
	log.Warn("sflow collector", "collector", c.to.Addr, "error", err)
}

func (c *collector) close() {
	if c.fd != 0 {
		unix.Close(c.fd)
		c.fd = 0
	}
}

// dial opens the socket, in its namespace and on its device. It is a plain one, because the runtime's dialler may use
// another thread, which is in another namespace.
func (to *Collector) dial() (fd int, err error) {
	err = inNamespace(to.Namespace, func() error {
		fd, err = to.socket()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("collector %s: %w", to.Addr, err)
	}
	return fd, nil
}

func (to *Collector) socket() (fd int, err error) {
	family, addr := unix.AF_INET, unix.Sockaddr(nil)
	if ip := to.Addr.Addr().Unmap(); ip.Is4() {
		addr = &unix.SockaddrInet4{Port: int(to.Addr.Port()), Addr: ip.As4()}
	} else {
		family = unix.AF_INET6
		zone := &unix.SockaddrInet6{Port: int(to.Addr.Port()), Addr: ip.As16()}
		if i, err := net.InterfaceByName(ip.Zone()); ip.Zone() != "" && err == nil {
			zone.ZoneId = uint32(i.Index)
		}
		addr = zone
	}
	if fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	if to.Device != "" {
		if err = unix.BindToDevice(fd, to.Device); err != nil {
			err = fmt.Errorf("interface %s: %w", to.Device, err)
		}
	}
	if err == nil {
		err = unix.Connect(fd, addr)
	}
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

// inNamespace runs f in a network namespace that ip-netns(8) knows by name; empty is the present one.
func inNamespace(name string, f func() error) error {
	if name == "" {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and with it the namespace it is in
		fd, err := unix.Open(filepath.Join("/run/netns", name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			unix.Close(fd)
		}
		if err != nil {
			done <- fmt.Errorf("network namespace %s: %w (ip netns lists them; entering one needs CAP_SYS_ADMIN)", name, err)
			return
		}
		done <- f()
	}()
	return <-done
}
