package pcapstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"

	"github.com/tapir-project/tapir/record"
)

// Assign is given the packets of a replay. flow is the packet's flow where known; where not, which is where a crash
// came between a packet and its journal entry or where a sidecar was deleted, the caller returns it. Returning false
// ends the replay. p is borrowed until Assign returns.
type Assign func(p *record.Packet, flow record.ID, known bool, pos record.Position) (record.ID, bool)

// Replayed tells what a replay found and mended.
type Replayed struct {
	Packets  uint64 // given to Assign
	Unknown  uint64 // of them, without a known flow
	Cut      uint64 // bytes of torn packets and frames cut off
	Mended   int    // segments that have got an index
	Removed  int    // segments without one whole packet, and sidecars without a segment, removed
	Problems []error
}

// Replay mends what a crash, or somebody's rm, has done to the segments of one worker and gives the caller its
// packets from the position from on, the low-water mark, in the order they were stored. (Segments of several link
// types that were written side by side are merged by time, and all of those written at the mark are replayed from
// their start.) Packets whose flow is not known are given wherever they are; their flow is written down, so the next
// start finds nothing to mend.
//
// The zero from is the start of the store; End asks for packets of unknown flow only. With a nil Assign those get
// the zero flow. Call it once for each of Workers, before Run; a crash meanwhile is mended by the next start.
func (r *Recorder) Replay(ctx context.Context, worker int, from record.Position, yield Assign) (Replayed, error) {
	if worker < len(r.writers) && from.Segment >= r.writers[worker].next && from != End {
		r.writers[worker].next = from.Segment + 1 // numbers are never used twice, even if all files are gone
	}
	p := &replay{r: r, yield: yield, from: from, markKind: noKind, ctx: ctx}
	own := r.foundOf(worker)
	for i := range own {
		p.findMark(&own[i])
	}
	for i := range own {
		p.prepare(&own[i])
	}
	defer p.close()
	err := p.run()
	return p.done, err
}

// replay is one run of Replay. Segments of one kind follow each other; the kinds are merged.
type replay struct {
	r        *Recorder
	ctx      context.Context // of the Replay that owns this, for its duration
	yield    Assign
	from     record.Position
	markKind kind // of the segment that from is in, noKind if it is gone
	streams  []*stream
	done     Replayed
}

// stream is the segments of one kind that are replayed or must be mended.
type stream struct {
	kind
	segs []*oldSegment
}

// problem notes what could not be mended; the rest goes on.
func (p *replay) problem(err error) {
	if err != nil && len(p.done.Problems) < 16 {
		p.done.Problems = append(p.done.Problems, err)
	}
}

// prepare looks at one segment and, if there is anything to do with it, puts it into its stream.
func (p *replay) prepare(f *files) {
	d := p.r.opts.disk
	if f.temp {
		p.problem(d.remove(f.stem + extIndex + extTemp))
	}
	if !f.data {
		p.problem(errors.Join(d.remove(f.stem+extIndex), d.remove(f.stem+extJournal)))
		p.done.Removed++
		return
	}
	m, err := indexMeta(f)
	if err == nil && whole(f, &m) {
		if f.journal {
			p.problem(d.remove(f.stem + extJournal))
		}
		if p.wants(&m) {
			p.join(&oldSegment{files: f, meta: m, complete: true})
		}
		return
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errDamaged) {
		p.problem(err)
		return
	}
	if err := p.mend(f); err != nil {
		p.problem(fmt.Errorf("packet store: %s: %w", f.dataPath(), err))
	}
}

// wants says whether packets of a segment that have a flow may have been stored at the mark or later. A segment with
// a lower number than the mark's is wanted if it was still written when that one was begun, which two of one kind
// never are.
func (p *replay) wants(m *meta) bool {
	if m.seq >= p.from.Segment {
		return true
	}
	return p.from != End && m.until > p.from.Segment && m.kind != p.markKind
}

// noKind is that of no segment.
var noKind = kind{era: maxEra + 1}

// findMark looks up the kind of the segment that the mark is in.
func (p *replay) findMark(f *files) {
	if f.seq == p.from.Segment && f.data {
		if d, err := openData(f, 0); err == nil {
			p.markKind = d.kind
			d.close()
		}
	}
}

func (p *replay) join(o *oldSegment) {
	for _, s := range p.streams {
		if s.kind == o.kind {
			s.segs = append(s.segs, o)
			return
		}
	}
	p.streams = append(p.streams, &stream{o.kind, []*oldSegment{o}})
}

// mend cuts what is torn off a segment without a usable index, and puts it into its stream.
func (p *replay) mend(f *files) error {
	o := &oldSegment{files: f, meta: meta{until: math.MaxUint64}}
	o.meta.identity = identity{worker: f.worker, seq: f.seq, zstd: f.zstd}
	st, err := os.Stat(f.dataPath())
	if err != nil {
		return err
	}
	err = o.measure()
	empty := errors.Is(err, errDamaged) || err == nil && o.end <= fileHeader
	if empty && st.Size() <= int64(p.r.opts.ChunkBytes) {
		return p.discard(f) // the first write was torn before its first packet ended
	}
	if empty {
		return fmt.Errorf("%w at its start: left as it is, without an index (look at it with other tools, or delete it)", errDamaged)
	}
	if err != nil {
		return err
	}
	if st.Size() > o.fileEnd {
		p.done.Cut += uint64(st.Size() - o.fileEnd)
		if err := p.truncate(f.dataPath(), o.fileEnd); err != nil {
			return err
		}
	}
	if err := p.mendJournal(o); err != nil {
		return err
	}
	p.join(o)
	return nil
}

func (p *replay) truncate(path string, size int64) error {
	f, err := p.r.opts.disk.open(path, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// mendJournal cuts the journal's torn end off, or begins a new one.
func (p *replay) mendJournal(o *oldSegment) error {
	path := o.stem + extJournal
	if o.jtail > 0 {
		return p.truncate(path, o.jtail)
	}
	f, err := p.r.opts.disk.open(path, os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	head := appendJournalHeader(nil, o.identity)
	_, err = f.WriteAt(head, 0)
	o.jtail = int64(len(head))
	return errors.Join(err, f.Close())
}

// discard removes a segment that holds no packet.
func (p *replay) discard(f *files) error {
	d := p.r.opts.disk
	if st, err := os.Stat(f.dataPath()); err == nil {
		p.done.Cut += uint64(st.Size())
	}
	p.done.Removed++
	p.r.held.release(f.stem)
	return errors.Join(d.remove(f.dataPath()), d.remove(f.stem+extIndex), d.remove(f.stem+extJournal))
}

func (p *replay) close() {
	for _, s := range p.streams {
		for _, o := range s.segs {
			o.close()
		}
	}
}

// run gives the packets of all streams, the one with the earlier time first.
func (p *replay) run() error {
	for n := 0; ; n++ {
		if n&1023 == 0 && p.ctx.Err() != nil {
			return p.ctx.Err()
		}
		s := p.earliest()
		if s == nil {
			return nil
		}
		if !p.give(s.segs[0]) {
			return nil
		}
	}
}

// earliest is the stream whose next packet is the earliest; nil when all have ended. Ended segments are completed on
// the way.
func (p *replay) earliest() *stream {
	var first *stream
	for _, s := range p.streams {
		for len(s.segs) > 0 && !p.ready(s.segs[0]) {
			s.segs[0].close()
			s.segs = s.segs[1:]
		}
		if len(s.segs) > 0 && (first == nil || s.segs[0].pkt.Time < first.segs[0].pkt.Time) {
			first = s
		}
	}
	return first
}

// ready makes sure that the next packet of o is read; false if o is at its end, and mended.
func (p *replay) ready(o *oldSegment) bool {
	if o.loaded {
		return true
	}
	err := o.begin(p)
	if err == nil && o.next < o.end {
		if err = o.d.packet(&o.pkt, o.next, fixed(maxAhead)); err == nil {
			o.loaded = true
			return true
		}
	}
	if err == nil && !o.complete {
		err = p.complete(o)
	}
	if err != nil {
		p.problem(fmt.Errorf("packet store: %s: %w", o.dataPath(), err))
	}
	return false
}

// give hands the packet of o to the caller and writes down its flow if it was unknown.
func (p *replay) give(o *oldSegment) bool {
	id, known, ok := o.flow()
	if !ok {
		p.problem(fmt.Errorf("packet store: %s: %w: its flows do not fit its packets at %d", o.dataPath(), errDamaged, o.next))
		o.loaded, o.next = false, o.known
		return true
	}
	more := true
	if p.yield != nil {
		p.done.Packets++
		var got record.ID
		if got, more = p.yield(&o.pkt, id, known, record.Position{Segment: o.seq, Offset: o.next}); !known {
			id = got
		}
	}
	if !known {
		p.done.Unknown++
		o.name(id)
		if len(o.body) >= recoverFrame {
			p.problem(o.writeFrame(p.r.opts.disk))
		}
	}
	o.loaded = false
	o.next += packHeader + uint64(len(o.pkt.Data))
	return more
}

// recoverFrame is the size of the journal frames that recovery writes.
const recoverFrame = 256 << 10

// complete writes what is missing of a mended segment: journal, seek table, index.
func (p *replay) complete(o *oldSegment) error {
	if err := o.writeFrame(p.r.opts.disk); err != nil {
		return err
	}
	o.file = uint64(o.fileEnd)
	o.until = p.r.nextOf(o.worker)
	if o.zstd && !o.seekTable {
		f, err := p.r.opts.disk.open(o.dataPath(), 0)
		if err != nil {
			return err
		}
		table := appendSeekTable(nil, o.d.frames)
		_, err = f.WriteAt(table, o.fileEnd)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		o.file += uint64(len(table))
	}
	if err := p.r.buildIndex(o.stem, o.meta); err != nil {
		return err
	}
	p.done.Mended++
	p.r.held.add(o.files, o.meta)
	return nil
}

// nextOf is the number of a worker's next segment.
func (r *Recorder) nextOf(worker int) uint64 {
	if worker < len(r.writers) {
		return r.writers[worker].next
	}
	own := r.foundOf(worker)
	return own[len(own)-1].seq + 1
}

// foundOf are the segments of a worker's earlier runs, ascending.
func (r *Recorder) foundOf(worker int) []files {
	start, _ := slices.BinarySearchFunc(r.found, worker, func(f files, w int) int { return f.worker - w })
	end, _ := slices.BinarySearchFunc(r.found, worker+1, func(f files, w int) int { return f.worker - w })
	return r.found[start:end]
}
