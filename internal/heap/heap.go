// Package heap bounds the memory of a process that records.
//
// The collector lets the heap double what lives before it begins, and grow further while it works: how far is luck. A soft
// limit makes it begin earlier where the peak would be; it stands back where more lives than the limit was made for, since
// a collector that never ends is worse than a large heap.
package heap

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	base     = 320 << 20 // bytes that the limit starts at, whatever the Go runtime holds included
	headroom = 1.25      // of what lives, which the limit always leaves
	every    = 250 * time.Millisecond
)

// Bound keeps the runtime's soft memory limit above what lives until ctx ends, and takes it away then. An operator's own
// GOMEMLIMIT is left as it is.
func Bound(ctx context.Context) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	debug.SetMemoryLimit(base)
	defer debug.SetMemoryLimit(math.MaxInt64)
	tick := time.NewTicker(every)
	defer tick.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			metrics.Read(live)
			debug.SetMemoryLimit(limit(live[0].Value.Uint64()))
		}
	}
}

// limit is the soft limit, in bytes, where live bytes live.
func limit(live uint64) int64 {
	return max(base, int64(float64(live)*headroom))
}
