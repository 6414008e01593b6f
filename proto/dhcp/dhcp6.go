package dhcp

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"sync"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Protocol6 is DHCP version 6.
var Protocol6 = &proto.Protocol{
	Name:      "dhcpv6",
	Transport: proto.UDP,
	Ports:     []uint16{portClient6, portServer6},
	Match:     match6,
	New:       func() proto.Parser { return parser6{} },
}

const (
	portClient6 = 546
	portServer6 = 547

	header6      = 4  // type and transaction id (RFC 8415 §8)
	headerRelay6 = 34 // type, hops, link and peer address (RFC 8415 §9)
	maxRelays    = 32 // RFC 8415 §7.6: HOP_COUNT_LIMIT is 8

	typeRelayForw = 12
	typeRelayRepl = 13
)

var (
	f6Type       = record.MustID("dhcpv6.message_type")
	f6ID         = record.MustID("dhcpv6.transaction_id")
	f6Hops       = record.MustID("dhcpv6.hops")
	f6Link       = record.MustID("dhcpv6.link_address")
	f6Peer       = record.MustID("dhcpv6.peer_address")
	f6ClientDUID = record.MustID("dhcpv6.option.client_duid")
	f6ServerDUID = record.MustID("dhcpv6.option.server_duid")
	f6Addresses  = record.MustID("dhcpv6.option.addresses")
	f6Prefixes   = record.MustID("dhcpv6.option.prefixes")
	f6Preferred  = record.MustID("dhcpv6.option.preferred_lifetime_sec")
	f6Valid      = record.MustID("dhcpv6.option.valid_lifetime_sec")
	f6Requested  = record.MustID("dhcpv6.option.requested_options")
	f6Elapsed    = record.MustID("dhcpv6.option.elapsed_time_ms")
	f6DNS        = record.MustID("dhcpv6.option.dns_servers")
	f6Search     = record.MustID("dhcpv6.option.domain_search")
	f6FQDN       = record.MustID("dhcpv6.option.fqdn")
	f6Status     = record.MustID("dhcpv6.option.status_code")
	f6StatusText = record.MustID("dhcpv6.option.status_message")
	f6Rapid      = record.MustID("dhcpv6.option.rapid_commit")
)

// match6 wants the port too: the header alone is not telling.
func match6(p *proto.Probe) proto.Verdict {
	if (p.HasPort(portClient6) || p.HasPort(portServer6)) && plausible6(p.Data[p.Dir]) {
		return proto.Yes
	}
	return proto.No
}

// plausible6 says whether b has a known type and its first option, if any, fits.
func plausible6(b []byte) bool {
	if len(b) < header6 || typeName(types6[:], b[0]) == "" {
		return false
	}
	rest := b[header6:]
	if isRelay(b[0]) {
		if len(b) < headerRelay6 {
			return false
		}
		rest = b[headerRelay6:]
	}
	return len(rest) == 0 || len(rest) >= 4 && binary.BigEndian.Uint16(rest) != 0
}

func isRelay(typ uint8) bool { return typ == typeRelayForw || typ == typeRelayRepl }

// fromServer says whether messages of a type answer or come from a server.
func fromServer(typ uint8) bool {
	switch typ {
	case 2, 7, 10, 13, 15, 16, 17, 19, 21, 25, 27, 30, 32, 37:
		return true
	}
	return false
}

// reader6 is what a message is read with, taken from a pool.
type reader6 struct {
	set  *record.Values // of the session
	t    *proto.Transaction
	typ  uint8 // of the message, the innermost if it is relayed
	line []byte

	hasStatus, failed bool // a status was seen, and was not Success
	broken            bool // an option is longer than what is left
	code              uint16
	text              []byte
}

var readers6 = sync.Pool{New: func() any { return new(reader6) }}

type parser6 struct{}

// Parse reads one message.
func (parser6) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	if !plausible6(b) {
		return len(b)
	}
	r := readers6.Get().(*reader6)
	asking := dir
	if fromServer(b[0]) {
		asking = dir.Other()
	}
	r.set, r.t = f.Set, f.Begin(asking)
	r.t.Start = f.Time
	if fromServer(b[0]) {
		r.t.BytesOut = int64(len(b))
	} else {
		r.t.BytesIn = int64(len(b))
	}
	r.message(b)
	f.Emit(r.t)
	r.set, r.t = nil, nil
	readers6.Put(r)
	return len(b)
}

// Gap is not called: messages are whole.
func (parser6) Gap(*proto.Flow, proto.Dir, int) {}

// Close has nothing to do.
func (parser6) Close(*proto.Flow, proto.Dir) {}

// message reads a message; one within relay messages is what the transaction is about.
func (r *reader6) message(b []byte) {
	v := &r.t.Values
	for relays := 0; ; relays++ {
		r.set.AddString(fSType, typeName(types6[:], b[0]))
		if !isRelay(b[0]) || len(b) < headerRelay6 || relays == maxRelays {
			break
		}
		if relays == 0 {
			v.PutInt(f6Hops, int64(b[1]))
			if link := record.AddrFrom16(b[2:]); !link.IsZero() { // a lightweight relay agent leaves it out (RFC 6221 §5.1)
				v.AddAddr(f6Link, link)
			}
			v.AddAddr(f6Peer, record.AddrFrom16(b[18:]))
		}
		inner := r.relayed(b[headerRelay6:])
		if len(inner) < header6 || typeName(types6[:], inner[0]) == "" {
			break
		}
		b = inner
	}
	r.typ = b[0]
	r.line = append(r.line[:0], typeName(types6[:], r.typ)...)
	r.t.Method(r.line)
	v.AddText(f6Type, r.line)
	if isRelay(r.typ) {
		return
	}
	r.line = strconv.AppendUint(r.line[:0], uint64(binary.BigEndian.Uint32(b)&0xffffff), 16)
	r.set.AddText(fSID, r.line)
	r.line = appendID(r.line[:0], b[1:4])
	v.PutText(f6ID, r.line)
	r.hasStatus, r.failed, r.broken = false, false, false
	r.options(b[header6:], 0)
	r.putStatus()
	if r.broken {
		r.t.Note(noteBroken)
	}
}

// relayed is the message within a relay message: the value of option 9.
func (r *reader6) relayed(b []byte) []byte {
	const optRelayMessage = 9
	for {
		code, value, rest, ok := cut6(b)
		if !ok || code == optRelayMessage {
			return value
		}
		b = rest
	}
}

// cut6 takes the first option off b (RFC 8415 §21.1).
func cut6(b []byte) (code uint16, value, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, false
	}
	n := 4 + int(binary.BigEndian.Uint16(b[2:]))
	if n > len(b) {
		return 0, nil, nil, false
	}
	return binary.BigEndian.Uint16(b), b[4:n], b[n:], true
}

// options reads options, those within options too.
func (r *reader6) options(b []byte, depth int) {
	const maxDepth = 4 // identity association, address, status: nothing nests deeper
	for depth < maxDepth {
		code, value, rest, ok := cut6(b)
		if !ok {
			if len(b) > 0 {
				r.broken = true
			}
			return
		}
		r.option(code, value, depth)
		b = rest
	}
}

// option reads one option (RFC 8415 §21, RFC 3646, RFC 4704).
func (r *reader6) option(code uint16, value []byte, depth int) {
	v := &r.t.Values
	switch code {
	case 1:
		r.line = hex.AppendEncode(r.line[:0], value)
		v.PutText(f6ClientDUID, r.line)
		r.t.Resource(r.line)
		r.clientMAC(value)
	case 2:
		r.line = hex.AppendEncode(r.line[:0], value)
		v.PutText(f6ServerDUID, r.line)
	case 3, 25: // associations for addresses and prefixes: id, T1, T2, options
		if len(value) >= 12 {
			r.options(value[12:], depth+1)
		}
	case 4: // temporary addresses: id, options
		if len(value) >= 4 {
			r.options(value[4:], depth+1)
		}
	case 5:
		r.address(value, depth)
	case 26:
		r.prefix(value, depth)
	case 6:
		for ; len(value) >= 2; value = value[2:] {
			v.PutInt(f6Requested, int64(binary.BigEndian.Uint16(value)))
		}
	case 8:
		if len(value) == 2 {
			v.PutInt(f6Elapsed, int64(binary.BigEndian.Uint16(value))*10)
		}
	case 13:
		r.status(value)
	case 14:
		v.AddBool(f6Rapid, true)
	case 16:
		r.vendorClass(value)
	case 23:
		for ; len(value) >= 16; value = value[16:] {
			v.AddAddr(f6DNS, record.AddrFrom16(value))
		}
	case 24:
		for off := 0; off >= 0 && off < len(value); {
			if r.line, off = appendDomain(r.line[:0], value, off); off >= 0 {
				v.AddText(f6Search, r.line)
			}
		}
	case 39:
		if len(value) > 1 {
			r.line, _ = appendDomain(r.line[:0], value[1:], 0)
			v.AddText(f6FQDN, r.line)
			r.set.AddText(fSHost, r.line)
		}
	}
}

// clientMAC adds the hardware address that two kinds of client identifiers hold (RFC 8415 §11.2, §11.4).
func (r *reader6) clientMAC(duid []byte) {
	const linkLayerTime, linkLayer = 1, 3
	if len(duid) < 4 || binary.BigEndian.Uint16(duid[2:]) != ethernet {
		return
	}
	switch kind := binary.BigEndian.Uint16(duid); {
	case kind == linkLayerTime && len(duid) == 14:
		r.line = appendMAC(r.line[:0], duid[8:])
	case kind == linkLayer && len(duid) == 10:
		r.line = appendMAC(r.line[:0], duid[4:])
	default:
		return
	}
	r.set.AddText(fSMAC, r.line)
}

// address reads an address with its lifetimes (RFC 8415 §21.6).
func (r *reader6) address(value []byte, depth int) {
	if len(value) < 24 {
		return
	}
	r.t.Values.AddAddr(f6Addresses, record.AddrFrom16(value))
	r.lifetimes(value[16:])
	if !fromServer(r.typ) {
		r.set.AddAddr(fSRequestIP, record.AddrFrom16(value))
	}
	r.options(value[24:], depth+1)
}

// prefix reads a prefix with its lifetimes (RFC 8415 §21.22).
func (r *reader6) prefix(value []byte, depth int) {
	if len(value) < 25 {
		return
	}
	r.line = record.AddrFrom16(value[9:]).AppendText(r.line[:0])
	r.line = strconv.AppendUint(append(r.line, '/'), uint64(value[8]), 10)
	r.t.Values.AddText(f6Prefixes, r.line)
	r.lifetimes(value)
	r.options(value[25:], depth+1)
}

func (r *reader6) lifetimes(b []byte) {
	if v := &r.t.Values; !v.Has(f6Preferred) {
		v.PutInt(f6Preferred, int64(binary.BigEndian.Uint32(b)))
		v.PutInt(f6Valid, int64(binary.BigEndian.Uint32(b[4:])))
	}
}

// status notes a status (RFC 8415 §21.13); the first that is not Success counts.
func (r *reader6) status(value []byte) {
	if len(value) < 2 || r.failed {
		return
	}
	code := binary.BigEndian.Uint16(value)
	r.hasStatus, r.failed, r.code = true, code != 0, code
	r.text = appendText(r.text[:0], value[2:])
}

// putStatus puts what status noted.
func (r *reader6) putStatus() {
	if !r.hasStatus {
		return
	}
	r.t.Failed = r.failed
	name := typeName(statuses6[:], uint8(min(r.code, 255)))
	if name == "" {
		name = strconv.Itoa(int(r.code))
	}
	r.t.Values.PutString(f6Status, name)
	r.t.Values.PutText(f6StatusText, r.text)
}

// vendorClass adds the strings of a vendor class (RFC 8415 §21.16: enterprise number, then strings with lengths).
func (r *reader6) vendorClass(value []byte) {
	if len(value) < 4 {
		return
	}
	for b := value[4:]; len(b) >= 2; {
		n := 2 + int(binary.BigEndian.Uint16(b))
		if n > len(b) {
			return
		}
		r.line = appendText(r.line[:0], b[2:n])
		r.set.AddText(fSClassID, r.line)
		b = b[n:]
	}
}
