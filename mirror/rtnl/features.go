package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Features say what a driver does with XDP itself (enum netdev_xdp_act of linux/netdev.h).
type Features uint64

// The features that a broadcast needs, of the port that receives and of those that send.
const (
	XDPRedirect Features = 1<<0 | 1<<1 // run programs; redirect frames
	XDPTransmit Features = 1 << 2      // take frames that are redirected to it
)

// genlmsghdr is struct genlmsghdr of linux/genetlink.h.
type genlmsghdr struct {
	Command, Version uint8
	Reserved         uint16
}

const (
	genlHeader        = 4
	netdevGet         = 1 // NETDEV_CMD_DEV_GET
	netdevIndex       = 1 // NETDEV_A_DEV_IFINDEX
	netdevXDPFeatures = 3 // NETDEV_A_DEV_XDP_FEATURES
)

// XDPFeatures asks the kernel, through its generic netlink family netdev (6.3), what an interface does with XDP. Older kernels do
// not tell: then there are none.
func XDPFeatures(index int) (Features, error) {
	fd, err := openFamily(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return 0, err
	}
	c := &Conn{fd: fd, buf: make([]byte, 1<<15)}
	defer c.Close()
	msgs, err := c.do(unix.GENL_ID_CTRL, 0, new(message).fixed(genlmsghdr{Command: unix.CTRL_CMD_GETFAMILY, Version: 1}).text(unix.CTRL_ATTR_FAMILY_NAME, "netdev"))
	if errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	if err != nil || len(msgs) == 0 || len(msgs[0].Data) < genlHeader {
		return 0, fmt.Errorf("netlink family netdev: %w", err)
	}
	id := attributes(msgs[0].Data[genlHeader:])[unix.CTRL_ATTR_FAMILY_ID]
	if len(id) < 2 {
		return 0, fmt.Errorf("netlink family netdev: an answer without its number")
	}
	msgs, err = c.do(binary.NativeEndian.Uint16(id), 0, new(message).fixed(genlmsghdr{Command: netdevGet, Version: 1}).u32(netdevIndex, uint32(index)))
	if err != nil || len(msgs) == 0 || len(msgs[0].Data) < genlHeader {
		return 0, fmt.Errorf("XDP features of interface %d: %w", index, err)
	}
	return Features(number(attributes(msgs[0].Data[genlHeader:])[netdevXDPFeatures])), nil
}
