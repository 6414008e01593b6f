package pcapio

import (
	"math"
	"math/bits"
)

// clock turns the 64-bit time stamps of one pcapng interface into ns since the epoch. Nothing overflows: what lies
// outside of the range of an int64 (the years 1677 to 2262) becomes the end of the range.
type clock struct {
	mul    uint64 // ns per tick; 0: see div and shift
	div    uint64 // ticks per ns; 0: see shift
	shift  uint   // ticks are 2^-shift seconds
	offset int64  // s, added
}

// newClock reads if_tsresol (negative powers of 10, or of 2 if the top bit is set) and if_tsoffset (seconds).
func newClock(resolution byte, offset int64) clock {
	c := clock{offset: offset}
	n := uint(resolution & 0x7f)
	switch {
	case resolution&0x80 != 0:
		c.shift = n
	case n <= 9:
		c.mul = pow10(9 - n)
	case n-9 <= 19:
		c.div = pow10(n - 9)
	default: // so fine that 2^64 ticks are less than a ns
		c.shift = 127
	}
	return c
}

func pow10(n uint) uint64 {
	v := uint64(1)
	for ; n > 0; n-- {
		v *= 10
	}
	return v
}

// nanos converts a time stamp.
func (c *clock) nanos(ticks uint64) int64 {
	var hi, lo uint64
	switch {
	case c.mul != 0:
		hi, lo = bits.Mul64(ticks, c.mul)
	case c.div != 0:
		lo = ticks / c.div
	default:
		hi, lo = bits.Mul64(ticks, 1_000_000_000)
		hi, lo = shiftRight(hi, lo, c.shift)
	}
	if c.offset == 0 {
		return clamp(hi, lo)
	}
	return c.shifted(hi, lo)
}

// shifted adds the offset to a 128-bit count of ns. Both may be far outside of the range and their sum inside.
func (c *clock) shifted(hi, lo uint64) int64 {
	if c.offset > 0 {
		h, l := bits.Mul64(uint64(c.offset), 1_000_000_000)
		l, carry := bits.Add64(lo, l, 0)
		return clamp(hi+h+carry, l)
	}
	h, l := bits.Mul64(-uint64(c.offset), 1_000_000_000)
	if hi > h || hi == h && lo >= l {
		l, borrow := bits.Sub64(lo, l, 0)
		return clamp(hi-h-borrow, l)
	}
	l, borrow := bits.Sub64(l, lo, 0)
	if h-hi-borrow > 0 || l > math.MaxInt64 {
		return math.MinInt64
	}
	return -int64(l)
}

// clamp makes an int64 of an unsigned 128-bit number.
func clamp(hi, lo uint64) int64 {
	if hi > 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo)
}

func shiftRight(hi, lo uint64, n uint) (uint64, uint64) {
	if n >= 64 {
		return 0, hi >> (n - 64)
	}
	return hi >> n, lo>>n | hi<<(64-n)
}
