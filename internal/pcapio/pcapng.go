package pcapio

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng §10.1).
const (
	blockInterface  = 1
	blockObsolete   = 2 // packet block
	blockSimple     = 3
	blockStatistics = 5
	blockEnhanced   = 6
	blockSection    = 0x0a0d0d0a
)

// byteOrderMagic tells the byte order of a section.
const byteOrderMagic uint32 = 0x1a2b3c4d

// Options used here.
const (
	optEnd         = 0
	optIfName      = 2
	optIfTsresol   = 9
	optIfFCSLen    = 13
	optIfTsoffset  = 14
	optIsbIfDrop   = 5
	optIsbOsDrop   = 7
	optShbUserAppl = 4
)

// Bounds of what is looked at: bytes of options, bytes of a name.
const (
	maxOptions = 64 << 10
	maxName    = 256
)

// Interface is an interface description of a pcapng section.
type Interface struct {
	Name    string
	Link    record.LinkType
	Snaplen uint32 // 0: not limited
	FCSLen  int    // bytes of frame check sequence that each packet ends with, if the file says so

	index uint32 // what Packet.Iface gets
	clock clock
	drops uint64 // as the last statistics block of the interface says
}

// Pcapng decodes a pcapng file from its beginning. The zero value is ready.
type Pcapng struct {
	// Register is called for each interface description and returns what packets of it get as Packet.Iface. Without it
	// interfaces are numbered through the whole file.
	Register func(*Interface) (uint32, error)

	order  binary.ByteOrder // of the section; nil before the first
	big    bool             // order is big-endian
	ifaces []Interface      // of the section
	seen   uint32           // interfaces of all sections
	last   int64            // time of the last packet: simple packet blocks have none
	drops  uint64           // of the interfaces of finished sections
}

// Drops is how many packets the file says that its recorder lost.
func (d *Pcapng) Drops() uint64 {
	n := d.drops
	for i := range d.ifaces {
		n += d.ifaces[i].drops
	}
	return n
}

// Decode reads packets; see Decoder.
func (d *Pcapng) Decode(b []byte, dst []record.Packet) (out []record.Packet, n, need int, err error) {
	for len(dst) < cap(dst) {
		if n >= len(b) {
			return dst, n, 12, nil
		}
		rest := b[n:]
		if len(rest) < 12 {
			return dst, n, 12, nil
		}
		var used int
		dst, used, need, err = d.block(rest, dst)
		if used == 0 {
			return dst, n, need, err
		}
		n += used
	}
	return dst, n, 0, nil
}

// block reads the block at the beginning of b, which holds at least 12 bytes. It returns its length, or 0 with what it
// needs or what is wrong. The length may exceed b's, if what is not there yet does not matter.
func (d *Pcapng) block(b []byte, dst []record.Packet) (out []record.Packet, used, need int, err error) {
	kind := binary.LittleEndian.Uint32(b)
	if kind == blockSection { // a palindrome
		if err := d.byteOrder(b[8:]); err != nil {
			return dst, 0, 0, err
		}
	}
	if d.order == nil {
		return dst, 0, 0, corrupt("pcapng file without a section header")
	}
	kind, total := d.u32(b), int(d.u32(b[4:]))
	if total < 12 {
		return dst, 0, 0, corrupt("block of %d bytes, want at least 12", total)
	}
	need = wanted(kind, total)
	if len(b) < need {
		return dst, 0, need, nil
	}
	if need == total {
		if again := d.u32(b[total-4:]); again != uint32(total) {
			return dst, 0, 0, corrupt("block of %d bytes ends as one of %d", total, again)
		}
	}
	body := b[8:min(total-4, len(b))]
	dst, need, err = d.body(kind, body, total-12, dst)
	if err != nil || need > 0 {
		return dst, 0, need, err
	}
	return dst, total, 0, nil
}

// wanted is how many bytes of a block must be there to read it: all of one that matters, unless it is so long that it
// must be options or padding that make it so; nothing of others. What is read does not depend on how much of the file
// happens to be in memory: only a block wanted whole has the length at its end checked.
func wanted(kind uint32, total int) int {
	switch kind {
	case blockEnhanced, blockSimple, blockObsolete, blockInterface, blockSection, blockStatistics:
		if total <= MaxNeed {
			return total
		}
		return maxOptions
	}
	return 12
}

// body reads what is between the lengths. B may be shorter than the body's real size for a block of more than MaxNeed
// bytes; need is then what a packet in it takes, with the block's header.
func (d *Pcapng) body(kind uint32, b []byte, size int, dst []record.Packet) (out []record.Packet, need int, err error) {
	switch kind {
	case blockEnhanced:
		return d.enhanced(b, size, dst)
	case blockSimple:
		return d.simple(b, size, dst)
	case blockObsolete:
		return d.obsolete(b, size, dst)
	case blockInterface:
		return dst, 0, d.iface(b)
	case blockStatistics:
		return dst, 0, d.statistics(b)
	case blockSection:
		return dst, 0, d.section(b)
	}
	return dst, 0, nil
}

func (d *Pcapng) u32(b []byte) uint32 {
	if d.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// enhanced reads an enhanced packet block (§4.3).
func (d *Pcapng) enhanced(b []byte, size int, dst []record.Packet) (out []record.Packet, need int, err error) {
	if len(b) < 20 {
		return dst, 0, corrupt("enhanced packet block of %d bytes, want at least 32", size+12)
	}
	return d.timed(b, size, d.u32(b), dst)
}

// obsolete reads a packet block (§A), which has 16 bits of interface and 16 of drops where the enhanced one has 32 of
// interface.
func (d *Pcapng) obsolete(b []byte, size int, dst []record.Packet) (out []record.Packet, need int, err error) {
	if len(b) < 20 {
		return dst, 0, corrupt("packet block of %d bytes, want at least 32", size+12)
	}
	n := len(dst)
	dst, need, err = d.timed(b, size, uint32(d.order.Uint16(b)), dst)
	if lost := d.order.Uint16(b[2:]); len(dst) > n && lost != 0xffff { // 0xffff: not known
		d.drops += uint64(lost)
	}
	return dst, need, err
}

// timed reads what enhanced and obsolete packet blocks have in common.
func (d *Pcapng) timed(b []byte, size int, iface uint32, dst []record.Packet) (out []record.Packet, need int, err error) {
	if uint64(iface) >= uint64(len(d.ifaces)) {
		return dst, 0, corrupt("packet of interface %d, but %d are described", iface, len(d.ifaces))
	}
	f := &d.ifaces[iface]
	time := f.clock.nanos(uint64(d.u32(b[4:]))<<32 | uint64(d.u32(b[8:])))
	length, wire := d.u32(b[12:]), d.u32(b[16:])
	if need, err := fits(b, 20, size, length); need > 0 || err != nil {
		return dst, need, err
	}
	d.last = time
	return append(dst, packet(f, time, b[20:20+length:20+length], wire)), 0, nil
}

// simple reads a simple packet block (§4.4): of the first interface, cut to its snaplen, without a time. It gets the
// time of the packet before it, so that time does not jump.
func (d *Pcapng) simple(b []byte, size int, dst []record.Packet) (out []record.Packet, need int, err error) {
	if len(b) < 4 {
		return dst, 0, corrupt("simple packet block of %d bytes, want at least 16", size+12)
	}
	if len(d.ifaces) == 0 {
		return dst, 0, corrupt("packet of interface 0, but none is described")
	}
	f := &d.ifaces[0]
	wire := d.u32(b)
	length := wire
	if f.Snaplen > 0 {
		length = min(length, f.Snaplen)
	}
	if need, err := fits(b, 4, size, length); need > 0 || err != nil {
		return dst, need, err
	}
	return append(dst, packet(f, d.last, b[4:4+length:4+length], wire)), 0, nil
}

// fits checks that a packet of so many bytes from offset at is inside of the body, and in b; need is how much of the
// block has to be there if it is not.
func fits(b []byte, at, size int, length uint32) (need int, err error) {
	if length > MaxPacket {
		return 0, corrupt("packet of %d bytes, want at most %d", length, MaxPacket)
	}
	if at+int(length) > size {
		return 0, corrupt("packet of %d bytes in a block of %d", length, size+12)
	}
	if at+int(length) > len(b) {
		return 8 + at + int(length), nil
	}
	return 0, nil
}

func packet(f *Interface, time int64, data []byte, wire uint32) record.Packet {
	return record.Packet{Time: time, Data: data, WireLen: max(wire, uint32(len(data))), Iface: f.index, Link: f.Link}
}

// byteOrder starts a section: what was known of interfaces ends with the one before.
func (d *Pcapng) byteOrder(b []byte) error {
	switch byteOrderMagic {
	case binary.LittleEndian.Uint32(b):
		d.order, d.big = binary.LittleEndian, false
	case binary.BigEndian.Uint32(b):
		d.order, d.big = binary.BigEndian, true
	default:
		return corrupt("section header with byte order % x", b[:4])
	}
	return nil
}

// section reads a section header block (§4.1).
func (d *Pcapng) section(b []byte) error {
	if len(b) < 16 {
		return corrupt("section header block of %d bytes, want at least 28", len(b)+12)
	}
	if major := d.order.Uint16(b[4:]); major != 1 {
		return corrupt("pcapng version %d.%d, want 1.x", major, d.order.Uint16(b[6:]))
	}
	d.drops = d.Drops()
	d.ifaces = d.ifaces[:0]
	return nil
}

// iface reads an interface description block (§4.2).
func (d *Pcapng) iface(b []byte) error {
	if len(b) < 8 {
		return corrupt("interface description block of %d bytes, want at least 20", len(b)+12)
	}
	if len(d.ifaces) == MaxInterfaces {
		return corrupt("more than %d interfaces in a section", MaxInterfaces)
	}
	f := Interface{Link: record.LinkType(d.order.Uint16(b)), Snaplen: d.u32(b[4:])}
	resolution, offset := byte(6), int64(0)
	d.options(b[8:], func(code uint16, v []byte) {
		switch {
		case code == optIfName:
			f.Name = text(v)
		case code == optIfTsresol && len(v) >= 1:
			resolution = v[0]
		case code == optIfTsoffset && len(v) >= 8:
			offset = int64(d.order.Uint64(v))
		case code == optIfFCSLen && len(v) >= 1:
			f.FCSLen = int(v[0]) / 8
		}
	})
	f.clock = newClock(resolution, offset)
	return d.register(f)
}

func (d *Pcapng) register(f Interface) (err error) {
	f.index = d.seen
	if d.Register != nil {
		if f.index, err = d.Register(&f); err != nil {
			return err
		}
	}
	d.seen++
	d.ifaces = append(d.ifaces, f)
	return nil
}

// statistics reads an interface statistics block (§4.6): its counts are since the beginning of the capture.
func (d *Pcapng) statistics(b []byte) error {
	if len(b) < 12 {
		return corrupt("interface statistics block of %d bytes, want at least 24", len(b)+12)
	}
	iface := d.u32(b)
	if uint64(iface) >= uint64(len(d.ifaces)) {
		return nil // no packet depends on it
	}
	var drops uint64
	d.options(b[12:], func(code uint16, v []byte) {
		if (code == optIsbIfDrop || code == optIsbOsDrop) && len(v) >= 8 {
			drops += d.order.Uint64(v)
		}
	})
	d.ifaces[iface].drops = drops
	return nil
}

// options calls f for each option in b (§3.5). A torn list ends early: options are hints, not packets.
func (d *Pcapng) options(b []byte, f func(code uint16, v []byte)) {
	b = b[:min(len(b), maxOptions)]
	for len(b) >= 4 {
		code, n := d.order.Uint16(b), int(d.order.Uint16(b[2:]))
		if code == optEnd || 4+n > len(b) {
			return
		}
		f(code, b[4:4+n])
		b = b[min(4+(n+3)&^3, len(b)):]
	}
}

// text makes a string of an option's bytes: UTF-8 up to a NUL that some writers add.
func text(v []byte) string {
	v, _, _ = bytes.Cut(v[:min(len(v), maxName)], []byte{0})
	return strings.ToValidUTF8(string(v), "\ufffd")
}
