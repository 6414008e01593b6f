package heap

import (
	"context"
	"math"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimitLeavesHeadroom(t *testing.T) {
	for live, want := range map[uint64]int64{0: base, 200 << 20: base, 256 << 20: base, 400 << 20: 500 << 20, 8 << 30: 10 << 30} {
		if got := limit(live); got != want {
			t.Errorf("%d MiB live: limit %d MiB, want %d", live>>20, got>>20, want>>20)
		}
	}
}

func TestBoundLastsAsLongAsItsContext(t *testing.T) {
	for _, own := range []int64{math.MaxInt64, 1 << 40} {
		synctest.Test(t, func(t *testing.T) {
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(own))
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { Bound(ctx); close(done) }()
			time.Sleep(3 * every)
			want := int64(base)
			if own != math.MaxInt64 {
				want = own
			}
			if got := debug.SetMemoryLimit(-1); got != want {
				t.Errorf("limit %d while running, want %d", got, want)
			}
			stop()
			<-done
			if got := debug.SetMemoryLimit(-1); got != own {
				t.Errorf("limit %d afterwards, want %d", got, own)
			}
		})
	}
}
