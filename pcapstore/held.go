package pcapstore

import (
	"os"
	"sync"
)

// held is the writing process's list of the segments on disk, for retention.
type held struct {
	mu   sync.Mutex // guards segs and what they point to
	segs map[string]*heldSegment
}

// heldState says what may be done with a segment.
type heldState uint8

const (
	heldOpen heldState = iota // an I/O loop writes it
	heldBusy                  // its index is being built
	heldDone                  // complete: retention may delete it, whether it has an index yet or not
)

type heldSegment struct {
	meta
	stem  string
	extra int64 // bytes of its journal or index
	state heldState
}

// size is what the segment takes on the disk.
func (s *heldSegment) size() int64 { return int64(s.file) + s.extra }

// add enters a segment of an earlier run.
func (h *held) add(f *files, m meta) {
	s := &heldSegment{meta: m, stem: f.stem, extra: sidecarSize(f.stem), state: heldDone}
	if st, err := os.Stat(f.dataPath()); err == nil {
		s.file = uint64(st.Size())
	}
	h.put(s)
}

// sidecarSize is the length of the journal or index, or both.
func sidecarSize(stem string) (n int64) {
	for _, ext := range []string{extJournal, extIndex} {
		if st, err := os.Stat(stem + ext); err == nil {
			n += st.Size()
		}
	}
	return n
}

// opened enters a segment whose first bytes have been written.
func (h *held) opened(s *segment) {
	h.put(&heldSegment{stem: s.stem, meta: s.meta})
}

// grew notes what a segment holds now.
func (h *held) grew(s *segment) {
	h.mu.Lock()
	if e := h.segs[s.stem]; e != nil {
		e.meta, e.extra = s.meta, s.jtail
	}
	h.mu.Unlock()
}

// claim keeps a segment from being deleted while its index is built; false if it is gone already.
func (h *held) claim(stem string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.segs[stem]
	if e != nil {
		e.state = heldBusy
	}
	return e != nil
}

// settle ends a claim, or the writing of a segment.
func (h *held) settle(stem string, indexed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.segs[stem]; e != nil {
		e.state = heldDone
		if indexed {
			e.extra = sidecarSize(stem)
		}
	}
}

// release takes a segment off the list so that it can be deleted; false if something works on it.
func (h *held) release(stem string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.segs[stem]
	if e == nil || e.state != heldDone {
		return false
	}
	delete(h.segs, stem)
	return true
}

// put enters a segment as it is.
func (h *held) put(s *heldSegment) {
	h.mu.Lock()
	h.segs[s.stem] = s
	h.mu.Unlock()
}
