package http

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

var slash, plainScheme = []byte("/"), []byte("http")

// url is a request's target taken apart, borrowed from the input.
type url struct {
	scheme, host []byte // where the target names them
	port         int    // 0 if the target does not say
	path, query  []byte // as sent
}

// url reads the target's four forms (RFC 9112 section 3.2). Fragments are not sent; if one is, it stays in the path
// or query.
func (m *message) url() (u url) {
	target := m.target
	switch {
	case string(m.method) == "CONNECT":
		u.host, u.port = splitPort(target)
		return u
	case target[0] == '/' || target[0] == '*':
	default:
		i := bytes.Index(target, []byte("://"))
		if i <= 0 {
			break
		}
		u.scheme, target = target[:i], target[i+3:]
		end := bytes.IndexAny(target, "/?#")
		if end < 0 {
			end = len(target)
		}
		authority := target[:end]
		authority = authority[bytes.LastIndexByte(authority, '@')+1:]
		u.host, u.port = splitPort(authority)
		if target = target[end:]; len(target) == 0 {
			target = slash
		}
	}
	u.path, u.query, _ = bytes.Cut(target, []byte("?"))
	return u
}

// splitPort cuts "host:port"; the brackets of an IPv6 address go too. port is 0 if there is none.
func splitPort(b []byte) (host []byte, port int) {
	host = b
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return b, 0
		}
		host, b = b[1:end], b[end+1:]
	}
	i := bytes.IndexByte(b, ':')
	if i < 0 {
		return host, 0
	}
	if i > 0 {
		host = b[:i]
	}
	for _, c := range b[i+1:] {
		if c < '0' || c > '9' || port > 65535 {
			return host, 0
		}
		port = port*10 + int(c-'0')
	}
	return host, port & 0xffff
}

// putURL fills the transaction's url.*, path and query fields. What the target does not say comes from the Host
// header, then from the address and port the request went to.
func (m *message) putURL(f *proto.Flow, t *proto.Transaction) {
	u := m.url()
	host, port := u.host, u.port
	if len(host) == 0 {
		host, port = splitPort(m.host)
	}
	server, serverPort := f.Server, f.ServerPort
	if t.Reverse {
		server, serverPort = f.Client, f.ClientPort
	}
	if len(host) == 0 && !server.IsZero() {
		host = server.AppendText(m.userBuf[:0])
	}
	if port == 0 && len(u.scheme) == 0 {
		port = int(serverPort)
	}
	scheme := u.scheme
	if len(scheme) == 0 {
		scheme = plainScheme
	}
	v := &t.Values
	v.AddText(fDomain, host)
	v.AddText(fScheme, scheme)
	if port != 0 && port != defaultPort(scheme) {
		v.PutInt(fPort, int64(port))
	} else {
		port = 0
	}
	m.putPath(t, &u)
	m.putFull(t, &u, scheme, host, port)
}

func defaultPort(scheme []byte) int {
	if equalFold(scheme, "https") {
		return 443
	}
	return 80
}

// putPath puts the path, percent-decoded, its extension, and the query in one line.
func (m *message) putPath(t *proto.Transaction, u *url) {
	line := append(append(m.buf[:0], m.method...), ' ')
	n := len(line)
	if u.path == nil {
		line = append(line, m.target...)
		t.Path(m.target)
		t.Query(line)
		return
	}
	line = appendUnescaped(line, u.path)
	m.buf = line
	path := line[n:]
	t.Path(path)
	t.Query(line)
	v := &t.Values
	v.PutText(fPath, path)
	v.PutText(fQuery, u.query)
	name := path[bytes.LastIndexByte(path, '/')+1:]
	if dot := bytes.LastIndexByte(name, '.'); dot >= 0 {
		v.PutText(fExtension, name[dot+1:])
	}
}

// putFull puts the URL together.
func (m *message) putFull(t *proto.Transaction, u *url, scheme, host []byte, port int) {
	if u.path == nil {
		t.Values.PutText(fFull, m.target) // CONNECT: there is no URL, only host and port
		return
	}
	full := append(append(m.buf[:0], scheme...), "://"...)
	if bytes.IndexByte(host, ':') >= 0 {
		full = append(append(append(full, '['), host...), ']')
	} else {
		full = append(full, host...)
	}
	for i, c := range full {
		full[i] = lower[c]
	}
	if port != 0 {
		full = strconv.AppendInt(append(full, ':'), int64(port), 10)
	}
	if string(u.path) != "*" { // RFC 9112 section 3.2.4: the server as a whole
		if len(u.path) > 0 && u.path[0] != '/' {
			full = append(full, '/')
		}
		full = append(full, u.path...)
	}
	if len(u.query) > 0 {
		full = append(append(full, '?'), u.query...)
	}
	t.Values.PutText(fFull, full)
	m.buf = full
}

// unescape decodes %XX in b. What it gives is valid until m.buf is used again.
func (m *message) unescape(b []byte) []byte {
	if bytes.IndexByte(b, '%') < 0 {
		return b
	}
	m.buf = appendUnescaped(m.buf[:0], b)
	return m.buf
}

// appendUnescaped decodes %XX in b behind dst, or appends b as it is if one is not hexadecimal.
func appendUnescaped(dst, b []byte) []byte {
	n, from := len(dst), b
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return append(dst, b...)
		}
		if i+2 >= len(b) {
			return append(dst[:n], from...)
		}
		hi, lo := hexValue(b[i+1]), hexValue(b[i+2])
		if hi > 15 || lo > 15 {
			return append(dst[:n], from...)
		}
		dst = append(append(dst, b[:i]...), hi<<4|lo)
		b = b[i+3:]
	}
}

// hexValue is above 15 for what is no hexadecimal digit.
func hexValue(c byte) byte {
	switch c = lower[c]; {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// parseAddr reads an IPv4 or IPv6 address, with or without a port; the zero Addr if it is none.
func parseAddr(b []byte) (record.Addr, bool) {
	if len(b) < 2 || len(b) > 64 {
		return record.Addr{}, false
	}
	if b[0] == '[' || bytes.IndexByte(b, ':') == bytes.LastIndexByte(b, ':') {
		b, _ = splitPort(b)
	}
	if a, ok := parseAddr4(b); ok {
		return a, true
	}
	ip, err := netip.ParseAddr(string(b))
	if err != nil {
		return record.Addr{}, false
	}
	return record.AddrFrom(ip.WithZone("")), true
}

// parseAddr4 reads dotted decimal without allocating.
func parseAddr4(b []byte) (a record.Addr, ok bool) {
	var out [4]byte
	k, n, digits := 0, 0, 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9' && digits < 3:
			n = n*10 + int(c-'0')
			digits++
		case c == '.' && digits > 0 && n < 256 && k < 3:
			out[k] = byte(n)
			k, n, digits = k+1, 0, 0
		default:
			return a, false
		}
	}
	if k != 3 || digits == 0 || n > 255 {
		return a, false
	}
	out[3] = byte(n)
	return record.AddrFrom4(out[:]), true
}
