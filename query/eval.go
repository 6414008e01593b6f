package query

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/tapir-project/tapir/record"
)

// The header fields: records have them outside of Values.
var (
	idEvent    = record.MustID("event.id")
	idKind     = record.MustID("event.kind")
	idStart    = record.MustID("event.start")
	idEnd      = record.MustID("event.end")
	idSession  = record.MustID("session.id")
	idPart     = record.MustID("session.part")
	idFinal    = record.MustID("session.final")
	idObserver = record.MustID("observer.name")
)

var isHeader = func() (set [1 << 16 / 64]uint64) {
	for _, id := range record.Header() {
		set[id/64] |= 1 << (id % 64)
	}
	return set
}()

// Matches says whether r passes e. A test is true if any value of its field passes; one of a field without values is
// false. Regular expressions are compiled anew each time: use Compile for more than one record. The node is unknown to
// a record on its way to the store; see CompileNode.
func Matches(e Expr, r *record.Record) bool { return matches(e, r, "") }

func matches(e Expr, r *record.Record, node string) bool {
	switch e := e.(type) {
	case And:
		for _, k := range e {
			if !matches(k, r, node) {
				return false
			}
		}
		return true
	case Or:
		for _, k := range e {
			if matches(k, r, node) {
				return true
			}
		}
		return false
	case Not:
		return !matches(e.X, r, node)
	case *Test:
		return testRecord(e, r, node)
	}
	return true // nil: everything
}

func testRecord(t *Test, r *record.Record, node string) bool {
	id := t.Field.ID
	if isHeader[id/64]&(1<<(id%64)) != 0 && !r.Values.Has(id) {
		return testHeader(t, r, node)
	}
	if len(t.Match) == 0 {
		return r.Values.Has(id)
	}
	if t.All {
		return testAll(t, &r.Values)
	}
	for i := range r.Values.Len() {
		x := r.Values.At(i)
		if x.Field() != id {
			continue
		}
		v := valueOf(t.Field, x)
		for _, m := range t.Match {
			if passes(m, v) {
				return true
			}
		}
	}
	return false
}

// testAll says whether each matcher is passed by some value.
func testAll(t *Test, vals *record.Values) bool {
	for _, m := range t.Match {
		found := false
		for i := 0; i < vals.Len() && !found; i++ {
			x := vals.At(i)
			found = x.Field() == t.Field.ID && passes(m, valueOf(t.Field, x))
		}
		if !found {
			return false
		}
	}
	return true
}

// testOne tests a field that has the one value v.
func testOne(t *Test, v scalar) bool {
	passed := 0
	for _, m := range t.Match {
		if passes(m, v) {
			passed++
		}
	}
	return len(t.Match) == 0 || passed > 0 && (!t.All || passed == len(t.Match))
}

// scalar is a value: text is that of terms, texts and addresses, num that of the others.
type scalar struct {
	text []byte
	num  int64
}

func valueOf(f *record.Field, x record.Value) scalar {
	if f.Type <= record.TypeIP {
		return scalar{text: x.Text()}
	}
	return scalar{num: x.Int()}
}

// testHeader tests a field that r has in its header.
func testHeader(t *Test, r *record.Record, node string) bool {
	switch t.Field.ID {
	case idEvent:
		return testID(t, r.ID)
	case idSession:
		return !r.Session.IsZero() && testID(t, r.Session)
	case idKind:
		return testOne(t, scalar{text: viewBytes(r.Kind.String())})
	case idObserver:
		return node != "" && testOne(t, scalar{text: viewBytes(node)})
	case idStart:
		return testOne(t, scalar{num: r.Start})
	case idEnd:
		return testOne(t, scalar{num: r.End})
	case idPart:
		return r.Kind == record.KindSession && testOne(t, scalar{num: int64(r.Part)})
	case idFinal:
		return r.Kind == record.KindSession && testOne(t, scalar{num: number(r.Final)})
	}
	return false
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// testID tests an id. Binding makes Text matchers only, and compiling a textSet of many; the buffer stays on the stack
// because no other matcher sees it.
func testID(t *Test, id record.ID) bool {
	var buf [26]byte
	text := id.AppendText(buf[:0])
	passed := 0
	for _, m := range t.Match {
		switch m := m.(type) {
		case Text:
			if string(m) == string(text) {
				passed++
			}
		case textSet:
			if m[string(text)] {
				passed++
			}
		}
	}
	return len(t.Match) == 0 || passed > 0 && (!t.All || passed == len(t.Match))
}

// passes says whether one value passes one matcher.
func passes(m Matcher, v scalar) bool {
	switch m := m.(type) {
	case Text:
		return string(v.text) == string(m)
	case IntRange:
		return m.Lo <= v.num && v.num <= m.Hi
	case AddrRange:
		return string(m.Lo[:]) <= string(v.text) && string(v.text) <= string(m.Hi[:])
	case Wildcard:
		return matchWildcard(string(m), v.text)
	case Substring:
		return contains(v.text, m.S, m.AnyCase)
	case Prefix:
		return len(v.text) >= len(m) && string(v.text[:len(m)]) == string(m)
	case Suffix:
		return len(v.text) >= len(m) && string(v.text[len(v.text)-len(m):]) == string(m)
	case Words:
		return hasWords(v.text, m)
	case FloatRange:
		return inFloatRange(m, math.Float64frombits(uint64(v.num)))
	case Regex:
		re, err := compileRegex(m)
		return err == nil && re.Match(v.text)
	case textSet:
		return m[string(v.text)]
	case compiled:
		return m.test(v)
	}
	return false
}

func inFloatRange(m FloatRange, x float64) bool {
	return (x > m.Lo || x == m.Lo && !m.OpenLo) && (x < m.Hi || x == m.Hi && !m.OpenHi)
}

// matchWildcard says whether all of s fits the pattern. It goes back to the last * only, so it takes at most
// len(pattern) times len(s) steps.
func matchWildcard[T string | []byte](pattern string, s T) bool {
	p, i := 0, 0
	star, from := -1, 0 // behind the last *, and where in s its run ends for now
	for i < len(s) {
		if p < len(pattern) {
			switch c := pattern[p]; {
			case c == '*':
				p++
				star, from = p, i
				continue
			case c == '?':
				p++
				i += runeLen(s, i)
				continue
			default:
				lit := p
				if c == '\\' && p+1 < len(pattern) {
					lit++
				}
				if pattern[lit] == s[i] {
					p = lit + 1
					i++
					continue
				}
			}
		}
		if star < 0 {
			return false
		}
		from += runeLen(s, from)
		p, i = star, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// runeLen is the length of the character at s[i:]; a byte that is not UTF-8 is one.
func runeLen[T string | []byte](s T, i int) int {
	if s[i] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
	return n
}

// contains says whether sub occurs in text; anyCase ignores the case of ASCII letters.
func contains(text []byte, sub string, anyCase bool) bool {
	if !anyCase {
		return strings.Contains(viewString(text), sub)
	}
	for i := 0; i+len(sub) <= len(text); i++ {
		if equalFold(text[i:i+len(sub)], sub) {
			return true
		}
	}
	return false
}

// equalFold compares two texts of the same length but for the case of ASCII letters.
func equalFold(a []byte, b string) bool {
	for i, c := range a {
		if lowerByte(c) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func isWordByte(c byte) bool { return isAlnum(c) || c == '_' || c >= 0x80 }

// hasWords says whether the words are consecutive words of text (see SplitWords).
func hasWords(text []byte, words Words) bool {
	for at := 0; at < len(text); {
		from, to := nextWord(text, at)
		if from == to {
			break
		}
		if beginWith(text[from:], words) {
			return true
		}
		at = to
	}
	return len(words) == 0
}

// beginWith says whether the first words of text are these.
func beginWith(text []byte, words Words) bool {
	at := 0
	for _, w := range words {
		from, to := nextWord(text, at)
		if to-from != len(w) || !equalFold(text[from:to], w) {
			return false
		}
		at = to
	}
	return true
}

// nextWord is the next word of text at or behind i; it is empty if there is none.
func nextWord(text []byte, i int) (from, to int) {
	for i < len(text) && !isWordByte(text[i]) {
		i++
	}
	from = i
	for i < len(text) && isWordByte(text[i]) {
		i++
	}
	return from, i
}
