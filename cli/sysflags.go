package cli

import (
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/chisel"
)

// sysOptions are the options of tapir sys: sysdig's.
type sysOptions struct {
	files     []string
	write     string
	compress  bool
	snaplen   int64
	events    int64 // read, not shown, after which it ends
	format    string
	container bool // -pc and the like: chisels show containers
	buffers   sys.Buffers
	json      bool
	clock     sys.Clock
	summary   bool
	quiet     bool
	verbose   bool
	progress  bool
	debug     bool
	fat       bool
	display   bool
	fileSize  int64 // -C, millions of bytes
	ring      int64 // -W
	seconds   int64 // -G
	perFile   int64 // -e
	duration  int64 // -M
	unflushed bool
	filterAll bool // --filter-proclist
	noUsers   bool
	suppress  []string // names of programs: -U
	ports     bool
	oldLayout bool
	explain   bool
	faults    bool
	ringSize  int64 // bytes

	chisels     []sysChisel
	listChisels bool
	chiselInfo  string
	listFields  bool
	listEvents  bool
	markdown    bool
	showFormat  bool
	help        bool
	filter      string
}

// sysChisel is a chisel with its arguments.
type sysChisel struct {
	chisel *chisel.Chisel
	args   []string
}

// sysFlag is one option: its letter, its long name, what its value is called ("" if it takes none), and what it does.
type sysFlag struct {
	short byte
	long  string
	value string
	desc  string
	set   func(o *sysOptions, v string) error
}

func yes(at func(o *sysOptions) *bool) func(*sysOptions, string) error {
	return func(o *sysOptions, _ string) error { *at(o) = true; return nil }
}

func bytesAs(b sys.Buffers) func(*sysOptions, string) error {
	return func(o *sysOptions, _ string) error { o.buffers = b; return nil }
}

func ignored(*sysOptions, string) error { return nil }

func count(at func(o *sysOptions) *int64) func(*sysOptions, string) error {
	return func(o *sysOptions, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return usagef("%q is no number", v)
		}
		*at(o) = n
		return nil
	}
}

// sysFlags are all options.
var sysFlags = []sysFlag{
	{'r', "read", "FILE", "read events from FILE, - for standard input; may be given several times", func(o *sysOptions, v string) error {
		o.files = append(o.files, v)
		return nil
	}},
	{'w', "write", "FILE", "write events to FILE", func(o *sysOptions, v string) error { o.write = v; return nil }},
	{'z', "compress", "", "compress what -w writes", yes(func(o *sysOptions) *bool { return &o.compress })},
	{'s', "snaplen", "N", "capture the first N bytes of data (default 80); a file that is read keeps what it has", count(func(o *sysOptions) *int64 { return &o.snaplen })},
	{'n', "numevents", "N", "end after N events, shown or not", func(o *sysOptions, v string) (err error) {
		if o.events, err = strconv.ParseInt(v, 10, 64); err != nil || o.events < 1 {
			return usagef("-n %s: the number of events is 1 or more", v)
		}
		return nil
	}},
	{'p', "print", "FORMAT", "how to show an event: text with %FIELD and %10FIELD; c, k or m: with containers, pods or tasks; a leading * shows events that lack fields",
		func(o *sysOptions, v string) error { return o.setFormat(v) }},
	{'A', "print-ascii", "", "show data as text, the rest left out", bytesAs(sys.TextOnly)},
	{'x', "print-hex", "", "show data in hexadecimal digits", bytesAs(sys.HexDump)},
	{'X', "print-hex-ascii", "", "show data in hexadecimal digits and as text", bytesAs(sys.HexText)},
	{'b', "print-base64", "", "show data in base64", bytesAs(sys.Base64)},
	{'j', "json", "", "print JSON, one object a line", yes(func(o *sysOptions) *bool { return &o.json })},
	{'t', "timetype", "TYPE", "show times as h (human), a (absolute), r (relative), d (since the call was entered), D (since the event before)",
		func(o *sysOptions, v string) (err error) {
			if o.clock, err = sys.ParseClock(v); err != nil {
				return usagef("%w", err)
			}
			return nil
		}},
	{'S', "summary", "", "count the events by name at the end", yes(func(o *sysOptions) *bool { return &o.summary })},
	{'q', "quiet", "", "show no events", yes(func(o *sysOptions) *bool { return &o.quiet })},
	{'v', "verbose", "", "show data whole, and a summary on standard error", yes(func(o *sysOptions) *bool { return &o.verbose })},
	{'P', "progress", "", "show on standard error how far the file is read", yes(func(o *sysOptions) *bool { return &o.progress })},
	{'D', "debug", "", "show internal events too", yes(func(o *sysOptions) *bool { return &o.debug })},
	{'F', "fatfile", "", "write what the filter leaves out as far as the state needs it, hidden from who reads the file", yes(func(o *sysOptions) *bool { return &o.fat })},
	{'d', "displayflt", "", "the filter chooses lines only: everything is counted, reported and written", yes(func(o *sysOptions) *bool { return &o.display })},
	{'C', "file-size", "MB", "begin another file at this size, in millions of bytes", count(func(o *sysOptions) *int64 { return &o.fileSize })},
	{'W', "limit", "N", "keep N files, the newest", count(func(o *sysOptions) *int64 { return &o.ring })},
	{'G', "seconds", "S", "begin another file each S seconds", count(func(o *sysOptions) *int64 { return &o.seconds })},
	{'e', "events", "N", "begin another file each N events", count(func(o *sysOptions) *int64 { return &o.perFile })},
	{'M', "duration", "S", "end after S seconds; with -r, of the capture's time", count(func(o *sysOptions) *int64 { return &o.duration })},
	{'c', "chisel", "NAME [ARGS]", "run a chisel", nil},
	{0, "list-chisels", "", "list the chisels (also -cl)", yes(func(o *sysOptions) *bool { return &o.listChisels })},
	{'i', "chisel-info", "NAME", "describe a chisel", func(o *sysOptions, v string) error { o.chiselInfo = v; return nil }},
	{'l', "list", "", "list the fields; -lv with what they mean", yes(func(o *sysOptions) *bool { return &o.listFields })},
	{0, "list-markdown", "", "list the fields as Markdown", yes(func(o *sysOptions) *bool { return &o.markdown })},
	{'L', "list-events", "", "list the events", yes(func(o *sysOptions) *bool { return &o.listEvents })},
	{'R', "resolve-ports", "", "show ports by their services' names", yes(func(o *sysOptions) *bool { return &o.ports })},
	{'U', "suppress-comm", "NAME", "leave out the events of programs of this name", func(o *sysOptions, v string) error {
		o.suppress = append(o.suppress, v)
		return nil
	}},
	{'E', "exclude-users", "", "write no users and groups", yes(func(o *sysOptions) *bool { return &o.noUsers })},
	{0, "filter-proclist", "", "write only the processes that pass the filter", yes(func(o *sysOptions) *bool { return &o.filterAll })},
	{0, "scap-version", "VERSION", "layout that -w writes: current, or 0.29 as sysdig 0.29 reads it", func(o *sysOptions, v string) error {
		if v != "current" && v != "0.29" {
			return usagef("--scap-version is current or 0.29, not %s", v)
		}
		o.oldLayout = v == "0.29"
		return nil
	}},
	{0, "buffer", "MB", "room for calls that wait to be read, in MiB: a power of two (default 64)", (*sysOptions).setBuffer},
	{0, "explain", "", "say what of the filter the kernel tests when capturing, and end", yes(func(o *sysOptions) *bool { return &o.explain })},
	{0, "unbuffered", "", "write each line at once", yes(func(o *sysOptions) *bool { return &o.unflushed })},
	{'T', "force-tracers-capture", "", "nothing: calls are captured whole; as --large-environment, for scripts that have it", ignored},
	{0, "page-faults", "", "tell page faults too, as a filter does that names evt.type=page_fault", yes(func(o *sysOptions) *bool { return &o.faults })},
	{0, "large-environment", "", "nothing, see -T", ignored},
	{'h', "help", "", "this list", yes(func(o *sysOptions) *bool { return &o.help })},
}

// setBuffer takes the size of the kernel's ring, in MiB.
func (o *sysOptions) setBuffer(v string) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 || n > 1024 || n&(n-1) != 0 {
		return usagef("--buffer is a power of two between 1 and 1024, not %s", v)
	}
	o.ringSize = n << 20
	return nil
}

func (o *sysOptions) setFormat(v string) error {
	switch v {
	case "p":
		o.showFormat = true
	case "c", "container":
		o.format, o.container = sys.ContainerFormat, true
	case "k", "kubernetes":
		o.format, o.container = strings.Replace(sys.ContainerFormat, "container.name", "k8s.pod.name", 1), true
	case "m", "mesos":
		o.format, o.container = strings.Replace(sys.ContainerFormat, "container.name", "mesos.task.name", 1), true
	default:
		o.format = v
	}
	return nil
}

// parseSys reads the arguments as getopt does: letters may stand together, a value behind its letter or by itself, and
// options behind the filter still count. What is no option is the filter.
func parseSys(args []string) (*sysOptions, error) {
	o := &sysOptions{format: sys.DefaultFormat, clock: sys.ClockHuman, events: -1}
	var rest []string
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case a == "--":
			rest, args = append(rest, args...), nil
		case strings.HasPrefix(a, "--"):
			name, v, has := strings.Cut(a[2:], "=")
			f := findLong(name)
			if f == nil {
				return nil, usagef("unknown flag: --%s (try: tapir sys --help)", name)
			}
			var err error
			if args, err = o.apply(f, v, has, args); err != nil {
				return nil, err
			}
		case len(a) > 1 && a[0] == '-':
			var err error
			if args, err = o.letters(a[1:], args); err != nil {
				return nil, err
			}
		default:
			rest = append(rest, a)
		}
	}
	o.filter = strings.Join(rest, " ")
	return o, nil
}

func findLong(name string) *sysFlag {
	for i := range sysFlags {
		if sysFlags[i].long == name {
			return &sysFlags[i]
		}
	}
	return nil
}

// letters applies options that stand together behind one dash.
func (o *sysOptions) letters(s string, args []string) ([]string, error) {
	for s != "" {
		var f *sysFlag
		for i := range sysFlags {
			if sysFlags[i].short == s[0] {
				f = &sysFlags[i]
			}
		}
		if f == nil {
			return nil, usagef("unknown shorthand flag: -%c (try: tapir sys --help)", s[0])
		}
		s = s[1:]
		if f.value == "" {
			if _, err := o.apply(f, "", false, nil); err != nil {
				return nil, err
			}
			continue
		}
		return o.apply(f, s, s != "", args)
	}
	return args, nil
}

// apply applies an option; its value is v if it has one already, else the next argument.
func (o *sysOptions) apply(f *sysFlag, v string, has bool, args []string) ([]string, error) {
	if f.value != "" && !has {
		if len(args) == 0 {
			return nil, usagef("-%c needs a value: %s", f.short, f.value)
		}
		v, args = args[0], args[1:]
	}
	if f.short == 'c' {
		return o.addChisel(v, args)
	}
	return args, f.set(o, v)
}

// addChisel takes a chisel's name and, of what follows, as many arguments as it takes.
func (o *sysOptions) addChisel(name string, args []string) ([]string, error) {
	if name == "l" {
		o.listChisels = true
		return args, nil
	}
	c := chisel.Find(name)
	if c == nil {
		var err error
		if c, err = chisel.Load(name); err != nil {
			return args, usagef("%w", err)
		}
	}
	use := sysChisel{chisel: c}
	for _, a := range c.Args {
		if len(args) == 0 || strings.HasPrefix(args[0], "-") || a.Optional && a.Type != "filter" && isFilter(args[0]) {
			break
		}
		if a.Type != "filter" && strings.Contains(args[0], " ") { // several in one
			args = append(strings.Fields(args[0]), args[1:]...)
		}
		use.args, args = append(use.args, args[0]), args[1:]
	}
	o.chisels = append(o.chisels, use)
	return args, nil
}

// isFilter says whether an argument reads like a filter.
func isFilter(s string) bool {
	_, err := sys.NewFilter(s)
	return err == nil
}
