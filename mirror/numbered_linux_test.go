package mirror_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror"
)

var packets = flag.Uint64("packets", 20_000, "how many numbered packets TestEveryPacket sends (make mirror-packets sends ten million)")

const (
	numberedSize = 64
	window       = 64 << 10 // packets that a sender may be ahead of the slowest receiver, less than a socket's buffer holds
)

// numberedFrame is what a stream sends: its sender, its number, and bytes that must not change.
func numberedFrame(f []byte, sender byte, number uint64) {
	copy(f, []byte{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, sender, 0x88, 0xb5})
	binary.BigEndian.PutUint64(f[14:], number)
	for i := 22; i < len(f); i++ {
		f[i] = byte(i)
	}
}

// receiver wants every packet of its senders once, unchanged and in order.
type receiver struct {
	*port
	name string
	next map[byte]*atomic.Uint64 // number that is expected of a sender
	ends map[byte]*atomic.Uint64 // how many it sends in all; 0 while that is not known
	done chan error
	// failed is why it no longer receives; stop makes it end.
	failed atomic.Pointer[error]
	stop   atomic.Bool
}

// receive starts to check what an output's other end gets.
func receive(t testing.TB, dev string, senders ...byte) *receiver {
	t.Helper()
	r := &receiver{port: open(t, dev), name: dev, next: map[byte]*atomic.Uint64{}, ends: map[byte]*atomic.Uint64{}, done: make(chan error, 1)}
	for _, s := range senders {
		r.next[s], r.ends[s] = new(atomic.Uint64), new(atomic.Uint64)
	}
	if err := unix.SetsockoptTimeval(r.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200_000}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := r.check()
		if err != nil {
			r.failed.Store(&err)
		}
		r.done <- err
	}()
	t.Cleanup(func() { // before the socket is closed
		r.stop.Store(true)
		<-ended
	})
	return r
}

// check reads until every sender has ended and all of theirs is there.
func (r *receiver) check() error {
	b, want := newBatch(2*numberedSize), make([]byte, numberedSize)
	for silent := 0; !r.complete(); {
		n, err := b.do(unix.SYS_RECVMMSG, r.fd, batchSize, unix.MSG_WAITFORONE)
		if err == unix.EAGAIN {
			if silent++; silent > 50 || r.stop.Load() {
				return fmt.Errorf("%s: nothing comes any more; %s", r.name, r.progress())
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		silent = 0
		for i := range n {
			got := b.frame(i)
			next := r.next[got[11]]
			if next == nil {
				return fmt.Errorf("%s: a packet of nobody it expects: %x", r.name, got)
			}
			numberedFrame(want, got[11], next.Load())
			if !bytes.Equal(got, want) {
				return fmt.Errorf("%s: %x has come, want %x", r.name, got, want)
			}
			next.Add(1)
		}
	}
	if _, err := b.do(unix.SYS_RECVMMSG, r.fd, 1, unix.MSG_WAITFORONE); err != unix.EAGAIN {
		return fmt.Errorf("%s: more than everything has come: %x, %v", r.name, b.frame(0), err)
	}
	return nil
}

// batch is frames that one system call sends or receives (sendmmsg(2), recvmmsg(2)).
type batch struct {
	frames [batchSize][]byte
	vecs   [batchSize]unix.Iovec
	heads  [batchSize]struct {
		unix.Msghdr
		n uint32
		_ [4]byte
	}
}

const batchSize = 64

func newBatch(size int) *batch {
	b := new(batch)
	for i := range b.frames {
		b.frames[i] = make([]byte, size)
		b.vecs[i].Base = &b.frames[i][0]
		b.vecs[i].SetLen(size)
		b.heads[i].Iov, b.heads[i].Iovlen = &b.vecs[i], 1
	}
	return b
}

func (b *batch) frame(i int) []byte { return b.frames[i][:b.heads[i].n] }

// do sends or receives up to n frames and says how many it were. A signal does not end it: a socket with a timeout is not restarted by the
// kernel (signal(7)), and the Go runtime sends signals of its own.
func (b *batch) do(call uintptr, fd, n, flags int) (int, error) {
	for {
		done, _, e := unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&b.heads)), uintptr(n), uintptr(flags), 0, 0)
		if e == 0 {
			return int(done), nil
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}

func (r *receiver) complete() bool {
	for s, end := range r.ends {
		if n := end.Load(); n == 0 || r.next[s].Load() < n {
			return false
		}
	}
	return true
}

func (r *receiver) progress() string {
	var b strings.Builder
	for s, next := range r.next {
		fmt.Fprintf(&b, "%d packets of sender %d so far; ", next.Load(), s)
	}
	return b.String()
}

// stream sends numbered packets, as fast as the receivers take them, until n are sent or, if n is 0, until stop. It says
// how many.
func stream(t testing.TB, p *port, sender byte, n uint64, stop <-chan struct{}, to ...*receiver) (sent uint64) {
	b := newBatch(numberedSize)
	defer func() {
		for _, r := range to {
			r.ends[sender].Store(sent)
		}
	}()
	for n == 0 || sent < n {
		select {
		case <-stop:
			return sent
		default:
		}
		for slices.ContainsFunc(to, func(r *receiver) bool { return sent-r.next[sender].Load() > window }) {
			for _, r := range to {
				if err := r.failed.Load(); err != nil {
					t.Errorf("sender %d after %d packets: %v", sender, sent, *err)
					return sent
				}
			}
			time.Sleep(20 * time.Microsecond)
		}
		k := batchSize
		if n > 0 {
			k = int(min(batchSize, n-sent))
		}
		for i := range k {
			numberedFrame(b.frames[i], sender, sent+uint64(i))
		}
		done, err := b.do(unix.SYS_SENDMMSG, p.fd, k, 0)
		if err != nil {
			t.Errorf("send: %v", err)
			return sent
		}
		sent += uint64(done)
	}
	return sent
}

// The rules of the example, with as many numbered packets as are asked for: each output gets each packet of each of its
// sources once, unchanged and in order, and the counts at both ends are equal.
func TestEveryPacket(t *testing.T) {
	for _, way := range []struct{ mode, env string }{{"tc", ""}, {"auto", ""}, {"tc", clsact}} {
		t.Run(way.mode+" "+way.env, func(t *testing.T) {
			namespace(t, 5)
			start(t, mirror.Config{Rules: parse(t, "eth1@eth2_eth1@eth3_eth1/eth4@eth5"), Mode: way.mode}, way.env)
			p1, p4 := open(t, "p1"), open(t, "p4")
			r2, r3, r5 := receive(t, "p2", 1), receive(t, "p3", 1), receive(t, "p5", 1, 4)
			begin, second := time.Now(), make(chan uint64)
			go func() { second <- stream(t, p4, 4, *packets/4, nil, r5) }()
			n1 := stream(t, p1, 1, *packets, nil, r2, r3, r5)
			n4 := <-second
			for _, r := range []*receiver{r2, r3, r5} {
				if err := <-r.done; err != nil {
					t.Error(err)
				}
			}
			s := status(t)
			adds(t, s, "eth1", n1)
			adds(t, s, "eth4", n4)
			for i, want := range []uint64{n1, n1, n1 + n4} {
				out := s.Rules[i].Outputs[0]
				if end := linkOf(t, "p"+out.Name[3:]); out.Packets != want || end.Traffic.RxPackets != want {
					t.Errorf("%s: %d sent, %d at its other end, want %d", out.Name, out.Packets, end.Traffic.RxPackets, want)
				}
			}
			t.Logf("eth1 received %d packets and eth4 %d; p2, p3 and p5 got %d, %d and %d, all in order, none lost; %v", n1, n4, n1, n1, n1+n4, time.Since(begin).Round(time.Millisecond))
		})
	}
}
