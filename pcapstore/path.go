package pcapstore

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of the files of a segment: its stem plus one of these. Exactly one of the first two exists, and of the
// sidecars exactly one: the journal while the segment is written, the index once it is complete.
const (
	extPlain   = ".pcap"
	extZstd    = ".pcap.zst"
	extJournal = ".journal"
	extIndex   = ".index"
	extTemp    = ".tmp" // of an index that is being written
)

// stem is the path of a segment's files below the store's folder without the extension:
//
//	w<worker>/<YYYYMMDD>/<HH>/<sequence number>-<HHMMSS>-l<link type>[-e<era>][-big]
//
// with the time (UTC) of the first packet. Names sort by sequence number within an hour.
func stem(worker int, seq uint64, k kind, first int64) string {
	t := time.Unix(0, first).UTC()
	s := fmt.Sprintf("w%02d/%s/%010d-%s-l%d", worker, t.Format("20060102/15"), seq, t.Format("150405"), k.link)
	if k.era != 0 {
		s += fmt.Sprintf("-e%d", k.era)
	}
	if k.big {
		s += "-big"
	}
	return s
}

// files are the files of one segment that a scan found.
type files struct {
	worker  int
	seq     uint64
	stem    string // full path without extension
	data    bool
	zstd    bool // the data file is compressed
	journal bool
	index   bool
	temp    bool
}

// dataPath is the path of the segment itself.
func (f *files) dataPath() string {
	if f.zstd {
		return f.stem + extZstd
	}
	return f.stem + extPlain
}

// scan lists the segments below dir, ordered by worker and sequence number. What is not named as a segment's file
// is left alone.
func scan(dir string) ([]files, error) {
	var out []files
	workers, err := folders(dir)
	if err != nil {
		return nil, err
	}
	for _, w := range workers {
		n, err := strconv.Atoi(strings.TrimPrefix(w, "w"))
		if err != nil || n < 0 || w[0] != 'w' {
			continue
		}
		if out, err = scanWorker(out, filepath.Join(dir, w), n); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b files) int {
		if a.worker != b.worker {
			return a.worker - b.worker
		}
		if a.seq != b.seq {
			return compare(a.seq, b.seq)
		}
		return strings.Compare(a.stem, b.stem)
	})
	return out, nil
}

func compare[T int64 | uint64 | int](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// folders lists the folders in dir; a dir that does not exist (any more) has none.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("packet store: %w", err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

func scanWorker(out []files, dir string, worker int) ([]files, error) {
	days, err := folders(dir)
	if err != nil {
		return nil, err
	}
	for _, day := range days {
		hours, err := folders(filepath.Join(dir, day))
		if err != nil {
			return nil, err
		}
		for _, h := range hours {
			if out, err = scanHour(out, filepath.Join(dir, day, h), worker); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func scanHour(out []files, dir string, worker int) ([]files, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if os.IsNotExist(err) {
			return out, nil // expired since the folder above was read
		}
		return nil, fmt.Errorf("packet store: %w", err)
	}
	start := len(out)
	for _, e := range entries { // sorted by name, so a segment's files stand together
		out = addFile(out, start, dir, e, worker)
	}
	return out, nil
}

// addFile notes one directory entry in the last of out[start:], or in a new one.
func addFile(out []files, start int, dir string, e fs.DirEntry, worker int) []files {
	base, ext, ok := strings.Cut(e.Name(), ".")
	digits, _, dash := strings.Cut(base, "-")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if !ok || !dash || err != nil || seq == 0 || !e.Type().IsRegular() {
		return out
	}
	s := filepath.Join(dir, base)
	if len(out) == start || out[len(out)-1].stem != s {
		out = append(out, files{worker: worker, seq: seq, stem: s})
	}
	f := &out[len(out)-1]
	switch "." + ext {
	case extPlain:
		f.data = true
	case extZstd:
		f.data, f.zstd = true, true
	case extJournal:
		f.journal = true
	case extIndex:
		f.index = true
	case extIndex + extTemp:
		f.temp = true
	}
	return out
}
