package sys

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/scap"
)

// Kind is the type of a field's values.
type Kind uint8

// The types of fields.
const (
	Text Kind = iota
	Bytes
	Int  // signed
	Uint // unsigned
	HexUint
	Bool
	Float
	Duration // ns
	Time     // ns since the epoch
	Port
	IP
	Net // an address that is compared with networks
)

// argument says what may stand behind a field's name.
type argument uint8

const (
	noArgument argument = iota
	mayArgument
	mustArgument
)

// definition declares a field. One of text and num gives its value; ok is false if the event has none.
type definition struct {
	name   string
	kind   Kind
	arg    argument
	filter bool // it can be asked for only, not shown
	path   bool // shown with dots for what cannot be printed
	upper  string
	num    func(f *Field, e *Event) (n int64, ok bool)
	text   func(f *Field, e *Event, dst []byte) (out []byte, ok bool)
	// each calls yield with every value that a filter may match: for fields of several.
	each func(f *Field, e *Event, yield func(n int64, text []byte) bool)
	str  func(e *Event) (s string, ok bool) // the value where it is at hand as a string: for filters
	some bool                               // its != is true if one of the values is another one
}

// Field is a field as it was asked for, compiled.
type Field struct {
	Name string // as it was asked for
	Kind Kind

	def                  *definition
	arg                  string
	index                int // the argument as a number; -1 if it is none
	style                *Style
	last, lastNum, delta int64            // of evt.deltatime: the event before, and how long ago it was
	switched             map[uint16]int64 // of thread.exectime: the last switch by processor
	totals               map[int64]int64  // of thread.totexectime: by thread
	param                [scap.Types]int8 // evt.arg.NAME: its place by event, plus one; 0 if the event has none
}

// FieldInfo describes a field for lists.
type FieldInfo struct{ Name, Type, Desc string }

// Fields lists all fields, in sysdig's order.
func Fields() []FieldInfo {
	out := make([]FieldInfo, 0, len(definitions))
	for i := range definitions {
		d := &definitions[i]
		info := FieldInfo{Name: d.name, Type: d.typeName()}
		if f, ok := record.Lookup(d.name); ok {
			info.Desc = f.Desc
		}
		out = append(out, info)
	}
	return out
}

var kindWords = [...]string{"CHARBUF", "BYTEBUF", "INT64", "UINT64", "UINT64", "BOOL", "DOUBLE", "RELTIME", "ABSTIME", "PORT", "IPADDR", "IPNET"}

func (d *definition) typeName() string {
	if d.upper != "" {
		return d.upper
	}
	return kindWords[d.kind]
}

// Find compiles a field: its name, with an argument behind a dot or in brackets where it takes one. st says how data is
// shown and is kept.
func Find(name string, st *Style) (*Field, error) {
	if st == nil {
		st = &Style{}
	}
	base, arg := name, ""
	if i := strings.IndexByte(name, '['); i >= 0 && strings.HasSuffix(name, "]") {
		base, arg = name[:i], strings.Trim(name[i+1:len(name)-1], `"'`)
	}
	for i := range definitions {
		d := &definitions[i]
		switch {
		case d.name == base:
		case d.arg != noArgument && arg == "" && strings.HasPrefix(name, d.name+"."):
			arg = name[len(d.name)+1:]
		default:
			continue
		}
		return compileField(d, name, arg, st)
	}
	return nil, unknownField(name)
}

func compileField(d *definition, name, arg string, st *Style) (*Field, error) {
	switch {
	case d.arg == noArgument && arg != "":
		return nil, fmt.Errorf("%s takes no argument", d.name)
	case d.arg == mustArgument && arg == "":
		return nil, fmt.Errorf("%s needs an argument, as in %s.NAME or %s[1]", d.name, d.name, d.name)
	}
	f := &Field{Name: name, Kind: d.kind, def: d, arg: arg, index: -1, style: st}
	if n, err := strconv.Atoi(arg); err == nil {
		f.index = n
	}
	switch d.name {
	case "evt.arg", "evt.rawarg":
		if err := f.findParam(); err != nil {
			return nil, err
		}
	case "evt.type.is":
		if !isEventName(arg) {
			return nil, fmt.Errorf("no event is called %s (tapir sys -L lists them)", arg)
		}
	}
	return f, nil
}

// findParam finds the parameter that evt.arg asks for, by event.
func (f *Field) findParam() error {
	if f.index >= 0 {
		return nil
	}
	found := false
	for t := range scap.Type(scap.Types) {
		params := t.Info().Params
		for i := range params {
			if params[i].Name == f.arg && f.param[t] == 0 {
				f.param[t] = int8(i + 1)
				if !found && f.def.name == "evt.rawarg" {
					f.Kind = rawKind(&params[i])
				}
				found = true
			}
		}
	}
	if !found {
		return fmt.Errorf("no event has an argument called %s (tapir sys -L lists them)", f.arg)
	}
	return nil
}

// rawKind is the type of a parameter's raw value.
func rawKind(p *scap.Param) Kind {
	switch p.Kind {
	case scap.Charbuf, scap.FSPath, scap.FSRelPath, scap.CharbufList, scap.CharbufPairs:
		return Text
	case scap.Bytebuf, scap.Sockaddr, scap.Socktuple, scap.FDList, scap.Dyn:
		return Bytes
	case scap.Int8, scap.Int16, scap.Int32, scap.Int64, scap.Errno, scap.FD, scap.PID, scap.FD32, scap.PID32:
		return Int
	case scap.RelTime:
		return Duration
	}
	return Uint
}

// place is where the event has the parameter; -1 if it has not.
func (f *Field) place(e *Event) int {
	i := f.index
	if i < 0 {
		i = int(f.param[e.Type]) - 1
	}
	if i < e.Params() && i < len(e.Info.Params) {
		return i
	}
	return -1
}

func unknownField(name string) error {
	near := nearest(name)
	if near == "" {
		return fmt.Errorf("there is no field %s (tapir sys -l lists them)", name)
	}
	return fmt.Errorf("there is no field %s; did you mean %s? (tapir sys -l lists all)", name, near)
}

// nearest is the field whose name is most like name; "" if none is.
func nearest(name string) string {
	best, at := 4, ""
	for i := range definitions {
		if n := distance(name, definitions[i].name); n < best {
			best, at = n, definitions[i].name
		}
	}
	return at
}

// distance is the number of letters to change, add or leave out to make b of a.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, last+1)
		}
	}
	return row[len(b)]
}

// Number is the field's value as a number; only fields that are no text have one.
func (f *Field) Number(e *Event) (n int64, ok bool) {
	if f.def.num == nil {
		return 0, false
	}
	return f.def.num(f, e)
}

// Append appends the field's value as text; ok is false if the event has none.
func (f *Field) Append(dst []byte, e *Event) (out []byte, ok bool) {
	if f.def.text != nil {
		out, ok = f.def.text(f, e, dst)
		if f.def.path && !f.style.Raw {
			dot(out[len(dst):])
		}
		return out, ok
	}
	n, ok := f.def.num(f, e)
	if !ok {
		return dst, false
	}
	switch f.Kind {
	case Uint:
		return strconv.AppendUint(dst, uint64(n), 10), true
	case HexUint:
		return appendHex(dst, uint64(n)), true
	case Bool:
		return strconv.AppendBool(dst, n != 0), true
	}
	return strconv.AppendInt(dst, n, 10), true
}

// dot puts dots in place of bytes that are no printable characters of ASCII.
func dot(b []byte) {
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '.'
		}
	}
}

// Numeric says whether the field's values are numbers that can be summed.
func (f *Field) Numeric() bool { return f.def.num != nil && f.Kind != Bool }

func isEventName(name string) bool {
	_, ok := eventNames[name]
	return ok
}

// eventNames are the names of events and of the calls that have none of their own.
var eventNames = func() map[string]bool {
	out := map[string]bool{}
	for t := range scap.Type(scap.Types) {
		if n := t.Info().Name; n != "" {
			out[n] = true
		}
	}
	for id := range uint16(512) {
		out[scap.SyscallName(id)] = true
	}
	return out
}()

var definitions = slices.Concat(eventFields, procFields, accountFields, containerFields, fdFields, listFields, emptyFields)
