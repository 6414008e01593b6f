package mirror

import (
	"testing"
	"time"
)

const ns = time.Nanosecond

// fill gives a probe all turns it asks for; cost is asked for each.
func fill(t *testing.T, p *probe, cost func(w way, turn int) time.Duration) {
	t.Helper()
	for turn := 0; !p.decided(); turn++ {
		if turn > 100 {
			t.Fatalf("%q is not decided after %d turns", p.ways, turn)
		}
		p.took(cost(p.now(), turn))
	}
}

// The way with the lowest median is taken if it wins clearly over the one in use, single turns that others disturbed or
// favoured change nothing, and one that cannot be attached is never taken.
func TestProbeDecides(t *testing.T) {
	for _, c := range []struct {
		tc, xdp     time.Duration
		disturbed   int           // every so many turns
		by          time.Duration // change of their cost
		first, then way           // decision, and the next one after that with costs swapped
	}{
		{tc: 300, xdp: 200, first: waySKB, then: wayTC},
		{tc: 300, xdp: 294, first: wayTC, then: wayTC},
		{tc: 200, xdp: 300, first: wayTC, then: waySKB},
		{tc: 300, xdp: 280, disturbed: 3, by: 5000, first: waySKB, then: wayTC},
		{tc: 300, xdp: 280, disturbed: 3, by: -250, first: waySKB, then: wayTC},
		{tc: 300, xdp: impossible, first: wayTC, then: wayTC},
	} {
		p := newProbe("", wayTC, waySKB)
		if p.String() != "" || p.now() != wayTC {
			t.Fatalf("%+v: at first %q, %s", c, p.now(), p)
		}
		cost := func(w way, turn int) time.Duration {
			d := map[way]time.Duration{wayTC: c.tc, waySKB: c.xdp}[w]
			if c.disturbed > 0 && turn%c.disturbed == 0 {
				d += c.by
			}
			return d
		}
		fill(t, p, cost)
		if p.now() != c.first {
			t.Errorf("%+v: %q (%s)", c, p.now(), p)
		}
		found := p.String()
		if p.begin(); p.now() != c.first || p.String() != found {
			t.Errorf("%+v: when it begins anew: %q (%s)", c, p.now(), p)
		}
		if c.xdp != impossible {
			c.tc, c.xdp = c.xdp, c.tc
		}
		if fill(t, p, cost); p.now() != c.then {
			t.Errorf("%+v: then %q (%s)", c, p.now(), p)
		}
	}
}

// A decision stands for so many reviews, unless the traffic changes by much and matters.
func TestProbeReview(t *testing.T) {
	steady := load{100_000, 500}
	for _, c := range []struct {
		now  load
		want bool
	}{
		{load{150_000, 700}, false},
		{load{201_000, 500}, true},
		{load{49_000, 500}, true},
		{load{100_000, 1400}, true},
		{load{100_000, 64}, true},
		{load{9_000, 64}, false},
	} {
		p := newProbe("", wayTC, waySKB)
		if p.review(steady) || p.review(c.now) {
			t.Error("probed anew before it is decided")
		}
		fill(t, p, func(way, int) time.Duration { return 100 * ns })
		for range 2 {
			if p.review(steady) {
				t.Errorf("%+v: probed anew without a change", steady)
			}
		}
		if p.review(c.now) != c.want {
			t.Errorf("%+v after %+v: %v", c.now, steady, !c.want)
		}
	}
	p := newProbe("", wayTC, waySKB)
	for range 2 {
		fill(t, p, func(way, int) time.Duration { return 100 * ns })
		for n := range reviewLast + 1 {
			if again := p.review(steady); again != (n == reviewLast) {
				t.Errorf("review %d: %v", n+1, again)
			}
		}
		p.begin()
	}
	driver := newProbe("", wayTC, wayDriver)
	fill(t, driver, func(way, int) time.Duration { return 100 * ns })
	if driver.review(steady) || driver.review(load{1e6, 64}) {
		t.Error("a driver is probed twice")
	}
}
