package source

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/tapir-project/tapir/record"
)

type cut struct{ partial bool }

func (c cut) Error() string { return "cut" }
func (c cut) Partial() bool { return c.partial }

func TestPartial(t *testing.T) {
	yes, no := cut{true}, cut{false}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false}, {yes, true}, {no, false}, {errors.New("x"), false}, {context.Canceled, false},
		{fmt.Errorf("file: %w", yes), true},
		{errors.Join(yes, fmt.Errorf("file: %w", yes)), true},
		{errors.Join(yes, errors.New("x")), false},
		{errors.Join(yes, errors.Join(yes, no)), false},
	} {
		if got := Partial(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

func TestBlock(t *testing.T) {
	freed := 0
	b := NewBlock(2, func() { freed++ })
	for round := 1; round <= 2; round++ {
		b.Lend(round)
		b.Packets = append(b.Packets, record.Packet{Data: make([]byte, 5)}, record.Packet{Data: make([]byte, 7)})
		if b.Queue != round || b.Now != 0 || b.Bytes() != 12 {
			t.Errorf("%+v", b)
		}
		b.Retain()
		b.Release()
		if freed != round-1 {
			t.Errorf("freed while it was held")
		}
		b.Release()
		if freed != round {
			t.Errorf("freed %d times, want %d", freed, round)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("one release too many went unnoticed")
		}
	}()
	b.Release()
}

func TestFilter(t *testing.T) {
	if p, err := (Filter{}).Program(record.LinkEthernet); p != nil || err != nil {
		t.Errorf("no filter: %v, %v", p, err)
	}
	if _, err := (Filter{Expr: "tcp"}).Program(record.LinkEthernet); err == nil {
		t.Error("no compiler: no error")
	}
	f := Filter{Expr: "x", Compile: func(_ string, link record.LinkType, snaplen uint32) ([]bpf.RawInstruction, error) {
		return []bpf.RawInstruction{{Op: 0x06, K: uint32(link) * snaplen}}, nil
	}}
	for link, want := range map[record.LinkType]bool{record.LinkEthernet: true, record.LinkNull: false} {
		p, err := f.Program(link)
		if err != nil || p.Match(nil, 0) != want {
			t.Errorf("link type %d: %v, want %v", link, err, want)
		}
	}
}

func TestDrops(t *testing.T) {
	if n := (Drops{Kernel: 3, Recorded: 4}).Total(); n != 7 {
		t.Errorf("%d, want 7", n)
	}
}
