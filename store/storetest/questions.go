package storetest

import (
	"fmt"
	"math"
	"strings"

	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
)

// communityID gives v the Community ID of its ends, or another text.
func (w *world) communityID(v *record.Values) {
	f := field("network.community_id").ID
	src, ok1 := v.First(field("source.ip").ID)
	dst, ok2 := v.First(field("destination.ip").ID)
	proto, ok3 := v.First(field("network.iana_number").ID)
	switch {
	case w.r.IntN(10) == 0:
		v.AddString(f, w.text())
	case ok1 && ok2 && ok3 && w.r.IntN(4) > 0:
		num := func(name string) uint16 {
			x, ok := v.First(field(name).ID)
			if !ok {
				return 0
			}
			return uint16(x.Int())
		}
		sport, dport := num("source.port"), num("destination.port")
		if p := proto.Int(); p == 1 || p == 58 {
			sport, dport = num("icmp.type"), num("icmp.code")
		}
		v.PutText(f, communityid.Append(nil, src.Addr(), dst.Addr(), sport, dport, uint8(proto.Int())))
	}
}

// expr makes up a condition on records of a kind.
func (w *world) expr(kind record.Kind, depth int) query.Expr {
	if depth == 0 {
		return w.test(kind)
	}
	switch w.r.IntN(6) {
	case 0:
		return query.Not{X: w.expr(kind, depth-1)}
	case 1, 2:
		return query.And(w.exprs(kind, depth))
	case 3, 4:
		return query.Or(w.exprs(kind, depth))
	}
	return w.test(kind)
}

func (w *world) exprs(kind record.Kind, depth int) (out []query.Expr) {
	for range w.r.IntN(4) {
		out = append(out, w.expr(kind, depth-1))
	}
	return out
}

// headers are the fields that every record has.
var headers = []string{"event.start", "event.end", "event.ingested", "event.kind", "event.id", "session.id", "session.part", "session.final", "network.community_id", "smb.host"}

func (w *world) test(kind record.Kind) query.Expr {
	name := fields[kind][w.r.IntN(len(fields[kind]))]
	if w.r.IntN(6) == 0 {
		name = headers[w.r.IntN(len(headers))]
	}
	f := field(name)
	t := &query.Test{Field: f}
	n := w.r.IntN(4)
	if w.r.IntN(20) == 0 {
		n = 20
	}
	for range n {
		t.Match = append(t.Match, w.matcher(kind, f))
	}
	t.All = len(t.Match) > 1 && w.r.IntN(4) == 0
	return t
}

// sample is the text of a value that some record has in f, or any text.
func (w *world) sample(kind record.Kind, f *record.Field) string {
	for range 10 {
		if all := w.shown[kind]; len(all) > 0 && w.r.IntN(3) > 0 {
			if x, ok := all[w.r.IntN(len(all))].Values.First(f.ID); ok {
				return string(x.Text())
			}
		}
	}
	return w.text()
}

func (w *world) matcher(kind record.Kind, f *record.Field) query.Matcher {
	switch {
	case f.Name == "event.id" || f.Name == "session.id":
		if all := w.shown[kind]; len(all) > 0 {
			return query.Text(all[w.r.IntN(len(all))].ID.String())
		}
		return query.Text(record.ID{}.String())
	case f.Name == "event.kind":
		return query.Text(record.Kind(w.r.IntN(record.Kinds)).String())
	case f.Type == record.TypeIP:
		return w.addrRange()
	case f.Type == record.TypeFloat:
		lo, hi := w.float(), w.float()
		return query.FloatRange{Lo: min(lo, hi), Hi: max(lo, hi), OpenLo: w.r.IntN(2) == 0, OpenHi: w.r.IntN(2) == 0}
	case f.Type == record.TypeTime:
		lo := int64(baseTime) + w.r.Int64N(3*hour)
		return w.openEnds(query.IntRange{Lo: lo, Hi: lo + w.r.Int64N(hour)})
	case f.Type.Numeric():
		lo := numbers[w.r.IntN(len(numbers))]
		hi := numbers[w.r.IntN(len(numbers))]
		if w.r.IntN(2) == 0 {
			hi = lo
		}
		return w.openEnds(query.IntRange{Lo: min(lo, hi), Hi: max(lo, hi)})
	}
	return w.textMatcher(w.sample(kind, f))
}

func (w *world) openEnds(r query.IntRange) query.IntRange {
	if w.r.IntN(5) == 0 {
		r.Lo = math.MinInt64
	}
	if w.r.IntN(5) == 0 {
		r.Hi = math.MaxInt64
	}
	return r
}

func (w *world) addrRange() query.AddrRange {
	a := w.addr()
	r := query.AddrRange{Lo: a, Hi: a}
	if bits := w.r.IntN(129); w.r.IntN(2) == 0 {
		for i := bits; i < 128; i++ {
			r.Lo[i/8] &^= 1 << (7 - i%8)
			r.Hi[i/8] |= 1 << (7 - i%8)
		}
	}
	return r
}

var regexes = []string{"a.*", "[a-c]+", ".*example.*", "(ab|x).*", "ü.*", ".*[.]com", "a{1,3}b?c?", ".*", "x[%_\\\\].*", "(a|b)+", "/a/b(/c.*)?", ".*line.break.*", "[^a-z]+",
	".*語.*", "nul.in", "www[.]example[.](com|org)", ".*[0-9]+.*", "it's", ".*ample[.]o.*"}

func (w *world) textMatcher(s string) query.Matcher {
	piece := func() string { // of the text, on the borders of characters
		r := []rune(s)
		i := w.r.IntN(len(r) + 1)
		return string(r[i:min(len(r), i+1+w.r.IntN(4))])
	}
	switch w.r.IntN(9) {
	case 0:
		return query.Regex(regexes[w.r.IntN(len(regexes))])
	case 1:
		return query.Substring{S: orA(piece()), AnyCase: w.r.IntN(2) == 0}
	case 2:
		return query.Prefix(orA(cut(s, 3)))
	case 3:
		return query.Suffix(orA(piece()))
	case 4:
		if words := query.SplitWords(s); len(words) > 0 {
			i := w.r.IntN(len(words))
			return query.Words(words[i:min(len(words), i+2)])
		}
	case 5, 6:
		return query.Wildcard(w.pattern(s))
	}
	return query.Text(s)
}

func orA(s string) string {
	if s == "" {
		return "a"
	}
	return s
}

func cut(s string, n int) string { r := []rune(s); return string(r[:min(n, len(r))]) }

// pattern makes a wildcard pattern that s, or something like it, fits.
func (w *world) pattern(s string) string {
	var b strings.Builder
	for _, r := range cut(s, 12) {
		switch w.r.IntN(8) {
		case 0:
			b.WriteByte('*')
		case 1:
			b.WriteByte('?')
		default:
			if r == '*' || r == '?' || r == '\\' {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	if w.r.IntN(2) == 0 {
		b.WriteByte('*')
	}
	return b.String()
}

// show prints a condition with everything in it.
func show(e query.Expr) string {
	switch e := e.(type) {
	case query.And:
		return "and" + showAll(e)
	case query.Or:
		return "or" + showAll(e)
	case query.Not:
		return "not(" + show(e.X) + ")"
	case *query.Test:
		return fmt.Sprintf("%s all=%v %#v", e.Field.Name, e.All, e.Match)
	}
	return "everything"
}

func showAll(es []query.Expr) string {
	out := make([]string, len(es))
	for i, e := range es {
		out[i] = show(e)
	}
	return "(" + strings.Join(out, ", ") + ")"
}
