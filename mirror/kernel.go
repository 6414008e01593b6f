package mirror

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	xbpf "golang.org/x/net/bpf"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/mirror/filter"
	"github.com/tapir-project/tapir/source"
)

// shared are the names of the maps that all programs of a mirror share.
var shared = []string{bpf.MirrorMapPlans, bpf.MirrorMapCounts, bpf.MirrorMapSamples, bpf.MirrorMapShapes, bpf.MirrorMapSchedules, bpf.MirrorMapWorks,
	bpf.MirrorMapPaces, bpf.MirrorMapPairs}

// kernel is what is loaded: maps, and programs as they are asked for.
type kernel struct {
	spec   *ebpf.CollectionSpec
	maps   map[string]*ebpf.Map
	secret [2]uint32 // by which the egress program knows copies
}

// newKernel creates the maps, or takes those of an earlier process.
func newKernel(maps map[string]*ebpf.Map, secret [2]uint32) (*kernel, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, privilege(err)
	}
	spec, err := bpf.LoadMirror()
	if err != nil {
		return nil, err
	}
	k := &kernel{spec: spec, maps: maps, secret: secret}
	if maps != nil {
		return k, nil
	}
	var b [8]byte
	rand.Read(b[:])
	k.secret = [2]uint32{binary.NativeEndian.Uint32(b[:]), binary.NativeEndian.Uint32(b[4:])}
	k.maps = map[string]*ebpf.Map{}
	for _, name := range shared {
		m, err := ebpf.NewMap(spec.Maps[name])
		if err != nil {
			k.close()
			return nil, privilege(fmt.Errorf("create map %s: %w", name, err))
		}
		k.maps[name] = m
	}
	return k, nil
}

func (k *kernel) close() {
	for _, m := range k.maps {
		m.Close()
	}
}

// privilege gives errors about missing privileges their remedy.
func privilege(err error) error {
	var refused *ebpf.VerifierError // EACCES too, but no privilege would help
	if errors.Is(err, os.ErrPermission) && !errors.As(err, &refused) {
		return fmt.Errorf("mirror: %w: %w (needs CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON; try: sudo tapir mirror ...)", source.ErrPermission, err)
	}
	return err
}

// load loads one program with its constants. prepare, if not nil, may change what is loaded first; fill what its own maps
// hold.
func (k *kernel) load(name string, constants map[string]any, prepare func(*ebpf.CollectionSpec) error, fill func(*ebpf.Collection) error) (*ebpf.Program, error) {
	spec := k.spec.Copy()
	maps := map[string]*ebpf.Map{}
	for n := range spec.Maps {
		if m := k.maps[n]; m != nil {
			maps[n] = m
		} else if n == bpf.MirrorMapOutputs && name != bpf.MirrorProgTapirFast {
			delete(spec.Maps, n)
		}
	}
	for n := range spec.Programs {
		if n != name {
			delete(spec.Programs, n)
		}
	}
	for n, v := range constants {
		if err := spec.Variables[n].Set(v); err != nil {
			return nil, fmt.Errorf("constant %s: %w", n, err)
		}
	}
	if prepare != nil {
		if err := prepare(spec); err != nil {
			return nil, err
		}
	}
	c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: maps})
	if err != nil {
		return nil, privilege(fmt.Errorf("load program %s: %w", name, err))
	}
	defer c.Close()
	if fill != nil {
		if err := fill(c); err != nil {
			return nil, err
		}
	}
	return c.DetachProgram(name), nil
}

// loadMirror loads the ingress program of the source in a slot, with its filters. probing is the longest gap that is noted,
// ns; 0: none are.
func (k *kernel) loadMirror(slot, probing uint32, filters map[uint32][]xbpf.RawInstruction) (*ebpf.Program, error) {
	constants := map[string]any{bpf.MirrorVarSlot: slot, bpf.MirrorVarProbing: probing, bpf.MirrorVarSecret: k.secret}
	return k.load(bpf.MirrorProgTapirMirror, constants, func(spec *ebpf.CollectionSpec) error {
		p := spec.Programs[bpf.MirrorProgTapirMirror]
		body, err := filter.Body(filters)
		if err != nil {
			return err
		}
		p.Instructions, err = filter.Splice(p.Instructions, body)
		return err
	}, nil)
}

// loadShape loads the egress program.
func (k *kernel) loadShape() (*ebpf.Program, error) {
	return k.load(bpf.MirrorProgTapirShape, map[string]any{bpf.MirrorVarSecret: k.secret}, nil, nil)
}

// loadFast loads the XDP program that carries out a broadcast for the source in a slot; probing is as in loadMirror.
func (k *kernel) loadFast(slot, probing, count uint32, b *broadcast) (*ebpf.Program, error) {
	constants := map[string]any{bpf.MirrorVarFastLimit: b.limit, bpf.MirrorVarFastCount: count, bpf.MirrorVarSlot: slot, bpf.MirrorVarProbing: probing}
	outputs := b.outputs
	return k.load(bpf.MirrorProgTapirFast, constants, func(spec *ebpf.CollectionSpec) error {
		spec.Maps[bpf.MirrorMapOutputs].MaxEntries = uint32(len(outputs)) // a broadcast looks at each entry, used or not
		return nil
	}, func(c *ebpf.Collection) error {
		for i, o := range outputs {
			if err := c.Maps[bpf.MirrorMapOutputs].Put(uint32(i), o); err != nil {
				return fmt.Errorf("output %d of a broadcast: %w", o, err)
			}
		}
		return nil
	})
}

// setPlan puts a plan in place of the one in a slot. When it returns no packet is treated by the old one any more.
func (k *kernel) setPlan(slot uint32, p *bpf.MirrorPlan) error {
	inner, err := ebpf.NewMap(k.spec.Maps[bpf.MirrorMapPlans].InnerMap)
	if err != nil {
		return fmt.Errorf("create plan: %w", err)
	}
	defer inner.Close()
	if err := inner.Put(uint32(0), p); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	if err := k.maps[bpf.MirrorMapPlans].Put(slot, inner); err != nil {
		return fmt.Errorf("install plan: %w", err)
	}
	return nil
}

// dropPlan empties a slot.
func (k *kernel) dropPlan(slot uint32) error {
	err := k.maps[bpf.MirrorMapPlans].Delete(slot)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return err
}

// count sums a counter over all CPUs.
func (k *kernel) count(id uint32) (sum bpf.MirrorCount, err error) {
	var each []bpf.MirrorCount
	if err := k.maps[bpf.MirrorMapCounts].Lookup(id, &each); err != nil {
		return sum, fmt.Errorf("read counter %d: %w", id, err)
	}
	for i := range each {
		addCount(&sum, &each[i])
	}
	return sum, nil
}

func addCount(to *bpf.MirrorCount, c *bpf.MirrorCount) {
	to.Packets += c.Packets
	to.Bytes += c.Bytes
	to.Filtered += c.Filtered
	to.Unsampled += c.Unsampled
	to.Errors += c.Errors
	to.Away += c.Away
	to.TooBig += c.TooBig
	to.Truncated += c.Truncated
	to.Capped += c.Capped
	to.Dropped += c.Dropped
}

// clearCount sets a counter to zero, before it is used.
func (k *kernel) clearCount(id uint32) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	if err := k.maps[bpf.MirrorMapCounts].Put(id, make([]bpf.MirrorCount, cpus)); err != nil {
		return err
	}
	return k.maps[bpf.MirrorMapSamples].Put(id, uint64(0))
}
