package host

import (
	"bytes"
	"encoding/binary"
	"math"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
)

const (
	unknown32 = math.MaxUint32
	tickMS    = 10  // ms of a clock tick in /proc/stat (USER_HZ is 100 on Linux)
	sector    = 512 // bytes of a sector in /proc/diskstats
)

// files reads the kernel's files; tests have their own.
type files func(path string) []byte

func system(path string) []byte {
	b, _ := os.ReadFile(path) // what is not there has no numbers
	return b
}

func (f files) text(path string) string { return strings.TrimSpace(string(f(path))) }

func (f files) number(path string) uint64 {
	n, _ := strconv.ParseUint(f.text(path), 10, 64)
	return n
}

// lines gives the words of each line.
func (f files) lines(path string) (out [][]string) {
	for line := range bytes.Lines(f(path)) {
		out = append(out, strings.Fields(string(line)))
	}
	return out
}

func num(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

// counters are those of an interface.
func (p *port) counters(r *agent.Records) {
	f, dir := p.host.files, "/sys/class/net/"+p.Name+"/"
	stat := func(name string) uint64 { return f.number(dir + "statistics/" + name) }
	c := sflow.Interface{Index: uint32(p.Index), Type: ifType(f.text(dir + "type")), Promiscuous: 2,
		InOctets: stat("rx_bytes"), InUnicast: uint32(stat("rx_packets") - stat("multicast")), InMulticast: uint32(stat("multicast")), InBroadcast: unknown32,
		InDiscards: uint32(stat("rx_dropped")), InErrors: uint32(stat("rx_errors")), InUnknownProtocols: uint32(stat("rx_nohandler")),
		OutOctets: stat("tx_bytes"), OutUnicast: uint32(stat("tx_packets")), OutMulticast: unknown32, OutBroadcast: unknown32,
		OutDiscards: uint32(stat("tx_dropped")), OutErrors: uint32(stat("tx_errors"))}
	if mbit, err := strconv.ParseInt(f.text(dir+"speed"), 10, 64); err == nil && mbit > 0 {
		c.Speed = uint64(mbit) * 1e6
	}
	c.Direction = map[string]uint32{"full": 1, "half": 2}[f.text(dir+"duplex")]
	flags, _ := strconv.ParseUint(strings.TrimPrefix(f.text(dir+"flags"), "0x"), 16, 32)
	if flags&unix.IFF_UP != 0 {
		c.Status |= 1
	}
	if state := f.text(dir + "operstate"); state == "up" || state == "unknown" && flags&unix.IFF_UP != 0 {
		c.Status |= 2
	}
	if flags&unix.IFF_PROMISC != 0 {
		c.Promiscuous = 1
	}
	r.Add(&c)
	r.Add(&sflow.PortName{Name: []byte(p.Name)})
}

// ifType is the IANA number of an interface's type.
func ifType(kind string) uint32 {
	switch kind {
	case linkTypeEthernet:
		return 6 // ethernetCsmacd
	case linkTypeLoopback:
		return 24 // softwareLoopback
	}
	return 1 // other
}

// counters are those of the host.
func (h *Host) counters(r *agent.Records) {
	r.Add(h.id())
	r.Add(adaptors())
	r.Add(h.cpu())
	r.Add(h.memory())
	r.Add(h.disk())
	r.Add(h.network())
	h.snmp(r)
}

func (h *Host) id() *sflow.HostID {
	var u unix.Utsname
	unix.Uname(&u)
	name := unix.ByteSliceToString(u.Nodename[:])
	release := unix.ByteSliceToString(u.Release[:])
	x := &sflow.HostID{Hostname: []byte(name[:min(len(name), 64)]), OS: 2, OSRelease: []byte(release[:min(len(release), 32)]),
		Machine: map[string]uint32{"386": 2, "amd64": 3, "mips": 8, "arm": 10, "arm64": 10, "ppc64le": 15, "ppc64": 15, "s390x": 16}[runtime.GOARCH]}
	id := h.files.text("/etc/machine-id") // random, and the same from boot to boot; a UUID without its dashes
	for i := range x.UUID {
		if len(id) == 32 {
			n, _ := strconv.ParseUint(id[2*i:2*i+2], 16, 8)
			x.UUID[i] = byte(n)
		}
	}
	return x
}

func adaptors() *sflow.HostAdaptors {
	x := &sflow.HostAdaptors{}
	all, _ := net.Interfaces()
	for _, i := range all {
		if a := (sflow.HostAdaptor{Index: uint32(i.Index)}); len(i.HardwareAddr) == 6 && i.Flags&net.FlagLoopback == 0 && len(x.Adaptors) < 32 {
			a.MACs = append(a.MACs, [6]byte(i.HardwareAddr))
			x.Adaptors = append(x.Adaptors, a)
		}
	}
	return x
}

func (h *Host) cpu() *sflow.HostCPU {
	x := &sflow.HostCPU{}
	if l := h.files.lines("/proc/loadavg"); len(l) > 0 && len(l[0]) >= 4 {
		for i, to := range []*float32{&x.Load1, &x.Load5, &x.Load15} {
			v, _ := strconv.ParseFloat(l[0][i], 32)
			*to = float32(v)
		}
		running, all, _ := strings.Cut(l[0][3], "/")
		x.Running, x.Processes = uint32(num(running)), uint32(num(all))
	}
	for _, w := range h.files.lines("/proc/stat") {
		switch {
		case len(w) < 2:
		case w[0] == "cpu":
			for i, to := range []*uint32{&x.User, &x.Nice, &x.System, &x.Idle, &x.IOWait, &x.Interrupt, &x.SoftIRQ, &x.Steal, &x.Guest, &x.GuestNice} {
				if i+1 < len(w) {
					*to = uint32(num(w[i+1]) * tickMS)
				}
			}
		case strings.HasPrefix(w[0], "cpu"):
			x.CPUs++
		case w[0] == "intr":
			x.Interrupts = uint32(num(w[1]))
		case w[0] == "ctxt":
			x.ContextSwitches = uint32(num(w[1]))
		}
	}
	for _, w := range h.files.lines("/proc/cpuinfo") {
		if len(w) == 4 && w[0] == "cpu" && w[1] == "MHz" {
			v, _ := strconv.ParseFloat(w[3], 64)
			x.MHz = max(x.MHz, uint32(v))
		}
	}
	up, _, _ := strings.Cut(h.files.text("/proc/uptime"), ".")
	x.Uptime = uint32(num(up))
	return x
}

func (h *Host) memory() *sflow.HostMemory {
	x := &sflow.HostMemory{}
	to := map[string]*uint64{"MemTotal:": &x.Total, "MemFree:": &x.Free, "Shmem:": &x.Shared, "Buffers:": &x.Buffers, "Cached:": &x.Cached,
		"SwapTotal:": &x.SwapTotal, "SwapFree:": &x.SwapFree}
	for _, w := range h.files.lines("/proc/meminfo") {
		if len(w) > 1 && to[w[0]] != nil {
			*to[w[0]] = num(w[1]) << 10
		}
	}
	pages := map[string]*uint32{"pgpgin": &x.PageIn, "pgpgout": &x.PageOut, "pswpin": &x.SwapIn, "pswpout": &x.SwapOut}
	for _, w := range h.files.lines("/proc/vmstat") {
		if len(w) > 1 && pages[w[0]] != nil {
			*pages[w[0]] = uint32(num(w[1]))
		}
	}
	return x
}

// disk adds up whole disks, not their partitions, and file systems that are on a device, each once.
func (h *Host) disk() *sflow.HostDisk {
	x := &sflow.HostDisk{}
	for _, w := range h.files.lines("/proc/diskstats") {
		if len(w) < 11 || strings.HasPrefix(w[2], "loop") || strings.HasPrefix(w[2], "ram") || strings.HasPrefix(w[2], "dm-") || strings.HasPrefix(w[2], "md") ||
			len(h.files("/sys/class/block/"+w[2]+"/partition")) > 0 {
			continue
		}
		x.Reads += uint32(num(w[3]))
		x.BytesRead += num(w[5]) * sector
		x.ReadTime += uint32(num(w[6]))
		x.Writes += uint32(num(w[7]))
		x.BytesWritten += num(w[9]) * sector
		x.WriteTime += uint32(num(w[10]))
	}
	var seen []string
	for _, w := range h.files.lines("/proc/mounts") {
		var s unix.Statfs_t
		if len(w) < 3 || !strings.HasPrefix(w[0], "/dev/") || slices.Contains(seen, w[0]) || unix.Statfs(w[1], &s) != nil || s.Blocks == 0 {
			continue
		}
		seen = append(seen, w[0])
		x.Total += s.Blocks * uint64(s.Bsize)
		x.Free += s.Bfree * uint64(s.Bsize)
		x.MaxUsed = max(x.MaxUsed, uint32((s.Blocks-s.Bfree)*10000/s.Blocks))
	}
	return x
}

// network adds up the interfaces that reach beyond the host.
func (h *Host) network() *sflow.HostNetwork {
	x := &sflow.HostNetwork{}
	for _, w := range h.files.lines("/proc/net/dev") {
		if len(w) < 17 || w[0] == "lo:" || !strings.HasSuffix(w[0], ":") {
			continue
		}
		x.BytesIn += num(w[1])
		x.PacketsIn += uint32(num(w[2]))
		x.ErrorsIn += uint32(num(w[3]))
		x.DropsIn += uint32(num(w[4]))
		x.BytesOut += num(w[9])
		x.PacketsOut += uint32(num(w[10]))
		x.ErrorsOut += uint32(num(w[11]))
		x.DropsOut += uint32(num(w[12]))
	}
	return x
}

// snmpRecords are the records with the groups of the MIB-2 that /proc/net/snmp has, by the prefix of their fields.
var snmpRecords = []struct {
	group, prefix string
	tag           sflow.Tag
}{{"Ip:", "ip", sflow.TagHostIP}, {"Icmp:", "icmp", sflow.TagHostICMP}, {"Tcp:", "tcp", sflow.TagHostTCP}, {"Udp:", "udp", sflow.TagHostUDP}}

// snmp adds the records of IP, ICMP, TCP and UDP. Kernel and sFlow call their numbers alike.
func (h *Host) snmp(r *agent.Records) {
	numbers := map[string]uint32{}
	lines := h.files.lines("/proc/net/snmp")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := lines[i], lines[i+1]
		for j := 1; j < min(len(names), len(values)); j++ {
			n, _ := strconv.ParseInt(values[j], 10, 64)
			numbers[names[0]+names[j]] = uint32(n)
		}
	}
	for _, m := range snmpRecords {
		var b []byte
		found := false
		for _, f := range sflow.CounterLayout(m.tag).Fields {
			name := strings.Replace(strings.TrimPrefix(f.Name, m.prefix), "ParamProbs", "ParmProbs", 1)
			n, known := numbers[m.group+name]
			if found = found || known; !known {
				n = unknown32
			}
			b = binary.BigEndian.AppendUint32(b, n)
		}
		if found {
			r.AddRaw(m.tag, b)
		}
	}
}
