package top

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxLines = 20_000
	maxBytes = 16 << 20
	maxLine  = 64 << 10
)

// pager keeps lines of text: the last ones when live, else the first ones. It is the io.Writer of what prints them.
type pager struct {
	live      bool
	lines     []string
	open      []byte // a line whose end has not come
	size      int    // bytes of lines
	Forgotten int64  // lines that had no room
}

// full says that a file's further lines would have no room.
func (p *pager) full() bool { return !p.live && (len(p.lines) >= maxLines || p.size >= maxBytes) }

// Write takes text, of which each line end completes a line.
func (p *pager) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			p.open = append(p.open, rest[:min(len(rest), max(0, maxLine-len(p.open)))]...)
			break
		}
		p.open = append(p.open, rest[:min(i, max(0, maxLine-len(p.open)))]...)
		p.add(string(p.open))
		p.open, rest = p.open[:0], rest[i+1:]
	}
	return len(b), nil
}

func (p *pager) add(line string) {
	if p.full() {
		p.Forgotten++
		return
	}
	p.lines = append(p.lines, clean(line))
	p.size += len(line)
	for len(p.lines) > maxLines || p.size > maxBytes && len(p.lines) > 1 {
		p.size -= len(p.lines[0])
		p.lines[0], p.lines = "", p.lines[1:]
		p.Forgotten++
	}
}

func (p *pager) clear() { *p = pager{live: p.live} }

// find is the first line from a place on that contains text, -1 if none does.
func (p *pager) find(text string, from int) int {
	for i := max(from, 0); i < len(p.lines); i++ {
		if contains(p.lines[i], text) {
			return i
		}
	}
	return -1
}

// contains says whether s holds text, in any case.
func contains(s, text string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(text))
}

// clean is s as it may go to a terminal: tabs are blanks, what does not print or is no UTF-8 is a dot.
func clean(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= 0x20 && s[i] < 0x7f
	}
	if plain {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteString("    ")
		case r == utf8.RuneError || !unicode.IsPrint(r):
			b.WriteByte('.')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
