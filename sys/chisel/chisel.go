// Package chisel is the reports over system calls that sysdig calls chisels: who uses the network most, what was read
// and written, which calls were slow, what is open.
//
// Events flow in, those that pass the chisel's filter; lines flow out. A chisel that counts by key is a row of tables;
// the others are a few lines of Go each. Names, arguments and output are sysdig's. Where equal values have no order of
// their own, keys are sorted, so that the same file gives the same bytes. The caller is app.
//
// Limits: a table holds 64Ki keys; what comes beyond is counted under no key and reported by Dropped.
package chisel

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/tapir-project/tapir/sys"
)

// Env is what a chisel runs in.
type Env struct {
	Out        *bufio.Writer
	Style      *sys.Style
	Containers bool // -pc: containers are shown too
	JSON       bool
	Live       bool
	TTY        bool   // output is a terminal
	Filter     string // the user's
	Source     string // the file that is read
	Sys        *sys.Inspector
	// Again reads the capture once more, with the options of tapir sys; nil where there is no file.
	Again func(args []string) error
}

// Arg declares an argument.
type Arg struct {
	Name, Desc, Type string
	Optional         bool
}

// Chisel declares a chisel.
type Chisel struct {
	Name, Category string
	Short, Desc    string
	Args           []Arg
	start          func(env *Env, args []string) (*Run, error)
}

// Run is a running chisel.
type Run struct {
	filter   *sys.Filter
	text     string // of the filter
	event    func(e *sys.Event) error
	interval int64 // ns of event time between calls of tick
	tick     func(e *sys.Event, at int64, delta int64)
	end      func(at int64, delta int64) error
	format   *sys.Format // of a line behind what event prints

	sampled, ticked int64
	env             *Env
	buf             []byte
	began           bool
	first, last     int64
}

// Err ends a chisel with what it printed; the capture is over.
type Err struct{ Text string }

func (e *Err) Error() string {
	if e.Text == "" {
		return "the chisel ended by itself"
	}
	return e.Text
}

// Find is the chisel with the name; nil if there is none.
func Find(name string) *Chisel {
	for i := range chisels {
		if chisels[i].Name == name {
			return &chisels[i]
		}
	}
	return nil
}

// All lists the chisels by category and name.
func All() []Chisel { return chisels }

// Counts is how many arguments the chisel needs, and how many it may have beside.
func (c *Chisel) Counts() (needed, optional int) {
	for _, a := range c.Args {
		if a.Optional {
			optional++
		} else {
			needed++
		}
	}
	return needed, optional
}

// Start begins a chisel.
func (c *Chisel) Start(env *Env, args []string) (*Run, error) {
	needed, optional := c.Counts()
	if len(args) < needed || len(args) > needed+optional {
		return nil, fmt.Errorf("chisel %s takes %d arguments and %d more if you like, not %d (tapir sys -i %s describes it)", c.Name, needed, optional, len(args), c.Name)
	}
	r, err := c.start(env, args)
	if err != nil {
		return nil, err
	}
	r.env = env
	return r, nil
}

// Event gives an event to the chisel, internal ones included.
func (r *Run) Event(e *sys.Event) error {
	if r.interval > 0 {
		r.timer(e)
	}
	if !r.began {
		r.began, r.first = true, e.Time
	}
	r.last = e.Time
	if r.filter != nil && !r.filter.Pass(e) {
		return nil
	}
	if err := r.event(e); err != nil || r.format == nil {
		return err
	}
	line, ok := r.format.Append, false
	if r.env.JSON {
		line = r.format.AppendJSON
	}
	if r.buf, ok = line(r.buf[:0], e); ok {
		r.env.Out.Write(append(r.buf, '\n'))
	}
	return nil
}

// timer calls tick for each interval of event time that is over.
func (r *Run) timer(e *sys.Event) {
	sample := e.Time - e.Time%r.interval
	if sample == r.sampled {
		return
	}
	delta := int64(0)
	if r.ticked != 0 {
		delta = e.Time - r.ticked
	}
	for t := r.sampled; t != 0 && t <= e.Time-r.interval; t += r.interval {
		r.tick(e, t, delta)
	}
	r.sampled, r.ticked = sample, e.Time
}

// End ends the chisel.
func (r *Run) End() error {
	if r.end == nil {
		return nil
	}
	return r.end(r.last, r.last-r.first)
}

// newRun compiles the filter of a chisel.
func newRun(filter string) (*Run, error) {
	f, err := sys.NewFilter(filter)
	return &Run{filter: f, text: filter}, err
}

// Filter is the text of the filter that events pass before the chisel sees them; "" if it sees all.
func (r *Run) Filter() string { return r.text }

// fields compiles fields that must exist.
func fields(st *sys.Style, names ...string) []*sys.Field {
	out := make([]*sys.Field, len(names))
	for i, n := range names {
		f, err := sys.Find(n, st)
		if err != nil {
			panic("chisel: " + err.Error())
		}
		out[i] = f
	}
	return out
}

// value is a field's text, def if the event has none.
func value(f *sys.Field, e *sys.Event, def string) string {
	b, ok := f.Append(nil, e)
	if !ok {
		return def
	}
	return string(b)
}

// col is s in a column of n characters: filled up with blanks, or cut so that one blank is left.
func col(s string, n int) string {
	if len(s) < n {
		return s + strings.Repeat(" ", n-len(s))
	}
	return s[:n-1] + " "
}

// colors are the escapes of a terminal; empty where colors are not wanted.
type colors struct{ red, green, yellow, blue, cyan, reset string }

var ansi = colors{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[36m", "\x1b[0m"}

// asText is how chisels show data as text that is to be read, unless another way was asked for.
func (env *Env) asText() *sys.Style {
	st := *env.Style
	if st.Buffers == sys.Dotted && !env.JSON {
		st.Buffers = sys.TextOnly
	}
	return &st
}

// palette is the colors, unless one of the arguments says no.
func palette(args []string) colors {
	for _, a := range args {
		if strings.HasPrefix(a, "disable_color") {
			return colors{}
		}
	}
	return ansi
}
