package scap

import (
	"bytes"
	"encoding/binary"
)

// Section begins a file, or what was appended to one: all tables start anew.
type Section struct{ Major, Minor uint16 }

// Machine describes the host of a capture.
type Machine struct {
	CPUs   uint32
	Memory uint64 // bytes
	MaxPID uint64
	Host   string
	Boot   int64 // ns since the epoch
	Flags  uint64
}

// Interface is one of the host's network addresses.
type Interface struct {
	Name                     string
	Address, Mask, Broadcast []byte // 4 or 16 bytes
	Speed                    uint64
}

// User is one of the host's users.
type User struct {
	ID, Group         uint32
	Name, Home, Shell string
}

// Group is one of the host's groups.
type Group struct {
	ID   uint32
	Name string
}

// ThreadFlags are the flags of a thread that the tables carry; they are also what clone was asked for.
const (
	ThreadFiles = 1 << 0  // shares its descriptors with its parent
	ThreadFS    = 1 << 1  // shares its working directory
	ThreadSame  = 1 << 13 // is a thread of its parent's process
	ThreadVM    = 1 << 15
)

// Process is a thread as it was when the capture began.
type Process struct {
	TID, PID, Parent              int64
	Session, Group                int64  // Group in the innermost namespace
	Comm, Exe, ExePath, Cwd, Root string //
	Args, Env, Cgroups            []byte // texts, NUL behind each
	FDLimit                       int64
	Flags                         uint32
	UID, GID                      uint32
	VMSize, VMRSS, VMSwap         uint32 // kB
	MajorFaults, MinorFaults      uint64
	VTID, VPID                    int64  // ids in the innermost namespace; -1 where they are not known
	NamespaceStart                uint64 // of the first process in the namespace, ns since the epoch
	TTY                           uint32
	Login                         uint32 // user id at login; 1<<32-1 if there was none
	Program
	Inheritable, Permitted, Effective uint64
	ProcessGroup                      int64
}

// Program is the file that a process runs.
type Program struct {
	ExeWritable                       bool // by the process
	ExeUpper, ExeLower, ExeFromMemory bool // in which layer of an overlay it is; in no file system
	ExeInode                          uint64
	ExeChanged, ExeModified           uint64 // ns since the epoch
}

// FDType is what a descriptor is of.
type FDType uint8

// The types of descriptors, as files number them.
const (
	FDUnknown    FDType = 0
	FDFile       FDType = 1
	FDDirectory  FDType = 2
	FDIPv4       FDType = 3
	FDIPv6       FDType = 4
	FDIPv4Server FDType = 5
	FDIPv6Server FDType = 6
	FDPipe       FDType = 7
	FDUnix       FDType = 8
	FDEvent      FDType = 9
	FDOther      FDType = 10
	FDSignal     FDType = 11
	FDEventpoll  FDType = 12
	FDInotify    FDType = 13
	FDTimer      FDType = 14
	FDNetlink    FDType = 15
	FDFileV2     FDType = 16
	FDBPF        FDType = 17
	FDUserfault  FDType = 18
	FDUring      FDType = 19
	FDMemfd      FDType = 20
	FDPidfd      FDType = 21
)

// L4 is the transport of a socket, as files number them.
type L4 uint8

// The transports.
const (
	L4Unknown L4 = iota
	L4NA         // no socket
	L4TCP
	L4UDP
	L4ICMP
	L4Raw
)

// Descriptor is an open descriptor of a thread when the capture began.
type Descriptor struct {
	Thread           int64
	FD               int64
	Inode            uint64
	Type             FDType
	L4               L4
	Source, Dest     [16]byte // IPv4 in the first four bytes; a listening socket has a Source only
	SourcePort, Port uint16
	Unix             [2]uint64 // addresses of the socket's two ends in the kernel
	Name             string
	OpenFlags        uint32
	Device           uint32
}

// cursor reads numbers and texts from the bytes of a table; bad is set once something was missing.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) u8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) i64() int64 { return int64(c.u64()) }

func (c *cursor) bytes() []byte { return c.take(int(c.u16())) }

func (c *cursor) text() string { return string(trimNUL(c.bytes())) }

// entry takes the next entry of a table whose entries carry their length, which includes itself.
func (c *cursor) entry() (*cursor, bool) {
	if len(c.b) < 4 { // padding
		return nil, false
	}
	n := int(c.u32())
	if n < 4 || n-4 > len(c.b) {
		c.bad = true
		return nil, false
	}
	return &cursor{b: c.take(n - 4)}, true
}

func machine(c *cursor) *Machine {
	m := &Machine{CPUs: c.u32(), Memory: c.u64(), MaxPID: c.u64(), Host: string(trimNUL(c.take(128)))}
	if len(c.b) >= 16 { // the oldest files have reserved fields here
		m.Boot, m.Flags = c.i64(), c.u64()
	}
	return m
}

// processVersions are the block types of process lists, each with the version of its entries.
var processVersions = map[uint32]int{blockPL1: 1, blockPL2: 2, blockPL3: 3, 0x210: 4, 0x211: 5, 0x212: 6, 0x213: 7, 0x214: 8, 0x215: 9}

// process reads an entry of a process list. From version 9 on entries carry their length, and what is appended to
// them later is skipped; before, they follow each other without a border.
func process(c *cursor, version int) *Process {
	p := &Process{VTID: -1, VPID: -1, Group: -1, Session: -1, ProcessGroup: -1, Login: 1<<32 - 1, Root: "/"}
	p.TID, p.PID, p.Parent = c.i64(), c.i64(), c.i64()
	if version >= 6 {
		p.Session = c.i64()
	}
	if version >= 8 {
		p.Group = c.i64()
	}
	p.Comm, p.Exe = c.text(), c.text()
	if version >= 7 {
		p.ExePath = c.text()
	}
	p.Args, p.Cwd = bytes.Clone(c.bytes()), c.text()
	p.FDLimit, p.Flags, p.UID, p.GID = c.i64(), c.u32(), c.u32(), c.u32()
	if version >= 2 {
		p.VMSize, p.VMRSS, p.VMSwap = c.u32(), c.u32(), c.u32()
		p.MajorFaults, p.MinorFaults = c.u64(), c.u64()
	}
	if version >= 3 {
		p.Env = bytes.Clone(c.bytes())
	}
	if version >= 4 {
		p.VTID, p.VPID, p.Cgroups = c.i64(), c.i64(), bytes.Clone(c.bytes())
	}
	if version >= 5 {
		p.Root = c.text()
	}
	if version >= 9 {
		processTail(c, p)
	}
	return p
}

// processTail reads what was appended to entries over the years; an entry may end anywhere.
func processTail(c *cursor, p *Process) {
	for _, read := range []func(){
		func() { p.NamespaceStart = c.u64() },
		func() { p.TTY = c.u32() },
		func() { p.Login = c.u32() },
		func() { p.ExeWritable = c.u8() != 0 },
		func() { p.Inheritable = c.u64() },
		func() { p.Permitted = c.u64() },
		func() { p.Effective = c.u64() },
		func() { p.ExeUpper = c.u8() != 0 },
		func() { p.ExeInode = c.u64() },
		func() { p.ExeChanged = c.u64() },
		func() { p.ExeModified = c.u64() },
		func() { p.ExeFromMemory = c.u8() != 0 },
		func() { p.ExeLower = c.u8() != 0 },
		func() { p.ProcessGroup = c.i64() },
	} {
		if len(c.b) == 0 {
			return
		}
		read()
	}
}

// descriptor reads an entry of a descriptor list behind its length.
func descriptor(c *cursor, thread int64) *Descriptor {
	d := &Descriptor{Thread: thread, FD: c.i64(), Inode: c.u64(), Type: FDType(c.u8())}
	switch d.Type {
	case FDIPv4:
		copy(d.Source[:], c.take(4))
		copy(d.Dest[:], c.take(4))
		d.SourcePort, d.Port, d.L4 = c.u16(), c.u16(), L4(c.u8())
	case FDIPv4Server:
		copy(d.Source[:], c.take(4))
		d.SourcePort, d.L4 = c.u16(), L4(c.u8())
	case FDIPv6:
		copy(d.Source[:], c.take(16))
		copy(d.Dest[:], c.take(16))
		d.SourcePort, d.Port, d.L4 = c.u16(), c.u16(), L4(c.u8())
	case FDIPv6Server:
		copy(d.Source[:], c.take(16))
		d.SourcePort, d.L4 = c.u16(), L4(c.u8())
	case FDUnix:
		d.Unix[0], d.Unix[1], d.Name = c.u64(), c.u64(), c.text()
	case FDFileV2:
		d.OpenFlags, d.Name = c.u32(), c.text()
		if len(c.b) >= 4 {
			d.Device = c.u32()
		}
		d.Type = FDFile
	default:
		d.Name = c.text()
	}
	return d
}

// iface reads an entry of the interface list behind its length.
func iface(c *cursor) *Interface {
	kind, n := c.u16(), int(c.u16())
	size := map[uint16]int{1: 4, 2: 16, 3: 4, 4: 16}[kind] // 3 and 4 have no link speed
	if size == 0 {
		c.bad = true
		return nil
	}
	i := &Interface{Address: bytes.Clone(c.take(size)), Mask: bytes.Clone(c.take(size)), Broadcast: bytes.Clone(c.take(size))}
	if kind < 3 {
		i.Speed = c.u64()
	}
	i.Name = string(trimNUL(c.take(n)))
	return i
}

// account reads an entry of the user list behind its length: a *User or a *Group.
func account(c *cursor) any {
	switch c.u8() {
	case 0:
		return &User{c.u32(), c.u32(), c.text(), c.text(), c.text()}
	case 1:
		return &Group{c.u32(), c.text()}
	}
	c.bad = true
	return nil
}
