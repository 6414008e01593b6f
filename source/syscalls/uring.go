package syscalls

import (
	"encoding/binary"

	"github.com/cilium/ebpf/btf"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/scap"
)

// Operations of io_uring are seen where the kernel takes them from their queue and where they end. They have events of our own.
const (
	ringSubmit   scap.Type = 1000
	ringComplete scap.Type = 1001
)

// What the kernel part gathered of an operation, as bpf/uring.h numbers it.
const (
	ringName = 0 // path or address
	ringData = 1
	ringNew  = 2 // ends of the socket that was accepted
)

// Operations whose parameters differ from those of most; IORING_OP_x of include/uapi/linux/io_uring.h.
const (
	ringSendmsg   = 9
	ringRecvmsg   = 10
	ringConnect   = 16
	ringSend      = 26
	ringRecv      = 27
	ringSendZC    = 47
	ringSendmsgZC = 48
	ringBind      = 56
)

func (d *decoder) ringOp() uint8 { return uint8(d.args[5]) }

// addRingData: ring_data(K), what was read or written; that of a message is its second part.
func addRingData(d *decoder, p *param) {
	switch d.ringOp() {
	case ringSendmsg, ringRecvmsg, ringSendmsgZC:
		d.add(d.bytes(p.of[0], 1))
	default:
		d.add(d.bytes(p.of[0], 0))
	}
}

// addRingTime: ring_time(0), how long the operation took.
func addRingTime(d *decoder, p *param) { d.number(p.kind, uint64(max(d.left-d.entered, 0))) }

// addRingTuple: ring_tuple(K), the ends of the operation's socket, or of the one that it has accepted.
func addRingTuple(d *decoder, p *param) {
	op := d.ringOp()
	switch {
	case d.chunk(ringNew, 0) != nil:
		d.addEnds(ringNew, nil, false)
	case op == ringRecvmsg || op == ringRecv:
		d.addEnds(p.of[0], d.bytes(ringData, 0), false)
	case op == ringSendmsg || op == ringSendmsgZC:
		d.addEnds(p.of[0], d.bytes(ringData, 0), true)
	default:
		d.addEnds(p.of[0], d.bytes(ringName, 0), true)
	}
}

// addRingAddress: ring_addr(K), the address that the operation was given.
func addRingAddress(d *decoder, p *param) {
	switch d.ringOp() {
	case ringConnect, ringBind, ringSend, ringSendZC:
		addAddress(d, p)
	default:
		d.end()
	}
}

// addRingName: ring_name(K), the path that the operation was given.
func addRingName(d *decoder, p *param) {
	switch d.ringOp() {
	case ringConnect, ringBind, ringSend, ringSendZC:
		d.end()
	default:
		d.add(d.bytes(p.of[0], 0))
	}
}

// trimmed are the lengths of the parameters, without the last ones that have no bytes where an event may leave them out.
func (d *decoder) trimmed() []byte { return withoutLast(d.call.event, d.lengths) }

func withoutLast(t scap.Type, lengths []byte) []byte {
	if t != ringSubmit && t != ringComplete {
		return lengths
	}
	for n := len(lengths); n >= 2 && binary.LittleEndian.Uint16(lengths[n-2:]) == 0; n = len(lengths) {
		lengths = lengths[:n-2]
	}
	return lengths
}

// ringTracepoints finds out which of the programs for io_uring this kernel has no tracepoints for, and whether that of a completion
// hands over its user data, result and flags one by one, not the entry of the queue.
func ringTracepoints() (without []string, apart bool) {
	if params := tracepoint("io_uring_submit_req"); len(params) != 1 || params[0] != "*io_kiocb" {
		return []string{bpf.SyscallsProgTapirSubmitted, bpf.SyscallsProgTapirCompleted}, false
	}
	switch params := tracepoint("io_uring_complete"); {
	case len(params) == 3 && params[2] == "*io_uring_cqe":
		return nil, false
	case len(params) >= 5 && params[2][0] != '*':
		return nil, true
	}
	return []string{bpf.SyscallsProgTapirCompleted}, false
}

// tracepoint is what a tracepoint hands over: the names of the types, with a * in front for pointers; nil if the kernel has none of
// that name.
func tracepoint(name string) (params []string) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil
	}
	var t *btf.Typedef
	if err := spec.TypeByName("btf_trace_"+name, &t); err != nil {
		return nil
	}
	p, _ := btf.UnderlyingType(t).(*btf.Pointer)
	if p == nil {
		return nil
	}
	f, _ := p.Target.(*btf.FuncProto)
	if f == nil || len(f.Params) == 0 {
		return nil
	}
	for _, param := range f.Params[1:] { // the first is the tracepoint's own
		if p, ok := btf.UnderlyingType(param.Type).(*btf.Pointer); ok {
			params = append(params, "*"+p.Target.TypeName())
		} else {
			params = append(params, " "+param.Type.TypeName())
		}
	}
	return params
}
