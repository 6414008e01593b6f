package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/top"
)

// sysFeed delivers the events of files or of the running machine: it applies each to s and hands it to f, until f returns
// an error, of which io.EOF means that no more are needed, or ctx ends. damaged says that some could not be delivered.
type sysFeed interface {
	Run(ctx context.Context, s *sys.Inspector, f func(*sys.Event) error) (damaged bool, err error)
}

// sysTop are the options of tapir sys top.
type sysTop struct {
	files []string
	view  string
	print string
	delay int64 // ms
	json  bool
	list  bool
}

func newSysTop(io Stdio) *cobra.Command {
	var o sysTop
	c := &cobra.Command{
		Use:   "top [FILTER]",
		Short: "Look around in system calls: processes, connections, files, down to data and events",
		Long: "Show tables of processes, connections, files, errors and others; Enter goes into a row, Backspace back, F2 chooses another view,\n" +
			"F5 shows the data that is read and written there, F6 the events; F1 lists all keys. Where the output is no terminal, the view\n" +
			"is printed once: columns with tabs between them, or JSON lines with --json.",
		Example: "  tapir sys top -r act.scap.gz\n  tapir sys top -r act.scap.gz -v connections --json proc.name=httpd",
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
	f.BoolVarP(&o.json, "json", "j", false, "print the view once, one JSON object for each row")
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
	case len(o.files) == 0:
		return usagef("say which file to read: tapir sys top -r FILE")
	case o.print != "" && o.print != "c":
		return usagef("-p is c, for columns of containers, not %s", o.print)
	case o.delay < 100:
		return usagef("-d is at least 100 ms, not %d", o.delay)
	}
	t, err := top.New(top.Config{View: o.view, Filter: filter, Containers: o.print == "c", Source: strings.Join(o.files, " ")})
	if err != nil {
		return usagef("%w", err)
	}
	screen := !o.json && isTerminal(stdio.Out)
	if screen && slices.Contains(o.files, "-") {
		return usagef("going into a row reads the events again, which standard input cannot: write them to a file first (tapir sys -r - -w FILE)")
	}
	feed := &app.SysFiles{Files: o.files, Stdin: stdio.In, Warn: warner(stdio)}
	if !screen {
		return printView(ctx, stdio.Out, t, feed, o.json)
	}
	session := &topSession{feed: feed, top: t}
	feed.Warn = session.warn
	return session.show(ctx, stdio, time.Duration(o.delay)*time.Millisecond)
}

// printView reads everything, and prints the view once.
func printView(ctx context.Context, w io.Writer, t *top.Top, feed sysFeed, asJSON bool) error {
	damaged, err := feed.Run(ctx, sys.New(), t.Event)
	if err != nil {
		return err
	}
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
	if err := out.Flush(); err != nil {
		return err
	}
	if damaged {
		return errDamaged
	}
	return nil
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
