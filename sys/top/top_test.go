package top_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/top"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// user is someone who looks at a file.
type user struct {
	t    *testing.T
	top  *top.Top
	file []byte
}

func look(t *testing.T, file string, cfg top.Config) *user {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := top.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u := &user{t, v, b}
	u.read()
	return u
}

// read gives the view all events.
func (u *user) read() {
	u.t.Helper()
	r, err := scap.NewReader(bytes.NewReader(u.file))
	if err != nil {
		u.t.Fatal(err)
	}
	s := sys.New()
	r.Table = s.Table
	var raw scap.Event
	for {
		e, err := s.Next(r, &raw)
		if err == io.EOF {
			u.top.Done()
			return
		}
		if err != nil {
			u.t.Fatal(err)
		}
		if err := u.top.Event(e); err == io.EOF {
			return
		} else if err != nil {
			u.t.Fatal(err)
		}
	}
}

// press presses keys one after the other, and says what the last one asked for.
func (u *user) press(keys ...string) (want top.Want) {
	u.t.Helper()
	for _, k := range keys {
		if want = u.top.Press(k); want == top.Reread {
			u.read()
		}
	}
	return want
}

// screen is the screen as text, the line under the cursor with a > before it.
func (u *user) screen() string {
	var b strings.Builder
	for _, l := range u.top.Screen(120, 24) {
		mark := " "
		text := ""
		for _, s := range l {
			if s.Look == top.Selected {
				mark = ">"
			}
			text += s.Text
		}
		fmt.Fprintf(&b, "%s%s\n", mark, strings.TrimRight(text, " "))
	}
	return b.String()
}

// see fails unless the screen has all the texts.
func (u *user) see(texts ...string) {
	u.t.Helper()
	got := u.screen()
	for _, s := range texts {
		if !strings.Contains(got, s) {
			u.t.Fatalf("%q is not on the screen:\n%s", s, got)
		}
	}
}

const sockets = "../testdata/sockets.scap"

// The way of csysdig's manual: a view, down into a row, its data, its events, and back.
func TestDownAndBack(t *testing.T) {
	u := look(t, sockets, top.Config{Source: "sockets.scap"})
	u.see("Viewing: Processes  Of: sockets.scap", "65 events in 0.000 s", "PID", ">      10")
	u.press("f2")
	u.see(">  Processes", "   Connections", "System calls")
	u.press("down", "enter")
	u.see("Viewing: Connections", "PROTO", "9.9.9.9")
	u.press("/", "9", ".", "9", "enter")
	u.see(">tcp    9.9.9.9 ")
	u.press("enter")
	u.see("Viewing: Processes", `Filter: fd.name="10.0.0.1:5555->9.9.9.9:443"`, "proc.pid=10")
	u.press("f6")
	u.see("Viewing: Events", "> write fd=8(<4t>10.0.0.1:5555->9.9.9.9:443) size=3")
	if strings.Contains(u.screen(), "/etc/f") {
		t.Error("events of another descriptor are shown")
	}
	u.press("f5")
	u.see("Viewing: Data read and written", "------ Write 3B to   10.0.0.1:5555->9.9.9.9:443 (aaa)", "GET")
	u.press("f2", "f2")
	u.see("hexadecimal", "0x0000: 4745 54")
	if want := u.press("backspace"); want != top.Enough {
		t.Errorf("back at a table that was whole asks for %v", want)
	}
	u.press("backspace")
	u.see("Viewing: Connections", "Filter: none", ">tcp    9.9.9.9 ")
	u.press("backspace")
	u.see("this is the first view")
	if u.press("q") != top.Quit {
		t.Error("q does not quit")
	}
}

// The numbers are those of the chisels that count the same.
func TestNumbers(t *testing.T) {
	u := look(t, sockets, top.Config{View: "files"})
	titles, rows := u.top.Table()
	at := slices.Index(titles, "BYTES")
	got := map[string]string{}
	for _, r := range rows {
		got[r.Values[len(r.Values)-1].Text] = r.Values[at].Text
	}
	if want := "map[/etc/f:6B /etc/three:6B]"; fmt.Sprint(got) != want { // topfiles_bytes
		t.Errorf("%v, want %v", got, want)
	}
	u = look(t, sockets, top.Config{View: "errors"})
	u.see("EINPROGRESS", "connect", "EBADF", "close")
	if _, rows := u.top.Table(); len(rows) != 4 {
		t.Errorf("%d kinds of errors, want 4", len(rows))
	}
	u = look(t, sockets, top.Config{View: "syscalls"})
	titles, rows = u.top.Table()
	for _, r := range rows {
		if r.Values[slices.Index(titles, "Call")].Text == "write" && r.Values[slices.Index(titles, "COUNT")].Number != 5 { // sysdig -S: < write 5
			t.Errorf("write: %v", r.Values)
		}
	}
	u = look(t, sockets, top.Config{View: "ports"})
	u.see("80     tcp          1 ", "8B", "53     udp")
}

// Every view compiles, draws and can be sorted by each of its columns, both ways.
func TestEveryView(t *testing.T) {
	for _, file := range []string{sockets, "../testdata/processes.scap", "../testdata/parameters.scap", "../testdata/datagrams.scap"} {
		for i := range top.Views {
			u := look(t, file, top.Config{View: top.Views[i].ID, Containers: true})
			titles, all := u.top.Table()
			for c := range titles {
				u.press("f9", "home")
				for range c {
					u.press("down")
				}
				u.press("enter")
				_, down := u.top.Table()
				u.press("f9", "enter")
				_, up := u.top.Table()
				if len(down) != len(all) || len(up) != len(all) {
					t.Fatalf("%s sorted by %s has %d and %d of %d rows", top.Views[i].ID, titles[c], len(down), len(up), len(all))
				}
				for j := 1; j < len(up); j++ {
					a, b := up[j-1].Values[c], up[j].Values[c]
					x, y := down[j-1].Values[c], down[j].Values[c]
					if a.Numeric && b.Numeric && x.Numeric && y.Numeric && (a.Number-b.Number)*(x.Number-y.Number) > 0 {
						t.Fatalf("%s by %s is in the same order twice", top.Views[i].ID, titles[c])
					}
				}
				u.screen()
			}
			if len(all) > 0 {
				u.press("enter", "f5", "f6", "backspace", "backspace")
				u.see("Viewing: " + top.Views[i].Name)
			}
		}
	}
}

func TestFilters(t *testing.T) {
	u := look(t, sockets, top.Config{View: "files"})
	u.press("f4", "t", "h", "r")
	u.see("Rows with: thr_", "/etc/three")
	if strings.Contains(u.screen(), "/etc/f\n") {
		t.Error("rows without the text are shown")
	}
	u.press("esc")
	u.see("/etc/f\n")
	u.press("f")
	for _, k := range "evt.type=opne" {
		u.press(string(k))
	}
	u.press("enter")
	u.see("Filter: evt.type=opne_", "unknown event type opne")
	u.press("ctrl+u")
	for _, k := range "evt.rawres=3 and fd.name contains" {
		if k == ' ' {
			u.press("space")
			continue
		}
		u.press(string(k))
	}
	u.press("space", "h", "r", "e", "e", "enter")
	u.see("Filter: evt.rawres=3 and fd.name contains hree")
	if _, rows := u.top.Table(); len(rows) != 1 {
		t.Errorf("%d rows, want 1", len(rows))
	}
}

func TestHelpAndUnknown(t *testing.T) {
	u := look(t, sockets, top.Config{})
	u.press("?")
	u.see("Keys", "F6 d", "dig: the events of the row")
	u.press("end")
	u.see("Its name and arguments")
	u.press("x")
	u.see("Viewing: Processes", "PID")
	u.press("f99", "é", "", "\x1b")
	if _, err := top.New(top.Config{View: "nothing"}); err == nil || !strings.Contains(err.Error(), "procs, connections") {
		t.Errorf("%v", err)
	}
	if _, err := top.New(top.Config{Filter: "evt.type=opne"}); err == nil {
		t.Error("a wrong filter is taken")
	}
}

// Small screens and long texts draw what fits.
func TestSizes(t *testing.T) {
	u := look(t, sockets, top.Config{})
	for _, keys := range [][]string{nil, {"f2"}, {"esc", "f9"}, {"esc", "?"}, {"esc", "f6"}, {"right", "down", "end"}} {
		u.press(keys...)
		for _, size := range [][2]int{{0, 0}, {1, 1}, {3, 2}, {10, 5}, {80, 24}, {400, 100}} {
			lines := u.top.Screen(size[0], size[1])
			if len(lines) > max(size[1], 1) {
				t.Fatalf("%d lines of %d", len(lines), size[1])
			}
			for _, l := range lines {
				n := 0
				for _, s := range l {
					n += len([]rune(s.Text))
				}
				if n > size[0] {
					t.Fatalf("%d characters of %d: %v", n, size[0], l)
				}
			}
		}
	}
}
