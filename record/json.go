package record

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Header fields that every encoder adds itself; they are not in Values.
var (
	idEventID      = MustID("event.id")
	idEventKind    = MustID("event.kind")
	idEventStart   = MustID("event.start")
	idEventEnd     = MustID("event.end")
	idSessionID    = MustID("session.id")
	idSessionPart  = MustID("session.part")
	idSessionFinal = MustID("session.final")
	idObserver     = MustID("observer.name")
)

// Header lists the fields that a Record carries outside of Values.
func Header() []FieldID {
	return []FieldID{idEventID, idEventKind, idEventStart, idEventEnd, idSessionID, idSessionPart, idSessionFinal, idObserver}
}

// Encoder writes records as JSON: one nested ECS object each, members in the registry's canonical order, the
// values of a set sorted. The same record gives the same bytes, always. The zero Encoder is ready; it is not
// safe for concurrent use.
type Encoder struct {
	Node string // prefix of ids; no prefix if empty

	r      *Record // that is written
	head   Values  // its header
	shapes [shapesKept]shape
	next   int // shape that a new one takes the place of
}

// shapesKept is how many shapes an Encoder knows: records of one source and of one protocol mostly have the same fields.
const shapesKept = 8

// shape is what records with the same fields have in common: all of the text but the values.
type shape struct {
	kind          Kind
	node, session bool
	ids           []FieldID // of the record's values, in their order
	spots         []spot    // of the values in the order of output
	steps         []step
	text          []byte // what stands before the values of each step, and last behind all
	open          []string
}

// step is a field of a shape.
type step struct {
	text     int // where its text ends
	from, to int // its spots
	field    *Field
	list     bool // written as an array
}

// spot is a value by its place in the order of output: rank of its field, then whether it is of the record's values or of its
// header, then its number there. Sorting them as numbers sorts them by field, and keeps the values of a field in their order.
type spot uint64

const inHeader = 1 << 31

func spotOf(id FieldID, i int) spot { return spot(rank[id])<<32 | spot(i) }

// value gives the value at a place.
func (e *Encoder) value(p spot) Value {
	if i := uint32(p); i&inHeader != 0 {
		return e.head.At(int(i &^ inHeader))
	}
	return e.r.Values.At(int(uint32(p)))
}

// Append appends r as one JSON object, without a line end, to dst and returns it.
func (e *Encoder) Append(dst []byte, r *Record) []byte {
	e.r = r
	e.header(r)
	s := e.shape(r)
	begin := 0
	for i := range s.steps {
		st := &s.steps[i]
		dst = append(dst, s.text[begin:st.text]...)
		begin = st.text
		if !st.list {
			dst = AppendJSONValue(dst, e.value(s.spots[st.from]))
			continue
		}
		dst = append(dst, '[')
		for k, p := range e.sortedValues(s.spots[st.from:st.to], st.field) {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSONValue(dst, e.value(p))
		}
		dst = append(dst, ']')
	}
	e.r = nil
	return append(dst, s.text[begin:]...)
}

// header puts what a record carries outside of its values.
func (e *Encoder) header(r *Record) {
	v := &e.head
	v.Reset()
	var id []byte
	prefix := func(x ID) []byte {
		id = id[:0]
		if e.Node != "" {
			id = append(append(id, e.Node...), '-')
		}
		return x.AppendText(id)
	}
	v.PutText(idEventID, prefix(r.ID))
	v.PutString(idEventKind, r.Kind.String())
	v.PutInt(idEventStart, r.Start)
	v.PutInt(idEventEnd, r.End)
	if !r.Session.IsZero() {
		v.PutText(idSessionID, prefix(r.Session))
	}
	if r.Kind == KindSession {
		v.PutInt(idSessionPart, int64(r.Part))
		final := int64(0)
		if r.Final {
			final = 1
		}
		v.PutInt(idSessionFinal, final)
	}
	if e.Node != "" {
		v.PutString(idObserver, e.Node)
	}
}

// shape finds the shape of r, or makes it.
func (e *Encoder) shape(r *Record) *shape {
	for i := range e.shapes {
		if s := &e.shapes[i]; len(s.steps) > 0 && s.fits(e, r) {
			return s
		}
	}
	s := &e.shapes[e.next]
	e.next = (e.next + 1) % shapesKept
	s.make(e, r)
	return s
}

// fits says whether r has this shape.
func (s *shape) fits(e *Encoder, r *Record) bool {
	vals := r.Values.vals
	if len(s.ids) != len(vals) || s.kind != r.Kind || s.node != (e.Node != "") || s.session == r.Session.IsZero() {
		return false
	}
	for i, id := range s.ids {
		if vals[i].id != id {
			return false
		}
	}
	return true
}

// make makes s the shape of r, whose header e has.
func (s *shape) make(e *Encoder, r *Record) {
	s.kind, s.node, s.session = r.Kind, e.Node != "", !r.Session.IsZero()
	s.ids, s.spots, s.steps = s.ids[:0], s.spots[:0], s.steps[:0]
	for i := range r.Values.vals {
		id := r.Values.vals[i].id
		s.ids, s.spots = append(s.ids, id), append(s.spots, spotOf(id, i))
	}
	for i := range e.head.vals {
		s.spots = append(s.spots, spotOf(e.head.vals[i].id, i)|inHeader)
	}
	slices.Sort(s.spots)
	s.text, s.open = append(s.text[:0], '{'), s.open[:0]
	for i := 0; i < len(s.spots); {
		j := i + 1
		for j < len(s.spots) && s.spots[j]>>32 == s.spots[i]>>32 {
			j++
		}
		f := &fields[e.value(s.spots[i]).Field()]
		s.path(f.ID, i == 0)
		s.steps = append(s.steps, step{len(s.text), i, j, f, f.Multi(r.Kind)})
		i = j
	}
	for range s.open {
		s.text = append(s.text, '}')
	}
	s.text = append(s.text, '}')
}

// sortedValues orders the values of one field; lists whose order means something keep it.
func (e *Encoder) sortedValues(spots []spot, f *Field) []spot {
	if f.Set && !f.Many && len(spots) > 1 {
		slices.SortFunc(spots, func(a, b spot) int {
			x, y := e.value(a), e.value(b)
			if f.Type.inArena() {
				return bytes.Compare(x.Text(), y.Text())
			}
			return cmp.Compare(x.Int(), y.Int())
		})
	}
	return spots
}

// member is a field's name as it is written: the beginnings of the objects around it, and its own with quotes and colon.
type member struct {
	around []string
	name   string
}

// members are those of all fields.
var members = sync.OnceValue(func() []member {
	out := make([]member, len(fields))
	for i := range fields {
		parts := strings.Split(fields[i].Name, ".")
		for _, p := range parts[:len(parts)-1] {
			out[i].around = append(out[i].around, `"`+p+`":{`)
		}
		out[i].name = `"` + parts[len(parts)-1] + `":`
	}
	return out
})

// path closes and opens objects until the member of field id can be written, and writes its name.
func (s *shape) path(id FieldID, first bool) {
	m, keep := &members()[id], 0
	for keep < len(s.open) && keep < len(m.around) && s.open[keep] == m.around[keep] {
		keep++
	}
	for range s.open[keep:] {
		s.text = append(s.text, '}')
	}
	if !first {
		s.text = append(s.text, ',')
	}
	for _, begin := range m.around[keep:] {
		s.text = append(s.text, begin...)
	}
	s.open = append(s.open[:keep], m.around[keep:]...)
	s.text = append(s.text, m.name...)
}

// AppendJSONValue appends one value as JSON: times as RFC 3339 in UTC with nine decimals unless the field's
// Clock says otherwise, addresses and text as strings, the rest as numbers and truth values.
func AppendJSONValue(dst []byte, x Value) []byte {
	f := &fields[x.Field()]
	switch f.Type {
	case TypeTerm, TypeText:
		return AppendJSONString(dst, x.Text())
	case TypeIP:
		dst = append(dst, '"')
		dst = x.Addr().AppendText(dst)
		return append(dst, '"')
	case TypeBool:
		return strconv.AppendBool(dst, x.Int() != 0)
	case TypeFloat:
		if v := x.Float(); math.IsNaN(v) || math.IsInf(v, 0) {
			return append(dst, "null"...)
		}
		return strconv.AppendFloat(dst, x.Float(), 'g', -1, 64)
	case TypeTime:
		return appendClock(dst, x.Int(), f.Clock)
	default:
		return strconv.AppendInt(dst, x.Int(), 10)
	}
}

func appendClock(dst []byte, ns int64, c Clock) []byte {
	switch c {
	case ClockEpoch:
		return strconv.AppendInt(dst, ns/1e6, 10)
	case ClockMillis:
		dst = time.Unix(0, ns).UTC().AppendFormat(append(dst, '"'), "2006-01-02T15:04:05.000Z")
	default:
		dst = AppendTime(append(dst, '"'), ns)
	}
	return append(dst, '"')
}

// AppendTime appends ns since the epoch as RFC 3339 in UTC with nine decimals.
func AppendTime(dst []byte, ns int64) []byte {
	sec := ns / 1e9
	if ns%1e9 < 0 {
		sec--
	}
	frac := ns - sec*1e9
	day := sec / 86400
	if sec%86400 < 0 {
		day--
	}
	clock := sec - day*86400
	year, month, mday := civil(day)
	dst = append(decimals(dst, year, 4), '-')
	dst = append(decimals(dst, month, 2), '-')
	dst = append(decimals(dst, mday, 2), 'T')
	dst = append(decimals(dst, clock/3600, 2), ':')
	dst = append(decimals(dst, clock/60%60, 2), ':')
	dst = append(decimals(dst, clock%60, 2), '.')
	return append(decimals(dst, frac, 9), 'Z')
}

// civil is the date of a day since the epoch (proleptic Gregorian calendar). Years begin in March here, so that the day which some of
// them have more is their last; 400 of them are 146,097 days.
func civil(day int64) (year, month, mday int64) {
	day += 719468 // from 1 March of the year 0 to the epoch; no time of an int64 in ns lies before
	era := day / 146097
	of := day % 146097
	y := (of - of/1460 + of/36524 - of/146096) / 365
	of -= 365*y + y/4 - y/100
	m := (5*of + 2) / 153 // March is 0; five months from it have 153 days, always
	mday = of - (153*m+2)/5 + 1
	year, month = era*400+y, m+3
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, mday
}

// decimals appends a number of so many digits.
func decimals(dst []byte, n int64, digits int) []byte {
	at := len(dst)
	dst = append(dst, "000000000"[:digits]...)
	for i := at + digits - 1; n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// plain are the bytes that stand for themselves in a JSON string.
var plain = func() (out [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		out[c] = c != '"' && c != '\\'
	}
	return out
}()

// AppendJSONString appends b as a JSON string. Bytes that are not UTF-8 become U+FFFD; control characters,
// quotes and the line separators are escaped, so that the text can stand in any document.
func AppendJSONString[T string | []byte](dst []byte, b T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(b); {
		run := i
		for run < len(b) && plain[b[run]] {
			run++
		}
		dst = append(dst, b[i:run]...)
		if i = run; i == len(b) {
			break
		}
		c := b[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c == '\n':
				dst = append(dst, '\\', 'n')
			case c == '\r':
				dst = append(dst, '\\', 'r')
			case c == '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(string(b[i:min(i+utf8.UTFMax, len(b))]))
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, "\ufffd"...)
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, '\\', 'u', '2', '0', '2', hexDigits[r&15])
		default:
			dst = append(dst, b[i:i+n]...)
		}
		i += n
	}
	return append(dst, '"')
}
