package query

import (
	"slices"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// Bounds on a query, so that hostile text costs little.
const (
	MaxText   = 256 << 10 // bytes of a query
	maxTokens = 20_000    // words, operators and values of a query
	maxDepth  = 100       // parentheses and negations around a condition
)

// parser reads the text from left to right without a separate lexer, because what a character means depends on what
// may stand there: a slash begins a regular expression or a path, a < is an operator or sysdig's word for "leaving".
// The same parser makes the tree, the token colours and the completions.
type parser struct {
	src    string
	kinds  record.KindSet // whose fields a name may be
	pos    int
	tokens int
	depth  int
	pipeAt int      // behind the last single | that was taken for "or"
	paint  *[]Token // where colours are noted, if they are wanted
	hint   *hint    // where what may stand at the end of src is noted, if that is wanted
}

// space skips white space.
func (p *parser) space() {
	for p.pos < len(p.src) && isSpace(p.src[p.pos]) {
		p.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (p *parser) atEnd() bool { return p.pos >= len(p.src) }

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte { return byteAt(p.src, p.pos) }

func byteAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// mark counts a token and notes its colour.
func (p *parser) mark(from, to int, class Class) {
	p.tokens++
	if p.paint != nil && from < to {
		*p.paint = append(*p.paint, Token{from, to, class})
	}
}

// here is the place where something is missing or unexpected: the word that stands there, or the end.
func (p *parser) here() span {
	end := p.pos
	for end < len(p.src) && isNameByte(p.src[end]) {
		end++
	}
	if end == p.pos && end < len(p.src) {
		end = runeEnd(p.src, end)
	}
	return span{p.pos, end}
}

// runeEnd is where the character that begins at byte i of s ends.
func runeEnd(s string, i int) int {
	for i++; i < len(s) && s[i]&0xc0 == 0x80; i++ {
	}
	return i
}

// isNameByte says whether c may be in a field's name, a keyword or a stage's name.
func isNameByte(c byte) bool {
	return isAlnum(c) || c == '_' || c == '.' || c == '@' || c == '-' || c == ':'
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// name scans a name; it is empty if none stands here. White space before it is skipped.
func (p *parser) name() word {
	p.space()
	from := p.pos
	for p.pos < len(p.src) && isNameByte(p.src[p.pos]) {
		p.pos++
	}
	return word{p.src[from:p.pos], span{from, p.pos}}
}

// keyword takes the word w, in any case, if it stands here.
func (p *parser) keyword(w string, class Class) bool {
	save := p.pos
	got := p.name()
	if !strings.EqualFold(got.text, w) {
		p.pos = save
		return false
	}
	p.mark(got.at.from, got.at.to, class)
	return true
}

// peekName is the name that stands behind the white space at pos.
func (p *parser) peekName() string {
	save := p.pos
	w := p.name()
	p.pos = save
	return w.text
}

// value scans the value of op.
func (p *parser) value(op opcode) (value, *Error) {
	p.space()
	from := p.pos
	var v value
	switch c := p.peek(); {
	case c == '"' || c == '\'':
		if err := p.quoted(&v); err != nil {
			return v, err
		}
	case c == '/' && !op.plain() && p.regexEnd() > 0:
		p.pos = p.regexEnd()
		v.kind, v.text = regexValue, p.src[from+1:p.pos-1]
	default:
		p.bare()
		if p.pos == from {
			return v, errAt(p.here(), "a value is missing behind %s", op)
		}
		v.text = p.src[from:p.pos]
		p.shortcut(&v)
	}
	v.at = span{from, p.pos}
	p.mark(from, p.pos, v.class())
	return v, nil
}

// shortcut takes a leading $ off a bare value.
func (p *parser) shortcut(v *value) {
	if len(v.text) > 1 && v.text[0] == '$' {
		v.kind, v.text = shortcutValue, v.text[1:]
	}
}

// quoted scans text in quotes of either kind; a backslash keeps the quote behind it from ending the text.
func (p *parser) quoted(v *value) *Error {
	from := p.pos
	q := p.src[from]
	for i := from + 1; i < len(p.src); i++ {
		switch p.src[i] {
		case '\\':
			i++
		case q:
			p.pos = i + 1
			v.kind, v.text = quotedValue, p.src[from+1:i]
			return nil
		}
	}
	p.pos = len(p.src)
	p.mark(from, p.pos, ClassError)
	return errAt(span{from, len(p.src)}, "the quote is not closed").expect(string(q))
}

// bare moves over a value without quotes, and over the time of day behind a date.
func (p *parser) bare() {
	from := p.pos
	for p.pos < len(p.src) && !endsBare(p.src[p.pos]) {
		if p.src[p.pos] == '\\' && p.pos+1 < len(p.src) && !isSpace(p.src[p.pos+1]) {
			p.pos++
		}
		p.pos++
	}
	if n := timeBehindDate(p.src[from:p.pos], p.src[p.pos:]); n > 0 {
		p.pos += n
	}
}

// endsBare says whether c ends a value without quotes. All that the grammar lists for words is allowed, and what else
// cannot stand behind a value.
func endsBare(c byte) bool {
	return isSpace(c) || strings.IndexByte(`()[],&|"'`, c) >= 0
}

// timeBehindDate is the length of the blanks and the time of day in rest if w is a date, as in 2026/11/21 01:00:00.
func timeBehindDate(w, rest string) int {
	if len(w) < 8 || len(w) > 10 || strings.Trim(w, "0123456789/-") != "" || byteAt(w, 4) != '/' && byteAt(w, 4) != '-' {
		return 0
	}
	n := len(rest) - len(strings.TrimLeft(rest, " \t"))
	end := n
	for end < len(rest) && strings.IndexByte("0123456789:.", rest[end]) >= 0 {
		end++
	}
	if colon := strings.IndexByte(rest[n:end], ':'); n == 0 || colon < 1 || colon > 2 {
		return 0
	}
	return end
}

// regexEnd is where the /regular expression/ that begins here ends, -1 if none does. A slash ends it if what follows
// could follow a value; so /etc/passwd is a path.
func (p *parser) regexEnd() int {
	for i := p.pos + 1; i < len(p.src); i++ {
		switch c := p.src[i]; {
		case c == '\\':
			i++
		case c == '/':
			if next := byteAt(p.src, i+1); i > p.pos+1 && (i+1 == len(p.src) || endsBare(next) && next != '"' && next != '\'') {
				return i + 1
			}
			return -1
		}
	}
	return -1
}

// list scans the values behind an opening bracket up to the closing one.
func (p *parser) list(op opcode) (operand, *Error) {
	open := p.pos
	o := operand{list: anyOf}
	closer := byte(']')
	switch p.src[open] {
	case ']':
		closer, o.list = '[', allOf
	case '(':
		closer = ')'
	}
	p.pos++
	p.mark(open, p.pos, ClassPunctuation)
	for {
		v, err := p.item(op, closer)
		if err != nil {
			return o, err
		}
		o.values = append(o.values, v)
		p.space()
		switch p.peek() {
		case ',', closer:
			p.mark(p.pos, p.pos+1, ClassPunctuation)
			p.pos++
			if p.src[p.pos-1] == closer {
				o.at = span{open, p.pos}
				return o, nil
			}
		case 0:
			return o, errAt(span{open, open + 1}, "the list is not closed").expect(string(closer))
		default:
			return o, errAt(p.here(), "a list's values are separated by commas").expect(",", string(closer))
		}
		if p.tokens > maxTokens {
			return o, p.tooLong()
		}
	}
}

// item scans one value of a list. Other than elsewhere a bare value may hold blanks.
func (p *parser) item(op opcode, closer byte) (value, *Error) {
	p.space()
	p.want(hint{what: wantValue, op: op})
	if c := p.peek(); c == '"' || c == '\'' || c == '/' && !op.plain() && p.regexEnd() > 0 {
		return p.value(op)
	}
	from := p.pos
	for p.pos < len(p.src) && p.src[p.pos] != ',' && p.src[p.pos] != closer {
		if p.src[p.pos] == '\\' && p.pos+1 < len(p.src) {
			p.pos++
		}
		p.pos++
	}
	text := strings.TrimRight(p.src[from:p.pos], " \t\r\n")
	if text == "" {
		return value{}, errAt(p.here(), "a value of the list is missing")
	}
	v := value{text: text, at: span{from, from + len(text)}}
	p.shortcut(&v)
	p.mark(v.at.from, v.at.to, v.class())
	return v, nil
}

func (p *parser) tooLong() *Error {
	return errAt(span{p.pos, p.pos}, "the query has more than %d words and values; save long lists and name them with $", maxTokens)
}

// stageAhead says whether the name at pos is a stage's.
func (p *parser) stageAhead() bool {
	return slices.Contains(stageNames, strings.ToLower(p.peekName()))
}
