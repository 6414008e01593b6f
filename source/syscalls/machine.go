package syscalls

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/scap"
)

// snapshot tells the state of the machine as it is now: machine, interfaces, users, processes and their descriptors. What ends
// while it is read is left out. It is nil if nobody is told. types are the kernel's.
func snapshot(types *btf.Cache, tell func(entry any)) (*Start, error) {
	if tell == nil {
		return nil, nil
	}
	m, err := machine()
	if err != nil {
		return nil, err
	}
	tell(m)
	if err := interfaces(tell); err != nil {
		return nil, err
	}
	for line := range lines("/etc/passwd") {
		if f := strings.Split(line, ":"); len(f) >= 7 {
			tell(&scap.User{ID: uint32(number(f[2])), Group: uint32(number(f[3])), Name: f[0], Home: f[5], Shell: f[6]})
		}
	}
	for line := range lines("/etc/group") {
		if f := strings.Split(line, ":"); len(f) >= 3 {
			tell(&scap.Group{ID: uint32(number(f[2])), Name: f[0]})
		}
	}
	it, err := newIterators(types)
	if err != nil {
		return nil, err
	}
	return processes(it, tell)
}

// machine describes the host.
func machine() (*scap.Machine, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return nil, os.NewSyscallError("sysinfo", err)
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return nil, os.NewSyscallError("clock_gettime", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("host name: %w", err)
	}
	most := uint64(1 << 15)
	for line := range lines("/proc/sys/kernel/pid_max") {
		most = uint64(number(line))
	}
	return &scap.Machine{CPUs: uint32(runtime.NumCPU()), Memory: info.Totalram * uint64(info.Unit), MaxPID: most, Host: host,
		Boot: time.Now().UnixNano() - up.Nano()}, nil
}

func interfaces(tell func(entry any)) error {
	all, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("interfaces: %w", err)
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it is gone
		}
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			ip := n.IP.To4()
			if ip == nil {
				ip = n.IP
			}
			e := &scap.Interface{Name: i.Name, Address: ip, Mask: n.Mask, Broadcast: make([]byte, len(ip))}
			for k := range ip {
				e.Broadcast[k] = ip[k] | ^n.Mask[k]
			}
			tell(e)
		}
	}
	return nil
}

// lines are the lines of a small file; none if it cannot be read.
func lines(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		b, err := os.ReadFile(name)
		if err != nil {
			return
		}
		for line := range bytes.Lines(b) {
			if !yield(string(bytes.TrimRight(line, "\n"))) {
				return
			}
		}
	}
}

// number reads a decimal number; 0 if it is none.
func number(s string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n
}

// hex reads a number of hexadecimal digits; 0 if it is none.
func hex(s string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimSpace(s), 16, 64)
	return n
}
