package sys

import (
	"bytes"

	"github.com/tapir-project/tapir/scap"
)

// None stands where there is no user or group id.
const None = 1<<32 - 1

// Thread is what is known of a thread.
type Thread struct {
	TID, PID, Parent      int64
	Session, Group        int64 // Group is the process group in the innermost namespace
	ProcessGroup          int64
	VTID, VPID            int64
	Comm, Exe, ExePath    string
	Cwd, Root             string // Cwd ends with a slash
	Args, Env, Cgroups    []byte // texts, NUL behind each
	UID, GID, Login       uint32
	FDLimit               int64
	Flags                 uint32 // scap.ThreadFiles and others
	TTY                   uint32
	VMSize, VMRSS         uint32 // kB
	VMSwap                uint32
	Major, Minor          uint64       // page faults
	Started               int64        // ns since the epoch; 0 if it ran before the capture
	Program               scap.Program // what it runs
	NamespaceStart        uint64       // of the first process in its namespace, ns since the epoch; 0 if that is not known
	ContainerID           string       // "" on the host
	CapInherit, CapPerm   uint64
	CapEffective          uint64
	children              int32 // other threads of the process that are alive
	known                 bool  // not only by its id
	inverted              bool  // made by its own return from clone
	fds                   *fdTable
	main                  *Thread // of the process, if it was looked up
	last                  lastCall
	cpuUser, cpuSystem    uint64 // ticks at the last procinfo
	cpuUserNow, cpuSysNow float64
	cpuKnown              bool
}

// lastCall is the call that the thread is in, or was in last.
type lastCall struct {
	kind    scap.Type
	set     bool  // a call was entered at all
	valid   bool  // the leaving event at hand belongs to it
	fd      int64 // its descriptor; -1 if it has none
	entered int64
	latency int64
	params  scap.Event // what it was entered with, for calls whose leaving needs that
	kept    bool
}

// Main is the first thread of t's process; nil if it is not known.
func (s *Inspector) Main(t *Thread) *Thread {
	if t.TID == t.PID {
		return t
	}
	if t.main == nil || t.main.TID != t.PID {
		t.main = s.threads[t.PID]
	}
	return t.main
}

// ParentOf is the first thread of the process that started t's; nil if it is not known.
func (s *Inspector) ParentOf(t *Thread) *Thread {
	if t.Parent <= 0 {
		return nil
	}
	return s.threads[t.Parent]
}

// SharesFDs says whether t has the descriptors of its process's first thread.
func (t *Thread) sharesFDs() bool { return t.Flags&scap.ThreadFiles != 0 && t.TID != t.PID }

// table is t's descriptors.
func (s *Inspector) table(t *Thread) *fdTable {
	if t.sharesFDs() {
		if m := s.Main(t); m != nil {
			return m.ownTable()
		}
		return nil
	}
	return t.ownTable()
}

func (t *Thread) ownTable() *fdTable {
	if t.fds == nil {
		t.fds = &fdTable{}
	}
	return t.fds
}

// FD is t's descriptor n; nil if it is not known.
func (s *Inspector) FD(t *Thread, n int64) *FD {
	if f := s.table(t); f != nil {
		return f.get(n)
	}
	return nil
}

// setArgs stores the arguments as a capture has them.
func setTexts(dst, b []byte) []byte { return append(dst[:0], b...) }

// eachText calls f with the texts of a list with a NUL behind each, as far as it wants them. An empty one ends the
// list only at its end.
func eachText(b []byte, f func(s []byte) bool) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			f(b)
			return
		}
		if !f(b[:i]) {
			return
		}
		b = b[i+1:]
	}
}

// FD is an open descriptor.
type FD struct {
	Num        int64
	Type       scap.FDType
	L4         scap.L4
	Source     [16]byte // IPv4 in the first four bytes
	Dest       [16]byte
	SourcePort uint16
	DestPort   uint16
	Unix       [2]uint64
	Name       string // path, or both ends; see rename for what a socket is called
	OpenFlags  uint32
	Device     uint32
	Inode      uint64
	role       role
	connected  bool
	pending    bool // connect is under way
	failed     bool
	moved      bool   // connect was entered with another address than before
	closing    bool   // close was entered and not left
	canceled   bool   // ... and the number was opened anew in between
	Came       uint32 // its place in the order in which the process's descriptors became known
	private    map[string]any
	verdicts   [2]verdict // on calls of two types, for those that read and those that write
}

// role is which end of a connection the process is.
type role uint8

const (
	roleNone role = iota
	roleClient
	roleServer
)

func (f *FD) v4() bool     { return f.Type == scap.FDIPv4 || f.Type == scap.FDIPv4Server }
func (f *FD) v6() bool     { return f.Type == scap.FDIPv6 || f.Type == scap.FDIPv6Server }
func (f *FD) ip() bool     { return f.v4() || f.v6() }
func (f *FD) socket() bool { return f.Type == scap.FDIPv4 || f.Type == scap.FDIPv6 }
func (f *FD) listens() bool {
	return f.Type == scap.FDIPv4Server || f.Type == scap.FDIPv6Server
}
func (f *FD) file() bool { return f.Type == scap.FDFile || f.Type == scap.FDFileV2 }

// swap exchanges the ends.
func (f *FD) swap() {
	f.Source, f.Dest, f.SourcePort, f.DestPort = f.Dest, f.Source, f.DestPort, f.SourcePort
}

// typeChar is how the descriptor's type is shown in front of its name.
func (f *FD) typeChar() byte {
	if int(f.Type) < len(fdTypes) {
		return fdTypes[f.Type].char
	}
	return 'o'
}

// typeName is the value of fd.type.
func (f *FD) typeName() string {
	if int(f.Type) < len(fdTypes) {
		return fdTypes[f.Type].name
	}
	return "<NA>"
}

var fdTypes = [...]struct {
	char byte
	name string
}{scap.FDUnknown: {'o', "<NA>"}, scap.FDFile: {'f', "file"}, scap.FDDirectory: {'d', "directory"}, scap.FDIPv4: {'4', "ipv4"},
	scap.FDIPv6: {'6', "ipv6"}, scap.FDIPv4Server: {'4', "ipv4"}, scap.FDIPv6Server: {'6', "ipv6"}, scap.FDPipe: {'p', "pipe"},
	scap.FDUnix: {'u', "unix"}, scap.FDEvent: {'e', "event"}, scap.FDOther: {'X', "<NA>"}, scap.FDSignal: {'s', "signalfd"},
	scap.FDEventpoll: {'l', "eventpoll"}, scap.FDInotify: {'i', "inotify"}, scap.FDTimer: {'t', "timerfd"},
	scap.FDNetlink: {'n', "netlink"}, scap.FDFileV2: {'f', "file"}, scap.FDBPF: {'b', "bpf"}, scap.FDUserfault: {'u', "userfaultfd"},
	scap.FDUring: {'r', "io_uring"}, scap.FDMemfd: {'m', "memfd"}, scap.FDPidfd: {'P', "pidfd"}}

const (
	smallFDs = 1024    // numbers below it are looked up without hashing
	maxFDs   = 1 << 16 // of one process
)

// fdTable is the descriptors of a process.
type fdTable struct {
	small []*FD
	large map[int64]*FD
	n     int
	came  uint32
}

func (t *fdTable) get(n int64) *FD {
	if uint64(n) < uint64(len(t.small)) {
		return t.small[n]
	}
	if n >= smallFDs {
		return t.large[n]
	}
	return nil
}

// put stores f under its number and says whether there was room.
func (t *fdTable) put(f *FD) bool {
	n := f.Num
	old := t.get(n)
	if old == nil && t.n >= maxFDs || n < 0 {
		return false
	}
	f.Came = t.came
	if old == nil {
		t.n++
		t.came++
	} else {
		f.Came = old.Came
	}
	if n < smallFDs {
		for int64(len(t.small)) <= n {
			t.small = append(t.small, nil)
		}
		t.small[n] = f
		return true
	}
	if t.large == nil {
		t.large = map[int64]*FD{}
	}
	t.large[n] = f
	return true
}

func (t *fdTable) remove(n int64) {
	if t.get(n) == nil {
		return
	}
	t.n--
	if n < smallFDs {
		t.small[n] = nil
		return
	}
	delete(t.large, n)
}

// all calls f with each descriptor, in no order beyond smallFDs.
func (t *fdTable) all(f func(*FD) bool) {
	for _, d := range t.small {
		if d != nil && !f(d) {
			return
		}
	}
	for _, d := range t.large {
		if !f(d) {
			return
		}
	}
}

// copy is a table with copies of all descriptors.
func (t *fdTable) copy() *fdTable {
	out := &fdTable{}
	t.all(func(f *FD) bool {
		c := *f
		c.private = nil
		out.put(&c)
		return true
	})
	return out
}
