package filter

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"

	objects "github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
	pcap "github.com/tapir-project/tapir/source/bpf"
)

// load loads a program that runs filter 1. If apart is set, it takes the tag of the packet off first and puts it on again,
// so that the kernel keeps it apart, as it does with every tagged packet that it receives.
func load(t testing.TB, raw []bpf.RawInstruction, apart *[4]byte) (*ebpf.Program, error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loading programs into the kernel needs root")
	}
	body, err := Body(map[uint32][]bpf.RawInstruction{1: raw})
	if err != nil {
		return nil, err
	}
	spec, err := objects.LoadMirror()
	if err != nil {
		t.Fatal(err)
	}
	ins := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1).WithSymbol("main")}
	if apart != nil {
		ins = append(ins,
			asm.FnSkbVlanPop.Call(),
			asm.Mov.Reg(asm.R1, asm.R6),
			asm.Mov.Imm(asm.R2, int32(binary.NativeEndian.Uint16(apart[:]))),
			asm.Mov.Imm(asm.R3, int32(binary.BigEndian.Uint16(apart[2:]))),
			asm.FnSkbVlanPush.Call())
	}
	ins = append(ins,
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, 1),
		asm.Call.Label(Function),
		asm.Return())
	body[0] = body[0].WithSymbol(Function)
	ins = append(append(ins, body...), plain(function(t, spec.Programs["tapir_mirror"].Instructions, slowLoad))...)
	return ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "Dual BSD/GPL", Instructions: ins})
}

// function cuts one function out of a program.
func function(t testing.TB, program asm.Instructions, name string) asm.Instructions {
	t.Helper()
	begin := slices.IndexFunc(program, func(i asm.Instruction) bool { return i.Symbol() == name })
	if begin < 0 {
		t.Fatalf("the object has no function %s", name)
	}
	n := slices.IndexFunc(program[begin+1:], func(i asm.Instruction) bool { return i.Symbol() != "" })
	if n < 0 {
		return program[begin:]
	}
	return program[begin : begin+1+n]
}

// plain takes debug information off.
func plain(in asm.Instructions) (out asm.Instructions) {
	for _, i := range in {
		symbol, ref := i.Symbol(), i.Reference()
		i = i.WithMetadata(asm.Metadata{})
		if symbol != "" {
			i = i.WithSymbol(symbol)
		}
		if ref != "" {
			i = i.WithReference(ref)
		}
		out = append(out, i)
	}
	return out
}

func run(t testing.TB, p *ebpf.Program, pkt []byte) bool {
	t.Helper()
	ret, _, err := p.Test(pkt)
	if err != nil {
		t.Fatal(err)
	}
	return ret != 0
}

// tagOf is the tag of a frame that has one.
func tagOf(pkt []byte) *[4]byte {
	if len(pkt) >= 18 && (pkt[12] == 0x81 && pkt[13] == 0 || pkt[12] == 0x88 && pkt[13] == 0xa8) {
		return (*[4]byte)(pkt[12:16])
	}
	return nil
}

var expressions = []string{"tcp", "udp port 53", "ip6", "tcp[tcpflags] & tcp-syn != 0", "port 80 or port 443", "host 10.0.0.1",
	"net 10.0.0.0/8 and not icmp", "ether host 02:00:00:00:00:09", "ether broadcast", "less 80", "greater 100", "vlan", "vlan 100",
	"vlan 100 and tcp port 80", "vlan and vlan 5", "ip6 and udp", "ip[0] & 0xf != 5", "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
	"udp[8:2] = 7", "arp", "ip proto 47", "portrange 1000-2000", "src net 192.0.2.0/24 or dst port 9", "ether[0] & 1 = 0 and ip[8] < 65",
	"mpls", "ip multicast", "len >= 60", "icmp[icmptype] = icmp-echo", "ip6[6] = 17", "vlan and ether[12:4] = 0x81000064", "ether[13:2] = 0xa820"}

// frames are Ethernet frames of all kinds that the expressions tell apart.
func frames() (out [][]byte) {
	eth := func(typ ...byte) []byte {
		return append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, typ...)
	}
	ip4 := func(proto byte, hl byte, src, dst [4]byte, l4 ...byte) []byte {
		b := []byte{0x40 | hl, 0, 0, byte(int(hl)*4 + len(l4)), 0, 0, 0, 0, 64, proto, 0, 0}
		b = append(append(b, src[:]...), dst[:]...)
		b = append(b, make([]byte, int(hl)*4-20)...)
		return append(b, l4...)
	}
	tcp := append([]byte{0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0}, "GET / HTTP/1.1\r\n\r\n"...)
	udp := []byte{0x04, 0x57, 0, 53, 0, 12, 0, 0, 0, 7, 1, 2}
	a, b, c := [4]byte{10, 0, 0, 1}, [4]byte{192, 0, 2, 7}, [4]byte{224, 0, 0, 1}
	var bodies [][]byte
	for _, hl := range []byte{5, 7} {
		bodies = append(bodies, append([]byte{8, 0}, ip4(6, hl, a, b, tcp...)...), append([]byte{8, 0}, ip4(17, hl, b, a, udp...)...))
	}
	bodies = append(bodies, append([]byte{8, 0}, ip4(1, 5, a, c, 8, 0, 0, 0)...), append([]byte{8, 0}, ip4(47, 5, a, b, 0, 0, 8, 0)...))
	six := append([]byte{0x86, 0xdd, 0x60, 0, 0, 0, 0, byte(len(udp)), 17, 64}, make([]byte, 32)...)
	bodies = append(bodies, append(six, udp...), []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, []byte{0x88, 0x47, 0, 0, 1, 64})
	for _, b := range bodies {
		out = append(out, eth(b...), eth(append([]byte{0x81, 0, 0, 100}, b...)...), eth(append([]byte{0x81, 0, 0, 100, 0x81, 0, 0, 5}, b...)...),
			eth(append([]byte{0x88, 0xa8, 0x20, 7}, b...)...))
	}
	out = append(out, append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9}, out[0][12:]...))
	for n := range out {
		out[n] = append(out[n], make([]byte, n%3*30)...)
	}
	return out
}

// Every expression takes the packets that libpcap's program takes, whether the kernel keeps the tag in the frame or apart.
func TestExpressions(t *testing.T) {
	taken := map[string]int{}
	all := frames()
	for _, expr := range expressions {
		raw, err := pcap.Compile(expr, record.LinkEthernet, source.FilterSnaplen)
		if err != nil {
			t.Fatal(err)
		}
		want, err := source.NewProgram(raw)
		if err != nil {
			t.Fatal(err)
		}
		progs := map[[4]byte]*ebpf.Program{}
		for _, f := range all {
			for _, tag := range []*[4]byte{nil, tagOf(f)} {
				var key [4]byte
				if tag != nil {
					key = *tag
				}
				if progs[key] == nil {
					if progs[key], err = load(t, raw, tag); err != nil {
						t.Fatalf("%s: %v", expr, err)
					}
				}
				if got := run(t, progs[key], f); got != want.Match(f, uint32(len(f))) {
					t.Errorf("%s, tag apart %v, on %x: %v", expr, tag != nil, f, got)
				} else if got {
					taken[expr]++
				}
			}
		}
		for _, p := range progs {
			p.Close()
		}
		if taken[expr] == 0 || taken[expr] == 2*len(all) {
			t.Errorf("%s takes none or all of the packets", expr)
		}
	}
}

// FuzzBody compares translated programs of random instructions with source.Program.
func FuzzBody(f *testing.F) {
	for _, expr := range expressions {
		raw, err := pcap.Compile(expr, record.LinkEthernet, source.FilterSnaplen)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encode(raw), frames()[1])
	}
	for _, raw := range [][]bpf.RawInstruction{
		{{Op: 0x80}, {Op: 0x07}, {Op: 0x00, K: 77}, {Op: 0x3c}, {Op: 0x16}},                                     // len, tax, ld #77, div x
		{{Op: 0x20, K: 1}, {Op: 0x84}, {Op: 0x02, K: 3}, {Op: 0x61, K: 3}, {Op: 0x87}, {Op: 0x16}},              // ld, neg, st, ldx, txa
		{{Op: 0x01, K: 40}, {Op: 0x00, K: 1}, {Op: 0x6c}, {Op: 0x16}},                                           // shift by 40
		{{Op: 0x01, K: 0}, {Op: 0x00, K: 1}, {Op: 0x9c}, {Op: 0x06, K: 1}},                                      // modulo zero
		{{Op: 0x01, K: 0xfffffff0}, {Op: 0x48, K: 0x20}, {Op: 0x16}},                                            // index wraps
		{{Op: 0x30, K: 3}, {Op: 0xa4, K: 0xffffffff}, {Op: 0x35, K: 0xfffffff0, Jt: 1}, {Op: 6}, {Op: 6, K: 1}}, // xor, jge
		{{Op: 0x05, K: 1}, {Op: 0x06, K: 1}, {Op: 0x06}},                                                        // unreachable
		{{Op: 0x20, K: 0x10000}, {Op: 0x06, K: 1}},                                                              // far away
	} {
		f.Add(encode(raw), frames()[0])
	}
	f.Fuzz(func(t *testing.T, code, pkt []byte) {
		raw := decode(code)
		want, err := source.NewProgram(raw)
		if err != nil || len(raw) > 64 || len(pkt) < 60 || len(pkt) > 2000 {
			return
		}
		for _, tag := range []*[4]byte{nil, tagOf(pkt)} {
			p, err := load(t, raw, tag)
			var verifier *ebpf.VerifierError
			if errors.As(err, &verifier) {
				t.Fatalf("%+v", verifier)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := run(t, p, pkt); got != want.Match(pkt, uint32(len(pkt))) {
				t.Errorf("%v, tag apart %v, on %x: %v", raw, tag != nil, pkt, got)
			}
			p.Close()
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

func decode(b []byte) (raw []bpf.RawInstruction) {
	for ; len(b) >= 8; b = b[8:] {
		raw = append(raw, bpf.RawInstruction{Op: binary.LittleEndian.Uint16(b), Jt: b[2], Jf: b[3], K: binary.LittleEndian.Uint32(b[4:])})
	}
	return raw
}
