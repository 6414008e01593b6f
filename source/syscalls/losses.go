package syscalls

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapir-project/tapir/scap"
)

// Losses counts the calls that the kernel's ring had no room for, since the capture began.
type Losses struct {
	Total uint64            `json:"total"`
	Class map[string]uint64 `json:"class"` // by class of call: io, file, net, process...
	CPU   []uint64          `json:"cpu"`
}

// String says what was lost of each class, the most first.
func (l *Losses) String() string { return fmt.Sprintf("%d calls lost: %s", l.Total, l.classes(nil)) }

// classes says what was lost of each class since before, the most first.
func (l *Losses) classes(before *Losses) string {
	since := map[string]uint64{}
	for c, n := range l.Class {
		if before != nil {
			n -= before.Class[c]
		}
		if n > 0 {
			since[c] = n
		}
	}
	names := slices.Sorted(maps.Keys(since))
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(since[b], since[a]) })
	for i, c := range names {
		names[i] = fmt.Sprintf("%s %d", c, since[c])
	}
	return strings.Join(names, ", ")
}

// losses reads the counters of the kernel part.
func (k *kernel) losses() (*Losses, error) {
	l := &Losses{Class: map[string]uint64{}}
	var each []uint64
	for class := range k.lost.MaxEntries() {
		if err := k.lost.Lookup(class, &each); err != nil {
			return nil, fmt.Errorf("read what was lost: %w", err)
		}
		if l.CPU == nil {
			l.CPU = make([]uint64, len(each))
		}
		for cpu, n := range each {
			if n > 0 {
				l.Total += n
				l.CPU[cpu] += n
				l.Class[scap.Category(class).String()] += n
			}
		}
	}
	return l, nil
}

// The events that tell of losses: how many calls there were before it, and behind it a notification, by which name, and of which classes.
const (
	dropEvent         scap.Type = 148
	notificationEvent scap.Type = 280
	dropsName                   = "drops"
)

// TellsLosses says whether the event tells of calls that a capture lost. A filter does not keep it from a file.
func TellsLosses(e *scap.Event) bool {
	return e.Type == dropEvent || e.Type == notificationEvent && string(e.Text(0)) == dropsName
}

// checkLosses looks for new losses; if there are any it makes an event that says so, with their number, and the one behind it.
func (s *Source) checkLosses(e *scap.Event) (bool, error) {
	l, err := s.kernel.losses()
	if err != nil {
		return false, err
	}
	before := s.lost.Swap(l)
	if before == nil || l.Total == before.Total {
		return false, nil
	}
	if s.cfg.Lost != nil {
		s.cfg.Lost(l)
	}
	n := l.Total - before.Total
	s.dropped = append(s.dropped[:0], byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	*e = scap.Event{Time: s.at, Type: dropEvent}
	s.second = s.notify(dropsName, l.classes(before))
	return e.Set([]byte{4, 0}, s.dropped), nil
}

// notify makes a notification the event that is delivered next.
func (s *Source) notify(id, text string) bool {
	x, h := &s.left.event, &s.left
	*x = scap.Event{Time: s.at, Type: notificationEvent}
	h.data = append(append(append(append(h.data[:0], id...), 0), text...), 0)
	h.lengths = append(h.lengths[:0], byte(len(id)+1), 0, byte(len(text)+1), byte((len(text)+1)>>8))
	return x.Set(h.lengths, h.data)
}

// Losses is what was lost until about a second ago, or until the end if the capture has ended.
func (s *Source) Losses() *Losses { return s.lost.Load() }
