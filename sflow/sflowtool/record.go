package sflowtool

import (
	"encoding/binary"
	"strconv"

	"github.com/tapir-project/tapir/sflow"
)

// record writes one record: most of them field by field as their layout has them, some in an order of their own.
func (w *Writer) record(r *sflow.Record) error {
	l := r.Layout()
	if l == nil || l.Tag == sflow.TagACL || l.Tag == sflow.TagHTTPProxy || l.Tag == sflow.TagAggregation {
		what := "flow_sample_element"
		if w.head.sample == uint32(sflow.TagCounters) || w.head.sample == uint32(sflow.TagCountersExpanded) {
			what = "counters_sample_element"
		}
		w.skip(what, r.Tag, len(r.Body))
		return r.Err
	}
	if l.Class != "" {
		w.with(l.Class, func(dst []byte) []byte { return append(append(dst, l.Prefix...), l.Name...) })
	}
	if l.Prefix != "" {
		w.prefix = append(w.prefix, l.Prefix)
		defer func() { w.prefix = w.prefix[:len(w.prefix)-1] }()
	}
	f := r.Fields()
	if err := w.body(l, &f); err != nil {
		return err
	}
	return r.Err
}

// body writes the fields of a record.
func (w *Writer) body(l *sflow.Layout, f *sflow.Fields) error {
	if !l.Counters {
		switch l.Name {
		case "HEADER":
			return w.header(f)
		case "ETHERNET":
			return w.ethernet(f)
		case "IPV4", "IPV6":
			return w.ipFields(f)
		case "GATEWAY":
			return w.gateway(f)
		case "USER":
			return w.user(f)
		case "wifi_payload":
			return w.wifiPayload(f)
		}
	}
	var v sflow.Value
	for f.Next(&v) {
		w.field(l, &v)
		if w.gather {
			w.flow.take(l, &v)
		}
		if w.o.Format == CommonLog {
			w.clf.take(l, &v)
		}
	}
	w.clf.end(w, l)
	return f.Err()
}

// field writes one field by its type.
func (w *Writer) field(l *sflow.Layout, v *sflow.Value) {
	if w.quiet {
		return
	}
	name := v.Field.Name
	switch v.Field.Type {
	case sflow.U8, sflow.U32, sflow.U64:
		w.number(l, v)
	case sflow.Text:
		if l.Tag == sflow.TagMemcache {
			w.key(name, v)
			return
		}
		w.text(name, v.Bytes, v.Field.Max, l.Name == "URL")
	case sflow.F32:
		w.begin(name)
		w.buf = strconv.AppendFloat(w.buf, v.Float(), 'f', 3, 64)
		w.end()
	case sflow.Percent:
		w.percent(v)
	case sflow.Hex64:
		w.begin(name)
		w.buf = appendHex(w.buf, binary.BigEndian.AppendUint64(nil, v.Num))
		w.end()
	case sflow.Addr, sflow.IP4, sflow.IP6:
		w.begin(name)
		w.buf = appendAddrBytes(w.buf, v.Bytes)
		w.end()
	case sflow.MAC:
		w.begin(name)
		w.buf = appendHex(w.buf, v.Bytes)
		w.end()
	case sflow.UUID:
		w.begin(name)
		w.buf = appendUUID(w.buf, v.Bytes)
		w.end()
	default:
		w.list(v)
	}
}

// number writes a number, or what it stands for.
func (w *Writer) number(l *sflow.Layout, v *sflow.Value) {
	switch {
	case l.Tag == sflow.TagTCPInfo && v.Field == &l.Fields[0]:
		names := []string{"unknown", "received", "sent", "<bad value>"}
		w.str(v.Field.Name, names[min(v.Num, 3)])
	case !l.Counters && l.Tag == sflow.TagApplication && v.Field.Name == "status":
		name := sflow.AppStatus(uint32(v.Num))
		switch {
		case name == "UNAUTHORIZED":
			name = "UNATHORIZED"
		case name == "":
			name = "<out-of-range=" + strconv.FormatUint(v.Num, 10) + ">"
		}
		w.str(v.Field.Name, name)
	default:
		w.num(v.Field.Name, v.Num)
	}
}

func (w *Writer) percent(v *sflow.Value) {
	if v.Unknown() {
		w.str(v.Field.Name, "unknown")
		return
	}
	w.begin(v.Field.Name)
	w.buf = strconv.AppendFloat(w.buf, float64(float32(v.Num)/100), 'f', 2, 64)
	w.end()
}

// list writes what has items; empty stacks and lists of words are left out.
func (w *Writer) list(v *sflow.Value) {
	name := v.Field.Name
	switch v.Field.Type {
	case sflow.Lanes:
		w.lanes(v)
		return
	case sflow.Adaptors:
		w.adaptors(v)
		return
	}
	if v.Num == 0 {
		return
	}
	w.with(name, func(dst []byte) []byte {
		for i := range int(v.Num) {
			if i > 0 {
				dst = append(dst, '-')
			}
			x := v.Word(i)
			switch v.Field.Type {
			case sflow.Labels: // label, traffic class, bottom of stack, TTL
				dst = appendParts(dst, x>>12, x>>9&7, x>>8&1, x&0xff)
			case sflow.Tags: // TPID, then priority, drop eligible, VLAN
				dst = appendHex(append(dst, "0x"...), []byte{byte(x >> 24), byte(x >> 16)})
				dst = appendParts(dst, x>>13&7, x>>12&1, x&0xfff)
			default:
				dst = strconv.AppendUint(dst, uint64(x), 10)
			}
		}
		return dst
	})
}

func appendParts(dst []byte, parts ...uint32) []byte {
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, uint64(p), 10)
	}
	return dst
}

func appendUUID(dst, b []byte) []byte {
	for i, end := range []int{4, 6, 8, 10, 16} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = appendHex(dst, b[[]int{0, 4, 6, 8, 10}[i]:end])
	}
	return dst
}

// lanes writes optical lanes. Most names of a lane's fields end in a "%u" that was meant to be its number.
func (w *Writer) lanes(v *sflow.Value) {
	w.num(v.Field.Name, v.Num)
	w.open("sfp_lanes", '[')
	for lane := range int(v.Num) {
		w.open("", '{')
		for i, name := range sflow.LaneFields {
			if i > 1 {
				name += ".%u"
			}
			n := uint64(v.Word(10*lane + i))
			if w.json() {
				w.num(name, n)
			}
			w.num("sfp_lane_"+name+"."+strconv.Itoa(lane), n)
		}
		w.close('}')
	}
	w.close(']')
}

// adaptors writes a host's interfaces: nested in JSON, numbered elsewhere.
func (w *Writer) adaptors(v *sflow.Value) {
	w.open(v.Field.Name, '[')
	for i, rest := 0, v.Bytes; len(rest) > 0; i++ {
		var index uint32
		var macs []byte
		index, macs, rest = sflow.Adaptor(rest)
		prefix := ""
		if !w.json() {
			prefix = "adaptor_" + strconv.Itoa(i) + "_"
		}
		w.open("", '{')
		w.num(prefix+"ifIndex", uint64(index))
		w.num(prefix+"MACs", uint64(len(macs)/8))
		w.open("mac_list", '[')
		for j := 0; len(macs) > 0; j, macs = j+1, macs[8:] {
			if !w.json() {
				w.with(prefix+"MAC_"+strconv.Itoa(j), func(dst []byte) []byte { return appendHex(dst, macs[:6]) })
				continue
			}
			if j > 0 {
				w.buf = append(w.buf, ',')
			}
			w.indent()
			w.buf = append(appendHex(append(w.buf, '"'), macs[:6]), `" `...)
		}
		w.close(']')
		w.close('}')
	}
	w.close(']')
}

// key writes a key of memcached URL-encoded, the digits of each byte swapped.
func (w *Writer) key(name string, v *sflow.Value) {
	if len(v.Bytes) == 0 {
		return
	}
	w.with(name, func(dst []byte) []byte {
		for _, c := range cut(v.Bytes, v.Field.Max) {
			switch {
			case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
				dst = append(dst, c)
			case c == ' ' || c >= '\t' && c <= '\r':
				dst = append(dst, '+')
			default:
				dst = append(dst, '%', hexUpper[c&15], hexUpper[c>>4])
			}
		}
		return dst
	})
}

// ethernet writes the type first.
func (w *Writer) ethernet(f *sflow.Fields) error {
	var v [4]sflow.Value
	for i := range v {
		if !f.Next(&v[i]) {
			return f.Err()
		}
	}
	w.flow.ethType = uint32(v[3].Num)
	copy(w.flow.ethSrc[:], v[1].Bytes)
	copy(w.flow.ethDst[:], v[2].Bytes)
	w.num("ethernet_type", v[3].Num)
	w.num("ethernet_len", v[0].Num)
	w.with("ethernet_src", func(dst []byte) []byte { return appendHex(dst, v[1].Bytes) })
	w.with("ethernet_dst", func(dst []byte) []byte { return appendHex(dst, v[2].Bytes) })
	return f.Err()
}

// user writes both character sets first where there are any.
func (w *Writer) user(f *sflow.Fields) error {
	var v sflow.Value
	var names []sflow.Value
	for f.Next(&v) {
		if v.Field.Type == sflow.Text {
			names = append(names, v)
		} else {
			w.num(v.Field.Name, v.Num)
		}
	}
	if err := f.Err(); err != nil && len(names) < 2 {
		return err
	}
	for i := range names {
		w.text(names[i].Field.Name, names[i].Bytes, names[i].Field.Max, true)
	}
	return f.Err()
}

// gateway writes the ends of the path too; how depends on the version.
func (w *Writer) gateway(f *sflow.Fields) error {
	var v sflow.Value
	for f.Next(&v) {
		w.flow.takeGateway(&v)
		switch {
		case v.Field.Type == sflow.ASPath:
			w.path(&v)
		case v.Field.Name == "dst_as_path": // version 2: a list of AS numbers
			if v.Num > 0 {
				w.flow.dstPeerAS, w.flow.dstAS = v.Word(0), v.Word(int(v.Num)-1)
			}
			w.num("dst_as", uint64(w.flow.dstAS))
			w.num("dst_peer_as", uint64(w.flow.dstPeerAS))
			w.num("dst_as_path_len", v.Num)
			w.list(&v)
		case v.Field.Type == sflow.Words:
			w.list(&v)
		case v.Field.Type == sflow.Addr:
			w.with(v.Field.Name, func(dst []byte) []byte { return appendAddrBytes(dst, v.Bytes) })
		default:
			w.num(v.Field.Name, v.Num)
		}
	}
	return f.Err()
}

// path writes an AS path, sets in parentheses, nothing between the segments.
func (w *Writer) path(v *sflow.Value) {
	f := &w.flow
	if v.Num > 0 {
		w.with(v.Field.Name, func(dst []byte) []byte {
			for rest := v.Bytes; len(rest) > 0; {
				var set bool
				var as []byte
				set, as, rest = sflow.Segment(rest)
				if set {
					dst = append(dst, '(')
				}
				for i := 0; i < len(as); i += 4 {
					if i > 0 {
						dst = append(dst, '-')
					}
					dst = strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(as[i:])), 10)
				}
				if set {
					dst = append(dst, ')')
				}
			}
			return dst
		})
	}
	f.ends(v)
	w.num("dst_as", uint64(f.dstAS))
	w.num("dst_peer_as", uint64(f.dstPeerAS))
}

// ipFields writes the record of an IP header; the ports depend on the protocol.
func (w *Writer) ipFields(f *sflow.Fields) error {
	var v [8]sflow.Value
	for i := range v {
		if !f.Next(&v[i]) {
			return f.Err()
		}
	}
	size, proto, sport, dport, flags, tos := v[0].Num, v[1].Num, v[4].Num, v[5].Num, v[6].Num, v[7].Num
	p := &w.flow
	p.size, p.proto, p.sport, p.dport = uint32(size), uint32(proto), uint32(sport), uint32(dport)
	p.setAddrs(v[2].Bytes, v[3].Bytes)
	w.num("sampledPacketSize", size)
	w.num("IPSize", size)
	w.with(v[2].Field.Name, func(dst []byte) []byte { return appendAddrBytes(dst, v[2].Bytes) })
	w.with(v[3].Field.Name, func(dst []byte) []byte { return appendAddrBytes(dst, v[3].Bytes) })
	w.num("IPProtocol", proto)
	if len(v[2].Bytes) == 4 {
		p.ip4Fields, p.tos = true, uint32(tos)
	} else {
		p.ip6Fields = true
	}
	w.num(v[7].Field.Name, tos)
	switch proto {
	case 1:
		w.num("ICMPType", dport)
	case 6:
		w.num("TCPSrcPort", sport)
		w.num("TCPDstPort", dport)
		p.tcpFlags = uint32(flags)
		w.num("TCPFlags", flags)
	case 17:
		w.num("UDPSrcPort", sport)
		w.num("UDPDstPort", dport)
	}
	return f.Err()
}

// wifiPayload is a cipher suite and then a sampled header.
func (w *Writer) wifiPayload(f *sflow.Fields) error {
	var v sflow.Value
	if !f.Next(&v) {
		return f.Err()
	}
	w.num(v.Field.Name, v.Num)
	w.str("flowSampleType", "HEADER")
	return w.header(f)
}
