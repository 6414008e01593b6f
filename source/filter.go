package source

import (
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/tapir-project/tapir/record"
)

// FilterSnaplen is what filters are compiled for: the value a program returns for a packet that passes.
const FilterSnaplen = 262144

// Filter is a packet filter in the language of pcap-filter(7). The zero Filter passes every packet.
type Filter struct {
	Expr string
	// Compile turns Expr into a program for packets that begin as link says; bpf.Compile of package source/bpf does it
	// with libpcap. It is passed in so that sources stay free of cgo.
	Compile func(expr string, link record.LinkType, snaplen uint32) ([]bpf.RawInstruction, error)
}

// Raw compiles the filter for one link type. It returns nil if every packet passes.
func (f Filter) Raw(link record.LinkType) ([]bpf.RawInstruction, error) {
	if f.Expr == "" {
		return nil, nil
	}
	if f.Compile == nil {
		return nil, fmt.Errorf("filter %q: this program is built without a filter compiler", f.Expr)
	}
	return f.Compile(f.Expr, link, FilterSnaplen)
}

// Program compiles the filter for one link type, to be run in this process. It returns nil if every packet passes.
func (f Filter) Program(link record.LinkType) (*Program, error) {
	raw, err := f.Raw(link)
	if raw == nil || err != nil {
		return nil, err
	}
	return NewProgram(raw)
}
