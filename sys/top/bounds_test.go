package top

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
)

// machine makes events.
type machine struct {
	s   *sys.Inspector
	raw scap.Event
}

// read is an event that leaves a read of n bytes.
func (m *machine) read(at, tid int64, data string) *sys.Event {
	m.raw = scap.Event{Time: at, Thread: tid, Type: 7}
	lengths := binary.LittleEndian.AppendUint16([]byte{8, 0}, uint16(len(data)))
	if !m.raw.Set(lengths, append(binary.LittleEndian.AppendUint64(nil, uint64(len(data))), data...)) {
		panic("lengths and data do not fit")
	}
	return m.s.Apply(&m.raw)
}

func start(t *testing.T, cfg Config) (*Top, *machine) {
	t.Helper()
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v, &machine{s: sys.New()}
}

// A table that is full forgets the rows that were silent longest, and says how many.
func TestEviction(t *testing.T) {
	v, m := start(t, Config{View: "threads"})
	v.here().rows.limit = 80
	for i := range int64(100) {
		if err := v.Event(m.read(1e9+i, 1000+i, "x")); err != nil {
			t.Fatal(err)
		}
		v.Event(m.read(1e9+i, 1, "x")) // never silent
	}
	_, rows := v.Table()
	kept := map[string]bool{}
	for _, r := range rows {
		kept[r.Key] = true
	}
	evicted := v.here().rows.Evicted
	if len(rows) > 80 || int64(len(rows))+evicted != 101 || !kept["1"] || !kept["1099"] || kept["1000"] {
		t.Errorf("%d rows, %d forgotten: %v", len(rows), evicted, kept)
	}
	if s := fmt.Sprint(v.Screen(200, 24)); !strings.Contains(s, fmt.Sprintf("%d silent rows forgotten", evicted)) {
		t.Errorf("the screen does not say so:\n%s", s)
	}
}

// Live, rates are those of the last interval, totals those of all time, and silent rows go.
func TestIntervals(t *testing.T) {
	v, m := start(t, Config{View: "threads", Live: true})
	calls := slices.IndexFunc(v.here().view.columns, func(c column) bool { return c.Title == "CALLS/s" })
	rate := func(want float64) {
		t.Helper()
		_, rows := v.Table()
		if len(rows) != 1 || rows[0].Values[calls].Number != want {
			t.Fatalf("%+v, want one row with %v calls a second", rows, want)
		}
	}
	v.Tick(10e9)
	for range 8 {
		v.Event(m.read(11e9, 7, "x"))
	}
	v.Tick(14e9)
	rate(2)
	v.Press("p")
	for range 20 {
		v.Event(m.read(15e9, 7, "x"))
	}
	v.Tick(16e9)
	rate(2) // what is paused stays
	v.Press("p")
	rate(10)
	v.Tick(18e9)
	rate(0)
	if n := v.here().rows.byKey["7"].cells[calls].total; n != 28 {
		t.Errorf("%d calls in all, want 28", n)
	}
	v.Tick(80e9)
	if _, rows := v.Table(); len(rows) != 0 || v.here().rows.Evicted != 1 {
		t.Errorf("%d rows, %d forgotten", len(rows), v.here().rows.Evicted)
	}
}

// Of a file the first lines are kept and reading ends; live, the last ones are.
func TestPagerBounds(t *testing.T) {
	for _, live := range []bool{false, true} {
		v, m := start(t, Config{View: "threads", Live: live})
		v.Event(m.read(1e9, 5, "x"))
		v.Press("d")
		var err error
		n := 0
		for ; n < maxLines+500 && err == nil; n++ {
			err = v.Event(m.read(2e9+int64(n), 5, "x"))
		}
		switch {
		case len(v.pager.lines) != maxLines:
			t.Errorf("%d lines", len(v.pager.lines))
		case live && (err != nil || v.pager.Forgotten != 500 || !strings.HasPrefix(v.pager.lines[0], "502 ")):
			t.Errorf("live: %v, %d forgotten, first %q", err, v.pager.Forgotten, v.pager.lines[0])
		case !live && (err != io.EOF || n != maxLines+1 || !strings.HasPrefix(v.pager.lines[0], "2 ")):
			t.Errorf("file: %v after %d", err, n)
		}
		if v.Press("c"); live && len(v.pager.lines) != 0 {
			t.Error("c clears nothing")
		}
	}
	p := pager{live: true}
	for range 1000 {
		p.Write([]byte(strings.Repeat("x", maxLine+100) + "\n"))
	}
	if p.size > maxBytes || len(p.lines[0]) > maxLine {
		t.Errorf("%d bytes in %d lines", p.size, len(p.lines))
	}
}

// What a program writes cannot steer the terminal.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{"plain": "plain", "a\tb": "a    b", "\x1b[31mred\x07": ".[31mred.", "größe": "größe",
		"\xff\xfe": "..", "a\u202eb": "a.b", "\u009b2J": ".2J", "x\x7f": "x."} {
		if got := clean(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// Whatever is pressed, and whatever programs read, nothing breaks and nothing that steers a terminal is drawn.
func FuzzKeys(f *testing.F) {
	keys := []string{"enter", "backspace", "esc", "up", "down", "pgup", "pgdown", "home", "end", "left", "right", "f1", "f2", "f3", "f4", "f5", "f6", "f9",
		"/", "f", "p", "c", "n", "1", "9", "!", "space", "a", "=", "ctrl+u", "\\"}
	f.Add([]byte{0, 16, 0, 5, 15, 14, 12, 4, 0}, "\x1b[2J", true)
	f.Add([]byte{12, 4, 4, 0, 15, 12, 18, 28, 0, 1, 1}, "GET /", false)
	f.Add([]byte{14, 27, 0, 17, 0, 20, 21, 11, 8, 27}, "\n\n", true)
	f.Fuzz(func(t *testing.T, pressed []byte, data string, live bool) {
		v, m := start(t, Config{View: "threads", Live: live})
		data = data[:min(len(data), 1000)]
		for i, k := range pressed[:min(len(pressed), 200)] {
			v.Event(m.read(1e9+int64(i)*1e8, int64(k), data))
			v.Press(keys[int(k)%len(keys)])
			v.Tick(int64(i) * 1e9)
			for _, l := range v.Screen(40, 10) {
				for _, s := range l {
					if strings.ContainsFunc(s.Text, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
						t.Fatalf("%q is drawn", s.Text)
					}
				}
			}
		}
	})
}
