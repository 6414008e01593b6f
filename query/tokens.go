package query

// Token is a piece of a query's text and what it is: text[From:To].
type Token struct {
	From, To int
	Class    Class
}

// Class is what a token is, as editors colour it.
type Class string

// The classes of tokens. What no token covers is plain: white space.
const (
	ClassField       Class = "field"
	ClassOperator    Class = "operator"
	ClassKeyword     Class = "keyword" // && and the like, by, asc, a lone *
	ClassString      Class = "string"
	ClassNumber      Class = "number" // addresses, dates and units too
	ClassRegex       Class = "regex"
	ClassShortcut    Class = "shortcut"
	ClassPipe        Class = "pipe"
	ClassStage       Class = "stage"
	ClassFunction    Class = "function"
	ClassPunctuation Class = "punctuation"
	ClassError       Class = "error" // does not belong here
)

// String is the name of the class.
func (c Class) String() string { return string(c) }

// class is the colour of a value.
func (v *value) class() Class {
	switch v.kind {
	case regexValue:
		return ClassRegex
	case shortcutValue:
		return ClassShortcut
	case bareValue:
		if c := byteAt(v.text, 0); c >= '0' && c <= '9' || c == ':' || (c == '-' || c == '.') && len(v.text) > 1 {
			return ClassNumber
		}
	}
	return ClassString
}

// Tokens are the tokens of a text, in order and without overlap. It takes any text: what cannot be parsed is of
// ClassError, and the rest is taken up behind it. They are the parser's own, so there is no second grammar to keep in
// step. Text beyond MaxText stays plain.
func Tokens(text string) []Token {
	var out []Token
	text = text[:min(len(text), MaxText)]
	for from, rounds := 0, 0; from < len(text) && rounds < maxTokens; rounds++ {
		from = tokensFrom(text, from, &out)
	}
	return out
}

// tokensFrom parses from where an earlier parse gave up and says where to go on.
func tokensFrom(text string, from int, out *[]Token) int {
	p := &parser{src: text, pos: from, paint: out}
	before := len(*out)
	_, _, err := p.query()
	if err == nil {
		return len(text)
	}
	end := from // of what is coloured
	if n := len(*out); n > before {
		end = (*out)[n-1].To
	}
	p.pos = max(end, from)
	p.space()
	at := p.here()
	if len(*out) > before && resumable(text, at.from) {
		return at.from
	}
	if n := len(*out); n > 0 && at.to > at.from && (*out)[n-1] == (Token{(*out)[n-1].From, at.from, ClassError}) {
		(*out)[n-1].To = at.to
	} else if at.to > at.from {
		*out = append(*out, Token{at.from, at.to, ClassError})
	}
	return max(at.to, from+1)
}

// resumable says whether a query could begin at i, so that it is worth while to parse on there.
func resumable(text string, i int) bool {
	c := byteAt(text, i)
	return isAlnum(c) || c == '_' || c == '@' || c == '!' || c == '(' || c == '|'
}
