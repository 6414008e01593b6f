package host

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/sflow"
)

const (
	vlanTag = 4
	fcs     = 4 // frame check sequence: part of a frame's length, never seen here

	linkTypeEthernet = "1" // as /sys/class/net/*/type has it: ARPHRD_ETHER
	linkTypeLoopback = "772"
)

// linkOf is what packets of an interface begin with.
func linkOf(kind string) uint32 {
	if kind == linkTypeEthernet || kind == linkTypeLoopback {
		return sflow.HeaderEthernet
	}
	return sflow.HeaderIPv4 // or IPv6: the packet tells
}

// program is the filter that takes one packet in n at random, none if n is 0.
func program(n uint32) []bpf.Instruction {
	switch n {
	case 0:
		return []bpf.Instruction{bpf.RetConstant{Val: 0}}
	case 1:
		return []bpf.Instruction{bpf.RetConstant{Val: 1 << 18}}
	}
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: uint32((1<<32 + uint64(n)/2) / uint64(n)), SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: 1 << 18},
	}
}

// attach puts the filter on a packet socket. A filter on a socket is replaced at once; no packet comes in between.
func attach(fd int, n uint32) error {
	raw, err := bpf.Assemble(program(n))
	if err != nil {
		return err
	}
	filters := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filters[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]})
}

// vlanOf reads the tag that the kernel took off a packet (struct tpacket_auxdata).
func vlanOf(oob []byte) (tci, tpid uint16, tagged bool) {
	all, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, 0, false
	}
	for _, m := range all {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < 20 {
			continue
		}
		if binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_VLAN_VALID == 0 {
			return 0, 0, false
		}
		tci, tpid = binary.NativeEndian.Uint16(m.Data[16:]), binary.NativeEndian.Uint16(m.Data[18:])
		if tpid == 0 {
			tpid = unix.ETH_P_8021Q
		}
		return tci, tpid, true
	}
	return 0, 0, false
}

// retag puts a tag between the addresses and the type of the frame of n bytes that stands behind vlanTag bytes of room.
func retag(buf []byte, n int, tpid, tci uint16) []byte {
	copy(buf, buf[vlanTag:vlanTag+12])
	binary.BigEndian.PutUint16(buf[12:], tpid)
	binary.BigEndian.PutUint16(buf[14:], tci)
	return buf[:n+vlanTag]
}

// htons is n in network order, as packet sockets want protocols.
func htons(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}
