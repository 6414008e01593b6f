package parquet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// Store answers questions about the records of a data directory, whoever writes it. It implements store.Store.
type Store struct {
	dir     string
	catalog *catalog
	watched watched

	mu     sync.Mutex // guards what follows
	engine *engine    // started by the first question that needs one
	closed bool
}

var _ store.Store = (*Store)(nil)

// maxMemory bounds what DuckDB takes for questions; beyond it, it spills to DATA/tmp.
const maxMemory = 1 << 30

// OpenReader opens the store of data directory dir for questions. It writes nothing but temporary files.
func OpenReader(dir string) (*Store, error) {
	root := filepath.Join(dir, "records")
	if _, err := os.Stat(root); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("record store: %w", err)
	}
	abs, err := filepath.Abs(root) // questions name files by their paths; the working directory may change
	if err != nil {
		return nil, fmt.Errorf("record store: %w", err)
	}
	return &Store{dir: dir, catalog: newCatalog(abs)}, nil
}

// Close ends questions under way and gives their memory back.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.engine == nil {
		return nil
	}
	err := s.engine.Close()
	s.engine = nil
	os.RemoveAll(tempFolder(s.dir))
	return err
}

var errStoreClosed = errors.New("record store: closed")

// duck gives the engine, started if need be.
func (s *Store) duck() (*engine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errStoreClosed
	}
	if s.engine == nil {
		e, err := openEngine(maxMemory, tempFolder(s.dir))
		if err != nil {
			return nil, err
		}
		s.engine = e
	}
	return s.engine, nil
}

// asking is one question under way: the files it is put to and how complete its answer will be.
type asking struct {
	ctx    context.Context
	engine *engine
	again  func() ([]*recordFile, error) // what is stored now
	whole  []*recordFile
	parts  []*recordFile
	have   []bool // by slot: columns that occur in these files
	cov    store.Coverage
}

// ask begins a question of a kind, a time range and a condition. Files that cannot hold an answer count as looked at.
func (s *Store) ask(ctx context.Context, kind record.Kind, r store.Range, b store.Bounding, where query.Expr) (*asking, error) {
	files, err := s.catalog.list(kind, false)
	if err != nil {
		return nil, err
	}
	a := &asking{ctx: ctx, again: func() ([]*recordFile, error) { return s.catalog.list(kind, true) }}
	if a.engine, err = s.duck(); err != nil {
		return nil, err
	}
	for i, f := range files {
		if i == 0 || f.start < a.cov.Oldest {
			a.cov.Oldest = f.start
		}
		switch {
		case f.parts:
			a.parts = append(a.parts, f)
		case mayHold(f, r, b):
			a.whole = append(a.whole, f)
		default:
			continue
		}
		a.cov.Files++
		a.cov.Rows += f.rows
	}
	s.watched.cover(&a.cov, s.dir, r)
	n := len(a.whole)
	a.whole = prune(a.whole, where)
	a.cov.FilesDone = n - len(a.whole)
	a.have = columnsOf(a.whole, a.parts)
	if kind == record.KindSample {
		a.cov.Sampled = samplingOf(a.whole)
	}
	return a, nil
}

// samplingOf says by which rates the samples of files were drawn, as the files' footers have it.
func samplingOf(files []*recordFile) (s store.Sampling) {
	for _, f := range files {
		foot, err := f.meta()
		if err != nil {
			continue // see columnsOf
		}
		for i := range foot.groups {
			for _, c := range foot.groups[i].chunks {
				if c.slot != slotRate || c.least <= 0 {
					continue
				}
				if s.Least == 0 || c.least < s.Least {
					s.Least = c.least
				}
				s.Most = max(s.Most, c.most)
			}
		}
	}
	return s
}

// columnsOf says which columns occur in files.
func columnsOf(lists ...[]*recordFile) []bool {
	have := make([]bool, numSlots)
	parts := false
	for _, files := range lists {
		for _, f := range files {
			parts = parts || f.parts
			foot, err := f.meta()
			if err != nil {
				continue // DuckDB will not read it either; see leaveOut
			}
			for i := range foot.groups {
				for _, c := range foot.groups[i].chunks {
					have[c.slot] = true
				}
			}
		}
	}
	if parts { // merging makes up what follows from other fields
		for i := range derivedRules {
			have[slotOf(derivedRules[i].field)] = true
		}
		have[slotOf(fCommunity)] = true
	}
	return have
}

// run puts a statement made for some files and hands each row to scan. Files that have gone or are damaged are left
// out, which the coverage tells, and the statement is put to the others. scan may be called again from the start then:
// begin tells.
func (a *asking) run(files *[]*recordFile, statement func([]*recordFile) string, begin func(), scan func(scanner) error) error {
	for {
		begin()
		if len(*files) == 0 {
			return nil
		}
		err := a.engine.each(a.ctx, statement(*files), scan)
		if err == nil || a.ctx.Err() != nil || !a.leaveOut(files) {
			return err
		}
	}
}

// leaveOut drops files that cannot be read and says whether there were some. Those that retention has deleted
// meanwhile are no gap in the answer: what is left is all there is.
func (a *asking) leaveOut(files *[]*recordFile) bool {
	var good []*recordFile
	for _, f := range *files {
		_, err := readFooter(f.path)
		if err == nil {
			good = append(good, f)
		} else if !os.IsNotExist(err) || !a.expired(f) {
			a.cov.Partial = true
			a.cov.Problems = append(a.cov.Problems, fmt.Sprintf("%s: %v", f.path, err))
		}
	}
	dropped := len(good) < len(*files)
	*files = good
	return dropped
}

// expired says whether f, which is gone, was older than all that is stored now.
func (a *asking) expired(f *recordFile) bool {
	files, err := a.again()
	return err == nil && (len(files) == 0 || files[0].start > f.last)
}

// Status tells what is stored.
func (s *Store) Status(ctx context.Context) (store.Status, error) {
	var st store.Status
	for k := range record.Kinds {
		files, err := s.catalog.list(record.Kind(k), k == 0)
		if err != nil {
			return st, err
		}
		if len(files) == 0 {
			continue
		}
		ks := store.KindStatus{Kind: record.Kind(k), Oldest: files[0].start, Newest: files[0].end}
		var parts []*recordFile
		for _, f := range files {
			ks.Files++
			ks.Bytes += f.size
			ks.Oldest, ks.Newest = min(ks.Oldest, f.start), max(ks.Newest, f.end)
			if f.parts {
				parts = append(parts, f)
			} else {
				ks.Records += f.rows
			}
		}
		n, err := s.countParts(ctx, parts)
		if err != nil {
			return st, err
		}
		ks.Records += n
		st.Kinds = append(st.Kinds, ks)
	}
	return st, nil
}

// countParts counts the sessions with rows in parts files.
func (s *Store) countParts(ctx context.Context, parts []*recordFile) (n int64, err error) {
	a := &asking{ctx: ctx, again: func() ([]*recordFile, error) { return s.catalog.list(record.KindSession, true) }}
	if len(parts) == 0 {
		return 0, nil
	}
	if a.engine, err = s.duck(); err != nil {
		return 0, err
	}
	err = a.run(&parts, func(files []*recordFile) string {
		return "SELECT count(DISTINCT " + ident(specs[slotID].name) + ") FROM " + scan(files, []slot{slotID})
	}, func() { n = 0 }, func(r scanner) error { return r.Scan(&n) })
	return n, err
}
