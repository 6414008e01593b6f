package chisel

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tapir-project/tapir/sys"
)

const maxKeys = 64 << 10

// table declares a report that sums a value by keys.
type table struct {
	name, short, category string
	keys, titles          string // fields, and what their columns are called, with commas between
	inKeys, inTitles      string // the same with -pc
	value, title          string
	filter                string
	top                   int
	unit                  Unit
	by                    bool // the key is the argument
}

// What is decided by the event alone comes first.
const netFilter = "evt.is_io=true and (fd.type=ipv4 or fd.type=ipv6)"

// tables are the reports that need no code.
var tables = []table{
	{"topcontainers_error", "Containers by failed calls", "Errors", "container.name", "container.name", "", "", "evt.count", "#Errors", "evt.failed=true and container.name!=host", 100, Plain, false},
	{"topfiles_errors", "Files by failed calls", "Errors", "fd.name", "Filename", "fd.name,container.name", "Filename,container.name", "evt.count", "#Errors", "fd.type=file and evt.failed=true", 100, Plain, false},
	{"topprocs_errors", "Processes by failed calls", "Errors", "proc.name,proc.pid", "Process,PID", procKeys, procTitles, "evt.count", "#Errors", "evt.failed=true", 100, Plain, false},
	{"fdbytes_by", "Bytes read and written, by any field", "I/O", "", "", "", "", "evt.rawarg.res", "Bytes", "evt.is_io=true and evt.failed=false", 30, InBytes, true},
	{"fdtime_by", "Time spent reading and writing, by any field", "I/O", "", "", "", "", "evt.latency", "Time", "evt.is_io=true", 10, InTime, true},
	{"topcontainers_file", "Containers by bytes read and written in files", "I/O", "container.name", "container.name", "", "", "evt.rawarg.res", "Bytes", "evt.is_io=true and fd.type=file and container.name!=host", 10, InBytes, false},
	{"topfiles_bytes", "Files by bytes read and written", "I/O", "fd.name", "Filename", "container.name,fd.name", "container.name,Filename", "evt.rawarg.res", "Bytes", "evt.is_io=true and fd.type=file", 10, InBytes, false},
	{"topfiles_time", "Files by time spent on them", "I/O", "fd.name", "Filename", "fd.name,container.name", "Filename,container.name", "evt.latency", "Time", "evt.is_io=true and fd.type=file", 10, InTime, false},
	{"topprocs_file", "Processes by bytes read and written in files", "I/O", "proc.name,proc.pid", "Process,PID", procKeys, procTitles, "evt.rawarg.res", "Bytes", "evt.is_io=true and fd.type=file", 10, InBytes, false},
	{"topconns", "Connections by bytes", "Net", "fd.l4proto,fd.name", "Proto,Conn", "container.name,fd.l4proto,fd.name", "container.name,Proto,Conn", "evt.rawarg.res", "Bytes", netFilter, 30, InBytes, false},
	{"topcontainers_net", "Containers by bytes on the network", "Net", "container.name", "container.name", "", "", "evt.rawarg.res", "Bytes", netFilter + " and container.name!=host", 100, InBytes, false},
	{"topports_server", "Server ports by bytes", "Net", "fd.sport", "Srv Port", "fd.sport,container.name", "Srv Port,container.name", "evt.rawarg.res", "Bytes", netFilter, 100, InBytes, false},
	{"topprocs_net", "Processes by bytes on the network", "Net", "proc.name,proc.pid", "Process,PID", procKeys, procTitles, "evt.rawarg.res", "Bytes", netFilter, 100, InBytes, false},
	{"topscalls", "System calls by number", "Performance", "evt.type", "Syscall", "evt.type,container.name", "Syscall,container.name", "evt.count", "# Calls", "evt.type!=switch", 30, Plain, false},
	{"topscalls_time", "System calls by time", "Performance", "evt.type", "Syscall", "evt.type,container.name", "Syscall,container.name", "evt.latency", "Time", "", 30, InTime, false},
	{"topcontainers_cpu", "Containers by processor time", "CPU Usage", "container.name", "container.name", "", "", "thread.cpu", "CPU%", "evt.type=procinfo", 10, InPercent, false},
	{"topprocs_cpu", "Processes by processor time", "CPU Usage", "proc.name,proc.pid", "Process,PID", "proc.name,proc.pid,proc.vpid,container.name", "Process,Host_pid,Container_pid,container.name", "thread.cpu", "CPU%", "evt.type=procinfo", 10, InPercent, false},
}

const (
	procKeys   = "proc.name,proc.pid,thread.vtid,container.name"
	procTitles = "Process,Host_pid,Container_pid,container.name"
)

// chisel is the declaration of a table's chisel.
func (t *table) chisel() Chisel {
	c := Chisel{Name: t.name, Category: t.category, Short: t.short, start: t.run, Desc: t.short + ". Combine it with a filter to narrow it down."}
	if t.by {
		c.Args = []Arg{{"key", "The field that is grouped by", "string", false}}
	}
	return c
}

// tally is a table that is being filled.
type tally struct {
	t       *table
	key     *Key
	titles  []string
	value   *sys.Field
	sums    map[string]*int64
	env     *Env
	Dropped uint64
}

func (t *table) run(env *Env, args []string) (*Run, error) {
	keys, titles := t.keys, t.titles
	switch {
	case t.by:
		keys, titles = args[0], args[0]
	case env.Containers && t.inKeys != "":
		keys, titles = t.inKeys, t.inTitles
	}
	r, err := newRun(t.filter)
	if err != nil {
		return nil, err
	}
	c := &tally{t: t, titles: strings.Split(titles, ","), sums: map[string]*int64{}, env: env}
	if c.key, err = NewKey(env.Style, strings.Split(keys, ",")...); err != nil {
		return nil, err
	}
	c.value = fields(env.Style, t.value)[0]
	r.event = c.add
	r.end = func(at, delta int64) error { return c.print(at, delta) }
	if env.Live {
		r.interval = 1e9
		r.tick = func(_ *sys.Event, at, delta int64) {
			if !env.JSON {
				env.Out.WriteString("\x1b[2J\x1b[1;1H")
			}
			c.print(at, delta)
			clear(c.sums)
		}
	}
	return r, nil
}

// add counts an event.
func (c *tally) add(e *sys.Event) error {
	n, ok := c.t.unit.Amount(c.value, e) // first, for half of the events have none
	if !ok {
		return nil
	}
	key, ok := c.key.Of(e)
	if !ok {
		return nil
	}
	if sum := c.sums[string(key)]; sum != nil {
		*sum += n
		return nil
	}
	if len(c.sums) >= maxKeys {
		c.Dropped++
		return nil
	}
	c.sums[string(key)] = &n
	return nil
}

// row is a key with its sum.
type row struct {
	key string
	n   int64
}

// sorted are the rows, the highest first.
func (c *tally) sorted() []row {
	rows := make([]row, 0, len(c.sums))
	for k, n := range c.sums {
		rows = append(rows, row{k, *n})
	}
	return topRows(rows, c.t.top)
}

func topRows(rows []row, top int) []row {
	slices.SortFunc(rows, func(a, b row) int {
		switch {
		case a.n > b.n:
			return -1
		case a.n < b.n:
			return 1
		}
		return strings.Compare(a.key, b.key)
	})
	if top > 0 && len(rows) > top {
		rows = rows[:top]
	}
	return rows
}

func (c *tally) print(at, delta int64) error {
	p := &printed{titles: c.titles, names: c.key.Names(), title: c.t.title, value: c.t.value, unit: c.t.unit}
	if c.t.unit == InPercent {
		p.value = "thread.exectime"
	}
	return p.print(c.env, c.sorted(), at, delta)
}

// printed is how a table is printed.
type printed struct {
	titles, names []string // of the keys
	title, value  string
	unit          Unit
}

func (p *printed) print(env *Env, rows []row, at, delta int64) error {
	if env.JSON {
		return p.json(env, rows, at)
	}
	head := col(p.title, 20)
	for _, t := range p.titles {
		head += col(t, 20)
	}
	fmt.Fprintln(env.Out, head)
	fmt.Fprintln(env.Out, strings.Repeat("-", 80))
	for _, r := range rows {
		line := col(p.unit.Text(r.n, delta), 20)
		parts := SplitKey(r.key)
		for i, s := range parts {
			if i < len(parts)-1 {
				s = col(s[:min(20, len(s))], 20)
			}
			line += s
		}
		if _, err := fmt.Fprintln(env.Out, line); err != nil {
			return err
		}
	}
	return nil
}

// json prints the table in the layout of sysdig's, in which the value is described third.
func (p *printed) json(env *Env, rows []row, at int64) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"ts\":\"%d\",\n  \"data\":[", at/1e9*1e9)
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('[')
		for _, s := range SplitKey(r.key) {
			fmt.Fprintf(&b, "%s,", quote(s))
		}
		fmt.Fprintf(&b, "%d]", r.n)
	}
	b.WriteString("],\n  \"info\":[")
	info := make([]string, max(3, len(p.names)))
	for i, n := range p.names {
		info[i] = describe(p.titles[i], n, true)
	}
	info[2] = describe(p.title, p.value, false)
	for i, s := range info {
		if i > 0 {
			b.WriteByte(',')
		}
		if s == "" {
			s = "null"
		}
		b.WriteString(s)
	}
	b.WriteString("]\n}\n")
	_, err := env.Out.Write(b.Bytes())
	return err
}

func describe(desc, name string, key bool) string {
	return fmt.Sprintf("{\n      \"desc\":%s,\n      \"name\":%s,\n      \"is_key\":%t\n    }", quote(desc), quote(name), key)
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s) + `"`
}
