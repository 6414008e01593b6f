package api

import (
	"bytes"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

var (
	fSourceIP        = record.MustID("source.ip")
	fSourcePort      = record.MustID("source.port")
	fDestinationPort = record.MustID("destination.port")
	fSourceMAC       = record.MustID("source.mac")
)

// ends tells the two sides of a session apart by what its record says of the initiator.
type ends struct {
	rec  *record.Record
	ip   record.Addr // zero: a session below IP
	port uint16
}

func newEnds(rec *record.Record) ends {
	e := ends{rec: rec}
	if x, ok := rec.Values.First(fSourceIP); ok {
		e.ip = x.Addr()
	}
	if x, ok := rec.Values.First(fSourcePort); ok {
		e.port = uint16(x.Int())
	}
	return e
}

// client says whether the initiator sent the packet.
func (e *ends) client(d *packet.Decoded) bool {
	switch {
	case e.ip.IsZero():
		return e.ownMAC(d)
	case d.SrcPort == d.DstPort:
		return d.Src == e.ip
	case d.SrcPort == e.port && d.Src == e.ip:
		return true
	case d.DstPort == e.port && d.Dst == e.ip:
		return false
	}
	return d.SrcPort == e.port // DHCP: addresses change on the way, ports do not (RFC 2131 §4.1)
}

// ownMAC says whether the packet came from a MAC address of the initiator.
func (e *ends) ownMAC(d *packet.Decoded) bool {
	var buf [17]byte
	mac := packet.AppendMAC(buf[:0], d.SrcMAC)
	known := false
	for i := range e.rec.Values.Len() {
		if x := e.rec.Values.At(i); x.Field() == fSourceMAC {
			known = true
			if bytes.Equal(x.Text(), mac) {
				return true
			}
		}
	}
	return !known
}

// sideName is what the API calls the two sides.
func sideName(client bool) string {
	if client {
		return "client"
	}
	return "server"
}
