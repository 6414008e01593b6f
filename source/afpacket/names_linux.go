package afpacket

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/source"
)

// target is an interface that was named.
type target struct {
	hardware
	name  string
	index int
	state state // as last looked at; only the goroutine that watches uses it
}

// state of an interface.
type state uint8

const (
	up state = iota
	down
	gone
)

// resolve finds the interfaces named. It returns none for "any". Fd is any socket: it tells the network namespace.
func resolve(fd int, names []string) (targets []*target, err error) {
	seen := map[int]bool{}
	for _, name := range names {
		if name == Any {
			if len(names) > 1 {
				return nil, fmt.Errorf("interfaces %s: any stands for all, name it alone", strings.Join(names, ", "))
			}
			return nil, nil
		}
		t, err := find(fd, name)
		if err != nil {
			return nil, err
		}
		if seen[t.index] {
			return nil, fmt.Errorf("interface %s is named twice", t.name)
		}
		seen[t.index] = true
		targets = append(targets, t)
	}
	return targets, nil
}

// find finds one interface by name or, if no name fits, by number.
func find(fd int, name string) (*target, error) {
	t := &target{name: name}
	index, err := indexOf(fd, name)
	if n, bad := strconv.Atoi(name); err != nil && bad == nil {
		index = n
		t.name, err = nameOf(fd, n)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; %s", name, source.ErrNoInterface, available())
	}
	t.index = index
	hatype, err := hardwareType(fd, t.name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", t.name, err)
	}
	t.hardware = linkOf(hatype)
	if lookAt(fd, t) != up {
		return nil, fmt.Errorf("open %s: %w (try: sudo ip link set %s up)", t.name, source.ErrDown, t.name)
	}
	return t, nil
}

// available lists the interfaces there are, for an error.
func available() string {
	all, err := net.Interfaces()
	if err != nil {
		return "the interfaces cannot be listed: " + err.Error()
	}
	names := make([]string, len(all), len(all)+1)
	for i := range all {
		names[i] = all[i].Name
	}
	return "there are: " + strings.Join(append(names, Any), ", ")
}

// request asks the kernel about an interface by name.
func request(fd int, op uint, name string) (*unix.Ifreq, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return nil, unix.ENODEV // longer than any name
	}
	return r, unix.IoctlIfreq(fd, op, r)
}

func indexOf(fd int, name string) (int, error) {
	r, err := request(fd, unix.SIOCGIFINDEX, name)
	if err != nil {
		return 0, err
	}
	return int(r.Uint32()), nil
}

func hardwareType(fd int, name string) (uint16, error) {
	r, err := request(fd, unix.SIOCGIFHWADDR, name)
	if err != nil {
		return 0, err
	}
	return r.Uint16(), nil
}

// nameOf is the present name of an interface.
func nameOf(fd, index int) (string, error) {
	r, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	r.SetUint32(uint32(index))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, r); err != nil {
		return "", err
	}
	return r.Name(), nil
}

// lookAt tells the state of a target. It goes by number: names change.
func lookAt(fd int, t *target) state {
	name, err := nameOf(fd, t.index)
	if err != nil {
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
			return gone
		}
		return t.state // not known
	}
	r, err := request(fd, unix.SIOCGIFFLAGS, name)
	switch {
	case err != nil:
		return t.state
	case r.Uint16()&unix.IFF_UP == 0:
		return down
	}
	return up
}
