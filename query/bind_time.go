package query

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// timeRange reads a point in time, or a range a..b, as the first and the last ns it covers: of a date all of the day,
// of a time to the minute all of the minute.
func (b *binder) timeRange(s string) (lo, hi int64, ok bool) {
	if from, to, cut := strings.Cut(s, ".."); cut {
		lo, _, ok1 := b.instant(strings.TrimSpace(from))
		_, hi, ok2 := b.instant(strings.TrimSpace(to))
		return lo, hi, ok1 && ok2
	}
	return b.instant(s)
}

func (b *binder) instant(s string) (lo, hi int64, ok bool) {
	if s == "" || len(s) > 64 {
		return 0, 0, false
	}
	if lo, hi, ok = epoch(s); ok {
		return lo, hi, true
	}
	if t, last, ok := b.relative(s); ok {
		return clamp(t, last)
	}
	t, unit, ok := parseDate(s, b.o.Location)
	if !ok {
		return 0, 0, false
	}
	if unit == nsDay {
		return clamp(t, t.AddDate(0, 0, 1).Add(-1)) // a day need not have 24 hours
	}
	return clamp(t, t.Add(unit-1))
}

// Times that fit into ns since the epoch.
var minTime, maxTime = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

// clamp turns two times into ns since the epoch; not ok if the first does not fit.
func clamp(t, last time.Time) (lo, hi int64, ok bool) {
	if t.Before(minTime) || t.After(maxTime) {
		return 0, 0, false
	}
	if last.After(maxTime) {
		last = maxTime
	}
	return t.UnixNano(), last.UnixNano(), true
}

// epoch reads a plain number as time since the epoch: up to 11 digits are seconds, up to 14 ms, up to 17 us, else ns.
func epoch(s string) (lo, hi int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || len(s) < 9 || s[0] < '0' || s[0] > '9' {
		return 0, 0, false
	}
	size := int64(1)
	switch {
	case len(s) <= 11:
		size = nsSecond
	case len(s) <= 14:
		size = 1e6
	case len(s) <= 17:
		size = 1e3
	}
	if n > (math.MaxInt64-size)/size {
		return 0, 0, false
	}
	return n * size, n*size + size - 1, true
}

// parseDate reads a date with or without time of day and zone, and says how long the unit is to which it is given.
func parseDate(s string, loc *time.Location) (t time.Time, unit time.Duration, ok bool) {
	if len(s) < 8 || s[4] != '/' && s[4] != '-' {
		return t, 0, false
	}
	date, clock := s, ""
	if i := strings.IndexAny(s, "Tt "); i > 0 {
		date, clock = s[:i], strings.ToUpper(strings.TrimSpace(s[i+1:]))
	}
	date = strings.ReplaceAll(date, "/", "-")
	if clock == "" {
		t, err := time.ParseInLocation("2006-1-2", date, loc)
		return t, nsDay, err == nil
	}
	bare := clock
	if i := strings.IndexAny(clock, "Z+-"); i > 0 {
		bare = clock[:i]
	}
	layout, unit := "15:4", time.Minute
	if strings.Count(bare, ":") == 2 {
		layout, unit = "15:4:5", time.Second
		if _, frac, ok := strings.Cut(bare, "."); ok {
			for range min(len(frac), 9) {
				unit /= 10
			}
		}
	}
	if bare != clock {
		layout += "Z07:00"
	}
	t, err := time.ParseInLocation("2006-1-2 "+layout, date+" "+clock, loc)
	return t, max(unit, 1), err == nil
}

// relative reads a time that counts from now: [now] then any of +2d, -1h, @d in a row. It covers one second, or, if it
// ends with a snap, the unit it was snapped to.
func (b *binder) relative(s string) (t, last time.Time, ok bool) {
	t = time.Unix(0, b.o.Now).In(b.o.Location)
	rest, now := strings.CutPrefix(strings.ToLower(s), "now")
	if rest == "" {
		return t, t.Add(nsSecond - 1), now
	}
	last = t.Add(nsSecond - 1)
	for rest != "" {
		sign := rest[0]
		n := 1
		for n < len(rest) && rest[n] != '+' && rest[n] != '-' && rest[n] != '@' {
			n++
		}
		step := rest[1:n]
		rest = rest[n:]
		switch sign {
		case '+', '-':
			if t, ok = move(t, step, sign == '-'); !ok {
				return t, last, false
			}
			last = t.Add(nsSecond - 1)
		case '@':
			if t, last, ok = snap(t, step); !ok {
				return t, last, false
			}
		default:
			return t, last, false
		}
	}
	return t, last, true
}

// timeUnits maps the spellings of a unit of relative times to one of them.
var timeUnits = map[string]string{
	"s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "d": "d", "day": "d", "days": "d", "w": "w", "week": "w", "weeks": "w",
	"mon": "mon", "month": "mon", "months": "mon", "q": "q", "qtr": "q", "quarter": "q", "quarters": "q",
	"y": "y", "yr": "y", "yrs": "y", "year": "y", "years": "y",
}

// move adds or takes away a number of units; days and longer ones follow the calendar.
func move(t time.Time, step string, back bool) (time.Time, bool) {
	digits := len(step) - len(strings.TrimLeft(step, "0123456789"))
	n := 1
	if digits > 0 {
		var err error
		if n, err = strconv.Atoi(step[:digits]); err != nil || n > 1e9 {
			return t, false
		}
	}
	if back {
		n = -n
	}
	switch timeUnits[step[digits:]] {
	case "s":
		return t.Add(time.Duration(n) * time.Second), true
	case "m":
		return t.Add(time.Duration(n%1e8) * time.Minute), n%1e8 == n
	case "h":
		return t.Add(time.Duration(n%1e6) * time.Hour), n%1e6 == n
	case "d":
		return t.AddDate(0, 0, n), true
	case "w":
		return t.AddDate(0, 0, 7*n), true
	case "mon":
		return t.AddDate(0, n, 0), true
	case "q":
		return t.AddDate(0, 3*n, 0), true
	case "y":
		return t.AddDate(n, 0, 0), true
	}
	return t, false
}

// snap goes back to the beginning of a unit: @d is midnight, @w Sunday's, @w1 Monday's. It gives also the unit's last ns.
func snap(t time.Time, step string) (first, last time.Time, ok bool) {
	y, mo, d := t.Date()
	loc := t.Location()
	day := func(months, days int) time.Time { return time.Date(y, mo+time.Month(months), d+days, 0, 0, 0, 0, loc) }
	back, isWeekday := 0, len(step) == 2 && step[0] == 'w' && step[1] >= '0' && step[1] <= '7'
	if isWeekday {
		back, step = int(step[1]-'0')%7, "w"
	}
	switch timeUnits[step] {
	case "s":
		first = t.Truncate(time.Second)
		return first, first.Add(time.Second - 1), true
	case "m":
		first = t.Add(-time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
		return first, first.Add(time.Minute - 1), true
	case "h":
		first = t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
		return first, first.Add(time.Hour - 1), true
	case "d":
		return day(0, 0), day(0, 1).Add(-1), true
	case "w":
		n := (int(t.Weekday()) - back + 7) % 7
		return day(0, -n), day(0, 7-n).Add(-1), true
	case "mon":
		return day(0, 1-d), day(1, 1-d).Add(-1), true
	case "q":
		n := int(mo-1) % 3
		return day(-n, 1-d), day(3-n, 1-d).Add(-1), true
	case "y":
		n := int(mo - 1)
		return day(-n, 1-d), day(12-n, 1-d).Add(-1), true
	}
	return t, t, false
}
