package parquet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// merge is one replacement of files under way; see mergeNote for what readers see of it.
type merge struct {
	w       *Writer
	kind    record.Kind
	group   string // first part of the tags of its files
	schema  []slot // columns its files may have
	files   int
	written []string
}

// beginMerge announces that files will be replaced.
func (w *Writer) beginMerge(kind record.Kind, files []*recordFile) (*merge, error) {
	w.mu.Lock()
	w.files++
	m := &merge{w: w, kind: kind, group: "m" + w.run + strconv.FormatUint(w.files, 36)}
	w.mu.Unlock()
	var note mergeNote
	for _, f := range files {
		note.Replaces = append(note.Replaces, f.below())
	}
	for s, have := range columnsOf(files) {
		// Merging makes and unmakes what follows from other fields.
		if have || slot(s) == slotDerived || slot(s) == slotCommunity || slot(s) == slotPart || slot(s) == slotFinal || derivable(slot(s)) {
			m.schema = append(m.schema, slot(s))
		}
	}
	sortSlots(m.schema)
	if err := w.opt.disk.mkdir(m.dir()); err != nil {
		return nil, err
	}
	b, err := json.Marshal(note)
	if err != nil {
		return nil, err
	}
	err = writeFile(w.opt.disk, filepath.Join(m.dir(), tmpPrefix+m.group), m.note(pendingSuffix), w.opt.Sync, func(out io.Writer) error {
		_, err := out.Write(b)
		return err
	})
	return m, err
}

func derivable(s slot) bool {
	if s == slotOf(fCommunity) {
		return true
	}
	for i := range derivedRules {
		if slotOf(derivedRules[i].field) == s {
			return true
		}
	}
	return false
}

func (m *merge) dir() string { return filepath.Join(m.w.records(), m.kind.String(), mergesDir) }

func (m *merge) note(suffix string) string { return filepath.Join(m.dir(), m.group+suffix) }

// write writes rows, which are in order of start and lie in one hour, into one file.
func (m *merge) write(ctx context.Context, hour int64, parts bool, rows []row) error {
	m.files++
	n := &fileName{kind: m.kind, hour: hour, parts: parts, start: 1<<63 - 1, last: -1 << 63, end: -1 << 63, tag: m.group + "-" + strconv.Itoa(m.files)}
	folder := filepath.Join(m.w.records(), n.folder())
	disk := m.w.opt.disk
	if err := disk.mkdir(folder); err != nil {
		return err
	}
	tmp := filepath.Join(folder, tmpPrefix+n.tag)
	// The name tells what only writing finds out, so the file is renamed twice: to no name, then to its own.
	f, err := disk.create(tmp)
	if err != nil {
		return err
	}
	err = m.writeRows(ctx, f, n, rows)
	if err == nil && m.w.opt.Sync {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	path := filepath.Join(folder, n.base())
	if err == nil {
		err = disk.rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, disk.remove(tmp))
	}
	m.written = append(m.written, path)
	if m.w.opt.Sync {
		return disk.syncDir(folder)
	}
	return nil
}

// writeRows writes row groups of rows and notes in n what they hold.
func (m *merge) writeRows(ctx context.Context, out io.Writer, n *fileName, rows []row) error {
	e := m.w.encoder()
	defer m.w.release(e)
	m.w.mu.Lock()
	b := m.w.builder()
	m.w.mu.Unlock()
	b.checked = new(communityCheck) // not that of the shard it was taken from
	defer func() { b.reset(); m.w.giveBack(b) }()
	read := newRowReader(nil)
	defer read.Close()
	e.begin(out, m.schema)
	e.bloom = true
	defer func() { e.bloom = false }()
	for block := range slices.Chunk(rows, maxRows) {
		b.reset()
		if err := m.fill(ctx, b, read, block, !n.parts); err != nil {
			return err
		}
		n.start, n.last, n.end = min(n.start, b.minStart), max(n.last, b.maxStart), max(n.end, b.maxEnd)
		n.rows += int64(b.rows)
		if err := e.write(b); err != nil {
			return err
		}
	}
	_, err := e.finish(nil)
	return err
}

// fill reads the records of rows into b, in the order in which they stand in their files. whole says that rows of parts
// become rows of whole sessions.
func (m *merge) fill(ctx context.Context, b *builder, read *rowReader, rows []row, whole bool) error {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(x, y row) int {
		return cmp.Or(cmpString(x.ref.file.path, y.ref.file.path), cmpInt(x.ref.row, y.ref.row))
	})
	var refs []rowRef
	var recs []*record.Record
	var one record.Record
	for block := range slices.Chunk(rows, maxBlock) {
		refs = refs[:0]
		for i := range block {
			refs = append(append(refs, block[i].ref), block[i].more...)
		}
		for len(recs) < len(refs) {
			recs = append(recs, new(record.Record))
		}
		if err := read.read(ctx, refs, recs[:len(refs)]); err != nil {
			return err
		}
		at := 0
		for i := range block {
			r, n := recs[at], 1+len(block[i].more)
			if whole && block[i].ref.file.parts {
				store.Merge(&one, recs[at:at+n])
				r = &one
			}
			at += n
			b.add(r, 0, nil)
		}
	}
	return nil
}

// commit makes the new files count in place of the old ones.
func (m *merge) commit() error {
	if err := m.w.opt.disk.rename(m.note(pendingSuffix), m.note(doneSuffix)); err != nil {
		return m.abort(err)
	}
	if m.w.opt.Sync {
		return m.w.opt.disk.syncDir(m.dir())
	}
	return nil
}

// abort takes back what was written, and returns err.
func (m *merge) abort(err error) error {
	for _, path := range m.written {
		err = errors.Join(err, ignoreGone(m.w.opt.disk.remove(path)))
	}
	return errors.Join(err, ignoreGone(m.w.opt.disk.remove(m.note(pendingSuffix))))
}

func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// endMerges removes the files that merges of at least age ago have replaced, and then the notes.
func (w *Writer) endMerges(age time.Duration) error {
	return w.eachNote(func(kindDir, name string) error {
		path := filepath.Join(kindDir, mergesDir, name)
		info, err := os.Stat(path)
		if err != nil || !strings.HasSuffix(name, doneSuffix) || time.Since(info.ModTime()) < age {
			return ignoreGone(err)
		}
		note, err := readNote(path)
		if err != nil {
			return err
		}
		for _, old := range note.Replaces {
			if err := ignoreGone(w.opt.disk.remove(filepath.Join(kindDir, old))); err != nil {
				return err
			}
			removeEmpty(filepath.Join(kindDir, filepath.Dir(old)), w.records())
		}
		return ignoreGone(w.opt.disk.remove(path))
	})
}

// dropMerges takes back the merges that a writer before this one did not end.
func (w *Writer) dropMerges() error {
	return w.eachNote(func(kindDir, name string) error {
		group, ok := strings.CutSuffix(name, pendingSuffix)
		if !ok {
			return nil
		}
		err := filepath.WalkDir(kindDir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.Contains(d.Name(), "_"+group+"-") {
				err = w.opt.disk.remove(path)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("take back a merge: %w", err)
		}
		return w.opt.disk.remove(filepath.Join(kindDir, mergesDir, name))
	})
}

func (w *Writer) eachNote(f func(kindDir, name string) error) error {
	for k := range record.Kinds {
		kindDir := filepath.Join(w.records(), record.Kind(k).String())
		m, err := readMerges(kindDir)
		if err != nil {
			return err
		}
		for _, name := range m.names {
			if err := f(kindDir, name); err != nil {
				return err
			}
		}
	}
	return nil
}
