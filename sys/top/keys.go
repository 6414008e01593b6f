package top

import (
	"strings"
	"unicode"

	"github.com/tapir-project/tapir/sys"
)

// Want is what a key asks of the caller.
type Want uint8

// What a key may ask for.
const (
	Nothing Want = iota
	Reread       // the events again, from the first; those that are live come anyway
	Enough       // no further events of a file
	Quit
)

// prompt is a line of text that is being typed.
type prompt struct {
	label string
	text  []rune
	typed func(text string) // with each key
	done  func(text string) Want
	stop  func() // it was given up
}

// Press does what a key means. Keys are named as in "enter", "backspace", "esc", "up", "pgdown", "f2", "ctrl+f"; those that
// print are what they print.
func (t *Top) Press(key string) Want {
	t.note = ""
	if key == "ctrl+c" {
		return Quit
	}
	if t.prompt != nil {
		return t.edit(key)
	}
	switch key {
	case "q", "f10":
		return Quit
	case "f1", "h", "?", "f7":
		if t.mode != inHelp {
			t.back, t.mode, t.scroll = t.body(), inHelp, 0
			t.help = t.helpLines()
		}
		return Nothing
	}
	switch t.mode {
	case inHelp:
		return t.pressHelp(key)
	case inViews:
		return t.pressPicker(key, len(Views), t.pickView)
	case inSorts:
		return t.pressPicker(key, len(t.here().view.columns), t.pickSort)
	case inEcho, inDig:
		return t.pressPager(key)
	}
	return t.pressTable(key)
}

// edit types into the prompt.
func (t *Top) edit(key string) Want {
	p := t.prompt
	switch key {
	case "enter":
		t.prompt = nil
		return p.done(string(p.text))
	case "esc":
		t.prompt = nil
		if p.stop != nil {
			p.stop()
		}
		return Nothing
	case "backspace":
		p.text = p.text[:max(0, len(p.text)-1)]
	case "ctrl+u":
		p.text = nil
	case "space":
		p.text = append(p.text, ' ')
	default:
		if r := []rune(key); len(r) != 1 || !unicode.IsPrint(r[0]) || len(p.text) >= 1000 {
			return Nothing
		}
		p.text = append(p.text, []rune(key)...)
	}
	if p.typed != nil {
		p.typed(string(p.text))
	}
	return Nothing
}

func (t *Top) pressTable(key string) Want {
	l := t.here()
	switch key {
	case "enter":
		return t.drill()
	case "backspace", "esc":
		return t.up()
	case "f2", "v":
		t.pick(inViews, viewIndex(l.view.ID))
	case "f9", ">":
		t.pick(inSorts, l.view.sort)
	case "f4", "\\":
		t.ask("Rows with", l.search, func(s string) { l.search, l.pinned, l.cursor = s, "", 0 }, nil)
	case "/", "ctrl+f":
		t.ask("Search", "", t.seek, nil)
	case "f3", "n":
		t.move(1)
		t.seek(t.find)
	case "f":
		t.ask("Filter", t.cfg.Filter, nil, t.setFilter)
	case "f5", "e":
		return t.page0(inEcho)
	case "f6", "d":
		return t.page0(inDig)
	case "p":
		t.pause()
	case "c", "delete":
		if t.cfg.Live {
			t.Restart()
		}
	case "left", "right":
		t.sideways(key)
	default:
		if i := strings.Index("123456789", key); i >= 0 {
			return t.sortColumn(i)
		}
		if i := strings.Index("!@#$%^&*(", key); i >= 0 { // the digits with shift, on a US keyboard
			return t.sortColumn(i)
		}
		if n, ok := t.step(key, t.height-1); ok {
			t.move(n)
		}
	}
	return Nothing
}

// step is how many lines a key moves by, with page lines in a page; ok is false if it does not move.
func (t *Top) step(key string, page int) (n int, ok bool) {
	n, ok = map[string]int{"up": -1, "k": -1, "down": 1, "j": 1, "pgup": -page, "pgdown": page, "home": -1 << 30, "g": -1 << 30,
		"end": 1 << 30, "G": 1 << 30, "space": page}[key]
	return n, ok
}

// move moves the cursor and pins it to its row.
func (t *Top) move(n int) {
	rows, l := t.visible(), t.here()
	l.place(rows)
	l.cursor = max(0, min(l.cursor+n, len(rows)-1))
	l.pinned = ""
	if l.cursor > 0 {
		l.pinned = rows[l.cursor].Key
	}
}

func (t *Top) sideways(key string) {
	if key == "left" {
		t.shift = max(0, t.shift-8)
	} else {
		t.shift = min(t.shift+8, maxLine)
	}
}

// seek moves to the next row or line, from the present one on, that contains text.
func (t *Top) seek(text string) {
	t.find = text
	if t.mode == inEcho || t.mode == inDig {
		if i := t.pager.find(text, t.scroll); i >= 0 {
			t.scroll, t.follow = i, false
			return
		}
		t.note = "no further line with " + text
		return
	}
	rows, l := t.visible(), t.here()
	l.place(rows)
	for i := range rows {
		at := (l.cursor + i) % len(rows)
		for _, v := range rows[at].Values {
			if contains(v.Text, text) {
				t.move(at - l.cursor)
				return
			}
		}
	}
	t.note = "no row with " + text
}

// ask opens a prompt. What was typed is taken back when it is given up.
func (t *Top) ask(label, text string, typed func(string), done func(string) Want) {
	p := &prompt{label: label, text: []rune(text), typed: typed, done: done}
	if done == nil {
		p.done = func(string) Want { return Nothing }
	}
	if typed != nil {
		p.stop = func() { typed(text) }
	}
	t.prompt = p
}

// setFilter sets the filter that everything passes through. A wrong one is explained, and the prompt stays.
func (t *Top) setFilter(text string) Want {
	f, err := sys.NewFilter(text)
	if err != nil {
		t.ask("Filter", text, nil, t.setFilter)
		t.note = strings.ReplaceAll(err.Error(), "\n", " ")
		return Nothing
	}
	t.filter, t.cfg.Filter = f, text
	for _, l := range t.levels {
		l.whole = false
	}
	t.Restart()
	return Reread
}

func (t *Top) pause() {
	t.paused = !t.paused
	t.frozen = nil
	if t.paused {
		t.frozen = append([]Row{}, t.visible()...)
	}
}

// drill goes into the row under the cursor.
func (t *Top) drill() Want {
	s := t.selected()
	switch {
	case s == nil:
		t.note = "there is no row to go into"
		return Nothing
	case len(t.levels) >= maxLevels:
		t.note = "this is as deep as it goes: Backspace leads back"
		return Nothing
	}
	l, err := t.newLevel(Find(t.here().view.Next), s)
	if err != nil {
		t.note = err.Error()
		return Nothing
	}
	t.levels = append(t.levels, l)
	t.shift = 0
	t.Restart()
	return Reread
}

// up goes back one level.
func (t *Top) up() Want {
	l := t.here()
	switch {
	case l.search != "":
		l.search = ""
		return Nothing
	case len(t.levels) == 1:
		t.note = "this is the first view: q quits"
		return Nothing
	}
	t.levels = t.levels[:len(t.levels)-1]
	return t.resume()
}

// resume shows a table again that was left: of a file as it was, if it was whole.
func (t *Top) resume() Want {
	t.mode, t.scroll, t.shift, t.picker = inTable, 0, 0, nil
	t.pager.clear()
	if t.here().whole {
		t.frozen, t.paused = nil, false
		return Enough
	}
	t.Restart()
	return Reread
}

// page0 leaves the table for the data or the events of the row under the cursor.
func (t *Top) page0(m mode) Want {
	t.picker = t.selected()
	if err := t.openPager(m); err != nil {
		t.note, t.mode = err.Error(), inTable
		return Nothing
	}
	return Reread
}

func (t *Top) pressPager(key string) Want {
	switch key {
	case "backspace", "esc":
		return t.resume()
	case "f2":
		t.looks = (t.looks + 1) % len(buffers)
		return t.again()
	case "f5", "e":
		t.mode = inEcho
		return t.again()
	case "f6", "d":
		t.mode = inDig
		return t.again()
	case "c", "delete":
		t.pager.clear()
		t.scroll = 0
	case "p":
		t.paused = !t.paused
		t.follow = t.cfg.Live && !t.paused
	case "/", "ctrl+f":
		t.ask("Search", "", t.seek, nil)
	case "f3", "n":
		t.scroll++
		t.seek(t.find)
	case "left", "right":
		t.sideways(key)
	default:
		if n, ok := t.step(key, t.height); ok {
			last := max(0, len(t.pager.lines)-t.height)
			t.scroll = max(0, min(t.scroll+n, last))
			t.follow = t.cfg.Live && t.scroll == last
		}
	}
	return Nothing
}

// again shows the pager's row anew.
func (t *Top) again() Want {
	if err := t.openPager(t.mode); err != nil {
		t.note = err.Error()
	}
	return Reread
}

func (t *Top) pressHelp(key string) Want {
	if n, ok := t.step(key, t.height); ok {
		t.scroll = max(0, min(t.scroll+n, len(t.help)-t.height))
		return Nothing
	}
	t.mode, t.scroll = t.back, 0
	return Nothing
}

// pick opens a picker with one line chosen.
func (t *Top) pick(m mode, at int) { t.back, t.mode, t.picked = t.body(), m, at }

func (t *Top) pressPicker(key string, n int, take func(i int) Want) Want {
	if by, ok := t.step(key, t.height); ok {
		t.picked = max(0, min(t.picked+by, n-1))
		return Nothing
	}
	t.mode = t.back
	if key == "enter" {
		return take(t.picked)
	}
	return Nothing
}

func viewIndex(id string) int {
	for i := range Views {
		if Views[i].ID == id {
			return i
		}
	}
	return 0
}

// pickView shows the level with another view.
func (t *Top) pickView(i int) Want {
	l, err := t.newLevel(&Views[i], t.here().within)
	if err != nil {
		t.note = err.Error()
		return Nothing
	}
	t.levels[len(t.levels)-1] = l
	t.shift = 0
	t.Restart()
	return Reread
}

func (t *Top) pickSort(i int) Want { return t.sortColumn(i) }

// sortColumn sorts by the i-th column, from the other end if it sorts already.
func (t *Top) sortColumn(i int) Want {
	l := t.here()
	if i >= len(l.view.columns) {
		return Nothing
	}
	if l.view.sort == i {
		l.ascending = !l.ascending
	} else {
		l.sortBy(i)
	}
	l.cursor, l.pinned = 0, ""
	if t.paused {
		t.pause()
		t.pause()
	}
	return Nothing
}
