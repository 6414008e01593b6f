package traffic

import (
	"encoding/hex"
	"strconv"

	"github.com/tapir-project/tapir/record"
)

var requestHeaders = []string{"host", "user-agent", "accept", "accept-encoding", "accept-language", "connection", "cookie", "referer", "cache-control"}
var responseHeaders = []string{"date", "server", "content-type", "content-length", "connection", "etag", "last-modified", "cache-control"}

func (s *Source) http(r *record.Record) {
	s.ends(80, 6)
	n := 1
	if s.r.IntN(4) == 0 {
		n += s.r.IntN(4)
	}
	in, out := int64(n)*(350+int64(s.r.IntN(400))), int64(n)*(300+int64(s.r.ExpFloat64()*12000))
	s.common(r, int64(20e6+s.r.ExpFloat64()*300e6), in, out, "http")
	v := &r.Values
	v.PutString(fSrcPayload, "474554202f")
	v.PutString(fDstPayload, "485454502f312e31")
	v.AddText(fDomain, s.hostName(s.s.host))
	for range n {
		s.uri(v)
	}
	v.AddText(fAgent, s.agents[(int(s.s.src[15])+int(s.s.src[14])*7)%len(s.agents)])
	v.AddString(fMethod, "GET")
	v.AddInt(fStatus, int64([...]int{200, 200, 200, 200, 200, 200, 304, 302, 404, 500}[s.r.IntN(10)]))
	v.AddString(fReqVersion, "1.1")
	v.AddString(fResVersion, "1.1")
	for i, h := range requestHeaders {
		if i < 6 || s.r.IntN(2) == 0 {
			v.AddString(fReqHeaders, h)
		}
	}
	for i, h := range responseHeaders {
		if i < 5 || s.r.IntN(2) == 0 {
			v.AddString(fResHeaders, h)
		}
	}
	if s.r.IntN(3) > 0 {
		v.AddString(fMagic, "text/html")
		v.AddText(fMD5, s.hash(16, uint64(s.path.pick(s.r))))
	}
}

func (s *Source) uri(v *record.Values) {
	p := s.path.pick(s.r)
	d := s.hostName(s.s.host)
	at := len(d)
	d = append(d, [...]string{"/static/js/", "/api/v1/items/", "/images/", "/news/article-", "/"}[p%5]...)
	d = strconv.AppendInt(d, int64(p), 36)
	if p%7 == 0 {
		d = append(d, ".html"...)
	}
	end := len(d)
	if p%3 == 0 {
		d = append(d, "?id="...)
		d = strconv.AppendInt(d, int64(p*31), 10)
	}
	v.AddText(fURI, d)
	v.AddText(fPath, d[at:end])
	s.scratch = d
}

func (s *Source) dns(r *record.Record) {
	s.ends(53, 17)
	host := s.s.host
	s.s.dst = record.AddrFrom4([]byte{10, 0, 0, byte(53 + host&1)})
	in, out := int64(30+host%20), int64(60+host%90)
	s.common(r, int64(200e3+s.r.ExpFloat64()*15e6), in, out, "dns")
	v := &r.Values
	v.PutText(fSrcPayload, s.hash(8, uint64(s.r.Uint32())))
	v.PutText(fDstPayload, s.hash(8, uint64(s.r.Uint32())))
	name := s.hostName(host)
	v.AddText(fDNSHost, name)
	v.AddText(fQueryName, name)
	v.AddString(fQueryType, [...]string{"A", "A", "A", "AAAA", "HTTPS"}[s.r.IntN(5)])
	v.AddString(fQueryClass, "IN")
	v.AddString(fOpCode, "QUERY")
	v.AddString(fRCode, [...]string{"NOERROR", "NXDOMAIN"}[b2i(s.r.IntN(15) == 0)])
	for i := range 1 + host%3 {
		v.AddAddr(fResolved, hostAddr(host+i))
	}
	v.AddInt(fAnswers, int64(1+host%3))
	v.AddString(fFlags, "RD")
	v.AddString(fFlags, "RA")
}

func (s *Source) tls(r *record.Record) {
	s.ends(443, 6)
	s.common(r, int64(50e6+s.r.ExpFloat64()*2e9), 600+int64(s.r.ExpFloat64()*2000), 3000+int64(s.r.ExpFloat64()*60000), "tls")
	v := &r.Values
	v.PutString(fSrcPayload, "1603010200010001")
	v.PutString(fDstPayload, "160303007a020000")
	v.AddText(fSNI, s.hostName(s.s.host))
	v.AddString(fTLSVersion, [...]string{"TLSv1.3", "TLSv1.2"}[s.s.host%2])
	v.AddString(fCipher, [...]string{"TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}[s.s.host%2])
	v.AddText(fJA3, s.hash(16, uint64(s.s.src[15]%12)))
	v.AddText(fJA3S, s.hash(16, uint64(s.s.host%40)))
	v.AddString(fJA4, [...]string{"t13d1516h2_8daaf6152771_b186095e22b6", "t13d1715h2_5b57614c22b0_3d5424432f57"}[s.s.src[15]&1])
	v.AddText(fTLSSession, s.hash(32, s.r.Uint64()))
	if s.s.host%2 == 1 {
		v.AddText(fCertSerial, s.hash(9, uint64(s.s.host)))
		v.AddText(fCertCN, s.hostName(s.s.host))
		v.AddString(fCertIssuer, [...]string{"r3", "gts ca 1c3", "digicert tls rsa sha256 2020 ca1"}[s.s.host%3])
		v.AddInt(fCertAfter, (1_800_000_000+int64(s.s.host)*1000)*1e9)
	}
}

func (s *Source) other(r *record.Record) {
	port := [...]uint16{22, 25, 123, 445, 3306, 5432, 6379, 8443}[s.r.IntN(8)]
	proto := uint8(6)
	if port == 123 {
		proto = 17
	}
	s.ends(port, proto)
	app := map[uint16]string{22: "ssh", 25: "smtp", 123: "ntp", 445: "smb", 3306: "mysql", 5432: "postgresql", 6379: "redis", 8443: "tls"}[port]
	s.common(r, int64(s.r.ExpFloat64()*20e9), int64(s.r.ExpFloat64()*5000), int64(s.r.ExpFloat64()*8000), app)
}

// hash is n bytes in hex that follow from x.
func (s *Source) hash(n int, x uint64) []byte {
	var raw [32]byte
	for i := range n {
		x ^= x << 13
		x ^= x>>7 + 0x9e3779b97f4a7c15
		x ^= x << 17
		raw[i] = byte(x >> 24)
	}
	s.scratch = hex.AppendEncode(s.scratch[:0], raw[:n])
	return s.scratch
}

// Transaction fills r with the transaction of the session made last: for HTTP its request, for DNS its question.
// It says whether the session has one.
func (s *Source) Transaction(session, r *record.Record) bool {
	name, ok := session.Values.First(fURI)
	kind, method := "http", "GET"
	if !ok {
		if name, ok = session.Values.First(fQueryName); !ok {
			return false
		}
		kind, method = "dns", "QUERY"
	}
	x := &s.s
	r.Reset()
	r.Kind, r.Session = record.KindTransaction, x.id
	r.Start, r.End = x.start+3e6, x.end
	r.ID = x.id.Sub(r.Start, 1)
	v := &r.Values
	v.PutString(fDataset, kind)
	v.PutString(fTxType, kind)
	v.PutAddr(fSrcIP, x.src)
	v.PutAddr(fDstIP, x.dst)
	v.PutInt(fSrcPort, int64(x.sport))
	v.PutInt(fDstPort, int64(x.dport))
	v.PutAddr(fClientIP, x.src)
	v.PutAddr(fServerIP, x.dst)
	v.PutInt(fClientPort, int64(x.sport))
	v.PutInt(fServerPort, int64(x.dport))
	v.PutInt(fProto, int64(x.proto))
	v.PutString(fTransport, [...]string{"tcp", "udp"}[b2i(x.proto == 17)])
	v.PutString(fType, "ipv4")
	v.AddString(fProtocol, kind)
	v.PutInt(fSrcBytes, x.in)
	v.PutInt(fDstBytes, x.out)
	v.PutInt(fClientBytes, x.in)
	v.PutInt(fServerBytes, x.out)
	v.PutInt(fBytes, x.in+x.out)
	v.PutInt(fDuration, r.End-r.Start)
	v.PutString(fStatusText, "OK")
	v.PutString(fMethodText, method)
	v.PutText(fQueryText, append([]byte(method+" "), name.Text()...))
	if c, ok := session.Values.First(fCommunity); ok {
		v.PutText(fCommunity, c.Text())
	}
	for _, f := range []record.FieldID{fDomain, fURI, fPath, fAgent, fMethod, fReqVersion, fQueryName, fQueryType, fRCode, fDNSHost} {
		if t, ok := session.Values.First(f); ok {
			v.PutText(f, t.Text())
		}
	}
	if c, ok := session.Values.First(fStatus); ok {
		v.PutInt(fStatus, c.Int())
	}
	return true
}
