package source

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
)

// Program is a classic BPF program (McCanne and Jacobson, "The BSD Packet Filter", 1993) checked and made ready to run
// in this process. It is immutable: any number of goroutines may use one.
//
// It differs from bpf.VM of golang.org/x/net in speed only (a test compares the two): operations are dense codes that
// the compiler turns into one indexed jump, and running does not allocate.
type Program struct{ ins []instruction }

// instruction is bpf.RawInstruction with the opcode taken apart.
type instruction struct {
	k      uint32
	op     op
	x      bool // the operand is X, not k
	jt, jf uint8
}

type op uint8

// The operations. A is the accumulator, X the index register, M the scratch memory, P the packet, K the operand.
const (
	opRetK op = iota
	opRetA
	opLdW    // A = P[K:4]
	opLdH    // A = P[K:2]
	opLdB    // A = P[K:1]
	opLdWInd // A = P[X+K:4]
	opLdHInd
	opLdBInd
	opLdLen // A = length on the wire
	opLdImm
	opLdMem
	opLdxLen
	opLdxImm
	opLdxMem
	opLdxMsh // X = 4 * (P[K] & 15)
	opSt
	opStx
	opTax
	opTxa
	opJa
	opJeq
	opJgt
	opJge
	opJset
	opAdd
	opSub
	opMul
	opDiv
	opMod
	opOr
	opAnd
	opXor
	opLsh
	opRsh
	opNeg
)

// opcodes maps the encoding of linux/filter.h to ops. Where an operation takes K or X, operandX tells which.
var opcodes = map[uint16]op{
	0x06: opRetK, 0x16: opRetA,
	0x20: opLdW, 0x28: opLdH, 0x30: opLdB,
	0x40: opLdWInd, 0x48: opLdHInd, 0x50: opLdBInd,
	0x80: opLdLen, 0x00: opLdImm, 0x60: opLdMem,
	0x81: opLdxLen, 0x01: opLdxImm, 0x61: opLdxMem, 0xb1: opLdxMsh,
	0x02: opSt, 0x03: opStx, 0x07: opTax, 0x87: opTxa,
	0x05: opJa, 0x15: opJeq, 0x25: opJgt, 0x35: opJge, 0x45: opJset,
	0x04: opAdd, 0x14: opSub, 0x24: opMul, 0x34: opDiv, 0x94: opMod,
	0x44: opOr, 0x54: opAnd, 0xa4: opXor, 0x64: opLsh, 0x74: opRsh, 0x84: opNeg,
}

// operandX is the bit that makes X the operand of arithmetic and of conditional jumps.
const operandX = 0x08

// decode takes the opcode apart.
func decode(r bpf.RawInstruction) (instruction, bool) {
	i := instruction{k: r.K, jt: r.Jt, jf: r.Jf}
	o, ok := opcodes[r.Op]
	if !ok && r.Op&operandX != 0 {
		o, ok = opcodes[r.Op&^operandX]
		i.x, ok = true, ok && o >= opJeq && o <= opRsh
	}
	i.op = o
	return i, ok
}

// scratch is the number of memory words of the machine (BPF_MEMWORDS).
const scratch = 16

// ancillary is the lowest offset that has a special meaning in Linux, SKF_LL_OFF of linux/filter.h.
const ancillary = 0xffe00000

// NewProgram checks raw as the kernel does (net/core/filter.c, bpf_check_classic): known operations, jumps forward and
// inside, a return at the end. A program that passes ends after at most len(raw) steps on any packet.
func NewProgram(raw []bpf.RawInstruction) (*Program, error) {
	if len(raw) == 0 || len(raw) > 4096 {
		return nil, fmt.Errorf("filter program: %d instructions, want 1 to 4096", len(raw))
	}
	p := &Program{ins: make([]instruction, len(raw))}
	for n, r := range raw {
		i, ok := decode(r)
		if !ok {
			return nil, fmt.Errorf("filter program: instruction %d: unknown operation %#x", n, r.Op)
		}
		if err := i.check(len(raw) - n - 1); err != nil {
			return nil, fmt.Errorf("filter program: instruction %d: %w", n, err)
		}
		p.ins[n] = i
	}
	if last := p.ins[len(raw)-1].op; last != opRetK && last != opRetA {
		return nil, fmt.Errorf("filter program: does not end with a return")
	}
	return p, nil
}

// check validates one instruction that left others follow.
func (i *instruction) check(left int) error {
	switch i.op {
	case opLdW, opLdH, opLdB:
		// Offsets from SKF_AD_OFF on ask Linux for what it knows beside the bytes (inbound, ifindex).
		if i.k >= ancillary {
			return fmt.Errorf("asks the kernel about the packet (inbound, outbound, ifindex), which only works in a live capture")
		}
	case opDiv, opMod:
		if i.k == 0 && !i.x {
			return fmt.Errorf("divides by zero")
		}
	case opLsh, opRsh:
		if i.k > 31 && !i.x {
			return fmt.Errorf("shifts by %d bits", i.k)
		}
	case opLdMem, opLdxMem, opSt, opStx:
		if i.k >= scratch {
			return fmt.Errorf("uses word %d of %d", i.k, scratch)
		}
	case opJa:
		if uint64(i.k) >= uint64(left) {
			return fmt.Errorf("jumps outside")
		}
	case opJeq, opJgt, opJge, opJset:
		if int(max(i.jt, i.jf)) >= left {
			return fmt.Errorf("jumps outside")
		}
	}
	return nil
}

// Match says whether a packet passes: its captured bytes and its length on the wire. A nil Program passes everything.
func (p *Program) Match(data []byte, wireLen uint32) bool {
	return p == nil || p.run(data, wireLen) != 0
}

// run is the machine. A load outside of the packet and a division by zero end it with "reject".
func (p *Program) run(data []byte, wireLen uint32) uint32 {
	var a, x uint32
	var m [scratch]uint32
	ok := true
	for pc := 0; pc < len(p.ins) && ok; pc++ {
		i := &p.ins[pc]
		k := i.k
		if i.x {
			k = x
		}
		switch i.op {
		case opRetK:
			return k
		case opRetA:
			return a
		case opLdW:
			a, ok = loadW(data, k)
		case opLdH:
			a, ok = loadH(data, k)
		case opLdB:
			a, ok = loadB(data, k)
		case opLdWInd:
			a, ok = loadW(data, x+k)
		case opLdHInd:
			a, ok = loadH(data, x+k)
		case opLdBInd:
			a, ok = loadB(data, x+k)
		case opLdxMsh:
			x, ok = loadB(data, k)
			x = x & 15 * 4
		case opLdLen:
			a = wireLen
		case opLdImm:
			a = k
		case opLdMem:
			a = m[k&(scratch-1)]
		case opLdxLen:
			x = wireLen
		case opLdxImm:
			x = k
		case opLdxMem:
			x = m[k&(scratch-1)]
		case opSt:
			m[k&(scratch-1)] = a
		case opStx:
			m[k&(scratch-1)] = x
		case opTax:
			x = a
		case opTxa:
			a = x
		case opJa:
			pc += int(k)
		case opJeq:
			pc += i.jump(a == k)
		case opJgt:
			pc += i.jump(a > k)
		case opJge:
			pc += i.jump(a >= k)
		case opJset:
			pc += i.jump(a&k != 0)
		default:
			a, ok = arithmetic(i.op, a, k)
		}
	}
	return 0
}

func loadW(data []byte, at uint32) (uint32, bool) {
	if uint64(at)+4 > uint64(len(data)) {
		return 0, false
	}
	return binary.BigEndian.Uint32(data[at:]), true
}

func loadH(data []byte, at uint32) (uint32, bool) {
	if uint64(at)+2 > uint64(len(data)) {
		return 0, false
	}
	return uint32(binary.BigEndian.Uint16(data[at:])), true
}

func loadB(data []byte, at uint32) (uint32, bool) {
	if uint64(at) >= uint64(len(data)) {
		return 0, false
	}
	return uint32(data[at]), true
}

// jump is how many instructions to skip.
func (i *instruction) jump(yes bool) int {
	if yes {
		return int(i.jt)
	}
	return int(i.jf)
}

// arithmetic computes a op k; it is false for a division by zero.
func arithmetic(o op, a, k uint32) (uint32, bool) {
	switch o {
	case opAdd:
		a += k
	case opSub:
		a -= k
	case opMul:
		a *= k
	case opDiv, opMod:
		return divide(o, a, k)
	case opOr:
		a |= k
	case opAnd:
		a &= k
	case opXor:
		a ^= k
	case opLsh:
		a <<= k
	case opRsh:
		a >>= k
	case opNeg:
		a = -a
	}
	return a, true
}

func divide(o op, a, k uint32) (uint32, bool) {
	if k == 0 {
		return 0, false
	}
	if o == opDiv {
		return a / k, true
	}
	return a % k, true
}
