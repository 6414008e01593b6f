// Package watch keeps the log of when a data directory's captures watched and what they lost: DATA/state/watched.json. A
// recorder writes it, about once a minute; whoever answers questions reads it, to tell how complete an answer is.
//
// The log is a list of periods in order of time. A period without loss reaches from the start of a capture to its end;
// losses are kept by the minute, and by the hour once they are a day old, so the log stays small.
package watch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Period is a stretch of time, From <= t < To, ns since the epoch, in which a capture watched, or, with Imported, that a
// capture file covers.
type Period struct {
	From     int64 `json:"from,string"`
	To       int64 `json:"to,string"`
	Imported bool  `json:"imported,omitempty"`
	Lost
}

// Lost counts packets of a period by what became of them.
type Lost struct {
	Dropped   uint64 `json:"dropped,omitempty"`    // never seen: the kernel's ring was full, or the file's recorder says so
	NotStored uint64 `json:"not_stored,omitempty"` // analysed, but their bytes were not kept
}

// Any says whether something was lost.
func (l Lost) Any() bool { return l.Dropped+l.NotStored > 0 }

func (l *Lost) add(m Lost) {
	l.Dropped += m.Dropped
	l.NotStored += m.NotStored
}

const (
	fine   = int64(time.Minute)
	coarse = int64(time.Hour)
	old    = 24 * int64(time.Hour) // from when on losses are kept by the hour
	most   = 20_000                // periods; the oldest go first
)

// Log is the log of one data directory. It is not safe for concurrent use.
type Log struct {
	path    string
	periods []Period
}

// Path is the file of the log in the folder state.
func Path(state string) string { return filepath.Join(state, "watched.json") }

// Open reads the log in the folder state, DATA/state; there need not be one yet. A log that is damaged is begun anew,
// which the error tells; the Log is good all the same.
func Open(state string) (*Log, error) {
	l := &Log{path: Path(state)}
	b, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &l.periods)
	}
	if err != nil {
		l.periods = nil
		return l, fmt.Errorf("log of captures: %w (it is begun anew; answers do not know of earlier losses)", err)
	}
	return l, nil
}

// Save writes the log, whole or not at all.
func (l *Log) Save() error {
	b, err := json.Marshal(l.periods)
	if err != nil {
		return err
	}
	tmp := l.path + ".tmp"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("log of captures: %w", err)
	}
	return os.Rename(tmp, l.path)
}

// Add takes a period up to now. One that continues the latest without loss prolongs it.
func (l *Log) Add(p Period) {
	if p.To <= p.From {
		return
	}
	i, _ := slices.BinarySearchFunc(l.periods, p, byStart)
	l.periods = slices.Insert(l.periods, i, p)
	l.tidy(p.To)
}

func byStart(a, b Period) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
}

// tidy joins neighbours and bounds the list; now is the end of what was added last.
func (l *Log) tidy(now int64) {
	kept := l.periods[:0]
	for _, p := range l.periods {
		if n := len(kept) - 1; n >= 0 && joins(kept[n], p, now) {
			kept[n].To = max(kept[n].To, p.To)
			kept[n].add(p.Lost)
			continue
		}
		kept = append(kept, p)
	}
	l.periods = kept[max(0, len(kept)-most):]
}

// joins says whether b continues a, and no loss would become less exact than it is kept.
func joins(a, b Period, now int64) bool {
	if a.Imported != b.Imported || b.From > a.To {
		return false
	}
	if !a.Any() && !b.Any() {
		return true
	}
	step := fine
	if b.To < now-old {
		step = coarse
	}
	return a.From/step == (b.To-1)/step
}

// Alive prolongs the latest period to t, when a capture was known to run still that could not say so itself.
func (l *Log) Alive(t int64) {
	for i := len(l.periods) - 1; i >= 0; i-- {
		if p := &l.periods[i]; !p.Imported {
			p.To = max(p.To, t)
			return
		}
	}
}

// Gap is a stretch of time in which nobody watched, between two captures.
type Gap struct{ From, To int64 }

// Between sums up From <= t < to: what was lost in periods that reach into it, and the gaps. A gap lies between
// captures: before the first and after the latest nothing is known.
func (l *Log) Between(from, to int64) (lost Lost, gaps []Gap) {
	end := int64(0) // of all captures so far
	for _, p := range l.periods {
		if p.From < to && p.To > from {
			lost.add(p.Lost)
		}
		if p.Imported {
			continue
		}
		if g := (Gap{max(end, from), min(p.From, to)}); end > 0 && g.To-g.From >= shortest {
			gaps = append(gaps, g)
		}
		end = max(end, p.To)
	}
	return lost, gaps
}

// shortest is what a gap must last to be one: a recorder is restarted within less.
const shortest = int64(time.Second)
