package filter

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"
)

func sortedIDs(programs map[uint32][]bpf.RawInstruction) []uint32 {
	return slices.Sorted(maps.Keys(programs))
}

// Splice gives program with body in place of its function named Function. What debuggers are told of the function stays.
func Splice(program, body asm.Instructions) (asm.Instructions, error) {
	begin, end := -1, len(program)
	for i, ins := range program {
		switch {
		case ins.Symbol() == Function:
			begin = i
		case begin >= 0 && ins.Symbol() != "":
			end = min(end, i)
		}
	}
	if begin < 0 {
		return nil, fmt.Errorf("the program has no function %s", Function)
	}
	body = slices.Clone(body)
	body[0] = body[0].WithMetadata(program[begin].Metadata) // the first instruction refers to nothing of its own
	return slices.Concat(program[:begin], body, program[end:]), nil
}
