package dns

import (
	"bytes"
	"encoding/hex"
	"strconv"

	"github.com/tapir-project/tapir/record"
)

// Fields of the session.
var (
	fResolvedIP   = record.MustID("dns.resolved_ip")
	fServerIP     = record.MustID("dns.nameserver_ip")
	fMailIP       = record.MustID("dns.mailserver_ip")
	fAdditionalIP = record.MustID("dns.additional_ip")
	fHost         = record.MustID("dns.host")
	fServerHost   = record.MustID("dns.nameserver_host")
	fMailHost     = record.MustID("dns.mailserver_host")
	fPuny         = record.MustID("dns.puny")
	fRcode        = record.MustID("dns.response_code")
	fOpcode       = record.MustID("dns.op_code")
	fHeaderFlags  = record.MustID("dns.header_flags")
	fQName        = record.MustID("dns.question.name")
	fQType        = record.MustID("dns.question.type")
	fQClass       = record.MustID("dns.question.class")
	fAnswersCount = record.MustID("dns.answers_count")
	fAName        = record.MustID("dns.answers.name")
	fAType        = record.MustID("dns.answers.type")
	fAClass       = record.MustID("dns.answers.class")
	fATTL         = record.MustID("dns.answers.ttl")
	fRecords      = record.MustID("dns.answer_records")
	fCNAME        = record.MustID("dns.answers.cname")
	fPriority     = record.MustID("dns.answers.priority")
	fHTTPS        = record.MustID("dns.answers.https")
	fTXT          = record.MustID("dns.answers.txt")
	fCAA          = record.MustID("dns.answers.caa")
	fRRSIG        = record.MustID("dns.answers.rrsig")
	fNSEC         = record.MustID("dns.answers.nsec")
	fDS           = record.MustID("dns.answers.ds")
	fMalformed    = record.MustID("dns.malformed")
)

// maxSessionRecords bounds the records one session lists; Values.Dropped counts the others.
const maxSessionRecords = 2000

var rootText = []byte("<root>")

// unicode is name as a session shows it: internationalised labels decoded, and then noted as they were too.
func (r *reader) unicode(set *record.Values, name []byte) []byte {
	if len(name) == 0 {
		return rootText
	}
	if !isPuny(name) {
		return name
	}
	set.AddText(fPuny, name)
	r.uni = appendUnicode(r.uni[:0], name)
	return r.uni
}

// sessionQuestion adds a question to the session.
func (r *reader) sessionQuestion(set *record.Values, q *question) {
	name := r.unicode(set, q.name)
	set.AddText(fQName, name)
	if len(q.name) > 0 {
		set.AddText(fHost, name)
		r.names[hostNames].add(q.name)
	}
	r.line = appendType(r.line[:0], q.typ)
	set.AddText(fQType, r.line)
	r.line = appendClass(r.line[:0], q.class)
	set.AddText(fQClass, r.line)
}

// sessionResponse adds what the header of a response says.
func (r *reader) sessionResponse(set *record.Values) {
	set.AddString(fRcode, rcodeName(r.rcode))
	for _, f := range flagBits {
		if r.h.bits&f.bit != 0 {
			set.AddString(fHeaderFlags, f.name)
		}
	}
	if r.h.opcode() != opUpdate { // RFC 2136 §2.2: the sections of an update are other things
		set.AddInt(fAnswersCount, int64(r.h.counts[answers]))
	}
}

// sessionRecord adds a record of a response. Records of other classes are of interest to the transaction only; what
// does not have its type's form is left out.
func (r *reader) sessionRecord(set *record.Values, x *rr) {
	if x.class != classIN || r.h.opcode() == opUpdate {
		return
	}
	data, ok := r.sessionData(set, x)
	if !ok {
		return
	}
	name := r.unicode(set, x.name)
	line := append(r.line[:0], name...)
	line = append(line, "|IN|"...)
	line = append(appendType(line, x.typ), '|')
	line = append(strconv.AppendUint(line, uint64(x.ttl), 10), '|')
	r.line = append(line, data...)
	set.AddText(fRecords, r.line)
	set.AddText(fAName, name)
	set.AddString(fAClass, "IN")
	set.AddInt(fATTL, int64(x.ttl))
	r.line = appendType(r.line[:0], x.typ)
	set.AddText(fAType, r.line)
}

var noData = []byte("None")

// sessionData adds what a record's data say to the fields of its type and returns their text as the list of records
// has it. ok says whether the data have the type's form.
func (r *reader) sessionData(set *record.Values, x *rr) (text []byte, ok bool) {
	switch x.typ {
	case typeA, typeAAAA:
		return r.sessionAddr(set, x)
	case typeNS:
		return r.sessionTarget(set, x, x.off, fServerHost, serverNames)
	case typeMX:
		if x.end-x.off < 2 {
			return nil, false
		}
		if text, ok = r.sessionTarget(set, x, x.off+2, fMailHost, mailNames); ok {
			set.AddInt(fPriority, int64(r.msg[x.off])<<8|int64(r.msg[x.off+1]))
		}
		return text, ok
	case typeCNAME:
		if text, ok = r.sessionTarget(set, x, x.off, fHost, hostNames); ok {
			set.AddText(fCNAME, text)
		}
		return text, ok
	case typeTXT:
		return r.sessionTXT(set, x)
	case typeHTTPS, typeSVCB:
		return r.sessionText(set, x, fHTTPS)
	case typeCAA:
		return r.sessionText(set, x, fCAA)
	case typeNSEC:
		return r.sessionText(set, x, fNSEC)
	case typeDS:
		return r.sessionText(set, x, fDS)
	case typeRRSIG:
		return r.sessionRRSIG(set, x)
	}
	return noData, true
}

func (r *reader) sessionAddr(set *record.Values, x *rr) ([]byte, bool) {
	var a record.Addr
	switch b := r.msg[x.off:x.end]; {
	case x.typ == typeA && len(b) == 4:
		a = record.AddrFrom4(b)
	case x.typ == typeAAAA && len(b) == 16:
		a = record.AddrFrom16(b)
	default:
		return nil, false
	}
	known := false
	for i, f := range [...]record.FieldID{hostNames: fResolvedIP, serverNames: fServerIP, mailNames: fMailIP} {
		if r.names[i].has(x.name) {
			set.AddAddr(f, a)
			known = true
		}
	}
	if !known {
		set.AddAddr(fAdditionalIP, a)
	}
	r.data = a.AppendText(r.data[:0])
	return r.data, true
}

// sessionTarget adds the name at off, which must end the record's data, to a field and to a set of names.
func (r *reader) sessionTarget(set *record.Values, x *rr, off int, f record.FieldID, names int) ([]byte, bool) {
	var end int
	r.target, end = appendName(r.target[:0], r.msg, off)
	if end != x.end || len(r.target) == 0 {
		return nil, false
	}
	r.names[names].add(r.target)
	name := r.unicode(set, r.target)
	set.AddText(f, name)
	r.data = append(r.data[:0], name...)
	return r.data, true
}

// sessionText adds the record's data in zone file form behind the type's name.
func (r *reader) sessionText(set *record.Values, x *rr, f record.FieldID) ([]byte, bool) {
	r.data = append(appendType(r.data[:0], x.typ), ' ')
	at := len(r.data)
	r.data = r.appendRData(r.data, x)
	if bytes.HasPrefix(r.data[at:], []byte(`\#`)) {
		return nil, false
	}
	set.AddText(f, r.data)
	return r.data, true
}

// sessionTXT adds the strings of a TXT record; in the list of records they stand in brackets.
func (r *reader) sessionTXT(set *record.Values, x *rr) ([]byte, bool) {
	r.data = append(r.data[:0], '[')
	for b := r.msg[x.off:x.end]; len(b) > 0; {
		n := int(b[0])
		if 1+n > len(b) {
			return nil, false
		}
		if n > 0 {
			set.AddText(fTXT, b[1:1+n])
			if len(r.data) > 1 {
				r.data = append(r.data, ", "...)
			}
			r.data = appendListed(r.data, b[1:1+n])
		}
		b = b[1+n:]
	}
	if len(r.data) == 1 {
		return noData, true
	}
	r.data = append(r.data, ']')
	return r.data, true
}

// appendListed appends one string of a list: in single quotes unless only double ones need no escape.
func appendListed(dst, text []byte) []byte {
	quote := byte('\'')
	if bytes.IndexByte(text, '\'') >= 0 && bytes.IndexByte(text, '"') < 0 {
		quote = '"'
	}
	dst = append(dst, quote)
	for _, c := range text {
		switch {
		case c == quote || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			dst = hex.AppendEncode(append(dst, `\x`...), []byte{c})
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, quote)
}

// sessionRRSIG adds a signature's fields but for the signature itself, times as they are on the wire.
func (r *reader) sessionRRSIG(set *record.Values, x *rr) ([]byte, bool) {
	const fixed = 18 // RFC 4034 §3.1: all that stands before the signer's name
	if x.end-x.off < fixed {
		return nil, false
	}
	var end int
	r.target, end = appendName(r.target[:0], r.msg, x.off+fixed)
	if end == notAName || end > x.end {
		return nil, false
	}
	b := r.msg[x.off:x.end]
	out := append(appendType(append(r.data[:0], "RRSIG "...), uint16(b[0])<<8|uint16(b[1])), ' ')
	for off, letter := range [fixed]byte{2: 'b', 3: 'b', 4: 'l', 8: 'l', 12: 'l', 16: 'w'} {
		if letter != 0 {
			out, _ = appendNumber(out, letter, b[off:], 0)
			out = append(out, ' ')
		}
	}
	if len(r.target) == 0 {
		r.data = append(out, '.')
	} else {
		r.data = append(out, r.unicode(set, r.target)...)
	}
	set.AddText(fRRSIG, r.data)
	return r.data, true
}
