package query

import (
	"regexp/syntax"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// Bounds on the size of regular expressions, in instructions of the compiled program, of one and of all of a query.
const (
	maxRegexSize   = 10_000
	maxRegexesSize = 100_000
)

// regexItem binds a regular expression, written between slashes or as the value of matches.
func (b *binder) regexItem(f *record.Field, a *ask, v *value) (item, *Error) {
	if a.op != opEq && a.op != opMatches {
		return item{}, errAt(v.at, "%s takes text, not a regular expression", a.op).expect("a word", "text in quotes")
	}
	if a.utf8 {
		return item{}, errAt(v.at, "a regular expression cannot be asked of %s", a.name.text).expect("payload8.hex")
	}
	from := v.at.from // of the expression's first byte
	if v.kind == regexValue || v.kind == quotedValue {
		from++
	}
	re, fault := portable(v.text)
	if fault != nil {
		return item{}, errAt(span{from + fault.at.from, from + fault.at.to}, "%s", fault.msg).expect(fault.instead...)
	}
	re = foldText(re, f.Fold) // no escape has a letter, so folding the text folds what it matches
	size, err := regexSize(re)
	if err != nil {
		return item{}, errAt(span{from, v.at.to}, "not a regular expression: %s", regexError(err))
	}
	if b.regexes += size; size > maxRegexSize || b.regexes > maxRegexesSize {
		return item{}, errAt(v.at, "the regular expression is too large: its repetitions amount to %d steps, at most %d are taken", size, maxRegexSize)
	}
	return one(Regex(re)), nil
}

// regexError is what regexp/syntax says without its prefix.
func regexError(err error) string {
	if e, ok := err.(*syntax.Error); ok {
		return e.Code.String() + " " + quote(e.Expr)
	}
	return err.Error()
}

// regexSize is about the number of instructions re compiles to.
func regexSize(re string) (int, error) {
	tree, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return treeSize(tree), nil
}

func treeSize(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += treeSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Max, re.Min, 1)
	}
	return min(n, 1<<20)
}

// regexFault is a construct that not every store understands alike.
type regexFault struct {
	at      span // in the expression
	msg     string
	instead []string
}

// portable checks that a regular expression keeps to what RE2 and Lucene understand alike, and escapes what is an
// operator in Lucene only. It takes literals, the dot, classes with ranges, groups, |, *, +, ? and {n,m}; a backslash
// before punctuation makes it literal.
func portable(re string) (string, *regexFault) {
	if re == "" || len(re) > maxPattern {
		return "", &regexFault{span{0, len(re)}, "the regular expression is empty or longer than 1000 bytes", nil}
	}
	s := regexScan{re: re, alternativeStart: true}
	for s.i < len(re) && s.fault == nil {
		s.step()
	}
	if s.fault == nil && s.alternativeStart {
		s.refuse(len(re)-1, "a group or alternative is empty", "(a)? in place of (a|)")
	}
	return s.out.String(), s.fault
}

// regexScan goes over an expression once.
type regexScan struct {
	re    string
	i     int
	out   strings.Builder
	fault *regexFault

	alternativeStart bool // nothing stands between here and the last ( or |, or the beginning
	quantified       bool // a quantifier stands before here
}

// refuse notes a fault that reaches from byte from to the next character's end.
func (s *regexScan) refuse(from int, msg string, instead ...string) {
	to := min(max(s.i+1, from+1), len(s.re))
	s.fault = &regexFault{span{min(from, len(s.re)), to}, msg, instead}
}

// step takes one element.
func (s *regexScan) step() {
	start, quantified := s.alternativeStart, s.quantified
	s.alternativeStart, s.quantified = false, false
	switch c := s.re[s.i]; c {
	case '\\':
		s.escape()
	case '[':
		s.class()
	case '(', ')', '|':
		s.group(start)
	case '*', '+', '?', '{':
		s.quantifier(start, quantified)
	case '^', '$':
		s.refuse(s.i, "an expression is matched against the whole value, so "+string(c)+" has no place in it", "\\"+string(c), "the expression without it")
	case '"', '#', '@', '&', '<', '>', '~':
		s.literal(c)
	default:
		s.out.WriteByte(c)
		s.i++
	}
}

// literal writes a byte that is an operator somewhere.
func (s *regexScan) literal(c byte) {
	s.out.WriteByte('\\')
	s.out.WriteByte(c)
	s.i++
}

// escape takes a backslash and what it makes literal.
func (s *regexScan) escape() {
	from := s.i
	c := byteAt(s.re, from+1)
	s.i++
	switch {
	case s.i == len(s.re):
		s.refuse(from, "a backslash ends the expression", `\\`)
	case isAlnum(c) || c <= ' ' || c >= 0x80:
		s.i = runeEnd(s.re, s.i) - 1
		s.refuse(from, s.re[from:s.i+1]+" is not understood by every store", insteadOf[c]...)
	case strings.IndexByte(`\.*+?()[]{}|^$"#@&<>~`, c) >= 0:
		s.literal(c)
	default: // the same without its backslash
		s.out.WriteByte(c)
		s.i++
	}
}

// insteadOf says what to write for the escapes people use most.
var insteadOf = map[byte][]string{
	'd': {"[0-9]"}, 'D': {"[^0-9]"}, 'w': {"[0-9A-Za-z_]"}, 'W': {"[^0-9A-Za-z_]"}, 's': {"[ ]"}, 'S': {"[^ ]"},
	'b': {"the expression without it"}, 'A': {"the expression without it"}, 'z': {"the expression without it"},
}

// group takes a parenthesis or a bar.
func (s *regexScan) group(start bool) {
	c := s.re[s.i]
	switch {
	case c == '(' && byteAt(s.re, s.i+1) == '?':
		s.i++
		s.refuse(s.i-1, "groups that begin with (? are not understood by every store", "(")
		return
	case c == '|' && start, c == ')' && start:
		s.refuse(s.i, "a group or alternative is empty", "(a)? in place of (a|)")
		return
	}
	s.alternativeStart = c != ')'
	s.out.WriteByte(c)
	s.i++
}

// quantifier takes *, +, ? or {n,m}.
func (s *regexScan) quantifier(start, quantified bool) {
	from, c := s.i, s.re[s.i]
	switch {
	case start:
		s.refuse(from, string(c)+" has nothing to repeat", "\\"+string(c))
		return
	case quantified && c == '?':
		s.refuse(from, "lazy repetition means nothing when the whole value is matched", "the expression without the ?")
		return
	case quantified:
		s.refuse(from, "a repetition cannot be repeated", "parentheses around it")
		return
	}
	end := from + 1
	if c == '{' {
		if end = braceEnd(s.re, from); end < 0 {
			s.refuse(from, "a { begins a count", "{2}", "{2,}", "{2,5}", `\{`)
			return
		}
	}
	s.out.WriteString(s.re[from:end])
	s.i, s.quantified = end, true
}

// braceEnd is where {n}, {n,} or {n,m} at i ends, -1 if none stands there.
func braceEnd(re string, i int) int {
	end := strings.IndexByte(re[i:], '}')
	if end < 0 {
		return -1
	}
	lo, hi, _ := strings.Cut(re[i+1:i+end], ",")
	if lo == "" || strings.Trim(lo+hi, "0123456789") != "" {
		return -1
	}
	return i + end + 1
}

// class takes [...]. Hyphens that make no range and brackets are escaped, since Lucene reads them otherwise.
func (s *regexScan) class() {
	open := s.i
	s.out.WriteByte('[')
	if s.i++; byteAt(s.re, s.i) == '^' {
		s.out.WriteByte('^')
		s.i++
	}
	for first := true; ; first = false {
		switch c := byteAt(s.re, s.i); {
		case s.i >= len(s.re):
			s.refuse(open, "the class is not closed", "]")
			s.fault.at = span{open, open + 1}
			return
		case c == ']' && first:
			s.refuse(s.i, "a class is empty", `\]`)
			return
		case c == ']':
			s.out.WriteByte(c)
			s.i++
			return
		case c == '[' && byteAt(s.re, s.i+1) == ':':
			s.refuse(s.i, "named classes are not understood by every store", "[a-z]", "[0-9]")
			return
		}
		if !s.member() {
			return
		}
	}
}

// member takes one character of a class or a range of them.
func (s *regexScan) member() bool {
	if !s.classChar() {
		return false
	}
	if byteAt(s.re, s.i) != '-' || s.i+1 >= len(s.re) || s.re[s.i+1] == ']' {
		return true
	}
	s.out.WriteByte('-')
	s.i++
	return s.classChar()
}

// classChar takes one character of a class.
func (s *regexScan) classChar() bool {
	c := s.re[s.i]
	if c == '\\' {
		c = byteAt(s.re, s.i+1)
		if s.i++; isAlnum(c) || c == '_' || c <= ' ' || c >= 0x80 {
			s.refuse(s.i-1, "this escape is not understood by every store", insteadOf[c]...)
			return false
		}
	} else if isAlnum(c) || c >= 0x80 {
		end := runeEnd(s.re, s.i)
		s.out.WriteString(s.re[s.i:end])
		s.i = end
		return true
	}
	if strings.IndexByte(`\]-^["&~#@<>`, c) >= 0 {
		s.out.WriteByte('\\')
	}
	s.out.WriteByte(c)
	s.i++
	return true
}
