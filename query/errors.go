package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says what is wrong with a query, and where.
type Error struct {
	Pos, End  int      // text[Pos:End] is at fault; equal where something is missing
	Line, Col int      // of Pos, from 1; Col counts characters
	Msg       string   // what is wrong
	Expected  []string // what could stand there, as it is typed; may be empty
	Suggest   []string // names that are like the one written, best first; may be empty
}

// Error is the whole message in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d, column %d: %s", e.Line, e.Col, e.Msg)
	if len(e.Expected) > 0 {
		b.WriteString("; expected " + orList(e.Expected))
	}
	if len(e.Suggest) > 0 {
		b.WriteString("; did you mean " + orList(e.Suggest) + "?")
	}
	return b.String()
}

// Explain is the message with the line of text it is about, what is at fault marked by carets. Text is what was given
// to Parse. No line end follows the last line.
func (e *Error) Explain(text string) string {
	pos := min(max(e.Pos, 0), len(text))
	end := min(max(e.End, pos), len(text))
	from := strings.LastIndexByte(text[:pos], '\n') + 1
	to := len(text)
	if n := strings.IndexByte(text[pos:], '\n'); n >= 0 {
		to = pos + n
	}
	end = min(end, to)
	line, lead := window(text[from:to], pos-from)
	marks := max(1, min(utf8.RuneCountInString(text[pos:end]), utf8.RuneCountInString(line)-utf8.RuneCountInString(lead)))
	return e.Error() + "\n  " + line + "\n  " + blank(lead) + strings.Repeat("^", marks)
}

// window cuts a long line down to what surrounds pos and gives also the part of it before pos.
func window(line string, pos int) (part, lead string) {
	const before, after = 60, 40 // bytes kept on either side
	from, to := 0, len(line)
	if pos > before {
		from = runeStart(line, pos-before)
	}
	if to-pos > after {
		to = runeStart(line, pos+after)
	}
	return line[from:to], line[from:pos]
}

// runeStart is the start of the character that byte i of s belongs to.
func runeStart(s string, i int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}

// blank is s with every character but tabs replaced by a space, so that what follows stands where it would behind s.
func blank(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, s)
}

// place fills in line and column from the text.
func (e *Error) place(text string) *Error {
	pos := min(max(e.Pos, 0), len(text))
	e.Line = strings.Count(text[:pos], "\n") + 1
	e.Col = utf8.RuneCountInString(text[strings.LastIndexByte(text[:pos], '\n')+1:pos]) + 1
	return e
}

// orList joins words as in "a, b or c".
func orList(words []string) string {
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " or " + words[n]
	}
	return strings.Join(words, "")
}

// errAt makes an error about at; its line and column are filled in by whoever knows the text.
func errAt(at span, format string, args ...any) *Error {
	return &Error{Pos: at.from, End: at.to, Msg: fmt.Sprintf(format, args...)}
}

// expect adds what could stand there.
func (e *Error) expect(what ...string) *Error {
	e.Expected = what
	return e
}

// quote shows a piece of the text within a message, cut if it is long.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:runeStart(s, most)] + "…"
	}
	return `"` + strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || r == 0x7f {
			return '.'
		}
		return r
	}, s) + `"`
}
