package sys

import (
	"bytes"
	"math"
	"strconv"

	"github.com/tapir-project/tapir/scap"
)

// ofThread is a number of the event's thread.
func ofThread(n func(e *Event, t *Thread) (int64, bool)) numFunc {
	return func(_ *Field, e *Event) (int64, bool) {
		if e.Thread == nil {
			return 0, false
		}
		return n(e, e.Thread)
	}
}

func threadInt(n func(t *Thread) int64) numFunc {
	return ofThread(func(_ *Event, t *Thread) (int64, bool) { return n(t), true })
}

// threadText is a text of the event's thread.
func threadText(text func(e *Event, t *Thread, dst []byte) ([]byte, bool)) textFunc {
	return func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		if e.Thread == nil {
			return dst, false
		}
		return text(e, e.Thread, dst)
	}
}

func threadString(text func(t *Thread) string) textFunc {
	return threadText(func(_ *Event, t *Thread, dst []byte) ([]byte, bool) { return append(dst, text(t)...), true })
}

// mainInt is a number of the first thread of the event's process.
func mainInt(n func(t *Thread) int64) numFunc {
	return ofThread(func(e *Event, t *Thread) (int64, bool) {
		if m := e.s.Main(t); m != nil {
			t = m
		}
		return n(t), true
	})
}

// memoryInt is how much memory there is of a kind.
func memoryInt(n func(t *Thread) uint32) numFunc {
	return ofThread(func(e *Event, t *Thread) (int64, bool) { return int64(n(e.s.memoryOf(t))), true })
}

func notNegative(n func(t *Thread) int64) numFunc {
	return ofThread(func(_ *Event, t *Thread) (int64, bool) { return n(t), n(t) != -1 })
}

var procFields = []definition{
	{name: "proc.pid", kind: Int, num: threadInt(func(t *Thread) int64 { return t.PID })},
	{name: "proc.exe", text: threadString(func(t *Thread) string { return t.Exe })},
	{name: "proc.name", str: func(e *Event) (string, bool) {
		if e.Thread == nil {
			return "", false
		}
		return e.Thread.Comm, true
	}, text: threadString(func(t *Thread) string { return t.Comm })},
	{name: "proc.args", text: threadText(func(_ *Event, t *Thread, dst []byte) ([]byte, bool) { return appendTexts(dst, t.Args, ' '), true })},
	{name: "proc.env", arg: mayArgument, text: envText},
	{name: "proc.cmdline", text: threadText(func(_ *Event, t *Thread, dst []byte) ([]byte, bool) { return t.appendCommand(dst, t.Comm), true })},
	{name: "proc.exeline", text: threadText(func(_ *Event, t *Thread, dst []byte) ([]byte, bool) {
		return appendTexts(append(append(dst, t.Exe...), ' '), t.Args, ' '), true
	})},
	{name: "proc.cwd", text: threadText(func(e *Event, t *Thread, dst []byte) ([]byte, bool) { return append(dst, e.cwd()...), true })},
	{name: "proc.nthreads", kind: Uint, upper: "UINT32", num: mainInt(func(t *Thread) int64 { return int64(t.children) + 1 })},
	{name: "proc.nchilds", kind: Uint, upper: "UINT32", num: threadInt(func(t *Thread) int64 { return int64(t.children) })},
	{name: "proc.ppid", kind: Int, num: mainInt(func(t *Thread) int64 { return t.Parent })},
	{name: "proc.pname", text: threadText(func(e *Event, t *Thread, dst []byte) ([]byte, bool) {
		if p := e.s.ParentOf(t); p != nil {
			return append(dst, p.Comm...), true
		}
		return dst, false
	})},
	{name: "proc.pcmdline", text: threadText(func(e *Event, t *Thread, dst []byte) ([]byte, bool) {
		if p := e.s.ParentOf(t); p != nil {
			return p.appendCommand(dst, p.Comm), true
		}
		return dst, false
	})},
	{name: "proc.apid", kind: Int, arg: mayArgument, num: func(f *Field, e *Event) (int64, bool) {
		if p := f.ancestor(e); p != nil {
			return p.PID, true
		}
		return 0, false
	}, some: true, each: func(f *Field, e *Event, yield func(int64, []byte) bool) {
		e.ancestors(f, func(t *Thread) bool { return yield(t.PID, nil) })
	}},
	{name: "proc.aname", arg: mayArgument, text: func(f *Field, e *Event, dst []byte) ([]byte, bool) {
		if p := f.ancestor(e); p != nil {
			return append(dst, p.Comm...), true
		}
		return dst, false
	}, some: true, each: func(f *Field, e *Event, yield func(int64, []byte) bool) {
		e.ancestors(f, func(t *Thread) bool { return yield(0, append(e.s.scratch(), t.Comm...)) })
	}},
	{name: "proc.loginshellid", kind: Int, num: ofThread(loginShell)},
	{name: "proc.duration", kind: Duration, num: ofThread(func(e *Event, t *Thread) (int64, bool) { return e.Time - t.Started, t.Started != 0 })},
	{name: "proc.fdopencount", kind: Uint, num: ofThread(func(e *Event, t *Thread) (int64, bool) { return e.s.openFDs(t), true })},
	{name: "proc.fdlimit", kind: Int, num: mainInt(func(t *Thread) int64 { return t.FDLimit })},
	{name: "proc.fdusage", kind: Float, num: ofThread(fdUsage), text: floatText(ofThread(fdUsage))},
	{name: "proc.vmsize", kind: Uint, num: memoryInt(func(t *Thread) uint32 { return t.VMSize })},
	{name: "proc.vmrss", kind: Uint, num: memoryInt(func(t *Thread) uint32 { return t.VMRSS })},
	{name: "proc.vmswap", kind: Uint, num: memoryInt(func(t *Thread) uint32 { return t.VMSwap })},
	{name: "thread.pfmajor", kind: Uint, num: threadInt(func(t *Thread) int64 { return int64(t.Major) })},
	{name: "thread.pfminor", kind: Uint, num: threadInt(func(t *Thread) int64 { return int64(t.Minor) })},
	{name: "thread.tid", kind: Int, num: always(func(e *Event) int64 { return e.Event.Thread })},
	{name: "thread.ismain", kind: Bool, num: threadInt(func(t *Thread) int64 { return number(t.TID == t.PID) })},
	{name: "thread.exectime", kind: Duration, num: func(f *Field, e *Event) (int64, bool) { return f.execTime(e), e.aside || e.Thread != nil }},
	{name: "thread.totexectime", kind: Duration, num: func(f *Field, e *Event) (int64, bool) {
		f.execTime(e)
		return f.totals[e.Event.Thread], e.Thread != nil
	}},
	{name: "thread.cgroups", text: threadText(func(_ *Event, t *Thread, dst []byte) ([]byte, bool) {
		n := len(dst)
		eachText(t.Cgroups, func(s []byte) bool {
			if len(dst) > n {
				dst = append(dst, ' ')
			}
			if name, path, ok := bytes.Cut(s, equals); ok && string(name) == "io" {
				dst = append(append(dst, "blkio="...), path...)
			} else {
				dst = append(dst, s...)
			}
			return true
		})
		return dst, len(t.Cgroups) > 0
	})},
	{name: "thread.cgroup", arg: mustArgument, text: cgroupText},
	{name: "thread.vtid", kind: Int, num: notNegative(func(t *Thread) int64 { return t.VTID })},
	{name: "proc.vpid", kind: Int, num: notNegative(func(t *Thread) int64 { return t.VPID })},
	{name: "thread.cpu", kind: Float, num: cpuNumber(true, true), text: floatText(cpuNumber(true, true))},
	{name: "thread.cpu.user", kind: Float, num: cpuNumber(true, false), text: floatText(cpuNumber(true, false))},
	{name: "thread.cpu.system", kind: Float, num: cpuNumber(false, true), text: floatText(cpuNumber(false, true))},
	{name: "thread.vmsize", kind: Uint, num: threadInt(func(t *Thread) int64 { return ownMemory(t, t.VMSize) })},
	{name: "thread.vmrss", kind: Uint, num: threadInt(func(t *Thread) int64 { return ownMemory(t, t.VMRSS) })},
	{name: "proc.sid", kind: Int, num: threadInt(func(t *Thread) int64 { return t.Session })},
	{name: "proc.sname", text: threadText(func(e *Event, t *Thread, dst []byte) ([]byte, bool) { return append(dst, e.s.leader(t).Comm...), true })},
	{name: "proc.tty", kind: Int, upper: "INT32", num: threadInt(func(t *Thread) int64 { return int64(int32(t.TTY)) })},
	{name: "proc.exepath", text: threadString(func(t *Thread) string { return t.ExePath })},
	{name: "proc.vpgid", kind: Int, num: threadInt(func(t *Thread) int64 { return t.Group })},
	{name: "proc.is_container_healthcheck", kind: Bool, num: threadInt(func(*Thread) int64 { return 0 })},
	{name: "proc.is_container_liveness_probe", kind: Bool, num: threadInt(func(*Thread) int64 { return 0 })},
	{name: "proc.is_container_readiness_probe", kind: Bool, num: threadInt(func(*Thread) int64 { return 0 })},
	{name: "proc.is_exe_writable", kind: Bool, num: threadInt(func(t *Thread) int64 { return number(t.Program.ExeWritable) })},
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// appendCommand appends a name and the arguments.
func (t *Thread) appendCommand(dst []byte, name string) []byte {
	dst = append(dst, name...)
	if len(t.Args) > 0 {
		dst = appendTexts(append(dst, ' '), t.Args, ' ')
	}
	return dst
}

// envText is the environment, or one variable of it.
func envText(f *Field, e *Event, dst []byte) ([]byte, bool) {
	if e.Thread == nil {
		return dst, false
	}
	if f.arg == "" {
		return appendTexts(dst, e.Thread.Env, ' '), true
	}
	ok := false
	eachText(e.Thread.Env, func(s []byte) bool {
		if len(s) > len(f.arg) && s[len(f.arg)] == '=' && string(s[:len(f.arg)]) == f.arg {
			dst, ok = append(dst, s[len(f.arg)+1:]...), true
		}
		return !ok
	})
	return dst, ok
}

// maxAncestors ends the walk to the root where damaged tables make a circle.
const maxAncestors = 64

// ancestors calls f with the ancestors of the event's process, the nearest first.
func (e *Event) ancestors(_ *Field, f func(t *Thread) bool) {
	t := e.Thread
	if t == nil {
		return
	}
	if m := e.s.Main(t); m != nil {
		t = m
	}
	for range maxAncestors {
		p := e.s.ParentOf(t)
		if p == nil || p == t || !f(p) {
			return
		}
		t = p
	}
}

// ancestor is the one that [N] asks for; 0 is the process itself, 1 its parent.
func (f *Field) ancestor(e *Event) (out *Thread) {
	if e.Thread == nil {
		return nil
	}
	n := max(f.index, 0)
	if n == 0 {
		if m := e.s.Main(e.Thread); m != nil {
			return m
		}
		return e.Thread
	}
	e.ancestors(f, func(t *Thread) bool {
		n--
		if n == 0 {
			out = t
		}
		return n > 0
	})
	return out
}

// loginShell is the oldest ancestor, or the process itself, whose name ends like a shell's.
func loginShell(e *Event, t *Thread) (id int64, ok bool) {
	if m := e.s.Main(t); m != nil {
		t = m
	}
	see := func(t *Thread) bool {
		if n := len(t.Comm); n >= 2 && t.Comm[n-2:] == "sh" {
			id, ok = t.PID, true
		}
		return true
	}
	see(t)
	e.ancestors(nil, see)
	return id, ok
}

// leader is the oldest ancestor in t's session.
func (s *Inspector) leader(t *Thread) *Thread {
	if m := s.Main(t); m != nil {
		t = m
	}
	if l := s.threads[t.Session]; l != nil && t.Session > 0 {
		return l
	}
	for range maxAncestors {
		p := s.ParentOf(t)
		if p == nil || p == t || p.Session != t.Session {
			break
		}
		t = p
	}
	return t
}

func (s *Inspector) openFDs(t *Thread) int64 {
	if table := s.table(t); table != nil {
		return int64(table.n)
	}
	return 0
}

func fdUsage(e *Event, t *Thread) (int64, bool) {
	m := t
	if x := e.s.Main(t); x != nil {
		m = x
	}
	if m.FDLimit <= 0 {
		return int64(math.Float64bits(0)), true
	}
	return int64(math.Float64bits(float64(e.s.openFDs(t)) * 100 / float64(m.FDLimit))), true
}

// floatText shows a float with one decimal.
func floatText(num numFunc) textFunc {
	return func(f *Field, e *Event, dst []byte) ([]byte, bool) {
		n, ok := num(f, e)
		if !ok {
			return dst, false
		}
		return appendFloat(dst, math.Float64frombits(uint64(n))), true
	}
}

func appendFloat(dst []byte, x float64) []byte { return strconv.AppendFloat(dst, x, 'f', 1, 64) }

func isSwitch(e *Event) bool { return e.Type == typeSwitch1 || e.Type == typeSwitch6 }

func cgroupText(f *Field, e *Event, dst []byte) ([]byte, bool) {
	if e.Thread == nil {
		return dst, false
	}
	ok := false
	eachText(e.Thread.Cgroups, func(s []byte) bool {
		name, path, _ := bytes.Cut(s, equals)
		if string(name) == f.arg || string(name) == "io" && f.arg == "blkio" {
			dst, ok = append(dst, path...), true
		}
		return !ok
	})
	return dst, ok
}

var equals = []byte{'='}

// cpuNumber is the share of a processor that the thread used in the second before, as the capture reports it.
func cpuNumber(user, system bool) numFunc {
	return ofThread(func(e *Event, t *Thread) (int64, bool) {
		if e.Type != typeProcinfo || !t.cpuKnown {
			return 0, false
		}
		x := 0.0
		if user {
			x += t.cpuUserNow
		}
		if system {
			x += t.cpuSysNow
		}
		return int64(math.Float64bits(x)), true
	})
}

// ownMemory counts memory once for a process: on its first thread.
func ownMemory(t *Thread, n uint32) int64 {
	if t.TID == t.PID {
		return int64(n)
	}
	return 0
}

var accountFields = []definition{
	{name: "user.uid", kind: Uint, upper: "UINT32", num: threadInt(func(t *Thread) int64 { return int64(t.UID) })},
	{name: "user.name", text: userText(uid, func(u *scap.User) string { return u.Name })},
	{name: "user.homedir", text: userText(uid, func(u *scap.User) string { return u.Home })},
	{name: "user.shell", text: userText(uid, func(u *scap.User) string { return u.Shell })},
	{name: "user.loginuid", kind: Int, upper: "INT32", num: threadInt(func(t *Thread) int64 { return int64(int32(t.Login)) })},
	{name: "user.loginname", text: userText(login, func(u *scap.User) string { return u.Name })},
	{name: "group.gid", kind: Uint, num: threadInt(func(t *Thread) int64 { return int64(t.GID) })},
	{name: "group.name", text: threadText(func(e *Event, t *Thread, dst []byte) ([]byte, bool) {
		if g := e.s.groups[t.GID]; g != nil {
			return append(dst, g.Name...), true
		}
		return dst, false
	})},
}

func uid(t *Thread) uint32   { return t.UID }
func login(t *Thread) uint32 { return t.Login }

func userText(id func(*Thread) uint32, text func(*scap.User) string) textFunc {
	return threadText(func(e *Event, t *Thread, dst []byte) ([]byte, bool) {
		if u := e.s.users[id(t)]; u != nil {
			return append(dst, text(u)...), true
		}
		return dst, false
	})
}

// execTime is how long the thread ran that a switch ends: since the switch before on its processor. It is 0 for other events.
func (f *Field) execTime(e *Event) int64 {
	if !isSwitch(e) {
		return 0
	}
	if e.Num == f.lastNum {
		return f.delta
	}
	if f.switched == nil || e.Num < f.lastNum || len(f.totals) >= maxThreads {
		f.switched, f.totals = map[uint16]int64{}, map[int64]int64{}
	}
	f.delta = 0
	if last, ok := f.switched[e.CPU]; ok {
		f.delta = e.Time - last
	}
	f.switched[e.CPU], f.lastNum = e.Time, e.Num
	f.totals[e.Event.Thread] += f.delta
	return f.delta
}
