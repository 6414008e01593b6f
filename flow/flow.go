package flow

import (
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/pcapstore"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/reassembly"
	"github.com/tapir-project/tapir/record"
)

// Flow is one conversation while it lasts.
type Flow struct {
	ID    record.ID
	Key   record.FlowKey
	Start int64 // ns, time of the first packet
	Last  int64 // ns, latest time of a packet

	App proto.Flow    // what its parser sees; Client and Server are its ends
	Set record.Values // values of the session so far

	Conn *Conn // TCP only

	Stored pcapstore.Flow // what the packet store knows of it

	// FirstPos is where the first packet stands in the packet store.
	FirstPos record.Position
	// NotStored counts packets that the packet store had to drop.
	NotStored uint32

	hash      uint64
	forward   bool // the client is end A of Key
	confirmed bool // direction is known from a handshake, not guessed
	begun     bool // a part of it has been emitted
	closing   bool
	state     State
	class     class
	layers    packet.Layers
	etherType uint16
	part      uint32
	partStart int64
	count     [2]counters // of the present part: [proto.ToServer], [proto.ToClient]
	payload8  [2][8]byte
	payloadN  [2]uint8
	ttl       [2]uint8
	dscp      [2]uint8
	ttlSeen   [2]uint8
	macs      [2]packet.MAC
	seen      [2]bool // packets came from: the client, the server
	macsSeen  [2]bool
	hasBack   bool
	back      record.Path // by which the answers come, if not by Key's
	tunnels   uint32      // hash of the outer addresses last added to Set
	older     *Flow       // in the table's order of first packets
	newer     *Flow
	prev      *Flow // timer wheel
	next      *Flow
	slot      int32
	deadline  int64
}

type counters struct{ packets, bytes, data uint64 }

// Conn is the TCP side of a flow.
type Conn struct {
	Streams [2]reassembly.Stream
	quality quality
}

// State is how a session stands or ended.
type State uint8

// The states.
const (
	Open State = iota
	Finished
	ResetByPeer
	TimedOut
	InputEnded
	Evicted
)

var stateNames = [...]string{"open", "fin", "rst", "timeout", "end of input", "evicted"}

// String is the state as session.state shows it.
func (s State) String() string { return stateNames[s] }

// class groups flows by their timers.
type class uint8

const (
	classTCP class = iota
	classUDP
	classSCTP
	classICMP
	classESP
	classOther
)

// Dir says which way a packet goes, from whether its source became end B of the key.
func (f *Flow) Dir(swapped bool) proto.Dir {
	if swapped == f.forward {
		return proto.ToClient
	}
	return proto.ToServer
}

// mayReturn says whether a packet with that key may be the first to take the way back of f, over another network than
// the way there. Another VLAN needs ports as evidence: two hosts that ping each other over two VLANs are two flows.
func (f *Flow) mayReturn(key *record.FlowKey, swapped bool) bool {
	if key.VLAN != f.Key.VLAN && key.PortA|key.PortB == 0 {
		return false
	}
	return !f.hasBack && !f.seen[f.Dir(swapped)] && f.Key.SameEnds(key)
}

// Datagram gives the parser one message. Of flows that are not keyed by addresses (DHCP), it is told the ends of this
// packet; the session keeps those of its first.
func (f *Flow) Datagram(d *packet.Decoded, dir proto.Dir, now int64) {
	if f.Key.Class != packet.ClassDHCP {
		f.App.Data(dir, d.Payload, now)
		return
	}
	a := &f.App
	client, server, cport, sport := a.Client, a.Server, a.ClientPort, a.ServerPort
	a.Client, a.Server, a.ClientPort, a.ServerPort = d.Src, d.Dst, d.SrcPort, d.DstPort
	if dir == proto.ToClient {
		a.Client, a.Server, a.ClientPort, a.ServerPort = d.Dst, d.Src, d.DstPort, d.SrcPort
	}
	a.Data(dir, d.Payload, now)
	a.Client, a.Server, a.ClientPort, a.ServerPort = client, server, cport, sport
}

// turn exchanges client and server: the first packet seen was an answer.
func (f *Flow) turn() {
	f.forward = !f.forward
	f.count[0], f.count[1] = f.count[1], f.count[0]
	f.payload8[0], f.payload8[1] = f.payload8[1], f.payload8[0]
	f.payloadN[0], f.payloadN[1] = f.payloadN[1], f.payloadN[0]
	f.ttl[0], f.ttl[1] = f.ttl[1], f.ttl[0]
	f.dscp[0], f.dscp[1] = f.dscp[1], f.dscp[0]
	f.ttlSeen[0], f.ttlSeen[1] = f.ttlSeen[1], f.ttlSeen[0]
	f.seen[0], f.seen[1] = f.seen[1], f.seen[0]
	f.macs[0], f.macs[1] = f.macs[1], f.macs[0]
	f.macsSeen[0], f.macsSeen[1] = f.macsSeen[1], f.macsSeen[0]
	a := &f.App
	a.Client, a.Server, a.ClientPort, a.ServerPort = a.Server, a.Client, a.ServerPort, a.ClientPort
	a.IDPorts[0], a.IDPorts[1] = a.IDPorts[1], a.IDPorts[0]
}

// begin tells the parser who client and server are: sender and receiver of the first packet, until turn.
func (f *Flow) begin(d *packet.Decoded) {
	a := &f.App
	a.Client, a.Server, a.ClientPort, a.ServerPort = d.Src, d.Dst, d.SrcPort, d.DstPort
	a.IDPorts = [2]uint16{a.ClientPort, a.ServerPort}
	if f.class == classICMP {
		a.IDPorts = [2]uint16{uint16(d.ICMPType), uint16(d.ICMPCode)}
	}
}

// Layers are all layers seen in packets of the flow.
func (f *Flow) Layers() packet.Layers { return f.layers }
