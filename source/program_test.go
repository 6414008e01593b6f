package source

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
)

// tcp80 is "ip and tcp port 80" on Ethernet as libpcap compiles it.
var tcp80 = []bpf.RawInstruction{
	{Op: 0x28, K: 12}, {Op: 0x15, Jf: 10, K: 0x800}, {Op: 0x30, K: 23}, {Op: 0x15, Jf: 8, K: 6},
	{Op: 0x28, K: 20}, {Op: 0x45, Jt: 6, K: 0x1fff}, {Op: 0xb1, K: 14}, {Op: 0x48, K: 14}, {Op: 0x15, Jt: 2, K: 80},
	{Op: 0x48, K: 16}, {Op: 0x15, Jf: 1, K: 80}, {Op: 0x06, K: 262144}, {Op: 0x06},
}

func TestNewProgramRefuses(t *testing.T) {
	ret := bpf.RawInstruction{Op: 0x06}
	for name, raw := range map[string][]bpf.RawInstruction{
		"empty":            {},
		"no return":        {{Op: 0x28, K: 12}},
		"unknown":          {{Op: 0xffff}, ret},
		"load by X":        {{Op: 0x88}, ret},
		"jump too far":     {{Op: 0x15, Jt: 1}, ret},
		"ja too far":       {{Op: 0x05, K: 1}, ret},
		"ja wraps":         {{Op: 0x05, K: 0xffffffff}, ret},
		"division by zero": {{Op: 0x34}, ret},
		"modulo zero":      {{Op: 0x94}, ret},
		"shift":            {{Op: 0x64, K: 32}, ret},
		"memory":           {{Op: 0x60, K: 16}, ret},
		"ancillary":        {{Op: 0x28, K: 0xfffff004}, ret},
	} {
		if _, err := NewProgram(raw); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewProgram(make([]bpf.RawInstruction, 5000)); err == nil {
		t.Error("5000 instructions accepted")
	}
}

func TestMatch(t *testing.T) {
	p, err := NewProgram(tcp80)
	if err != nil {
		t.Fatal(err)
	}
	pkt := make([]byte, 54)
	pkt[12], pkt[14], pkt[23], pkt[37] = 8, 0x45, 6, 80
	if !p.Match(pkt, 54) {
		t.Error("tcp port 80 does not match")
	}
	pkt[37] = 81
	if p.Match(pkt, 54) || p.Match(pkt[:20], 54) || p.Match(nil, 0) {
		t.Error("matches what is not tcp port 80")
	}
	if !(*Program)(nil).Match(nil, 0) {
		t.Error("no program: want everything to pass")
	}
	if n := testing.AllocsPerRun(100, func() { p.Match(pkt, 54) }); n != 0 {
		t.Errorf("Match allocates %v times, want 0", n)
	}
}

// FuzzProgram compares the machine with that of golang.org/x/net/bpf on programs made of random instructions.
func FuzzProgram(f *testing.F) {
	f.Add(encode(tcp80), []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x08\x00\x45"))
	f.Add(encode([]bpf.RawInstruction{{Op: 0x80}, {Op: 0x07}, {Op: 0x00, K: 77}, {Op: 0x3c}, {Op: 0x16}}), []byte{1, 2, 3})
	f.Add(encode([]bpf.RawInstruction{{Op: 0x20, K: 1}, {Op: 0x84}, {Op: 0x02, K: 3}, {Op: 0x61, K: 3}, {Op: 0x87}, {Op: 0x16}}), []byte{1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, code, pkt []byte) {
		raw := decodeAll(code)
		for _, i := range raw {
			if i.Op == 0x81 {
				return // "ldx len": x/net reads it as "ld len"; libpcap and the kernel load X, as we do
			}
		}
		p, err := NewProgram(raw)
		if err != nil {
			return
		}
		ins, all := bpf.Disassemble(raw)
		vm, err := bpf.NewVM(ins)
		if !all || err != nil {
			return // x/net refuses more: stores without loads, ...
		}
		want, err := vm.Run(pkt)
		if err != nil {
			return
		}
		if got := p.run(pkt, uint32(len(pkt))); int(got) != want {
			t.Errorf("%v on %x: %d, want %d", ins, pkt, got, want)
		}
	})
}

func encode(raw []bpf.RawInstruction) (b []byte) {
	for _, r := range raw {
		b = append(binary.LittleEndian.AppendUint16(b, r.Op), r.Jt, r.Jf)
		b = binary.LittleEndian.AppendUint32(b, r.K)
	}
	return b
}

func decodeAll(b []byte) (raw []bpf.RawInstruction) {
	for ; len(b) >= 8; b = b[8:] {
		raw = append(raw, bpf.RawInstruction{Op: binary.LittleEndian.Uint16(b), Jt: b[2], Jf: b[3], K: binary.LittleEndian.Uint32(b[4:])})
	}
	return raw
}
