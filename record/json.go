package record

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
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
	all  Values // header and values together
	ord  []int
	open []string
}

// Append appends r as one JSON object, without a line end, to dst and returns it.
func (e *Encoder) Append(dst []byte, r *Record) []byte {
	e.gather(r)
	dst = append(dst, '{')
	e.open = e.open[:0]
	first := true
	for i := 0; i < len(e.ord); {
		f := &fields[e.all.vals[e.ord[i]].id]
		j := i + 1
		for j < len(e.ord) && e.all.vals[e.ord[j]].id == f.ID {
			j++
		}
		dst = e.path(dst, f.Name, &first)
		if f.Multi(r.Kind) {
			dst = append(dst, '[')
			for k, n := range e.sortedValues(i, j, f) {
				if k > 0 {
					dst = append(dst, ',')
				}
				dst = AppendJSONValue(dst, e.all.At(n))
			}
			dst = append(dst, ']')
		} else {
			dst = AppendJSONValue(dst, e.all.At(e.ord[i]))
		}
		i = j
	}
	for range e.open {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// gather collects header and values and orders them by field.
func (e *Encoder) gather(r *Record) {
	e.all.CopyFrom(&r.Values)
	v := &e.all
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
	e.ord = e.ord[:0]
	for i := range v.vals {
		e.ord = append(e.ord, i)
	}
	slices.SortStableFunc(e.ord, func(a, b int) int { return int(rank[v.vals[a].id]) - int(rank[v.vals[b].id]) })
}

// sortedValues orders the values e.ord[i:j] of one field; lists whose order means something keep it.
func (e *Encoder) sortedValues(i, j int, f *Field) []int {
	ord := e.ord[i:j]
	if f.Set && !f.Many && len(ord) > 1 {
		slices.SortFunc(ord, func(a, b int) int {
			x, y := e.all.At(a), e.all.At(b)
			if f.Type.inArena() {
				return bytes.Compare(x.Text(), y.Text())
			}
			switch {
			case x.Int() < y.Int():
				return -1
			case x.Int() > y.Int():
				return 1
			}
			return 0
		})
	}
	return ord
}

// path closes and opens objects until the member name can be written, and writes it.
func (e *Encoder) path(dst []byte, name string, first *bool) []byte {
	keep, rest := 0, name
	for keep < len(e.open) {
		seg, tail, more := strings.Cut(rest, ".")
		if !more || seg != e.open[keep] {
			break
		}
		keep, rest = keep+1, tail
	}
	for len(e.open) > keep {
		dst = append(dst, '}')
		e.open = e.open[:len(e.open)-1]
		*first = false
	}
	for {
		if !*first {
			dst = append(dst, ',')
		}
		seg, tail, more := strings.Cut(rest, ".")
		dst = append(dst, '"')
		dst = append(dst, seg...)
		dst = append(dst, '"', ':')
		if !more {
			*first = false
			return dst
		}
		dst = append(dst, '{')
		e.open = append(e.open, seg)
		*first, rest = true, tail
	}
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
	return time.Unix(0, ns).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000000Z")
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends b as a JSON string. Bytes that are not UTF-8 become U+FFFD; control characters,
// quotes and the line separators are escaped, so that the text can stand in any document.
func AppendJSONString[T string | []byte](dst []byte, b T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(b); {
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
			case c < 0x20 || c == 0x7f:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			default:
				dst = append(dst, c)
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
