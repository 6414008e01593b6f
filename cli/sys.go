package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/chisel"
)

func newSys(io Stdio) *cobra.Command {
	c := &cobra.Command{
		Use:   "sys [OPTIONS] [FILTER]",
		Short: "Show system calls, from files or as they happen",
		Long: "Show the system calls of a .scap file (-r FILE), filtered, formatted, counted. The options, the fields, the filters and the\n" +
			"chisels are sysdig's; tapir sys -h lists them.",
		Example:            "  tapir sys -r act.scap.gz proc.name=httpd and evt.type=open\n  tapir sys -r act.scap -c topprocs_net",
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			o, err := parseSys(args)
			if err != nil {
				return err
			}
			return o.run(c.Context(), io)
		},
	}
	return c
}

// run does what the options ask for.
func (o *sysOptions) run(ctx context.Context, io Stdio) error {
	switch {
	case o.help:
		_, err := fmt.Fprint(io.Out, sysHelp)
		return err
	case o.listFields:
		return sysListFields(io.Out, o.verbose)
	case o.listEvents:
		return sysListEvents(io.Out)
	case len(o.files) == 0:
		return usagef("say which file to read: tapir sys -r FILE (live capture: tapir sys record)")
	}
	return o.read(ctx, io)
}

// read shows the events of files.
func (o *sysOptions) read(ctx context.Context, stdio Stdio) error {
	filter, err := sys.NewFilter(o.filter)
	if err != nil {
		return err
	}
	style := &sys.Style{Buffers: o.buffers, Full: o.verbose, JSON: o.json, Services: o.ports}
	format, err := sys.NewFormat(o.format, style, o.clock)
	if err != nil {
		return usagef("%w", err)
	}
	out := bufio.NewWriterSize(stdio.Out, 64<<10)
	p := &app.SysPrint{Out: out, Format: format, JSON: o.json}
	files := &app.SysFiles{Files: o.files, Stdin: stdio.In, Warn: warner(stdio)}
	s := sys.New()
	runs, err := o.startChisels(&chisel.Env{Out: out, Style: style, Containers: o.container, JSON: o.json, TTY: isTerminal(stdio.Out),
		Filter: o.filter, Source: o.files[0], Sys: s})
	if err != nil {
		return errors.Join(err, out.Flush())
	}
	damaged, err := files.Run(ctx, s, func(e *sys.Event) error {
		if o.events > 0 && e.Num > o.events {
			return io.EOF
		}
		if e.Hidden || !filter.Pass(e) {
			return nil
		}
		if len(runs) > 0 {
			for _, r := range runs {
				if err := r.Event(e); err != nil {
					return err
				}
			}
			return nil
		}
		if !o.debug && !e.Shown() || o.quiet {
			return nil
		}
		return p.Print(e)
	})
	for _, r := range runs {
		err = errors.Join(err, r.End())
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
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
		if errors.As(err, &said) {
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
