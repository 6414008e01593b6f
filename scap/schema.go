package scap

import (
	_ "embed" // the tables below
	"strconv"
	"strings"
)

// The declarations, one a line:
//
//	events.txt    NUMBER NAME CATEGORY FLAGS PARAM... with PARAM = NAME:TYPE[/x or /o][=FLAGSET]
//	flags.txt     FLAGSET NAME=VALUE...; in the order in which names are looked for
//	syscalls.txt  ID NAME CATEGORY: the calls of a generic event, by scap's own numbers
//	errors.txt    NUMBER NAME
var (
	//go:embed schema/events.txt
	eventsText string
	//go:embed schema/flags.txt
	flagsText string
	//go:embed schema/syscalls.txt
	syscallsText string
	//go:embed schema/errors.txt
	errorsText string
)

// syscall is a call without an event of its own.
type syscall struct {
	name     string
	category Category
}

var (
	events   = loadEvents(loadFlags())
	syscalls = loadSyscalls()
	errors   = loadErrors()
)

func loadFlags() map[string][]Flag {
	sets := map[string][]Flag{}
	for line := range strings.Lines(flagsText) {
		words := strings.Fields(line)
		for _, w := range words[1:] {
			name, num, _ := strings.Cut(w, "=")
			sets[words[0]] = append(sets[words[0]], Flag{name, uint32(number(num))})
		}
	}
	return sets
}

func loadEvents(flags map[string][]Flag) *[Types]Info {
	out := new([Types]Info)
	for line := range strings.Lines(eventsText) {
		w := strings.Fields(line)
		e := &out[number(w[0])]
		e.Name, e.Category = w[1], category(w[2])
		for i := range w[3] {
			if bit := strings.IndexByte(flagLetters, w[3][i]); bit >= 0 {
				e.Flags |= 1 << bit
			}
		}
		for _, p := range w[4:] {
			e.Params = append(e.Params, param(p, flags))
		}
	}
	return out
}

func param(text string, flags map[string][]Flag) (p Param) {
	text, set, _ := strings.Cut(text, "=")
	name, kind, _ := strings.Cut(text, ":")
	kind, base, _ := strings.Cut(kind, "/")
	k, ok := kindNames[kind]
	if !ok {
		panic("scap: schema has no type " + kind)
	}
	p.Name, p.Kind, p.Flags = name, k, flags[set]
	switch base {
	case "x":
		p.Base = Hex
	case "o":
		p.Base = Octal
	}
	switch p.Upper = strings.ToUpper(strings.TrimPrefix(kind, "enum")); k {
	case Dyn:
		p.Upper = "DYNAMIC"
	case CharbufPairs:
		p.Upper = "CHARBUF_PAIR_ARRAY"
	}
	return p
}

func loadSyscalls() []syscall {
	var out []syscall
	for line := range strings.Lines(syscallsText) {
		w := strings.Fields(line)
		out = append(out, syscall{w[1], category(w[2])})
	}
	return out
}

func loadErrors() map[int64]string {
	out := map[int64]string{}
	for line := range strings.Lines(errorsText) {
		num, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		out[int64(number(num))] = name
	}
	return out
}

func category(name string) Category {
	for i, n := range categoryNames {
		if n == name {
			return Category(i)
		}
	}
	panic("scap: schema has no category " + name)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("scap: schema: " + err.Error())
	}
	return n
}

// SyscallName is the name of a call by scap's number of it, as generic events carry it.
func SyscallName(id uint16) string {
	if int(id) < len(syscalls) {
		return syscalls[id].name
	}
	return "<unknown>"
}

// SyscallCategory is the category of the call with that number.
func SyscallCategory(id uint16) Category {
	if int(id) < len(syscalls) {
		return syscalls[id].category
	}
	return CatUnknown
}

// ErrorName is the name of the error number n (above 0), "" if it has none.
func ErrorName(n int64) string { return errors[n] }

// Signals are the names of the signals by number.
var Signals = [...]string{1: "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
	"SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
	"SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS"}
