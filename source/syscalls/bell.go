package syscalls

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// bell wakes the reader when the kernel part says that much waits. It is a ring of the kernel's (kernel/bpf/ringbuf.c), whose memory begins
// with a page for the reader's position and one for the writers'; what is in it says nothing. One goroutine uses it.
type bell struct {
	poll   *os.File // becomes readable when it rings
	conn   syscall.RawConn
	own    []byte // the page of the reader
	others []byte // the page of the writers
	slept  bool   // since wait was called
}

func openBell(m *ebpf.Map) (b *bell, err error) {
	b = &bell{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	page := os.Getpagesize()
	if b.own, err = unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return b, os.NewSyscallError("mmap", err)
	}
	if b.others, err = unix.Mmap(m.FD(), int64(page), page, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return b, os.NewSyscallError("mmap", err)
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return b, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(poll, true); err != nil { // so that it is waited for as sockets are, and not in a system call
		return b, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(poll))
	}
	b.poll = os.NewFile(uintptr(poll), "bell of system calls")
	if b.conn, err = b.poll.SyscallConn(); err != nil {
		return b, err
	}
	err = unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, m.FD(), &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET})
	return b, os.NewSyscallError("epoll_ctl", err)
}

func (b *bell) close() error {
	var err error
	for _, m := range [][]byte{b.own, b.others} {
		if m != nil {
			err = errors.Join(err, unix.Munmap(m))
		}
	}
	if b.poll != nil {
		err = errors.Join(err, b.poll.Close())
	}
	*b = bell{}
	return err
}

// wait sleeps until the bell rings, at most so long. That the runtime waits keeps its monitor asleep too, which would otherwise look twenty
// thousand times a second whether the system call has ended.
func (b *bell) wait(d time.Duration) error {
	if err := b.poll.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	b.slept = false
	err := b.conn.Read(b.woken)
	atomic.StoreUintptr((*uintptr)(unsafe.Pointer(&b.own[0])), atomic.LoadUintptr((*uintptr)(unsafe.Pointer(&b.others[0]))))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// woken is called before the reader sleeps and when it is woken; it says whether that is the end of it.
func (b *bell) woken(uintptr) bool {
	was := b.slept
	b.slept = true
	return was
}
