package dns

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/tapir-project/tapir/record"
)

// opt is the OPT pseudo-record of a message (RFC 6891 §6.1), which carries EDNS.
type opt struct {
	seen    bool
	do      bool
	version uint8
	upper   uint8  // bits 4 to 11 of the response code
	size    uint16 // largest UDP message the sender takes
	off     int    // its options are msg[off:end]
	end     int
}

// setOPT reads x, which is of type OPT. A second one is an error of the sender; the first counts.
func (r *reader) setOPT(x *rr) {
	if r.opt.seen {
		return
	}
	r.opt = opt{seen: true, do: x.ttl&(1<<15) != 0, version: uint8(x.ttl >> 16), upper: uint8(x.ttl >> 24), size: x.class, off: x.off, end: x.end}
	r.rcode |= int(r.opt.upper) << 4
}

// EDNS options (IANA registry "DNS EDNS0 Option Codes").
const (
	optNSID   = 3
	optSubnet = 8
	optCookie = 10
	optEDE    = 15
)

// options puts the options of the message into v; what v has already stays.
func (r *reader) options(v *record.Values) {
	for b := r.msg[r.opt.off:r.opt.end]; len(b) >= 4; {
		code, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if 4+n > len(b) {
			return
		}
		in := b[4 : 4+n]
		b = b[4+n:]
		switch code {
		case optNSID:
			r.line = appendReadable(r.line[:0], in)
			putOnce(v, fNSID, r.line)
		case optSubnet:
			r.line = appendSubnet(r.line[:0], in)
			putOnce(v, fSubnet, r.line)
		case optCookie:
			r.line = hex.AppendEncode(r.line[:0], in)
			putOnce(v, fCookie, r.line)
		case optEDE:
			r.line = appendEDE(r.line[:0], in)
			v.AddText(fEDE, r.line)
		}
	}
}

func putOnce(v *record.Values, id record.FieldID, text []byte) {
	if !v.Has(id) {
		v.PutText(id, text)
	}
}

// appendReadable appends b as text if it is printable, else in hex.
func appendReadable(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		c, n := utf8.DecodeRune(b[i:])
		if c < ' ' || c == 0x7f || c == utf8.RuneError {
			return hex.AppendEncode(dst, b)
		}
		i += n
	}
	return append(dst, b...)
}

// appendSubnet appends a client subnet as address/prefix (RFC 7871 §6).
func appendSubnet(dst, b []byte) []byte {
	if len(b) < 4 {
		return dst
	}
	dst = appendPartial(dst, binary.BigEndian.Uint16(b), b[4:])
	return strconv.AppendUint(append(dst, '/'), uint64(b[2]), 10)
}

// edeNames are the extended errors (RFC 8914 §5.2 and the IANA registry).
var edeNames = [...]string{"Other Error", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type", "Stale Answer", "Forged Answer",
	"DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired", "Signature Not Yet Valid", "DNSKEY Missing", "RRSIGs Missing",
	"No Zone Key Bit Set", "NSEC Missing", "Cached Error", "Not Ready", "Blocked", "Censored", "Filtered", "Prohibited",
	"Stale NXDOMAIN Answer", "Not Authoritative", "Not Supported", "No Reachable Authority", "Network Error", "Invalid Data",
	"Signature Expired before Valid", "Too Early", "Unsupported NSEC3 Iterations Value", "Unable to conform to policy", "Synthesized",
	"Invalid Query Type"}

// appendEDE appends an extended error: its number, its name, and what the server adds.
func appendEDE(dst, b []byte) []byte {
	if len(b) < 2 {
		return dst
	}
	code := binary.BigEndian.Uint16(b)
	dst = strconv.AppendUint(dst, uint64(code), 10)
	if int(code) < len(edeNames) {
		dst = append(append(dst, ' '), edeNames[code]...)
	}
	if len(b) > 2 {
		dst = append(append(dst, ": "...), b[2:]...)
	}
	return dst
}
