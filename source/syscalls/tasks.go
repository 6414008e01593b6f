package syscalls

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/scap"
)

// task is a thread as the kernel's iterator tells it.
type task struct {
	*scap.Process
	seen int64 // number of its process for who reads /proc here
}

// inOrder compares threads by process, its first one first.
func inOrder(a, b task) int {
	return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(flag(a.TID != a.PID), flag(b.TID != b.PID)), cmp.Compare(a.TID, b.TID))
}

// groupsKey is what threads that are in the same control groups have in common: an address in the kernel, and whether they are ending.
type groupsKey struct {
	set    uint64
	ending bool
}

// tasksReader makes threads of the iterator's records.
type tasksReader struct {
	epoch  int64 // of CLOCK_MONOTONIC, ns since the epoch
	all    []task
	faults map[int64][2]uint64 // of a process, major and minor, of all its threads
	groups map[groupsKey][]byte
}

// tasks reads all threads from the kernel's iterator, those of a process together, its first one first. Its error says that this kernel has
// no such iterator.
func (it *iterators) tasks(waits bool) ([]task, error) {
	epoch, err := monotonicEpoch()
	if err != nil {
		return nil, err
	}
	r := &tasksReader{epoch: epoch, faults: map[int64][2]uint64{}, groups: map[groupsKey][]byte{}}
	if err := it.read(bpf.SyscallsProgTapirTasks, waits, r.add); err != nil {
		return nil, err
	}
	slices.SortFunc(r.all, inOrder)
	var first *scap.Process
	out := r.all[:0]
	for _, t := range r.all {
		switch {
		case t.TID == t.PID:
			first = t.Process
			first.MajorFaults, first.MinorFaults = r.faults[t.PID][0], r.faults[t.PID][1]
		case first == nil || first.PID != t.PID:
			continue // it has ended meanwhile
		default:
			t.share(first)
		}
		out = append(out, t)
	}
	return out, nil
}

// share fills in what a thread has in common with the first one of its process.
func (t *task) share(first *scap.Process) {
	t.Exe, t.ExePath, t.Cwd, t.Root = first.Exe, first.ExePath, first.Cwd, first.Root
	t.Args, t.Env, t.Cgroups = first.Args, first.Env, first.Cgroups
	t.Flags = ofSameProcess
	if first.VMSize != 0 {
		t.VMRSS, t.VMSwap = first.VMRSS, first.VMSwap
	}
}

// add adds the thread of a record.
func (r *tasksReader) add(d *decoder) {
	p := process(d.bytes(0, 0))
	if len(p) < processSize {
		return
	}
	t := task{p.entry(r.epoch), d.result}
	sum := r.faults[t.PID]
	if t.TID == t.PID {
		sum[0] += d.args[3]
		sum[1] += d.args[4]
		r.first(d, t)
	}
	r.faults[t.PID] = [2]uint64{sum[0] + t.MajorFaults, sum[1] + t.MinorFaults}
	r.all = append(r.all, t)
}

// What the kernel part says of a thread beside its record: flags of the kernel's own, and whether its process has memory and has
// overwritten its arguments with a title.
const (
	threadExiting = 0x4
	threadKernel  = 0x200000

	hasMemory = 1
	hasTitle  = 2
)

// The parts of a record of a thread.
const (
	partCommand = iota + 1
	partEnv
	partExe
	partCwd
	partRoot
)

// first completes the first thread of a process. /proc is asked for what the kernel part could not tell.
func (r *tasksReader) first(d *decoder, t task) {
	dir := fmt.Sprintf("/proc/%d", t.seen)
	var command []byte
	if d.args[5]&hasMemory != 0 {
		command = d.others(partCommand, dir+"/cmdline", 2*longest)
		if end := bytes.IndexByte(command, 0) + 1; end > 0 && d.args[5]&hasTitle != 0 {
			command = command[:end]
		}
		t.Env = d.others(partEnv, dir+"/environ", longest)
		t.ExePath = d.path(partExe, dir+"/exe")
	}
	t.Cwd, t.Root = d.path(partCwd, dir+"/cwd"), d.path(partRoot, dir+"/root")
	if d.args[1]&threadKernel != 0 { // whose names are longer in /proc
		if b, err := os.ReadFile(dir + "/comm"); err == nil {
			t.Comm = string(bytes.TrimSuffix(b, []byte{'\n'}))
		}
	}
	setCommand(t.Process, command)
	key := groupsKey{d.args[2], d.args[1]&threadExiting != 0}
	groups, ok := r.groups[key]
	if !ok {
		groups = cgroupsOf(uint64(t.seen))
		r.groups[key] = groups
	}
	t.Cgroups = groups
}

// others is memory of another process that the kernel part has read; what it could not read is in the file.
func (d *decoder) others(part int, file string, most int64) []byte {
	c := d.chunk(0, part)
	if c == nil || len(c.data) == 0 && c.whole > 0 {
		return firstBytes(file, most)
	}
	return bytes.Clone(c.data[:min(len(c.data), int(most))])
}

// path is that of names which the kernel part gathered; if it is gone or too long, what the link says.
func (d *decoder) path(part int, link string) string {
	c := d.chunk(0, part)
	switch {
	case c == nil || c.cut() || part == partExe && len(c.data) == 0:
		target, _ := os.Readlink(link) // it may have ended
		return target
	case len(c.data) == 0:
		return "/"
	}
	return string(joinPath(c.data))
}

// entry is the thread as tables have it, but for what it has in common with others of its process. epoch is that of CLOCK_MONOTONIC.
func (p process) entry(epoch int64) *scap.Process {
	t := &scap.Process{TID: int64(p.u32(procThread)), PID: int64(p.u32(procProcess)), Parent: int64(p.u32(procParent)),
		Session: int64(p.u32(procSession)), ProcessGroup: int64(p.u32(procGroup)), Group: int64(p.u32(procLocalGroup)),
		Comm: string(bytes.TrimRight(p.comm(), "\x00")), FDLimit: int64(p.u64(procFiles)), UID: uint32(p.u32(procUID)), GID: uint32(p.u32(procGID)),
		VMSize: uint32(p.u64(procSize)), VMRSS: uint32(p.u64(procRSS)), VMSwap: uint32(p.u64(procSwap)),
		MajorFaults: p.u64(procMajor), MinorFaults: p.u64(procMinor), VTID: int64(p.u32(procLocalThread)), VPID: int64(p.u32(procLocalProcess)),
		TTY: uint32(p.u32(procTTY)), Login: uint32(p.u32(procLogin)),
		Inheritable: p.u64(procInheritable), Permitted: p.u64(procPermitted), Effective: p.u64(procEffective),
		Program: scap.Program{ExeWritable: p.writable(), ExeInode: p.u64(procInode), ExeChanged: p.u64(procChanged), ExeModified: p.u64(procModified)}}
	if start := p.u64(procStart); start != 0 {
		t.NamespaceStart = uint64(epoch) + start
	}
	return t
}
