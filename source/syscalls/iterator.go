package syscalls

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/bpf"
)

// iterators are programs that the kernel runs for each thread, or for each open file, when their output is read.
type iterators struct {
	spec  *ebpf.CollectionSpec
	types *btf.Cache
}

// newIterators loads them as far as the kernel has no part in it. types are the kernel's, as other programs were loaded with.
func newIterators(types *btf.Cache) (*iterators, error) {
	spec, err := bpf.LoadSyscalls()
	if err != nil {
		return nil, err
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(spec.Programs, func(name string, _ *ebpf.ProgramSpec) bool {
		return name != bpf.SyscallsProgTapirTasks && name != bpf.SyscallsProgTapirFiles
	})
	maps.DeleteFunc(spec.Maps, func(name string, _ *ebpf.MapSpec) bool {
		return name != bpf.SyscallsMapWorks && name != bpf.SyscallsMapLost && name[0] != '.'
	})
	spec.Maps[bpf.SyscallsMapWorks].MaxEntries = uint32(cpus)
	return &iterators{spec, types}, setConstants(spec, map[string]any{bpf.SyscallsVarPage: pageKB(), bpf.SyscallsVarCpus: uint32(cpus)})
}

// read reads the records that a program makes. waits says whether it may wait for the memory of processes (Linux 5.19). An error says
// that this kernel has no such iterator.
func (it *iterators) read(name string, waits bool, each func(d *decoder)) error {
	spec := it.spec.Copy()
	maps.DeleteFunc(spec.Programs, func(other string, _ *ebpf.ProgramSpec) bool { return other != name })
	if !waits {
		spec.Programs[name].Flags &^= unix.BPF_F_SLEEPABLE
	}
	if err := setConstants(spec, map[string]any{bpf.SyscallsVarSleeps: flag(waits)}); err != nil {
		return err
	}
	programs, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: it.types})
	if err != nil {
		return err
	}
	defer programs.Close()
	attached, err := link.AttachIter(link.IterOptions{Program: programs.Programs[name]})
	if err != nil {
		return err
	}
	defer attached.Close()
	r, err := attached.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for d := new(decoder); len(b) >= headSize; {
		size := binary.NativeEndian.Uint64(b[argsAt:])
		if size < headSize || size > uint64(len(b)) || !d.read(b[:size]) || !d.split() {
			return fmt.Errorf("%s: a record of %d bytes", name, size)
		}
		each(d)
		b = b[size:]
	}
	return nil
}
