package proto

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// lines is a protocol for tests: messages end with a newline; "switch NAME" hands over, "boom" is a defect.
type lines struct{ log *strings.Builder }

func (l *lines) Parse(f *Flow, dir Dir, b []byte) int {
	done := 0
	for {
		i := bytes.IndexByte(b[done:], '\n')
		if i < 0 {
			return done
		}
		text := string(b[done : done+i])
		done += i + 1
		fmt.Fprintf(l.log, "%d@%d:%s ", dir, f.First(dir), text)
		switch {
		case text == "boom":
			panic("boom")
		case strings.HasPrefix(text, "switch "):
			f.Switch(strings.TrimPrefix(text, "switch "))
			return done
		}
	}
}
func (l *lines) Gap(f *Flow, dir Dir, n int) { fmt.Fprintf(l.log, "%d:gap(%d) ", dir, n) }
func (l *lines) Close(f *Flow, dir Dir)      { fmt.Fprintf(l.log, "%d:close ", dir) }

// fixture makes a flow that knows "lines" (content "L..."), "other" (by name only) and "quiet" (port 99 only).
func fixture(t Transport) (*Flow, *strings.Builder) {
	log := new(strings.Builder)
	mk := func() Parser { return &lines{log} }
	set := NewSet([]*Protocol{
		{Name: "lines", Transport: TCP | UDP | Sub, Match: func(p *Probe) Verdict {
			b := p.Data[p.Dir]
			switch {
			case len(b) < 2:
				return More
			case b[0] == 'L':
				return Yes
			}
			return No
		}, New: mk},
		{Name: "other", Transport: TCP, New: func() Parser { log.WriteString("[other] "); return &lines{log} }},
		{Name: "quiet", Transport: TCP, Ports: []uint16{99}, PortOnly: true},
	})
	f := &Flow{Transport: t, Set: new(record.Values), ClientPort: 1000, ServerPort: 2000,
		Env: &Env{Protocols: set, Emit: func(*Flow, *Transaction) {}}}
	return f, log
}

func labels(f *Flow) string {
	var out []string
	for i := range f.Set.Len() {
		if v := f.Set.At(i); v.Field() == fProtocol {
			out = append(out, string(v.Text()))
		}
	}
	return strings.Join(out, ",")
}

func TestDetectionWaitsAndReplaysInOrder(t *testing.T) {
	f, log := fixture(TCP)
	f.Data(ToServer, []byte("L"), 1)
	f.Data(ToClient, []byte("hi\n"), 2)
	f.Data(ToServer, []byte("ab\nrest"), 3)
	f.Data(ToServer, []byte("\n"), 4)
	f.Close(ToServer, 5)
	f.Close(ToClient, 5)
	if got, want := log.String(), "0@1:Lab 1@2:hi 0@3:rest 0:close 1:close "; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if labels(f) != "lines" {
		t.Errorf("labels %q", labels(f))
	}
}

func TestSwitchHandsOverBothDirections(t *testing.T) {
	f, log := fixture(TCP)
	f.Data(ToServer, []byte("L1\n"), 1)
	f.Data(ToClient, []byte("unfinished"), 2)
	f.Data(ToServer, []byte("switch other\nmine\n"), 3)
	f.Data(ToClient, []byte(" line\n"), 4)
	if got, want := log.String(), "0@1:L1 0@3:switch other [other] 0@3:mine 1@2:unfinished line "; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if labels(f) != "lines,other" {
		t.Errorf("labels %q", labels(f))
	}
}

func TestDefectCostsItsFlowOnly(t *testing.T) {
	f, log := fixture(TCP)
	f.Data(ToServer, []byte("L\nboom\n"), 1)
	f.Data(ToServer, []byte("more\n"), 2)
	f.Close(ToServer, 3)
	f.Close(ToClient, 3)
	if strings.Contains(log.String(), "more") || f.Env.Panics != 1 || !strings.Contains(f.Env.LastPanic, "lines: boom") {
		t.Errorf("log %q, %d panics, last %q", log, f.Env.Panics, f.Env.LastPanic)
	}
}

func TestPortAloneAndUnknown(t *testing.T) {
	f, _ := fixture(TCP)
	f.ServerPort = 99
	f.Data(ToServer, []byte("xx"), 1)
	f.Data(ToClient, []byte("yy"), 1)
	if labels(f) != "quiet" {
		t.Errorf("port 99: labels %q", labels(f))
	}
	f, _ = fixture(TCP)
	f.Data(ToServer, []byte("xx"), 1)
	f.Data(ToClient, []byte("yy"), 1)
	if labels(f) != "" || f.state != deaf || f.in[0].buf != nil {
		t.Errorf("unknown: labels %q state %d", labels(f), f.state)
	}
}

func TestGapAndDatagramsAndStreamsInside(t *testing.T) {
	f, log := fixture(TCP)
	f.Data(ToServer, []byte("L\nhalf"), 1)
	f.Gap(ToServer, 10, 2)
	f.Data(ToServer, []byte("new\n"), 3)
	f, log2 := fixture(UDP)
	f.Data(ToServer, []byte("nothing"), 1)
	f.Data(ToServer, []byte("L\n"), 2)
	f.Data(ToClient, []byte("cut off"), 3)
	f.Data(ToClient, []byte("L2\n"), 4)
	if log.String() != "0@1:L 0:gap(10) 0@3:new " || log2.String() != "0@2:L 1@4:L2 " {
		t.Errorf("%q %q", log, log2)
	}
	f, log = fixture(TCP)
	s := f.Open("lines")
	s.Data(ToServer, []byte("one\n"), 5)
	s.Close(ToServer, 6)
	if log.String() != "0@5:one 0:close " || labels(f) != "lines" || s.Root() != f {
		t.Errorf("%q labels %q", log, labels(f))
	}
}

func TestBufferIsBounded(t *testing.T) {
	f, log := fixture(TCP)
	f.Data(ToServer, []byte("L\n"), 1)
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	for range 40 {
		f.Data(ToServer, chunk, 2)
	}
	if n := len(f.in[0].buf); n > MaxBuffer {
		t.Errorf("%d bytes buffered", n)
	}
	if f.Env.Overflow == 0 || !strings.Contains(log.String(), "gap") {
		t.Errorf("overflow %d, log %.80q", f.Env.Overflow, log)
	}
}

func TestPendingPairsAndExpires(t *testing.T) {
	f, _ := fixture(TCP)
	var out []string
	f.Env.Emit = func(_ *Flow, t *Transaction) {
		v, _ := t.Values.First(fResource)
		out = append(out, fmt.Sprintf("%s failed=%v", v.Text(), t.Failed))
	}
	p := Pending{Max: 3}
	for i, name := range []string{"a", "b", "c", "d"} {
		f.Time = int64(i) * 1e9
		tx := f.Begin(ToServer)
		tx.Resource([]byte(name))
		p.Add(f, uint64(i), tx)
	}
	f.Emit(p.Take(2))
	if next := p.Expire(f, 1e9+DefaultTimeout, DefaultTimeout); next != 3e9+DefaultTimeout {
		t.Errorf("next %d", next)
	}
	p.Flush(f)
	if got, want := strings.Join(out, " "), "a failed=true c failed=false b failed=true d failed=true"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if p.Len() != 0 || p.tail != nil || p.Take(9) != nil || p.Next() != nil {
		t.Error("not empty")
	}
}
