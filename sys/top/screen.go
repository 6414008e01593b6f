package top

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Look is how a piece of text stands out.
type Look uint8

// The looks.
const (
	Text     Look = iota
	Title         // first lines
	Head          // of the columns
	Sorted        // head of the column that sorts
	Selected      // row under the cursor
	Dim
	Read   // data that was read
	Write  // data that was written
	KeyCap // a key in the last line
	Alert  // what went wrong, or is not there
)

// Span is text of one look.
type Span struct {
	Text string
	Look Look
}

// Line is one line of the screen.
type Line []Span

func line(l Look, format string, args ...any) Line {
	return Line{{Text: fmt.Sprintf(format, args...), Look: l}}
}

// Screen draws width by height characters.
func (t *Top) Screen(width, height int) []Line {
	const around = 4 // lines beside the body: two of title, one of heads, one of keys
	t.height = max(height-around, 1)
	out := append(t.titles(), t.heads(width))
	switch t.mode {
	case inEcho, inDig:
		out = append(out, t.drawPager()...)
	case inViews:
		out = append(out, drawPicker("Views", len(Views), t.picked, t.height, func(i int) string {
			return fmt.Sprintf("%-14s %s", Views[i].Name, Views[i].Desc)
		})...)
	case inSorts:
		c := t.here().view.columns
		out = append(out, drawPicker("Sort by", len(c), t.picked, t.height, func(i int) string {
			return fmt.Sprintf("%-14s %s", c[i].Title, c[i].Desc)
		})...)
	case inHelp:
		end := min(t.scroll+t.height, len(t.help))
		out = append(out, t.help[t.scroll:end]...)
	default:
		out = append(out, t.drawTable(width)...)
	}
	for len(out) < height-1 {
		out = append(out, nil)
	}
	out = append(out[:max(height-1, 0)], t.bottom())
	for i := range out {
		out[i] = fit(out[i], width)
	}
	return out
}

// titles are the two lines on top: which view of what, and what narrows it.
func (t *Top) titles() []Line {
	l := t.here()
	what, note := l.view.Name, ""
	switch t.body() {
	case inEcho:
		what = "Data read and written, " + buffers[t.looks].name
	case inDig:
		what = "Events, data as " + buffers[t.looks].name
	}
	if n := l.rows.Evicted; n > 0 && t.body() == inTable {
		note = fmt.Sprintf("  %d silent rows forgotten", n)
	}
	if n := t.pager.Forgotten; n > 0 {
		note = fmt.Sprintf("  %d earlier lines forgotten", n)
		if !t.cfg.Live {
			note = fmt.Sprintf("  only the first %d lines: narrow them with f", len(t.pager.lines))
		}
	}
	pause := ""
	if t.paused {
		pause = "  PAUSED"
	}
	narrowed := t.Narrowed()
	if narrowed == "" {
		narrowed = "none"
	}
	span := float64(l.rows.latest-l.rows.first) / 1e9
	return []Line{
		{{"Viewing: ", Dim}, {what, Title}, {"  Of: ", Dim}, {clean(t.cfg.Source), Text}, {"  " + t.state, Dim}, {pause + note, Alert}},
		{{"Filter: ", Dim}, {clean(narrowed), Text}, {fmt.Sprintf("  %d events in %.3f s", l.rows.read, span), Dim}},
	}
}

// heads are the titles of the table's columns.
func (t *Top) heads(width int) Line {
	if t.mode != inTable {
		return line(Head, "%-*s", width, "")
	}
	l := t.here()
	var out Line
	for i := range l.view.columns {
		c := &l.view.columns[i]
		look, title := Head, c.Title
		if i == l.view.sort {
			look = Sorted
		}
		out = append(out, Span{c.pad(title, c.Is != Last), look})
	}
	return shifted(append(out, Span{strings.Repeat(" ", width), Head}), t.shift)
}

// pad brings s to the column's width, numbers to the right, and a blank behind. The last column takes what it needs.
func (c *column) pad(s string, right bool) string {
	if c.Width == 0 {
		return s
	}
	n := utf8.RuneCountInString(s)
	switch {
	case n > c.Width:
		r := []rune(s)
		return string(r[:c.Width]) + " "
	case right:
		return strings.Repeat(" ", c.Width-n) + s + " "
	}
	return s + strings.Repeat(" ", c.Width-n) + " "
}

func (t *Top) drawTable(width int) []Line {
	rows, l := t.visible(), t.here()
	l.place(rows)
	if len(rows) == 0 {
		return []Line{nil, line(Dim, "  Nothing of this was seen yet. F2 shows other views, Backspace leads back.")}
	}
	from := max(0, min(l.cursor-t.height/2, len(rows)-t.height))
	var out []Line
	for i := from; i < min(from+t.height, len(rows)); i++ {
		text := ""
		for j := range l.view.columns {
			c := &l.view.columns[j]
			text += c.pad(rows[i].Values[j].Text, c.Is != Last)
		}
		look := Text
		if i == l.cursor {
			look, text = Selected, text+strings.Repeat(" ", width)
		}
		out = append(out, shifted(line(look, "%s", text), t.shift))
	}
	return out
}

func (t *Top) drawPager() []Line {
	last := max(0, len(t.pager.lines)-t.height)
	if t.follow {
		t.scroll = last
	}
	t.scroll = max(0, min(t.scroll, max(last, len(t.pager.lines)-1)))
	if len(t.pager.lines) == 0 {
		return []Line{nil, line(Dim, "  Nothing yet.")}
	}
	var out []Line
	look := Text
	for i := t.scroll; i < min(t.scroll+t.height, len(t.pager.lines)); i++ {
		s := t.pager.lines[i]
		if t.mode == inEcho {
			look = t.echoLook(i)
		}
		out = append(out, shifted(line(look, "%s", s), t.shift))
	}
	return out
}

// echoLook is the look of a line of data: that of the head above it.
func (t *Top) echoLook(i int) Look {
	for ; i >= 0; i-- {
		switch s := t.pager.lines[i]; {
		case strings.HasPrefix(s, "------ Read "):
			return Read
		case strings.HasPrefix(s, "------ Write "):
			return Write
		}
	}
	return Text
}

func drawPicker(title string, n, picked, height int, item func(i int) string) []Line {
	out := []Line{line(Title, "%s", title)}
	from := max(0, min(picked-height/2, n-height+1))
	for i := from; i < min(n, from+max(1, height-1)); i++ {
		look := Text
		if i == picked {
			look = Selected
		}
		out = append(out, line(look, "  %s  ", item(i)))
	}
	return out
}

// bottom is the last line: what is being typed, what went wrong, or the keys.
func (t *Top) bottom() Line {
	switch {
	case t.prompt != nil && t.note != "":
		return Line{{t.prompt.label + ": ", KeyCap}, {string(t.prompt.text) + "_", Text}, {"  " + clean(t.note), Alert}}
	case t.prompt != nil:
		return Line{{t.prompt.label + ": ", KeyCap}, {string(t.prompt.text) + "_", Text}, {"  Enter takes it, Esc gives it up", Dim}}
	case t.note != "":
		return line(Alert, "%s", clean(t.note))
	}
	keys := tableKeys
	switch t.mode {
	case inEcho, inDig:
		keys = pagerKeys
	case inViews, inSorts:
		keys = pickerKeys
	case inHelp:
		keys = helpKeys
	}
	var out Line
	for _, k := range keys {
		out = append(out, Span{k[0], KeyCap}, Span{" " + k[1] + " ", Text})
	}
	return out
}

// shifted is a line without its first n characters.
func shifted(l Line, n int) Line {
	for n > 0 && len(l) > 0 {
		r := []rune(l[0].Text)
		if len(r) > n {
			return append(Line{{string(r[n:]), l[0].Look}}, l[1:]...)
		}
		n -= len(r)
		l = l[1:]
	}
	return l
}

// fit cuts a line to a width.
func fit(l Line, width int) Line {
	for i := range l {
		n := utf8.RuneCountInString(l[i].Text)
		if n > width {
			l = append(Line{}, l[:i+1]...)
			l[i].Text = string([]rune(l[i].Text)[:max(width, 0)])
			return l
		}
		width -= n
	}
	return l
}
