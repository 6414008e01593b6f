package app

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The collector lets the heap grow by gcPercent of what lives before it begins, and further while it works: how far is
// luck. A soft limit makes it begin earlier where the peak would be; it stands back where more lives than the limit was
// made for, since a collector that never ends is worse than a large heap.
const (
	heapBase     = 320 << 20 // bytes that the limit starts at, whatever the Go runtime holds included
	heapHeadroom = 1.25      // of what lives, which the limit always leaves
	heapEvery    = 250 * time.Millisecond
)

// boundHeap sets how often memory is collected, and keeps the soft limit above what lives until ctx ends. An operator's
// own GOMEMLIMIT is left as it is.
func boundHeap(ctx context.Context) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	debug.SetMemoryLimit(heapBase)
	defer debug.SetMemoryLimit(math.MaxInt64)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for tick := time.NewTicker(heapEvery); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			metrics.Read(live)
			debug.SetMemoryLimit(heapLimit(live[0].Value.Uint64()))
		}
	}
}

// heapLimit is the soft limit, in bytes, where live bytes live.
func heapLimit(live uint64) int64 {
	return max(heapBase, int64(float64(live)*heapHeadroom))
}
