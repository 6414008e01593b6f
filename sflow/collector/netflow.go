package collector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/netsampler/goflow2/v2/decoders/netflow"
	"github.com/netsampler/goflow2/v2/decoders/netflowlegacy"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
)

// Bounds of what NetFlow exporters may make us remember.
const (
	maxTemplates = 1024 // of one exporter
	maxFields    = 256  // of one template
)

// netflowState is what is known of NetFlow exporters: their templates and sampling rates.
type netflowState struct{ exporters map[netip.Addr]*templates }

func newNetflowState() *netflowState { return &netflowState{exporters: map[netip.Addr]*templates{}} }

func (s *netflowState) of(a netip.Addr) *templates {
	t := s.exporters[a]
	if t == nil {
		if len(s.exporters) >= MaxExporters {
			clear(s.exporters) // they come again, and send their templates again
		}
		t = &templates{byKey: netflow.FlowBaseTemplateSet{}, rates: map[uint32]uint32{}}
		s.exporters[a] = t
	}
	return t
}

// templates are those of one exporter. It is a netflow.NetFlowTemplateSystem that takes only templates whose records
// have a length: a record of none would never end.
type templates struct {
	byKey netflow.FlowBaseTemplateSet
	rates map[uint32]uint32 // sampling rate by observation domain
}

func key(version uint16, domain uint32, id uint16) uint64 {
	return uint64(version)<<48 | uint64(domain)<<16 | uint64(id)
}

// GetTemplate finds a template.
func (t *templates) GetTemplate(version uint16, domain uint32, id uint16) (any, error) {
	if x, ok := t.byKey[key(version, domain, id)]; ok {
		return x, nil
	}
	return nil, netflow.ErrorTemplateNotFound
}

// AddTemplate takes a template in place of the one of the same number.
func (t *templates) AddTemplate(version uint16, domain uint32, id uint16, x any) error {
	var fields []netflow.Field
	switch r := x.(type) {
	case netflow.TemplateRecord:
		fields = r.Fields
	case netflow.NFv9OptionsTemplateRecord:
		fields = append(append(fields, r.Scopes...), r.Options...)
	case netflow.IPFIXOptionsTemplateRecord:
		fields = append(append(fields, r.Scopes...), r.Options...)
	}
	if len(fields) == 0 || len(fields) > maxFields {
		return fmt.Errorf("template %d has %d fields", id, len(fields))
	}
	for _, f := range fields {
		if f.Length == 0 {
			return fmt.Errorf("template %d has a field of no length", id)
		}
	}
	k := key(version, domain, id)
	if _, known := t.byKey[k]; !known && len(t.byKey) >= maxTemplates {
		return errors.New("too many templates")
	}
	t.byKey[k] = x
	return nil
}

// RemoveTemplate forgets a template.
func (t *templates) RemoveTemplate(version uint16, domain uint32, id uint16) (any, error) {
	x, err := t.GetTemplate(version, domain, id)
	delete(t.byKey, key(version, domain, id))
	return x, err
}

// GetTemplates gives all of them.
func (t *templates) GetTemplates() netflow.FlowBaseTemplateSet { return t.byKey }

// message is what a NetFlow datagram says of itself.
type message struct {
	version  uint16
	domain   uint32
	sequence uint32
	uptime   uint32 // ms; 0 in IPFIX
	sec      uint32 // when it was sent
	flows    uint32 // records in it
}

// netFlow makes records of a NetFlow or IPFIX datagram, one for each flow.
func (c *Converter) netFlow(b []byte, m *Meta, batch *record.Batch) bool {
	msg := message{version: binary.BigEndian.Uint16(b)}
	n := batch.Len()
	err := c.readNetFlow(b, m, &msg, batch)
	made := batch.Len() - n
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	a := arrival{key: ExporterKey{Agent: m.Sender, SubAgent: msg.domain, NetFlow: true}, sender: m.Sender, at: m.At, bytes: len(b), sequence: msg.sequence,
		step: msg.flows, uptime: msg.uptime, overflow: m.Overflow}
	if msg.version == 9 {
		a.step = 1 // version 9 counts datagrams, the others flows
	}
	if made == 0 && err != nil && !errors.Is(err, netflow.ErrorTemplateNotFound) {
		a.step, a.sequence = 0, 0
		a.key = ExporterKey{}
	}
	e := c.ledger.arrived(&a)
	e.Losses.Samples += uint64(made)
	if err != nil {
		e.Losses.Damaged++
	}
	return made > 0 || err == nil
}

func (c *Converter) readNetFlow(b []byte, m *Meta, msg *message, batch *record.Batch) error {
	t := c.netflow.of(m.Sender)
	if msg.version == 5 {
		return c.version5(b, m, msg, batch)
	}
	var nine netflow.NFv9Packet
	var ten netflow.IPFIXPacket
	err := decodeSets(b, t, &nine, &ten)
	sets := nine.FlowSets
	if msg.version == 9 {
		msg.domain, msg.sequence, msg.uptime, msg.sec = nine.SourceId, nine.SequenceNumber, nine.SystemUptime, nine.UnixSeconds
	} else {
		sets = ten.FlowSets
		msg.domain, msg.sequence, msg.sec = ten.ObservationDomainId, ten.SequenceNumber, ten.ExportTime
	}
	for _, s := range sets {
		switch set := s.(type) {
		case netflow.OptionsDataFlowSet:
			for _, r := range set.Records {
				msg.flows++
				for _, f := range r.OptionsValues {
					if rate := samplingRate(&f); rate > 0 && len(t.rates) < maxTemplates {
						t.rates[msg.domain] = rate
					}
				}
			}
		case netflow.DataFlowSet:
			for i := range set.Records {
				c.flowRecord(set.Records[i].Values, m, msg, t.rates[msg.domain], batch)
				msg.flows++
			}
		}
	}
	return err
}

// decodeSets decodes a message. A defect in code that is not ours costs the datagram, not the collector.
func decodeSets(b []byte, t *templates, nine *netflow.NFv9Packet, ten *netflow.IPFIXPacket) (err error) {
	if err := checkTemplates(b); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("netflow decoder: %v", p)
		}
	}()
	return netflow.DecodeMessageVersion(bytes.NewBuffer(b), t, nine, ten)
}

// checkTemplates refuses messages with templates of more fields than they have bytes for: the decoder makes room for as many
// as a template says before it looks.
func checkTemplates(b []byte) error {
	version, header, templateSet := binary.BigEndian.Uint16(b), 20, uint16(0)
	if version == 10 {
		header, templateSet = 16, 2
	}
	if len(b) < header {
		return nil // the decoder says so
	}
	for b = b[header:]; len(b) >= 4; {
		id, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 {
			return fmt.Errorf("netflow set of %d bytes: %w", n, sflow.ErrTruncated)
		}
		set := b[4:min(max(n, 4), len(b))]
		b = b[min(n, len(b)):]
		for id == templateSet && len(set) >= 4 {
			fields := int(binary.BigEndian.Uint16(set[2:]))
			if set = set[4:]; 4*fields > len(set) {
				return fmt.Errorf("netflow template of %d fields in %d bytes: %w", fields, len(set), sflow.ErrTruncated)
			}
			for range fields {
				size := 4
				if version == 10 && len(set) > 0 && set[0]&0x80 != 0 { // an enterprise number follows
					size = 8
				}
				if len(set) < size {
					return fmt.Errorf("netflow template field: %w", sflow.ErrTruncated)
				}
				set = set[size:]
			}
		}
	}
	return nil
}

// samplingRate is the rate that a field of options tells: samplingInterval, samplerRandomInterval, samplingPacketInterval.
func samplingRate(f *netflow.DataField) uint32 {
	if !f.PenProvided && (f.Type == 34 || f.Type == 50 || f.Type == 305) {
		return uint32(number(f))
	}
	return 0
}

// number is the value of a field of up to eight bytes.
func number(f *netflow.DataField) (n uint64) {
	b, _ := f.Value.([]byte)
	if len(b) > 8 {
		return 0
	}
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n
}

// nfFlow gathers a flow.
type nfFlow struct {
	ends
	packets, bytes uint64
	start, end     int64 // ns
	in, out        uint32
	flags, tos     uint8
}

// begin makes the record of a flow.
func (c *Converter) begin(m *Meta, msg *message, batch *record.Batch) *record.Record {
	r := batch.Next()
	r.Kind = record.KindSample
	r.Start, r.End = m.At.UnixNano(), m.At.UnixNano()
	r.ID = record.NewID(r.Start, hash(m.Sender, msg.domain, sflow.Source{Class: uint32(msg.version)}, msg.sequence), msg.flows)
	v := &r.Values
	v.PutString(fType, "netflow")
	v.PutInt(fVersion, int64(msg.version))
	v.PutAddr(fAgent, addr(m.Sender))
	v.PutInt(fSubAgent, int64(msg.domain))
	v.PutInt(fDatagram, int64(msg.sequence))
	if msg.uptime > 0 {
		v.PutInt(fUptime, int64(msg.uptime)*int64(time.Millisecond))
	}
	return r
}

// finish puts what was gathered. Counts are scaled by the sampling rate.
func (c *Converter) finish(r *record.Record, f *nfFlow, rate uint32, agent netip.Addr) {
	v := &r.Values
	scale := int64(max(rate, 1))
	if rate > 0 {
		v.PutInt(fRate, int64(rate))
	}
	v.PutInt(fPackets, int64(min(f.packets, 1<<40))*scale)
	v.PutInt(fBytes, int64(min(f.bytes, 1<<50))*scale)
	s := sflow.Sample{Input: sflow.Port{Value: f.in}, Output: sflow.Port{Value: f.out}}
	c.ports(v, &s, agent)
	v.PutInt(fDSCP, int64(f.tos>>2))
	if f.proto == 6 {
		v.PutInt(fTCPFlags, int64(f.flags))
	}
	if f.start > 0 && f.end >= f.start {
		r.Start, r.End = f.start, f.end
		v.PutInt(fDuration, f.end-f.start)
	}
	f.known = true
	c.putEnds(v, &f.ends)
}

// version5 reads records of 48 bytes behind a header of 24; all that is not there is not read.
func (c *Converter) version5(b []byte, m *Meta, msg *message, batch *record.Batch) error {
	if len(b) < 24 {
		return fmt.Errorf("netflow 5 header: %d of 24 bytes: %w", len(b), sflow.ErrTruncated)
	}
	if n := int(binary.BigEndian.Uint16(b[2:])); 24+48*n > len(b) {
		return fmt.Errorf("netflow 5: %d bytes for %d flows: %w", len(b), n, sflow.ErrTruncated)
	}
	var p netflowlegacy.PacketNetFlowV5
	if err := netflowlegacy.DecodeMessageVersion(bytes.NewBuffer(b), &p); err != nil {
		return err
	}
	msg.domain, msg.sequence, msg.uptime, msg.sec = uint32(p.EngineType)<<8|uint32(p.EngineId), p.FlowSequence, p.SysUptime, p.UnixSecs
	booted := int64(p.UnixSecs)*1e9 + int64(p.UnixNSecs) - int64(p.SysUptime)*1e6
	for i := range p.Records {
		x := &p.Records[i]
		r := c.begin(m, msg, batch)
		f := nfFlow{packets: uint64(x.DPkts), bytes: uint64(x.DOctets), in: uint32(x.Input), out: uint32(x.Output), flags: x.TCPFlags, tos: x.Tos,
			start: booted + int64(x.First)*1e6, end: booted + int64(x.Last)*1e6}
		f.ends = ends{src: ip4(uint32(x.SrcAddr)), dst: ip4(uint32(x.DstAddr)), sport: x.SrcPort, dport: x.DstPort, proto: x.Proto}
		c.routed(&r.Values, ip4(uint32(x.NextHop)), uint64(x.SrcMask), uint64(x.DstMask), uint64(x.SrcAS), uint64(x.DstAS))
		c.finish(r, &f, uint32(p.SamplingInterval&0x3fff), m.Sender)
		msg.flows++
	}
	return nil
}

func ip4(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, a)))
}

// Fields of routing that sFlow has records of.
var (
	fNextHop = record.MustID("sflow.nextHop")
	fSrcMask = record.MustID("sflow.srcSubnetMask")
	fDstMask = record.MustID("sflow.dstSubnetMask")
	fOwnAS   = record.MustID("sflow.src_as")
	fASPath  = record.MustID("sflow.dst_as_path")
)

func (c *Converter) routed(v *record.Values, next netip.Addr, srcMask, dstMask, srcAS, dstAS uint64) {
	if next.IsValid() && !next.IsUnspecified() {
		v.PutAddr(fNextHop, addr(next))
	}
	v.PutInt(fSrcMask, int64(srcMask))
	v.PutInt(fDstMask, int64(dstMask))
	if srcAS > 0 {
		v.PutInt(fOwnAS, int64(srcAS))
	}
	if dstAS > 0 {
		v.PutString(fASPath, strconv.FormatUint(dstAS, 10))
	}
}

// flowRecord makes a record of a flow of version 9 or IPFIX. Field numbers are those of RFC 3954 and of the IPFIX
// registry, which are the same for what both have.
func (c *Converter) flowRecord(values []netflow.DataField, m *Meta, msg *message, rate uint32, batch *record.Batch) {
	r := c.begin(m, msg, batch)
	v := &r.Values
	var f nfFlow
	var next netip.Addr
	var srcMask, dstMask, srcAS, dstAS uint64
	booted := int64(msg.sec)*1e9 - int64(msg.uptime)*1e6
	for i := range values {
		x := &values[i]
		if x.PenProvided {
			continue
		}
		n := number(x)
		switch x.Type {
		case 9, 29:
			srcMask = n
		case 13, 30:
			dstMask = n
		case 16:
			srcAS = n
		case 17:
			dstAS = n
		case 15, 62:
			next = ipOf(x)
		case 34:
			rate = uint32(n)
		case 58, 59:
			v.AddInt(fVLAN, int64(n&0xfff))
		case 56:
			c.mac(v, fSrcMAC, x)
		case 80:
			c.mac(v, fDstMAC, x)
		default:
			f.take(x, n, booted)
		}
	}
	c.routed(v, next, srcMask, dstMask, srcAS, dstAS)
	c.finish(r, &f, rate, m.Sender)
}

// take takes the fields that all flows have.
func (f *nfFlow) take(x *netflow.DataField, n uint64, booted int64) {
	switch x.Type {
	case 1, 85:
		f.bytes = n
	case 2, 86:
		f.packets = n
	case 4:
		f.proto = uint8(n)
	case 5:
		f.tos = uint8(n)
	case 6:
		f.flags = uint8(n)
	case 7:
		f.sport = uint16(n)
	case 11:
		f.dport = uint16(n)
	case 8, 27:
		f.src = ipOf(x)
	case 12, 28:
		f.dst = ipOf(x)
	case 10:
		f.in = uint32(n)
	case 14:
		f.out = uint32(n)
	case 32, 139: // type and code in one number
		f.sport, f.dport = uint16(n>>8), uint16(n&0xff)
	case 22: // ms since the exporter started
		f.start = booted + int64(n)*1e6
	case 21:
		f.end = booted + int64(n)*1e6
	case 150:
		f.start = int64(n&0xffffffff) * 1e9
	case 151:
		f.end = int64(n&0xffffffff) * 1e9
	case 152:
		f.start = int64(min(n, 1<<43)) * 1e6
	case 153:
		f.end = int64(min(n, 1<<43)) * 1e6
	}
}

func ipOf(x *netflow.DataField) netip.Addr {
	b, _ := x.Value.([]byte)
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (c *Converter) mac(v *record.Values, id record.FieldID, x *netflow.DataField) {
	if b, _ := x.Value.([]byte); len(b) == 6 {
		v.PutText(id, appendMAC(c.text[:0], b))
	}
}
