package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/source/afpacket"
)

// Versions of the kernel that are needed: ring buffers and capabilities of their own for BPF came with 5.8, storage at
// threads for tracing with 5.11, functions that take pointers with 5.12.
const needMajor, needMinor = 5, 12

func kernel(*Config) (found, fix string) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err.Error(), "upgrade to Linux 5.12 or newer"
	}
	release := unix.ByteSliceToString(u.Release[:])
	major, minor := version(release)
	found = "Linux " + release
	if major < needMajor || major == needMajor && minor < needMinor {
		return found, fmt.Sprintf("upgrade to Linux %d.%d or newer: sys and mirror need it; capturing does not", needMajor, needMinor)
	}
	return found, ""
}

// version is the first two numbers of a release.
func version(release string) (major, minor int) {
	parts := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) > 1 {
		major, _ = strconv.Atoi(parts[0])
		minor, _ = strconv.Atoi(parts[1])
	}
	return major, minor
}

// types looks for the kernel's own description of its types, by which programs find fields.
func types(*Config) (found, fix string) {
	const path = "/sys/kernel/btf/vmlinux"
	st, err := os.Stat(path)
	if err == nil {
		var f *os.File
		if f, err = os.Open(path); err == nil {
			f.Close()
			return fmt.Sprintf("BTF, %d kB", st.Size()>>10), ""
		}
	}
	return err.Error(), "use a kernel that is built with CONFIG_DEBUG_INFO_BTF=y, as distributions' are: sys needs it"
}

// clock asks whether the kernel's clock follows another one. Times of records are compared with those of other machines.
func clock(*Config) (found, fix string) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return err.Error(), "timedatectl status"
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		return "runs by itself, it is not synchronized", "sudo timedatectl set-ntp true"
	}
	return fmt.Sprintf("synchronized, at most %.1f ms off", float64(t.Maxerror)/1e3), ""
}

// capability is one that Capabilities names.
var capability = []struct {
	name string
	bit  int
}{{"net_raw", unix.CAP_NET_RAW}, {"net_admin", unix.CAP_NET_ADMIN}, {"bpf", unix.CAP_BPF}, {"perfmon", unix.CAP_PERFMON},
	{"sys_ptrace", unix.CAP_SYS_PTRACE}, {"dac_read_search", unix.CAP_DAC_READ_SEARCH}}

// privileges are this process's: those of root, or those that the file of the program gives.
func privileges(c *Config) (found, fix string) {
	var data [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return err.Error(), c.grant()
	}
	set := uint64(data[1].Effective)<<32 | uint64(data[0].Effective)
	var have, lack []string
	for _, k := range capability {
		if set>>k.bit&1 == 1 {
			have = append(have, k.name)
		} else {
			lack = append(lack, k.name)
		}
	}
	from := "of user " + c.User
	if os.Geteuid() != 0 && len(have) > 0 {
		from += ", by capabilities"
	}
	if len(lack) == 0 {
		return from + ": all that is needed", ""
	}
	if len(have) == 0 {
		have = []string{"none"}
	}
	found = fmt.Sprintf("%s: %s; not %s", from, strings.Join(have, " "), strings.Join(lack, " "))
	if os.Geteuid() == 0 {
		return found, "give the container or the unit the missing capabilities (CapabilityBoundingSet=, --cap-add)"
	}
	return found, c.grant()
}

// packets opens a ring as capturing does, with its usual size.
func packets(c *Config) (found, fix string) {
	src, err := afpacket.Open(afpacket.Config{Interfaces: []string{"lo"}})
	switch {
	case err == nil:
		src.Close()
		return "can be captured (AF_PACKET), with a ring of 64 MiB", ""
	case errors.Is(err, unix.ENOMEM):
		return err.Error(), "let the control group have more memory, or record with --buffer 16MiB"
	}
	return "not allowed (CAP_NET_RAW)", c.grant()
}

// socketBytes is the room that the collector of sFlow asks for.
const socketBytes = 32 << 20

func sockets(c *Config) (found, fix string) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err.Error(), "let the process open sockets"
	}
	defer unix.Close(fd)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBytes) == nil {
		return "can have 32 MiB of room (CAP_NET_ADMIN)", ""
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBytes); err != nil {
		return err.Error(), c.grant()
	}
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if n /= 2; err == nil && n >= socketBytes { // the kernel says twice what it was asked for
		return "can have 32 MiB of room (net.core.rmem_max)", ""
	}
	return fmt.Sprintf("can have %d kB of room, too little for bursts of sFlow", n>>10), fmt.Sprintf("sudo sysctl -w net.core.rmem_max=%d", socketBytes)
}

// try loads a program that does nothing, which takes the privileges that one that does something takes.
func try(kind ebpf.ProgramType) error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: kind, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	if err == nil {
		p.Close()
	}
	return err
}

// programs says whether programs of a type can be loaded.
func programs(c *Config, kind ebpf.ProgramType, needs string) (found, fix string) {
	err := try(kind)
	switch {
	case err == nil:
		return "can be loaded into the kernel", ""
	case errors.Is(err, unix.EPERM):
		return "not allowed (" + needs + ")", c.grant()
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text, "use a kernel that is built with CONFIG_BPF_SYSCALL=y"
}

func mirrorPrograms(c *Config) (found, fix string) {
	found, fix = programs(c, ebpf.SchedCLS, "CAP_BPF and CAP_NET_ADMIN")
	if fix == "" { // the kernel checks the mirror's programs more strictly without it, and refuses them
		return programs(c, ebpf.RawTracepoint, "CAP_PERFMON")
	}
	return found, fix
}

func sysPrograms(c *Config) (found, fix string) {
	return programs(c, ebpf.RawTracepoint, "CAP_BPF and CAP_PERFMON")
}

// processes asks whether what processes of other users have open can be seen: names of descriptors come from there. A few that
// nobody may look into are usual.
func processes(c *Config) (found, fix string) {
	all, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return err.Error(), "mount -t proc proc /proc"
	}
	denied := 0
	for _, p := range all {
		if _, err := os.Readlink(p); errors.Is(err, os.ErrPermission) {
			denied++
		}
	}
	found = fmt.Sprintf("what %d of %d have open can be seen", len(all)-denied, len(all))
	switch {
	case denied*10 <= len(all):
		return found, ""
	case os.Geteuid() == 0:
		return found + " (CAP_SYS_PTRACE)", "give the container or the unit CAP_SYS_PTRACE"
	}
	return found + " (CAP_SYS_PTRACE)", c.grant()
}
