package syscalls

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
)

// Start says what the state at the start was read from.
type Start struct {
	Threads, Descriptors int
	Took                 time.Duration
	Tasks, Files         error // why the kernel's iterators did not tell them; nil if they did
	Waits                error // why the iterator of threads did not tell arguments and environment
}

func (s *Start) String() string {
	from := func(without error) string {
		if without == nil {
			return "the kernel's iterator"
		}
		return fmt.Sprintf("/proc, for want of the kernel's iterator (%v)", firstLine(without))
	}
	threads := from(s.Tasks)
	if s.Tasks == nil && s.Waits != nil {
		threads += fmt.Sprintf(", their arguments by /proc (%v)", firstLine(s.Waits))
	}
	return fmt.Sprintf("state at the start, in %v: %d threads by %s; %d descriptors by %s", s.Took.Round(time.Millisecond), s.Threads, threads,
		s.Descriptors, from(s.Files))
}

// firstLine is that of an error's text: the verifier's go on.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// processes tells all threads, then all descriptors: of the kernel's iterators, or where it has none of /proc.
func processes(it *iterators, tell func(entry any)) (*Start, error) {
	began := time.Now()
	start := &Start{}
	all, err := start.tasks(it)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		start.Threads++
		tell(t.Process)
	}
	open, err := it.openFiles()
	start.Files = err
	sockets := newSocketTables()
	each := func(d *scap.Descriptor) {
		start.Descriptors++
		tell(d)
	}
	for _, t := range all {
		if t.TID != t.PID {
			continue
		}
		dir := fmt.Sprintf("/proc/%d", t.seen)
		if start.Files != nil {
			descriptors(dir, t.PID, sockets, each)
			continue
		}
		for _, d := range open[t.PID] {
			if d = complete(d, dir); d != nil {
				each(d)
			}
		}
	}
	start.Took = time.Since(began)
	return start, nil
}

// tasks reads all threads by the best way that the kernel has.
func (s *Start) tasks(it *iterators) ([]task, error) {
	all, err := it.tasks(true)
	if s.Waits = err; err != nil {
		all, err = it.tasks(false)
	}
	if s.Tasks = err; err != nil {
		return procTasks(nil)
	}
	told := map[int64]bool{}
	for _, t := range all {
		told[t.seen] = true
		if t.TID == t.PID && t.seen != t.PID {
			return all, nil // processes have other numbers in /proc here
		}
	}
	others, err := procTasks(told) // what the kernel does not show programs
	all = append(all, others...)
	slices.SortFunc(all, inOrder)
	return all, err
}

// procTasks reads the threads of all processes but those told from /proc, in the order that the iterator has.
func procTasks(told map[int64]bool) (out []task, err error) {
	pids, err := numbersIn("/proc")
	if err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	}
	for _, pid := range pids {
		if told[pid] {
			continue
		}
		for _, p := range threads(pid) {
			out = append(out, task{p, pid})
		}
	}
	return out, nil
}

// numbersIn are the names in a directory that are numbers, in their order.
func numbersIn(dir string) (out []int64, err error) {
	all, err := os.ReadDir(dir)
	for _, d := range all {
		if n := number(d.Name()); n > 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, err
}

// complete asks /proc about a descriptor of the iterator that has no type yet; nil if it is closed.
func complete(d *scap.Descriptor, dir string) *scap.Descriptor {
	if d.Type != 0 {
		return d
	}
	name := fmt.Sprintf("%s/fd/%d", dir, d.FD)
	target, err := os.Readlink(name)
	if err != nil {
		return nil
	}
	d = &scap.Descriptor{Thread: d.Thread, FD: d.FD, Name: target}
	readDescriptor(name, fmt.Sprintf("%s/fdinfo/%d", dir, d.FD), target, d)
	return d
}

// threads are those of a process, its first one first.
func threads(pid int64) (out []*scap.Process) {
	dir := fmt.Sprintf("/proc/%d", pid)
	first := readProcess(dir, pid)
	if first == nil {
		return nil
	}
	out = append(out, first)
	others, _ := numbersIn(dir + "/task")
	for _, tid := range others {
		if tid == pid {
			continue
		}
		own := fmt.Sprintf("%s/task/%d", dir, tid)
		t := *first
		t.TID, t.VTID, t.Flags = tid, -1, ofSameProcess
		if readStat(own, &t) && readStatus(own, &t) {
			out = append(out, &t)
		}
	}
	return out
}

// ofSameProcess are the flags of threads that are not the first one.
const ofSameProcess = scap.ThreadFiles | scap.ThreadFS | scap.ThreadSame | scap.ThreadVM

// readProcess reads what /proc tells of a process; nil if it is gone.
func readProcess(dir string, pid int64) *scap.Process {
	p := &scap.Process{TID: pid, PID: pid, VTID: -1, VPID: -1, Group: -1, Session: -1, ProcessGroup: -1, Login: math.MaxUint32, FDLimit: -1}
	if !readStat(dir, p) || !readStatus(dir, p) {
		return nil
	}
	setCommand(p, firstBytes(dir+"/cmdline", 2*longest))
	p.Env = firstBytes(dir+"/environ", longest)
	p.ExePath, _ = os.Readlink(dir + "/exe")
	var st unix.Stat_t
	if unix.Stat(dir+"/exe", &st) == nil {
		p.ExeInode, p.ExeChanged, p.ExeModified = st.Ino, uint64(st.Ctim.Nano()), uint64(st.Mtim.Nano())
		p.ExeWritable = writable(st.Mode, st.Uid, st.Gid, p)
	}
	p.Cwd, _ = os.Readlink(dir + "/cwd")
	p.Root, _ = os.Readlink(dir + "/root")
	p.Cgroups = cgroupsOf(uint64(pid))
	for line := range lines(dir + "/loginuid") {
		p.Login = uint32(number(line))
	}
	for line := range lines(dir + "/limits") {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				p.FDLimit = number(f[0])
			}
		}
	}
	return p
}

// setCommand sets program and arguments from the list of arguments.
func setCommand(p *scap.Process, command []byte) {
	exe, args, _ := bytes.Cut(command, []byte{0})
	p.Exe, p.Args = string(exe), args[:min(len(args), longest)]
	if p.Exe == "" { // the kernel's own
		p.Exe = p.Comm
	}
}

// longest is as much of arguments and environment as the kernel part reads too, bytes.
const longest = 4096

// firstBytes are at most n of a file's; none if it cannot be read.
func firstBytes(name string, n int64) []byte {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, n)) // what its process does meanwhile
	return b
}

// readStat takes what stat tells: "PID (NAME) STATE PARENT GROUP SESSION TTY ...", where NAME may hold anything.
func readStat(dir string, p *scap.Process) bool {
	b, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return false
	}
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return false
	}
	f := strings.Fields(string(b[end+1:]))
	if len(f) < 10 {
		return false
	}
	p.Comm = string(b[open+1 : end])
	p.Parent, p.ProcessGroup, p.Session, p.TTY = number(f[1]), number(f[2]), number(f[3]), uint32(number(f[4]))
	p.MinorFaults, p.MajorFaults = uint64(number(f[7])), uint64(number(f[9]))
	return true
}

// readStatus takes what status tells: lines of "Name:\tvalues".
func readStatus(dir string, p *scap.Process) bool {
	seen := false
	for line := range lines(dir + "/status") {
		seen = true
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if len(f) == 0 {
			continue
		}
		last := number(f[len(f)-1]) // the innermost namespace's
		switch name {
		case "Uid":
			p.UID = uint32(number(f[min(1, len(f)-1)])) // effective
		case "Gid":
			p.GID = uint32(number(f[min(1, len(f)-1)]))
		case "VmSize":
			p.VMSize = uint32(number(f[0]))
		case "VmRSS":
			p.VMRSS = uint32(number(f[0]))
		case "VmSwap":
			p.VMSwap = uint32(number(f[0]))
		case "NSpid":
			p.VTID = last
		case "NStgid":
			p.VPID = last
		case "NSpgid":
			p.Group = last
		case "CapInh":
			p.Inheritable = hex(f[0])
		case "CapPrm":
			p.Permitted = hex(f[0])
		case "CapEff":
			p.Effective = hex(f[0])
		}
	}
	return seen
}

// descriptors tells those of a process, of which dir is the directory.
func descriptors(dir string, pid int64, sockets *socketTables, tell func(*scap.Descriptor)) {
	all, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return // ended
	}
	namespace := ""
	for _, e := range all {
		name := dir + "/fd/" + e.Name()
		target, err := os.Readlink(name)
		if err != nil {
			continue
		}
		d := &scap.Descriptor{Thread: pid, FD: number(e.Name()), Name: target}
		if ino, ok := inode(target, "socket:["); ok {
			if namespace == "" {
				namespace, _ = os.Readlink(dir + "/ns/net")
			}
			d = sockets.find(dir, namespace, ino, d)
		} else {
			readDescriptor(name, dir+"/fdinfo/"+e.Name(), target, d)
		}
		tell(d)
	}
}

// inode reads the number in a name such as pipe:[123].
func inode(name, prefix string) (uint64, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64)
	return n, err == nil
}

// anonymous are the types of descriptors of what has no file, by their names.
var anonymous = map[string]scap.FDType{"[eventfd]": scap.FDEvent, "[eventpoll]": scap.FDEventpoll, "inotify": scap.FDInotify,
	"[signalfd]": scap.FDSignal, "[timerfd]": scap.FDTimer, "[userfaultfd]": scap.FDUserfault, "[io_uring]": scap.FDUring, "[pidfd]": scap.FDPidfd,
	"bpf-map": scap.FDBPF, "bpf-prog": scap.FDBPF, "bpf_link": scap.FDBPF}

// readDescriptor finds out what a descriptor is of that is no socket.
func readDescriptor(name, info, target string, d *scap.Descriptor) {
	if ino, ok := inode(target, "pipe:["); ok {
		d.Type, d.Inode, d.Name = scap.FDPipe, ino, ""
		return
	}
	if kind, ok := strings.CutPrefix(target, "anon_inode:"); ok {
		d.Type = scap.FDOther
		if t, ok := anonymous[kind]; ok {
			d.Type = t
		}
		return
	}
	d.Type = scap.FDFile
	var st unix.Stat_t
	if unix.Stat(name, &st) == nil {
		d.Inode = st.Ino
		major, minor := uint64(unix.Major(st.Dev)), uint64(unix.Minor(st.Dev))
		d.Device = uint32(flagSets["dev"](major<<20 | minor))
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			d.Type = scap.FDDirectory
		}
	}
	if strings.HasPrefix(target, "/memfd:") {
		d.Type = scap.FDMemfd
	}
	for line := range lines(info) {
		if rest, ok := strings.CutPrefix(line, "flags:"); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(rest), 8, 32)
			d.OpenFlags = uint32(flagSets["open"](n))
		}
	}
}
