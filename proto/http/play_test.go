package http

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// event is one thing that happens to a connection: bytes, a loss of lose bytes, or an end.
type event struct {
	dir   proto.Dir
	data  string
	lose  int
	close bool
}

func c(data string) event { return event{dir: proto.ToServer, data: data} }
func s(data string) event { return event{dir: proto.ToClient, data: data} }

func lose(dir proto.Dir, n int) event { return event{dir: dir, lose: n} }

func end(dir proto.Dir) event { return event{dir: dir, close: true} }

// conn is a connection under test.
type conn struct {
	f   proto.Flow
	env proto.Env
	set record.Values
	out []string
}

func newConn(protocols ...*proto.Protocol) *conn {
	n := new(conn)
	n.env.Protocols = proto.NewSet(protocols)
	n.env.Emit = func(f *proto.Flow, t *proto.Transaction) { n.out = append(n.out, describe(t)) }
	n.f = proto.Flow{Transport: proto.TCP, ClientPort: 40000, ServerPort: 80, Set: &n.set, Env: &n.env,
		Client: record.AddrFrom4([]byte{10, 0, 0, 1}), Server: record.AddrFrom4([]byte{10, 0, 0, 2})}
	return n
}

// play feeds the events; each takes 1 ms. cut says where to cut the bytes of an event; nil does not.
func (n *conn) play(events []event, cut func(string) []string) *conn {
	for i, e := range events {
		now := int64(i+1) * 1e6
		switch {
		case e.close:
			n.f.Close(e.dir, now)
		case e.lose > 0:
			n.f.Gap(e.dir, e.lose, now)
		case cut == nil:
			n.f.Data(e.dir, []byte(e.data), now)
		default:
			for _, part := range cut(e.data) {
				n.f.Data(e.dir, []byte(part), now)
			}
		}
	}
	n.f.Close(proto.ToServer, int64(len(events)+1)*1e6)
	n.f.Close(proto.ToClient, int64(len(events)+1)*1e6)
	return n
}

// describe prints a transaction on one line.
func describe(t *proto.Transaction) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d-%d in=%d out=%d", t.Start/1e6, t.End/1e6, t.BytesIn, t.BytesOut)
	if t.Failed {
		b.WriteString(" failed")
	}
	if t.Reverse {
		b.WriteString(" reverse")
	}
	for _, line := range values(&t.Values) {
		b.WriteString(" " + line)
	}
	return b.String()
}

// values prints a set as sorted name=value texts.
func values(v *record.Values) (out []string) {
	for i := range v.Len() {
		out = append(out, record.FieldByID(v.At(i).Field()).Name+"="+text(v.At(i)))
	}
	slices.Sort(out)
	return out
}

func text(x record.Value) string {
	switch record.FieldByID(x.Field()).Type {
	case record.TypeTerm, record.TypeText:
		return string(x.Text())
	case record.TypeIP:
		return x.Addr().String()
	}
	return strconv.FormatInt(x.Int(), 10)
}

// field gives the session's values of one field or alias, sorted and joined.
func (n *conn) field(name string) string {
	f, ok := record.Lookup(name)
	if !ok {
		return "no such field"
	}
	return pick(&n.set, f)
}

func pick(v *record.Values, f *record.Field) string {
	var out []string
	for i := range v.Len() {
		if v.At(i).Field() == f.ID {
			out = append(out, text(v.At(i)))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "|")
}

// has says whether the i-th transaction has all of the texts.
func (n *conn) has(t *testing.T, i int, want ...string) {
	t.Helper()
	if i >= len(n.out) {
		t.Errorf("%d transactions, want at least %d:\n%s", len(n.out), i+1, strings.Join(n.out, "\n"))
		return
	}
	for _, w := range want {
		if !strings.Contains(" "+n.out[i]+" ", " "+w+" ") {
			t.Errorf("transaction %d lacks %q:\n%s", i, w, n.out[i])
		}
	}
}

func (n *conn) count(t *testing.T, want int) {
	t.Helper()
	if len(n.out) != want {
		t.Errorf("%d transactions, want %d:\n%s", len(n.out), want, strings.Join(n.out, "\n"))
	}
	if n.env.Panics > 0 {
		t.Error("panic: ", n.env.LastPanic)
	}
}

// all is everything that came out, as one text.
func (n *conn) all() string {
	return strings.Join(n.out, "\n") + "\n--\n" + strings.Join(values(&n.set), "\n")
}

// singles cuts into single bytes.
func singles(b string) (out []string) {
	for i := range len(b) {
		out = append(out, b[i:i+1])
	}
	return out
}
