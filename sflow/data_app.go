package sflow

import "net/netip"

// Socket is the socket of an application transaction (0:2100, and 0:2101 where the addresses are IPv6), or with Proxy
// the proxy's own connection upstream (0:2102, 0:2103).
type Socket struct {
	Protocol              uint32 // IP protocol: 6, 17
	Local, Remote         netip.Addr
	LocalPort, RemotePort uint32
	Proxy                 bool
	V6                    bool // decode as the IPv6 form
}

// Tag is 0:2100 to 0:2103.
func (s *Socket) Tag() Tag {
	t := TagSocket4
	if s.V6 || s.Local.Is6() && !s.Local.Is4In6() || s.Remote.Is6() && !s.Remote.Is4In6() {
		t = TagSocket6
	}
	if s.Proxy {
		t += TagProxySocket4 - TagSocket4
	}
	return t
}

func (s *Socket) fields(x xdr) xdr {
	v6 := s.Tag() == TagSocket6 || s.Tag() == TagProxySocket6
	x.u32(&s.Protocol)
	if v6 {
		x.addr16(&s.Local)
		x.addr16(&s.Remote)
	} else {
		x.addr4(&s.Local)
		x.addr4(&s.Remote)
	}
	x.u32(&s.LocalPort, &s.RemotePort)
	return x
}

// Methods of HTTP as sFlow numbers them.
const (
	HTTPOther   = 0
	HTTPOptions = 1
	HTTPGet     = 2
	HTTPHead    = 3
	HTTPPost    = 4
	HTTPPut     = 5
	HTTPDelete  = 6
	HTTPTrace   = 7
	HTTPConnect = 8
)

var httpMethods = [...]string{"", "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"}

// HTTPMethod is the number of a method; what has none is HTTPOther.
func HTTPMethod(name string) uint32 {
	for i, m := range httpMethods {
		if m == name && i > 0 {
			return uint32(i)
		}
	}
	return HTTPOther
}

// HTTPMethodName is the method with that number, empty for HTTPOther and numbers without one.
func HTTPMethodName(n uint32) string {
	if n < uint32(len(httpMethods)) {
		return httpMethods[n]
	}
	return ""
}

// HTTP is one HTTP request and response (0:2206; with Old 0:2201, which has neither XFF nor ReqBytes). The text should
// not be longer than the specification has it: see Cut.
type HTTP struct {
	Method    uint32 // HTTPGet, ...
	Protocol  uint32 // version: major*1000 + minor
	URI       []byte // as the client sent it, query included
	Host      []byte
	Referrer  []byte
	UserAgent []byte
	XFF       []byte // X-Forwarded-For
	AuthUser  []byte
	MIMEType  []byte // of the response
	ReqBytes  uint64
	RespBytes uint64
	Micros    uint32 // duration in µs
	Status    uint32
	Old       bool
}

// Tag is 0:2206 or 0:2201.
func (h *HTTP) Tag() Tag {
	if h.Old {
		return TagHTTPOld
	}
	return TagHTTP
}

func (h *HTTP) fields(x xdr) xdr {
	x.u32(&h.Method, &h.Protocol)
	x.text(&h.URI, &h.Host, &h.Referrer, &h.UserAgent)
	if !h.Old {
		x.text(&h.XFF)
	}
	x.text(&h.AuthUser, &h.MIMEType)
	if !h.Old {
		x.u64(&h.ReqBytes)
	}
	x.u64(&h.RespBytes)
	x.u32(&h.Micros, &h.Status)
	return x
}

// Cut shortens the text to what the specification allows: 255 bytes of URI and referrer, 128 of the user agent, 64 of
// host, X-Forwarded-For and MIME type, 32 of the user.
func (h *HTTP) Cut() {
	for _, c := range []struct {
		p    *[]byte
		most int
	}{{&h.URI, 255}, {&h.Host, 64}, {&h.Referrer, 255}, {&h.UserAgent, 128}, {&h.XFF, 64}, {&h.AuthUser, 32}, {&h.MIMEType, 64}} {
		*c.p = (*c.p)[:min(len(*c.p), c.most)]
	}
}

// Application is one operation of an application (0:2202).
type Application struct {
	Application, Operation, Attributes []byte
	StatusText                         []byte
	ReqBytes, RespBytes                uint64
	Micros                             uint32 // duration in µs
	Status                             uint32 // see AppStatus
}

// Tag is 0:2202.
func (*Application) Tag() Tag { return TagApplication }
func (a *Application) fields(x xdr) xdr {
	x.text(&a.Application, &a.Operation, &a.Attributes, &a.StatusText)
	x.u64(&a.ReqBytes, &a.RespBytes)
	x.u32(&a.Micros, &a.Status)
	return x
}

// appStatus are the outcomes of an Application, by number.
var appStatus = [...]string{"SUCCESS", "OTHER", "TIMEOUT", "INTERNAL_ERROR", "BAD_REQUEST", "FORBIDDEN", "TOO_LARGE", "NOT_IMPLEMENTED",
	"NOT_FOUND", "UNAVAILABLE", "UNAUTHORIZED"}

// AppStatus is the name of an Application's outcome, empty if the number has none.
func AppStatus(n uint32) string {
	if n < uint32(len(appStatus)) {
		return appStatus[n]
	}
	return ""
}

// TCPInfo is the state of a sampled packet's TCP connection (0:2209).
type TCPInfo struct {
	Direction          uint32 // of the sampled packet: 0 unknown, 1 received, 2 sent
	SendMSS, RecvMSS   uint32
	Unacked, Lost      uint32 // packets
	Retransmitted      uint32 // packets, of the connection so far
	PathMTU            uint32
	RTT, RTTVar        uint32 // smoothed, µs
	CongestionWindow   uint32
	Reordering, MinRTT uint32
}

// Tag is 0:2209.
func (*TCPInfo) Tag() Tag { return TagTCPInfo }
func (t *TCPInfo) fields(x xdr) xdr {
	x.u32(&t.Direction, &t.SendMSS, &t.RecvMSS, &t.Unacked, &t.Lost, &t.Retransmitted, &t.PathMTU, &t.RTT, &t.RTTVar, &t.CongestionWindow, &t.Reordering, &t.MinRTT)
	return x
}

// HTTPCounters counts requests by method and responses by status (counters 0:2201).
type HTTPCounters struct {
	Options, Get, Head, Post, Put, Delete, Trace, Connect, Other uint32
	Status                                                       [6]uint32 // 1XX to 5XX, others
}

// Tag is 0:2201.
func (*HTTPCounters) Tag() Tag { return TagHTTPCounters }
func (h *HTTPCounters) fields(x xdr) xdr {
	x.u32(&h.Options, &h.Get, &h.Head, &h.Post, &h.Put, &h.Delete, &h.Trace, &h.Connect, &h.Other)
	for i := range h.Status {
		x.u32(&h.Status[i])
	}
	return x
}

// AppWorkers says how busy a server is (counters 0:2206).
type AppWorkers struct{ Active, Idle, Max, Delayed, Dropped uint32 }

// Tag is 0:2206.
func (*AppWorkers) Tag() Tag { return TagAppWorkers }
func (w *AppWorkers) fields(x xdr) xdr {
	x.u32(&w.Active, &w.Idle, &w.Max, &w.Delayed, &w.Dropped)
	return x
}

// HostParent names the source that contains this one: the host of an application (counters 0:2002).
type HostParent struct{ Source }

// Tag is 0:2002.
func (*HostParent) Tag() Tag           { return TagHostParent }
func (h *HostParent) fields(x xdr) xdr { x.u32(&h.Class, &h.Index); return x }
