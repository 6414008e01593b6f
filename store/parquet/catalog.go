package parquet

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tapir-project/tapir/record"
)

// recordFile is a file of records that a reader has seen. Files never change, so what is known of one stays true.
type recordFile struct {
	fileName
	path    string // absolute
	size    int64
	changed time.Time

	once sync.Once // guards foot and err
	foot *footer
	err  error
}

// catalog knows the record files of a data directory. It looks at a folder again only when the folder's time of
// change says so; a look at an unchanged directory costs one stat for each hour.
type catalog struct {
	root string // DATA/records

	mu      sync.Mutex // guards what follows
	scanned time.Time
	dirs    map[string]*dirState // by path below root
	files   [record.Kinds][]*recordFile
}

// dirState is what a directory held when it was last read.
type dirState struct {
	changed time.Time // its time of change then
	settled bool      // that time lay far enough back for later changes to show
	names   []string
	files   map[string]*recordFile
}

const (
	rescanAfter = 100 * time.Millisecond
	// settleTime is how coarse times of change may be: a folder changed later than this ago is read again.
	settleTime = 50 * time.Millisecond
)

func newCatalog(root string) *catalog {
	return &catalog{root: root, dirs: map[string]*dirState{}}
}

// list gives the files of a kind that count now, by first start. fresh asks for a new look at the directory even if
// the last one was a moment ago.
func (c *catalog) list(kind record.Kind, fresh bool) ([]*recordFile, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); fresh || now.Sub(c.scanned) >= rescanAfter {
		if err := c.scan(now); err != nil {
			return nil, fmt.Errorf("record store: %w", err)
		}
		c.scanned = now
	}
	return c.files[kind], nil
}

// scan looks at all kinds.
func (c *catalog) scan(now time.Time) error {
	seen := map[string]bool{}
	for k := range record.Kinds {
		kind := record.Kind(k)
		for try := 0; ; try++ {
			before, err := readMerges(filepath.Join(c.root, kind.String()))
			if err != nil {
				return err
			}
			files, err := c.scanKind(kind, now, seen)
			if err != nil {
				return err
			}
			// A merge that ended meanwhile could show its files twice or not at all.
			after, err := readMerges(filepath.Join(c.root, kind.String()))
			if err != nil {
				return err
			}
			if before.same(after) || try == 10 {
				c.files[k] = after.visible(files)
				break
			}
		}
	}
	for path := range c.dirs {
		if !seen[path] {
			delete(c.dirs, path)
		}
	}
	return nil
}

// scanKind lists all files of a kind, those that do not count included.
func (c *catalog) scanKind(kind record.Kind, now time.Time, seen map[string]bool) (out []*recordFile, err error) {
	top, err := c.read(kind.String(), now, seen)
	if err != nil {
		return nil, err
	}
	for _, day := range top.names {
		if day == mergesDir {
			continue
		}
		hours, err := c.read(filepath.Join(kind.String(), day), now, seen)
		if err != nil {
			return nil, err
		}
		for _, hour := range hours.names {
			at, ok := parseHour(filepath.Join(day, hour))
			if !ok {
				continue
			}
			path := filepath.Join(kind.String(), day, hour)
			d, err := c.read(path, now, seen)
			if err != nil {
				return nil, err
			}
			out = append(out, d.records(filepath.Join(c.root, path), kind, at)...)
		}
	}
	return out, nil
}

// read lists a directory, from memory if it has not changed. One that is gone is empty.
func (c *catalog) read(path string, now time.Time, seen map[string]bool) (*dirState, error) {
	seen[path] = true
	old := c.dirs[path]
	full := filepath.Join(c.root, path)
	info, err := os.Stat(full)
	if os.IsNotExist(err) {
		delete(c.dirs, path)
		return &dirState{}, nil
	}
	if err != nil {
		return nil, err
	}
	if old != nil && old.settled && old.changed.Equal(info.ModTime()) {
		return old, nil
	}
	entries, err := os.ReadDir(full)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	d := &dirState{changed: info.ModTime(), settled: now.Sub(info.ModTime()) > settleTime}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			d.names = append(d.names, e.Name())
		}
	}
	if old != nil {
		d.files = old.files
	}
	c.dirs[path] = d
	return d, nil
}

// records gives the record files of an hour folder; those known before are the same.
func (d *dirState) records(full string, kind record.Kind, hour int64) (out []*recordFile) {
	old := d.files
	d.files = make(map[string]*recordFile, len(d.names))
	for _, base := range d.names {
		f := old[base]
		if f == nil {
			n, ok := parseName(kind, hour, base)
			if !ok {
				continue
			}
			f = &recordFile{fileName: n, path: filepath.Join(full, base)}
			info, err := os.Stat(f.path)
			if err != nil {
				continue // removed a moment ago
			}
			f.size, f.changed = info.Size(), info.ModTime()
		}
		d.files[base] = f
		out = append(out, f)
	}
	return out
}

// A merge replaces files by others, perhaps in several folders, at one moment for all readers. Its note stands in
// DATA/records/<kind>/merges:
//
//	<tag>.pending  the new files, whose tags begin with <tag>, do not count yet
//	<tag>.done     they do, and the files that the note names count no more; they are removed once nobody reads them
//
// Without a note files count. So the one step that matters is the renaming of pending to done.
type mergeNote struct {
	Replaces []string // paths below the kind's folder
}

const (
	mergesDir     = "merges"
	pendingSuffix = ".pending"
	doneSuffix    = ".done"
)

// merges is the notes of a kind.
type merges struct {
	pending  map[string]bool // tags
	replaced map[string]bool // paths below the kind's folder
	names    []string
}

func readMerges(kindDir string) (m merges, err error) {
	entries, err := os.ReadDir(filepath.Join(kindDir, mergesDir))
	if err != nil {
		if os.IsNotExist(err) {
			err = nil
		}
		return m, err
	}
	m = merges{pending: map[string]bool{}, replaced: map[string]bool{}}
	for _, e := range entries {
		m.names = append(m.names, e.Name())
		if tag, ok := strings.CutSuffix(e.Name(), pendingSuffix); ok {
			m.pending[tag] = true
		}
		if !strings.HasSuffix(e.Name(), doneSuffix) {
			continue
		}
		note, err := readNote(filepath.Join(kindDir, mergesDir, e.Name()))
		if os.IsNotExist(err) {
			continue // over a moment ago: same will notice
		}
		if err != nil {
			return m, err
		}
		for _, p := range note.Replaces {
			m.replaced[p] = true
		}
	}
	return m, nil
}

func readNote(path string) (n mergeNote, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return n, err
	}
	if err := json.Unmarshal(b, &n); err != nil {
		return n, fmt.Errorf("merge note %s: %w (remove it if the files it names are gone)", path, err)
	}
	return n, nil
}

func (m merges) same(o merges) bool { return slices.Equal(m.names, o.names) }

// visible gives the files that count, ordered.
func (m merges) visible(files []*recordFile) []*recordFile {
	out := make([]*recordFile, 0, len(files))
	for _, f := range files {
		group, _, _ := strings.Cut(f.tag, "-")
		if !m.pending[group] && !m.replaced[f.below()] {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *recordFile) int {
		if c := cmpInt(a.start, b.start); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
	return out
}

// below is the file's path below its kind's folder.
func (f *recordFile) below() string {
	_, rest, _ := strings.Cut(f.folder(), string(filepath.Separator))
	return filepath.Join(rest, filepath.Base(f.path))
}
