package syscalls

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/scap"
)

// set is a set of values, or of all but them. The zero set has none.
type set[K comparable] struct {
	of     map[K]bool
	except bool
}

func all[K comparable]() set[K] { return set[K]{except: true} }

func only[K comparable](values ...K) set[K] {
	s := set[K]{of: map[K]bool{}}
	for _, v := range values {
		s.of[v] = true
	}
	return s
}

func (s set[K]) has(v K) bool { return s.of[v] != s.except }

func (s set[K]) all() bool { return s.except && len(s.of) == 0 }

func (s set[K]) not() set[K] { return set[K]{s.of, !s.except} }

// and is the set of what both have.
func (s set[K]) and(t set[K]) set[K] {
	out := set[K]{of: map[K]bool{}, except: s.except && t.except}
	for v := range s.of {
		if out.except || s.has(v) && t.has(v) {
			out.of[v] = true
		}
	}
	for v := range t.of {
		if out.except || s.has(v) && t.has(v) {
			out.of[v] = true
		}
	}
	return out
}

// or is the set of what either has.
func (s set[K]) or(t set[K]) set[K] { return s.not().and(t.not()).not() }

// Plan is as much of a filter as the kernel tests: a call that fails it fails the filter. A call that passes may still fail the filter.
type Plan struct {
	names     set[string] // of events
	processes set[uint32]
	threads   set[uint32]
	programs  set[string] // names of processes as the kernel has them, at most 15 bytes
	ports     set[uint16] // of either end
	sockets   bool        // only calls on sockets of IPv4 and IPv6
	left      []string    // tests that the kernel does not know
}

// Everything is the plan without a filter.
func Everything() *Plan {
	return &Plan{names: all[string](), processes: all[uint32](), threads: all[uint32](), programs: all[string](), ports: all[uint16]()}
}

// The most values of a set that the kernel part holds.
const (
	maxNumbers  = 16
	maxPrograms = 8
	longestName = 15
)

// Compile finds out what of a filter the kernel can test. Its error is that of the filter's grammar.
func Compile(filter string) (*Plan, error) {
	c, err := query.Conditions(filter)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return Everything(), nil
	}
	p := compile(c, false)
	if len(p.processes.of) > maxNumbers {
		p.processes = all[uint32]()
	}
	if len(p.threads.of) > maxNumbers {
		p.threads = all[uint32]()
	}
	if len(p.programs.of) > maxPrograms {
		p.programs = all[string]()
	}
	return p, nil
}

// Or is the plan for what either filter lets pass.
func (p *Plan) Or(q *Plan) *Plan {
	return &Plan{names: p.names.or(q.names), processes: p.processes.or(q.processes), threads: p.threads.or(q.threads),
		programs: p.programs.or(q.programs), ports: p.ports.or(q.ports), sockets: p.sockets && q.sockets, left: append(p.left, q.left...)}
}

// asks says whether the plan names the event, which is told only then: there are very many.
func (p *Plan) asks(event scap.Type) bool {
	return !p.names.except && p.names.has(event.Info().Name)
}

// And is the plan for what both filters let pass.
func (p *Plan) And(q *Plan) *Plan {
	return &Plan{names: p.names.and(q.names), processes: p.processes.and(q.processes), threads: p.threads.and(q.threads),
		programs: p.programs.and(q.programs), ports: p.ports.and(q.ports), sockets: p.sockets || q.sockets, left: append(p.left, q.left...)}
}

// compile makes a plan of a condition, or of its opposite.
func compile(c *query.Condition, negate bool) *Plan {
	switch c.Logic {
	case query.Always:
		return Everything()
	case query.Negation:
		return compile(c.Kids[0], !negate)
	case query.Single:
		p, ok := leaf(c, negate)
		if !ok {
			p = Everything()
			p.left = []string{strings.TrimSpace(c.Field + " " + c.Op + " " + strings.Join(c.Values, ", "))}
		}
		return p
	}
	p := compile(c.Kids[0], negate)
	for _, k := range c.Kids[1:] {
		q := compile(k, negate)
		if (c.Logic == query.All) != negate {
			p = p.And(q)
		} else {
			p = p.Or(q)
		}
	}
	return p
}

// leaf makes a plan of one test; ok is false if the kernel can say nothing about it.
func leaf(c *query.Condition, negate bool) (p *Plan, ok bool) {
	p = Everything()
	if c.Op == "!=" {
		negate = !negate
	} else if c.Op != "==" && c.Op != "in" {
		return p, onSocket(p, c, negate)
	}
	switch c.Field {
	case "evt.type", "syscall.type":
		p.names = pick(only(c.Values...), negate)
		return p, true
	case "evt.category", "evt.is_io", "evt.is_io_read", "evt.is_io_write", "evt.is_wait":
		if negate || len(c.Values) != 1 {
			return p, false
		}
		p.names, ok = kindOf(c.Field, c.Values[0])
		return p, ok
	case "proc.pid":
		p.processes, ok = numbers(c.Values, negate)
		return p, ok
	case "thread.tid":
		p.threads, ok = numbers(c.Values, negate)
		return p, ok
	case "proc.name":
		for _, v := range c.Values {
			if len(v) > longestName {
				return p, false
			}
		}
		p.programs = pick(only(c.Values...), negate)
		return p, true
	}
	return p, onSocket(p, c, negate)
}

func pick[K comparable](s set[K], negate bool) set[K] {
	if negate {
		return s.not()
	}
	return s
}

// numbers is the set of the values; ok is false if one of them is no plain number.
func numbers(values []string, negate bool) (s set[uint32], ok bool) {
	s = only[uint32]()
	for _, v := range values {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return all[uint32](), false
		}
		s.of[uint32(n)] = true
	}
	return pick(s, negate), true
}

// onSocket narrows p to what a test about sockets can be true for, and says whether it is one.
func onSocket(p *Plan, c *query.Condition, negate bool) bool {
	if negate {
		return false
	}
	switch c.Field {
	case "fd.port", "fd.sport", "fd.cport", "fd.lport", "fd.rport":
		p.sockets = true
		if c.Op != "==" && c.Op != "in" {
			return true // that it has a port is known, not which
		}
		ports := only[uint16]()
		for _, v := range c.Values {
			n, err := strconv.ParseUint(v, 10, 16)
			if err != nil {
				s, ok := query.ServicePort(v)
				if !ok {
					return true
				}
				n = uint64(s)
			}
			ports.of[uint16(n)] = true
		}
		p.ports = ports
		return true
	case "fd.ip", "fd.net", "fd.cip", "fd.sip", "fd.lip", "fd.rip", "fd.cnet", "fd.snet", "fd.lnet", "fd.rnet":
		p.sockets = true
		return true
	case "fd.type":
		p.sockets = (c.Op == "==" || c.Op == "in") && !slices.ContainsFunc(c.Values, func(v string) bool { return v != "ipv4" && v != "ipv6" })
		return p.sockets
	case "fd.l4proto":
		p.sockets = (c.Op == "==" || c.Op == "in") && !slices.ContainsFunc(c.Values, func(v string) bool { return v != "tcp" && v != "udp" })
		return p.sockets
	}
	return false
}

// untimed says whether the filter's calls can be told without having seen when they were entered: it asks for no times, and for no calls
// that leave no number behind.
func (p *Plan) untimed() bool {
	for i := range calls() {
		c := &calls()[i]
		flags, _ := p.wanted(c)
		if flags != 0 && (c.name == "rt_sigreturn" || c.name == "sigreturn" || c.name == "restart_syscall") {
			return false
		}
	}
	return len(p.left) == 0
}

// kindOf are the names of the events for which a field of their kind can have the value.
func kindOf(field, value string) (set[string], bool) {
	out := only[string]()
	flag := map[string]scap.Flags{"evt.is_io": scap.ReadsFD | scap.WritesFD, "evt.is_io_read": scap.ReadsFD, "evt.is_io_write": scap.WritesFD,
		"evt.is_wait": scap.Waits}[field]
	if flag != 0 && value != "true" && value != "1" {
		return out, false
	}
	for t := range scap.Type(scap.Types) {
		info := t.Info()
		if t == faultEvent { // which is asked for by name
			continue
		}
		if flag != 0 && (info.Flags&flag != 0 || t >= ringSubmit) || flag == 0 && (info.Category == scap.CatIO || info.Category.String() == value) {
			out.of[info.Name] = true
		}
	}
	for id := range uint16(narrow) {
		if flag == 0 && scap.SyscallCategory(id).String() == value {
			out.of[scap.SyscallName(id)] = true
		}
	}
	return out, true
}

// wanted is what the kernel part is to do about a call.
func (p *Plan) wanted(c *call) (flags, fd uint8) {
	fd, uses := c.descriptor()
	if uses {
		flags = callUses
	}
	switch {
	case c.changesState():
		if p.names.has(c.eventName()) {
			flags |= callAsked
		}
		if c.event.Info().Flags&scap.CreatesFD != 0 {
			flags |= callMakes
		}
		if c.name == "execve" || c.name == "execveat" {
			flags |= callRuns
		}
		return callWanted | callState | flags, fd
	case !p.names.has(c.eventName()):
		return 0, 0
	case p.sockets && !uses && c.event.Info().Flags&scap.UsesFD == 0: // it has no descriptor
		return 0, 0
	}
	return callWanted | flags, fd
}

// eventName is the value of evt.type for the call.
func (c *call) eventName() string {
	if c.event == genericExit {
		return scap.SyscallName(c.id)
	}
	return c.event.Info().Name
}

// changesState says whether what later calls mean depends on the call: a filter must not keep it from the inspector.
func (c *call) changesState() bool {
	f := c.event.Info().Flags
	return c.event != genericExit && f&(scap.ReadsFD|scap.WritesFD) == 0 && f&(scap.Modifies|scap.CreatesFD|scap.DestroysFD) != 0
}

// descriptor is the argument that is the descriptor the call is about.
func (c *call) descriptor() (arg uint8, ok bool) {
	if c.event == genericExit || c.event.Info().Flags&scap.UsesFD == 0 {
		return 0, false
	}
	enter := (c.event - 1).Info().Params
	for i, p := range c.params {
		if p.from != fromArg || p.kind != scap.FD {
			continue
		}
		if name := c.event.Info().Params[i].Name; len(enter) == 0 || enter[0].Name == name {
			return p.op, true
		}
	}
	return 0, false
}

// Explain says what the kernel tests and what is left to be tested for each event that it lets pass.
func (p *Plan) Explain() string {
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "  %-10s %s\n", what, fmt.Sprintf(format, args...))
	}
	b.WriteString("tested in the kernel:\n")
	var names, state []string
	known := 0
	for i := range narrow {
		c := &calls()[i]
		if c.name == "" {
			continue
		}
		known++
		switch flags, _ := p.wanted(c); {
		case flags&callState != 0:
			state = append(state, c.name)
		case flags != 0:
			names = append(names, c.name)
		}
	}
	if len(names)+len(state) == known {
		line("calls", "all")
	} else {
		line("calls", "%s", orNone(names))
		line("", "and always those that change what others mean: %s", strings.Join(state, " "))
	}
	describe(line, "program", p.programs, strings.Compare)
	describe(line, "process", p.processes, compareNumbers[uint32])
	describe(line, "thread", p.threads, compareNumbers[uint32])
	if p.sockets {
		line("descriptor", "a socket of IPv4 or IPv6")
	}
	describe(line, "port", p.ports, compareNumbers[uint16])
	b.WriteString("tested for each event that passes: the whole filter; of it the kernel knows nothing about\n")
	line("", "%s", orNone(p.left))
	return b.String()
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "(nothing)"
	}
	return strings.Join(words, " ")
}

func compareNumbers[K uint16 | uint32](a, b K) int { return int(a) - int(b) }

// describe says what a set has, unless that is everything.
func describe[K comparable](line func(what, format string, args ...any), what string, s set[K], compare func(a, b K) int) {
	if s.all() {
		return
	}
	var words []string
	for _, v := range slices.SortedFunc(maps.Keys(s.of), compare) {
		words = append(words, fmt.Sprint(v))
	}
	not := ""
	if s.except {
		not = "not "
	}
	line(what, "%s%s", not, orNone(words))
}
