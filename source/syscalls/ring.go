package syscalls

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// ring reads records where the kernel put them: none is copied, and room is given back in steps, so that reader and writers do not
// take the same line of memory from each other for each record. One goroutine uses it.
//
// The map's memory (kernel/bpf/ringbuf.c) is a page with the reader's position, a page with the writers', and the data, twice in a
// row, so that a record that goes over the end is in one piece. Positions only grow. In front of a record stand its length, with
// two flags, and a word of the kernel's.
type ring struct {
	own, shared []byte   // the reader's page, and all else
	read        *uintptr // how far the reader is
	written     *uintptr // how far writers are
	data        []byte   // half of which is the ring
	at, end     uintptr  // the next record, and where the last one that is known of ends
	given       uintptr  // *read
	step        uintptr  // bytes after which room is given back
	of          *ebpf.Map
}

const (
	recordBusy    = 1 << 31 // its writer is not done yet
	recordDiscard = 1 << 30
	recordHead    = 8
)

// openRing makes a ring and maps its memory; close gives it back.
func openRing(spec *ebpf.MapSpec) (r *ring, err error) {
	page, size := os.Getpagesize(), int(spec.MaxEntries)
	r = &ring{step: uintptr(min(size/8, 128<<10))}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.of, err = ebpf.NewMap(spec); err != nil {
		return r, err
	}
	if r.own, err = unix.Mmap(r.of.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return r, os.NewSyscallError("mmap", err)
	}
	if r.shared, err = unix.Mmap(r.of.FD(), int64(page), page+2*size, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return r, os.NewSyscallError("mmap", err)
	}
	r.read, r.written, r.data = (*uintptr)(unsafe.Pointer(&r.own[0])), (*uintptr)(unsafe.Pointer(&r.shared[0])), r.shared[page:]
	return r, nil
}

func (r *ring) close() error {
	var err error
	for _, m := range [][]byte{r.own, r.shared} {
		if m != nil {
			err = errors.Join(err, unix.Munmap(m))
		}
	}
	r.own, r.shared, r.data = nil, nil, nil
	if r.of != nil {
		err = errors.Join(err, r.of.Close())
		r.of = nil
	}
	return err
}

// next is the next record, valid until the next call; nil if there is none, or its writer is not done.
func (r *ring) next() []byte {
	if r.at-r.given >= r.step {
		r.give()
	}
	for {
		if r.at == r.end {
			if r.end = atomic.LoadUintptr(r.written); r.at == r.end {
				r.give()
				return nil
			}
		}
		at := r.at & (r.size() - 1)
		n := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at]))) // before what it is the length of
		if n&recordBusy != 0 {
			return nil
		}
		size := uintptr(n &^ recordDiscard)
		r.at += recordHead + (size+7)&^7
		if n&recordDiscard == 0 {
			return r.data[at+recordHead:][:size:size]
		}
	}
}

// empty says whether there is nothing, not even what is being written.
func (r *ring) empty() bool { return r.at == atomic.LoadUintptr(r.written) }

// size is how many bytes there is room for.
func (r *ring) size() uintptr { return uintptr(len(r.data) / 2) }

// waiting is how many bytes are to be read.
func (r *ring) waiting() uintptr { return atomic.LoadUintptr(r.written) - atomic.LoadUintptr(r.read) }

// give gives the room of what was read back.
func (r *ring) give() {
	if r.given != r.at {
		r.given = r.at
		atomic.StoreUintptr(r.read, r.at)
	}
}
