package query

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// integer binds a value of an integer, date, duration, number of bytes or truth value.
func (b *binder) integer(f *record.Field, a *ask, v *value) (item, *Error) {
	var lo, hi int64
	var ok bool
	text := strings.TrimSpace(v.text)
	switch {
	case v.kind == regexValue:
	case f.Type == record.TypeTime:
		lo, hi, ok = b.timeRange(text)
	default:
		lo, hi, ok = intRange(f, text)
	}
	if !ok {
		return item{}, notNumber(f, a, v)
	}
	if lo > hi {
		return item{}, errAt(v.at, "the range %s runs backwards", quote(v.text)).expect("the lower end first")
	}
	if a.op == opEq {
		return one(IntRange{lo, hi}), nil
	}
	if a.list != single {
		return item{}, errAt(a.opAt, "%s takes one value", a.op)
	}
	if lo != hi && (f.Type != record.TypeTime || strings.Contains(text, "..")) {
		return item{}, errAt(v.at, "%s takes one value, not a range", a.op)
	}
	return compareInt(a, v, lo) // a date compares by its first instant
}

func compareInt(a *ask, v *value, n int64) (item, *Error) {
	r := IntRange{math.MinInt64, math.MaxInt64}
	switch a.op {
	case opLt:
		r.Hi = n - 1
	case opLe:
		r.Hi = n
	case opGt:
		r.Lo = n + 1
	case opGe:
		r.Lo = n
	}
	if a.op == opLt && n == math.MinInt64 || a.op == opGt && n == math.MaxInt64 {
		return item{}, errAt(v.at, "no value is %s %s", a.op, v.text)
	}
	return one(r), nil
}

// notNumber is the error about a value that does not fit its field's type.
func notNumber(f *record.Field, a *ask, v *value) *Error {
	return errAt(v.at, "%s holds %s, not %s", a.name.text, typeWords[f.Type], quote(v.text)).expect(valueWords(f)...)
}

// valueWords say what values of a field look like; nothing for text.
func valueWords(f *record.Field) []string {
	switch f.Type {
	case record.TypeTerm, record.TypeText:
		return nil
	case record.TypeIP:
		return ipExpected
	case record.TypeTime:
		return []string{"2026/11/21 01:00:00", "2026-11-21T01:00:00Z", "now-1h", "-7d@d"}
	case record.TypeDuration:
		return []string{"a number with ns, us, ms, s, m, h or d"}
	case record.TypeBytes:
		return []string{"a number", "a number with B, KB, MB, GB, KiB, MiB or GiB"}
	case record.TypeBool:
		return []string{"true", "false"}
	}
	switch {
	case isPortField(f):
		return []string{"0-65535", "a range such as 8080-8090", "a service's name"}
	case f.Also != nil:
		return []string{"a number", "a range such as 1-9", "a name such as " + anExample(f)}
	}
	return []string{"a number", "a range such as 400-499"}
}

// anExample is one of the names a field's numbers have.
func anExample(f *record.Field) string {
	best := ""
	for k := range f.Also {
		if best == "" || k < best {
			best = k
		}
	}
	return best
}

// isPortField says whether services' names can stand for the field's numbers.
func isPortField(f *record.Field) bool {
	return f.Type == record.TypeInt && (strings.HasSuffix(f.Name, "port") || strings.HasSuffix(f.Name, "ports") ||
		strings.HasSuffix(f.Name, "Port") && f.Name != "radius.nasPort")
}

// intRange reads a number or a range a-b or a..b of a field's type. The range may run backwards.
func intRange(f *record.Field, s string) (lo, hi int64, ok bool) {
	if n, ok := intValue(f, s); ok {
		return n, n, true
	}
	from, to, ok := cutRange(s)
	if !ok {
		return 0, 0, false
	}
	lo, ok1 := intValue(f, from)
	hi, ok2 := intValue(f, to)
	return lo, hi, ok1 && ok2
}

// cutRange splits a-b and a..b; a minus sign before a number and in an exponent splits nothing.
func cutRange(s string) (lo, hi string, ok bool) {
	if lo, hi, ok = strings.Cut(s, ".."); ok {
		return strings.TrimSpace(lo), strings.TrimSpace(hi), true
	}
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '-' && s[i-1] != 'e' && s[i-1] != 'E' {
			return strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+1:]), true
		}
	}
	return "", "", false
}

// intValue reads one number of a field's type.
func intValue(f *record.Field, s string) (int64, bool) {
	switch f.Type {
	case record.TypeBool:
		return boolValue(s)
	case record.TypeDuration:
		return quantity(s, durationUnits)
	case record.TypeBytes:
		return quantity(s, byteUnits)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		n, err := strconv.ParseInt(s[2:], 16, 64)
		return n, err == nil && s[2] != '+' && s[2] != '-'
	}
	if name, ok := f.Also[strings.ToLower(s)]; ok {
		n, err := strconv.ParseInt(name, 10, 64)
		return n, err == nil
	}
	if isPortField(f) {
		return servicePort(s)
	}
	return 0, false
}

func boolValue(s string) (int64, bool) {
	switch strings.ToLower(s) {
	case "true", "1", "yes":
		return 1, true
	case "false", "0", "no":
		return 0, true
	}
	return 0, false
}

// unit is a unit and its size, in ns or bytes.
type unit struct {
	name string // in lower case
	size int64
}

const (
	nsSecond = 1_000_000_000
	nsDay    = 24 * 3600 * nsSecond
)

var durationUnits = []unit{{"", 1}, {"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", nsSecond}, {"m", 60 * nsSecond}, {"h", 3600 * nsSecond},
	{"d", nsDay}, {"w", 7 * nsDay}}

var byteUnits = []unit{{"", 1}, {"b", 1}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"t", 1e12}}

// quantity reads a number with a unit, or several as in 1h30m. A fraction is rounded to the nearest whole.
func quantity(s string, units []unit) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	rest, neg := strings.CutPrefix(s, "-")
	if rest == "" || len(rest) > 64 {
		return 0, false
	}
	total := new(big.Rat)
	for rest != "" {
		n := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		num := rest[:n]
		rest = strings.TrimLeft(rest[n:], " ")
		n = len(rest) - len(strings.TrimLeft(foldText(rest, record.FoldLower), "abcdefghijklmnopqrstuvwxyzµ"))
		size, ok := unitSize(foldText(rest[:n], record.FoldLower), units)
		last := n == 0 // a number without unit can only be the last
		rest = strings.TrimLeft(rest[n:], " ")
		r, isNum := new(big.Rat).SetString(num)
		if !ok || !isNum || last && rest != "" {
			return 0, false
		}
		total.Add(total, r.Mul(r, new(big.Rat).SetInt64(size)))
	}
	if neg {
		total.Neg(total)
	}
	return round(total)
}

func unitSize(name string, units []unit) (int64, bool) {
	for _, u := range units {
		if u.name == name {
			return u.size, true
		}
	}
	return 0, false
}

// round is r to the nearest integer, halves away from zero.
func round(r *big.Rat) (int64, bool) {
	twice := new(big.Int).Mul(r.Num(), big.NewInt(2))
	half := new(big.Int).Set(r.Denom())
	if r.Sign() < 0 {
		half.Neg(half)
	}
	n := twice.Add(twice, half).Quo(twice, new(big.Int).Mul(r.Denom(), big.NewInt(2)))
	return n.Int64(), n.IsInt64()
}

// floatItem binds a value of a floating point field.
func floatItem(f *record.Field, a *ask, v *value) (item, *Error) {
	text := strings.TrimSpace(v.text)
	lo, ok := floatValue(text)
	hi := lo
	if from, to, cut := cutRange(text); !ok && cut {
		var ok1, ok2 bool
		lo, ok1 = floatValue(from)
		hi, ok2 = floatValue(to)
		ok = ok1 && ok2
	}
	if !ok || v.kind == regexValue {
		return item{}, notNumber(f, a, v)
	}
	if a.op == opEq {
		if lo > hi {
			return item{}, errAt(v.at, "the range %s runs backwards", quote(v.text)).expect("the lower end first")
		}
		return one(FloatRange{Lo: lo, Hi: hi}), nil
	}
	if lo != hi || a.list != single {
		return item{}, errAt(v.at, "%s takes one value", a.op)
	}
	r := FloatRange{Lo: math.Inf(-1), Hi: math.Inf(1)}
	switch a.op {
	case opLt, opLe:
		r.Hi, r.OpenHi = lo, a.op == opLt
	case opGt, opGe:
		r.Lo, r.OpenLo = lo, a.op == opGt
	}
	return one(r), nil
}

// floatValue reads a decimal number.
func floatValue(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}
