package chisel

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/sys"
)

// Arguments that several chisels take.
var (
	colorArg = Arg{"disable_color", "Set to 'disable_colors' for output without colors", "string", true}
	fileArg  = Arg{"dump_file_name", "The file to which the events around those that are shown are written", "string", true}
	rangeArg = Arg{"dump_range_ms", "How many ms before and after each event are written", "int", true}
)

// result is the first argument of a leaving event that is called res.
type result struct{ f *sys.Field }

func resultField() result { return result{fields(nil, "evt.rawarg.res")[0]} }

func (r result) of(e *sys.Event) (int64, bool) { return r.f.Number(e) }

// box is what -pc adds to a line: the container's name and id.
func box(env *Env, c colors, name, id string) string {
	switch {
	case !env.Containers:
		return ""
	case name == "host":
		return fmt.Sprintf("%s [%s] [%s]", c.green, name, id)
	}
	return fmt.Sprintf("%s [%s] [%s]", c.cyan, name, id)
}

func echoFDs(env *Env, args []string) (*Run, error) {
	c := palette(args)
	r, err := newRun("evt.is_io=true and evt.dir=< and evt.rawres>0")
	if err != nil {
		return nil, err
	}
	f := fields(env.Style, "fd.name", "proc.name", "container.name", "container.id", "evt.is_io_read")
	res := resultField()
	if r.format, err = sys.NewFormat("%evt.arg.data", env.Style, sys.ClockHuman); err != nil {
		return nil, err
	}
	r.event = func(e *sys.Event) error {
		n, ok := res.of(e)
		if !ok || n <= 0 {
			return nil
		}
		color, verb, way := c.blue, "Write", "to"
		if read, _ := f[4].Number(e); read != 0 {
			color, verb, way = c.red, "Read", "from"
		}
		in := box(env, c, value(f[2], e, ""), value(f[3], e, ""))
		_, err := fmt.Fprintf(env.Out, "%s------ %s %s %s %s %s %s (%s)\n", color, verb, byteText(n), way, in, color, value(f[0], e, "<NA>"), value(f[1], e, "<NA>"))
		return err
	}
	r.end = ending(env, c)
	return r, nil
}

// ending sets the terminal's colors back.
func ending(env *Env, c colors) func(at, delta int64) error {
	return func(int64, int64) error {
		_, err := fmt.Fprintln(env.Out, c.reset)
		return err
	}
}

// spyNet prints what one address or port sends and receives.
func spyNet(field string) func(env *Env, args []string) (*Run, error) {
	return func(env *Env, args []string) (*Run, error) {
		c := palette(args[1:])
		r, err := newRun(netFilter + " and " + field + "=" + args[0])
		if err != nil {
			return nil, err
		}
		f := fields(env.Style, "evt.arg.data", "evt.is_io_read")
		res, last, head := resultField(), int64(-1), ""
		r.event = func(e *sys.Event) error {
			n, ok := res.of(e)
			data, has := f[0].Append(nil, e)
			if !ok || n <= 0 || !has {
				return nil
			}
			read, _ := f[1].Number(e)
			if read != last {
				head = c.blue + "------ Write " + byteText(n)
				if read != 0 {
					head = c.red + "------ Read " + byteText(n)
				}
				last = read
			}
			_, err := fmt.Fprintf(env.Out, "%s\n%s\n", head, data)
			return err
		}
		r.end = ending(env, c)
		return r, nil
	}
}

// stdio prints what goes through one of the three standard descriptors.
func stdio(fd int) func(env *Env, args []string) (*Run, error) {
	return func(env *Env, args []string) (*Run, error) {
		r, err := newRun("fd.num=" + strconv.Itoa(fd) + " and evt.is_io=true")
		c, f := palette(args), fields(env.Style, "container.id", "container.name")
		r.event = func(e *sys.Event) error {
			b := e.Data()
			if b == nil {
				return nil
			}
			if i := bytes.IndexByte(b, 0); i >= 0 {
				b = b[:i]
			}
			if fd == 2 && env.Containers {
				in, color := value(f[1], e, ""), c.green
				if in != "host" {
					color = c.blue
				}
				fmt.Fprintf(env.Out, "%s%-20.20s %-20.20s ", color, value(f[0], e, ""), in)
			}
			env.Out.Write(b)
			return env.Out.WriteByte('\n')
		}
		return r, err
	}
}

// ioBytes prints each second what was read and written.
func ioBytes(filter string) func(env *Env, args []string) (*Run, error) {
	return func(env *Env, _ []string) (*Run, error) {
		r, err := newRun(filter)
		if err != nil {
			return nil, err
		}
		f := fields(nil, "evt.time.s", "evt.is_io_read")
		res := resultField()
		var in, out int64
		r.event = func(e *sys.Event) error {
			if n, ok := res.of(e); ok && n > 0 {
				if read, _ := f[1].Number(e); read != 0 {
					in += n
				} else {
					out += n
				}
			}
			return nil
		}
		r.interval = 1e9
		r.tick = func(e *sys.Event, _, _ int64) {
			fmt.Fprintf(env.Out, "%s in:%d out:%d tot:%d\n", value(f[0], e, ""), in, out, in+out)
			in, out = 0, 0
		}
		return r, nil
	}
}

func spyFile(env *Env, args []string) (*Run, error) {
	way, name := "", ""
	if len(args) > 0 {
		way = strings.ToUpper(args[0])
	}
	if len(args) > 1 {
		name = args[1]
	}
	filter := "(not fd.name contains /dev/pt and not fd.name contains /dev/tty) and "
	if name != "" {
		filter = "(fd.name=" + name + ") and "
	}
	filter += map[string]string{"R": "evt.is_io_read=true and ", "W": "evt.is_io_write=true and "}[way]
	r, err := newRun(filter + "evt.is_io=true and fd.type=file and evt.dir=< and evt.failed=false")
	if err != nil {
		return nil, err
	}
	f := fields(env.asText(), "evt.time", "proc.name", "proc.pid", "evt.is_io_write", "fd.name", "evt.arg.data")
	res := resultField()
	r.event = func(e *sys.Event) error {
		n, _ := res.of(e)
		mark := "R"
		if w, _ := f[3].Number(e); w != 0 {
			mark = "W"
		}
		_, err := fmt.Fprintf(env.Out, "%s %s(%s) %s %s %s %s\n", value(f[0], e, ""), value(f[1], e, ""), value(f[2], e, ""), mark, byteText(n), value(f[4], e, ""), value(f[5], e, ""))
		return err
	}
	return r, nil
}

// slower prints the reads and writes that took longer than some ms.
func slower(filter string, devices bool) func(env *Env, args []string) (*Run, error) {
	return func(env *Env, args []string) (*Run, error) {
		ms, err := strconv.ParseFloat(args[0], 64)
		if err != nil {
			return nil, &Err{"Input min_ms must be a number."}
		}
		c := palette(args[1:])
		r, err := newRun(filter)
		if err != nil {
			return nil, err
		}
		f := fields(env.Style, "evt.dir", "evt.datetime", "fd.name", "proc.name", "evt.type", "container.name", "container.id")
		line := func(color, at, id, name, proc, call, lat, fd string) {
			if env.Containers {
				fmt.Fprintf(env.Out, "%s%-23.23s %-20.20s %-20.20s %-12.12s %-8s %s %s\n", color, at, id, name, proc, call, lat, fd)
				return
			}
			fmt.Fprintf(env.Out, "%s%-23.23s %-12.12s %-8s %s %s\n", color, at, proc, call, lat, fd)
		}
		dash := strings.Repeat("-", 41)
		line("", "evt.datetime", "container.id", "container.name", "proc.name", "evt.type", "LATENCY(ms) ", "fd.name")
		line("", dash, dash[:30], dash[:30], dash, dash[:8], dash[:12], dash)
		r.event = func(e *sys.Event) error {
			lat := float64(e.Latency()) / 1e6
			name := value(f[2], e, "")
			if !e.Type.Exit() || lat <= ms || !devices && strings.HasPrefix(name, "/dev/") {
				return nil
			}
			in, color := value(f[5], e, ""), c.green
			if in != "host" {
				color = c.blue
			}
			line(color, value(f[1], e, ""), value(f[6], e, ""), in, value(f[3], e, ""), value(f[4], e, ""), fmt.Sprintf("%12d", int64(lat)), name)
			return nil
		}
		return r, nil
	}
}

func slowCalls(env *Env, args []string) (*Run, error) {
	ms, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return nil, &Err{"Input min_ms must be a number."}
	}
	c := palette(args[1:])
	f := fields(env.Style, "evt.datetime", "proc.name", "evt.type", "container.name", "container.id")
	line := func(color, at, id, name, proc, lat, call string) {
		if env.Containers {
			fmt.Fprintf(env.Out, "%s%-23.23s %-20.20s %-20.20s %-23.23s %-20s %s\n", color, at, id, name, proc, lat, call)
			return
		}
		fmt.Fprintf(env.Out, "%s%-23.23s %-23.23s %-20s %s\n", color, at, proc, lat, call)
	}
	dash := strings.Repeat("-", 23)
	if env.Containers { // its column begins one further than those below it
		fmt.Fprintf(env.Out, "%-23s %-20s  %-20s %-23s %-20s %s\n", "evt.datetime", "container.id", "container.name", "proc.name", "LATENCY(ms)", "evt.type")
	} else {
		line("", "evt.datetime", "", "", "proc.name", "LATENCY(ms)", "evt.type")
	}
	line("", dash, dash, dash, dash, dash[:20], dash[:20])
	return &Run{event: func(e *sys.Event) error {
		lat := float64(e.Latency()) / 1e6
		if e.Thread == nil || lat <= ms {
			return nil
		}
		in, color := value(f[3], e, ""), c.green
		if in != "host" {
			color = c.blue
		}
		line(color, value(f[0], e, ""), value(f[4], e, ""), in, value(f[1], e, ""), strconv.FormatFloat(lat, 'g', 14, 64), value(f[2], e, ""))
		return nil
	}}, nil
}

func execTime(env *Env, args []string) (*Run, error) {
	c := palette(args)
	r, err := newRun("evt.type=procexit")
	if err != nil {
		return nil, err
	}
	f := fields(env.Style, "proc.duration", "proc.name", "proc.args", "container.name", "container.id")
	line := func(color, d, id, name, proc, args string) {
		if env.Containers {
			fmt.Fprintf(env.Out, "%s%-13.13s %-20.20s %-20.20s %-12.12s %s\n", color, d, id, name, proc, args)
			return
		}
		fmt.Fprintf(env.Out, "%s%-13.13s %-12.12s %s\n", color, d, proc, args)
	}
	dash := strings.Repeat("-", 20)
	line("", "proc.duration", "container.id", "container.name", "proc.name", "proc.args")
	line("", dash, dash, dash, dash, dash)
	r.event = func(e *sys.Event) error {
		d, ok := f[0].Number(e)
		if !ok {
			return nil
		}
		in, color := value(f[3], e, ""), c.green
		switch {
		case d > 10e9:
			color = c.red
		case d > 3e9:
			color = c.yellow
		case in != "host":
			color = c.blue
		}
		line(color, timeText(d), value(f[4], e, ""), in, value(f[1], e, ""), value(f[2], e, ""))
		return nil
	}
	r.end = ending(env, c)
	return r, nil
}

// bottlenecks are the calls that took longest, as they were entered and left.
func bottlenecks(env *Env, _ []string) (*Run, error) {
	const most = 10
	type call struct {
		latency         int64
		entered, leaves string
	}
	var slow []call
	entered := map[int64]string{}
	f := fields(env.Style, "proc.name", "evt.args")
	text := func(e *sys.Event, dir byte, lat int64) string {
		return fmt.Sprintf("%d) %d.%09d %s (%d) %c %s %s", e.Num, lat/1e9, lat%1e9, value(f[0], e, ""), e.Thread.TID, dir, e.Name(), value(f[1], e, ""))
	}
	return &Run{event: func(e *sys.Event) error {
		if e.Thread == nil || e.Name() == "switch" {
			return nil
		}
		lat := e.Latency()
		if lat == 0 {
			entered[e.Thread.TID] = text(e, '>', 0)
			return nil
		}
		for i := range most {
			if i == len(slow) || lat > slow[i].latency {
				slow = append(slow, call{})
				copy(slow[i+1:], slow[i:])
				slow[i] = call{lat, entered[e.Thread.TID], text(e, '<', lat)}
				break
			}
		}
		slow = slow[:min(most, len(slow))]
		return nil
	}, end: func(int64, int64) error {
		for _, s := range slow {
			fmt.Fprintf(env.Out, "%s\n%s\n", s.entered, s.leaves)
		}
		return nil
	}}, nil
}

func countFDs(env *Env, args []string) (*Run, error) {
	key, err := sys.Find(args[0], env.Style)
	if err != nil {
		return nil, err
	}
	f := fields(nil, "fd.num", "fd.name")
	seen, counts := map[string]bool{}, map[string]int64{}
	return &Run{event: func(e *sys.Event) error {
		k, ok := key.Append(nil, e)
		n, ok2 := f[0].Number(e)
		name, ok3 := f[1].Append(nil, e)
		if !ok || !ok2 || !ok3 || n <= 0 || len(name) == 0 || len(seen) >= 16*maxKeys {
			return nil
		}
		id := string(k) + keySep + strconv.FormatInt(n, 10) + string(name)
		if !seen[id] {
			seen[id] = true
			counts[string(k)]++
		}
		return nil
	}, end: func(int64, int64) error {
		rows := make([]row, 0, len(counts))
		for k, n := range counts {
			rows = append(rows, row{k, n})
		}
		for _, r := range topRows(rows, 0) {
			fmt.Fprintf(env.Out, "%s\t%d\n", r.key, r.n)
		}
		return nil
	}}, nil
}

// udpExtract writes what each UDP flow carried to a file of its own.
func udpExtract(env *Env, _ []string) (*Run, error) {
	const dir = "udp_dump_files"
	r, err := newRun("evt.dir=< and evt.rawres>=0 and fd.l4proto=udp and evt.is_io=true")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	name := fields(nil, "fd.name")[0]
	files := map[string]*os.File{}
	clean := strings.NewReplacer(":", "_", ">", "-", "/", "_")
	r.event = func(e *sys.Event) error {
		key := value(name, e, "")
		if files[key] == nil {
			if len(files) >= 512 {
				return nil
			}
			if files[key], err = os.Create(dir + "/" + clean.Replace(key)); err != nil {
				return err
			}
		}
		_, err := files[key].Write(e.Data())
		return err
	}
	r.end = func(int64, int64) error {
		for _, f := range files {
			f.Close()
		}
		return nil
	}
	return r, nil
}
