// Package filter translates packet filters from classic BPF (McCanne and Jacobson, "The BSD Packet Filter", 1993), which
// libpcap compiles them to, into eBPF, which runs where packets are mirrored.
//
// Classic programs flow in, the body of the function `filter` of bpf/mirror.bpf.c flows out; package mirror puts it in its
// place. A filter sees the frame as it was on the wire: a VLAN tag that the kernel keeps apart is where it was. What the
// translation of a program does is what source.Program does with the same program; a fuzz test compares them.
package filter

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"
)

// Names of functions of bpf/mirror.bpf.c: the one whose body is made here, and the one it calls to load what it cannot
// reach itself.
const (
	Function = "filter"
	slowLoad = "slow_load"
)

// Offsets in struct __sk_buff (linux/bpf.h).
const (
	skbLen      = 0
	skbTagged   = 20 // a VLAN tag is kept apart
	skbTCI      = 24
	skbTagProto = 28
	skbData     = 76
	skbDataEnd  = 80
)

// Registers. R6 to R9 survive calls.
const (
	ctx = asm.R6
	acc = asm.R7 // A
	idx = asm.R8 // X
)

// The tag in an Ethernet frame: where, how long.
const tagAt, tagLen = 12, 4

// maxDirect is the last byte that is read without a call; the verifier knows no larger packets.
const maxDirect = 0x7fff

// Body makes the body of the function: filter(skb, id) is 1 if the program of that id takes the packet. There is no
// filter 0.
func Body(programs map[uint32][]bpf.RawInstruction) (asm.Instructions, error) {
	g := &generator{}
	g.emit(asm.Mov.Reg(ctx, asm.R1))
	ids := sortedIDs(programs)
	for _, id := range ids {
		g.emit(asm.JEq.Imm32(asm.R2, int32(id), label(id, "begin")))
	}
	g.emit(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R3, 1), asm.Call.Label(slowLoad)) // so that it never is unused
	g.emit(asm.Ja.Label("reject"))
	for _, id := range ids {
		if err := g.program(id, programs[id]); err != nil {
			return nil, err
		}
	}
	g.mark("reject")
	g.emit(asm.Mov.Imm(asm.R0, 0))
	g.mark("exit")
	g.emit(asm.Return())
	return g.out, nil
}

func label(id uint32, what string) string { return fmt.Sprintf("f%d_%s", id, what) }

// generator collects instructions; next is the label that the next one gets.
type generator struct {
	out    asm.Instructions
	next   string
	prefix string // of the labels of the program at hand
	tagged bool   // the variant for packets whose tag is kept apart
	n      int    // of labels made up
}

func (g *generator) emit(ins ...asm.Instruction) {
	for _, i := range ins {
		if g.next != "" {
			i = i.WithSymbol(g.next)
			g.next = ""
		}
		g.out = append(g.out, i)
	}
}

// mark puts a label on the next instruction. Two labels at one place need an instruction between them.
func (g *generator) mark(name string) {
	if g.next != "" {
		g.emit(asm.Mov.Reg(acc, acc))
	}
	g.next = name
}

func (g *generator) fresh() string {
	g.n++
	return fmt.Sprintf("l%d", g.n)
}

// program translates one program twice: for packets without and with a tag kept apart.
func (g *generator) program(id uint32, raw []bpf.RawInstruction) error {
	g.mark(label(id, "begin"))
	g.emit(asm.Mov.Imm(acc, 0), asm.Mov.Imm(idx, 0))
	if usesMemory(raw) {
		for w := range int16(memoryWords) {
			g.emit(asm.StoreImm(asm.RFP, -4*(w+1), 0, asm.Word))
		}
	}
	g.emit(asm.LoadMem(asm.R2, ctx, skbTagged, asm.Word), asm.JNE.Imm(asm.R2, 0, label(id, "t_0")))
	for _, tagged := range []bool{false, true} {
		g.tagged, g.prefix = tagged, label(id, "u")
		if tagged {
			g.prefix = label(id, "t")
		}
		reached := reachable(raw)
		for n, r := range raw {
			if !reached[n] {
				continue // the verifier would refuse it
			}
			g.mark(g.at(n))
			if err := g.instruction(n, r); err != nil {
				return fmt.Errorf("filter program: instruction %d: %w", n, err)
			}
		}
	}
	return nil
}

// reachable says which instructions can run. Jumps only go forward, so one pass does.
func reachable(raw []bpf.RawInstruction) []bool {
	reached := make([]bool, len(raw)+1)
	reached[0] = true
	for n, r := range raw {
		switch {
		case !reached[n] || r.Op&classMask == classRET:
		case r.Op&classMask != classJMP:
			reached[n+1] = true
		case r.Op&opMask == 0:
			reached[n+1+int(r.K)] = true
		default:
			reached[n+1+int(r.Jt)], reached[n+1+int(r.Jf)] = true, true
		}
	}
	return reached
}

func (g *generator) at(n int) string { return fmt.Sprintf("%s_%d", g.prefix, n) }

// Parts of a classic opcode (linux/bpf_common.h).
const (
	classMask = 0x07
	classLD   = 0x00
	classLDX  = 0x01
	classST   = 0x02
	classSTX  = 0x03
	classALU  = 0x04
	classJMP  = 0x05
	classRET  = 0x06
	sizeMask  = 0x18
	modeMask  = 0xe0
	modeImm   = 0x00
	modeAbs   = 0x20
	modeInd   = 0x40
	modeMem   = 0x60
	modeLen   = 0x80
	modeMsh   = 0xa0
	opMask    = 0xf0
	sourceX   = 0x08

	memoryWords = 16
)

func usesMemory(raw []bpf.RawInstruction) bool {
	for _, r := range raw {
		class := r.Op & classMask
		if class == classST || class == classSTX || class <= classLDX && r.Op&modeMask == modeMem {
			return true
		}
	}
	return false
}

// instruction translates one; raw was checked by source.NewProgram.
func (g *generator) instruction(n int, r bpf.RawInstruction) error {
	switch r.Op & classMask {
	case classLD:
		return g.load(r)
	case classLDX:
		return g.loadX(r)
	case classST:
		g.emit(asm.StoreMem(asm.RFP, slot(r.K), acc, asm.Word))
	case classSTX:
		g.emit(asm.StoreMem(asm.RFP, slot(r.K), idx, asm.Word))
	case classALU:
		return g.arithmetic(r)
	case classJMP:
		return g.jump(n, r)
	case classRET:
		if r.Op&0x18 == 0x10 { // A
			g.emit(asm.Mov.Imm(asm.R0, 1), asm.JNE.Imm32(acc, 0, "exit"), asm.Ja.Label("reject"))
			return nil
		}
		taken := int32(0)
		if r.K != 0 {
			taken = 1
		}
		g.emit(asm.Mov.Imm(asm.R0, taken), asm.Ja.Label("exit"))
	default: // MISC
		if r.Op&0x80 != 0 {
			g.emit(asm.Mov.Reg32(acc, idx)) // TXA
		} else {
			g.emit(asm.Mov.Reg32(idx, acc)) // TAX
		}
	}
	return nil
}

func slot(k uint32) int16 { return -4 * (int16(k&(memoryWords-1)) + 1) }

func (g *generator) load(r bpf.RawInstruction) error {
	size := map[uint16]asm.Size{0x00: asm.Word, 0x08: asm.Half, 0x10: asm.Byte}[r.Op&sizeMask]
	switch r.Op & modeMask {
	case modeImm:
		g.emit(constant(acc, r.K))
	case modeAbs:
		g.packet(acc, r.K, size)
	case modeInd:
		g.indexed(r.K, size)
	case modeMem:
		g.emit(asm.LoadMem(acc, asm.RFP, slot(r.K), asm.Word))
	case modeLen:
		g.length(acc)
	default:
		return fmt.Errorf("unknown load %#x", r.Op)
	}
	return nil
}

func (g *generator) loadX(r bpf.RawInstruction) error {
	switch r.Op & modeMask {
	case modeImm:
		g.emit(constant(idx, r.K))
	case modeMem:
		g.emit(asm.LoadMem(idx, asm.RFP, slot(r.K), asm.Word))
	case modeLen:
		g.length(idx)
	case modeMsh:
		g.packet(idx, r.K, asm.Byte)
		g.emit(asm.And.Imm32(idx, 15), asm.LSh.Imm32(idx, 2))
	default:
		return fmt.Errorf("unknown load of X %#x", r.Op)
	}
	return nil
}

// constant loads 32 bits; the upper half of the register becomes zero.
func constant(dst asm.Register, k uint32) asm.Instruction { return asm.Mov.Imm32(dst, int32(k)) }

// length is the frame's, with its tag.
func (g *generator) length(dst asm.Register) {
	g.emit(asm.LoadMem(dst, ctx, skbLen, asm.Word))
	if g.tagged {
		g.emit(asm.Add.Imm32(dst, tagLen))
	}
}

// packet loads from a fixed place. A tag kept apart shifts what is behind it.
func (g *generator) packet(dst asm.Register, at uint32, size asm.Size) {
	n := uint32(size.Sizeof())
	direct := at
	if g.tagged {
		switch {
		case at == tagAt && size == asm.Half:
			g.emit(asm.LoadMem(dst, ctx, skbTagProto, asm.Word), asm.HostTo(asm.BE, dst, asm.Half))
			return
		case at == tagAt+2 && size == asm.Half:
			g.emit(asm.LoadMem(dst, ctx, skbTCI, asm.Word), asm.And.Imm32(dst, 0xffff))
			return
		case at >= tagAt+tagLen:
			direct = at - tagLen
		case at+n > tagAt: // across the edge of the tag
			direct = maxDirect
		}
	}
	if uint64(direct)+uint64(n) > maxDirect {
		g.emit(constant(asm.R2, at))
		g.slow(dst, size)
		return
	}
	slow, done := g.fresh(), g.fresh()
	g.emit(
		asm.LoadMem(asm.R2, ctx, skbData, asm.Word),
		asm.LoadMem(asm.R3, ctx, skbDataEnd, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, int32(direct+n)),
		asm.JGT.Reg(asm.R4, asm.R3, slow),
		asm.LoadMem(dst, asm.R2, int16(direct), size))
	g.bigEndian(dst, size)
	g.emit(asm.Ja.Label(done))
	g.mark(slow)
	g.emit(constant(asm.R2, at))
	g.slow(dst, size)
	g.mark(done)
}

// indexed loads A from X + k.
func (g *generator) indexed(k uint32, size asm.Size) {
	slow, done := g.fresh(), g.fresh()
	g.emit(asm.Mov.Reg32(asm.R2, idx), asm.Add.Imm32(asm.R2, int32(k)), asm.Mov.Reg32(asm.R5, asm.R2))
	if g.tagged {
		g.emit(asm.JLT.Imm32(asm.R5, tagAt+tagLen, slow), asm.Sub.Imm32(asm.R5, tagLen))
	}
	g.emit(
		asm.JGT.Imm(asm.R5, maxDirect, slow),
		asm.LoadMem(asm.R3, ctx, skbData, asm.Word),
		asm.Add.Reg(asm.R3, asm.R5),
		asm.Mov.Reg(asm.R4, asm.R3),
		asm.Add.Imm(asm.R4, int32(size.Sizeof())),
		asm.LoadMem(asm.R5, ctx, skbDataEnd, asm.Word),
		asm.JGT.Reg(asm.R4, asm.R5, slow),
		asm.LoadMem(acc, asm.R3, 0, size))
	g.bigEndian(acc, size)
	g.emit(asm.Ja.Label(done))
	g.mark(slow)
	g.slow(acc, size)
	g.mark(done)
}

// slow loads from the place in R2 by a call. What is not there ends the program.
func (g *generator) slow(dst asm.Register, size asm.Size) {
	g.emit(
		asm.Mov.Reg(asm.R1, ctx),
		asm.Mov.Imm(asm.R3, int32(size.Sizeof())),
		asm.Call.Label(slowLoad),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.RSh.Imm(asm.R1, 32),
		asm.JNE.Imm(asm.R1, 0, "reject"),
		asm.Mov.Reg32(dst, asm.R0))
}

func (g *generator) bigEndian(dst asm.Register, size asm.Size) {
	if size != asm.Byte {
		g.emit(asm.HostTo(asm.BE, dst, size))
	}
}

var operations = map[uint16]asm.ALUOp{0x00: asm.Add, 0x10: asm.Sub, 0x20: asm.Mul, 0x30: asm.Div, 0x40: asm.Or, 0x50: asm.And,
	0x60: asm.LSh, 0x70: asm.RSh, 0x90: asm.Mod, 0xa0: asm.Xor}

// arithmetic on A. eBPF goes on after a division by zero, and shifts by the lower five bits; classic BPF rejects the
// packet, and shifts everything out.
func (g *generator) arithmetic(r bpf.RawInstruction) error {
	if r.Op&opMask == 0x80 {
		g.emit(asm.Instruction{OpCode: asm.Neg.Op32(asm.ImmSource), Dst: acc})
		return nil
	}
	op, ok := operations[r.Op&opMask]
	if !ok {
		return fmt.Errorf("unknown operation %#x", r.Op)
	}
	if r.Op&sourceX == 0 {
		g.emit(op.Imm32(acc, int32(r.K)))
		return nil
	}
	switch op {
	case asm.Div, asm.Mod:
		g.emit(asm.JEq.Imm32(idx, 0, "reject"))
	case asm.LSh, asm.RSh:
		fits, done := g.fresh(), g.fresh()
		g.emit(asm.JLE.Imm32(idx, 31, fits), asm.Mov.Imm(acc, 0), asm.Ja.Label(done))
		g.mark(fits)
		g.emit(op.Reg32(acc, idx))
		g.mark(done)
		return nil
	}
	g.emit(op.Reg32(acc, idx))
	return nil
}

var conditions = map[uint16]asm.JumpOp{0x10: asm.JEq, 0x20: asm.JGT, 0x30: asm.JGE, 0x40: asm.JSet}

func (g *generator) jump(n int, r bpf.RawInstruction) error {
	if r.Op&opMask == 0 {
		g.emit(asm.Ja.Label(g.at(n + 1 + int(r.K))))
		return nil
	}
	op, ok := conditions[r.Op&opMask]
	if !ok {
		return fmt.Errorf("unknown jump %#x", r.Op)
	}
	yes, no := g.at(n+1+int(r.Jt)), g.at(n+1+int(r.Jf))
	if r.Op&sourceX != 0 {
		g.emit(op.Reg32(acc, idx, yes))
	} else {
		g.emit(op.Imm32(acc, int32(r.K), yes))
	}
	g.emit(asm.Ja.Label(no))
	return nil
}
