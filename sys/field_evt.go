package sys

import (
	"bytes"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/scap"
)

type (
	numFunc  = func(f *Field, e *Event) (int64, bool)
	textFunc = func(f *Field, e *Event, dst []byte) ([]byte, bool)
)

func flag(test func(e *Event) bool) numFunc {
	return func(_ *Field, e *Event) (int64, bool) {
		if test(e) {
			return 1, true
		}
		return 0, true
	}
}

// one is 1 for the events that pass, nothing for others: to be summed.
func one(test func(e *Event) bool) numFunc {
	return func(_ *Field, e *Event) (int64, bool) { return 1, test(e) }
}

func always(n func(e *Event) int64) numFunc {
	return func(_ *Field, e *Event) (int64, bool) { return n(e), true }
}

var eventFields = []definition{
	{name: "evt.num", kind: Uint, num: always(func(e *Event) int64 { return e.Num })},
	{name: "evt.time", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) { return appendClock(dst, e.Time, true), true }},
	{name: "evt.time.s", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) { return appendClock(dst, e.Time, false), true }},
	{name: "evt.time.iso8601", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		dst = appendDate(dst, e.Time, time.UTC, 'T')
		dst = append(appendTimeOfDay(dst, e.Time, time.UTC), '.')
		return append(appendNanos(dst, e.Time), "+0000"...), true
	}},
	{name: "evt.datetime", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		return appendClock(appendDate(dst, e.Time, time.Local, ' '), e.Time, true), true
	}},
	{name: "evt.datetime.s", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		return appendClock(appendDate(dst, e.Time, time.Local, ' '), e.Time, false), true
	}},
	{name: "evt.rawtime", kind: Time, num: always(func(e *Event) int64 { return e.Time })},
	{name: "evt.rawtime.s", kind: Int, upper: "ABSTIME", num: always(func(e *Event) int64 { return e.Time / 1e9 })},
	{name: "evt.rawtime.ns", kind: Int, upper: "ABSTIME", num: always(func(e *Event) int64 { return e.Time % 1e9 }), text: nanosText},
	{name: "evt.reltime", kind: Duration, num: always(func(e *Event) int64 { return e.Time - e.first }), text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		if n := e.Time - e.first; n >= 1e9 {
			return strconv.AppendInt(dst, n, 10), true
		}
		return appendNanos(dst, e.Time-e.first), true
	}},
	{name: "evt.reltime.s", kind: Int, upper: "RELTIME", num: always(func(e *Event) int64 { return (e.Time - e.first) / 1e9 })},
	{name: "evt.reltime.ns", kind: Int, upper: "RELTIME", num: always(func(e *Event) int64 { return (e.Time - e.first) % 1e9 }), text: nanosText},
	{name: "evt.pluginname", text: none}, {name: "evt.plugininfo", text: none},
	{name: "evt.latency", kind: Duration, num: latency(func(n int64) int64 { return n })},
	{name: "evt.latency.s", kind: Int, upper: "RELTIME", num: latency(func(n int64) int64 { return n / 1e9 })},
	{name: "evt.latency.ns", kind: Int, upper: "RELTIME", num: latency(func(n int64) int64 { return n % 1e9 }), text: nanosText},
	{name: "evt.latency.human", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		if !e.hasLatency() {
			return dst, false
		}
		return appendHuman(dst, e.Latency()), true
	}},
	{name: "evt.deltatime", kind: Duration, num: delta(func(n int64) int64 { return n })},
	{name: "evt.deltatime.s", kind: Int, upper: "RELTIME", num: delta(func(n int64) int64 { return n / 1e9 })},
	{name: "evt.deltatime.ns", kind: Int, upper: "RELTIME", num: delta(func(n int64) int64 { return n % 1e9 }), text: nanosText},
	{name: "evt.outputtime", text: func(f *Field, e *Event, dst []byte) ([]byte, bool) { return appendClock(dst, e.Time, true), true }},
	{name: "evt.dir", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) { return append(dst, e.direction()), true }},
	{name: "evt.type", str: func(e *Event) (string, bool) { return e.Name(), true }, text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) { return append(dst, e.Name()...), true }},
	{name: "evt.type.is", kind: Uint, arg: mustArgument, num: func(f *Field, e *Event) (int64, bool) {
		return number(e.Name() == f.arg), true
	}, text: none},
	{name: "syscall.type", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		if !e.isCall() {
			return dst, false
		}
		return append(dst, e.Name()...), true
	}},
	{name: "evt.category", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		return append(dst, e.Category().String()...), true
	}},
	{name: "evt.cpu", kind: Int, upper: "INT16", num: always(func(e *Event) int64 { return int64(int16(e.CPU)) })},
	{name: "evt.args", text: func(f *Field, e *Event, dst []byte) ([]byte, bool) { return e.AppendArgs(dst, f.style), true }},
	{name: "evt.arg", arg: mustArgument, text: argText},
	{name: "evt.rawarg", arg: mustArgument, upper: "DYNAMIC", num: rawNumber, text: rawText},
	{name: "evt.info", text: func(f *Field, e *Event, dst []byte) ([]byte, bool) {
		if out, ok := e.appendSyslogInfo(dst); ok {
			return out, true
		}
		return e.AppendArgs(dst, f.style), true
	}},
	{name: "evt.buffer", kind: Bytes, text: func(f *Field, e *Event, dst []byte) ([]byte, bool) {
		b := e.Data()
		if b == nil {
			return dst, false
		}
		return appendData(dst, b, f.style), true
	}},
	{name: "evt.buflen", kind: Uint, num: buflen},
	{name: "evt.buflen.file.in", kind: Uint, num: moved((*FD).file, scap.ReadsFD)},
	{name: "evt.buflen.file.out", kind: Uint, num: moved((*FD).file, scap.WritesFD)},
	{name: "evt.buflen.net.in", kind: Uint, num: moved((*FD).ip, scap.ReadsFD)},
	{name: "evt.buflen.net.out", kind: Uint, num: moved((*FD).ip, scap.WritesFD)},
	{name: "evt.res", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		n, ok := e.Result()
		switch {
		case !ok:
			return dst, false
		case n >= 0:
			return append(dst, "SUCCESS"...), true
		}
		if name := scap.ErrorName(-n); name != "" {
			return append(dst, name...), true
		}
		return strconv.AppendInt(dst, n, 10), true
	}},
	{name: "evt.rawres", kind: Int, num: func(_ *Field, e *Event) (int64, bool) { return e.Result() }},
	{name: "evt.failed", kind: Bool, num: flag(failed)},
	{name: "evt.is_io", kind: Bool, num: flag((*Event).IsIO)},
	{name: "evt.is_io_read", kind: Bool, num: flag(func(e *Event) bool { return e.Info.Flags&scap.ReadsFD != 0 })},
	{name: "evt.is_io_write", kind: Bool, num: flag(func(e *Event) bool { return e.Info.Flags&scap.WritesFD != 0 })},
	{name: "evt.io_dir", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		switch {
		case e.Info.Flags&scap.ReadsFD != 0:
			return append(dst, "read"...), true
		case e.Info.Flags&scap.WritesFD != 0:
			return append(dst, "write"...), true
		}
		return dst, false
	}},
	{name: "evt.is_wait", kind: Bool, num: flag(func(e *Event) bool { return e.Info.Flags&scap.Waits != 0 })},
	{name: "evt.wait_latency", kind: Duration, num: func(_ *Field, e *Event) (int64, bool) {
		return e.Latency(), e.Info.Flags&scap.Waits != 0 && e.Type.Exit()
	}},
	{name: "evt.is_syslog", kind: Bool, num: flag((*Event).isSyslog)},
	{name: "evt.count", kind: Uint, upper: "UINT32", num: one(func(*Event) bool { return true })},
	{name: "evt.count.error", kind: Uint, upper: "UINT32", num: one(failed)},
	{name: "evt.count.error.file", kind: Uint, upper: "UINT32", num: one(func(e *Event) bool { return failed(e) && e.errorClass() == scap.CatFile })},
	{name: "evt.count.error.net", kind: Uint, upper: "UINT32", num: one(func(e *Event) bool { return failed(e) && e.errorClass() == scap.CatNet })},
	{name: "evt.count.error.memory", kind: Uint, upper: "UINT32", num: one(func(e *Event) bool { return failed(e) && e.errorClass() == scap.CatMemory })},
	{name: "evt.count.error.other", kind: Uint, upper: "UINT32", num: one(func(e *Event) bool { return failed(e) && e.errorClass() == scap.CatOther })},
	{name: "evt.count.exit", kind: Uint, upper: "UINT32", num: one(func(e *Event) bool { return e.Type.Exit() })},
	{name: "evt.around", kind: Uint, arg: mustArgument, num: func(f *Field, e *Event) (int64, bool) { return e.Time, true }, text: none},
	{name: "evt.abspath", arg: mayArgument, text: absPath},
	{name: "evt.is_open_read", kind: Bool, num: flag(func(e *Event) bool { return e.opensFor(openRead) })},
	{name: "evt.is_open_write", kind: Bool, num: flag(func(e *Event) bool { return e.opensFor(openWrite) })},
	{name: "evt.is_open_exec", kind: Bool, num: flag((*Event).opensExec)},
}

// nanosText shows the nanoseconds within a second with all nine digits.
func nanosText(f *Field, e *Event, dst []byte) ([]byte, bool) {
	n, ok := f.def.num(f, e)
	if !ok {
		return dst, false
	}
	return appendNanos(dst, n), true
}

// none is the value of fields that no event of ours has.
func none(_ *Field, _ *Event, dst []byte) ([]byte, bool) { return dst, false }

func latency(of func(int64) int64) numFunc {
	return func(_ *Field, e *Event) (int64, bool) {
		if !e.hasLatency() {
			return 0, false
		}
		return of(e.Latency()), true
	}
}

// hasLatency says whether the event's latency is shown: as 0 where there is none, but for the times that threads ran.
func (e *Event) hasLatency() bool {
	if e.Type == typeProcinfo {
		return e.Thread == nil
	}
	return e.aside || e.Thread != nil
}

// delta is the time since the field was asked for last: since the event before among those that are shown.
func delta(of func(int64) int64) numFunc {
	return func(f *Field, e *Event) (int64, bool) {
		if f.last == 0 || e.Num < f.lastNum {
			f.last = e.Time
		}
		if e.Num != f.lastNum {
			f.delta = e.Time - f.last
			f.last, f.lastNum = e.Time, e.Num
		}
		return of(f.delta), true
	}
}

func failed(e *Event) bool {
	n, ok := e.Result()
	return ok && n < 0
}

func buflen(_ *Field, e *Event) (int64, bool) {
	if !e.Type.Exit() || e.FD == nil || e.Info.Category != scap.CatIO {
		return 0, false
	}
	n, ok := e.Result()
	return n, ok && n >= 0
}

// moved is how many bytes a call read from a descriptor of a class, or wrote to it.
func moved(class func(*FD) bool, way scap.Flags) numFunc {
	return func(_ *Field, e *Event) (int64, bool) {
		if !e.Type.Exit() || e.Info.Flags&way == 0 || e.FD == nil || !class(e.FD) {
			return 0, false
		}
		n, ok := e.Result()
		return n, ok && n >= 0
	}
}

func (e *Event) direction() byte {
	if e.Type.Exit() {
		return '<'
	}
	return '>'
}

// isCall says whether the event is a system call's.
func (e *Event) isCall() bool {
	switch e.Info.Category {
	case scap.CatInternal, scap.CatScheduler:
		return false
	}
	switch e.Info.Name {
	case "page_fault", "notification", "cpu_hotplug", "pluginevent", "asyncevent",
		"useradded", "userdeleted", "groupadded", "groupdeleted":
		return false
	}
	return e.Info.Flags&scap.Aside == 0
}

// errorClass is the class under which a failed call is counted: that of its descriptor, or of what it does.
func (e *Event) errorClass() scap.Category {
	if e.FD != nil {
		switch {
		case e.FD.file() || e.FD.Type == scap.FDDirectory:
			return scap.CatFile
		case e.FD.ip() || e.FD.Type == scap.FDUnix:
			return scap.CatNet
		}
	}
	if e.Info.Category == scap.CatMemory {
		return scap.CatMemory
	}
	switch e.Info.Name {
	case "open", "openat", "openat2", "creat":
		return scap.CatFile
	case "accept", "accept4", "connect", "bind", "socket":
		return scap.CatNet
	}
	return scap.CatOther
}

// Data is what the event read or wrote, as far as it was captured; nil if it has none.
func (e *Event) Data() []byte {
	i := int(dataParam[e.Type]) - 1
	if i < 0 || i >= e.Params() {
		return nil
	}
	return e.Param(i)
}

// dataParam is the place of the parameter "data" by event, plus one; 0 where there is none.
var dataParam = func() (at [scap.Types]int8) {
	for t := range scap.Type(scap.Types) {
		if i := t.Info().Find("data"); i >= 0 && t.Info().Params[i].Kind == scap.Bytebuf {
			at[t] = int8(i + 1)
		}
	}
	return at
}()

// AppendArgs appends all arguments as NAME=VALUE, each with a blank behind it.
func (e *Event) AppendArgs(dst []byte, st *Style) []byte {
	n := min(e.Params(), len(e.Info.Params))
	if e.Info.Category == scap.CatSyscall { // its name tells all
		n = 0
	}
	for i := range n {
		dst = append(dst, e.Info.Params[i].Name...)
		dst = append(dst, '=')
		dst = e.appendParam(dst, i, st)
		dst = append(dst, ' ')
	}
	return dst
}

// argText is evt.arg: an argument as it is shown, an error by its name alone.
func argText(f *Field, e *Event, dst []byte) ([]byte, bool) {
	i := f.place(e)
	if i < 0 {
		return dst, false
	}
	n := len(dst)
	dst = e.appendParam(dst, i, f.style)
	switch e.Info.Params[i].Kind { // what it means stands in brackets
	case scap.Errno, scap.Flags8, scap.Flags16, scap.Flags32, scap.Mode, scap.FSPath, scap.FSRelPath, scap.PID, scap.FD, scap.UID, scap.GID, scap.SigType, scap.SyscallID:
		if open := bytes.IndexByte(dst[n:], '('); open >= 0 && dst[len(dst)-1] == ')' {
			dst = dst[:n+copy(dst[n:], dst[n+open+1:len(dst)-1])]
		}
	}
	return dst, true
}

func rawNumber(f *Field, e *Event) (int64, bool) {
	i := f.place(e)
	if i < 0 {
		return 0, false
	}
	return scap.Number(e.Info.Params[i].Kind, e.Param(i))
}

// rawText is evt.rawarg as text: numbers as they are, text up to a NUL.
func rawText(f *Field, e *Event, dst []byte) ([]byte, bool) {
	i := f.place(e)
	if i < 0 {
		return dst, false
	}
	p := &e.Info.Params[i]
	if n, ok := scap.Number(p.Kind, e.Param(i)); ok {
		switch rawKind(p) {
		case Uint:
			return strconv.AppendUint(dst, uint64(n), 10), true
		}
		return strconv.AppendInt(dst, n, 10), true
	}
	for _, c := range e.Param(i) {
		if c == 0 {
			break
		}
		dst = append(dst, c)
	}
	return dst, true
}

// Bits of how a file is opened, as captures number them.
const (
	openRead   = 1
	openWrite  = 2
	openCreate = 4
	openTmp    = 1 << 13
)

// opened is the flags and the mode of an event that opened a file.
func (e *Event) opened() (flags, mode int64, ok bool) {
	switch e.Type {
	case 3, 307, 327:
		i, j := e.Info.Find("flags"), e.Info.Find("mode")
		flags, ok = e.Int(i)
		mode, _ = e.Int(j)
	case 337:
		flags, ok = e.Int(2)
	}
	return flags, mode, ok
}

func (e *Event) opensFor(bit int64) bool {
	flags, _, ok := e.opened()
	return ok && flags&bit != 0
}

func (e *Event) opensExec() bool {
	flags, mode, ok := e.opened()
	return ok && flags&(openCreate|openTmp) != 0 && mode&0o111 != 0
}

// absPath is the path that a call names, made absolute.
func absPath(f *Field, e *Event, dst []byte) ([]byte, bool) {
	if !e.Type.Exit() {
		return dst, false
	}
	want := 0
	if f.arg == "dst" && e.Info.Find("newpath") >= 0 {
		want = 1
	}
	for i := range min(e.Params(), len(e.Info.Params)) {
		p := &e.Info.Params[i]
		if p.Kind != scap.FSRelPath {
			continue
		}
		if want--; want >= 0 {
			continue
		}
		return e.appendFullPath(dst, i), true
	}
	return dst, false
}

// appendFullPath appends the path in parameter i, made absolute.
func (e *Event) appendFullPath(dst []byte, i int) []byte {
	name, dir := e.Text(i), e.cwd()
	if e.Info.Params[i].Kind == scap.FSRelPath && i > 0 {
		n, _ := e.Int(i - 1)
		dir = e.s.dirOf(e, n, name)
	}
	if len(name) > 0 && name[0] == '/' {
		dir = ""
	}
	return appendPath(dst, dir, name)
}
