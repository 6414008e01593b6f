package pcapstore

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"sort"

	"github.com/tapir-project/tapir/record"
)

// oldSegment is a segment of an earlier run during recovery.
type oldSegment struct {
	*files
	meta
	complete bool // it has an index that fits; else it gets one

	end       uint64 // behind the last whole packet, uncompressed
	fileEnd   int64  // the same in the file, without seek table
	seekTable bool
	known     uint64 // the journal names the packets before this offset

	// codec is the journal's state at its end, jtail where that is in the file; body and frame are what will follow.
	codec
	jtail int64
	frame frame
	body  []byte
	named map[record.ID]*Flow

	d      *dataReader
	pairs  []uint64 // offset<<32 | number of the flow, of each packet named, ascending
	ids    []record.ID
	i      int // in pairs, of the packet at next or behind it
	next   uint64
	pkt    record.Packet
	loaded bool // pkt is the packet at next
}

func (o *oldSegment) close() {
	if o.d != nil {
		o.d.close()
		o.d = nil
	}
	o.pairs, o.ids, o.named, o.body = nil, nil, nil, nil
}

// measure finds how far a segment without a usable index is whole: its journal as far as it can be trusted and is
// borne out by bytes, then packet by packet, or frame by frame.
func (o *oldSegment) measure() error {
	d, err := openData(o.files, 0)
	if err != nil {
		return err
	}
	defer d.close()
	o.kind = d.kind
	if err := o.readJournal(d.end); err != nil {
		return err
	}
	if !o.files.zstd {
		o.end, err = wholePackets(d, o.known, d.end)
		o.fileEnd = int64(o.end)
		return err
	}
	return o.wholeFrames(d)
}

// readJournal reads the journal as far as it names packets below end. A journal that is missing, or is not this
// segment's, names none.
func (o *oldSegment) readJournal(end uint64) error {
	o.known, o.jtail, o.bytes = fileHeader, 0, fileHeader
	j, f, err := openJournal(o.stem + extJournal)
	if errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if j.identity != o.identity {
		return nil
	}
	o.jtail = j.good
	for j.next() && j.end <= end {
		before := j.codec
		if !j.entries(func(*entry) {}) {
			o.codec = before
			return nil
		}
		o.known, o.jtail, o.codec = j.off, j.good, j.codec
		o.meta.add(&j.frame)
	}
	return nil
}

// wholePackets walks from packet to packet and returns the end of the last whole one.
func wholePackets(d *dataReader, off, end uint64) (uint64, error) {
	for off+packHeader <= end {
		b, err := d.view(off, packHeader, fixed(maxAhead))
		if err != nil {
			return off, err
		}
		h, ok := parsePackHeader(b)
		if !ok || off+h.size() > end {
			break
		}
		off += h.size()
	}
	return off, nil
}

// wholeFrames finds the last frame that is there, decompresses, and holds whole packets. Frames whose packets the
// journal names were written before it, so they are not read again.
func (o *oldSegment) wholeFrames(d *dataReader) error {
	st, err := d.f.Stat()
	if err != nil {
		return err
	}
	keep := 0
	for _, f := range d.frames {
		if f.off+uint64(f.size) > o.known {
			if err := d.loadFrame(f); errors.Is(err, errDamaged) {
				break
			} else if err != nil {
				return err
			}
			end := f.off + uint64(f.size)
			if at, err := wholePackets(d, max(f.off, fileHeader), end); err != nil || at != end {
				break
			}
		}
		keep++
	}
	last := zframe{}
	if keep > 0 {
		last = d.frames[keep-1]
	}
	o.end = last.off + uint64(last.size)
	o.fileEnd = int64(last.fileOff) + int64(last.fileSize)
	_, err = readSeekTable(d.f, st.Size())
	o.seekTable = err == nil && keep == len(d.frames)
	if o.seekTable {
		o.fileEnd = st.Size()
	}
	return nil
}

// begin opens a segment for its replay.
func (o *oldSegment) begin(p *replay) (err error) {
	if o.d != nil {
		return nil
	}
	if o.complete {
		o.end, o.known = o.bytes, o.bytes
	}
	if o.d, err = openData(o.files, o.end); err != nil {
		return err
	}
	o.next = o.known
	if !p.wants(&o.meta) {
		return nil
	}
	if err = o.loadFlows(); err != nil {
		return err
	}
	if o.seq == p.from.Segment {
		o.i = sort.Search(len(o.pairs), func(i int) bool { return o.pairs[i]>>32 >= p.from.Offset })
	}
	if o.i < len(o.pairs) {
		o.next = o.pairs[o.i] >> 32
	}
	return nil
}

// loadFlows reads which packets the journal or the index names: 8 bytes a packet and 16 a flow.
func (o *oldSegment) loadFlows() error {
	if !o.complete {
		return o.loadJournal()
	}
	x, f, err := openIndex(o.stem + extIndex)
	if err != nil {
		return err
	}
	defer f.Close()
	err = x.each(func(id record.ID, offs []uint32) {
		for _, off := range offs {
			o.pairs = append(o.pairs, uint64(off)<<32|uint64(len(o.ids)))
		}
		o.ids = append(o.ids, id)
	})
	slices.Sort(o.pairs)
	return err
}

func (o *oldSegment) loadJournal() error {
	j, f, err := openJournal(o.stem + extJournal)
	if err != nil {
		return err
	}
	defer f.Close()
	return j.each(func(e *entry) {
		if e.fresh {
			o.ids = append(o.ids, e.id)
		}
		o.pairs = append(o.pairs, e.off<<32|uint64(e.flow))
	})
}

// flow is that of the packet at next, if it is known. ok is false if what names the packets does not fit them.
func (o *oldSegment) flow() (id record.ID, known, ok bool) {
	if o.next >= o.known {
		return id, false, true
	}
	if o.i < len(o.pairs) && o.pairs[o.i]>>32 == o.next {
		o.i++
		return o.ids[uint32(o.pairs[o.i-1])], true, true
	}
	return id, false, false
}

// name enters the packet at next into the journal.
func (o *oldSegment) name(id record.ID) {
	if o.complete {
		return
	}
	if o.body == nil {
		o.body = make([]byte, frameHeader, recoverFrame+1<<10)
		o.frame = frame{first: o.next, flows: o.codec.flows, min: math.MaxInt64, max: math.MinInt64}
	}
	if o.named == nil {
		o.named = map[record.ID]*Flow{}
	}
	f := o.named[id]
	if f == nil {
		f = &Flow{ID: id}
		o.named[id] = f
	}
	o.body = o.codec.put(o.body, f, o.seq, uint32(len(o.pkt.Data)))
	t := o.pkt.Time
	if o.packets > 0 && t < o.max || o.frame.packets > 0 && t < o.frame.max {
		o.frame.unsorted = true
	}
	o.frame.packets++
	o.frame.end = o.next + packHeader + uint64(len(o.pkt.Data))
	o.frame.min, o.frame.max = min(o.frame.min, t), max(o.frame.max, t)
}

// writeFrame appends the entries made so far to the journal.
func (o *oldSegment) writeFrame(d disk) error {
	if o.body == nil {
		return nil
	}
	f, err := d.open(o.stem+extJournal, 0)
	if err != nil {
		return err
	}
	o.frame.seal(o.body)
	_, err = f.WriteAt(o.body, o.jtail)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	o.jtail += int64(len(o.body))
	o.meta.add(&o.frame)
	o.body = nil
	return nil
}
