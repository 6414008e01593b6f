package weblog

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// receiver gives what receives a datagram of c, and says whether none was there at first.
func receiver(c net.PacketConn) (func(b []byte) (n int, waited bool, err error), error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a %T is no socket", c)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	return func(b []byte) (n int, waited bool, err error) {
		err2 := raw.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), b)
			if err == unix.EAGAIN {
				waited = true
				return false
			}
			return err != unix.EINTR
		})
		if err2 != nil {
			err = err2
		}
		return max(n, 0), waited, err
	}, nil
}

const pipeBytes = 1 << 20 // what an ordinary user may ask for (fs.pipe-max-size)

// widen makes a pipe hold a megabyte, so that the server does not wait for a reader that is late. What is no pipe stays
// as it is.
func widen(f *os.File) {
	unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, pipeBytes)
}
