package pcapstore

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
)

// Limits say how much is kept. A zero limit does not limit.
type Limits struct {
	MaxAge          time.Duration // segments whose newest packet is older go
	MaxBytes        int64         // all files of the store together
	KeepFree        int64         // bytes of the file system that stay free
	KeepFreePercent float64       // percent of the file system that stay free; the larger of the two counts
}

// Reason says which limit a segment was deleted for.
type Reason string

// The reasons.
const (
	ByAge   Reason = "age"
	BySize  Reason = "size"
	BySpace Reason = "free space"
)

// Deleted is a segment that retention deleted.
type Deleted struct {
	Worker   int
	Segment  uint64
	Path     string // of its data file
	Bytes    int64  // freed, index included
	Packets  uint64
	Min, Max int64 // packet times, ns
	Why      Reason
}

// Retention tells what Retain did.
type Retention struct {
	Deleted []Deleted
	// Short is how many bytes would still have to go but are in segments being written, or not in packets at all.
	Short int64
	// Rotate asks the caller to have every worker call Writer.Rotate and to call Retain again: only open segments
	// are left to delete.
	Rotate bool
}

// Retain deletes the oldest complete segments until the limits hold: those whose newest packet is oldest first,
// whatever worker wrote them. now is the time that ages are measured from, ns; space measures the file system
// (nil: free space is not looked at). Segments being written stay. A segment whose file a reader has open is gone
// for others and freed when the reader is done. It may be called at any time, by one goroutine.
func (r *Recorder) Retain(now int64, l Limits, space func() (datadir.Space, error)) (Retention, error) {
	segs, total := r.held.oldestFirst()
	var room datadir.Space
	var errs []error
	if space != nil && (l.KeepFree > 0 || l.KeepFreePercent > 0) {
		var err error
		if room, err = space(); err != nil {
			errs, l.KeepFree, l.KeepFreePercent = append(errs, err), 0, 0
		}
	}
	keep := max(l.KeepFree, int64(l.KeepFreePercent/100*float64(room.Total)))
	var out Retention
	for _, s := range segs {
		why := l.exceeded(&s, now, total, keep-room.Free)
		if why == "" || s.state != heldDone {
			continue
		}
		gone, err := r.delete(&s)
		if err != nil {
			errs = append(errs, err)
		}
		if !gone {
			continue
		}
		out.Deleted = append(out.Deleted, s.deleted(why))
		total -= s.size()
		room.Free += s.size()
	}
	if l.MaxBytes > 0 {
		out.Short = max(0, total-l.MaxBytes)
	}
	if keep > 0 {
		out.Short = max(out.Short, keep-room.Free)
	}
	out.Rotate = out.Short > 0 && openBytes(segs) >= r.opts.minSegment
	if len(out.Deleted) > 0 {
		for _, w := range r.writers {
			w.io.kick()
		}
	}
	return out, errors.Join(errs...)
}

// exceeded says for which limit s must go, "" for none.
func (l *Limits) exceeded(s *heldSegment, now, total, short int64) Reason {
	switch {
	case l.MaxAge > 0 && s.max < now-int64(l.MaxAge):
		return ByAge
	case l.MaxBytes > 0 && total > l.MaxBytes:
		return BySize
	case short > 0:
		return BySpace
	}
	return ""
}

// oldestFirst copies the list in the order in which segments are deleted, and sums it up.
func (h *held) oldestFirst() (segs []heldSegment, total int64) {
	h.mu.Lock()
	for _, s := range h.segs {
		segs = append(segs, *s)
		total += s.size()
	}
	h.mu.Unlock()
	slices.SortFunc(segs, func(a, b heldSegment) int {
		return cmp.Or(cmp.Compare(a.max, b.max), cmp.Compare(a.worker, b.worker), cmp.Compare(a.seq, b.seq))
	})
	return segs, total
}

// openBytes is what the segments being written hold. Where that is next to nothing, completing them frees nothing.
func openBytes(segs []heldSegment) (n int64) {
	for i := range segs {
		if segs[i].state == heldOpen {
			n += segs[i].size()
		}
	}
	return n
}

func (s *heldSegment) deleted(why Reason) Deleted {
	f := files{stem: s.stem, zstd: s.zstd}
	return Deleted{s.worker, s.seq, f.dataPath(), s.size(), s.packets, s.min, s.max, why}
}

// delete removes the files of a segment, the data first: what a crash leaves is a sidecar without data, which the
// next start removes, and never a segment that has lost its index. Empty folders go too. It is false if the index is
// being built at this very moment.
func (r *Recorder) delete(s *heldSegment) (bool, error) {
	if !r.held.release(s.stem) {
		return false, nil
	}
	f := files{stem: s.stem, zstd: s.zstd}
	for _, path := range []string{f.dataPath(), s.stem + extIndex, s.stem + extJournal} {
		if err := r.opts.disk.remove(path); err != nil {
			r.held.put(s)
			return false, fmt.Errorf("retention: %w", err)
		}
	}
	hourDir := filepath.Dir(s.stem)
	if os.Remove(hourDir) == nil { // fails unless empty
		_ = os.Remove(filepath.Dir(hourDir))
	}
	return true, nil
}

// Held is how many bytes the store takes on the disk, as this process knows. Any goroutine may ask.
func (r *Recorder) Held() (total int64) {
	r.held.mu.Lock()
	defer r.held.mu.Unlock()
	for _, s := range r.held.segs {
		total += s.size()
	}
	return total
}
