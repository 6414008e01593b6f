package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
)

// Parameters of calls that do something else for each command they are given.

// addOptionName: optname(L,N), option N of a socket at level L; captures number those of the socket itself only.
func addOptionName(d *decoder, p *param) {
	v := uint64(0)
	if level := d.args[p.of[0]]; level == unix.SOL_SOCKET {
		switch o := d.args[p.of[1]]; {
		case o <= unix.SO_ATTACH_BPF:
			v = o
		case o == unix.SO_PEERGROUPS:
			v = 51
		case o == unix.SO_MEMINFO:
			v = 52
		case o == unix.SO_COOKIE:
			v = 53
		}
	}
	d.number(p.kind, v)
}

// addNameNumber: name_number(N), argument N of prctl, where it is no text.
func addNameNumber(d *decoder, p *param) {
	v := d.args[p.of[0]]
	if d.args[0] == setName {
		v = 0
	}
	d.number(p.kind, v)
}

// dynNumber is the selector of a number in parameters of keyctl.
const dynNumber = 2

// addDynNumber: number(N), argument N as a number.
func addDynNumber(d *decoder, p *param) {
	d.data = binary.LittleEndian.AppendUint64(append(d.data, dynNumber), d.args[p.of[0]])
	d.end()
}

// Selectors of parameters of ptrace.
const (
	tracedNumber = 0
	tracedSignal = 1
)

// addTraced: traced(N), the address that ptrace was about; a call that failed tells none.
func addTraced(d *decoder, p *param) {
	if d.result >= 0 {
		d.data = binary.LittleEndian.AppendUint64(append(d.data, tracedNumber), d.args[p.of[0]])
	}
	d.end()
}

// addTracedData: traced_data(K), what ptrace read, the signal it went on with, or what it was given.
func addTracedData(d *decoder, p *param) {
	b := d.bytes(p.of[0], 0)
	switch request := d.args[0]; {
	case d.result < 0:
	case request >= unix.PTRACE_PEEKTEXT && request <= unix.PTRACE_PEEKUSR && len(b) == 8:
		d.data = append(append(d.data, tracedNumber), b...)
	case request == unix.PTRACE_CONT || request == unix.PTRACE_SINGLESTEP || request == unix.PTRACE_DETACH || request == unix.PTRACE_SYSCALL:
		d.data = append(d.data, tracedSignal, byte(d.args[3]))
	default:
		d.data = binary.LittleEndian.AppendUint64(append(d.data, tracedNumber), d.args[3])
	}
	d.end()
}

// Commands of fsconfig that take a value.
const (
	configString    = 1
	configBinary    = 2
	configPath      = 3
	configPathEmpty = 4
)

// addConfigBytes: fs_bytes(K), the value that fsconfig was given, where it is bytes.
func addConfigBytes(d *decoder, p *param) {
	if d.args[1] == configBinary {
		d.add(d.bytes(p.of[0], 0))
		return
	}
	d.end()
}

// addConfigText: fs_text(K), the same where it is text.
func addConfigText(d *decoder, p *param) {
	switch d.args[1] {
	case configString, configPath, configPathEmpty:
		d.add(d.bytes(p.of[0], 0))
	default:
		d.add([]byte{0})
	}
}

// Commands of quotactl without the type of quota in their low byte (linux/quota.h, linux/dqblk_xfs.h), as captures have them.
var quotaCommands = enum(map[uint64]uint64{0x800002: 1, 0x800003: 2, 0x800004: 4, 0x800005: 8, 0x800006: 16, 0x800007: 32, 0x800008: 64,
	0x800001: 128, 0x5801: 256, 0x5802: 512, 0x5803: 1024, 0x5804: 2048, 0x5805: 4096, 0x5806: 8192, 0x5807: 16384}, 0)

const (
	quotaOn       = 1
	quotaFormat   = 4
	quotaGetInfo  = 8
	quotaSetInfo  = 16
	quotaGetLimit = 32
	quotaSetLimit = 64
)

// addQuota: quota(T,K), what quotactl tells and is told beside the device; T gathered a path, K a structure.
func addQuota(d *decoder, p *param) {
	command := quotaCommands(d.args[0] >> 8)
	b := d.bytes(p.of[1], 0)
	u64 := func(of uint64, at int) uint64 {
		if command&of == 0 || len(b) < at+8 {
			return 0
		}
		return binary.NativeEndian.Uint64(b[at:])
	}
	if command == quotaOn {
		d.add(d.bytes(p.of[0], 0))
	} else {
		d.add([]byte{0})
	}
	const limits, info = quotaGetLimit | quotaSetLimit, quotaGetInfo | quotaSetInfo
	for _, at := range []int{0, 8, 16, 24, 32} { // of struct if_dqblk: blocks hard, soft, in use, inodes hard, soft
		d.number(scap.Uint64, u64(limits, at))
	}
	d.number(scap.RelTime, u64(limits, 48))
	d.number(scap.RelTime, u64(limits, 56))
	d.number(scap.RelTime, u64(info, 0))
	d.number(scap.RelTime, u64(info, 8))
	d.number(scap.Flags8, quotaInfo(u64(info, 16)))
	format := uint64(0)
	if command == quotaFormat {
		format = u64(quotaFormat, 0)
	}
	d.number(scap.Flags8, quotaFormats(format&0xffff_ffff))
	d.number(scap.Flags16, command)
	d.number(scap.Flags8, map[uint64]uint64{0: 1, 1: 2}[d.args[0]&0xff])
	id := d.args[2]
	if command == quotaOn { // it is a format there
		id = 0
	}
	d.number(scap.Uint32, id)
	format = 0
	if command == quotaOn {
		format = d.args[2]
	}
	d.number(scap.Flags8, quotaFormats(format))
}

var (
	quotaFormats = enum(map[uint64]uint64{0: 1, 1: 2, 2: 4, 4: 8}, 1)
	quotaInfo    = func(flags uint64) uint64 { return 1 + flags&1 }
)

// enterExtended says that the argument of io_uring_enter is no set of signals.
const enterExtended = 1 << 3

// addRingSignals: ring_signals(K), the set of signals that io_uring_enter was given.
func addRingSignals(d *decoder, p *param) {
	if d.args[3]&enterExtended != 0 {
		d.number(p.kind, 0)
		return
	}
	addSignals(d, p)
}
