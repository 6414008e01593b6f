package scap

import (
	"bufio"
	"encoding/binary"
	"io"
)

// Writer writes a .scap file in the current layout. Tables go in first, each kind together; an event ends them.
type Writer struct {
	w      *bufio.Writer
	old    bool
	err    error
	n      int64 // bytes written, or to be written with the open table
	kind   uint32
	thread int64 // of the open descriptor list
	table  []byte
	head   [64]byte
	event  Event // in its older form
}

// NewWriter writes to w, which Flush completes. With old, events have the form in which sysdig 0.29 knows them, and those that
// it does not know are left out.
func NewWriter(w io.Writer, old bool) *Writer {
	return &Writer{w: bufio.NewWriterSize(w, 64<<10), old: old, n: 0}
}

// Size is how many bytes were written, before any compression.
func (w *Writer) Size() int64 { return w.n + int64(len(w.table)) }

// Flush ends an open table and hands everything to the writer that was given.
func (w *Writer) Flush() error {
	w.closeTable()
	if err := w.w.Flush(); w.err == nil {
		w.err = err
	}
	return w.err
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
	w.n += int64(len(b))
}

// block writes a block of a few pieces.
func (w *Writer) block(kind uint32, pieces ...[]byte) {
	size := blockOverhead
	for _, p := range pieces {
		size += len(p)
	}
	padded := (size + 3) &^ 3
	h := binary.LittleEndian.AppendUint32(w.head[:0], kind)
	w.write(binary.LittleEndian.AppendUint32(h, uint32(padded)))
	for _, p := range pieces {
		w.write(p)
	}
	h = append(w.head[:0], "\x00\x00\x00"[:padded-size]...)
	w.write(binary.LittleEndian.AppendUint32(h, uint32(padded)))
}

func (w *Writer) closeTable() {
	if w.kind == 0 {
		return
	}
	kind, table := w.kind, w.table
	w.kind, w.table = 0, w.table[:0]
	w.block(kind, table)
}

// maxTable is the size at which a table goes on in another block.
const maxTable = 1 << 20

// entry adds an entry to the open table of the kind, with its length in front unless the layout has none.
func (w *Writer) entry(kind uint32, framed bool, b []byte) {
	if w.kind != kind || len(w.table) > maxTable {
		w.closeTable()
		w.kind = kind
	}
	if framed {
		w.table = binary.LittleEndian.AppendUint32(w.table, uint32(len(b)+4))
	}
	w.table = append(w.table, b...)
}

// Table writes an entry of a table: what a Reader's Table is called with.
func (w *Writer) Table(entry any) error {
	switch e := entry.(type) {
	case *Section:
		w.closeTable()
		b := binary.LittleEndian.AppendUint32(nil, magic)
		b = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, 1), 2)
		w.block(blockSection, binary.LittleEndian.AppendUint64(b, ^uint64(0)))
	case *Machine:
		w.closeTable()
		w.block(blockMachine, appendMachine(nil, e))
	case *Interface:
		w.entry(blockIface1, false, appendIface(nil, e)) // sysdig 0.29 misreads the newer list, everyone reads this one
	case *User:
		b := binary.LittleEndian.AppendUint32([]byte{0}, e.ID)
		b = binary.LittleEndian.AppendUint32(b, e.Group)
		w.entry(blockUser2, true, appendText(appendText(appendText(b, e.Name), e.Home), e.Shell))
	case *Group:
		w.entry(blockUser2, true, appendText(binary.LittleEndian.AppendUint32([]byte{1}, e.ID), e.Name))
	case *Process:
		w.entry(blockPL9, true, appendProcess(nil, e))
	case *Descriptor:
		if w.kind == blockFD2 && w.thread != e.Thread {
			w.closeTable()
		}
		if w.kind != blockFD2 {
			w.closeTable()
			w.kind, w.thread = blockFD2, e.Thread
			w.table = binary.LittleEndian.AppendUint64(w.table, uint64(e.Thread))
		}
		b := appendDescriptor(nil, e)
		if w.old && e.Type > lastOldFD {
			b = appendDescriptor(nil, &Descriptor{FD: e.FD, Inode: e.Inode, Type: FDOther, Name: e.Name})
		}
		w.table = append(binary.LittleEndian.AppendUint32(w.table, uint32(len(b)+4)), b...)
	}
	return w.err
}

// Event writes an event.
func (w *Writer) Event(e *Event) error {
	w.closeTable()
	if w.old && (e.Type > lastOld || olderEvents()[e.Type] != nil) {
		if e.wide || !olderForm(e, &w.event) {
			return w.err
		}
		e = &w.event
	}
	size := 0
	for i := range e.n {
		size += int(e.length(i))
	}
	kind, width, head := uint32(blockEvent2), 2, 2+eventHeaderV2
	if e.wide {
		kind, width = blockEventBig, 4
	}
	if e.Hidden {
		kind++ // the kind with flags has the next number
		head += 4
	}
	whole := blockOverhead + head + e.n*width + size
	padded := (whole + 3) &^ 3
	b := w.room(padded)
	b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, kind), uint32(padded))
	b = binary.LittleEndian.AppendUint16(b, e.CPU)
	if e.Hidden {
		b = binary.LittleEndian.AppendUint32(b, flagStateOnly)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Time))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Thread))
	b = binary.LittleEndian.AppendUint32(b, uint32(eventHeaderV2+e.n*width+size))
	b = binary.LittleEndian.AppendUint16(b, uint16(e.Type))
	b = binary.LittleEndian.AppendUint32(b, uint32(e.n))
	b = append(append(b, e.lengths[:e.n*width]...), e.data[:size]...)
	b = append(b, "\x00\x00\x00"[:padded-whole]...)
	w.write(binary.LittleEndian.AppendUint32(b, uint32(padded)))
	return w.err
}

// room is where size bytes can be put together that are written next: in the buffer itself if they have room there, so that writing
// them copies nothing.
func (w *Writer) room(size int) []byte {
	if w.w.Available() < size && size <= w.w.Size() {
		if err := w.w.Flush(); w.err == nil {
			w.err = err
		}
	}
	return w.w.AvailableBuffer()
}

// maxText and maxTexts are the longest text and list of texts in a table that other readers take, bytes.
const (
	maxText  = 1 << 10
	maxTexts = 4 << 10
)

func appendText(dst []byte, s string) []byte { return appendUpTo(dst, s, maxText-1) }

func appendTexts(dst, b []byte) []byte { return appendUpTo(dst, string(b), maxTexts-1) }

func appendUpTo(dst []byte, s string, limit int) []byte {
	s = s[:min(len(s), limit)]
	return append(binary.LittleEndian.AppendUint16(dst, uint16(len(s))), s...)
}

func appendMachine(dst []byte, m *Machine) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, m.CPUs)
	dst = binary.LittleEndian.AppendUint64(dst, m.Memory)
	dst = binary.LittleEndian.AppendUint64(dst, m.MaxPID)
	var host [128]byte
	copy(host[:127], m.Host)
	dst = append(dst, host[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.Boot))
	dst = binary.LittleEndian.AppendUint64(dst, m.Flags)
	return append(dst, make([]byte, 16)...)
}

func appendIface(dst []byte, i *Interface) []byte {
	kind := uint16(1)
	if len(i.Address) == 16 {
		kind = 2
	}
	dst = binary.LittleEndian.AppendUint16(dst, kind)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(i.Name)))
	dst = append(append(append(dst, i.Address...), i.Mask...), i.Broadcast...)
	return append(binary.LittleEndian.AppendUint64(dst, i.Speed), i.Name...)
}

func appendProcess(dst []byte, p *Process) []byte {
	for _, v := range [...]int64{p.TID, p.PID, p.Parent, p.Session, p.Group} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	dst = appendText(appendText(appendText(dst, p.Comm), p.Exe), p.ExePath)
	dst = appendText(appendTexts(dst, p.Args), p.Cwd)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.FDLimit))
	for _, v := range [...]uint32{p.Flags, p.UID, p.GID, p.VMSize, p.VMRSS, p.VMSwap} {
		dst = binary.LittleEndian.AppendUint32(dst, v)
	}
	dst = binary.LittleEndian.AppendUint64(dst, p.MajorFaults)
	dst = binary.LittleEndian.AppendUint64(dst, p.MinorFaults)
	dst = appendTexts(dst, p.Env)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.VTID))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.VPID))
	dst = appendText(appendTexts(dst, p.Cgroups), p.Root)
	dst = binary.LittleEndian.AppendUint64(dst, p.NamespaceStart)
	dst = binary.LittleEndian.AppendUint32(dst, p.TTY)
	dst = binary.LittleEndian.AppendUint32(dst, p.Login)
	dst = append(dst, truth(p.ExeWritable))
	for _, v := range [...]uint64{p.Inheritable, p.Permitted, p.Effective} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	dst = append(dst, truth(p.ExeUpper))
	for _, v := range [...]uint64{p.ExeInode, p.ExeChanged, p.ExeModified} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	dst = append(dst, truth(p.ExeFromMemory), truth(p.ExeLower))
	return binary.LittleEndian.AppendUint64(dst, uint64(p.ProcessGroup))
}

func truth(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendDescriptor(dst []byte, d *Descriptor) []byte {
	kind := d.Type
	if kind == FDFile {
		kind = FDFileV2
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(d.FD))
	dst = append(binary.LittleEndian.AppendUint64(dst, d.Inode), byte(kind))
	switch kind {
	case FDIPv4:
		dst = append(append(dst, d.Source[:4]...), d.Dest[:4]...)
		dst = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(dst, d.SourcePort), d.Port)
		return append(dst, byte(d.L4))
	case FDIPv6:
		dst = append(append(dst, d.Source[:]...), d.Dest[:]...)
		dst = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(dst, d.SourcePort), d.Port)
		return append(dst, byte(d.L4))
	case FDIPv4Server:
		return append(binary.LittleEndian.AppendUint16(append(dst, d.Source[:4]...), d.SourcePort), byte(d.L4))
	case FDIPv6Server:
		return append(binary.LittleEndian.AppendUint16(append(dst, d.Source[:]...), d.SourcePort), byte(d.L4))
	case FDUnix:
		dst = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, d.Unix[0]), d.Unix[1])
		return appendText(dst, d.Name)
	case FDFileV2:
		return binary.LittleEndian.AppendUint32(appendText(binary.LittleEndian.AppendUint32(dst, d.OpenFlags), d.Name), d.Device)
	}
	return appendText(dst, d.Name)
}
