package cli

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/source/syscalls"
	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/chisel"
)

func newSys(io Stdio) *cobra.Command {
	c := &cobra.Command{
		Use:   "sys [OPTIONS] [FILTER]",
		Short: "Show system calls, as they happen or from files",
		Long: "Show system calls as they happen, or those of a .scap file (-r FILE), filtered, formatted, counted. The options, the fields, the\n" +
			"filters and the chisels are sysdig's; tapir sys -h lists them.",
		Example:            "  tapir sys proc.name=nginx and fd.port=80\n  tapir sys -r act.scap.gz proc.name=httpd and evt.type=open\n  tapir sys -r act.scap -c topprocs_net",
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			o, err := parseSys(args)
			if err != nil {
				return err
			}
			return o.run(c.Context(), io)
		},
	}
	c.AddCommand(newSysCopy(io, "repair", "Make a sound .scap file of a damaged one", true), newSysCopy(io, "convert", "Write a .scap file in the current layout, or in an older one", false))
	c.AddCommand(newSysRecord(io), newSysTop(io))
	return c
}

// newSysRecord is the command that stores calls.
func newSysRecord(io Stdio) *cobra.Command {
	var cfg app.Config
	var files app.SysFiles
	var o sysOptions
	c := &cobra.Command{
		Use:   "record [-r FILE] [FILTER]",
		Short: "Store system calls in the data directory, beside its sessions",
		Long: "Store the calls that pass the filter, one record of each call: as they happen, until it is interrupted, or those of .scap files.\n" +
			"tapir search --kind sysevent finds them.",
		Example: "  sudo tapir sys record proc.name=httpd\n  tapir sys record -r act.scap.gz proc.name=httpd\n" +
			"  tapir search --kind sysevent 'evt.buffer contains form | count by proc.name'",
		RunE: func(c *cobra.Command, args []string) error {
			f, err := sys.NewFilter(strings.Join(args, " "))
			if err != nil {
				return err
			}
			files.Stdin, files.Warn = io.In, warner(io)
			var in app.SysSource = &files
			if len(files.Files) == 0 {
				o.filter = strings.Join(args, " ")
				plan, err := o.plan(nil)
				if err != nil {
					return err
				}
				in = &app.SysLive{Config: syscalls.Config{Plan: plan, Snaplen: int(o.snaplen), Buffer: int(o.ringSize), Lost: o.lost(nil, io)}}
			}
			n, err := app.StoreSys(c.Context(), cfg, in, f)
			if err != nil {
				return err
			}
			fmt.Fprintf(io.Out, "%d calls stored\n", n)
			return nil
		},
	}
	nodeFlags(c, &cfg)
	c.Flags().StringSliceVarP(&files.Files, "read", "r", nil, ".scap file, - for standard input; may be given several times")
	c.Flags().Int64VarP(&o.snaplen, "snaplen", "s", syscalls.DefaultSnaplen, "capture the first N bytes of data")
	c.Flags().Func("buffer", "room for calls that wait to be read, in MiB: a power of two (default 64)", o.setBuffer)
	return c
}

// newSysCopy is the command that copies a file, mending it if salvage is set.
func newSysCopy(io Stdio, name, short string, salvage bool) *cobra.Command {
	var version string
	var compress bool
	c := &cobra.Command{
		Use:   name + " IN OUT",
		Short: short,
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if version != "" && version != "current" && version != "0.29" {
				return usagef("--scap-version is current or 0.29, not %s", version)
			}
			events, damage, err := sysCopy(c.Context(), args[0], args[1], salvage, version == "0.29", compress)
			if err != nil {
				return err
			}
			fmt.Fprintf(io.Out, "%d events written to %s\n", events, args[1])
			if damage.Any() {
				fmt.Fprintf(io.Out, "left out: %s\n", damage.String())
			}
			return nil
		},
	}
	c.Flags().StringVar(&version, "scap-version", "", "layout: current, or 0.29 for sysdig 0.29")
	c.Flags().BoolVarP(&compress, "compress", "z", false, "compress with gzip")
	return c
}

func sysCopy(ctx context.Context, from, to string, salvage, old, compress bool) (events int64, d scap.Damage, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, d, err
	}
	defer in.Close()
	f, err := os.Create(to)
	if err != nil {
		return 0, d, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var out io.Writer = f
	if compress {
		z := gzip.NewWriter(f)
		defer func() { err = errors.Join(err, z.Close()) }()
		out = z
	}
	return app.SysCopy(ctx, in, out, salvage, old)
}

// run does what the options ask for.
func (o *sysOptions) run(ctx context.Context, io Stdio) error {
	switch {
	case o.help:
		_, err := fmt.Fprint(io.Out, sysHelp)
		return err
	case o.listFields:
		return sysListFields(io.Out, o.verbose)
	case o.markdown:
		return sysFieldsMarkdown(io.Out)
	case o.listEvents:
		return sysListEvents(io.Out)
	case o.showFormat:
		_, err := fmt.Fprintf(io.Out, "%s\n", sys.DefaultFormat)
		return err
	case o.listChisels:
		return sysListChisels(io.Out)
	case o.chiselInfo != "":
		return sysDescribeChisel(io.Out, o.chiselInfo)
	}
	return o.show(ctx, io)
}

// sysRun is one reading of files, or one capture.
type sysRun struct {
	*sysOptions
	filter *sys.Filter
	print  *app.SysPrint
	write  *app.SysWriter
	runs   []*chisel.Run
	counts *sysCounts // -S
	read   int64
	first  int64 // time of the file's first event
	began  time.Time
}

// show shows, counts, reports or writes events: of files, or as they happen.
func (o *sysOptions) show(ctx context.Context, stdio Stdio) error {
	filter, err := sys.NewFilter(o.filter)
	if err != nil {
		return err
	}
	style := &sys.Style{Buffers: o.buffers, Full: o.verbose, JSON: o.json}
	format, err := sys.NewFormat(o.format, style, o.clock)
	if err != nil {
		return usagef("%w", err)
	}
	out := bufio.NewWriterSize(stdio.Out, 64<<10)
	s := sys.New()
	if o.ports {
		s.NameServices()
	}
	r := &sysRun{sysOptions: o, filter: filter, print: &app.SysPrint{Out: out, Format: format, JSON: o.json}, began: time.Now()}
	r.runs, err = o.startChisels(&chisel.Env{Out: out, Style: style, Containers: o.container, JSON: o.json, TTY: isTerminal(stdio.Out),
		Live: len(o.files) == 0, Filter: o.filter, Source: strings.Join(o.files[:min(1, len(o.files))], ""), Sys: s, Again: o.again(ctx, stdio)})
	if err != nil {
		return errors.Join(err, out.Flush())
	}
	if o.explain {
		return o.explainPlan(stdio.Out, r.runs)
	}
	var first func() error
	if o.write != "" {
		r.write = app.NewSysWriter(o.writeTo(stdio, s, filter), s)
		if o.seconds == 0 && o.fileSize == 0 && o.perFile == 0 {
			first = r.write.Begin
		}
	}
	if o.summary {
		r.counts = &sysCounts{}
	}
	in, err := o.input(r, s, first, out, stdio)
	if err != nil {
		return err
	}
	damaged, err := in.Run(ctx, s, r.event)
	if live, ok := in.(*app.SysLive); ok && err == nil && o.verbose {
		fmt.Fprintln(stdio.Err, live.Start)
		fmt.Fprintf(stdio.Err, "Driver Events:%d\nDriver Drops:%d\n", live.Calls+live.Losses.Total, live.Losses.Total)
	}
	return r.finish(err, damaged, out, stdio)
}

// again reads files once more, for chisels that write what was around the events they showed.
func (o *sysOptions) again(ctx context.Context, stdio Stdio) func(args []string) error {
	if len(o.files) == 0 {
		return nil
	}
	return func(args []string) error {
		more, err := parseSys(args)
		if err != nil {
			return err
		}
		return more.show(ctx, stdio)
	}
}

// plan is what the kernel tests of the filter and of those of chisels.
func (o *sysOptions) plan(chisels []*chisel.Run) (*syscalls.Plan, error) {
	p, err := syscalls.Compile(o.filter)
	if err != nil || len(chisels) == 0 {
		return p, err
	}
	var any *syscalls.Plan
	for _, c := range chisels {
		q, err := syscalls.Compile(c.Filter())
		if err != nil {
			return nil, err
		}
		if any == nil {
			any = q
		} else {
			any = any.Or(q)
		}
	}
	return p.And(any), nil
}

// explainPlan says what the kernel tests.
func (o *sysOptions) explainPlan(out io.Writer, chisels []*chisel.Run) error {
	p, err := o.plan(chisels)
	if err == nil {
		_, err = io.WriteString(out, p.Explain())
	}
	return err
}

// input is where events come from. first is called before the first one.
func (o *sysOptions) input(r *sysRun, s *sys.Inspector, first func() error, out *bufio.Writer, stdio Stdio) (app.SysSource, error) {
	if len(o.files) == 0 {
		plan, err := o.plan(r.runs)
		if err != nil {
			return nil, err
		}
		counted := (o.quiet || o.summary) && o.write == "" && len(r.runs) == 0 // and not looked at
		cfg := syscalls.Config{Plan: plan, Untimed: counted, Blind: counted, Times: len(r.runs) > 0 || o.write != "" || o.debug, Switches: strings.Contains(o.format+o.filter, "exectime"), Snaplen: int(o.snaplen), Buffer: int(o.ringSize), Faults: o.faults, Pairs: true, Idle: out.Flush, Lost: o.lost(out, stdio)}
		if o.settles(r) {
			cfg.Settled = func(e *scap.Event, fd int64) syscalls.Fate { return r.settled(s, e, fd) }
			if r.write != nil {
				cfg.Write = r.write.Event
			}
		}
		return &app.SysLive{Config: cfg, First: first, Duration: time.Duration(o.duration) * time.Second}, nil
	}
	files := &app.SysFiles{Files: o.files, Stdin: stdio.In, Warn: warner(stdio), First: first}
	if o.progress {
		files.Progress(func(n int64) { fmt.Fprintf(stdio.Err, "%d MB read\n", n>>20) })
	}
	return files, nil
}

// lost says on standard error that calls were lost, and with -j in what is printed too.
func (o *sysOptions) lost(out *bufio.Writer, stdio Stdio) func(*syscalls.Losses) {
	warn := warner(stdio)
	return func(l *syscalls.Losses) {
		warn(fmt.Errorf("%s (a filter, a shorter -s or a larger --buffer helps)", l))
		if o.json && o.write == "" {
			b, _ := json.Marshal(map[string]any{"evt.type": "drop", "drops": l})
			out.Write(append(b, '\n'))
		}
	}
}

// writeTo is where -w and its kin have events written.
func (o *sysOptions) writeTo(stdio Stdio, s *sys.Inspector, f *sys.Filter) app.SysWrite {
	w := app.SysWrite{File: o.write, Stdout: stdio.Out, Compress: o.compress, Old: o.oldLayout, Bytes: o.fileSize * 1e6, Events: o.perFile,
		Seconds: o.seconds, Ring: o.ring, NoUsers: o.noUsers}
	if o.filterAll {
		w.Threads = func(t *sys.Thread) bool { return f.Pass(s.Imagine(t, nil)) }
	}
	return w
}

// event does with an event what was asked for.
func (r *sysRun) event(e *sys.Event) error {
	if r.events >= 0 && e.Num > r.events {
		return io.EOF
	}
	r.read++
	if e.Num == 1 {
		r.first = e.Time
	}
	if r.duration > 0 && len(r.files) > 0 && e.Time-r.first >= r.duration*1e9 {
		return io.EOF
	}
	pass := !e.Hidden && (r.display || r.filter.Pass(e)) && !r.suppressed(e)
	if r.write != nil {
		hidden := e.Hidden
		if !pass && r.fat && e.Info.Flags&scap.Modifies != 0 {
			e.Event.Hidden = true
		}
		if pass || e.Event.Hidden || syscalls.TellsLosses(e.Event) {
			err := r.write.Event(e.Event)
			e.Event.Hidden = hidden
			return err
		}
	}
	if !pass {
		return nil
	}
	if r.counts != nil && len(r.runs) == 0 {
		r.counts.add(e)
	}
	for _, c := range r.runs {
		if err := c.Event(e); err != nil {
			return err
		}
	}
	if len(r.runs) > 0 || r.quiet || r.write != nil || !r.debug && !e.Shown() || r.display && !r.filter.Pass(e) {
		return nil
	}
	if r.unflushed {
		return errors.Join(r.print.Print(e), r.print.Out.Flush())
	}
	return r.print.Print(e)
}

// settles says whether nothing is done with events one by one but to test whether they pass a filter that is settled, and to write them.
func (o *sysOptions) settles(r *sysRun) bool {
	return (o.quiet || r.write != nil) && r.filter.Settled() && len(r.runs) == 0 && r.counts == nil && o.events < 0 && !o.fat && !o.display && len(o.suppress) == 0
}

// settled does with both events of a call what event does, if they are settled.
func (r *sysRun) settled(s *sys.Inspector, raw *scap.Event, fd int64) syscalls.Fate {
	switch pass, ok := s.Settled(raw, fd, r.filter); {
	case !ok:
		return syscalls.Delivered
	case !pass || r.write == nil:
		r.read += 2
		return syscalls.Unneeded
	}
	r.read += 2
	return syscalls.Written
}

// suppressed says whether the event is a program's that -U names.
func (r *sysRun) suppressed(e *sys.Event) bool {
	return len(r.suppress) > 0 && e.Thread != nil && slices.Contains(r.suppress, e.Thread.Comm)
}

// finish ends what runs, and prints what was counted.
func (r *sysRun) finish(err error, damaged bool, out *bufio.Writer, stdio Stdio) error {
	for _, c := range r.runs {
		err = errors.Join(err, c.End())
	}
	if r.write != nil {
		err = errors.Join(err, r.write.Close())
	}
	if r.counts != nil {
		r.counts.print(out)
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if r.verbose {
		d := time.Since(r.began).Seconds()
		fmt.Fprintf(stdio.Err, "Elapsed time: %.3f, Captured Events: %d, %.2f eps\n", d, r.read, float64(r.read)/d)
	}
	if damaged {
		return errDamaged
	}
	return nil
}

// startChisels begins the chisels that were asked for. One that has nothing to say but a sentence says it on standard output,
// as sysdig's do.
func (o *sysOptions) startChisels(env *chisel.Env) (runs []*chisel.Run, err error) {
	for _, c := range o.chisels {
		r, err := c.chisel.Start(env, c.args)
		var said *chisel.Err
		if errors.As(err, &said) && said.Text != "" {
			fmt.Fprintln(env.Out, said.Text)
		}
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

var errDamaged = errors.New("not all of what was read is there")
