package sys

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapir-project/tapir/query"
)

// Filter tests events. The zero Filter passes all.
type Filter struct {
	test    tester
	settled bool // see Settled
}

// tester says whether an event passes.
type tester func(e *Event) bool

// NewFilter compiles a filter, in package query's grammar with sysdig's meaning: a comparison with what an event lacks
// is false, != included; fd.ip, fd.port, fd.net and fd.proto mean either end, proc.aname and proc.apid any ancestor.
func NewFilter(text string) (*Filter, error) {
	c, err := query.Conditions(text)
	if err != nil || c == nil {
		return &Filter{}, err
	}
	t, err := bind(text, c)
	return &Filter{test: t, settled: settled(c)}, err
}

// Pass says whether e passes.
func (f *Filter) Pass(e *Event) bool { return f.test == nil || f.test(e) }

// bind makes a test of a condition.
func bind(text string, c *query.Condition) (tester, error) {
	switch c.Logic {
	case query.Always:
		return func(*Event) bool { return true }, nil
	case query.Single:
		t, err := bindTest(c)
		if err != nil {
			return nil, query.ErrorAt(text, c.Pos, err.Error())
		}
		return t, nil
	}
	kids := make([]tester, len(c.Kids))
	for i, k := range c.Kids {
		t, err := bind(text, k)
		if err != nil {
			return nil, err
		}
		kids[i] = t
	}
	switch {
	case c.Logic == query.Negation:
		x := kids[0]
		return func(e *Event) bool { return !x(e) }, nil
	case c.Logic == query.All && len(kids) == 2:
		a, b := kids[0], kids[1]
		return func(e *Event) bool { return a(e) && b(e) }, nil
	case c.Logic == query.All:
		return func(e *Event) bool {
			for _, k := range kids {
				if !k(e) {
					return false
				}
			}
			return true
		}, nil
	}
	return func(e *Event) bool {
		for _, k := range kids {
			if k(e) {
				return true
			}
		}
		return false
	}, nil
}

// bindTest makes a test of FIELD OP VALUE.
func bindTest(c *query.Condition) (tester, error) {
	f, err := Find(c.Field, nil)
	if err != nil {
		return nil, err
	}
	if c.Op == "exists" || c.Op == "!= EXISTS!" {
		return exists(f, c.Op == "exists")
	}
	if f.def.name == "evt.around" {
		return around(f, c)
	}
	negate, op := c.Op == "!=", c.Op
	if negate || op == "in" {
		op = "=="
	}
	switch f.Kind {
	case Text:
		return textTest(f, op, c.Values, negate)
	case Bytes:
		return bytesTest(f, op, c.Values, negate)
	case IP, Net:
		return addrTest(f, op, c.Values, negate)
	case Bool:
		return boolTest(f, op, c.Values, negate)
	case Float:
		return floatTest(f, op, c.Values, negate)
	}
	return numberTest(f, op, c.Values, negate)
}

func exists(f *Field, want bool) (tester, error) {
	switch f.def.name {
	case "fd.ip", "fd.port", "fd.net", "fd.proto":
		return nil, fmt.Errorf("%s means either end and knows =, != and in only; ask %s exists", f.Name, strings.Replace(f.Name, "fd.", "fd.s", 1))
	}
	if f.def.text == nil {
		return func(e *Event) bool { _, ok := f.def.num(f, e); return ok == want }, nil
	}
	if f.def.filter || f.def.each != nil && f.index < 0 && f.def.arg == mayArgument {
		return func(e *Event) bool {
			found := false
			f.def.each(f, e, func(int64, []byte) bool { found = true; return false })
			return found == want
		}, nil
	}
	return func(e *Event) bool { _, ok := f.Append(e.s.scratch(), e); return ok == want }, nil
}

// several says whether the field stands for several values at a time.
func (f *Field) several() bool { return f.def.each != nil && f.index < 0 }

// around passes events at most so many ms from a point in time: evt.around[NS]=MS.
func around(f *Field, c *query.Condition) (tester, error) {
	at, err := strconv.ParseInt(f.arg, 10, 64)
	ms, err2 := strconv.ParseInt(c.Values[0], 10, 64)
	if err != nil || err2 != nil || c.Op != "==" || ms < 0 {
		return nil, fmt.Errorf("%s: write evt.around[NANOSECONDS]=MILLISECONDS", c.Field)
	}
	return func(e *Event) bool { return e.Time >= at-ms*1e6 && e.Time <= at+ms*1e6 }, nil
}

// textTest compares text.
func textTest(f *Field, op string, values []string, negate bool) (tester, error) {
	if f.def.name == "evt.type" || f.def.name == "syscall.type" {
		for _, v := range values {
			if op == "==" && !isEventName(v) {
				return nil, fmt.Errorf("unknown event type %s (tapir sys -L lists them)", v)
			}
		}
	}
	match, err := textMatcher(op, values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	if f.several() {
		var found, any bool // of the event at hand
		try := func(_ int64, b []byte) bool {
			found, any = match(b) != (negate && f.def.some), true
			return !found
		}
		return func(e *Event) bool {
			found, any = false, false
			f.def.each(f, e, try)
			return any && found != (negate && !f.def.some)
		}, nil
	}
	if str := f.def.str; str != nil && op == "==" {
		first, rest := values[0], values[1:]
		return func(e *Event) bool {
			s, ok := str(e)
			return ok && (s == first || slices.Contains(rest, s)) != negate
		}, nil
	}
	return func(e *Event) bool {
		b, ok := f.def.text(f, e, e.s.scratch())
		return ok && match(b) != negate
	}, nil
}

// textMatcher is the test of an operator against any of the values.
func textMatcher(op string, values []string) (func(b []byte) bool, error) {
	if len(values) == 1 {
		return oneText(op, values[0])
	}
	if op == "==" {
		set := make(map[string]bool, len(values))
		for _, v := range values {
			set[v] = true
		}
		return func(b []byte) bool { return set[string(b)] }, nil
	}
	var all []func([]byte) bool
	for _, v := range values {
		m, err := oneText(op, v)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return func(b []byte) bool {
		for _, m := range all {
			if m(b) {
				return true
			}
		}
		return false
	}, nil
}

func oneText(op, v string) (func(b []byte) bool, error) {
	switch op {
	case "==":
		return func(b []byte) bool { return string(b) == v }, nil
	case "contains":
		w := []byte(v)
		return func(b []byte) bool { return bytes.Contains(b, w) }, nil
	case "icontains":
		w := bytes.ToLower([]byte(v))
		return func(b []byte) bool { return bytes.Contains(bytes.ToLower(b), w) }, nil
	case "startswith":
		return func(b []byte) bool { return len(b) >= len(v) && string(b[:len(v)]) == v }, nil
	case "endswith":
		return func(b []byte) bool { return len(b) >= len(v) && string(b[len(b)-len(v):]) == v }, nil
	case "glob":
		if _, err := path.Match(v, ""); err != nil {
			return nil, fmt.Errorf("%q is no pattern: %w", v, err)
		}
		return func(b []byte) bool { return globMatch(v, b) }, nil
	case "matches":
		re, err := regexp.Compile(`\A(?:` + v + `)\z`)
		if err != nil {
			return nil, fmt.Errorf("%q is no regular expression: %w", v, err)
		}
		return re.Match, nil
	case "pmatch":
		dir := strings.TrimRight(v, "/")
		return func(b []byte) bool {
			return len(b) >= len(dir) && string(b[:len(dir)]) == dir && (len(b) == len(dir) || b[len(dir)] == '/')
		}, nil
	}
	compare, ok := orders[op]
	if !ok {
		return nil, fmt.Errorf("%s is no comparison of text", op)
	}
	w := []byte(v)
	return func(b []byte) bool { return compare(bytes.Compare(b, w)) }, nil
}

// orders are the comparisons of text by its bytes: what they hold for of the result of bytes.Compare.
var orders = map[string]func(c int) bool{"<": func(c int) bool { return c < 0 }, "<=": func(c int) bool { return c <= 0 },
	">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 }}

// globMatch says whether all of b fits a shell pattern, in which * crosses slashes.
func globMatch(pattern string, b []byte) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(b) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				p++
				star, from = p, i
				continue
			}
			if n, ok := globOne(pattern[p:], b[i]); ok {
				p += n
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, i = star, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globOne compares one byte with what the pattern begins with, whose length it returns.
func globOne(pattern string, c byte) (n int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	case '[':
		end := strings.IndexByte(pattern[min(2, len(pattern)):], ']')
		if end < 0 {
			break
		}
		end += 2
		set, not := pattern[1:end], false
		if set[0] == '!' || set[0] == '^' {
			set, not = set[1:], true
		}
		in := false
		for i := 0; i < len(set); i++ {
			if i+2 < len(set) && set[i+1] == '-' {
				in = in || set[i] <= c && c <= set[i+2]
				i += 2
				continue
			}
			in = in || set[i] == c
		}
		return end + 1, in != not
	}
	return 1, pattern[0] == c
}

// bytesTest compares data, as it was captured.
func bytesTest(f *Field, op string, values []string, negate bool) (tester, error) {
	switch op {
	case "==", "contains", "startswith", "endswith":
	default:
		return nil, fmt.Errorf("%s holds bytes and knows =, !=, contains, startswith and endswith; not %s", f.Name, op)
	}
	match, err := textMatcher(op, values)
	if err != nil {
		return nil, err
	}
	get := func(e *Event) []byte { return e.Data() }
	if f.def.name != "evt.buffer" {
		get = func(e *Event) []byte {
			if i := f.place(e); i >= 0 {
				return e.Param(i)
			}
			return nil
		}
	}
	return func(e *Event) bool {
		b := get(e)
		return b != nil && match(b) != negate
	}, nil
}

func boolTest(f *Field, op string, values []string, negate bool) (tester, error) {
	if op != "==" || len(values) != 1 {
		return nil, fmt.Errorf("%s is true or false; it knows = and != only", f.Name)
	}
	want := int64(0)
	switch strings.ToLower(values[0]) {
	case "true", "1":
		want = 1
	case "false", "0":
	default:
		return nil, fmt.Errorf("%s is true or false, not %s", f.Name, values[0])
	}
	return func(e *Event) bool {
		n, ok := f.def.num(f, e)
		return ok && (n == want) != negate
	}, nil
}

// addrTest compares addresses with addresses and networks.
func addrTest(f *Field, op string, values []string, negate bool) (tester, error) {
	if op != "==" {
		return nil, fmt.Errorf("%s is an address and knows =, != and in only; not %s", f.Name, op)
	}
	var nets []netip.Prefix
	for _, v := range values {
		p, err := netip.ParsePrefix(v)
		if err != nil && f.Kind == IP {
			var a netip.Addr
			if a, err = netip.ParseAddr(v); err == nil {
				p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
			}
		}
		if err != nil && f.Kind == Net {
			return nil, fmt.Errorf("%s is compared with networks such as 10.0.0.0/8, not with %s", f.Name, v)
		}
		if err != nil {
			return nil, fmt.Errorf("%s is no address", v)
		}
		nets = append(nets, p.Masked())
	}
	var found, any bool // of the event at hand
	try := func(_ int64, b []byte) bool {
		a, _ := netip.AddrFromSlice(b)
		a, any = a.Unmap(), true
		for _, p := range nets {
			found = found || p.Contains(a)
		}
		return !found
	}
	return func(e *Event) bool {
		found, any = false, false
		f.def.each(f, e, try)
		return any && found != negate
	}, nil
}

// numberTest compares numbers, times, durations and ports.
func numberTest(f *Field, op string, values []string, negate bool) (tester, error) {
	nums := make([]int64, len(values))
	for i, v := range values {
		n, err := parseNumber(f, v)
		if err != nil {
			return nil, err
		}
		nums[i] = n
	}
	first := nums[0]
	var match func(n int64) bool
	less := func(a, b int64) bool { return a < b }
	if f.Kind == Uint || f.Kind == HexUint {
		less = func(a, b int64) bool { return uint64(a) < uint64(b) }
	}
	switch op {
	case "==":
		match = func(n int64) bool { return n == first }
		if len(nums) > 1 {
			match = func(n int64) bool {
				for _, x := range nums {
					if x == n {
						return true
					}
				}
				return false
			}
		}
	case "<":
		match = func(n int64) bool { return less(n, first) }
	case "<=":
		match = func(n int64) bool { return !less(first, n) }
	case ">":
		match = func(n int64) bool { return less(first, n) }
	case ">=":
		match = func(n int64) bool { return !less(n, first) }
	default:
		return nil, fmt.Errorf("%s is a number and cannot be asked whether it %s something", f.Name, op)
	}
	if f.several() {
		var found, any bool // of the event at hand; they stand here so that testing one allocates nothing
		try := func(n int64, _ []byte) bool {
			found, any = match(n) != (negate && f.def.some), true
			return !found
		}
		return func(e *Event) bool {
			found, any = false, false
			f.def.each(f, e, try)
			return any && found != (negate && !f.def.some)
		}, nil
	}
	num := f.def.num
	return func(e *Event) bool {
		n, ok := num(f, e)
		return ok && match(n) != negate
	}, nil
}

// numberUnits are the suffixes of numbers that count.
var numberUnits = map[string]float64{"": 1, "k": 1e3, "K": 1e3, "m": 1e6, "M": 1e6, "g": 1e9, "G": 1e9, "KB": 1e3, "kB": 1e3, "MB": 1e6, "GB": 1e9,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "B": 1}

// parseNumber reads a value: a number, also hexadecimal or with a unit; a port also by its service's name.
func parseNumber(f *Field, v string) (int64, error) {
	if n, err := strconv.ParseInt(v, 0, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(v, 0, 64); err == nil {
		return int64(n), nil
	}
	if f.Kind == Port {
		if p, ok := query.ServicePort(v); ok {
			return int64(p), nil
		}
		return 0, fmt.Errorf("%s is no port and no service's name", v)
	}
	if f.Kind == Duration || f.Kind == Time {
		if d, err := time.ParseDuration(v); err == nil {
			return int64(d), nil
		}
	}
	i := 0
	for i < len(v) && strings.IndexByte("+-.0123456789", v[i]) >= 0 {
		i++
	}
	x, err := strconv.ParseFloat(v[:i], 64)
	unit, ok := numberUnits[v[i:]]
	if err != nil || !ok || math.Abs(x*unit) > 1<<62 {
		return 0, fmt.Errorf("%s is not a valid number for %s", v, f.Name)
	}
	return int64(x * unit), nil
}

func floatTest(f *Field, op string, values []string, negate bool) (tester, error) {
	x, err := strconv.ParseFloat(values[0], 64)
	if err != nil || len(values) != 1 {
		return nil, fmt.Errorf("%s is not a valid number for %s", strings.Join(values, ", "), f.Name)
	}
	return func(e *Event) bool {
		n, ok := f.def.num(f, e)
		v := math.Float64frombits(uint64(n))
		if !ok {
			return false
		}
		switch op {
		case "<":
			return v < x
		case "<=":
			return v <= x
		case ">":
			return v > x
		case ">=":
			return v >= x
		}
		return (v == x) != negate
	}, nil
}
