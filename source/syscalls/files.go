package syscalls

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/scap"
)

// openFiles reads what all processes have open, by process, from the kernel's iterator of files. Both ends of each socket are told, also of
// those that /proc lists in no table. Its error says that this kernel has no such iterator.
func (it *iterators) openFiles() (map[int64][]*scap.Descriptor, error) {
	out := map[int64][]*scap.Descriptor{}
	err := it.read(bpf.SyscallsProgTapirFiles, false, func(d *decoder) { out[int64(d.pid)] = append(out[int64(d.pid)], d.descriptor()) })
	return out, err
}

// descriptor is what a record of the iterator tells; its type is 0 where /proc has to be asked.
func (d *decoder) descriptor() *scap.Descriptor {
	f := &scap.Descriptor{Thread: int64(d.pid), FD: d.result, Inode: d.args[1]}
	gone := d.args[5] != 0
	switch d.args[3] & unix.S_IFMT {
	case unix.S_IFSOCK:
		f.Name = fmt.Sprintf("socket:[%d]", f.Inode)
		if e, ok := readEnds(d.bytes(where, 0)); ok {
			e.describe(f, d.bytes(where, 1))
		}
		return f
	case unix.S_IFDIR:
		f.Type = scap.FDDirectory
	case unix.S_IFREG, unix.S_IFCHR, unix.S_IFBLK:
		f.Type = scap.FDFile
	}
	f.Name = string(joinPath(d.bytes(0, 0)))
	if gone || f.Name == "" || d.chunk(0, 0).cut() { // /proc knows what stands for its name
		f.Type = 0
	}
	f.Device, f.OpenFlags = uint32(flagSets["dev"](d.args[2])), uint32(flagSets["open"](d.args[4]))
	return f
}

// where is the op number of the chunk with the ends of a socket that no call is about.
const where = 7

// stateListens is the state of a socket that listens.
const stateListens = 10

// describe fills in the descriptor of a socket with these ends; path is that of a Unix socket.
func (e *ends) describe(f *scap.Descriptor, path []byte) {
	f.Type = scap.FDOther
	switch e.family {
	case familyUnix:
		f.Type, f.Unix, f.Name = scap.FDUnix, [2]uint64{e.self, e.peer}, string(unixPath(path))
		return
	case familyNetlink:
		f.Type, f.Name = scap.FDNetlink, ""
		return
	case familyINET:
		f.Type = scap.FDIPv4
	case familyINET6:
		f.Type = scap.FDIPv6
	default:
		return
	}
	if e.state == stateListens && e.kind == unix.SOCK_STREAM {
		f.Type += scap.FDIPv4Server - scap.FDIPv4
	}
	f.Name = ""
	f.L4 = map[uint16]scap.L4{unix.IPPROTO_TCP: scap.L4TCP, unix.IPPROTO_MPTCP: scap.L4TCP, unix.IPPROTO_UDP: scap.L4UDP, unix.IPPROTO_ICMP: scap.L4ICMP, unix.IPPROTO_ICMPV6: scap.L4ICMP}[e.protocol]
	if e.kind == unix.SOCK_RAW {
		f.L4 = scap.L4Raw
	}
	copy(f.Source[:], e.local)
	copy(f.Dest[:], e.remote)
	f.SourcePort, f.Port = e.localPort, e.remotePort
}
