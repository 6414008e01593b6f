package sys

import (
	"strconv"
	"sync/atomic"
	"time"
)

// zone is a stretch of time in which the local clock has one offset from UTC, so that showing a time of day costs a few
// divisions and no look at the tables of time zones.
type zone struct {
	from, to int64 // s since the epoch
	offset   int64 // s
}

var localZone atomic.Pointer[zone]

// offset is how far loc is ahead of UTC at sec.
func offset(sec int64, loc *time.Location) int64 {
	if loc == time.UTC {
		return 0
	}
	if z := localZone.Load(); z != nil && sec >= z.from && sec < z.to {
		return z.offset
	}
	t := time.Unix(sec, 0).In(loc)
	_, off := t.Zone()
	from, to := t.ZoneBounds()
	z := &zone{-1 << 62, 1 << 62, int64(off)}
	if !from.IsZero() {
		z.from = from.Unix()
	}
	if !to.IsZero() {
		z.to = to.Unix()
	}
	localZone.Store(z)
	return int64(off)
}

func append2(dst []byte, n int64) []byte { return append(dst, byte('0'+n/10%10), byte('0'+n%10)) }

// appendTimeOfDay appends HH:MM:SS.
func appendTimeOfDay(dst []byte, ns int64, loc *time.Location) []byte {
	sec := ns / 1e9
	sec += offset(sec, loc)
	sec = ((sec % 86400) + 86400) % 86400
	dst = append(append2(dst, sec/3600), ':')
	dst = append(append2(dst, sec/60%60), ':')
	return append2(dst, sec%60)
}

// appendNanos appends the nine decimals of a time.
func appendNanos(dst []byte, ns int64) []byte {
	n := ((ns % 1e9) + 1e9) % 1e9
	var buf [9]byte
	for i := 8; i >= 0; i-- {
		buf[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, buf[:]...)
}

// appendClock appends the local time of day, with nanoseconds if they are wanted.
func appendClock(dst []byte, ns int64, nanos bool) []byte {
	dst = appendTimeOfDay(dst, ns, time.Local)
	if nanos {
		dst = appendNanos(append(dst, '.'), ns)
	}
	return dst
}

// appendDate appends YYYY-MM-DD and sep.
func appendDate(dst []byte, ns int64, loc *time.Location, sep byte) []byte {
	dst = time.Unix(ns/1e9, 0).In(loc).AppendFormat(dst, "2006-01-02")
	return append(dst, sep)
}

// appendSeconds appends seconds with nine decimals.
func appendSeconds(dst []byte, ns int64) []byte {
	if ns < 0 {
		dst, ns = append(dst, '-'), -ns
	}
	dst = strconv.AppendInt(dst, ns/1e9, 10)
	return appendNanos(append(dst, '.'), ns)
}

// appendPair appends seconds and nanoseconds as two numbers, SECONDS.NANOSECONDS: one microsecond is 0.1000. So sysdig shows a time since
// the epoch, and only that.
func appendPair(dst []byte, ns int64) []byte {
	dst = append(strconv.AppendInt(dst, ns/1e9, 10), '.')
	return strconv.AppendInt(dst, ns%1e9, 10)
}

// appendHuman appends a duration in its largest unit: 55ns, 3.07us, 407us, 1.36ms, 80ms, 1.20s. Digits that are left
// out are not rounded.
func appendHuman(dst []byte, ns int64) []byte {
	for _, u := range [...]struct {
		size int64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}} {
		if ns >= u.size {
			dst = strconv.AppendInt(dst, ns/u.size, 10)
			if ns < 10*u.size {
				dst = append2(append(dst, '.'), ns*100/u.size%100)
			}
			return append(dst, u.name...)
		}
	}
	return append(strconv.AppendInt(dst, ns, 10), "ns"...)
}
