package sflowtool

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
)

// flow is what a sample says of its packet, from whatever record; the last one to say something has it.
type flow struct {
	in, out          sflow.Port
	rate             uint32
	protocol         uint32 // of the header
	header           []byte
	size, stripped   uint32
	ipOffset         int // of IP in the header
	payload          int // of what the transport carries in the header, 0 if unknown
	gotIP4, gotIP6   bool
	ip4Fields        bool // there is a record of an IPv4 header
	ip6Fields        bool
	ethSrc, ethDst   [6]byte
	ethType          uint32
	inVLAN, outVLAN  uint32
	src, dst         []byte // addresses; borrowed
	proto, tos, ttl  uint32
	label            uint32
	sport, dport     uint32
	tcpFlags         uint32
	fragment, udpLen uint32
	nextHop          []byte
	srcMask, dstMask uint32
	srcAS, dstAS     uint32
	srcPeerAS        uint32
	dstPeerAS        uint32
	port             [20]uint64 // interface counters, in the order of their layout
}

func (p *flow) setAddrs(src, dst []byte) { p.src, p.dst = src, dst }
func (p *flow) setPorts(b []byte) {
	p.sport, p.dport = uint32(binary.BigEndian.Uint16(b)), uint32(binary.BigEndian.Uint16(b[2:]))
}

// take notes a field of a record that is written in the order of its layout.
func (p *flow) take(l *sflow.Layout, v *sflow.Value) {
	if l.Counters {
		switch l.Tag {
		case sflow.TagInterface:
			for i := range l.Fields {
				if v.Field == &l.Fields[i] {
					p.port[i] = v.Num
				}
			}
		case sflow.TagVLAN:
			if v.Field == &l.Fields[0] {
				p.inVLAN = uint32(v.Num)
			}
		}
		return
	}
	switch l.Tag {
	case sflow.TagSwitch:
		switch v.Field {
		case &l.Fields[0]:
			p.inVLAN = uint32(v.Num)
		case &l.Fields[2]:
			p.outVLAN = uint32(v.Num)
		}
	case sflow.TagRouter:
		switch v.Field {
		case &l.Fields[0]:
			p.nextHop = v.Bytes
		case &l.Fields[1]:
			p.srcMask = uint32(v.Num)
		case &l.Fields[2]:
			p.dstMask = uint32(v.Num)
		}
	case sflow.TagSocket4, sflow.TagSocket6:
		switch v.Field {
		case &l.Fields[1]:
			p.src = v.Bytes
		case &l.Fields[2]:
			p.dst = v.Bytes
		}
	}
}

func (p *flow) takeGateway(v *sflow.Value) {
	switch v.Field.Name {
	case "src_as":
		p.srcAS = uint32(v.Num)
	case "src_peer_as":
		p.srcPeerAS = uint32(v.Num)
	}
}

// ends notes the first and last AS of a path.
func (p *flow) ends(v *sflow.Value) {
	for i, rest := 0, v.Bytes; len(rest) > 0; i++ {
		var as []byte
		_, as, rest = sflow.Segment(rest)
		if i == 0 && len(as) > 0 {
			p.dstPeerAS = binary.BigEndian.Uint32(as)
		}
		p.dstAS = 0
		if len(as) > 0 {
			p.dstAS = binary.BigEndian.Uint32(as[len(as)-4:])
		}
	}
}

// ipSize is the length of the packet from its IP header on.
func (p *flow) ipSize() uint32 {
	if p.gotIP4 {
		return p.size - p.stripped - uint32(p.ipOffset)
	}
	return p.size - p.stripped
}

// flowLine writes a flow sample as one line. All of its numbers are signed.
func (w *Writer) flowLine() {
	p := &w.flow
	b := append(w.buf, "FLOW,"...)
	num := func(v uint32) { b = strconv.AppendInt(append(b, ','), int64(int32(v)), 10) }
	hex := func(v uint32, digits int) {
		b = append(b, ",0x"...)
		s := strconv.FormatUint(uint64(v), 16)
		b = append(append(b, "0000"[:max(digits-len(s), 0)]...), s...)
	}
	b = appendAddr(b, w.head.agent)
	num(p.in.Value)
	num(p.out.Value)
	b = appendHex(append(b, ','), p.ethSrc[:])
	b = appendHex(append(b, ','), p.ethDst[:])
	hex(p.ethType, 4)
	num(p.inVLAN)
	num(p.outVLAN)
	b = appendAddrBytes(append(b, ','), p.src)
	b = appendAddrBytes(append(b, ','), p.dst)
	num(p.proto)
	hex(p.tos, 2)
	num(p.ttl)
	num(p.sport)
	num(p.dport)
	hex(p.tcpFlags, 2)
	num(p.size)
	num(p.ipSize())
	num(p.rate)
	w.buf = append(b, '\n')
}

// counterLine writes a counter sample as one line: the counters of its interface, or zeros.
func (w *Writer) counterLine() {
	w.buf = appendAddr(append(w.buf, "CNTR,"...), w.head.agent)
	for _, v := range w.flow.port[:19] {
		w.buf = strconv.AppendUint(append(w.buf, ','), v, 10)
	}
	w.buf = append(w.buf, '\n')
}

// packet writes the sampled header into the capture file.
func (w *Writer) packet() {
	p := record.Packet{Data: w.flow.header, WireLen: w.flow.size, Time: 0, Link: record.LinkEthernet}
	if w.o.Strip && w.flow.payload > 0 {
		p.Data = p.Data[:min(len(p.Data), w.flow.payload)]
	}
	if t := w.meta.Captured; !t.IsZero() {
		p.Time = t.UnixNano()
	} else if t := w.meta.Received; !t.IsZero() {
		p.Time = t.UnixNano()
	}
	w.buf = pcapio.AppendPacket(w.buf, &p)
}

// scope says how long a chosen field keeps its value.
type scope uint8

const (
	scopeNone scope = iota
	scopeDatagram
	scopeSample
)

// custom gathers the chosen fields of a line.
type custom struct {
	slots  map[string]int
	values [][]byte
	scopes []scope
	scope  scope // of what is being written
	seen   int   // fields of this sample
	slot   int   // of the field being written, -1 if it is not chosen
	at     int   // where its value begins
	name   []byte
}

func (c *custom) init(names []string) {
	c.slots = make(map[string]int, len(names))
	c.values, c.scopes = make([][]byte, len(names)), make([]scope, len(names))
	for i, n := range names {
		if _, twice := c.slots[n]; !twice {
			c.slots[n] = i
		}
	}
}

func (c *custom) begin(prefix []string, name string, at int) {
	c.at = at
	c.name = c.name[:0]
	for _, p := range prefix {
		c.name = append(c.name, p...)
	}
	slot, ok := c.slots[string(append(c.name, name...))]
	if c.slot = slot; !ok {
		c.slot = -1
	}
}

// end takes the value off the end of buf.
func (c *custom) end(buf []byte) []byte {
	if c.slot >= 0 {
		c.values[c.slot] = append(c.values[c.slot][:0], buf[c.at:]...)
		c.scopes[c.slot] = c.scope
		if c.scope == scopeSample {
			c.seen++
		}
	}
	return buf[:c.at]
}

// line appends the values to dst, if this sample had any.
func (c *custom) line(dst []byte) []byte {
	if c.seen == 0 {
		return dst
	}
	for i, v := range c.values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, v...)
	}
	return append(dst, '\n')
}

func (c *custom) clear(s scope) {
	for i := range c.values {
		if c.scopes[i] == s {
			c.values[i] = c.values[i][:0]
		}
	}
	c.seen = 0
}

// commonLog gathers a line of the combined log format.
type commonLog struct {
	client                     []byte
	line                       []byte // behind the client; empty if the sample is of no request
	method, protocol, status   uint64
	uri, user, referrer, agent []byte
	bytes                      uint64
}

// take notes a field of a socket or an HTTP record.
func (c *commonLog) take(l *sflow.Layout, v *sflow.Value) {
	switch name := v.Field.Name; {
	case l.Counters:
	case strings.HasPrefix(name, "socket") && strings.HasSuffix(name, "remote_ip"):
		c.client = appendAddrBytes(c.client[:0], v.Bytes)
	case name == "http_method":
		c.method = v.Num
	case name == "http_protocol":
		c.protocol = v.Num
	case name == "http_status":
		c.status = v.Num
	case name == "http_bytes":
		c.bytes = v.Num
	case name == "http_uri":
		c.uri = cut(v.Bytes, v.Field.Max)
	case name == "http_authuser":
		c.user = cut(v.Bytes, v.Field.Max)
	case name == "http_referrer":
		c.referrer = cut(v.Bytes, v.Field.Max)
	case name == "http_useragent":
		c.agent = cut(v.Bytes, v.Field.Max)
	}
}

// end makes the line when an HTTP record has been read.
func (c *commonLog) end(w *Writer, l *sflow.Layout) {
	if w.o.Format != CommonLog || l.Counters || l.Tag != sflow.TagHTTP && l.Tag != sflow.TagHTTPOld {
		return
	}
	text := func(dst, v []byte) []byte {
		if len(v) == 0 {
			return append(dst, '-')
		}
		return appendText(dst, v, false)
	}
	method := sflow.HTTPMethodName(uint32(c.method))
	if method == "" {
		method = "-"
	}
	b := text(append(c.line[:0], " - "...), c.user)
	b = append(w.now().In(w.o.Location).AppendFormat(append(b, " ["...), "02/Jan/2006:15:04:05 -0700"), `] "`...)
	b = text(append(append(b, method...), ' '), c.uri)
	b = strconv.AppendUint(append(b, " HTTP/"...), c.protocol/1000, 10)
	b = strconv.AppendUint(append(b, '.'), c.protocol%1000, 10)
	b = strconv.AppendUint(append(b, `" `...), c.status, 10)
	b = strconv.AppendUint(append(b, ' '), c.bytes, 10)
	b = text(append(b, ` "`...), c.referrer)
	b = text(append(b, `" "`...), c.agent)
	c.line = append(b, "\"\n"...)
}

func (c *commonLog) appendTo(dst []byte) []byte {
	if len(c.line) == 0 {
		return dst
	}
	return append(append(dst, c.client...), c.line...)
}
