package pcapstore

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"github.com/tapir-project/tapir/record"
)

// The journal names the flow of every packet of a segment that is being written. It is a header and frames; a frame
// is appended after each write of packet bytes and names the packets that ended in it. docs/pcapstore-format.md
// describes it byte by byte.
const (
	journalMagic  = "TAPIRJN1"
	journalHeader = 32
	frameHeader   = 48
	// maxFrameBody bounds what one frame may make a reader allocate: the packets of the largest chunk, each of a
	// new flow, take less.
	maxFrameBody = 128 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Flow names the flow of packets to a Writer and holds what the Writer knows of it, so that storing a packet needs
// no look-up. Keep one beside each flow's state, for one Writer, from its first packet to its last. Two Flows of one
// ID are the same flow.
type Flow struct {
	ID      record.ID
	segment uint64 // segment in which number stands for the flow
	number  uint32
}

// codec is the state that both ends of a journal share: entries refer to what came before.
type codec struct {
	flows uint32 // flows named so far; the next new one gets this number
	// lens holds the packet lengths seen last, by their low seven bits: a length that comes again takes one byte.
	lens [128]uint32
}

// put appends the entry of a packet of n bytes of flow f in segment seq: two to three bytes for most packets.
//
//	flow: uvarint, how many flows ago this one was first named; 0: a new one, its id follows
//	size: one byte < 0x80: the last length with these low seven bits;
//	      else 0x80 | the low seven bits, and the bits above them as uvarint
func (c *codec) put(dst []byte, f *Flow, seq uint64, n uint32) []byte {
	if f.segment == seq {
		d := c.flows - f.number
		if d < 0x80 {
			dst = append(dst, byte(d))
		} else {
			dst = binary.AppendUvarint(dst, uint64(d))
		}
	} else {
		f.segment, f.number = seq, c.flows
		c.flows++
		dst = append(append(dst, 0), f.ID[:]...)
	}
	if low := n & 0x7f; c.lens[low] == n {
		return append(dst, byte(low))
	}
	c.lens[n&0x7f] = n
	dst = append(dst, byte(n)|0x80)
	if n>>7 < 0x80 {
		return append(dst, byte(n>>7))
	}
	return binary.AppendUvarint(dst, uint64(n>>7))
}

// entry is one packet in a journal.
type entry struct {
	off   uint64 // of the packet's header in the (uncompressed) segment
	size  uint32 // bytes of data
	flow  uint32 // number of its flow
	fresh bool   // the flow is named here for the first time; id is valid
	id    record.ID
}

// get reads the entry at the front of b into e, but for its offset, and returns what follows.
func (c *codec) get(b []byte, e *entry) ([]byte, bool) {
	d, n := uint64(0), 1
	if len(b) > 0 && b[0] < 0x80 {
		d = uint64(b[0])
	} else if d, n = binary.Uvarint(b); n <= 0 || d > uint64(c.flows) {
		return nil, false
	}
	b = b[n:]
	if e.fresh = d == 0; e.fresh {
		if len(b) < len(e.id) || c.flows >= math.MaxInt32 {
			return nil, false
		}
		e.flow, e.id = c.flows, record.ID(b)
		c.flows++
		b = b[len(e.id):]
	} else if d > uint64(c.flows) {
		return nil, false
	} else {
		e.flow = c.flows - uint32(d)
	}
	return c.getSize(b, e)
}

func (c *codec) getSize(b []byte, e *entry) ([]byte, bool) {
	if len(b) == 0 {
		return nil, false
	}
	if b[0] < 0x80 {
		e.size = c.lens[b[0]]
		return b[1:], true
	}
	high, n := binary.Uvarint(b[1:])
	if n <= 0 || high > MaxPacket>>7 {
		return nil, false
	}
	e.size = uint32(high)<<7 | uint32(b[0]&0x7f)
	c.lens[b[0]&0x7f] = e.size
	return b[1+n:], e.size <= MaxPacket
}

// frame is the header of a journal frame.
type frame struct {
	first    uint64 // offset of the first packet it names
	end      uint64 // offset behind the last one
	packets  uint32
	flows    uint32 // flows named before it
	unsorted bool   // a packet is older than one before it in the segment
	min, max int64  // packet times, ns
}

// seal fills in the header at the front of b, a frame whose body is already there, checksum included.
func (f *frame) seal(b []byte) {
	le := binary.LittleEndian
	le.PutUint32(b, uint32(len(b)-frameHeader))
	le.PutUint64(b[8:], f.first)
	le.PutUint64(b[16:], f.end)
	le.PutUint32(b[24:], f.packets)
	le.PutUint32(b[28:], f.flows|flag(f.unsorted)<<31)
	le.PutUint64(b[32:], uint64(f.min))
	le.PutUint64(b[40:], uint64(f.max))
	le.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
}

// parse reads a frame header, without its checksum.
func (f *frame) parse(b []byte) (body uint32) {
	le := binary.LittleEndian
	*f = frame{
		first: le.Uint64(b[8:]), end: le.Uint64(b[16:]), packets: le.Uint32(b[24:]),
		flows: le.Uint32(b[28:]) &^ (1 << 31), unsorted: le.Uint32(b[28:])>>31 != 0,
		min: int64(le.Uint64(b[32:])), max: int64(le.Uint64(b[40:])),
	}
	return le.Uint32(b)
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// identity says which segment a sidecar belongs to.
type identity struct {
	worker int
	seq    uint64
	kind
	zstd bool
}

func appendJournalHeader(dst []byte, id identity) []byte {
	le, start := binary.LittleEndian, len(dst)
	dst = append(dst, journalMagic...)
	dst = le.AppendUint64(dst, id.seq)
	dst = le.AppendUint32(dst, uint32(id.worker))
	dst = le.AppendUint16(dst, uint16(id.link))
	dst = le.AppendUint16(dst, uint16(flag(id.zstd)|flag(id.big)<<1))
	dst = le.AppendUint32(dst, uint32(id.era))
	return le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func parseJournalHeader(b []byte) (id identity, err error) {
	le := binary.LittleEndian
	if len(b) < journalHeader || string(b[:8]) != journalMagic ||
		crc32.Checksum(b[:28], castagnoli) != le.Uint32(b[28:]) {
		return id, fmt.Errorf("journal header: %w", errDamaged)
	}
	id.seq, id.worker = le.Uint64(b[8:]), int(le.Uint32(b[16:]))
	id.link, id.zstd, id.era = record.LinkType(le.Uint16(b[20:])), b[22]&1 != 0, int32(le.Uint32(b[24:]))
	id.big = b[22]&2 != 0
	if id.era < minEra || id.era > maxEra {
		return id, fmt.Errorf("journal header: era %d: %w", id.era, errDamaged)
	}
	return id, nil
}

// journalReader reads a journal from its start to the last whole frame. What follows that, a torn frame of a crash
// or one that is just being written, is the end.
type journalReader struct {
	identity
	frame          // the frame read last
	codec          // state after the entries read so far
	off     uint64 // where the next packet must begin
	good    int64  // file offset behind the last whole frame
	src     *bufio.Reader
	left    int64 // bytes of the file not read yet
	body    []byte
	scratch [frameHeader]byte
}

// newJournalReader reads the header of a journal of size bytes.
func newJournalReader(src io.Reader, size int64) (*journalReader, error) {
	j := &journalReader{src: bufio.NewReaderSize(src, 64<<10), left: size, off: fileHeader}
	b := j.scratch[:journalHeader]
	if !j.read(b) {
		return nil, fmt.Errorf("journal header: %w", errDamaged)
	}
	var err error
	j.identity, err = parseJournalHeader(b)
	j.good = journalHeader
	return j, err
}

// openJournal opens the journal at path; the caller closes f.
func openJournal(path string) (j *journalReader, f *os.File, err error) {
	if f, err = os.Open(path); err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil {
		j, err = newJournalReader(f, st.Size())
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return j, f, nil
}

// read fills b; false at the end of the file.
func (j *journalReader) read(b []byte) bool {
	if int64(len(b)) > j.left {
		return false
	}
	n, err := io.ReadFull(j.src, b)
	j.left -= int64(n)
	return err == nil
}

// header reads the next frame header; its body follows.
func (j *journalReader) header() (body int64, ok bool) {
	if !j.read(j.scratch[:]) {
		return 0, false
	}
	body = int64(j.frame.parse(j.scratch[:]))
	return body, body <= maxFrameBody && body <= j.left
}

// next reads the next whole frame; false at the end. Afterwards entries may be called.
func (j *journalReader) next() bool {
	body, ok := j.header()
	if !ok {
		return false
	}
	if int64(cap(j.body)) < body {
		j.body = make([]byte, body+body/4)
	}
	j.body = j.body[:body]
	if !j.read(j.body) {
		return false
	}
	sum := crc32.Update(crc32.Checksum(j.scratch[8:], castagnoli), castagnoli, j.body)
	if sum != binary.LittleEndian.Uint32(j.scratch[4:]) || j.first != j.off || j.flows() != j.frame.flows {
		return false
	}
	return true
}

func (j *journalReader) flows() uint32 { return j.codec.flows }

// entries calls yield for each packet of the frame. It is false if the frame does not hold what its header says;
// then nothing after it can be used either.
func (j *journalReader) entries(yield func(*entry)) bool {
	b, ok := j.body, true
	var e entry
	off := j.first
	for range j.packets {
		if b, ok = j.get(b, &e); !ok {
			return false
		}
		e.off = off
		off += packHeader + uint64(e.size)
		yield(&e)
	}
	if len(b) != 0 || off != j.end {
		return false
	}
	j.off = off
	j.good += frameHeader + int64(len(j.body))
	return true
}

// errTorn tells that a journal's frame passed its checksum but is inconsistent: our bug, or a crafted file.
var errTorn = errors.New("inconsistent journal frame")

// each calls yield for all entries of all whole frames.
func (j *journalReader) each(yield func(*entry)) error {
	for j.next() {
		if !j.entries(yield) {
			return errTorn
		}
	}
	return nil
}
