package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror/rtnl"
)

const (
	bpffs     = "/sys/fs/bpf"
	stateMap  = "state"
	stateSize = 1 << 20 // bytes of the state as JSON, most
)

// pins are what keeps a mirror alive without a process: a folder of the BPF file system for each network namespace, with
// links, maps and the state. All work on it is done by one thread in the mount namespace of process 1: commands such as
// `ip netns exec` give their child one of its own, in which pins would vanish with it.
type pins struct {
	dir  string
	work chan func()
	done chan struct{}
}

func openPins() (*pins, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	p := &pins{dir: fmt.Sprintf("%s/tapir-mirror-%d", bpffs, st.Ino), work: make(chan func()), done: make(chan struct{})}
	go p.run()
	return p, nil
}

// run is the thread. It is not unlocked, so that the runtime ends it rather than use it again.
func (p *pins) run() {
	defer close(p.done)
	runtime.LockOSThread()
	if f, err := os.Open("/proc/1/ns/mnt"); err == nil {
		if unix.Unshare(unix.CLONE_FS) == nil {
			unix.Setns(int(f.Fd()), unix.CLONE_NEWNS) // without the privilege: our own namespace will do
		}
		f.Close()
	}
	for f := range p.work {
		f()
	}
}

// do runs f on the thread.
func (p *pins) do(f func() error) (err error) {
	done := make(chan struct{})
	p.work <- func() { err = f(); close(done) }
	<-done
	return err
}

func (p *pins) close() {
	close(p.work)
	<-p.done
}

// exist says whether a mirror persists here.
func (p *pins) exist() bool {
	return p.do(func() error { _, err := os.Stat(filepath.Join(p.dir, stateMap)); return err }) == nil
}

// make creates the folder, on a BPF file system that it mounts if there is none. It says whether it did.
func (p *pins) make() (mounted bool, err error) {
	err = p.do(func() error {
		var fs unix.Statfs_t
		if err := unix.Statfs(bpffs, &fs); err != nil {
			return fmt.Errorf("%s: %w (is sysfs mounted?)", bpffs, err)
		}
		if fs.Type != unix.BPF_FS_MAGIC {
			if err := unix.Mount("bpf", bpffs, "bpf", 0, "mode=700"); err != nil {
				return fmt.Errorf("mount a BPF file system on %s: %w", bpffs, err)
			}
			mounted = true
		}
		return os.MkdirAll(p.dir, 0o700)
	})
	return mounted, err
}

func (p *pins) path(kind, name string) string { return filepath.Join(p.dir, kind+"-"+escape(name)) }

// escape makes a file name of the name of an interface: the BPF file system knows no dots.
func escape(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// save pins what is not pinned yet and writes the state, if the mirror is to persist.
func (m *Manager) save() error {
	if !m.cfg.Persist {
		return nil
	}
	if !m.pins.exist() {
		mounted, err := m.pins.make()
		if err != nil {
			return privilege(fmt.Errorf("mirror --persist: %w", err))
		}
		m.state.Mounted = mounted
		if err := m.pinMaps(); err != nil {
			return err
		}
	}
	for name, a := range m.sources {
		if err := m.pins.pin(a.tc, m.pins.path("tc", name)); err != nil {
			return err
		}
		if err := m.pins.pin(a.xdp, m.pins.path("xdp", name)); err != nil {
			return err
		}
	}
	for name, s := range m.shapers {
		if err := m.pins.pin(s.at, m.pins.path("shape", name)); err != nil {
			return err
		}
	}
	b, err := json.Marshal(&m.state)
	if err != nil {
		return err
	}
	if len(b) > stateSize {
		return fmt.Errorf("mirror --persist: the rules take %d bytes, at most %d can be kept", len(b), stateSize)
	}
	return m.kernel.maps[stateMap].Put(uint32(0), append(b, make([]byte, stateSize-len(b))...))
}

func (m *Manager) pinMaps() error {
	state, err := ebpf.NewMap(&ebpf.MapSpec{Name: "tapir_state", Type: ebpf.Array, KeySize: 4, ValueSize: stateSize, MaxEntries: 1})
	if err != nil {
		return err
	}
	m.kernel.maps[stateMap] = state
	for name, x := range m.kernel.maps {
		if name == stateMap {
			continue
		}
		if err := m.pins.do(func() error { return x.Pin(filepath.Join(m.pins.dir, name)) }); err != nil {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
	}
	return m.pins.do(func() error { return state.Pin(filepath.Join(m.pins.dir, stateMap)) }) // last: it says that all are there
}

// pinner is a link that can be pinned; tc's filters persist without.
type pinner interface{ Pin(string) error }

// pin pins a link, in place of an older one of the name.
func (p *pins) pin(a attachment, path string) error {
	l, ok := a.(pinner)
	if !ok {
		return nil
	}
	return p.do(func() error {
		err := l.Pin(path)
		if errors.Is(err, os.ErrExist) {
			os.Remove(path)
			err = l.Pin(path)
		}
		if err != nil {
			return fmt.Errorf("pin %s: %w", path, err)
		}
		return nil
	})
}

// unpin removes the pins of a source.
func (m *Manager) unpin(name string) {
	if m.pins == nil {
		return
	}
	m.pins.do(func() error {
		os.Remove(m.pins.path("tc", name))
		return os.Remove(m.pins.path("xdp", name))
	})
}

func (m *Manager) unpinShaper(name string) {
	if m.pins != nil {
		m.pins.do(func() error { return os.Remove(m.pins.path("shape", name)) })
	}
}

// load reads the state and opens the maps.
func (p *pins) load() (st state, all map[string]*ebpf.Map, err error) {
	all = map[string]*ebpf.Map{}
	err = p.do(func() error {
		for _, name := range append([]string{stateMap}, shared...) {
			x, err := ebpf.LoadPinnedMap(filepath.Join(p.dir, name), nil)
			if err != nil {
				return privilege(fmt.Errorf("mirror that persists: map %s: %w (tapir mirror stop removes it)", name, err))
			}
			all[name] = x
		}
		var b []byte
		if b, err = all[stateMap].LookupBytes(uint32(0)); err != nil {
			return err
		}
		n := len(b)
		for n > 0 && b[n-1] == 0 {
			n--
		}
		return json.Unmarshal(b[:n], &st)
	})
	return st, all, err
}

// adopt takes over what an earlier process left.
func (m *Manager) adopt() error {
	st, all, err := m.pins.load()
	if err != nil {
		return err
	}
	m.state, m.adopted = st, true
	if m.kernel, err = newKernel(all, st.Secret); err != nil {
		return err
	}
	links, err := m.links()
	if err != nil {
		return err
	}
	for name, slot := range st.Slots {
		a := &attached{index: links[name].Index, slot: slot, how: "tcx", filters: map[uint32]bool{}}
		tc, err := m.pins.link(m.pins.path("tc", name))
		if err != nil || tc == nil {
			continue // gone with its interface
		}
		a.tc = tc
		if x, err := m.pins.link(m.pins.path("xdp", name)); err == nil && x != nil {
			a.xdp, a.fastHow = x, "xdp skb"
		}
		m.sources[name] = a
	}
	return nil
}

// link opens a pinned link.
func (p *pins) link(path string) (l link.Link, err error) {
	err = p.do(func() error { l, err = link.LoadPinnedLink(path, nil); return err })
	return l, err
}

// remove unpins everything, restores what was changed, and unmounts what was mounted.
func (p *pins) remove(st *state) error {
	return p.do(func() error {
		err := os.RemoveAll(p.dir)
		if st.Mounted {
			left, e := os.ReadDir(bpffs)
			left = slices.DeleteFunc(left, func(f os.DirEntry) bool { return strings.HasSuffix(f.Name(), ".debug") }) // the kernel's own
			if e == nil && len(left) == 0 {
				unix.Unmount(bpffs, 0)
			}
		}
		return err
	})
}

// restore clears the promiscuous flags that were set and removes the recorder's interface.
func restore(nl *rtnl.Conn, st *state) error {
	links, err := nl.Links()
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range links {
		if st.Promisc[l.Name] {
			errs = append(errs, nl.SetPromiscuous(l.Index, false))
		}
		if l.Name == Tapir && l.Kind == "tun" && usesTap(st.Config.Rules) {
			errs = append(errs, nl.Delete(l.Index))
		}
		for _, h := range []rtnl.Hook{rtnl.Ingress, rtnl.Egress} {
			nl.DeleteFilter(l.Index, h)
		}
	}
	return errors.Join(errs...)
}

func usesTap(rules []Rule) bool {
	for i := range rules {
		for _, o := range rules[i].To {
			if o.Remote == nil && o.Name == Tapir {
				return true
			}
		}
	}
	return false
}
