package http

import (
	"bytes"

	"github.com/tapir-project/tapir/proto"
)

// response pairs a response whose header block is complete with its request.
func (p *parser) response(f *proto.Flow, s *stream, m *message, fields []byte) {
	p.fields(f, s, m, fields)
	v := f.Set
	v.AddInt(fStatusCode, int64(m.code))
	p.noteVersion(f, 1, m.version)
	v.AddText(fLocation, m.location)
	if m.code < 200 && m.code != 101 {
		return // interim (RFC 9110 section 15.2): the response proper is still to come
	}
	t := p.take(f, m.dir, m.first)
	s.tx, s.declared = t, m.length
	asked := verbOf(t)
	m.putResponse(t)
	if w := &p.wait[m.dir.Other()]; w.Len() == 0 {
		p.upgrading = false
		if o := &p.dirs[m.dir.Other()]; o.phase == held {
			o.phase = lost // it was not another protocol's bytes that we held back, or they are of no use now
		}
	}
	switch {
	case asked == verbConnect && m.code/100 == 2:
		p.over = true
		return
	case m.code == 101:
		p.over, p.next = true, upgradeName(m.upgrade)
		return
	}
	p.responseBody(s, m, asked == verbHead)
	s.orphan = asked == verbUnknown && s.phase != atStart
}

// responseBody says how the body is delimited (RFC 9112 section 6.3).
func (p *parser) responseBody(s *stream, m *message, head bool) {
	switch {
	case head || m.code == 204 || m.code == 304:
	case m.chunked:
		s.begin(codingOf(m.contentEncoding), inChunkSize, 0)
	case m.length >= 0 && !m.otherCoding:
		if m.length > 0 {
			s.begin(codingOf(m.contentEncoding), inBody, m.length)
		}
	default:
		s.begin(codingOf(m.contentEncoding), inRest, 0)
	}
}

// verb is a request's method as far as it changes how the response is read.
type verb uint8

const (
	verbUnknown verb = iota // the request was not seen
	verbOther
	verbHead
	verbConnect
)

func verbOf(t *proto.Transaction) verb {
	x, ok := t.Values.First(fMethod)
	if !ok {
		return verbUnknown
	}
	switch string(x.Text()) {
	case "HEAD":
		return verbHead
	case "CONNECT":
		return verbConnect
	}
	return verbOther
}

// take gives the transaction of the request that a response is for, or one of its own if there is none.
func (p *parser) take(f *proto.Flow, dir proto.Dir, first bool) *proto.Transaction {
	req := dir.Other()
	if p.evicted[req] > 0 {
		p.evicted[req]--
	} else if t := p.wait[req].Next(); t != nil {
		t.Answered = f.Time
		if first {
			t.Answered = f.First(dir)
		}
		return t
	}
	t := f.Begin(dir)
	if !first {
		t.Start = f.Time
	}
	// Who asked was not seen: the record tells of its sender (client, source), as Packetbeat has it.
	t.Failed = true
	t.Note(proto.NoteNoRequest)
	return t
}

// responseField handles the fields of responses that have a meaning.
func (m *message) responseField(f *proto.Flow, id headerID, value []byte) {
	switch id {
	case hLocation:
		m.location = value
	case hWWWAuthenticate, hProxyAuthenticate:
		scheme, token, _ := bytes.Cut(value, []byte(" "))
		if equalFold(scheme, "ntlm") || equalFold(scheme, "negotiate") {
			ntlm(f, m.dir, trim(token))
		}
	}
}

// putResponse fills the transaction.
func (m *message) putResponse(t *proto.Transaction) {
	v := &t.Values
	v.PutInt(fStatusCode, int64(m.code))
	v.AddText(fStatusPhrase, m.phrase)
	v.PutText(fLocation, m.location)
	v.PutText(fRespType, m.contentType)
	v.PutText(fVersion, m.version)
	v.PutText(fRespVersion, m.version)
	if m.code >= 400 {
		t.Failed = true
	}
	if m.badLength {
		t.Note("Content-Length is not one number")
	}
}

// upgradeName is the protocol that an Upgrade header names (RFC 9110 section 7.8).
func upgradeName(upgrade []byte) string {
	name, _, _ := bytes.Cut(trim(upgrade), []byte("/"))
	switch {
	case equalFold(name, "websocket"):
		return "websocket"
	case equalFold(name, "h2c"):
		return "http2"
	case equalFold(name, "tls"):
		return "tls"
	}
	return ""
}

// handOver ends HTTP: next, or what detection finds, reads on. A protocol that is known but has no parser here is
// noted, and its bytes are left alone: detection would see in them what is not there.
func (p *parser) handOver(f *proto.Flow, next string) {
	p.over = true
	p.flush(f)
	if next != "" && f.Env.Protocols.ByName(next) == nil {
		f.Label(next)
		f.Stop()
		return
	}
	f.Switch(next)
}

// simpleResponse begins the response to an HTTP/0.9 request: a body without a header, until the stream ends.
func (p *parser) simpleResponse(f *proto.Flow, s *stream, dir proto.Dir) {
	p.simple = false
	s.tx, s.declared, s.last = p.take(f, dir, true), -1, f.Time
	if p.watch != nil {
		p.watch.Begin(dir, nil, f.First(dir))
	}
	s.begin(codingNone, inRest, 0)
}
