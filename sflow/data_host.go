package sflow

import "math"

// Interface counts what crossed an interface (counters 0:1; RFC 2863 defines the counters).
type Interface struct {
	Index, Type          uint32 // ifIndex, ifType
	Speed                uint64 // bit/s
	Direction            uint32 // 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out
	Status               uint32 // bit 0 administratively up, bit 1 operationally up
	InOctets             uint64
	InUnicast            uint32
	InMulticast          uint32
	InBroadcast          uint32
	InDiscards, InErrors uint32
	InUnknownProtocols   uint32
	OutOctets            uint64
	OutUnicast           uint32
	OutMulticast         uint32
	OutBroadcast         uint32
	OutDiscards          uint32
	OutErrors            uint32
	Promiscuous          uint32
}

// Tag is 0:1.
func (*Interface) Tag() Tag { return TagInterface }
func (i *Interface) fields(x xdr) xdr {
	x.u32(&i.Index, &i.Type)
	x.u64(&i.Speed)
	x.u32(&i.Direction, &i.Status)
	x.u64(&i.InOctets)
	x.u32(&i.InUnicast, &i.InMulticast, &i.InBroadcast, &i.InDiscards, &i.InErrors, &i.InUnknownProtocols)
	x.u64(&i.OutOctets)
	x.u32(&i.OutUnicast, &i.OutMulticast, &i.OutBroadcast, &i.OutDiscards, &i.OutErrors, &i.Promiscuous)
	return x
}

// PortName is the name of an interface (counters 0:1005).
type PortName struct{ Name []byte }

// Tag is 0:1005.
func (*PortName) Tag() Tag           { return TagPortName }
func (p *PortName) fields(x xdr) xdr { x.text(&p.Name); return x }

// HostID says what a host is (counters 0:2000).
type HostID struct {
	Hostname  []byte // up to 64 bytes
	UUID      [16]byte
	Machine   uint32 // 2 x86, 3 x86_64, 10 arm, ...
	OS        uint32 // 2 linux, 3 windows, ...
	OSRelease []byte // up to 32 bytes
}

// Tag is 0:2000.
func (*HostID) Tag() Tag { return TagHostID }
func (h *HostID) fields(x xdr) xdr {
	x.text(&h.Hostname)
	for i := range h.UUID {
		x.u8(&h.UUID[i])
	}
	x.u32(&h.Machine, &h.OS)
	x.text(&h.OSRelease)
	return x
}

// HostCPU is the load of a host (counters 0:2003). Times are in ms since the host started, summed over its processors.
type HostCPU struct {
	Load1, Load5, Load15        float32
	Running, Processes          uint32
	CPUs, MHz                   uint32
	Uptime                      uint32 // s
	User, Nice, System, Idle    uint32
	IOWait, Interrupt, SoftIRQ  uint32
	Interrupts, ContextSwitches uint32 // numbers
	Steal, Guest, GuestNice     uint32 // not in the first edition of the structure
}

// Tag is 0:2003.
func (*HostCPU) Tag() Tag { return TagHostCPU }
func (h *HostCPU) fields(x xdr) xdr {
	for _, f := range []*float32{&h.Load1, &h.Load5, &h.Load15} {
		bits := math.Float32bits(*f)
		x.u32(&bits)
		*f = math.Float32frombits(bits)
	}
	x.u32(&h.Running, &h.Processes, &h.CPUs, &h.MHz, &h.Uptime, &h.User, &h.Nice, &h.System, &h.Idle, &h.IOWait, &h.Interrupt, &h.SoftIRQ, &h.Interrupts, &h.ContextSwitches)
	if x.write || len(x.b) > 0 {
		x.u32(&h.Steal, &h.Guest, &h.GuestNice)
	}
	return x
}

// HostMemory is the memory of a host (counters 0:2004), in bytes; paging and swapping are numbers of pages.
type HostMemory struct {
	Total, Free, Shared, Buffers, Cached, SwapTotal, SwapFree uint64
	PageIn, PageOut, SwapIn, SwapOut                          uint32
}

// Tag is 0:2004.
func (*HostMemory) Tag() Tag { return TagHostMemory }
func (h *HostMemory) fields(x xdr) xdr {
	x.u64(&h.Total, &h.Free, &h.Shared, &h.Buffers, &h.Cached, &h.SwapTotal, &h.SwapFree)
	x.u32(&h.PageIn, &h.PageOut, &h.SwapIn, &h.SwapOut)
	return x
}

// HostDisk is the storage of a host (counters 0:2005), in bytes, requests and ms.
type HostDisk struct {
	Total, Free  uint64
	MaxUsed      uint32 // of the fullest partition, in hundredths of a percent
	Reads        uint32
	BytesRead    uint64
	ReadTime     uint32
	Writes       uint32
	BytesWritten uint64
	WriteTime    uint32
}

// Tag is 0:2005.
func (*HostDisk) Tag() Tag { return TagHostDisk }
func (h *HostDisk) fields(x xdr) xdr {
	x.u64(&h.Total, &h.Free)
	x.u32(&h.MaxUsed, &h.Reads)
	x.u64(&h.BytesRead)
	x.u32(&h.ReadTime, &h.Writes)
	x.u64(&h.BytesWritten)
	x.u32(&h.WriteTime)
	return x
}

// HostNetwork is the traffic of a host over all its interfaces (counters 0:2006).
type HostNetwork struct {
	BytesIn                         uint64
	PacketsIn, ErrorsIn, DropsIn    uint32
	BytesOut                        uint64
	PacketsOut, ErrorsOut, DropsOut uint32
}

// Tag is 0:2006.
func (*HostNetwork) Tag() Tag { return TagHostNetwork }
func (h *HostNetwork) fields(x xdr) xdr {
	x.u64(&h.BytesIn)
	x.u32(&h.PacketsIn, &h.ErrorsIn, &h.DropsIn)
	x.u64(&h.BytesOut)
	x.u32(&h.PacketsOut, &h.ErrorsOut, &h.DropsOut)
	return x
}

// HostAdaptors lists the interfaces of a host (counters 0:2001).
type HostAdaptors struct{ Adaptors []HostAdaptor }

// HostAdaptor is an interface and its addresses.
type HostAdaptor struct {
	Index uint32
	MACs  [][6]byte
}

// Tag is 0:2001.
func (*HostAdaptors) Tag() Tag { return TagAdaptors }
func (h *HostAdaptors) fields(x xdr) xdr {
	n := uint32(len(h.Adaptors))
	if x.write {
		x.u32(&n)
	} else {
		h.Adaptors = make([]HostAdaptor, x.count(8))
	}
	for i := range h.Adaptors {
		a := &h.Adaptors[i]
		n = uint32(len(a.MACs))
		x.u32(&a.Index)
		if x.write {
			x.u32(&n)
		} else {
			a.MACs = make([][6]byte, x.count(8))
		}
		for j := range a.MACs {
			x.mac(&a.MACs[j])
		}
	}
	return x
}
