package top

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/chisel"
)

const maxLevels = 32

// Config says what is shown at first, and of what.
type Config struct {
	View       string // id of the view; "": the first
	Filter     string // events that it leaves out are not shown anywhere
	Containers bool   // columns of containers too
	Live       bool   // events come as they happen: intervals end with Tick, and nothing can be read again
	Source     string // what is read, for the first line
}

// mode is what the screen shows below its first lines.
type mode uint8

const (
	inTable mode = iota
	inEcho       // data that is read and written
	inDig        // events
	inViews      // the picker of views
	inSorts      // the picker of columns
	inHelp
)

// level is one step down: what it is narrowed to, and the table shown there.
type level struct {
	within *selection // nil on the first
	view   *view
	rows   *rows
	whole  bool // all events were counted

	ascending bool
	cursor    int
	pinned    string // key of the row under the cursor; "" while it is the first
	search    string // only rows with this text are shown
}

// Top is the state of the view. It is not safe for concurrent use.
type Top struct {
	cfg    Config
	style  *sys.Style
	filter *sys.Filter
	levels []*level
	mode   mode
	back   mode // where a picker or the help leads back to
	frozen []Row
	paused bool
	shift  int // columns that text is scrolled to the right by
	note   string
	prompt *prompt
	picked int // in a picker
	help   []Line
	scroll int // first line shown of the help or of a pager

	pager  pager
	follow bool // the pager stays at its end
	picker *selection
	dig    *sys.Format
	echo   *chisel.Run
	out    *bufio.Writer
	looks  int // index into buffers
	find   string

	state  string
	height int // lines of the body at the last drawing
}

// New is a view of nothing yet. The error is a mistake in the filter or an unknown view.
func New(cfg Config) (*Top, error) {
	t := &Top{cfg: cfg, style: &sys.Style{Full: true}}
	v := &Views[0]
	if cfg.View != "" {
		if v = Find(cfg.View); v == nil {
			return nil, fmt.Errorf("there is no view %s; there are %s", cfg.View, strings.Join(viewIDs(), ", "))
		}
	}
	var err error
	if t.filter, err = sys.NewFilter(cfg.Filter); err != nil {
		return nil, err
	}
	l, err := t.newLevel(v, nil)
	if err != nil {
		return nil, err
	}
	t.levels, t.height = []*level{l}, 20
	return t, nil
}

func viewIDs() (ids []string) {
	for i := range Views {
		ids = append(ids, Views[i].ID)
	}
	return ids
}

func (t *Top) newLevel(v *View, within *selection) (*level, error) {
	c, err := compile(v, t.style, t.cfg.Containers)
	if err != nil {
		return nil, err
	}
	l := &level{within: within, view: c, rows: newRows(c, maxRows)}
	l.sortBy(c.sort)
	return l, nil
}

// sortBy sorts by a column: numbers from the highest, texts from the first letter.
func (l *level) sortBy(column int) {
	l.view.sort, l.ascending = column, l.view.columns[column].Is == Last
}

// here is the level that is shown.
func (t *Top) here() *level { return t.levels[len(t.levels)-1] }

// Restart forgets what was counted: the events come again from the first.
func (t *Top) Restart() {
	l := t.here()
	l.rows, l.whole = newRows(l.view, maxRows), false
	t.pager.clear()
	t.frozen, t.paused = nil, false
}

// Done says that the events are at their end: what is shown is whole, and stays so when one comes back to it.
func (t *Top) Done() {
	if t.body() == inTable {
		t.here().whole = true
	}
}

// Event counts or shows an event. io.EOF says that no further ones are needed.
func (t *Top) Event(e *sys.Event) error {
	l, paging := t.here(), t.body() != inTable
	if !paging {
		l.rows.at(e.Time)
	}
	if e.Hidden || !t.filter.Pass(e) {
		return nil
	}
	for _, up := range t.levels {
		if up.within != nil && !up.within.pass(e) {
			return nil
		}
	}
	if paging {
		return t.page(e)
	}
	l.rows.add(e)
	return nil
}

// body is what is shown, or lies below a picker or the help.
func (t *Top) body() mode {
	if t.mode == inViews || t.mode == inSorts || t.mode == inHelp {
		return t.back
	}
	return t.mode
}

// page shows an event of the row that was chosen, as data or as a line.
func (t *Top) page(e *sys.Event) error {
	if t.picker != nil && !t.picker.pass(e) {
		return nil
	}
	if t.pager.full() {
		t.pager.Forgotten++
		return io.EOF
	}
	before := t.pager.Forgotten
	if t.body() == inEcho {
		if err := errors.Join(t.echo.Event(e), t.out.Flush()); err != nil {
			return err
		}
	} else if line, ok := t.dig.Append(nil, e); ok && e.Shown() {
		fmt.Fprintf(&t.pager, "%s\n", line)
	}
	t.scroll = max(0, t.scroll-int(t.pager.Forgotten-before)) // what is looked at stays where it is
	return nil
}

// buffers are the ways to show data, in the order in which F2 goes through them.
var buffers = []struct {
	as   sys.Buffers
	name string
}{{sys.Dotted, "dotted text"}, {sys.TextOnly, "printable text"}, {sys.HexText, "hexadecimal"}}

// openPager begins to show data or events of the row under the cursor, or of all if there is none.
func (t *Top) openPager(m mode) error {
	t.mode, t.follow, t.scroll, t.shift = m, t.cfg.Live, 0, 0
	t.pager = pager{live: t.cfg.Live}
	st := &sys.Style{Full: true, Buffers: buffers[t.looks].as}
	if m == inDig {
		format := sys.DefaultFormat
		if t.cfg.Containers {
			format = sys.ContainerFormat
		}
		var err error
		t.dig, err = sys.NewFormat(format, st, sys.ClockHuman)
		return err
	}
	t.out = bufio.NewWriter(&t.pager)
	env := &chisel.Env{Out: t.out, Style: st, Containers: t.cfg.Containers, Live: t.cfg.Live}
	var err error
	t.echo, err = chisel.Find("echo_fds").Start(env, []string{"disable_colors"})
	return err
}

// Tick ends an interval of a live view; at is the time in ns.
func (t *Top) Tick(at int64) { t.here().rows.tick(at) }

// Note shows a text until the next key.
func (t *Top) Note(text string) { t.note = text }

// Filter is the filter that everything passes through, as it is now.
func (t *Top) Filter() string { return t.cfg.Filter }

// State says how far reading has come, in the first line.
func (t *Top) State(text string) { t.state = text }

// Table is the table that is shown, with the titles of its columns, sorted.
func (t *Top) Table() (titles []string, rows []Row) {
	l := t.here()
	for _, c := range l.view.columns {
		titles = append(titles, c.Title)
	}
	return titles, t.visible()
}

// visible are the rows that the level shows, frozen while it is paused.
func (t *Top) visible() []Row {
	if t.frozen != nil {
		return t.frozen
	}
	l := t.here()
	return l.rows.sorted(l.view.sort, l.ascending, l.search)
}

// place puts the cursor on its row again, wherever that has moved.
func (l *level) place(rows []Row) {
	if l.pinned != "" {
		for i := range rows {
			if rows[i].Key == l.pinned {
				l.cursor = i
				return
			}
		}
	}
	l.cursor = max(0, min(l.cursor, len(rows)-1))
}

// selected is the row under the cursor; nil if the table is empty.
func (t *Top) selected() *selection {
	rows, l := t.visible(), t.here()
	l.place(rows)
	if len(rows) == 0 {
		return nil
	}
	return &selection{view: l.view.View, key: l.view.key, value: rows[l.cursor].Key}
}

// Narrowed is everything that narrows what is shown, as one filter that tapir sys takes.
func (t *Top) Narrowed() string {
	var parts []string
	if t.cfg.Filter != "" {
		parts = append(parts, t.cfg.Filter)
	}
	for _, l := range t.levels {
		if l.within != nil {
			parts = append(parts, l.within.text())
		}
	}
	if t.picker != nil && (t.body() == inEcho || t.body() == inDig) {
		parts = append(parts, t.picker.text())
	}
	if len(parts) > 1 && t.cfg.Filter != "" {
		parts[0] = "(" + parts[0] + ")"
	}
	return strings.Join(parts, " and ")
}
