package pcapfile

import (
	"context"
	"errors"
	"io"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/source"
)

// stream finds the packets of one file.
//
// Invariant S1: buf.b[:r] was consumed and may be lent out; buf.b[r:w] was read and not yet consumed; only buf.b[w:] is
// ever written to.
type stream struct {
	file  *file
	src   *Source
	in    *input
	dec   pcapio.Decoder // nil until the header was read
	buf   *buffer
	r, w  int
	skip  int64 // bytes to drop before buf.b[r:] goes on; then r == w
	off   int64 // of buf.b[r] in the unpacked file
	count uint64
	drops uint64

	// What the merger knows of it.
	blk  *block // packets from pos on are to be delivered
	pos  int
	held *block // the merged block that retains blk already
}

// openStream opens a file; next reads it.
func (s *Source) openStream(ctx context.Context, f *file) (*stream, error) {
	in, err := s.openInput(ctx, f.path, &s.count.position)
	if err != nil {
		return nil, err
	}
	return &stream{file: f, src: s, in: in}, nil
}

// close gives back what the stream holds.
func (s *stream) close() {
	s.in.close()
	if s.buf != nil {
		s.buf.release()
		s.buf = nil
	}
	if s.blk != nil {
		s.blk.Release()
		s.blk = nil
	}
}

// advance drops the current block and gets the next one, of at least one packet. It returns io.EOF at the proper end.
func (s *stream) advance(ctx context.Context, mem *memory) error {
	if s.blk != nil {
		s.blk.Release()
	}
	s.blk, s.pos, s.held = nil, 0, nil
	blk, err := mem.block(ctx)
	if err != nil {
		return err
	}
	if err := s.fill(ctx, mem, blk); err != nil {
		blk.Release()
		return err
	}
	s.blk = blk
	return nil
}

// fill decodes packets into blk until there is at least one that passes the filter.
func (s *stream) fill(ctx context.Context, mem *memory, blk *block) error {
	for {
		need, err := s.decode(blk)
		if len(blk.Packets) > 0 {
			blk.use(s.buf)
			return nil // an error comes again with the next call
		}
		if err == nil && need > 0 {
			err = s.read(ctx, mem, need)
		}
		if err != nil {
			return err
		}
	}
}

// decode finds packets in what was read. Need is how many unconsumed bytes it takes to go on.
func (s *stream) decode(blk *block) (need int, err error) {
	if s.dec == nil {
		return s.header()
	}
	packets, n, need, err := s.dec.Decode(s.buf.b[s.r:s.w], blk.Packets)
	s.count += uint64(len(packets))
	blk.Packets = s.src.pass(packets)
	s.consume(n)
	s.recorded()
	if errors.Is(err, pcapio.ErrCorrupt) {
		err = s.corrupt(err)
	}
	return need, err
}

// header reads what a file begins with.
func (s *stream) header() (need int, err error) {
	if s.w-s.r < 4 {
		return 4, nil
	}
	b := s.buf.b[s.r:s.w]
	switch pcapio.Sniff(b) {
	case pcapio.KindPcapng:
		s.dec = &pcapio.Pcapng{Register: s.register}
		return 0, nil
	case pcapio.KindPcap:
		return s.pcapHeader(b)
	}
	return 0, s.notCapture()
}

func (s *stream) pcapHeader(b []byte) (need int, err error) {
	if len(b) < pcapio.PcapHeaderLen {
		return pcapio.PcapHeaderLen, nil
	}
	h, err := pcapio.ParsePcap(b)
	if err != nil {
		return 0, s.corrupt(err)
	}
	if h.Iface, err = s.register(&pcapio.Interface{Link: h.Link, Snaplen: h.Snaplen}); err != nil {
		return 0, err
	}
	s.dec = h
	s.consume(pcapio.PcapHeaderLen)
	return 0, nil
}

// notCapture tells what the file begins with.
func (s *stream) notCapture() error {
	begin := s.buf.b[s.r:min(s.w, s.r+4)]
	return &NotCapture{File: s.file.path, Begin: append([]byte(nil), begin...), Packed: s.in.packed}
}

// register makes an interface of the file one of the source's.
func (s *stream) register(f *pcapio.Interface) (uint32, error) {
	return s.src.register(source.Interface{Name: f.Name, Link: f.Link, Snaplen: f.Snaplen}, s.file.path)
}

// recorded carries the drops that a pcapng file tells of to the source's counters.
func (s *stream) recorded() {
	if d, ok := s.dec.(*pcapio.Pcapng); ok {
		drops := d.Drops()
		s.src.count.recorded.Add(drops - s.drops) // unsigned: right too if a file takes a count back
		s.drops = drops
	}
}

// consume moves on by n bytes, which may be more than were read.
func (s *stream) consume(n int) {
	s.off += int64(n)
	s.r += n
	if s.r > s.w {
		s.skip += int64(s.r - s.w)
		s.r = s.w
	}
}

// read gets more bytes until there are at least need unconsumed ones. It says what it means if the file ends before.
func (s *stream) read(ctx context.Context, mem *memory, need int) error {
	if err := s.room(ctx, mem, need); err != nil {
		return err
	}
	for ctx.Err() == nil {
		n, err := s.in.Read(s.buf.b[s.w:])
		s.w += n
		s.drop()
		full := s.w == len(s.buf.b)
		enough := s.skip == 0 && s.w-s.r >= need
		if full || enough && !s.in.whole {
			return nil
		}
		if err != nil && enough {
			return nil // the error comes again
		}
		if err != nil {
			return s.ended(ctx, err)
		}
	}
	return ctx.Err()
}

// drop takes what was read as part of what is to be skipped.
func (s *stream) drop() {
	switch got := int64(s.w - s.r); {
	case s.skip == 0:
	case s.skip >= got:
		s.skip -= got
		s.w = s.r // nobody has seen these bytes: their room is free again
	default:
		s.r += int(s.skip)
		s.skip = 0
	}
}

// room makes sure that need bytes from r on fit the buffer and that there is room for a read worth its while. What is
// left of the old buffer moves to the new one, so that no packet spans two.
func (s *stream) room(ctx context.Context, mem *memory, need int) error {
	const worth = 4 << 10
	if s.buf != nil && s.r+need <= len(s.buf.b) && len(s.buf.b)-s.w >= worth {
		return nil
	}
	if s.buf != nil && s.buf.refs.Load() == 1 && need <= len(s.buf.b) { // nobody else looks at it
		s.w = copy(s.buf.b, s.buf.b[s.r:s.w])
		s.r = 0
		return nil
	}
	buf, err := mem.buffer(ctx, need)
	if err != nil {
		return err
	}
	if s.buf != nil {
		s.w = copy(buf.b, s.buf.b[s.r:s.w])
		s.r = 0
		s.buf.release()
	}
	s.buf = buf
	return nil
}

// ended says what the end of the input, or an error that reading it gave, means here.
func (s *stream) ended(ctx context.Context, err error) error {
	switch left := s.w - s.r; {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == io.EOF && s.dec == nil && left < 4:
		return s.notCapture()
	case err == io.EOF && left == 0 && s.skip == 0:
		return io.EOF
	case err == io.EOF || s.in.cut(err):
		return &Truncated{File: s.file.path, Offset: s.off - s.skip, Packets: s.count, Packed: s.in.packed}
	case s.in.broken():
		return s.corrupt(err)
	}
	return err
}

func (s *stream) corrupt(err error) error {
	return &Corrupt{File: s.file.path, Offset: s.off, Packets: s.count, Packed: s.in.packed, Err: err}
}

// time of the next packet, ns.
func (s *stream) time() int64 { return s.blk.Packets[s.pos].Time }
