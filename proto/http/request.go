package http

import (
	"bytes"

	"github.com/tapir-project/tapir/proto"
)

// maxURI bounds the URIs kept in the session, as Arkime does.
const maxURI = 4096

// request begins the transaction of a request whose header block is complete.
func (p *parser) request(f *proto.Flow, s *stream, m *message, fields []byte) {
	t := f.Begin(m.dir)
	if !m.first {
		t.Start = f.Time // what comes behind another message came with the latest packet
	}
	s.tx, s.request = t, true
	t.Values.PutText(fMethod, m.method) // first, where method finds it at once
	p.fields(f, s, m, fields)
	p.sessionRequest(f, m)
	m.putRequest(f, t)
	if len(m.upgrade) > 0 || string(m.method) == "CONNECT" {
		p.upgrading = true
	}
	p.enqueue(f, m.dir, t)
	s.declared = m.length
	switch {
	case m.chunked:
		s.begin(codingOf(m.contentEncoding), inChunkSize, 0)
	case m.length > 0 && !m.otherCoding:
		s.begin(codingOf(m.contentEncoding), inBody, m.length)
	}
}

// enqueue makes t wait for its response. The oldest is given up where too many wait.
func (p *parser) enqueue(f *proto.Flow, dir proto.Dir, t *proto.Transaction) {
	w := &p.wait[dir]
	if w.Len() >= maxWait {
		p.unanswered(f, w.Next())
		p.evicted[dir]++
	}
	w.Add(f, 0, t)
}

// requestField handles the fields of requests that have a meaning.
func (m *message) requestField(f *proto.Flow, id headerID, value []byte) {
	switch id {
	case hHost:
		if !m.hasHost {
			m.host, m.hasHost = value, true
		}
	case hUserAgent:
		m.userAgent = value
		f.Set.AddText(fUserAgent, value)
	case hReferer:
		m.referer = value
		f.Set.AddText(fReferrer, value)
	case hCookie:
		cookies(f, value)
	case hAuthorization, hProxyAuthorization:
		m.authorization(f, value)
	case hXForwardedFor:
		m.forwardedFor(f, value)
	case hXRealIP:
		if len(m.forwarded) == 0 {
			m.forwarded = value
		}
	}
}

// sessionRequest adds to the session what the request line and the host say.
func (p *parser) sessionRequest(f *proto.Flow, m *message) {
	v := f.Set
	v.AddText(fMethod, m.method)
	p.noteVersion(f, 0, m.version)
	u := m.url()
	if len(m.host) > 0 {
		v.AddText(fDomain, m.host)
		if host, _ := splitPort(m.host); len(host) > 0 && len(host) < len(m.host) {
			v.AddText(fDomain, host)
		}
	} else if len(u.host) > 0 {
		v.AddText(fDomain, u.host)
	}
	m.buf = m.appendURI(m.buf[:0])
	v.AddText(fURI, m.buf)
	v.AddText(fPath, u.path)
	for part := range bytes.SplitSeq(u.query, []byte("&")) {
		key, value, _ := bytes.Cut(part, []byte("="))
		v.AddText(fQueryKeys, m.unescape(key))
		v.AddText(fQueryValues, m.unescape(value))
	}
}

// appendURI appends host and target without a scheme, the host in small letters. A host that a target in absolute
// form contradicts is put before it, set off by a semicolon, as Arkime does: the two readers of such a request, proxy
// and server, may not agree where it goes.
func (m *message) appendURI(dst []byte) []byte {
	target := m.target
	if target[0] != '/' {
		i := bytes.Index(target, m.host)
		if len(m.host) == 0 || i >= 0 && i <= len("https://") {
			if i := bytes.Index(target, []byte("://")); i > 0 && i < 8 {
				target = target[i+3:]
			}
			return append(dst, target[:min(len(target), maxURI)]...)
		}
	}
	for _, c := range m.host {
		dst = append(dst, lower[c])
	}
	if target[0] != '/' {
		dst = append(dst, ';')
	}
	dst = append(dst, target...)
	return dst[:min(len(dst), maxURI)]
}

// putRequest fills the transaction.
func (m *message) putRequest(f *proto.Flow, t *proto.Transaction) {
	v := &t.Values
	t.Method(m.method)
	v.PutText(fReqVersion, m.version)
	v.PutText(fUserAgent, m.userAgent)
	v.PutText(fReferrer, m.referer)
	v.PutText(fReqType, m.contentType)
	if a, ok := parseAddr(m.forwarded); ok {
		v.PutAddr(fForwarded, a)
	}
	if len(m.user) > 0 {
		v.PutText(fUser, m.user)
		v.AddText(fUserName, m.user)
	}
	v.AddText(fAuthType, m.authType)
	if m.badLength {
		t.Note("Content-Length is not one number")
	}
	m.putURL(f, t)
}

// cookies reads a Cookie header (RFC 6265 section 5.4).
func cookies(f *proto.Flow, value []byte) {
	for part := range bytes.SplitSeq(value, []byte(";")) {
		name, val, ok := bytes.Cut(part, []byte("="))
		if !ok {
			continue
		}
		f.Set.AddText(fCookieNames, trim(name))
		f.Set.AddText(fCookieValues, trim(val))
	}
}

// forwardedFor reads a list of addresses: the client first, then proxies.
func (m *message) forwardedFor(f *proto.Flow, value []byte) {
	for part := range bytes.SplitSeq(value, []byte(",")) {
		if a, ok := parseAddr(trim(part)); ok {
			f.Set.AddAddr(fXFF, a)
		}
	}
	first, _, _ := bytes.Cut(value, []byte(","))
	m.forwarded = trim(first)
}
