package app

import (
	"time"

	"github.com/tapir-project/tapir/internal/watch"
)

// How often the log of captures is written: soon when something was lost, else now and then.
const (
	watchedEvery = time.Minute
	watchedSoon  = 10 * time.Second
)

// watched notes when this capture watched and what it lost, so that every later answer can say how complete it is.
type watched struct {
	node  *Node
	log   *watch.Log
	since time.Time  // start of the period that is not noted yet
	told  watch.Lost // up to since
}

// watching opens the log. What a killed recorder could not note itself, its last status tells.
func (n *Node) watching(now time.Time) *watched {
	log, err := watch.Open(n.dir.State())
	if err != nil {
		n.cfg.Log.Warn("coverage", "error", err)
	}
	if s, found := lastStatus(n.dir); found {
		log.Alive(s.Time.UnixNano())
	}
	return &watched{node: n, log: log, since: now}
}

// note takes how things stand now. end says that the capture is over.
func (w *watched) note(now time.Time, p Progress, end bool) {
	w.addImports()
	lost := watch.Lost{Dropped: p.Source.Drops.Total() - w.told.Dropped, NotStored: p.Totals.NotStored - w.told.NotStored}
	age := now.Sub(w.since)
	if !end && age < watchedEvery && (!lost.Any() || age < watchedSoon) {
		return
	}
	w.log.Add(watch.Period{From: w.since.UnixNano(), To: now.UnixNano(), Lost: lost})
	w.since = now
	w.told.Dropped += lost.Dropped
	w.told.NotStored += lost.NotStored
	w.save()
}

// save writes the log. One that cannot be written is not worth stopping for.
func (w *watched) save() {
	if err := w.log.Save(); err != nil {
		w.node.cfg.Log.Warn("coverage", "error", err)
	}
}

// noteImport notes what the recorders of imported files say they lost.
func (n *Node) noteImport(p Progress) {
	if p.Source.Drops.Total() == 0 || p.Totals.Packets == 0 {
		return
	}
	w := n.watching(time.Time{})
	w.addImport(p)
	w.save()
}

func (w *watched) addImport(p Progress) {
	w.log.Add(watch.Period{From: p.Totals.FirstPacket, To: p.Totals.LastPacket + 1, Imported: true, Lost: watch.Lost{Dropped: p.Source.Drops.Total()}})
}

// addImports notes what was imported beside the capture since the last time.
func (w *watched) addImports() {
	for _, p := range w.node.beside.take() {
		if p.Source.Drops.Total() > 0 && p.Totals.Packets > 0 {
			w.addImport(p)
			w.save()
		}
	}
}
