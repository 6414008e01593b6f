package collector

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
)

// known puts a record whose fields have names in the vocabulary of sessions and transactions.
func (c *Converter) known(r *record.Record, e *ends, rec *sflow.Record, l *sflow.Layout, weight int64) error {
	switch l.Name {
	case "HEADER":
		return c.sampledHeader(r, e, rec, l, weight)
	case "ETHERNET":
		err := rec.Decode(&c.ether)
		c.macs(&r.Values, c.ether.Src, c.ether.Dst)
		r.Values.AddInt(fEtherType, int64(c.ether.Type))
		return err
	case "IPV4", "IPV6":
		return c.ipHeader(r, e, rec, weight)
	case "socket4", "socket6":
		return c.sampledSocket(e, rec)
	default:
		return c.request(r, rec)
	}
}

// once puts a value unless an earlier record had one.
func once(v *record.Values, id record.FieldID, n int64) {
	if !v.Has(id) {
		v.PutInt(id, n)
	}
}

// links are the link types of header protocols that packet decodes.
var links = map[uint32]record.LinkType{sflow.HeaderEthernet: record.LinkEthernet, sflow.HeaderPPP: record.LinkPPP, sflow.HeaderIPv4: record.LinkIPv4,
	sflow.HeaderIPv6: record.LinkIPv6, sflow.HeaderWifi: record.LinkIEEE80211, sflow.HeaderFrameRely: record.LinkFrameRly}

// sampledHeader decodes the beginning of a packet.
func (c *Converter) sampledHeader(r *record.Record, e *ends, rec *sflow.Record, l *sflow.Layout, weight int64) error {
	h, v := &c.header, &r.Values
	var err error
	if l.Tag == sflow.TagHeader {
		err = rec.Decode(h)
	} else {
		err = oldHeader(rec, h)
	}
	if err != nil {
		return err
	}
	once(v, fHeader, int64(h.Protocol))
	once(v, fFrame, int64(h.FrameLength))
	once(v, fBytes, int64(h.FrameLength)*weight)
	once(v, fPackets, weight)
	link, ok := links[h.Protocol]
	if !ok {
		return nil
	}
	d := &c.decoded
	packet.Decode(d, &record.Packet{Data: h.Bytes, WireLen: max(h.FrameLength-min(h.Stripped, h.FrameLength), uint32(len(h.Bytes))), Link: link})
	if d.HasMAC {
		c.macs(v, d.SrcMAC, d.DstMAC)
	}
	for _, t := range d.Tags[:d.NTags] {
		v.AddInt(fVLAN, int64(t.ID))
	}
	if d.EtherType != 0 {
		once(v, fEtherType, int64(d.EtherType))
	}
	if d.HasVNI {
		once(v, fVNI, int64(d.VNI))
	}
	if !d.HasIP {
		return nil
	}
	once(v, fTTL, int64(d.TTL))
	once(v, fDSCP, int64(d.TOS>>2))
	if d.Proto == 6 {
		once(v, fTCPFlags, int64(d.Flags))
	}
	heartbeat(v, d, weight)
	*e = ends{src: d.Src.Netip(), dst: d.Dst.Netip(), sport: d.SrcPort, dport: d.DstPort, proto: d.Proto, known: d.Verdict == packet.OK}
	if d.Proto == 1 || d.Proto == 58 {
		e.sport, e.dport = uint16(d.ICMPType), uint16(d.ICMPCode)
	}
	return nil
}

// oldHeader reads the header of a version that has no count of stripped bytes.
func oldHeader(rec *sflow.Record, h *sflow.Header) error {
	*h = sflow.Header{}
	f, x := rec.Fields(), sflow.Value{}
	for i := 0; f.Next(&x); i++ {
		switch i {
		case 0:
			h.Protocol = uint32(x.Num)
		case 1:
			h.FrameLength = uint32(x.Num)
		case 2:
			h.Bytes = x.Bytes
		}
	}
	return f.Err()
}

func (c *Converter) macs(v *record.Values, src, dst [6]byte) {
	if !v.Has(fSrcMAC) {
		v.PutText(fSrcMAC, appendMAC(c.text[:0], src[:]))
		v.PutText(fDstMAC, appendMAC(c.text[:0], dst[:]))
	}
}

// ipHeader puts what agents without the packet's bytes say of it.
func (c *Converter) ipHeader(r *record.Record, e *ends, rec *sflow.Record, weight int64) error {
	p, v := &c.ip, &r.Values
	*p = sflow.IP{V6: rec.Tag == sflow.TagIPv6}
	if err := rec.Decode(p); err != nil {
		return err
	}
	once(v, fFrame, int64(p.Length))
	once(v, fBytes, int64(p.Length)*weight)
	once(v, fPackets, weight)
	once(v, fDSCP, int64(p.TOS>>2&0x3f))
	if p.Protocol == 6 {
		once(v, fTCPFlags, int64(p.TCPFlags))
	}
	if !e.known {
		*e = ends{p.Src, p.Dst, uint16(p.SrcPort), uint16(p.DstPort), uint8(p.Protocol), true}
	}
	return nil
}

// sampledSocket puts the connection of a request. The remote end is the client.
func (c *Converter) sampledSocket(e *ends, rec *sflow.Record) error {
	s := &c.socket
	*s = sflow.Socket{V6: rec.Tag == sflow.TagSocket6}
	if err := rec.Decode(s); err != nil {
		return err
	}
	*e = ends{s.Remote.Unmap(), s.Local.Unmap(), uint16(s.RemotePort), uint16(s.LocalPort), uint8(s.Protocol), true}
	return nil
}

// request puts an HTTP request and its response. The record begins with the request.
func (c *Converter) request(r *record.Record, rec *sflow.Record) error {
	h, v := &c.http, &r.Values
	*h = sflow.HTTP{Old: rec.Tag == sflow.TagHTTPOld}
	if err := rec.Decode(h); err != nil {
		return err
	}
	method := sflow.HTTPMethodName(h.Method)
	if method == "" {
		method = "OTHER"
	}
	v.PutString(fMethod, method)
	v.PutText(fURI, h.URI)
	path, _, _ := bytes.Cut(h.URI, []byte("?"))
	v.PutText(fPath, path)
	v.AddText(fDomain, h.Host)
	v.PutText(fUserAgent, h.UserAgent)
	v.PutText(fReferrer, h.Referrer)
	v.PutText(fUser, h.AuthUser)
	v.PutText(fMIME, h.MIMEType)
	if len(h.XFF) > 0 {
		first, _, _ := strings.Cut(string(h.XFF), ",")
		if ip, err := netip.ParseAddr(strings.TrimSpace(first)); err == nil {
			v.PutAddr(fXFF, addr(ip))
		}
	}
	version := strconv.AppendUint(c.text[:0], uint64(h.Protocol/1000), 10)
	v.PutText(fHTTPVersion, strconv.AppendUint(append(version, '.'), uint64(h.Protocol%1000), 10))
	if !h.Old {
		v.PutInt(fReqBytes, int64(min(h.ReqBytes, 1<<62)))
	}
	v.PutInt(fRespBytes, int64(min(h.RespBytes, 1<<62)))
	v.PutInt(fStatus, int64(h.Status))
	v.PutInt(fDuration, int64(h.Micros)*1000)
	v.AddString(fProtocol, "http")
	r.Start = r.End - int64(h.Micros)*1000
	return nil
}

// transports are names of IP protocols.
var transports = map[uint8]string{1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp", 89: "ospf", 132: "sctp"}

// putEnds puts addresses, ports and what follows from them: the id that the sessions of the same connection have too, and
// where both ends are.
func (c *Converter) putEnds(v *record.Values, e *ends) {
	if !e.src.IsValid() {
		return
	}
	src, dst := addr(e.src), addr(e.dst)
	v.PutAddr(fSrcIP, src)
	v.PutAddr(fDstIP, dst)
	v.PutInt(fProto, int64(e.proto))
	kind := "ipv6"
	if src.Is4() {
		kind = "ipv4"
	}
	v.PutString(fNetType, kind)
	if name := transports[e.proto]; name != "" {
		v.PutString(fTransport, name)
		v.AddString(fProtocol, name)
	}
	if e.known {
		switch e.proto {
		case 6, 17, 132:
			v.PutInt(fSrcPort, int64(e.sport))
			v.PutInt(fDstPort, int64(e.dport))
		}
		v.PutText(fCommunity, communityid.Append(c.text[:0], src, dst, e.sport, e.dport, e.proto))
	}
	if c.geo != nil {
		c.place(v, e.src, fSrcCountry, fSrcAS)
		c.place(v, e.dst, fDstCountry, fDstAS)
	}
}

// metrics puts the metrics of sFlow-RT, which have names of their own.
func (c *Converter) metrics(v *record.Values, s *sflow.Sample) {
	v.PutText(fSourceName, s.Name)
	if s.Kind == sflow.KindFlowKeys {
		v.PutInt(fRate, int64(s.Rate))
		v.PutInt(fPool, int64(s.Pool))
	}
	metrics, m := s.Metrics(), sflow.Metric{}
	for metrics.Next(&m) {
		b := append(append(c.text[:0], m.Name...), '=')
		switch m.Type {
		case sflow.MetricString, sflow.KeyString:
			b = append(b, m.Bytes...)
		case sflow.KeyMAC:
			b = appendMAC(b, m.Bytes)
		case sflow.KeyIP4, sflow.KeyIP6:
			a, _ := netip.AddrFromSlice(m.Bytes)
			b = a.AppendTo(b)
		case sflow.MetricFloat, sflow.MetricDouble, sflow.KeyFloat, sflow.KeyDouble:
			b = strconv.AppendFloat(b, m.Float, 'g', -1, 64)
		default:
			b = strconv.AppendUint(b, m.Num, 10)
		}
		v.PutText(fMetrics, b)
	}
	if err := metrics.Err(); err != nil {
		v.PutString(fDamage, err.Error())
	}
}
