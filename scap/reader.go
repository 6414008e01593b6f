package scap

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Reader reads a .scap file.
type Reader struct {
	// Table is called with each entry of a table: *Section, *Machine, *Interface, *User, *Group, *Process and
	// *Descriptor. What it gets is its own. Nil: tables are skipped.
	Table func(entry any)

	in     io.Reader
	closer func()
	err    error // of in, io.EOF included
	buf    []byte
	at     int   // of the next block in buf
	base   int64 // of buf[0] in the unpacked file
	damage Damage
}

// Damage is what a reader had to leave out.
type Damage struct {
	Bytes   int64 // that belong to no sound block
	Holes   int64 // runs of them
	First   int64 // where the first began, in the unpacked file
	Entries int64 // tables that ended within an entry
	Events  int64 // events that contradict themselves
	Cut     int64 // bytes of a last block that is not whole
	Need    int64 // bytes it should have had
	Packing error // the compressed file broke off
}

// Any says whether something was left out.
func (d *Damage) Any() bool {
	return d.Bytes > 0 || d.Entries > 0 || d.Events > 0 || d.Cut > 0 || d.Packing != nil
}

// String says what was left out, in words for the user.
func (d *Damage) String() string {
	var s string
	add := func(format string, args ...any) {
		if s != "" {
			s += "; "
		}
		s += fmt.Sprintf(format, args...)
	}
	if d.Bytes > 0 {
		add("%d bytes in %d places, from byte %d on, are no sound blocks and were left out", d.Bytes, d.Holes, d.First)
	}
	if d.Entries > 0 {
		add("%d tables break off within an entry", d.Entries)
	}
	if d.Events > 0 {
		add("%d events contradict themselves and were left out", d.Events)
	}
	if d.Cut > 0 {
		add("the last block is cut off: expecting %d bytes, read %d", d.Need, d.Cut)
	}
	if d.Packing != nil {
		add("the compressed file breaks off: %v", d.Packing)
	}
	return s
}

const readSize = 256 << 10

// NewReader begins to read r, plain or compressed. The error says that r is no .scap file, or is that of reading it.
func NewReader(r io.Reader) (*Reader, error) { return newReader(r, false) }

// Salvage begins to read r whatever it begins with: what is sound further on is found.
func Salvage(r io.Reader) (*Reader, error) { return newReader(r, true) }

func newReader(r io.Reader, salvage bool) (*Reader, error) {
	in, closer, err := unpack(r)
	if err != nil {
		return nil, err
	}
	s := &Reader{in: in, closer: closer, buf: make([]byte, 0, readSize)}
	if salvage {
		return s, nil
	}
	if !s.fill(blockOverhead) && s.err != io.EOF {
		return nil, s.err
	}
	if len(s.buf) < blockOverhead || binary.LittleEndian.Uint32(s.buf) != blockSection || binary.LittleEndian.Uint32(s.buf[8:]) != magic {
		return nil, fmt.Errorf("not a .scap file (it does not begin with a section header; tapir sys repair finds sections further on)")
	}
	return s, nil
}

// Close releases the unpacker. It does not close the reader that was given.
func (r *Reader) Close() { r.closer() }

// Offset is how far the unpacked file was read, in bytes.
func (r *Reader) Offset() int64 { return r.base + int64(r.at) }

// Damage is what was left out until now.
func (r *Reader) Damage() Damage { return r.damage }

// Next reads the next event; e is valid until the next call. The error is io.EOF at the end, also of a damaged file:
// see Damage.
func (r *Reader) Next(e *Event) error {
	for {
		kind, body, err := r.block()
		if err != nil {
			return err
		}
		if !isEvent(kind) {
			r.table(kind, body)
			continue
		}
		switch ok, known := r.event(e, kind, body); {
		case !ok:
			r.damage.Events++
		case known:
			return nil
		}
	}
}

// fill tries to have n bytes behind at.
func (r *Reader) fill(n int) bool {
	if len(r.buf)-r.at >= n {
		return true
	}
	if r.err != nil {
		return false
	}
	if r.at > 0 {
		r.base += int64(r.at)
		r.buf = r.buf[:copy(r.buf, r.buf[r.at:])]
		r.at = 0
	}
	if cap(r.buf) < n {
		grown := make([]byte, len(r.buf), max(n, 2*cap(r.buf)))
		copy(grown, r.buf)
		r.buf = grown
	}
	for len(r.buf) < n && r.err == nil {
		var m int
		m, r.err = r.in.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+m]
	}
	return len(r.buf) >= n
}

// block takes the next sound block. Where none stands, it looks for one further on.
func (r *Reader) block() (kind uint32, body []byte, err error) {
	if !r.fill(8) {
		return 0, nil, r.end()
	}
	b := r.buf[r.at:]
	kind, size := canonical(binary.LittleEndian.Uint32(b)), binary.LittleEndian.Uint32(b[4:])
	if size < blockOverhead || size > maxBlock {
		return r.resync()
	}
	n := int(size+3) &^ 3 // writers before version 2 gave lengths without the padding
	if !r.fill(n) {
		if r.err == io.EOF && len(r.buf)-r.at >= 8 && r.plausible(kind) && !r.ahead() {
			return 0, nil, r.end()
		}
		return r.resync()
	}
	b = r.buf[r.at : r.at+n]
	if binary.LittleEndian.Uint32(b[n-4:]) != size {
		return r.resync()
	}
	r.at += n
	return kind, b[8 : n-4 : n-4], nil
}

// plausible says whether a block of the type may stand in a file.
func (r *Reader) plausible(kind uint32) bool {
	return kind == blockSection || kind >= blockMachine && kind <= blockFlagBig
}

// ahead says whether a sound block stands behind one that claims more than is left: then its length is damaged, and the file is not
// cut off.
func (r *Reader) ahead() bool {
	for at := r.at + 1; at+blockOverhead <= len(r.buf); at++ {
		if _, ok := r.sound(at); ok {
			return true
		}
	}
	return false
}

// sound says whether a block of a known type whose length stands at its end again is at buf[at:], and where it ends. All of it must
// have been read.
func (r *Reader) sound(at int) (end int, ok bool) {
	b := r.buf[at:]
	if len(b) < blockOverhead || !r.plausible(canonical(binary.LittleEndian.Uint32(b))) {
		return 0, false
	}
	size := binary.LittleEndian.Uint32(b[4:])
	if size < blockOverhead || size > maxBlock {
		return 0, false
	}
	n := int(size+3) &^ 3
	return at + n, n <= len(b) && binary.LittleEndian.Uint32(b[n-4:]) == size
}

// end ends the file and notes what is left of a block that is not whole.
func (r *Reader) end() error {
	if left := int64(len(r.buf) - r.at); left > 0 && r.damage.Cut == 0 {
		r.damage.Cut = left
		r.damage.Need = 8
		if left >= 8 {
			r.damage.Need = int64(binary.LittleEndian.Uint32(r.buf[r.at+4:]))
		}
		r.at = len(r.buf)
	}
	if r.err != io.EOF && r.damage.Packing == nil {
		r.damage.Packing = r.err
	}
	return io.EOF
}

// resync looks for the next sound block: a known type whose length stands at its end again.
func (r *Reader) resync() (kind uint32, body []byte, err error) {
	if r.damage.Holes++; r.damage.Holes == 1 {
		r.damage.First = r.Offset()
	}
	for {
		r.at++
		r.damage.Bytes++
		if !r.fill(8) {
			r.damage.Bytes += int64(len(r.buf) - r.at)
			r.at = len(r.buf)
			return 0, nil, r.end()
		}
		b := r.buf[r.at:]
		kind, size := canonical(binary.LittleEndian.Uint32(b)), binary.LittleEndian.Uint32(b[4:])
		if !r.plausible(kind) || size < blockOverhead || size > maxBlock {
			continue
		}
		r.fill(int(size+3) &^ 3)
		if end, ok := r.sound(r.at); ok {
			body = r.buf[r.at+8 : end-4 : end-4]
			r.at = end
			return kind, body, nil
		}
	}
}

// table reads a block that holds no event.
func (r *Reader) table(kind uint32, body []byte) {
	c := &cursor{b: body}
	switch kind {
	case blockSection:
		if c.u32() == magic {
			r.tell(&Section{c.u16(), c.u16()})
		}
	case blockMachine:
		r.tell(machine(c))
	case blockIface1, blockIface2:
		r.entries(c, kind == blockIface2, 4, func(c *cursor) any {
			if i := iface(c); i != nil {
				return i
			}
			return nil
		})
	case blockUser1, blockUser2:
		r.entries(c, kind == blockUser2, 5, account)
	case blockFD1, blockFD2:
		thread := c.i64()
		r.entries(c, kind == blockFD2, 17, func(c *cursor) any { return descriptor(c, thread) })
	default:
		if v := processVersions[kind]; v > 0 {
			r.entries(c, v >= 9, 40, func(c *cursor) any { return process(c, v) })
		}
	}
	if c.bad {
		r.damage.Entries++
	}
}

// entries reads the entries of a table, framed with their length or not. What is shorter than least is padding.
func (r *Reader) entries(c *cursor, framed bool, least int, read func(*cursor) any) {
	for len(c.b) >= least && !c.bad {
		e := c
		if framed {
			var ok bool
			if e, ok = c.entry(); !ok {
				return
			}
		}
		if v := read(e); !e.bad {
			r.tell(v)
		} else {
			c.bad = true
		}
	}
}

func (r *Reader) tell(entry any) {
	if r.Table != nil {
		r.Table(entry)
	}
}

// event reads an event block. It is known if the schema has its type: newer types are skipped.
func (r *Reader) event(e *Event, kind uint32, b []byte) (ok, known bool) {
	if len(b) < 2 {
		return false, false
	}
	e.CPU, e.Hidden, e.Enter = binary.LittleEndian.Uint16(b), false, 0
	b = b[2:]
	if kind == blockFlagged1 || kind == blockFlagged2 || kind == blockFlagBig {
		if len(b) < 4 {
			return false, false
		}
		e.Hidden = binary.LittleEndian.Uint32(b)&flagStateOnly != 0
		b = b[4:]
	}
	if len(b) < eventHeaderV1 {
		return false, false
	}
	e.Time = int64(binary.LittleEndian.Uint64(b))
	e.Thread = int64(binary.LittleEndian.Uint64(b[8:]))
	size := int(binary.LittleEndian.Uint32(b[16:]))
	e.Type = Type(binary.LittleEndian.Uint16(b[20:]))
	if e.Type >= Types || !events[e.Type].Known() {
		return true, false
	}
	if kind == blockEvent1 || kind == blockFlagged1 {
		return setV1(e, b, size), true
	}
	if len(b) < eventHeaderV2 || size > len(b) || size < eventHeaderV2 {
		return false, false
	}
	n, width := int(binary.LittleEndian.Uint32(b[22:])), 2
	wide := kind == blockEventBig || kind == blockFlagBig
	if wide {
		width = 4
	}
	if n > MaxParams || eventHeaderV2+n*width > size {
		return false, false
	}
	return e.set(b[eventHeaderV2:eventHeaderV2+n*width], b[eventHeaderV2+n*width:size], wide), true
}

// setV1 finds out how many parameters an event has whose header does not say so: as many as are declared, or fewer,
// such that lengths and parameters fill the event. Only one number can. Two kinds of event claim three bytes too many.
func setV1(e *Event, b []byte, size int) bool {
	if e.Type == 280 || e.Type == 286 { // notification, infrastructure event
		size -= 3
	}
	if size > len(b) || size < eventHeaderV1 {
		return false
	}
	b = b[eventHeaderV1:size]
	most := min(len(events[e.Type].Params), len(b)/2, MaxParams)
	sum := 0
	for i := range most {
		sum += int(binary.LittleEndian.Uint16(b[2*i:]))
	}
	for n := most; n >= 0; n-- {
		if 2*n+sum == len(b) {
			return e.set(b[:2*n], b[2*n:], false)
		}
		if n > 0 {
			sum -= int(binary.LittleEndian.Uint16(b[2*n-2:]))
		}
	}
	return false
}
