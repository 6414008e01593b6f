package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// generator makes e0 receive frames. It runs on the core that the thread is bound to.
type generator interface {
	// flood makes it receive so many frames or some more, as fast as it goes, and says how many it were.
	flood(frames int, size int) (uint64, error)
}

// socket sends from the other end through a packet socket: packets as programs of this host send them.
type socket struct{ fd int }

func newSocket(index int) (*socket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return nil, err
	}
	return &socket{fd}, unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index})
}

func frame(size int) []byte {
	f := make([]byte, size)
	copy(f, []byte{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5})
	return f
}

func (s *socket) flood(frames, size int) (sent uint64, err error) {
	f := frame(size)
	for range frames {
		if _, err := unix.Write(s.fd, f); err == nil {
			sent++
		}
	}
	return sent, nil
}

// injector hands frames to the stack as the driver of e0 would, from inside of the kernel (BPF_F_TEST_XDP_LIVE_FRAMES). That
// takes a sixth of the time of a packet socket, and the packets have the room in front that drivers leave.
type injector struct {
	program *ebpf.Program
	state   *ebpf.Map // of each CPU: frames passed, and when the next one is due
	index   int
	gap     time.Duration
}

// newInjector makes one that leaves a time between frames; 0: none. Frames before their time are dropped by the program.
func newInjector(index int, gap time.Duration) (*injector, error) {
	state, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 16, MaxEntries: 1})
	if err != nil {
		return nil, err
	}
	const pass, drop = 2, 1
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
		asm.FnKtimeGetNs.Call(),
		asm.Mov.Reg(asm.R6, asm.R0),
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, state.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.LoadMem(asm.R1, asm.R0, 8, asm.DWord),
		asm.JGT.Reg(asm.R1, asm.R6, "drop"),
		asm.Add.Imm(asm.R1, int32(gap)),
		asm.StoreMem(asm.R0, 8, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, pass),
		asm.Return(),
		asm.Mov.Imm(asm.R0, drop).WithSymbol("drop"),
		asm.Return(),
	}})
	return &injector{program, state, index, gap}, err
}

func (g *injector) flood(frames, size int) (uint64, error) {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	each := make([][2]uint64, ebpf.MustPossibleCPU())
	for i := range each {
		each[i][1] = uint64(now.Nano())
	}
	if err := g.state.Put(uint32(0), each); err != nil {
		return 0, err
	}
	context := struct{ Data, End, Meta, Interface, Queue, Egress uint32 }{End: uint32(size), Interface: uint32(g.index)}
	const liveFrames = 1 << 1
	if _, err := g.program.Run(&ebpf.RunOptions{Data: frame(size), Repeat: uint32(frames), Flags: liveFrames, Context: context}); err != nil {
		return 0, fmt.Errorf("inject frames: %w (needs Linux 5.18)", err)
	}
	if err := g.state.Lookup(uint32(0), &each); err != nil {
		return 0, err
	}
	var sent uint64
	for _, e := range each {
		sent += e[0]
	}
	return sent, nil
}

func (g *injector) close() {
	g.program.Close()
	g.state.Close()
}

// coreTime is how long this thread and the kernel's threads that take over from it have run.
func coreTime() time.Duration {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	sum := time.Duration(t.Nano())
	for _, pid := range softirq {
		sum += runTime(pid)
	}
	return sum
}

// softirq are the processes of the kernel that receive packets when it becomes much.
var softirq = kernelThreads("ksoftirqd/")

func kernelThreads(prefix string) (pids []string) {
	paths, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range paths {
		if name, _ := os.ReadFile(path); strings.HasPrefix(string(name), prefix) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// runTime is how long a process has run.
func runTime(pid string) time.Duration {
	b, _ := os.ReadFile("/proc/" + pid + "/schedstat")
	first, _, _ := strings.Cut(string(b), " ")
	n, _ := strconv.ParseInt(first, 10, 64)
	return time.Duration(n)
}

// bind keeps the thread on one core.
func bind(core int) error {
	var set unix.CPUSet
	set.Set(core)
	return unix.SchedSetaffinity(0, &set)
}
