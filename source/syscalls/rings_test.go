package syscalls

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"runtime"
	"testing"
)

func TestRingsOf(t *testing.T) {
	for _, c := range []struct{ buffer, cpus, n, size int }{
		{64 << 20, 2, 2, 32 << 20}, {64 << 20, 1, 1, 64 << 20}, {64 << 20, 6, 4, 16 << 20}, {64 << 20, 240, 8, 8 << 20}, {2 << 20, 16, 2, 1 << 20}, {64 << 10, 16, 1, 64 << 10},
	} {
		if n, size := ringsOf(c.buffer, c.cpus); n != c.n || size != c.size {
			t.Errorf("%d bytes, %d processors: %d rings of %d bytes, not %d of %d", c.buffer, c.cpus, n, size, c.n, c.size)
		}
	}
}

// written is a ring that holds records of these times.
func written(times ...int64) *ring {
	r := &ring{read: new(uintptr), written: new(uintptr), data: make([]byte, 2<<12), step: 1 << 10}
	r.put(times...)
	return r
}

func (r *ring) put(times ...int64) {
	for _, time := range times {
		b := r.data[*r.written:]
		binary.NativeEndian.PutUint32(b, headSize)
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
	r := &rings{all: all, heads: make([]rec, len(all)), given: -1}
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
