package syscalls

import (
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pace has the reader run only when nobody else wants the processor, as long as the ring has room: what is traced is not held up
// by being looked at where a processor is idle now and then. When an eighth of the ring waits the reader has its usual share again,
// until it has read all. The reader cannot see to that itself, since it may not run at all meanwhile: a goroutine beside it does.
//
// It needs CAP_SYS_NICE, to get out of being idle; without it the reader keeps its usual share.
type pace struct {
	ring *ring
	stop chan struct{} // nil if there is nothing to be done
	done sync.WaitGroup

	mu     sync.Mutex // guards what follows
	thread int
	usual  *unix.SchedAttr
	idle   bool
}

// look is how often the ring is looked at.
const look = 10 * time.Millisecond

// begin ties the calling goroutine to its thread, which is the reader from now on.
func (p *pace) begin(r *ring) {
	if !privileged(unix.CAP_SYS_NICE) {
		return
	}
	runtime.LockOSThread()
	p.ring, p.thread = r, unix.Gettid()
	var err error
	if p.usual, err = unix.SchedGetAttr(p.thread, 0); err != nil || p.usual.Policy != unix.SCHED_NORMAL {
		runtime.UnlockOSThread()
		return
	}
	p.stop = make(chan struct{})
	p.done.Add(1)
	go p.watch()
}

// end gives the thread its usual share back. The goroutine that called begin calls it.
func (p *pace) end() error {
	if p.stop == nil {
		return nil
	}
	close(p.stop)
	p.done.Wait()
	p.stop = nil
	err := p.set(false)
	runtime.UnlockOSThread()
	return err
}

// watch looks at the ring until the end.
func (p *pace) watch() {
	defer p.done.Done()
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
			if p.ring.waiting() > p.ring.size()/8 {
				p.set(false) // it cannot be refused what it had
			}
		}
	}
}

// set makes the reader idle or gives it its usual share.
func (p *pace) set(idle bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == idle {
		return nil
	}
	attr := *p.usual
	if idle {
		attr = unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
	}
	if err := unix.SchedSetAttr(p.thread, &attr, 0); err != nil {
		return os.NewSyscallError("sched_setattr", err)
	}
	p.idle = idle
	return nil
}

// rest is called when all was read.
func (p *pace) rest() error {
	if p.stop == nil {
		return nil
	}
	return p.set(true)
}
