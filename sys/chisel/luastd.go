package chisel

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// errExit ends a script that called os.exit.
var errExit = &Err{}

// standard has Lua's standard library do what that of LuaJIT does, for which sysdig's scripts are written, and keeps what is printed
// in one stream.
func (s *script) standard() {
	text := s.table("string")
	format := text.RawGetString("format")
	text.RawSetString("format", s.l.NewFunction(func(l *lua.LState) int { return s.format(l, format) }))
	for _, name := range []string{"match", "find", "gmatch", "gsub"} {
		f := text.RawGetString(name)
		text.RawSetString(name, s.l.NewFunction(func(l *lua.LState) int {
			plain := name == "find" && lua.LVAsBool(l.Get(4))
			if p, ok := l.Get(2).(lua.LString); ok && !plain {
				l.Replace(2, lua.LString(graphic(string(p))))
			}
			return s.pass(l, f)
		}))
	}
	s.l.SetGlobal("print", s.l.NewFunction(s.print))
	s.table("io").RawSetString("write", s.l.NewFunction(func(l *lua.LState) int {
		for i := 1; i <= l.GetTop(); i++ {
			s.env.Out.WriteString(l.CheckString(i))
		}
		return 0
	}))
	s.table("os").RawSetString("exit", s.l.NewFunction(func(l *lua.LState) int {
		s.exit = true
		l.RaiseError("os.exit")
		return 0
	}))
	s.l.SetGlobal("next", s.l.NewFunction(s.next(s.l.GetGlobal("next"))))
	s.l.SetGlobal("pairs", s.l.NewFunction(func(l *lua.LState) int {
		l.Push(l.GetGlobal("next"))
		l.Push(l.CheckTable(1))
		l.Push(lua.LNil)
		return 3
	}))
}

// table is a table of the standard library.
func (s *script) table(name string) *lua.LTable {
	if t, ok := s.l.GetGlobal(name).(*lua.LTable); ok {
		return t
	}
	return s.l.NewTable()
}

// pass calls f with the arguments at hand and hands on what it returns.
func (s *script) pass(l *lua.LState, f lua.LValue) int {
	n := l.GetTop()
	l.Push(f)
	for i := 1; i <= n; i++ {
		l.Push(l.Get(i))
	}
	l.Call(n, lua.MultRet)
	return l.GetTop() - n
}

func (s *script) print(l *lua.LState) int {
	for i := 1; i <= l.GetTop(); i++ {
		if i > 1 {
			s.env.Out.WriteByte('\t')
		}
		s.env.Out.WriteString(l.ToStringMeta(l.Get(i)).String())
	}
	s.env.Out.WriteByte('\n')
	return 0
}

// conversion is one of printf's.
var conversion = regexp.MustCompile(`%([-+ #0]*[0-9]*)(?:\.([0-9]+))?([a-zA-Z%])`)

// format is string.format with %u and %i, which Lua 5.1 hands to C, and with halves rounded up as LuaJIT rounds them.
func (s *script) format(l *lua.LState, f lua.LValue) int {
	arg := 1
	text := conversion.ReplaceAllStringFunc(l.CheckString(1), func(c string) string {
		if c[len(c)-1] == '%' {
			return c
		}
		arg++
		switch c[len(c)-1] {
		case 'u', 'i':
			return c[:len(c)-1] + "d"
		case 'f':
			digits := conversion.FindStringSubmatch(c)[2]
			if x, ok := l.Get(arg).(lua.LNumber); ok && digits != "" {
				l.Replace(arg, lua.LNumber(halfUp(float64(x), digits)))
			}
		}
		return c
	})
	l.Replace(1, lua.LString(text))
	return s.pass(l, f)
}

// halfUp is x with so many digits behind the point if it lies in the middle between two such numbers, else x.
func halfUp(x float64, digits string) float64 {
	n, err := strconv.Atoi(digits)
	if err != nil || n > 15 {
		return x
	}
	unit := math.Pow10(n)
	if y := math.Abs(x) * unit; y-math.Floor(y) == 0.5 && y/unit == math.Abs(x) {
		return math.Copysign(math.Ceil(y)/unit, x)
	}
	return x
}

// graphic writes the classes %g and %G, which Lua knows since 5.2 and LuaJIT too, as sets.
func graphic(pattern string) string {
	if !strings.Contains(pattern, "%g") && !strings.Contains(pattern, "%G") {
		return pattern
	}
	var b strings.Builder
	set := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '%' && i+1 < len(pattern):
			i++
			switch {
			case pattern[i] == 'g' && set:
				b.WriteString("!-~")
			case pattern[i] == 'g':
				b.WriteString("[!-~]")
			case pattern[i] == 'G' && !set:
				b.WriteString("[^!-~]")
			default:
				b.WriteString(pattern[i-1 : i+1])
			}
			continue
		case c == '[':
			set = true
		case c == ']':
			set = false
		}
		b.WriteByte(c)
	}
	return b.String()
}

// ordered is the content of a table that is walked in an order of its own. The table itself is empty, so that keys take no room in
// an array that is as long as the highest of them.
type ordered struct {
	keys   []lua.LValue
	at     map[lua.LValue]int
	values []lua.LValue
}

func (o *ordered) add(key, value lua.LValue) {
	o.at[key] = len(o.keys)
	o.keys, o.values = append(o.keys, key), append(o.values, value)
}

// newOrdered is an empty table that is walked in the order in which it is filled.
func (s *script) newOrdered() (*lua.LTable, *ordered) {
	t, o := s.l.NewTable(), &ordered{at: map[lua.LValue]int{}}
	meta := s.l.NewTable()
	meta.RawSetString("__index", s.l.NewFunction(func(l *lua.LState) int {
		l.Push(lua.LNil)
		if i, ok := o.at[l.Get(2)]; ok {
			l.Push(o.values[i])
		}
		return 1
	}))
	t.Metatable = meta
	s.ordered[t] = o
	return t, o
}

// next is Lua's next, which knows tables with an order of their own.
func (s *script) next(plain lua.LValue) lua.LGFunction {
	return func(l *lua.LState) int {
		o := s.ordered[l.CheckTable(1)]
		if o == nil {
			return s.pass(l, plain)
		}
		i := 0
		if l.GetTop() > 1 && l.Get(2) != lua.LNil {
			at, ok := o.at[l.Get(2)]
			if !ok {
				l.RaiseError("next: no such key")
			}
			i = at + 1
		}
		if i >= len(o.keys) {
			l.Push(lua.LNil)
			return 1
		}
		l.Push(o.keys[i])
		l.Push(o.values[i])
		return 2
	}
}
