package query

import (
	"cmp"
	"regexp"
	"slices"
	"unsafe"

	"github.com/tapir-project/tapir/record"
)

// Compile prepares a condition for many records: regular expressions are compiled and long lists sorted. What it
// returns gives the answers of Matches and is safe for concurrent use.
func Compile(e Expr) func(*record.Record) bool { return CompileNode(e, "") }

// CompileNode is Compile for records that the named node captures and that do not carry its name yet.
func CompileNode(e Expr, node string) func(*record.Record) bool {
	e = prepare(e)
	return func(r *record.Record) bool { return matches(e, r, node) }
}

// compiled is a matcher in a form that is faster to evaluate.
type compiled struct{ test func(scalar) bool }

func (compiled) matcher() {}

// textSet equals any of many terms.
type textSet map[string]bool

func (textSet) matcher() {}

// prepare replaces matchers by compiled ones.
func prepare(e Expr) Expr {
	switch e := e.(type) {
	case And:
		out := make(And, len(e))
		for i, k := range e {
			out[i] = prepare(k)
		}
		return out
	case Or:
		out := make(Or, len(e))
		for i, k := range e {
			out[i] = prepare(k)
		}
		return out
	case Not:
		return Not{prepare(e.X)}
	case *Test:
		return &Test{Field: e.Field, Match: prepareMatch(e.Match, e.All), All: e.All}
	}
	return e
}

// fewMatchers are tried one after the other; of more, those that can be looked up are.
const fewMatchers = 8

func prepareMatch(match []Matcher, all bool) []Matcher {
	var out []Matcher
	for _, m := range match {
		if x, ok := m.(Regex); ok {
			m = prepareRegex(x)
		}
		out = append(out, m)
	}
	if len(out) > fewMatchers && !all {
		return lookUps(out)
	}
	return out
}

// lookUps replaces texts and ranges by one matcher for all of a type. What they are asked about has one type, so a
// text is never looked for among numbers.
func lookUps(match []Matcher) (out []Matcher) {
	texts := textSet{}
	var ints []IntRange
	var addrs []AddrRange
	for _, m := range match {
		switch m := m.(type) {
		case Text:
			texts[string(m)] = true
		case IntRange:
			ints = append(ints, m)
		case AddrRange:
			addrs = append(addrs, m)
		default:
			out = append(out, m)
		}
	}
	if len(texts) > 0 {
		out = append(out, texts)
	}
	if ints != nil {
		out = append(out, intSet(ints))
	}
	if addrs != nil {
		out = append(out, addrSet(addrs))
	}
	return out
}

func prepareRegex(x Regex) Matcher {
	re, err := compileRegex(x)
	if err != nil {
		return compiled{func(scalar) bool { return false }}
	}
	return compiled{func(v scalar) bool { return re.Match(v.text) }}
}

// compileRegex makes a Regex match whole values; its dot matches line feeds too, as Lucene's does.
func compileRegex(x Regex) (*regexp.Regexp, error) {
	return regexp.Compile("(?s)^(?:" + string(x) + ")$")
}

// intSet finds a number in many ranges by bisection over ranges that are sorted and joined.
func intSet(r []IntRange) Matcher {
	slices.SortFunc(r, func(a, b IntRange) int { return cmp.Compare(a.Lo, b.Lo) })
	n := 0
	for _, x := range r[1:] {
		if x.Lo <= r[n].Hi {
			r[n].Hi = max(r[n].Hi, x.Hi)
		} else {
			n++
			r[n] = x
		}
	}
	r = r[:n+1]
	return compiled{func(v scalar) bool {
		i, _ := slices.BinarySearchFunc(r, v.num, func(x IntRange, n int64) int { return cmp.Compare(x.Hi, n) })
		return i < len(r) && r[i].Lo <= v.num
	}}
}

// addrSet is intSet for addresses.
func addrSet(r []AddrRange) Matcher {
	slices.SortFunc(r, func(a, b AddrRange) int { return cmp.Compare(string(a.Lo[:]), string(b.Lo[:])) })
	n := 0
	for _, x := range r[1:] {
		switch {
		case lessAddr(r[n].Hi, x.Lo):
			n++
			r[n] = x
		case lessAddr(r[n].Hi, x.Hi):
			r[n].Hi = x.Hi
		}
	}
	r = r[:n+1]
	return compiled{func(v scalar) bool {
		a := viewString(v.text)
		lo, hi := 0, len(r)
		for lo < hi {
			if mid := (lo + hi) / 2; string(r[mid].Hi[:]) < a {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return lo < len(r) && string(r[lo].Lo[:]) <= a
	}}
}

// viewBytes is s as bytes without copying; they must not be written to.
func viewBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// viewString is b as a string without copying; it must not outlive b's contents.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
