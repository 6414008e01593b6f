package syscalls

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
)

// processes tells all threads of /proc, then all descriptors: of the kernel's iterator, or where it has none of /proc.
func processes(tell func(entry any)) error {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("processes: %w", err)
	}
	var pids []int64
	for _, d := range all {
		if pid := number(d.Name()); pid > 0 {
			pids = append(pids, pid)
			for _, p := range threads(pid) {
				tell(p)
			}
		}
	}
	open, err := openFiles()
	if err != nil {
		sockets := newSocketTables()
		for _, pid := range pids {
			descriptors(pid, sockets, tell)
		}
		return nil
	}
	for _, pid := range pids {
		for _, d := range open[pid] {
			if d.Type == 0 {
				dir := fmt.Sprintf("/proc/%d", pid)
				name := fmt.Sprintf("%s/fd/%d", dir, d.FD)
				target, err := os.Readlink(name)
				if err != nil {
					continue // closed
				}
				d = &scap.Descriptor{Thread: pid, FD: d.FD, Name: target}
				readDescriptor(name, fmt.Sprintf("%s/fdinfo/%d", dir, d.FD), target, d)
			}
			tell(d)
		}
	}
	return nil
}

// threads are those of a process, its first one first.
func threads(pid int64) (out []*scap.Process) {
	dir := fmt.Sprintf("/proc/%d", pid)
	first := readProcess(dir, pid)
	if first == nil {
		return nil
	}
	out = append(out, first)
	others, _ := os.ReadDir(dir + "/task")
	for _, d := range others {
		tid := number(d.Name())
		if tid == pid {
			continue
		}
		t := *first
		t.TID, t.VTID = tid, -1
		t.Flags = scap.ThreadFiles | scap.ThreadFS | scap.ThreadSame | scap.ThreadVM
		readStat(filepath.Join(dir, "task", d.Name()), &t)
		readStatus(filepath.Join(dir, "task", d.Name()), &t)
		t.PID = pid
		out = append(out, &t)
	}
	return out
}

// readProcess reads what /proc tells of a process; nil if it is gone.
func readProcess(dir string, pid int64) *scap.Process {
	p := &scap.Process{TID: pid, PID: pid, VTID: -1, VPID: -1, Group: -1, Session: -1, ProcessGroup: -1, Login: math.MaxUint32, FDLimit: -1}
	if !readStat(dir, p) || !readStatus(dir, p) {
		return nil
	}
	command, _ := os.ReadFile(dir + "/cmdline")
	exe, args, _ := bytes.Cut(command, []byte{0})
	p.Exe, p.Args = string(exe), args
	if p.Exe == "" { // the kernel's own
		p.Exe = p.Comm
	}
	p.Env, _ = os.ReadFile(dir + "/environ")
	if len(p.Env) > longest {
		p.Env = p.Env[:longest]
	}
	if len(p.Args) > longest {
		p.Args = p.Args[:longest]
	}
	p.ExePath, _ = os.Readlink(dir + "/exe")
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

// longest is as much of arguments and environment as the kernel part reads too, bytes.
const longest = 4096

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

// descriptors tells those of a process.
func descriptors(pid int64, sockets *socketTables, tell func(entry any)) {
	dir := fmt.Sprintf("/proc/%d", pid)
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
