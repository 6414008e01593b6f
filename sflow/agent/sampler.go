package agent

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
)

// Sampler draws events with probability 1/N, each independently of all others: the number of events up to the next one
// drawn has the geometric distribution, so that an event that is not drawn costs an addition. The zero Sampler draws
// none. It may be used by any number of goroutines.
type Sampler struct {
	rate atomic.Uint32
	skip atomic.Int64 // events up to the next that is drawn, it included
}

// Rate is N, 0 if nothing is drawn.
func (s *Sampler) Rate() uint32 { return s.rate.Load() }

// SetRate makes N what it says, 0 to draw nothing.
func (s *Sampler) SetRate(n uint32) {
	if s.rate.Swap(n) != n && n > 0 {
		s.skip.Store(gap(n))
	}
}

// Take says whether the next event is drawn.
func (s *Sampler) Take() bool {
	n := s.rate.Load()
	if n == 0 || s.skip.Add(-1) > 0 {
		return false
	}
	// Events that others count meanwhile are subtracted already, so nothing is lost by adding.
	s.skip.Add(gap(n))
	return true
}

// gap draws the number of events up to the next one that is drawn, that one included: its mean is n.
func gap(n uint32) int64 {
	if n <= 1 {
		return 1
	}
	u := 1 - rand.Float64() // (0, 1]
	return 1 + int64(math.Log(u)/math.Log1p(-1/float64(n)))
}
