package syscalls

import (
	"bytes"
	"encoding/binary"

	"github.com/tapir-project/tapir/scap"
)

// The kinds of records and where their head's members stand, as bpf/syscalls.bpf.c lays them out.
const (
	recordCall   = 0
	recordExec   = 1
	recordFork   = 2
	recordGone   = 3
	recordRing   = 4 // an operation of io_uring begins
	recordSignal = 5 // the result is its number
	recordSwitch = 6 // the result is the thread that is next
	recordFault  = 9

	headSize  = 88
	argsAt    = 32
	briefHead = 40 // of a call of which nothing is gathered: with the first argument, without when it was entered
	chunkSize = 8
)

// head is the beginning of a record.
type head struct {
	entered, left int64 // ns, CLOCK_MONOTONIC; entered is 0 if that was not seen
	result        int64
	args          [6]uint64
	thread, pid   uint32
	sysno, cpu    uint16
	kind          uint8
}

// chunk is something that was gathered.
type chunk struct {
	op, part uint8
	whole    uint32
	data     []byte
}

// cut says whether there is more than the kernel part had room for.
func (c *chunk) cut() bool { return int(c.whole) > len(c.data) }

// maxChunks is more than any call has: three parts of each of 16 messages, and the parts of three other ops.
const maxChunks = 64

// decoder makes the parameters of events from records of the kernel part. Its memory is used again for each.
type decoder struct {
	head
	call    *call
	rest    []byte // of the record: what was gathered, as long as it is not split
	chunks  [maxChunks]chunk
	n       int
	message int // of several that the call was about
	lengths []byte
	data    []byte
	start   int // of the parameter at hand in data
}

// read takes the head of a record and says whether it is one. split is to be called before anything is asked of what was gathered.
func (d *decoder) read(b []byte) bool {
	if len(b) < briefHead {
		return false
	}
	u64 := func(at int) uint64 { return binary.NativeEndian.Uint64(b[at:]) }
	d.left, d.result = int64(u64(0)), int64(u64(8))
	d.thread, d.pid = binary.NativeEndian.Uint32(b[16:]), binary.NativeEndian.Uint32(b[20:])
	d.sysno, d.cpu, d.kind = binary.NativeEndian.Uint16(b[24:]), binary.NativeEndian.Uint16(b[26:]), b[28]
	d.n, d.message, d.lengths, d.data, d.start, d.rest = 0, 0, d.lengths[:0], d.data[:0], 0, nil
	if len(b) < headSize {
		d.entered, d.args = 0, [6]uint64{u64(argsAt)}
		return d.sysno < maxCalls
	}
	for i := range d.args {
		d.args[i] = u64(argsAt + 8*i)
	}
	d.entered, d.rest = int64(u64(80)), b[headSize:]
	return d.sysno < maxCalls
}

// split takes apart what was gathered and says whether that can be done.
func (d *decoder) split() bool {
	b := d.rest
	for d.rest = nil; len(b) >= chunkSize && d.n < maxChunks; d.n++ {
		c := &d.chunks[d.n]
		c.op, c.part, c.whole = b[0], b[1], binary.NativeEndian.Uint32(b[4:])
		size := int(binary.NativeEndian.Uint16(b[2:]))
		if chunkSize+size > len(b) {
			return false
		}
		c.data = b[chunkSize : chunkSize+size]
		b = b[min(chunkSize+(size+7)&^7, len(b)):]
	}
	return true
}

// chunk is what an op gathered; nil if it gathered nothing.
func (d *decoder) chunk(op, part int) *chunk {
	for i := range d.n {
		if c := &d.chunks[i]; int(c.op) == op && int(c.part) == part {
			return c
		}
	}
	return nil
}

// bytes are those of a chunk; nil if there is none.
func (d *decoder) bytes(op, part int) []byte {
	if c := d.chunk(op, part); c != nil {
		return c.data
	}
	return nil
}

// end completes the parameter whose bytes were appended to d.data.
func (d *decoder) end() {
	const longest = 1<<16 - 1
	if len(d.data)-d.start > longest {
		d.data = d.data[:d.start+longest]
	}
	d.lengths = binary.LittleEndian.AppendUint16(d.lengths, uint16(len(d.data)-d.start))
	d.start = len(d.data)
}

// add adds a parameter.
func (d *decoder) add(b []byte) {
	d.data = append(d.data, b...)
	d.end()
}

// text adds a parameter that is a text: b without the NULs at its end, and one behind it.
func (d *decoder) text(b []byte) {
	d.data = append(append(d.data, bytes.TrimRight(b, "\x00")...), 0)
	d.end()
}

// number adds a parameter that is a number of the kind.
func (d *decoder) number(k scap.Kind, v uint64) {
	d.data = binary.LittleEndian.AppendUint64(d.data, v)[:len(d.data)+min(k.Size(), 8)]
	d.end()
}

// next makes the parameters those of the call's next message, and says whether it has one.
func (d *decoder) next() bool {
	if !d.call.messages || d.chunk(1, 3*d.message+3) == nil {
		return false
	}
	d.message++
	d.lengths, d.data, d.start = d.lengths[:0], d.data[:0], 0
	d.params()
	return true
}

// params adds the parameters of the call at hand.
func (d *decoder) params() {
	if d.call.event == genericExit {
		d.number(scap.SyscallID, uint64(d.call.id))
		d.number(scap.Uint16, uint64(d.sysno%narrow))
		return
	}
	for i := range d.call.params {
		d.param(&d.call.params[i])
	}
}

func (d *decoder) param(p *param) {
	switch p.from {
	case fromNothing:
		d.end()
	case fromResult:
		d.number(p.kind, p.translate(uint64(d.result)))
	case fromArg:
		v := d.args[p.op]
		switch p.kind {
		case scap.FD, scap.PID, scap.Errno: // an int of the call
			v = uint64(int64(int32(v)))
		}
		d.number(p.kind, p.translate(v))
	case fromConst:
		d.number(p.kind, p.value)
	case fromChunk:
		b := d.bytes(int(p.op), int(p.part))
		if len(b) == 0 && p.kind != scap.Bytebuf {
			b = unreadable
		}
		d.add(b)
	case fromWhole:
		v := uint64(0)
		if c := d.chunk(int(p.op), int(p.part)); c != nil {
			v = uint64(c.whole)
		}
		d.number(p.kind, v)
	case fromMemory:
		d.memory(p)
	case fromMaker:
		p.make(d, p)
	}
}

// unreadable stands for a text that was not in memory.
var unreadable = []byte("<NA>\x00")

func (p *param) translate(v uint64) uint64 {
	if p.flags != nil {
		return p.flags(v)
	}
	return v
}

// memory adds a number that was gathered from memory; if it was not, what stands for that.
func (d *decoder) memory(p *param) {
	b := d.bytes(int(p.op), int(p.part))
	if p.offset+p.size > len(b) {
		d.number(p.kind, p.value)
		return
	}
	b = b[p.offset:]
	var v uint64
	switch p.size {
	case 2:
		v = uint64(binary.NativeEndian.Uint16(b))
	case 4:
		v = uint64(binary.NativeEndian.Uint32(b))
		if p.kind == scap.FD || p.kind == scap.Int64 {
			v = uint64(int64(int32(v)))
		}
	default:
		v = binary.NativeEndian.Uint64(b)
	}
	d.number(p.kind, p.translate(v))
}

// signal adds the parameters of a signal that reaches a thread.
func (d *decoder) signal() {
	d.number(scap.PID, d.args[0])
	d.number(scap.PID, uint64(d.thread))
	d.number(scap.SigType, uint64(d.result))
}

// turn adds the parameters of a thread that leaves its processor to another.
func (d *decoder) turn() {
	d.number(scap.PID, uint64(d.result))
	d.number(scap.Uint64, d.args[0])
	d.number(scap.Uint64, d.args[1])
	for _, kB := range d.args[2:5] {
		d.number(scap.Uint32, kB)
	}
}

// exit adds the parameters of the end of a thread, whose exit code is the result.
func (d *decoder) exit() {
	code := uint64(d.result)
	core := uint64(0)
	if code&0x80 != 0 {
		core = 1
	}
	d.number(scap.Errno, code)
	d.number(scap.Errno, code>>8&0xff)
	d.number(scap.SigType, code&0x7f)
	d.number(scap.Uint8, core)
	d.number(scap.PID, 0)
}
