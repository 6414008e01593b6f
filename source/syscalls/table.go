package syscalls

import (
	_ "embed" // calls.txt
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/scap"
)

//go:embed calls.txt
var callsText string

// The kinds of ops and what they take for a size, as bpf/syscalls.bpf.c numbers them.
const (
	opText     = 1
	opMemory   = 2
	opData     = 3
	opVector   = 4
	opMessage  = 5
	opSocket   = 6
	opOpened   = 7
	opUsage    = 8
	opProcess  = 9
	opMessages = 10
	opOpenedAt = 11
	opSocketAt = 12
	opNamed    = 13
	opLeftOut  = 14

	byResult = 6
	whole    = 7
)

// What the kernel part is to do about a call, as it numbers that.
const (
	callWanted = 1
	callState  = 2
	callUses   = 4
	callAsked  = 8
	callMakes  = 16
	callRuns   = 32
	callPlain  = 64
	callBrief  = 128
)

// Numbers of calls that the kernel part knows: those of 64-bit programs, and from narrow on those of 32-bit ones.
const (
	narrow   = 512
	maxCalls = 2 * narrow
)

// op is what the kernel gathers.
type op struct{ kind, arg, size, unit uint8 }

// call is a system call.
type call struct {
	name     string
	event    scap.Type // leaving
	ops      []op
	params   []param
	id       uint16 // of a generic event
	messages bool   // it is about several; each is an event

	transfers bool  // it reads or writes a descriptor, by one pair of events
	fd        uint8 // the argument that is the descriptor
}

// origin is where a parameter comes from.
type origin uint8

const (
	fromNothing origin = iota
	fromResult
	fromArg
	fromChunk  // bytes
	fromMemory // a number in a chunk
	fromWhole  // how much data there was
	fromConst
	fromMaker
)

// param is one parameter of an event.
type param struct {
	from   origin
	kind   scap.Kind
	op     uint8 // of the chunk, or number of the argument
	part   uint8
	offset int
	size   int
	value  uint64 // constant, or what stands for a number that was not gathered
	flags  func(uint64) uint64
	make   maker
	of     [2]int // the ops that make takes
}

// calls are the machine's calls by number, read when the first capture or filter needs them.
var calls = sync.OnceValue(func() *[maxCalls]call {
	out := new([maxCalls]call)
	loadNumbers(out[:narrow], fmt.Sprint(numbersText, " ", ringNumber, " io_uring_op"))
	loadNumbers(out[narrow:], numbers32Text)
	known, known32 := callLines(callsText), callLines(calls32Text)
	for i := range out {
		c := &out[i]
		left, right, ok := cutLine(known[c.name])
		if i >= narrow && known32[c.name] != "" {
			left, right, ok = cutLine(known32[c.name])
		} else if i >= narrow && slices.ContainsFunc(left, func(word string) bool { return word[0] == 'm' }) {
			ok = false
		}
		if ok {
			c.load(left, right)
		}
	}
	return out
})

// ringNumber is the number that operations of io_uring go by; no call has it.
const ringNumber = narrow - 1

// loadNumbers reads the names of calls by number: a number in the list sets that of the name behind it.
func loadNumbers(out []call, numbers string) {
	generic := map[string]uint16{}
	for id := uint16(1); scap.SyscallName(id) != "<unknown>"; id++ {
		generic[scap.SyscallName(id)] = id
	}
	n := 0
	for _, w := range strings.Fields(numbers) {
		if i, err := strconv.Atoi(w); err == nil {
			n = i
			continue
		}
		if n < len(out) {
			out[n] = call{name: w, event: genericExit, id: generic[w]}
		}
		n++
	}
}

// callLines are the lines about calls by name, without it.
func callLines(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, rest, ok := strings.Cut(line, " "); ok && name != "#" {
			out[name] = rest
		}
	}
	return out
}

// cutLine takes a line of callLines apart: event and what is gathered, parameters.
func cutLine(line string) (left, right []string, ok bool) {
	l, r, ok := strings.Cut(line, "|")
	return strings.Fields(l), strings.Fields(r), ok
}

// genericExit is the event of calls that have none of their own.
const genericExit scap.Type = 1

func (c *call) load(left, right []string) {
	c.event = scap.Type(integer(left[0]))
	for _, w := range left[1:] {
		c.ops = append(c.ops, parseOp(w))
		c.messages = c.messages || w[0] == 'G'
	}
	declared := c.event.Info().Params
	if len(right) > len(declared) {
		panic(fmt.Sprintf("syscalls: %s has %d parameters, its event %d", c.name, len(right), len(declared)))
	}
	for i, w := range right {
		p := parseParam(w)
		p.kind = declared[i].Kind
		c.params = append(c.params, p)
	}
	var uses bool
	c.fd, uses = c.descriptor()
	c.transfers = uses && !c.messages && c.event.Info().Flags&(scap.ReadsFD|scap.WritesFD) != 0
}

// parseOp reads one word of what is to be gathered.
func parseOp(w string) op {
	kinds := map[byte]uint8{'t': opText, 'm': opMemory, 'M': opMemory, 'd': opData, 'v': opVector, 'g': opMessage, 'G': opMessages, 'o': opOpenedAt, 'q': opSocketAt, 'n': opNamed, 's': opSocket, 'f': opOpened, 'u': opUsage, 'p': opProcess}
	o := op{kind: kinds[w[0]], size: whole, unit: 1}
	if len(w) == 1 {
		return o
	}
	o.arg = argument(w[1])
	rest := w[2:]
	if by, ok := strings.CutPrefix(rest, ":"); ok {
		o.size, rest = argument(by[0]), by[1:]
	}
	if unit, ok := strings.CutPrefix(rest, "*"); ok {
		o.unit = uint8(integer(unit))
	}
	return o
}

func argument(c byte) uint8 {
	if c == 'r' {
		return byResult
	}
	return c - '0'
}

// parseParam reads one word that says where a parameter comes from.
func parseParam(w string) param {
	if name, rest, ok := strings.Cut(w, ":"); ok && w[0] >= 'a' {
		p := parseParam(rest)
		if p.flags = flagSets[name]; p.flags == nil {
			panic("syscalls: no flags " + name)
		}
		if name == "limit" { // none was asked for
			p.value = math.MaxUint64
		}
		return p
	}
	switch c := w[0]; {
	case w == "r":
		return param{from: fromResult}
	case w == "-":
		return param{}
	case c >= '0' && c <= '5':
		return param{from: fromArg, op: c - '0'}
	case c == '=':
		return param{from: fromConst, value: uint64(integer(w[1:]))}
	case c == '#' || c == '%':
		number, part, _ := strings.Cut(w[1:], ".")
		p := param{from: fromChunk, op: uint8(integer(number))}
		if part != "" {
			p.part = uint8(integer(part))
		}
		if c == '%' {
			p.from = fromWhole
		}
		return p
	case c == '@':
		number, rest, _ := strings.Cut(w[1:], "+")
		offset, size, _ := strings.Cut(rest, ":")
		return param{from: fromMemory, op: uint8(integer(number)), offset: integer(offset), size: integer(size)}
	}
	name, rest, _ := strings.Cut(strings.TrimSuffix(w, ")"), "(")
	p := param{from: fromMaker, make: makers[name], of: [2]int{-1, -1}}
	if p.make == nil {
		panic("syscalls: nothing makes " + w)
	}
	for i, n := range strings.Split(rest, ",") {
		if n != "-" {
			p.of[i] = integer(n)
		}
	}
	return p
}

func integer(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("syscalls: calls.txt: " + err.Error())
	}
	return n
}

// table is what is wanted of each call, as the kernel part has it; blind: without what it reads and writes; untimed: nor when it was entered.
func (p *Plan) table(blind, untimed bool) (out [maxCalls]bpf.SyscallsCall) {
	for i := range calls() {
		c := &calls()[i]
		if c.name == "" {
			continue
		}
		k := &out[i]
		k.Class = uint8(c.category())
		k.Flags, k.Fd = p.wanted(c)
		for j, o := range c.ops {
			if blind && (o.kind == opData || o.kind == opVector) {
				o.kind = opLeftOut
			}
			k.Op[j].Kind, k.Op[j].Arg, k.Op[j].Size, k.Op[j].Unit = o.kind, o.arg, o.size, o.unit
		}
		if blind && c.transfers && k.Flags&callState == 0 {
			k.Flags |= callPlain
			if untimed && c.fd == 0 {
				k.Flags |= callBrief
			}
		}
	}
	return out
}

// category is the class that the call's losses are counted by.
func (c *call) category() scap.Category {
	if c.event == genericExit {
		return scap.SyscallCategory(c.id)
	}
	return c.event.Info().Category
}
