package syscalls_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/source/syscalls"
)

// ringing is set for the process that uses io_uring; it is the folder to do that in.
const ringing = "TAPIR_TEST_RING"

// uring is a queue of operations, as include/uapi/linux/io_uring.h lays it out.
type uring struct {
	fd       int
	sq, cq   []byte
	sqes     []byte
	params   [120]byte
	sequence uint64
}

// sqe is an operation.
type sqe struct {
	Opcode, Flags      uint8
	Priority           uint16
	FD                 int32
	Offset, Address    uint64
	Size, OpFlags      uint32
	UserData           uint64
	Group, Personality uint16
	Slot               int32
	More               [2]uint64
}

func (r *uring) param(at int) uint32 { return binary.NativeEndian.Uint32(r.params[at:]) }

// openRing makes a ring; ok is false where the machine allows none.
func openRing(flags uint32) (r *uring, ok bool) {
	r = &uring{}
	binary.NativeEndian.PutUint32(r.params[8:], flags)
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&r.params)), 0)
	if errno != 0 {
		return nil, false
	}
	r.fd = int(fd)
	area := func(offset int64, size uint32) []byte {
		b, err := unix.Mmap(r.fd, offset, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
		must(err)
		return b
	}
	r.sq = area(0, r.param(40+24)+4*r.param(0))
	r.cq = area(0x8000000, r.param(80+20)+16*r.param(4))
	r.sqes = area(0x10000000, 64*r.param(0))
	return r, true
}

func at(b []byte, offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&b[offset])) }

// do submits an operation, waits for its end, and gives its result.
func (r *uring) do(s sqe) int32 {
	r.sequence++
	s.UserData = 0xbeef00 + r.sequence
	tail := atomic.LoadUint32(at(r.sq, r.param(40+4)))
	i := tail & *at(r.sq, r.param(40+8))
	*(*sqe)(unsafe.Pointer(&r.sqes[64*i])) = s
	*at(r.sq, r.param(40+24)+4*i) = i
	atomic.StoreUint32(at(r.sq, r.param(40+4)), tail+1)
	for {
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), 1, 1, 1, 0, 0)
		head := atomic.LoadUint32(at(r.cq, r.param(80)))
		if head != atomic.LoadUint32(at(r.cq, r.param(80+4))) {
			c := r.cq[r.param(80+20)+16*(head&*at(r.cq, r.param(80+8))):]
			data, result := binary.NativeEndian.Uint64(c), int32(binary.NativeEndian.Uint32(c[8:]))
			atomic.StoreUint32(at(r.cq, r.param(80)), head+1)
			if data != s.UserData {
				panic("another operation has ended")
			}
			return result
		}
		if errno != 0 && errno != unix.EINTR {
			panic(errno)
		}
	}
}

func address[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

// ring does everything by operations, and tells of each what a capture has to show.
func ring(dir string) {
	r, ok := openRing(0)
	if !ok {
		return
	}
	// What operations point to is memory of which Go does not know.
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	must(err)
	submitted := func(format string, args ...any) {
		tell("> io_uring_op %s user_data=BEEF%02X%s", fmt.Sprintf(format, args[1:]...), r.sequence+1, args[0])
	}
	done := func(format string, args ...any) { tell("< io_uring_op "+format, args...) }
	name := filepath.Join(dir, "ring")
	copy(b, name+"\x00")
	submitted("fd=-100(AT_FDCWD) opcode=18(IORING_OP_OPENAT) flags=0 size=416 offset=0", fmt.Sprintf(" tuple=NULL addr=NULL name=%s", name))
	fd := r.do(sqe{Opcode: 18, FD: unix.AT_FDCWD, Address: address(&b[0]), Size: 0o640, OpFlags: unix.O_RDWR | unix.O_CREAT})
	done("res=%d data= fd=-100(AT_FDCWD) opcode=18(IORING_OP_OPENAT) flags=0 size=416 offset=0 user_data=BEEF%02X latency=", fd, r.sequence)
	copy(b, "hello, ring")
	submitted("fd=%d(<f>%s) opcode=23(IORING_OP_WRITE) flags=0 size=11 offset=0", "", fd, name)
	n := r.do(sqe{Opcode: 23, FD: fd, Address: address(&b[0]), Size: 11})
	done("res=%d data=hello, ring fd=%d(<f>%s) opcode=23(IORING_OP_WRITE) flags=0 size=11 offset=0 user_data=BEEF%02X latency=", n, fd, name, r.sequence)
	clear(b[:64])
	n = r.do(sqe{Opcode: 22, FD: fd, Address: address(&b[0]), Size: 100, Offset: 7})
	done("res=%d data=ring fd=%d(<f>%s) opcode=22(IORING_OP_READ) flags=0 size=100 offset=7", n, fd, name)
	vector := (*[2][2]uint64)(unsafe.Pointer(&b[1024]))
	copy(b, "onetwo")
	*vector = [2][2]uint64{{address(&b[0]), 3}, {address(&b[3]), 3}}
	n = r.do(sqe{Opcode: 2, FD: fd, Address: address(vector), Size: 2, Flags: 1 << 4}) // by a worker
	done("res=%d data=onetwo fd=%d(<f>%s) opcode=2(IORING_OP_WRITEV) flags=16(IOSQE_ASYNC) size=2 offset=0", n, fd, name)
	copy(b, dir+"/absent\x00")
	n = r.do(sqe{Opcode: 36, FD: unix.AT_FDCWD, Address: address(&b[0])})
	done("res=%d(ENOENT) data= fd=-100(AT_FDCWD) opcode=36(IORING_OP_UNLINKAT) flags=0 size=0 offset=0 user_data=BEEF%02X latency=", n, r.sequence)
	n = r.do(sqe{Opcode: 19, FD: fd})
	done("res=%d data= fd=%d(<f>%s) opcode=19(IORING_OP_CLOSE)", n, fd, name)
	ringSockets(r, b, done)
}

func ringSockets(r *uring, b []byte, done func(string, ...any)) {
	server := r.do(sqe{Opcode: 45, FD: unix.AF_INET, Offset: unix.SOCK_STREAM})
	if server < 0 { // before Linux 5.19
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		must(err)
		server = int32(s)
	} else {
		done("res=%d data= fd=-1(EPERM) opcode=45(IORING_OP_SOCKET) flags=0 size=0 offset=1", server)
	}
	must(unix.Bind(int(server), local(0)))
	must(unix.Listen(int(server), 5))
	to := portOf(int(server))
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(err)
	copy(b, []byte{2, 0, byte(to >> 8), byte(to), 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	n := r.do(sqe{Opcode: 16, FD: int32(client), Address: address(&b[0]), Offset: 16})
	there := fmt.Sprintf("127.0.0.1:%d->127.0.0.1:%d", portOf(client), to)
	back := fmt.Sprintf("127.0.0.1:%d->127.0.0.1:%d", to, portOf(client))
	done("res=%d data= fd=%d(<4t>%s) opcode=16(IORING_OP_CONNECT) flags=0 size=0 offset=16 ... tuple=%[3]s addr=127.0.0.1:%d", n, client, there, to)
	conn := r.do(sqe{Opcode: 13, FD: server})
	done("res=%d data= fd=%d(<4>127.0.0.1:0) opcode=13(IORING_OP_ACCEPT) flags=0 size=0 offset=0 ... tuple=%s", conn, server, there)
	copy(b, "ping")
	n = r.do(sqe{Opcode: 26, FD: int32(client), Address: address(&b[0]), Size: 4})
	done("res=%d data=ping fd=%d(<4t>%s) opcode=26(IORING_OP_SEND) flags=0 size=4 offset=0 ... tuple=%[3]s", n, client, there)
	n = r.do(sqe{Opcode: 27, FD: conn, Address: address(&b[64]), Size: 50})
	done("res=%d data=ping fd=%d(<4t>%s) opcode=27(IORING_OP_RECV) flags=0 size=50 offset=0 ... tuple=%[3]s", n, conn, there)
	vector, message := (*[2]uint64)(unsafe.Pointer(&b[1024])), (*[7]uint64)(unsafe.Pointer(&b[1536]))
	copy(b, "pong")
	*vector = [2]uint64{address(&b[0]), 4}
	*message = [7]uint64{2: address(vector), 3: 1}
	n = r.do(sqe{Opcode: 9, FD: conn, Address: address(message), Size: 1})
	done("res=%d data=pong fd=%d(<4t>%s) opcode=9(IORING_OP_SENDMSG) flags=0 size=1 offset=0 ... tuple=%s", n, conn, there, back)
	*vector = [2]uint64{address(&b[64]), 50}
	n = r.do(sqe{Opcode: 10, FD: int32(client), Address: address(message), Size: 1})
	done("res=%d data=pong fd=%d(<4t>%s) opcode=10(IORING_OP_RECVMSG) flags=0 size=1 offset=0 ... tuple=%s", n, client, there, back)
}

// Each operation that is queued with io_uring is captured when it begins and when it ends, with data, path and ends.
func TestUring(t *testing.T) {
	if r, ok := openRing(0); !ok {
		t.Skip("the machine allows no io_uring")
	} else {
		unix.Close(r.fd)
	}
	var told []string
	pid := 0
	dir := t.TempDir()
	act := func() {
		self, err := os.Executable()
		if err != nil {
			t.Error(err)
			return
		}
		c := exec.Command(self)
		c.Env, c.Stderr = append(os.Environ(), ringing+"="+dir), os.Stderr
		out, err := c.Output()
		if err != nil {
			t.Error(err)
			return
		}
		told, pid = strings.Split(strings.TrimSpace(string(out)), "\n"), c.ProcessState.Pid()
	}
	filter := "proc.name=syscalls.test and evt.type=io_uring_op"
	plan, err := syscalls.Compile(filter)
	if err != nil {
		t.Fatal(err)
	}
	got := capture(t, syscalls.Config{Pairs: true, Plan: plan}, []string{filter}, "%proc.pid %evt.dir "+line, act)[0]
	from := 0
	for _, want := range told {
		first, rest, _ := strings.Cut(want, " ... ")
		i := slices.IndexFunc(got[from:], func(l string) bool {
			return strings.HasPrefix(l, fmt.Sprint(pid, " ", first)) && strings.HasSuffix(l, rest)
		})
		if i < 0 {
			t.Errorf("not captured: %s\n%s", want, strings.Join(got, "\n"))
			return
		}
		from += i + 1
	}
	if len(told) < 15 {
		t.Errorf("the program told of %d operations", len(told))
	}
}
