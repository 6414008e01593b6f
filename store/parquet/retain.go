package parquet

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/record"
)

// Limits say how much is kept. A zero limit does not limit.
type Limits struct {
	MaxAge          time.Duration // files whose newest record ended longer ago go
	MaxBytes        int64         // all record files together
	KeepFree        int64         // bytes of the file system that stay free
	KeepFreePercent float64       // percent of the file system that stay free; the larger of the two counts
}

// Reason says which limit a file was deleted for.
type Reason string

// The reasons.
const (
	ByAge   Reason = "age"
	BySize  Reason = "size"
	BySpace Reason = "free space"
)

// Deleted is a record file that retention deleted.
type Deleted struct {
	Path    string
	Bytes   int64
	Records int64
	Why     Reason
}

// Retain deletes the oldest record files, of all kinds together, until the limits hold. now is the time that ages are
// measured from, ns; space measures the file system. A file that a reader has open is gone for others and freed when the
// reader is done. Hour folders that are empty then go too.
func (w *Writer) Retain(now int64, l Limits, space func() (datadir.Space, error)) (out []Deleted, err error) {
	w.maintain.Lock()
	defer w.maintain.Unlock()
	files, total, err := w.oldestFirst()
	if err != nil {
		return nil, err
	}
	var short int64 // bytes to free for the sake of the file system
	if l.KeepFree > 0 || l.KeepFreePercent > 0 {
		room, err := space()
		if err != nil {
			return nil, err
		}
		short = max(l.KeepFree, int64(l.KeepFreePercent/100*float64(room.Total))) - room.Free
	}
	for _, f := range files {
		why := l.exceeded(now, f.end, total, short)
		if why == "" {
			continue
		}
		if e := os.Remove(f.path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
			continue
		}
		total -= f.size
		short -= f.size
		out = append(out, Deleted{f.path, f.size, f.rows, why})
		removeEmpty(filepath.Dir(f.path), w.records())
	}
	return out, err
}

// exceeded says which limit wants the oldest file gone, "" for none.
func (l *Limits) exceeded(now, end, total, short int64) Reason {
	switch {
	case l.MaxAge > 0 && now-end > int64(l.MaxAge):
		return ByAge
	case l.MaxBytes > 0 && total > l.MaxBytes:
		return BySize
	case short > 0:
		return BySpace
	}
	return ""
}

// oldestFirst lists the record files of all kinds by their newest record, and their size together.
func (w *Writer) oldestFirst() (out []*recordFile, total int64, err error) {
	c := newCatalog(w.records())
	for k := range record.Kinds {
		files, err := c.list(record.Kind(k), k == 0)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, files...)
	}
	for _, f := range out {
		total += f.size
	}
	slices.SortFunc(out, func(a, b *recordFile) int { return cmp.Or(cmpInt(a.end, b.end), cmp.Compare(a.path, b.path)) })
	return out, total, nil
}

// removeEmpty removes a folder and those above it, up to but not including top, as far as they are empty. A writer that
// wants one of them makes it anew.
func removeEmpty(dir, top string) {
	for dir != top && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}
