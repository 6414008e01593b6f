package dns

import (
	"strconv"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Fields of the transaction only.
var (
	fID               = record.MustID("dns.id")
	fType             = record.MustID("dns.type")
	fFlagAA           = record.MustID("dns.flags.authoritative")
	fFlagTC           = record.MustID("dns.flags.truncated_response")
	fFlagRD           = record.MustID("dns.flags.recursion_desired")
	fFlagRA           = record.MustID("dns.flags.recursion_available")
	fFlagAD           = record.MustID("dns.flags.authentic_data")
	fFlagCD           = record.MustID("dns.flags.checking_disabled")
	fQuestionsCount   = record.MustID("dns.questions_count")
	fAuthoritiesCount = record.MustID("dns.authorities_count")
	fAdditionalsCount = record.MustID("dns.additionals_count")
	fRegistered       = record.MustID("dns.question.registered_domain")
	fETLDPlusOne      = record.MustID("dns.question.etld_plus_one")
	fTopLevel         = record.MustID("dns.question.top_level_domain")
	fSubdomain        = record.MustID("dns.question.subdomain")
	fAData            = record.MustID("dns.answers.data")
	fAuthorities      = record.MustID("dns.authorities")
	fAdditionals      = record.MustID("dns.additionals")
	fOptVersion       = record.MustID("dns.opt.version")
	fOptDO            = record.MustID("dns.opt.do")
	fOptRcode         = record.MustID("dns.opt.ext_rcode")
	fOptSize          = record.MustID("dns.opt.udp_size")
	fNSID             = record.MustID("dns.opt.nsid")
	fSubnet           = record.MustID("dns.opt.client_subnet")
	fCookie           = record.MustID("dns.opt.cookie")
	fEDE              = record.MustID("dns.opt.extended_error")
)

var flagFields = [...]struct {
	bit uint16
	f   record.FieldID
}{{bitAA, fFlagAA}, {bitTC, fFlagTC}, {bitRD, fFlagRD}, {bitRA, fFlagRA}, {bitAD, fFlagAD}, {bitCD, fFlagCD}}

// maxListed bounds the records one transaction lists; the rest is counted and noted.
const maxListed = 512

// Notes of this protocol.
const (
	noteSameID    = "Another query with the same id and question came before the response"
	noteLong      = "The response over UDP is longer than 512 bytes though the query had no EDNS"
	noteMalformed = "Malformed message: it could not be read to its end"
	noteLeftOut   = "Only the first 512 records are listed"
	noteTransfer  = "The zone transfer did not come to its end"
)

var rootDot = []byte(".")

// wireName is a name as a transaction shows it.
func wireName(name []byte) []byte {
	if len(name) == 0 {
		return rootDot
	}
	return name
}

// describe puts what was asked into t.
func (r *reader) describe(t *proto.Transaction) {
	v := &t.Values
	v.PutInt(fID, int64(r.h.id))
	v.PutString(fOpcode, opNames[r.h.opcode()])
	r.line = append(r.line[:0], opNames[r.h.opcode()]...)
	t.Method(r.line)
	if n := r.h.counts[0]; n != 1 {
		v.PutInt(fQuestionsCount, int64(n))
	}
	if r.q.typ == 0 && r.q.class == 0 {
		return // no question
	}
	name := wireName(r.q.name)
	v.PutText(fQName, name)
	t.Resource(name)
	line := append(r.line[:0], "class "...)
	at := len(line)
	line = appendClass(line, r.q.class)
	v.PutText(fQClass, line[at:])
	line = append(line, ", type "...)
	at = len(line)
	line = appendType(line, r.q.typ)
	v.PutText(fQType, line[at:])
	line = append(line, ", "...)
	r.line = append(line, name...)
	t.Query(r.line)
	r.putDomain(v, r.q.name)
}

// list puts a record into the lists of t and counts it in *listed.
func (r *reader) list(t *proto.Transaction, x *rr, listed *int) {
	if *listed++; *listed > maxListed {
		if *listed == maxListed+1 {
			t.Note(noteLeftOut)
		}
		t.Values.Dropped++
		return
	}
	v := &t.Values
	name := wireName(x.name)
	if x.section != answers {
		line := append(append(r.line[:0], name...), '|')
		line = append(appendClass(line, x.class), '|')
		line = append(appendType(line, x.typ), '|')
		line = append(strconv.AppendUint(line, uint64(x.ttl), 10), '|')
		r.line = r.appendRData(line, x)
		v.PutText([...]record.FieldID{authorities: fAuthorities, additionals: fAdditionals}[x.section], r.line)
		return
	}
	v.PutText(fAName, name)
	r.line = appendType(r.line[:0], x.typ)
	v.PutText(fAType, r.line)
	r.line = appendClass(r.line[:0], x.class)
	v.PutText(fAClass, r.line)
	v.PutInt(fATTL, int64(x.ttl))
	r.data = r.appendRData(r.data[:0], x)
	v.PutText(fAData, r.data)
	switch b := r.msg[x.off:x.end]; {
	case x.typ == typeA && len(b) == 4:
		v.AddAddr(fResolvedIP, record.AddrFrom4(b))
	case x.typ == typeAAAA && len(b) == 16:
		v.AddAddr(fResolvedIP, record.AddrFrom16(b))
	}
}

// outcome is what a transaction says of the message that ends it.
type outcome struct {
	kind   string // "answer" or "query"
	h      header
	opt    opt
	rcode  int
	counts [4]int // records by section, OPT excepted
}

// outcome describes the message r has read.
func (r *reader) outcome(kind string) outcome {
	o := outcome{kind: kind, h: r.h, opt: r.opt, rcode: r.rcode}
	for i, n := range r.h.counts {
		o.counts[i] = int(n)
	}
	if r.opt.seen {
		o.counts[additionals]--
	}
	return o
}

// put puts o into t.
func (o *outcome) put(t *proto.Transaction) {
	v := &t.Values
	v.PutString(fType, o.kind)
	for _, f := range flagFields {
		n := int64(0)
		if o.h.bits&f.bit != 0 {
			n = 1
		}
		v.PutInt(f.f, n)
	}
	for _, f := range flagBits {
		if o.h.bits&f.bit != 0 {
			v.PutString(fHeaderFlags, f.name)
		}
	}
	v.PutInt(fAnswersCount, int64(o.counts[answers]))
	v.PutInt(fAuthoritiesCount, int64(o.counts[authorities]))
	v.PutInt(fAdditionalsCount, int64(o.counts[additionals]))
	if o.h.response() {
		v.PutString(fRcode, rcodeName(o.rcode))
		t.Failed = t.Failed || o.rcode != 0
	}
	if !o.opt.seen {
		return
	}
	ext := 0
	if o.opt.upper != 0 {
		ext = o.rcode
	}
	v.PutInt(fOptVersion, int64(o.opt.version))
	v.PutInt(fOptSize, int64(o.opt.size))
	v.PutString(fOptRcode, rcodeName(ext))
	v.AddBool(fOptDO, o.opt.do)
	if o.opt.do {
		v.PutString(fHeaderFlags, "DO")
	}
}
