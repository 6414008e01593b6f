package sys

import (
	"bytes"
	"slices"

	"github.com/tapir-project/tapir/scap"
)

// Parameters of the events that tell of a thread, by what they are; -1 where an event has none.
type threadParams struct {
	comm, cgroups, env, tty, group, login, flags, uid, gid, vtid, vpid, faults int
	caps, inode, changed, modified, start, processGroup                        int
}

// paramsOf are the places of the parameters of clone and exec events, by event.
var paramsOf = findThreadParams()

func findThreadParams() *[scap.Types]threadParams {
	out := new([scap.Types]threadParams)
	for t := range scap.Type(scap.Types) {
		info := t.Info()
		if !t.Exit() || info.Find("exe") < 0 {
			continue
		}
		out[t] = threadParams{comm: info.Find("comm"), cgroups: info.Find("cgroups"), env: info.Find("env"), tty: info.Find("tty"),
			group: info.Find("pgid"), login: info.Find("loginuid"), flags: info.Find("flags"), uid: info.Find("uid"), gid: info.Find("gid"),
			vtid: info.Find("vtid"), vpid: info.Find("vpid"), faults: info.Find("pgft_maj"), caps: info.Find("cap_inheritable"),
			inode: info.Find("exe_ino"), changed: info.Find("exe_ino_ctime"), modified: info.Find("exe_ino_mtime"), start: info.Find("pidns_init_start_ts"),
			processGroup: second(info, "pgid")} // the first is in the innermost namespace
	}
	return out
}

// second is the place of the second parameter that has the name; -1 if there is none.
func second(info *scap.Info, name string) int {
	first := info.Find(name) + 1
	i := slices.IndexFunc(info.Params[first:], func(p scap.Param) bool { return p.Name == name })
	if first == 0 || i < 0 {
		return -1
	}
	return first + i
}

// number is the i-th parameter as a number; ok is false if there is none, also for -1.
func (e *Event) number(i int) (int64, bool) {
	if i < 0 {
		return 0, false
	}
	return e.Int(i)
}

// onClone: clone, fork, vfork and clone3, as the parent and as the child see it. Whoever comes first makes the child.
func onClone(s *Inspector, e *Event) {
	child, _ := e.Int(0)
	switch {
	case child < 0:
		return
	case child == 0:
		if e.Thread.known || e.Thread.inverted {
			return
		}
		parent, _ := e.Int(5)
		p := s.threads[parent]
		if pid, _ := e.Int(4); pid != e.Event.Thread { // a thread's parent is its process
			p = s.threads[pid]
			parent = pid
		}
		t := s.newChild(e, e.Event.Thread, parent, p)
		t.inverted, t.last = true, e.Thread.last
		s.remove(e.Thread)
		s.add(t)
		e.Thread = t
	default:
		if v, ok := e.number(paramsOf[e.Type].vtid); ok && v != e.Event.Thread { // the child's number is that of a namespace
			return
		}
		if old := s.threads[child]; old != nil {
			if old.inverted {
				old.inverted = false
				return
			}
			s.remove(old)
		}
		s.adoptParent(e)
		s.add(s.newChild(e, child, e.Thread.TID, e.Thread))
	}
}

// adoptParent learns of a thread that was not known what its child was given by it.
func (s *Inspector) adoptParent(e *Event) {
	t := e.Thread
	if t.known || t.Comm != "<NA>" {
		return
	}
	t.Exe = string(e.Text(1))
	t.Comm = t.Exe
	if p := paramsOf[e.Type].comm; p >= 0 {
		t.Comm = string(e.Text(p))
	}
	t.Args = setTexts(t.Args, e.Param(2))
}

// newChild is the child of a clone event with what it has from its parent p, which may be nil.
func (s *Inspector) newChild(e *Event, tid, parent int64, p *Thread) *Thread {
	at := &paramsOf[e.Type]
	t := &Thread{TID: tid, Parent: parent, Session: -1, Group: -1, ProcessGroup: -1, VTID: -1, VPID: -1, Login: None, FDLimit: -1, Started: e.Time, known: true}
	if p != nil {
		t.Session, t.Group, t.Login, t.TTY, t.Root, t.Cwd = p.Session, p.Group, p.Login, p.TTY, p.Root, p.cwdOwner(s).Cwd
		t.ExePath, t.Env, t.ContainerID = p.ExePath, bytes.Clone(p.Env), p.ContainerID
		t.Program, t.NamespaceStart, t.ProcessGroup = p.Program, p.NamespaceStart, p.ProcessGroup
		t.Cgroups, t.Comm, t.FDLimit = bytes.Clone(p.Cgroups), p.Comm, p.FDLimit
		t.CapInherit, t.CapPerm, t.CapEffective = p.CapInherit, p.CapPerm, p.CapEffective
	}
	t.Exe = string(e.Text(1))
	t.Comm = t.Exe
	if at.comm >= 0 {
		t.Comm = string(e.Text(at.comm))
	}
	t.Args = setTexts(nil, e.Param(2))
	t.PID, _ = e.Int(4)
	if v, ok := e.number(at.flags); ok {
		t.Flags = uint32(v)
	}
	s.usage(e, t, at)
	if v, ok := e.number(at.uid); ok {
		t.UID = uint32(v)
	}
	if v, ok := e.number(at.gid); ok {
		t.GID = uint32(v)
	}
	if v, ok := e.Int(7); ok {
		t.FDLimit = v
	}
	if tid != e.Event.Thread { // the ids are those of the parent
		if t.Flags&scap.ThreadSame == 0 {
			t.PID = tid
		}
		t.VTID, t.VPID = tid, t.PID
	} else {
		t.VTID, _ = e.number(at.vtid)
		t.VPID, _ = e.number(at.vpid)
	}
	if v, ok := e.number(at.start); ok && v > 0 { // since the machine began
		t.NamespaceStart = uint64(s.Machine.Boot + v)
	}
	if at.cgroups >= 0 && e.Params() > at.cgroups {
		t.Cgroups = setTexts(nil, e.Param(at.cgroups))
		t.ContainerID = containerOf(t.Cgroups)
	}
	if !t.sharesFDs() && p != nil {
		if table := s.table(p); table != nil {
			t.fds = table.copy()
		}
	}
	return t
}

// usage takes memory and page faults.
func (s *Inspector) usage(e *Event, t *Thread, at *threadParams) {
	if at.faults < 0 || e.Params() < at.faults+5 {
		return
	}
	v, _ := e.Int(at.faults)
	t.Major = uint64(v)
	v, _ = e.Int(at.faults + 1)
	t.Minor = uint64(v)
	s.memory(e, t, at.faults+2)
}

// memory takes the three sizes from parameter i on.
func (s *Inspector) memory(e *Event, t *Thread, i int) {
	if e.Params() < i+3 {
		return
	}
	size, _ := e.Int(i)
	rss, _ := e.Int(i + 1)
	swap, _ := e.Int(i + 2)
	t.VMSize, t.VMRSS, t.VMSwap = uint32(size), uint32(rss), uint32(swap)
}

// cwdOwner is the thread whose working directory t's is.
func (t *Thread) cwdOwner(s *Inspector) *Thread {
	if t.Flags&scap.ThreadFS == 0 || t.TID == t.PID {
		return t
	}
	if m := s.Main(t); m != nil {
		return m
	}
	return t
}

func onExec(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n < 0 {
		return
	}
	t, at := e.Thread, &paramsOf[e.Type]
	t.Exe = string(e.Text(1))
	t.Comm = t.Exe[lastSlash(t.Exe)+1:]
	if at.comm >= 0 {
		t.Comm = string(e.Text(at.comm))
	}
	t.Args = setTexts(t.Args, e.Param(2))
	if v, ok := e.Int(4); ok {
		t.PID = v
	}
	if v, ok := e.Int(5); ok {
		t.Parent = v
	}
	if v, ok := e.Int(7); ok {
		t.FDLimit = v
	}
	s.usage(e, t, at)
	if at.cgroups >= 0 && e.Params() > at.cgroups {
		t.Cgroups = setTexts(t.Cgroups, e.Param(at.cgroups))
		t.ContainerID = containerOf(t.Cgroups)
	}
	if at.env >= 0 && e.Params() > at.env {
		t.Env = setTexts(t.Env, e.Param(at.env))
	}
	if v, ok := e.number(at.tty); ok {
		t.TTY = uint32(v)
	}
	if v, ok := e.number(at.group); ok {
		t.Group = v
	}
	if v, ok := e.number(at.login); ok {
		t.Login = uint32(v)
	}
	e.program(t, at)
	if v, ok := e.number(at.processGroup); ok {
		t.ProcessGroup = v
	}
	if v, ok := e.number(at.uid); ok {
		t.UID = uint32(v)
	}
	if at.caps >= 0 && e.Params() > at.caps+2 {
		e.capabilities(t, at.caps)
	}
	s.execPath(e, t)
	t.known = true
}

// The flags of execve.
const (
	exeWritable = 1 << iota
	exeUpper
	exeFromMemory
	exeLower
)

// program takes what execve tells of the file that the thread runs now. Of what older events do not tell, nothing is known any more.
func (e *Event) program(t *Thread, at *threadParams) {
	p := &t.Program
	if v, ok := e.number(at.flags); ok {
		p.ExeWritable, p.ExeUpper, p.ExeFromMemory, p.ExeLower = v&exeWritable != 0, v&exeUpper != 0, v&exeFromMemory != 0, v&exeLower != 0
	}
	inode, _ := e.number(at.inode)
	changed, _ := e.number(at.changed)
	modified, _ := e.number(at.modified)
	p.ExeInode, p.ExeChanged, p.ExeModified = uint64(inode), uint64(changed), uint64(modified)
}

// execPath finds the program's path: what the kernel says, or what execve was asked for.
func (s *Inspector) execPath(e *Event, t *Thread) {
	info := e.Info
	if i := info.Find("trusted_exepath"); i >= 0 && e.Params() > i {
		if p := e.Text(i); len(p) > 0 {
			t.ExePath = string(p)
			return
		}
	}
	in := e.enter()
	if in == nil || in.Params() == 0 {
		t.ExePath = ""
		return
	}
	name, dir := in.Text(0), t.cwdOwner(s).Cwd
	if in.Type == 330 { // execveat
		name = in.Text(1)
		v, _ := in.Int(0)
		dir = s.dirOf(e, v, name)
	}
	t.ExePath = s.path(dir, name)
}

func lastSlash(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			return i
		}
	}
	return -1
}

func onExit(s *Inspector, e *Event) { s.gone = e.Thread }

func onMemory(s *Inspector, e *Event) {
	s.memory(e, s.memoryOf(e.Thread), 1)
}

// memoryOf is the thread that knows of t's memory.
func (s *Inspector) memoryOf(t *Thread) *Thread {
	if m := s.Main(t); m != nil && s.shared {
		return m
	}
	return t
}

func onSwitch(s *Inspector, e *Event) {
	if e.Type == typeSwitch6 {
		v, _ := e.Int(1)
		e.Thread.Major = uint64(v)
		v, _ = e.Int(2)
		e.Thread.Minor = uint64(v)
		t := e.Thread
		if m := s.Main(t); m != nil {
			t = m
		}
		s.memory(e, t, 3)
	}
}

func onSetuid(s *Inspector, e *Event) {
	if v, ok := s.newID(e); ok {
		e.Thread.UID = v
	}
}

func onSetgid(s *Inspector, e *Event) {
	if v, ok := s.newID(e); ok {
		e.Thread.GID = v
	}
}

// newID is the effective id that setuid, setresuid and the like set.
func (s *Inspector) newID(e *Event) (uint32, bool) {
	if n, ok := e.Int(0); !ok || n != 0 {
		return 0, false
	}
	i := 0
	switch e.Type {
	case 193, 195, 427, 429: // real, effective, saved
		i = 1
	}
	var v int64
	var ok bool
	if in := e.enter(); in != nil && in.Params() > i {
		v, ok = in.Int(i)
	} else {
		v, ok = e.Int(i + 1)
	}
	return uint32(v), ok && v != None
}

// limitFiles is the number of RLIMIT_NOFILE.
const limitFiles = 7

// onLimit: setrlimit, prlimit.
func onLimit(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n < 0 {
		return
	}
	t, resource, pid := e.Thread, int64(-1), int64(0)
	if in := e.enter(); in != nil && in.Params() > 0 {
		if e.Type == 143 {
			resource, _ = in.Int(0)
		} else {
			pid, _ = in.Int(0)
			resource, _ = in.Int(1)
		}
	} else if i := e.Info.Find("resource"); e.Params() > i {
		resource, _ = e.Int(i)
		if j := e.Info.Find("pid"); j >= 0 {
			pid, _ = e.Int(j)
		}
	}
	v, ok := e.Int(1)
	if resource != limitFiles || !ok || v == -1 {
		return
	}
	if pid > 0 {
		t = s.threads[pid]
	}
	if t != nil {
		if m := s.Main(t); m != nil {
			m.FDLimit = v
		}
	}
}

func onSetpgid(s *Inspector, e *Event) {
	if n, ok := e.Int(0); !ok || n != 0 {
		return
	}
	var pid, group int64
	if in := e.enter(); in != nil && in.Params() >= 2 {
		pid, _ = in.Int(0)
		group, _ = in.Int(1)
	} else if e.Params() >= 3 {
		pid, _ = e.Int(1)
		group, _ = e.Int(2)
	} else {
		return
	}
	t := e.Thread
	if pid != 0 && pid != t.PID {
		t = s.threads[pid]
	}
	if t == nil {
		return
	}
	if group == 0 {
		group = t.VPID
	}
	t.Group = group
	if t.VPID == t.PID { // it numbers groups as the machine does
		t.ProcessGroup = group
	}
}

func onSetsid(s *Inspector, e *Event) {
	if n, ok := e.Int(0); ok && n >= 0 {
		e.Thread.Session = n
	}
}

func onChroot(s *Inspector, e *Event) {
	if n, ok := e.Int(0); ok && n >= 0 {
		e.Thread.Root = s.path(e.Thread.cwdOwner(s).Cwd, e.Text(1))
	}
}

// setName is the option of prctl that gives the thread a name.
const setName = 15

func onPrctl(s *Inspector, e *Event) {
	option, _ := e.Int(1)
	if n, ok := e.Int(0); ok && n == 0 && option == setName && len(e.Text(2)) > 0 {
		e.Thread.Comm = s.names.get(e.Text(2))
	}
}

func onCapset(s *Inspector, e *Event) {
	if n, ok := e.Int(0); !ok || n < 0 || e.Params() < 4 {
		return
	}
	e.capabilities(e.Thread, 1)
}

// capabilities takes the three sets from parameter i on.
func (e *Event) capabilities(t *Thread, i int) {
	a, _ := e.Int(i)
	b, _ := e.Int(i + 1)
	c, _ := e.Int(i + 2)
	t.CapInherit, t.CapPerm, t.CapEffective = uint64(a), uint64(b), uint64(c)
}

// onProcinfo takes the processor time that the capture reports about each second.
func onProcinfo(s *Inspector, e *Event) {
	user, _ := e.Int(0)
	system, _ := e.Int(1)
	t := e.Thread
	old, oldSystem, known := t.cpuUser, t.cpuSystem, t.cpuKnown
	t.cpuUser, t.cpuSystem, t.cpuKnown = uint64(user), uint64(system), true
	if known {
		t.cpuUserNow, t.cpuSysNow = float64(t.cpuUser-old), float64(t.cpuSystem-oldSystem)
	}
}

func onUser(s *Inspector, e *Event) {
	id, _ := e.Int(0)
	if len(e.Text(5)) > 0 { // of a container
		return
	}
	if e.Type == typeUserDeleted {
		delete(s.users, uint32(id))
		return
	}
	group, _ := e.Int(1)
	s.users[uint32(id)] = &scap.User{ID: uint32(id), Group: uint32(group), Name: string(e.Text(2)), Home: string(e.Text(3)), Shell: string(e.Text(4))}
}

func onGroup(s *Inspector, e *Event) {
	id, _ := e.Int(0)
	if len(e.Text(2)) > 0 {
		return
	}
	if e.Type == typeGroupDeleted {
		delete(s.groups, uint32(id))
		return
	}
	s.groups[uint32(id)] = &scap.Group{ID: uint32(id), Name: string(e.Text(1))}
}
