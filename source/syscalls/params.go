package syscalls

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"strconv"

	"github.com/tapir-project/tapir/scap"
)

// maker adds a parameter that is put together, or several.
type maker func(d *decoder, p *param)

// makers are the makers by their names in calls.txt.
var makers = map[string]maker{
	"address":      addAddress,
	"ends":         func(d *decoder, p *param) { d.addEnds(p.of[0], nil, true) },
	"accepted":     func(d *decoder, p *param) { d.addEnds(p.of[0], nil, false) },
	"sent":         func(d *decoder, p *param) { d.addEnds(p.of[0], d.bytes(p.of[1], 0), true) },
	"received":     func(d *decoder, p *param) { d.addEnds(p.of[0], d.bytes(p.of[1], 0), false) },
	"pct":          addPercent,
	"polled":       addPollSet,
	"time":         addTime,
	"time32":       addTime32,
	"wide":         func(d *decoder, p *param) { d.number(p.kind, d.args[p.of[0]]<<32|d.args[p.of[1]]&math.MaxUint32) },
	"signals":      addSignals,
	"value":        addOption,
	"name":         addName,
	"optname":      addOptionName,
	"path":         func(d *decoder, p *param) { d.add(append(joinPath(d.bytes(p.of[0], 0)), 0)) },
	"name_number":  addNameNumber,
	"number":       addDynNumber,
	"traced":       addTraced,
	"traced_data":  addTracedData,
	"fs_bytes":     addConfigBytes,
	"fs_text":      addConfigText,
	"quota":        addQuota,
	"ring_signals": addRingSignals,
	"child":        addChild,
	"program":      addProgram,

	"msg_size":     addMessageSize,
	"msg_data":     func(d *decoder, p *param) { d.add(d.bytes(p.of[0], 3*d.message+1)) },
	"msg_control":  func(d *decoder, p *param) { d.add(d.bytes(p.of[0], 3*d.message+2)) },
	"msg_sent":     func(d *decoder, p *param) { d.addEnds(p.of[0], d.bytes(p.of[1], 3*d.message), true) },
	"msg_received": func(d *decoder, p *param) { d.addEnds(p.of[0], d.bytes(p.of[1], 3*d.message), false) },

	"ring_data":  addRingData,
	"ring_time":  addRingTime,
	"ring_tuple": addRingTuple,
	"ring_addr":  addRingAddress,
	"ring_name":  addRingName,
}

// Families of sockets.
const (
	familyUnix    = 1
	familyINET    = 2
	familyINET6   = 10
	familyNetlink = 16
)

// ends are those of a socket, as bpf/syscalls.bpf.c lays them out.
type ends struct {
	family, kind, protocol, state uint16
	localPort, remotePort         uint16
	waiting, backlog              uint32
	local, remote                 []byte // 4 or 16 bytes
	self, peer                    uint64
}

const endsSize = 72

func readEnds(b []byte) (e ends, ok bool) {
	if len(b) < endsSize {
		return e, false
	}
	u16 := func(at int) uint16 { return binary.NativeEndian.Uint16(b[at:]) }
	e = ends{family: u16(0), kind: u16(2), protocol: u16(4), state: u16(6), localPort: u16(8), remotePort: u16(10),
		waiting: binary.NativeEndian.Uint32(b[12:]), backlog: binary.NativeEndian.Uint32(b[16:]),
		self: binary.NativeEndian.Uint64(b[56:]), peer: binary.NativeEndian.Uint64(b[64:])}
	size := 4
	if e.family == familyINET6 {
		size = 16
	}
	e.local, e.remote = b[24:24+size], b[40:40+size]
	return e, true
}

// address is an address that a process gave or was given.
type address struct {
	family uint16
	ip     []byte
	port   uint16
	path   []byte
}

func readAddress(b []byte) (a address, ok bool) {
	if len(b) < 2 {
		return a, false
	}
	a.family = binary.NativeEndian.Uint16(b)
	switch {
	case a.family == familyINET && len(b) >= 8:
		a.port, a.ip = binary.BigEndian.Uint16(b[2:]), b[4:8]
	case a.family == familyINET6 && len(b) >= 24:
		a.port, a.ip = binary.BigEndian.Uint16(b[2:]), b[8:24]
	case a.family == familyUnix:
		a.path = unixPath(b)
	}
	return a, a.ip != nil || a.family == familyUnix
}

// unixPath is the path in a sockaddr_un; an abstract name begins with a NUL, which is shown as @.
func unixPath(b []byte) []byte {
	if len(b) <= 2 {
		return nil
	}
	p := b[2:]
	if p[0] == 0 {
		p = append([]byte{'@'}, p[1:]...)
	}
	if i := bytes.IndexByte(p, 0); i >= 0 {
		p = p[:i]
	}
	return p
}

// addAddress: address(K), an address parameter of the address that K gathered.
func addAddress(d *decoder, p *param) {
	b := d.bytes(p.of[0], 0)
	if len(b) >= 2 {
		a, ok := readAddress(b)
		d.data = append(d.data, byte(a.family))
		if ok && a.ip != nil {
			d.data = binary.LittleEndian.AppendUint16(append(d.data, a.ip...), a.port)
		} else if ok {
			d.data = append(append(d.data, a.path...), 0)
		}
	}
	d.end()
}

// addTuple adds both ends of a connection: from the first to the second.
func (d *decoder) addTuple(family uint16, from []byte, fromPort uint16, to []byte, toPort uint16) {
	d.data = append(append(d.data, byte(family)), from...)
	d.data = append(binary.LittleEndian.AppendUint16(d.data, fromPort), to...)
	d.data = binary.LittleEndian.AppendUint16(d.data, toPort)
	d.end()
}

func (d *decoder) addUnix(from, to uint64, path []byte) {
	d.data = binary.LittleEndian.AppendUint64(append(d.data, familyUnix), from)
	d.data = binary.LittleEndian.AppendUint64(d.data, to)
	d.data = append(append(d.data, unixPath(path)...), 0)
	d.end()
}

// addEnds adds the tuple of a socket and, if another end than its own is given, with that. outgoing says whether its own end comes
// first.
func (d *decoder) addEnds(op int, other []byte, outgoing bool) {
	e, ok := readEnds(d.bytes(op, 0))
	if !ok {
		d.end()
		return
	}
	switch e.family {
	case familyUnix:
		path := d.bytes(op, 2)
		if len(path) <= 2 {
			path = d.bytes(op, 1)
		}
		if outgoing {
			d.addUnix(e.self, e.peer, path)
		} else {
			d.addUnix(e.peer, e.self, path)
		}
		return
	case familyINET, familyINET6:
	default:
		d.end()
		return
	}
	remote, port := e.remote, e.remotePort
	if a, ok := readAddress(other); ok && a.family == e.family {
		remote, port = a.ip, a.port
	}
	if outgoing {
		d.addTuple(e.family, e.local, e.localPort, remote, port)
	} else {
		d.addTuple(e.family, remote, port, e.local, e.localPort)
	}
}

// addMessageSize: msg_size(K), how many bytes of the message at hand were sent or received.
func addMessageSize(d *decoder, p *param) {
	size := uint32(0)
	if c := d.chunk(p.of[0], 3*d.message); c != nil {
		size = c.whole
	}
	d.number(p.kind, uint64(size))
}

// addPollSet: polled(K), the descriptors of a list for poll with what happened to them.
func addPollSet(d *decoder, p *param) {
	b := d.bytes(p.of[0], 0)
	at := len(d.data)
	d.data = append(d.data, 0, 0)
	n := uint16(0)
	for ; len(b) >= 8; b = b[8:] {
		happened := binary.NativeEndian.Uint16(b[6:])
		if happened == 0 {
			continue
		}
		d.data = binary.LittleEndian.AppendUint64(d.data, uint64(int64(int32(binary.NativeEndian.Uint32(b)))))
		d.data = binary.LittleEndian.AppendUint16(d.data, uint16(pollFlags(uint64(happened))))
		n++
	}
	binary.LittleEndian.PutUint16(d.data[at:], n)
	d.end()
}

var pollFlags = bits([][2]uint64{{0x1, 1}, {0x2, 2}, {0x4, 4}, {0x2000, 8}, {0x8, 16}, {0x10, 32}, {0x20, 64}, {0x40, 128}, {0x80, 256}, {0x100, 512},
	{0x200, 1024}}, nil, 0)

// addTime: time(K), a timespec in ns; all bits set if there was none.
func addTime(d *decoder, p *param) {
	b := d.bytes(p.of[0], 0)
	if len(b) < 16 {
		d.number(p.kind, math.MaxUint64)
		return
	}
	d.number(p.kind, binary.NativeEndian.Uint64(b)*1e9+binary.NativeEndian.Uint64(b[8:]))
}

// addTime32: time32(K), a timespec of 32-bit programs in ns.
func addTime32(d *decoder, p *param) {
	b := d.bytes(p.of[0], 0)
	if len(b) < 8 {
		d.number(p.kind, math.MaxUint64)
		return
	}
	d.number(p.kind, uint64(binary.NativeEndian.Uint32(b))*1e9+uint64(binary.NativeEndian.Uint32(b[4:])))
}

// addSignals: signals(K), the first 32 signals of a set.
func addSignals(d *decoder, p *param) {
	v := uint32(0)
	if b := d.bytes(p.of[0], 0); len(b) >= 4 {
		v = binary.NativeEndian.Uint32(b)
	}
	d.number(p.kind, uint64(v))
}

// addPercent: pct(K), how full the queue of a listening socket is.
func addPercent(d *decoder, p *param) {
	e, ok := readEnds(d.bytes(p.of[0], 0))
	if !ok || e.backlog == 0 {
		d.number(p.kind, 0)
		return
	}
	d.number(p.kind, uint64(e.waiting)*100/uint64(e.backlog))
}

// addOption: value(K), the value of a socket's option: a number where it has four or eight bytes, else bytes.
func addOption(d *decoder, p *param) {
	b := d.bytes(p.of[0], 0)
	if n := d.bytes(1, 0); len(n) == 4 { // as much as getsockopt wrote
		b = b[:min(len(b), int(binary.NativeEndian.Uint32(n)))]
	}
	switch len(b) {
	case 4:
		d.data = append(append(d.data, 2), b...)
	case 8:
		d.data = append(append(d.data, 3), b...)
	default:
		d.data = append(append(d.data, 0), b...)
	}
	d.end()
}

// setName is the option of prctl that gives a thread a name.
const setName = 15

// addName: name(K), the text that prctl was given, if its option takes one.
func addName(d *decoder, p *param) {
	if d.args[0] == setName {
		d.add(d.bytes(p.of[0], 0))
		return
	}
	d.add([]byte{0})
}

// process is what is known of a process, as bpf/syscalls.bpf.c lays it out.
type process []byte

const processSize = 192

func (p process) u32(i int) uint64 { return uint64(binary.NativeEndian.Uint32(p[4*i:])) }
func (p process) u64(i int) uint64 { return binary.NativeEndian.Uint64(p[56+8*i:]) }

// The places of its members.
const (
	procThread = iota
	procProcess
	procParent
	procGroup
	procSession
	procLocalThread
	procLocalProcess
	procLocalGroup
	procUID
	procGID
	procLogin
	procTTY
	procFlags
)

const (
	procFiles = iota
	procMajor
	procMinor
	procSize
	procRSS
	procSwap
	procInheritable
	procPermitted
	procEffective
	procStart // of the first process in its namespace, ns since boot
	procInode
	procChanged // its program, ns since the epoch
	procModified
)

func (p process) comm() []byte { return p[176:192] }

// capOverride lets a process write every file.
const capOverride = 1 << 1

// writable says whether the process may write the file of its program.
func (p process) writable() bool {
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(p[at:]) }
	return p.u64(procInode) != 0 && writable(u32(160), u32(164), u32(168), &scap.Process{UID: uint32(p.u32(procUID)), GID: uint32(p.u32(procGID)),
		Effective: p.u64(procEffective)})
}

// writable says whether a process may write a file with that mode, owner and group.
func writable(mode, owner, group uint32, p *scap.Process) bool {
	switch {
	case p.Effective&capOverride != 0:
		return true
	case owner == p.UID:
		return mode&0o200 != 0
	case group == p.GID:
		return mode&0o020 != 0
	}
	return mode&0o002 != 0
}

// addCommon adds what the events of clone and execve have in common, exe to cgroups, and says whether there is anything.
func (d *decoder) addCommon(op int) (process, bool) {
	p := process(d.bytes(op, 0))
	if len(p) < processSize {
		return nil, false
	}
	exe, args, _ := bytes.Cut(d.bytes(op, 1), []byte{0})
	d.text(exe)
	d.add(args)
	d.number(scap.PID, p.u32(procThread))
	d.number(scap.PID, p.u32(procProcess))
	d.number(scap.PID, p.u32(procParent))
	d.add([]byte{0})
	d.number(scap.Uint64, p.u64(procFiles))
	d.number(scap.Uint64, p.u64(procMajor))
	d.number(scap.Uint64, p.u64(procMinor))
	d.number(scap.Uint32, p.u64(procSize))
	d.number(scap.Uint32, p.u64(procRSS))
	d.number(scap.Uint32, p.u64(procSwap))
	d.text(p.comm())
	d.add(cgroupsOf(p.u32(procThread)))
	return p, true
}

// addChild: child(K,L), the rest of an event of clone; K gathered the process, L the arguments of clone3.
func addChild(d *decoder, p *param) {
	proc, ok := d.addCommon(p.of[0])
	if !ok {
		return
	}
	flags := proc.u32(procFlags)
	switch {
	case d.kind == recordFork:
	case p.of[1] >= 0:
		if b := d.bytes(p.of[1], 0); len(b) >= 8 {
			flags = flagSets["clone"](binary.NativeEndian.Uint64(b))
		}
	case d.call.name == "clone":
		flags = flagSets["clone"](d.args[0])
	}
	d.number(scap.Flags32, flags)
	d.number(scap.Uint32, proc.u32(procUID))
	d.number(scap.Uint32, proc.u32(procGID))
	d.number(scap.PID, proc.u32(procLocalThread))
	d.number(scap.PID, proc.u32(procLocalProcess))
	d.number(scap.Uint64, proc.u64(procStart))
}

// addProgram: program(K), the rest of an event of execve.
func addProgram(d *decoder, p *param) {
	proc, ok := d.addCommon(p.of[0])
	if !ok {
		return
	}
	d.add(d.bytes(p.of[0], 2))
	d.number(scap.Uint32, proc.u32(procTTY))
	d.number(scap.PID, proc.u32(procLocalGroup))
	d.number(scap.Int32, proc.u32(procLogin))
	d.number(scap.Flags32, uint64(flag(proc.writable())))
	for i := procInheritable; i <= procEffective; i++ {
		d.number(scap.Uint64, proc.u64(i))
	}
	d.number(scap.Uint64, proc.u64(procInode))
	d.number(scap.AbsTime, proc.u64(procChanged))
	d.number(scap.AbsTime, proc.u64(procModified))
	d.number(scap.UID, proc.u32(procUID))
	d.add(append(joinPath(d.bytes(p.of[0], 3)), 0))
	d.number(scap.PID, proc.u32(procGroup))
	d.number(scap.GID, proc.u32(procGID))
	if d.call.name == "execve" {
		d.text(d.bytes(1, 0))
	}
}

// joinPath is the path of names that stand the last one first, each with a NUL behind it.
func joinPath(names []byte) []byte {
	var out []byte
	for len(names) > 1 {
		names = names[:len(names)-1]
		i := bytes.LastIndexByte(names, 0) + 1
		out = append(append(out, '/'), names[i:]...)
		names = names[:i]
	}
	return out
}

// cgroupsOf are the control groups of a thread as .scap files have them: CONTROLLERS=PATH, a NUL behind each. They are nothing if it
// has ended.
func cgroupsOf(tid uint64) []byte {
	b, err := os.ReadFile("/proc/" + strconv.FormatUint(tid, 10) + "/cgroup")
	if err != nil {
		return nil
	}
	return parseCgroups(b)
}

// parseCgroups reads /proc/PID/cgroup: lines of NUMBER:CONTROLLERS:PATH.
func parseCgroups(b []byte) (out []byte) {
	for line := range bytes.Lines(b) {
		parts := bytes.SplitN(bytes.TrimRight(line, "\n"), []byte{':'}, 3)
		if len(parts) != 3 {
			continue
		}
		for _, c := range bytes.Split(parts[1], []byte{','}) {
			out = append(append(append(append(out, c...), '='), parts[2]...), 0)
		}
	}
	return out
}
