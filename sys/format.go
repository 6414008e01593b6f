package sys

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Clock is how evt.outputtime is shown.
type Clock byte

// The ways to show times, by the letter of -t.
const (
	ClockHuman    Clock = 'h' // HH:MM:SS.nnnnnnnnn, local
	ClockAbsolute Clock = 'a' // seconds since the epoch, and nanoseconds
	ClockRelative Clock = 'r' // since the first event
	ClockLatency  Clock = 'd' // since the call was entered
	ClockDelta    Clock = 'D' // since the event before
)

// Formats that are used unless another one is given.
const (
	DefaultFormat   = "*%evt.num %evt.outputtime %evt.cpu %proc.name (%thread.tid) %evt.dir %evt.type %evt.info"
	ContainerFormat = "*%evt.num %evt.outputtime %evt.cpu %container.name (%container.id) %proc.name (%thread.tid:%thread.vtid) %evt.dir %evt.type %evt.info"
)

// Format is a compiled output format: text with fields in it.
type Format struct {
	pieces []piece
	all    bool // events without some of the fields are shown too
	json   []piece
}

// piece is text to copy or a field to show.
type piece struct {
	text  string
	field *Field
	width int // the field is padded or cut to so many characters; 0: it is shown as it is
	key   string
	call  bool // evt.outputtime in JSON
}

// NewFormat compiles a format: %FIELD, or %NFIELD for a column of N characters, and text as it is. A * at its beginning
// has events shown that lack some of the fields, with <NA> in their place; without it they are left out. Clock is how
// evt.outputtime is shown.
func NewFormat(text string, st *Style, clock Clock) (*Format, error) {
	f := &Format{}
	if strings.HasPrefix(text, "*") {
		f.all, text = true, text[1:]
	}
	for text != "" {
		i := strings.IndexByte(text, '%')
		if i != 0 {
			if i < 0 {
				i = len(text)
			}
			f.pieces = append(f.pieces, piece{text: unescape(text[:i])})
			text = text[i:]
			continue
		}
		p, rest, err := fieldPiece(text[1:], st, clock)
		if err != nil {
			return nil, err
		}
		f.pieces = append(f.pieces, p)
		text = rest
	}
	for _, p := range f.pieces {
		if p.field != nil && !slices.ContainsFunc(f.json, func(q piece) bool { return q.field.Name == p.field.Name }) {
			p.key = strconv.Quote(p.field.Name) + ":"
			f.json = append(f.json, p)
		}
	}
	slices.SortFunc(f.json, func(a, b piece) int { return strings.Compare(a.field.Name, b.field.Name) })
	return f, nil
}

var escapes = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\e`, "\x1b", `\\`, `\`)

func unescape(s string) string { return escapes.Replace(s) }

// fieldPiece reads what stands behind a percent sign.
func fieldPiece(text string, st *Style, clock Clock) (p piece, rest string, err error) {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	if n > 0 {
		if p.width, err = strconv.Atoi(text[:n]); err != nil || p.width > 10000 {
			return p, "", fmt.Errorf("a column of %s characters is too wide (10000 is the most)", text[:n])
		}
		text = text[n:]
	}
	end := 0
	for end < len(text) && (text[end] == '.' || text[end] == '_' || isWordByte(text[end])) {
		end++
	}
	if end < len(text) && text[end] == '[' {
		if i := strings.IndexByte(text[end:], ']'); i > 0 {
			end += i + 1
		}
	}
	if end == 0 {
		return p, "", fmt.Errorf("invalid formatting token %%%s: a field's name must stand behind %%, or its width and its name (%%10evt.type)", text)
	}
	var first error
	full := text[:end]
	for cut := end; cut > 0; cut-- { // a dot may end the sentence, not the name
		if cut < end && text[cut] != '.' {
			continue
		}
		p.field, err = Find(text[:cut], st)
		if err == nil {
			if p.field.def.filter {
				return p, "", fmt.Errorf("%s can be asked for in filters only, not shown", p.field.Name)
			}
			if p.field.Name == "evt.outputtime" {
				p.field = clockField(clock, st)
				p.call = true
			}
			return p, text[cut:], nil
		}
		if first == nil {
			first = err
		}
	}
	if f := longestField(full, st); f != nil { // %proc.name_ is a field and what stands behind it
		p.field = f
		return p, text[len(f.Name):], nil
	}
	return p, "", first
}

// longestField is the field with the longest name that text begins with; nil if there is none.
func longestField(text string, st *Style) (found *Field) {
	for i := range definitions {
		d := &definitions[i]
		if d.arg == mustArgument || d.filter || !strings.HasPrefix(text, d.name) || found != nil && len(d.name) < len(found.Name) {
			continue
		}
		if f, err := compileField(d, d.name, "", st); err == nil {
			found = f
		}
	}
	return found
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// clockField is evt.outputtime as the clock shows it.
func clockField(c Clock, st *Style) *Field {
	d := &definition{name: "evt.outputtime", kind: Time}
	d.num = func(_ *Field, e *Event) (int64, bool) { return e.Time, true }
	switch c {
	case ClockAbsolute:
		d.text = func(_ *Field, e *Event, dst []byte) ([]byte, bool) { return appendPair(dst, e.Time), true }
	case ClockRelative:
		d.text = func(_ *Field, e *Event, dst []byte) ([]byte, bool) { return appendSeconds(dst, e.Time-e.first), true }
	case ClockLatency:
		d.text = func(_ *Field, e *Event, dst []byte) ([]byte, bool) { return appendSeconds(dst, e.Latency()), true }
	case ClockDelta:
		d.text = func(f *Field, e *Event, dst []byte) ([]byte, bool) {
			n, _ := sinceLast(f, e)
			return appendSeconds(dst, n), true
		}
	default:
		d.text = func(_ *Field, e *Event, dst []byte) ([]byte, bool) { return appendClock(dst, e.Time, true), true }
	}
	return &Field{Name: d.name, Kind: d.kind, def: d, index: -1, style: st}
}

var sinceLast = delta(func(n int64) int64 { return n })

// Append appends the event's line, without a line end; ok is false if it is not to be shown.
func (f *Format) Append(dst []byte, e *Event) (out []byte, ok bool) {
	start := len(dst)
	for i := range f.pieces {
		p := &f.pieces[i]
		if p.field == nil {
			dst = append(dst, p.text...)
			continue
		}
		n := len(dst)
		out, ok := p.field.Append(dst, e)
		if !ok {
			if !f.all {
				return dst[:start], false
			}
			out = append(dst, "<NA>"...)
		}
		dst = out
		if p.width > 0 {
			dst = pad(dst, n, p.width)
		}
	}
	return dst, true
}

// pad brings dst[from:] to width bytes.
func pad(dst []byte, from, width int) []byte {
	if len(dst)-from >= width {
		return dst[:from+width]
	}
	for len(dst)-from < width {
		dst = append(dst, ' ')
	}
	return dst
}

// AppendJSON appends the event's fields as one JSON object, sorted by name; what an event lacks is null.
func (f *Format) AppendJSON(dst []byte, e *Event) (out []byte, ok bool) {
	start := len(dst)
	dst = append(dst, '{')
	for i := range f.json {
		p := &f.json[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, p.key...)
		if dst, ok = p.field.appendJSON(dst, e); !ok {
			if !f.all {
				return dst[:start], false
			}
			dst = append(dst, "null"...)
		}
	}
	return append(dst, '}'), true
}

// clockNames are the fields that are times of day as text and numbers in JSON.
var clockNames = map[string]bool{"evt.time": true, "evt.time.s": true, "evt.time.iso8601": true, "evt.datetime": true, "evt.datetime.s": true}

func (f *Field) appendJSON(dst []byte, e *Event) ([]byte, bool) {
	if clockNames[f.def.name] {
		return strconv.AppendInt(dst, e.Time, 10), true
	}
	if f.def.num != nil && (f.def.text == nil || f.Kind == Int || f.Kind == Time || f.Kind == Float || f.def.name == "evt.rawarg" && f.Kind != Text && f.Kind != Bytes) {
		n, ok := f.def.num(f, e)
		if !ok {
			return dst, false
		}
		switch f.Kind {
		case Bool:
			return strconv.AppendBool(dst, n != 0), true
		case Float:
			return floatJSON(dst, f, e), true
		case Uint, HexUint:
			return strconv.AppendUint(dst, uint64(n), 10), true
		}
		return strconv.AppendInt(dst, n, 10), true
	}
	n := len(dst)
	dst, ok := f.Append(append(dst, '"'), e)
	if !ok {
		return dst[:n], false
	}
	return append(escapeJSON(dst, n+1), '"'), true
}

func floatJSON(dst []byte, f *Field, e *Event) []byte {
	dst, _ = f.def.text(f, e, dst)
	return dst
}

// escapeJSON escapes dst[from:] for a JSON string. Nearly always there is nothing to do.
func escapeJSON(dst []byte, from int) []byte {
	clean := true
	for _, c := range dst[from:] {
		if c < 0x20 || c == '"' || c == '\\' || c >= 0x80 {
			clean = false
			break
		}
	}
	if clean {
		return dst
	}
	raw := string(dst[from:])
	dst = dst[:from]
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c < 0x20:
			dst = append(dst, `\u00`...)
			dst = append(dst, hexLower[c>>4], hexLower[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(raw[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
	}
	return dst
}

// ParseClock reads the letter of -t.
func ParseClock(s string) (Clock, error) {
	if len(s) == 1 && strings.Contains("hardD", s) {
		return Clock(s[0]), nil
	}
	return 0, fmt.Errorf("-t %s: times are shown as h (human), a (absolute), r (relative), d (delta to the entering) or D (delta to the event before)", s)
}
