package http

import (
	"bytes"

	"github.com/tapir-project/tapir/proto"
)

// shape is what a start line says a message is.
type shape uint8

const (
	notHTTP  shape = iota
	request        // method, target, version
	response       // version, code, phrase
	simple         // an HTTP/0.9 request: GET and a path
	preface        // the first line of HTTP/2 (RFC 9113 section 3.4)
)

// startLine is a start line taken apart; its slices are borrowed from the input.
type startLine struct {
	shape   shape
	code    int    // response: 100 to 999
	method  []byte // request
	target  []byte // request, as sent
	phrase  []byte // response
	version []byte // "1.1"; "0.9" if the line has none
}

var (
	version09  = []byte("0.9")
	prefaceTop = []byte("PRI * HTTP/2.0")
)

const (
	maxMethod = 32   // longest method token looked at
	sureURL   = 1900 // a known method and this much of a URL are enough for detection (proto.ProbeBytes is the end)
	lineCheck = 4096 // how much of an incomplete first line is checked again when more of it comes
)

// parseStart takes a complete start line apart, without its line end (RFC 9112 sections 3 and 4). It is lenient
// where receivers are: several spaces, and spaces within a target.
func parseStart(line []byte) (s startLine) {
	if bytes.HasPrefix(line, []byte("HTTP/")) {
		return parseStatus(line)
	}
	sp := bytes.IndexByte(line, ' ')
	if sp <= 0 || sp > maxMethod || !isToken(line[:sp]) {
		return s
	}
	s.method = line[:sp]
	rest := trim(line[sp:])
	if hasControl(rest) {
		return s
	}
	end := len(rest) - len(" HTTP/1.1")
	if end < 0 || string(rest[end:end+6]) != " HTTP/" || !isVersion(rest[end+6:]) {
		if string(s.method) == "GET" && len(rest) > 0 && rest[0] == '/' && !bytes.Contains(rest, []byte(" HTTP/")) {
			s.shape, s.target, s.version = simple, rest, version09
		}
		return s
	}
	s.target, s.version = trimRight(rest[:end]), rest[end+6:]
	switch {
	case len(s.target) == 0:
	case s.version[0] == '2' && bytes.HasPrefix(line, prefaceTop):
		s.shape = preface
	default:
		s.shape = request
	}
	return s
}

// parseStatus reads a status line. A missing phrase, and the space before it, are allowed.
func parseStatus(line []byte) (s startLine) {
	if len(line) < 12 || !isVersion(line[5:8]) || line[8] != ' ' {
		return s
	}
	rest := line[9:]
	if len(rest) > 3 && rest[3] != ' ' {
		return s
	}
	for _, c := range rest[:3] {
		if c < '0' || c > '9' {
			return s
		}
		s.code = s.code*10 + int(c-'0')
	}
	if s.code < 100 {
		return s // "0xx" is no status (RFC 9110 section 15)
	}
	s.shape, s.version = response, line[5:8]
	s.phrase = trim(rest[3:])
	return s
}

// isVersion says whether v is digit, dot, digit.
func isVersion(v []byte) bool {
	return len(v) == 3 && v[0] >= '0' && v[0] <= '9' && v[1] == '.' && v[2] >= '0' && v[2] <= '9'
}

// hasControl says whether a byte of b cannot be in a start line.
func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// trim cuts spaces and tabs off both ends.
func trim(b []byte) []byte { return trimLeft(trimRight(b)) }

func trimLeft(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

func trimRight(b []byte) []byte {
	for n := len(b); n > 0 && (b[n-1] == ' ' || b[n-1] == '\t'); n-- {
		b = b[:n-1]
	}
	return b
}

// trimCR drops the CR before a line end that has been cut off.
func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// blankLines counts the bytes of empty lines in front of a message (RFC 9112 section 2.2: to be ignored).
func blankLines(b []byte) int {
	n := 0
	for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
		n++
	}
	return n
}

// classify says what message b begins with, as far as b shows it. A No stays a No when more bytes come.
func classify(b []byte) (shape, proto.Verdict) {
	b = b[blankLines(b):]
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		s := parseStart(trimCR(b[:i]))
		if s.shape == notHTTP {
			return notHTTP, proto.No
		}
		return s.shape, proto.Yes
	}
	if v := partialStatus(b); v != proto.No {
		return response, v
	}
	return request, partialRequest(b)
}

// statusMask is a status line's beginning: 0 stands for a digit, 1 for one that is not 0.
const statusMask = "HTTP/0.0 100"

// partialStatus judges an incomplete line as a status line.
func partialStatus(b []byte) proto.Verdict {
	for i := 0; i < len(b) && i < len(statusMask); i++ {
		switch m := statusMask[i]; {
		case m == '0' || m == '1':
			if b[i] < m || b[i] > '9' {
				return proto.No
			}
		case b[i] != m:
			return proto.No
		}
	}
	switch {
	case len(b) <= len(statusMask):
		return proto.More
	case b[len(statusMask)] == ' ' || b[len(statusMask)] == '\r':
		return proto.Yes
	}
	return proto.No
}

// partialRequest judges an incomplete line as a request line.
func partialRequest(b []byte) proto.Verdict {
	sp := bytes.IndexByte(b[:min(len(b), maxMethod+1)], ' ')
	if sp < 0 {
		if len(b) > maxMethod || len(b) > 0 && !isToken(b) {
			return proto.No
		}
		return proto.More
	}
	if sp == 0 || !isToken(b[:sp]) || hasControl(trimCR(b[sp:])) {
		return proto.No
	}
	target := trimLeft(b[sp:])
	if len(target) >= sureURL && knownMethod(b[:sp]) && (target[0] == '/' || hasPrefixFold(target, "http")) {
		return proto.Yes
	}
	return proto.More
}

// knownMethod says whether b is one of the IANA registry's methods that are in use, or one of a few others. The search
// after packet loss and early detection trust these only; a complete request line may have any.
func knownMethod(b []byte) bool {
	switch string(b) {
	case "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY", "PRI",
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "BIND", "REBIND", "UNBIND", "ACL",
		"REPORT", "MKACTIVITY", "CHECKOUT", "CHECKIN", "UNCHECKOUT", "MERGE", "VERSION-CONTROL", "LABEL", "UPDATE",
		"MKWORKSPACE", "MKCALENDAR", "ORDERPATCH", "BASELINE-CONTROL", "LINK", "UNLINK", "M-SEARCH", "NOTIFY",
		"SUBSCRIBE", "UNSUBSCRIBE", "PURGE", "BAN", "SOURCE", "RPC_IN_DATA", "RPC_OUT_DATA", "CCM_POST", "BITS_POST":
		return true
	}
	return false
}
