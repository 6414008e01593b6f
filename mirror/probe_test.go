package mirror

import (
	"testing"
	"time"
)

// The way whose best turn was the fastest is taken, XDP only if it wins clearly, and never one that cannot be attached.
func TestProbeDecides(t *testing.T) {
	for _, c := range []struct {
		turns []time.Duration
		want  way
	}{
		{[]time.Duration{300, 200, 310, 900, 320, 500}, waySKB},
		{[]time.Duration{300, 290, 310, 900, 320, 500}, wayTC},
		{[]time.Duration{900, 400, 300, 390, 320, 500}, wayTC},
		{[]time.Duration{300, impossible, 310, 320}, wayTC},
	} {
		p := newProbe("", wayTC, waySKB)
		for i, cost := range c.turns {
			if p.decided() || p.String() != "" {
				t.Fatalf("%v: decided after %d turns", c.turns, i)
			}
			p.took(cost)
		}
		if !p.decided() || p.now() != c.want {
			t.Errorf("%v: %q, want %q (%s)", c.turns, p.now(), c.want, p)
		}
	}
}
