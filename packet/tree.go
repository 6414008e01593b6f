package packet

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/record"
)

// Node is a header of a packet, a field of one, or its payload: a line of what a viewer shows.
type Node struct {
	Name     string `json:"name"`
	Value    string `json:"value,omitempty"`
	Off      int    `json:"off"` // first byte in the packet's data
	Len      int    `json:"len"` // bytes
	Children []Node `json:"children,omitempty"`
}

// Tree decodes p for the eye: the frame, then every header from the outermost in, each with its fields, then the payload.
// It goes the way Decode goes, by the same rules where they have to guess, but also shows what Decode refuses. Nodes are
// of the packet's bytes: p.Data[Off:Off+Len].
func Tree(p *record.Packet) []Node {
	ns, _ := TreeBody(p)
	return ns
}

// Body is what a tree has as the payload of TCP or UDP: p.Data[Off:Off+Len]. The zero Body is none.
type Body struct {
	Node             int   // its place in the tree
	Proto            uint8 // ProtoTCP, ProtoUDP or ProtoUDPLite
	SrcPort, DstPort uint16
	Off, Len         int
	Wire             int // bytes on the wire, Len or more
}

// TreeBody is Tree for who goes on above the transport layer: it also says where the payload is that has nodes of no more than
// its length.
func TreeBody(p *record.Packet) ([]Node, Body) {
	t := &tree{data: p.Data}
	v := view{0, len(p.Data), max(len(p.Data), int(p.WireLen))}
	t.frame(p, v)
	t.link(p.Link, v)
	return t.out, t.body
}

// maxHeaders bounds the headers of a tree, as MaxDepth does those that are decoded. It is larger because here every label,
// extension and SCTP chunk is one, and some are opened twice.
const maxHeaders = 8 * MaxDepth

// tree is a tree being built.
type tree struct {
	data  []byte
	out   []Node
	depth int  // headers opened
	loose bool // as in Decoded
	body  Body

	// The innermost IP header, for the checksums above it.
	src, dst []byte
}

// view is what a header and all it carries take of the packet: data[at:end], of n bytes on the wire.
type view struct{ at, end, n int }

func (v view) size() int { return v.end - v.at }

// skip is v without its first n bytes.
func (v view) skip(n int) view { return view{min(v.at+n, v.end), v.end, max(v.n-n, 0)} }

// trim is at most the first n bytes of v.
func (v view) trim(n int) view { return view{v.at, min(v.end, v.at+n), min(v.n, n)} }

func (t *tree) bytes(v view) []byte { return t.data[v.at:v.end] }

// header is the node of a header in the making.
type header struct {
	node Node
	b    []byte // the header
}

// open begins the node of a header of size bytes at the start of v. If v is shorter, the node says so, and nil is
// returned.
func (t *tree) open(name string, v view, size int) *header {
	switch {
	case t.depth == maxHeaders:
		t.note(name, "too many headers", v)
		return nil
	case v.size() < size:
		t.note(name, fmt.Sprintf("cut off: %d of %d bytes", v.size(), size), v)
		return nil
	}
	t.depth++
	return &header{Node{Name: name, Off: v.at, Len: size}, t.data[v.at : v.at+size]}
}

// add puts a finished header under those before it.
func (t *tree) add(h *header) { t.out = append(t.out, h.node) }

// note adds a node without fields for all of v.
func (t *tree) note(name, value string, v view) {
	t.out = append(t.out, Node{Name: name, Value: value, Off: v.at, Len: v.size()})
}

// payload adds what no header here describes.
func (t *tree) payload(name string, v view) {
	if v.n == 0 && v.size() == 0 {
		return
	}
	value := count(v.n)
	if v.n != v.size() {
		value += fmt.Sprintf(", %d captured", v.size())
	}
	t.note(name, value, v)
}

// carried adds the payload of a transport header h, whose ports come first.
func (t *tree) carried(proto uint8, h *header, name string, v view) {
	if v.size() > 0 {
		t.body = Body{len(t.out), proto, be16(h.b), be16(h.b[2:]), v.at, v.size(), v.n}
	}
	t.payload(name, v)
}

// count says n bytes in words.
func count(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.Itoa(n) + " bytes"
}

// title sets the value of the header itself.
func (h *header) title(format string, a ...any) { h.node.Value = fmt.Sprintf(format, a...) }

// field adds a field of n bytes at off from the header's start, or nothing if the header is too short for it.
func (h *header) field(name string, off, n int, value string, children ...Node) {
	if off+n > len(h.b) {
		return
	}
	for i := range children {
		if children[i].Len == 0 { // bits of the field
			children[i].Off, children[i].Len = h.node.Off+off, n
		}
	}
	h.node.Children = append(h.node.Children, Node{name, value, h.node.Off + off, n, children})
}

// uint is the number of n bytes at off.
func (h *header) uint(off, n int) (v uint64) {
	for _, c := range h.b[min(off, len(h.b)):min(off+n, len(h.b))] {
		v = v<<8 | uint64(c)
	}
	return v
}

// dec, hex, mac and ip add a field written as its kind is.
func (h *header) dec(name string, off, n int) {
	h.field(name, off, n, strconv.FormatUint(h.uint(off, n), 10))
}

func (h *header) hex(name string, off, n int) {
	h.field(name, off, n, fmt.Sprintf("0x%0*x", 2*n, h.uint(off, n)))
}

func (h *header) mac(name string, off int) string {
	s := MAC(h.b[off : off+6]).String()
	h.field(name, off, 6, s)
	return s
}

func (h *header) ip(name string, off, n int) string {
	s := address(h.b[off : off+n])
	h.field(name, off, n, s)
	return s
}

// address writes 4 or 16 bytes as an IP address.
func address(b []byte) string {
	if len(b) == 4 {
		return record.AddrFrom4(b).String()
	}
	return record.AddrFrom16(b).String()
}

// named is a number with its meaning in brackets.
func named(format string, v uint64, name string) string {
	s := fmt.Sprintf(format, v)
	if name == "" {
		return s
	}
	return name + " (" + s + ")"
}

// bit is a flag of a field.
type bit struct {
	mask uint64
	name string
}

// flags are nodes for the bits of word.
func flags(word uint64, bits []bit) []Node {
	ns := make([]Node, 0, len(bits))
	for _, b := range bits {
		ns = append(ns, Node{Name: b.name, Value: setOrNot(word&b.mask != 0)})
	}
	return ns
}

func setOrNot(set bool) string {
	if set {
		return "Set"
	}
	return "Not set"
}

// setNames lists the names of the bits set in word.
func setNames(word uint64, bits []bit) string {
	s := ""
	for _, b := range bits {
		if word&b.mask != 0 {
			if s != "" {
				s += ", "
			}
			s += b.name
		}
	}
	return s
}

// frame adds what is known of the packet as a whole.
func (t *tree) frame(p *record.Packet, v view) {
	text := func(name, value string) Node { return Node{Name: name, Value: value} }
	t.out = append(t.out, Node{
		Name: "Frame", Value: fmt.Sprintf("%d bytes on wire, %d bytes captured", v.n, v.size()), Len: v.size(),
		Children: []Node{
			text("Arrival Time", time.Unix(0, p.Time).UTC().Format("2006-01-02T15:04:05.000000000Z")),
			text("Frame Length", count(v.n)),
			text("Capture Length", count(v.size())),
			text("Interface", strconv.FormatUint(uint64(p.Iface), 10)),
			text("Link Type", strconv.Itoa(int(p.Link))),
		},
	})
}
