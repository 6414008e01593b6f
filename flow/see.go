package flow

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// ttlPackets is how many packets of a direction are looked at for TTL and DSCP.
const ttlPackets = 16

// Fields that packets add to while the flow lasts.
var (
	fProtocol  = record.MustID("network.protocol")
	fSrcMAC    = record.MustID("source.mac")
	fDstMAC    = record.MustID("destination.mac")
	fVLAN      = record.MustID("network.vlan.id")
	fDot1Q     = record.MustID("vlan.dot1q")
	fDot1AD    = record.MustID("vlan.dot1ad")
	fVNI       = record.MustID("network.vni")
	fMPLS      = record.MustID("network.mpls.label")
	fOuterSrc  = record.MustID("source.outer.ip")
	fOuterDst  = record.MustID("destination.outer.ip")
	fOuterSMAC = record.MustID("source.outer.mac")
	fOuterDMAC = record.MustID("destination.outer.mac")
	fTTL       = [2]record.FieldID{record.MustID("source.ttl"), record.MustID("destination.ttl")}
	fDSCP      = [2]record.FieldID{record.MustID("source.dscp"), record.MustID("destination.dscp")}
	fMAC       = [2]record.FieldID{fSrcMAC, fDstMAC}
)

// see counts one packet of f and notes what is new in its headers.
func (f *Flow) see(p *record.Packet, d *packet.Decoded, dir proto.Dir) {
	f.Last = max(f.Last, p.Time)
	f.Start, f.partStart = min(f.Start, p.Time), min(f.partStart, p.Time) // clocks step back, and fragments wait
	c := &f.count[dir]
	c.packets++
	c.bytes += uint64(p.WireLen)
	if f.Conn == nil {
		c.data += uint64(d.PayloadLen) // TCP's is counted when it is delivered: what is sent again is not said again
	}
	f.seen[dir] = true
	if len(d.Payload) > 0 && f.payloadN[dir] == 0 {
		f.payloadN[dir] = uint8(copy(f.payload8[dir][:], d.Payload))
	}
	if d.Layers&^f.layers != 0 {
		f.label(d)
	}
	if d.HasMAC && (d.SrcMAC != f.macs[dir] || d.DstMAC != f.macs[dir.Other()] || !f.macsSeen[dir]) {
		f.addMACs(d, dir)
	}
	if d.HasIP && f.ttlSeen[dir] < ttlPackets {
		f.addTTL(d, dir)
	}
	if d.NTags|d.NLabels|d.NOuter != 0 || d.HasVNI {
		f.addTunnel(d)
	}
}

// label adds the names of layers that the flow has not shown before.
func (f *Flow) label(d *packet.Decoded) {
	f.layers |= d.Layers
	if d.EtherType != 0 {
		f.etherType = d.EtherType
	}
	var buf [16]string
	for _, name := range d.Layers.AppendNames(buf[:0]) {
		f.Set.AddString(fProtocol, name)
	}
	if d.Verdict > packet.Fragment {
		f.Set.AddString(fProtocol, d.Verdict.String())
	}
}

func (f *Flow) addMACs(d *packet.Decoded, dir proto.Dir) {
	f.macs[dir], f.macs[dir.Other()], f.macsSeen[dir] = d.SrcMAC, d.DstMAC, true
	var buf [17]byte
	f.Set.AddText(fMAC[dir], packet.AppendMAC(buf[:0], d.SrcMAC))
	f.Set.AddText(fMAC[dir.Other()], packet.AppendMAC(buf[:0], d.DstMAC))
}

func (f *Flow) addTTL(d *packet.Decoded, dir proto.Dir) {
	dscp := d.TOS >> 2
	if f.ttlSeen[dir] == 0 || f.ttl[dir] != d.TTL {
		f.ttl[dir] = d.TTL
		f.Set.AddInt(fTTL[dir], int64(d.TTL))
	}
	if f.ttlSeen[dir] == 0 || f.dscp[dir] != dscp {
		f.dscp[dir] = dscp
		f.Set.AddInt(fDSCP[dir], int64(dscp))
	}
	f.ttlSeen[dir]++
}

// addTunnel notes tags, labels and outer ends, when they differ from the last packet's.
func (f *Flow) addTunnel(d *packet.Decoded) {
	h := uint32(d.VNI)
	for i := range d.NTags {
		h = h*31 + uint32(d.Tags[i].ID) + 1
	}
	for i := range d.NLabels {
		h = h*31 + d.Labels[i] + 1
	}
	for i := range d.NOuter {
		o := &d.Outer[i]
		h = h*31 + binary.LittleEndian.Uint32(o.Src[12:]) + binary.LittleEndian.Uint32(o.Dst[12:])*7 + binary.LittleEndian.Uint32(o.SrcMAC[2:])
	}
	if h == f.tunnels && f.count[0].packets+f.count[1].packets > 1 {
		return
	}
	f.tunnels = h
	for i := range d.NTags {
		f.addTag(d.Tags[i])
	}
	for i := range d.NLabels {
		f.Set.AddInt(fMPLS, int64(d.Labels[i]))
	}
	if d.HasVNI {
		f.Set.AddInt(fVNI, int64(d.VNI))
	}
	for i := range d.NOuter {
		f.addOuter(&d.Outer[i])
	}
}

func (f *Flow) addTag(t packet.Tag) {
	f.Set.AddInt(fVLAN, int64(t.ID))
	if t.AD {
		f.Set.AddInt(fDot1AD, int64(t.ID))
	} else {
		f.Set.AddInt(fDot1Q, int64(t.ID))
	}
}

func (f *Flow) addOuter(o *packet.Outer) {
	if !o.Src.IsZero() || !o.Dst.IsZero() { // the outside of a tunnel may be Ethernet alone
		f.Set.AddAddr(fOuterSrc, o.Src)
		f.Set.AddAddr(fOuterDst, o.Dst)
	}
	if o.HasMAC {
		var buf [17]byte
		f.Set.AddText(fOuterSMAC, packet.AppendMAC(buf[:0], o.SrcMAC))
		f.Set.AddText(fOuterDMAC, packet.AppendMAC(buf[:0], o.DstMAC))
	}
}
