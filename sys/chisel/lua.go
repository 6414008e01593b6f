package chisel

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tapir-project/tapir/sys"
)

// script is a chisel written in Lua, with the functions that sysdig's scripts call: chisel.*, sysdig.* and evt.*, and the
// callbacks on_set_arg, on_init, on_capture_start, on_event, on_interval and on_capture_end. A script can do what the
// user can; sysdig.run_app reads the capture once more rather than start a program.
type script struct {
	l      *lua.LState
	env    *Env
	style  sys.Style
	fields []*sys.Field
	e      *sys.Event // at hand in on_event and on_interval
	run    *Run
	native *Run // set by chisel.exec: another chisel takes over
	err    error
	over   bool // sysdig.end_capture was called
	exit   bool // os.exit was called
	// ordered are the tables of threads and descriptors.
	ordered map[*lua.LTable]*ordered
}

// Folders are where chisels are looked for by name, beside the built-in ones.
func Folders() []string {
	dirs := []string{"./chisels"}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".tapir", "chisels"), filepath.Join(home, ".chisels"))
	}
	return append(dirs, "/usr/share/sysdig/chisels")
}

// Load declares the chisel in a Lua file: a path, or a name that one of the folders has.
func Load(name string) (*Chisel, error) {
	file := name
	if !strings.HasSuffix(name, ".lua") {
		file = ""
		for _, dir := range Folders() {
			if p := filepath.Join(dir, name+".lua"); readable(p) {
				file = p
				break
			}
		}
		if file == "" {
			return nil, fmt.Errorf("there is no chisel %s (tapir sys -cl lists them; scripts are looked for in %s)", name, strings.Join(Folders(), ", "))
		}
	}
	c := &Chisel{Name: strings.TrimSuffix(filepath.Base(file), ".lua")}
	s := newScript(file, &Env{})
	defer s.l.Close()
	if err := s.l.DoFile(file); err != nil {
		return nil, fmt.Errorf("chisel %s: %w", file, err)
	}
	text := func(name string) string { return lua.LVAsString(s.l.GetGlobal(name)) }
	c.Category, c.Short, c.Desc = text("category"), text("short_description"), text("description")
	if args, ok := s.l.GetGlobal("args").(*lua.LTable); ok {
		args.ForEach(func(_, v lua.LValue) {
			if t, ok := v.(*lua.LTable); ok {
				get := func(k string) string { return lua.LVAsString(t.RawGetString(k)) }
				c.Args = append(c.Args, Arg{get("name"), get("description"), get("argtype"), lua.LVAsBool(t.RawGetString("optional"))})
			}
		})
	}
	c.start = func(env *Env, args []string) (*Run, error) { return startScript(file, c, env, args) }
	return c, nil
}

func readable(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular()
}

// newScript is a Lua state with the functions of scripts.
func newScript(file string, env *Env) *script {
	s := &script{l: lua.NewState(), env: env, run: &Run{}, ordered: map[*lua.LTable]*ordered{}}
	if env.Style != nil {
		s.style = *env.Style
	}
	paths := []string{filepath.Join(filepath.Dir(file), "?.lua")}
	for _, dir := range Folders() {
		paths = append(paths, filepath.Join(dir, "?.lua"))
	}
	if p, ok := s.l.GetGlobal("package").(*lua.LTable); ok {
		p.RawSetString("path", lua.LString(strings.Join(paths, ";")))
	}
	s.standard()
	s.module("chisel", s.chiselFunctions())
	s.module("sysdig", s.sysdigFunctions())
	s.module("evt", s.eventFunctions())
	return s
}

func (s *script) module(name string, functions map[string]lua.LGFunction) {
	t := s.l.NewTable()
	for n, f := range functions {
		t.RawSetString(n, s.l.NewFunction(f))
	}
	s.l.SetGlobal(name, t)
}

func startScript(file string, c *Chisel, env *Env, args []string) (*Run, error) {
	s := newScript(file, env)
	if err := s.l.DoFile(file); err != nil {
		return nil, fmt.Errorf("chisel %s: %w", c.Name, err)
	}
	for i, a := range args {
		if ok, err := s.call("on_set_arg", lua.LString(c.Args[i].Name), lua.LString(a)); err != nil || ok == lua.LFalse {
			return nil, cmp.Or(err, fmt.Errorf("chisel %s does not take %s as its %s (tapir sys -i %s describes it)", c.Name, a, c.Args[i].Name, c.Name))
		}
	}
	if ok, err := s.call("on_init"); err != nil || ok == lua.LFalse {
		return nil, errors.Join(err, s.err, refused(c, ok))
	}
	if s.err != nil {
		return nil, s.err
	}
	if s.native != nil {
		s.l.Close()
		return s.native, nil
	}
	started := false
	start := func() error {
		if started {
			return nil
		}
		started = true
		ok, err := s.call("on_capture_start")
		return errors.Join(err, refused(c, ok))
	}
	s.run.event = func(e *sys.Event) error {
		s.e = e
		if err := start(); err != nil {
			return err
		}
		_, err := s.call("on_event")
		if s.over && err == nil {
			return io.EOF
		}
		return errors.Join(err, s.err)
	}
	s.run.tick = func(e *sys.Event, at, delta int64) {
		s.e = e
		_, err := s.call("on_interval", lua.LNumber(at/1e9), lua.LNumber(at%1e9), lua.LNumber(delta))
		s.err = errors.Join(s.err, err)
	}
	s.run.end = func(at, delta int64) error {
		err := start()
		if err == nil {
			_, err = s.call("on_capture_end", lua.LNumber(at/1e9), lua.LNumber(at%1e9), lua.LNumber(delta))
		}
		s.l.Close()
		return err
	}
	return s.run, nil
}

func refused(c *Chisel, ok lua.LValue) error {
	if ok == lua.LFalse {
		return fmt.Errorf("chisel %s does not want to run", c.Name)
	}
	return nil
}

// call calls a callback, if the script has it, and gives what it returned first.
func (s *script) call(name string, args ...lua.LValue) (lua.LValue, error) {
	f, ok := s.l.GetGlobal(name).(*lua.LFunction)
	if !ok {
		return lua.LNil, nil
	}
	if err := s.l.CallByParam(lua.P{Fn: f, NRet: 1, Protect: true}, args...); err != nil {
		if s.exit {
			err = errExit
		}
		return lua.LNil, err
	}
	v := s.l.Get(-1)
	s.l.Pop(1)
	return v, nil
}

// setFilter sets what the script is called with, or narrows it down.
func (s *script) setFilter(l *lua.LState) int {
	text := l.CheckString(1)
	if s.run.text != "" {
		text = "(" + s.run.text + ") and (" + text + ")"
	}
	f, err := sys.NewFilter(text)
	s.run.filter, s.run.text = f, text
	return s.fail(err)
}

// fail remembers the first thing that a function could not do.
func (s *script) fail(err error) int {
	if s.err == nil {
		s.err = err
	}
	return 0
}

func (s *script) chiselFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"request_field": func(l *lua.LState) int {
			f, err := sys.Find(l.CheckString(1), &s.style)
			if err != nil {
				l.RaiseError("%v", err)
			}
			s.fields = append(s.fields, f)
			l.Push(lua.LNumber(len(s.fields)))
			return 1
		},
		"set_filter": s.setFilter,
		"set_event_formatter": func(l *lua.LState) int {
			f, err := sys.NewFormat(l.CheckString(1), &s.style, sys.ClockHuman)
			s.run.format = f
			return s.fail(err)
		},
		"set_interval_s":          func(l *lua.LState) int { s.run.interval = int64(l.CheckNumber(1)) * 1e9; return 0 },
		"set_interval_ns":         func(l *lua.LState) int { s.run.interval = int64(l.CheckNumber(1)); return 0 },
		"set_precise_interval_ns": func(l *lua.LState) int { s.run.interval = int64(l.CheckNumber(1)); return 0 },
		"exec": func(l *lua.LState) int {
			var args []string
			for i := 2; i <= l.GetTop(); i++ {
				args = append(args, l.ToString(i))
			}
			run, err := s.exec(l.CheckString(1), args)
			s.native = run
			return s.fail(err)
		},
	}
}

// exec runs another chisel instead. table_generator is the one that sysdig's table chisels are made with.
func (s *script) exec(name string, args []string) (*Run, error) {
	if name != "table_generator" {
		c := Find(name)
		if c == nil {
			return nil, fmt.Errorf("there is no chisel %s to go on with", name)
		}
		return c.Start(s.env, args)
	}
	if len(args) != 7 {
		return nil, fmt.Errorf("table_generator takes 7 arguments, not %d", len(args))
	}
	top, err := strconv.Atoi(args[5])
	u, ok := map[string]Unit{"none": Plain, "bytes": InBytes, "time": InTime, "timepct": InPercent}[args[6]]
	if err != nil || !ok {
		return nil, fmt.Errorf("table_generator: %s rows of %s", args[5], args[6])
	}
	t := &table{name: name, keys: args[0], titles: args[1], value: args[2], title: args[3], filter: args[4], top: top, unit: u}
	r, err := t.run(s.env, nil)
	if err == nil {
		r.env = s.env
	}
	return r, err
}

// eventFunctions ask about the event at hand.
func (s *script) eventFunctions() map[string]lua.LGFunction {
	number := func(of func(e *sys.Event) int64) lua.LGFunction {
		return func(l *lua.LState) int { l.Push(lua.LNumber(of(s.e))); return 1 }
	}
	return map[string]lua.LGFunction{
		"field": func(l *lua.LState) int {
			if l.Get(1) == lua.LNil {
				l.Push(lua.LNil)
				return 1
			}
			i := l.CheckInt(1) - 1
			if i < 0 || i >= len(s.fields) {
				l.ArgError(1, "not a field that was requested")
			}
			l.Push(s.value(s.fields[i]))
			return 1
		},
		"get_num":   number(func(e *sys.Event) int64 { return e.Num }),
		"get_cpuid": number(func(e *sys.Event) int64 { return int64(e.CPU) }),
		"get_type":  func(l *lua.LState) int { l.Push(lua.LString(s.e.Name())); return 1 },
		"get_ts": func(l *lua.LState) int {
			l.Push(lua.LNumber(s.e.Time / 1e9))
			l.Push(lua.LNumber(s.e.Time % 1e9))
			return 2
		},
	}
}

// value is a field of the event at hand: a number, true or false, text, or nil.
func (s *script) value(f *sys.Field) lua.LValue {
	if f.Kind != sys.Text && f.Kind != sys.Bytes && f.Kind != sys.IP {
		n, ok := f.Number(s.e)
		switch {
		case !ok:
			return lua.LNil
		case f.Kind == sys.Bool:
			return lua.LBool(n != 0)
		case f.Kind == sys.Float:
			return lua.LNumber(math.Float64frombits(uint64(n)))
		}
		return lua.LNumber(n)
	}
	b, ok := f.Append(nil, s.e)
	if !ok {
		return lua.LNil
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return lua.LString(b)
}

// sysdigFunctions ask about the capture and its state.
func (s *script) sysdigFunctions() map[string]lua.LGFunction {
	push := func(v func() lua.LValue) lua.LGFunction { return func(l *lua.LState) int { l.Push(v()); return 1 } }
	ignore := func(*lua.LState) int { return 0 }
	threads := func(withFDs bool) lua.LGFunction {
		return func(l *lua.LState) int {
			text := ""
			if l.GetTop() > 0 && l.Get(1) != lua.LNil {
				text = l.ToString(1)
			}
			t, err := s.threadTable(text, withFDs)
			if err != nil {
				l.RaiseError("%v", err)
			}
			l.Push(t)
			return 1
		}
	}
	formats := map[string]sys.Buffers{"normal": sys.Dotted, "ascii": sys.TextOnly, "hex": sys.HexDump, "hexascii": sys.HexText, "base64": sys.Base64}
	return map[string]lua.LGFunction{
		"set_snaplen":                ignore, // files have what was captured
		"set_fullcapture_port_range": ignore, "set_statsd_port": ignore, "log": ignore, "push_metric": ignore, "udp_setpeername": ignore, "udp_send": ignore,
		"set_filter": s.setFilter, // that of the capture, which is for this chisel alone
		"set_output_format": func(l *lua.LState) int {
			if b, ok := formats[l.CheckString(1)]; ok && !s.env.JSON && s.style.Buffers == sys.Dotted {
				s.style.Buffers = b
			}
			return 0
		},
		"get_output_format": push(func() lua.LValue {
			if s.env.JSON {
				return lua.LString("json")
			}
			return lua.LString("normal")
		}),
		"is_live":                 push(func() lua.LValue { return lua.LBool(s.env.Live) }),
		"is_tty":                  push(func() lua.LValue { return lua.LBool(s.env.TTY) }),
		"is_print_container_data": push(func() lua.LValue { return lua.LBool(s.env.Containers) }),
		"get_filter":              push(func() lua.LValue { return lua.LString(s.env.Filter) }),
		"get_evtsource_name":      push(func() lua.LValue { return lua.LString(s.env.Source) }),
		"get_read_progress":       push(func() lua.LValue { return lua.LNumber(0) }),
		"get_firstevent_ts":       push(func() lua.LValue { return lua.LNumber(s.run.first) }),
		"get_lastevent_ts":        push(func() lua.LValue { return lua.LNumber(s.run.last) }),
		"end_capture":             func(*lua.LState) int { s.over = true; return 0 },
		"make_ts": func(l *lua.LState) int {
			l.Push(lua.LString(fmt.Sprintf("%d%09d", int64(l.CheckNumber(1)), int64(l.CheckNumber(2)))))
			return 1
		},
		"get_terminal_info": push(func() lua.LValue {
			t := s.l.NewTable()
			t.RawSetString("width", lua.LNumber(80))
			t.RawSetString("height", lua.LNumber(25))
			return t
		}),
		"get_machine_info": push(func() lua.LValue {
			t, m := s.l.NewTable(), &s.env.Sys.Machine
			t.RawSetString("num_cpus", lua.LNumber(m.CPUs))
			t.RawSetString("memory_size_bytes", lua.LNumber(m.Memory))
			t.RawSetString("hostname", lua.LString(m.Host))
			return t
		}),
		"get_thread_table": threads(true), "get_thread_table_barebone": threads(true),
		"get_thread_table_nofds": threads(false), "get_thread_table_barebone_nofds": threads(false),
		"get_container_table": push(s.containerTable),
		"run_app":             s.again, "run_sysdig": s.again,
	}
}

// again reads the capture once more, with other options.
func (s *script) again(l *lua.LState) int {
	if s.env.Again == nil {
		l.RaiseError("there is no file that could be read again")
	}
	if err := s.env.Again(strings.Fields(l.CheckString(1))); err != nil {
		l.RaiseError("%v", err)
	}
	return 0
}

// threadTable is the threads that have a descriptor that passes, by id.
func (s *script) threadTable(filter string, withFDs bool) (*lua.LTable, error) {
	f, err := sys.NewFilter(filter)
	if err != nil {
		return nil, err
	}
	if filter == "" {
		f = nil
	}
	out, all := s.newOrdered()
	for _, t := range threads(s.env, f) {
		row := s.l.NewTable()
		for k, v := range map[string]int64{"tid": t.TID, "pid": t.PID, "ptid": t.Parent, "fdlimit": t.FDLimit, "uid": int64(t.UID), "gid": int64(t.GID),
			"vmsize_kb": int64(t.VMSize), "vmrss_kb": int64(t.VMRSS), "vmswap_kb": int64(t.VMSwap), "pfmajor": int64(t.Major), "pfminor": int64(t.Minor),
			"clone_ts": t.Started} {
			row.RawSetString(k, lua.LNumber(v))
		}
		for k, v := range map[string]string{"comm": t.Comm, "exe": t.Exe, "username": userName(s.env, t), "cwd": t.Cwd} {
			row.RawSetString(k, lua.LString(v))
		}
		row.RawSetString("args", s.texts(t.Args))
		row.RawSetString("env", s.texts(t.Env))
		fds, open := s.newOrdered()
		if withFDs {
			for _, d := range descriptors(s.env, t, f) {
				open.add(lua.LNumber(d.Num), s.descriptor(d))
			}
		}
		row.RawSetString("fdtable", fds)
		all.add(lua.LNumber(t.TID), row)
	}
	return out, nil
}

func (s *script) descriptor(d *sys.FD) *lua.LTable {
	t := s.l.NewTable()
	t.RawSetString("name", lua.LString(printable(d.Name)))
	t.RawSetString("type", lua.LString(d.TypeName()))
	if d.Proto() == "<NA>" {
		return t
	}
	server, client, state := d.Ends()
	set := func(prefix, end string) {
		if i := strings.LastIndexByte(end, ':'); i >= 0 {
			t.RawSetString(prefix+"ip", lua.LString(end[:i]))
			t.RawSetString(prefix+"port", lua.LString(end[i+1:]))
		}
	}
	set("s", server)
	if state != "LISTEN" {
		set("c", client)
	}
	t.RawSetString("l4proto", lua.LString(d.Proto()))
	return t
}

// texts is a list of texts with a NUL behind each.
func (s *script) texts(b []byte) *lua.LTable {
	t := s.l.NewTable()
	for part := range bytes.SplitSeq(bytes.TrimSuffix(b, []byte{0}), []byte{0}) {
		if len(b) > 0 {
			t.Append(lua.LString(part))
		}
	}
	return t
}

func (s *script) containerTable() lua.LValue {
	out := s.l.NewTable()
	for _, c := range s.env.Sys.Containers() {
		t := s.l.NewTable()
		for k, v := range map[string]string{"id": c.ID, "name": c.Name, "image": c.Image, "type": c.Type} {
			t.RawSetString(k, lua.LString(v))
		}
		out.Append(t)
	}
	return out
}
