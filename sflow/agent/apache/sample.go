package apache

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/tapir-project/tapir/sflow"
)

// A datagram: numbers, then the texts one behind the other.
const (
	sampleBytes = 96
	texts       = 8
	maxDatagram = 4 << 10
)

var errSample = errors.New("no request of Apache's module")

// sample is a request as the module tells it.
type sample struct {
	rate   uint32
	socket sflow.Socket
	http   sflow.HTTP
	server []byte
}

// parse reads a datagram; texts borrow b.
func (s *sample) parse(b []byte, order binary.ByteOrder) error {
	if len(b) < sampleBytes || order.Uint32(b) != magic {
		return errSample
	}
	*s = sample{rate: order.Uint32(b[4:]), socket: sflow.Socket{Protocol: 6, LocalPort: uint32(order.Uint16(b[40:])), RemotePort: uint32(order.Uint16(b[42:]))},
		http: sflow.HTTP{Method: order.Uint32(b[8:]), Protocol: order.Uint32(b[12:]), Status: order.Uint32(b[16:]), Micros: order.Uint32(b[20:]),
			ReqBytes: order.Uint64(b[24:]), RespBytes: order.Uint64(b[32:])}}
	switch b[44] {
	case 4:
		s.socket.Local, s.socket.Remote = netip.AddrFrom4([4]byte(b[48:])), netip.AddrFrom4([4]byte(b[64:]))
	case 6:
		s.socket.Local, s.socket.Remote = netip.AddrFrom16([16]byte(b[48:])), netip.AddrFrom16([16]byte(b[64:]))
	}
	h := &s.http
	rest := b[sampleBytes:]
	for i, text := range [texts]*[]byte{&h.URI, &h.Host, &h.Referrer, &h.UserAgent, &h.XFF, &h.AuthUser, &h.MIMEType, &s.server} {
		n := int(order.Uint16(b[80+2*i:]))
		if n > len(rest) {
			return errSample
		}
		*text, rest = rest[:n:n], rest[n:]
	}
	return nil
}
