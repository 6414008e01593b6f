package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
)

// All stands for every interface that is up, those that come later included, but not loopback.
const All = "all"

// receiveBytes is room for drawn packets of one interface.
const receiveBytes = 4 << 20

// rescan is how often interfaces are looked for that came or went.
const rescan = 5 * time.Second

// Options say what of the host is reported.
type Options struct {
	Interfaces []string // by name, or All
	Counters   bool     // of the host as a whole
}

// Host reports a host.
type Host struct {
	o     Options
	agent *agent.Agent
	files files

	mu    sync.Mutex // guards ports
	ports map[int]*port
	wait  sync.WaitGroup
}

// Open opens the sockets of the interfaces.
func Open(a *agent.Agent, o Options) (*Host, error) {
	h := &Host{o: o, agent: a, files: system, ports: map[int]*port{}}
	if err := h.scan(); err != nil {
		h.Close()
		return nil, err
	}
	if o.Counters {
		a.Add(agent.SourceOptions{Kind: "host", ID: sflow.Source{Class: sflow.SourcePhysical, Index: 1}, Counters: h.counters})
	}
	return h, nil
}

// wanted are the interfaces to report as they are now.
func (h *Host) wanted() (out []net.Interface, err error) {
	if slices.Contains(h.o.Interfaces, All) {
		all, err := net.Interfaces()
		for _, i := range all {
			if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
				out = append(out, i)
			}
		}
		return out, err
	}
	for _, name := range h.o.Interfaces {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return out, fmt.Errorf("interface %s: %w (tapir devices lists them)", name, err)
		}
		out = append(out, *i)
	}
	return out, nil
}

// scan opens interfaces that came and forgets those that went.
func (h *Host) scan() error {
	all, err := h.wanted()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, i := range all {
		if h.ports[i.Index] != nil {
			continue
		}
		p, e := openPort(h, i)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		h.ports[i.Index] = p
	}
	for index, p := range h.ports {
		if err == nil && !slices.ContainsFunc(all, func(i net.Interface) bool { return i.Index == index }) {
			p.close()
			delete(h.ports, index)
		}
	}
	return err
}

// Run reads packets until ctx ends.
func (h *Host) Run(ctx context.Context) error {
	t := time.NewTicker(rescan)
	defer t.Stop()
	for {
		h.mu.Lock()
		for _, p := range h.ports {
			p.begin(&h.wait)
		}
		h.mu.Unlock()
		select {
		case <-ctx.Done():
			h.Close()
			return nil
		case <-t.C:
			h.mu.Lock()
			for _, p := range h.ports {
				p.lost()
			}
			h.mu.Unlock()
			h.scan() // an interface that cannot be opened now is tried again
		}
	}
}

// Close ends all.
func (h *Host) Close() error {
	h.mu.Lock()
	for index, p := range h.ports {
		p.file.Close() // its counters stay the agent's until it ends
		delete(h.ports, index)
	}
	h.mu.Unlock()
	h.wait.Wait()
	return nil
}

// port is one interface.
type port struct {
	net.Interface
	host   *Host
	file   *os.File
	raw    rawConn
	source *agent.Source
	link   uint32 // sFlow's number of what packets begin with
	began  bool
}

type rawConn interface {
	Read(func(fd uintptr) bool) error
	Control(func(fd uintptr)) error
}

func openPort(h *Host, i net.Interface) (*port, error) {
	p := &port{Interface: i, host: h, link: linkOf(h.files.text("/sys/class/net/" + i.Name + "/type"))}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packets of %s: %w (needs CAP_NET_RAW; try: sudo tapir sflow agent)", i.Name, err)
	}
	p.file = os.NewFile(uintptr(fd), i.Name)
	if p.raw, err = p.file.SyscallConn(); err == nil {
		err = p.control(func(fd int) error {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBytes) // the kernel may give less
			return errors.Join(attach(fd, 0), unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
				unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: i.Index}))
		})
	}
	if err != nil {
		p.file.Close()
		return nil, fmt.Errorf("packets of %s: %w", i.Name, err)
	}
	p.source = h.agent.Add(agent.SourceOptions{Kind: "packet", ID: sflow.Source{Class: sflow.SourceInterface, Index: uint32(i.Index)},
		Counters: p.counters, OnRate: p.setRate})
	return p, nil
}

func (p *port) close() {
	p.host.agent.Remove(p.source)
	p.file.Close()
}

func (p *port) control(f func(fd int) error) error {
	var err error
	return errors.Join(p.raw.Control(func(fd uintptr) { err = f(int(fd)) }), err)
}

// setRate has the kernel take one in n.
func (p *port) setRate(n uint32) { p.control(func(fd int) error { return attach(fd, n) }) }

func (p *port) begin(wait *sync.WaitGroup) {
	if !p.began {
		p.began = true
		wait.Go(p.read)
	}
}

// read takes packets until the socket is closed.
func (p *port) read() {
	buf, oob := make([]byte, agent.MaxHeader+vlanTag), make([]byte, 256)
	for {
		var n, k int
		var from unix.Sockaddr
		var err error
		if e := p.raw.Read(func(fd uintptr) bool {
			n, k, _, from, err = unix.Recvmsg(int(fd), buf[vlanTag:], oob, unix.MSG_TRUNC)
			return err != unix.EAGAIN
		}); e != nil {
			return
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && err == nil {
			p.sample(buf, n, oob[:k], ll)
		}
	}
}

// sample sends a packet of n bytes, the first of which stand behind vlanTag bytes of room in buf.
func (p *port) sample(buf []byte, n int, oob []byte, from *unix.SockaddrLinklayer) {
	rate := p.source.Rate()
	if rate == 0 {
		return
	}
	b := buf[vlanTag : vlanTag+min(n, len(buf)-vlanTag)]
	if tci, tpid, tagged := vlanOf(oob); tagged && p.link == sflow.HeaderEthernet && len(b) >= 14 {
		b = retag(buf, len(b), tpid, tci)
		n += vlanTag
	}
	in, out := sflow.Port{Value: uint32(p.Index)}, sflow.PortInternal
	if from.Pkttype == unix.PACKET_OUTGOING {
		in, out = out, in
	}
	header := sflow.Header{Protocol: p.link, FrameLength: uint32(n), Bytes: b[:min(len(b), p.host.agent.Header())]}
	if p.link == sflow.HeaderEthernet {
		header.FrameLength += fcs
		header.Stripped = fcs
	} else if len(b) > 0 && b[0]>>4 == 6 {
		header.Protocol = sflow.HeaderIPv6
	}
	p.source.Send(&agent.Sample{Rate: rate, Pool: p.packets(), Input: in, Output: out, Records: []sflow.Data{&header}})
}

// lost notes packets that were drawn and that the socket had no room for.
func (p *port) lost() {
	p.control(func(fd int) error {
		s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil && s.Drops > 0 {
			p.source.Dropped(s.Drops)
		}
		return err
	})
}

// packets is how many packets the interface has had: those that might have been drawn.
func (p *port) packets() uint32 {
	stat := "/sys/class/net/" + p.Name + "/statistics/"
	return uint32(p.host.files.number(stat+"rx_packets") + p.host.files.number(stat+"tx_packets"))
}
