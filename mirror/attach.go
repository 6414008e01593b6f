package mirror

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror/rtnl"
)

// attachment is a program on an interface.
type attachment interface {
	Update(*ebpf.Program) error // puts another program in its place, without a gap
	Close() error               // takes it off, also where it is pinned
	release() error             // lets go of it: pins hold it
}

// linked is a program on a link.
type linked struct{ link.Link }

func (l linked) Close() error {
	l.Detach() // of an interface that is gone it fails, which changes nothing
	return l.Link.Close()
}

func (l linked) release() error { return l.Link.Close() }

// hook is where a program sits.
type hook string

const (
	ingress hook = "ingress"
	egress  hook = "egress"
)

// attachTC puts a program on an interface: with tcx, whose links go with the process, or on an older kernel with a filter
// of tc, which g cleans up if the process cannot.
func attachTC(p *ebpf.Program, index int, at hook, nl *rtnl.Conn, g *guard) (attachment, string, error) {
	if !g.forced {
		where := ebpf.AttachTCXIngress
		if at == egress {
			where = ebpf.AttachTCXEgress
		}
		l, err := link.AttachTCX(link.TCXOptions{Program: p, Attach: where, Interface: index})
		if err == nil {
			return linked{l}, "tcx", nil
		}
		if !errors.Is(err, ebpf.ErrNotSupported) {
			return nil, "", privilege(err)
		}
	}
	a, err := attachFilter(p, index, at, nl, g)
	return a, "clsact", err
}

// tcFilter is a program attached as a filter of tc.
type tcFilter struct {
	nl    *rtnl.Conn
	index int
	hook  rtnl.Hook
	guard *guard
}

func attachFilter(p *ebpf.Program, index int, at hook, nl *rtnl.Conn, g *guard) (attachment, error) {
	f := &tcFilter{nl: nl, index: index, hook: rtnl.Ingress, guard: g}
	if at == egress {
		f.hook = rtnl.Egress
	}
	if err := g.expect(index, f.hook); err != nil { // before: nothing may be left behind
		return nil, err
	}
	added, err := nl.AddClsact(index)
	if err != nil {
		return nil, privilege(err)
	}
	if !added && !g.made[index] {
		if err := g.keep(index, f.hook); err != nil {
			return nil, err
		}
	}
	g.made[index] = g.made[index] || added
	if err := f.Update(p); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *tcFilter) Update(p *ebpf.Program) error {
	return f.nl.SetFilter(f.index, f.hook, p.FD(), "tapir_mirror")
}

func (f *tcFilter) Close() error { return f.guard.clean(f.nl, f.index, f.hook) }

func (f *tcFilter) release() error { return f.Close() } // never asked for: what persists has links

// attachXDP puts a broadcast in front of the ingress program. driver asks for XDP in the driver, else it runs on the
// kernel's packets.
func attachXDP(p *ebpf.Program, index int, driver bool) (attachment, error) {
	flags := link.XDPGenericMode
	if driver {
		flags = link.XDPDriverMode
	}
	l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: index, Flags: flags})
	if err != nil {
		return nil, fmt.Errorf("attach XDP: %w", err)
	}
	return linked{l}, nil
}

// promiscuous makes interfaces take all packets, as long as the socket lives.
type promiscuous struct {
	fd int
	on map[int]bool
}

func newPromiscuous() (*promiscuous, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // protocol 0: it receives nothing
	if err != nil {
		return nil, privilege(fmt.Errorf("packet socket: %w", err))
	}
	return &promiscuous{fd: fd, on: map[int]bool{}}, nil
}

// set makes exactly these interfaces promiscuous.
func (p *promiscuous) set(want map[int]bool) error {
	for i := range p.on {
		if !want[i] {
			p.change(unix.PACKET_DROP_MEMBERSHIP, i) // fails if the interface is gone, and its state with it
			delete(p.on, i)
		}
	}
	for i := range want {
		if p.on[i] {
			continue
		}
		if err := p.change(unix.PACKET_ADD_MEMBERSHIP, i); err != nil {
			return fmt.Errorf("promiscuous mode: %w", err)
		}
		p.on[i] = true
	}
	return nil
}

func (p *promiscuous) change(what, index int) error {
	return unix.SetsockoptPacketMreq(p.fd, unix.SOL_PACKET, what, &unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC})
}

func (p *promiscuous) close() error { return unix.Close(p.fd) }
