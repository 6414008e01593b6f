package mirror

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of linux/ethtool.h.
const (
	ethtoolGetTxChecksum = 0x16
	ethtoolGetGather     = 0x18
	ethtoolGetFlags      = 0x25
	flagTxVLAN           = 1 << 7
)

// ethtoolValue is struct ethtool_value.
type ethtoolValue struct{ cmd, data uint32 }

// ethtoolRequest is struct ifreq with a pointer to it.
type ethtoolRequest struct {
	name [unix.IFNAMSIZ]byte
	data *ethtoolValue
	_    [16]byte
}

// takesOffloads says whether an interface makes checksums, puts tags in and gathers fragments itself, so that the kernel
// hands packets over without doing so. fd is any socket of the network namespace.
func takesOffloads(fd int, name string) bool {
	ask := func(cmd uint32) uint32 {
		v := ethtoolValue{cmd: cmd}
		r := ethtoolRequest{data: &v}
		copy(r.name[:unix.IFNAMSIZ-1], name)
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r)))
		runtime.KeepAlive(&v)
		if e != 0 {
			return 0
		}
		return v.data
	}
	return ask(ethtoolGetTxChecksum) != 0 && ask(ethtoolGetGather) != 0 && ask(ethtoolGetFlags)&flagTxVLAN != 0
}
