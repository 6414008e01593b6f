package syscalls

import "golang.org/x/sys/unix"

// flagSets translate flags and enumerations of the kernel into those of .scap files, which are the same on all machines.
var flagSets = map[string]func(uint64) uint64{
	"open":  bits(openFlags, map[uint64]uint64{0: 1, unix.O_WRONLY: 2, unix.O_RDWR: 3}, unix.O_ACCMODE),
	"new":   bits(openFlags, nil, 0), // of descriptors that are no files
	"epoll": bits([][2]uint64{{unix.EPOLL_CLOEXEC, 1}}, nil, 0),
	"mode":  func(v uint64) uint64 { return v & 0o7777 },
	"dev": func(v uint64) uint64 {
		major, minor := v>>20, v&0xfffff
		return minor&0xff | major<<8 | minor&^0xff<<12
	},
	"prot": func(v uint64) uint64 { return v&0xf | v>>20&0x30 },
	"mmap": bits([][2]uint64{{unix.MAP_SHARED, 1}, {unix.MAP_PRIVATE, 2}, {unix.MAP_FIXED, 4}, {unix.MAP_ANONYMOUS, 8}, {0x40, 16}, {unix.MAP_NORESERVE, 64},
		{unix.MAP_POPULATE, 128}, {unix.MAP_NONBLOCK, 256}, {unix.MAP_GROWSDOWN, 512}, {unix.MAP_DENYWRITE, 1024}, {unix.MAP_EXECUTABLE, 2048},
		{unix.MAP_LOCKED, 16384}}, nil, 0),
	"access":   same,
	"whence":   same,
	"domain":   same,
	"level":    enum(map[uint64]uint64{unix.SOL_SOCKET: 1, unix.SOL_TCP: 2}, 0),
	"fcntl":    fcntlCommand,
	"flock":    bits([][2]uint64{{unix.LOCK_SH, 1}, {unix.LOCK_EX, 2}, {unix.LOCK_NB, 4}, {unix.LOCK_UN, 8}}, nil, 0),
	"unlinkat": same,
	"limit":    same,
	"ptrace":   enum(ptraceRequests(), 0),
	"mount":    func(v uint64) uint64 { return v & 0xffff_ffff },
	"semget":   bits([][2]uint64{{unix.IPC_EXCL, 1 << 14}, {unix.IPC_CREAT, 1 << 13}}, nil, 0),
	"semctl":   func(v uint64) uint64 { return semctlCommand(v &^ 0x100) }, // without IPC_64
	"semop":    bits([][2]uint64{{0o4000, 1}, {0x1000, 2}}, nil, 0),
	"resolve": bits([][2]uint64{{unix.RESOLVE_BENEATH, 1}, {unix.RESOLVE_IN_ROOT, 2}, {unix.RESOLVE_NO_MAGICLINKS, 4}, {unix.RESOLVE_NO_SYMLINKS, 8},
		{unix.RESOLVE_NO_XDEV, 16}, {0x20, 32}}, nil, 0),
	"clone": bits(cloneFlags, nil, 0),

	"signed":     func(v uint64) uint64 { return uint64(int64(int32(v))) },
	"ring_op":    func(v uint64) uint64 { return v & 0xff },
	"ring_flags": func(v uint64) uint64 { return v >> 8 & 0xff },
}

var openFlags = [][2]uint64{{unix.O_CREAT, 4}, {unix.O_APPEND, 8}, {unix.O_DSYNC, 16}, {unix.O_EXCL, 32}, {unix.O_NONBLOCK, 64},
	{unix.O_SYNC &^ unix.O_DSYNC, 128}, {unix.O_TRUNC, 256}, {unix.O_DIRECT, 512}, {unix.O_DIRECTORY, 1024}, {unix.O_CLOEXEC, 4096},
	{unix.O_TMPFILE &^ unix.O_DIRECTORY, 8192}}

var cloneFlags = [][2]uint64{{unix.CLONE_FILES, 1}, {unix.CLONE_FS, 2}, {unix.CLONE_IO, 4}, {unix.CLONE_NEWIPC, 8}, {unix.CLONE_NEWNET, 16},
	{unix.CLONE_NEWNS, 32}, {unix.CLONE_NEWPID, 64}, {unix.CLONE_NEWUTS, 128}, {unix.CLONE_PARENT, 256}, {unix.CLONE_PARENT_SETTID, 512},
	{unix.CLONE_PTRACE, 1024}, {unix.CLONE_SIGHAND, 2048}, {unix.CLONE_SYSVSEM, 4096}, {unix.CLONE_THREAD, 8192}, {unix.CLONE_UNTRACED, 16384},
	{unix.CLONE_VM, 32768}, {unix.CLONE_NEWUSER, 1 << 20}, {unix.CLONE_CHILD_CLEARTID, 1 << 23}, {unix.CLONE_CHILD_SETTID, 1 << 24},
	{unix.CLONE_SETTLS, 1 << 25}, {unix.CLONE_VFORK, 1 << 27}, {unix.CLONE_NEWCGROUP, 1 << 28}}

func same(v uint64) uint64 { return v }

// bits translates each bit, and the number in mask by a table.
func bits(pairs [][2]uint64, numbers map[uint64]uint64, mask uint64) func(uint64) uint64 {
	return func(v uint64) uint64 {
		out := numbers[v&mask]
		for _, p := range pairs {
			if v&p[0] == p[0] {
				out |= p[1]
			}
		}
		return out
	}
}

// enum translates a number by a table; what is not in it is other.
func enum(numbers map[uint64]uint64, other uint64) func(uint64) uint64 {
	return func(v uint64) uint64 {
		if n, ok := numbers[v]; ok {
			return n
		}
		return other
	}
}

var fcntlCommand = enum(map[uint64]uint64{unix.F_DUPFD: 1, unix.F_GETFD: 2, unix.F_SETFD: 3, unix.F_GETFL: 4, unix.F_SETFL: 5, unix.F_GETLK: 6,
	unix.F_SETLK: 8, unix.F_SETLKW: 9, unix.F_SETOWN: 10, unix.F_GETOWN: 12, unix.F_SETSIG: 13, unix.F_GETSIG: 15, unix.F_OFD_GETLK: 30,
	unix.F_OFD_SETLK: 31, unix.F_OFD_SETLKW: 32, unix.F_SETOWN_EX: 21, unix.F_GETOWN_EX: 22, unix.F_SETLEASE: 23, unix.F_GETLEASE: 24,
	1029: 25, unix.F_DUPFD_CLOEXEC: 26, unix.F_NOTIFY: 27, unix.F_SETPIPE_SZ: 28, unix.F_GETPIPE_SZ: 29}, 0)

// ptraceRequests are the requests by the kernel's numbers; captures number them in the order of these.
func ptraceRequests() map[uint64]uint64 {
	out := map[uint64]uint64{}
	n := uint64(0)
	for _, r := range [][2]uint64{{0, 10}, {16, 18}, {0x4200, 0x420c}, {12, 16}, {18, 20}, {21, 22}, {25, 27}, {30, 34}} { // from, to
		for v := r[0]; v < r[1]; v++ {
			n++
			out[v] = n
		}
		if n == 12 { // PTRACE_SYSCALL stands alone
			n++
			out[24] = n
		}
	}
	return out
}

// semctlCommand translates a command of semctl.
var semctlCommand = enum(map[uint64]uint64{0: 4, 1: 2, 2: 1, 3: 8, 11: 256, 12: 512, 13: 64, 14: 128, 15: 1024, 16: 4096, 17: 2048, 18: 32, 19: 16}, 0)
