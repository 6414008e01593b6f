package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/source/syscalls"
	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/top"
)

// sysTop are the options of tapir sys top.
type sysTop struct {
	files []string
	view  string
	print string
	delay int64 // ms
	snap  int   // bytes of data of a call
	json  bool
	list  bool
}

func newSysTop(io Stdio) *cobra.Command {
	var o sysTop
	c := &cobra.Command{
		Use:   "top [FILTER]",
		Short: "Look around in system calls: processes, connections, files, down to data and events",
		Long: "Show tables of processes, connections, files, errors and others, as they are now or of .scap files (-r FILE). Enter goes into a\n" +
			"row, Backspace back, F2 chooses another view, F5 shows the data that is read and written there, F6 the events; F1 lists all keys.\n" +
			"Where the output is no terminal, the view is printed: columns with tabs between them, or JSON lines with --json; that of a\n" +
			"file once, a live one for each interval.",
		Example: "  sudo tapir sys top\n  tapir sys top -r act.scap.gz\n  tapir sys top -r act.scap.gz -v connections --json proc.name=httpd",
		RunE: func(c *cobra.Command, args []string) error {
			if o.list {
				return listViews(io.Out)
			}
			return o.run(c.Context(), io, strings.Join(args, " "))
		},
	}
	f := c.Flags()
	f.StringSliceVarP(&o.files, "read", "r", nil, ".scap file; may be given several times")
	f.StringVarP(&o.view, "view", "v", "procs", "id of the view that is shown first (-l lists them)")
	f.StringVarP(&o.print, "print", "p", "", "c: with columns of containers")
	f.Int64VarP(&o.delay, "interval", "d", 2000, "how often a live view is brought up to date, in ms")
	f.IntVarP(&o.snap, "snaplen", "s", 512, "capture the first so many bytes of data of a call (live)")
	f.BoolVarP(&o.json, "json", "j", false, "print the view, one JSON object for each row")
	f.BoolVarP(&o.list, "list", "l", false, "list the views")
	return c
}

func listViews(w io.Writer) error {
	for i := range top.Views {
		if _, err := fmt.Fprintf(w, "%-14s %s\n", top.Views[i].ID, top.Views[i].Desc); err != nil {
			return err
		}
	}
	return nil
}

func (o *sysTop) run(ctx context.Context, stdio Stdio, filter string) error {
	switch {
	case o.print != "" && o.print != "c":
		return usagef("-p is c, for columns of containers, not %s", o.print)
	case o.delay < 100:
		return usagef("-d is at least 100 ms, not %d", o.delay)
	}
	live := len(o.files) == 0
	source := strings.Join(o.files, " ")
	if live {
		source = "this machine"
	}
	t, err := top.New(top.Config{View: o.view, Filter: filter, Containers: o.print == "c", Source: source, Live: live})
	if err != nil {
		return usagef("%w", err)
	}
	screen := !o.json && isTerminal(stdio.Out)
	if screen && slices.Contains(o.files, "-") {
		return usagef("going into a row reads the events again, which standard input cannot: write them to a file first (tapir sys -r - -w FILE)")
	}
	session := &topSession{live: live, top: t}
	warn := warner(stdio)
	if screen {
		warn = session.warn
	}
	session.open = func(filter string) (app.SysSource, error) {
		if !live {
			return &app.SysFiles{Files: o.files, Stdin: stdio.In, Warn: warn}, nil
		}
		plan, err := syscalls.Compile(filter)
		lost := func(l *syscalls.Losses) { warn(errors.New(l.String())) }
		return &app.SysLive{Config: syscalls.Config{Plan: plan, Snaplen: o.snap, Pairs: true, Times: true, Lost: lost}}, err
	}
	delay := time.Duration(o.delay) * time.Millisecond
	if screen {
		return session.show(ctx, stdio, delay)
	}
	feed, err := session.open(filter)
	if err != nil {
		return err
	}
	if live {
		return o.printLive(ctx, stdio.Out, t, feed, delay)
	}
	damaged, err := feed.Run(ctx, sys.New(), t.Event)
	if err = errors.Join(err, printView(stdio.Out, t, o.json)); err != nil {
		return err
	}
	if damaged {
		return errDamaged
	}
	return nil
}

// printLive prints the view for each interval of event time until ctx ends.
func (o *sysTop) printLive(ctx context.Context, w io.Writer, t *top.Top, feed app.SysSource, delay time.Duration) error {
	until := int64(0)
	_, err := feed.Run(ctx, sys.New(), func(e *sys.Event) error {
		if e.Time >= until {
			t.Tick(e.Time)
			if until != 0 {
				if err := printView(w, t, o.json); err != nil {
					return err
				}
			}
			until = e.Time + delay.Nanoseconds()
		}
		return t.Event(e)
	})
	return err
}

// printView prints the view as it is.
func printView(w io.Writer, t *top.Top, asJSON bool) error {
	out := bufio.NewWriter(w)
	titles, rows := t.Table()
	if !asJSON {
		fmt.Fprintln(out, strings.Join(titles, "\t"))
	}
	for i := range rows {
		if asJSON {
			printRowJSON(out, titles, rows[i].Values)
			continue
		}
		for j, v := range rows[i].Values {
			if j > 0 {
				out.WriteByte('\t')
			}
			out.WriteString(v.Text)
		}
		out.WriteByte('\n')
	}
	return out.Flush()
}

// columnName makes a name for JSON of a title.
var columnName = strings.NewReplacer(" ", "_", "/s", "_per_second")

// printRowJSON prints a row as an object whose names are the titles in small letters. What a row lacks is left out.
func printRowJSON(out *bufio.Writer, titles []string, values []top.Value) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range values {
		if v.Text == "" && !v.Numeric {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		var x any = v.Text
		if v.Numeric {
			x = v.Number
		}
		fmt.Fprintf(&b, "%q:", columnName.Replace(strings.ToLower(titles[i])))
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(x); err != nil {
			b.WriteString("null") // a number that is none
		} else {
			b.Truncate(b.Len() - 1)
		}
	}
	fmt.Fprintf(out, "%s}\n", b.Bytes())
}
