package dissect

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// Bounds on what a packet can cost. The depth follows from the formats, none of which nests: it is what the test holds.
const (
	maxNodes = 2000 // of the application layer
	maxDepth = 8    // of a node below the layer's own
	maxText  = 2000 // bytes of a value that is text
	maxHex   = 64   // bytes of one that is hex
)

// span is a node in the making. It is read from its first byte to its last; each field is a child and takes the bytes behind the
// one before.
//
// Invariants:
//
//	S1: off <= at <= end, and what children cover is within off and at.
//	S2: once a field did not fit, nothing is added any more: done says so.
type span struct {
	l           *layer
	name, value string
	off, at     int
	end         int
	fixed       bool // it ends at end, whatever is read of it
	done        bool
	children    []packet.Node
}

// rest is what is not read yet.
func (s *span) rest() []byte { return s.l.data[s.at:s.end:s.end] }

// left is how many bytes are not read yet.
func (s *span) left() int { return s.end - s.at }

// more says whether there is something to read.
func (s *span) more() bool { return !s.done && s.at < s.end }

// peek is the big-endian number of n bytes that starts skip bytes ahead; what is not there counts as 0.
func (s *span) peek(skip, n int) (v uint64) {
	for i := s.at + skip; i < s.at+skip+n; i++ {
		v <<= 8
		if i < s.end {
			v |= uint64(s.l.data[i])
		}
	}
	return v
}

// fits says whether n more bytes are there. If not, what is there becomes the node name, and s is done.
func (s *span) fits(name string, n int) bool {
	if s.done {
		return false
	}
	if n <= s.left() {
		return true
	}
	s.done = true
	if s.left() > 0 {
		s.put(packet.Node{Name: name, Value: fmt.Sprintf("cut off: %d of %d bytes", s.left(), n), Off: s.at, Len: s.left()})
		s.at = s.end
	}
	return false
}

// put adds a child, unless there are too many.
func (s *span) put(n packet.Node) {
	if s.l.room == 0 {
		s.done = true
		return
	}
	if s.l.room--; s.l.room == 0 {
		n = packet.Node{Name: "More is left out", Value: strconv.Itoa(maxNodes) + " nodes are shown", Off: n.Off, Len: n.Len}
		s.done = true
	}
	s.add(n)
}

// add appends a child. Most nodes that have children have several.
func (s *span) add(n packet.Node) {
	if s.children == nil {
		s.children = make([]packet.Node, 0, 8)
	}
	s.children = append(s.children, n)
}

// field adds the next n bytes as a child. Children without a place have that of the field: they are bits of it.
func (s *span) field(name string, n int, value string, children ...packet.Node) {
	if !s.fits(name, n) {
		return
	}
	for i := range children {
		if children[i].Len == 0 {
			children[i].Off, children[i].Len = s.at, n
		}
	}
	kept := min(len(children), s.l.room)
	s.l.room -= kept
	s.put(packet.Node{Name: name, Value: value, Off: s.at, Len: n, Children: children[:kept]})
	s.at += n
}

// dec, hex, raw, text and addr add a field written as its kind is; numbers are returned.
func (s *span) dec(name string, n int) uint64 {
	v := s.peek(0, n)
	s.field(name, n, decimal(v))
	return v
}

func (s *span) hex(name string, n int) uint64 {
	v := s.peek(0, n)
	s.field(name, n, hexNumber(v, n))
	return v
}

func (s *span) raw(name string, n int) {
	if s.fits(name, n) {
		s.field(name, n, hexText(s.rest()[:n]))
	}
}

func (s *span) text(name string, n int) {
	if s.fits(name, n) {
		s.field(name, n, clip(s.rest()[:n]))
	}
}

func (s *span) addr(name string, n int) {
	if s.fits(name, n) {
		s.field(name, n, address(s.rest()[:n]))
	}
}

// enum adds a number of n bytes by what it stands for, in words and digits.
func (s *span) enum(name string, n int, meaning string) {
	s.field(name, n, meant(meaning, decimal(s.peek(0, n))))
}

// code is enum with the digits in hex.
func (s *span) code(name string, n int, meaning string) {
	if s.fits(name, n) {
		var b [96]byte
		line := b[:0]
		if meaning != "" {
			line = append(append(line, meaning...), " ("...)
		}
		if line = appendHex(line, s.peek(0, n), n); meaning != "" {
			line = append(line, ')')
		}
		s.field(name, n, string(line))
	}
}

// data adds the rest, if there is one, as bytes.
func (s *span) data(name string) {
	if s.more() {
		s.raw(name, s.left())
	}
}

// open begins a child at the next byte that ends where it is closed.
func (s *span) open(name string) *span {
	return &span{l: s.l, name: name, off: s.at, at: s.at, end: s.end, done: s.done}
}

// within begins a child of n bytes. What of them is not there is missing at the child's end.
func (s *span) within(name string, n int) *span {
	c := s.open(name)
	c.end, c.fixed = min(s.end, s.at+n), true
	return c
}

// close adds a child. Bytes that one without an end of its own lacked are missing here, too.
func (s *span) close(c *span) {
	if s.done {
		return
	}
	n := packet.Node{Name: c.name, Value: c.value, Off: c.off, Len: c.at - c.off, Children: c.children}
	if c.fixed {
		n.Len = c.end - c.off
	} else {
		s.done = c.done
	}
	s.at = c.off + n.Len
	if s.l.room == 0 {
		s.done = true
	} else {
		s.l.room--
	}
	s.add(n)
}

// bit is a flag, or a number in some bits, of a field.
type bit struct {
	mask uint64
	name string
}

// bits are nodes for the bits of word: set or not, or the number in them if they are several.
func bits(word uint64, list []bit) []packet.Node {
	ns := make([]packet.Node, 0, len(list))
	for _, b := range list {
		value := "Not set"
		switch v := word & b.mask; {
		case b.mask&(b.mask-1) != 0:
			value = decimal(v / (b.mask & -b.mask))
		case v != 0:
			value = "Set"
		}
		ns = append(ns, packet.Node{Name: b.name, Value: value})
	}
	return ns
}

// meant is a number with its meaning before it, if it has one.
func meant(meaning, number string) string {
	if meaning == "" {
		return number
	}
	return meaning + " (" + number + ")"
}

func decimal(v uint64) string { return strconv.FormatUint(v, 10) }

// hexNumber writes a number of n bytes in hex.
func hexNumber(v uint64, n int) string { return string(appendHex(nil, v, n)) }

func appendHex(dst []byte, v uint64, n int) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, "0x"...)
	for i := 8*n - 4; i >= 0; i -= 4 {
		dst = append(dst, digits[v>>i&15])
	}
	return dst
}

func hexText(b []byte) string {
	if len(b) > maxHex {
		return hex.EncodeToString(b[:maxHex]) + "…"
	}
	return hex.EncodeToString(b)
}

func clip(b []byte) string {
	if len(b) > maxText {
		return string(b[:maxText]) + "…"
	}
	return string(b)
}

// address writes 4 or 16 bytes as an IP address, others in hex.
func address(b []byte) string {
	switch len(b) {
	case 4:
		return record.AddrFrom4(b).String()
	case 16:
		return record.AddrFrom16(b).String()
	}
	return hexText(b)
}

// count says n bytes in words.
func count(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.Itoa(n) + " bytes"
}
