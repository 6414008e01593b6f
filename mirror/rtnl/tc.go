package rtnl

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Hook is a place of the clsact qdisc.
type Hook uint32

// The hooks.
const (
	Ingress Hook = 0xfffffff2 // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
	Egress  Hook = 0xfffffff3
)

// tcmsg is struct tcmsg of linux/rtnetlink.h.
type tcmsg struct {
	Family, Pad1 uint8
	Pad2         uint16
	Ifindex      int32
	Handle       uint32
	Parent       uint32
	Info         uint32
}

const (
	clsactHandle = 0xffff0000
	clsactParent = 0xfffffff1
	ethPAll      = 0x0300 // ETH_P_ALL in network byte order

	tcaBPFFD       = 6
	tcaBPFName     = 7
	tcaBPFFlags    = 8
	bpfActDirect   = 1
	filterPriority = 0xc0de // of ours, so that we find it again
)

// AddClsact puts the clsact qdisc on an interface. It says whether it is new: what was there before must stay.
func (c *Conn) AddClsact(index int) (bool, error) {
	m := new(message).fixed(tcmsg{Ifindex: int32(index), Handle: clsactHandle, Parent: clsactParent}).text(unix.TCA_KIND, "clsact")
	_, err := c.do(unix.RTM_NEWQDISC, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, m)
	if errors.Is(err, unix.EEXIST) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("clsact qdisc: %w", err)
	}
	return true, nil
}

// DeleteClsact takes the clsact qdisc off, with all of its filters.
func (c *Conn) DeleteClsact(index int) error {
	_, err := c.do(unix.RTM_DELQDISC, unix.NLM_F_ACK, new(message).fixed(tcmsg{Ifindex: int32(index), Handle: clsactHandle, Parent: clsactParent}))
	return err
}

// SetFilter puts a program on a hook, in place of the one that SetFilter put there before.
func (c *Conn) SetFilter(index int, hook Hook, program int, name string) error {
	m := filterMessage(index, hook).text(unix.TCA_KIND, "bpf")
	var opt message
	opt.u32(tcaBPFFD, uint32(program)).text(tcaBPFName, name).u32(tcaBPFFlags, bpfActDirect)
	m.attr(unix.TCA_OPTIONS, opt.b)
	if _, err := c.do(unix.RTM_NEWTFILTER, unix.NLM_F_ACK|unix.NLM_F_CREATE, m); err != nil {
		return fmt.Errorf("tc filter: %w", err)
	}
	return nil
}

// DeleteFilter takes away what SetFilter put there. That nothing is there is no error.
func (c *Conn) DeleteFilter(index int, hook Hook) error {
	m := filterMessage(index, hook)
	_, err := c.do(unix.RTM_DELTFILTER, unix.NLM_F_ACK, m)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// OwnFilters gives the hooks on which a filter of SetFilter sits.
func (c *Conn) OwnFilters(index int) (hooks []Hook, err error) {
	for _, h := range []Hook{Ingress, Egress} {
		_, err := c.do(unix.RTM_GETTFILTER, unix.NLM_F_ACK, filterMessage(index, h).text(unix.TCA_KIND, "bpf"))
		switch {
		case err == nil:
			hooks = append(hooks, h)
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENODEV):
			return nil, err
		}
	}
	return hooks, nil
}

// FiltersOn says whether any filter sits on a clsact qdisc.
func (c *Conn) FiltersOn(index int) (bool, error) {
	for _, h := range []Hook{Ingress, Egress} {
		msgs, err := c.do(unix.RTM_GETTFILTER, unix.NLM_F_DUMP, new(message).fixed(tcmsg{Ifindex: int32(index), Parent: uint32(h)}))
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV) {
			continue // no qdisc, no interface
		}
		if err != nil || len(msgs) > 0 {
			return len(msgs) > 0, err
		}
	}
	return false, nil
}

func filterMessage(index int, hook Hook) *message {
	return new(message).fixed(tcmsg{Ifindex: int32(index), Handle: 1, Parent: uint32(hook), Info: filterPriority<<16 | ethPAll})
}
