package mirror

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/mirror/rtnl"
)

// What is lost of a broadcast, tracepoints tell (bpf/lost.h). In drivers each output's frames are counted as they are handed
// over, so that what is missing from those that came has met no driver. On the kernel's packets an output that cannot take one
// ends the broadcast for those behind it; which they were is not told.

// tracers are the names of the programs on tracepoints.
var tracers = []string{bpf.MirrorProgTapirHanded, bpf.MirrorProgTapirBroken}

// brokenKey is the key of the counter of a source's broadcasts that were broken off.
func brokenKey(source string) string { return "broken " + source }

// trace attaches the program that tells what a way of broadcast loses, and says whether it is there. That it cannot be
// attached is told once; mirroring goes on.
func (m *Manager) trace(w way) bool {
	name := bpf.MirrorProgTapirBroken
	if w == wayDriver {
		name = bpf.MirrorProgTapirHanded
	}
	if m.tracers[name] != nil {
		return true
	}
	if m.state.Uncounted != "" {
		return false
	}
	at, err := m.kernel.attachTracer(name, m.pins.home)
	if err != nil {
		m.state.Uncounted = err.Error()
		m.cfg.Log.Warn("mirror: what drivers and the kernel drop of broadcasts by XDP will not be counted (--mode tc counts everything)", "reason", err)
		return false
	}
	m.tracers[name] = at
	return true
}

// attachTracer puts a program on its tracepoint. home is the network namespace whose packets count, by the number of its inode.
func (k *kernel) attachTracer(name string, home uint32) (attachment, error) {
	p, err := k.load(name, map[string]any{bpf.MirrorVarHome: home}, nil, nil)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: p})
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", name, err)
	}
	return linked{l}, nil
}

// addPairs makes counters for what becomes of a broadcast before it begins. It gives those of drivers, by the counter of the
// copy; nil if frames do not go to drivers, or nobody tells.
func (m *Manager) addPairs(a *attached, source string, p *plan, b *broadcast, w way) (map[uint32]uint32, error) {
	if !m.trace(w) {
		return nil, nil
	}
	a.froms = b.froms
	if w != wayDriver {
		id, err := m.counter(brokenKey(source))
		if err != nil {
			return nil, err
		}
		return nil, m.kernel.addPair(bpf.MirrorPair{From: uint32(a.index)}, id)
	}
	pairs := map[uint32]uint32{}
	for i, to := range b.outputs {
		c := p.Copy[i].Count
		id, err := m.counter(fmt.Sprintf("pair %s %d", source, c))
		if err != nil {
			return nil, err
		}
		pairs[c] = id
		for _, from := range b.froms {
			if err := m.kernel.addPair(bpf.MirrorPair{From: from, To: to}, id); err != nil {
				return nil, err
			}
		}
	}
	return pairs, nil
}

func (k *kernel) addPair(p bpf.MirrorPair, id uint32) error {
	if err := k.maps[bpf.MirrorMapPairs].Put(p, id); err != nil {
		return fmt.Errorf("counter of a source and an output: %w", err)
	}
	return nil
}

// dropPairs forgets the pairs of interfaces that are gone.
func (m *Manager) dropPairs(links map[string]rtnl.Link) error {
	here := map[uint32]bool{0: true}
	for _, l := range links {
		here[uint32(l.Index)] = true
	}
	return m.kernel.dropPairs(func(p bpf.MirrorPair) bool { return !here[p.From] || !here[p.To] })
}

func (k *kernel) dropPairs(which func(bpf.MirrorPair) bool) error {
	var p bpf.MirrorPair
	var id uint32
	var drop []bpf.MirrorPair
	all := k.maps[bpf.MirrorMapPairs].Iterate()
	for all.Next(&p, &id) {
		if which(p) {
			drop = append(drop, p)
		}
	}
	errs := []error{all.Err()}
	for _, p := range drop {
		if err := k.maps[bpf.MirrorMapPairs].Delete(p); !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// settle waits until drivers were handed every frame that a broadcast has counted: both happen in one softirq, which no grace
// period of RCU cuts in two (kernel/bpf/devmap.c).
func settle() {
	const global = 1 // MEMBARRIER_CMD_GLOBAL waits for such a period
	if _, _, e := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0); e != 0 {
		time.Sleep(20 * time.Millisecond) // kernels with nohz_full refuse
	}
}

// counts are the counters by key, with what XDP sent added to those it sent for, and what was lost of that taken off.
func (st *state) counts(k *kernel) (map[string]bpf.MirrorCount, error) {
	byDriver := map[uint32]bool{}
	for _, f := range st.Fast {
		for _, id := range f.Pairs {
			byDriver[id] = true
		}
	}
	byID := map[uint32]bpf.MirrorCount{}
	read := func(pairs bool) error {
		for _, id := range st.Counters {
			if byDriver[id] != pairs {
				continue
			}
			c, err := k.count(id)
			if err != nil {
				return err
			}
			byID[id] = c
		}
		return nil
	}
	if err := read(false); err != nil {
		return nil, err
	}
	if len(byDriver) > 0 { // what came first, then what became of it: no frame on its way seems lost
		settle()
		if err := read(true); err != nil {
			return nil, err
		}
	}
	for _, f := range st.Fast {
		sent := byID[f.ID]
		for _, id := range f.Counts {
			c := byID[id]
			c.Packets += sent.Packets
			c.Bytes += sent.Bytes
			byID[id] = c
		}
	}
	st.takeLost(byID)
	out := map[string]bpf.MirrorCount{}
	for key, id := range st.Counters {
		out[key] = byID[id]
	}
	return out, nil
}

// takeLost takes what drivers dropped, and what met no driver, off the packets of copies.
func (st *state) takeLost(byID map[uint32]bpf.MirrorCount) {
	came, copyOf := map[uint32]uint64{}, map[uint32]uint32{} // by the counter of a pair
	for _, f := range st.Fast {
		for c, id := range f.Pairs {
			came[id] += byID[f.ID].Packets
			copyOf[id] = c
		}
	}
	for id, n := range came {
		pair, c := byID[id], byID[copyOf[id]]
		if met := pair.Packets + pair.Dropped + pair.Errors; n > met { // more may have come since n was read; that hides some, until there is a pause
			st.Skipped[id] = max(st.Skipped[id], n-met)
		}
		pair.Errors += st.Skipped[id]
		c.Dropped += pair.Dropped
		c.Errors += pair.Errors
		c.Packets -= min(c.Packets, pair.Dropped+pair.Errors)
		byID[copyOf[id]] = c
	}
}
