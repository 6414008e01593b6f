package weblog

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
)

// mark begins a line. Servers write a tab in a field as \t, so it cannot stand within one.
const mark = "tapir1\t"

// Fields of a line, in order.
const (
	fieldMethod = iota
	fieldStatus
	fieldProtocol
	fieldReqBytes
	fieldRespBytes
	fieldDuration // µs, or seconds with a fraction
	fieldLocalAddr
	fieldLocalPort
	fieldRemoteAddr
	fieldRemotePort
	fieldServer // name of the virtual server
	fieldUser
	fieldMIMEType
	fieldHost
	fieldXFF
	fieldUserAgent
	fieldReferrer
	fieldRequest // the request line
	numFields
)

// Log counts and samples the requests of lines. It must not be used by several goroutines at once.
type Log struct {
	http *agent.HTTP
	bad  func() // called for what is no line
	text []byte
	scratch
}

// scratch is what a sample is put together in.
type scratch struct {
	fields [numFields][]byte
	socket sflow.Socket
	http   sflow.HTTP
}

// NewLog makes a Log for a source; bad, if not nil, is called for each piece of input that is no line.
func NewLog(h *agent.HTTP, bad func()) *Log {
	if bad == nil {
		bad = func() {}
	}
	return &Log{http: h, bad: bad}
}

// Line takes a line, without its end; in a datagram syslog's header may stand before it.
func (l *Log) Line(b []byte) {
	i := bytes.Index(b, []byte(mark))
	if i < 0 {
		l.bad()
		return
	}
	for b = b[i+len(mark):]; ; {
		next := bytes.Index(b, []byte(mark))
		if next < 0 {
			l.request(b)
			return
		}
		l.bad() // another process's line came between
		l.request(b[:next])
		b = b[next+len(mark):]
	}
}

func (l *Log) request(b []byte) {
	method, rest, _ := bytes.Cut(b, []byte("\t"))
	status, _, found := bytes.Cut(rest, []byte("\t"))
	code, err := strconv.Atoi(string(status))
	if !found || err != nil {
		l.bad()
		return
	}
	m := sflow.HTTPMethod(string(method))
	l.http.Count(m, code)
	if !l.http.Take() {
		return
	}
	l.fields = [numFields][]byte{}
	for i := range l.fields {
		l.fields[i], b, _ = bytes.Cut(b, []byte("\t"))
	}
	l.sample(m, code)
}

func (l *Log) sample(method uint32, status int) {
	l.text = l.text[:0]
	l.socket = sflow.Socket{Protocol: 6, Local: l.addr(fieldLocalAddr), Remote: l.addr(fieldRemoteAddr),
		LocalPort: uint32(l.number(fieldLocalPort)), RemotePort: uint32(l.number(fieldRemotePort))}
	l.scratch.http = sflow.HTTP{Method: method, Status: uint32(status), Protocol: version(l.fields[fieldProtocol]),
		ReqBytes: l.number(fieldReqBytes), RespBytes: l.number(fieldRespBytes), Micros: micros(l.fields[fieldDuration]),
		URI: l.uri(), Host: l.value(fieldHost), Referrer: l.value(fieldReferrer), UserAgent: l.value(fieldUserAgent),
		XFF: l.value(fieldXFF), AuthUser: l.value(fieldUser), MIMEType: l.value(fieldMIMEType)}
	l.http.Request(&l.socket, &l.scratch.http, l.value(fieldServer))
}

// value is the text of a field as it was before the server wrote it; a field that is absent is "-".
func (l *Log) value(field int) []byte {
	b := l.fields[field]
	if len(b) == 1 && b[0] == '-' {
		return nil
	}
	if bytes.IndexByte(b, '\\') < 0 {
		return b
	}
	from := len(l.text)
	l.text = appendUnescaped(l.text, b)
	return l.text[from:len(l.text):len(l.text)]
}

// uri is the target of the request line: what stands between the method and the version, which HTTP/0.9 has not.
func (l *Log) uri() []byte {
	_, uri, _ := bytes.Cut(l.value(fieldRequest), []byte(" "))
	if i := bytes.LastIndexByte(uri, ' '); i >= 0 && bytes.HasPrefix(uri[i+1:], []byte("HTTP/")) {
		uri = uri[:i]
	}
	return uri
}

func (l *Log) number(field int) uint64 {
	n, _ := strconv.ParseUint(string(l.fields[field]), 10, 64)
	return n
}

// addr is an address, invalid where there is none: the peer of a socket of the file system.
func (l *Log) addr(field int) netip.Addr {
	a, _ := netip.ParseAddr(string(l.fields[field]))
	return a
}

// version is the version of "HTTP/1.1" as sFlow has it, 1001.
func version(b []byte) uint32 {
	b, found := bytes.CutPrefix(b, []byte("HTTP/"))
	major, minor, _ := bytes.Cut(b, []byte("."))
	n, err := strconv.ParseUint(string(major), 10, 8)
	m, _ := strconv.ParseUint(string(minor), 10, 8)
	if !found || err != nil {
		return 0
	}
	return uint32(n*1000 + m)
}

// micros reads µs, or seconds with a fraction as nginx has them.
func micros(b []byte) uint32 {
	if bytes.IndexByte(b, '.') < 0 {
		n, _ := strconv.ParseUint(string(b), 10, 64)
		return uint32(min(n, 1<<32-1))
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(f > 0) {
		return 0
	}
	return uint32(min(f*1e6+0.5, 1<<32-1))
}

var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'v': '\v', 'f': '\f', 'a': '\a', '"': '"', '\\': '\\'}

// appendUnescaped appends text in which bytes stand as \xHH, \n, \t, \" and the like.
func appendUnescaped(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c != '\\' || i+1 == len(b) {
			dst = append(dst, c)
			continue
		}
		if b[i+1] == 'x' && i+3 < len(b) {
			if n, err := strconv.ParseUint(string(b[i+2:i+4]), 16, 8); err == nil {
				dst = append(dst, byte(n))
				i += 3
				continue
			}
		}
		if s, known := escapes[b[i+1]]; known {
			c = s
			i++
		}
		dst = append(dst, c)
	}
	return dst
}
