package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tapir-project/tapir/record"
)

// Options are the choices of a Writer. The zero Options is ready to use.
type Options struct {
	Node string // observer.name of records that have none
	// SealEvery is how long a record may wait in memory before it is in a file, default 2 s; < 0 means that only
	// size, Flush and Close seal, as suits an import.
	SealEvery time.Duration
	// MaxMemory bounds the bytes that waiting records take, default 64 MiB. Beyond it files are sealed early.
	MaxMemory int
	// Sync makes a sealed file survive a crash of the machine, not only of the program (fsync).
	Sync bool
	// MergeGrace is how long files that compaction has replaced are kept for those who may read them still, default one
	// minute.
	MergeGrace time.Duration
	// Now is the time of storing (event.ingested) and what SealEvery is measured by, default time.Now.
	Now func() time.Time

	disk disk // tests
}

// Writer seals records into Parquet files. It is a record.Sink, safe for several workers; each worker's records are
// kept apart until they are sealed, so that workers do not wait for each other.
//
// Who calls Add pays for sealing what has become full; Run seals what has waited long enough.
type Writer struct {
	dir  string
	opt  Options
	node []byte
	run  string // tag of all files of this writer

	mu       sync.Mutex // guards what follows
	shards   map[int]*shard
	holding  map[*held]bool // builders with rows that are in no file yet
	ledger   ledger
	retry    []*held // could not be written; each is tried again by itself
	retryAt  time.Time
	lost     uint64 // least batch with dropped rows; marks stay behind it
	files    uint64
	stats    WriterStats
	free     []*builder
	encoders []*encoder
	closed   bool

	marksMu sync.Mutex // serialises writing the marks file

	maintain    sync.Mutex // serialises compaction and retention; guards what follows
	partsMerged time.Time  // when parts files were last merged
}

// WriterStats counts what a Writer did.
type WriterStats struct {
	Files, Rows, Bytes uint64 // sealed
	Held               int    // bytes of memory that waiting records take
	Dropped            uint64 // records lost because files could not be written and memory was full
	Errors             uint64 // files that could not be written at once
}

// shard holds one worker's builders.
type shard struct {
	mu    sync.Mutex
	open  map[bucket]*held
	last  *held // of the record added last: the next one mostly goes there too
	bytes int   // memory of the shard's builders as of the last look
	adds  int

	checked communityCheck // shared by the builders
}

// bucket is what one file holds records of.
type bucket struct {
	kind  record.Kind
	parts bool
	hour  int64
}

// held is a builder and since when it has rows.
type held struct {
	bucket
	b     *builder
	seq   uint64 // of the first batch with rows in it
	since time.Time
}

// OpenWriter opens the store of data directory dir for writing. The caller holds the directory's lock. What an
// earlier writer left half-written is removed.
func OpenWriter(dir string, o Options) (*Writer, error) {
	setDefaults(&o)
	w := &Writer{dir: dir, opt: o, node: []byte(o.Node), shards: map[int]*shard{}, holding: map[*held]bool{}, lost: math.MaxUint64}
	w.run = strconv.FormatInt(time.Now().UnixNano(), 36)
	for _, d := range []string{w.records(), filepath.Join(dir, "state")} {
		if err := o.disk.mkdir(d); err != nil {
			return nil, fmt.Errorf("record store: %w", err)
		}
	}
	if err := errors.Join(w.sweep(), w.dropMerges()); err != nil {
		return nil, fmt.Errorf("record store: remove half-written files: %w", err)
	}
	marks, err := ReadMarks(dir)
	if err != nil {
		return nil, err
	}
	w.ledger = ledger{pending: map[int][]lowMark{}, marks: marks}
	return w, nil
}

func setDefaults(o *Options) {
	if o.SealEvery == 0 {
		o.SealEvery = 2 * time.Second
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 64 << 20
	}
	if o.MergeGrace == 0 {
		o.MergeGrace = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
}

func (w *Writer) records() string { return filepath.Join(w.dir, "records") }

// sweep removes temporary files.
func (w *Writer) sweep() error {
	os.Remove(marksPath(w.dir) + ".tmp")
	return filepath.WalkDir(w.records(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasPrefix(d.Name(), tmpPrefix) {
			err = w.opt.disk.remove(path)
		}
		return err
	})
}

// Add takes a batch of records. Its error says that a file could not be written: the records are kept in memory and
// tried again; only when there is no room left are they dropped, and counted.
func (w *Writer) Add(b *record.Batch) error {
	seq, sh, err := w.enter(b.Worker)
	if err != nil {
		return err
	}
	full := w.hold(sh, b.Records(), seq)
	w.mu.Lock()
	w.ledger.added(b.Worker, seq, b.Low)
	w.mu.Unlock()
	for _, h := range full {
		if e := w.seal([]*held{h}); err == nil {
			err = e
		}
	}
	return err
}

// hold adds records to their builders and gives those that have become full.
func (w *Writer) hold(sh *shard, recs []*record.Record, seq uint64) (full []*held) {
	now := w.opt.Now()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, r := range recs {
		h := w.heldFor(sh, r, seq, now)
		h.b.add(r, now.UnixNano(), w.node)
		if h.b.rows >= maxRows {
			full = append(full, w.detach(sh, h))
		}
		if sh.adds++; (sh.adds&255 == 0 || r.Values.Len() > 512) && w.overMemory(sh) {
			full = append(full, w.detach(sh, sh.largest()))
		}
	}
	return full
}

var errClosed = errors.New("record store: the writer is closed")

// enter numbers a batch and finds its worker's shard.
func (w *Writer) enter(worker int) (uint64, *shard, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, nil, errClosed
	}
	w.ledger.seq++
	sh := w.shards[worker]
	if sh == nil {
		sh = &shard{open: map[bucket]*held{}}
		w.shards[worker] = sh
	}
	return w.ledger.seq, sh, nil
}

// heldFor finds the builder that r belongs to; the caller holds sh.mu.
func (w *Writer) heldFor(sh *shard, r *record.Record, seq uint64, now time.Time) *held {
	k := bucket{r.Kind, r.Kind == record.KindSession && (r.Part > 0 || !r.Final), hourOf(clampTime(r.Start))}
	if sh.last != nil && sh.last.bucket == k {
		return sh.last
	}
	h := sh.open[k]
	if h == nil {
		h = &held{bucket: k, seq: seq, since: now}
		w.mu.Lock()
		h.b = w.builder()
		w.holding[h] = true
		w.mu.Unlock()
		h.b.checked = &sh.checked
		sh.open[k] = h
	}
	sh.last = h
	return h
}

// builder takes an empty builder; the caller holds w.mu.
func (w *Writer) builder() *builder {
	if n := len(w.free) - 1; n >= 0 {
		b := w.free[n]
		w.free = w.free[:n]
		return b
	}
	return newBuilder()
}

// overMemory says whether records take too much memory and sh has its share in it; the caller holds sh.mu.
func (w *Writer) overMemory(sh *shard) bool {
	bytes := 0
	for _, h := range sh.open {
		bytes += h.b.memory()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Held += bytes - sh.bytes
	sh.bytes = bytes
	return w.stats.Held > w.opt.MaxMemory && len(sh.open) > 0 && bytes >= w.opt.MaxMemory/(2*len(w.shards))
}

// largest is the builder that takes most memory; the caller holds sh.mu.
func (sh *shard) largest() (l *held) {
	most := -1
	for _, h := range sh.open {
		if m := h.b.memory(); m > most {
			l, most = h, m
		}
	}
	return l
}

// detach takes h out of its shard, to be sealed; the caller holds sh.mu.
func (w *Writer) detach(sh *shard, h *held) *held {
	delete(sh.open, h.bucket)
	if sh.last == h {
		sh.last = nil
	}
	return h
}

// Run seals records that have waited for SealEvery, until ctx ends; then it seals all.
func (w *Writer) Run(ctx context.Context) error {
	if w.opt.SealEvery < 0 {
		<-ctx.Done()
		return w.Flush()
	}
	t := time.NewTicker(max(w.opt.SealEvery/16, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return w.Flush()
		case <-t.C:
			w.sealDue(w.opt.Now()) // errors are counted, and the rows tried again
		}
	}
}

// sealDue seals the buckets in which a record has waited for SealEvery.
func (w *Writer) sealDue(now time.Time) error {
	err := w.sealIf(func(h *held) bool { return now.Sub(h.since) >= w.opt.SealEvery })
	if e := w.sealAgain(now); err == nil {
		err = e
	}
	return err
}

// Flush seals all records added so far.
func (w *Writer) Flush() error {
	err := w.sealIf(func(*held) bool { return true })
	if e := w.sealAgain(time.Time{}); err == nil {
		err = e
	}
	if e := w.moveMarks(); err == nil {
		err = e
	}
	return err
}

// sealAgain tries to write what could not be written, once a second or, with the zero time, at once.
func (w *Writer) sealAgain(now time.Time) (err error) {
	w.mu.Lock()
	var again []*held
	if now.IsZero() || now.Sub(w.retryAt) >= time.Second {
		again, w.retry, w.retryAt = w.retry, nil, now
	}
	w.mu.Unlock()
	for _, h := range again {
		if e := w.seal([]*held{h}); err == nil {
			err = e
		}
	}
	return err
}

// sealIf seals the buckets that hold a builder that is due, over all workers: their rows go into one file.
func (w *Writer) sealIf(due func(*held) bool) error {
	w.mu.Lock()
	shards := make([]*shard, 0, len(w.shards))
	for _, sh := range w.shards {
		shards = append(shards, sh)
	}
	w.mu.Unlock()
	buckets := map[bucket]bool{}
	for _, sh := range shards {
		sh.mu.Lock()
		for k, h := range sh.open {
			buckets[k] = buckets[k] || due(h)
		}
		sh.mu.Unlock()
	}
	var side errgroup.Group
	side.SetLimit(sealers)
	for k, is := range buckets {
		if is {
			side.Go(func() error { return w.seal(w.take(shards, k)) })
		}
	}
	return side.Wait()
}

// take detaches all builders of a bucket.
func (w *Writer) take(shards []*shard, k bucket) (hs []*held) {
	for _, sh := range shards {
		sh.mu.Lock()
		if h := sh.open[k]; h != nil {
			hs = append(hs, w.detach(sh, h))
		}
		sh.mu.Unlock()
	}
	return hs
}

// Close seals all records. The Writer takes no more.
func (w *Writer) Close() error {
	err := w.Flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed, w.free, w.encoders = true, nil, nil
	return err
}

// Stats tells what the writer did so far.
func (w *Writer) Stats() WriterStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// seal writes builders of one bucket into one file, and moves the marks.
func (w *Writer) seal(hs []*held) error {
	if len(hs) == 0 {
		return nil
	}
	name := w.nameOf(hs)
	size, err := w.writeRecords(name, hs)
	if err != nil {
		w.putBack(hs)
		return fmt.Errorf("seal %d %s records in %s: %w", name.rows, name.kind, w.records(), err)
	}
	w.mu.Lock()
	w.stats.Files++
	w.stats.Rows += uint64(name.rows)
	w.stats.Bytes += uint64(size)
	for _, h := range hs {
		delete(w.holding, h)
		h.b.reset()
		if len(w.free) < maxFree {
			w.free = append(w.free, h.b)
		}
	}
	w.mu.Unlock()
	return w.moveMarks()
}

// giveBack keeps an empty builder for reuse.
func (w *Writer) giveBack(b *builder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.free) < maxFree {
		w.free = append(w.free, b)
	}
}

const (
	maxFree = 4 // empty builders and encoders kept for reuse
	sealers = 2 // files written side by side when many are due; an encoder takes several MB
)

// oldest is the least batch that has rows in no file; the caller holds w.mu.
func (w *Writer) oldest() uint64 {
	o := w.lost
	for h := range w.holding {
		o = min(o, h.seq)
	}
	return o
}

// moveMarks writes the recovery marks if they have moved.
func (w *Writer) moveMarks() error {
	w.marksMu.Lock()
	defer w.marksMu.Unlock()
	w.mu.Lock()
	moved := w.ledger.sealed(w.oldest())
	m := maps.Clone(w.ledger.marks)
	w.mu.Unlock()
	if !moved {
		return nil
	}
	return m.write(w.opt.disk, w.dir, w.opt.Sync)
}

func (w *Writer) nameOf(hs []*held) *fileName {
	n := &fileName{kind: hs[0].kind, hour: hs[0].hour, parts: hs[0].parts, start: math.MaxInt64, last: math.MinInt64, end: math.MinInt64}
	for _, h := range hs {
		n.start, n.last, n.end = min(n.start, h.b.minStart), max(n.last, h.b.maxStart), max(n.end, h.b.maxEnd)
		n.rows += int64(h.b.rows)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files++
	n.tag = w.run + "-" + strconv.FormatUint(w.files, 36)
	return n
}

// writeRecords writes the file and says how large it is.
func (w *Writer) writeRecords(n *fileName, hs []*held) (size int64, err error) {
	folder := filepath.Join(w.records(), n.folder())
	if err := w.opt.disk.mkdir(folder); err != nil {
		return 0, err
	}
	e := w.encoder()
	defer w.release(e)
	tmp := filepath.Join(folder, tmpPrefix+n.tag)
	err = writeFile(w.opt.disk, tmp, filepath.Join(folder, n.base()), w.opt.Sync, func(out io.Writer) error {
		bs := make([]*builder, len(hs))
		for i, h := range hs {
			bs[i] = h.b
		}
		e.begin(out, schemaOf(bs...))
		for _, b := range bs {
			e.write(b)
		}
		size, err = e.finish(nil)
		return err
	})
	if err == nil && w.opt.Sync {
		err = w.opt.disk.syncDir(folder)
	}
	return size, err
}

func (w *Writer) encoder() *encoder {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.encoders) - 1; n >= 0 {
		e := w.encoders[n]
		w.encoders = w.encoders[:n]
		return e
	}
	return newEncoder()
}

func (w *Writer) release(e *encoder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && len(w.encoders) < maxFree {
		w.encoders = append(w.encoders, e)
	}
}

// putBack keeps the rows of a file that could not be written, for another try, or drops them if memory is short.
func (w *Writer) putBack(hs []*held) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Errors++
	bytes := 0
	for _, h := range w.retry {
		bytes += h.b.memory()
	}
	for _, h := range hs {
		if bytes += h.b.memory(); bytes <= w.opt.MaxMemory {
			w.retry = append(w.retry, h)
			continue
		}
		w.stats.Dropped += uint64(h.b.rows)
		w.lost = min(w.lost, h.seq)
		delete(w.holding, h)
	}
}
