package chisel

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/sys"
)

// dump writes to a file what the threads of some events did around them, by reading the capture once more.
type dump struct {
	env    *Env
	file   string
	ms     string
	events []string // the filter of each
}

// maxDumped bounds the filter that a dump is made with.
const maxDumped = 4096

// newDump takes the name of the file and the ms before and after each event (1000); nil if there is no name.
func newDump(env *Env, args []string) (*dump, error) {
	if len(args) == 0 {
		return nil, nil
	}
	d := &dump{env: env, file: args[0], ms: "1000"}
	if len(args) > 1 {
		d.ms = args[1]
	}
	if _, err := strconv.Atoi(d.ms); err != nil {
		return nil, &Err{"Input dump_range_ms must be a number."}
	}
	if env.Again == nil {
		return nil, &Err{"live capture not supported"}
	}
	return d, nil
}

func (d *dump) add(e *sys.Event) {
	if d != nil && len(d.events) < maxDumped {
		d.events = append(d.events, fmt.Sprintf("(evt.around[%d]=%s and thread.tid=%d)", e.Time, d.ms, e.Event.Thread))
	}
}

// write ends the dump, behind a line that tells of it.
func (d *dump) write(say func(events int, file string) string) error {
	if d == nil {
		return nil
	}
	fmt.Fprintln(d.env.Out, say(len(d.events), d.file))
	return d.env.Again([]string{"-F", "-r", d.env.Source, "-w", d.file, strings.Join(d.events, " or ")})
}

// around writes the events around those that pass the filter to a file.
func around(env *Env, args []string) (*Run, error) {
	if env.Filter == "" {
		return nil, &Err{"no filter specified"}
	}
	d, err := newDump(env, args)
	if err != nil {
		return nil, err
	}
	f := fields(env.Style, "evt.time", "proc.name", "thread.tid")
	return &Run{event: func(e *sys.Event) error {
		d.add(e)
		_, err := fmt.Fprintf(env.Out, "%s %s(%s)\n", value(f[0], e, ""), value(f[1], e, "<NA>"), value(f[2], e, ""))
		return err
	}, end: func(int64, int64) error {
		if env.TTY {
			fmt.Fprintln(env.Out, ansi.reset)
		}
		return d.write(func(n int, file string) string {
			return fmt.Sprintf("\nSaving events around %d syslog entries to %s", n, file)
		})
	}}, nil
}
