package syscalls

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/source"
)

// tracepoints are where the programs are attached.
var tracepoints = map[string]string{
	bpf.SyscallsProgTapirEnter: "sys_enter",
	bpf.SyscallsProgTapirExit:  "sys_exit",
	bpf.SyscallsProgTapirExec:  "sched_process_exec",
	bpf.SyscallsProgTapirFork:  "sched_process_fork",
	bpf.SyscallsProgTapirGone:  "sched_process_exit",

	bpf.SyscallsProgTapirSignal: "signal_deliver",
	bpf.SyscallsProgTapirSwitch: "sched_switch",

	bpf.SyscallsProgTapirUserFault:   "page_fault_user",
	bpf.SyscallsProgTapirKernelFault: "page_fault_kernel",

	bpf.SyscallsProgTapirSubmitted: "io_uring_submit_req",
	bpf.SyscallsProgTapirCompleted: "io_uring_complete",
}

// faultPrograms see page faults.
var faultPrograms = []string{bpf.SyscallsProgTapirUserFault, bpf.SyscallsProgTapirKernelFault}

// kernel is what is loaded and attached.
type kernel struct {
	programs *ebpf.Collection
	types    *btf.Cache // the kernel's, until the state at the start is read
	raw      bool       // attached to raw tracepoints
	links    []link.Link
	rings    *rings
	bell     *bell
	lost     *ebpf.Map
}

// batch is how many bytes wait in a ring before the reader is woken: as few as possible of those that nap lets come, since waking
// costs the program that happens to do it microseconds.
const batch = 4 << 20

// openKernel loads the programs. Where the kernel lacks what an easier way needs, they go the other.
func openKernel(cfg *Config) (*kernel, error) {
	if cfg.faults() {
		if err := checkFaults(tracepoint); err != nil {
			return nil, err
		}
	}
	cfg.Untimed = cfg.Untimed && cfg.Plan.untimed()
	k, err := load(cfg, false)
	if err == nil {
		return k, nil
	}
	cfg.Untimed = false
	if k, e := load(cfg, true); e == nil {
		return k, nil
	}
	return nil, err
}

// load loads the programs with their constants; nothing is traced before attach. With raw, the tracepoints tell the programs no types:
// every kernel that has BTF takes them so.
func load(cfg *Config, raw bool) (*kernel, error) {
	if err := rlimit.RemoveMemlock(); err != nil && !errors.Is(err, os.ErrPermission) { // newer kernels have no such limit
		return nil, err
	}
	spec, err := bpf.LoadSyscalls()
	if err != nil {
		return nil, err
	}
	ringless, apart := ringTracepoints()
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, err
	}
	present := presentCPUs(cpus)
	size, segments := ringsOf(cfg.Buffer, present)
	constants := map[string]any{bpf.SyscallsVarCalls: cfg.Plan.table(cfg.Blind && len(cfg.Plan.left) == 0, cfg.Untimed), bpf.SyscallsVarOwn: uint32(os.Getpid()), bpf.SyscallsVarSnaplen: uint32(cfg.Snaplen),
		bpf.SyscallsVarRingSize: uint32(size), bpf.SyscallsVarRingSegments: uint32(segments), bpf.SyscallsVarBatch: uint32(min(batch, size/8)), bpf.SyscallsVarInOrder: flag(runtime.GOARCH == "amd64"), bpf.SyscallsVarExecveNumber: numberOf("execve"),
		bpf.SyscallsVarTimed: flag(!cfg.Untimed), bpf.SyscallsVarTyped: flag(!raw), bpf.SyscallsVarApart: flag(apart),
		bpf.SyscallsVarPage:        pageKB(),
		bpf.SyscallsVarSignalClass: uint32(signalEvent.Info().Category), bpf.SyscallsVarSwitchClass: uint32(switchEvent.Info().Category),
		bpf.SyscallsVarFaultClass: uint32(faultEvent.Info().Category)}
	cfg.Plan.constants(constants)
	if err := setConstants(spec, constants); err != nil {
		return nil, err
	}
	without := append(ringless, bpf.SyscallsProgTapirTasks, bpf.SyscallsProgTapirFiles)
	if cfg.Untimed {
		without = append(without, bpf.SyscallsProgTapirEnter)
	}
	if !cfg.Plan.names.has(signalEvent.Info().Name) {
		without = append(without, bpf.SyscallsProgTapirSignal)
	}
	if !cfg.Switches && !cfg.Plan.asks(switchEvent) {
		without = append(without, bpf.SyscallsProgTapirSwitch)
	}
	if !cfg.faults() {
		without = append(without, faultPrograms...)
	}
	for _, name := range without {
		delete(spec.Programs, name)
	}
	for _, p := range spec.Programs {
		if raw {
			p.Type, p.AttachType, p.AttachTo = ebpf.RawTracepoint, 0, ""
		}
	}
	spec.Maps[bpf.SyscallsMapWorks].MaxEntries = uint32(cpus)
	spec.Maps[bpf.SyscallsMapPlaces].MaxEntries = uint32(present)
	spec.Maps[bpf.SyscallsMapSegments].MaxEntries = uint32(present * segments)
	types := btf.NewCache()
	programs, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: types})
	if err != nil {
		return nil, refused(fmt.Errorf("load the programs: %w", err))
	}
	if err := cfg.Plan.fill(programs.Maps[bpf.SyscallsMapPorts]); err != nil {
		programs.Close()
		return nil, err
	}
	k := &kernel{programs: programs, types: types, raw: raw, lost: programs.Maps[bpf.SyscallsMapLost]}
	if k.rings, err = openRings(programs.Maps[bpf.SyscallsMapPlaces], programs.Maps[bpf.SyscallsMapSegments], size); err == nil {
		k.bell, err = openBell(programs.Maps[bpf.SyscallsMapBell])
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("rings of system calls: %w", err), k.close())
	}
	return k, nil
}

// presentCPUs is how many processors need a ring: as many as there are, of all that the kernel has numbers for. What one that is added
// later does is counted as lost.
func presentCPUs(possible int) int {
	b, err := os.ReadFile("/sys/devices/system/cpu/present")
	if err != nil {
		return possible
	}
	text := strings.TrimSpace(string(b)) // 0-3, or 0,2-5
	last, err := strconv.Atoi(text[strings.LastIndexAny(text, ",-")+1:])
	if err != nil {
		return possible
	}
	return min(last+1, possible)
}

// pageKB is how many kB a page of memory has.
func pageKB() uint32 { return uint32(os.Getpagesize() >> 10) }

// setConstants sets what the programs are told before they are loaded.
func setConstants(spec *ebpf.CollectionSpec, constants map[string]any) error {
	for name, v := range constants {
		if err := spec.Variables[name].Set(v); err != nil {
			return fmt.Errorf("constant %s: %w", name, err)
		}
	}
	return nil
}

// wordSet is a set of numbers as the kernel part has it.
type wordSet struct {
	Count, Except uint32
	Of            [maxNumbers]uint32
}

func words(s set[uint32]) (out wordSet) {
	for v := range s.of {
		out.Of[out.Count] = v
		out.Count++
	}
	out.Except = flag(s.except)
	return out
}

// nameSet is a set of names as the kernel part has it.
type nameSet struct {
	Count, Except uint32
	Of            [maxPrograms][longestName + 1]byte
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// constants adds what the programs know of the plan.
func (p *Plan) constants(to map[string]any) {
	names := nameSet{Except: flag(p.programs.except)}
	for v := range p.programs.of {
		copy(names.Of[names.Count][:], v)
		names.Count++
	}
	to[bpf.SyscallsVarPrograms] = names
	to[bpf.SyscallsVarProcesses] = words(p.processes)
	to[bpf.SyscallsVarThreads] = words(p.threads)
	to[bpf.SyscallsVarProgramsOnly] = flag(!p.programs.all() || !p.processes.all() || !p.threads.all())
	to[bpf.SyscallsVarSocketsOnly] = flag(p.sockets)
	to[bpf.SyscallsVarPortsOnly] = flag(!p.ports.except)
}

// fill sets the bits of the ports that are looked for.
func (p *Plan) fill(ports *ebpf.Map) error {
	for port := range p.ports.of {
		key := uint32(port) / 64
		var bits uint64
		if err := ports.Lookup(key, &bits); err != nil {
			return fmt.Errorf("ports of the filter: %w", err)
		}
		if err := ports.Put(key, bits|1<<(port%64)); err != nil {
			return fmt.Errorf("ports of the filter: %w", err)
		}
	}
	return nil
}

// attach begins to trace.
func (k *kernel) attach() error {
	for name, program := range k.programs.Programs {
		l, err := k.link(name, program)
		if err != nil {
			return refused(fmt.Errorf("attach to %s: %w", tracepoints[name], err))
		}
		k.links = append(k.links, l)
	}
	return nil
}

func (k *kernel) link(name string, p *ebpf.Program) (link.Link, error) {
	if k.raw {
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: tracepoints[name], Program: p})
	}
	return link.AttachTracing(link.TracingOptions{Program: p})
}

// detach ends tracing; what is in the rings can still be read.
func (k *kernel) detach() error {
	var err error
	for _, l := range k.links {
		err = errors.Join(err, l.Close())
	}
	k.links, k.rings.ended = nil, true
	return err
}

func (k *kernel) close() error {
	err := errors.Join(k.detach(), k.rings.close())
	if k.bell != nil {
		err = errors.Join(err, k.bell.close())
	}
	k.programs.Close()
	return err
}

// privileged says whether the process has a capability.
func privileged(capability int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[capability/32].Effective>>(capability%32)&1 == 1
}

// checkPrivilege says whether the process may load programs and trace, before the kernel refuses it in one of many ways.
func checkPrivilege() error {
	if privileged(unix.CAP_SYS_ADMIN) || privileged(unix.CAP_BPF) && privileged(unix.CAP_PERFMON) {
		return nil
	}
	return refused(os.ErrPermission)
}

// refused says what an error of the kernel means and what helps.
func refused(err error) error {
	var verifier *ebpf.VerifierError // EACCES too, but no privilege would help
	switch {
	case errors.As(err, &verifier):
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("system calls: %w (tracing needs CAP_BPF and CAP_PERFMON, seeing what others' processes have open CAP_SYS_PTRACE; "+
			"try: sudo tapir sys)%s", source.ErrPermission, detail(err))
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("system calls: this kernel cannot do what is needed: %w (needs Linux 5.12 with BTF, CONFIG_DEBUG_INFO_BTF)", err)
	}
	return fmt.Errorf("system calls: %w", err)
}

// detail is what the kernel refused, if that is known.
func detail(err error) string {
	if err == os.ErrPermission {
		return ""
	}
	return ": " + err.Error()
}

// numberOf is the number of a call on this machine.
func numberOf(name string) uint32 {
	for i := range calls() {
		if calls()[i].name == name {
			return uint32(i)
		}
	}
	return maxCalls - 1
}

// checkMachine says whether the calls of this machine are known.
func checkMachine() error {
	if numbersText == "" {
		return fmt.Errorf("system calls: live capture knows the calls of amd64 and arm64, not those of %s (files are read everywhere: tapir sys -r FILE)", runtime.GOARCH)
	}
	return nil
}
