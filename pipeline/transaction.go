package pipeline

import (
	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Fields that every transaction gets from its flow.
var (
	fType        = record.MustID("type")
	fDataset     = record.MustID("event.dataset")
	fDuration    = record.MustID("event.duration")
	fStatus      = record.MustID("status")
	fProtocol    = record.MustID("network.protocol")
	fTransport   = record.MustID("network.transport")
	fNetType     = record.MustID("network.type")
	fIANA        = record.MustID("network.iana_number")
	fBytes       = record.MustID("network.bytes")
	fCommunityID = record.MustID("network.community_id")
	fSrcIP       = record.MustID("source.ip")
	fSrcPort     = record.MustID("source.port")
	fSrcBytes    = record.MustID("source.bytes")
	fDstIP       = record.MustID("destination.ip")
	fDstPort     = record.MustID("destination.port")
	fDstBytes    = record.MustID("destination.bytes")
	fClientIP    = record.MustID("client.ip")
	fClientPort  = record.MustID("client.port")
	fClientBytes = record.MustID("client.bytes")
	fServerIP    = record.MustID("server.ip")
	fServerPort  = record.MustID("server.port")
	fServerBytes = record.MustID("server.bytes")
)

// emit makes the record of a transaction.
func (w *Worker) emit(a *proto.Flow, t *proto.Transaction) {
	w.stats.Transactions++
	session := a.Root().Session
	n := a.Root().NextTransaction()
	r := w.batch.Next()
	r.Kind, r.Session, r.ID, r.Final = record.KindTransaction, session, session.Sub(t.Start, n), true
	r.Start, r.End = t.Start, max(t.End, t.Start)
	v := &r.Values
	v.Append(&t.Values)
	if t.End != 0 && t.BytesIn >= 0 {
		v.PutInt(fDuration, t.Latency())
	}
	status := "OK"
	if t.Failed {
		status = "Error"
	}
	v.PutString(fStatus, status)
	name := a.Protocol().TransactionType()
	v.PutString(fType, name)
	v.PutString(fDataset, name)
	v.PutString(fProtocol, a.Protocol().Name)
	putEnds(v, a, t)
	w.made()
}

// putEnds adds who talked: source and client are the same here, destination and server too.
func putEnds(v *record.Values, a *proto.Flow, t *proto.Transaction) {
	client, server, cport, sport := a.Client, a.Server, a.ClientPort, a.ServerPort
	if t.Reverse {
		client, server, cport, sport = server, client, sport, cport
	}
	root := a.Root()
	number := uint8(root.Number)
	v.PutInt(fIANA, int64(number))
	v.PutString(fTransport, packet.ProtoName(number))
	if client.Is4() {
		v.PutString(fNetType, "ipv4")
	} else {
		v.PutString(fNetType, "ipv6")
	}
	v.PutAddr(fSrcIP, client)
	v.PutAddr(fClientIP, client)
	v.PutAddr(fDstIP, server)
	v.PutAddr(fServerIP, server)
	if cport|sport != 0 {
		v.PutInt(fSrcPort, int64(cport))
		v.PutInt(fClientPort, int64(cport))
		v.PutInt(fDstPort, int64(sport))
		v.PutInt(fServerPort, int64(sport))
	}
	var buf [32]byte
	v.PutText(fCommunityID, communityid.Append(buf[:0], root.Client, root.Server, root.IDPorts[0], root.IDPorts[1], number))
	total := int64(0)
	if t.BytesIn >= 0 {
		v.PutInt(fSrcBytes, t.BytesIn)
		v.PutInt(fClientBytes, t.BytesIn)
		total += t.BytesIn
	}
	if t.BytesOut >= 0 {
		v.PutInt(fDstBytes, t.BytesOut)
		v.PutInt(fServerBytes, t.BytesOut)
		total += t.BytesOut
	}
	v.PutInt(fBytes, total)
}
