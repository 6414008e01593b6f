package dhcp

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"sync"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Protocol is DHCP version 4. Its transactions are of type dhcpv4.
var Protocol = &proto.Protocol{
	Name:      "dhcp",
	Type:      "dhcpv4",
	Transport: proto.UDP,
	Ports:     []uint16{67, 68},
	Match:     match4,
	New:       func() proto.Parser { return parser4{} },
}

// The layout of a message (RFC 2131 §2). The options begin with a cookie.
const (
	secondsAt       = 8
	flagsAt         = 10
	clientIPAt      = 12
	yourIPAt        = 16
	serverIPAt      = 20
	relayIPAt       = 24
	hardwareAt      = 28
	hardwareBytes   = 16
	serverNameAt    = 44
	serverNameBytes = 64
	fileAt          = 108
	fileBytes       = 128
	cookieAt        = 236
	optionsAt       = 240

	cookie    = 0x63825363
	opRequest = 1
	opReply   = 2
	ethernet  = 1
	broadcast = 0x8000
	typeNAK   = 6
)

var (
	fSType      = record.MustID("dhcp.type")
	fSHost      = record.MustID("dhcp.host")
	fSMAC       = record.MustID("dhcp.mac")
	fSID        = record.MustID("dhcp.id")
	fSClassID   = record.MustID("dhcp.class_id")
	fSRequestIP = record.MustID("dhcp.request_ip")

	fID          = record.MustID("dhcpv4.transaction_id")
	fSeconds     = record.MustID("dhcpv4.seconds")
	fFlags       = record.MustID("dhcpv4.flags")
	fClientIP    = record.MustID("dhcpv4.client_ip")
	fAssignedIP  = record.MustID("dhcpv4.assigned_ip")
	fServerIP    = record.MustID("dhcpv4.server_ip")
	fRelayIP     = record.MustID("dhcpv4.relay_ip")
	fClientMAC   = record.MustID("dhcpv4.client_mac")
	fServerName  = record.MustID("dhcpv4.server_name")
	fBootFile    = record.MustID("dhcpv4.boot_file_name")
	fOpCode      = record.MustID("dhcpv4.op_code")
	fHops        = record.MustID("dhcpv4.hops")
	fHardware    = record.MustID("dhcpv4.hardware_type")
	fMessageType = record.MustID("dhcpv4.option.message_type")
)

// noteBroken is the note on a message whose options do not end where it does.
const noteBroken = "Malformed message: an option is longer than what is left"

// match4 wants the cookie where it belongs and a sensible header; that is telling enough on any port.
func match4(p *proto.Probe) proto.Verdict {
	if plausible4(p.Data[p.Dir]) {
		return proto.Yes
	}
	return proto.No
}

func plausible4(b []byte) bool {
	return len(b) >= optionsAt && b[0]-1 <= 1 && b[2] <= hardwareBytes && binary.BigEndian.Uint32(b[cookieAt:]) == cookie
}

// reader4 is what a message is read with, taken from a pool.
type reader4 struct {
	b    []byte
	o    options
	line []byte
}

var readers4 = sync.Pool{New: func() any { return new(reader4) }}

type parser4 struct{}

// Parse reads one message.
func (parser4) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	if !plausible4(b) {
		return len(b)
	}
	r := readers4.Get().(*reader4)
	r.b = b
	r.o.index(b)
	r.session(f.Set)
	asking := dir
	if b[0] == opReply {
		asking = dir.Other()
	}
	t := f.Begin(asking)
	t.Start = f.Time
	if b[0] == opReply {
		t.BytesOut = int64(len(b))
	} else {
		t.BytesIn = int64(len(b))
	}
	r.transaction(t)
	f.Emit(t)
	r.b, r.o.msg = nil, nil
	readers4.Put(r)
	return len(b)
}

// Gap is not called: messages are whole.
func (parser4) Gap(*proto.Flow, proto.Dir, int) {}

// Close has nothing to do.
func (parser4) Close(*proto.Flow, proto.Dir) {}

// messageType is the number of the message's type, 0 if it has none (BOOTP).
func (r *reader4) messageType() uint8 {
	if t := r.o.get(optType); r.o.has(optType) && len(t) == 1 {
		return t[0]
	}
	return 0
}

func typeName(names []string, t uint8) string {
	if int(t) < len(names) {
		return names[t]
	}
	return ""
}

// session adds the message to the session.
func (r *reader4) session(set *record.Values) {
	set.AddString(fSType, typeName(types4[:], r.messageType()))
	r.line = strconv.AppendUint(r.line[:0], uint64(binary.BigEndian.Uint32(r.b[4:])), 16)
	set.AddText(fSID, r.line)
	if r.b[1] == ethernet {
		r.addMAC(set, r.b[hardwareAt:hardwareAt+6])
	}
	if id := r.o.get(optClientID); r.o.has(optClientID) && len(id) == 7 && id[0] == ethernet {
		r.addMAC(set, id[1:])
	}
	if r.o.has(optHostName) {
		r.line = appendText(r.line[:0], r.o.get(optHostName))
		set.AddText(fSHost, r.line)
	}
	if r.o.has(optFQDN) {
		r.line = appendFQDN(r.line[:0], r.o.get(optFQDN))
		set.AddText(fSHost, r.line)
	}
	if r.o.has(optClassID) {
		r.line = appendText(r.line[:0], r.o.get(optClassID))
		set.AddText(fSClassID, r.line)
	}
	if ip := r.o.get(optRequestedIP); r.o.has(optRequestedIP) && len(ip) == 4 {
		set.AddAddr(fSRequestIP, record.AddrFrom4(ip))
	}
}

func (r *reader4) addMAC(set *record.Values, mac []byte) {
	r.line = appendMAC(r.line[:0], mac)
	set.AddText(fSMAC, r.line)
}

var opCodes = [...]string{opRequest: "bootrequest", opReply: "bootreply"}

// transaction puts the message into t.
func (r *reader4) transaction(t *proto.Transaction) {
	v, b := &t.Values, r.b
	v.PutString(fOpCode, opCodes[b[0]])
	if name := hardware[b[1]]; name != "" {
		v.PutString(fHardware, name)
	} else {
		v.PutString(fHardware, strconv.Itoa(int(b[1])))
	}
	v.PutInt(fHops, int64(b[3]))
	r.line = appendID(r.line[:0], b[4:8])
	v.PutText(fID, r.line)
	v.PutInt(fSeconds, int64(binary.BigEndian.Uint16(b[secondsAt:])))
	flags := "unicast"
	if binary.BigEndian.Uint16(b[flagsAt:])&broadcast != 0 {
		flags = "broadcast"
	}
	v.PutString(fFlags, flags)
	r.line = appendMAC(r.line[:0], b[hardwareAt:hardwareAt+int(b[2])])
	v.PutText(fClientMAC, r.line)
	t.Resource(r.line)
	putSet(v, fClientIP, b[clientIPAt:])
	putSet(v, fAssignedIP, b[yourIPAt:])
	putSet(v, fServerIP, b[serverIPAt:])
	putSet(v, fRelayIP, b[relayIPAt:])
	r.names(v)
	typ := r.messageType()
	if name := typeName(types4[:], typ); name != "" {
		r.line = append(r.line[:0], name...)
		t.Method(r.line)
		v.AddText(fMessageType, r.line)
	}
	t.Failed = typ == typeNAK
	r.line = r.o.put(v, r.line)
	if r.o.broken {
		t.Note(noteBroken)
	}
}

// names puts the server's name and the boot file's, unless options stand in their place.
func (r *reader4) names(v *record.Values) {
	if r.o.areas[2][1] == 0 {
		r.putName(v, fServerName, r.b[serverNameAt:serverNameAt+serverNameBytes])
	}
	if r.o.areas[1][1] == 0 {
		r.putName(v, fBootFile, r.b[fileAt:fileAt+fileBytes])
	}
}

func (r *reader4) putName(v *record.Values, f record.FieldID, b []byte) {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	r.line = appendText(r.line[:0], b)
	v.PutText(f, r.line)
}

// putSet puts an address that is not 0.0.0.0.
func putSet(v *record.Values, f record.FieldID, b []byte) {
	if binary.BigEndian.Uint32(b) != 0 {
		v.AddAddr(f, record.AddrFrom4(b))
	}
}

// appendID appends a transaction id as 0x and hex digits.
func appendID(dst, id []byte) []byte {
	dst = append(dst, "0x"...)
	for _, c := range id {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendMAC appends a hardware address in hex with colons.
func appendMAC(dst, mac []byte) []byte {
	for i, c := range mac {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}
