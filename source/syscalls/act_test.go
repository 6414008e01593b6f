package syscalls_test

import (
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tell prints what a capture has to show of a call: its name and arguments, results first.
func tell(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// act makes calls of which it knows everything, and tells of each what a capture has to show.
func act(dir string) {
	runtime.LockOSThread()
	actFiles(dir)
	actTCP()
	actUDP()
	actMessages()
	actOthers()
	actOptions(dir)
}

func actFiles(dir string) {
	name := filepath.Join(dir, "file")
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o640)
	must(err)
	tell("openat fd=%d(<f>%s) dirfd=-100(AT_FDCWD) name=%[2]s flags=39(O_EXCL|O_CREAT|O_RDWR) mode=0640", fd, name)
	n, err := unix.Write(fd, []byte("hello, world"))
	must(err)
	tell("write res=%d data=hello, world fd=%d(<f>%s) size=12", n, fd, name)
	b := make([]byte, 100)
	n, err = unix.Pread(fd, b, 7)
	must(err)
	tell("pread res=%d data=world fd=%d(<f>%s) size=100 pos=7", n, fd, name)
	at, err := unix.Seek(fd, -3, io.SeekEnd)
	must(err)
	tell("lseek res=%d fd=%d(<f>%s) offset=-3 whence=2(SEEK_END)", at, fd, name)
	n, err = unix.Readv(fd, [][]byte{make([]byte, 1), make([]byte, 10)})
	must(err)
	tell("readv res=%d size=11 data=rld fd=%d(<f>%s)", n, fd, name)
	n, err = unix.Writev(fd, [][]byte{[]byte("one "), []byte("two")})
	must(err)
	tell("writev res=%d data=one two fd=%d(<f>%s) size=7", n, fd, name)
	dup, err := unix.Dup(fd)
	must(err)
	tell("dup res=%d(<f>%s) oldfd=%d(<f>%[2]s)", dup, name, fd)
	must(unix.Dup3(fd, dup, unix.O_CLOEXEC))
	tell("dup3 res=%d(<f>%s) oldfd=%d(<f>%[2]s) newfd=%[1]d(<f>%[2]s) flags=4096(O_CLOEXEC)", dup, name, fd)
	must(unix.Close(dup))
	must(unix.Close(fd))
	tell("close res=0 fd=%d(<f>%s)", fd, name)
	must(unix.Mkdir(dir+"/sub", 0o755))
	tell("mkdirat res=0 dirfd=-100(AT_FDCWD) path=%s/sub mode=1ED", dir)
	must(unix.Rename(name, dir+"/sub/file"))
	tell("renameat res=0 olddirfd=-100(AT_FDCWD) oldpath=%s newdirfd=-100(AT_FDCWD) newpath=%s/sub/file", name, dir)
	must(unix.Unlink(dir + "/sub/file"))
	tell("unlinkat res=0 dirfd=-100(AT_FDCWD) name=%s/sub/file flags=0", dir)
	if _, err = unix.Open(dir+"/absent", unix.O_RDONLY, 0); err != unix.ENOENT {
		panic(err)
	}
	tell("openat fd=-2(ENOENT) dirfd=-100(AT_FDCWD) name=%s/absent flags=1(O_RDONLY) mode=0 dev=0 ino=0", dir)
}

// local is an address on the host itself.
func local(port int) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

func portOf(fd int) int {
	a, err := unix.Getsockname(fd)
	must(err)
	return a.(*unix.SockaddrInet4).Port
}

func actTCP() {
	server, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(err)
	tell("socket fd=%d(<4>) domain=2(AF_INET) type=1 proto=0", server)
	must(unix.Bind(server, local(0)))
	tell("bind res=0 addr=127.0.0.1:0 fd=%d(<4>127.0.0.1:0)", server)
	must(unix.Listen(server, 5))
	tell("listen res=0 fd=%d(<4>127.0.0.1:0) backlog=5", server)
	to := portOf(server)
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	must(err)
	must(unix.Connect(client, local(to)))
	from := portOf(client)
	tuple := fmt.Sprintf("127.0.0.1:%d->127.0.0.1:%d", from, to)
	back := fmt.Sprintf("127.0.0.1:%d->127.0.0.1:%d", to, from)
	tell("connect res=0 tuple=%s fd=%d(<4t>%[1]s) addr=127.0.0.1:%[3]d", tuple, client, to)
	conn, _, err := unix.Accept4(server, unix.SOCK_CLOEXEC)
	must(err)
	tell("accept4 fd=%d(<4t>%s) tuple=%[2]s queuepct=0 queuelen=0 queuemax=5 flags=524288", conn, tuple)
	n, err := unix.Write(client, []byte("ping"))
	must(err)
	tell("write res=%d data=ping fd=%d(<4t>%s) size=4", n, client, tuple)
	b := make([]byte, 64)
	n, _, err = unix.Recvfrom(conn, b, 0)
	must(err)
	tell("recvfrom res=%d data=ping tuple=%s fd=%d(<4t>%[2]s) size=64", n, tuple, conn)
	must(unix.Sendto(conn, []byte("pong"), 0, nil))
	tell("sendto res=4 data=pong fd=%d(<4t>%s) size=4 tuple=%s", conn, tuple, back)
	n, err = unix.SendmsgBuffers(conn, [][]byte{[]byte("a"), []byte("b")}, nil, nil, 0)
	must(err)
	tell("sendmsg res=%d data=ab fd=%d(<4t>%s) size=2 tuple=%s", n, conn, tuple, back)
	n, _, _, _, err = unix.RecvmsgBuffers(client, [][]byte{b[:3], b[3:]}, nil, 0)
	must(err)
	tell("recvmsg res=%d size=64 data=pongab tuple=%s msgcontrol= fd=%d(<4t>%s)", n, back, client, tuple)
	must(unix.Shutdown(client, unix.SHUT_WR))
	tell("shutdown res=0 fd=%d(<4t>%s) how=1(SHUT_WR)", client, tuple)
	n, err = unix.Read(conn, b)
	must(err)
	tell("read res=%d data= fd=%d(<4t>%s) size=64", n, conn, tuple)
	for _, fd := range []int{client, conn, server} {
		must(unix.Close(fd))
	}
	tell("close res=0 fd=%d(<4t>%s)", conn, tuple)
}

func actUDP() {
	server, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	must(err)
	must(unix.Bind(server, local(0)))
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	must(err)
	must(unix.Bind(client, local(0)))
	to, from := portOf(server), portOf(client)
	must(unix.Sendto(client, []byte("question"), 0, local(to)))
	tell("sendto res=8 data=question fd=%d(<4u>127.0.0.1:%d->127.0.0.1:%d) size=8 tuple=127.0.0.1:%[2]d->127.0.0.1:%[3]d", client, from, to)
	b := make([]byte, 64)
	n, _, err := unix.Recvfrom(server, b, 0)
	must(err)
	tell("recvfrom res=%d data=question tuple=127.0.0.1:%d->127.0.0.1:%d fd=%d(<4u>127.0.0.1:%[2]d->127.0.0.1:%[3]d) size=64", n, from, to, server)
	must(unix.Close(server))
	must(unix.Close(client))
}

func actOthers() {
	pipe := make([]int, 2)
	must(unix.Pipe2(pipe, unix.O_NONBLOCK))
	tell("pipe2 res=0 fd1=%d(<p>) fd2=%d(<p>)", pipe[0], pipe[1])
	if _, err := unix.Read(pipe[0], make([]byte, 10)); err != unix.EAGAIN {
		panic(err)
	}
	tell("read res=-11(EAGAIN) data= fd=%d(<p>) size=10", pipe[0])
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(err)
	tell("socketpair res=0 fd1=%d(<u>) fd2=%d(<u>)", pair[0], pair[1])
	must(unix.Kill(unix.Getpid(), 0))
	tell("kill res=0 pid=%d(syscalls.test) sig=0", unix.Getpid())
	must(unix.Nanosleep(&unix.Timespec{Nsec: 1000}, nil))
	tell("nanosleep res=0 interval=1000(1e-06s)")
	must(unix.Prlimit(0, unix.RLIMIT_CORE, nil, new(unix.Rlimit)))
	tell("prlimit res=0 newcur=-1 newmax=-1 oldcur=")
	must(unix.Chdir("/tmp"))
	tell("chdir res=0 path=/tmp")
	must(unix.Prctl(unix.PR_SET_KEEPCAPS, 0, 0, 0, 0))
	tell("prctl res=0 option=8(PR_SET_KEEPCAPS) arg2_str= arg2_int=0")
}

// actMessages sends three messages by one call, two of them in pieces, and receives them by another.
func actMessages() {
	var servers, ports [2]int
	for i := range servers {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		must(err)
		must(unix.Bind(fd, local(0)))
		servers[i], ports[i] = fd, portOf(fd)
	}
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	must(err)
	must(unix.Bind(client, local(0)))
	from := portOf(client)
	type message struct {
		unix.Msghdr
		length uint32
	}
	list := func(pieces [][]string, size int) (out []message, keep [][]byte) {
		for _, p := range pieces {
			v := make([]unix.Iovec, len(p))
			for j, text := range p {
				b := make([]byte, max(size, len(text)))
				copy(b, text)
				v[j].Base = &b[0]
				v[j].SetLen(len(b))
				keep = append(keep, b)
			}
			out = append(out, message{Msghdr: unix.Msghdr{Iov: &v[0], Iovlen: uint64(len(v))}})
		}
		return out, keep
	}
	call := func(number uintptr, fd int, m []message) uintptr {
		n, _, errno := unix.Syscall6(number, uintptr(fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), 0, 0, 0)
		if errno != 0 {
			panic(errno)
		}
		return n
	}
	out, keep := list([][]string{{"one ", "message"}, {"two"}, {"th", "r", "ee"}}, 0)
	for i := range out {
		to := &unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(ports[i&1]>>8 | ports[i&1]<<8), Addr: [4]byte{127, 0, 0, 1}}
		out[i].Name, out[i].Namelen = (*byte)(unsafe.Pointer(to)), unix.SizeofSockaddrInet4
	}
	n := call(unix.SYS_SENDMMSG, client, out)
	name := fmt.Sprintf("127.0.0.1:%d->127.0.0.1:%d", from, ports[0])
	for i, text := range []string{"one message", "two", "three"} {
		tell("sendmmsg res=%d fd=%d(<4u>%s) size=%d data=%s tuple=127.0.0.1:%d->127.0.0.1:%d", n, client, name, len(text), text, from, ports[i&1])
	}
	in, keep2 := list([][]string{{""}, {"", ""}}, 8)
	for i := range in {
		in[i].Name, in[i].Namelen = (*byte)(unsafe.Pointer(new(unix.RawSockaddrInet4))), unix.SizeofSockaddrInet4
	}
	n = call(unix.SYS_RECVMMSG, servers[0], in)
	for i, text := range []string{"one mess", "three"} {
		tell("recvmmsg res=%d fd=%d(<4u>%s) size=%d data=%s tuple=%s msgcontrol=", n, servers[0], name, len(text), text, name)
		if int(in[i].length) != len(text) {
			panic(in[i].length)
		}
	}
	runtime.KeepAlive(keep)
	runtime.KeepAlive(keep2)
}

// actOptions makes calls whose parameters depend on a command or an option.
func actOptions(dir string) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(err)
	tell("socket fd=%d(<4>) domain=2(AF_INET) type=526337 proto=0 flags=4160(O_NONBLOCK|O_CLOEXEC)", fd)
	must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	tell("setsockopt res=0 fd=%d(<4>) level=1(SOL_SOCKET) optname=9(SO_KEEPALIVE) val=1 optlen=4", fd)
	must(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	tell("setsockopt res=0 fd=%d(<4>) level=2(SOL_TCP) optname=0(UNKNOWN) val=1 optlen=4", fd)
	name := append([]byte("syscalls.test"), 0)
	must(unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0))
	tell("prctl res=0 option=15(PR_SET_NAME) arg2_str=syscalls.test arg2_int=0")
	fd, err = unix.Openat2(unix.AT_FDCWD, dir, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY, Resolve: unix.RESOLVE_NO_MAGICLINKS})
	must(err)
	tell("openat2 fd=%d(<d>%s) dirfd=-100(AT_FDCWD) name=%[2]s flags=1025(O_DIRECTORY|O_RDONLY) mode=0 resolve=4(RESOLVE_NO_MAGICLINKS)", fd, dir)
	if handle, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH); err == nil {
		opened, err := unix.OpenByHandleAt(fd, handle, unix.O_RDONLY)
		must(err)
		tell("open_by_handle_at fd=%d(<f>%s) mountfd=%d(<d>%[2]s) flags=1(O_RDONLY) path=%[2]s", opened, dir, fd)
	}
	sem, _, errno := unix.Syscall(unix.SYS_SEMGET, 0, 1, 0o600|unix.IPC_CREAT)
	if errno != 0 {
		panic(errno)
	}
	op := [3]int16{0, 1, 0o4000} // of semaphore 0: add 1, do not wait
	if _, _, errno = unix.Syscall(unix.SYS_SEMOP, sem, uintptr(unsafe.Pointer(&op)), 1); errno != 0 {
		panic(errno)
	}
	tell("semop res=0 nsops=1 sem_num_0=0 sem_op_0=1 sem_flg_0=1(IPC_NOWAIT)")
	if _, _, errno = unix.Syscall6(unix.SYS_SEMCTL, sem, 0, unix.IPC_RMID, 0, 0, 0); errno != 0 {
		panic(errno)
	}
	tell("semctl res=0 semid=%d semnum=0 cmd=4(IPC_RMID) val=0", sem)
	var pair [2]int32
	if _, _, errno = unix.Syscall(unix.SYS_PIPE2, uintptr(unsafe.Pointer(&pair)), 0, 0); errno != 0 {
		panic(errno)
	}
	var st unix.Stat_t
	must(unix.Fstat(int(pair[0]), &st))
	tell("pipe2 res=0 fd1=%d(<p>) fd2=%d(<p>) ino=%d flags=0", pair[0], pair[1], st.Ino)
	if id, err := unix.KeyctlInt(unix.KEYCTL_GET_KEYRING_ID, 1<<20, 1, 0, 0); err == nil || err == unix.ENOKEY {
		tell("keyctl res=%s operation=0(KEYCTL_GET_KEYRING_ID) arg2=100000 arg3=1 arg4=0 arg5=0", map[bool]string{true: fmt.Sprint(id), false: "-126"}[err == nil])
	}
	if err := unix.PtraceAttach(1 << 30); err != unix.ESRCH {
		panic(err)
	}
	tell("ptrace res=-3(ESRCH) addr=INVALID DYNAMIC PARAMETER data=INVALID DYNAMIC PARAMETER request=B(PTRACE_ATTACH) pid=%d", 1<<30)
}
