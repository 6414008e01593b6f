package syscalls

import (
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
func (l *Losses) String() string {
	classes := slices.Sorted(maps.Keys(l.Class))
	slices.SortStableFunc(classes, func(a, b string) int { return int(l.Class[b]) - int(l.Class[a]) })
	for i, c := range classes {
		classes[i] = fmt.Sprintf("%s %d", c, l.Class[c])
	}
	return fmt.Sprintf("%d calls lost: %s", l.Total, strings.Join(classes, ", "))
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

// dropEvent tells in the stream of events how many were lost before it.
const dropEvent scap.Type = 148

// checkLosses looks for new losses; if there are any it makes an event that says so, with their number.
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
	return e.Set([]byte{4, 0}, s.dropped), nil
}

// Losses is what was lost until about a second ago, or until the end if the capture has ended.
func (s *Source) Losses() *Losses { return s.lost.Load() }
