package parquet

import (
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/tapir-project/tapir/internal/watch"
	"github.com/tapir-project/tapir/store"
)

// watched is the log of captures as it was last read.
type watched struct {
	mu   sync.Mutex
	info os.FileInfo
	log  *watch.Log
}

// cover adds to cov what the captures of data directory dir lost in r, and when nobody watched. A log that cannot be read
// makes no answer fail.
func (w *watched) cover(cov *store.Coverage, dir string, r store.Range) {
	w.mu.Lock()
	defer w.mu.Unlock()
	state := filepath.Join(dir, "state")
	info, err := os.Stat(watch.Path(state))
	if err != nil {
		return
	}
	if w.info == nil || !os.SameFile(w.info, info) || !info.ModTime().Equal(w.info.ModTime()) || info.Size() != w.info.Size() {
		log, err := watch.Open(state)
		if err != nil {
			cov.Problems = append(cov.Problems, err.Error())
		}
		w.info, w.log = info, log
	}
	if r == (store.Range{}) {
		r = store.Range{From: math.MinInt64, To: math.MaxInt64}
	}
	lost, gaps := w.log.Between(r.From, r.To)
	cov.Dropped, cov.NotStored = int64(lost.Dropped), int64(lost.NotStored)
	for _, g := range gaps {
		cov.Gaps = append(cov.Gaps, store.Range(g))
	}
}
