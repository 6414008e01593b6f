package afpacket

import (
	"errors"
	"fmt"
	"regexp"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// What a filter in the kernel can ask beside the bytes (linux/filter.h): loads from these offsets.
const (
	adOff         = 0xfffff000 // SKF_AD_OFF
	adPktType     = adOff + 4
	adIfindex     = adOff + 8
	adHaType      = adOff + 28
	adVlanTag     = adOff + 44
	adVlanPresent = adOff + 48
	adVlanTPID    = adOff + 60
	netOff        = 0xfff00000 // SKF_NET_OFF: from the network header on, whatever stands before it
	special       = 0xffe00000 // offsets from here on are not places in the packet
)

// Opcodes.
const (
	ldW   = 0x20
	ldH   = 0x28
	ldB   = 0x30
	ldxB  = 0xb1
	indW  = 0x40
	indB  = 0x50
	ldLen = 0x80
	ldxK  = 0x01
	addK  = 0x04
	andK  = 0x54
	rshK  = 0x74
	ja    = 0x05
	jeq   = 0x15
	ret   = 0x06
)

type program []bpf.RawInstruction

// dropAll keeps a socket empty until everything is set up, and when it ends.
var dropAll = program{{Op: ret}}

// maxProgram is how long a program may be (BPF_MAXINSNS).
const maxProgram = 4096

// kernelFilter is the program for the sockets: it takes packets of the targets only (all if there are none), leaves out
// what loopback shows twice, and runs the user's filter as it is meant for the kind of device.
func kernelFilter(f source.Filter, targets []*target, snaplen uint32) (program, error) {
	p := append(onlyFrom(targets), once...)
	if f.Expr == "" {
		return append(p, bpf.RawInstruction{Op: ret, K: snaplen}), nil
	}
	parts, err := compileParts(f, targets)
	if err != nil {
		return nil, err
	}
	p = append(p, dispatch(parts)...)
	if len(p) > maxProgram {
		return nil, fmt.Errorf("filter %q: %d instructions, more than the kernel takes (%d)", f.Expr, len(p), maxProgram)
	}
	for i := range p {
		if p[i].Op == ret && p[i].K != 0 {
			p[i].K = snaplen
		}
	}
	return p, nil
}

// onlyFrom ends the program for packets of other interfaces. A socket of one target is bound to it and needs no check.
func onlyFrom(targets []*target) (p program) {
	if len(targets) < 2 {
		return nil
	}
	p = program{{Op: ldW, K: adIfindex}}
	for i, t := range targets {
		p = append(p, bpf.RawInstruction{Op: jeq, K: uint32(t.index), Jt: uint8(len(targets) - i)})
	}
	return append(p, bpf.RawInstruction{Op: ret})
}

// once ends the program for packets that a loopback interface sends: it receives them next.
var once = program{
	{Op: ldW, K: adPktType},
	{Op: jeq, K: unix.PACKET_OUTGOING, Jf: 3},
	{Op: ldW, K: adHaType},
	{Op: jeq, K: unix.ARPHRD_LOOPBACK, Jf: 1},
	{Op: ret},
}

// part is the user's filter for devices of some types; the last one, of no types, is for all others.
type part struct {
	types []uint16
	prog  program
}

// dispatch puts the parts together behind a choice by the device's type.
func dispatch(parts []part) program {
	p := program{{Op: ldW, K: adHaType}}
	var jumps []int // to the beginning of each part
	for _, part := range parts {
		for i, t := range part.types {
			p = append(p, bpf.RawInstruction{Op: jeq, K: uint32(t), Jt: uint8(len(part.types) - 1 - i)})
			if i == len(part.types)-1 {
				p[len(p)-1].Jf = 1
			}
		}
		jumps = append(jumps, len(p))
		p = append(p, bpf.RawInstruction{Op: ja})
	}
	for i, part := range parts {
		p[jumps[i]].K = uint32(len(p) - jumps[i] - 1)
		p = append(p, part.prog...)
	}
	return p
}

// compileParts compiles the filter for Ethernet, for 802.11 where there is such a device, and for raw IP. If it has no
// meaning for one of them (ether host, say, for raw IP), devices of that kind give nothing, unless one was named.
func compileParts(f source.Filter, targets []*target) ([]part, error) {
	parts := []part{{types: []uint16{unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK}}}
	links := []record.LinkType{record.LinkEthernet}
	for _, hatype := range []uint16{unix.ARPHRD_IEEE80211, unix.ARPHRD_IEEE80211_PRISM, unix.ARPHRD_IEEE80211_RADIOTAP} {
		parts = append(parts, part{types: []uint16{hatype}})
		links = append(links, linkOf(hatype).link)
	}
	parts, links = append(parts, part{}), append(links, record.LinkRaw)

	var errs []error
	for i := range parts {
		var err error
		if parts[i].prog, err = compilePart(f, links[i]); err != nil {
			parts[i].prog = dropAll
			errs = append(errs, err)
			if t := named(targets, links[i]); t != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			if errors.Is(err, errTagged) {
				return nil, err
			}
		}
	}
	if len(errs) == len(parts) {
		return nil, errs[0]
	}
	return parts, nil
}

// named finds a target whose packets are filtered as link.
func named(targets []*target, link record.LinkType) *target {
	for _, t := range targets {
		if t.link == link || link == record.LinkRaw && t.link == record.LinkSLL2 {
			return t
		}
	}
	return nil
}

// compilePart compiles the filter for one link type, as it has to look at packets inside of the kernel.
func compilePart(f source.Filter, link record.LinkType) (program, error) {
	raw, err := f.Raw(link)
	switch {
	case err != nil:
		return nil, err
	case link == record.LinkRaw:
		return fromNetwork(raw), nil
	case link == record.LinkEthernet && mentionsVLAN.MatchString(f.Expr):
		return withTags(f, raw)
	}
	return raw, nil
}

// fromNetwork makes a program for raw IP look from the network header on. So it works for every device, whatever its
// link header.
func fromNetwork(raw program) program {
	p := append(program(nil), raw...)
	for i := range p {
		if isLoad(p[i].Op) && p[i].K < special {
			p[i].K += netOff
		}
	}
	return p
}

// isLoad says whether op reads the packet: at a place, at a place after X, or the IP header length.
func isLoad(op uint16) bool {
	return op >= ldW && op <= ldB || op >= indW && op <= indB || op == ldxB
}

// mentionsVLAN finds filters that care for tags.
var mentionsVLAN = regexp.MustCompile(`\bvlan\b`)

// withTags is raw for packets without a tag, and raw as if the tag still stood in its place for those whose tag the
// kernel took off before filters run.
func withTags(f source.Filter, raw program) (program, error) {
	tagged, err := asTagged(raw)
	if err != nil {
		return nil, fmt.Errorf("filter %q: %w (compare fewer bytes at once)", f.Expr, err)
	}
	p := program{
		{Op: ldW, K: adVlanPresent},
		{Op: jeq, K: 0, Jt: 1},
		{Op: ja, K: uint32(len(raw))},
	}
	return append(append(p, raw...), tagged...), nil
}

// errTagged is returned for a program that cannot be translated.
var errTagged = errors.New("cannot be applied to VLAN tags, which the kernel keeps apart from the packet")

var errAcross = fmt.Errorf("%w: it reads across the edge of the tag", errTagged)

// asTagged translates a program for Ethernet so that it sees a packet with its tag at byte 12, while the kernel has the
// packet without and the tag apart.
func asTagged(raw program) (program, error) {
	var p program
	at := make([]int, len(raw)+1) // where each instruction went
	for i, ins := range raw {
		at[i] = len(p)
		many, err := tagged(ins)
		if err != nil {
			return nil, err
		}
		p = append(p, many...)
	}
	at[len(raw)] = len(p)
	return p, retarget(p, raw, at)
}

// retarget corrects the jumps of a program whose instructions moved.
func retarget(p, raw program, at []int) error {
	for i, ins := range raw {
		if ins.Op&7 != 5 {
			continue
		}
		n := at[i]
		if ins.Op == ja {
			p[n].K = uint32(at[i+1+int(ins.K)] - n - 1)
			continue
		}
		jt, jf := at[i+1+int(ins.Jt)]-n-1, at[i+1+int(ins.Jf)]-n-1
		if max(jt, jf) > 255 {
			return fmt.Errorf("%w: it is too long", errTagged)
		}
		p[n].Jt, p[n].Jf = uint8(jt), uint8(jf)
	}
	return nil
}

// tagged translates one instruction.
func tagged(ins bpf.RawInstruction) (program, error) {
	const tag, length = 12, 4 // where a tag stands in an Ethernet frame, and how long it is
	one := func(op uint16, k uint32) program { return program{{Op: op, Jt: ins.Jt, Jf: ins.Jf, K: k}} }
	switch {
	case ins.Op == ldLen:
		return program{ins, {Op: addK, K: length}}, nil
	case !isLoad(ins.Op) || ins.K >= special:
		return program{ins}, nil
	case ins.Op >= indW && ins.Op <= indB: // X is at least an IP header: far behind the tag
		if ins.K < tag+2 {
			return nil, errAcross
		}
		return one(ins.Op, ins.K-length), nil
	case ins.K >= tag+length:
		return one(ins.Op, ins.K-length), nil
	case ins.Op == ldxB: // the IP header of an untagged packet: never reached on a tagged one
		return one(ldxK, 0), nil
	}
	return inTag(ins)
}

// inTag translates a load at a fixed place before or in the tag.
func inTag(ins bpf.RawInstruction) (program, error) {
	size := map[uint16]uint32{ldW: 4, ldH: 2, ldB: 1}[ins.Op]
	switch {
	case ins.K+size <= 12:
		return program{ins}, nil
	case size == 2 && ins.K == 12:
		return program{{Op: ldW, K: adVlanTPID}}, nil
	case size == 2 && ins.K == 14:
		return program{{Op: ldW, K: adVlanTag}}, nil
	case size == 1 && ins.K < 14:
		return half(adVlanTPID, ins.K == 12), nil
	case size == 1:
		return half(adVlanTag, ins.K == 14), nil
	}
	return nil, errAcross
}

// half loads the upper or the lower byte of a 16-bit number.
func half(k uint32, upper bool) program {
	if upper {
		return program{{Op: ldW, K: k}, {Op: rshK, K: 8}}
	}
	return program{{Op: ldW, K: k}, {Op: andK, K: 0xff}}
}
