package pcapstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tapir-project/tapir/record"
)

// Store reads a packet store, also while another process writes it. It is safe for concurrent use.
type Store struct {
	dir string

	mu    sync.Mutex // guards what follows
	hours map[string]hourList
	metas map[string]meta // of complete segments, by stem
}

// hourList is what an hour's folder held when it was read.
type hourList struct {
	mtime time.Time
	segs  []files
}

// Open opens the packet store below dir for reading. A folder that does not exist is a store without packets, yet.
func Open(dir string) (*Store, error) {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("packet store: %w", err)
	case !st.IsDir():
		return nil, fmt.Errorf("packet store: %s is not a folder", dir)
	}
	return &Store{dir: dir, hours: map[string]hourList{}, metas: map[string]meta{}}, nil
}

// Query asks for packets.
type Query struct {
	// Flows are the flows wanted, best in ascending order; nil means all packets.
	Flows []record.ID
	// Packets of times From <= t < To are wanted, ns. Both zero: all of time.
	From, To int64
}

// normal gives the flows in order and the inclusive time range.
func (q *Query) normal() (ids []record.ID, from, last int64) {
	ids = q.Flows
	if !slices.IsSortedFunc(ids, compareID) {
		ids = slices.Clone(ids)
		slices.SortFunc(ids, compareID)
	}
	if q.From == 0 && q.To == 0 {
		return ids, math.MinInt64, math.MaxInt64
	}
	return ids, q.From, q.To - 1
}

// Packets calls yield for each packet that q asks for, in time order (those of the same time by worker and position),
// until yield returns false. The packet is borrowed until yield returns. Memory does not grow with the packets: a
// window of each segment that overlaps in time is held, and 4 bytes (16 where packets do not stand in time order)
// for each packet wanted of it. Segments that retention deletes meanwhile are left out; those that cannot be read
// are too, and the error, which comes after all others have been read, says which.
func (s *Store) Packets(ctx context.Context, q Query, yield func(p *record.Packet, pos record.Position) bool) error {
	ids, from, last := q.normal()
	if from > last || q.Flows != nil && len(ids) == 0 {
		return nil
	}
	segs, err := s.segments(from, last)
	if err != nil {
		return err
	}
	m := &merge{waiting: segs, ids: ids, all: q.Flows == nil, from: from, last: last}
	defer m.close()
	for n := 0; m.next(); n++ {
		if n&255 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		c := m.open[0]
		if !yield(&c.pkt, c.pos) {
			return nil
		}
	}
	return m.err()
}

func compareID(a, b record.ID) int { return bytes.Compare(a[:], b[:]) }

// stored is a segment as a reader finds it.
type stored struct {
	files
	meta
}

// segments lists the segments that may have packets in the time range, by their first time.
func (s *Store) segments(from, last int64) ([]stored, error) {
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	segs := all[:0]
	for _, g := range all {
		if g.packets > 0 && g.min <= last && g.max >= from {
			segs = append(segs, g)
		}
	}
	slices.SortFunc(segs, func(a, b stored) int {
		return cmp.Or(cmp.Compare(a.min, b.min), cmp.Compare(a.meta.worker, b.meta.worker), cmp.Compare(a.meta.seq, b.meta.seq))
	})
	return segs, nil
}

// all lists every readable segment. What is complete is looked at once.
func (s *Store) all() ([]stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.list()
	if err != nil {
		return nil, err
	}
	metas := make(map[string]meta, len(found))
	out := make([]stored, 0, len(found))
	for i := range found {
		f := &found[i]
		m, ok := s.metas[f.stem]
		if !ok {
			if m, err = loadMeta(f); err != nil {
				continue // gone, just begun, or waiting for recovery
			}
		}
		if m.until != math.MaxUint64 {
			metas[f.stem] = m
		}
		out = append(out, stored{*f, m})
	}
	s.metas = metas
	return out, nil
}

// list is scan with a memory: the folder of an hour is read again only when it has changed.
func (s *Store) list() ([]files, error) {
	hours, err := filepath.Glob(filepath.Join(s.dir, "w[0-9]*", "[0-9]*", "[0-9]*"))
	if err != nil {
		return nil, err
	}
	lists := make(map[string]hourList, len(hours))
	var out []files
	for _, dir := range hours {
		l, err := s.hour(dir)
		if err != nil {
			return nil, err
		}
		lists[dir] = l
		out = append(out, l.segs...)
	}
	s.hours = lists
	return out, nil
}

// settled is how old a folder's time must be to tell of every later change: file systems have coarse clocks.
const settled = 3 * time.Second

func (s *Store) hour(dir string) (hourList, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return hourList{}, nil // expired
	}
	l, ok := s.hours[dir]
	if ok && l.mtime.Equal(st.ModTime()) {
		return l, nil
	}
	worker := 0
	if _, err := fmt.Sscanf(filepath.Base(filepath.Dir(filepath.Dir(dir))), "w%d", &worker); err != nil {
		return hourList{}, nil
	}
	segs, err := scanHour(nil, dir, worker)
	segs = slices.DeleteFunc(segs, func(f files) bool { return !f.data })
	l = hourList{segs: segs}
	if time.Since(st.ModTime()) > settled {
		l.mtime = st.ModTime()
	}
	return l, err
}

// WorkerStat tells what is stored of one worker's packets.
type WorkerStat struct {
	Worker         int
	Segments, Open int    // all, and those without an index: being written, or left by a crash
	Packets        uint64 // in them
	Bytes          int64  // of the pcap data on disk, as compressed
	Oldest, Newest int64  // packet times, ns; 0 without packets
}

// Stat tells what is stored, for each worker.
func (s *Store) Stat() ([]WorkerStat, error) {
	segs, err := s.all()
	if err != nil {
		return nil, err
	}
	byWorker := map[int]*WorkerStat{}
	for i := range segs {
		g := &segs[i]
		w := byWorker[g.meta.worker]
		if w == nil {
			w = &WorkerStat{Worker: g.meta.worker}
			byWorker[g.meta.worker] = w
		}
		w.add(g)
	}
	var out []WorkerStat
	for _, w := range byWorker {
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b WorkerStat) int { return a.Worker - b.Worker })
	return out, nil
}

func (w *WorkerStat) add(g *stored) {
	w.Segments++
	size := int64(g.file)
	if g.until == math.MaxUint64 {
		w.Open++
		if st, err := os.Stat(g.dataPath()); err == nil {
			size = st.Size()
		}
	}
	w.Bytes += size
	if g.packets == 0 {
		return
	}
	if w.Packets == 0 {
		w.Oldest, w.Newest = g.min, g.max
	}
	w.Packets += g.packets
	w.Oldest, w.Newest = min(w.Oldest, g.min), max(w.Newest, g.max)
}
