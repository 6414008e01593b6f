package parquet

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// followEvery is how often a follower looks for new files; idle is told about once a second.
const (
	followEvery = 300 * time.Millisecond
	idleEvery   = time.Second
)

// Follow calls yield for each record of q.Kind that passes q.Where and is sealed from now on, whichever process seals it,
// until ctx ends or yield or idle returns false. Of a session that lasts each part comes as it is sealed: its counters
// are those of the part. idle is called once when nothing is missed any more, and then about once a second while nothing
// passes.
func (s *Store) Follow(ctx context.Context, q store.Search, yield func(*record.Record) bool, idle func() bool) error {
	seen := map[string]bool{}
	if _, err := s.fresh(q.Kind, seen); err != nil {
		return err
	}
	pass := func(*record.Record) bool { return true }
	if q.Where != nil {
		pass = query.CompileNode(q.Where, s.node())
	}
	rows := newRowReader(q.Fields)
	defer rows.Close()
	if !idle() { // from here on nothing is missed
		return nil
	}
	told := time.Now()
	for t := time.NewTicker(followEvery); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		files, err := s.fresh(q.Kind, seen)
		if err != nil {
			return err
		}
		for _, f := range files {
			done, err := s.followFile(ctx, f, rows, pass, yield)
			if done || err != nil {
				return err
			}
			told = time.Now()
		}
		if time.Since(told) >= idleEvery {
			told = time.Now()
			if !idle() {
				return nil
			}
		}
	}
}

// fresh gives the files sealed since the last call with the same seen. What merges write is not new.
func (s *Store) fresh(kind record.Kind, seen map[string]bool) (out []*recordFile, err error) {
	files, err := s.catalog.list(kind, true)
	if err != nil {
		return nil, err
	}
	m, err := readMerges(filepath.Join(s.catalog.root, kind.String()))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if seen[f.path] {
			continue
		}
		seen[f.path] = true
		group, _, _ := strings.Cut(f.tag, "-")
		if !slices.Contains(m.names, group+doneSuffix) && !slices.Contains(m.names, group+pendingSuffix) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *recordFile) int { return cmp.Or(cmpInt(a.end, b.end), cmp.Compare(a.path, b.path)) })
	return out, nil
}

// followFile hands out what passes of one file, in the order of its rows. done says that the caller wants no more.
func (s *Store) followFile(ctx context.Context, f *recordFile, rows *rowReader, pass, yield func(*record.Record) bool) (done bool, err error) {
	err = f.each(ctx, rows, func(r *record.Record) bool {
		done = pass(r) && !yield(r)
		return !done
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // merged into another a moment ago
	}
	return done, err
}

// node is the name of the node whose records these are.
func (s *Store) node() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "node"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
