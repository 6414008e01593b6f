package chisel

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/sys"
)

// spyLogs prints what is written to log files, line by line.
func spyLogs(env *Env, args []string) (*Run, error) {
	c := palette(args)
	d, err := newDump(env, args)
	if err != nil {
		return nil, err
	}
	r, err := newRun("((fd.name contains .log or fd.name contains _log or fd.name contains /var/log) and not (fd.name contains .gz or fd.name contains .tgz))" +
		" and evt.is_io_write=true and evt.dir=< and evt.failed=false")
	if err != nil {
		return nil, err
	}
	st := env.asText()
	st.Full = true
	f := fields(st, "evt.buffer", "proc.name", "fd.name", "container.name")
	r.event = func(e *sys.Event) error {
		for _, msg := range strings.Split(value(f[0], e, ""), "\n") {
			if msg == "" {
				continue
			}
			line := value(f[1], e, "<NA>") + " " + value(f[2], e, "<NA>") + " " + msg
			switch {
			case env.TTY:
				color := c.green
				if strings.Contains(strings.ToLower(msg), "warn") {
					color = c.yellow
				} else if strings.Contains(msg, "err") {
					color = c.red
				}
				line = color + " " + line
			case env.Containers:
				line = value(f[3], e, "") + " " + line
			}
			fmt.Fprintln(env.Out, line)
		}
		d.add(e)
		return nil
	}
	r.end = logged(env, c, d)
	return r, nil
}

// spySyslog prints the messages to the system's log.
func spySyslog(env *Env, args []string) (*Run, error) {
	c := palette(args)
	d, err := newDump(env, args)
	if err != nil {
		return nil, err
	}
	r, err := newRun("fd.name contains /dev/log and evt.is_io_write=true and evt.dir=< and evt.failed=false")
	if err != nil {
		return nil, err
	}
	f := fields(nil, "syslog.facility.str", "syslog.severity.str", "syslog.message", "proc.name", "syslog.severity", "container.name", "container.id")
	r.event = func(e *sys.Event) error {
		code, ok := f[4].Number(e)
		if !ok {
			return nil
		}
		color, in := "", value(f[5], e, "")
		if env.TTY {
			switch {
			case code == 4:
				color = c.yellow
			case code < 4:
				color = c.red
			case in != "host":
				color = c.blue
			default:
				color = c.green
			}
		}
		if env.Containers {
			color += fmt.Sprintf("%-20s %-20s ", value(f[6], e, ""), in)
		}
		d.add(e)
		_, err := fmt.Fprintf(env.Out, "%s%s.%s %s[%d] %s\n", color, value(f[0], e, ""), value(f[1], e, ""), value(f[3], e, "<NA>"), e.Thread.TID, value(f[2], e, ""))
		return err
	}
	r.end = logged(env, c, d)
	return r, nil
}

// logged ends a chisel that shows messages.
func logged(env *Env, c colors, d *dump) func(at, delta int64) error {
	return func(int64, int64) error {
		if env.TTY {
			fmt.Fprintln(env.Out, c.reset)
		}
		return d.write(func(n int, _ string) string { return fmt.Sprintf("Writing events for %d log entries", n) })
	}
}

// spyUsers prints what people type: the programs that run below a shell, indented by how deep they are.
func spyUsers(env *Env, args []string) (*Run, error) {
	c, depth := palette(args), -1
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, &Err{"Input max_depth must be a number."}
		}
		depth = n
	}
	r, err := newRun("((evt.type=execve and evt.dir=<) or (evt.type=chdir and evt.dir=< and proc.name contains sh and not proc.name contains sshd)) and evt.failed=false")
	if err != nil {
		return nil, err
	}
	f := fields(env.Style, "user.name", "evt.time.s", "proc.exe", "proc.args", "evt.arg.path", "container.name")
	type place struct {
		depth int // -1: below no shell
		shell int64
	}
	tree := map[int64]place{}
	find := func(t *sys.Thread, self bool) place {
		out := place{depth: -1}
		env.Sys.Ancestors(t, self, func(i int, a *sys.Thread) {
			if strings.HasSuffix(a.Comm, "sh") && len(a.Comm) >= 2 {
				if _, ok := tree[a.PID]; ok {
					out = place{i, a.PID}
				} else {
					out = place{0, a.PID}
				}
			}
		})
		return out
	}
	r.event = func(e *sys.Event) error {
		cd, icorr, step := e.Name() == "chdir", 1, 3
		parent := int64(-1)
		if p := env.Sys.ParentOf(e.Thread); p != nil {
			parent = p.PID
		}
		if cd {
			parent, icorr, step = e.Thread.PID, 0, 4
		}
		if env.Containers {
			step = 4
		}
		if len(tree) > maxKeys {
			clear(tree)
		}
		if _, ok := tree[parent]; !ok {
			tree[parent] = find(e.Thread, cd)
		}
		up := tree[parent]
		if up.depth == -1 {
			return nil
		}
		if _, ok := tree[e.Thread.PID]; !ok {
			tree[e.Thread.PID] = place{up.depth + 1, up.shell}
		}
		at := tree[e.Thread.PID]
		if depth != -1 && at.depth-icorr > depth {
			return nil
		}
		color, user := "", value(f[0], e, "<NA>")
		if env.Containers {
			color = c.green
			if in := value(f[5], e, ""); in != "host" {
				color = c.blue
			}
			user += "@" + value(f[5], e, "")
		}
		what := value(f[2], e, "") + " " + value(f[3], e, "")
		if cd {
			what = "cd " + value(f[4], e, "")
		}
		_, err := fmt.Fprintf(env.Out, "%s%s%d %s %s) %s\n", color, strings.Repeat(" ", max(0, step*(at.depth-icorr))), at.shell, value(f[1], e, ""), user, what)
		return err
	}
	r.end = ending(env, c)
	return r, nil
}

func loginShells(env *Env, args []string) (*Run, error) {
	r, err := newRun("evt.type=execve")
	if err != nil {
		return nil, err
	}
	f := fields(env.Style, "proc.loginshellid", "evt.arg.exe", "evt.arg.args", "container.name", "container.id")
	var order []int64
	lines := map[int64]string{}
	want := ""
	if len(args) > 0 && args[0] != "*" {
		want = args[0]
	}
	r.event = func(e *sys.Event) error {
		id, ok := f[0].Number(e)
		exe, ok2 := f[1].Append(nil, e)
		given, has := f[2].Append(nil, e)
		if !ok || !ok2 || !strings.Contains(string(exe), want) || len(args) > 1 && has && !strings.Contains(string(given), args[1]) {
			return nil
		}
		line := strconv.FormatInt(id, 10)
		if env.Containers {
			line += " " + value(f[3], e, "") + " " + value(f[4], e, "")
		}
		if _, seen := lines[id]; !seen {
			order = append(order, id)
		}
		lines[id] = line
		return nil
	}
	r.end = func(int64, int64) error {
		if want != "" {
			fmt.Fprintf(env.Out, "Shells containing %s:\n", want)
		} else {
			fmt.Fprintln(env.Out, "All shells:")
		}
		for _, id := range order {
			fmt.Fprintln(env.Out, lines[id])
		}
		return nil
	}
	return r, nil
}

// shellshock finds shells that run with a function in their environment that goes on behind its end (CVE-2014-6271).
func shellshock(env *Env, _ []string) (*Run, error) {
	r, err := newRun("(proc.name=bash or proc.name=sh) and evt.type=execve")
	if err != nil {
		return nil, err
	}
	f := fields(env.Style, "evt.time", "proc.pname", "proc.env")
	function := regexp.MustCompile(`\(\) ?\{.+`)
	fmt.Fprintln(env.Out, col("TIME", 22)+col("PROCNAME", 22)+col("PID", 8)+"FUNCTION")
	r.event = func(e *sys.Event) error {
		if m := function.Find([]byte(value(f[2], e, ""))); m != nil && e.Type.Exit() {
			fmt.Fprintf(env.Out, "%s%s%s%s\n", col(value(f[0], e, ""), 22), col(value(f[1], e, "<NA>"), 22), col(strconv.FormatInt(e.Thread.Parent, 10), 8), m)
		}
		return nil
	}
	return r, nil
}
