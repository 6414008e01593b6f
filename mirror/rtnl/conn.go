package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Conn is a socket for requests. Any goroutine may use it; requests wait for each other.
type Conn struct {
	mu  sync.Mutex // guards the rest
	fd  int
	seq uint32
	buf []byte
}

// Dial opens a socket in the network namespace of the calling thread.
func Dial() (*Conn, error) {
	fd, err := open(0)
	if err != nil {
		return nil, err
	}
	return &Conn{fd: fd, buf: make([]byte, 1<<17)}, nil
}

func open(groups uint32) (int, error) { return openFamily(unix.NETLINK_ROUTE, groups) }

func openFamily(family int, groups uint32) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	if err != nil {
		return 0, fmt.Errorf("netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("netlink socket: %w", err)
	}
	return fd, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// message builds a request: a fixed part, then attributes.
type message struct{ b []byte }

func (m *message) fixed(v any) *message {
	var err error
	if m.b, err = binary.Append(m.b, binary.NativeEndian, v); err != nil {
		panic(err) // a struct of ours that has no fixed size
	}
	return m
}

func (m *message) attr(typ uint16, data []byte) *message {
	m.b = binary.NativeEndian.AppendUint16(m.b, uint16(4+len(data)))
	m.b = binary.NativeEndian.AppendUint16(m.b, typ)
	m.b = append(m.b, data...)
	for len(m.b)%4 != 0 {
		m.b = append(m.b, 0)
	}
	return m
}

func (m *message) u32(typ uint16, v uint32) *message {
	return m.attr(typ, binary.NativeEndian.AppendUint32(nil, v))
}

func (m *message) text(typ uint16, s string) *message { return m.attr(typ, append([]byte(s), 0)) }

// do sends a request and gives what is answered, without the end marks. The error of the kernel is a unix.Errno.
func (c *Conn) do(typ, flags uint16, m *message) ([]syscall.NetlinkMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	h := unix.NlMsghdr{Len: uint32(unix.SizeofNlMsghdr + len(m.b)), Type: typ, Flags: unix.NLM_F_REQUEST | flags, Seq: c.seq}
	var req message
	req.fixed(h)
	if err := unix.Sendto(c.fd, append(req.b, m.b...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, os.NewSyscallError("sendto", err)
	}
	var all []syscall.NetlinkMessage
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("recvfrom", err)
		}
		msgs, err := syscall.ParseNetlinkMessage(append([]byte(nil), c.buf[:n]...))
		if err != nil {
			return nil, fmt.Errorf("netlink answer: %w", err)
		}
		for _, m := range msgs {
			if m.Header.Seq != c.seq {
				continue // of a request that failed before it was read to its end
			}
			switch m.Header.Type {
			case unix.NLMSG_DONE:
				return all, nil
			case unix.NLMSG_ERROR:
				return all, kernelError(m.Data)
			}
			all = append(all, m)
			if m.Header.Flags&unix.NLM_F_MULTI == 0 && flags&unix.NLM_F_ACK == 0 {
				return all, nil
			}
		}
	}
}

func kernelError(b []byte) error {
	if len(b) < 4 {
		return fmt.Errorf("netlink error of %d bytes, want 4", len(b))
	}
	if n := int32(binary.NativeEndian.Uint32(b)); n != 0 {
		return unix.Errno(-n)
	}
	return nil
}

// attributes splits b into attributes by type; of several of one type the last counts. Flags in the type are cut off.
func attributes(b []byte) map[uint16][]byte {
	out := map[uint16][]byte{}
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			break
		}
		out[binary.NativeEndian.Uint16(b[2:])&0x3fff] = b[4:n]
		b = b[min(len(b), (n+3)&^3):]
	}
	return out
}

func number(b []byte) uint64 {
	switch len(b) {
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	case 8:
		return binary.NativeEndian.Uint64(b)
	}
	return 0
}
