package mirror

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tap is the interface on which the recorder finds its copies. The kernel removes it when the descriptor closes, however
// the process ends, unless it is kept.
type tap struct{ f *os.File }

// needTap makes the interface exist if a rule sends there, and takes it away otherwise.
func (m *Manager) needTap(rules []Rule) error {
	need := false
	for i := range rules {
		for _, o := range rules[i].To {
			need = need || o.Remote == nil && o.Name == Tapir
		}
	}
	if need == (m.tap != nil) {
		return nil
	}
	if !need {
		err := m.tap.remove()
		m.tap = nil
		return err
	}
	t, err := openTap()
	if err != nil {
		return err
	}
	m.tap = t
	links, err := m.links()
	if err != nil {
		return err
	}
	os.WriteFile("/proc/sys/net/ipv6/conf/"+Tapir+"/disable_ipv6", []byte("1"), 0) // it would send packets of its own
	return m.nl.SetUp(links[Tapir].Index)
}

// ifreq is struct ifreq of linux/if.h, as TUNSETIFF reads it.
type ifreq struct {
	name  [unix.IFNAMSIZ]byte
	flags uint16
	_     [22]byte
}

// openTap creates the interface, or takes the one that was kept.
func openTap() (*tap, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, privilege(fmt.Errorf("interface %s for the recorder: /dev/net/tun: %w", Tapir, err))
	}
	t := &tap{os.NewFile(uintptr(fd), "/dev/net/tun")}
	r := ifreq{flags: unix.IFF_TAP | unix.IFF_NO_PI}
	copy(r.name[:], Tapir)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&r))); e != 0 {
		t.f.Close()
		return nil, privilege(fmt.Errorf("interface %s for the recorder: %w (is there another interface of this name?)", Tapir, e))
	}
	return t, nil
}

func (t *tap) persist(on int) error {
	if err := unix.IoctlSetInt(int(t.f.Fd()), unix.TUNSETPERSIST, on); err != nil {
		return fmt.Errorf("interface %s: keep it: %w", Tapir, err)
	}
	return nil
}

// close lets go of the interface.
func (t *tap) close() error { return t.f.Close() }

// remove takes the interface away, kept or not.
func (t *tap) remove() error {
	t.persist(0)
	return t.f.Close()
}
