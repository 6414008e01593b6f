package syscalls

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// tracing loads the programs for a plan and attaches them, until the test ends.
func tracing(t *testing.T, plan *Plan, buffer int, raw bool) *kernel {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cfg := Config{Snaplen: DefaultSnaplen, Buffer: buffer, Plan: plan}
	k, err := load(&cfg, raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.close() })
	if err := k.attach(); err != nil {
		t.Fatal(err)
	}
	return k
}

// Kernels that tell programs no types of what tracepoints hand over run them all the same.
func TestRawTracepoints(t *testing.T) {
	k := tracing(t, Everything(), DefaultBuffer, true)
	proc, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proc.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := k.detach(); err != nil { // so that all records are told, the youngest too
		t.Fatal(err)
	}
	var d decoder
	kinds := map[uint8]int{}
	args := 0
	for {
		r := k.rings.next()
		if r == nil {
			break
		}
		if d.read(r) && d.split() && int(d.pid) == proc.Pid {
			kinds[d.kind]++
			if d.kind == recordCall && calls()[d.sysno].name == "openat" && len(d.bytes(0, 0)) > 1 && int32(d.args[0]) == -100 {
				args++
			}
		}
	}
	if kinds[recordCall] < 5 || kinds[recordExec] != 1 || kinds[recordGone] != 1 || args == 0 {
		t.Errorf("records by kind %v, %d opened files", kinds, args)
	}
}

// The reader is not woken for little, but it is when much waits.
func TestWake(t *testing.T) {
	plan, err := Compile("evt.type in (read, write)")
	if err != nil {
		t.Fatal(err)
	}
	k := tracing(t, plan, 1<<20, false)
	dd, err := exec.LookPath("dd")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	proc, err := os.StartProcess(dd, []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=20000", "status=none"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	const long = time.Minute
	if err := k.bell.wait(long); err != nil {
		t.Fatal(err)
	}
	if waiting := k.rings.waiting(); time.Since(began) >= long || waiting < 1<<20/8 {
		t.Errorf("woken after %v, when %d bytes waited", time.Since(began), waiting)
	}
	if _, err := proc.Wait(); err != nil {
		t.Fatal(err)
	}
}

// Where the kernel does not tell of page faults, asking for them is refused with what helps, in one line.
func TestWithoutFaults(t *testing.T) {
	if err := checkFaults(func(string) []string { return nil }); err == nil || !strings.Contains(err.Error(), "leave out --page-faults") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}
