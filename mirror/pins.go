package mirror

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
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
	mountName = "tapir-mirror" // tells a file system that we mounted
	stateMap  = "state"
	stateSize = 1 << 20 // bytes of the state as JSON, most
)

// pins are what keeps a mirror alive without a process: a folder of the BPF file system for each network namespace, with
// links, maps and the state. All work on it is done by one thread in the mount namespace of process 1: commands such as
// `ip netns exec` give their child one of its own, in which pins would vanish with it.
type pins struct {
	dir  string
	home uint32 // the network namespace, by the number of its inode
	work chan func()
	done chan struct{}
}

func openPins() (*pins, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	// A later namespace may get the number of this one's inode, but never its cookie. Kernels before 5.14, which have none, have
	// nothing that could be pinned either.
	cookie, _ := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	p := &pins{dir: fmt.Sprintf("%s/tapir-mirror-%d", bpffs, cookie), home: uint32(st.Ino), work: make(chan func()), done: make(chan struct{})}
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

// make creates the folder, on a BPF file system that it mounts if there is none.
func (p *pins) make() error {
	return p.do(func() error {
		var fs unix.Statfs_t
		if err := unix.Statfs(bpffs, &fs); err != nil {
			return fmt.Errorf("%s: %w (is sysfs mounted?)", bpffs, err)
		}
		if fs.Type != unix.BPF_FS_MAGIC {
			if err := unix.Mount(mountName, bpffs, "bpf", 0, "mode=700"); err != nil {
				return fmt.Errorf("mount a BPF file system on %s: %w", bpffs, err)
			}
		}
		os.RemoveAll(p.dir) // maps without a state: a process was killed while it made them
		return os.MkdirAll(p.dir, 0o700)
	})
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
		if err := m.pins.make(); err != nil {
			return privilege(fmt.Errorf("mirror --persist: %w", err))
		}
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
		if a.xdp == nil {
			m.pins.drop("xdp", name)
		}
	}
	for name, s := range m.shapers {
		if err := m.pins.pin(s.at, m.pins.path("shape", name)); err != nil {
			return err
		}
	}
	for name, at := range m.tracers {
		if err := m.pins.pin(at, m.pins.path("trace", name)); err != nil {
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
	if m.pins != nil {
		m.pins.drop("tc", name)
		m.pins.drop("xdp", name)
	}
}

func (m *Manager) unpinShaper(name string) {
	if m.pins != nil {
		m.pins.drop("shape", name)
	}
}

// drop removes a pin if there is one.
func (p *pins) drop(kind, name string) {
	p.do(func() error { return os.Remove(p.path(kind, name)) })
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
		if err := json.Unmarshal(b[:n], &st); err != nil {
			return fmt.Errorf("mirror that persists: its state: %w (tapir mirror stop removes it)", err)
		}
		return nil
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
	m.state.Uncounted = "" // to be tried again
	if m.kernel, err = newKernel(all, st.Secret); err != nil {
		return err
	}
	links, err := m.links()
	if err != nil {
		return err
	}
	for name, slot := range st.Slots {
		a := &attached{index: links[name].Index, slot: slot, how: "tcx", filters: map[uint32]bool{}, probing: math.MaxUint32} // not known: load it again
		if a.tc = m.pins.link("tc", name, a.index); a.tc == nil {
			continue // gone with its interface
		}
		if a.xdp = m.pins.link("xdp", name, a.index); a.xdp != nil {
			a.fast, a.froms = waySKB, []uint32{uint32(a.index)}
		}
		m.sources[name] = a
	}
	for name, l := range links {
		if at := m.pins.link("shape", name, l.Index); at != nil {
			m.shapers[name] = &shaper{index: l.Index, at: at}
		}
	}
	for _, name := range tracers {
		if at := m.pins.link("trace", name, 0); at != nil {
			m.tracers[name] = at
		}
	}
	return nil
}

// link opens a pinned link, nil if there is none or its program no longer sits on this interface; 0 means on none.
func (p *pins) link(kind, name string, index int) attachment {
	var out attachment
	p.do(func() error {
		path := p.path(kind, name)
		l, err := link.LoadPinnedLink(path, nil)
		if err != nil {
			return nil
		}
		if linkedTo(l) == index {
			out = linked{l}
			return nil
		}
		l.Close()
		return os.Remove(path)
	})
	return out
}

// linkedTo is the index of the interface that a link sits on, 0 if that is gone.
func linkedTo(l link.Link) int {
	info, err := l.Info()
	if err != nil {
		return 0
	}
	if x := info.TCX(); x != nil {
		return int(x.Ifindex)
	}
	if x := info.XDP(); x != nil {
		return int(x.Ifindex)
	}
	return 0
}

// links are the paths of the pinned links.
func (p *pins) links() (paths []string) {
	for _, kind := range []string{"tc", "xdp", "shape", "trace"} {
		some, _ := filepath.Glob(p.path(kind, "") + "*") // the pattern is ours
		paths = append(paths, some...)
	}
	return paths
}

// remove unpins everything, and unmounts the file system if we mounted it and nobody else uses it.
func (p *pins) remove() error {
	return p.do(func() error {
		for _, path := range p.links() { // without this they end some time after their pins
			if l, err := link.LoadPinnedLink(path, nil); err == nil {
				linked{l}.Close()
			}
		}
		err := os.RemoveAll(p.dir)
		mounts, e := os.ReadFile("/proc/thread-self/mounts")
		if e != nil || !bytes.Contains(mounts, []byte(mountName+" "+bpffs+" ")) {
			return err
		}
		left, e := os.ReadDir(bpffs)
		left = slices.DeleteFunc(left, func(f os.DirEntry) bool { return strings.HasSuffix(f.Name(), ".debug") }) // the kernel's own
		if e == nil && len(left) == 0 {
			unix.Unmount(bpffs, 0)
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
		if l.Name == Tapir && l.Kind == "tun" && st.Tap {
			errs = append(errs, nl.Delete(l.Index))
		}
		for _, h := range []rtnl.Hook{rtnl.Ingress, rtnl.Egress} {
			nl.DeleteFilter(l.Index, h)
		}
	}
	return errors.Join(errs...)
}
