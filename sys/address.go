package sys

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/scap"
)

// appendAddr appends an address, IPv6 in its short form and IPv4 within it with dots.
func appendAddr(dst []byte, a []byte) []byte {
	if len(a) == 4 {
		for i, c := range a {
			if i > 0 {
				dst = append(dst, '.')
			}
			dst = strconv.AppendUint(dst, uint64(c), 10)
		}
		return dst
	}
	return netip.AddrFrom16([16]byte(a)).AppendTo(dst)
}

// appendPort appends a colon and a port, by its service's name if names are wanted and it has one.
func appendPort(dst []byte, port uint16, names bool) []byte {
	return appendService(append(dst, ':'), port, names)
}

func appendService(dst []byte, port uint16, names bool) []byte {
	if name := query.ServiceName(port); names && name != "" {
		return append(dst, name...)
	}
	return strconv.AppendUint(dst, uint64(port), 10)
}

// appendSockaddr appends an address parameter: address and port, or a path.
func appendSockaddr(dst, b []byte, names bool) []byte {
	switch {
	case len(b) == 0:
		return append(dst, "NULL"...)
	case b[0] == familyUnix:
		return appendPrintable(dst, b[1:])
	case b[0] == familyINET && len(b) == 7:
		return appendPort(appendAddr(dst, b[1:5]), binary.LittleEndian.Uint16(b[5:]), names)
	case b[0] == familyINET:
		return append(dst, "INVALID IPv4"...)
	case b[0] == familyINET6 && len(b) == 19:
		return appendPort(appendAddr(dst, b[1:17]), binary.LittleEndian.Uint16(b[17:]), names)
	case b[0] == familyINET6:
		return append(dst, "INVALID IPv6"...)
	}
	return strconv.AppendUint(append(dst, "family "...), uint64(b[0]), 10)
}

// appendTuple appends a parameter with both ends of a connection.
func appendTuple(dst, b []byte, names bool) []byte {
	switch {
	case len(b) == 0:
		return append(dst, "NULL"...)
	case b[0] == familyINET && len(b) == 13:
		dst = appendPort(appendAddr(dst, b[1:5]), binary.LittleEndian.Uint16(b[5:]), names)
		return appendPort(appendAddr(append(dst, "->"...), b[7:11]), binary.LittleEndian.Uint16(b[11:]), names)
	case b[0] == familyINET:
		return append(dst, "INVALID IPv4"...)
	case b[0] == familyINET6 && len(b) == 37:
		from, to := b[1:17], b[19:35]
		if mapped([16]byte(from)) && mapped([16]byte(to)) {
			from, to = from[12:], to[12:]
		}
		dst = appendPort(appendAddr(dst, from), binary.LittleEndian.Uint16(b[17:]), names)
		return appendPort(appendAddr(append(dst, "->"...), to), binary.LittleEndian.Uint16(b[35:]), names)
	case b[0] == familyINET6:
		return append(dst, "INVALID IPv6"...)
	case b[0] == familyUnix && len(b) >= 17:
		dst = strconv.AppendUint(dst, binary.LittleEndian.Uint64(b[1:]), 16)
		dst = append(dst, "->"...)
		dst = strconv.AppendUint(dst, binary.LittleEndian.Uint64(b[9:]), 16)
		return appendPrintable(append(dst, ' '), b[17:])
	}
	return strconv.AppendUint(append(dst, "family "...), uint64(b[0]), 10)
}

// addr is one of f's two addresses.
func (f *FD) addr(a *[16]byte) []byte {
	if f.v4() {
		return a[:4]
	}
	return a[:]
}

// appendEnds appends what a socket is called: its address if it listens, else both ends.
func (f *FD) appendEnds(dst []byte, names bool) []byte {
	dst = appendPort(appendAddr(dst, f.addr(&f.Source)), f.SourcePort, names)
	if f.listens() {
		return dst
	}
	return appendPort(appendAddr(append(dst, "->"...), f.addr(&f.Dest)), f.DestPort, names)
}

// l4Name is the value of fd.l4proto; "" if it is not known.
func (f *FD) l4Name() string {
	switch f.L4 {
	case scap.L4TCP:
		return "tcp"
	case scap.L4UDP:
		return "udp"
	case scap.L4ICMP:
		return "icmp"
	case scap.L4Raw:
		return "raw"
	}
	return ""
}

// TypeName is the kind of descriptor in a word; "<NA>" for kinds without one.
func (f *FD) TypeName() string { return f.typeName() }

// Proto is the transport of a socket; "<NA>" if it is not known.
func (f *FD) Proto() string {
	if n := f.l4Name(); n != "" {
		return n
	}
	return "<NA>"
}

// Ends are the server's and the client's address and port, and the state as netstat names it.
func (f *FD) Ends() (server, client, state string) {
	if f.listens() {
		return string(appendPort(appendAddr(nil, f.addr(&f.Source)), f.SourcePort, false)), "0.0.0.0:*", "LISTEN"
	}
	return string(appendPort(appendAddr(nil, f.addr(&f.Dest)), f.DestPort, false)), string(appendPort(appendAddr(nil, f.addr(&f.Source)), f.SourcePort, false)), "ESTABLISHED"
}
