package syscalls

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"slices"
	"testing"
)

func TestRingsOf(t *testing.T) {
	for _, c := range []struct{ buffer, cpus, size, segments int }{
		{64 << 20, 2, 32 << 20, 32}, {64 << 20, 1, 64 << 20, 64}, {64 << 20, 6, 8 << 20, 8}, {64 << 20, 240, 1 << 20, 1}, {2 << 20, 16, 1 << 20, 1},
	} {
		if size, segments := ringsOf(c.buffer, c.cpus); size != c.size || segments != c.segments {
			t.Errorf("%d bytes, %d processors: rings of %d bytes in %d segments, not %d in %d", c.buffer, c.cpus, size, segments, c.size, c.segments)
		}
	}
}

// written is a ring that holds records of these times.
func written(times ...int64) *ring {
	r := newRing(make([]byte, placeSize), make([]byte, segmentSize), segmentSize, segmentSize)
	r.put(times...)
	return r
}

func together(all ...*ring) *rings {
	r := &rings{}
	for _, one := range all {
		r.add(one)
	}
	return r
}

func (r *ring) put(times ...int64) {
	for _, time := range times {
		b := r.data[*r.written:]
		binary.NativeEndian.PutUint64(b, headSize)
		binary.NativeEndian.PutUint64(b[recordHead:], uint64(time))
		*r.written += recordHead + headSize
	}
}

// told is the times of the records that are delivered now.
func told(r *rings) (times []int64) {
	for b := r.next(); b != nil; b = r.next() {
		times = append(times, int64(binary.NativeEndian.Uint64(b)))
	}
	return times
}

func TestRingsInOrder(t *testing.T) {
	all := []*ring{written(10, 40, 50), written(20, 30, 60), written()}
	r := together(all...)
	if got := fmt.Sprint(told(r)); got != "[10 20 30 40 50 60]" || !r.empty() {
		t.Errorf("%s, empty: %t", got, r.empty())
	}
	const young = 1 << 62 // of the future: the empty rings might still have something older
	all[1].put(young)
	if got := told(r); got != nil || r.empty() {
		t.Errorf("%d, before it is sure that nothing older comes; empty: %t", got, r.empty())
	}
	all[0].put(70)
	if got := fmt.Sprint(told(r)); got != "[70]" {
		t.Error(got)
	}
	r.ended = true
	if got := fmt.Sprint(told(r)); got != fmt.Sprint([]int64{young}) || !r.empty() {
		t.Errorf("%s, empty: %t", got, r.empty())
	}
}

// What processors write at the same time comes in the order of time, all of it.
func TestRingsOfProcessors(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("needs two processors")
	}
	plan, err := Compile("proc.name=dd and evt.type in (read, write)")
	if err != nil {
		t.Fatal(err)
	}
	k := tracing(t, plan, DefaultBuffer, false)
	const calls, each = 4, 20_000
	var all []*exec.Cmd
	for range calls {
		c := exec.Command("dd", "if=/dev/zero", "of=/dev/null", "bs=1", fmt.Sprint("count=", each), "status=none")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for _, c := range all {
		if err := c.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.detach(); err != nil {
		t.Fatal(err)
	}
	var d decoder
	cpu := map[uint16]int{}
	n, last := 0, int64(0)
	for b := k.rings.next(); b != nil; b = k.rings.next() {
		if !d.read(b) || d.left < last {
			t.Fatalf("a record of %d behind one of %d", d.left, last)
		}
		last = d.left
		if d.kind == recordCall {
			n++
			cpu[d.cpu]++
		}
	}
	if n < calls*2*each || len(cpu) < 2 || !k.rings.empty() {
		t.Errorf("%d records, want at least %d; by processor %v; empty: %t", n, calls*2*each, cpu, k.rings.empty())
	}
}

// A heap of many rings says the same as sorting does.
func TestRingsOfMany(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var all []*ring
	var want []int64
	for range 33 {
		one, time := written(), int64(0)
		for range random.IntN(100) {
			time += random.Int64N(1000)
			one.put(time)
			want = append(want, time)
		}
		all = append(all, one)
	}
	slices.Sort(want)
	r := together(all...)
	if got := told(r); !slices.Equal(got, want) || !r.empty() {
		t.Errorf("%d\nwant %d", got, want)
	}
}

// A record stands in one piece where it goes over the end of its segment, and the next one begins the next segment; room that was given
// back is used again.
func TestRingSegments(t *testing.T) {
	const stride, segments, size = segmentSize + 1<<16, 2, 100_000
	r := newRing(make([]byte, placeSize), make([]byte, segments*stride), stride, segments*segmentSize)
	put := func(n byte) { // as claim and publish of bpf/ring.h do
		at := *r.written
		b := r.data[at/segmentSize%segments*stride+at%segmentSize:]
		binary.NativeEndian.PutUint64(b, size)
		b[recordHead], b[recordHead+size-1] = n, n
		*r.written = at + recordHead + size
		if *r.written/segmentSize != at/segmentSize {
			*r.written = (at/segmentSize + 1) * segmentSize
		}
	}
	for n := range byte(200) {
		put(n)
		if n%3 == 0 {
			continue
		}
		for r.at != *r.written {
			b := r.next()
			if len(b) != size || b[0] != b[size-1] {
				t.Fatalf("record %d at %d: %d bytes, %d to %d", n, r.at, len(b), b[0], b[size-1])
			}
		}
		if b := r.next(); b != nil || *r.read != *r.written || r.waiting() != 0 {
			t.Fatalf("behind record %d: %d bytes, read %d of %d", n, len(b), *r.read, *r.written)
		}
	}
}
