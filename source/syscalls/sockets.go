package syscalls

import (
	"encoding/binary"
	encoding "encoding/hex"
	"strings"

	"github.com/tapir-project/tapir/scap"
)

// socketTables are the sockets of network namespaces by their inodes, read from /proc when a process of the namespace has one.
type socketTables struct {
	of map[string]map[uint64]*scap.Descriptor
}

func newSocketTables() *socketTables {
	return &socketTables{of: map[string]map[uint64]*scap.Descriptor{}}
}

// find completes d, descriptor of a socket with that inode in a namespace, of which dir is a process.
func (t *socketTables) find(dir, namespace string, ino uint64, d *scap.Descriptor) *scap.Descriptor {
	table := t.of[namespace]
	if table == nil {
		table = readSockets(dir + "/net/")
		t.of[namespace] = table
	}
	out := &scap.Descriptor{Type: scap.FDOther, Name: d.Name}
	if known := table[ino]; known != nil {
		c := *known
		out = &c
	}
	out.Thread, out.FD, out.Inode = d.Thread, d.FD, ino
	return out
}

const stateListen = 0x0A

// readSockets reads the tables of a network namespace.
func readSockets(dir string) map[uint64]*scap.Descriptor {
	out := map[uint64]*scap.Descriptor{}
	for _, t := range []struct {
		name string
		l4   scap.L4
	}{{"tcp", scap.L4TCP}, {"tcp6", scap.L4TCP}, {"udp", scap.L4UDP}, {"udp6", scap.L4UDP}, {"raw", scap.L4Raw}, {"raw6", scap.L4Raw},
		{"icmp", scap.L4ICMP}, {"icmp6", scap.L4ICMP}} {
		for line := range lines(dir + t.name) {
			if d, ino, ok := inetSocket(strings.Fields(line)); ok {
				d.L4 = t.l4
				out[ino] = d
			}
		}
	}
	for line := range lines(dir + "unix") { // address: count protocol flags type state inode path
		f := strings.Fields(line)
		if len(f) < 7 || !strings.HasSuffix(f[0], ":") {
			continue
		}
		d := &scap.Descriptor{Type: scap.FDUnix, Unix: [2]uint64{hex(strings.TrimSuffix(f[0], ":")), 0}}
		if len(f) > 7 {
			d.Name = f[7]
		}
		out[uint64(number(f[6]))] = d
	}
	for line := range lines(dir + "netlink") {
		if f := strings.Fields(line); len(f) >= 10 && f[0] != "sk" {
			out[uint64(number(f[9]))] = &scap.Descriptor{Type: scap.FDNetlink}
		}
	}
	return out
}

// inetSocket reads a line of tcp, udp and the like: number, both ends, state, queues, timer, retransmits, user, timeout, inode.
func inetSocket(f []string) (d *scap.Descriptor, ino uint64, ok bool) {
	if len(f) < 10 || !strings.HasSuffix(f[0], ":") {
		return nil, 0, false
	}
	d = &scap.Descriptor{}
	local, port, v6, ok1 := inetEnd(f[1])
	remote, remotePort, _, ok2 := inetEnd(f[2])
	if !ok1 || !ok2 {
		return nil, 0, false
	}
	d.Source, d.SourcePort, d.Dest, d.Port = local, port, remote, remotePort
	listens := hex(f[3]) == stateListen
	switch {
	case listens && v6:
		d.Type = scap.FDIPv6Server
	case listens:
		d.Type = scap.FDIPv4Server
	case v6:
		d.Type = scap.FDIPv6
	default:
		d.Type = scap.FDIPv4
	}
	return d, uint64(number(f[9])), true
}

// inetEnd reads ADDRESS:PORT in hexadecimal digits; the address is in words of four bytes in the machine's order.
func inetEnd(s string) (addr [16]byte, port uint16, v6, ok bool) {
	a, p, _ := strings.Cut(s, ":")
	b, err := encoding.DecodeString(a)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return addr, 0, false, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(addr[i:], binary.BigEndian.Uint32(b[i:]))
	}
	return addr, uint16(hex(p)), len(b) == 16, true
}
