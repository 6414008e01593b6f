package collector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bounds of a socket.
const (
	batchDatagrams = 64       // received with one system call
	maxDatagram    = 16 << 10 // longer ones are cut; sFlow agents send up to 1400 bytes, some with jumbo frames 9000
	socketBytes    = 32 << 20 // asked of the kernel, which may give less (net.core.rmem_max) to the unprivileged
	oobBytes       = 64       // of messages beside a datagram
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// socket receives datagrams in batches. Its memory is made once.
type socket struct {
	conn     *net.UDPConn
	raw      syscall.RawConn
	msgs     [batchDatagrams]mmsghdr
	iovs     [batchDatagrams]unix.Iovec
	names    [batchDatagrams]unix.RawSockaddrInet6
	oobs     [batchDatagrams][oobBytes]byte
	data     []byte
	overflow uint32 // the kernel's count of datagrams that it dropped
}

// listen opens a socket on addr that shares its port with the others.
func listen(addr string) (*socket, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var opt error
		err := c.Control(func(fd uintptr) {
			opt = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(err, opt)
	}}
	pc, err := lc.ListenPacket(background, "udp", addr)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("collect: %w (ports below 1024 need CAP_NET_BIND_SERVICE)", err)
		}
		return nil, fmt.Errorf("collect: %w (ss -lunp shows who has the port; -p takes another)", err)
	}
	s := &socket{conn: pc.(*net.UDPConn), data: make([]byte, batchDatagrams*maxDatagram)}
	if s.raw, err = s.conn.SyscallConn(); err == nil {
		err = s.tune()
	}
	if err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("collect: set options of %s: %w", addr, err)
	}
	for i := range s.msgs {
		s.iovs[i].Base = &s.data[i*maxDatagram]
		s.iovs[i].SetLen(maxDatagram)
		h := &s.msgs[i].hdr
		h.Iov, h.Name, h.Control = &s.iovs[i], (*byte)(unsafe.Pointer(&s.names[i])), &s.oobs[i][0]
		h.SetIovlen(1)
	}
	return s, nil
}

// tune asks for room, past the system's bound where that is allowed, and for the count of dropped datagrams beside each.
func (s *socket) tune() error {
	var opt error
	err := s.raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBytes) != nil {
			opt = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, socketBytes)
		}
		opt = errors.Join(opt, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1))
	})
	return errors.Join(err, opt)
}

// receive waits for datagrams, until the deadline at most, and gives how many there are.
func (s *socket) receive(deadline time.Time) (n int, err error) {
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	var errno syscall.Errno
	err = s.raw.Read(func(fd uintptr) bool {
		for i := range s.msgs {
			s.msgs[i].hdr.Namelen = unix.SizeofSockaddrInet6
			s.msgs[i].hdr.SetControllen(oobBytes)
		}
		got, _, e := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&s.msgs[0])), batchDatagrams, unix.MSG_DONTWAIT, 0, 0)
		n, errno = int(got), e
		return e != unix.EAGAIN && e != unix.EINTR
	})
	if err == nil && errno != 0 {
		err, n = os.NewSyscallError("recvmmsg", errno), 0
	}
	if err != nil {
		n = 0
	}
	return n, err
}

// datagram is the i-th datagram of the last batch: its bytes, borrowed until the next, and who sent it.
func (s *socket) datagram(i int) (b []byte, from netip.Addr) {
	m := &s.msgs[i]
	s.dropped(s.oobs[i][:min(int(m.hdr.Controllen), oobBytes)])
	b = s.data[i*maxDatagram:][:min(int(m.n), maxDatagram)]
	switch name := &s.names[i]; name.Family {
	case unix.AF_INET:
		from = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr)
	case unix.AF_INET6:
		from = netip.AddrFrom16(name.Addr).Unmap()
	}
	return b, from
}

// dropped reads the kernel's count of drops; there is no message before the first one.
func (s *socket) dropped(oob []byte) {
	for len(oob) >= unix.CmsgLen(4) {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(data) >= 4 {
			s.overflow = binary.NativeEndian.Uint32(data)
		}
		oob = rest
	}
}
