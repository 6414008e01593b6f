package syscalls

import (
	"encoding/binary"
	"errors"
	"math"
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// settling is how many ns a record takes to come at most, once it has its time; a processor that is taken away meanwhile may need longer.
const settling = 50_000

// rings are the rings that the processors write to, each its own. Their records are read in the order of time. One goroutine uses them.
type rings struct {
	all      []*ring
	heads    []rec // the next record of each
	order    []int // the rings that have one: a heap, the one with the oldest first
	gaps     []int // the others, as it was looked last
	given    bool  // the oldest head was delivered
	known    int64 // CLOCK_MONOTONIC up to which all records are there: what comes to the gaps is younger
	ended    bool  // nobody writes any more
	mappings [][]byte
}

// rec is a record with its time.
type rec struct {
	bytes []byte
	time  int64
}

// ringsOf says how many bytes there is room for in the ring of each processor, and in how many segments: powers of two.
func ringsOf(buffer, cpus int) (size, segments int) {
	for size = segmentSize; 2*size <= buffer/cpus; size *= 2 {
	}
	return size, size / segmentSize
}

// openRings maps the rings of that size, bytes, one for each of places.
func openRings(places, segments *ebpf.Map, size int) (r *rings, err error) {
	r = &rings{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	at, err := r.mapped(places, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return r, err
	}
	data, err := r.mapped(segments, unix.PROT_READ)
	if err != nil {
		return r, err
	}
	each := stride(segments) * size / segmentSize
	for i := range int(places.MaxEntries()) {
		r.add(newRing(at[i*placeSize:], data[i*each:][:each], stride(segments), size))
	}
	return r, nil
}

// add adds a ring.
func (r *rings) add(one *ring) {
	r.gaps = append(r.gaps, len(r.all))
	r.all, r.heads = append(r.all, one), append(r.heads, rec{})
}

// stride is how many bytes are from one element of an array to the next.
func stride(m *ebpf.Map) int { return int(m.ValueSize()+7) &^ 7 }

// mapped is the memory of a map.
func (r *rings) mapped(m *ebpf.Map, protection int) ([]byte, error) {
	page := os.Getpagesize()
	size := (stride(m)*int(m.MaxEntries()) + page - 1) &^ (page - 1)
	b, err := unix.Mmap(m.FD(), 0, size, protection, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	r.mappings = append(r.mappings, b)
	return b, nil
}

func (r *rings) close() error {
	var err error
	for _, m := range r.mappings {
		err = errors.Join(err, unix.Munmap(m))
	}
	*r = rings{}
	return err
}

// next is the oldest record, valid until the next call; nil if there is none of which it is sure that nothing older comes.
func (r *rings) next() []byte {
	if r.given {
		r.given = false
		r.advance()
	}
	if len(r.gaps) > 0 && (len(r.order) == 0 || r.oldest().time > r.known) {
		r.known = r.now()
		r.look()
	}
	if len(r.order) == 0 || len(r.gaps) > 0 && r.oldest().time > r.known {
		return nil
	}
	r.given = true
	return r.oldest().bytes
}

func (r *rings) oldest() *rec { return &r.heads[r.order[0]] }

// look takes the next records of the rings that had none.
func (r *rings) look() {
	gaps := r.gaps
	r.gaps = r.gaps[:0]
	for _, i := range gaps {
		if !r.take(i) {
			r.gaps = append(r.gaps, i)
			continue
		}
		r.order = append(r.order, i)
		o := r.order
		for at := len(o) - 1; at > 0 && r.older(o[at], o[(at-1)/2]); at = (at - 1) / 2 {
			o[at], o[(at-1)/2] = o[(at-1)/2], o[at]
		}
	}
}

// advance replaces the oldest head by what follows it in its ring.
func (r *rings) advance() {
	o := r.order
	if !r.take(o[0]) {
		r.gaps = append(r.gaps, o[0])
		o[0] = o[len(o)-1]
		o = o[:len(o)-1]
		r.order = o
	}
	for at := 0; ; {
		least := at
		for child := 2*at + 1; child <= 2*at+2 && child < len(o); child++ {
			if r.older(o[child], o[least]) {
				least = child
			}
		}
		if least == at {
			return
		}
		o[at], o[least] = o[least], o[at]
		at = least
	}
}

// older says whether the head of a ring is older than that of another.
func (r *rings) older(i, than int) bool { return r.heads[i].time < r.heads[than].time }

// take makes the next record of a ring its head, and says whether there is one.
func (r *rings) take(i int) bool {
	h := &r.heads[i]
	h.bytes = r.all[i].next()
	if len(h.bytes) >= briefHead {
		h.time = int64(binary.NativeEndian.Uint64(h.bytes)) // head.left
	}
	return h.bytes != nil
}

// now is a time of which all records have come.
func (r *rings) now() int64 {
	var t unix.Timespec
	if r.ended || unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return math.MaxInt64
	}
	return t.Nano() - settling
}

// empty says whether there is nothing.
func (r *rings) empty() bool {
	for _, one := range r.all {
		if !one.empty() {
			return false
		}
	}
	return len(r.order) == 0 || len(r.order) == 1 && r.given
}

// waiting is how many bytes are to be read.
func (r *rings) waiting() (n uint64) {
	for _, one := range r.all {
		n += one.waiting()
	}
	return n
}
