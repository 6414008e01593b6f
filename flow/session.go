package flow

import (
	"encoding/hex"

	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/reassembly"
	"github.com/tapir-project/tapir/record"
)

// Fields a session record gets when it is made.
var (
	fDuration    = record.MustID("event.duration")
	fLength      = record.MustID("session.length")
	fSegments    = record.MustID("session.segments")
	fState       = record.MustID("session.state")
	fNotStored   = record.MustID("session.dropped.packets")
	fDropped     = record.MustID("session.dropped.values")
	fSrcIP       = record.MustID("source.ip")
	fDstIP       = record.MustID("destination.ip")
	fSrcPort     = record.MustID("source.port")
	fDstPort     = record.MustID("destination.port")
	fPackets     = record.MustID("network.packets")
	fBytes       = record.MustID("network.bytes")
	fDataBytes   = record.MustID("network.data_bytes")
	fDirPackets  = [2]record.FieldID{record.MustID("source.packets"), record.MustID("destination.packets")}
	fDirBytes    = [2]record.FieldID{record.MustID("source.bytes"), record.MustID("destination.bytes")}
	fDirData     = [2]record.FieldID{record.MustID("client.bytes"), record.MustID("server.bytes")}
	fPayload8    = [2]record.FieldID{record.MustID("source.payload8"), record.MustID("destination.payload8")}
	fIANA        = record.MustID("network.iana_number")
	fTransport   = record.MustID("network.transport")
	fType        = record.MustID("network.type")
	fCommunityID = record.MustID("network.community_id")
	fEtherType   = record.MustID("network.ethertype")
	fHandshake   = record.MustID("tcp.handshake")
	fInitRTT     = record.MustID("tcp.init_rtt")
	fSynOK       = record.MustID("tcp.syn_validated")
	fSynAckOK    = record.MustID("tcp.syn_ack_validated")
	fISN         = [2]record.FieldID{record.MustID("tcp.seq.src"), record.MustID("tcp.seq.dst")}
	fRTT         = [2]record.FieldID{record.MustID("destination.tcp.rtt"), record.MustID("source.tcp.rtt")}
	fRetrans     = [2]record.FieldID{record.MustID("source.tcp.retransmissions"), record.MustID("destination.tcp.retransmissions")}
	fLate        = [2]record.FieldID{record.MustID("source.tcp.out_of_order"), record.MustID("destination.tcp.out_of_order")}
	fDupAcks     = [2]record.FieldID{record.MustID("source.tcp.duplicate_acks"), record.MustID("destination.tcp.duplicate_acks")}
	fZeroWindow  = [2]record.FieldID{record.MustID("source.tcp.zero_window"), record.MustID("destination.tcp.zero_window")}
	fGapBytes    = [2]record.FieldID{record.MustID("source.tcp.gap_bytes"), record.MustID("destination.tcp.gap_bytes")}
)

// Places of the flag counters.
const (
	flagSYN = iota
	flagSYNACK
	flagACK
	flagPSH
	flagFIN
	flagRST
	flagURG
	flagECE
	flagCWR
	flagAE
)

var flagFields = [...]record.FieldID{
	flagSYN: record.MustID("tcp.flags.syn"), flagSYNACK: record.MustID("tcp.flags.syn_ack"), flagACK: record.MustID("tcp.flags.ack"),
	flagPSH: record.MustID("tcp.flags.psh"), flagFIN: record.MustID("tcp.flags.fin"), flagRST: record.MustID("tcp.flags.rst"),
	flagURG: record.MustID("tcp.flags.urg"), flagECE: record.MustID("tcp.flags.ece"), flagCWR: record.MustID("tcp.flags.cwr"),
	flagAE: record.MustID("tcp.flags.ae"),
}

// flagBits are the flags counted whatever else is set.
var flagBits = [...]struct {
	bit uint16
	i   int
}{{packet.PSH, flagPSH}, {packet.FIN, flagFIN}, {packet.RST, flagRST}, {packet.URG, flagURG}, {packet.ECE, flagECE}, {packet.CWR, flagCWR}, {packet.AE, flagAE}}

// report makes the record of the part of f that ends here, and begins the next part.
func (t *Table) report(f *Flow, final bool) {
	r := t.Out()
	r.Kind, r.ID, r.Session, r.Part, r.Final = record.KindSession, f.ID, f.ID, f.part, final
	r.Start, r.End = f.partStart, max(f.Last, f.partStart)
	if final && f.part == 0 {
		r.Start = f.Start
	}
	v := &r.Values
	v.Append(&f.Set)
	f.putCounters(r)
	f.putEnds(v)
	if f.Conn != nil {
		f.Conn.put(v)
	}
	t.Done(r)
	t.Stats.Parts++
	f.count = [2]counters{}
	f.NotStored = 0
	f.begun = true
	f.part++
	f.partStart = f.Last
}

func (f *Flow) putCounters(r *record.Record) {
	v := &r.Values
	v.PutInt(fDuration, r.End-r.Start)
	v.PutInt(fLength, (r.End-r.Start)/1e6)
	v.PutInt(fSegments, int64(f.part)+1)
	v.PutString(fState, f.state.String())
	for dir := range f.count {
		c := &f.count[dir]
		v.PutInt(fDirPackets[dir], int64(c.packets))
		v.PutInt(fDirBytes[dir], int64(c.bytes))
		v.PutInt(fDirData[dir], int64(c.data))
		if n := f.payloadN[dir]; n == 8 {
			var buf [16]byte
			v.PutText(fPayload8[dir], hex.AppendEncode(buf[:0], f.payload8[dir][:]))
		}
	}
	v.PutInt(fPackets, int64(f.count[0].packets+f.count[1].packets))
	v.PutInt(fBytes, int64(f.count[0].bytes+f.count[1].bytes))
	v.PutInt(fDataBytes, int64(f.count[0].data+f.count[1].data))
	if f.NotStored > 0 {
		v.PutInt(fNotStored, int64(f.NotStored))
	}
	if f.Set.Dropped > 0 {
		v.PutInt(fDropped, int64(f.Set.Dropped))
	}
}

// minEtherType is the least ethertype on the wire; what lies below are package packet's own numbers (IEEE 802.3).
const minEtherType = 0x0600

func (f *Flow) putEnds(v *record.Values) {
	if f.etherType >= minEtherType {
		v.PutInt(fEtherType, int64(f.etherType))
	}
	a := &f.App
	if f.Key.Class == packet.ClassLink {
		return
	}
	v.PutAddr(fSrcIP, a.Client)
	v.PutAddr(fDstIP, a.Server)
	v.PutInt(fSrcPort, int64(a.ClientPort))
	v.PutInt(fDstPort, int64(a.ServerPort))
	v.PutInt(fIANA, int64(f.Key.Proto))
	v.PutString(fTransport, packet.ProtoName(f.Key.Proto))
	v.PutString(fType, ipVersion(a.Client))
	if hasCommunityID(f.Key.Proto) {
		var buf [32]byte
		v.PutText(fCommunityID, communityid.Append(buf[:0], a.Client, a.Server, a.IDPorts[0], a.IDPorts[1], f.Key.Proto))
	}
}

// hasCommunityID leaves out the protocols that Arkime gives none.
func hasCommunityID(proto uint8) bool { return true }

func ipVersion(a record.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

// put adds the TCP quality of the part that ends and begins counting anew.
func (c *Conn) put(v *record.Values) {
	q := &c.quality
	for i, n := range q.flags {
		v.PutInt(flagFields[i], int64(n))
	}
	if q.synTime != 0 && q.ackTime != 0 {
		v.PutInt(fHandshake, q.ackTime-q.synTime)
		v.PutInt(fInitRTT, (q.ackTime-q.synTime)/2e6)
	}
	for i := range q.side {
		q.side[i].put(v, i, &c.Streams[i])
	}
	if q.side[0].synOK {
		v.PutString(fSynOK, "true")
	}
	if q.side[1].synOK {
		v.PutString(fSynAckOK, "true")
	}
	q.flags = [len(flagFields)]uint32{}
}

func (s *side) put(v *record.Values, dir int, stream *reassembly.Stream) {
	if s.hasISN {
		v.PutInt(fISN[dir], int64(s.isn))
	}
	if s.rtt > 0 {
		v.PutInt(fRTT[dir], s.rtt)
	}
	for _, x := range [...]struct {
		id record.FieldID
		n  uint64
	}{{fRetrans[dir], uint64(s.retrans)}, {fLate[dir], uint64(s.late)}, {fDupAcks[dir], uint64(s.dupAcks)}, {fZeroWindow[dir], uint64(s.zeroWindows)}, {fGapBytes[dir], stream.GapSeen - s.gaps}} {
		if x.n > 0 {
			v.PutInt(x.id, int64(x.n))
		}
	}
	s.retrans, s.late, s.dupAcks, s.zeroWindows, s.gaps = 0, 0, 0, 0, stream.GapSeen
}
