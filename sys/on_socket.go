package sys

import (
	"bytes"
	"encoding/binary"

	"github.com/tapir-project/tapir/scap"
)

// Families, types and protocols of sockets, as captures number them.
const (
	familyUnix    = 1
	familyINET    = 2
	familyINET6   = 10
	familyNetlink = 16
	sockStream    = 1
	sockDgram     = 2
	sockRaw       = 3
	protoIP       = 0
	protoICMP     = 1
	protoTCP      = 6
	protoUDP      = 17
	protoICMPv6   = 58
	protoRaw      = 255

	errInProgress = 115
)

func onSocket(s *Inspector, e *Event) {
	n, _ := e.Int(0)
	if n < 0 {
		return
	}
	var v [3]int64
	if in := e.enter(); in != nil && in.Params() >= 3 {
		for i := range v {
			v[i], _ = in.Int(i)
		}
	} else if e.Params() >= 4 {
		for i := range v {
			v[i], _ = e.Int(i + 1)
		}
	} else {
		return
	}
	s.put(e, newSocket(n, v[0], v[1]&0xff, v[2]))
}

func newSocket(n, family, kind, proto int64) *FD {
	f := &FD{Num: n}
	switch family {
	case familyUnix:
		f.Type = scap.FDUnix
	case familyNetlink:
		f.Type = scap.FDNetlink
	case familyINET, familyINET6:
		f.Type = scap.FDIPv4
		if family == familyINET6 {
			f.Type = scap.FDIPv6
		}
		f.L4 = transport(kind, proto)
	default:
		f.Type = scap.FDUnknown
	}
	return f
}

func transport(kind, proto int64) scap.L4 {
	switch {
	case kind == sockRaw:
		return scap.L4Raw
	case proto == protoTCP:
		return scap.L4TCP
	case proto == protoUDP:
		return scap.L4UDP
	case proto == protoICMP || proto == protoICMPv6:
		return scap.L4ICMP
	case proto == protoRaw:
		return scap.L4Raw
	case proto == protoIP && kind == sockStream:
		return scap.L4TCP
	case proto == protoIP && kind == sockDgram:
		return scap.L4UDP
	}
	return scap.L4Unknown
}

// ends are the two ends of a connection, or of a datagram's way.
type ends struct {
	v6           bool
	source, dest [16]byte
	sport, dport uint16
	unix         [2]uint64
	path         []byte
	family       byte
}

// readTuple reads a parameter with both ends of a connection; ok is false if it has none.
func readTuple(b []byte) (t ends, ok bool) {
	if len(b) < 1 {
		return t, false
	}
	t.family = b[0]
	switch {
	case b[0] == familyINET && len(b) >= 13:
		copy(t.source[:4], b[1:])
		copy(t.dest[:4], b[7:])
		t.sport, t.dport = binary.LittleEndian.Uint16(b[5:]), binary.LittleEndian.Uint16(b[11:])
		return t, true
	case b[0] == familyINET6 && len(b) >= 37:
		copy(t.source[:], b[1:])
		copy(t.dest[:], b[19:])
		t.sport, t.dport = binary.LittleEndian.Uint16(b[17:]), binary.LittleEndian.Uint16(b[35:])
		if mapped(t.source) && mapped(t.dest) {
			copy(t.source[:4], t.source[12:])
			copy(t.dest[:4], t.dest[12:])
			clear(t.source[4:])
			clear(t.dest[4:])
			return t, true
		}
		t.v6 = true
		return t, true
	case b[0] == familyUnix && len(b) >= 17:
		t.unix[0], t.unix[1] = binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:])
		t.path = b[17:]
		if i := bytes.IndexByte(t.path, 0); i >= 0 {
			t.path = t.path[:i]
		}
		return t, true
	}
	return t, false
}

// mapped says whether a is an IPv4 address written as IPv6.
func mapped(a [16]byte) bool {
	return a[10] == 0xff && a[11] == 0xff && binary.BigEndian.Uint64(a[:]) == 0 && a[8] == 0 && a[9] == 0
}

func onBind(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n < 0 || e.FD == nil {
		return
	}
	s.bound(e, e.Param(1))
}

// bound gives the event's socket the address b.
func (s *Inspector) bound(e *Event, b []byte) {
	if len(b) == 0 {
		return
	}
	f := e.FD
	switch {
	case b[0] == familyINET && len(b) >= 7:
		port := binary.LittleEndian.Uint16(b[5:])
		if port == 0 { // the kernel chooses one, which is not known; sysdig takes it for no server then
			break
		}
		f.Source, f.Dest = [16]byte{}, [16]byte{}
		copy(f.Source[:4], b[1:5])
		f.SourcePort, f.Type, f.role = port, scap.FDIPv4Server, roleServer
	case b[0] == familyINET6 && len(b) >= 19:
		port := binary.LittleEndian.Uint16(b[17:])
		if port == 0 {
			break
		}
		f.Source, f.Dest = [16]byte{}, [16]byte{}
		if copy(f.Source[:], b[1:17]); mapped(f.Source) {
			copy(f.Source[:4], f.Source[12:])
			clear(f.Source[4:])
			f.Type = scap.FDIPv4Server
		} else {
			f.Type = scap.FDIPv6Server
		}
		f.SourcePort, f.role = port, roleServer
	}
	f.Name = s.names.get(appendSockaddr(s.scratch(), b, s.services))
	e.renamed = true
}

// onConnectEnter notes where the connection goes, which the file may not tell when it fails.
func onConnectEnter(s *Inspector, e *Event) {
	b := e.Param(1)
	if e.FD == nil || len(b) == 0 {
		return
	}
	f := e.FD
	switch {
	case b[0] == familyUnix:
		f.Name = s.names.get(appendSockaddr(s.scratch(), b, s.services))
		e.renamed = true
	case b[0] == familyINET && len(b) >= 7:
		to := f.Dest
		copy(f.Dest[:4], b[1:5])
		f.DestPort = binary.LittleEndian.Uint16(b[5:])
		f.Type, f.moved = scap.FDIPv4, f.Dest != to
	case b[0] == familyINET6 && len(b) >= 19:
		a := [16]byte(b[1:17])
		f.DestPort = binary.LittleEndian.Uint16(b[17:])
		if f.Type, f.Dest = scap.FDIPv6, a; mapped(a) {
			f.Type, f.Dest = scap.FDIPv4, [16]byte{}
			copy(f.Dest[:4], a[12:])
		}
	}
}

func onConnect(s *Inspector, e *Event) {
	if e.FD != nil {
		s.connected(e, e.Param(1))
	}
}

// connected gives the event's socket the ends in tuple, unless connecting failed.
func (s *Inspector) connected(e *Event, tuple []byte) {
	f := e.FD
	switch {
	case e.Errno == errInProgress:
		f.pending = true
	case e.Errno != 0:
		f.failed, f.connected = true, false
		return
	}
	f.connected = true
	t, ok := readTuple(tuple)
	if !ok {
		return
	}
	if t.family == familyUnix {
		f.Type, f.Unix, f.role = scap.FDUnix, t.unix, roleClient
		f.Name = s.names.get(appendTuple(s.scratch(), tuple, s.services))
		e.renamed = true
		return
	}
	if s.updateEnds(f, &t) || f.moved {
		f.moved = false
		if s.rename(f); f.L4 != scap.L4UDP || f.role == roleNone {
			f.role = roleClient
		}
		e.renamed = true
	}
	f.role = roleClient
}

func onAccept(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n >= 0 {
		s.accepted(e, n, e.Param(1))
	}
}

// accepted makes descriptor n, a connection with the ends in tuple.
func (s *Inspector) accepted(e *Event, n int64, tuple []byte) {
	t, ok := readTuple(tuple)
	if !ok {
		return
	}
	f := &FD{Num: n, role: roleServer, connected: true, L4: scap.L4TCP}
	switch {
	case t.family == familyUnix:
		f.Type, f.Unix, f.L4 = scap.FDUnix, t.unix, scap.L4Unknown
	case t.v6:
		f.Type = scap.FDIPv6
	default:
		f.Type = scap.FDIPv4
	}
	f.Source, f.Dest, f.SourcePort, f.DestPort = t.source, t.dest, t.sport, t.dport
	f.Name = s.names.get(appendTuple(s.scratch(), tuple, s.services))
	e.renamed = true
	s.put(e, f)
}

// updateEnds brings a socket's ends up to a tuple and says whether that changed them. What a datagram socket was sent
// to first stays; the same way back changes nothing; a missing end is filled in from the interfaces.
func (s *Inspector) updateEnds(f *FD, t *ends) bool {
	want := scap.FDIPv4
	if t.v6 {
		want = scap.FDIPv6
	}
	if f.listens() { // its own address stands in Source
		f.Source, f.Dest, f.SourcePort, f.DestPort = [16]byte{}, [16]byte{}, 0, 0
		f.role = roleNone
	}
	f.Type = want
	var zero [16]byte
	same := f.Source == t.source && f.SourcePort == t.sport && f.Dest == t.dest && f.DestPort == t.dport
	back := f.Source == t.dest && f.SourcePort == t.dport && f.Dest == t.source && f.DestPort == t.sport
	if same || back {
		return f.Name == ""
	}
	changed := f.Name == ""
	if f.Source != t.source || f.SourcePort != t.sport {
		f.Source, f.SourcePort, changed = t.source, t.sport, true
	}
	if f.Dest == zero {
		changed = changed || t.dest != zero
		f.Dest = t.dest
	}
	if f.DestPort == 0 {
		changed = changed || t.dport != 0
		f.DestPort = t.dport
	}
	if changed {
		s.fillEnds(f)
	}
	return changed
}

// fillEnds fills in an end that is not known with the host's address towards the other.
func (s *Inspector) fillEnds(f *FD) {
	var zero [16]byte
	switch {
	case f.Source == zero && f.Dest != zero:
		f.Source = s.addressTowards(f.Dest, f.v6())
	case f.Dest == zero && f.Source != zero:
		f.Dest = s.addressTowards(f.Source, f.v6())
	}
}

// addressTowards is the host's own address for talking with a: a itself if it is the host's, one in the same network,
// else the first that is not loopback.
func (s *Inspector) addressTowards(a [16]byte, v6 bool) (out [16]byte) {
	size := 4
	if v6 {
		size = 16
	}
	for pass := range 3 {
		for _, i := range s.Interfaces {
			if len(i.Address) != size {
				continue
			}
			fits := true
			switch pass {
			case 0:
				fits = bytes.Equal(i.Address, a[:size])
			case 1:
				for k := range size {
					fits = fits && i.Address[k]&i.Mask[k] == a[k]&i.Mask[k]
				}
			case 2:
				fits = !loopback(i.Address)
			}
			if fits {
				copy(out[:], i.Address)
				return out
			}
		}
	}
	return out
}

func loopback(a []byte) bool {
	if len(a) == 4 {
		return a[0] == 127
	}
	return binary.BigEndian.Uint64(a) == 0 && binary.BigEndian.Uint64(a[8:]) == 1
}

// local says whether an address is the host's.
func (s *Inspector) local(a []byte) bool {
	if loopback(a) || len(a) == 16 && binary.BigEndian.Uint64(a) == 0 && binary.BigEndian.Uint64(a[8:]) == 0 {
		return true
	}
	for _, i := range s.Interfaces {
		if bytes.Equal(i.Address, a) {
			return true
		}
	}
	return false
}

// tupleParam is the place of the tuple in events that send or receive.
func tupleParam(t scap.Type) int {
	switch t {
	case typeSendtoEnter, typeSendmsgEnter, typeRecvfrom:
		return 2
	case typeRecvmsg:
		return 3
	case typeSend, typeSendto, typeSendmsg, typeSendmmsg, typeRecvmmsg:
		return 4
	}
	return -1
}

// onSendEnter makes a socket up that the capture did not see being opened.
func onSendEnter(s *Inspector, e *Event) {
	if e.FD != nil || e.Thread.last.fd < 0 {
		return
	}
	t, ok := readTuple(e.Param(tupleParam(e.Type)))
	if !ok || t.family == familyUnix {
		return
	}
	s.inferSocket(e, &t)
}

func (s *Inspector) inferSocket(e *Event, t *ends) {
	family := int64(familyINET)
	if t.v6 {
		family = familyINET6
	}
	s.put(e, newSocket(e.Thread.last.fd, family, sockDgram, protoUDP))
}

func onRead(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n < 0 || e.FD == nil {
		return
	}
	s.seeTuple(e, e.Param(tupleParam(e.Type)), true)
}

func onWrite(s *Inspector, e *Event) {
	if e.FD == nil {
		if t, ok := readTuple(e.Param(tupleParam(e.Type))); ok && t.family != familyUnix && e.Thread.last.fd >= 0 {
			s.inferSocket(e, &t)
		}
	}
	if n, _ := e.Int(0); n < 0 || e.FD == nil {
		return
	}
	tuple := e.Param(tupleParam(e.Type))
	if in := e.enter(); in != nil && tupleParam(in.Type) >= 0 {
		tuple = in.Param(tupleParam(in.Type))
	}
	s.seeTuple(e, tuple, false)
}

// seeTuple learns a datagram socket's ends from what came or went.
func (s *Inspector) seeTuple(e *Event, tuple []byte, incoming bool) {
	f := e.FD
	if f.Name != "" && f.L4 == scap.L4TCP {
		return
	}
	t, ok := readTuple(tuple)
	if !ok {
		return
	}
	if t.family == familyUnix {
		if f.Name == "" || f.Unix != t.unix {
			f.Type, f.Unix, f.Name = scap.FDUnix, t.unix, s.names.get(appendTuple(s.scratch(), tuple, s.services))
			e.renamed = true
		}
		return
	}
	if !s.updateEnds(f, &t) {
		return
	}
	if f.role == roleNone {
		f.role = s.guessRole(e.Thread, f, incoming)
	}
	if incoming == (f.role == roleClient) {
		f.swap()
	}
	s.rename(f)
	e.renamed = true
}

// guessRole is the role of a process in a datagram flow: the server if it has bound the port, else whoever speaks first
// is the client.
func (s *Inspector) guessRole(t *Thread, f *FD, incoming bool) role {
	bound := false
	if table := s.table(t); table != nil {
		table.all(func(o *FD) bool {
			bound = o.listens() && o.SourcePort == f.DestPort
			return !bound
		})
	}
	if bound || incoming {
		return roleServer
	}
	return roleClient
}

// rename makes a socket's name of its ends.
func (s *Inspector) rename(f *FD) {
	var buf [128]byte
	f.Name = string(f.appendEnds(buf[:0], s.services))
}

// mmsgInfo is the declaration of an event that leaves sendmmsg or recvmmsg. In the layout of sysdig 0.29 it has no
// parameter, and nothing to do with a descriptor.
func mmsgInfo(e *Event) *scap.Info {
	if e.Params() == 0 {
		return bareMmsg[e.Type]
	}
	return e.Info
}

var bareMmsg = map[scap.Type]*scap.Info{typeSendmmsg: bare(typeSendmmsg), typeRecvmmsg: bare(typeRecvmmsg)}

func bare(t scap.Type) *scap.Info {
	i := *t.Info()
	i.Flags = 0
	return &i
}
