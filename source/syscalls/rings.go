package syscalls

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

const (
	mostRings = 8       // so that merging them stays cheap
	leastRing = 1 << 20 // bytes, of which there are not two rings made
	settling  = 50_000  // ns within which a record that was begun has come; a processor that is taken away meanwhile may need longer
)

// rings are the rings that the processors write to: each has its own, or shares it with few others, as two that write to one wait for
// each other longer than writing takes. Their records are read in the order of time. One goroutine uses them.
type rings struct {
	all   []*ring
	heads []rec // the next record of each; nil if there is none
	given int   // whose head was delivered; -1 if none was
	known int64 // CLOCK_MONOTONIC up to which all records are there: where there is no head, what comes is younger
	ended bool  // nobody writes any more

	wake  *os.File // becomes readable when a program wakes the reader
	conn  syscall.RawConn
	slept bool // since wait was called
}

// rec is a record with its time.
type rec struct {
	bytes []byte
	time  int64
}

// ringsOf says how many rings of what size, bytes, stand for a buffer: powers of two.
func ringsOf(buffer, cpus int) (n, size int) {
	for n = 1; 2*n <= min(cpus, mostRings, buffer/leastRing); n *= 2 {
	}
	return n, buffer / n
}

// openRings makes as many rings as there is room for where the programs find them.
func openRings(to *ebpf.Map, each *ebpf.MapSpec) (r *rings, err error) {
	r = &rings{heads: make([]rec, to.MaxEntries()), given: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return r, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(poll, true); err != nil { // so that it is waited for as sockets are, and not in a system call
		return r, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(poll))
	}
	r.wake = os.NewFile(uintptr(poll), "rings of system calls")
	if r.conn, err = r.wake.SyscallConn(); err != nil {
		return r, err
	}
	for i := range to.MaxEntries() {
		one, err := openRing(each)
		if err != nil {
			return r, err
		}
		r.all = append(r.all, one)
		if err := to.Put(i, one.of); err != nil {
			return r, err
		}
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, one.of.FD(), &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}); err != nil {
			return r, os.NewSyscallError("epoll_ctl", err)
		}
	}
	return r, nil
}

func (r *rings) close() error {
	var err error
	for _, one := range r.all {
		err = errors.Join(err, one.close())
	}
	if r.wake != nil {
		err = errors.Join(err, r.wake.Close())
	}
	r.all, r.heads, r.wake = nil, nil, nil
	return err
}

// next is the oldest record, valid until the next call; nil if there is none of which it is sure that nothing older comes.
func (r *rings) next() []byte {
	if len(r.all) == 1 {
		return r.all[0].next()
	}
	if r.given >= 0 {
		r.heads[r.given], r.given = rec{}, -1
	}
	for looked := false; ; looked = true {
		oldest, gaps := -1, false
		for i := range r.heads {
			h := &r.heads[i]
			if h.bytes == nil && !r.fill(i) {
				gaps = true
				continue
			}
			if oldest < 0 || h.time < r.heads[oldest].time {
				oldest = i
			}
		}
		if oldest < 0 {
			return nil
		}
		if !gaps || r.heads[oldest].time <= r.known {
			r.given = oldest
			return r.heads[oldest].bytes
		}
		if looked {
			return nil
		}
		r.known = r.now() // and then it is looked once more whether there are gaps
	}
}

// fill takes the next record of a ring and says whether there is one.
func (r *rings) fill(i int) bool {
	b := r.all[i].next()
	if b == nil {
		return false
	}
	r.heads[i] = rec{bytes: b}
	if len(b) >= leastHead {
		r.heads[i].time = int64(binary.NativeEndian.Uint64(b)) // head.left
	}
	return true
}

// now is a time of which all records have come.
func (r *rings) now() int64 {
	var t unix.Timespec
	if r.ended || unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return math.MaxInt64
	}
	return t.Nano() - settling
}

// empty says whether there is nothing, not even what is being written.
func (r *rings) empty() bool {
	for i, one := range r.all {
		if !one.empty() || i != r.given && r.heads[i].bytes != nil {
			return false
		}
	}
	return true
}

// waiting is how many bytes are to be read.
func (r *rings) waiting() (n uintptr) {
	for _, one := range r.all {
		n += one.waiting()
	}
	return n
}

// wait sleeps until a program wakes the reader, at most so long. That the runtime waits keeps its monitor asleep too, which would
// otherwise look twenty thousand times a second whether the system call has ended.
func (r *rings) wait(d time.Duration) error {
	if err := r.wake.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	r.slept = false
	err := r.conn.Read(r.woken)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// woken is called before the reader sleeps and when it is woken; it says whether that is the end of it.
func (r *rings) woken(uintptr) bool {
	was := r.slept
	r.slept = true
	return was
}
