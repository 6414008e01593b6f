package api

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
)

// maxTimeText bounds the text of a point in time.
const maxTimeText = 64

// ParseTime reads a point in time as expressions do: RFC 3339, a date with or without time of day (UTC), digits since
// the epoch (seconds, ms, us or ns, by how many there are), or relative to now (now, -15m, now-7d@d); and besides: digits
// with ns behind them, which is what the API's own numbers stand for whatever their length, and Go's durations (-1h30m).
// It returns ns since the epoch.
func ParseTime(s string, now time.Time) (int64, error) {
	s = strings.TrimSpace(s)
	if digits, ok := strings.CutSuffix(s, "ns"); ok {
		if t, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return t, nil
		}
	}
	if t, ok := moment(s, now); ok {
		return t, nil
	}
	if t, ok := ago(s, now); ok {
		return t, nil
	}
	if len(s) > maxTimeText {
		s = s[:maxTimeText] + "..."
	}
	return 0, fmt.Errorf("%q is no time: use RFC 3339, a span before now (-15m, now-7d@d), or digits since the epoch", s)
}

// moment reads what a date is compared with in an expression, by the expression's own parser, so that from=X and
// event.start >= X are the same.
func moment(s string, now time.Time) (int64, bool) {
	if len(s) > maxTimeText || strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:+-@/. ") != "" || strings.Contains(s, "..") {
		return 0, false
	}
	q, err := query.Parse(`event.start >= "`+s+`"`, query.Options{Kind: record.KindSession, Now: now.UnixNano()})
	if err != nil {
		return 0, false
	}
	t, ok := q.Where.(*query.Test)
	if !ok || len(t.Match) != 1 {
		return 0, false
	}
	r, ok := t.Match[0].(query.IntRange)
	return r.Lo, ok
}

// ago reads a span of Go's units, with or without now before it.
func ago(s string, now time.Time) (int64, bool) {
	s = strings.TrimPrefix(s, "now")
	if !strings.HasPrefix(s, "-") && !strings.HasPrefix(s, "+") {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, false
	}
	t := now.UnixNano() + int64(d)
	return t, (t > now.UnixNano()) == (d > 0) || d == 0 // else it does not fit
}

// parseSpan reads a length of time greater than 0: Go's units, and d and w for days and weeks. It returns ns.
func parseSpan(s string) (int64, bool) {
	unit := 0.0
	switch {
	case strings.HasSuffix(s, "d"):
		unit = 86400e9
	case strings.HasSuffix(s, "w"):
		unit = 7 * 86400e9
	default:
		d, err := time.ParseDuration(s)
		return int64(d), err == nil && d > 0
	}
	n, err := strconv.ParseFloat(s[:len(s)-1], 64)
	ns := n * unit
	return int64(min(ns, math.MaxInt64/2)), err == nil && ns >= 1 && ns < math.MaxInt64/2
}
