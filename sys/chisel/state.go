package chisel

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/sys"
)

// filterArg is the argument of chisels that list what is open.
var filterArg = Arg{"filter", "A filter for what is listed, such as 'proc.name=foo and fd.name contains /etc'", "filter", true}

// snapshot is a chisel that lists the state as it is at the first event.
// The list of containers, which is kept by no thread, comes even if there is no event.
func snapshot(list func(env *Env, f *sys.Filter) error, base string, always bool) func(env *Env, args []string) (*Run, error) {
	return func(env *Env, args []string) (*Run, error) {
		text := base
		if len(args) > 0 {
			if text = args[0]; base != "" {
				text = base + " and (" + args[0] + ")"
			}
		}
		f, err := sys.NewFilter(text)
		if err != nil {
			return nil, err
		}
		if text == "" {
			f = nil
		}
		match := false
		return &Run{event: func(*sys.Event) error {
			match = true
			return io.EOF
		}, end: func(int64, int64) error {
			if !match && !always {
				_, err := fmt.Fprintln(env.Out, "empty capture or no event matching the filter")
				return err
			}
			return list(env, f)
		}}, nil
	}
}

// threads are those that have a descriptor that passes, in the order of sysdig's table; all if there is no filter.
func threads(env *Env, f *sys.Filter) []*sys.Thread {
	known, came := map[int64]*sys.Thread{}, []int64(nil)
	env.Sys.Threads(func(t *sys.Thread) bool {
		known[t.TID] = t
		came = append(came, t.TID)
		return true
	})
	var table luaTable
	for _, id := range hashOrder(came) {
		if f == nil || len(descriptors(env, known[id], f)) > 0 {
			table.insert(id)
		}
	}
	return inOrder(known, table.walk())
}

// descriptors are t's that pass, in the order of sysdig's table.
func descriptors(env *Env, t *sys.Thread, f *sys.Filter) []*sys.FD {
	known, came := map[int64]*sys.FD{}, []int64(nil)
	env.Sys.FDs(t, func(d *sys.FD) bool {
		known[d.Num] = d
		came = append(came, d.Num)
		return true
	})
	slices.SortFunc(came, func(a, b int64) int { return cmp.Compare(known[a].Came, known[b].Came) })
	var table luaTable
	for _, n := range hashOrder(came) {
		if f == nil || f.Pass(env.Sys.Imagine(t, known[n])) {
			table.insert(n)
		}
	}
	return inOrder(known, table.walk())
}

func inOrder[T any](by map[int64]*T, keys []int64) []*T {
	out := make([]*T, len(keys))
	for i, k := range keys {
		out[i] = by[k]
	}
	return out
}

// byID sorts threads by their ids.
func byID(all []*sys.Thread) []*sys.Thread {
	slices.SortFunc(all, func(a, b *sys.Thread) int { return int(a.TID - b.TID) })
	return all
}

func userName(env *Env, t *sys.Thread) string {
	if u := env.Sys.User(t.UID); u != nil {
		return u.Name
	}
	return "<NA>"
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// printable leaves out what would break the line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

func lsof(env *Env, f *sys.Filter) error {
	fmt.Fprintln(env.Out, col("COMMAND", 20)+col("PID", 8)+col("TID", 8)+col("USER", 8)+col("FD", 8)+col("TYPE", 12)+"NAME")
	for _, t := range byID(threads(env, f)) {
		for _, d := range descriptors(env, t, f) {
			fmt.Fprintln(env.Out, col(t.Comm, 20)+col(number(t.PID), 8)+col(number(t.TID), 8)+col(userName(env, t), 8)+col(number(d.Num), 8)+
				col(d.TypeName(), 12)+printable(d.Name))
		}
	}
	return nil
}

func ps(env *Env, f *sys.Filter) error {
	fmt.Fprintln(env.Out, col("TID", 8)+col("PID", 8)+col("USER", 12)+col("VIRT", 11)+col("RES", 11)+col("FDLIMIT", 10)+col("CMD", 20))
	for _, t := range byID(threads(env, f)) {
		fmt.Fprintln(env.Out, col(number(t.TID), 8)+col(number(t.PID), 8)+col(userName(env, t), 12)+col(byteText(int64(t.VMSize)*1024), 11)+
			col(byteText(int64(t.VMRSS)*1024), 11)+col(number(t.FDLimit), 10)+t.Comm)
	}
	return nil
}

func netstat(env *Env, f *sys.Filter) error {
	fmt.Fprintln(env.Out, col("Proto", 6)+col("Server Address", 25)+col("Client Address", 25)+col("State", 15)+"TID/PID/Program Name")
	for _, t := range threads(env, f) {
		for _, d := range descriptors(env, t, f) {
			server, client, state := d.Ends()
			fmt.Fprintln(env.Out, col(d.Proto(), 6)+col(server, 25)+col(client, 25)+col(state, 15)+number(t.TID)+"/"+number(t.PID)+"/"+t.Comm)
		}
	}
	return nil
}

// listContainers lists the containers that are known.
func listContainers(env *Env, _ *sys.Filter) error {
	line := func(a, b, c, d string) { fmt.Fprintln(env.Out, col(a, 15)+col(b, 16)+col(c, 20)+col(d, 13)) }
	const dash = "------------------------------"
	line("container.type", "container.image", "container.name", "container.id")
	line(dash[:15], dash[:16], dash[:20], dash[:13])
	for _, c := range env.Sys.Containers() {
		line(c.Type, c.Image, c.Name, c.ID)
	}
	return nil
}

// terminalOnly is a chisel that draws on a terminal.
func terminalOnly(start func(env *Env, args []string) (*Run, error)) func(env *Env, args []string) (*Run, error) {
	return func(env *Env, args []string) (*Run, error) {
		if !env.TTY {
			return nil, &Err{"This chisel only works on ANSI terminals. Aborting."}
		}
		return start(env, args)
	}
}

// spectrogram draws, each interval, how long calls took: one column for each step of a logarithmic scale.
func spectrogram(env *Env, args []string) (*Run, error) {
	r, err := newRun("evt.type!=switch")
	if err != nil {
		return nil, err
	}
	every := int64(500)
	if len(args) > 0 {
		if every, err = strconv.ParseInt(args[0], 10, 64); err != nil || every < 1 {
			return nil, &Err{"Input refresh_time must be a number."}
		}
	}
	const width = 80
	var counts [width]int64
	draw := func() {
		most := int64(1)
		for _, n := range counts {
			most = max(most, n)
		}
		for i, n := range counts {
			color := 0
			if n > 0 {
				color = heat[min(len(heat)-1, int(n*int64(len(heat))/(most+1)))]
			}
			fmt.Fprintf(env.Out, "\x1b[48;5;%dm ", color)
			counts[i] = 0
		}
		fmt.Fprintln(env.Out, "\x1b[0m")
	}
	r.event = func(e *sys.Event) error {
		if lat := e.Latency(); lat > 0 {
			counts[min(width-1, logStep(lat))]++
		}
		return nil
	}
	r.interval = every * 1e6
	r.tick = func(*sys.Event, int64, int64) { draw() }
	r.end = func(int64, int64) error { draw(); return nil }
	return r, nil
}

// heat are the colors of a terminal from cold to hot.
var heat = [...]int{22, 28, 64, 34, 2, 76, 46, 118, 154, 191, 227, 226, 11, 220, 209, 208, 202, 197, 9, 1}

// logStep is 8 steps for each power of ten.
func logStep(ns int64) int {
	step := 0
	for ; ns >= 10; ns /= 10 {
		step += 8
	}
	return step + int(ns*8/10)
}

// offsets draws at which moment within a second calls of a filter are left.
func offsets(env *Env, _ []string) (*Run, error) {
	const width = 80
	var counts [width]int64
	r := &Run{interval: 1e9}
	draw := func() {
		most := int64(1)
		for _, n := range counts {
			most = max(most, n)
		}
		for i, n := range counts {
			fmt.Fprintf(env.Out, "\x1b[48;5;%dm ", heat[min(len(heat)-1, int(n*int64(len(heat))/(most+1)))])
			counts[i] = 0
		}
		fmt.Fprintln(env.Out, "\x1b[0m")
	}
	r.event = func(e *sys.Event) error {
		counts[e.Time%1e9*width/1e9]++
		return nil
	}
	r.tick = func(*sys.Event, int64, int64) { draw() }
	r.end = func(int64, int64) error { draw(); return nil }
	return r, nil
}

// obsolete is a chisel for what captures no longer have.
func obsolete(why string) func(env *Env, args []string) (*Run, error) {
	return func(*Env, []string) (*Run, error) { return nil, fmt.Errorf("%s", why) }
}
