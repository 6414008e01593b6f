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
	style := &sys.Style{Buffers: o.buffers, Full: o.verbose, JSON: o.json}
	format, err := sys.NewFormat(o.format, style, o.clock)
	if err != nil {
		return usagef("%w", err)
	}
	out := bufio.NewWriterSize(stdio.Out, 64<<10)
	p := &app.SysPrint{Out: out, Format: format, JSON: o.json}
	files := &app.SysFiles{Files: o.files, Stdin: stdio.In, Warn: warner(stdio)}
	s := sys.New()
	damaged, err := files.Run(ctx, s, func(e *sys.Event) error {
		if o.events > 0 && e.Num > o.events {
			return io.EOF
		}
		if (!e.Shown() && !o.debug) || e.Hidden || !filter.Pass(e) {
			return nil
		}
		if o.quiet {
			return nil
		}
		return p.Print(e)
	})
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if damaged {
		return errDamaged
	}
	return nil
}

var errDamaged = errors.New("not all of what was read is there")
