package afpacket

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/source"
)

// openSocket makes a packet socket that receives nothing yet: it has no protocol until it is bound.
func openSocket(first string) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return -1, fmt.Errorf("open %s: %w (needs CAP_NET_RAW; try: sudo tapir record -i %s)", first, source.ErrPermission, first)
	}
	if err != nil {
		return -1, fmt.Errorf("open %s: packet socket: %w", first, err)
	}
	return fd, nil
}

// setup gives a socket its ring. Until the filter is changed it drops everything: thus no packet gets in that the user's
// filter has not seen, and none twice while the sockets of a fanout group join one after the other.
func setup(fd int, cfg *Config) ([]byte, error) {
	if err := setFilter(fd, dropAll); err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("TPACKET_V3: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_RESERVE, headroom); err != nil {
		return nil, fmt.Errorf("PACKET_RESERVE: %w", err)
	}
	const frameSize = 2048 // only has to divide the block: in V3 frames are as long as they are
	n := cfg.blocks()
	req := unix.TpacketReq3{
		Block_size: uint32(cfg.BlockSize), Block_nr: uint32(n),
		Frame_size: frameSize, Frame_nr: uint32(n * (cfg.BlockSize / frameSize)),
		Retire_blk_tov: uint32(cfg.BlockTimeout.Milliseconds()),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, fmt.Errorf("ring of %d blocks of %d bytes: %w (try a smaller buffer)", n, cfg.BlockSize, err)
	}
	mem, err := unix.Mmap(fd, 0, n*cfg.BlockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map ring of %d bytes: %w (try a smaller buffer)", n*cfg.BlockSize, err)
	}
	return mem, nil
}

func setFilter(fd int, p program) error {
	ins := make([]unix.SockFilter, len(p))
	for i, r := range p {
		ins[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(ins)), Filter: &ins[0]})
	if err != nil {
		return fmt.Errorf("attach filter of %d instructions: %w (see net.core.optmem_max)", len(p), err)
	}
	return nil
}

// bind starts a socket on one interface, or on all if index is 0.
func bind(fd, index int) error {
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: index})
}

func htons(v uint16) uint16 {
	b := [2]byte{byte(v >> 8), byte(v)}
	return *(*uint16)(unsafe.Pointer(&b))
}

// fanout makes one group of the rings' sockets, which are bound. The n-th socket gets what hashes to n.
func fanout(rings []*ring, cfg *Config) error {
	mode := unix.PACKET_FANOUT_HASH
	if !cfg.KeepFragments {
		mode |= unix.PACKET_FANOUT_FLAG_DEFRAG
	}
	if !cfg.NoRollover {
		mode |= unix.PACKET_FANOUT_FLAG_ROLLOVER
	}
	arg := (mode | unix.PACKET_FANOUT_FLAG_UNIQUEID) << 16
	for i, r := range rings {
		if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, arg); err != nil {
			return fmt.Errorf("join worker %d of %d to the fanout group: %w", i+1, len(rings), err)
		}
		if i == 0 {
			group, err := unix.GetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
			if err != nil {
				return fmt.Errorf("fanout group: %w", err)
			}
			arg = mode<<16 | group&0xffff
		}
	}
	return nil
}

// promiscuous lasts until the socket is closed.
func promiscuous(fd int, t *target) error {
	err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
		&unix.PacketMreq{Ifindex: int32(t.index), Type: unix.PACKET_MR_PROMISC})
	if err != nil {
		return fmt.Errorf("open %s: promiscuous mode: %w", t.name, err)
	}
	return nil
}

// getsockopt reads a structure. The packages we build on have it for some structures only.
func getsockopt(fd, option int, to unsafe.Pointer, size uintptr) error {
	n := uint32(size)
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_PACKET, uintptr(option), uintptr(to),
		uintptr(unsafe.Pointer(&n)), 0)
	if e != 0 {
		return e
	}
	return nil
}

// statistics reads and resets the socket's counters: packets that passed the filter, and those of them dropped.
func statistics(fd int) (packets, drops uint64, err error) {
	var s unix.TpacketStatsV3
	if err := getsockopt(fd, unix.PACKET_STATISTICS, unsafe.Pointer(&s), unsafe.Sizeof(s)); err != nil {
		return 0, 0, err
	}
	return uint64(s.Packets), uint64(s.Drops), nil
}

// rolled reads how many packets a full ring passed on to others (struct tpacket_rollover_stats).
func rolled(fd int) uint64 {
	var s struct{ all, huge, failed uint64 }
	if getsockopt(fd, unix.PACKET_ROLLOVER_STATS, unsafe.Pointer(&s), unsafe.Sizeof(s)) != nil {
		return 0 // not in a group that rolls over
	}
	return s.all
}
